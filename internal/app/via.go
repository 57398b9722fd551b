package app

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/session"
)

// enterCall is the call that enters the session container.
func (r SessionRequest) enterCall() access.Call {
	if r.Attach {
		return access.Attach
	}
	return access.Exec
}

// lease is how long what runs in the session outlives its client, or one that leaves it; on a terminal that is attached to,
// how long no key may be typed, since nothing tells such a session that its client is gone.
func (r SessionRequest) lease() time.Duration {
	if r.Detach || r.Attach && r.TTY {
		return r.TTL
	}
	return r.Grace
}

// offerAttach says of a refusal to exec whether the user may attach.
func (s *sessionRun) offerAttach(ctx context.Context, err error) error {
	if err == nil || s.request.Attach || s.readyOnly {
		return err
	}
	var notEntered *fault.NotEntered
	var forbidden *fault.Forbidden
	refused := errors.As(err, &notEntered) && apierrors.IsForbidden(notEntered.Cause)
	if !refused && (!errors.As(err, &forbidden) || forbidden.Call != access.Exec.String()) {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	for _, call := range []access.Call{access.Attach, access.AddContainer} {
		if may, unknown := s.cluster.MayI(ctx, s.facts.Namespace, s.facts.Pod, call); unknown != nil || !may {
			return err
		}
	}
	if refused {
		_ = errors.As(preflight.Forbidden(ctx, s.cluster, s.facts.Namespace, access.Exec, notEntered.Cause), &forbidden)
	}
	forbidden.MayAttach = true
	return forbidden
}

// sayAttached says, before all else, who may read what is typed and printed.
func (s *sessionRun) sayAttached(in session.Found) {
	if !s.request.Attach {
		return
	}
	typed := "what is printed here"
	if s.request.TTY {
		typed = "what is typed and printed here"
	}
	s.notices.Say("%s is in the log of container %s, for all who may read logs in namespace %s", typed, in.Name, s.facts.Namespace)
	if s.request.TTY {
		s.notices.Say("this session ends after %s without a key (--ttl)", duration.HumanDuration(s.request.TTL))
	}
}
