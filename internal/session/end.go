package session

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Place is where a session was, as it was when it began.
type Place struct {
	Pod *corev1.Pod
	// Target is the target container, and TargetID its id; Container the session container.
	Target, TargetID, Container string
}

// toldWithin bounds how long the status of a pod takes to tell that a container of it ended: the kubelet looks at the
// runtime once a second (genericPlegRelistPeriod in pkg/kubelet/kubelet.go), and a busy one is late.
const toldWithin = 5 * time.Second

// WhyEnded looks for what ended a session: it returns nil where the pod and its target are as they were, and an error
// where the cluster does not tell. Where sure is set the session did not end by itself, and the status may be about to say
// why: then the wait for that is bounded by toldWithin, else the pod is read once.
func WhyEnded(ctx context.Context, cluster Cluster, at Place, sure bool) (*fault.Ended, error) {
	ctx, cancel := context.WithTimeout(ctx, toldWithin)
	defer cancel()
	now, err := cluster.Pod(ctx, at.Pod.Namespace, at.Pod.Name)
	if apierrors.IsNotFound(err) {
		now, err = &corev1.Pod{}, nil
	}
	if err != nil {
		return nil, err
	}
	why := at.judge(now)
	if !sure {
		return why, nil
	}
	changes := watchPod(ctx, cluster, now)
	for why == nil || why.By == fault.ContainerEnded && why.Detail == "" { // it may have died with its target
		change, ok := <-changes
		switch {
		case !ok:
			return why, nil
		case change.err != nil:
			return why, change.err
		}
		why = at.judge(change.pod)
	}
	return why, nil
}

// judge compares a pod with what it was. One without a uid is gone.
func (at Place) judge(now *corev1.Pod) *fault.Ended {
	e := &fault.Ended{
		Pod:    fault.Pod{Namespace: at.Pod.Namespace, Name: at.Pod.Name},
		Target: at.Target, Container: at.Container,
	}
	if now.UID == "" || now.UID != at.Pod.UID {
		e.By = fault.PodDeleted
		if now.UID != "" {
			e.By = fault.PodReplaced
		}
		return e
	}
	if word, evicted := eviction(now); evicted {
		e.By, e.Detail = fault.PodEvicted, word
		return e
	}
	if now.DeletionTimestamp != nil {
		e.By = fault.PodDeleted
		return e
	}
	if _, status := target.Find(now, at.Target); status != nil {
		if by, exit := fate(status, at.TargetID); by != "" {
			e.By, e.Exit = by, exit
			return e
		}
	}
	if s := status(now, at.Container); s != nil && s.State.Terminated != nil {
		e.By = fault.ContainerEnded
		if word := strings.TrimSpace(s.State.Terminated.Message); word != "" {
			e.Detail = "it says: " + word
		}
		return e
	}
	return nil
}

// eviction is the word of who evicts a pod: the eviction API or another that disrupts, or the kubelet.
func eviction(pod *corev1.Pod) (word string, evicted bool) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return c.Reason + ": " + c.Message, true
		}
	}
	if pod.Status.Phase == corev1.PodFailed && pod.Status.Reason == "Evicted" {
		return pod.Status.Reason + ": " + pod.Status.Message, true
	}
	return "", false
}

// fate is what became of the instance of a container with that id, and nothing where it runs.
func fate(status *corev1.ContainerStatus, id string) (fault.Ender, *fault.Exit) {
	was := func(t *corev1.ContainerStateTerminated) *fault.Exit {
		if t == nil || !strings.HasSuffix(t.ContainerID, "://"+id) {
			return nil
		}
		return &fault.Exit{Code: t.ExitCode, Reason: t.Reason, Message: t.Message, At: t.FinishedAt.Time}
	}
	last := was(status.State.Terminated)
	if last == nil {
		last = was(status.LastTerminationState.Terminated)
	}
	switch {
	case status.State.Running != nil && strings.HasSuffix(status.ContainerID, "://"+id):
		return "", nil
	case status.State.Running != nil:
		return fault.TargetRestarted, last
	}
	return fault.TargetEnded, last
}
