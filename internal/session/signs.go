package session

import (
	"errors"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// sighting is the pod as it is now, or why it is seen no more: the API server is silent, or does not know the user.
type sighting struct {
	pod *corev1.Pod
	err error
}

// observe takes in a sighting. The error says that the container will not run.
func (e *entrance) observe(now sighting) error {
	var unreachable *fault.Unreachable
	switch {
	case errors.As(now.err, &unreachable):
		unreachable.Added = e.container.Name
		return unreachable
	case now.err != nil:
		return &fault.LoggedOut{Added: e.container.Name, Server: now.err}
	}
	pod := now.pod
	if pod.UID != e.pod.UID || pod.DeletionTimestamp != nil {
		return &fault.Replaced{Pod: fault.Pod{Namespace: e.pod.Namespace, Name: e.pod.Name}}
	}
	if e.targetEnded(pod) {
		return e.notStarted("TargetEnded", "the target's process ended before the session container had started", 0)
	}
	s := status(pod, e.container.Name)
	switch {
	case s == nil:
	case s.State.Running != nil:
		e.running, e.pulling = true, false
	case s.State.Terminated != nil:
		return e.notStarted(s.State.Terminated.Reason, s.State.Terminated.Message, 0)
	case s.State.Waiting != nil && hopeless[s.State.Waiting.Reason]:
		return e.notStarted(s.State.Waiting.Reason, s.State.Waiting.Message, 0)
	case s.State.Waiting != nil && e.reason == "":
		e.reason, e.message = s.State.Waiting.Reason, s.State.Waiting.Message
	}
	return nil
}

// targetEnded reports whether the process that was to be joined is gone. The kubelet starts nothing in a pod that is finished,
// and says nothing about it; in one that goes on it may start the container beside another process than the one meant.
func (e *entrance) targetEnded(pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return true
	}
	for i := range pod.Spec.EphemeralContainers {
		if c := &pod.Spec.EphemeralContainers[i]; c.Name == e.container.Name {
			_, s := target.Find(pod, c.TargetContainerName)
			return s != nil && s.State.Terminated != nil
		}
	}
	return false
}

// hopeless are the kubelet's reasons for a container that waits and will not start by itself soon (pkg/kubelet/images
// and pkg/kubelet/kuberuntime). ImageInspectError is none: the runtime gave no answer, since it restarts for instance.
var hopeless = map[string]bool{
	"ErrImagePull": true, "ImagePullBackOff": true, "ErrImageNeverPull": true, "InvalidImageName": true,
	"RegistryUnavailable": true, "SignatureValidationFailed": true,
	"CreateContainerConfigError": true, "CreateContainerError": true, "RunContainerError": true,
	"PreCreateHookError": true, "PreStartHookError": true, "PostStartHookError": true,
}

// note takes in an Event about the container. A failure is known from it sooner than from the status, and some reach the
// API in no other way.
func (e *entrance) note(event *corev1.Event) error {
	switch {
	case event.Reason == "Started":
		e.running, e.pulling = true, false
	case event.Reason == "Pulled":
		e.pulling = false
		e.request.wait(waitStart)
	case event.Reason == "InspectFailed":
		e.reason, e.message = event.Reason, event.Message
	case event.Reason == "Failed" && event.Message == "Error: ImageInspectError": // said of that once more
	case event.Reason == "Failed" && e.pulling:
		return e.notStarted("ErrImagePull", event.Message, 0)
	case event.Type == corev1.EventTypeWarning:
		return e.notStarted(event.Reason, event.Message, 0)
	default:
		e.pulling = event.Reason == "Pulling"
		e.reason, e.message = event.Reason, event.Message
		if e.pulling {
			e.request.wait(waitPull + e.image())
		}
	}
	return nil
}

// image is the debug image.
func (e *entrance) image() string {
	for i := range e.pod.Spec.EphemeralContainers {
		if c := &e.pod.Spec.EphemeralContainers[i]; c.Name == e.container.Name {
			return c.Image
		}
	}
	return ""
}

func (e *entrance) notStarted(reason, message string, waited time.Duration) error {
	if reason == "" && e.cause != nil {
		reason = e.cause.Error()
	}
	var secrets []string
	for _, secret := range e.pod.Spec.ImagePullSecrets {
		secrets = append(secrets, secret.Name)
	}
	return &fault.NotStarted{
		Pod: fault.Pod{Namespace: e.pod.Namespace, Name: e.pod.Name}, Container: e.container.Name, Image: e.image(),
		Reason: reason, Message: message, Waited: waited, NoShell: lacksShell(message), PullSecrets: secrets,
	}
}

// lacksShell reports whether the runtime could not start the container because its image has no sh. Nothing but the
// message tells: this is runc's (1.1.5, by containerd 2.4.2), the same since 1.0.
func lacksShell(message string) bool {
	return strings.Contains(message, `exec: "sh": executable file not found`)
}
