package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/report"
)

func TestUnpackMakesTheLinks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "context")
	if err := unpack("http", dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"app/abs.txt": "/data/real.txt",
		"app/out":     "../../../../etc/hostname",
		"app/loop":    "loop",
	} {
		if got, err := os.Readlink(filepath.Join(dir, "rootfs", path)); err != nil || got != want {
			t.Errorf("%s leads to %q, %v; want %q", path, got, err, want)
		}
	}
}

// TestFileCapability: these are the bytes that `setcap cap_net_bind_service=ep` writes.
func TestFileCapability(t *testing.T) {
	t.Parallel()
	want := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	if got := string(fileCapability(netBindService)); got != want {
		t.Errorf("got %x, want %x", got, want)
	}
}

// counted is an image that writes one archive and counts how often it was built.
func counted(input string, count *int) Image {
	return Image{
		Name: "test", Refs: map[string]string{"a.tar": "mindebug.test/test:a"}, Inputs: []string{input},
		Build: func(_ context.Context, job Job) error {
			*count++
			return os.WriteFile(filepath.Join(job.Out, "a.tar"), nil, 0o644)
		},
	}
}

func TestStoreBuildsWhenAnInputChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	input := filepath.Join(dir, "input")
	store := Store{Dir: filepath.Join(dir, "store"), Report: new(report.Reporter)}
	builds := 0
	for step, want := range []struct {
		text   string
		builds int
	}{{"one", 1}, {"one", 1}, {"two", 2}} {
		if err := os.WriteFile(input, []byte(want.text), 0o644); err != nil {
			t.Fatal(err)
		}
		archives, err := store.Archives(t.Context(), counted(input, &builds))
		if err != nil {
			t.Fatal(err)
		}
		for path := range archives {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("step %d: %v", step, err)
			}
		}
		if builds != want.builds || len(archives) != 1 {
			t.Errorf("step %d: %d builds and archives %v; want %d builds", step, builds, archives, want.builds)
		}
	}
	if kept, err := os.ReadDir(store.Dir); err != nil || len(kept) != 1 {
		t.Errorf("kept %v, %v; want the newest only", kept, err)
	}
}

func TestStoreKeepsNothingOfABrokenBuild(t *testing.T) {
	t.Parallel()
	store := Store{Dir: t.TempDir(), Report: new(report.Reporter)}
	broken := Image{Name: "test", Build: func(context.Context, Job) error { return errors.New("no") }}
	if _, err := store.Archives(t.Context(), broken); err == nil {
		t.Fatal("no error")
	}
	if kept, err := os.ReadDir(store.Dir); err != nil || len(kept) != 0 {
		t.Errorf("kept %v, %v", kept, err)
	}
}

func TestFindDebugDir(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	debug, deep := filepath.Join(root, "images", "debug"), filepath.Join(root, "test", "cluster")
	for _, dir := range []string{debug, deep} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := FindDebugDir(deep); err == nil {
		t.Errorf("found %s where there is no build", got)
	}
	if err := os.WriteFile(filepath.Join(debug, "build"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := FindDebugDir(deep); err != nil || got != debug {
		t.Errorf("got %q, %v; want %q", got, err, debug)
	}
}
