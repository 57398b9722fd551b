package cluster

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Namespace is containerd's, the one that the kubelet's containers and images are in.
const Namespace = "k8s.io"

// Load imports docker or OCI archives, so that pods find their images without a pull.
func (c Cluster) Load(ctx context.Context, archives []string) error {
	for _, archive := range archives {
		if _, err := os.Stat(archive); err != nil && !filepath.IsAbs(archive) {
			return fmt.Errorf("loading %s: %w (`go -C DIR` goes to DIR first: give an absolute path)", archive, err)
		}
		err := c.Report.Step("loaded "+archive, func() error { return c.load(ctx, archive) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (c Cluster) load(ctx context.Context, archive string) error {
	cmd := exec.CommandContext(ctx, c.Layout.Containerd("ctr"), "--address", c.Layout.ContainerdSocket(), "--namespace", Namespace,
		"images", "import", archive)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("loading %s: %w\n%s", archive, err, bytes.TrimSpace(out))
	}
	return nil
}

// loadOnce loads archives that this cluster has not been given yet: their names carry a hash of what they were made from.
func (c Cluster) loadOnce(ctx context.Context, archives map[string]string) error {
	for _, archive := range slices.Sorted(maps.Keys(archives)) {
		mark := c.Layout.In("loaded", filepath.Base(filepath.Dir(archive))+"-"+filepath.Base(archive))
		if _, err := os.Stat(mark); err == nil {
			continue
		}
		if err := c.Report.Step("loaded "+archives[archive], func() error { return c.load(ctx, archive) }); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(mark), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(mark, nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}
