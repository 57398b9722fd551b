package ui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Notices are lines for whoever reads along. A nil *Notices says nothing. None is written while the terminal is raw: there
// a line end does not return to the first column.
type Notices struct {
	out io.Writer
	// width is that of the terminal in characters, nil where there is none.
	width func() int

	mu sync.Mutex
	// what is waited for since when; over ends its clock. Shown is true while the line is on the screen.
	what  string
	since time.Time
	over  chan struct{}
	shown bool
}

// NewNotices returns notices that are written to out.
func NewNotices(out io.Writer) *Notices {
	n := &Notices{out: out}
	if file, ok := out.(*os.File); ok && IsTerminal(out) {
		n.width = func() int {
			width, _, _ := term.GetSize(int(file.Fd())) // 0 where it is not told
			return width
		}
	}
	return n
}

// Say writes one notice. Its text may come from a cluster: it is escaped.
func (n *Notices) Say(format string, args ...any) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clear()
	fmt.Fprintln(n.out, strings.ReplaceAll(Escape(fmt.Sprintf(format, args...)), "\n", " "))
}

// tick is how long a wait lasts before it is shown, and then how often it is shown anew.
const tick = 500 * time.Millisecond

// Await shows what is waited for, and for how long, on one line that changes in place: on a terminal only, and not before
// half a second. The next notice takes it away, and so does Await(""), after which nothing is written. The text is escaped.
func (n *Notices) Await(what string) {
	if n == nil || n.width == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if what == n.what {
		return
	}
	if n.over != nil {
		close(n.over)
		n.over = nil
	}
	n.what, n.since = what, time.Now()
	if what == "" {
		n.clear()
		return
	}
	if n.shown {
		n.show()
	}
	n.over = make(chan struct{})
	go n.watch(n.over)
}

// watch shows the line until over is closed.
func (n *Notices) watch(over <-chan struct{}) {
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for {
		select {
		case <-over:
			return
		case <-clock.C:
		}
		n.mu.Lock()
		select {
		case <-over: // while the lock was waited for
		default:
			n.show()
		}
		n.mu.Unlock()
	}
}

func (n *Notices) show() {
	text := strings.ReplaceAll(Escape(n.what), "\n", " ")
	if seconds := int(time.Since(n.since).Seconds()); seconds > 0 {
		text += fmt.Sprintf(", %d s", seconds)
	}
	if runes := []rune(text); n.width() > 0 && len(runes) >= n.width() { // a second line would stay
		text = string(runes[:n.width()-1])
	}
	fmt.Fprint(n.out, "\r\x1b[K", text)
	n.shown = true
}

func (n *Notices) clear() {
	if n.shown {
		fmt.Fprint(n.out, "\r\x1b[K")
		n.shown = false
	}
}
