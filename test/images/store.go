package images

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// Store is a folder that keeps the images once they are built. It may be used by several processes.
type Store struct{ Dir string }

// Image returns an image of the table, which it builds where it is not kept.
func (s Store) Image(ctx context.Context, name string) (v1.Image, error) {
	dir, err := s.folder(ctx, name)
	if err != nil {
		return nil, err
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	return index.Image(manifest.Manifests[0].Digest)
}

// WriteArchive writes an image of the table as an OCI archive in which it has its own name.
func (s Store) WriteArchive(ctx context.Context, name string, w io.Writer) error {
	dir, err := s.folder(ctx, name)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	return errors.Join(archive.AddFS(os.DirFS(dir)), archive.Close())
}

// folder returns the OCI layout of an image.
func (s Store) folder(ctx context.Context, name string) (string, error) {
	recipe, ok := recipes[name]
	if !ok {
		return "", fmt.Errorf("no image %q", name)
	}
	sum, err := inputs()
	if err != nil {
		return "", err
	}
	kept := filepath.Join(s.Dir, name+"-"+sum)
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return "", err
	}
	// One process builds it, the others wait.
	unlock, err := lockFile(filepath.Join(s.Dir, "."+name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	if err := s.build(ctx, name, recipe, kept); err != nil {
		return "", fmt.Errorf("building image %s: %w", name, err)
	}
	return kept, nil
}

// lockFile waits until this process alone holds the file.
func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}

func (s Store) build(ctx context.Context, name string, recipe func(*builder), kept string) error {
	lock, err := ParseLock(lockText)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(s.Dir, ".half-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &builder{architecture: runtime.GOARCH, workshop: &workshop{
		ctx: ctx, name: name, work: work, pkgs: packages{dir: filepath.Join(s.Dir, "packages"), lock: lock},
	}}
	recipe(b)
	image, err := b.image()
	if err != nil {
		return err
	}
	half := filepath.Join(work, "layout")
	path, err := layout.Write(half, empty.Index)
	if err == nil {
		err = path.AppendImage(image, layout.WithAnnotations(map[string]string{"io.containerd.image.name": ByName(name).Ref}))
	}
	if err != nil {
		return err
	}
	// What was made from other inputs is not asked for again.
	old, err := filepath.Glob(filepath.Join(s.Dir, name+"-"+anySum))
	if err != nil {
		return err
	}
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return os.Rename(half, kept)
}

//go:embed recipes.go builder.go wolfi.go layer.go debian.go programs.go
var sources embed.FS

// anySum matches what inputs returns, so that "base" does not match "base-x".
const anySum = "[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]"

// inputs is a sum of all that the images are made from.
func inputs() (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), lockText)
	for _, tree := range []embed.FS{sources, programFiles} {
		err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := tree.ReadFile(path)
			fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil))[:8], nil
}
