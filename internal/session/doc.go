// Package session makes, finds and enters session containers.
//
// A session container is an ephemeral container whose process is a holder (holder.sh): it waits, and ends the container
// when it was not used for some time. Work happens in processes exec'ed beside it, each started by run.sh with a keeper
// (keep.sh) that holds its lease. The scripts stand in the container's environment, so that an exec request stays small;
// docs/session.md describes how the pieces work together.
package session
