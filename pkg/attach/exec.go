package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/conversion/queryparams"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
)

// Container names a container of a pod.
type Container struct {
	Namespace, Pod, Name string
}

// Size is the size of a terminal in characters.
type Size struct {
	Width, Height uint16
}

// Streams are what a command is connected to. A nil reader or writer asks for no such stream.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// TTY asks for a terminal in the container; its output, stderr included, arrives on Stdout.
	TTY bool
	// Sizes carries the terminal's size and each later one. The sender closes it. Nil asks for none.
	Sizes <-chan Size
}

// Execer runs commands in the containers of one cluster, and connects to what runs in them. It is safe for concurrent use: each command has a connection
// of its own.
type Execer struct {
	config *rest.Config
	base   *url.URL
	// silence is the bound after which a connection on which nothing is heard is given up.
	silence time.Duration
	spares  spares
}

// silence is what client-go (0.37, pingReadDeadline in tools/remotecommand/websocket.go) gives a websocket: it sends a ping
// every 5 s and lets twelve go unanswered.
const silence = 61 * time.Second

// NewExecer returns an Execer that reaches the API server as config says. It opens no connection. The config's Timeout is
// not applied: a stream lasts as long as its command, and its bound is the context of the call.
func NewExecer(config *rest.Config) (*Execer, error) {
	config = rest.CopyConfig(config)
	config.Timeout = 0
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading server address %q: %w", config.Host, err)
	}
	return &Execer{config: config, base: base.JoinPath("api", "v1"), silence: silence}, nil
}

// Exec runs command in c and returns its exit status when it and all that holds its output has ended.
//
// The error is nil whenever an exit status arrived, whatever it is. A server that refuses answers with its
// *apierrors.StatusError, or in plain text, which is a *RefusedError: no command ran then. Anything else that ends the
// streams early is a *LostError, a connection on which nothing is heard for 61 s too, however long the caller takes to
// read what it has. When ctx is done, Exec closes the connection and returns the context's error; the command in the
// container is not ended by that.
//
// Websockets are tried first, then SPDY where the other side, or something on the way, lets no websocket through. A
// request that may have started the command is not made twice.
func (e *Execer) Exec(ctx context.Context, c Container, command []string, s Streams) (int, error) {
	return e.stream(ctx, call{c, "exec", command}, s)
}

// Attach connects s to the process that c was started with, which must have been given as much (stdin, stdinOnce and tty of
// its spec), and returns when that has ended. What it wrote before is in the container's log only, as all the rest is, too.
// Its exit status is in the pod's status, not here. The end of Stdin reaches the process where the container has
// stdinOnce.
//
// Errors are those of Exec.
func (e *Execer) Attach(ctx context.Context, c Container, s Streams) error {
	_, err := e.stream(ctx, call{c: c, subresource: "attach"}, s)
	return err
}

// call is one request for streams.
type call struct {
	c           Container
	subresource string
	command     []string
}

// url is the address of the pod's subresource with the command and the streams as its query, which exec and attach spell
// alike.
func (e *Execer) url(a call, s Streams) *url.URL {
	c := a.c
	u := e.base.JoinPath("namespaces", c.Namespace, "pods", c.Pod, a.subresource)
	query, err := queryparams.Convert(&corev1.PodExecOptions{
		Container: c.Name,
		Command:   a.command,
		Stdin:     s.Stdin != nil,
		Stdout:    s.Stdout != nil,
		Stderr:    s.Stderr != nil && !s.TTY,
		TTY:       s.TTY,
	})
	if err != nil {
		panic(err) // it is for such types: no input can make this fail
	}
	u.RawQuery = query.Encode()
	return u
}

// stream opens the streams of a call and carries them to their end.
func (e *Execer) stream(ctx context.Context, a call, s Streams) (int, error) {
	c, u := a.c, e.url(a, s)
	options := remotecommand.StreamOptions{Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr, Tty: s.TTY}
	if s.Sizes != nil {
		options.TerminalSizeQueue = sizeQueue{ctx, s.Sizes}
	}
	socket, err := e.websocket(ctx, u, options)
	if socket.refusal != nil && ctx.Err() == nil && (cannotUpgrade(socket.refusal) || hungUp(socket.refusal) && e.blocked(ctx, a)) {
		var line *line
		line, err = e.spdy(ctx, u, options)
		switch {
		case line.refusal != nil:
			return e.status(ctx, c, refused(c, line.refusal))
		case err == nil && !line.ended.Load():
			err = line.lost()
		}
		return e.status(ctx, c, err)
	}
	if socket.refusal != nil {
		err = refused(c, socket.refusal)
	}
	return e.status(ctx, c, err)
}

// status tells a command's exit status from an end without one.
func (e *Execer) status(ctx context.Context, c Container, err error) (int, error) {
	var exit exec.CodeExitError
	var plain *RefusedError
	var lost *LostError
	refusal := answer(err)
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit):
		return exit.Code, nil
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case refusal != nil:
		return 0, refusal
	case errors.As(err, &plain):
		return 0, plain
	case errors.As(err, &lost):
		return 0, lost
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = &SilenceError{e.silence}
	}
	return 0, &LostError{Container: c, Cause: err}
}

// sizeQueue is a channel of sizes in client-go's form.
type sizeQueue struct {
	ctx   context.Context //nolint:containedctx // TerminalSizeQueue.Next takes none
	sizes <-chan Size
}

func (q sizeQueue) Next() *remotecommand.TerminalSize {
	select {
	case size, ok := <-q.sizes:
		if !ok {
			return nil
		}
		return &remotecommand.TerminalSize{Width: size.Width, Height: size.Height}
	case <-q.ctx.Done():
		return nil
	}
}
