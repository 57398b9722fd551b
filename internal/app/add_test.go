package app

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// TestTwoAtOnce: who finds at the last moment that another was first enters what that one has added; what else happens to the
// pod costs another try, and a pod that never rests gets a container all the same.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	count := func(calls []string, call string) (n int) {
		for _, c := range calls {
			if c == call {
				n++
			}
		}
		return n
	}
	status := func(w *world) func() { return func() { w.pod.ResourceVersion += "1" } }
	for name, test := range map[string]struct {
		meanwhile           func(t *testing.T, w *world) []func()
		own                 bool // asks for a container of its own
		conflicts, patches  int
		added, theirs, gone bool
	}{
		"alone": {patches: 1, added: true, meanwhile: func(*testing.T, *world) []func() { return nil }},
		"another is first": {conflicts: 1, theirs: true, meanwhile: func(t *testing.T, w *world) []func() {
			t.Helper()
			first := theirs(t, w.pod, "mindebug-first")
			return []func(){func() { w.pod.Spec.EphemeralContainers = append(w.pod.Spec.EphemeralContainers, first) }}
		}},
		"another adds something else": {conflicts: 1, patches: 1, added: true, meanwhile: func(t *testing.T, w *world) []func() {
			t.Helper()
			other := theirs(t, w.pod, "mindebug-other")
			other.Image = "debug:2"
			return []func(){func() { w.pod.Spec.EphemeralContainers = append(w.pod.Spec.EphemeralContainers, other) }}
		}},
		"the pod never rests": {conflicts: addTries, patches: 1, added: true, meanwhile: func(_ *testing.T, w *world) []func() {
			return slices.Repeat([]func(){status(w)}, addTries+1)
		}},
		"the pod is another": {conflicts: 1, gone: true, meanwhile: func(_ *testing.T, w *world) []func() {
			return []func(){func() { w.pod.UID = "other" }}
		}},
		"--new": {own: true, patches: 1, added: true, meanwhile: func(_ *testing.T, w *world) []func() { return []func(){status(w)} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, r := &world{pod: nonRoot().Build()}, aRequest()
				w.meanwhile = test.meanwhile(t, w)
				r.New = test.own
				got := open(t.Context(), w, r, strings.NewReader(""))
				var replaced *fault.Replaced
				if errors.As(got.err, &replaced) != test.gone || !test.gone && got.err != nil {
					t.Fatalf("error %v", got.err)
				}
				if c, p := count(w.calls, "conflict"), count(w.calls, "patch"); c != test.conflicts || p != test.patches {
					t.Errorf("%d conflicts, %d patches: %q", c, p, w.calls)
				}
				if entered := !test.gone && w.execs[len(w.execs)-1] == "mindebug-first"; entered != test.theirs {
					t.Errorf("entered %q", w.execs)
				}
				own := slices.ContainsFunc(w.pod.Spec.EphemeralContainers, func(c corev1.EphemeralContainer) bool {
					return c.Name != "mindebug-first" && c.Name != "mindebug-other"
				})
				if own != test.added {
					t.Errorf("added a container: %t, want %t", own, test.added)
				}
			})
		})
	}
}
