package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// patience bounds every wait of these tests: long, since the machine may be busy, and never waited out where all is well.
const patience = 2 * time.Minute

var (
	// client is the cluster as its administrator sees it.
	client kubernetes.Interface
	// cache is the folder in which the plugin keeps what it has seen.
	cache string
	// stockImage is the public BusyBox image, as the cluster has it.
	stockImage = os.Getenv("MINDEBUG_STOCK_IMAGE")
)

func TestMain(m *testing.M) {
	if err := connect(); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\nhint: run these tests by `make e2e`\n", err)
		os.Exit(1) //nolint:forbidigo // TestMain is the main of these tests
	}
	var err error
	if cache, err = os.MkdirTemp("", "e2e-cache-"); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1) //nolint:forbidigo // as above
	}
	defer os.RemoveAll(cache)
	m.Run()
}

func connect() error {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("reading kubeconfig: %w", err)
	}
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	client, err = kubernetes.NewForConfig(config)
	return err
}

// onNode skips a test where the cluster's own node is not this machine, and returns the cluster's folder.
func onNode(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MINDEBUG_CLUSTER_DIR")
	if dir == "" {
		t.Skip("needs the node: MINDEBUG_CLUSTER_DIR is not set")
	}
	return dir
}

// newNamespace makes a namespace that enforces a Pod Security level ("restricted", "baseline", "privileged") and removes
// it with the test.
func newNamespace(t *testing.T, level string) string {
	t.Helper()
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "e2e-",
		Labels:       map[string]string{"pod-security.kubernetes.io/enforce": level, "mindebug.test/e2e": "true"},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating namespace: %v", err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Errorf("deleting namespace %s: %v", ns.Name, err)
		}
	})
	// Pods want its service account, which takes the controller a moment, and longer after a restart of the API server.
	eventually(t, func(ctx context.Context) (bool, string) {
		_, err := client.CoreV1().ServiceAccounts(ns.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, fmt.Sprintf("service account of namespace %s: %v", ns.Name, err)
	})
	return ns.Name
}

// restrictedTarget is a running pod of the kind that this project exists for: FROM scratch, its uid from its image, in a
// namespace that enforces "restricted".
func restrictedTarget(t *testing.T) *corev1.Pod {
	t.Helper()
	return newPod(t, restrictedPod(t, newNamespace(t, "restricted"), "target"))
}

// restrictedPod is such a pod in the making. Where the status does not tell whom it runs as, its spec does.
func restrictedPod(t *testing.T, namespace, name string) *kubetest.PodBuilder {
	t.Helper()
	b := kubetest.Pod(namespace, name).Restricted()
	if !identityFromStatus(t) {
		b.RunAs(65532, 0)
	}
	return b
}

// newPod creates a pod and waits until its containers are ready.
func newPod(t *testing.T, b *kubetest.PodBuilder) *corev1.Pod {
	t.Helper()
	return waitFor(t, createPod(t, b), "be ready", func(pod *corev1.Pod) bool {
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.ContainersReady {
				return c.Status == corev1.ConditionTrue
			}
		}
		return false
	})
}

// createPod creates a pod and waits for nothing.
func createPod(t *testing.T, b *kubetest.PodBuilder) *corev1.Pod {
	t.Helper()
	pod := b.Build()
	pod.UID = ""
	pod, err := client.CoreV1().Pods(pod.Namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating pod: %v", err)
	}
	return pod
}

// waitFor waits until the pod is as wanted and returns it as it is then.
func waitFor(t *testing.T, pod *corev1.Pod, what string, wanted func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pods := client.CoreV1().Pods(pod.Namespace)
	for ctx.Err() == nil {
		w, err := pods.Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", pod.Name).String()})
		if err != nil {
			t.Fatalf("watching pod: %v", err)
		}
		for event := range w.ResultChan() {
			if now, ok := event.Object.(*corev1.Pod); ok && wanted(now) {
				w.Stop()
				return now
			}
		}
	}
	now, _ := pods.Get(context.Background(), pod.Name, metav1.GetOptions{})
	t.Fatalf("pod %s/%s did not %s within %s: %+v", pod.Namespace, pod.Name, what, patience, now.Status)
	return nil
}

// current reads the pod again.
func current(t *testing.T, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	now, err := client.CoreV1().Pods(pod.Namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatalf("reading pod: %v", err)
	}
	return now
}

// result is how a run of the plugin ended.
type result struct {
	stdout, stderr string
	status         int
}

// invocation is a run of the plugin in the making.
type invocation struct {
	stdin io.Reader
	env   []string
	args  []string
}

// mindebug runs `kubectl mindebug -n NAMESPACE ARGS…` without a terminal, to its end.
func mindebug(t *testing.T, pod *corev1.Pod, args ...string) result {
	t.Helper()
	return invocation{args: append([]string{"-n", pod.Namespace}, args...)}.run(t)
}

// command is the process of the invocation, through kubectl as users call it. It is killed with the test.
func (i invocation) command(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kubectl", append([]string{"mindebug"}, i.args...)...)
	cmd.Env = append(append(os.Environ(), "XDG_CACHE_HOME="+cache), i.env...)
	cmd.Stdin = i.stdin
	cmd.WaitDelay = time.Second
	return cmd
}

func (i invocation) run(t *testing.T) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := i.command(t)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	status := exitStatus(t, cmd.Run())
	return result{stdout.String(), stderr.String(), status}
}

// exitStatus is a process' exit status as a shell has it.
func exitStatus(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		t.Fatalf("running: %v", err)
	case exit.Sys().(syscall.WaitStatus).Signaled():
		return 128 + int(exit.Sys().(syscall.WaitStatus).Signal())
	}
	return exit.ExitCode()
}

// want fails the test unless the run ended with exactly that.
func (r result) want(t *testing.T, status int, stdout, stderr string) {
	t.Helper()
	if r.status != status || r.stdout != stdout || r.stderr != stderr {
		t.Errorf("status %d, stdout %q, stderr %q\nwant %d, %q, %q", r.status, r.stdout, r.stderr, status, stdout, stderr)
	}
}

// terminal is a run of the plugin on a pseudo-terminal.
type terminal struct {
	t    *testing.T
	file *os.File
	cmd  *exec.Cmd

	mu     sync.Mutex
	screen bytes.Buffer
	seen   int
	more   chan struct{}
	done   chan struct{}
}

// onTerminal starts `kubectl mindebug -n NAMESPACE ARGS…` on a pseudo-terminal of 100 by 30 characters.
func onTerminal(t *testing.T, pod *corev1.Pod, args ...string) *terminal {
	t.Helper()
	return invocation{args: append([]string{"-n", pod.Namespace}, args...)}.onTerminal(t)
}

// onTerminal starts the invocation on such a terminal.
func (i invocation) onTerminal(t *testing.T) *terminal {
	t.Helper()
	return terminalOf(t, i.command(t))
}

// terminalOf starts a process on such a terminal.
func terminalOf(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 100, Rows: 30})
	if err != nil {
		t.Fatalf("starting on a terminal: %v", err)
	}
	term := &terminal{t: t, file: file, cmd: cmd, more: make(chan struct{}, 1), done: make(chan struct{})}
	go term.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = file.Close()
		<-term.done
	})
	return term
}

func (t *terminal) read() {
	defer close(t.done)
	buffer := make([]byte, 4096)
	for {
		n, err := t.file.Read(buffer)
		t.mu.Lock()
		t.screen.Write(buffer[:n])
		t.mu.Unlock()
		select {
		case t.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// text is all that was printed so far.
func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.String()
}

// expect waits until text was printed after what the last expect found.
func (t *terminal) expect(text string) {
	t.t.Helper()
	if !t.printed(text, patience) {
		t.t.Fatalf("%q was not printed within %s; this was:\n%s", text, patience, t.text())
	}
}

// printed reports whether what expect waits for came within bound.
func (t *terminal) printed(text string, bound time.Duration) bool {
	t.t.Helper()
	deadline := time.After(bound)
	for {
		all := t.text()
		if i := strings.Index(all[t.seen:], text); i >= 0 {
			t.seen += i + len(text)
			return true
		}
		select {
		case <-t.more:
		case <-t.done:
			if !strings.Contains(t.text()[t.seen:], text) {
				t.t.Fatalf("the program ended before it printed %q; it printed:\n%s", text, t.text())
			}
		case <-deadline:
			return false
		}
	}
}

// send types keys.
func (t *terminal) send(keys string) {
	t.t.Helper()
	if _, err := t.file.WriteString(keys); err != nil {
		t.t.Fatalf("typing %q: %v", keys, err)
	}
}

// resize changes the window's size.
func (t *terminal) resize(width, height uint16) {
	t.t.Helper()
	if err := pty.Setsize(t.file, &pty.Winsize{Cols: width, Rows: height}); err != nil {
		t.t.Fatalf("resizing: %v", err)
	}
}

// wait waits for the program's end and returns its exit status.
func (t *terminal) wait() int {
	t.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- t.cmd.Wait() }()
	select {
	case err := <-ended:
		return exitStatus(t.t, err)
	case <-time.After(patience):
		t.t.Fatalf("the program did not end within %s; it printed:\n%s", patience, t.text())
		return 0
	}
}
