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

// get asks a port of the target for a page, and returns at most atMostAnswer of it.
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
	body, err := io.ReadAll(io.LimitReader(response.Body, atMostAnswer))
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

// door is a listening socket of the pod, and the process of the container that has it; empty where none does that can be read.
type door struct {
	at  netip.AddrPort
	pid string
}

// doors are those of the blocks of `doors` in lib.sh.
func doors(raw Raw) (found []door) {
	owners := socketOwners(raw)
	for _, k := range append(parseSockets(raw.Get("tcp")), parseSockets(raw.Get("tcp6"))...) {
		if k.state == listening {
			found = append(found, door{k.local, owners[k.inode]})
		}
	}
	return found
}
