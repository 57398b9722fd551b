package session

import (
	"context"
	"io"
	"syscall"
	"time"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// lease is what a client says to the keeper of its session. A command that takes no input has its keeper at the other end
// of its standard input, where it costs no connection. What anybody takes no output of holds up all that is on the way,
// since a server that cannot write answers no ping, and reads nothing behind one (wsstream in k8s.io/apimachinery); then
// a keeper comes on a connection of its own.
type lease struct {
	// own is said to the keeper that has a connection of its own, within to the one that has not, nil where there is none.
	own, within *lines
	// stalled is sent when output was not taken for too long.
	stalled *signal
	after   time.Duration
	// shown is sent with the first output, wanted when there is more to say than that the client lives, ended when the
	// session is over.
	shown, wanted, ended *signal
}

// pingEvery is how often client-go pings a server (pingPeriod in tools/remotecommand/websocket.go). Output of which each
// piece takes longer than that piles pings up.
const pingEvery = 5 * time.Second

func newLease(within bool, grace time.Duration) *lease {
	l := &lease{
		own: newLines(), stalled: newSignal(), after: min(max(grace/4, soonestBeat), pingEvery),
		shown: newSignal(), wanted: newSignal(), ended: newSignal(),
	}
	if within {
		l.within = newLines()
	}
	return l
}

// say says a word to the keeper that hears it.
func (l *lease) say(word string) {
	if l.within == nil || closed(l.stalled.c) || !l.within.say(word, l.stalled.c) {
		l.own.say(word, nil)
	}
}

// ask says a word that is more than a sign of life.
func (l *lease) ask(word string) {
	l.wanted.send()
	l.say(word)
}

// patient is a writer that tells when something was written, or when it was held up for long.
func (l *lease) patient(w io.Writer) io.Writer {
	if w == nil {
		return nil
	}
	return writerFunc(func(p []byte) (int, error) {
		defer l.shown.send()
		late := time.AfterFunc(l.after, l.stalled.send)
		defer late.Stop()
		return w.Write(p)
	})
}

// writerFunc is a function as an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// end lets go of the lease, and waits until that is sent where wait is set and anybody is to hear it.
func (l *lease) end(ctx context.Context, wait bool) {
	l.ended.send()
	if l.within != nil {
		l.within.end(ctx, false)
	}
	l.own.end(ctx, wait && (l.within == nil || closed(l.stalled.c)))
}

// promptWithin is how long the keeper's stream waits for the first output of a command that takes input.
const promptWithin = 200 * time.Millisecond

// keep holds the lease by a second stream, once opens is closed and that holds up nobody: it takes as much of client,
// server and node as the session itself. On a terminal that is after some seconds, which the session's own guard knows how
// to fill; else with the first output, since the keeper also tells, by whatever comes back, that a command takes no more
// input. A signal to be passed on does not wait.
func (l *lease) keep(ctx context.Context, execer Execer, c attach.Container, command []string, tty bool, opens <-chan struct{}, over *signal) {
	defer l.own.abandoned.send()
	shown, wait := l.shown.c, promptWithin
	if tty {
		shown, wait = nil, l.after
	}
	select {
	case <-opens:
	case <-l.ended.c:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-shown:
	case <-l.wanted.c:
	case <-time.After(wait):
	case <-l.ended.c:
		return
	case <-ctx.Done():
		return
	}
	// Whatever ends this stream, the session goes on until its grace period is over.
	_, _ = execer.Exec(ctx, c, command, attach.Streams{Stdin: l.own, Stdout: said{over}})
}

// said is a writer that tells that something was written.
type said struct{ signal *signal }

func (s said) Write(p []byte) (int, error) {
	s.signal.send()
	return len(p), nil
}

// soonestBeat is the least time between two signs of life.
const soonestBeat = 250 * time.Millisecond

// live says that the client is there, four times in each grace period, and passes on signals. What nobody reads any more
// ends. A session that outlives SIGKILL for long has lost its way to the client, which then goes by itself.
func (l *lease) live(ctx context.Context, leave func(), begun <-chan struct{}, r Request, unread <-chan struct{}) {
	select {
	case <-begun:
	case <-ctx.Done():
		return
	}
	beat := time.NewTicker(max(r.Grace/4, soonestBeat))
	defer beat.Stop()
	var kill, gone <-chan time.Time
	for {
		select {
		case <-beat.C:
			l.say(".")
		case signal := <-r.Signals:
			word := names[signal]
			if r.TTY {
				word = "KILL" // what the keys of a terminal do arrives by themselves; this ends the client
			}
			go l.ask(word)
			kill = time.After(killAfter)
		case <-kill:
			go l.ask("KILL")
			gone = time.After(goneAfter)
		case <-unread:
			go l.ask("KILL")
			unread, gone = nil, time.After(goneAfter)
		case <-gone:
			leave()
		case <-ctx.Done():
			return
		}
	}
}

// names are the signals that a keeper passes on. The end of a client's own terminal is as good as a request to end.
var names = map[syscall.Signal]string{
	syscall.SIGINT:  "INT",
	syscall.SIGTERM: "TERM",
	syscall.SIGHUP:  "TERM",
}

// lines is what a client says to a keeper, as the reader that a stream takes it from.
type lines struct {
	queue chan string
	rest  string
	// over is closed when nothing more is to be said, flushed when the stream asked for more after the last line and so
	// has sent it, abandoned when the stream is gone.
	over               chan struct{}
	flushed, abandoned *signal
}

func newLines() *lines {
	return &lines{
		queue:     make(chan string),
		over:      make(chan struct{}),
		flushed:   newSignal(),
		abandoned: newSignal(),
	}
}

// Read implements io.Reader.
func (l *lines) Read(p []byte) (int, error) {
	for l.rest == "" {
		select {
		case l.rest = <-l.queue:
		case <-l.over:
			l.flushed.send()
			return 0, io.EOF
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// say queues a line unless the stream is gone, or elsewhere is closed first; then it returns false.
func (l *lines) say(line string, elsewhere <-chan struct{}) bool {
	select {
	case l.queue <- line + "\n":
	case <-l.over:
	case <-l.abandoned.c:
	case <-elsewhere:
		return false
	}
	return true
}

// flushWithin bounds how long the end of a session waits for its keeper to be told, for instance because the keeper's
// stream is only being opened.
const flushWithin = time.Second

// end lets go of the lease, and waits until that is sent where wait is set.
func (l *lines) end(ctx context.Context, wait bool) {
	if !wait {
		close(l.over)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushWithin)
	defer cancel()
	select {
	case l.queue <- "end\n":
	case <-l.abandoned.c:
	case <-ctx.Done():
	}
	close(l.over)
	select {
	case <-l.flushed.c:
	case <-l.abandoned.c:
	case <-ctx.Done():
	}
}
