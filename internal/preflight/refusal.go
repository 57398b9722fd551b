package preflight

import (
	"context"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// Refusal says in the terms of package fault why the server did not take the container, in a dry run or for real. A
// server forbids by RBAC and by admission with the same status; which it was, it is asked. A policy or a webhook may
// answer with any status: what names one comes first.
func Refusal(ctx context.Context, cluster Cluster, pod *corev1.Pod, container corev1.EphemeralContainer, err error) error {
	name := fault.Pod{Namespace: pod.Namespace, Name: pod.Name}
	if err == nil || apierrors.ReasonForError(err) == "" {
		return err
	}
	refused := &fault.Refused{Pod: name, Container: container.Name, Server: err}
	if refused.By, refused.Name = refuser(err.Error()); refused.By != "" {
		if refused.By == fault.PodSecurity {
			refused.Violators, refused.AlsoOurs = violators(err.Error(), pod, container.Name)
		}
		return refused
	}
	switch {
	case noSuchResource(err):
		return &fault.NoEphemeral{Pod: name, Node: pod.Spec.NodeName, Server: err}
	case apierrors.IsNotFound(err), replaced(err):
		return &fault.Replaced{Pod: name, Server: err}
	case apierrors.IsForbidden(err):
		if may, reviewErr := cluster.MayI(ctx, pod.Namespace, pod.Name, access.AddContainer); reviewErr == nil && !may {
			return Forbidden(ctx, cluster, pod.Namespace, access.AddContainer, err)
		}
	}
	return refused
}

// refusers is how an API server (1.30 to 1.36) says who refused: it does so in its message only.
var refusers = []struct {
	by   fault.Refuser
	text *regexp.Regexp
}{
	{fault.PodSecurity, regexp.MustCompile(`violates PodSecurity "([^"]+)": `)},
	{fault.Policy, regexp.MustCompile(`ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request`)},
	{fault.Webhook, regexp.MustCompile(`admission webhook "([^"]+)" denied the request`)},
	{fault.SilentWebhook, regexp.MustCompile(`failed calling webhook "([^"]+)": `)},
}

// refuser tells who refused and its name, or nothing. What comes first in the message counts: what follows is the words
// of whoever wrote the policy.
func refuser(message string) (by fault.Refuser, name string) {
	first := len(message)
	for _, r := range refusers {
		if at := r.text.FindStringSubmatchIndex(message); len(at) > 0 && at[0] < first {
			first, by, name = at[0], r.by, message[at[2]:at[3]]
		}
	}
	return by, name
}

// named are the containers in Pod Security's message: `container "app" must set …`, `containers "app", "old" must …`
// (k8s.io/pod-security-admission/policy, 1.25 to 1.36).
var named = regexp.MustCompile(`\bcontainers? ("[^"]+"(?:, "[^"]+")*)`)

// quoted is one name in such a list.
var quoted = regexp.MustCompile(`"([^"]+)"`)

// violators are the containers of the pod that Pod Security's message names, and whether it names ours.
func violators(message string, pod *corev1.Pod, ours string) (others []fault.Violator, alsoOurs bool) {
	inMessage := map[string]bool{}
	for _, list := range named.FindAllStringSubmatch(message, -1) {
		for _, name := range quoted.FindAllStringSubmatch(list[1], -1) {
			inMessage[name[1]] = true
		}
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if inMessage[c.Name] {
			others = append(others, fault.Violator{Name: c.Name})
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if name := pod.Spec.EphemeralContainers[i].Name; inMessage[name] {
			others = append(others, fault.Violator{Name: name, Ephemeral: true})
		}
	}
	return others, inMessage[ours]
}

// noSuchResource reports whether the server knows no ephemeral containers, rather than no such pod. It answers 404 to
// both; of a pod it gives the name, and of a path that it does not know none (kubectl debug tells them apart by that,
// too). Where the answer is not an API server's own, client-go makes one of it and says so in a cause.
func noSuchResource(err error) bool {
	status, ok := err.(apierrors.APIStatus)
	if !ok || !apierrors.IsNotFound(err) {
		return false
	}
	details := status.Status().Details
	return details == nil || details.Name == "" || slices.ContainsFunc(details.Causes, func(c metav1.StatusCause) bool {
		return c.Type == metav1.CauseTypeUnexpectedServerResponse
	})
}

// replaced reports whether the server refuses because the pod's uid is another one by now.
func replaced(err error) bool {
	if apierrors.IsConflict(err) {
		return true
	}
	status, ok := err.(apierrors.APIStatus)
	if !ok || status.Status().Details == nil {
		return false
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Field == "metadata.uid" {
			return true
		}
	}
	return false
}
