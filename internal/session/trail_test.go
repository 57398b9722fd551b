package session

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// made is a session container of dana's.
func made(t *testing.T, change func(*Settings)) corev1.EphemeralContainer {
	t.Helper()
	s := settings()
	s.User, s.Reason, s.Version = "dana", "INC-7", "v1"
	if change != nil {
		change(&s)
	}
	return Container(aPlan(t), "app", s)
}

func TestTrail(t *testing.T) {
	t.Parallel()
	const hostile = "$(MINDEBUG_RUN) $$ `id` '"
	c := made(t, func(s *Settings) { s.Reason = hostile })
	for name, want := range map[string]string{varUser: "dana", varReason: hostile, varVersion: "v1", varProfile: ""} {
		if got := variable(&c, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, v := range c.Env {
		if v.Name == varReason && strings.Contains(strings.ReplaceAll(v.Value, "$$", ""), "$") {
			t.Errorf("the kubelet would expand the reason %q", v.Value)
		}
	}
	if diff := cmp.Diff(c, MadeBy(c, "kim")); diff != "" {
		t.Errorf("another user's name was put into a container that has one:\n%s", diff)
	}
	bare := made(t, func(s *Settings) { s.User = "" })
	before := len(bare.Env)
	named := MadeBy(bare, "kim")
	if got := variable(&named, varUser); got != "kim" || len(bare.Env) != before {
		t.Errorf("MadeBy names %q, and the container before has %d variables, want %d", got, len(bare.Env), before)
	}
}

// TestFindByTrail: what a container was made for keeps nobody out; what goes beyond its target is for its maker only.
func TestFindByTrail(t *testing.T) {
	t.Parallel()
	by := func(user string) func(*Settings) {
		return func(s *Settings) { s.User, s.Reason, s.Version = user, "", "v2" }
	}
	stepUp := func(user string) func(*Settings) {
		return func(s *Settings) { s.User, s.Profile = user, "--profile=general" }
	}
	fromSecret := corev1.EnvVar{Name: varReason, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "password"}}}
	for name, test := range map[string]struct {
		have, want func(*Settings)
		plant      []corev1.EnvVar
		found      bool
	}{
		"a colleague's":                 {want: by("kim"), found: true},
		"of one whom nobody names":      {have: by(""), want: by("kim"), found: true},
		"one's own step-up":             {have: stepUp("dana"), want: stepUp("dana"), found: true},
		"a colleague's step-up":         {have: stepUp("dana"), want: stepUp("kim")},
		"a step-up, for a mirror":       {have: stepUp("dana"), want: by("dana")},
		"a mirror, for a step-up":       {have: by("dana"), want: stepUp("dana")},
		"a reason that comes elsewhere": {want: by("kim"), plant: []corev1.EnvVar{fromSecret}},
		"another variable of that kind": {want: by("kim"), plant: []corev1.EnvVar{{Name: "MINDEBUG_OTHER", Value: "x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			have := made(t, test.have)
			have.Env = append(have.Env, test.plant...)
			pod := kubetest.Pod("shop", "web").Running(65532, 65532).Ephemeral(have).Up(have.Name, 65532, 65532).Build()
			if _, found := Find(pod, made(t, test.want)); found != test.found {
				t.Errorf("found: %t, want %t", found, test.found)
			}
		})
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	pod := kubetest.Pod("shop", "web").Running(65532, 65532).Build()
	now := time.Unix(1700000000, 0)
	for want, change := range map[string]func(*Settings){
		"dana added session container NAME, as its target: INC-7":                               nil,
		"dana added session container NAME, with --profile=general: INC-7":                      func(s *Settings) { s.Profile = "--profile=general" },
		"someone whom the API server does not name added session container NAME, as its target": func(s *Settings) { s.User, s.Reason = "", "" },
		"dana added session container NAME, as its target: costs $5, as $(HOME) does":           func(s *Settings) { s.Reason = "costs $5, as $(HOME) does" },
	} {
		c := made(t, change)
		e := Event(pod, c, now)
		if got := strings.Replace(e.Message, c.Name, "NAME", 1); got != want {
			t.Errorf("message %q, want %q", got, want)
		}
		if e.InvolvedObject.UID != pod.UID || e.InvolvedObject.FieldPath != "spec.containers{app}" || !strings.HasPrefix(e.Name, "web.") {
			t.Errorf("Event %q is about %+v", e.Name, e.InvolvedObject)
		}
	}
}
