package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestDryRun: nothing is added; what is printed is a container that can be added, and that a session then enters.
func TestDryRun(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"client", "server"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			pod := restrictedTarget(t)
			text := succeeds(t, pod, "pod/target", "--dry-run="+how)
			if added := sessionContainers(t, pod); len(added) > 0 {
				t.Fatalf("a dry run has added %d containers", len(added))
			}
			if want := "\ntargetContainerName: app # the pod's only container\n"; !strings.Contains(text, want) {
				t.Errorf("%q is not in:\n%s", want, text)
			}
			if has := strings.Contains(text, "\nimagePullPolicy: IfNotPresent # the API server's default\n"); has != (how == "server") {
				t.Errorf("a default of the server is printed: %t, in:\n%s", has, text)
			}
			var container corev1.EphemeralContainer
			if err := yaml.UnmarshalStrict([]byte(text), &container); err != nil {
				t.Fatalf("%v in:\n%s", err, text)
			}
			plant(t, pod, container)
			if id := succeeds(t, pod, "pod/target", "--", "id", "-u"); id != "65532\n" {
				t.Errorf("uid %q, want the target's", id)
			}
			if added := onlyContainer(t, pod); added.Name != container.Name {
				t.Errorf("the session is in %s, not in %s", added.Name, container.Name)
			}
		})
	}
}

// TestDryRunFails: an error is as that of a session, and one JSON object where that is asked for.
func TestDryRunFails(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	fails(t, pod, []string{"pod/absent", "--dry-run=server"}, `there is no pod "absent"`)
	r := mindebug(t, pod, "pod/absent", "--dry-run=server", "-o", "json")
	var e struct {
		APIVersion, Kind, Error, Hint string
		Status                        int
	}
	if err := json.Unmarshal([]byte(r.stderr), &e); err != nil || r.status != 125 || r.stdout != "" {
		t.Fatalf("status %d, stdout %q, stderr %q (%v); want 125 and one object", r.status, r.stdout, r.stderr, err)
	}
	if e.APIVersion != "mindebug/v1alpha1" || e.Kind != "Error" || e.Status != 125 || !strings.Contains(e.Error, `"absent"`) || e.Hint == "" {
		t.Errorf("the error is %+v", e)
	}
}
