package e2e

import (
	"errors"
	"io"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
)

// TestOutputThatNobodyTakes: clients that are killed, or whose readers leave, leave nothing though all on the way to them is
// full, and their container ends.
func TestOutputThatNobodyTakes(t *testing.T) {
	t.Parallel()
	const rounds, together = 2, 8
	pod := debugged(t, "--ttl=10s")
	for range rounds {
		var ends []func()
		for i := range together {
			flags := []string{"-n", pod.Namespace, "--ttl=10s", "--grace=10s", "pod/target"}
			if i%2 == 1 {
				flags = append(flags, "-i")
			}
			cmd, out := flooded(t, flags)
			ends = append(ends, func() {
				want := 128 + int(syscall.SIGPIPE)
				if i < together/2 {
					want = -1 // by a signal
					_ = cmd.Process.Kill()
				}
				_ = out.Close()
				var end *exec.ExitError
				if err := cmd.Wait(); !errors.As(err, &end) || end.ExitCode() != want {
					t.Errorf("the client ended with %v, want status %d", err, want)
				}
			})
		}
		// Each client that sees its output stall opens a keeper's connection, as those with -i have at once.
		keepers := `until [ $(ps -o args | grep -c '^sh.*mindebug-kee[p]:.* 10$') = $1 ]; do sleep 0.1; done`
		succeeds(t, pod, "pod/target", "--ttl=10s", "--", "sh", "-c", keepers, "_", strconv.Itoa(together))
		for _, end := range ends {
			end()
		}
	}
	ended := waitTerminated(t, pod, onlyContainer(t, pod).Name)
	if want := "mindebug: unused for 10 s\n"; ended.Message != want {
		t.Errorf("the container says %q, want %q", ended.Message, want)
	}
	wantGone(t, pod, "seq")
}

// TestAttachedOutputThatNobodyTakes: by attach, too, a client that goes while all on the way to it is full leaves nothing.
func TestAttachedOutputThatNobodyTakes(t *testing.T) {
	t.Parallel()
	for _, input := range []string{"-i=false", "-i"} {
		t.Run(input, func(t *testing.T) {
			t.Parallel()
			pod := restrictedTarget(t)
			cmd, out := flooded(t, []string{"-n", pod.Namespace, "--via=attach", "--grace=2s", input, "pod/target"})
			_ = cmd.Process.Kill()
			_ = out.Close()
			_ = cmd.Wait()
			waitTerminated(t, pod, lastAttached(t, pod).Name)
			wantGone(t, pod, "seq")
		})
	}
}

// flooded is a client of which a little output was read, of more than fits on the way.
func flooded(t *testing.T, args []string) (*exec.Cmd, io.Closer) {
	t.Helper()
	stdin, _ := pipe(t)
	cmd := invocation{stdin: stdin, args: append(args, "--", "seq", "9000000")}.command(t)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = io.ReadFull(out, make([]byte, 100_000))
	}
	if err != nil {
		t.Fatalf("flooding a client: %v", err)
	}
	return cmd, out
}
