package image

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mindebug/kubectl-mindebug/test/cluster/images"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/report"
)

// Store is the folder in which archives are kept.
type Store struct {
	Dir    string
	Report *report.Reporter
}

// Archives returns the image's archives and their references, and builds them first if its inputs changed.
func (s Store) Archives(ctx context.Context, i Image) (map[string]string, error) {
	sum, err := i.sum()
	if err != nil {
		return nil, fmt.Errorf("hashing what image %s is made from: %w", i.Name, err)
	}
	out := filepath.Join(s.Dir, i.Name+"-"+sum)
	if _, err := os.Stat(out); err == nil {
		return i.archives(out), nil
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, err
	}
	half, err := os.MkdirTemp(s.Dir, ".half-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(half)
	if err := s.Report.Step("built image "+i.Name, func() error { return i.build(ctx, half) }); err != nil {
		return nil, fmt.Errorf("building image %s: %w", i.Name, err)
	}
	// What was made from other inputs is not asked for again.
	old, err := filepath.Glob(filepath.Join(s.Dir, i.Name+"-*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	if err := os.Rename(half, out); err != nil {
		return nil, err
	}
	return i.archives(out), nil
}

// build builds into out. Buildah writes to /etc/cni when it begins, whether it needs a network or not, so it is told
// another folder.
func (i Image) build(ctx context.Context, out string) error {
	work, err := os.MkdirTemp("", "mindebug-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	settings := filepath.Join(work, "containers.conf")
	text := fmt.Sprintf("[network]\nnetwork_backend = \"cni\"\nnetwork_config_dir = %q\n", filepath.Join(work, "network"))
	if err := os.WriteFile(settings, []byte(text), 0o644); err != nil {
		return err
	}
	return i.Build(ctx, Job{Out: out, Work: work, Env: append(os.Environ(), "CONTAINERS_CONF="+settings)})
}

// sum is a hash of the image's own folder and of its inputs: contents, and modes of what is executed.
func (i Image) sum() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%v\n%s\n", i.Name, i.Refs, i.Salt)
	if _, err := fs.Stat(images.Files, i.Name); err == nil {
		own, err := fs.Sub(images.Files, i.Name)
		if err != nil {
			return "", err
		}
		if err := addTree(h, own); err != nil {
			return "", err
		}
	}
	for _, input := range i.Inputs {
		info, err := os.Stat(input)
		if errors.Is(err, os.ErrNotExist) {
			fmt.Fprintf(h, "absent %s\n", input)
			continue
		}
		if err != nil {
			return "", err
		}
		if info.IsDir() {
			err = addTree(h, os.DirFS(input))
		} else {
			err = addFile(h, os.DirFS(filepath.Dir(input)), filepath.Base(input))
		}
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))[:12], nil
}

func addTree(h hash.Hash, tree fs.FS) error {
	return fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return addFile(h, tree, path)
	})
}

func addFile(h hash.Hash, tree fs.FS, path string) error {
	file, err := tree.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "%s %t %d\n", path, info.Mode()&0o111 != 0, info.Size())
	_, err = io.Copy(h, file)
	return err
}
