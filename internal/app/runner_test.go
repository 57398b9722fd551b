package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/sync/errgroup"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// script is a session container whose scripts write back what they are sent, apart from the script itself.
func script(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
	text, err := io.ReadAll(s.Stdin)
	if err != nil {
		return 0, err
	}
	_, input, _ := strings.Cut(string(text), "#run\n")
	_, err = io.WriteString(s.Stdout, input)
	return len(input), err
}

// openRunner makes a Runner in a synctest bubble.
func openRunner(t *testing.T, w *world, change func(*SessionRequest)) *Runner {
	t.Helper()
	r := aRequest()
	if change != nil {
		change(&r)
	}
	runner, err := OpenRunner(t.Context(), w, w, &w.registries, Streams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, r)
	if err != nil {
		t.Fatal(err)
	}
	return runner
}

// TestRunner: one container is added, and several runs at once have their streams and exit statuses in it.
func TestRunner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{pod: nonRoot().Build(), run: script}
		runner := openRunner(t, w, nil)
		defer runner.Close()
		var group errgroup.Group
		for _, input := range []string{"", "a", "bb", "ccc"} {
			group.Go(func() error {
				var out bytes.Buffer
				status, err := runner.Run(t.Context(), "cat", []string{"@/x"}, strings.NewReader(input), &out, io.Discard)
				if out.String() != input || status != len(input) {
					t.Errorf("sent %q: exit status %d, output %q", input, status, out.String())
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if len(w.pod.Spec.EphemeralContainers) != 1 || len(w.looks) != 1 || len(w.execs) != 5 {
			t.Errorf("%d containers were added, %d looks and %d sessions were made", len(w.pod.Spec.EphemeralContainers), len(w.looks), len(w.execs))
		}
		if why, hint := runner.Closed(); why+hint != "" {
			t.Errorf("the target's files are said to be closed: %s; %s", why, hint)
		}
	})
}

// TestRunnerHolds: a container that ends with its last session is kept in use from one run to the next.
func TestRunnerHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		w := &world{pod: nonRoot().Build()}
		w.run = func(_ context.Context, _ attach.Streams, heard <-chan string) (int, error) {
			for word := range heard {
				if word == "TERM" {
					close(held)
					return 143, nil
				}
			}
			return 0, nil
		}
		runner := openRunner(t, w, func(r *SessionRequest) { r.Profile.Profile = profiles.General })
		select {
		case <-held:
			t.Error("the container was let go of before the end")
		default:
		}
		runner.Close()
		<-held
	})
}

// TestRunnerIsInterrupted: a script is asked to end when the caller gives up, and the caller hears why.
func TestRunnerIsInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		interrupted := &fault.Interrupted{}
		ctx, cancel := context.WithCancelCause(t.Context())
		asked := make(chan struct{})
		w := &world{pod: nonRoot().Build(), kept: func(line string) {
			if line == "TERM" {
				close(asked)
			}
		}}
		w.run = func(context.Context, attach.Streams, <-chan string) (int, error) {
			cancel(interrupted)
			<-asked
			return 143, nil
		}
		runner := openRunner(t, w, nil)
		defer runner.Close()
		if _, err := runner.Run(ctx, "cat", nil, nil, io.Discard, io.Discard); !errors.Is(err, interrupted) {
			t.Errorf("the error is %v, want the cause of the context", err)
		}
	})
}

// TestRunnerIsLost: streams that end without a session's last word are a lost connection.
func TestRunnerIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{pod: nonRoot().Build()}
		runner := openRunner(t, w, nil)
		defer runner.Close()
		w.cut = true
		_, err := runner.Run(t.Context(), "cat", nil, nil, io.Discard, io.Discard)
		var lost *fault.Lost
		if !errors.As(err, &lost) || !lost.Unchanged {
			t.Errorf("the error is %v, want a lost connection to a pod that is as it was", err)
		}
	})
}

// laterRunner makes a Runner that its first run opens, in a synctest bubble.
func laterRunner(w *world, change func(*SessionRequest)) *Runner {
	r := aRequest()
	if change != nil {
		change(&r)
	}
	return newRunner(w, w, &w.registries, Streams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, r)
}

// TestRunnerOpensLater: the first run adds the container, or enters the one that is there, with no session before it. The next
// need not wait for its end.
func TestRunnerOpensLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{pod: nonRoot().Build(), run: script}
		for range 2 {
			w.execs = nil
			runner := laterRunner(w, nil)
			in, input := io.Pipe()
			var group errgroup.Group
			run := func(stdin io.Reader, want string) {
				var out bytes.Buffer
				status, err := runner.Run(t.Context(), "cat", nil, stdin, &out, io.Discard)
				if err != nil || out.String() != want || status != len(want) {
					t.Errorf("the exit status is %d (%v), the output %q, want %q", status, err, out.String(), want)
				}
			}
			group.Go(func() error { run(in, "first"); return nil })
			synctest.Wait() // until it reads
			run(strings.NewReader("second"), "second")
			_, err := io.WriteString(input, "first")
			if err := errors.Join(err, input.Close(), group.Wait()); err != nil {
				t.Fatal(err)
			}
			runner.Close()
			if len(w.pod.Spec.EphemeralContainers) != 1 || len(w.looks) != 0 || len(w.execs) != 2 {
				t.Errorf("%d containers were added, %d looks and %d sessions were made", len(w.pod.Spec.EphemeralContainers), len(w.looks), len(w.execs))
			}
			if facts := runner.Facts(); facts.Pod != w.pod.Name || runner.Pod() == nil {
				t.Errorf("it was in %+v", facts)
			}
		}
	})
}

// TestRunnerNotOpened: what keeps the first run from its container is not tried again by who tries lost connections again, and
// no script runs where the target's files are closed to it.
func TestRunnerNotOpened(t *testing.T) {
	t.Parallel()
	var notEntered *fault.NotEntered
	var closed *fault.Closed
	for name, test := range map[string]struct {
		world *world
		want  any
	}{
		"refused": {world: &world{refuse: []error{forbidden, forbidden, forbidden, forbidden}}, want: &notEntered},
		"closed":  {world: &world{greeting: strings.Replace((&world{}).hello(), "environ open", "environ closed", 1)}, want: &closed},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := test.world
			w.pod = nonRoot().Build()
			w.run = func(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
				if text, err := io.ReadAll(s.Stdin); len(text) > 0 || err != nil {
					t.Errorf("%s: a script runs: %q (%v)", name, text, err)
				}
				return 125, nil
			}
			runner := laterRunner(w, nil)
			defer runner.Close()
			_, err := runner.Run(t.Context(), "cat", nil, strings.NewReader("x"), io.Discard, io.Discard)
			var unopened *unopenedError
			if errors.As(err, test.want) || !errors.As(err, &unopened) || !errors.As(unopened.cause, test.want) {
				t.Errorf("%s: the error is %#v", name, err)
			}
		})
	}
}

// TestRunnerHoldsLater: the first script does not begin before a container that would end with it is kept in use.
func TestRunnerHoldsLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		w := &world{pod: nonRoot().Build()}
		w.run = func(ctx context.Context, s attach.Streams, heard <-chan string) (int, error) {
			w.mu.Lock()
			keeps := strings.Contains(w.flags[len(w.flags)-1], "k")
			w.mu.Unlock()
			if keeps {
				close(held)
				for word := range heard {
					if word == "TERM" {
						return 143, nil
					}
				}
			}
			status, err := script(ctx, s, heard)
			select {
			case <-held:
			default:
				t.Error("the script ran before the container was held")
			}
			return status, err
		}
		runner := laterRunner(w, func(r *SessionRequest) { r.Profile.Profile = profiles.General })
		if status, err := runner.Run(t.Context(), "cat", nil, strings.NewReader("x"), io.Discard, io.Discard); err != nil || status != 1 {
			t.Errorf("the exit status is %d (%v)", status, err)
		}
		runner.Close()
	})
}
