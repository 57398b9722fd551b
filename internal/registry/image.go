package registry

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Limits in bytes: configLimit of an image's configuration; layersLimit of all layers that are read for one Open,
// compressed, as they are fetched; fileLimit of a file in them. maxLinks is how many links lead to a file at most.
const (
	configLimit = 8 << 20
	layersLimit = 256 << 20
	fileLimit   = 1 << 20
	maxLinks    = 20
)

// Image is one image for one platform. Its parts are fetched when they are asked for.
type Image struct {
	v1.Image
	// Platform is what an index says of it, as "linux/arm64"; empty where it stands for itself.
	Platform string

	// explain puts an error into the terms of package fault.
	explain func(error) error
	budget  *budget
}

// budget is what may still be read of the layers of one or more images.
type budget struct{ left int64 }

// NewImage returns an image that comes from elsewhere than a registry.
func NewImage(image v1.Image) Image {
	return Image{Image: image, explain: func(err error) error { return err }, budget: &budget{left: layersLimit}}
}

// Explain puts an error of a method of the embedded Image into the terms of package fault.
func (i Image) Explain(err error) error { return i.explain(err) }

// User returns the USER of the image's configuration, empty where there is none.
func (i Image) User() (string, error) {
	config, err := i.Config()
	if err != nil {
		return "", err
	}
	return config.Config.User, nil
}

// Config returns the image's configuration, unless it is too large to be one.
func (i Image) Config() (*v1.ConfigFile, error) {
	manifest, err := i.Manifest()
	if err != nil {
		return nil, i.explain(err)
	}
	if manifest.Config.Size > configLimit {
		return nil, i.explain(fmt.Errorf("its configuration has %d bytes, more than %d MiB", manifest.Config.Size, configLimit>>20))
	}
	config, err := i.ConfigFile()
	if err != nil {
		return nil, i.explain(err)
	}
	return config, nil
}

// Command returns the ENTRYPOINT and the CMD of the image's configuration, each nil where there is none.
func (i Image) Command() (entrypoint, cmd []string, err error) {
	config, err := i.Config()
	if err != nil {
		return nil, nil, err
	}
	return config.Config.Entrypoint, config.Config.Cmd, nil
}

// File returns the content of a regular file as a container of the image has it at its start; found is false where it has
// none. Links are followed within the image. All layers are fetched that could have it, from the top, and what they say
// counts only when their digests are right.
func (i Image) File(name string) (content []byte, found bool, err error) {
	layers, err := i.Layers()
	if err != nil {
		return nil, false, i.explain(err)
	}
	wanted, top := inRoot("", name), len(layers)-1
	for range maxLinks {
		hit, err := i.find(layers[:top+1], wanted)
		switch {
		case err != nil:
			return nil, false, i.explain(err)
		case hit.link == "":
			return hit.content, hit.kind == regular, nil
		}
		wanted, top = hit.link, len(layers)-1
		if hit.hard {
			top = hit.layer
		}
	}
	return nil, false, i.explain(fmt.Errorf("%s: more than %d links", name, maxLinks))
}

// inRoot resolves a path below dir, and never leaves the image's root: the result has no slash in front.
func inRoot(dir, name string) string {
	if !path.IsAbs(name) {
		name = "/" + dir + "/" + name
	}
	return strings.TrimPrefix(path.Clean(name), "/")
}

// kind is what a layer says of a path.
type kind int

const (
	silent  kind = iota // nothing: a lower layer may
	gone                // it is not there, whatever lower layers say
	regular             // it is a file
	linked              // it, or a folder above it, is a link
)

// hit is what a layer says of a path.
type hit struct {
	kind    kind
	content []byte
	// link is where to look instead. A hard link is about what is in its own layer or below.
	link  string
	hard  bool
	layer int
}

// find asks the layers, from the top, for a path.
func (i Image) find(layers []v1.Layer, wanted string) (hit, error) {
	// folders are those above the path that a layer has made a folder: what lower layers have in such a place counts only
	// if it is one there, too.
	folders := map[string]bool{}
	for n := len(layers) - 1; n >= 0; n-- {
		size, err := layers[n].Size()
		if err != nil {
			return hit{}, err
		}
		if i.budget.left -= size; i.budget.left < 0 {
			return hit{}, fmt.Errorf("reading %s: the image's layers have more than %d MiB", wanted, layersLimit>>20)
		}
		found, err := scan(layers[n], wanted, folders)
		if err != nil {
			return hit{}, fmt.Errorf("reading %s: layer %d: %w", wanted, n+1, err)
		}
		if found.kind != silent {
			found.layer = n
			return found, nil
		}
	}
	return hit{kind: gone}, nil
}

// scan reads one layer to its end, so that its digest is checked.
func scan(layer v1.Layer, wanted string, folders map[string]bool) (found hit, err error) {
	blob, err := layer.Uncompressed()
	if err != nil {
		return hit{}, err
	}
	defer blob.Close()
	s := scanner{wanted: wanted, folders: folders, made: map[string]bool{}}
	archive := tar.NewReader(blob)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return hit{}, err
		}
		if err := s.see(header, archive); err != nil {
			return hit{}, err
		}
	}
	if _, err := io.Copy(io.Discard, blob); err != nil {
		return hit{}, err
	}
	return s.result(), nil
}

// scanner looks at the entries of one layer. Of several for one path the last counts.
type scanner struct {
	wanted string
	// folders are those that higher layers made, made those of this layer.
	folders, made map[string]bool
	found         hit
	// hidden is set where the layer removes the path from those below it.
	hidden bool
}

// The marks of the OCI image specification (layer.md, Whiteouts).
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

func (s *scanner) see(header *tar.Header, content io.Reader) error {
	name := inRoot("", header.Name)
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	switch above := dir == "" || strings.HasPrefix(s.wanted, dir+"/"); {
	case base == opaque:
		s.hidden = s.hidden || above
	case strings.HasPrefix(base, whiteout):
		removed := inRoot(dir, "./"+strings.TrimPrefix(base, whiteout))
		s.hidden = s.hidden || removed == s.wanted || strings.HasPrefix(s.wanted, removed+"/")
	case name == s.wanted:
		return s.take(header, content)
	case strings.HasPrefix(s.wanted, name+"/"):
		s.pass(header, name)
	}
	return nil
}

// take is an entry for the path itself.
func (s *scanner) take(header *tar.Header, content io.Reader) error {
	s.found = hit{}
	switch header.Typeflag {
	case tar.TypeReg:
		if header.Size > fileLimit {
			return fmt.Errorf("the file has %d bytes, more than %d KiB", header.Size, fileLimit>>10)
		}
		text, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		s.found = hit{kind: regular, content: text}
	case tar.TypeSymlink:
		s.found = hit{kind: linked, link: inRoot(path.Dir(s.wanted), header.Linkname)}
	case tar.TypeLink:
		s.found = hit{kind: linked, link: inRoot("", header.Linkname), hard: true}
	default:
		return fmt.Errorf("it is no regular file")
	}
	return nil
}

// pass is an entry for a folder above the path.
func (s *scanner) pass(header *tar.Header, name string) {
	switch {
	case header.Typeflag == tar.TypeDir:
		s.made[name] = true
	case s.folders[name]: // a higher layer put a folder in its place
		s.hidden = true
	case header.Typeflag == tar.TypeSymlink:
		rest := strings.TrimPrefix(s.wanted, name+"/")
		s.found = hit{kind: linked, link: inRoot(path.Dir(name), path.Join(header.Linkname, rest))}
	default:
		s.hidden = true
	}
}

// result is what the layer says in all.
func (s *scanner) result() hit {
	for name := range s.made {
		s.folders[name] = true
	}
	switch {
	case s.found.kind != silent:
		return s.found
	case s.hidden:
		return hit{kind: gone}
	}
	return hit{}
}
