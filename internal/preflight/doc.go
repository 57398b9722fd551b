// Package preflight finds out what would stop a debug container before it is written into a pod, where it would stay for
// ever. Fatal is only what the server's own dry run or access review refuses, or a state in which nothing could start.
package preflight
