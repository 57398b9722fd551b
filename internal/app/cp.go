package app

import (
	"context"
	"errors"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/internal/transfer"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// Copied is what a copy did, and where.
type Copied struct {
	transfer.Summary
	// Namespace, Pod and Container are the target's.
	Namespace, Pod, Container string
}

// Copy copies files from or to the target, beside which it goes the way of a session.
func Copy(ctx context.Context, cluster Cluster, execer session.Execer, images Images, streams Streams, r SessionRequest, words transfer.Copy, o transfer.Options) (Copied, error) {
	runner := newRunner(cluster, execer, images, streams, r)
	defer runner.Close()
	meter := ui.NewMeter(streams.Err)
	if r.Quiet {
		meter = nil
	}
	defer meter.Clear()
	o.Progress = meter.Show
	var copied Copied
	var err error
	if words.Out {
		copied.Summary, err = transfer.Out(ctx, runner, words.RemoteFrom, words.LocalTo, streams.Out, o)
	} else {
		limits := func(folder string) *transfer.Room { return room(runner.Pod(), runner.Facts().Container, folder) }
		copied.Summary, err = transfer.In(ctx, runner, words.LocalFrom, words.RemoteTo, streams.In, limits, o)
	}
	var unopened *unopenedError
	if errors.As(err, &unopened) {
		return copied, unopened.cause
	}
	if !runner.since.IsZero() { // the way to the container is no part of the copy
		copied.Took = time.Since(runner.since)
	}
	f := runner.Facts()
	copied.Namespace, copied.Pod, copied.Container = f.Namespace, f.Pod, f.Container
	var noFile *fault.NoFile
	if errors.As(err, &noFile) && words.Out {
		noFile.Pod, noFile.Container = &fault.Pod{Namespace: f.Namespace, Name: f.Pod}, f.Container
	}
	var notWritten *fault.NotWritten
	if errors.As(err, &notWritten) && notWritten.Pod != nil {
		*notWritten.Pod = fault.Pod{Namespace: f.Namespace, Name: f.Pod}
		notWritten.Writable = writable(runner.Pod(), f.Container)
	}
	return copied, err
}
