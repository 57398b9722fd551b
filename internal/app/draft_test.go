package app

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/session"
)

// TestDraft: the draft is what a session would write, so that a session enters what was made of it; nothing is written,
// and a client's dry run asks for the pod and no more.
func TestDraft(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		askServer bool
		calls     []string
	}{
		{"client", false, []string{"get"}},
		{"server", true, []string{"get", "dry run"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := &world{pod: nonRoot().Build()}
			r := aRequest()
			r.ImageOrigin = "flag"
			d, err := MakeDraft(t.Context(), w, &w.registries, Streams{In: strings.NewReader("")}, r, test.askServer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.calls, w.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			planted := w.pod.DeepCopy()
			planted.Spec.EphemeralContainers = append(planted.Spec.EphemeralContainers, d.Container)
			if _, ok := session.Find(planted, theirs(t, planted, "other")); !ok {
				t.Errorf("a session would not use this container: %+v", d.Container)
			}
			for path, want := range map[string]string{
				"image": "flag", "targetContainerName": "the pod's only container", "securityContext.runAsUser": "container status",
			} {
				if d.Origins[path] != want {
					t.Errorf("origin of %s: %q; want %q", path, d.Origins[path], want)
				}
			}
		})
	}
}

// TestDraftServed: what the server makes of the container is shown, with where it is from.
func TestDraftServed(t *testing.T) {
	t.Parallel()
	d := Draft{
		Container: corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "x", Image: "a:1"}},
		Origins:   map[string]string{"name": "made", "image": "flag"},
	}
	stored := d.Container.DeepCopy()
	stored.ImagePullPolicy, stored.Image = corev1.PullIfNotPresent, "mirror/a:1"
	d.serve(stored)
	if diff := cmp.Diff(*stored, d.Container); diff != "" {
		t.Errorf("container (-want +got):\n%s", diff)
	}
	want := map[string]string{"name": "made", "image": "changed by the API server", "imagePullPolicy": "the API server's default"}
	if diff := cmp.Diff(want, d.Origins); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
}

// TestDraftThatCannotBe: what would fail fails here, too.
func TestDraftThatCannotBe(t *testing.T) {
	t.Parallel()
	w := &world{pod: nonRoot().Waiting("app", "CrashLoopBackOff", "").Build()}
	_, err := MakeDraft(t.Context(), w, &w.registries, Streams{In: strings.NewReader("")}, aRequest(), false)
	var notRunning *fault.NotRunning
	if !errors.As(err, &notRunning) {
		t.Errorf("error %v; want that the target does not run", err)
	}
}
