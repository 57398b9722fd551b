// Package fault holds the ways in which mindebug fails, as types that carry facts: which pod, which container, what the
// server said. The words that a user reads and the exit status are made from them in one place, internal/cli/errors.go;
// the Error methods here are for logs and tests.
package fault

import (
	"fmt"
	"syscall"
	"time"
)

// Pod names a pod.
type Pod struct{ Namespace, Name string }

func (p Pod) String() string { return fmt.Sprintf("pod/%s in namespace %q", p.Name, p.Namespace) }

// Usage says that the command line is wrong.
type Usage struct {
	Reason string
	// Hint is the line that would be right, where it can be told.
	Hint string
}

func (e *Usage) Error() string { return e.Reason }

// Configuration says that the kubeconfig cannot be used.
type Configuration struct{ Cause error }

func (e *Configuration) Error() string { return fmt.Sprintf("reading kubeconfig: %v", e.Cause) }

// Unwrap returns the cause.
func (e *Configuration) Unwrap() error { return e.Cause }

// Unreachable says that the API server gave no answer.
type Unreachable struct {
	Server string
	Cause  error
	// Added is the debug container that was added before that, or empty.
	Added string
}

func (e *Unreachable) Error() string { return fmt.Sprintf("asking %s: %v", e.Server, e.Cause) }

// Unwrap returns the cause.
func (e *Unreachable) Unwrap() error { return e.Cause }

// NoPod says that there is no such pod. Near are the names of the namespace that are alike, as far as they
// could be listed.
type NoPod struct {
	Pod  Pod
	Near []string
	// Workloads are objects of other kinds that have the name: "deployment/web".
	Workloads []string
	// Unlisted is true where the user may not list names.
	Unlisted bool
	// Verbs are verbs of the program that are like the name, where it stood alone.
	Verbs []string
	// Server is the server's own answer.
	Server error
}

func (e *NoPod) Error() string { return fmt.Sprintf("no %s", e.Pod) }

// Unwrap returns the server's answer.
func (e *NoPod) Unwrap() error { return e.Server }

// NoOwner says that there is no such object of a kind that has pods. Near are the names of that kind that are alike, as far
// as they could be listed.
type NoOwner struct {
	// Kind is a target.Kind's name: "deployment".
	Namespace, Kind, Name string
	Near                  []string
	// Unlisted is true where the user may not list names.
	Unlisted bool
	// Server is the server's own answer.
	Server error
}

func (e *NoOwner) Error() string {
	return fmt.Sprintf("no %s/%s in namespace %q", e.Kind, e.Name, e.Namespace)
}

// Unwrap returns the server's answer.
func (e *NoOwner) Unwrap() error { return e.Server }

// NoSelector says that an object names no labels by which its pods are known, as a Service may.
type NoSelector struct{ Namespace, Target string }

func (e *NoSelector) Error() string {
	return fmt.Sprintf("%s in namespace %q has no selector", e.Target, e.Namespace)
}

// NoneRuns says that none of the pods that are meant has a process to join.
type NoneRuns struct {
	// Target is what was asked for: "deployment/web", "-l app=web". Selector is how its pods are known, where it is known.
	Namespace, Target, Selector string
	// Detail explains it from the target itself: "it is scaled to 0".
	Detail string
	// Pods are those that there are.
	Pods []PodState
}

func (e *NoneRuns) Error() string {
	return fmt.Sprintf("%s in namespace %q has no running pod", e.Target, e.Namespace)
}

// NothingToCheck says that there is no pod in a namespace, or in all where it is empty, that has the labels of a selector.
type NothingToCheck struct {
	Namespace, Selector string
	// NoNamespace is true where there is no such namespace. Unread is the server's refusal to tell that, or nil.
	NoNamespace bool
	Unread      error
}

func (e *NothingToCheck) Error() string {
	return fmt.Sprintf("no pod in namespace %q with labels %q", e.Namespace, e.Selector)
}

// NonePicked says that none of the pods is as the user wants it to be.
type NonePicked struct {
	Namespace, Target string
	// Pick is a target.Pick: "not-ready".
	Pick string
	Pods []PodState
}

func (e *NonePicked) Error() string {
	return fmt.Sprintf("no pod of %s in namespace %q is %s", e.Target, e.Namespace, e.Pick)
}

// PodState is a pod that could be meant, and how it is.
type PodState struct {
	Name  string
	Ready bool
	// Restarts are those of all its containers.
	Restarts int32
	// State is "running", the state of the first container that does not run, or why none will: "on no node yet".
	State string
}

// Describe says what is known of the pod in one line.
func (s PodState) Describe() string {
	text := fmt.Sprintf("pod/%s (%s", s.Name, s.State)
	if !s.Ready && s.State == "running" {
		text += ", not ready"
	}
	return text + s.restarts() + ")"
}

// Ailment says what is wrong with the pod in a few words, or "": "not ready: web-9k, 4 restarts".
func (s PodState) Ailment() string {
	switch {
	case !s.Ready:
		return "not ready: " + s.Name + s.restarts()
	case s.Restarts > 0:
		return s.Name + s.restarts()
	}
	return ""
}

func (s PodState) restarts() string {
	switch s.Restarts {
	case 0:
		return ""
	case 1:
		return ", 1 restart"
	}
	return fmt.Sprintf(", %d restarts", s.Restarts)
}

// NoContainer says that a pod has no container of that name. Near are those whose names are alike.
type NoContainer struct {
	Pod        Pod
	Name       string
	Containers []Candidate
	Near       []string
}

func (e *NoContainer) Error() string { return fmt.Sprintf("no container %q in %s", e.Name, e.Pod) }

// ManyContainers says that the pod has more than one container and nothing tells which one is meant.
type ManyContainers struct {
	Pod        Pod
	Containers []Candidate
}

func (e *ManyContainers) Error() string {
	return fmt.Sprintf("%s has %d containers", e.Pod, len(e.Containers))
}

// Candidate is a container that could be the target.
type Candidate struct {
	Name, Image string
	// Kind is "container", "sidecar" or "init".
	Kind string
	// State is "running", "waiting: REASON", or "terminated: REASON".
	State    string
	Restarts int32
}

// Describe says what is known of the candidate in one line.
func (c Candidate) Describe() string {
	text := fmt.Sprintf("%s (%s, %s, %s", c.Name, c.Kind, c.Image, c.State)
	if c.Restarts > 0 {
		text += fmt.Sprintf(", %d restarts", c.Restarts)
	}
	return text + ")"
}

// NotRunning says that the target container has no running process to join.
type NotRunning struct {
	Pod       Pod
	Container string
	// State is the container's state now: "waiting: CrashLoopBackOff".
	State string
	// Message is the kubelet's own word about it, if any.
	Message string
	// LastExit is how it ended the last time, if it ran before.
	LastExit *Exit
	Restarts int32
	// NextStart is about when the kubelet starts it again, zero where that is not told.
	NextStart time.Time
	// Added is the debug container that was added before this was known, or empty.
	Added string
}

// Exit is how a container ended.
type Exit struct {
	Code    int32
	Reason  string
	Message string
	At      time.Time
}

func (e *NotRunning) Error() string {
	return fmt.Sprintf("container %q of %s is not running: %s", e.Container, e.Pod, e.State)
}

// NoPlace says that nothing could ever be started in the pod: it is finished, not scheduled yet, or a mirror pod.
type NoPlace struct {
	Pod    Pod
	Reason Place
	// Detail is the pod's phase, or the scheduler's message.
	Detail string
	// Exit is how the target container ended, where it did.
	Exit *Exit
	// Added is the debug container that was added before this was known, or empty.
	Added string
}

// Place is why a pod can take no container.
type Place string

// The reasons of NoPlace.
const (
	Finished    Place = "finished"
	Unscheduled Place = "unscheduled"
	Mirror      Place = "mirror"
	Terminating Place = "terminating"
)

func (e *NoPlace) Error() string { return fmt.Sprintf("%s: %s", e.Pod, e.Reason) }

// Forbidden says that the user may not make a call. Call is in RBAC's words: "patch pods/ephemeralcontainers".
type Forbidden struct {
	Namespace, Call string
	// User and Groups are whom the server takes the user for, where it tells.
	User   string
	Groups []string
	// Server is the server's own answer.
	Server error
}

func (e *Forbidden) Error() string { return fmt.Sprintf("%s: %v", e.Call, e.Server) }

// Unwrap returns the server's answer.
func (e *Forbidden) Unwrap() error { return e.Server }

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

// TargetGone says that the target container, as it was when its facts were read, has no process any more.
type TargetGone struct {
	Pod       Pod
	Container string
}

func (e *TargetGone) Error() string {
	return fmt.Sprintf("container %q of %s has no process", e.Container, e.Pod)
}

// Apart says that the debug container does not share the target's process namespace.
type Apart struct {
	Pod       Pod
	Container string
}

func (e *Apart) Error() string {
	return fmt.Sprintf("the debug container of %s does not share the process namespace of %q", e.Pod, e.Container)
}

// NotEntered says that a session container runs, and no session could be begun in it.
type NotEntered struct {
	Pod Pod
	// Container is the session container.
	Container string
	Cause     error
}

func (e *NotEntered) Error() string {
	return fmt.Sprintf("entering container %q of %s: %v", e.Container, e.Pod, e.Cause)
}

// Unwrap returns the cause.
func (e *NotEntered) Unwrap() error { return e.Cause }

// Lost says that the connection of a session ended after its command had begun and before its exit status came.
type Lost struct {
	Pod Pod
	// Container is the session container.
	Container string
	Cause     error
	// Server is why the API server gave no answer afterwards, nil where it did. Unchanged is true where it showed the pod
	// and its target as they were.
	Server    error
	Unchanged bool
}

func (e *Lost) Error() string { return fmt.Sprintf("session in %s: %v", e.Pod, e.Cause) }

// Unwrap returns the cause.
func (e *Lost) Unwrap() error { return e.Cause }

// Ended says that a session whose command had begun was ended by what happened around it.
type Ended struct {
	Pod Pod
	// Target is the target container, Container the session container.
	Target, Container string
	By                Ender
	// Exit is how the target ended, nil where it did not or where that is not told.
	Exit *Exit
	// Detail is the word of who ended it: of the eviction, of the session container.
	Detail string
}

// Ender is what ends a session.
type Ender string

// The enders of Ended. Unknown is whoever killed it while its pod is as it was.
const (
	TargetRestarted Ender = "target restarted"
	TargetEnded     Ender = "target ended"
	PodDeleted      Ender = "pod deleted"
	PodEvicted      Ender = "pod evicted"
	PodReplaced     Ender = "pod replaced"
	ContainerEnded  Ender = "session container ended"
	Unknown         Ender = "unknown"
)

func (e *Ended) Error() string { return fmt.Sprintf("session in %s: %s", e.Pod, e.By) }

// LoggedOut says that the API server stopped knowing the user while a container was waited for.
type LoggedOut struct {
	// Added is the debug container that was added before that.
	Added string
	// Server is the server's own answer.
	Server error
}

func (e *LoggedOut) Error() string {
	return fmt.Sprintf("waiting for container %q: %v", e.Added, e.Server)
}

// Unwrap returns the server's answer.
func (e *LoggedOut) Unwrap() error { return e.Server }

// Interrupted says that a signal ended the program before the command began.
type Interrupted struct{ Signal syscall.Signal }

func (e *Interrupted) Error() string { return e.Signal.String() }

// InUse says that somebody is in a session container that was to be ended.
type InUse struct {
	Pod Pod
	// Container is the session container.
	Container string
	// By says of each session which it is, since when, and what for.
	By []string
}

func (e *InUse) Error() string {
	return fmt.Sprintf("container %q of %s is in use", e.Container, e.Pod)
}

// NoSession says that a pod has no such session container, or that it has several and none was named.
type NoSession struct {
	Pod Pod
	// Name is what was asked for, empty where it was nothing.
	Name string
	// Running are the session containers that run, each with what is known of it.
	Running []SessionContainer
}

// SessionContainer names a session container and says in a line what is known of it.
type SessionContainer struct{ Name, About string }

func (e *NoSession) Error() string {
	return fmt.Sprintf("no session container %q among %d that run in %s", e.Name, len(e.Running), e.Pod)
}

// NotEnded says that a session container that was told to end did not in time.
type NotEnded struct {
	Pod       Pod
	Container string
	Waited    time.Duration
}

func (e *NotEnded) Error() string {
	return fmt.Sprintf("container %q of %s did not end within %s", e.Container, e.Pod, e.Waited)
}
