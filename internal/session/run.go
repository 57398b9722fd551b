package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// Execer runs a command in a container and returns its exit status, as attach.Execer does.
type Execer interface {
	Exec(ctx context.Context, c attach.Container, command []string, s attach.Streams) (int, error)
}

// Request is what a user asks of one session.
type Request struct {
	// TargetID is the target container's id.
	TargetID string
	// Command is what to run; none means a shell.
	Command []string
	// Reason is what the session is for, in one line. It stands in the request, and so in the audit log.
	Reason string
	// Look asks for the greeting only: nothing is run, and the container is not used by it.
	Look bool
	// Stdin is the command's standard input, or nil for none. It is not read before the session has begun.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	TTY            bool
	Sizes          <-chan attach.Size
	// Grace is how long what runs in the session outlives a client that is gone.
	Grace time.Duration
	// Place is what the prompt of a shell says.
	Place string
	// Quiet asks for no notice from inside.
	Quiet bool
	// Signals are sent to what runs in the session. After killAfter it is killed.
	Signals <-chan syscall.Signal
	// Waiting is told what is waited for before the command begins; nil where nobody wants to know.
	Waiting func(what string)
	// Begun is called when the command begins.
	Begun func(Greeting)
}

// killAfter is the time between a signal of the user and SIGKILL.
const killAfter = 5 * time.Second

// notBegunError says that a session ended, or was refused, before its command had begun: nothing of the user's ran.
type notBegunError struct{ cause error }

func (e *notBegunError) Error() string { return fmt.Sprintf("entering the container: %v", e.cause) }
func (e *notBegunError) Unwrap() error { return e.cause }

// statusPipe is the exit status of a session whose output nobody takes any more: that of a program that SIGPIPE ended.
const statusPipe = 128 + int(syscall.SIGPIPE)

// run carries one session in container c from its beginning to its end and returns the command's exit status. It
// returns a *notBegunError where the command did not begin.
func run(ctx context.Context, execer Execer, c attach.Container, r Request) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	id := rand.String(8)
	begun := make(chan struct{})
	keeper := newLines()
	unread, over := &broken{done: newSignal()}, newSignal()

	end := newFarewell(pipe{r.Stdout, unread}, id)
	out := &greeter{out: end, greeted: func(g Greeting) {
		r.Begun(g)
		close(begun)
	}}
	streams := attach.Streams{Stdout: out, Stderr: pipe{r.Stderr, unread}, TTY: r.TTY, Sizes: r.Sizes}
	flags := ""
	var ends sync.WaitGroup
	// Standard input that the command does not want can carry the lease; a terminal would echo it.
	apart := r.Stdin != nil || r.TTY
	if apart {
		if r.Stdin != nil {
			streams.Stdin = gate(ctx, begun, over.c, r.Stdin)
		}
		if !r.TTY {
			flags += "i"
		}
		ends.Go(func() { keep(ctx, execer, c, id, r.Grace, keeper, begun, over) })
	} else {
		flags += "k"
		streams.Stdin = keeper
	}
	ends.Go(func() { keeper.live(ctx, func() { cancel(errNoEnd) }, begun, r, unread.done.c) })

	status, err := execer.Exec(ctx, c, r.words(id, flags), streams)

	began := closed(begun)
	_ = end.flush() // what cannot be written is in unread
	switch {
	case errors.Is(context.Cause(ctx), errNoEnd):
		err = &attach.LostError{Container: c, Cause: errNoEnd}
	case began && err == nil && status == 0 && !end.said:
		err = &attach.LostError{Container: c, Cause: errNoStatus}
	case began && err == nil && status == StatusKilled && !end.said:
		err = ErrCut
	}
	// Without an exit status the command may go on: its keeper is left to wait for the client, and to end it.
	keeper.end(ctx, began && apart && err == nil)
	cancel(nil)
	ends.Wait()
	switch failure := out.failure(); {
	case began && closed(unread.done.c):
		return unread.status()
	case began:
		return status, err
	case failure != nil:
		return 0, &notBegunError{failure}
	case err == nil:
		return 0, &notBegunError{fmt.Errorf("the shell ended with exit status %d", status)}
	}
	return 0, &notBegunError{err}
}

// wait says what is waited for.
func (r *Request) wait(what string) {
	if r.Waiting != nil {
		r.Waiting(what)
	}
}

// words are those of the exec: the session's own, then the command's.
func (r *Request) words(id, flags string) []string {
	if r.Quiet {
		flags = "q" + flags
	}
	name := "mindebug"
	if r.Look {
		name = "mindebug-look"
	}
	return append([]string{
		"sh", "-c", `eval "$MINDEBUG_RUN"`, name, "mindebug:" + id + ":" + r.Reason,
		r.TargetID, seconds(r.Grace), r.Place, "-" + flags,
	}, r.Command...)
}

// StatusKilled is the exit status of what SIGKILL ended.
const StatusKilled = 128 + int(syscall.SIGKILL)

// ErrCut says that what the command runs under did not come to its own end: it was killed from outside.
var ErrCut = errors.New("the session was killed")

// errNoEnd is why a session is left that outlived SIGKILL.
var errNoEnd = fmt.Errorf("what ran in the session was killed, and no end was heard of within %s", killAfter)

// errNoStatus is why an end of the streams is no success: the session had not said that its command was over.
var errNoStatus = errors.New("the streams ended before the command did")

// signal is a channel that can be closed more than once.
type signal struct {
	c    chan struct{}
	once sync.Once
}

func newSignal() *signal { return &signal{c: make(chan struct{})} }

func (s *signal) send() { s.once.Do(func() { close(s.c) }) }

// broken says that output could not be written, and why.
type broken struct {
	done *signal
	mu   sync.Mutex
	err  error
}

// status is the end of a session whose output could not be written: nobody reads it any more, or it is lost.
func (b *broken) status() (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if errors.Is(b.err, syscall.EPIPE) {
		return statusPipe, nil
	}
	return 0, fmt.Errorf("writing the command's output: %w", b.err)
}

// pipe is a writer that tells when it cannot write any more.
type pipe struct {
	out    io.Writer
	broken *broken
}

func (p pipe) Write(b []byte) (int, error) {
	n, err := p.out.Write(b)
	if err != nil {
		p.broken.mu.Lock()
		p.broken.err = err
		p.broken.mu.Unlock()
		p.broken.done.send()
	}
	return n, err
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// keep holds the lease of a session whose standard input is the command's own, by a second stream. Whatever comes back on
// it means that the command takes no more input.
func keep(ctx context.Context, execer Execer, c attach.Container, id string, grace time.Duration, lines *lines, begun <-chan struct{}, over *signal) {
	select {
	case <-begun:
	case <-ctx.Done():
		return
	}
	command := []string{"sh", "-c", `eval "$MINDEBUG_KEEP"`, "mindebug-keep:" + id, seconds(grace)}
	// Whatever ends this stream, the session goes on; without a lease it lasts as long as its command does.
	_, _ = execer.Exec(ctx, c, command, attach.Streams{Stdin: lines, Stdout: said{over}})
	lines.abandoned.send()
}

// said is a writer that tells that something was written.
type said struct{ signal *signal }

func (s said) Write(p []byte) (int, error) {
	s.signal.send()
	return len(p), nil
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

// say queues a line unless the stream is gone.
func (l *lines) say(line string) {
	select {
	case l.queue <- line + "\n":
	case <-l.over:
	case <-l.abandoned.c:
	}
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

// soonestBeat is the least time between two signs of life.
const soonestBeat = 250 * time.Millisecond

// live says that the client is there, four times in each grace period, and passes on signals. What nobody reads any more
// ends. A session that outlives SIGKILL for long has lost its way to the client, which then goes by itself.
func (l *lines) live(ctx context.Context, leave func(), begun <-chan struct{}, r Request, unread <-chan struct{}) {
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
			go l.say(word)
			kill = time.After(killAfter)
		case <-kill:
			go l.say("KILL")
			gone = time.After(killAfter)
		case <-unread:
			go l.say("KILL")
			unread, gone = nil, time.After(killAfter)
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

// gate is a reader that is shut until the session has begun, so that an attempt that fails takes nothing from the user's
// input, and at its end when the command takes no more.
func gate(ctx context.Context, open, over <-chan struct{}, in io.Reader) io.Reader {
	out, pipe := io.Pipe()
	go func() {
		select {
		case <-open:
			_, err := io.Copy(pipe, in)
			pipe.CloseWithError(err)
		case <-ctx.Done():
		}
	}()
	go func() {
		select {
		case <-over:
		case <-ctx.Done():
		}
		pipe.Close()
	}()
	return out
}
