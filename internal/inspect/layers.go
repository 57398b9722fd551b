package inspect

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Limits of what an image may have: files in all its layers, and bytes of them uncompressed. Of the content of files so
// much is kept as keepLimit says: on the disk, not in memory.
const (
	filesLimit  = 400_000
	streamLimit = 32 << 30
)

// Layers are the files of an image as a container of it has them at its start. It is a View.
type Layers struct {
	nodes    map[string]*node
	children map[string][]string
	spool    *os.File
	kept     int64
	keep     int64
	streamed int64
	files    int
	pending  []*node

	// Compressed is what a registry sends, Count the number of layers.
	Compressed int64
	Count      int
}

// node is a file in the tree.
type node struct {
	kind       byte // of archive/tar
	mode       fs.FileMode
	uid, gid   int64
	size       int64
	link       string
	layer      int
	at         int64 // in the spool; -1 where its content was not kept
	same       *node // the file that a hard link is
	impliedDir bool
}

// ReadLayers reads all layers of an image from the top and keeps what is visible, with the content of files up to keep
// bytes in a file without a name. Progress is told what was read of the compressed bytes. Close must be called.
func ReadLayers(ctx context.Context, image v1.Image, keep int64, progress func(done, all int64)) (*Layers, error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	l := &Layers{nodes: map[string]*node{"/": {kind: tar.TypeDir, mode: 0o755, layer: -1, impliedDir: true}}, keep: keep, Count: len(layers)}
	for _, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return nil, err
		}
		l.Compressed += size
	}
	if l.spool, err = os.CreateTemp("", "mindebug-inspect-*"); err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	done := int64(0)
	hidden := map[string]bool{} // by higher layers, with all below
	for n := len(layers) - 1; n >= 0; n-- {
		progress(done, l.Compressed)
		if err := l.read(ctx, layers[n], n, hidden); err != nil {
			return nil, errors.Join(fmt.Errorf("layer %d: %w", n+1, err), l.Close())
		}
		size, _ := layers[n].Size() // it was told before
		done += size
	}
	l.finish()
	return l, nil
}

// Close gives back the disk.
func (l *Layers) Close() error {
	return errors.Join(l.spool.Close(), os.Remove(l.spool.Name()))
}

// The marks of the OCI image specification (layer.md, Whiteouts).
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// read takes one layer in, to its end, so that its digest is checked.
func (l *Layers) read(ctx context.Context, layer v1.Layer, n int, hidden map[string]bool) error {
	blob, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer blob.Close()
	own := map[string]*node{} // all files of this layer, since hard links name them, hidden or not
	var hides []string        // what this layer hides of those below
	archive := tar.NewReader(blob)
	for {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			for _, name := range hides {
				hidden[name] = true
			}
			_, err := io.Copy(io.Discard, blob)
			return err
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		if l.files++; l.files > filesLimit {
			return fmt.Errorf("the image has more than %d files", filesLimit)
		}
		if l.streamed += h.Size; l.streamed > streamLimit {
			return fmt.Errorf("the image has more than %d GiB", streamLimit>>30)
		}
		name := path.Clean("/" + h.Name)
		dir, base := path.Split(name)
		switch {
		case len(name) > maxName:
		case base == opaque:
			hides = append(hides, path.Clean(dir)+"/.")
		case strings.HasPrefix(base, whiteout):
			hides = append(hides, path.Join(dir, base[len(whiteout):]))
		default:
			one, err := l.node(h, archive, n, own)
			if err != nil {
				return err
			}
			l.put(name, one, hidden)
		}
	}
}

// node makes a node of an entry, and keeps its content.
func (l *Layers) node(h *tar.Header, content io.Reader, layer int, own map[string]*node) (*node, error) {
	one := &node{
		kind: h.Typeflag, mode: fs.FileMode(h.Mode & 0o777), uid: int64(h.Uid), gid: int64(h.Gid), size: h.Size, layer: layer, at: -1,
	}
	switch h.Typeflag {
	case tar.TypeSymlink:
		one.link = h.Linkname
	case tar.TypeLink:
		one.link = path.Clean("/" + h.Linkname)
		if one.same = own[one.link]; one.same == nil {
			l.pending = append(l.pending, one)
		}
	case tar.TypeReg, tar.TypeRegA: //nolint:staticcheck // archives of old have it
		one.kind = tar.TypeReg
		own[path.Clean("/"+h.Name)] = one
		if l.kept+h.Size > l.keep {
			return one, nil
		}
		one.at = l.kept
		n, err := io.Copy(l.spool, content)
		l.kept += n
		return one, err
	}
	return one, nil
}

// put takes a node into the tree unless a higher layer has something there, or hides it.
func (l *Layers) put(name string, one *node, hidden map[string]bool) {
	if hidden[name] {
		return
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		up := l.nodes[dir]
		if hidden[dir] || hidden[dir+"/."] || up != nil && up.kind != tar.TypeDir && up.layer != one.layer {
			return
		}
		if dir == "/" {
			break
		}
	}
	if there := l.nodes[name]; there != nil && there.layer != one.layer && (!there.impliedDir || one.kind != tar.TypeDir) {
		return
	}
	l.nodes[name] = one
	for dir := path.Dir(name); l.nodes[dir] == nil; dir = path.Dir(dir) {
		l.nodes[dir] = &node{kind: tar.TypeDir, mode: 0o755, layer: one.layer, impliedDir: true}
	}
}

// finish ties hard links to files of lower layers, and lists what is in each folder.
func (l *Layers) finish() {
	for _, one := range l.pending {
		if to := l.nodes[one.link]; to != nil && to.kind == tar.TypeReg {
			one.same = to
		}
	}
	l.children = map[string][]string{}
	for name := range l.nodes {
		if name != "/" {
			dir := path.Dir(name)
			l.children[dir] = append(l.children[dir], path.Base(name))
		}
	}
}

const maxLinks = 40

// resolve follows links, as the kernel does below a root.
func (l *Layers) resolve(name string) (string, *node, error) {
	todo := strings.Split(name, "/")
	at, links := "/", 0
	for len(todo) > 0 {
		word := todo[0]
		todo = todo[1:]
		switch word {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		if up := l.nodes[at]; up.kind != tar.TypeDir {
			return "", nil, ErrNotFound
		}
		next := path.Join(at, word)
		one := l.nodes[next]
		switch {
		case one == nil:
			return "", nil, ErrNotFound
		case one.kind == tar.TypeSymlink:
			if links++; links > maxLinks || len(todo) > maxName {
				return "", nil, ErrManyLinks
			}
			if path.IsAbs(one.link) {
				at = "/"
			}
			todo = append(strings.Split(one.link, "/"), todo...)
		default:
			at = next
		}
	}
	one := l.nodes[at]
	if one.kind == tar.TypeLink {
		if one.same == nil {
			return "", nil, ErrNotFound
		}
		one = one.same
	}
	return at, one, nil
}

// Look implements View.
func (l *Layers) Look(paths ...string) []Entry {
	entries := make([]Entry, len(paths))
	for i, p := range paths {
		entries[i] = l.look(p)
	}
	return entries
}

func (l *Layers) look(name string) Entry {
	e := Entry{Path: name}
	at, one, err := l.resolve(name)
	if err != nil {
		if !isNotFound(err) {
			e.Err = &PathError{name, err}
		}
		return e
	}
	e.Real, e.Mode, e.UID, e.GID, e.Size = at, one.mode, one.uid, one.gid, one.size
	switch one.kind {
	case tar.TypeReg:
		e.Kind = File
	case tar.TypeDir:
		e.Kind = Folder
	default:
		e.Kind = Special
	}
	return e
}

// errNotKept is about a file whose content is beyond what is kept.
var errNotKept = errors.New("the image is larger than what is kept of it; see --max-bytes")

// Open implements View.
func (l *Layers) Open(name string) (io.ReaderAt, error) {
	_, one, err := l.resolve(name)
	switch {
	case err != nil:
	case one.kind != tar.TypeReg:
		err = ErrNotRegular
	case one.at < 0:
		err = errNotKept
	default:
		return io.NewSectionReader(l.spool, one.at, one.size), nil
	}
	return nil, &PathError{name, err}
}

// Read implements View.
func (l *Layers) Read(limit int, paths ...string) []Content {
	contents := make([]Content, len(paths))
	for i, p := range paths {
		file, err := l.Open(p)
		if err != nil {
			contents[i].Err = err
			continue
		}
		contents[i] = readContent(file, limit, p)
	}
	return contents
}

// readContent reads the beginning of an open file.
func readContent(file io.ReaderAt, limit int, name string) Content {
	data, err := io.ReadAll(io.NewSectionReader(file, 0, int64(limit)+1))
	if err != nil {
		return Content{Err: &PathError{name, err}}
	}
	if len(data) > limit {
		return Content{Data: data[:limit], Cut: true}
	}
	return Content{Data: data}
}

// List implements View.
func (l *Layers) List(dir string, limit int) ([]string, error) {
	at, one, err := l.resolve(dir)
	if err == nil && one.kind != tar.TypeDir {
		err = ErrNotFound
	}
	if err != nil {
		return nil, &PathError{dir, err}
	}
	names := l.children[at]
	return names[:min(len(names), limit)], nil
}

// Programs are the executable files whose path fits, in order; links that lead to one are not among them.
func (l *Layers) Programs(fits func(file string) bool) (found []string) {
	for name, one := range l.nodes {
		to := one
		if one.same != nil {
			to = one.same
		}
		if to.kind == tar.TypeReg && to.mode&0o111 != 0 && fits(name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// Usage implements View.
func (l *Layers) Usage() (u Usage, err error) {
	for _, one := range l.nodes {
		if one.kind == tar.TypeReg {
			u.Bytes += one.size
			u.Files++
		}
	}
	return u, nil
}

// Writable implements View.
func (l *Layers) Writable(who Identity, limit int) (w Writable, err error) {
	todo := []string{"/"}
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		one := l.nodes[name]
		if one.same != nil {
			one = one.same
		}
		if one.kind != tar.TypeReg && one.kind != tar.TypeDir {
			continue
		}
		e := Entry{Kind: File, Mode: one.mode, UID: one.uid, GID: one.gid}
		want := fs.FileMode(0o2)
		if one.kind == tar.TypeDir {
			e.Kind, want = Folder, 0o3
		}
		switch {
		case e.may(who, want) && len(w.Paths) == limit:
			w.Cut = true
			return w, nil
		case e.may(who, want):
			w.Paths = append(w.Paths, name)
		case e.Kind == Folder && e.may(who, 1):
			for _, child := range l.children[name] {
				todo = append(todo, path.Join(name, child))
			}
		}
	}
	return w, nil
}
