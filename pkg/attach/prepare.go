package attach

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
)

// spareFor is how long a connection waits for a call: well below what an API server gives one that asks for nothing (32 s,
// its ReadHeaderTimeout).
const spareFor = 20 * time.Second

// spare is a connection that waits for a call to take it.
type spare struct {
	address string
	// opened is closed when there is a connection, or none could be made, which leaves it nil.
	opened     chan struct{}
	connection net.Conn
	// forget ends the wait.
	forget context.CancelFunc
}

// spares keeps one spare connection at the most.
type spares struct {
	mu   sync.Mutex
	here *spare
}

// Prepare begins to open a connection to the server and does not wait for it. The next call takes it, if it comes within
// 20 s and the server has not closed it, and is spared the round trips of TCP and TLS; else, or when ctx is done, it is
// closed. Where it cannot be opened the call opens its own, and says why that fails. Nothing is prepared where a proxy is on
// the way, which has to be asked for a connection first, nor where a plugin makes the credentials: one that fails would be
// run twice.
func (e *Execer) Prepare(ctx context.Context) {
	if e.config.ExecProvider != nil || e.config.AuthProvider != nil {
		return
	}
	proxied, err := proxier(e.config)(&http.Request{URL: e.base})
	if err != nil || proxied != nil {
		return
	}
	var dialer contextDialer = &net.Dialer{}
	if e.base.Scheme == "https" {
		config, err := rest.TLSConfigFor(e.config)
		if err != nil {
			return
		}
		dialer = &tls.Dialer{Config: config}
	}
	ctx, cancel := context.WithTimeout(ctx, spareFor)
	s := &spare{address: address(e.base), opened: make(chan struct{}), forget: cancel}
	go func() {
		s.connection, _ = dialer.DialContext(ctx, "tcp", s.address) // the call that dials in its place tells why
		close(s.opened)
	}()
	e.spares.keep(s)
	context.AfterFunc(ctx, func() { e.spares.drop(s) })
}

// keep keeps s in the place of another one.
func (p *spares) keep(s *spare) {
	p.mu.Lock()
	before := p.here
	p.here = s
	p.mu.Unlock()
	if before != nil {
		before.close()
	}
}

// drop closes s unless it was taken.
func (p *spares) drop(s *spare) {
	p.mu.Lock()
	taken := p.here != s
	if !taken {
		p.here = nil
	}
	p.mu.Unlock()
	if !taken {
		s.close()
	}
}

// take returns the spare connection to address, or nil where there is none.
func (p *spares) take(ctx context.Context, address string) net.Conn {
	p.mu.Lock()
	s := p.here
	if s == nil || s.address != address {
		p.mu.Unlock()
		return nil
	}
	p.here = nil
	p.mu.Unlock()
	select {
	case <-s.opened:
	case <-ctx.Done():
		s.close()
		return nil
	}
	if s.connection == nil || !silent(s.connection) {
		s.close()
		return nil
	}
	s.forget()
	return s.connection
}

// silent reports whether the other side has neither closed a connection nor said anything on it. A read is tried for a
// moment, since one whose time is over already is not tried at all; crypto/tls goes on after it (its tickets for later
// connections come first).
func silent(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond / 4))
	n, err := c.Read(make([]byte, 1))
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.SetReadDeadline(time.Time{}) == nil
}

func (s *spare) close() {
	s.forget()
	<-s.opened
	if s.connection != nil {
		_ = s.connection.Close()
	}
}

// contextDialer is a dialer of package net or crypto/tls.
type contextDialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// dial returns a way to make a connection: the spare one where there is one, else by dialer.
func (e *Execer) dial(dialer contextDialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if c := e.spares.take(ctx, address); c != nil {
			return c, nil
		}
		return dialer.DialContext(ctx, network, address)
	}
}

// address is the host and port of a URL, as a websocket asks for it.
func address(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// proxier tells which proxy a request takes, as client-go has it.
func proxier(config *rest.Config) func(*http.Request) (*url.URL, error) {
	if config.Proxy != nil {
		return config.Proxy
	}
	return utilnet.NewProxierWithNoProxyCIDR(http.ProxyFromEnvironment)
}
