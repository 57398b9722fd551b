package ui

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// Notices are lines for whoever reads along. A nil *Notices says nothing. None is written while the terminal is raw: there
// a line end does not return to the first column.
type Notices struct {
	out io.Writer
	mu  sync.Mutex
}

// NewNotices returns notices that are written to out.
func NewNotices(out io.Writer) *Notices { return &Notices{out: out} }

// Say writes one notice. Its text may come from a cluster: it is escaped.
func (n *Notices) Say(format string, args ...any) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprintln(n.out, strings.ReplaceAll(Escape(fmt.Sprintf(format, args...)), "\n", " "))
}
