//go:build soak

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/mindebug/kubectl-mindebug/internal/cli"
	"github.com/mindebug/kubectl-mindebug/pkg/attach/attachtest"
)

// session are the words of a session in pod.
func (s *soak) session(pod *corev1.Pod, flags []string, command ...string) []string {
	args := append([]string{"-n", pod.Namespace, soakTTL}, flags...)
	return append(append(args, "pod/"+pod.Name, "--"), command...)
}

// mark is a number, from least on, that no other step has on its command line.
func (s *soak) mark(least int64) string { return strconv.FormatInt(least+s.number.Add(1), 10) }

// sleeper says that it is there and then sleeps, for as long as no other one would.
func (s *soak) sleeper() (command []string, mark string) {
	mark = s.mark(777_000_000)
	return []string{"sh", "-c", "echo here; exec sleep " + mark}, mark
}

// wantNoneLeft waits until no process of the pod has the mark on its command line: neither the command nor its session's shell.
func wantNoneLeft(t *testing.T, pod *corev1.Pod, mark string) {
	t.Helper()
	var left []string
	look := func(context.Context) (bool, error) { // seldom, since all clients look through all of the node
		left = left[:0]
		for _, command := range processesOf(t, pod) {
			if strings.Contains(command, mark) {
				left = append(left, command)
			}
		}
		return len(left) == 0, nil
	}
	if wait.PollUntilContextTimeout(t.Context(), time.Second, patience, true, look) != nil {
		t.Errorf("after %s this is left in pod/%s: %q", patience, pod.Name, left)
	}
}

// soakInput is input that a session gives back.
func soakInput(random *rand.Rand) string {
	var b strings.Builder
	for range random.IntN(20_000) {
		fmt.Fprintln(&b, random.Uint64())
	}
	return b.String()
}

func (s *soak) right(t *testing.T, pod *corev1.Pod, random *rand.Rand) {
	text, status := soakInput(random), random.IntN(100)
	r := invocation{stdin: strings.NewReader(text), args: s.session(pod, []string{"-i"}, "sh", "-c", "cat; exit "+strconv.Itoa(status))}.run(t)
	if r.status != status || r.stdout != text || r.stderr != "" {
		t.Errorf("status %d, %d bytes, stderr %q; want %d and %d", r.status, len(r.stdout), r.stderr, status, len(text))
	}
}

// inProcess is right in this process, which lives as long as the soak and would show what leaks.
func (s *soak) inProcess(t *testing.T, pod *corev1.Pod, random *rand.Rand) {
	text, status := soakInput(random), random.IntN(100)
	var out, said bytes.Buffer
	program := cli.Program{In: strings.NewReader(text), Out: &out, Err: &said, Getenv: os.Getenv, Version: "soak"}
	got := cli.Run(t.Context(), program, s.session(pod, []string{"-i"}, "sh", "-c", "cat; exit "+strconv.Itoa(status)))
	if got != status || out.String() != text || said.Len() > 0 {
		t.Errorf("status %d, %d bytes, stderr %q; want %d and %d", got, out.Len(), &said, status, len(text))
	}
}

func (s *soak) killed(t *testing.T, pod *corev1.Pod, random *rand.Rand) {
	command, mark := s.sleeper()
	b := invocation{args: s.session(pod, []string{"--grace=2s"}, command...)}.start(t)
	b.expect("here\n")
	pause(random, 2000)
	b.signal(syscall.SIGKILL)
	b.wait().want(t, 137, "", "")
	wantNoneLeft(t, pod, mark)
}

func (s *soak) cut(t *testing.T, pod *corev1.Pod, random *rand.Rand) {
	road := attachtest.NewRoad(t, restConfig(t))
	command, mark := s.sleeper()
	b := invocation{args: append(by(road.Config()), s.session(pod, []string{"--grace=2s"}, command...)...)}.start(t)
	b.expect("here\n")
	pause(random, 2000)
	road.Cut()
	b.wait().wantBlock(t, "error: the connection to pod/"+pod.Name+" was lost: ")
	wantNoneLeft(t, pod, mark)
}

const soakCount = `i=0; while [ $((i = i + 1)) -le 40 ]; do echo $i; sleep 0.05; done`

func (s *soak) stalled(t *testing.T, pod *corev1.Pod, random *rand.Rand) {
	road := attachtest.NewRoad(t, restConfig(t))
	b := invocation{args: append(by(road.Config()), s.session(pod, []string{"--grace=30s"}, "sh", "-c", soakCount)...)}.start(t)
	b.expect("1\n2\n")
	resume := road.Stall()
	pause(random, 4000)
	resume()
	r := b.wait()
	wantCount(t, 3, r.stdout)
	if r.status != 0 || r.stderr != "" || !strings.HasSuffix(r.stdout, "\n40\n") {
		t.Errorf("status %d, stdout %q, stderr %q; want all 40", r.status, r.stdout, r.stderr)
	}
}

func (s *soak) stalledTooLong(t *testing.T, pod *corev1.Pod, _ *rand.Rand) {
	road := attachtest.NewRoad(t, restConfig(t))
	command, mark := s.sleeper()
	b := invocation{args: append(by(road.Config()), s.session(pod, []string{"--grace=2s"}, command...)...)}.start(t)
	b.expect("here\n")
	resume := road.Stall()
	wantNoneLeft(t, pod, mark)
	resume()
	r := b.wait()
	if r.status == 125 { // the server has closed the connection, and what it said last may be lost with it
		r.wantBlock(t, "error: the connection to pod/"+pod.Name+" was lost: ")
		return
	}
	r.wantEnded(t, "error: what ran in pod/"+pod.Name+" was killed: nothing was heard of this client for 2s")
}

func (s *soak) interruptedEarly(t *testing.T, pod *corev1.Pod, random *rand.Rand) {
	mark := s.mark(777_000_000)
	b := invocation{args: s.session(pod, nil, "sleep", mark)}.start(t)
	pause(random, 400)
	s.interrupt(t, b)
	wantNoneLeft(t, pod, mark)
}

func (s *soak) interrupted(t *testing.T, pod *corev1.Pod, random *rand.Rand) {
	command, mark := s.sleeper()
	b := invocation{args: s.session(pod, nil, command...)}.start(t)
	b.expect("here\n")
	pause(random, 1000)
	s.interrupt(t, b)
	wantNoneLeft(t, pod, mark)
}

// interrupt ends a session by Ctrl-C. Where the machine is too busy for that, 5 s later it is killed, and 10 s after that it is
// given up.
func (s *soak) interrupt(t *testing.T, b *background) {
	t.Helper()
	b.signal(syscall.SIGINT)
	start := time.Now()
	r := b.wait()
	took := time.Since(start)
	late := r.status == 137 && took >= 5*time.Second || r.status == 125 && took >= 10*time.Second
	if r.status != 130 && !late || r.stdout != "" {
		t.Errorf("status %d after %s, %q, %q; want 130", r.status, took, r.stdout, r.stderr)
	}
	if late {
		s.counts(fmt.Sprintf("interrupted late: %d", r.status))
	}
}

// unread is a reader that leaves: 30 MB are more than fits on the way, and no more than two cores can take.
func (s *soak) unread(t *testing.T, pod *corev1.Pod, _ *rand.Rand) {
	mark := s.mark(4_000_000)
	cmd := invocation{args: s.session(pod, []string{"--grace=2s"}, "seq", mark)}.command(t)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 100_000)); err != nil {
		t.Errorf("reading: %v", err)
	}
	_ = out.Close()
	if status := exitStatus(t, cmd.Wait()); status != 141 {
		t.Errorf("status %d, want 141", status)
	}
	wantNoneLeft(t, pod, mark)
}

func (s *soak) stopped(t *testing.T, _ *corev1.Pod, _ *rand.Rand) {
	command, mark := s.sleeper()
	b := invocation{args: s.session(s.stops, nil, command...)}.start(t)
	b.expect("here\n")
	if r := mindebug(t, s.stops, "stop", "pod/stops", "--force"); r.status != 0 {
		t.Errorf("stop: %d, %q", r.status, r.stderr)
	}
	b.wait().wantEnded(t, "error: session container .* of pod/stops ended, ")
	s.mu.Lock()
	s.ended++
	s.mu.Unlock()
	waitFor(t, s.stops, "end its session container", sessionsEnded)
	wantNoneLeft(t, s.stops, mark)
}

// targetRestarts has a pod of its own, since the kubelet waits longer and longer before it starts one again.
func (s *soak) targetRestarts(t *testing.T, _ *corev1.Pod, _ *rand.Rand) {
	pod := newPod(t, shellTarget(s.namespace, "restarts-"+s.mark(0), "trap 'exit 7' TERM; while :; do sleep 0.1; done"))
	invocation{args: s.session(pod, nil, "sh", "-c", "kill -TERM $TPID; exec sleep 777")}.run(t).wantEnded(t,
		`error: the target (restarted|ended) \(exit 7\): `)
	waitFor(t, pod, "run again", func(p *corev1.Pod) bool {
		states := p.Status.ContainerStatuses
		return len(states) == 1 && states[0].RestartCount == 1 && states[0].State.Running != nil
	})
	invocation{args: s.session(pod, []string{"-c", "app"}, "echo", "again")}.run(t).want(t, 0, "again\n", "")
	grace := metav1.DeleteOptions{GracePeriodSeconds: new(int64(1))}
	if err := client.CoreV1().Pods(s.namespace).Delete(t.Context(), pod.Name, grace); err != nil {
		t.Fatalf("deleting pod: %v", err)
	}
	wantNoneLeft(t, pod, "")
}

func pause(random *rand.Rand, most int) {
	<-time.After(time.Duration(random.IntN(most)) * time.Millisecond)
}
