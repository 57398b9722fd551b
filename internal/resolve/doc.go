// Package resolve turns words into one pod and one container of it: order, ambiguity, near names. Which container is
// meant is a function of the pod object alone, never of a cache, a registry or an earlier session.
package resolve
