package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/mindebug/kubectl-mindebug/internal/access"
)

// grant applies what `policy roles` prints with these arguments.
func grant(t *testing.T, args ...string) {
	t.Helper()
	manifests := invocation{args: append([]string{"policy", "roles"}, args...)}.run(t)
	if manifests.status != 0 || manifests.stderr != "" {
		t.Fatalf("policy roles %q: status %d, stderr %q", args, manifests.status, manifests.stderr)
	}
	apply := exec.CommandContext(t.Context(), "kubectl", "apply", "-f", "-")
	apply.Stdin = strings.NewReader(manifests.stdout)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("applying the manifests: %v\n%s\nthey are:\n%s", err, out, manifests.stdout)
	}
}

// TestRoles: who may do nothing is told a command; after someone who may has run it, the same session works, and another
// user's rights are as they were.
func TestRoles(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
	for _, output := range []string{"yaml", "json"} {
		u := newUser(t, pod.Namespace, output)
		account := pod.Namespace + ":" + output
		command := "kubectl mindebug policy roles -n " + pod.Namespace + " --serviceaccount " + account + " | kubectl apply -f -"
		failsBeforeThePatch(t, pod, u.as("pod/target", "--", "true"), "you may not get pods", "hint: ask someone who may: "+command)
		grant(t, "-n", pod.Namespace, "--serviceaccount", account, "-o", output)
		for _, call := range access.Session() {
			u.awaitAccess(t, pod.Namespace, call)
		}
		succeeds(t, pod, u.as("pod/target", "--", "true")...)
	}
	first := user{name: "system:serviceaccount:" + pod.Namespace + ":yaml"}
	first.awaitAccess(t, pod.Namespace, access.AddContainer)
}

// TestClusterRole: the manifests for all namespaces are such that the server takes them.
func TestClusterRole(t *testing.T) {
	t.Parallel()
	manifests := invocation{args: []string{"policy", "roles", "-A", "--group", "e2e:oncall", "--user", "https://idp.test/dana%20k"}}.run(t)
	apply := exec.CommandContext(t.Context(), "kubectl", "apply", "--dry-run=server", "-o", "name", "-f", "-")
	apply.Stdin = strings.NewReader(manifests.stdout)
	out, err := apply.CombinedOutput()
	want := "clusterrole.rbac.authorization.k8s.io/mindebug\nclusterrolebinding.rbac.authorization.k8s.io/mindebug:user:https:--idp.test-dana-20k-"
	if err != nil || !strings.HasPrefix(string(out), want) || !strings.Contains(string(out), "/mindebug:group:e2e:oncall\n") {
		t.Errorf("applying: %v\n%s\nwant %s…", err, out, want)
	}
}
