package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/term"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// debugged is a restricted target with a session container, which parallel runs can enter.
func debugged(t *testing.T, args ...string) *corev1.Pod {
	t.Helper()
	pod := restrictedTarget(t)
	mindebug(t, pod, append(append([]string{"pod/target"}, args...), "--", "true")...).want(t, 0, "", "")
	return pod
}

// sessionContainers are the pod's ephemeral containers as they are now.
func sessionContainers(t *testing.T, pod *corev1.Pod) []corev1.EphemeralContainer {
	t.Helper()
	return current(t, pod).Spec.EphemeralContainers
}

// onlyContainer is the pod's only ephemeral container.
func onlyContainer(t *testing.T, pod *corev1.Pod) corev1.EphemeralContainer {
	t.Helper()
	containers := sessionContainers(t, pod)
	if len(containers) != 1 {
		t.Fatalf("the pod has %d ephemeral containers, want 1", len(containers))
	}
	return containers[0]
}

// ephemeralState is the state of an ephemeral container of the pod.
func ephemeralState(pod *corev1.Pod, name string) corev1.ContainerState {
	for i := range pod.Status.EphemeralContainerStatuses {
		if s := &pod.Status.EphemeralContainerStatuses[i]; s.Name == name {
			return s.State
		}
	}
	return corev1.ContainerState{}
}

// waitTerminated waits for the end of an ephemeral container and returns what it says about it.
func waitTerminated(t *testing.T, pod *corev1.Pod, name string) *corev1.ContainerStateTerminated {
	t.Helper()
	now := waitFor(t, pod, "end its session container", func(p *corev1.Pod) bool {
		return ephemeralState(p, name).Terminated != nil
	})
	return ephemeralState(now, name).Terminated
}

// plant adds ephemeral containers to the pod, as anyone may who may debug it, and waits until they run.
func plant(t *testing.T, pod *corev1.Pod, containers ...corev1.EphemeralContainer) {
	t.Helper()
	changed := current(t, pod)
	changed.Spec.EphemeralContainers = append(changed.Spec.EphemeralContainers, containers...)
	_, err := client.CoreV1().Pods(pod.Namespace).UpdateEphemeralContainers(t.Context(), pod.Name, changed, metav1.UpdateOptions{})
	if err != nil {
		t.Fatalf("adding ephemeral containers: %v", err)
	}
	waitFor(t, pod, "run the planted containers", func(p *corev1.Pod) bool {
		for i := range containers {
			if ephemeralState(p, containers[i].Name).Running == nil {
				return false
			}
		}
		return true
	})
}

// wantGone fails the test unless every process of these names is soon gone from the pod's process namespace, and there is
// no zombie in it.
func wantGone(t *testing.T, pod *corev1.Pod, names ...string) {
	t.Helper()
	const script = `for i in $(seq 100); do
		ps -o stat,comm | grep -Eq "^Z| ($1)\$" || exit 0
		sleep 0.1
	done; ps -o stat,pid,ppid,comm,args; exit 1`
	pattern := strings.Join(names, "|")
	if left := mindebug(t, pod, "pod/target", "--", "sh", "-c", script, "_", pattern); left.status != 0 {
		t.Errorf("one of %s is left (status %d):\n%s%s", pattern, left.status, left.stdout, left.stderr)
	}
}

// background is a run of the plugin that a test talks to while it runs.
type background struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    *bufio.Reader
	stderr bytes.Buffer
}

// start starts the invocation. It is killed after patience, so that no wait for it is longer.
func (i invocation) start(t *testing.T) *background {
	t.Helper()
	b := &background{t: t, cmd: i.command(t)}
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("starting: %v", err)
	}
	b.out, b.cmd.Stderr = bufio.NewReader(stdout), &b.stderr
	if err := b.cmd.Start(); err != nil {
		t.Fatalf("starting: %v", err)
	}
	timer := time.AfterFunc(patience, func() { _ = b.cmd.Process.Kill() })
	t.Cleanup(func() { timer.Stop() })
	return b
}

// inBackground starts `kubectl mindebug -n NAMESPACE ARGS…`.
func inBackground(t *testing.T, pod *corev1.Pod, args ...string) *background {
	t.Helper()
	return invocation{args: append([]string{"-n", pod.Namespace}, args...)}.start(t)
}

// expect waits for text, which must be the next on stdout.
func (b *background) expect(text string) {
	b.t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(b.out, got)
	if err != nil || string(got) != text {
		status := exitStatus(b.t, b.cmd.Wait())
		b.t.Fatalf("stdout %q (%v), want %q; then status %d, stderr %q", got[:n], err, text, status, b.stderr.String())
	}
}

func (b *background) signal(s syscall.Signal) {
	b.t.Helper()
	if err := b.cmd.Process.Signal(s); err != nil {
		b.t.Fatalf("sending %s: %v", s, err)
	}
}

// wait waits for the end and returns the result, with what stdout had after the last line that was expected.
func (b *background) wait() result {
	b.t.Helper()
	rest, err := io.ReadAll(b.out)
	if err != nil {
		b.t.Fatalf("reading stdout: %v", err)
	}
	status := exitStatus(b.t, b.cmd.Wait())
	return result{string(rest), b.stderr.String(), status}
}

// pipe is a standard input that a test writes to.
func pipe(t *testing.T) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatalf("making pipe: %v", err)
	}
	t.Cleanup(func() {
		_ = read.Close()
		_ = write.Close()
	})
	return read, write
}

// place is how the program names the container "app" of the pod: "prod-eu shop/web-7d app".
func place(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		t.Fatalf("reading kubeconfig: %v", err)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s/%s app", config.CurrentContext, pod.Namespace, pod.Name))
}

// mode is the terminal's mode: echo, line editing, signals.
func (t *terminal) mode() term.State {
	t.t.Helper()
	conn, err := t.file.SyscallConn()
	if err != nil {
		t.t.Fatalf("reading the terminal's mode: %v", err)
	}
	var state *term.State
	var stateErr error
	if err := conn.Control(func(fd uintptr) { state, stateErr = term.GetState(int(fd)) }); err != nil || stateErr != nil {
		t.t.Fatalf("reading the terminal's mode: %v, %v", err, stateErr)
	}
	return *state
}
