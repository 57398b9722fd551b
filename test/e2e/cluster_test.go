package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// plainTarget is a pod in the making that tells everything about its user: for tests that are about something else.
func plainTarget(namespace, name string) *kubetest.PodBuilder {
	return kubetest.Pod(namespace, name).Restricted().RunAs(65532, 65532)
}

// serverVersion reads the server's version once.
var serverVersion = sync.OnceValues(func() (int, error) {
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSuffix(version.Minor, "+"))
})

// identityFromStatus reports whether the cluster tells in a pod's status whom a container runs as: by default from
// Kubernetes 1.33 (KEP-3619).
func identityFromStatus(t *testing.T) bool {
	t.Helper()
	minor, err := serverVersion()
	if err != nil {
		t.Fatalf("reading the server's version: %v", err)
	}
	return minor >= 33
}

// succeeds runs a command in a session and returns its output. Another status than 0, or a word on stderr, fails the test.
func succeeds(t *testing.T, pod *corev1.Pod, args ...string) string {
	t.Helper()
	r := mindebug(t, pod, args...)
	if r.status != 0 || r.stderr != "" {
		t.Fatalf("mindebug %q: status %d, stdout %q, stderr %q\nwant status 0 and nothing on stderr", args, r.status, r.stdout, r.stderr)
	}
	return r.stdout
}

// soon bounds a failure: an API call's own bound is 10 s, and the machine may be busy.
const soon = 25 * time.Second

// block is how a failure reads: a line of what stood in the way, facts, a line of what to do.
var block = regexp.MustCompile(`\A(Warning: .*\n)*error: .+\n(  .*\n)*hint: .+\n\z`)

// fails runs mindebug, which must fail as its own within a bound: status 125, nothing on stdout, and one block on stderr that
// has each of the texts.
func fails(t *testing.T, pod *corev1.Pod, args []string, texts ...string) {
	t.Helper()
	start := time.Now()
	r := mindebug(t, pod, args...)
	if took := time.Since(start); took > soon {
		t.Errorf("mindebug %q took %s, more than %s", args, took, soon)
	}
	r.wantBlock(t, texts...)
}

// wantBlock fails the test unless the run failed as mindebug's own, with one block on stderr that has each of the texts.
func (r result) wantBlock(t *testing.T, texts ...string) {
	t.Helper()
	if r.status != 125 || r.stdout != "" || !block.MatchString(r.stderr) {
		t.Errorf("status %d, stdout %q, stderr:\n%s\nwant 125, nothing, and one block of error, facts and hint", r.status, r.stdout, r.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("stderr lacks %q:\n%s", text, r.stderr)
		}
	}
}

// failsBeforeThePatch is fails, and the pod has no more containers than before.
func failsBeforeThePatch(t *testing.T, pod *corev1.Pod, args []string, texts ...string) {
	t.Helper()
	before := current(t, pod).Spec.EphemeralContainers
	fails(t, pod, args, texts...)
	if diff := cmp.Diff(before, current(t, pod).Spec.EphemeralContainers); diff != "" {
		t.Errorf("mindebug %q failed and has changed the pod (-before +after):\n%s", args, diff)
	}
}

// onlyAdded returns the pod's only ephemeral container.
func onlyAdded(t *testing.T, pod *corev1.Pod) corev1.EphemeralContainer {
	t.Helper()
	added := current(t, pod).Spec.EphemeralContainers
	if len(added) != 1 {
		t.Fatalf("the pod has %d ephemeral containers, want 1", len(added))
	}
	return added[0]
}

// waitForSession waits until the pod's status says that its first session container runs.
func waitForSession(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	waitFor(t, pod, "have a running session container", sessionRuns)
}

func sessionRuns(pod *corev1.Pod) bool {
	s := pod.Status.EphemeralContainerStatuses
	return len(s) > 0 && s[0].State.Running != nil
}

// eventually waits until wanted is true, and fails the test with what it says otherwise.
func eventually(t *testing.T, wanted func(context.Context) (bool, string)) {
	t.Helper()
	var said string
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, patience, true, func(ctx context.Context) (done bool, err error) {
		done, said = wanted(ctx)
		return done, nil
	})
	if err != nil {
		t.Fatalf("%v after %s; at the end: %s", err, patience, said)
	}
}

// dryRunAdd asks the server as its administrator to add a container that Pod Security has nothing against,
// without doing it.
func dryRunAdd(ctx context.Context, pod *corev1.Pod) error {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []corev1.EphemeralContainer{{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "asked", Image: "mindebug.test/http:nonroot",
			SecurityContext: kubetest.Pod("", "").Restricted().Build().Spec.Containers[0].SecurityContext,
		},
	}}}})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch,
		metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}, "ephemeralcontainers")
	return err
}

// user is a ServiceAccount with a kubeconfig of its own.
type user struct{ name, kubeconfig string }

// as puts the user's kubeconfig before arguments.
func (u user) as(args ...string) []string {
	return append([]string{"--kubeconfig", u.kubeconfig}, args...)
}

// newUser makes a user of the namespace who may make these calls in it and no other.
func newUser(t *testing.T, namespace, name string, calls ...access.Call) user {
	t.Helper()
	ctx := t.Context()
	accounts := client.CoreV1().ServiceAccounts(namespace)
	meta := metav1.ObjectMeta{Name: name}
	_, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating ServiceAccount: %v", err)
	}
	role := &rbacv1.Role{ObjectMeta: meta}
	for _, call := range calls {
		resource := strings.TrimSuffix(call.Resource+"/"+call.Subresource, "/")
		role.Rules = append(role.Rules, rbacv1.PolicyRule{Verbs: []string{call.Verb}, APIGroups: []string{call.Group}, Resources: []string{resource}})
	}
	if _, err := client.RbacV1().Roles(namespace).Create(ctx, role, metav1.CreateOptions{}); err != nil {
		t.Fatalf("creating Role: %v", err)
	}
	if _, err := client.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatalf("creating RoleBinding: %v", err)
	}
	token, err := accounts.CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating token: %v", err)
	}
	u := user{name: fmt.Sprintf("system:serviceaccount:%s:%s", namespace, name), kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	u.write(t, token.Status.Token)
	for _, call := range calls {
		u.awaitAccess(t, namespace, call)
	}
	return u
}

// write writes the kubeconfig: the administrator's with another user in it.
func (u user) write(t *testing.T, token string) {
	t.Helper()
	raw, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err == nil {
		err = clientcmdapi.MinifyConfig(raw)
	}
	if err == nil {
		raw.AuthInfos = map[string]*clientcmdapi.AuthInfo{u.name: {Token: token}}
		raw.Contexts[raw.CurrentContext].AuthInfo = u.name
		err = clientcmd.WriteToFile(*raw, u.kubeconfig)
	}
	if err != nil {
		t.Fatalf("writing kubeconfig: %v", err)
	}
}

// awaitAccess waits until the API server has taken notice of a Role.
func (u user) awaitAccess(t *testing.T, namespace string, call access.Call) {
	t.Helper()
	eventually(t, func(ctx context.Context) (bool, string) {
		review, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: u.name, ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: call.Verb, Group: call.Group, Resource: call.Resource, Subresource: call.Subresource,
			}},
		}, metav1.CreateOptions{})
		return err == nil && review.Status.Allowed, fmt.Sprintf("%s may not %s (%v)", u.name, call, err)
	})
}

// without returns the calls of a session but one.
func without(call access.Call) []access.Call {
	return slices.DeleteFunc(access.Session(), func(c access.Call) bool { return c == call })
}

// openSession starts a session that lasts until the test's end or the function it returns is called, and waits until its
// command runs.
func openSession(t *testing.T, pod *corev1.Pod, flags ...string) (end func()) {
	t.Helper()
	args := append([]string{"-n", pod.Namespace}, flags...)
	cmd := invocation{args: append(args, "-i", "pod/"+pod.Name, "--", "cat")}.command(t)
	stdin, inErr := cmd.StdinPipe()
	stdout, outErr := cmd.StdoutPipe()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if inErr != nil || outErr != nil || cmd.Start() != nil {
		t.Fatalf("starting session: %v, %v", inErr, outErr)
	}
	end = sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	t.Cleanup(end)
	const word = "here\n"
	answer := make([]byte, len(word))
	if _, err := io.WriteString(stdin, word); err != nil {
		t.Fatalf("writing to session: %v", err)
	}
	if _, err := io.ReadFull(stdout, answer); err != nil || string(answer) != word {
		end()
		t.Fatalf("the session answered %q (%v), want %q; stderr:\n%s", answer, err, word, stderr.String())
	}
	return end
}

// kubectl runs kubectl and returns what it prints.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "kubectl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// silentListener accepts connections on an address of this machine and never answers. It ends with the test.
func silentListener(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	var mu sync.Mutex
	var open []net.Conn
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range open {
			_ = conn.Close()
		}
	})
	return listener.Addr().String()
}
