package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// component is a Process that runs a copy of sleep or sh, so that its file is its own.
func component(t *testing.T, program string, args ...string) Process {
	t.Helper()
	dir := t.TempDir()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, filepath.Base(t.Name()))
	if err := os.WriteFile(file, text, 0o755); err != nil {
		t.Fatal(err)
	}
	p := Process{Name: "component", Args: append([]string{file}, args...), Mark: dir, State: filepath.Join(dir, "state"), Log: filepath.Join(dir, "log")}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func passes(context.Context) error { return nil }

func fails(context.Context) error { return errors.New("not yet") }

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	p := component(t, "sleep", "60")
	if got := p.Status().String(); got != "not started" {
		t.Errorf("before: %s", got)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Healthy(t.Context(), 5*time.Second, passes); err != nil {
		t.Fatal(err)
	}
	first := p.Status().PID
	if err := p.Start(t.Context()); err != nil || p.Status().PID != first {
		t.Errorf("a second start: pid %d then %d, error %v", first, p.Status().PID, err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Status().Alive {
		t.Error("alive after Stop")
	}
}

// What ends by SIGTERM has time for it; Kill gives none.
func TestKillIsNotAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(Process, context.Context) error
		want string
	}{"stopped": {Process.Stop, "exited with status 7"}, "killed": {Process.Kill, "ended by signal 9 (killed)"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := component(t, "sh", "-c", `trap 'exit 7' TERM; while :; do sleep 0.05; done`)
			if err := p.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := p.Healthy(t.Context(), 5*time.Second, passes); err != nil {
				t.Fatal(err)
			}
			if err := c.end(p, t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := p.Settled(t.Context()).String(); got != c.want {
				t.Errorf("it %s, want: %s", got, c.want)
			}
		})
	}
}

// A lock that a shell holds for this program must not be held as long as a component runs.
func TestCallersFilesStayTheirs(t *testing.T) {
	t.Parallel()
	p := component(t, "sleep", "60")
	file := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inherited, err := syscall.Open(file, syscall.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inherited)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Healthy(t.Context(), 5*time.Second, passes); err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.Status().PID))
	if err != nil || len(links) < 3 {
		t.Fatalf("files of the component: %q, %v", links, err)
	}
	for _, link := range links {
		if open, _ := os.Readlink(link); open == file {
			t.Errorf("the component has %s open", open)
		}
	}
}

func TestDeathIsToldWithStatusAndLog(t *testing.T) {
	t.Parallel()
	p := component(t, "sh", "-c", "echo no such flag >&2; exit 3")
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := p.Healthy(t.Context(), 5*time.Second, fails)
	var died *DiedError
	if !errors.As(err, &died) {
		t.Fatalf("got %v; want a DiedError", err)
	}
	for _, want := range []string{"exited with status 3", "no such flag", p.Log} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

func TestKilledIsToldBySignal(t *testing.T) {
	t.Parallel()
	p := component(t, "sleep", "60")
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Healthy(t.Context(), 5*time.Second, passes); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.Status().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.Healthy(t.Context(), 5*time.Second, fails); err == nil || !strings.Contains(err.Error(), "signal 9") {
		t.Errorf("got %v; want signal 9", err)
	}
}

func TestHealthIsBounded(t *testing.T) {
	t.Parallel()
	p := component(t, "sleep", "60")
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Healthy(t.Context(), 100*time.Millisecond, fails); err == nil || !strings.Contains(err.Error(), "not yet") {
		t.Errorf("got %v; want the reason of the last check", err)
	}
}

func TestKillFindsWhatWasNotRecorded(t *testing.T) {
	t.Parallel()
	p := component(t, "sleep", "60")
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Healthy(t.Context(), 5*time.Second, passes); err != nil {
		t.Fatal(err)
	}
	program := filepath.Base(p.Args[0])
	if err := Kill(t.Context(), []string{program}, "/some/other/mark"); err != nil || !p.Status().Alive {
		t.Fatalf("killed what carries another mark, or failed: %v", err)
	}
	if err := Kill(t.Context(), []string{"other", program}, p.Mark); err != nil || p.Status().Alive {
		t.Fatalf("alive after Kill, or failed: %v", err)
	}
}

// A recorded process id that now belongs to somebody else is not ours to stop.
func TestOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	p := component(t, "sleep", "60")
	if err := os.MkdirAll(p.State, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.pidFile(), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		t.Fatal(err)
	}
	if p.Status().Alive {
		t.Error("this test taken for the component")
	}
	if got := p.Status().String(); got != "gone, exit status unknown" {
		t.Errorf("got %q", got)
	}
}
