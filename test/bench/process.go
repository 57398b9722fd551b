package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// programs are the plugin that is measured and a bare program of the same libraries. Sizes are in bytes.
type programs struct {
	Size, BareSize int64
	folder         string
}

// gather builds the bare program and puts both first on PATH.
func gather(ctx context.Context, bin string) (programs, error) {
	var p programs
	bin, err := filepath.Abs(bin)
	if err != nil {
		return p, err
	}
	if p.folder, err = os.MkdirTemp("", "bench-"); err != nil {
		return p, err
	}
	bare := filepath.Join(p.folder, "bare")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bare, "./test/bench/bare")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return p, errors.Join(fmt.Errorf("building the bare program: %w: %s", err, text), os.RemoveAll(p.folder))
	}
	for file, size := range map[string]*int64{bare: &p.BareSize, filepath.Join(bin, "kubectl-mindebug"): &p.Size} {
		info, err := os.Stat(file)
		if err != nil {
			return p, errors.Join(err, os.RemoveAll(p.folder))
		}
		*size = info.Size()
	}
	path := strings.Join([]string{bin, p.folder, os.Getenv("PATH")}, string(filepath.ListSeparator))
	return p, os.Setenv("PATH", path)
}

func (p programs) remove() { _ = os.RemoveAll(p.folder) }

// measured is one run of a program, or of several in a row.
type measured struct {
	Began time.Time
	// Took is the time to the prompt, or to the end where there is no terminal.
	Took time.Duration
	// CPU is what the client's processes used, user and system, from start to end. MaxRSS is in bytes.
	CPU    time.Duration
	MaxRSS int64
	// Enter says that no prompt came until Enter was pressed.
	Enter bool `json:",omitempty"`
}

func (m *measured) account(state *os.ProcessState) {
	m.CPU += state.UserTime() + state.SystemTime()
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		m.MaxRSS = max(m.MaxRSS, usage.Maxrss<<10)
	}
}

// toEnd runs a program times times in a row, each to its end.
func toEnd(ctx context.Context, times int, argv []string) (measured, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(times)*patience)
	defer cancel()
	m := measured{Began: time.Now()}
	for range times {
		var output bytes.Buffer
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Stdout, cmd.Stderr = &output, &output
		if err := cmd.Run(); err != nil {
			return m, fmt.Errorf("running %q: %w: %s", strings.Join(argv, " "), err, output.String())
		}
		m.account(cmd.ProcessState)
	}
	m.Took = time.Since(m.Began)
	return m, nil
}

var (
	// prompt is how a shell's prompt ends, with what the shell's line editor asks of a terminal after it.
	prompt = regexp.MustCompile(`[#$] (\x1b\[[0-9;]*[A-Za-z])*$`)
	// pressEnter is how kubectl asks for it. A person presses it once that was read and nothing came.
	pressEnter      = []byte("try pressing enter")
	pressEnterAfter = time.Second
)

// toPrompt runs a program on a terminal until a shell's prompt comes, and then leaves the shell.
func toPrompt(ctx context.Context, argv []string) (measured, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	m := measured{Began: time.Now()}
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 100, Rows: 30})
	if err != nil {
		return m, fmt.Errorf("starting %q: %w", strings.Join(argv, " "), err)
	}
	defer file.Close()

	screen, err := m.awaitPrompt(file)
	if waitErr := cmd.Wait(); err == nil && waitErr != nil {
		err = waitErr
	}
	m.account(cmd.ProcessState)
	if err != nil {
		return m, fmt.Errorf("running %q on a terminal: %w: %s", strings.Join(argv, " "), err, screen)
	}
	return m, nil
}

// awaitPrompt reads the terminal until its program ends, and returns what was printed up to the prompt.
func (m *measured) awaitPrompt(terminal *os.File) ([]byte, error) {
	var screen []byte
	var enter *time.Timer
	buffer := make([]byte, 4096)
	for m.Took == 0 {
		n, err := terminal.Read(buffer)
		screen = append(screen, buffer[:n]...)
		switch {
		case prompt.Match(screen):
			m.Took = time.Since(m.Began)
		case err != nil:
			return screen, fmt.Errorf("waiting for a prompt: %w", err)
		case enter == nil && bytes.Contains(screen, pressEnter):
			enter = time.AfterFunc(pressEnterAfter, func() { _, _ = terminal.WriteString("\r") })
		}
	}
	m.Enter = enter != nil && !enter.Stop()
	if _, err := terminal.WriteString("exit\r"); err != nil {
		return screen, err
	}
	for {
		if _, err := terminal.Read(buffer); err != nil { // EIO: the program has ended
			return screen, nil //nolint:nilerr // that is how a terminal ends
		}
	}
}
