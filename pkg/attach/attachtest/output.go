package attachtest

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// counter is a writer that takes many bytes of one kind.
type counter struct {
	mu    sync.Mutex
	kind  byte
	n     int
	alien int
}

func newCounter(kind byte) *counter { return &counter{kind: kind} }

func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range p {
		if b == c.kind {
			c.n++
		} else {
			c.alien++
		}
	}
	return len(p), nil
}

// wantMuch fails the test unless exactly so many bytes of that kind were written, and no other.
func (c *counter) wantMuch(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n != much || c.alien != 0 {
		t.Errorf("%d bytes %q and %d others; want %d and none", c.n, c.kind, c.alien, much)
	}
}

// screen is a writer on which a test waits for text.
type screen struct {
	mu   sync.Mutex
	all  strings.Builder
	seen int
	more chan struct{}
}

func newScreen() *screen { return &screen{more: make(chan struct{}, 1)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.all.Write(p)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

// text is all that was written so far.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// expect waits until text was written after what the last expect found.
func (s *screen) expect(t *testing.T, text string) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		all := s.text()
		if i := strings.Index(all[s.seen:], text); i >= 0 {
			s.seen += i + len(text)
			return
		}
		select {
		case <-s.more:
		case <-late.C:
			t.Fatalf("%q was not written within %s; this was: %q", text, patience, all)
		}
	}
}

// neverRead is a standard input on which nothing comes as long as the test runs.
func neverRead(t *testing.T) io.Reader {
	in, typed := io.Pipe()
	t.Cleanup(func() { _ = typed.Close() })
	return in
}
