package e2e

import (
	"context"
	"fmt"
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
			settle(t, pod)
			r.Silence()
			wantGone(t, pod, "sleep")
		})
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
		leaves := inBackground(t, pod, "--grace=1s", "pod/target", "--", "sh", "-c", "echo here; exec httpd -f -p 7777")
		leaves.expect("here\n")
		settle(t, pod)
		leaves.signal(end)
		_ = leaves.cmd.Wait()
		wantGone(t, pod, "httpd")
		echo("still here after " + end.String() + "\n")
	}
	_ = keyboard.Close()
	stays.wait().want(t, 0, "", "")
	onlyContainer(t, pod)
}

// TestClientsAtOnce: two that find no session container both get a session, and leave at most one container each.
func TestClientsAtOnce(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	var clients []*background
	for range 2 {
		clients = append(clients, inBackground(t, pod, "pod/target", "--", "echo", "here"))
	}
	for _, client := range clients {
		client.wait().want(t, 0, "here\n", "")
	}
	if n := len(sessionContainers(t, pod)); n < 1 || n > len(clients) {
		t.Errorf("the pod has %d session containers", n)
	}
	mindebug(t, pod, "pod/target", "--", "echo", "again").want(t, 0, "again\n", "")
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
