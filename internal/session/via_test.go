package session

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/attach/attachtest"
)

// process plays attach.sh: it answers a hello, takes the words, greets, and does what is wanted of it.
type process struct {
	// deaf is how many hellos come to it before its output reaches the client.
	deaf int
	// before is what stands in its output before that.
	before   string
	greeting string
	// does is what it does for the command, given its input; the exit status is marked unless it is negative.
	does func(p *process, c *attachtest.Call, in *bufio.Reader) int

	id    string
	mu    sync.Mutex
	words []string
}

func (p *process) handle(c *attachtest.Call) (int, error) {
	in := bufio.NewReader(c.Stdin)
	fmt.Fprint(c.Stdout, p.before)
	word := ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0, fmt.Errorf("hearing the client: %w", err)
		}
		switch verb, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); verb {
		case "hello":
			p.id = text
			if p.deaf--; p.deaf >= 0 {
				continue
			}
			fmt.Fprintln(c.Stdout, "mindebug-here "+p.id)
			if c.Stderr != nil {
				fmt.Fprintln(c.Stderr, "mindebug-here "+p.id)
			}
		case "part":
			word += unescaped(text)
		case "next":
			p.mu.Lock()
			p.words = append(p.words, word)
			p.mu.Unlock()
			word = ""
		case "run":
			fmt.Fprint(c.Stdout, p.greeting)
			if status := p.does(p, c, in); status >= 0 {
				fmt.Fprintf(c.Stdout, "\x1emindebug:%s\x1emindebug-%s:%d\x1e", p.id, p.id, status)
			}
			return 0, nil
		}
	}
}

// unescaped is what printf %b makes of a text.
func unescaped(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out.WriteByte(text[i])
			continue
		}
		n, err := strconv.ParseUint(text[i+1:i+5], 8, 8)
		if err != nil {
			return err.Error()
		}
		out.WriteByte(byte(n))
		i += 4
	}
	return out.String()
}

// input is what the command gets: pieces until their end, each said to be taken.
func (p *process) input(c *attachtest.Call, in *bufio.Reader) string {
	var all bytes.Buffer
	for {
		line, err := in.ReadString('\n')
		verb, size, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch {
		case err != nil || verb == "eof":
			return all.String()
		case verb == "data":
			n, _ := strconv.ParseInt(size, 10, 64)
			_, _ = io.CopyN(&all, in, n)
			fmt.Fprintf(c.Stdout, "\x1emindebug-%s:a\x1e", p.id)
		}
	}
}

// ends is a command that only ends.
func ends(status int) func(*process, *attachtest.Call, *bufio.Reader) int {
	return func(*process, *attachtest.Call, *bufio.Reader) int { return status }
}

// attachTo runs a session in the process over each protocol's server.
func attachTo(t *testing.T, p *process, r Request) (int, error) {
	t.Helper()
	if p.greeting == "" {
		p.greeting = hello
	}
	execer, err := attach.NewExecer(attachtest.NewServer(t, p.handle).Config())
	if err != nil {
		t.Fatal(err)
	}
	return runAttached(t.Context(), execer, attach.Container{Namespace: "shop", Pod: "web", Name: "mindebug-x"}, r)
}

func TestAttachedEnds(t *testing.T) {
	t.Parallel()
	says := func(stdout, stderr string, status int) func(*process, *attachtest.Call, *bufio.Reader) int {
		return func(_ *process, c *attachtest.Call, _ *bufio.Reader) int {
			fmt.Fprint(c.Stdout, stdout)
			fmt.Fprint(c.Stderr, stderr)
			return status
		}
	}
	for name, test := range map[string]struct {
		process        *process
		stdout, stderr string
		status         int
		is             error
	}{
		"what it prints":                   {process: &process{does: says("out", "err\n", 7)}, stdout: "out", stderr: "err\n", status: 7},
		"heard after the third hello":      {process: &process{deaf: 2, does: says("out\n", "err", 0)}, stdout: "out\n", stderr: "err"},
		"what was there before is not its": {process: &process{before: "hello x\nsh: no\n", does: says("out", "", 0)}, stdout: "out"},
		"a word like its own":              {process: &process{does: says("mindebug-here \x1emindebug", "mindebug-here", 0)}, stdout: "mindebug-here \x1emindebug", stderr: "mindebug-here"},
		"no mark of the end":               {process: &process{does: ends(-1)}, is: errNoStatus},
		"killed before its last word": {process: &process{does: func(p *process, c *attachtest.Call, _ *bufio.Reader) int {
			fmt.Fprintf(c.Stdout, "\x1emindebug-%s:137\x1e", p.id)
			return -1
		}}, status: 137, is: ErrCut},
		"it stops": {process: &process{greeting: "mindebug 1\nstop gone\n", does: ends(-1)}, is: &notBegunError{&StopError{"gone"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errOut bytes.Buffer
			r := aRequest(&out)
			r.Stderr = &errOut
			status, err := attachTo(t, test.process, r)
			if status != test.status || out.String() != test.stdout || errOut.String() != test.stderr {
				t.Errorf("status %d, stdout %q, stderr %q; want %d, %q, %q", status, &out, &errOut, test.status, test.stdout, test.stderr)
			}
			var stop *StopError
			if test.is != nil && !errors.Is(err, test.is) && !errors.As(err, &stop) || (err == nil) != (test.is == nil) {
				t.Errorf("error %v; want %v", err, test.is)
			}
		})
	}
}

// TestAttachedWords: what the process is told is what was asked for.
func TestAttachedWords(t *testing.T) {
	t.Parallel()
	p := &process{does: ends(0)}
	r := aRequest(io.Discard)
	r.Command = []string{"printf", "", "a b\n", "$(x) `y` \\0101 'z' \x01\xff", strings.Repeat("long ", 1000)}
	r.Reason = "INC-7: it's"
	if _, err := attachTo(t, p, r); err != nil {
		t.Fatal(err)
	}
	want := append([]string{"mindebug:" + p.id + ":INC-7: it's", "0123", "60", "here", "-a"}, r.Command...)
	if diff := cmp.Diff(want, p.words); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

// TestAttachedInput: all of it arrives, piece by piece; what a command does not take does not hold up its end.
func TestAttachedInput(t *testing.T) {
	t.Parallel()
	much := strings.Repeat("0123456789\n", 30_000)
	run := func(t *testing.T, p *process) (int, error) {
		t.Helper()
		r := aRequest(io.Discard)
		r.Stdin = strings.NewReader(much)
		return attachTo(t, p, r)
	}
	t.Run("taken", func(t *testing.T) {
		t.Parallel()
		var got string
		status, err := run(t, &process{does: func(p *process, c *attachtest.Call, in *bufio.Reader) int {
			got = p.input(c, in)
			return 3
		}})
		if status != 3 || err != nil || got != much {
			t.Errorf("status %d, %v, %d bytes; want 3 and %d", status, err, len(got), len(much))
		}
	})
	for name, mark := range map[string]string{"left": "", "refused": "\x1emindebug-%s:o\x1e"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, err := run(t, &process{does: func(p *process, c *attachtest.Call, in *bufio.Reader) int {
				_, _ = in.ReadString('\n')
				if mark != "" {
					fmt.Fprintf(c.Stdout, mark, p.id)
				}
				return 4
			}})
			if status != 4 || err != nil {
				t.Errorf("status %d, %v; want 4", status, err)
			}
		})
	}
}

// TestAttachedSignals: a signal is a word to the process; on a terminal the client's leaving is a size.
func TestAttachedSignals(t *testing.T) {
	t.Parallel()
	t.Run("no terminal", func(t *testing.T) {
		t.Parallel()
		signals := make(chan syscall.Signal, 1)
		r := aRequest(io.Discard)
		r.Signals = signals
		signals <- syscall.SIGINT
		status, err := attachTo(t, &process{does: func(_ *process, _ *attachtest.Call, in *bufio.Reader) int {
			if line, err := in.ReadString('\n'); line != "INT\n" {
				t.Errorf("the process heard %q (%v), want INT", line, err)
			}
			return 130
		}}, r)
		if status != 130 || err != nil {
			t.Errorf("status %d, %v; want 130", status, err)
		}
	})
	t.Run("terminal", func(t *testing.T) {
		t.Parallel()
		signals, sizes := make(chan syscall.Signal, 1), make(chan attach.Size, 1)
		r := aRequest(io.Discard)
		r.TTY, r.Stdin, r.Signals, r.Sizes = true, strings.NewReader("keys"), signals, sizes
		r.Begun = func(Greeting) { signals <- syscall.SIGTERM }
		sizes <- attach.Size{Width: 80, Height: 24}
		status, err := attachTo(t, &process{does: func(_ *process, c *attachtest.Call, in *bufio.Reader) int {
			typed := make(chan string)
			go func() { // the fake reads nothing else until this is read
				keys := make([]byte, 4)
				_, _ = io.ReadFull(in, keys)
				typed <- string(keys)
			}()
			for size := range c.Sizes {
				if size == leaving {
					break
				}
			}
			if keys := <-typed; keys != "keys" {
				t.Errorf("the keys are %q", keys)
			}
			return 137
		}}, r)
		if status != 137 || err != nil {
			t.Errorf("status %d, %v; want 137", status, err)
		}
	})
}

// TestAttachedNeverBegins: an end before the session is no status, and takes none of the user's input.
func TestAttachedNeverBegins(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(*attachtest.Call) (int, error){
		"its process ends": func(*attachtest.Call) (int, error) { return 0, nil },
		"cut":              func(c *attachtest.Call) (int, error) { c.Cut(); return 0, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			execer, err := attach.NewExecer(attachtest.NewServer(t, refuse).Config())
			if err != nil {
				t.Fatal(err)
			}
			in := strings.NewReader("typed")
			r := aRequest(io.Discard)
			r.Stdin = in
			_, err = runAttached(t.Context(), execer, attach.Container{Namespace: "shop", Pod: "web", Name: "mindebug-x"}, r)
			var notBegun *notBegunError
			if !errors.As(err, &notBegun) || in.Len() != len("typed") {
				t.Errorf("error %v, %d bytes left; want that it did not begin, and 5", err, in.Len())
			}
		})
	}
}

// TestMarks: however the output is cut into pieces, the marks are taken out of it and nothing else.
func TestMarks(t *testing.T) {
	t.Parallel()
	const text = "a\x1eb\x1emindebug-x:a\x1ec\x1emindebug-y:a\x1e\x1emindebug-x:12\x1ed\x1emindebug-x:12345\x1e\x1emindebug-"
	const want = "a\x1ebc\x1emindebug-y:a\x1ed\x1emindebug-x:12345\x1e\x1emindebug-"
	for size := 1; size <= len(text); size++ {
		var out strings.Builder
		var heard []string
		m := &marks{out: &out, prefix: []byte("\x1emindebug-x:"), heard: func(mark string) { heard = append(heard, mark) }}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if _, err := m.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := m.flush(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want || strings.Join(heard, " ") != "a 12" {
			t.Errorf("in pieces of %d: %q and %q; want %q and a, 12", size, out.String(), heard, want)
		}
	}
}

// TestArrival: what follows the line is the client's from its first byte, in whatever pieces it comes.
func TestArrival(t *testing.T) {
	t.Parallel()
	const text = "hello x\r\nnoise mindebug-here x\r\nmindebug-here x\r\nmindebug-here x\nmindebug-here\nmindebug-here x\n$ "
	const want = "mindebug-here\nmindebug-here x\n$ "
	for size := 1; size <= len(text); size++ {
		var out strings.Builder
		a := &arrival{out: &out, word: "mindebug-here x", here: newSignal()}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if _, err := a.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if out.String() != want || !closed(a.here.c) {
			t.Errorf("in pieces of %d: %q; want %q", size, out.String(), want)
		}
	}
}

// TestAttachedContainer: it is listed as what it is, and no other session enters it.
func TestAttachedContainer(t *testing.T) {
	t.Parallel()
	settings := Settings{Image: "debug:1", Attach: true, TTY: true, User: "dana"}
	c := Container(aPlan(t), "app", settings)
	if !c.Stdin || !c.StdinOnce || !c.TTY || strings.Contains(strings.ReplaceAll(fmt.Sprint(c.Command), "$$", ""), "$") {
		t.Errorf("stdin %t, once %t, tty %t, command %q", c.Stdin, c.StdinOnce, c.TTY, c.Command)
	}
	pod := kubetest.Pod("shop", "web").Running(65532, 65532).Ephemeral(c).Up(c.Name, 65532, 65532).Build()
	if all := List(pod); len(all) != 1 || !all[0].Attached || all[0].State != Running || all[0].User != "dana" {
		t.Errorf("listed as %+v", all)
	}
	for _, attach := range []bool{false, true} {
		settings.Attach, settings.TTY = attach, attach
		if found, ok := Find(pod, Container(aPlan(t), "app", settings)); ok {
			t.Errorf("a session with attach %t would enter %s", attach, found.Name)
		}
	}
}
