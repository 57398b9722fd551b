package inspect

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// see is what a view has at a path: the content of a file, with its real path where that is another.
func see(view View, name string) string {
	e := view.Look(name)[0]
	where := ""
	if e.Real != name {
		where = " at " + e.Real
	}
	switch {
	case e.Err != nil:
		return e.Err.Error()
	case e.Kind == Folder:
		return "folder" + where
	case e.Kind == Special:
		return "special" + where
	case e.Kind == Nothing:
		return "nothing"
	}
	c := view.Read(100, name)[0]
	if c.Err != nil {
		return c.Err.Error()
	}
	return fmt.Sprintf("%q%s", c.Data, where)
}

// TestFlatten: what a container of an image would see (OCI image specification, layer.md).
func TestFlatten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		layers [][]file
		want   map[string]string
	}{
		"the upper counts": {
			[][]file{{text("a", "low"), text("b", "low")}, {text("./a", "high")}},
			map[string]string{"/a": `"high"`, "/b": `"low"`, "/c": "nothing"},
		},
		"the last of a layer counts": {[][]file{{text("a", "1"), text("a", "2")}}, map[string]string{"/a": `"2"`}},
		"a whiteout": {
			[][]file{{text("d/a", "low"), text("d/b", "low")}, {text("d/.wh.a", "")}},
			map[string]string{"/d/a": "nothing", "/d/b": `"low"`, "/d/.wh.a": "nothing"},
		},
		"a whiteout of a folder": {
			[][]file{{text("d/e/a", "low")}, {text(".wh.d", "")}, {text("d/e/b", "high")}},
			map[string]string{"/d/e/a": "nothing", "/d/e/b": `"high"`},
		},
		"a whiteout does not hide its own layer": {
			[][]file{{text("d/a", "low")}, {text("d/b", "own"), text(".wh.d", "")}},
			map[string]string{"/d/a": "nothing", "/d/b": `"own"`},
		},
		"an opaque folder": {
			[][]file{{text("d/a", "low"), text("e", "low")}, {dir("d"), text("d/.wh..wh..opq", ""), text("d/b", "high")}},
			map[string]string{"/d/a": "nothing", "/d/b": `"high"`, "/e": `"low"`},
		},
		"a file over a folder": {
			[][]file{{text("d/a", "low")}, {text("d", "file")}}, map[string]string{"/d": `"file"`, "/d/a": "nothing"},
		},
		"a folder over a file": {
			[][]file{{text("d", "file")}, {text("d/a", "high")}}, map[string]string{"/d": "folder", "/d/a": `"high"`},
		},
		"a folder that no entry made": {
			[][]file{{text("x/y/z", "1")}}, map[string]string{"/x": "folder", "/x/y": "folder", "/x/y/z": `"1"`},
		},
		"links": {
			[][]file{{
				text("real/f", "1"), symlink("abs", "/real/f"), symlink("rel", "real/f"), symlink("out", "../../../real/f"),
				symlink("dir", "real"), symlink("loop", "pool"), symlink("pool", "loop"), symlink("self", "self/x"), symlink("root", "/"),
			}},
			map[string]string{
				"/abs": `"1" at /real/f`, "/rel": `"1" at /real/f`, "/out": `"1" at /real/f`, "/dir/f": `"1" at /real/f`,
				"/loop": `"/loop": too many symbolic links`, "/self": `"/self": too many symbolic links`,
				"/root/root/real/../abs": `"1" at /real/f`, "/real/f/x": "nothing", "/dir/../..": "folder at /",
			},
		},
		"hard links": {
			[][]file{{text("a", "1"), hardlink("b", "a"), text("low", "2")}, {text(".wh.a", ""), hardlink("c", "low"), hardlink("d", "none")}},
			map[string]string{"/a": "nothing", "/b": `"1"`, "/c": `"2"`, "/d": "nothing"},
		},
		"no files": {
			[][]file{{{name: "p", kind: tar.TypeFifo}, {name: "c", kind: tar.TypeChar}}}, map[string]string{"/p": "special", "/c": "special"},
		},
		"hostile names": {
			[][]file{{text("../../etc/x", "1"), text("a\nb", "2"), text("/etc/\x1b[31m", "3")}},
			map[string]string{"/etc/x": `"1"`, "/a\nb": `"2"`, "/etc/\x1b[31m": `"3"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			view := viewOf(t, test.layers...)
			for name, want := range test.want {
				if got := see(view, name); got != want {
					t.Errorf("%q: %s; want %s", name, got, want)
				}
			}
		})
	}
}

func TestLayersList(t *testing.T) {
	t.Parallel()
	view := viewOf(t, []file{text("d/a", ""), text("d/b", ""), text("f", ""), symlink("l", "/d")})
	names, err := view.List("/l", 10)
	slices.Sort(names)
	if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" || err != nil {
		t.Errorf("List: %v (-want +got):\n%s", err, diff)
	}
	if names, err := view.List("/d", 1); len(names) != 1 || err != nil {
		t.Errorf("at most one: %q, %v", names, err)
	}
	for _, name := range []string{"/f", "/none"} {
		if _, err := view.List(name, 1); !isNotFound(err) {
			t.Errorf("List(%q): %v", name, err)
		}
	}
}

// TestLayersLimits: of large images content is left out, and what is broken is said.
func TestLayersLimits(t *testing.T) {
	t.Parallel()
	image := imageOf(t, []file{text("large", strings.Repeat("x", 1000)), text("small", "1")})
	view, err := ReadLayers(t.Context(), image, 100, func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	if got := see(view, "/large"); !strings.Contains(got, "--max-bytes") {
		t.Errorf("a file beyond the limit: %s", got)
	}
	if got := see(view, "/small"); got != `"1"` {
		t.Errorf("a file within the limit: %s", got)
	}
	if u, err := view.Usage(); err != nil || u != (Usage{Bytes: 1001, Files: 2}) {
		t.Errorf("usage %+v, %v", u, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if _, err := ReadLayers(ctx, image, 100, func(int64, int64) {}); !errors.Is(err, cause) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := ReadLayers(t.Context(), broken{image}, 100, func(int64, int64) {}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a layer that is cut off: %v", err)
	}
}

// broken is an image whose layers are cut off.
type broken struct{ v1.Image }

func (b broken) Layers() ([]v1.Layer, error) {
	layers, err := b.Image.Layers()
	return []v1.Layer{brokenLayer{layers[0]}}, err
}

type brokenLayer struct{ v1.Layer }

func (b brokenLayer) Uncompressed() (io.ReadCloser, error) {
	blob, err := b.Layer.Uncompressed()
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(blob, 700), blob}, err
}

// TestLayersWritable: by the modes of files, topmost first.
func TestLayersWritable(t *testing.T) {
	t.Parallel()
	view := viewOf(t, []file{
		{name: "tmp", kind: tar.TypeDir, mode: 0o1777},
		text("tmp/x", ""),
		{name: "home/app", kind: tar.TypeDir, mode: 0o700, uid: 1000, gid: 1000},
		{name: "group", kind: tar.TypeDir, mode: 0o770, gid: 50},
		{name: "shut", kind: tar.TypeDir, mode: 0o700},
		{name: "shut/open", kind: tar.TypeDir, mode: 0o777},
		{name: "noenter", kind: tar.TypeDir, mode: 0o766},
		{name: "file", mode: 0o666},
		hardlink("same", "file"),
		{name: "pipe", kind: tar.TypeFifo, mode: 0o666},
		symlink("link", "/tmp"),
		{name: "theirs", mode: 0o606, gid: 1000},
	})
	for name, test := range map[string]struct {
		who  Identity
		want []string
	}{
		"the owner":  {Identity{UID: 1000, GID: 1000}, []string{"/file", "/home/app", "/same", "/tmp"}},
		"the group":  {Identity{UID: 7, GID: 7, Groups: []int64{50}}, []string{"/file", "/group", "/same", "/theirs", "/tmp"}},
		"root":       {Identity{}, []string{"/"}},
		"any others": {Identity{UID: 7, GID: 7}, []string{"/file", "/same", "/theirs", "/tmp"}},
	} {
		w, err := view.Writable(test.who, 10)
		slices.Sort(w.Paths)
		if diff := cmp.Diff(test.want, w.Paths); diff != "" || err != nil || w.Cut {
			t.Errorf("%s: %v, cut %t (-want +got):\n%s", name, err, w.Cut, diff)
		}
	}
	if w, _ := view.Writable(Identity{UID: 7, GID: 7}, 2); len(w.Paths) != 2 || !w.Cut {
		t.Errorf("at most two: %+v", w)
	}
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	view := viewOf(t, []file{program("opt/sh", nil), hardlink("bin/sh", "opt/sh"), text("doc/sh", ""), symlink("usr/sh", "/opt/sh")})
	got := view.Programs(func(file string) bool { return strings.HasSuffix(file, "/sh") })
	if diff := cmp.Diff([]string{"/bin/sh", "/opt/sh"}, got); diff != "" {
		t.Errorf("programs (-want +got):\n%s", diff)
	}
}
