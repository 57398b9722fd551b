package resolve

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubectl/pkg/util/podutils"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Order returns the pods that are as the pick wants them, the one that is meant first: newest and oldest are decided by
// age alone; among others those that are entered already come first, and the order is kept beside that.
func Order(pods []*corev1.Pod, pick target.Pick, entered func(*corev1.Pod) bool) []*corev1.Pod {
	pods = first(pods, entered)
	switch pick {
	case target.PickReady, target.PickNotReady:
		pods = slices.DeleteFunc(pods, func(p *corev1.Pod) bool { return podutils.IsPodReady(p) != (pick == target.PickReady) })
	case target.PickNewest:
		slices.SortStableFunc(pods, func(a, b *corev1.Pod) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	case target.PickOldest:
		slices.SortStableFunc(pods, func(a, b *corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	}
	return pods
}

// WorstFirst returns the pods with those first that are not ready, then by restarts; and whether they differ in that.
func WorstFirst(pods []*corev1.Pod) (sorted []*corev1.Pod, differ bool) {
	worse := func(a, b *corev1.Pod) int {
		x, y := State(a), State(b)
		switch {
		case x.Ready == y.Ready:
			return int(y.Restarts - x.Restarts)
		case x.Ready:
			return 1
		}
		return -1
	}
	sorted = slices.SortedStableFunc(slices.Values(pods), worse)
	return sorted, len(sorted) > 0 && worse(sorted[0], sorted[len(sorted)-1]) != 0
}

// first returns a new list with those first of which what is asked is true; beside that the order is kept.
func first[T any](list []T, is func(T) bool) []T {
	var yes, no []T
	for _, one := range list {
		if is(one) {
			yes = append(yes, one)
		} else {
			no = append(no, one)
		}
	}
	return append(yes, no...)
}

// isOver reports whether nothing starts in the pod any more.
func isOver(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// joinable reports whether any container of the pod runs that could be a target. It looks at their states, not at the
// pod's phase.
func joinable(pod *corev1.Pod) bool {
	runs := func(s corev1.ContainerStatus) bool { return s.State.Running != nil }
	return !isOver(pod) &&
		(slices.ContainsFunc(pod.Status.ContainerStatuses, runs) || slices.ContainsFunc(pod.Status.InitContainerStatuses, runs))
}

// State says how a pod is, as a user wants to know it before choosing one.
func State(pod *corev1.Pod) fault.PodState {
	state := fault.PodState{Name: pod.Name, Ready: podutils.IsPodReady(pod), State: "running"}
	statuses := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	for i := range statuses {
		s := &statuses[i]
		if s.State.Terminated != nil && s.State.Terminated.ExitCode == 0 && i < len(pod.Status.InitContainerStatuses) {
			continue // an init container that has done its work
		}
		state.Restarts += s.RestartCount
		if s.State.Running == nil && state.State == "running" {
			state.State = ContainerState(s.State)
			if exit := cmp.Or(s.State.Terminated, s.LastTerminationState.Terminated); exit != nil {
				state.State += fmt.Sprintf(" (exit code %d)", exit.ExitCode)
			}
		}
	}
	switch {
	case pod.DeletionTimestamp != nil:
		state.State = "being deleted"
	case isOver(pod):
		state.State = "finished: " + string(pod.Status.Phase)
		if pod.Status.Reason != "" {
			state.State += ", " + pod.Status.Reason
		}
	case pod.Spec.NodeName == "":
		state.State = "on no node yet"
	case len(statuses) == 0:
		state.State = "waiting"
	}
	return state
}
