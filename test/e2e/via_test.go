package e2e

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/pkg/attach/attachtest"
)

// attached runs `kubectl mindebug … pod/target --via=attach ARGS…` to its end.
func attached(t *testing.T, pod *corev1.Pod, stdin io.Reader, args ...string) result {
	t.Helper()
	args = append([]string{"-n", pod.Namespace, "pod/target", "--via=attach"}, args...)
	return invocation{stdin: stdin, args: args}.run(t)
}

// lastAttached is the container of the pod's last session.
func lastAttached(t *testing.T, pod *corev1.Pod) corev1.EphemeralContainer {
	t.Helper()
	containers := sessionContainers(t, pod)
	if len(containers) == 0 {
		t.Fatal("the pod has no ephemeral container")
	}
	return containers[0] // a strategic merge patch puts what is new first
}

// TestAttached: what a command prints and how it ends is as with exec, and its container ends with it.
func TestAttached(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	signalled := func(s syscall.Signal) string { return fmt.Sprintf("kill -%d $$", s) }
	for _, c := range []struct {
		script, stdout, stderr string
		status                 int
	}{
		{"echo out; echo err >&2", "out\n", "err\n", 0},
		{"exit 7", "", "", 7},
		{"exit 126", "", "", 126},
		{signalled(syscall.SIGTERM), "", "", 143},
		{signalled(syscall.SIGKILL), "", "", 137},
		{"printf 'no end of line'; printf x >&2", "no end of line", "x", 0},
		{"cat; echo end", "end\n", "", 0},
		{"cat $T/app/hello.txt; pwd; cat /proc/self/oom_score_adj", "hello from the target\n/proc/1/root/app\n1000\n", "", 0},
	} {
		attached(t, pod, nil, "--", "sh", "-c", c.script).want(t, c.status, c.stdout, c.stderr)
		if end := waitTerminated(t, pod, lastAttached(t, pod).Name); end.ExitCode != int32(c.status) {
			t.Errorf("%q: the container ended with %d, want %d; it says %q", c.script, end.ExitCode, c.status, end.Message)
		}
	}
	if r := attached(t, pod, nil, "--", "/nowhere"); r.status != 127 || r.stdout != "" {
		t.Errorf("status %d, stdout %q; want 127", r.status, r.stdout)
	}
	words := []string{"a b", "$(HOME) $x `id`", "it's", "é\n", "", "*", "%d\\n", "\\0101", "@@pid", "@pid", strings.Repeat("long ", 2000)}
	want := strings.Replace(strings.Join(words, "|")+"|", "@@pid|@pid", "@pid|1", 1)
	attached(t, pod, nil, append([]string{"--", "printf", "%s|"}, words...)...).want(t, 0, want, "")
	spec := fmt.Sprint(sessionContainers(t, pod))
	if strings.Contains(spec, "hello.txt") || strings.Contains(spec, "it's") {
		t.Error("a user's words stand in the pod's specification")
	}
	wantGone(t, pod, "cat")
}

// TestAttachedWhole: nothing is lost and nothing comes twice, from the first byte on.
func TestAttachedWhole(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	data := make([]byte, 1_000_000)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	const emit = `exec yes 0123456789 | head -c 1000000`
	lines := strings.Repeat("0123456789\n", 1_000_000/11+1)[:1_000_000]
	for i := range 20 {
		if i%2 == 0 {
			r := attached(t, pod, nil, "--", "sh", "-c", emit+"; echo e >&2; exit 3")
			if r.status != 3 || r.stdout != lines || r.stderr != "e\n" {
				t.Errorf("round %d: status %d, %d bytes, stderr %q", i, r.status, len(r.stdout), r.stderr)
			}
			continue
		}
		r := attached(t, pod, bytes.NewReader(data), "-i", "--", "cat")
		if r.status != 0 || r.stdout != string(data) {
			t.Errorf("round %d: status %d, %d bytes, stderr %q", i, r.status, len(r.stdout), r.stderr)
		}
	}
}

// TestAttachedInput: a command that leaves its input, or takes its time, holds up neither its end nor a signal.
func TestAttachedInput(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	much := strings.Repeat("0123456789", 100_000)
	attached(t, pod, strings.NewReader(much), "-i", "--", "sh", "-c", "head -c 10; exit 4").want(t, 4, "0123456789", "")
	attached(t, pod, strings.NewReader(much), "-i", "--grace=5s", "--", "sh", "-c", "sleep 7; wc -c").want(t, 0, "1000000\n", "")
	stdin, keyboard := pipe(t)
	b := invocation{stdin: stdin, args: []string{
		"-n", pod.Namespace, "pod/target", "--via=attach", "-i", "--", "sh", "-c", "trap 'echo term; exit 6' TERM; echo here; while :; do sleep 0.1; done",
	}}.start(t)
	go func() { _, _ = keyboard.WriteString(much) }() // nobody reads it
	b.expect("here\n")
	b.signal(syscall.SIGTERM)
	b.wait().want(t, 6, "term\n", "")
	_ = stdin.Close()
}

// TestAttachedOnATerminal: a shell as by exec; what is typed reaches it only.
func TestAttachedOnATerminal(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	term, prompt := openShell(t, pod, "--via=attach")
	name := lastAttached(t, pod).Name
	notice := fmt.Sprintf("what is typed and printed here is in the log of container %s, for all who may read logs in namespace %s", name, pod.Namespace)
	before, _, _ := strings.Cut(term.text(), prompt)
	if i := strings.LastIndex(before, clearLine); i >= 0 {
		before = before[i+len(clearLine):]
	}
	if !strings.HasPrefix(before, notice) {
		t.Errorf("before the prompt stands %q, want %q first", before, notice)
	}
	raw := term.mode()
	for _, c := range [][2]string{
		{"stty size; id -u\r", "\n30 100\r\n65532\r\n" + prompt},
		{"env | grep -cE 'MINDEBUG_(LIB|RUN|KEEP|ATTACH)'\r", "\n0\r\n" + prompt},
		{"sh -c 'echo r''eady; exec sleep 1000'\r", "\nready\r\n"},
		{"\x03", prompt},
		{"echo status $?\r", "\nstatus 130\r\n" + prompt},
	} {
		term.send(c[0])
		term.expect(c[1])
	}
	term.resize(77, 22)
	term.send("sh -c 'until [ \"$(stty size)\" = \"22 77\" ]; do sleep 0.1; done; echo r''esized'\r")
	term.expect("\nresized\r\n")
	if term.mode() != raw {
		t.Error("the terminal's mode changed in mid-session")
	}
	term.send("exit 7\r")
	term.expect("has ended")
	term.leave("", 7)
	log := kubectl(t, "logs", "-n", pod.Namespace, "target", "-c", name)
	for strings.HasPrefix(log, "hello ") { // the client's, which came before the terminal's echo was off
		_, log, _ = strings.Cut(log, "\n")
	}
	if !strings.HasPrefix(log, "mindebug: what this session prints, and what is typed in it on a terminal, is in this log") ||
		!strings.Contains(log, "echo status $?") {
		t.Errorf("the log is not what is said of it:\n%s", log)
	}
}

// TestAttachedClientGone: however a client goes, what it ran ends, and so does the container.
func TestAttachedClientGone(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"without input": nil, "with input": {"-i"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := restrictedTarget(t)
			stdin, _ := pipe(t)
			args := append([]string{"-n", pod.Namespace, "pod/target", "--via=attach", "--grace=2s"}, flags...)
			b := invocation{stdin: stdin, args: append(args, "--", "sh", "-c", "(httpd -f -p 7777 &); echo here; exec sleep 777")}.start(t)
			b.expect("here\n")
			b.signal(syscall.SIGKILL)
			_ = b.cmd.Wait()
			waitTerminated(t, pod, lastAttached(t, pod).Name)
			wantGone(t, pod, "sleep", "httpd")
		})
	}
	t.Run("on a terminal", func(t *testing.T) {
		t.Parallel()
		pod := restrictedTarget(t)
		term, _ := openShell(t, pod, "--via=attach", "--ttl=10s")
		term.send("sleep 777\r")
		term.expect("sleep 777")
		_ = term.cmd.Process.Kill()
		waitTerminated(t, pod, lastAttached(t, pod).Name)
		wantGone(t, pod, "sleep")
	})
	t.Run("on a terminal, by a signal", func(t *testing.T) {
		t.Parallel()
		pod := restrictedTarget(t)
		term, _ := openShell(t, pod, "--via=attach")
		_ = term.cmd.Process.Signal(syscall.SIGTERM)
		if status := term.wait(); status != 137 {
			t.Errorf("status %d, want 137; the screen:\n%s", status, term.text())
		}
		waitTerminated(t, pod, lastAttached(t, pod).Name)
		wantGone(t, pod, "sh-nothing")
	})
}

// TestAttachedNoClient: a container whose client never comes ends by itself.
func TestAttachedNoClient(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	draft := succeeds(t, pod, "pod/target", "--via=attach", "--dry-run=client", "--", "true")
	var container corev1.EphemeralContainer
	if err := yaml.UnmarshalStrict([]byte(draft), &container); err != nil {
		t.Fatalf("%v in:\n%s", err, draft)
	}
	if !container.Stdin || !container.StdinOnce || container.TTY {
		t.Errorf("stdin %t, once %t, tty %t", container.Stdin, container.StdinOnce, container.TTY)
	}
	container.Command[4] = "2"
	plant(t, pod, container)
	if end := waitTerminated(t, pod, container.Name); strings.TrimSpace(end.Message) != "mindebug: no client came within 2 s" || end.ExitCode != 125 {
		t.Errorf("it ended with %d and %q", end.ExitCode, end.Message)
	}
	wantGone(t, pod, "sh-nothing")
}

// TestWhoMayAttach: exactly the calls of access.AttachedSession are enough, over websockets and SPDY; who may attach only
// is told so.
func TestWhoMayAttach(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for name, calls := range map[string][]access.Call{
		"websockets": access.AttachedSession(),
		"spdy":       slices.DeleteFunc(access.AttachedSession(), func(c access.Call) bool { return c == access.AttachGet }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(ns, name))
			u := newUser(t, ns, name, calls...)
			r := invocation{args: u.as("-n", ns, "pod/"+name, "--", "id", "-u")}.run(t)
			again := fmt.Sprintf("hint: if that is acceptable: kubectl mindebug --via=attach --kubeconfig %s -n %s pod/%s -- id -u\n", u.kubeconfig, ns, name)
			if r.status != 125 || !strings.HasPrefix(r.stderr, "error: you may not create pods/exec") || !strings.HasSuffix(r.stderr, again) {
				t.Errorf("status %d, stderr %q; want %q in it", r.status, r.stderr, again)
			}
			if n := len(sessionContainers(t, pod)); n != 0 {
				t.Errorf("%d containers were added", n)
			}
			if id := succeeds(t, pod, u.as("--via=attach", "pod/"+name, "--", "id", "-u")...); id != "65532\n" {
				t.Errorf("uid %q, want the target's", id)
			}
		})
	}
	t.Run("neither", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, plainTarget(ns, "target"))
		u := newUser(t, ns, "neither", access.GetPod, access.AddContainer)
		failsBeforeThePatch(t, pod, u.as("--via=attach", "pod/target", "--", "true"), "you may not create pods/attach", u.name)
	})
}

// TestAttachedNoWebsockets: behind a proxy that lets no websocket through, attach goes over SPDY, too.
func TestAttachedNoWebsockets(t *testing.T) {
	t.Parallel()
	onNode(t)
	pod := restrictedTarget(t)
	for _, how := range attachtest.NoWebsockets() {
		proxy := attachtest.NewProxy(t, restConfig(t), how.Refusal)
		args := append(by(proxy.Config()), "-i", "--", "sh", "-c", `x=$(cat); echo "out $x"; echo err >&2; exit 7`)
		attached(t, pod, strings.NewReader("typed"), args...).want(t, 7, "out typed\n", "err\n")
		if !slices.Contains(proxy.Asked(), "POST SPDY/3.1") {
			t.Errorf("refused %s: the proxy was asked %q, and never for SPDY", how.Name, proxy.Asked())
		}
	}
}

// TestAttachedIsListed: a session that is attached to is listed with what is in it, is nobody else's, and can be ended.
func TestAttachedIsListed(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	b := inBackground(t, pod, "pod/target", "--via=attach", "--reason=INC-7", "--", "sh", "-c", "echo here; exec sleep 777")
	b.expect("here\n")
	name := lastAttached(t, pod).Name
	waitFor(t, pod, "run its container", func(p *corev1.Pod) bool { return ephemeralState(p, name).Running != nil })
	listed := mindebug(t, pod, "sessions", "pod/target", "-o", "json")
	for _, want := range []string{`"via": "attach"`, `"state": "running"`, `"reason": "INC-7"`, `"session": "`} {
		if !strings.Contains(listed.stdout, want) {
			t.Errorf("the list lacks %s:\n%s", want, listed.stdout)
		}
	}
	if r := mindebug(t, pod, "stop", "pod/target"); r.status != 1 || !strings.Contains(r.stderr, "somebody is in session container "+name) {
		t.Errorf("stop: status %d, stderr %q; want 1, since somebody is in it", r.status, r.stderr)
	}
	if r := mindebug(t, pod, "stop", "pod/target", "--force"); r.status != 0 {
		t.Errorf("stop: status %d, stderr %q", r.status, r.stderr)
	}
	start := time.Now()
	if r := b.wait(); r.status != 137 {
		t.Errorf("the session ended with %d, stderr %q; want 137", r.status, r.stderr)
	}
	if took := time.Since(start); took > soon {
		t.Errorf("it took %s to hear of the end", took)
	}
	wantGone(t, pod, "sleep")
}
