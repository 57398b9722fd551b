package podcopy

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// deadlineExceeded is the kubelet's reason for a pod whose activeDeadlineSeconds are over (pkg/kubelet/active_deadline.go).
const deadlineExceeded = "DeadlineExceeded"

// Ready reports whether the held container of a copy runs, and what is waited for where it does not. The error is a
// *fault.CopyNotStarted where it will not: the copy starts nothing a second time.
func (c Copy) Ready(now *corev1.Pod, held string) (ready bool, waiting string, err error) {
	fail := func(container, reason, message string, exit *fault.Exit) (bool, string, error) {
		e := &fault.CopyNotStarted{
			Pod: fault.Pod{Namespace: now.Namespace, Name: now.Name}, Container: container, Reason: reason, Message: message,
			Exit: exit, Installs: container == c.Installer,
		}
		if spec, _ := target.Find(now, container); spec != nil {
			e.Image = spec.Image
		}
		return false, "", e
	}
	if now.Status.Reason == deadlineExceeded { // what it killed stands there as failed
		return fail("", now.Status.Reason, now.Status.Message, nil)
	}
	for _, s := range upTo(now, held) {
		switch {
		case s.State.Running != nil && s.Name == held:
			return true, "", nil
		case s.State.Terminated != nil && (s.State.Terminated.ExitCode != 0 || s.Name == held):
			t := s.State.Terminated
			return fail(s.Name, t.Reason, t.Message, &fault.Exit{Code: t.ExitCode, Reason: t.Reason, Message: t.Message, At: t.FinishedAt.Time})
		case s.State.Waiting != nil && hopeless[s.State.Waiting.Reason]:
			return fail(s.Name, s.State.Waiting.Reason, s.State.Waiting.Message, nil)
		}
	}
	if now.Status.Phase == corev1.PodFailed || now.Status.Phase == corev1.PodSucceeded {
		return fail("", now.Status.Reason, now.Status.Message, nil)
	}
	return false, progress(now, held), nil
}

// upTo are the statuses of what starts up to a container, and that container's: in their order, since one waits for another.
func upTo(pod *corev1.Pod, held string) (out []*corev1.ContainerStatus) {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			_, s := target.Find(pod, list[i].Name)
			if s != nil {
				out = append(out, s)
			}
			if list[i].Name == held {
				return out
			}
		}
	}
	return out
}

// progress says what a copy waits for.
func progress(pod *corev1.Pod, held string) string {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return "waiting for a node: " + condition.Message
		}
	}
	if pod.Spec.NodeName == "" {
		return "waiting for a node"
	}
	for _, s := range upTo(pod, held) {
		spec, _ := target.Find(pod, s.Name)
		isInit := s.Name != held && !isSidecar(spec)
		switch {
		case isInit && s.State.Running != nil:
			return fmt.Sprintf("waiting for init container %s to end", s.Name)
		case s.State.Waiting != nil && s.State.Waiting.Reason != "PodInitializing":
			return strings.TrimSuffix(fmt.Sprintf("waiting for container %s: %s", s.Name, s.State.Waiting.Reason), ": ")
		}
	}
	return "waiting for the copy to start"
}

// Ended says what ended a copy, or nil where nothing did: its held container runs on, or ended by itself since its last
// session had left.
func Ended(now *corev1.Pod, held string) *fault.CopyEnded {
	e := &fault.CopyEnded{
		Pod:      fault.Pod{Namespace: now.Namespace, Name: now.Name},
		Deleted:  now.DeletionTimestamp != nil,
		Deadline: now.Status.Reason == deadlineExceeded,
	}
	if _, s := target.Find(now, held); s != nil && s.State.Terminated != nil && s.State.Terminated.ExitCode != 0 {
		t := s.State.Terminated
		e.Exit = &fault.Exit{Code: t.ExitCode, Reason: t.Reason, Message: t.Message, At: t.FinishedAt.Time}
	}
	if e.Exit == nil && !e.Deleted && !e.Deadline {
		return nil
	}
	return e
}

// hopeless are the kubelet's reasons for a container that waits and will not start by itself soon (pkg/kubelet/images
// and pkg/kubelet/kuberuntime).
var hopeless = map[string]bool{
	"ErrImagePull": true, "ImagePullBackOff": true, "ErrImageNeverPull": true, "InvalidImageName": true,
	"ImageInspectError": true, "RegistryUnavailable": true, "SignatureValidationFailed": true,
	"CreateContainerConfigError": true, "CreateContainerError": true, "RunContainerError": true,
	"CrashLoopBackOff": true,
}
