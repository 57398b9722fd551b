package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
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

// LostError says that the streams ended before the command's exit status arrived. Whether the command ran, or goes on
// running, is not known from here. Cause is what the connection or the server said.
type LostError struct {
	Container Container
	Cause     error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("connection to container %q of pod %q: %v", e.Container.Name, e.Container.Pod, e.Cause)
}

func (e *LostError) Unwrap() error { return e.Cause }

// Execer runs commands in the containers of one cluster. It is safe for concurrent use: each command has a connection
// of its own.
type Execer struct {
	config *rest.Config
	base   *url.URL
}

// NewExecer returns an Execer that reaches the API server as config says. It opens no connection. The config's Timeout is
// not applied: a stream lasts as long as its command, and its bound is the context of the call.
func NewExecer(config *rest.Config) (*Execer, error) {
	config = rest.CopyConfig(config)
	config.Timeout = 0
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading server address %q: %w", config.Host, err)
	}
	return &Execer{config: config, base: base.JoinPath("api", "v1")}, nil
}

// Exec runs command in c and returns its exit status when it and all that holds its output has ended.
//
// The error is nil whenever an exit status arrived, whatever it is. A server that refuses answers with its
// *apierrors.StatusError; anything else that ends the streams early is a *LostError. When ctx is done, Exec closes the
// connection and returns the context's error; the command in the container is not ended by that.
func (e *Execer) Exec(ctx context.Context, c Container, command []string, s Streams) (int, error) {
	u := e.url(c, command, s)
	var refused *apierrors.StatusError
	executor, err := e.executor(u, func(err error) bool {
		refused = answer(err)
		return cannotUpgrade(err)
	})
	if err != nil {
		return 0, fmt.Errorf("connecting to %s: %w", u.Host, err)
	}
	options := remotecommand.StreamOptions{Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr, Tty: s.TTY}
	if s.Sizes != nil {
		options.TerminalSizeQueue = sizeQueue{ctx, s.Sizes}
	}
	err = executor.StreamWithContext(ctx, options)
	if refused != nil && spdyRefused(err) {
		err = refused
	}
	return status(ctx, c, err)
}

// url is the address of the pod's exec subresource with the command as its query.
func (e *Execer) url(c Container, command []string, s Streams) *url.URL {
	u := e.base.JoinPath("namespaces", c.Namespace, "pods", c.Pod, "exec")
	query, err := scheme.ParameterCodec.EncodeParameters(&corev1.PodExecOptions{
		Container: c.Name,
		Command:   command,
		Stdin:     s.Stdin != nil,
		Stdout:    s.Stdout != nil,
		Stderr:    s.Stderr != nil && !s.TTY,
		TTY:       s.TTY,
	}, corev1.SchemeGroupVersion)
	if err != nil {
		panic(err) // PodExecOptions is registered with the scheme: no input can make this fail
	}
	u.RawQuery = query.Encode()
	return u
}

// executor tries websockets, then SPDY. An executor holds the state of one connection and is not used twice.
func (e *Execer) executor(u *url.URL, shouldFallback func(error) bool) (remotecommand.Executor, error) {
	websocket, err := remotecommand.NewWebSocketExecutor(e.config, http.MethodGet, u.String())
	if err != nil {
		return nil, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(e.config, http.MethodPost, u)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(websocket, spdy, shouldFallback)
}

// cannotUpgrade reports whether to ask again by SPDY: the other side, or something on the way, does not speak websockets,
// or the user may create but not get pods/exec, which only a websocket asks for. Any other answer is one to the request
// itself, and would be the same by SPDY.
func cannotUpgrade(err error) bool {
	if refused := answer(err); refused != nil {
		return apierrors.IsForbidden(refused)
	}
	if httpstream.IsUpgradeFailure(err) {
		return handshakeStatus(err) != http.StatusInternalServerError
	}
	return httpstream.IsHTTPSProxyError(err)
}

// answer returns the server's answer in the API's own form, or nil where err carries none.
func answer(err error) *apierrors.StatusError {
	var upgrade *httpstream.UpgradeFailureError
	if errors.As(err, &upgrade) {
		err = upgrade.Cause // which errors.As does not see (k8s.io/streaming 0.37)
	}
	var status *apierrors.StatusError
	if !errors.As(err, &status) || status.ErrStatus.Status == "" {
		return nil // client-go takes a plain text with a colon in it for an empty Status
	}
	return status
}

// spdyRefused reports whether SPDY was forbidden, too. The server's answer is in the error's text only (k8s.io/streaming
// 0.37, spdy.NewConnection): `unable to upgrade connection: pods "web" is forbidden: …`.
func spdyRefused(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "unable to upgrade connection: ") && strings.Contains(err.Error(), " is forbidden: ")
}

// handshakeStatus returns the HTTP status with which a websocket was refused, or 0. A kubelet that is asked for a
// container that does not run (yet) answers 500 in plain text, and client-go (0.37) tells the status in its error's text
// only: "websocket: bad handshake (500 Internal Server Error): container not found".
func handshakeStatus(err error) int {
	_, rest, found := strings.Cut(err.Error(), "bad handshake (")
	if !found {
		return 0
	}
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil {
		return 0
	}
	return status
}

// status tells a command's exit status from an end without one.
func status(ctx context.Context, c Container, err error) (int, error) {
	var exit exec.CodeExitError
	refused := answer(err)
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit):
		return exit.Code, nil
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case refused != nil:
		return 0, refused
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
