package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// inStart is about a debug container that cannot be added, or did not start.
func inStart(err error, m *message) bool {
	var refused *fault.Refused
	var altered *fault.Altered
	var old *fault.NoEphemeral
	var replaced *fault.Replaced
	var notStarted *fault.NotStarted
	switch {
	case inIdentity(err, m):
	case errors.As(err, &refused):
		explainRefused(refused, m)
	case errors.As(err, &altered):
		m.text = fmt.Sprintf("the API server would change the privileges of the debug container in pod/%s", altered.Pod.Name)
		for _, change := range altered.Changes {
			m.facts = append(m.facts, change.String())
		}
		m.hint = "nothing was added; a webhook does that, or the server is older than the field: kubectl get mutatingwebhookconfigurations"
	case errors.As(err, &old):
		m.text = fmt.Sprintf("the API server cannot add a debug container to pod/%s: that needs Kubernetes 1.25 or newer", old.Pod.Name)
		m.facts = []string{"the server says: " + old.Server.Error()}
		m.hint = "debug it from its node: kubectl debug node/" + old.Node + " -it --image=busybox"
	case errors.As(err, &replaced):
		m.text = fmt.Sprintf("pod/%s was deleted or replaced meanwhile", replaced.Pod.Name)
		m.hint = fmt.Sprintf("see what took its place: kubectl get pods -n %s", replaced.Pod.Namespace)
	case errors.As(err, &notStarted):
		explainNotStarted(notStarted, m)
	default:
		return false
	}
	return true
}

// explainRefused names who refuses, and for what reason where that is not the debug container.
func explainRefused(e *fault.Refused, m *message) {
	m.text = fmt.Sprintf("the API server does not take a debug container in pod/%s", e.Pod.Name)
	m.facts = []string{"the server says: " + e.Server.Error()}
	m.hint = fmt.Sprintf("nothing was added; compare what was asked with the pod: kubectl get pod -n %s %s -o yaml", e.Pod.Namespace, e.Pod.Name)
	if e.By != "" {
		m.text = fmt.Sprintf("%s %q takes no debug container in pod/%s", e.By, e.Name, e.Pod.Name)
	}
	asked := strings.Join(e.Asked, " ")
	if asked != "" {
		m.facts = append(m.facts, "asked for beyond the target's own privileges: "+asked)
		m.hint = fmt.Sprintf("nothing was added; without %s the session has its target's privileges", asked)
	}
	switch e.By {
	case fault.PodSecurity:
		explainViolation(e, m)
	case fault.Policy:
		m.hint = "nothing was added; read the policy: kubectl get validatingadmissionpolicy " + e.Name + " -o yaml"
	case fault.Webhook:
		m.hint = "nothing was added; see whose it is: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
	case fault.SilentWebhook:
		m.text = fmt.Sprintf("webhook %q gives no answer, so the API server takes no debug container in pod/%s", e.Name, e.Pod.Name)
		m.hint = "nothing was added, nor will be until it answers; see whose it is: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
	}
}

// explainViolation is about Pod Security, which judges the pod as a whole: the debug container alone is seldom the reason.
func explainViolation(e *fault.Refused, m *message) {
	var earlier, own bool
	for _, v := range e.Violators {
		if v.Ephemeral {
			earlier = true
			m.facts = append(m.facts, fmt.Sprintf("container %s was added to the pod earlier, violates the level, and stays for good", v.Name))
			continue
		}
		own = true
		m.facts = append(m.facts, fmt.Sprintf("container %s of the pod itself violates the level", v.Name))
	}
	switch {
	case own || !earlier && !e.AlsoOurs:
		m.facts = append(m.facts, "the pod as it is would not be admitted today: the level was set later, or whoever made the pod was exempt")
		m.hint = "nothing was added; mend the workload and debug a new pod, or ask who sets the level: kubectl get namespace " + e.Pod.Namespace + " --show-labels"
	case earlier:
		m.hint = "nothing was added, and nothing can be in this pod any more; debug another of its workload, or a new one"
	case len(e.Asked) > 0:
		m.hint += ", which the level allows; with it, it takes a namespace of a level that allows more"
	default:
		m.hint = "nothing was added; the debug container asks for no more than its target has"
	}
}

// explainNoImage is about a build that was not made for a release, and so names no image of its own.
func explainNoImage(e *fault.NoImage, m *message) {
	m.text = "no debug image is named, and this build of mindebug has none: it is no release"
	m.hint = "name one: --image=docker.io/library/busybox:1.37.0; or build ours and give it to a local cluster: make image-load"
	if e.Untrusted != "" {
		m.facts = []string{"the cluster's configuration names " + e.Untrusted + ", which is not used for a target that is root nor for more than a target has"}
		m.hint = "if you trust it: --image=" + shellWord(e.Untrusted)
	}
}

// inIdentity is about whom the target runs as.
func inIdentity(err error, m *message) bool {
	var unknown *fault.NoIdentity
	var notEffective *fault.NotEffective
	var contradiction *fault.Contradiction
	var windows *fault.Windows
	var image *fault.Registry
	var none *fault.NoImage
	switch {
	case errors.As(err, &none):
		explainNoImage(none, m)
	case errors.As(err, &image):
		m.text, m.hint = aboutRegistry(image)
		if m.hint == "" {
			m.hint = "where the image is to be had, save it (docker save IMAGE -o IMAGE.tar), and look at that: kubectl mindebug inspect --file IMAGE.tar"
		}
	case errors.As(err, &unknown):
		explainNoIdentity(unknown, m)
	case errors.As(err, &notEffective):
		flag := "--cap-add=" + strings.Join(notEffective.Capabilities, ",")
		m.text = fmt.Sprintf("%s would have no effect beside container %q of pod/%s: only uid 0 can use capabilities", flag, notEffective.Container, notEffective.Pod.Name)
		m.facts = []string{fmt.Sprintf("the session would run as uid %d", notEffective.UID)}
		m.hint = "run as uid 0 as well: --run-as 0 " + flag
	case errors.As(err, &contradiction):
		m.text = fmt.Sprintf("%s and %s exclude each other", contradiction.One, contradiction.Other)
		m.hint = "leave one of them away"
	case errors.As(err, &windows):
		m.text = fmt.Sprintf("pod/%s runs on Windows, where containers share no process namespace", windows.Pod.Name)
	default:
		return false
	}
	return true
}

func explainNoIdentity(e *fault.NoIdentity, m *message) {
	m.text = fmt.Sprintf("nothing tells the %s of container %q of pod/%s: neither its spec nor its status", e.Missing, e.Container, e.Pod.Name)
	m.hint = "let a container without privileges read it from the process: --learn-user; or name it: --run-as UID:GID"
	if e.Image != nil {
		m.facts = append(m.facts, whyNotImage(e.Image)...)
	}
	if e.Process != nil {
		m.facts = append(m.facts, e.Process.Error())
		m.hint = "name what it was started as: --run-as UID:GID"
	}
	if e.Added != "" {
		m.facts = append(m.facts, fmt.Sprintf(hintGoneContainer, e.Added))
	}
}

// whyNotImage says why an image does not tell whom it runs as.
func whyNotImage(err error) []string {
	var e *fault.Registry
	if !errors.As(err, &e) {
		return []string{err.Error()}
	}
	text, hint := aboutRegistry(e)
	if hint == "" {
		return []string{text}
	}
	return []string{text, hint}
}

// aboutRegistry says why an image could not be read, and what may help.
func aboutRegistry(e *fault.Registry) (text, hint string) {
	switch e.Reason {
	case fault.ImageUnauthorized:
		hint = "log in there, as with docker login, or read it as the pod does: --use-pull-secrets"
		if e.AsPod {
			hint = "the pod's pull secrets do not open it, either; log in there, as with docker login"
		}
		return fmt.Sprintf("image %s: its registry does not let you read it: %v", e.Image, e.Cause), hint
	case fault.ImageNotFound:
		return fmt.Sprintf("image %s: its registry does not have it: %v", e.Image, e.Cause), ""
	case fault.RegistryUnreachable:
		return fmt.Sprintf("image %s: its registry gives no answer: %v", e.Image, e.Cause), ""
	case fault.ImageUnreadable:
	}
	return fmt.Sprintf("image %s: %v", e.Image, e.Cause), ""
}

func explainNotStarted(e *fault.NotStarted, m *message) {
	m.text = fmt.Sprintf("the debug container of pod/%s did not start", e.Pod.Name)
	if e.Waited > 0 {
		m.text += fmt.Sprintf(" within %s (--timeout)", e.Waited)
	}
	if e.Reason != "" {
		m.facts = append(m.facts, "reason: "+e.Reason)
	}
	if e.Message != "" {
		m.facts = append(m.facts, e.Message)
	}
	m.facts = append(m.facts, "image: "+e.Image, fmt.Sprintf(hintGoneContainer, e.Container))
	m.hint = fmt.Sprintf("see its Events: kubectl describe -n %s pod %s", e.Pod.Namespace, e.Pod.Name)
	switch {
	case e.NoShell:
		m.text = fmt.Sprintf("the debug image %s has no shell", e.Image)
		m.hint = "name an image that has one: --image"
	case aboutImage[e.Reason]:
		secrets := "none"
		if len(e.PullSecrets) > 0 {
			secrets = strings.Join(e.PullSecrets, ", ")
		}
		m.facts = append(m.facts, "the pod's pull secrets: "+secrets)
		m.hint = "name an image that the node can pull, with these secrets or its own: --image"
	}
}

// aboutImage are the kubelet's reasons, in a state or an Event, that another image would mend.
var aboutImage = map[string]bool{
	"ErrImagePull": true, "ImagePullBackOff": true, "ErrImageNeverPull": true, "InvalidImageName": true,
	"ImageInspectError": true, "InspectFailed": true, "RegistryUnavailable": true,
}
