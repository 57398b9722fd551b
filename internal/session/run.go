package session

import (
	"cmp"
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
	// Shell is the container's shell, "sh" where it is empty, and Prelude what it runs before the session's own script: in a
	// container that is not a session container's, where it finds that.
	Shell, Prelude string
	// Reason is what the session is for, in one line. It stands in the request, and so in the audit log.
	Reason string
	// Look asks for the greeting only: nothing is run, and the container is not used by it.
	Look bool
	// Stdin is the command's standard input, or nil for none. It is not read before the session has begun.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	TTY            bool
	Sizes          <-chan attach.Size
	// Detach leaves the command running, with no input and no output, once it has begun. The error is then a *LeftError.
	Detach bool
	// Grace is how long what runs in the session outlives a client that is gone, or that leaves it.
	Grace time.Duration
	// Place is what the prompt of a shell says.
	Place string
	// SeeImage asks what tells the kind of the target's image.
	SeeImage bool
	// Quiet asks for no notice from inside.
	Quiet bool
	// Signals are sent to what runs in the session. After killAfter it is killed.
	Signals <-chan syscall.Signal
	// Waiting is told what is waited for before the command begins; nil where nobody wants to know.
	Waiting func(what string)
	// Begun is called when the command begins.
	Begun func(Greeting)

	// attached is set where the session is its container's own process.
	attached bool
}

// killAfter is the time between a signal of the user and SIGKILL.
const killAfter = 5 * time.Second

// goneAfter is how long the end of what was killed is waited for: a node that is busy takes its time to kill and to tell.
const goneAfter = 10 * time.Second

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
	unread, over := &broken{done: newSignal()}, newSignal()
	// Standard input that the command does not want can carry the lease; a terminal would echo it.
	within := r.Stdin == nil && !r.TTY
	lease := newLease(within && !r.Detach, r.Grace)

	end := newFarewell(pipe{lease.patient(r.Stdout), unread}, id)
	talk := &held{out: pipe{lease.patient(r.Stderr), unread}}
	out := &greeter{out: end, greeted: func(g Greeting) {
		r.Begun(g)
		_ = talk.release() // as below
		close(begun)
	}}
	streams := attach.Streams{Stdout: out, Stderr: talk, TTY: r.TTY, Sizes: r.Sizes}
	var ends sync.WaitGroup
	opens := (<-chan struct{})(begun)
	switch {
	case r.Detach:
		ends.Go(func() { leave(ctx, begun, cancel) })
	case within:
		streams.Stdin, opens = lease.within, lease.stalled.c
	case r.Stdin != nil:
		streams.Stdin = gate(ctx, begun, over.c, r.Stdin)
	}
	if !r.Detach {
		ends.Go(func() {
			lease.keep(ctx, execer, c, r.script("KEEP", "mindebug-keep:"+id, seconds(r.Grace)), r.TTY, opens, over)
		})
		ends.Go(func() { lease.live(ctx, func() { cancel(errNoEnd) }, begun, r, unread.done.c) })
	}

	status, err := execer.Exec(ctx, c, r.words(id), streams)

	began := closed(begun)
	_, _ = talk.release(), end.flush() // what cannot be written is in unread
	if began {
		err = judge(context.Cause(ctx), c, id, end, status, err)
	}
	// Without an exit status the command may go on: its keeper is left to wait for the client, and to end it.
	lease.end(ctx, began && err == nil && !r.Detach)
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

// judge says how a session ended that had begun, given why its context did, and the status or error of its exec.
func judge(cause error, c attach.Container, id string, end *farewell, status int, err error) error {
	switch {
	case errors.Is(cause, errLeft) && err != nil:
		return &LeftError{ID: id}
	case errors.Is(cause, errNoEnd):
		return &attach.LostError{Container: c, Cause: errNoEnd}
	case err != nil:
		return err
	case end.why == whyLease:
		return ErrLease
	case end.why == whyStop, status == StatusKilled && !end.said:
		return ErrCut
	case status == 0 && !end.said:
		return &attach.LostError{Container: c, Cause: errNoStatus}
	}
	return nil
}

// wait says what is waited for.
func (r *Request) wait(what string) {
	if r.Waiting != nil {
		r.Waiting(what)
	}
}

// words are those of the exec: the session's own, then the command's.
func (r *Request) words(id string) []string {
	flags := "-"
	if r.Quiet {
		flags += "q"
	}
	if r.SeeImage {
		flags += "s"
	}
	switch {
	case r.Detach:
		flags += "d"
	case r.attached && (r.TTY || r.Stdin == nil):
		flags += "a"
	case r.attached:
		flags += "af"
	case r.TTY:
	case r.Stdin != nil:
		flags += "i"
	default:
		flags += "k"
	}
	name := "mindebug"
	if r.Look {
		name = "mindebug-look"
	}
	return append(r.script("RUN", name, "mindebug:"+id+":"+r.Reason, r.TargetID, seconds(r.Grace), r.Place, flags), r.Command...)
}

// script are the words that run one of the scripts.
func (r *Request) script(name string, words ...string) []string {
	return append([]string{cmp.Or(r.Shell, "sh"), "-c", r.Prelude + `eval "$MINDEBUG_` + name + `"`}, words...)
}

// StatusKilled is the exit status of what SIGKILL ended.
const StatusKilled = 128 + int(syscall.SIGKILL)

// ErrCut says that what the command runs under did not come to its own end: it was killed from outside, or its container
// ends.
var ErrCut = errors.New("the session was killed")

// ErrLease says that the command was killed since its client was not heard of for the grace period.
var ErrLease = errors.New("the session was ended for want of a client")

// errNoEnd is why a session is left that outlived SIGKILL.
var errNoEnd = fmt.Errorf("what ran in the session was killed, and no end was heard of within %s", goneAfter)

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
