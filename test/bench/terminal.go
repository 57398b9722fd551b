package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/creack/pty"
)

// terminal is a program that runs on a terminal, with a shell's prompt on it.
type terminal struct {
	program *launched
	file    *os.File
	cancel  context.CancelFunc
	// prompted is when the prompt came, enter whether Enter had to be pressed for it.
	prompted time.Time
	enter    bool
}

var (
	// prompt is how a shell's prompt ends, with what the shell's line editor asks of a terminal after it.
	prompt = regexp.MustCompile(`[#$] (\x1b\[[0-9;]*[A-Za-z])*$`)
	// pressEnter is how kubectl asks for it. A person presses it once that was read and nothing came.
	pressEnter      = []byte("try pressing enter")
	pressEnterAfter = time.Second
)

// toPrompt runs a program on a terminal until a shell's prompt comes, and then leaves the shell.
func (b *base) toPrompt(ctx context.Context, argv []string) (m measured, enter bool, err error) {
	t, err := b.openTerminal(ctx, argv)
	if err != nil {
		return m, false, err
	}
	m, err = t.leave()
	return m, t.enter, err
}

// openTerminal runs a program on a terminal until a shell's prompt comes.
func (b *base) openTerminal(ctx context.Context, argv []string) (*terminal, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	program, err := b.launch(ctx, argv)
	if err != nil {
		cancel()
		return nil, err
	}
	t := &terminal{program: program, cancel: cancel}
	program.Stdout, program.Stderr = nil, nil // all is the terminal's
	if t.file, err = pty.StartWithSize(program.Cmd, &pty.Winsize{Cols: 1000, Rows: 30}); err != nil {
		cancel()
		return nil, errors.Join(err, program.report.Close(), program.ExtraFiles[0].Close())
	}
	if err := t.awaitPrompt(); err != nil {
		cancel()
		return nil, fmt.Errorf("waiting for a prompt: %w", errors.Join(err, program.end(&measured{}), t.file.Close()))
	}
	return t, nil
}

// awaitPrompt reads until the prompt comes.
func (t *terminal) awaitPrompt() error {
	screen := &t.program.talk
	var enter *time.Timer
	buffer := make([]byte, 4096)
	for {
		n, err := t.file.Read(buffer)
		screen.Write(buffer[:n])
		switch {
		case prompt.Match(screen.Bytes()):
			t.prompted = time.Now()
			t.enter = enter != nil && !enter.Stop()
			return nil
		case err != nil:
			return err
		case enter == nil && bytes.Contains(screen.Bytes(), pressEnter):
			enter = time.AfterFunc(pressEnterAfter, func() { _, _ = t.file.WriteString("\r") })
		}
	}
}

// leave ends the shell, waits for the program and returns what it took, to the prompt.
func (t *terminal) leave() (m measured, err error) {
	defer t.cancel()
	defer t.file.Close()
	if _, err := t.file.WriteString("exit\r"); err != nil {
		return m, err
	}
	buffer := make([]byte, 4096)
	for {
		n, err := t.file.Read(buffer)
		t.program.talk.Write(buffer[:n])
		if err != nil { // EIO: the program has ended
			break
		}
	}
	err = t.program.end(&m)
	m.Took = t.prompted.Sub(m.Began)
	return m, err
}
