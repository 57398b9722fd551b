package preflight

import (
	"regexp"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// State returns an error where nothing could ever be started in the pod, or where the container named has no process to
// join. It judges by the container's state, never by the pod's phase alone: a running init container of a Pending pod can
// be joined.
func State(pod *corev1.Pod, container string) error {
	_, status := target.Find(pod, container)
	name := fault.Pod{Namespace: pod.Namespace, Name: pod.Name}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return &fault.NoPlace{Pod: name, Reason: fault.Mirror, Detail: pod.Spec.NodeName}
	}
	switch {
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		return &fault.NoPlace{Pod: name, Reason: fault.Finished, Detail: phase(pod), Message: pod.Status.Message, Exit: lastExit(status)}
	case pod.Spec.NodeName == "":
		return &fault.NoPlace{Pod: name, Reason: fault.Unscheduled, Detail: unscheduled(pod)}
	case pod.DeletionTimestamp != nil:
		return &fault.NoPlace{Pod: name, Reason: fault.Terminating}
	case status != nil && status.State.Running != nil:
		return nil
	}
	return notRunning(name, container, status)
}

// phase says how a finished pod ended.
func phase(pod *corev1.Pod) string {
	if pod.Status.Reason != "" {
		return string(pod.Status.Phase) + ", " + pod.Status.Reason
	}
	return string(pod.Status.Phase)
}

// unscheduled is the scheduler's own word.
func unscheduled(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Message
		}
	}
	return ""
}

func notRunning(pod fault.Pod, container string, status *corev1.ContainerStatus) error {
	e := &fault.NotRunning{Pod: pod, Container: container, State: "waiting"}
	if status == nil {
		return e
	}
	e.Restarts = status.RestartCount
	e.LastExit = lastExit(status)
	switch {
	case status.State.Terminated != nil:
		e.State = "terminated"
	case status.State.Waiting != nil:
		if status.State.Waiting.Reason != "" {
			e.State = "waiting: " + status.State.Waiting.Reason
		}
		e.Message = status.State.Waiting.Message
		e.NextStart = nextStart(e.Message, e.LastExit)
	}
	return e
}

// backOff is in the kubelet's message for CrashLoopBackOff (1.25 to 1.36, doBackOff in pkg/kubelet/kuberuntime):
// "back-off 5m0s restarting failed container=app pod=web_shop(…)".
var backOff = regexp.MustCompile(`^back-off (\S+) restarting failed container=`)

// nextStart is when the kubelet would start a container again: the back-off counts from its last end.
func nextStart(message string, last *fault.Exit) time.Time {
	match := backOff.FindStringSubmatch(message)
	if match == nil || last == nil || last.At.IsZero() {
		return time.Time{}
	}
	d, err := time.ParseDuration(match[1])
	if err != nil {
		return time.Time{}
	}
	return last.At.Add(d)
}

// lastExit is how the container ended, now or the last time; nil where it did not.
func lastExit(status *corev1.ContainerStatus) *fault.Exit {
	if status == nil {
		return nil
	}
	last := status.State.Terminated
	if last == nil {
		last = status.LastTerminationState.Terminated
	}
	if last == nil {
		return nil
	}
	return &fault.Exit{Code: last.ExitCode, Reason: last.Reason, Message: last.Message, At: last.FinishedAt.Time}
}
