package attach

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/streaming/pkg/httpstream"
)

// socket is one websocket in the making: it sees the answer to the request for it, which client-go's executor mixes with
// what comes later.
type socket struct {
	silence time.Duration
	inner   http.RoundTripper
	// refusal is why there is no websocket; nil once there is one. From then on the command may run.
	refusal error
}

// RoundTrip implements http.RoundTripper.
func (s *socket) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.inner.RoundTrip(r)
	s.refusal = err
	return response, err
}

// websocket carries streams over a websocket. The socket that it returns tells whether there was one.
func (e *Execer) websocket(ctx context.Context, u *url.URL, options remotecommand.StreamOptions) (*socket, error) {
	s := &socket{silence: e.silence, refusal: errors.New("not asked")}
	config := rest.CopyConfig(e.config)
	wrap := config.WrapTransport
	config.WrapTransport = func(inner http.RoundTripper) http.RoundTripper {
		s.inner = inner
		if wrap != nil {
			return wrap(s)
		}
		return s
	}
	executor, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, u.String())
	if err != nil {
		s.refusal = err
		return s, err
	}
	options.Stdout, options.Stderr = s.patient(options.Stdout), s.patient(options.Stderr)
	err = executor.StreamWithContext(ctx, options)
	if s.refusal != nil && err != nil {
		s.refusal = err // one who wraps the transport may have failed before the request
	}
	return s, err
}

// patient gives the connection a new deadline after each write to w. client-go moves it on with each answer to a ping, and
// reads none of them while the caller takes no output (`| less`): after a pause of 61 s a connection that is in order
// would be lost.
func (s *socket) patient(w io.Writer) io.Writer {
	if w == nil {
		return nil
	}
	return writerFunc(func(p []byte) (int, error) {
		n, err := w.Write(p)
		if holder, ok := s.inner.(websocket.ConnectionHolder); ok {
			_ = holder.Connection().SetReadDeadline(time.Now().Add(s.silence)) // fails on a closed connection only
		}
		return n, err
	})
}

// writerFunc is a function as an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// cannotUpgrade reports whether to ask again by SPDY: the other side, or something on the way, does not speak websockets,
// or the user may create but not get pods/exec, which only a websocket asks for. Any other answer is one to the request
// itself, and would be the same by SPDY: a kubelet answers 500 for a container that does not run (yet).
func cannotUpgrade(refusal error) bool {
	if status := answer(refusal); status != nil {
		return apierrors.IsForbidden(status)
	}
	if httpstream.IsUpgradeFailure(refusal) {
		code, _ := handshake(refusal)
		return code != http.StatusInternalServerError
	}
	return httpstream.IsHTTPSProxyError(refusal)
}

// hungUp reports whether a connection was closed instead of answered.
func hungUp(refusal error) bool {
	return errors.Is(refusal, io.EOF) || errors.Is(refusal, io.ErrUnexpectedEOF) ||
		errors.Is(refusal, syscall.ECONNRESET) || errors.Is(refusal, syscall.EPIPE)
}

// probeWithin bounds the question whether websockets come through.
const probeWithin = 10 * time.Second

// blocked finds out whether whatever is on the way closes every websocket, or a connection was lost by chance, in which
// case the command may have been started and nothing is asked again. It asks for a websocket that carries nothing: no
// stream and no command, which every server refuses (400, "must specify at least 1 of stdin, stdout, stderr").
func (e *Execer) blocked(ctx context.Context, a call) bool {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	probe, _ := e.websocket(ctx, e.url(call{c: a.c, subresource: a.subresource}, Streams{}), remotecommand.StreamOptions{})
	return probe.refusal != nil && hungUp(probe.refusal)
}
