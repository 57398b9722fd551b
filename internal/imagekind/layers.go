package imagekind

import (
	"archive/tar"
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Limits of what is kept of one layer: removedLimit of the paths that it takes away, osReleaseLimit in bytes of a file.
const (
	removedLimit   = 100_000
	osReleaseLimit = 64 << 10
)

// configLimit is the most bytes of an image's configuration that are read.
const configLimit = 8 << 20

// FromImage returns what an image in a registry, or in a file, tells: its manifest and configuration, and where they do not,
// its layers. They are read smallest first, up to limit bytes as they are stored, until one has a shell. It reads nothing
// that is not needed.
func FromImage(image v1.Image, limit int64) (Verdict, error) {
	manifest, err := image.Manifest()
	if err != nil {
		return nothing, err
	}
	if size := manifest.Config.Size; size > configLimit {
		return nothing, fmt.Errorf("its configuration has %d bytes, more than %d MiB", size, configLimit>>20)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nothing, err
	}
	if v := FromConfig(manifest.Annotations, config); v.Known() {
		return v, nil
	}
	layers, err := image.Layers()
	if err != nil {
		return nothing, err
	}
	return fromLayers(layers, limit)
}

// stack is the layers of one image, lowest first, as far as they were read.
type stack struct {
	layers []v1.Layer
	sizes  []int64
	// read are the whole layers that were read, by their place.
	read map[int]*layer
	left int64
}

func fromLayers(layers []v1.Layer, limit int64) (Verdict, error) {
	s := stack{layers: layers, read: map[int]*layer{}, left: limit}
	order := make([]int, len(layers))
	for i, l := range layers {
		size, err := l.Size()
		if err != nil {
			return nothing, err
		}
		s.sizes, order[i] = append(s.sizes, size), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.sizes[a], s.sizes[b]) })
	for _, i := range order {
		if s.read[i] != nil {
			continue
		}
		if s.sizes[i] > s.left {
			return s.tooLarge(i), nil
		}
		found, err := s.scan(i, true)
		if err != nil {
			return nothing, err
		}
		if len(found.shells) == 0 {
			s.read[i] = found
			continue
		}
		if v, done, err := s.judge(i, found); done {
			return v, err
		}
	}
	return FromFiles(s.merge(0)), nil
}

// judge says what a shell in layer i means: one above it may take it away, as `RUN rm /bin/sh` does. Where one above is too
// large to be read, the shell is likely. Where it is taken away, layer i is read whole and done is false.
func (s *stack) judge(i int, found *layer) (v Verdict, done bool, err error) {
	v = Verdict{WithShell, "its layers have " + found.shells[0], Certain}
	s.read[i] = found
	for above := i + 1; above < len(s.layers); above++ {
		if s.read[above] != nil {
			continue
		}
		if s.sizes[above] > s.left {
			v.Certainty = Likely
			return v, true, nil
		}
		if s.read[above], err = s.scan(above, false); err != nil {
			return nothing, true, err
		}
	}
	if slices.Contains(s.merge(i).Shells, found.shells[0]) {
		return v, true, nil
	}
	if s.sizes[i] > s.left {
		return s.tooLarge(i), true, nil
	}
	if s.read[i], err = s.scan(i, false); err != nil {
		return nothing, true, err
	}
	if f := s.merge(i); len(f.Shells) > 0 {
		v.Evidence = "its layers have " + f.Shells[0]
		return v, true, nil
	}
	return nothing, false, nil
}

// tooLarge is the verdict where a layer is not read.
func (s *stack) tooLarge(i int) Verdict {
	return Verdict{Unknown, fmt.Sprintf("a layer of %.1f MB was not read: more than --max-bytes leaves", float64(s.sizes[i])/1e6), ""}
}

// scan reads one layer: to its end, or until its first shell.
func (s *stack) scan(i int, untilShell bool) (*layer, error) {
	s.left -= s.sizes[i]
	blob, err := s.layers[i].Uncompressed()
	if err != nil {
		return nil, fmt.Errorf("layer %d: %w", i+1, err)
	}
	defer blob.Close()
	l := &layer{osRelease: map[string]string{}, packages: map[string]bool{}}
	archive := tar.NewReader(blob)
	for !untilShell || len(l.shells) == 0 {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			// What follows is read, too, so that the layer's digest is checked.
			if _, err = io.Copy(io.Discard, blob); err == nil {
				return l, nil
			}
		}
		if err == nil {
			err = l.see(header, archive)
		}
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
	}
	return l, nil
}

// merge returns what the files of the layers from one on come to.
func (s *stack) merge(from int) Files {
	f := Files{Whole: true}
	osRelease, packages := map[string]string{}, map[string]bool{}
	for i := from; i < len(s.layers); i++ {
		l := s.read[i]
		f.Shells = slices.DeleteFunc(f.Shells, l.hides)
		for name := range osRelease {
			if l.hides("/" + name) {
				delete(osRelease, name)
			}
		}
		for name := range packages {
			if l.hides("/" + name) {
				delete(packages, name)
			}
		}
		f.Shells = append(f.Shells, l.shells...)
		for name, id := range l.osRelease {
			osRelease[name] = id
		}
		for name := range l.packages {
			packages[name] = true
		}
	}
	for _, name := range slices.Backward(OSReleases()) {
		if id, ok := osRelease[name]; ok {
			f.OSRelease = id
		}
	}
	for _, name := range Databases() {
		if packages[name] {
			f.Packages = append(f.Packages, name)
		}
	}
	return f
}

// layer is what is kept of one.
type layer struct {
	// shells are its programs that have the name of one: files and hard links. A symbolic link leads to such a file.
	shells []string
	// osRelease are the IDs of its files of that name, packages its package databases, by their paths without the first
	// slash.
	osRelease map[string]string
	packages  map[string]bool
	// removed are the paths of lower layers that it takes away, each with all below it; a path that ends with a slash only
	// what is below.
	removed []string
}

// The marks of the OCI image specification (layer.md, Whiteouts).
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// see takes in one entry. Of those of one path the last would count: that a tool writes a shell and then something else of
// that name into the same layer is not thought of.
func (l *layer) see(header *tar.Header, content io.Reader) error {
	name := path.Clean("/" + header.Name)
	dir, base := path.Split(name)
	switch {
	case base == opaque:
		l.removed = append(l.removed, dir)
	case strings.HasPrefix(base, whiteout):
		l.removed = append(l.removed, dir+strings.TrimPrefix(base, whiteout))
	case header.Typeflag == tar.TypeReg && IsShell(base) && header.Mode&0o111 != 0 && header.Size > 0,
		header.Typeflag == tar.TypeLink && IsShell(base):
		l.shells = append(l.shells, name)
	case header.Typeflag == tar.TypeReg && slices.Contains(OSReleases(), name[1:]):
		l.osRelease[name[1:]] = osReleaseID(content)
	}
	if len(l.removed) > removedLimit {
		return fmt.Errorf("it takes more than %d files away", removedLimit)
	}
	for _, database := range Databases() {
		if name[1:] == database || strings.HasPrefix(name[1:], database+"/") {
			l.packages[database] = true
		}
	}
	return nil
}

// hides reports whether the layer takes a path of lower layers away.
func (l *layer) hides(name string) bool {
	return slices.ContainsFunc(l.removed, func(removed string) bool {
		return name == removed || strings.HasPrefix(name, strings.TrimSuffix(removed, "/")+"/")
	})
}

// osReleaseID returns the ID that an os-release(5) says, or "linux", which is what it means by none.
func osReleaseID(content io.Reader) string {
	lines := bufio.NewScanner(io.LimitReader(content, osReleaseLimit))
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "ID="); ok {
			return strings.Trim(strings.TrimSpace(id), `"'`)
		}
	}
	return "linux"
}
