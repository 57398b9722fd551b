// Package podcopy makes the copy of a pod in which the shell of a session runs inside the image of a container that does not
// stay up: what of the pod is kept, what is left out, and what stands in the container's place. It is a function of values
// and asks no cluster; docs/copy.md says what it does and why.
package podcopy
