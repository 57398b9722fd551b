package imagekind

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// testLayer is a layer that counts how often it is read. As part of an image it needs more than its own methods.
type testLayer struct {
	v1.Layer
	content []byte
	size    int64
	reads   int
}

func (l *testLayer) Size() (int64, error) { return l.size, nil }

func (l *testLayer) Uncompressed() (io.ReadCloser, error) {
	l.reads++
	return io.NopCloser(bytes.NewReader(l.content)), nil
}

// newLayer makes a layer of that size, as the test has it, of entries: "bin/sh" a program, "bin/sh=" an empty one,
// "etc/os-release=TEXT" a text, "bin/sh->busybox" a symbolic link, "bin/sh=>bin/busybox" a hard one, "bin/" a folder.
func newLayer(t testing.TB, size int64, entries ...string) *testLayer {
	t.Helper()
	var blob bytes.Buffer
	archive := tar.NewWriter(&blob)
	for _, entry := range entries {
		h := &tar.Header{Name: entry, Typeflag: tar.TypeReg, Mode: 0o755}
		text := "program"
		switch {
		case strings.HasSuffix(entry, "/"):
			h.Typeflag, text = tar.TypeDir, ""
		case strings.Contains(entry, "->"):
			h.Name, h.Linkname, _ = strings.Cut(entry, "->")
			h.Typeflag, text = tar.TypeSymlink, ""
		case strings.Contains(entry, "=>"):
			h.Name, h.Linkname, _ = strings.Cut(entry, "=>")
			h.Typeflag, text = tar.TypeLink, ""
		case strings.Contains(entry, "="):
			h.Name, text, _ = strings.Cut(entry, "=")
			h.Mode = 0o644
		}
		h.Size = int64(len(text))
		if err := archive.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return &testLayer{content: blob.Bytes(), size: size}
}

func TestLayers(t *testing.T) {
	t.Parallel()
	const (
		has    = "its layers have "
		whole  = "no shell among its files"
		toobig = "a layer of 0.0 MB was not read: more than --max-bytes leaves"
	)
	// A layer is its size and its entries; the limit is 100.
	type layers [][]any
	for name, test := range map[string]struct {
		layers layers
		want   Verdict
		// reads is how often each layer is read.
		reads []int
	}{
		"none":          {layers{}, Verdict{Scratch, whole + ", and no distribution", Certain}, nil},
		"a program":     {layers{{10, "app", "etc/passwd=root"}}, Verdict{Scratch, whole + ", and no distribution", Certain}, []int{1}},
		"a shell":       {layers{{10, "app", "bin/", "bin/bash"}}, Verdict{WithShell, has + "/bin/bash", Certain}, []int{1}},
		"elsewhere":     {layers{{10, "./opt/tools/busybox"}}, Verdict{WithShell, has + "/opt/tools/busybox", Certain}, []int{1}},
		"a hard link":   {layers{{10, "bin/sh=>app"}}, Verdict{WithShell, has + "/bin/sh", Certain}, []int{1}},
		"a dead link":   {layers{{10, "bin/sh->busybox"}}, Verdict{Scratch, whole + ", and no distribution", Certain}, []int{1}},
		"no program":    {layers{{10, "share/bash=text", "opt/sh/", "bin/ash="}}, Verdict{Scratch, whole + ", and no distribution", Certain}, []int{1}},
		"distroless":    {layers{{10, "var/lib/dpkg/status.d/base=x", "usr/lib/os-release=ID=debian\n"}, {5, "app"}}, Verdict{Distroless, whole + "; packages in /var/lib/dpkg/status.d", Certain}, []int{1, 1}},
		"Wolfi":         {layers{{10, "etc/os-release=NAME=x\nID=\"wolfi\"\n", "lib/apk/db/installed=x"}}, Verdict{Wolfi, whole + `; its os-release says "wolfi"`, Certain}, []int{1}},
		"of two names":  {layers{{10, "usr/lib/os-release=ID=debian", "etc/os-release=ID=wolfi"}}, Verdict{Wolfi, whole + `; its os-release says "wolfi"`, Certain}, []int{1}},
		"nameless":      {layers{{10, "etc/os-release=NAME=x"}}, Verdict{NoShell, whole + `; its os-release says "linux"`, Certain}, []int{1}},
		"smallest":      {layers{{50, "bin/bash"}, {10, "bin/sh"}, {20, "app"}}, Verdict{WithShell, has + "/bin/sh", Certain}, []int{0, 1, 1}},
		"removed":       {layers{{10, "bin/sh"}, {5, "bin/.wh.sh="}}, Verdict{Scratch, whole + ", and no distribution", Certain}, []int{2, 1}},
		"removed last":  {layers{{10, "bin/sh"}, {30, "bin/.wh.sh="}}, Verdict{Scratch, whole + ", and no distribution", Certain}, []int{2, 1}},
		"another stays": {layers{{10, "bin/sh", "bin/dash"}, {5, "bin/.wh.sh="}}, Verdict{WithShell, has + "/bin/dash", Certain}, []int{2, 1}},
		"its folder":    {layers{{10, "usr/bin/sh", "etc/os-release=ID=debian"}, {5, "usr/.wh.bin="}}, Verdict{NoShell, whole + `; its os-release says "debian"`, Certain}, []int{2, 1}},
		"an opaque one": {layers{{10, "usr/bin/sh"}, {5, "usr/bin/.wh..wh..opq=", "usr/bin/app"}}, Verdict{Scratch, whole + ", and no distribution", Certain}, []int{2, 1}},
		"one alike":     {layers{{10, "usr/bin/sh"}, {5, "usr/.wh.bi="}}, Verdict{WithShell, has + "/usr/bin/sh", Certain}, []int{1, 1}},
		"made again":    {layers{{20, "bin/sh"}, {30, ".wh.bin="}, {25, "bin/bash"}}, Verdict{WithShell, has + "/bin/bash", Certain}, []int{2, 1, 1}},
		"all removed":   {layers{{10, "etc/os-release=ID=debian", "var/lib/dpkg/status=x"}, {5, ".wh.etc=", ".wh.var="}}, Verdict{Scratch, whole + ", and no distribution", Certain}, []int{1, 1}},
		"too large":     {layers{{10, "app"}, {91, "bin/sh"}}, Verdict{Unknown, toobig, ""}, []int{1, 0}},
		"just right":    {layers{{10, "app"}, {90, "bin/sh"}}, Verdict{WithShell, has + "/bin/sh", Certain}, []int{1, 1}},
		"above unread":  {layers{{10, "bin/sh"}, {91, "bin/.wh.sh="}}, Verdict{WithShell, has + "/bin/sh", Likely}, []int{1, 0}},
		"not again":     {layers{{60, "bin/sh"}, {5, "bin/.wh.sh="}}, Verdict{Unknown, toobig, ""}, []int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var made []*testLayer
			var all []v1.Layer
			for _, spec := range test.layers {
				var entries []string
				for _, entry := range spec[1:] {
					entries = append(entries, entry.(string))
				}
				made = append(made, newLayer(t, int64(spec[0].(int)), entries...))
				all = append(all, made[len(made)-1])
			}
			got, err := fromLayers(all, 100)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			var reads []int
			for _, l := range made {
				reads = append(reads, l.reads)
			}
			if diff := cmp.Diff(test.reads, reads); diff != "" {
				t.Errorf("layers read (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLayersAgainstFiles plays random stacks of layers, and compares with what a file system would have after them.
func TestLayersAgainstFiles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	paths := []string{"bin/sh", "bin/bash", "usr/bin/busybox", "usr/bin/app", "etc/os-release", "var/lib/dpkg/status.d/x"}
	for range 300 {
		present := map[string]bool{}
		var all []v1.Layer
		var story []string
		for range 1 + random.IntN(4) {
			var entries []string
			remove := func(mark, below string) {
				entries = append(entries, mark+"=")
				for name := range present {
					if name == below || strings.HasPrefix(name, below+"/") {
						delete(present, name)
					}
				}
			}
			switch random.IntN(5) {
			case 0:
				remove("bin/.wh.sh", "bin/sh")
			case 1:
				remove(".wh.usr", "usr")
			case 2:
				remove("bin/.wh..wh..opq", "bin")
			case 3:
				remove("var/lib/.wh.dpkg", "var/lib/dpkg")
			}
			for _, name := range paths {
				if random.IntN(5) == 0 {
					entries, present[name] = append(entries, name), true
				}
			}
			all = append(all, newLayer(t, 1+random.Int64N(9), entries...))
			story = append(story, fmt.Sprint(entries))
		}
		want := Scratch
		switch {
		case present["bin/sh"] || present["bin/bash"] || present["usr/bin/busybox"]:
			want = WithShell
		case present["var/lib/dpkg/status.d/x"]:
			want = Distroless
		case present["etc/os-release"]:
			want = NoShell
		}
		got, err := fromLayers(all, 1000)
		if err != nil || got.Kind != want || got.Certainty != Certain {
			t.Fatalf("layers %q: %+v, %v; want %s", story, got, err, want)
		}
	}
}

var errBroken = errors.New("it is broken")

// brokenLayer cannot be read.
type brokenLayer struct{ v1.Layer }

func (brokenLayer) Size() (int64, error) { return 9, nil }

func (brokenLayer) Uncompressed() (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader("no archive"), errReader{})), nil
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

// TestLayersUnreadable: what cannot be read to its end is an error, never a verdict.
func TestLayersUnreadable(t *testing.T) {
	t.Parallel()
	good := newLayer(t, 5, "app")
	if v, err := fromLayers([]v1.Layer{good, brokenLayer{}}, 1<<20); !errors.Is(err, errBroken) || v.Known() {
		t.Errorf("%+v, %v; want %v", v, err, errBroken)
	}
}

// TestFromImage: the layers are not touched where the configuration tells, and the manifest's annotations are read.
func TestFromImage(t *testing.T) {
	t.Parallel()
	image := func(l v1.Layer, history string) v1.Image {
		i, err := mutate.Append(empty.Image, mutate.Addendum{Layer: l, History: v1.History{CreatedBy: history}})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	annotate := func(i v1.Image, base string) v1.Image {
		return mutate.Annotations(i, map[string]string{baseName: base}).(v1.Image)
	}
	for name, test := range map[string]struct {
		history, base string
		want          Kind
		reads         int
	}{
		"history":     {"RUN /bin/sh -c x", "", WithShell, 0},
		"annotation":  {"COPY x /", "cgr.dev/chainguard/static:latest", Wolfi, 0},
		"only layers": {"COPY x /", "mine.test/base", Scratch, 1},
	} {
		l := newLayer(t, 10, "app")
		var err error
		if l.Layer, err = tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(l.content)), nil }); err != nil {
			t.Fatal(err)
		}
		i := image(l, test.history)
		if test.base != "" {
			i = annotate(i, test.base)
		}
		before := l.reads // to make the image
		v, err := FromImage(i, 100)
		if err != nil || v.Kind != test.want || l.reads-before != test.reads {
			t.Errorf("%s: %+v, %v, layer read %d times; want %s and %d", name, v, err, l.reads-before, test.want, test.reads)
		}
	}
}
