package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// firstByte bounds each request up to the header of its answer; what follows, a watch for instance, has no bound.
type firstByte struct {
	next  http.RoundTripper
	bound time.Duration
}

// RoundTrip implements http.RoundTripper.
func (t *firstByte) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	timer := time.AfterFunc(t.bound, func() { cancel(fmt.Errorf("no answer within %s", t.bound)) })
	response, err := t.next.RoundTrip(request.WithContext(ctx))
	timer.Stop()
	if err != nil {
		cause := context.Cause(ctx)
		cancel(nil)
		if cause != nil && request.Context().Err() == nil {
			return nil, cause
		}
		return nil, err
	}
	response.Body = &cancelingBody{ReadCloser: response.Body, cancel: cancel}
	return response, nil
}

// cancelingBody ends the request's context with its body.
type cancelingBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *cancelingBody) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}

// oncePerText hands on each warning of the server once.
type oncePerText struct {
	warn func(string)
	mu   sync.Mutex
	seen map[string]bool
}

// HandleWarningHeader implements rest.WarningHandler. Code 299 is the one that the API uses (KEP-1693).
func (o *oncePerText) HandleWarningHeader(code int, _, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if code != 299 || text == "" || o.seen[text] {
		return
	}
	if o.seen == nil {
		o.seen = map[string]bool{}
	}
	o.seen[text] = true
	o.warn(text)
}
