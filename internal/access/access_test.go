package access_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// TestSession holds the four calls that documentation, Roles and hints name.
func TestSession(t *testing.T) {
	t.Parallel()
	var got []string
	for _, call := range access.Session() {
		got = append(got, call.String())
	}
	want := []string{"get pods", "patch pods/ephemeralcontainers", "create pods/exec", "get pods/exec"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestTarget holds the calls that find a pod, for each kind that there is.
func TestTarget(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"pod":         {"get pods"},
		"deployment":  {"get deployments.apps", "list pods"},
		"statefulset": {"get statefulsets.apps", "list pods"},
		"daemonset":   {"get daemonsets.apps", "list pods"},
		"replicaset":  {"get replicasets.apps", "list pods"},
		"job":         {"get jobs.batch", "list pods"},
		"cronjob":     {"get cronjobs.batch", "list jobs.batch", "list pods"},
		"service":     {"get services", "list pods"},
	}
	got := map[string][]string{}
	for _, kind := range target.Kinds() {
		for _, call := range access.Target(kind) {
			got[kind.Name] = append(got[kind.Name], call.String())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
