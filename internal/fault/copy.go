package fault

import (
	"fmt"
	"time"
)

// Claims says that a copy of a pod would write to volumes that the pod itself writes to.
type Claims struct {
	Pod Pod
	// Volumes are those, each with its claim: "data (claim data-web-0)".
	Volumes []string
}

func (e *Claims) Error() string {
	return fmt.Sprintf("a copy of %s would write to volumes %q", e.Pod, e.Volumes)
}

// CopyNotStarted says that the container of a copy that a session was to enter did not start. The copy is deleted again.
type CopyNotStarted struct {
	// Pod is the copy.
	Pod Pod
	// Container is the one that stands in the way, which may be another than the session's. Empty where it is the pod.
	Container string
	// Reason and Message are the scheduler's or the kubelet's, Exit how the container ended, if it did.
	Reason, Message string
	Exit            *Exit
	// Image is the container's, Installs true where it is the one that brings BusyBox.
	Image    string
	Installs bool
	// Waited is set where it was given up after that time rather than known to fail.
	Waited time.Duration
}

func (e *CopyNotStarted) Error() string {
	return fmt.Sprintf("%s did not start: container %q: %s: %s", e.Pod, e.Container, e.Reason, e.Message)
}

// CopyEnded says that a session was ended by the end of its copy.
type CopyEnded struct {
	// Pod is the copy.
	Pod Pod
	// Deadline is true where its time to live was over, Deleted where somebody deleted it.
	Deadline, Deleted bool
	// Exit is how the session's container ended, nil where that is not told.
	Exit *Exit
}

func (e *CopyEnded) Error() string { return fmt.Sprintf("%s ended", e.Pod) }

// CopyRemains says that a copy could not be deleted.
type CopyRemains struct {
	// Pod is the copy, Until when its containers end by themselves.
	Pod   Pod
	Until time.Time
	Cause error
	// Status is how the session ended before that, and Err why it failed, if it did.
	Status int
	Err    error
}

func (e *CopyRemains) Error() string { return fmt.Sprintf("deleting %s: %v", e.Pod, e.Cause) }

// Unwrap returns the cause.
func (e *CopyRemains) Unwrap() error { return e.Cause }

// NameTaken says that there is a pod of the name that a copy was to have.
type NameTaken struct {
	Pod Pod
	// CopyOf is the pod that the one that is there is a copy of, empty where it is none.
	CopyOf string
	Server error
}

func (e *NameTaken) Error() string { return fmt.Sprintf("there is %s already", e.Pod) }

// Unwrap returns the server's answer.
func (e *NameTaken) Unwrap() error { return e.Server }
