package machine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestParseMounts(t *testing.T) {
	t.Parallel()
	const text = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
35 22 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
90 22 0:55 / /var/lib/a\040b/rootfs rw shared:2 master:3 - overlay overlay rw
`
	got, err := parseMounts(text)
	want := []mount{{"/", "ext4"}, {"/sys/fs/cgroup/memory", "cgroup"}, {"/var/lib/a b/rootfs", "overlay"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got, err := parseMounts("not a mount\n"); err == nil {
		t.Errorf("got %v for a line that is none", got)
	}
}

func TestMissingPackages(t *testing.T) {
	t.Parallel()
	const listing = "runc installed\nbuildah config-files\ntini installed\n"
	got := missing([]string{"runc", "buildah", "tini", "musl-tools"}, listing)
	if want := []string{"buildah", "musl-tools"}; !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
}

func TestRemoveTree(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "group")
	if err := os.MkdirAll(filepath.Join(root, "pods", "one"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := removeTree(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("it is still there")
	}
	if err := removeTree(root); err != nil {
		t.Errorf("a second time: %v", err)
	}
}
