package fault

import (
	"fmt"
	"time"
)

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
	// Target is the target container where it is known, Container the session container.
	Target, Container string
	// Shell is true where what ran was a shell, and no command.
	Shell bool
	Cause error
	// Server is why the API server gave no answer afterwards, nil where it did. Unchanged is true where it showed the pod
	// and its target as they were.
	Server    error
	Unchanged bool
	// Ended is what a container that was attached to says of its end, where that came meanwhile.
	Ended string
	// Deleted is true where the pod was a copy, which was deleted then.
	Deleted bool
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
	// Grace is how long nothing was heard of the client, where that is why.
	Grace time.Duration
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
	LeaseEnded      Ender = "lease ended"
	Unknown         Ender = "unknown"
)

func (e *Ended) Error() string { return fmt.Sprintf("session in %s: %s", e.Pod, e.By) }

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
