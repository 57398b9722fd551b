package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/mindebug/kubectl-mindebug/internal/app"
)

// TestWriteDraft: each value has its origin beside it, a script that looks like YAML has none, and what is read back is the
// container.
func TestWriteDraft(t *testing.T) {
	t.Parallel()
	d := app.Draft{
		Container: corev1.EphemeralContainer{
			TargetContainerName: "app",
			EphemeralContainerCommon: corev1.EphemeralContainerCommon{
				Name: "mindebug-x", Image: "debug:1", Command: []string{"sh", "-c", "image: no\nname: no"},
				Env: []corev1.EnvVar{{Name: "SCRIPT", Value: "image: no\n  runAsUser: 0\nname: no\n"}},
				SecurityContext: &corev1.SecurityContext{
					RunAsUser: new(int64(65532)), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			},
		},
		Origins: map[string]string{
			"name": "made", "image": "flag", "env": "scripts", "targetContainerName": "evil\n\x1b",
			"securityContext.runAsUser": "status", "securityContext.capabilities": "mirror", "command": "holder",
		},
	}
	var out bytes.Buffer
	if err := writeDraft(&out, d); err != nil {
		t.Fatal(err)
	}
	var commented []string
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, " # ") {
			commented = append(commented, strings.TrimRight(line, "\n"))
		}
	}
	want := []string{
		"command: # holder", "env: # scripts", "image: debug:1 # flag", "name: mindebug-x # made",
		"  capabilities: # mirror", "  runAsUser: 65532 # status", `targetContainerName: app # evil \x1b`,
	}
	if diff := cmp.Diff(want, commented); diff != "" {
		t.Errorf("lines with a comment (-want +got):\n%s", diff)
	}
	var back corev1.EphemeralContainer
	if err := yaml.UnmarshalStrict(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Container, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}
