package attachtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// Subject is what the suite runs against.
type Subject struct {
	// Config reaches the API server. Its user may impersonate others.
	Config *rest.Config
	// Container runs, and has a POSIX shell with cat, dd, stty and yes.
	Container attach.Container
	// Waiting is a container that is in its pod's spec and does not run.
	Waiting attach.Container
	// Late is true where the API server takes a websocket before it asks the kubelet, so that the kubelet's refusal comes
	// over a connection that there is: an *attach.LostError (Kubernetes 1.30; not 1.36).
	Late bool
	// Start starts a container whose own process is that script in a POSIX shell, with stdin, which is closed after the
	// first who attaches has gone, and a terminal if wanted. The script begins by reading a line.
	Start func(t *testing.T, tty bool, script string) attach.Container
}

// Conformance holds attach.Execer to its promises: by websocket, and by SPDY behind proxies that let no websocket through.
func Conformance(t *testing.T, s Subject) {
	t.Run("websocket", func(t *testing.T) {
		t.Parallel()
		s.all(t)
	})
	for i, how := range NoWebsockets() {
		t.Run("websockets refused "+how.Name, func(t *testing.T) {
			t.Parallel()
			proxy := NewProxy(t, s.Config, how.Refusal)
			behind := s
			behind.Config = proxy.Config()
			t.Cleanup(func() {
				if !slices.Contains(proxy.Asked(), "POST SPDY/3.1") {
					t.Errorf("the proxy was asked %q, and never for SPDY", proxy.Asked())
				}
			})
			if i == 0 {
				behind.all(t)
				return
			}
			t.Run("half-closed", behind.halfClosed) // SPDY itself is no different
			behind.refusals(t)
		})
	}
}

// apartScript writes 10 MB to both streams, at the same time.
const apartScript = `emit() { yes "$1" | dd bs=1024 count=20480 iflag=fullblock 2>/dev/null | tr -d "\n"; }; emit e >&2 & emit o; wait; exit 3`

// terminalScript waits for the two sizes of a terminal. The first may come when it runs already.
const terminalScript = `until_size() { until [ "$(stty size)" = "$1" ]; do :; done; echo "size $1"; }
stty -echo; until_size "30 100"; until_size "50 132"; echo err >&2; read -r x; echo "read $x"; exit 8`

func (s Subject) all(t *testing.T) {
	s.streams(t)
	s.losses(t)
	s.refusals(t)
	s.attached(t)
}

// patience bounds each call. It is never waited out where all is well.
const patience = 3 * time.Minute

// exec runs a command by a shell of the container.
func (s Subject) exec(t *testing.T, streams attach.Streams, script string, args ...string) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.execer(t).Exec(ctx, s.Container, append([]string{"sh", "-c", script, "sh"}, args...), streams)
}

func (s Subject) execer(t *testing.T) *attach.Execer {
	t.Helper()
	e, err := attach.NewExecer(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// want fails the test unless the exec ended with that exit status.
func want(t *testing.T, status int, got int, err error) {
	t.Helper()
	if got != status || err != nil {
		t.Errorf("Exec = %d, %v; want %d", got, err, status)
	}
}

func (s Subject) streams(t *testing.T) {
	for _, code := range []int{0, 1, 126, 127, 137, 255} {
		t.Run(fmt.Sprintf("exit status %d", code), func(t *testing.T) {
			t.Parallel()
			got, err := s.exec(t, attach.Streams{Stdout: io.Discard}, `exit "$1"`, fmt.Sprint(code))
			want(t, code, got, err)
		})
	}
	for name, test := range map[string]struct {
		script string
		status int
	}{
		"a command that there is not":  {"exec /nonexistent/program", 127},
		"a command that is no program": {"exec /etc", 126},
		"a command that was killed":    {"kill -KILL $$", 137},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			got, err := s.exec(t, attach.Streams{Stderr: &stderr}, test.script)
			want(t, test.status, got, err)
		})
	}
	t.Run("stdout and stderr apart and whole", s.apart)
	t.Run("output before an early exit", s.early)
	t.Run("stdin to its end", s.stdin)
	t.Run("half-closed", s.halfClosed)
	t.Run("stdin that nobody reads", s.unread)
	t.Run("terminal", s.terminal)
}

// much is a size that does not fit into any buffer on the way.
const much = 10 << 20

// apart: 10 MB on both streams, at the same time.
func (s Subject) apart(t *testing.T) {
	t.Parallel()
	out, errOut := newCounter('o'), newCounter('e')
	got, err := s.exec(t, attach.Streams{Stdout: out, Stderr: errOut},
		apartScript)
	want(t, 3, got, err)
	out.wantMuch(t)
	errOut.wantMuch(t)
}

// early: what a command wrote arrives although it ends at once and its client reads slowly.
func (s Subject) early(t *testing.T) {
	t.Parallel()
	out := newCounter('o')
	got, err := s.exec(t, attach.Streams{Stdin: neverRead(t), Stdout: out},
		`yes o | dd bs=1024 count=20480 iflag=fullblock 2>/dev/null | tr -d "\n"; exit 4`)
	want(t, 4, got, err)
	out.wantMuch(t)
}

// stdin: 10 MB of bytes of all kinds come back as they were.
func (s Subject) stdin(t *testing.T) {
	t.Parallel()
	in := make([]byte, much)
	for i := range in {
		in[i] = byte(i * i >> 7)
	}
	out := sha256.New()
	got, err := s.exec(t, attach.Streams{Stdin: bytes.NewReader(in), Stdout: out}, "cat; exit 5")
	want(t, 5, got, err)
	if sum := sha256.Sum256(in); !bytes.Equal(sum[:], out.Sum(nil)) {
		t.Error("what came back is not what was sent")
	}
}

// halfClosed: a command goes on to write after its input has ended.
func (s Subject) halfClosed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	got, err := s.exec(t, attach.Streams{Stdin: strings.NewReader("typed"), Stdout: &out}, `x=$(cat); echo "after $x"; exit 6`)
	want(t, 6, got, err)
	if out.String() != "after typed\n" {
		t.Errorf("output %q", out.String())
	}
}

// unread: a command's end does not wait for the end of its input.
func (s Subject) unread(t *testing.T) {
	t.Parallel()
	got, err := s.exec(t, attach.Streams{Stdin: neverRead(t), Stdout: io.Discard}, "exit 7")
	want(t, 7, got, err)
}

// terminal: a command sees a terminal of the client's size, and each later one.
func (s Subject) terminal(t *testing.T) {
	t.Parallel()
	onTerminal(t, "", func(streams attach.Streams) {
		got, err := s.exec(t, streams, terminalScript)
		want(t, 8, got, err)
	})
}

// onTerminal has run play terminalScript, types first into it, and looks at what comes.
func onTerminal(t *testing.T, first string, run func(attach.Streams)) {
	t.Helper()
	in, typed := io.Pipe()
	defer typed.Close()
	sizes := make(chan attach.Size, 1)
	sizes <- attach.Size{Width: 100, Height: 30}
	defer close(sizes)
	screen := newScreen()
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(attach.Streams{Stdin: in, Stdout: screen, TTY: true, Sizes: sizes})
	}()
	_, _ = io.WriteString(typed, first)
	screen.expect(t, "size 30 100")
	sizes <- attach.Size{Width: 132, Height: 50}
	screen.expect(t, "size 50 132")
	screen.expect(t, "err") // stderr arrives on the same stream
	_, _ = io.WriteString(typed, "keys\n")
	screen.expect(t, "read keys")
	<-done
}

// losses: what ends the streams early is said by its type.
func (s Subject) losses(t *testing.T) {
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		_, err := s.Interrupted(ctx, t, s.Config, cancel)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v; want that of the context", err)
		}
	})
	t.Run("connection cut", func(t *testing.T) {
		t.Parallel()
		road := NewRoad(t, s.Config)
		status, err := s.Interrupted(context.Background(), t, road.Config(), road.Cut)
		var lost *attach.LostError
		if status != 0 || !errors.As(err, &lost) || lost.Container != s.Container || lost.Cause == nil {
			t.Errorf("Exec = %d, %v (%T); want a *LostError", status, err, err)
		}
	})
}

// end is how a call of Exec ended.
type end struct {
	status int
	err    error
}

// Interrupted runs a command that does not end by itself over the way that config takes, calls interrupt once it runs, and
// returns how Exec ended. The command is killed after that: it may run on (under containerd 2.4.2 it does, but for a
// connection by SPDY that is cut).
func (s Subject) Interrupted(ctx context.Context, t *testing.T, config *rest.Config, interrupt func()) (int, error) {
	t.Helper()
	through := Subject{Config: config}
	execer, screen, ended := through.execer(t), newScreen(), make(chan end, 1)
	go func() {
		status, err := execer.Exec(ctx, s.Container, []string{"sh", "-c", `echo "pid $$."; exec sleep 600`}, attach.Streams{Stdout: screen})
		ended <- end{status, err}
	}()
	screen.expect(t, ".\n")
	pid := strings.TrimSuffix(strings.TrimPrefix(screen.text(), "pid "), ".\n")
	interrupt()
	select {
	case e := <-ended:
		got, err := s.exec(t, attach.Streams{Stdout: io.Discard}, `kill -KILL "$1" 2>/dev/null; exit 9`, pid)
		want(t, 9, got, err)
		return e.status, e.err
	case <-time.After(2 * patience):
		t.Fatalf("the streams did not end within %s", 2*patience)
		return 0, nil
	}
}

// refusals: an answer of the server is told by its type, and nothing of standard input is taken.
func (s Subject) refusals(t *testing.T) {
	absent := s.Container
	absent.Pod = "absent"
	nobody := rest.CopyConfig(s.Config)
	nobody.Impersonate = rest.ImpersonationConfig{UserName: "mindebug:nobody"}
	for name, test := range map[string]struct {
		config *rest.Config
		c      attach.Container
		want   func(error) bool
	}{
		"not allowed": {nobody, s.Container, apierrors.IsForbidden},
		"no such pod": {s.Config, absent, apierrors.IsNotFound},
		"not running": {s.Config, s.Waiting, func(err error) bool {
			var lost *attach.LostError
			if s.Late && errors.As(err, &lost) {
				return strings.Contains(err.Error(), "container not found")
			}
			var refused *attach.RefusedError
			return errors.As(err, &refused) && refused.Status == http.StatusInternalServerError &&
				refused.Container == s.Waiting && strings.Contains(refused.Message, "container not found")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := strings.NewReader("typed")
			refused := Subject{Config: test.config, Container: test.c}
			status, err := refused.exec(t, attach.Streams{Stdin: in, Stdout: io.Discard}, "echo ran")
			if status != 0 || err == nil || !test.want(err) {
				t.Errorf("Exec = %d, %v (%T)", status, err, err)
			}
			if in.Len() != len("typed") && !s.Late {
				t.Error("standard input was read although nothing was connected")
			}
		})
	}
}

// attached: the same, for the process that a container was started with.
func (s Subject) attached(t *testing.T) {
	attachTo := func(t *testing.T, c attach.Container, streams attach.Streams) error {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return s.execer(t).Attach(ctx, c, streams)
	}
	t.Run("attached, stdout and stderr", func(t *testing.T) {
		t.Parallel()
		out, errOut := newCounter('o'), newCounter('e')
		c := s.Start(t, false, "read -r _; "+apartScript)
		if err := attachTo(t, c, attach.Streams{Stdin: strings.NewReader("\n"), Stdout: out, Stderr: errOut}); err != nil {
			t.Errorf("Attach: %v", err)
		}
		out.wantMuch(t)
		errOut.wantMuch(t)
	})
	t.Run("attached, stdin to its end", func(t *testing.T) {
		t.Parallel()
		in := bytes.Repeat([]byte("0123456789abcdef"), much/16)
		out := sha256.New()
		c := s.Start(t, false, "read -r _; cat; exit 5")
		if err := attachTo(t, c, attach.Streams{Stdin: io.MultiReader(strings.NewReader("\n"), bytes.NewReader(in)), Stdout: out}); err != nil {
			t.Errorf("Attach: %v", err)
		}
		if sum := sha256.Sum256(in); !bytes.Equal(sum[:], out.Sum(nil)) {
			t.Error("what came back is not what was sent")
		}
	})
	t.Run("attached, terminal", func(t *testing.T) {
		t.Parallel()
		c := s.Start(t, true, "read -r _; "+terminalScript)
		onTerminal(t, "\n", func(streams attach.Streams) {
			if err := attachTo(t, c, streams); err != nil {
				t.Errorf("Attach: %v", err)
			}
		})
	})
	t.Run("attached, connection cut", func(t *testing.T) {
		t.Parallel()
		road := NewRoad(t, s.Config)
		through := Subject{Config: road.Config()}
		c := s.Start(t, false, "read -r _; echo here; read -r _")
		in, typed := io.Pipe()
		defer typed.Close()
		go func() { _, _ = io.WriteString(typed, "\n") }()
		err := through.execer(t).Attach(context.Background(), c, attach.Streams{Stdin: in, Stdout: writerFunc(func(p []byte) (int, error) {
			road.Cut()
			return len(p), nil
		})})
		var lost *attach.LostError
		if !errors.As(err, &lost) {
			t.Errorf("Attach: %v (%T); want a *LostError", err, err)
		}
	})
	t.Run("attached, not running", func(t *testing.T) {
		t.Parallel()
		err := attachTo(t, s.Waiting, attach.Streams{Stdout: io.Discard})
		var refused *attach.RefusedError
		var lost *attach.LostError
		if (!errors.As(err, &refused) || refused.Status != http.StatusInternalServerError) && (!s.Late || !errors.As(err, &lost)) {
			t.Errorf("Attach: %v (%T); want a *RefusedError", err, err)
		}
	})
}

// writerFunc is a function as an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
