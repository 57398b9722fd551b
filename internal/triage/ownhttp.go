package triage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Bounds of a request to the target's own port.
const (
	answersWithin = 20 * time.Second
	atMostAnswer  = 4 << 20
)

// reach is the address at which a listening socket of the pod is spoken to from within it.
func reach(listens netip.AddrPort) netip.AddrPort {
	a := listens.Addr()
	if a.IsUnspecified() { // "all": those of IPv6 take IPv4 as well
		a = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrPortFrom(a, listens.Port())
}

// page is one that a port of the target serves, by the name of its block.
type page struct{ block, path string }

// ask adds pages to what was gathered; which of them are not whole, and in "silent" why one did not come.
func (r Raw) ask(ctx context.Context, runner Runner, at netip.AddrPort, pages []page) Raw {
	for _, p := range pages {
		body, err := get(ctx, runner, at, p.path)
		if err != nil {
			return append(r, Block{"silent", err.Error()})
		}
		whole := len(body) <= atMostAnswer
		r = append(r, Block{p.block, string(body[:min(len(body), atMostAnswer)])})
		if !whole {
			r = append(r, Block{beyond(p.block), bytesText(atMostAnswer)})
		}
	}
	return r
}

// get asks a port of the target for a page, and returns no more than one byte above atMostAnswer of it.
func get(ctx context.Context, runner Runner, at netip.AddrPort, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answersWithin, fmt.Errorf("%s did not answer within %s", at, answersWithin))
	defer cancel()
	connection := dial(ctx, runner, at.Addr().String(), fmt.Sprint(at.Port()))
	defer connection.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(at.Addr().String(), fmt.Sprint(at.Port()))+path, nil)
	if err != nil {
		return nil, err
	}
	request.Close = true
	request.Header.Set("User-Agent", "kubectl-mindebug")
	if err := request.Write(connection); err != nil {
		return nil, because(ctx, fmt.Errorf("asking %s: %w", at, err))
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), request)
	if err != nil {
		return nil, because(ctx, fmt.Errorf("%s does not answer as HTTP: %w", at, err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s with %s", at, path, cut(response.Status))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, atMostAnswer+1))
	if err != nil {
		return body, because(ctx, fmt.Errorf("reading what %s answers: %w", at, err))
	}
	return body, nil
}

// because is the context's cause where that is done, else the error.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// door is a listening socket of the pod, and a process of the container that has it; empty where none does that can be read.
type door struct {
	at  netip.AddrPort
	pid string
}

// doors are those of the blocks of `doors` in lib.sh: one for each process that has the socket.
func doors(raw Raw) (found []door) {
	owners := socketOwners(raw)
	for _, k := range append(parseSockets(raw.Get("tcp")), parseSockets(raw.Get("tcp6"))...) {
		if k.state != listening {
			continue
		}
		for _, pid := range owners[k.inode] {
			found = append(found, door{k.local, pid})
		}
		if len(owners[k.inode]) == 0 {
			found = append(found, door{at: k.local})
		}
	}
	return found
}
