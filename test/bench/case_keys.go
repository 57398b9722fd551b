package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	echo      figure = "keystroke to echo, ms"
	floodRate figure = "flood beside it, MB/s"
)

// keyPause is the wait between an echo and the next key.
const keyPause = 10 * time.Millisecond

// keysExperiment is what somebody feels who types.
func keysExperiment(b *base) experiment {
	const flood = " -- timeout 120 cat /dev/zero"
	e := experiment{
		name: "keys",
		about: fmt.Sprintf("%d keys, each %s after the echo of the last, at the prompt of BusyBox's shell on a terminal; idle, and beside a second "+
			"session of the same client in the same container whose output is a flood.", b.keys, keyPause),
		commands: []command{
			{name: "idle", line: "kubectl-mindebug pod/x", pod: "keys"},
			{name: "idle, kubectl exec", line: "kubectl exec -it pod/x -- sh", pod: "keys-shell"},
			{name: "beside a flood", line: "kubectl-mindebug pod/x", pod: "keys"},
			{name: "beside a flood, kubectl exec", line: "kubectl exec -it pod/x -- sh", pod: "keys-shell"},
		},
	}
	floods := map[string]command{
		"beside a flood":               {line: "kubectl-mindebug pod/x" + flood, pod: "keys"},
		"beside a flood, kubectl exec": {line: "kubectl exec pod/x" + flood, pod: "keys-shell"},
	}
	for _, own := range []string{"idle", "beside a flood"} {
		for _, at := range []float64{0.5, 0.99} {
			e.bounds = append(e.bounds, bound{command: own, figure: echo, peer: own + ", kubectl exec", at: at, limit: 1.05})
		}
	}
	e.measure = func(ctx context.Context, l *lab, rec recorder) error {
		for round := range max(1, l.rounds/3) {
			// A flood may go on in its container although its client has gone, so the pods are of this round.
			if err := l.makePods(ctx, l.target("keys"), l.shell("keys-shell")); err != nil {
				return err
			}
			for _, c := range inTurn(e.commands, rec.run+round) {
				if err := l.typeOnce(ctx, c, floods[c.name], rec); err != nil {
					return err
				}
			}
			if err := l.removePods(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	return e
}

// typeOnce types in a session of a command, beside a flood if there is one.
func (l *lab) typeOnce(ctx context.Context, c, flood command, rec recorder) (err error) {
	if err := wait(ctx, l.settle); err != nil {
		return err
	}
	t, err := l.openTerminal(ctx, c.argv(l.namespace))
	if err != nil {
		return err
	}
	defer func() {
		_, leaveErr := t.leave()
		err = errors.Join(err, leaveErr)
	}()
	if flood.line == "" {
		return t.keys(ctx, l.keys, c.name, rec)
	}
	f, err := startFlood(ctx, flood.argv(l.namespace))
	if err != nil {
		return err
	}
	defer func() {
		rec.add(c.name, floodRate, f.stop())
	}()
	return t.keys(ctx, l.keys, c.name, rec)
}

// keys types keys, waits for the echo of each, and takes them back.
func (t *terminal) keys(ctx context.Context, n int, name string, rec recorder) error {
	buffer := make([]byte, 4096)
	for range n {
		if err := wait(ctx, keyPause); err != nil {
			return err
		}
		began := time.Now()
		if _, err := t.file.WriteString("x"); err != nil {
			return err
		}
		for {
			n, err := t.file.Read(buffer)
			if err != nil {
				return fmt.Errorf("waiting for an echo: %w", err)
			}
			if bytes.ContainsRune(buffer[:n], 'x') {
				break
			}
		}
		rec.add(name, echo, inMS(time.Since(began)))
	}
	_, err := t.file.WriteString("\x15") // Ctrl-U
	return err
}

// flood is a session whose output does not end.
type flood struct {
	cmd   *exec.Cmd
	began time.Time

	mu      sync.Mutex
	bytes   int64
	flowing chan struct{}
}

// startFlood returns once the flood flows.
func startFlood(ctx context.Context, argv []string) (*flood, error) {
	f := &flood{cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), flowing: make(chan struct{})}
	var talk strings.Builder
	f.cmd.Stdout, f.cmd.Stderr, f.began = f, &talk, time.Now()
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	select {
	case <-f.flowing:
		return f, nil
	case <-time.After(patience):
		f.stop()
		return nil, fmt.Errorf("%q printed next to nothing: %s", strings.Join(argv, " "), talk.String())
	}
}

// Write counts. A flood flows once a megabyte has come.
func (f *flood) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes < 1e6 && f.bytes+int64(len(p)) >= 1e6 {
		close(f.flowing)
		f.began, f.bytes = time.Now(), 1e6
	}
	f.bytes += int64(len(p))
	return len(p), nil
}

// stop ends the client, and returns how many MB came in a second.
func (f *flood) stop() float64 {
	f.mu.Lock()
	came := float64(f.bytes) / 1e6 / time.Since(f.began).Seconds()
	f.mu.Unlock()
	_ = f.cmd.Process.Signal(syscall.SIGTERM)
	_ = f.cmd.Wait()
	return came
}
