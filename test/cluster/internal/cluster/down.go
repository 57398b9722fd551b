package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/config"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/machine"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/process"
)

// containersBound is how long killed containers may take to leave their cgroups.
const containersBound = 20 * time.Second

// Down ends everything and removes the cluster's folder but for the logs. With purge those go too, and the cache.
func (c Cluster) Down(ctx context.Context, purge bool) error {
	return c.locked(ctx, func() error {
		if err := c.Report.Step("ended the cluster", func() error { return c.sweep(ctx) }); err != nil {
			return err
		}
		if !purge {
			return nil
		}
		return errors.Join(os.RemoveAll(c.Layout.Dir), os.RemoveAll(c.Layout.Cache))
	})
}

// sweep ends what runs and removes what is left, whatever state it was left in. It goes on after an error: one thing that
// cannot be removed must not keep the others.
func (c Cluster) sweep(ctx context.Context) error {
	var failed []error
	for _, p := range c.components() {
		if p.Name == containerd {
			// Now nobody starts a container any more, and containerd can still tell its shims that theirs have ended.
			failed = append(failed, machine.RemoveCgroup(ctx, config.CgroupRoot, containersBound))
		}
		failed = append(failed, p.Stop(ctx))
	}
	failed = append(failed,
		process.Kill(ctx, c.programs(), c.mark()),
		machine.UnmountBelow(c.Layout.Dir),
		machine.RemoveBridge(ctx, config.Bridge),
		machine.RemoveStrays(config.Network, c.Layout.Dir),
	)
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("ending the cluster: %w", err)
	}
	return c.removeState()
}

// removeState removes all but the logs. Which version was up goes last: until then it can be ended again.
func (c Cluster) removeState() error {
	entries, err := os.ReadDir(c.Layout.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing the cluster's state: %w", err)
	}
	keep := map[string]bool{}
	for _, path := range []string{c.Layout.Logs(), c.Layout.Lock(), c.Layout.VersionFile()} {
		keep[filepath.Base(path)] = true
	}
	for _, entry := range entries {
		if keep[entry.Name()] {
			continue
		}
		if err := os.RemoveAll(c.Layout.In(entry.Name())); err != nil {
			return fmt.Errorf("removing the cluster's state: %w", err)
		}
	}
	return os.RemoveAll(c.Layout.VersionFile())
}
