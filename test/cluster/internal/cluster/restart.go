package cluster

import (
	"context"
	"fmt"
	"io"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/process"
)

// Outage is how a component goes down and for how long.
type Outage struct {
	Part string
	// Kill gives it no time to end by itself.
	Kill bool
	// Hold is read to its end before the component is started again; nil starts it at once.
	Hold io.Reader
}

// Down is the line that Restart writes once the component is gone.
const Down = "down"

// Restart ends a component and starts it again, and returns when the whole cluster is well: pods can be made and run.
// Whatever ends the outage, the component is started: containers outlive their runtime, so nothing else is ended.
func (c Cluster) Restart(ctx context.Context, o Outage, out io.Writer) error {
	return c.locked(ctx, func() error {
		p := c.named(o.Part)
		if err := p.Check(ctx); err != nil {
			return fmt.Errorf("restarting %s, which does not run: %w", o.Part, err)
		}
		end := process.Process.Stop
		if o.Kill {
			end = process.Process.Kill
		}
		if err := c.Report.Step("ended "+o.Part, func() error { return end(p, ctx) }); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, Down); err != nil {
			return err
		}
		if o.Hold != nil {
			held(ctx, o.Hold)
		}
		ctx := context.WithoutCancel(ctx) // an interrupt ends the outage, not the cluster
		// One that was only starting itself does not outlive the API server.
		for _, name := range []string{etcd, apiServer, containerd, controllerManager, scheduler, kubelet} {
			if err := c.startOne(ctx, name); err != nil {
				return err
			}
		}
		return c.well(ctx)
	})
}

// held returns at the end of what is read, or when ctx is over.
func held(ctx context.Context, hold io.Reader) {
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, hold) // an error is an end, too
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// well waits until all components run and a pod could be made.
func (c Cluster) well(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	return c.Report.Step("node ready, service account made", func() error {
		return c.named(kubelet).Healthy(ctx, startBound, func(ctx context.Context) error {
			for _, p := range c.components() {
				if err := p.Check(ctx); err != nil {
					return err
				}
			}
			return api.usable(ctx)
		})
	})
}
