package app

import (
	"context"

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
	runner, err := OpenRunner(ctx, cluster, execer, images, streams, r)
	if err != nil {
		return Copied{}, err
	}
	defer runner.Close()
	f := runner.Facts()
	copied := Copied{Namespace: f.Namespace, Pod: f.Pod, Container: f.Container}
	if why, hint := runner.Closed(); why != "" {
		return copied, &fault.Closed{Pod: fault.Pod{Namespace: f.Namespace, Name: f.Pod}, Container: f.Container, Why: why, Hint: hint}
	}
	meter := ui.NewMeter(streams.Err)
	if r.Quiet {
		meter = nil
	}
	defer meter.Clear()
	o.Progress = meter.Show
	copied.Summary, err = transfer.Out(ctx, runner, words.RemoteFrom, words.LocalTo, streams.Out, o)
	return copied, err
}
