// Package triage takes a read-only look at a running container for what usually goes wrong. A topic is a file: when it
// applies, a script that runs beside the target and prints what is there (or Go over the same Runner), and a pure function
// that makes findings of that. The scripts of all topics run in one session.
//
// Nothing here sends a signal, writes, or speaks to a port of the target, but for the topics that say so by Touches (touch.go).
// All that is read is hostile: every length is bounded, and what stands between two blocks of output is not for the target to
// say.
package triage
