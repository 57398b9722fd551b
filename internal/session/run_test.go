package session

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// TestRunSays checks the words of the exec request.
func TestRunSays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		r     Request
		flags string
	}{
		{name: "a command", r: Request{Command: []string{"ls", "-l"}}, flags: "-k"},
		{name: "quiet", r: Request{Quiet: true, Command: []string{"ls"}}, flags: "-qk"},
		{name: "asking for the image", r: Request{SeeImage: true, Command: []string{"ls"}}, flags: "-sk"},
		{name: "with its own input", r: Request{Stdin: strings.NewReader("x"), Command: []string{"cat"}}, flags: "-i"},
		{name: "a shell on a terminal", r: Request{Stdin: strings.NewReader("x"), TTY: true}, flags: "-"},
		{name: "a terminal without input would echo the lease", r: Request{TTY: true, Command: []string{"top"}}, flags: "-"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &container{}
			var got []Greeting
			test.r.TargetID, test.r.Place, test.r.Grace = "0123", "here $HOME", 1500*time.Millisecond
			test.r.Stdout, test.r.Stderr = io.Discard, io.Discard
			test.r.Begun = func(g Greeting) { got = append(got, g) }
			if status, err := run(t.Context(), f, attach.Container{}, test.r); status != 0 || err != nil {
				t.Fatalf("run = %d, %v", status, err)
			}
			if diff := cmp.Diff([]Greeting{heard}, got); diff != "" {
				t.Errorf("greetings (-want +got):\n%s", diff)
			}
			command := f.commands[0]
			id := command[4]
			want := append([]string{"sh", "-c", `eval "$MINDEBUG_RUN"`, "mindebug", id, "0123", "2", "here $HOME", test.flags}, test.r.Command...)
			if diff := cmp.Diff(want, command); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(id, "mindebug:") || len(id) != len("mindebug:12345678:") {
				t.Errorf("session %q is not one", id)
			}
		})
	}
}

// reader tells whether it was read from.
type reader struct {
	io.Reader
	read atomic.Bool
}

func (r *reader) Read(p []byte) (int, error) {
	r.read.Store(true)
	return r.Reader.Read(p)
}

// TestInputWaitsForTheGreeting: an attempt that comes to nothing takes none of the user's input, and the next gets all.
func TestInputWaitsForTheGreeting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &reader{Reader: strings.NewReader("typed early")}
		r := aRequest(io.Discard)
		r.Stdin = in
		silent := execerFunc(func(ctx context.Context, _ attach.Container, command []string, s attach.Streams) (int, error) {
			if command[3] != "mindebug" {
				t.Errorf("a keeper was started before the session had begun: %q", command)
			}
			got := make(chan string)
			go func() {
				data, _ := io.ReadAll(s.Stdin)
				got <- string(data)
			}()
			wait(t, time.Hour)
			go func() {
				if data := <-got; data != "" {
					t.Errorf("an attempt that failed read %q", data)
				}
			}()
			return 0, errors.New("container not found")
		})
		_, err := run(t.Context(), silent, attach.Container{}, r)
		var notBegun *notBegunError
		if !errors.As(err, &notBegun) {
			t.Errorf("error = %v; want a *notBegunError", err)
		}
		synctest.Wait()
		if in.read.Load() {
			t.Fatal("standard input was read although nothing had begun")
		}

		var echoed bytes.Buffer
		r.Stdout = &echoed
		f := &container{command: func(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
			_, err := io.Copy(s.Stdout, s.Stdin)
			wait(t, time.Millisecond) // for the keeper's stream to begin to open
			return 7, err
		}}
		status, err := run(t.Context(), f, attach.Container{}, r)
		if status != 7 || err != nil || echoed.String() != "typed early" {
			t.Errorf("run = %d, %v with output %q; want 7, nil, %q", status, err, echoed.String(), "typed early")
		}
		if diff := cmp.Diff([]string{"end"}, f.words()); diff != "" {
			t.Errorf("the keeper heard (-want +got):\n%s", diff)
		}
	})
}

type execerFunc func(context.Context, attach.Container, []string, attach.Streams) (int, error)

func (f execerFunc) Exec(ctx context.Context, c attach.Container, command []string, s attach.Streams) (int, error) {
	return f(ctx, c, command, s)
}

// TestRunNotBegun tells the ends before the command from those after it.
func TestRunNotBegun(t *testing.T) {
	t.Parallel()
	refused := errors.New("container not found")
	tests := []struct {
		name   string
		execer Execer
		want   string
	}{
		{"refused", &container{refusals: []error{refused}}, "entering the container: container not found"},
		{"stopped", &container{greeting: "mindebug 1\nstop gone\n"}, "entering the container: the session stopped: gone"},
		{"garbage", &container{greeting: "what?\ngo\n"}, `entering the container: reading greeting: "what?" is not protocol 1`},
		{
			"no greeting",
			execerFunc(func(context.Context, attach.Container, []string, attach.Streams) (int, error) { return 127, nil }),
			"entering the container: the shell ended with exit status 127",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := aRequest(io.Discard)
			r.Begun = func(Greeting) { t.Error("begun") }
			status, err := run(t.Context(), test.execer, attach.Container{}, r)
			var notBegun *notBegunError
			if status != 0 || !errors.As(err, &notBegun) || err.Error() != test.want {
				t.Errorf("run = %d, %v; want 0, %s", status, err, test.want)
			}
		})
	}
}

// TestSignals: a signal becomes a line for the keeper, on whichever stream it has, and SIGKILL follows.
func TestSignals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		signal syscall.Signal
		word   string
	}{{syscall.SIGINT, "INT"}, {syscall.SIGTERM, "TERM"}, {syscall.SIGHUP, "TERM"}} {
		for _, in := range []string{"no input", "input"} {
			t.Run(test.signal.String()+", "+in, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					signals := make(chan syscall.Signal, 1)
					var after []time.Duration
					f := &container{command: func(_ context.Context, _ attach.Streams, heard <-chan string) (int, error) {
						wait(t, time.Second)
						sent := time.Now()
						signals <- test.signal
						for word := range heard {
							if word != "." {
								after = append(after, time.Since(sent))
							}
							if word == "KILL" {
								return 137, nil
							}
						}
						return 0, nil
					}}
					r := aRequest(io.Discard)
					r.Signals = signals
					if in == "input" {
						typed, writer := io.Pipe()
						defer writer.Close()
						r.Stdin = typed
					}
					status, err := run(t.Context(), f, attach.Container{}, r)
					if status != 137 || err != nil {
						t.Errorf("run = %d, %v; want 137", status, err)
					}
					words := f.words()
					if diff := cmp.Diff([]string{test.word, "KILL"}, words[:2]); diff != "" {
						t.Errorf("the keeper heard (-want +got):\n%s", diff)
					}
					if diff := cmp.Diff([]time.Duration{0, killAfter}, after); diff != "" {
						t.Errorf("after (-want +got):\n%s", diff)
					}
				})
			})
		}
	}
}

// TestCommandThatObeys ends by itself on a signal: nothing is killed.
func TestCommandThatObeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan syscall.Signal, 1)
		f := &container{command: func(_ context.Context, _ attach.Streams, heard <-chan string) (int, error) {
			signals <- syscall.SIGINT
			for word := range heard {
				if word == "INT" {
					break
				}
			}
			wait(t, killAfter-time.Millisecond)
			return 130, nil
		}}
		r := aRequest(io.Discard)
		r.Signals = signals
		status, err := run(t.Context(), f, attach.Container{}, r)
		wait(t, time.Minute)
		if status != 130 || err != nil || slices.Contains(f.words(), "KILL") {
			t.Errorf("run = %d, %v, the keeper heard %q; want 130 and no KILL", status, err, f.words())
		}
	})
}

// TestSignsOfLife come four times in each grace period.
func TestSignsOfLife(t *testing.T) {
	t.Parallel()
	for grace, want := range map[time.Duration]int{time.Minute: 8, 8 * time.Second: 60, time.Second: 480} {
		t.Run(grace.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var got int
				f := &container{command: func(_ context.Context, _ attach.Streams, heard <-chan string) (int, error) {
					over := time.After(2*time.Minute + time.Millisecond)
					for {
						select {
						case <-heard:
							got++
						case <-over:
							return 0, nil
						}
					}
				}}
				r := aRequest(io.Discard)
				r.Grace = grace
				if _, err := run(t.Context(), f, attach.Container{}, r); err != nil {
					t.Fatal(err)
				}
				if got != want {
					t.Errorf("%d signs of life in two minutes; want %d", got, want)
				}
			})
		})
	}
}

// shows is a command that shows something, and goes on for a moment in which its keeper's stream begins to open.
func shows(t *testing.T) func(context.Context, attach.Streams, <-chan string) (int, error) {
	return func(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
		_, err := io.WriteString(s.Stdout, "$ ")
		wait(t, time.Millisecond)
		return 0, err
	}
}

// TestKeeperComesLater: on a terminal the keeper's stream waits for some seconds, else for the command's first output, but not
// for long; what is to be passed on does not wait, and where the command has ended before there is no stream.
func TestKeeperComesLater(t *testing.T) {
	t.Parallel()
	const far, soon = time.Minute, 10 * time.Millisecond
	for name, test := range map[string]struct {
		tty                bool
		grace              time.Duration
		quiet, more, after time.Duration
		signals            bool
	}{
		"a prompt":                       {tty: true, grace: far, quiet: soon, more: far, after: pingEvery},
		"a prompt, a short grace period": {tty: true, grace: 4 * time.Second, quiet: soon, more: far, after: time.Second},
		"a prompt, and a signal":         {tty: true, grace: far, quiet: soon, more: time.Second, after: soon, signals: true},
		"a prompt that is left":          {tty: true, grace: far, quiet: soon, more: time.Second},
		"a command with input":           {grace: far, quiet: soon, more: time.Second, after: soon},
		"one that says nothing for long": {grace: far, quiet: far, more: time.Second, after: promptWithin},
		"one that ends soon":             {grace: far, quiet: soon},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				signals := make(chan syscall.Signal, 1)
				f := &container{command: func(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
					wait(t, test.quiet)
					if test.signals {
						signals <- syscall.SIGTERM
					}
					if test.more == 0 {
						return 0, nil
					}
					_, err := io.WriteString(s.Stdout, "$ ")
					wait(t, test.more)
					return 0, err
				}}
				start := time.Now()
				var came time.Duration
				execer := execerFunc(func(ctx context.Context, c attach.Container, command []string, s attach.Streams) (int, error) {
					if command[3] != "mindebug" {
						came = time.Since(start)
					}
					return f.Exec(ctx, c, command, s)
				})
				r := aRequest(io.Discard)
				r.TTY, r.Stdin, r.Grace, r.Signals = test.tty, strings.NewReader(""), test.grace, signals
				if status, err := run(t.Context(), execer, attach.Container{}, r); status != 0 || err != nil {
					t.Errorf("run = %d, %v", status, err)
				}
				if came != test.after {
					t.Errorf("the keeper's stream came after %s; want %s", came, test.after)
				}
			})
		})
	}
}

// TestEndIsBounded: a keeper's stream that never opens holds the end of a session up for a moment only.
func TestEndIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &container{keeperOpens: make(chan struct{}), command: shows(t)}
		r := aRequest(io.Discard)
		r.Stdin = strings.NewReader("")
		start := time.Now()
		status, err := run(t.Context(), f, attach.Container{}, r)
		if status != 0 || err != nil {
			t.Errorf("run = %d, %v", status, err)
		}
		if took := time.Since(start); took > flushWithin+time.Millisecond {
			t.Errorf("it took %s; want %s at most", took, flushWithin)
		}
	})
}

// TestEndIsFlushed: the keeper hears "end" although its stream opens late.
func TestEndIsFlushed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opens := make(chan struct{})
		f := &container{keeperOpens: opens, command: shows(t)}
		time.AfterFunc(flushWithin/2, func() { close(opens) })
		r := aRequest(io.Discard)
		r.Stdin = strings.NewReader("")
		if status, err := run(t.Context(), f, attach.Container{}, r); status != 0 || err != nil {
			t.Errorf("run = %d, %v", status, err)
		}
		if diff := cmp.Diff([]string{"end"}, f.words()); diff != "" {
			t.Errorf("the keeper heard (-want +got):\n%s", diff)
		}
	})
}

// TestKeeperIsRefused: a session goes on without its lease.
func TestKeeperIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &container{command: func(context.Context, attach.Streams, <-chan string) (int, error) {
			wait(t, time.Hour)
			return 3, nil
		}}
		execer := execerFunc(func(ctx context.Context, c attach.Container, command []string, s attach.Streams) (int, error) {
			if command[3] != "mindebug" {
				return 0, errors.New("too many streams")
			}
			return f.Exec(ctx, c, command, s)
		})
		r := aRequest(io.Discard)
		r.Stdin = strings.NewReader("")
		if status, err := run(t.Context(), execer, attach.Container{}, r); status != 3 || err != nil {
			t.Errorf("run = %d, %v; want 3", status, err)
		}
	})
}

// brokenPipe is an output that nobody reads.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// TestOutputUnread: what nobody reads any more is killed, and the status is that of a program that SIGPIPE ended.
func TestOutputUnread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &container{command: func(_ context.Context, s attach.Streams, heard <-chan string) (int, error) {
			if _, err := s.Stdout.Write([]byte("data")); err == nil {
				t.Error("writing where nobody reads is no error")
			}
			for word := range heard {
				if word == "KILL" {
					return 137, nil
				}
			}
			return 0, nil
		}}
		status, err := run(t.Context(), f, attach.Container{}, aRequest(brokenPipe{}))
		if status != 141 || err != nil {
			t.Errorf("run = %d, %v; want 141", status, err)
		}
	})
}

// fullDisk is an output that takes no more.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestOutputLost: output that cannot be written is an error with its reason, not a signal's status.
func TestOutputLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &container{greeting: hello + "data"}
		_, err := run(t.Context(), f, attach.Container{}, aRequest(fullDisk{}))
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("error = %v; want %v", err, syscall.ENOSPC)
		}
	})
}

// TestOutlivesKill: a session of which no end is heard after SIGKILL is left, and that is said.
func TestOutlivesKill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan syscall.Signal, 1)
		signals <- syscall.SIGTERM
		f := &container{command: func(ctx context.Context, _ attach.Streams, _ <-chan string) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		r := aRequest(io.Discard)
		r.Signals = signals
		start := time.Now()
		_, err := run(t.Context(), f, attach.Container{}, r)
		var lost *attach.LostError
		if !errors.As(err, &lost) || !errors.Is(lost.Cause, errNoEnd) {
			t.Errorf("error = %v; want a *attach.LostError for %v", err, errNoEnd)
		}
		if took := time.Since(start); took != killAfter+goneAfter {
			t.Errorf("it took %s; want %s", took, killAfter+goneAfter)
		}
	})
}

// TestEndWithoutItsMark: an end of the streams without a status comes from client-go as status 0. Only what the session has
// said itself is taken for a success; a failure needs no more than the server's word, but what was killed was cut off.
func TestEndWithoutItsMark(t *testing.T) {
	t.Parallel()
	for status, isLost := range map[int]bool{0: true, 1: false, 137: false} {
		f := &container{noEnd: true, command: func(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
			_, err := io.WriteString(s.Stdout, "half\x1emindebug:")
			return status, err
		}}
		var out strings.Builder
		got, err := run(t.Context(), f, attach.Container{}, aRequest(&out))
		var lost *attach.LostError
		if errors.As(err, &lost) != isLost || isLost && !errors.Is(lost.Cause, errNoStatus) || !isLost && got != status ||
			errors.Is(err, ErrCut) != (status == StatusKilled) {
			t.Errorf("status %d: run = %d, %v", status, got, err)
		}
		if out.String() != "half\x1emindebug:" {
			t.Errorf("output %q; want all that came", out.String())
		}
	}
}

// TestEndBySomeoneElse: a session that says with its mark that it was ended is no end of its command's own.
func TestEndBySomeoneElse(t *testing.T) {
	t.Parallel()
	for reason, want := range map[why]error{whyLease: ErrLease, whyStop: ErrCut} {
		f := &container{noEnd: true}
		execer := execerFunc(func(ctx context.Context, c attach.Container, command []string, s attach.Streams) (int, error) {
			if _, err := f.Exec(ctx, c, command, s); err != nil {
				return 0, err
			}
			_, err := io.WriteString(s.Stdout, "\x1e"+strings.TrimSuffix(command[4], ":")+string(reason))
			return 137, err
		})
		var out strings.Builder
		if status, err := run(t.Context(), execer, attach.Container{}, aRequest(&out)); !errors.Is(err, want) || out.Len() > 0 {
			t.Errorf("%s: run = %d, %v, output %q; want %v", reason, status, err, out.String(), want)
		}
	}
}

// slow is an output that is taken only after a while.
type slow struct {
	t     *testing.T
	after time.Duration
}

func (s slow) Write(p []byte) (int, error) {
	wait(s.t, s.after)
	return len(p), nil
}

// TestOutputStalls: while output waits to be taken, the keeper is one with a connection of its own, and signals reach it;
// output that is only slow needs none.
func TestOutputStalls(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		grace, each time.Duration
		apart       bool
	}{{time.Minute, time.Minute, true}, {time.Minute, pingEvery - time.Second, false}, {4 * time.Second, 2 * time.Second, true}} {
		synctest.Test(t, func(t *testing.T) {
			keepers := 0
			var signs []string
			f := &container{command: func(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
				for range 10 {
					if _, err := s.Stdout.Write([]byte("data")); err != nil {
						return 0, err
					}
				}
				return 0, nil
			}}
			execer := execerFunc(func(ctx context.Context, c attach.Container, command []string, s attach.Streams) (int, error) {
				if command[3] == "mindebug" {
					return f.Exec(ctx, c, command, s)
				}
				keepers++
				for lines := bufio.NewScanner(s.Stdin); lines.Scan(); {
					signs = append(signs, lines.Text())
				}
				return 0, nil
			})
			r := aRequest(slow{t, test.each})
			r.Grace = test.grace
			if status, err := run(t.Context(), execer, attach.Container{}, r); status != 0 || err != nil {
				t.Errorf("run = %d, %v", status, err)
			}
			want := 0
			if test.apart {
				want = 1
			}
			// Ten writes, less the time before the first was held up, and four signs in each grace period.
			least := int(9*test.each/(test.grace/4)) * want
			if keepers != want || len(signs) < least || test.apart && (signs[0] != "." || signs[len(signs)-1] != "end") {
				t.Errorf("grace %s, %s each: %d keepers on a connection of their own, which heard %q; want %d", test.grace, test.each, keepers, signs, want)
			}
		})
	}
}

// TestDetach: a command that runs is left after a while, and one that has ended by then is told of; nobody holds a lease.
func TestDetach(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command func(context.Context, attach.Streams, <-chan string) (int, error)
		left    bool
		status  int
	}{
		"runs": {func(ctx context.Context, _ attach.Streams, _ <-chan string) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}, true, 0},
		"ends at once": {func(context.Context, attach.Streams, <-chan string) (int, error) { return 127, nil }, false, 127},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &container{command: test.command}
				r := aRequest(io.Discard)
				r.Detach, r.Grace = true, time.Hour
				start := time.Now()
				status, err := run(t.Context(), f, attach.Container{}, r)
				var left *LeftError
				if errors.As(err, &left) != test.left || !test.left && err != nil || status != test.status {
					t.Errorf("run = %d, %v", status, err)
				}
				id := f.commands[0][4]
				if test.left && (id != "mindebug:"+left.ID+":" || time.Since(start) != leaveAfter) {
					t.Errorf("session %q of %q was left after %s", left.ID, id, time.Since(start))
				}
				if got := f.commands[0][6:9]; got[0] != "3600" || got[2] != "-d" || len(f.commands) != 1 || len(f.words()) != 0 {
					t.Errorf("commands %q, keepers heard %q", f.commands, f.words())
				}
			})
		})
	}
}

// TestCommandTakesNoMore: what a keeper says ends the command's input, though the user could type on.
func TestCommandTakesNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &container{command: func(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
			_, err := io.Copy(io.Discard, s.Stdin)
			return 0, err
		}}
		execer := execerFunc(func(ctx context.Context, c attach.Container, command []string, s attach.Streams) (int, error) {
			if command[3] != "mindebug" {
				wait(t, time.Second)
				_, _ = io.WriteString(s.Stdout, "over\n")
			}
			return f.Exec(ctx, c, command, s)
		})
		typed, typing := io.Pipe()
		defer typing.Close()
		r := aRequest(io.Discard)
		r.Stdin = typed
		start := time.Now()
		status, err := run(t.Context(), execer, attach.Container{}, r)
		if status != 0 || err != nil || time.Since(start) != promptWithin+time.Second {
			t.Errorf("run = %d, %v after %s; want 0 a second after its keeper came", status, err, time.Since(start))
		}
	})
}

// TestLinesInSmallPieces reads a line with a buffer that is smaller.
func TestLinesInSmallPieces(t *testing.T) {
	t.Parallel()
	l := newLines()
	go func() {
		l.say("TERM", nil)
		l.say("KILL", nil)
		l.end(t.Context(), false)
		l.say("never", nil)
	}()
	var got []byte
	p := make([]byte, 3)
	for {
		n, err := l.Read(p)
		got = append(got, p[:n]...)
		if err != nil {
			break
		}
	}
	if string(got) != "TERM\nKILL\n" {
		t.Errorf("read %q", got)
	}
}
