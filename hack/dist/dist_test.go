package main

import (
	"archive/tar"
	"compress/gzip"
	"debug/buildinfo"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// released makes the release of this machine's platform only, in a new folder.
func released(t *testing.T, version string) *release {
	t.Helper()
	r := &release{
		version: version, image: "registry.example/debug@sha256:" + strings.Repeat("ab01", 16),
		root: "../..", out: filepath.Join(t.TempDir(), "dist"), platforms: []platform{{runtime.GOOS, runtime.GOARCH}},
	}
	if err := r.make(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// checksums is what was made, by the sums.
func checksums(t *testing.T, r *release) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.out, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkBill reads a bill of materials back: it names the program and modules that are surely in it.
func checkBill(t *testing.T, r *release) {
	t.Helper()
	in, err := os.Open(filepath.Join(r.out, r.stem(r.platforms[0])+".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(in, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, c := range *bom.Components {
		if c.Version == "" || found[c.Name] {
			t.Errorf("component %+v", c)
		}
		found[c.Name] = true
	}
	if !found["std"] || !found["k8s.io/client-go"] || found["github.com/CycloneDX/cyclonedx-go"] || bom.Metadata.Component.Version != r.version {
		t.Errorf("components %v of %+v", found, bom.Metadata.Component)
	}
}

// TestRelease makes a release, and the next one twice: the same sources make the same files. It lays the archives out as krew
// does, by what the manifest says, and runs the plugin from there; the upgrade takes the older version's place.
func TestRelease(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1790000000")
	home := t.TempDir()
	link := filepath.Join(home, "bin", "kubectl-mindebug")
	runs := func(version string) {
		out, err := exec.CommandContext(t.Context(), link, "version").CombinedOutput()
		if err != nil || string(out) != version+"\n" { // nor a notice that no image is named
			t.Errorf("%s version: %v, %q", link, err, out)
		}
	}
	install(t, released(t, "v1.2.3"), home)
	runs("v1.2.3")
	upgrade := released(t, "v1.3.0")
	checkBill(t, upgrade)
	if one, other := checksums(t, upgrade), checksums(t, released(t, "v1.3.0")); one != other || strings.Count(one, "\n") != 2 {
		t.Errorf("made twice, and the sums are\n%s and\n%s", one, other)
	}
	install(t, upgrade, home)
	runs("v1.3.0")
	store := filepath.Join(home, "store", "mindebug", "v1.3.0")
	for _, name := range []string{"LICENSE", "completion/_kubectl-mindebug", "man/kubectl-mindebug.1"} {
		if _, err := os.Stat(filepath.Join(store, name)); err != nil {
			t.Error(err)
		}
	}
	checkNotices(t, store)
}

// checkNotices: the licences beside a program name each module in it, and Go.
func checkNotices(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, noticesName))
	if err != nil {
		t.Fatal(err)
	}
	built, err := buildinfo.ReadFile(filepath.Join(dir, platform{runtime.GOOS, runtime.GOARCH}.program()))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"Go " + built.GoVersion}
	for _, m := range built.Deps {
		names = append(names, m.Path+" "+m.Version)
	}
	if len(names) < 20 {
		t.Errorf("the program is made of %q only", names)
	}
	for _, name := range names {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `: (LICENSE|COPYING)`).Match(text) {
			t.Errorf("no licence of %s", name)
		}
	}
}

// TestNotices: each text once, with all that it is about, those of single packages too; code without a licence is refused.
func TestNotices(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	for name, text := range map[string]string{
		"a/LICENSE": "do as you like\n", "b/COPYING.md": "do as you like", "b/NOTICE": "made by b", "b/sub/sub/License.txt": "not for c",
		"b/LICENSE-old/x": "a folder", "b/other/LICENSE": "of what is not linked", "c/sub/LICENSE": "of a part only", "c/licenses.go": "package c",
	} {
		path := filepath.Join(cache, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	n, a, b, c := notices{}, filepath.Join(cache, "a"), filepath.Join(cache, "b"), filepath.Join(cache, "c")
	for range 2 { // two packages of one module
		if err := errors.Join(n.add("x.org/b v2", b, filepath.Join(b, "sub", "sub")), n.add("x.org/a v1", a, a)); err != nil {
			t.Fatal(err)
		}
	}
	want := notices{
		"do as you like": {"x.org/b v2: COPYING.md", "x.org/a v1: LICENSE"}, "made by b": {"x.org/b v2: NOTICE"},
		"not for c": {"x.org/b v2: sub/sub/License.txt"},
	}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
	if text := string(n.bytes()); !strings.Contains(text, "\nx.org/a v1: LICENSE\nx.org/b v2: COPYING.md\n\ndo as you like\n\n") {
		t.Errorf("written as %s", text)
	}
	if err := n.add("x.org/c v3", c, filepath.Join(c, "sub")); err == nil || !strings.Contains(err.Error(), "x.org/c v3 has no licence") {
		t.Errorf("error %v; want that there is none", err)
	}
}

// install does what krew does with a plugin of a manifest (internal/installation in its sources): unpack, take the files that
// the manifest names to their places in the store, link the program, remove the older version.
func install(t *testing.T, r *release, home string) {
	t.Helper()
	mine := r.platforms[0]
	text, err := fill(krewTemplate(t), r.version, func(name string) (string, error) {
		if name != r.archive(mine) {
			return strings.Repeat("ab01", 16), nil
		}
		return sum(filepath.Join(r.out, name))
	})
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := yaml.UnmarshalStrict(text, &m); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(home, "store", "mindebug", r.version)
	for _, p := range m.Spec.Platforms {
		if p.String() != mine.String() {
			continue
		}
		unpacked := unpack(t, filepath.Join(r.out, filepath.Base(p.URI)))
		for _, f := range p.Files {
			move(t, unpacked, f.From, filepath.Join(store, f.To))
		}
		relink(t, filepath.Join(store, p.Bin), filepath.Join(home, "bin", "kubectl-"+m.Metadata.Name))
		return
	}
	t.Fatalf("the manifest has no platform %s", mine)
}

func move(t *testing.T, from, pattern, to string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(from, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("the archive has no %s: %v", pattern, err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		if err := os.Rename(path, filepath.Join(to, filepath.Base(path))); err != nil {
			t.Fatal(err)
		}
	}
}

func relink(t *testing.T, to, link string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		t.Fatal(err)
	}
	if older, err := os.Readlink(link); err == nil {
		if err := errors.Join(os.Remove(link), os.RemoveAll(filepath.Dir(older))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(to, link); err != nil {
		t.Fatal(err)
	}
}

// unpack unpacks an archive with the modes that it has, and fails where krew would: at anything but files and folders.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	in, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	zipped, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	for from := tar.NewReader(zipped); ; {
		header, err := from.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg || header.Uid != 0 || header.Uname != "" {
			t.Fatalf("%s in the archive: %+v", header.Name, header)
		}
		path := filepath.Join(dir, filepath.FromSlash(header.Name))
		content, err := io.ReadAll(from)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, header.FileInfo().Mode())); err != nil {
			t.Fatal(err)
		}
	}
}
