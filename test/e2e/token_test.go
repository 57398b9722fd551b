package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
)

// revoke makes the user's token one that the API server does not accept, as it is with one that has expired.
func (u user) revoke(t *testing.T, namespace string) {
	t.Helper()
	name := u.name[strings.LastIndex(u.name, ":")+1:]
	if err := client.CoreV1().ServiceAccounts(namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatalf("deleting ServiceAccount: %v", err)
	}
	eventually(t, func(context.Context) (bool, string) { // the server keeps a good token in mind for 10 s
		r := invocation{args: u.as("-n", namespace, "pod/no-such-pod", "--", "true")}.run(t)
		return strings.Contains(r.stderr, "does not know you"), r.stderr
	})
}

// TestTokenIsRevokedInASession: a session that has begun goes on; whoever comes later is told to log in.
func TestTokenIsRevokedInASession(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	kim := newUser(t, pod.Namespace, "kim", access.Session()...)
	stdin, keyboard := pipe(t)
	args := append([]string{"-n", pod.Namespace}, kim.as("-i", "pod/target", "--", "sh", "-c", "echo here; cat; exit 7")...)
	inside := invocation{stdin: stdin, args: args}.start(t)
	inside.expect("here\n")
	kim.revoke(t, pod.Namespace)
	if _, err := keyboard.WriteString("still here\n"); err != nil {
		t.Fatalf("writing: %v", err)
	}
	inside.expect("still here\n")
	_ = keyboard.Close()
	inside.wait().want(t, 7, "", "")
	mindebug(t, pod, kim.as("pod/target", "--", "true")...).wantBlock(t,
		"error: the API server does not know you: ", "\nhint: log in again, as for kubectl\n")
}

// TestTokenIsRevokedInAWait: a container that was added starts when its user may not enter it any more, and is named.
func TestTokenIsRevokedInAWait(t *testing.T) {
	pod := restrictedTarget(t)
	kim := newUser(t, pod.Namespace, "kim", access.Session()...)
	up := takeDown(t, "kubelet")
	starts := inBackground(t, pod, kim.as("pod/target", "--", "echo", "in")...)
	now := waitFor(t, pod, "have a session container", func(p *corev1.Pod) bool { return len(p.Spec.EphemeralContainers) > 0 })
	kim.revoke(t, pod.Namespace)
	up()
	starts.wait().wantBlock(t, "error: the API server does not know you any more: ", now.Spec.EphemeralContainers[0].Name,
		"\nhint: log in again, as for kubectl\n")
}
