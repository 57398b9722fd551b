// Package attach runs a command in a container of a pod, or connects to the process that the container was started with,
// and carries the streams, as `kubectl exec` and `kubectl attach` do: over websockets (https://kep.k8s.io/4006), else over
// SPDY where the server or a proxy on the way cannot.
//
// It knows pods, containers and streams only. It does not choose a container, add one or retry, and it neither prints
// nor touches the terminal.
package attach
