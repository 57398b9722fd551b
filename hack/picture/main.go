// Picture types a session into a terminal, for asciinema to record, and writes its text into the README: `make picture`
// calls it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"time"

	"github.com/creack/pty"
)

// typed is what is typed, each line after the text that it waits for.
var typed = []struct{ after, line string }{
	{"$ ", "kubectl exec -n shop web -- sh"},
	{"$ ", "kubectl mindebug -n shop pod/web"},
	{" $ ", "id"},
	{" $ ", "cat $T/etc/web/web.conf"},
	{" $ ", "netstat -ltn"},
	{" $ ", "wget -qO - localhost:8080"},
	{" $ ", "exit"},
	{"\n$ ", "exit"},
}

const (
	patience = time.Minute
	// pause is between two things that are typed, so that those who watch can read.
	pause = 1200 * time.Millisecond
	key   = 40 * time.Millisecond
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: picture SESSION.cast README.md")
	}
	if err := record(args[0]); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	cast, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	text, err := screen(cast)
	if err != nil {
		return fmt.Errorf("reading %q: %w", args[0], err)
	}
	page, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, also := strings.Cut(rest, end)
	if !ok || !also {
		return fmt.Errorf("%s has no place for the session: %q, %q", args[1], begin, end)
	}
	return os.WriteFile(args[1], []byte(before+begin+text+end+after), 0o644)
}

// The session stands between these in the README.
const (
	begin = "<!-- not run: make picture records it on the test cluster -->\n```\n"
	end   = "```\n<!-- end: session -->"
)

// control are the sequences by which a terminal is told where and how to write (ECMA-48).
var control = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// screen is the text of an asciicast, version 2: a header, then events of time, kind and data, one a line. The shell's own
// end is left away.
func screen(cast []byte) (string, error) {
	_, events, _ := bytes.Cut(cast, []byte("\n"))
	var text strings.Builder
	for line := range bytes.Lines(events) {
		var event [3]any
		if err := json.Unmarshal(line, &event); err != nil {
			return "", err
		}
		if data, ok := event[2].(string); ok && event[1] == "o" {
			text.WriteString(data)
		}
	}
	var plain strings.Builder
	for line := range strings.Lines(control.ReplaceAllString(text.String(), "")) {
		line = strings.TrimRight(line, " \r\n")
		// What was written over is gone: a wait that is shown in place.
		plain.WriteString(line[strings.LastIndex(line, "\r")+1:] + "\n")
	}
	return strings.TrimSuffix(plain.String(), "$ exit\nexit\n"), nil
}

// record starts asciinema on a terminal of its own and types.
func record(out string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cmd := exec.CommandContext(ctx, "asciinema", "rec", "--quiet", "--overwrite", "--idle-time-limit=2", "--cols=100", "--rows=30",
		"--command=bash --norc --noprofile", out)
	cmd.Env = append(os.Environ(), "PS1=$ ", "TERM=xterm-256color")
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 100, Rows: 30})
	if err != nil {
		return err
	}
	printed := make(chan []byte)
	go read(terminal, printed)
	for _, step := range typed {
		if err := await(printed, step.after); err != nil {
			return err
		}
		time.Sleep(pause)
		for word := range strings.SplitAfterSeq(step.line+"\n", " ") {
			if _, err := terminal.WriteString(word); err != nil {
				return fmt.Errorf("typing %q: %w", step.line, err)
			}
			time.Sleep(key * time.Duration(len(word)))
		}
	}
	for range printed { // to the end
	}
	return cmd.Wait()
}

// read hands on what is printed until the program ends.
func read(terminal *os.File, printed chan<- []byte) {
	defer close(printed)
	for {
		buffer := make([]byte, 4096)
		n, err := terminal.Read(buffer)
		if n > 0 {
			printed <- buffer[:n]
		}
		if err != nil {
			return
		}
	}
}

// await waits until what is printed from now on ends with text.
func await(printed <-chan []byte, text string) error {
	var seen []byte
	deadline := time.After(patience)
	for {
		if bytes.HasSuffix(control.ReplaceAll(seen, nil), []byte(text)) {
			return nil
		}
		select {
		case more, open := <-printed:
			if !open {
				return fmt.Errorf("the program ended before it printed %q: %s", text, seen)
			}
			seen = append(seen, more...)
		case <-deadline:
			return fmt.Errorf("%q was not printed within %s: %q", text, patience, seen)
		}
	}
}
