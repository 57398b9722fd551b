package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mindebug/kubectl-mindebug/pkg/attach/attachtest"
)

// TestNetworkThatStalls: for less than the grace period nothing is lost; after it what ran is gone.
func TestNetworkThatStalls(t *testing.T) {
	t.Parallel()
	onNode(t)
	const count = `i=0; while [ $((i = i + 1)) -le 30 ]; do echo $i; sleep 0.1; done`
	var all strings.Builder
	for i := 1; i <= 30; i++ {
		fmt.Fprintln(&all, i)
	}
	for name, flags := range map[string][]string{"command": nil, "command with stdin": {"-i"}} {
		t.Run(name+", shorter than the grace period", func(t *testing.T) {
			t.Parallel()
			pod := debugged(t)
			r := attachtest.NewRoad(t, restConfig(t))
			stdin, _ := pipe(t)
			args := append(append(append(by(r.Config()), "-n", pod.Namespace, "--grace=20s", "pod/target"), flags...), "--", "sh", "-c", count)
			b := invocation{stdin: stdin, args: args}.start(t)
			b.expect("1\n2\n")
			resume := r.Stall()
			<-time.After(4 * time.Second)
			resume()
			b.wait().want(t, 0, strings.TrimPrefix(all.String(), "1\n2\n"), "")
		})
		t.Run(name+", longer than the grace period", func(t *testing.T) {
			t.Parallel()
			pod := debugged(t)
			r := attachtest.NewRoad(t, restConfig(t))
			stdin, _ := pipe(t)
			args := append(append(append(by(r.Config()), "-n", pod.Namespace, "--grace=2s", "pod/target"), flags...), "--", "sh", "-c", "echo here; exec sleep 777")
			b := invocation{stdin: stdin, args: args}.start(t)
			b.expect("here\n")
			r.Silence()
			wantGone(t, pod, "sleep")
		})
	}
}

// TestClientThatStops: one that was stopped (Ctrl-Z, a laptop that slept) for longer than the grace period is told what that
// cost; for less it costs nothing.
func TestClientThatStops(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	for name, flags := range map[string][]string{"command": nil, "command with stdin": {"-i"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdin, _ := pipe(t)
			start := func(grace, command string) *background {
				args := append(append([]string{"-n", pod.Namespace, "--grace=" + grace, "pod/target"}, flags...), "--", "sh", "-c", command)
				b := invocation{stdin: stdin, args: args}.start(t)
				b.expect("here\n")
				b.signal(syscall.SIGSTOP)
				return b
			}
			patient := start("20s", "echo here; sleep 4; echo there")
			hasty := start("2s", "echo here; exec tail -f /dev/null")
			wantGone(t, pod, "tail")
			hasty.signal(syscall.SIGCONT)
			hasty.wait().wantEnded(t, `error: what ran in pod/target was killed: nothing was heard of this client for 2s \(--grace\)\nhint: .*`)
			patient.signal(syscall.SIGCONT)
			patient.wait().want(t, 0, "there\n", "")
		})
	}
}

// TestReaderThatPauses: output that waits to be taken for longer than the grace period ends nothing, and none of it is lost.
func TestReaderThatPauses(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	const lines = 3000000 // some 20 MB, which is more than fits on the way
	b := inBackground(t, pod, "--grace=10s", "pod/target", "--", "seq", strconv.Itoa(lines))
	b.expect("1\n2\n")
	keepers := "until ps -o args | grep -q '^sh.*mindebug-kee[p]:.* 10$'; do sleep 0.1; done"
	succeeds(t, pod, "pod/target", "--", "sh", "-c", keepers) // the keeper with a connection of its own has come
	<-time.After(13 * time.Second)
	all := sha256.New()
	for i := 3; i <= lines; i++ {
		fmt.Fprintln(all, i)
	}
	got := b.wait()
	if sum := sha256.Sum256([]byte(got.stdout)); got.status != 0 || got.stderr != "" || !bytes.Equal(sum[:], all.Sum(nil)) {
		t.Errorf("status %d, %d bytes of output, stderr %q; want 0 and all that there is", got.status, len(got.stdout), got.stderr)
	}
}

// TestClientsTogether: sessions in one container do not disturb each other, however one of them leaves.
func TestClientsTogether(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	stdin, keyboard := pipe(t)
	stays := invocation{stdin: stdin, args: []string{"-n", pod.Namespace, "-i", "pod/target", "--", "cat"}}.start(t)
	echo := func(text string) {
		t.Helper()
		if _, err := keyboard.WriteString(text); err != nil {
			t.Fatalf("writing: %v", err)
		}
		stays.expect(text)
	}
	echo("begun\n")
	for _, end := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		leaves := inBackground(t, pod, "--grace=1s", "pod/target", "--", "sh", "-c", "echo here; exec tail -f /dev/null")
		leaves.expect("here\n")
		leaves.signal(end)
		_ = leaves.cmd.Wait()
		wantGone(t, pod, "tail")
		echo("still here after " + end.String() + "\n")
	}
	_ = keyboard.Close()
	stays.wait().want(t, 0, "", "")
	onlyContainer(t, pod)
}

// TestClientsAtOnce: those that find no session container at the same moment all get a session, in one container.
func TestClientsAtOnce(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	var clients []*background
	for range 8 {
		clients = append(clients, inBackground(t, pod, "pod/target", "--", "echo", "here"))
	}
	for _, client := range clients {
		client.wait().want(t, 0, "here\n", "")
	}
	onlyContainer(t, pod)
}

// TestFiftySessions: one after another, they leave one entry, no process and no zombie.
func TestFiftySessions(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	for range 50 {
		mindebug(t, pod, "pod/target", "--", "sh", "-c", "sleep 777 & echo done").want(t, 0, "done\n", "")
	}
	container := onlyContainer(t, pod).Name
	eventually(t, func(context.Context) (bool, string) {
		left := kubectl(t, "exec", "-n", pod.Namespace, pod.Name, "-c", container, "--", "ps", "-o", "args")
		lines := strings.Split(strings.TrimSpace(left), "\n")
		return len(lines) == 4 && lines[1] == "/app/server" && strings.Contains(lines[2], "mindebug-hold") &&
			strings.HasPrefix(lines[3], "ps "), left
	})
}
