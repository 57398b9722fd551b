package attachtest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
)

// Road is a way to an API server that can be cut, or fall silent.
type Road struct {
	config   *rest.Config
	listener net.Listener
	server   string

	mu     sync.Mutex
	closed bool
	open   []net.Conn
	silent chan struct{}
	// stalled is held by a stall, and asked for by all that passes.
	stalled sync.RWMutex
	// left is how many bytes may pass until then, which happens where it becomes 0 or less.
	left atomic.Int64
	then func() error
}

// NewRoad opens a way to the API server that config reaches. It is closed with the test.
func NewRoad(t testing.TB, config *rest.Config) *Road {
	t.Helper()
	server, err := url.Parse(config.Host)
	if err != nil || server.Port() == "" {
		t.Fatalf("server address %q has no port (%v)", config.Host, err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	r := &Road{config: rest.CopyConfig(config), listener: listener, server: server.Host, silent: make(chan struct{})}
	r.config.Host = server.Scheme + "://" + listener.Addr().String()
	if server.Scheme == "https" && r.config.ServerName == "" {
		r.config.ServerName = server.Hostname()
	}
	go r.serve()
	t.Cleanup(r.Cut)
	return r
}

// Config reaches the API server by this way.
func (r *Road) Config() *rest.Config { return rest.CopyConfig(r.config) }

func (r *Road) serve() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		far, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.server)
		if err != nil || !r.keep(near, far) {
			_ = near.Close()
			continue
		}
		for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
			go r.carry(way[0], way[1])
		}
	}
}

// carry copies until one side closes; of a silent road nothing comes out, and both sides stay open.
func (r *Road) carry(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-r.silent:
			_, _ = io.Copy(io.Discard, from)
			return
		default:
		}
		if n > 0 {
			if err := r.pass(to, buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
}

// pass writes what a stall holds back, and a reset does not.
func (r *Road) pass(to io.Writer, p []byte) error {
	if left := r.left.Add(-int64(len(p))); left <= 0 && left > -int64(len(p)) {
		if err := r.then(); err != nil {
			return err
		}
	}
	r.stalled.RLock()
	defer r.stalled.RUnlock()
	_, err := to.Write(p)
	return err
}

// keep notes connections for Cut, unless that was called.
func (r *Road) keep(connections ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = append(r.open, connections...)
	return !r.closed
}

// Silence lets nothing through any more and leaves all connections open, as a firewall that forgot them does. Call it once.
func (r *Road) Silence() { close(r.silent) }

// Stall holds back all that comes from now on, as a network does that drops packets, until resume is called.
func (r *Road) Stall() (resume func()) {
	r.stalled.Lock()
	return r.stalled.Unlock
}

// Cut ends all connections; nobody listens any more.
func (r *Road) Cut() {
	_ = r.listener.Close()
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.Reset()
}

// Reset ends all connections by TCP's RST; new ones can be opened.
func (r *Road) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, connection := range r.open {
		if tcp, ok := connection.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // fails on a closed connection only
		}
		_ = connection.Close()
	}
}

// ResetAfter is a Reset once so many more bytes have come, from both sides together.
func (r *Road) ResetAfter(bytes int64) {
	r.after(bytes, func() error {
		r.Reset()
		return net.ErrClosed
	})
}

// StallAfter is a Stall once so many more bytes have come, from both sides together. Resume may be called more than once, after
// stalled is closed.
func (r *Road) StallAfter(bytes int64) (stalled <-chan struct{}, resume func()) {
	begun := make(chan struct{})
	r.after(bytes, func() error {
		r.stalled.Lock()
		close(begun)
		return nil
	})
	return begun, sync.OnceFunc(r.stalled.Unlock)
}

func (r *Road) after(bytes int64, then func() error) {
	r.then = then
	r.left.Store(bytes)
}

// Proxy stands before an API server and speaks to it as config does, so that its own clients need no credentials. It
// lets no websocket through.
type Proxy struct {
	URL string

	mu    sync.Mutex
	asked []string
}

// NoWebsocket is a way in which a proxy lets no websocket through.
type NoWebsocket struct {
	Name    string
	Refusal *Refusal
}

// NoWebsockets are such ways: with an answer, or by closing the connection.
func NoWebsockets() []NoWebsocket {
	return []NoWebsocket{
		{"with 400", &Refusal{Code: http.StatusBadRequest, Text: "<html>no websockets</html>"}},
		{"with 403", &Refusal{Code: http.StatusForbidden, Text: "<html>forbidden</html>"}},
		{"by closing the connection", HangUp},
	}
}

// NewProxy starts a proxy before the API server that config reaches; it gives each websocket that refusal. It ends with
// the test.
func NewProxy(t testing.TB, config *rest.Config, refusal *Refusal) *Proxy {
	t.Helper()
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		t.Fatalf("making transport: %v", err)
	}
	// A connection for each request: HTTP/2 cannot be upgraded, and one that was idle may be closed.
	transport, err := rest.HTTPWrappersForConfig(config, &http.Transport{
		TLSClientConfig: tlsConfig, DisableKeepAlives: true, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	})
	if err != nil {
		t.Fatalf("making transport: %v", err)
	}
	server, err := url.Parse(config.Host)
	if err != nil {
		t.Fatalf("reading server address: %v", err)
	}
	p := &Proxy{}
	forward := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(server) },
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r.Method+" "+r.Header.Get("Upgrade"))
		p.mu.Unlock()
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			refusal.write(w)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	p.URL = s.URL
	t.Cleanup(s.Close)
	return p
}

// Config reaches the API server through the proxy.
func (p *Proxy) Config() *rest.Config { return &rest.Config{Host: p.URL} }

// Asked returns how the proxy was asked, in order: "GET websocket", "POST SPDY/3.1".
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}
