package preflight_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
)

func TestWorst(t *testing.T) {
	t.Parallel()
	yes, no := preflight.Finding{Verdict: preflight.Yes}, preflight.Finding{Verdict: preflight.No}
	unknown, aside := preflight.Finding{Verdict: preflight.Unknown}, preflight.Finding{Verdict: preflight.Unknown, Aside: true}
	for _, test := range []struct {
		findings []preflight.Finding
		want     preflight.Verdict
	}{
		{[]preflight.Finding{yes, aside}, preflight.Yes},
		{[]preflight.Finding{yes, unknown, yes}, preflight.Unknown},
		{[]preflight.Finding{unknown, no, yes}, preflight.No},
	} {
		if got := preflight.Worst(test.findings); got != test.want {
			t.Errorf("Worst of %v = %s; want %s", test.findings, got, test.want)
		}
	}
}

func ephemeral(name, image string) corev1.EphemeralContainer {
	return corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: name, Image: image}}
}

// TestEarlierFinding: an earlier debug container is in the way only where the refusal is about it.
func TestEarlierFinding(t *testing.T) {
	t.Parallel()
	pod := kubetest.Pod("shop", "web").Ephemeral(ephemeral("old", "a:1")).Ephemeral(ephemeral("older", "a:1")).Build()
	refused := func(name string, ephemeral bool) preflight.Finding {
		return preflight.Finding{Err: &fault.Refused{Violators: []fault.Violator{{Name: name, Ephemeral: ephemeral}}}}
	}
	for _, test := range []struct {
		name      string
		admission preflight.Finding
		want      preflight.Verdict
		text      string
	}{
		{"taken", preflight.Finding{}, preflight.Yes, "old, older"},
		{"refused for one", refused("older", true), preflight.No, "for good: older"},
		{"refused for the pod's own", refused("app", false), preflight.Yes, "old, older"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, there := preflight.EarlierFinding(pod, test.admission)
			if !there || got.Verdict != test.want || !strings.HasSuffix(got.Text, test.text) {
				t.Errorf("finding %+v, %t; want %s, …%s", got, there, test.want, test.text)
			}
		})
	}
	if got, there := preflight.EarlierFinding(kubetest.Pod("shop", "web").Build(), preflight.Finding{}); there {
		t.Errorf("of a pod with none: %+v", got)
	}
}

func TestImageFinding(t *testing.T) {
	t.Parallel()
	plain := kubetest.Pod("shop", "web").Running(1, 1)
	has := kubetest.Pod("shop", "web").Ephemeral(ephemeral("old", "debug:1")).With(func(p *corev1.Pod) {
		p.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{{Name: "old", ImageID: "sha256:1"}}
	})
	never := kubetest.Pod("shop", "web").Ephemeral(ephemeral("old", "debug:1")).With(func(p *corev1.Pod) {
		p.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{{Name: "old"}}
		p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "one"}, {Name: "two"}}
	})
	for _, test := range []struct {
		name      string
		pod       *corev1.Pod
		policy    corev1.PullPolicy
		elsewhere bool
		want      preflight.Verdict
		text      string
	}{
		{"not known", plain.Build(), "", false, preflight.Unknown, "debug:1, pull policy the API server's default; whether the node has it is not known"},
		{"started here before", has.Build(), corev1.PullIfNotPresent, false, preflight.Yes, "debug:1, pull policy IfNotPresent; the node has it"},
		{"on the node", plain.Build(), corev1.PullNever, true, preflight.Yes, "debug:1, pull policy Never; the node has it"},
		{"pulled each time", has.Build(), corev1.PullAlways, false, preflight.Unknown, "debug:1, pull policy Always; the node has it, and asks its registry each time"},
		{"never came", never.Build(), corev1.PullIfNotPresent, false, preflight.Unknown, "debug:1, pull policy IfNotPresent, pull secrets one, two; whether the node has it is not known"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := ephemeral("mindebug-x", "debug:1")
			c.ImagePullPolicy = test.policy
			got := preflight.ImageFinding(test.pod, &c, test.elsewhere)
			if got.Verdict != test.want || got.Text != test.text || !got.Aside {
				t.Errorf("finding %+v; want %s: %s", got, test.want, test.text)
			}
		})
	}
}
