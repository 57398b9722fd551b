package registry

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// OpenFile returns the images of an archive, as `docker save` or `podman save` write it, or of an OCI archive: one, or one
// for each platform of the image. An archive of several images is an error, as is a compressed one. The file is read when
// something of an image is asked for.
func OpenFile(file string) ([]Image, error) {
	a, err := newArchive(file)
	if err != nil {
		return nil, err
	}
	if _, ok := a.entries["manifest.json"]; ok {
		image, err := tarball.ImageFromPath(file, nil)
		if err != nil {
			return nil, err
		}
		return []Image{NewImage(image)}, nil
	}
	if _, ok := a.entries["index.json"]; !ok {
		return nil, errors.New("it is neither what `docker save` writes nor an OCI archive: it has no manifest.json and no index.json")
	}
	return a.index("index.json", 0)
}

// archive is an uncompressed tar file whose entries are read where they lie.
type archive struct {
	file    string
	entries map[string]span
}

type span struct{ at, size int64 }

// maxEntries is how many entries of an archive are looked at.
const maxEntries = 10_000

// newArchive notes where the entries lie.
func newArchive(name string) (*archive, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	a := &archive{file: name, entries: map[string]span{}}
	var head [4]byte
	n, err := file.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if head := head[:n]; bytes.HasPrefix(head, []byte("\x1f\x8b")) || bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")) {
		return nil, errors.New("it is compressed: decompress it first")
	}
	reader := tar.NewReader(file)
	for {
		header, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return a, nil
		case err != nil:
			return nil, fmt.Errorf("reading it as an archive: %w", err)
		case len(a.entries) == maxEntries:
			return nil, fmt.Errorf("it has more than %d entries", maxEntries)
		}
		at, err := file.Seek(0, io.SeekCurrent) // the reader stands at the beginning of the content
		if err != nil {
			return nil, err
		}
		a.entries[path.Clean(header.Name)] = span{at, header.Size}
	}
}

// open returns the content of an entry.
func (a *archive) open(name string) (io.ReadCloser, error) {
	where, ok := a.entries[name]
	if !ok {
		return nil, fmt.Errorf("it has no %s", name)
	}
	file, err := os.Open(a.file)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(file, where.at, where.size), file}, nil
}

// small returns the content of an entry that is no layer.
func (a *archive) small(name string) ([]byte, error) {
	content, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if size := a.entries[name].size; size > configLimit {
		return nil, fmt.Errorf("its %s has %d bytes, more than %d MiB", name, size, configLimit>>20)
	}
	return io.ReadAll(content)
}

// blob is the name of what has a digest (OCI image specification, image-layout.md).
func blob(digest v1.Hash) string { return path.Join("blobs", digest.Algorithm, digest.Hex) }

// index returns the images of an index; one within another is what several platforms of one image are.
func (a *archive) index(name string, depth int) ([]Image, error) {
	text, err := a.small(name)
	if err != nil {
		return nil, err
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("reading its %s: %w", name, err)
	}
	switch {
	case len(index.Manifests) == 1 && index.Manifests[0].MediaType.IsIndex() && depth == 0:
		return a.index(blob(index.Manifests[0].Digest), 1)
	case len(index.Manifests) == 1 && index.Manifests[0].MediaType.IsImage():
		image, err := a.image(index.Manifests[0])
		return []Image{image}, err
	}
	platforms := forLinux(index.Manifests)
	if len(platforms) == 0 || len(platforms) > maxPlatforms || depth == 0 && len(platforms) < len(index.Manifests) {
		return nil, fmt.Errorf("it has %d images; looked at is one, or one for each of at most %d platforms", len(index.Manifests), maxPlatforms)
	}
	var images []Image
	for _, platform := range platforms {
		image, err := a.image(platform)
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return images, nil
}

// image returns one image.
func (a *archive) image(d v1.Descriptor) (Image, error) {
	core := &archivedImage{archive: a, mediaType: d.MediaType}
	var err error
	if core.manifest, err = a.small(blob(d.Digest)); err != nil {
		return Image{}, err
	}
	if err := json.Unmarshal(core.manifest, &core.parsed); err != nil {
		return Image{}, fmt.Errorf("reading the manifest of the image: %w", err)
	}
	image, err := partial.CompressedToImage(core)
	if err != nil {
		return Image{}, err
	}
	one := NewImage(image)
	if d.Platform != nil {
		one.Platform = d.Platform.String()
	}
	return one, nil
}

// archivedImage is what package partial makes an image of.
type archivedImage struct {
	archive   *archive
	mediaType types.MediaType
	manifest  []byte
	parsed    v1.Manifest
}

// MediaType implements partial.CompressedImageCore.
func (i *archivedImage) MediaType() (types.MediaType, error) { return i.mediaType, nil }

// RawManifest implements partial.CompressedImageCore.
func (i *archivedImage) RawManifest() ([]byte, error) { return i.manifest, nil }

// RawConfigFile implements partial.CompressedImageCore.
func (i *archivedImage) RawConfigFile() ([]byte, error) {
	return i.archive.small(blob(i.parsed.Config.Digest))
}

// LayerByDigest implements partial.CompressedImageCore.
func (i *archivedImage) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	for _, d := range i.parsed.Layers {
		if d.Digest == digest {
			return &archivedLayer{i.archive, d}, nil
		}
	}
	return nil, fmt.Errorf("its manifest has no layer %s", digest)
}

// archivedLayer is a layer as it lies in the archive.
type archivedLayer struct {
	archive    *archive
	descriptor v1.Descriptor
}

// Digest implements partial.CompressedLayer.
func (l *archivedLayer) Digest() (v1.Hash, error) { return l.descriptor.Digest, nil }

// Compressed implements partial.CompressedLayer.
func (l *archivedLayer) Compressed() (io.ReadCloser, error) {
	return l.archive.open(blob(l.descriptor.Digest))
}

// Size implements partial.CompressedLayer.
func (l *archivedLayer) Size() (int64, error) { return l.descriptor.Size, nil }

// MediaType implements partial.CompressedLayer.
func (l *archivedLayer) MediaType() (types.MediaType, error) { return l.descriptor.MediaType, nil }
