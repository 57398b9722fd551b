package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// programs are the plugin that is measured and a bare program of the same libraries. Sizes are in bytes.
type programs struct{ Size, BareSize int64 }

// gather builds the programs that measuring needs and puts all first on PATH, with what kubectl asks for completions.
func (b *base) gather(ctx context.Context) error {
	bin, err := filepath.Abs(b.bin)
	if err != nil {
		return err
	}
	for _, name := range []string{"bare", "launch"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(b.folder, name), "./test/bench/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w: %s", name, err, text)
		}
	}
	own := filepath.Join(bin, "kubectl-mindebug")
	for file, size := range map[string]*int64{filepath.Join(b.folder, "bare"): &b.programs.BareSize, own: &b.programs.Size} {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		*size = info.Size()
	}
	path := strings.Join([]string{bin, b.folder, os.Getenv("PATH")}, string(filepath.ListSeparator))
	return errors.Join(os.Symlink(own, filepath.Join(b.folder, "kubectl_complete-mindebug")), os.Setenv("PATH", path))
}

// measured is one run of a program, or of several in a row.
type measured struct {
	Began time.Time
	// Took is the time to the prompt, or to the end where there is no terminal.
	Took time.Duration
	// CPU is what the client's processes used, user and system, from start to end. MaxRSS is in bytes.
	CPU    time.Duration
	MaxRSS int64
}

// launched is a program that launch runs, and that reports what it took when it has ended.
type launched struct {
	*exec.Cmd
	argv   []string
	report *os.File
	talk   bytes.Buffer
}

// launch prepares a program. What it prints is for the case that it fails, unless the caller takes it.
func (b *base) launch(ctx context.Context, argv []string) (*launched, error) {
	p := &launched{argv: argv, Cmd: exec.CommandContext(ctx, filepath.Join(b.folder, "launch"), argv...)}
	p.Stdout, p.Stderr = &p.talk, &p.talk
	var to *os.File
	var err error
	if p.report, to, err = os.Pipe(); err != nil {
		return nil, err
	}
	p.ExtraFiles = []*os.File{to} // 3 there
	return p, nil
}

// end waits for a program that was started, and adds what it took. Its exit status is the error's, an *exec.ExitError.
func (p *launched) end(m *measured) error {
	_ = p.ExtraFiles[0].Close()
	text, readErr := io.ReadAll(p.report)
	_ = p.report.Close()
	err := p.Wait()
	var one measured
	if readErr == nil && len(text) > 0 {
		readErr = json.Unmarshal(text, &one)
	}
	m.CPU, m.MaxRSS = m.CPU+one.CPU, max(m.MaxRSS, one.MaxRSS)
	m.Took += one.Took
	if m.Began.IsZero() {
		m.Began = one.Began
	}
	if err = errors.Join(err, readErr); err != nil {
		return fmt.Errorf("running %q: %w: %s", strings.Join(p.argv, " "), err, p.talk.String())
	}
	return nil
}

// run runs it to its end.
func (p *launched) run(m *measured) error {
	if err := p.Start(); err != nil {
		return errors.Join(err, p.report.Close(), p.ExtraFiles[0].Close())
	}
	return p.end(m)
}

// toEnd runs programs one after another, each to its end.
func (b *base) toEnd(ctx context.Context, commands ...[]string) (m measured, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(len(commands))*patience)
	defer cancel()
	for _, argv := range commands {
		p, err := b.launch(ctx, argv)
		if err != nil {
			return m, err
		}
		if err := p.run(&m); err != nil {
			return m, err
		}
	}
	return m, nil
}
