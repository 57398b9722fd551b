package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// layer is one layer in the making: files by their paths without a leading slash.
type layer struct {
	entries map[string]entry
}

type entry struct {
	header  tar.Header
	content []byte
}

func newLayer() *layer { return &layer{entries: map[string]entry{}} }

func (l *layer) put(h tar.Header, content []byte) {
	h.Name = strings.TrimSuffix(h.Name, "/")
	h.Size = int64(len(content))
	// What was written by another tar program is written anew.
	h.Format, h.PAXRecords, h.AccessTime, h.ChangeTime = tar.FormatUnknown, nil, time.Time{}, time.Time{}
	l.entries[h.Name] = entry{h, content}
}

func (l *layer) dir(name string, mode int64, owner int) {
	l.put(tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode, Uid: owner, Gid: owner, ModTime: made}, nil)
}

func (l *layer) file(name string, mode int64, content []byte) {
	l.put(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, ModTime: made}, content)
}

func (l *layer) text(name, content string) { l.file(name, 0o644, []byte(content)) }

func (l *layer) link(name, target string) {
	l.put(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777, ModTime: made}, nil)
}

// remove is what a layer says of a file below it that it takes away (OCI image specification, layer.md, Whiteouts).
func (l *layer) remove(name string) {
	l.file(path.Join(path.Dir(name), ".wh."+path.Base(name)), 0o644, nil)
}

// addTar adds the files of an archive. Rename gives each its path; one of "" is left out.
func (l *layer) addTar(archive io.Reader, rename func(string) string) error {
	for files := tar.NewReader(archive); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading archive: %w", err)
		}
		name := rename(clean(h.Name))
		if name == "" || name == "." {
			continue
		}
		if h.Typeflag == tar.TypeLink {
			h.Linkname = rename(clean(h.Linkname))
		}
		content, err := io.ReadAll(files)
		if err != nil {
			return fmt.Errorf("reading %s: %w", h.Name, err)
		}
		h.Name = name
		l.put(*h, content)
	}
}

// clean is a path of an archive without "./" in front.
func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// addParents adds the folders that the files stand in, where the layer does not name them itself, as builders do.
func (l *layer) addParents() {
	for name := range l.entries {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, there := l.entries[dir]; !there {
				l.dir(dir, 0o755, 0)
			}
		}
	}
}

// blob is the layer as it stands in an image, compressed.
func (l *layer) blob() (v1.Layer, error) {
	l.addParents()
	var names []string
	for name := range l.entries {
		names = append(names, name)
	}
	// A folder before what is in it, and a file before the hard links to it.
	slices.SortFunc(names, func(a, b string) int {
		hardA, hardB := l.entries[a].header.Typeflag == tar.TypeLink, l.entries[b].header.Typeflag == tar.TypeLink
		if hardA != hardB {
			if hardA {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	var text bytes.Buffer
	archive := tar.NewWriter(&text)
	for _, name := range names {
		e := l.entries[name]
		if e.header.Typeflag == tar.TypeDir {
			e.header.Name += "/"
		}
		if err := archive.WriteHeader(&e.header); err != nil {
			return nil, fmt.Errorf("writing %s: %w", name, err)
		}
		if _, err := archive.Write(e.content); err != nil {
			return nil, fmt.Errorf("writing %s: %w", name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching,
		tarball.WithCompressionLevel(gzip.BestSpeed))
}
