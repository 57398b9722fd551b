package cli

import (
	"context"
	"fmt"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// detach starts a command, leaves it running and prints where. One that fails at once has its own exit status.
func (f *factory) detach(ctx context.Context, c app.Cluster, execer session.Execer, r app.SessionRequest) error {
	left, err := app.Detach(ctx, c, execer, registry.Client{}, f.streams(), r)
	switch {
	case err != nil:
		return err
	case left.Status != 0:
		return &exitStatus{left.Status}
	}
	return write(f.program.Out, []byte(ui.Escape(fmt.Sprintf("pod/%s %s", left.Pod, left.Session))+"\n"))
}
