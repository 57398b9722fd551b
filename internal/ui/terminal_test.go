//go:build !windows

package ui

import (
	"bytes"
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// terminal opens a pseudo-terminal and returns both ends.
func terminal(t *testing.T) (keyboard, stream *os.File) {
	t.Helper()
	keyboard, stream, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stream.Close()
		_ = keyboard.Close()
	})
	return keyboard, stream
}

func mode(t *testing.T, f *os.File) term.State {
	t.Helper()
	state, err := term.GetState(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return *state
}

func TestIsTerminal(t *testing.T) {
	t.Parallel()
	_, stream := terminal(t)
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, test := range []struct {
		name   string
		stream any
		want   bool
	}{
		{"a terminal", stream, true},
		{"a file", file, false},
		{"a buffer", &bytes.Buffer{}, false},
		{"nothing", nil, false},
	} {
		if got := IsTerminal(test.stream); got != test.want {
			t.Errorf("IsTerminal of %s = %t", test.name, got)
		}
	}
}

func TestRaw(t *testing.T) {
	t.Parallel()
	keyboard, stream := terminal(t)
	before := mode(t, stream)
	restore, err := Raw(stream)
	if err != nil {
		t.Fatal(err)
	}
	if mode(t, stream) == before {
		t.Error("the mode is what it was")
	}
	// Ctrl-C, and a byte without a line's end, reach whoever reads.
	if _, err := keyboard.Write([]byte("\x03x")); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for len(got) < 2 {
		p := make([]byte, 2)
		n, err := stream.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p[:n]...)
	}
	if string(got) != "\x03x" {
		t.Errorf("typed %q arrives as %q", "\x03x", got)
	}
	restore()
	if mode(t, stream) != before {
		t.Error("the mode was not restored")
	}
	if _, err := term.MakeRaw(int(stream.Fd())); err != nil {
		t.Fatal(err)
	}
	restore()
	if mode(t, stream) == before {
		t.Error("a second call changed the mode again")
	}
}

func TestRawOfNoTerminal(t *testing.T) {
	t.Parallel()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := Raw(file); err == nil {
		t.Error("a file was made raw")
	}
	if _, err := Raw(strings.NewReader("")); err == nil {
		t.Error("a reader was made raw")
	}
}

type size struct{ width, height uint16 }

func newSize(width, height uint16) size { return size{width, height} }

func TestSizes(t *testing.T) {
	t.Parallel()
	_, stream := terminal(t)
	resize := func(width, height uint16) {
		if err := pty.Setsize(stream, &pty.Winsize{Cols: width, Rows: height}); err != nil {
			t.Fatal(err)
		}
	}
	resize(80, 24)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sizes := Sizes(ctx, stream, newSize)
	if got := <-sizes; got != (size{80, 24}) {
		t.Errorf("size %v; want 80×24", got)
	}
	resize(120, 40)
	if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil { // no terminal of a test is the process' own
		t.Fatal(err)
	}
	if got := <-sizes; got != (size{120, 40}) {
		t.Errorf("size %v; want 120×40", got)
	}
	cancel()
	if got, ok := <-sizes; ok {
		t.Errorf("size %v after the end", got)
	}
}

// TestSizesUnread ends although nobody takes the sizes.
func TestSizesUnread(t *testing.T) {
	t.Parallel()
	_, stream := terminal(t)
	if err := pty.Setsize(stream, &pty.Winsize{Cols: 1, Rows: 1}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sizes := Sizes(ctx, stream, newSize)
	cancel()
	for range sizes {
	}
}

func TestSizesOfNoTerminal(t *testing.T) {
	t.Parallel()
	if got, ok := <-Sizes(t.Context(), &bytes.Buffer{}, newSize); ok {
		t.Errorf("a buffer has the size %v", got)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ctx, cancel := context.WithCancel(t.Context())
	sizes := Sizes(ctx, file, newSize)
	cancel()
	if got, ok := <-sizes; ok {
		t.Errorf("a file has the size %v", got)
	}
}
