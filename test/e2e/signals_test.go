package e2e

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A signal to the client of a command without a terminal reaches the remote command at once.
func TestSignals(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	const (
		traps    = `trap 'echo got INT; exit 5' INT; trap 'echo got TERM; exit 6' TERM; echo ready; while :; do sleep 0.1; done`
		defaults = `echo ready; exec sleep 1000`
		waits    = `sh -c 'echo ready; exec sleep 1000'; echo not reached`
		ignores  = `trap '' INT TERM; echo ready; sleep 1000`
	)
	for name, c := range map[string]struct {
		flag, script string
		signal       syscall.Signal
		status       int
		stdout       string
		atLeast      time.Duration
	}{
		"trapped INT":             {script: traps, signal: syscall.SIGINT, status: 5, stdout: "got INT\n"},
		"trapped TERM":            {script: traps, signal: syscall.SIGTERM, status: 6, stdout: "got TERM\n"},
		"trapped INT with stdin":  {flag: "-i", script: traps, signal: syscall.SIGINT, status: 5, stdout: "got INT\n"},
		"trapped TERM with stdin": {flag: "-i", script: traps, signal: syscall.SIGTERM, status: 6, stdout: "got TERM\n"},
		"INT":                     {script: defaults, signal: syscall.SIGINT, status: 130},
		"TERM":                    {script: defaults, signal: syscall.SIGTERM, status: 143},
		"INT with stdin":          {flag: "-i", script: defaults, signal: syscall.SIGINT, status: 130},
		"TERM with stdin":         {flag: "-i", script: defaults, signal: syscall.SIGTERM, status: 143},
		"INT to a shell":          {script: waits, signal: syscall.SIGINT, status: 130},
		"TERM to a shell":         {script: waits, signal: syscall.SIGTERM, status: 143},
		"ignored INT":             {script: ignores, signal: syscall.SIGINT, status: 137, atLeast: 5 * time.Second},
		"ignored TERM":            {script: ignores, signal: syscall.SIGTERM, status: 137, atLeast: 5 * time.Second},
		"ignored INT with stdin":  {flag: "-i", script: ignores, signal: syscall.SIGINT, status: 137, atLeast: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdin, _ := pipe(t)
			i := invocation{stdin: stdin, args: []string{"-n", pod.Namespace, "pod/target"}}
			if c.flag != "" {
				i.args = append(i.args, c.flag)
			}
			i.args = append(i.args, "--", "sh", "-c", c.script)
			b := i.start(t)
			b.expect("ready\n")
			sent := time.Now()
			b.signal(c.signal)
			got := b.wait()
			got.stderr = strings.TrimSuffix(got.stderr, "Terminated\n") // the remote shell's word for its own child
			got.want(t, c.status, c.stdout, "")
			if took := time.Since(sent); took < c.atLeast {
				t.Errorf("it took %s; want at least %s", took, c.atLeast)
			}
		})
	}
}

// What runs in a session does not outlive a client that was killed by more than the grace period.
func TestKilledClient(t *testing.T) {
	t.Parallel()
	const (
		ignores = `yes >/dev/null & echo ready; exec tail -f /dev/null` // the end of standard input
		leased  = `until ps -o args | grep -q ^sh.*mindebug-kee[p]:$MINDEBUG_SESSION; do sleep 0.1; done; ` + ignores
	)
	for name, args := range map[string][]string{
		"command":                             {"--", "sh", "-c", ignores},
		"command with stdin":                  {"-i", "--", "sh", "-c", ignores},
		"command with stdin, under its lease": {"-i", "--", "sh", "-c", leased},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := debugged(t)
			stdin, _ := pipe(t)
			b := invocation{stdin: stdin, args: append([]string{"-n", pod.Namespace, "pod/target", "--grace=10s"}, args...)}.start(t)
			b.expect("ready\n")
			b.signal(syscall.SIGKILL)
			_ = b.cmd.Wait()
			wantGone(t, pod, "tail", "yes")
		})
	}
	for name, end := range map[string]func(*terminal){
		"shell": func(term *terminal) { _ = term.cmd.Process.Kill() },
		"shell in a closed window": func(term *terminal) {
			_ = term.cmd.Process.Signal(syscall.SIGHUP) // what closing the window sends; a read in progress keeps the file open
			_ = term.file.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := debugged(t)
			term, _ := openShell(t, pod, "--grace=10s")
			term.send("yes >/dev/null & sh -c 'echo r''eady; exec tail -f /dev/null'\r")
			term.expect("\nready\r\n")
			end(term)
			wantGone(t, pod, "tail", "yes")
		})
	}
}

// TestZombiesAreSeen shows what the other tests would see: the target's first process never waits for a child.
func TestZombiesAreSeen(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	wantGone(t, pod, "none")
	// The session's reaper is killed, so that its shell is left to the target's first process.
	const orphan = `while read -r key value; do [ $key != PPid: ] || reaper=$value; done </proc/$PPID/status; kill -KILL $reaper`
	mindebug(t, pod, "pod/target", "--", "sh", "-c", orphan)
	const look = `for i in $(seq 100); do ps -o stat,ppid | grep -q "^Z.* 1\$" && exit 0; sleep 0.1; done; ps -o stat,pid,ppid,args; exit 1`
	succeeds(t, pod, "pod/target", "--", "sh", "-c", look)
}

// A signal before the command has begun ends the wait for it, here for an image that a registry never hands out.
func TestSignalBeforeTheCommandBegins(t *testing.T) {
	t.Parallel()
	onNode(t) // the registry is here
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			pod := restrictedTarget(t)
			registry, asked := silentRegistry(t)
			b := inBackground(t, pod, "pod/target", "--image="+registry+"/debug:1", "--", "echo", "hi")
			select {
			case <-asked:
			case <-time.After(patience):
				t.Fatal("the image was never asked for")
			}
			b.signal(signal)
			got := b.wait()
			if got.status != 128+int(signal) || got.stdout != "" || !strings.HasPrefix(got.stderr, "error: interrupted before the command began\n") {
				t.Errorf("status %d, stdout %q, stderr %q", got.status, got.stdout, got.stderr)
			}
		})
	}
}

// silentRegistry is the address of a registry that accepts connections and never answers. Asked is closed when the first
// came.
func silentRegistry(t *testing.T) (address string, asked <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	came := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var open []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				break
			}
			if open = append(open, conn); len(open) == 1 {
				close(came)
			}
		}
		for _, conn := range open {
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return listener.Addr().String(), came
}
