package registry_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/mindebug/kubectl-mindebug/internal/registry"
)

// ociArchive writes an OCI archive of an index, and returns its name.
func ociArchive(t *testing.T, index v1.ImageIndex) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := layout.Write(dir, index); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// dockerArchive writes what docker save does.
func dockerArchive(t *testing.T, images map[string]v1.Image) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	tags := map[name.Tag]v1.Image{}
	for n, i := range images {
		tag, err := name.NewTag(n)
		if err != nil {
			t.Fatal(err)
		}
		tags[tag] = i
	}
	if err := tarball.MultiWriteToFile(file, tags); err != nil {
		t.Fatal(err)
	}
	return file
}

func onPlatform(architecture string) mutate.IndexAddendum {
	return mutate.IndexAddendum{Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}}
}

func TestOpenFile(t *testing.T) {
	t.Parallel()
	one, other := image(t, "65532", layer(t, "app=x")), image(t, "1", layer(t, "app=y"))
	first, second := onPlatform("amd64"), onPlatform("arm64")
	first.Add, second.Add = one, other
	platforms := mutate.AppendManifests(empty.Index, first, second)
	for kind, test := range map[string]struct {
		file  string
		users []string
	}{
		"OCI":                    {ociArchive(t, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: one})), []string{"65532"}},
		"OCI, several platforms": {ociArchive(t, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: platforms})), []string{"65532", "1"}},
		"OCI, no inner index":    {ociArchive(t, platforms), []string{"65532", "1"}},
		"docker save":            {dockerArchive(t, map[string]v1.Image{"web:1": one}), []string{"65532"}},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			images, err := registry.OpenFile(test.file)
			if err != nil || len(images) != len(test.users) {
				t.Fatalf("%d images, %v", len(images), err)
			}
			for n, i := range images {
				user, err := i.User()
				content, found, fileErr := i.File("/app")
				if user != test.users[n] || err != nil || fileErr != nil || !found || len(content) != 1 {
					t.Errorf("image %d: user %q, %v; /app %q, %v", n, user, err, content, fileErr)
				}
			}
		})
	}
}

func TestOpenFileFails(t *testing.T) {
	t.Parallel()
	write := func(content []byte) string {
		file := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	var compressed, nothing bytes.Buffer
	if err := gzip.NewWriter(&compressed).Close(); err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(&nothing)
	if err := w.WriteHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	one, other := image(t, "1", layer(t, "app=x")), image(t, "2", layer(t, "app=y"))
	whole := ociArchive(t, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: one}))
	for name, test := range map[string]struct{ file, want string }{
		"no file":     {"/nonexistent", "no such file"},
		"a folder":    {t.TempDir(), "is a directory"},
		"compressed":  {write(compressed.Bytes()), "decompress it first"},
		"no archive":  {write([]byte(strings.Repeat("x", 2000))), "reading it as an archive"},
		"no image":    {write(nothing.Bytes()), "neither what `docker save` writes nor an OCI archive"},
		"two images":  {ociArchive(t, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: one}, mutate.IndexAddendum{Add: other})), "it has 2 images"},
		"two, docker": {dockerArchive(t, map[string]v1.Image{"web:1": one, "web:2": other}), "only a single image"},
		"no blobs":    {without(t, whole, "blobs/"), "it has no blobs/"},
	} {
		images, err := registry.OpenFile(test.file)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %d images, %v; want %q", name, len(images), err, test.want)
		}
	}
}

// without is an archive without the entries of that folder.
func without(t *testing.T, file, folder string) string {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out bytes.Buffer
	r, w := tar.NewReader(in), tar.NewWriter(&out)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(h.Name, folder) {
			continue
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "cut.tar")
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestLayersOfArchives: a layer that is not what its digest says is refused.
func TestLayersOfArchives(t *testing.T) {
	t.Parallel()
	file := ociArchive(t, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: image(t, "1", layer(t, "app=x"))}))
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	images, err := registry.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(content, []byte("\x1f\x8b"))
	if at < 0 {
		t.Fatal("no compressed layer in the archive")
	}
	content[at+15] ^= 0xff
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := images[0].File("/app"); err == nil {
		t.Error("a layer was altered, and nobody noticed")
	}
}
