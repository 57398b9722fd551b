package attach

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	gorilla "github.com/gorilla/websocket"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

// socket is one websocket in the making: it asks for it on the connection that was prepared, and sees the answer, which
// client-go's executor mixes with what comes later.
type socket struct {
	execer *Execer
	inner  *websocket.RoundTripper
	// refusal is why there is no websocket; nil once there is one. From then on the command may run.
	refusal error
}

// RoundTrip implements http.RoundTripper, as the inner one would on a connection of its own.
func (s *socket) RoundTrip(r *http.Request) (*http.Response, error) {
	var response *http.Response
	s.inner.Conn, response, s.refusal = s.ask(r)
	return response, s.refusal
}

// errNoProtocol is an answer of a server that has websockets, but not those that carry streams.
var errNoProtocol = errors.New("the server knows none of the protocols that carry streams")

func (s *socket) ask(r *http.Request) (*gorilla.Conn, *http.Response, error) {
	header := r.Header.Clone()
	protocols := header.Values(wsstream.WebSocketProtocolHeader)
	header.Del(wsstream.WebSocketProtocolHeader)
	buffer := s.inner.DataBufferSize() + 1024 // a piece and its channel
	dialer := gorilla.Dialer{
		Proxy: s.inner.Proxier, TLSClientConfig: s.inner.TLSConfig, Subprotocols: protocols,
		NetDialContext:    s.execer.dial(&net.Dialer{}),
		NetDialTLSContext: s.execer.dial(&tls.Dialer{Config: s.inner.TLSConfig}),
		ReadBufferSize:    buffer, WriteBufferSize: buffer,
	}
	u := *r.URL
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	connection, response, err := dialer.DialContext(r.Context(), u.String(), header)
	switch {
	case errors.Is(err, gorilla.ErrBadHandshake):
		return nil, nil, refusalIn(response)
	case err != nil:
		return nil, nil, err
	case !slices.Contains(protocols, connection.Subprotocol()):
		_ = connection.Close()
		return nil, nil, errNoProtocol
	}
	return connection, response, nil
}

// websocket carries streams over a websocket. The socket that it returns tells whether there was one.
func (e *Execer) websocket(ctx context.Context, u *url.URL, options remotecommand.StreamOptions) (*socket, error) {
	s := &socket{execer: e, refusal: errors.New("not asked")}
	config := rest.CopyConfig(e.config)
	wrap := config.WrapTransport
	config.WrapTransport = func(inner http.RoundTripper) http.RoundTripper {
		s.inner, _ = inner.(*websocket.RoundTripper) // client-go's own comes first
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
		_ = s.inner.Conn.SetReadDeadline(time.Now().Add(s.execer.silence)) // fails on a closed connection only
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
	var plain *RefusedError
	switch {
	case answer(refusal) != nil:
		return apierrors.IsForbidden(refusal)
	case errors.As(refusal, &plain):
		return plain.Status != http.StatusInternalServerError
	}
	return errors.Is(refusal, errNoProtocol) || httpstream.IsHTTPSProxyError(refusal)
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
