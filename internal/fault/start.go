package fault

import (
	"fmt"
	"time"
)

// Refused says that the server does not take the debug container: admission (Pod Security, a policy, a webhook) or
// validation.
type Refused struct {
	Pod Pod
	// Container is the name that the debug container would have had.
	Container string
	// By is who refuses, and Name its name: Pod Security's level, a policy's, a webhook's. Empty where the server does not
	// tell.
	By   Refuser
	Name string
	// Violators are the containers of the pod, the debug container apart, that Pod Security objects to: it judges the pod
	// as a whole. AlsoOurs is true where it objects to the debug container.
	Violators []Violator
	AlsoOurs  bool
	// Asked are the words with which the user asked for more than the target has: "--profile=general". None is a mirror.
	Asked []string
	// Copy is true where Pod is a copy that was to be made, and Container is empty.
	Copy bool
	// Server is the server's own answer.
	Server error
}

// Refuser is a kind of admission.
type Refuser string

// Those that refuse.
const (
	PodSecurity   Refuser = "Pod Security"
	Policy        Refuser = "ValidatingAdmissionPolicy"
	Webhook       Refuser = "webhook"
	SilentWebhook Refuser = "silent webhook"
)

// Violator is a container that was in the pod before.
type Violator struct {
	Name string
	// Ephemeral is true for a debug container, false for one of the pod's own.
	Ephemeral bool
}

func (e *Refused) Error() string { return fmt.Sprintf("adding a container to %s: %v", e.Pod, e.Server) }

// Unwrap returns the server's answer.
func (e *Refused) Unwrap() error { return e.Server }

// Altered says that the server would store something else than what was asked: fields that it does not know (an old
// server) or that a webhook changed.
type Altered struct {
	Pod Pod
	// Changes are to the security context, by field.
	Changes []Change
	// Copy is true where Pod is a copy that was to be made.
	Copy bool
}

// Change is a field by its JSON name, with the values that were asked and would be stored, "unset" where there is none.
type Change struct{ Field, Asked, Stored string }

func (c Change) String() string { return fmt.Sprintf("%s: %s becomes %s", c.Field, c.Asked, c.Stored) }

func (e *Altered) Error() string {
	return fmt.Sprintf("adding a container to %s: the server makes changes: %v", e.Pod, e.Changes)
}

// NoEphemeral says that the API server knows no ephemeral containers: it is older than Kubernetes 1.25.
type NoEphemeral struct {
	Pod Pod
	// Node is the one that the pod is on.
	Node   string
	Server error
}

func (e *NoEphemeral) Error() string {
	return fmt.Sprintf("adding a container to %s: %v", e.Pod, e.Server)
}

// Unwrap returns the server's answer.
func (e *NoEphemeral) Unwrap() error { return e.Server }

// Replaced says that the pod was deleted, or its name taken by another pod, after it was read.
type Replaced struct {
	Pod    Pod
	Server error
}

func (e *Replaced) Error() string { return fmt.Sprintf("%s was replaced", e.Pod) }

// Unwrap returns the server's answer.
func (e *Replaced) Unwrap() error { return e.Server }

// NoIdentity says that it is not known whom the target runs as.
type NoIdentity struct {
	Pod       Pod
	Container string
	// Missing is "uid", "gid" or "uid and gid".
	Missing string
	// Image is why the image does not tell it, Process why the target's process does not; nil where it was not asked.
	Image, Process error
	// Added is the container that was added to look at the process, or empty.
	Added string
}

func (e *NoIdentity) Error() string {
	return fmt.Sprintf("the %s of container %q of %s is not known", e.Missing, e.Container, e.Pod)
}

// Registry says that an image could not be read from its registry.
type Registry struct {
	Image  string
	Reason RegistryReason
	Cause  error
	// AsPod is set where the pod's pull secrets were tried, too.
	AsPod bool
}

// RegistryReason is why an image could not be read.
type RegistryReason string

// The reasons of Registry.
const (
	ImageNotFound       RegistryReason = "not found"
	ImageUnauthorized   RegistryReason = "unauthorized"
	ImageUnreadable     RegistryReason = "unreadable"
	RegistryUnreachable RegistryReason = "unreachable"
)

func (e *Registry) Error() string { return fmt.Sprintf("reading image %s: %v", e.Image, e.Cause) }

// Unwrap returns the cause.
func (e *Registry) Unwrap() error { return e.Cause }

// NotEffective says that capabilities were asked for a session whose uid could not use them.
type NotEffective struct {
	Pod       Pod
	Container string
	// Capabilities are named without "CAP_".
	Capabilities []string
	UID          int64
}

func (e *NotEffective) Error() string {
	return fmt.Sprintf("capabilities %v have no effect with uid %d, beside container %q of %s", e.Capabilities, e.UID, e.Container, e.Pod)
}

// Contradiction says that two things were asked for that exclude each other, in the words of a command line.
type Contradiction struct{ One, Other string }

func (e *Contradiction) Error() string { return fmt.Sprintf("%s excludes %s", e.One, e.Other) }

// Windows says that the pod runs on Windows.
type Windows struct{ Pod Pod }

func (e *Windows) Error() string { return fmt.Sprintf("%s runs on Windows", e.Pod) }

// NotStarted says that the debug container was added and did not start.
type NotStarted struct {
	Pod Pod
	// Container is the debug container, Image its image.
	Container, Image string
	// Reason and Message are the kubelet's: "ErrImagePull", "RunContainerError".
	Reason, Message string
	// Waited is set where it was given up after that time rather than known to fail.
	Waited time.Duration
	// NoShell is true where the image has no sh.
	NoShell bool
	// PullSecrets are the secrets that the node pulls the pod's images with.
	PullSecrets []string
}

func (e *NotStarted) Error() string {
	return fmt.Sprintf("container %q of %s did not start: %s: %s", e.Container, e.Pod, e.Reason, e.Message)
}
