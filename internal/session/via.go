package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// Attacher connects to the process that a container was started with, as attach.Execer does.
type Attacher interface {
	Attach(ctx context.Context, c attach.Container, s attach.Streams) error
}

// EnterAttached is Enter for a container whose own process is the session (Settings.Attach). The exit status comes with the
// output, since attach has none. On a terminal r.Grace is how long the session goes on without a key.
func EnterAttached(ctx context.Context, cluster Cluster, attacher Attacher, pod *corev1.Pod, container string, bound time.Duration, r Request) (int, error) {
	return enter(ctx, cluster, pod, container, bound, r, func(ctx context.Context, c attach.Container, r Request) (int, error) {
		return runAttached(ctx, attacher, c, r)
	})
}

// errNotBegun is why there was no session although its container was attached to: its process waits for one client.
var errNotBegun = errors.New("its process ended before the session began")

// endWithin bounds the time between the end of a session and that of its streams.
const endWithin = 5 * time.Second

// attachedRun is one session in a process that is attached to; attach.sh is the other side.
type attachedRun struct {
	Request

	id string
	// lines are what the client says; on a terminal only up to the beginning.
	lines *lines
	// here are sent when the process is heard, on each stream of its output.
	here  []*signal
	begun chan struct{}
	// gone is sent when the client leaves a terminal, over when the command takes no more input, ended when status is known.
	gone, over, ended *signal
	status            atomic.Int64
	// taken gets a value for each piece of input that was taken.
	taken  chan struct{}
	unread *broken
}

// runAttached is run by way of attach.
func runAttached(ctx context.Context, attacher Attacher, c attach.Container, r Request) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.attached = true
	a := &attachedRun{
		Request: r, id: rand.String(8), lines: newLines(), here: []*signal{newSignal()}, begun: make(chan struct{}),
		gone: newSignal(), over: newSignal(), ended: newSignal(), taken: make(chan struct{}, 1), unread: &broken{done: newSignal()},
	}
	end := newFarewell(pipe{r.Stdout, a.unread}, a.id)
	greeting := &greeter{out: end, greeted: func(g Greeting) {
		r.Begun(g)
		close(a.begun)
	}}
	out := &marks{out: &arrival{out: greeting, word: a.hereWord(), here: a.here[0]}, prefix: []byte("\x1emindebug-" + a.id + ":"), heard: a.heard}
	streams := attach.Streams{Stdin: a.stdin(ctx), Stdout: out, TTY: r.TTY, Sizes: a.sizes(ctx)}
	errOut := &arrival{out: pipe{r.Stderr, a.unread}, word: a.hereWord(), here: newSignal()}
	if !r.TTY {
		a.here = append(a.here, errOut.here)
		streams.Stderr = errOut
	}
	leave := func() { cancel(errNoEnd) }
	var ends sync.WaitGroup
	ends.Go(func() { a.speak(ctx) })
	ends.Go(func() { a.live(ctx, leave) })
	ends.Go(func() { a.finish(ctx, leave) })

	err := attacher.Attach(ctx, c, streams)

	errOut.flush()
	_, _ = out.flush(), end.flush() // what cannot be written is in unread
	cause := context.Cause(ctx)
	a.lines.abandoned.send()
	cancel(nil)
	ends.Wait()
	return a.result(c, cause, err, greeting.failure(), end)
}

// result is the end of a session, from why it was left, if it was, what Attach and the greeting came to, and what the
// session's last word was.
func (a *attachedRun) result(c attach.Container, cause, err, failure error, end *farewell) (int, error) {
	status := int(a.status.Load())
	switch began := closed(a.begun); {
	case began && closed(a.unread.done.c):
		return a.unread.status()
	case began && closed(a.ended.c):
		end.said = end.said || status != StatusKilled
		return status, judge(nil, c, a.id, end, status, nil)
	case began:
		return 0, judge(cause, c, a.id, &farewell{}, 0, err)
	case failure != nil:
		return 0, &notBegunError{failure}
	case err == nil:
		return 0, &notBegunError{errNotBegun}
	}
	return 0, &notBegunError{err}
}

func (a *attachedRun) hereWord() string { return "mindebug-here " + a.id }

// heard takes in a mark.
func (a *attachedRun) heard(mark string) {
	switch mark {
	case "a":
		select {
		case a.taken <- struct{}{}:
		default:
		}
	case "o":
		a.over.send()
	default:
		if status, err := strconv.Atoi(mark); err == nil {
			a.status.Store(int64(status))
			a.ended.send()
		}
	}
}

// helloEvery is how often the client says that it is there until it is heard: a runtime takes input a moment before it
// gives output.
const helloEvery = 100 * time.Millisecond

// longestPart is how much of a word goes on one line, of which a terminal takes 4095 bytes (N_TTY_BUF_SIZE).
const longestPart = 200

// speak is what the client has to say before the session begins, and the input of its command.
func (a *attachedRun) speak(ctx context.Context) {
	for _, here := range a.here {
		for !closed(here.c) {
			a.lines.say("hello "+a.id, nil)
			select {
			case <-here.c:
			case <-time.After(helloEvery):
			case <-ctx.Done():
				return
			}
		}
	}
	for _, word := range a.words(a.id)[4:] {
		for part := word; part != ""; {
			n := min(len(part), longestPart)
			a.lines.say("part "+escaped(part[:n]), nil)
			part = part[n:]
		}
		a.lines.say("next", nil)
	}
	a.lines.say("run", nil)
	switch {
	case a.TTY:
		close(a.lines.over)
	case a.Stdin != nil:
		a.feed(ctx)
	}
}

// escaped is text as printf %b takes it.
func escaped(text string) string {
	var out strings.Builder
	for _, b := range []byte(text) {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("/.,:=@_+-", b) >= 0 {
			out.WriteByte(b)
			continue
		}
		fmt.Fprintf(&out, `\0%03o`, b)
	}
	return out.String()
}

// pieceSize is that of a piece of input, in bytes: less than a pipe holds, so that what follows it is heard while the
// command takes its time.
const pieceSize = 32 << 10

// feed passes on the command's input piece by piece, the next when the last was taken.
func (a *attachedRun) feed(ctx context.Context) {
	in := gate(ctx, a.begun, a.over.c, a.Stdin)
	buffer := make([]byte, pieceSize)
	for {
		n, err := in.Read(buffer)
		if n > 0 {
			a.lines.say(fmt.Sprintf("data %d\n%s", n, buffer[:n]), nil)
			select {
			case <-a.taken:
			case <-a.over.c:
				return
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			a.lines.say("eof", nil)
			return
		}
	}
}

// stdin is what the process reads. It has no end before the session: a runtime takes that for the client's.
func (a *attachedRun) stdin(ctx context.Context) io.Reader {
	if !a.TTY {
		return a.lines
	}
	keys := io.Reader(strings.NewReader(""))
	if a.Stdin != nil {
		keys = gate(ctx, a.begun, a.over.c, a.Stdin)
	}
	return io.MultiReader(a.lines, keys, endless{ctx})
}

// endless is a reader that has nothing until its context ends.
type endless struct {
	ctx context.Context //nolint:containedctx // io.Reader takes none
}

// Read implements io.Reader.
func (e endless) Read([]byte) (int, error) {
	<-e.ctx.Done()
	return 0, io.EOF
}

// leaving is a size that no terminal has: nothing else than its size goes past a terminal's input. (One of 30000 and more is
// 80 by 24 to BusyBox' stty.)
var leaving = attach.Size{Width: 29999, Height: 29999}

// sizes are those of the user's terminal, and the one that says that the client leaves.
func (a *attachedRun) sizes(ctx context.Context) <-chan attach.Size {
	if !a.TTY {
		return nil
	}
	out := make(chan attach.Size)
	go func() {
		defer close(out)
		in, gone := a.Sizes, a.gone.c
		for {
			var size attach.Size
			ok := true
			select {
			case size, ok = <-in:
			case <-gone:
				size, in, gone = leaving, nil, nil
			case <-ctx.Done():
				return
			}
			if !ok {
				in = nil
				continue
			}
			select {
			case out <- size:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// live keeps the lease and passes on signals; on a terminal it only says when the client leaves.
func (a *attachedRun) live(ctx context.Context, leave func()) {
	if !a.TTY {
		lease := newLease(false, a.Grace)
		lease.own = a.lines
		lease.live(ctx, leave, a.begun, a.Request, a.unread.done.c)
		return
	}
	select {
	case <-a.begun:
	case <-ctx.Done():
		return
	}
	select {
	case <-a.Signals:
	case <-a.unread.done.c:
	case <-ctx.Done():
		return
	}
	a.gone.send()
	select {
	case <-time.After(killAfter + goneAfter):
		leave()
	case <-ctx.Done():
	}
}

// finish lets go of the lease when the session has ended. The streams end soon after that.
func (a *attachedRun) finish(ctx context.Context, leave func()) {
	select {
	case <-a.ended.c:
	case <-ctx.Done():
	}
	if !a.TTY {
		a.lines.end(ctx, closed(a.ended.c))
	}
	select {
	case <-time.After(endWithin):
		leave()
	case <-ctx.Done():
	}
}
