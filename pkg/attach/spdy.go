package attach

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	clientspdy "k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// pingEvery is how often a sign of life is asked for; client-go's own value.
const pingEvery = 5 * time.Second

// line is one connection by SPDY. client-go's own keeps a server's refusal in an error's text only, takes a connection that
// is cut for a success, and waits for the answer to a ping forever.
type line struct {
	inner   http.RoundTripper
	silence time.Duration
	refusal error // why there is no connection; nil once there is one
	body    io.ReadWriteCloser

	ended  atomic.Bool // something came on the stream that carries the exit status
	silent atomic.Bool // nothing was heard for too long
	mu     sync.Mutex
	cause  error // why the connection could not be read any more
}

// spdy carries streams over a connection by SPDY. The line that it returns tells how it went.
func (e *Execer) spdy(ctx context.Context, u *url.URL, options remotecommand.StreamOptions) (*line, error) {
	l := &line{silence: e.silence}
	var err error
	if l.inner, err = transport(e.config); err != nil {
		l.refusal = err
		return l, err
	}
	executor, err := remotecommand.NewSPDYExecutorForTransports(l, clientspdy.NewUpgraderForStreaming(l), http.MethodPost, u)
	if err != nil {
		l.refusal = err
		return l, err
	}
	err = executor.StreamWithContext(ctx, options)
	return l, err
}

// transport makes connections of their own, as client-go does for SPDY: HTTP/2 cannot be upgraded, and one that another
// request has used may be closed by now, which for a POST would be an error.
func transport(config *rest.Config) (http.RoundTripper, error) {
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, err
	}
	return rest.HTTPWrappersForConfig(config, &http.Transport{
		TLSClientConfig: tlsConfig, Proxy: proxier(config), DialContext: config.Dial,
		DisableKeepAlives: true, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	})
}

// RoundTrip implements http.RoundTripper: it asks for the connection and keeps it.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(httpstream.HeaderConnection, httpstream.HeaderUpgrade)
	r.Header.Set(httpstream.HeaderUpgrade, spdy.HeaderSpdy31)
	response, err := l.inner.RoundTrip(r)
	if err == nil {
		err = l.take(response)
	}
	l.refusal = err
	if err != nil {
		return nil, err
	}
	return response, nil
}

// take takes the connection from the response to a request for it, or returns why there is none.
func (l *line) take(response *http.Response) error {
	body, upgraded := response.Body.(io.ReadWriteCloser)
	if response.StatusCode == http.StatusSwitchingProtocols && upgraded && strings.EqualFold(response.Header.Get(httpstream.HeaderUpgrade), spdy.HeaderSpdy31) {
		l.body, response.Body = body, http.NoBody
		return nil
	}
	return refusalIn(response)
}

// NewConnection makes SPDY of the connection that RoundTrip kept.
func (l *line) NewConnection(*http.Response) (httpstream.Connection, error) {
	connection, err := spdy.NewClientConnectionWithPings(&wire{line: l}, pingEvery)
	if err != nil {
		return nil, err
	}
	return watched{connection, l}, nil
}

// errNoStatus is why an end of the streams is no success.
var errNoStatus = errors.New("the streams ended without an exit status")

// lost is why the streams ended.
func (l *line) lost() error {
	if l.silent.Load() {
		return &SilenceError{l.silence}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause != nil && !errors.Is(l.cause, io.EOF) {
		return l.cause
	}
	return errNoStatus
}

// wire is the connection as SPDY reads it. A read that brings nothing, not even the answer to a ping, ends in time; the
// time in which nobody reads does not count.
type wire struct {
	net.Conn // nil: SPDY asks for no more than the methods below, but for deadlines that are never set
	line     *line
}

func (w *wire) Read(p []byte) (int, error) {
	timer := time.AfterFunc(w.line.silence, func() {
		w.line.silent.Store(true)
		_ = w.Close()
	})
	defer timer.Stop()
	n, err := w.line.body.Read(p)
	if err != nil {
		w.line.mu.Lock()
		w.line.cause = err
		w.line.mu.Unlock()
	}
	return n, err
}

func (w *wire) Write(p []byte) (int, error) { return w.line.body.Write(p) }
func (w *wire) Close() error                { return w.line.body.Close() }

// watched is a connection that notes when an exit status comes.
type watched struct {
	httpstream.Connection
	line *line
}

func (w watched) CreateStream(headers http.Header) (httpstream.Stream, error) {
	stream, err := w.Connection.CreateStream(headers)
	if err != nil || headers.Get(corev1.StreamType) != corev1.StreamTypeError {
		return stream, err
	}
	return ending{stream, w.line}, nil
}

// ending is the stream that carries the exit status.
type ending struct {
	httpstream.Stream
	line *line
}

func (s ending) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	if n > 0 {
		s.line.ended.Store(true)
	}
	return n, err
}
