// Package process starts a component, watches its health and stops it. Components outlive the program that starts them, so
// what is known about one lies in files: its process id, its exit status and its log. When a component dies, the error
// carries its exit status and the last lines it logged.
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
	"time"
)

const (
	poll = 25 * time.Millisecond
	// termGrace is how long a component may take to end by itself.
	termGrace = 5 * time.Second
	// killGrace is how long the kernel may take to end what it was told to kill.
	killGrace = 5 * time.Second
	// startGrace is how long the supervising shell may take to say which process it started.
	startGrace = 10 * time.Second
	// recordGrace is how long that shell may take to write down how a component ended.
	recordGrace = time.Second
)

// supervisor runs a component as its child, since only a parent learns an exit status. It needs nothing but sh, and does
// not end before its child. Its own files come as $1 and $2.
const supervisor = `pidfile=$1; exitfile=$2; shift 2
"$@" &
pid=$!
echo "$pid" >"$pidfile.new" && mv "$pidfile.new" "$pidfile"
wait "$pid"
echo "$?" >"$exitfile"`

// Process is one component.
type Process struct {
	Name  string
	Args  []string // Args[0] is an absolute path
	Mark  string   // part of some argument, which no other's process of the same program has
	Env   []string
	State string // the folder of process ids and exit statuses
	Log   string
}

// Status is what is known about a component.
type Status struct {
	PID    int  // of the last start, 0 if there was none
	Alive  bool // that process exists and is this component
	Exited bool // its exit status was recorded
	Code   int  // the exit status, 128+n for signal n
}

// String says it in a few words.
func (s Status) String() string {
	switch {
	case s.Alive:
		return "running"
	case s.Exited && s.Code > 128:
		return fmt.Sprintf("ended by signal %d (%s)", s.Code-128, syscall.Signal(s.Code-128))
	case s.Exited:
		return fmt.Sprintf("exited with status %d", s.Code)
	case s.PID != 0:
		return "gone, exit status unknown"
	}
	return "not started"
}

// DiedError is a component that ended when it should run.
type DiedError struct {
	Name   string
	Status Status
	Log    string
	Last   []string // the last lines of the log
}

func (e *DiedError) Error() string {
	return fmt.Sprintf("%s %s; the end of %s:\n  %s", e.Name, e.Status, e.Log, strings.Join(e.Last, "\n  "))
}

// Status reads the component's state from its files and /proc.
func (p Process) Status() Status {
	var s Status
	s.PID = readInt(p.pidFile())
	s.Alive = s.PID != 0 && runs(s.PID, filepath.Base(p.Args[0]), p.Mark)
	if text, err := os.ReadFile(p.exitFile()); err == nil && !s.Alive {
		if code, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			s.Exited, s.Code = true, code
		}
	}
	return s
}

// Start starts the component in a session of its own unless it is alive. It returns when the process exists.
func (p Process) Start(ctx context.Context) error {
	if p.Status().Alive {
		return nil
	}
	for _, dir := range []string{p.State, filepath.Dir(p.Log)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("starting %s: %w", p.Name, err)
		}
	}
	for _, file := range []string{p.pidFile(), p.exitFile()} {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("starting %s: %w", p.Name, err)
		}
	}
	// What an earlier process logged must not be taken for this one's: it stays beside it.
	if err := os.Rename(p.Log, p.Log+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	defer log.Close()
	if err := keepFiles(); err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}

	// Not CommandContext: the component must outlive this program.
	cmd := exec.Command("/bin/sh", append([]string{"-c", supervisor, "supervise-" + p.Name, p.pidFile(), p.exitFile()}, p.Args...)...)
	cmd.Env, cmd.Dir = p.Env, p.State
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	// Waited for to leave no zombie while this program runs; what it would tell lies in the exit file.
	go func() { _ = cmd.Wait() }()

	ctx, cancel := context.WithTimeout(ctx, startGrace)
	defer cancel()
	return until(ctx, func() (bool, error) { return readInt(p.pidFile()) != 0, nil },
		func() error { return fmt.Errorf("starting %s: its supervisor names no process", p.Name) })
}

// keepFiles keeps what the caller left open from components: `flock FILE cluster up` would hold its lock as long as they run.
func keepFiles() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, file := range open {
		if fd, err := strconv.Atoi(file.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// Settled is Status, but for one that just ended it waits a moment for its supervisor to say how.
func (p Process) Settled(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, recordGrace)
	defer cancel()
	var s Status
	// Neither the bound nor an interrupt is a failure: what is known by then is the answer.
	_ = until(ctx, func() (bool, error) {
		s = p.Status()
		return s.Alive || s.Exited || s.PID == 0, nil
	}, func() error { return nil })
	return s
}

// Check fails if the component is not alive.
func (p Process) Check(ctx context.Context) error {
	if p.Status().Alive {
		return nil
	}
	return p.died(ctx)
}

// Healthy waits until check passes. It fails at once when the component dies or check tells of one that did, and when the
// bound is over.
func (p Process) Healthy(ctx context.Context, bound time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	var last error
	return until(ctx, func() (bool, error) {
		if s := p.Status(); !s.Alive && (s.Exited || !p.appearing()) {
			return false, p.died(ctx)
		}
		last = check(ctx)
		if died := (*DiedError)(nil); errors.As(last, &died) {
			return false, died
		}
		return last == nil, nil
	}, func() error {
		return fmt.Errorf("%s is not ready after %s: %w; the end of %s:\n  %s", p.Name, bound, last, p.Log,
			strings.Join(p.LastLines(), "\n  "))
	})
}

// end is a signal that a component is sent, and how long it may take to be gone then.
type end struct {
	signal syscall.Signal
	grace  time.Duration
}

// Stop asks the component to end, insists after a while, and returns when it is gone.
func (p Process) Stop(ctx context.Context) error {
	return p.end(ctx, end{syscall.SIGTERM, termGrace}, end{syscall.SIGKILL, killGrace})
}

// Kill ends the component at once, and returns when it is gone.
func (p Process) Kill(ctx context.Context) error {
	return p.end(ctx, end{syscall.SIGKILL, killGrace})
}

func (p Process) end(ctx context.Context, steps ...end) error {
	for _, step := range steps {
		s := p.Status()
		if !s.Alive {
			return nil
		}
		if err := syscall.Kill(s.PID, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stopping %s (pid %d): %w", p.Name, s.PID, err)
		}
		bounded, cancel := context.WithTimeout(ctx, step.grace)
		err := until(bounded, func() (bool, error) { return !p.Status().Alive, nil }, func() error { return errStillAlive })
		cancel()
		if !errors.Is(err, errStillAlive) {
			return err
		}
	}
	return fmt.Errorf("stopping %s: %w", p.Name, errStillAlive)
}

// LastLines is the end of the component's log.
func (p Process) LastLines() []string { return lastLines(p.Log, 12) }

func (p Process) pidFile() string  { return filepath.Join(p.State, p.Name+".pid") }
func (p Process) exitFile() string { return filepath.Join(p.State, p.Name+".exit") }

func (p Process) died(ctx context.Context) error {
	return &DiedError{Name: p.Name, Status: p.Settled(ctx), Log: p.Log, Last: p.LastLines()}
}

// appearing tells whether the recorded process exists although it does not run the component's file: for a moment after
// the fork it is still the shell.
func (p Process) appearing() bool {
	pid := readInt(p.pidFile())
	return pid != 0 && syscall.Kill(pid, 0) == nil
}

var errStillAlive = errors.New("it is still alive")

// until polls done until it says so, fails, or ctx ends; then the error is what late returns, or the caller's interrupt.
func until(ctx context.Context, done func() (bool, error), late func() error) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return late()
		}
	}
}

func readInt(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return n
}
