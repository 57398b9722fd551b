package attach_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/attach/attachtest"
)

// gate is a server by TLS, or without, that tells of each connection: when it is there, and when it is closed.
type gate struct {
	config         *rest.Config
	opened, closed chan net.Conn
}

func newGate(t *testing.T, secure bool) *gate {
	t.Helper()
	g := &gate{opened: make(chan net.Conn, 10), closed: make(chan net.Conn, 10)}
	server := httptest.NewUnstartedServer(attachtest.NewServer(t, func(*attachtest.Call) (int, error) { return 3, nil }))
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			g.opened <- c
		case http.StateClosed:
			g.closed <- c
		}
	}
	t.Cleanup(server.Close)
	if !secure {
		server.Start()
		g.config = &rest.Config{Host: server.URL}
		return g
	}
	server.StartTLS()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	g.config = &rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{CAData: ca}}
	return g
}

func wantThree(t *testing.T, e *attach.Execer) {
	t.Helper()
	status, err := e.Exec(t.Context(), container, []string{"x"}, attach.Streams{Stdout: io.Discard})
	if status != 3 || err != nil {
		t.Errorf("Exec = %d, %v; want 3", status, err)
	}
}

// prepared runs test once a connection was prepared, by TLS and without; c is the server's end of it.
func prepared(t *testing.T, test func(t *testing.T, e *attach.Execer, g *gate, c net.Conn)) {
	t.Helper()
	for name, secure := range map[string]bool{"TLS": true, "plain": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t, secure)
			e := over(t, g.config)
			e.Prepare(t.Context())
			test(t, e, g, <-g.opened)
		})
	}
}

// TestPrepare: the next call takes the connection that was prepared, and only that one.
func TestPrepare(t *testing.T) {
	t.Parallel()
	prepared(t, func(t *testing.T, e *attach.Execer, g *gate, _ net.Conn) {
		t.Helper()
		wantThree(t, e)
		if len(g.opened) != 0 {
			t.Error("a call has made a connection of its own although one was prepared")
		}
		wantThree(t, e)
		if len(g.opened) != 1 {
			t.Errorf("the second call has made %d connections; want 1", len(g.opened))
		}
	})
}

// TestPrepareForNothing: a connection that no call takes is closed with its context, or by the next that is prepared.
func TestPrepareForNothing(t *testing.T) {
	t.Parallel()
	g := newGate(t, true)
	e := over(t, g.config)
	ctx, cancel := context.WithCancel(t.Context())
	e.Prepare(ctx)
	first := <-g.opened
	e.Prepare(ctx)
	if closed := <-g.closed; closed != first {
		t.Error("the second was closed, not the first")
	}
	second := <-g.opened
	cancel()
	if closed := <-g.closed; closed != second {
		t.Error("the context's end has not closed the second")
	}
	wantThree(t, e)
}

// TestPreparedIsClosed: a connection that the server has closed meanwhile is no connection.
func TestPreparedIsClosed(t *testing.T) {
	t.Parallel()
	prepared(t, func(t *testing.T, e *attach.Execer, _ *gate, c net.Conn) {
		t.Helper()
		_ = c.Close()
		wantThree(t, e)
	})
}

// TestPrepareInVain: what cannot be prepared is for the call to say.
func TestPrepareInVain(t *testing.T) {
	t.Parallel()
	away := attachtest.NewRoad(t, attachtest.NewServer(t, attachtest.Process).Config())
	away.Cut()
	e := over(t, away.Config())
	e.Prepare(t.Context())
	_, err := e.Exec(t.Context(), container, []string{"x"}, attach.Streams{Stdout: io.Discard})
	var dial *net.OpError
	if !errors.As(err, &dial) || dial.Op != "dial" {
		t.Errorf("the error is %v; want that of dialling", err)
	}

	g := newGate(t, true)
	g.config.Proxy = func(*http.Request) (*url.URL, error) { return &url.URL{Scheme: "http", Host: "192.0.2.1:3128"}, nil }
	over(t, g.config).Prepare(t.Context())
	g.config.Proxy = nil
	g.config.TLSClientConfig = rest.TLSClientConfig{CAFile: "/nowhere"}
	over(t, g.config).Prepare(t.Context())
	g.config.TLSClientConfig = rest.TLSClientConfig{Insecure: true}
	g.config.ExecProvider = &clientcmdapi.ExecConfig{Command: "false", APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: "Never"}
	over(t, g.config).Prepare(t.Context())
	if len(g.opened) != 0 {
		t.Error("a connection was made past the proxy, without the authority, or by a plugin")
	}
}
