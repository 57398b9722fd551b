// Package attach runs a command in a container of a pod and carries its streams, as `kubectl exec` does: over websockets
// (https://kep.k8s.io/4006), else over SPDY where the server or a proxy on the way cannot.
//
// It knows pods, containers and streams only. It does not choose a container, add one or retry, and it neither prints
// nor touches the terminal.
package attach
