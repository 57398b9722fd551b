package session

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// State is what a session container is doing.
type State string

// The states of a session container.
const (
	Starting State = "starting"
	Failing  State = "failing" // the kubelet tries, and it will not start soon
	Running  State = "running"
	Ended    State = "ended"
)

// Listed is a session container as its pod tells of it. What its environment says is a client's word, and nobody's evidence.
type Listed struct {
	// Name is the session container's, Target that of the container that it was made for.
	Name, Target, Image            string
	User, Reason, Version, Profile string
	// UID and GID are as whom it runs; nil where its specification does not say.
	UID, GID *int64
	// TTL is 0 where the container is its one session's own, which Attached says.
	TTL      time.Duration
	Attached bool
	State    State
	// Started and Ended are zero where the status does not tell. Why is why it ended, or does not start.
	Started, Ended time.Time
	Why            string
	// Shell is the container's shell, and Prelude what that runs first; empty where it is as in any session container.
	Shell, Prelude string
}

// List returns the session containers of a pod. They are told by the command that is their own process; the name may be any.
func List(pod *corev1.Pod) (all []Listed) {
	for i := range pod.Spec.EphemeralContainers {
		c := &pod.Spec.EphemeralContainers[i]
		ttl, holds := timeToLive(c)
		attaches := isAttached(c)
		if !attaches && (!holds || c.Command[2] != literal(hold)) {
			continue
		}
		l := Listed{
			Name: c.Name, Target: c.TargetContainerName, Image: c.Image, TTL: ttl, Attached: attaches, State: Starting,
			User: variable(c, varUser), Reason: variable(c, varReason), Version: variable(c, varVersion), Profile: variable(c, varProfile),
		}
		if sc := c.SecurityContext; sc != nil {
			l.UID, l.GID = sc.RunAsUser, sc.RunAsGroup
		}
		l.observe(status(pod, c.Name))
		all = append(all, l)
	}
	return all
}

// Held is a container of the pod's own that waits for sessions as a session container does, by the command that is its own
// process; false where that is another one.
func Held(pod *corev1.Pod, name string) (Listed, bool) {
	c, status := target.Find(pod, name)
	if c == nil || len(c.Command) < 5 || c.Command[1] != "-c" || c.Command[3] != "mindebug-hold" {
		return Listed{}, false
	}
	prelude, holds := strings.CutSuffix(c.Command[2], literal(hold))
	if !holds {
		return Listed{}, false
	}
	l := Listed{
		Name: name, Target: name, Image: c.Image, State: Starting, Shell: c.Command[0], Prelude: strings.ReplaceAll(prelude, "$$", "$"),
	}
	if sc := c.SecurityContext; sc != nil {
		l.UID, l.GID = sc.RunAsUser, sc.RunAsGroup
	}
	if status != nil && status.User != nil && status.User.Linux != nil {
		l.UID, l.GID = &status.User.Linux.UID, &status.User.Linux.GID
	}
	l.observe(status)
	return l, true
}

// isAttached reports whether a container is a session's own, to be attached to.
func isAttached(c *corev1.EphemeralContainer) bool {
	return len(c.Command) == 5 && c.Command[2] == literal(attached) && c.Command[3] == "mindebug-attach"
}

// observe takes in what the status says.
func (l *Listed) observe(s *corev1.ContainerStatus) {
	switch {
	case s == nil:
	case s.State.Running != nil:
		l.State, l.Started = Running, s.State.Running.StartedAt.Time
	case s.State.Terminated != nil:
		end := s.State.Terminated
		l.State, l.Started, l.Ended = Ended, end.StartedAt.Time, end.FinishedAt.Time
		// The holder says why; who never started or was killed has the kubelet's word only.
		if l.Why = strings.TrimSpace(strings.TrimPrefix(end.Message, "mindebug: ")); l.Why == "" {
			l.Why = end.Reason
		}
	case s.State.Waiting != nil:
		if l.Why = s.State.Waiting.Reason; hopeless[l.Why] {
			l.State = Failing
		}
	}
}
