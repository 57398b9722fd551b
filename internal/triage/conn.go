package triage

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

//go:embed tlsdial.sh
var dialScript string

// conn is a connection from the target's network: an nc beside the target, whose streams are the connection.
type conn struct {
	*io.PipeReader
	out *io.PipeWriter
	end context.CancelFunc
}

// dial connects there. That it failed is told by the first read.
func dial(ctx context.Context, runner Runner, host, port string) *conn {
	ctx, cancel := context.WithCancel(ctx)
	in, fromThere := io.Pipe()
	toThere, out := io.Pipe()
	c := &conn{PipeReader: in, out: out, end: cancel}
	go func() {
		said := &head{limit: 1024}
		status, err := runner.Run(ctx, dialScript, []string{host, port}, toThere, fromThere, said)
		if err == nil && status != 0 {
			err = errors.New(orNone(strings.TrimSpace(strings.TrimPrefix(said.text.String(), "nc: "))))
			err = &unreachedError{err.Error()}
		}
		if err == nil {
			err = io.EOF
		}
		_ = fromThere.CloseWithError(err)
		_ = toThere.CloseWithError(err)
	}()
	return c
}

// unreachedError is what nc says of a host that it does not reach.
type unreachedError struct{ said string }

func (e *unreachedError) Error() string { return e.said }

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) { return c.out.Write(p) }

// Close implements net.Conn: it ends the nc.
func (c *conn) Close() error {
	c.end()
	return errors.Join(c.out.Close(), c.PipeReader.Close())
}

// place is an address of a connection that has none here.
type place string

// Network implements net.Addr.
func (place) Network() string { return "session" }

// String implements net.Addr.
func (p place) String() string { return string(p) }

// LocalAddr implements net.Conn.
func (*conn) LocalAddr() net.Addr { return place("here") }

// RemoteAddr implements net.Conn.
func (*conn) RemoteAddr() net.Addr { return place("there") }

// errNoDeadline: who uses the connection bounds it by its context.
var errNoDeadline = fmt.Errorf("a deadline: %w", errors.ErrUnsupported)

// SetDeadline implements net.Conn.
func (*conn) SetDeadline(time.Time) error { return errNoDeadline }

// SetReadDeadline implements net.Conn.
func (*conn) SetReadDeadline(time.Time) error { return errNoDeadline }

// SetWriteDeadline implements net.Conn.
func (*conn) SetWriteDeadline(time.Time) error { return errNoDeadline }
