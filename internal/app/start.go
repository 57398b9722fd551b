package app

import (
	"context"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// Started is a session container that is ready to be entered.
type Started struct {
	// Namespace, Pod and Container are the target's; Session is the session container's name.
	Namespace, Pod, Container, Session string
	// Reused is true where it ran already.
	Reused bool
	Plan   profiles.Plan
	// TTL is how long it stays without use.
	TTL time.Duration
}

// Start goes the way of a session up to where its command would begin, and returns what a session would be in. Nothing is
// run; that it looked does not count as a use of the container.
func Start(ctx context.Context, cluster Cluster, execer session.Execer, images Images, streams Streams, r SessionRequest) (Started, error) {
	s := &sessionRun{cluster: cluster, execer: execer, images: images, streams: streams, request: r, readyOnly: true}
	if _, err := s.open(ctx); err != nil {
		return Started{}, err
	}
	return Started{
		Namespace: s.facts.Namespace, Pod: s.facts.Pod, Container: s.facts.Container, Session: s.in.Name,
		Reused: s.in.Running, Plan: s.plan, TTL: s.in.TTL,
	}, nil
}
