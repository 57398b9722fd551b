package app

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/session"
)

// Detached is where a command was left running.
type Detached struct {
	// Pod is the target's, Session the session container's name.
	Pod, Session string
	// Status is the command's exit status, where it ended at once instead.
	Status int
}

// Detach starts a command as Session does, and leaves it running for the time to live of the request at most.
func Detach(ctx context.Context, cluster Cluster, execer session.Execer, images Images, streams Streams, r SessionRequest) (Detached, error) {
	r.Detach = true
	s := &sessionRun{cluster: cluster, execer: execer, images: images, streams: streams, request: r}
	status, err := s.open(ctx)
	return Detached{Pod: s.facts.Pod, Session: s.in.Name, Status: status}, err
}

// checkDetach refuses a command that would be left running for no time.
func (s *sessionRun) checkDetach() error {
	if !s.request.Detach || s.request.TTL > 0 {
		return nil
	}
	reason := "--detach with --ttl=0 leaves a command no time to run"
	if !s.request.TTLGiven {
		reason = "a session with more than its target's privileges has --ttl=0 by itself, which leaves what --detach starts no time to run"
	}
	return &fault.Usage{Reason: reason, Hint: "say how long it may run: --ttl=2h"}
}

// detached says of a command that was started to be left what became of it.
func (s *sessionRun) detached(in session.Found, status int, err error) (int, error) {
	var left *session.LeftError
	switch {
	case !s.request.Detach || err != nil && !errors.As(err, &left):
		return status, err
	case left == nil:
		s.notices.Say("the command has ended already, with exit status %d", status)
		return status, nil
	}
	s.notices.Say("session %s runs in container %s, for %s at the most (--ttl); its output goes nowhere, and its exit status will not be known",
		left.ID, in.Name, duration.HumanDuration(s.request.TTL.Round(time.Second)))
	where := "-n " + s.facts.Namespace + " pod/" + s.facts.Pod
	s.notices.Say("see whether it runs: kubectl mindebug sessions %s", where)
	s.notices.Say("end it: kubectl mindebug stop %s %s --force", where, in.Name)
	return 0, nil
}
