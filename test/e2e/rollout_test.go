package e2e

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

// shellBlock is a block of a page that is to be run.
var shellBlock = regexp.MustCompile("(?s)\n```sh\n(.*?\n)```\n")

// TestRollout runs docs/rollout.md: from nothing to a user's first session and what is refused, and back to nothing.
func TestRollout(t *testing.T) {
	t.Parallel()
	if !identityFromStatus(t) {
		t.Skip("the status tells no user")
	}
	page, err := os.ReadFile("../../docs/rollout.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, block := range shellBlock.FindAllStringSubmatch(string(page), -1) {
		script.WriteString(block[1])
	}
	id := rand.String(5)
	team, tools := "e2e-team-"+id, "e2e-tools-"+id
	t.Cleanup(func() {
		remove := context.Background()
		for _, name := range []string{team, tools} {
			if err := client.CoreV1().Namespaces().Delete(remove, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				t.Errorf("deleting namespace: %v", err)
			}
		}
		// The page does this itself, unless it fails.
		_ = client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Delete(remove, tools, metav1.DeleteOptions{})
		_ = client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Delete(remove, tools, metav1.DeleteOptions{})
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-euc", script.String())
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache, "TEAM="+team, "TOOLS="+tools, "GROUP=e2e:"+id,
		"IMAGE="+os.Getenv("MINDEBUG_IMAGE"), "TARGET=mindebug.test/http:nonroot")
	raw, err := cmd.CombinedOutput()
	out := string(raw)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
	refusal := "ValidatingAdmissionPolicy '" + tools + "' with binding '" + tools + "' denied request: debug container "
	for _, want := range []string{
		"\nuid=65532(nonroot) gid=0(root)", "roll-out\n",
		"goes beyond its target app: runAsUser: not set (target: 65532)", "\nrefused: not the target's user and capabilities\n",
		"has image docker.io/library/busybox, which is none of those allowed: ", "\nrefused: another image\n",
		"error: ValidatingAdmissionPolicy \"" + tools + "\" takes no debug container in pod/web", "goes beyond its target app: runAsUser: 0 (target: 65532)",
		"\nrefused: more than the target\n", "rolebinding.rbac.authorization.k8s.io \"mindebug:group:e2e:" + id + "\" deleted",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if n := strings.Count(out, refusal); n != 3 { // kubectl debug twice, and mindebug
		t.Errorf("the policy refused %d times, want 3", n)
	}
	if _, err := client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Get(t.Context(), tools, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the policy is still there: %v", err)
	}
}
