package ui

import (
	"fmt"
	"io"
)

// Progress is one line that says how far something is, on a terminal only.
type Progress struct{ out io.Writer }

// NewProgress returns a progress line on out, or none where that is no terminal.
func NewProgress(out io.Writer) *Progress {
	if !IsTerminal(out) {
		return &Progress{}
	}
	return &Progress{out}
}

// Show writes the line anew. Only one may call it at a time.
func (p *Progress) Show(n, of int) {
	if p.out != nil {
		fmt.Fprintf(p.out, "\r%d of %d", n, of)
	}
}

// Say writes the line anew with a text of one's own.
func (p *Progress) Say(text string) {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K", Escape(text))
	}
}

// Clear takes the line away.
func (p *Progress) Clear() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
