// Package report says what is being done and how long it took, one line a step. It may be used by several goroutines.
package report

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Reporter writes lines to one writer. Its zero value is silent.
type Reporter struct {
	mu  sync.Mutex
	out io.Writer
}

// New returns a Reporter that writes to out.
func New(out io.Writer) *Reporter { return &Reporter{out: out} }

// Say writes one line.
func (r *Reporter) Say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out != nil {
		fmt.Fprintf(r.out, format+"\n", args...)
	}
}

// Step does the work and writes its name and how long it took. A failing step writes nothing: its error is said by whoever
// gets it.
func (r *Reporter) Step(name string, work func() error) error {
	start := time.Now()
	if err := work(); err != nil {
		return err
	}
	r.Say("%-52s %7.1fs", name, time.Since(start).Seconds())
	return nil
}
