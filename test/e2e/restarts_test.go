package e2e

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// takeDown ends a part of the cluster and returns what brings it back, which the test's end does in any case. Tests that
// use it are not parallel: while they run no other does.
func takeDown(t *testing.T, part string, flags ...string) (up func()) {
	t.Helper()
	restart := os.Getenv("MINDEBUG_TEST_RESTART")
	if restart == "" {
		t.Skip("needs a cluster whose parts may be restarted: MINDEBUG_TEST_RESTART is not set")
	}
	// Not of t.Context(), which ends before the cleanups: the part must come back.
	cmd := exec.CommandContext(context.Background(), "sh", "-c", restart+` "$@"`, "sh", "--hold")
	cmd.Args = append(append(cmd.Args, flags...), part)
	var said strings.Builder
	cmd.Stderr = &said
	hold, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if inErr != nil || outErr != nil {
		t.Fatalf("restarting %s: %v, %v", part, inErr, outErr)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("restarting %s: %v", part, err)
	}
	up = sync.OnceFunc(func() {
		_ = hold.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("restarting %s: %v\n%s", part, err, said.String())
		}
	})
	t.Cleanup(up)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "down\n" {
		t.Fatalf("restarting %s: it said %q (%v)", part, line, err)
	}
	return up
}

// TestPartsRestart: whichever part of the cluster goes down, who is in a session is told so at once, and how to go on; when
// the part is back the session container is entered again, and nothing of the session runs in it.
func TestPartsRestart(t *testing.T) {
	const nodeDown = "the API server answers, and the target ran when its node last told: the node's kubelet, or the way to it, may be down"
	for part, says := range map[string]struct{ lost, refused string }{
		"kube-apiserver": {"the API server gives no answer: ", "gives no answer"},
		"kubelet":        {nodeDown, "error dialing backend: "},
		"containerd":     {nodeDown, "containerd.sock"},
	} {
		t.Run(part, func(t *testing.T) {
			pod := debugged(t)
			fresh := newPod(t, restrictedPod(t, pod.Namespace, "fresh"))
			container := onlyContainer(t, pod).Name
			shell := onTerminal(t, pod, "--grace=10s", "pod/target")
			shell.expect("$ ")
			shell.send("echo $((40+2))\r")
			shell.expect("42\r\n")
			command := inBackground(t, pod, "--grace=10s", "pod/target", "--", "sh", "-c", "i=0; while echo $((i+=1)); do sleep 0.05; done")
			command.expect("1\n2\n3\n")

			up := takeDown(t, part)
			ended := command.wait()
			wantCount(t, 4, ended.stdout)
			ended.stdout = ""
			ended.wantBlock(t, "error: the connection to pod/target was lost: ", says.lost, "had been started",
				"hint: see what runs there before you start it again: kubectl mindebug -n "+pod.Namespace+" pod/target -c app -- ps\n")
			shell.expect("\r\nerror: the connection to pod/target was lost: ")
			shell.expect(says.lost)
			shell.expect("hint: enter again: kubectl mindebug -n " + pod.Namespace + " pod/target -c app\r\n")
			if status := shell.wait(); status != 125 {
				t.Errorf("the shell's status is %d, want 125", status)
			}
			mindebug(t, pod, "pod/target", "--", "echo", "in").wantBlock(t, says.refused)
			var starting *background
			if part != "kube-apiserver" {
				starting = inBackground(t, pod, "pod/fresh", "--", "echo", "in")
				waitFor(t, fresh, "have a session container", func(p *corev1.Pod) bool { return len(p.Spec.EphemeralContainers) > 0 })
			}
			up()
			if starting != nil {
				starting.wait().want(t, 0, "in\n", "")
			}
			mindebug(t, pod, "pod/target", "--", "echo", "again").want(t, 0, "again\n", "")
			if now := onlyContainer(t, pod).Name; now != container {
				t.Errorf("session container %s took the place of %s", now, container)
			}
			wantOnlyHolder(t, pod, container)
		})
	}
}

// wantCount fails the test unless the lines count on from first: none is lost, and none is there twice.
func wantCount(t *testing.T, first int, text string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for i, line := range lines[:len(lines)-1] {
		if line != strconv.Itoa(first+i) {
			t.Fatalf("line %d is %q", first+i, line)
		}
	}
}

// wantOnlyHolder waits until the session container of the pod holds its holder and nothing else, and the target no zombie.
func wantOnlyHolder(t *testing.T, pod *corev1.Pod, container string) {
	t.Helper()
	eventually(t, func(context.Context) (bool, string) { // ps shows the whole pod
		left := kubectl(t, "exec", "-n", pod.Namespace, pod.Name, "-c", container, "--", "ps", "-o", "stat,args")
		lines := strings.Split(strings.TrimSpace(left), "\n")[1:]
		return len(lines) == 3 && strings.HasSuffix(lines[0], " /app/server") && strings.Contains(lines[1], "mindebug-hold") &&
			strings.Contains(lines[2], " ps "), left
	})
}
