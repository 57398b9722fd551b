// Package exceed says what a node makes of a container, and compares two of them: whether a debugger is more than its
// target (Exceeds), and whether the kernel lets it look into its target (CanSee).
//
// It is the second opinion on package profiles, which decides what a debug container gets: it is written from the sources
// of the kubelet, the runtimes and the kernel, shares no code with profiles and may not import it.
//
// The rules are those of Linux nodes, of kubelet 1.36 (pkg/kubelet/kuberuntime/security_context.go and
// pkg/securitycontext in k8s.io/kubernetes), of containerd 2.4 (internal/cri/server and internal/cri/opts) with runc, and
// of CRI-O where it differs (server/container_create.go in cri-o/cri-o). A Windows pod has no such process.
//
// The package is pure: a function of its arguments, with no client, clock or network.
package exceed
