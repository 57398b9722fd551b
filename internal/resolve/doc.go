// Package resolve turns words into pods, the one that is meant first, and into one container of a pod: order, ambiguity,
// near names. Which container is meant is a function of the pod object alone, never of a cache, a registry or an earlier session.
package resolve
