package fault

import (
	"fmt"
	"time"
)

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
	// Message is what the pod's status says of its end, as which limit it was evicted for.
	Message string
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
