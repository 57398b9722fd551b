package app

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/session"
)

// addTries is how often a container is added on condition that its pod is as it was read. Each change of the status breaks
// that, too; after that one more than needed is better than none.
const addTries = 5

// add adds the container that is wanted and runs the session in it. Where others add one of the same plan at the same moment
// all enter the first; stored is what the server makes of it. Where reuse is false it is for this session alone.
func (s *sessionRun) add(ctx context.Context, pod *corev1.Pod, want, stored corev1.EphemeralContainer, reuse bool) (int, error) {
	for try := 1; ; try++ {
		onlyIf := reuse && try <= addTries
		var changed *corev1.Pod
		var err error
		if onlyIf {
			changed, err = s.cluster.AddIfUnchanged(ctx, pod, want)
		} else {
			changed, err = s.cluster.AddEphemeralContainer(ctx, pod, want, false)
		}
		switch {
		case err == nil:
			return s.begin(ctx, changed, want)
		case !onlyIf || !apierrors.IsConflict(err):
			return 0, s.blameRequest(preflight.Refusal(ctx, s.cluster, pod, want, err))
		}
		now, err := s.cluster.Pod(ctx, pod.Namespace, pod.Name)
		switch {
		case err != nil:
			return 0, err
		case now.UID != pod.UID:
			return 0, &fault.Replaced{Pod: fault.Pod{Namespace: pod.Namespace, Name: pod.Name}}
		}
		for _, c := range []corev1.EphemeralContainer{want, stored} {
			if status, entered, err := s.reenter(ctx, now, c); entered {
				return status, err
			}
		}
		pod = now
	}
}

// begin runs the session in the container that was just added to pod.
func (s *sessionRun) begin(ctx context.Context, pod *corev1.Pod, c corev1.EphemeralContainer) (int, error) {
	// Where it is not allowed, or fails, the trail is in the container and in the audit log.
	var record sync.WaitGroup
	record.Go(func() { _ = s.cluster.CreateEvent(ctx, session.Event(pod, c, time.Now())) })
	defer record.Wait()
	status, err := s.stream(ctx, session.Found{Name: c.Name, TTL: s.request.TTL}, pod)
	return status, s.blameTarget(ctx, pod, err)
}
