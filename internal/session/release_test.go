package session

import (
	"encoding/json"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// TestOtherRelease: a session container of an earlier release, recorded on Kubernetes 1.36.3, is known and not entered; what
// else is not the same is none.
func TestOtherRelease(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/older.json")
	if err != nil {
		t.Fatal(err)
	}
	var older corev1.EphemeralContainer
	if err := json.Unmarshal(text, &older); err != nil {
		t.Fatal(err)
	}
	plan := profiles.Plan{SecurityContext: *older.SecurityContext}
	want := Container(plan, "app", Settings{Image: older.Image, TTL: 0, User: "dana", Version: "v2"})
	for name, test := range map[string]struct {
		change func(*corev1.EphemeralContainer)
		ended  bool
		is     bool
	}{
		"as recorded":        {is: true},
		"ended":              {ended: true},
		"of another image":   {change: func(c *corev1.EphemeralContainer) { c.Image = "debug:2" }},
		"with more env":      {change: func(c *corev1.EphemeralContainer) { c.Env = append(c.Env, corev1.EnvVar{Name: "PATH", Value: "/x"}) }},
		"beside another":     {change: func(c *corev1.EphemeralContainer) { c.TargetContainerName = "log" }},
		"of this release":    {change: func(c *corev1.EphemeralContainer) { c.Env = want.Env }},
		"as somebody else's": {change: func(c *corev1.EphemeralContainer) { c.SecurityContext = nil }},
	} {
		c := *older.DeepCopy()
		if test.change != nil {
			test.change(&c)
		}
		b := kubetest.Pod("shop", "web").Running(65532, 0).Ephemeral(c)
		if test.ended {
			b.Terminated(c.Name, "Completed", 0)
		} else {
			b.Up(c.Name, 65532, 0)
		}
		pod := b.Build()
		got := OtherRelease(pod, want)
		if (len(got) == 1) != test.is || test.is && (got[0].Name != older.Name || got[0].Version != "v0.0.1") {
			t.Errorf("%s: %+v, want it to be one: %t", name, got, test.is)
		}
		if found, ok := Find(pod, want); ok != (name == "of this release") {
			t.Errorf("%s: Find = %+v, %t", name, found, ok)
		}
	}
}
