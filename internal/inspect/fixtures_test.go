package inspect

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"path"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// now is the time of all tests.
var now = time.Date(2026, time.November, 22, 8, 0, 0, 0, time.UTC)

// file is an entry of a layer; its mode is 0644, of a folder 0755, unless it has one.
type file struct {
	name, content, link string
	kind                byte
	mode                int64
	uid, gid            int
}

func dir(name string) file          { return file{name: name, kind: tar.TypeDir} }
func symlink(name, to string) file  { return file{name: name, kind: tar.TypeSymlink, link: to} }
func hardlink(name, to string) file { return file{name: name, kind: tar.TypeLink, link: to} }
func text(name, content string) file {
	return file{name: name, content: content}
}

func program(name string, content []byte) file {
	return file{name: name, content: string(content), mode: 0o755}
}

// packed is a layer as an archive.
func packed(t testing.TB, files []file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Typeflag: f.kind, Linkname: f.link, Mode: f.mode, Uid: f.uid, Gid: f.gid, Size: int64(len(f.content))}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 && h.Typeflag == tar.TypeDir {
			h.Mode = 0o755
		} else if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// imageOf is an image of layers, the lowest first.
func imageOf(t testing.TB, layers ...[]file) v1.Image {
	t.Helper()
	image := empty.Image
	for _, files := range layers {
		archive := packed(t, files)
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			t.Fatal(err)
		}
	}
	return image
}

// viewOf is a view of layers.
func viewOf(t testing.TB, layers ...[]file) *Layers {
	t.Helper()
	view, err := ReadLayers(t.Context(), imageOf(t, layers...), 1<<20, func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := view.Close(); err != nil {
			t.Error(err)
		}
	})
	return view
}

// binaryOf is what an ELF file for amd64 is to say; nothing of it means a static program.
type binaryOf struct {
	machine                 elf.Machine // x86-64 unless it is set
	interpreter, soname     string
	needed                  []string
	rpath, runpath          string
	dynamic                 bool
	order                   binary.ByteOrder
	cutAt                   int
	stringsBeyond, bigCount bool
}

// bytes is the file: its header, three program headers and all else in one segment at an address of its own.
func (b binaryOf) bytes() []byte {
	const base, head = 0x400000, 64 + 3*56
	order := b.order
	if order == nil {
		order = binary.LittleEndian
	}
	if b.machine == 0 {
		b.machine = elf.EM_X86_64
	}
	var table bytes.Buffer
	table.WriteByte(0)
	add := func(s string) uint64 {
		at := uint64(table.Len())
		table.WriteString(s + "\x00")
		return at
	}
	var tags []uint64
	for _, n := range b.needed {
		tags = append(tags, uint64(elf.DT_NEEDED), add(n))
	}
	for tag, s := range map[elf.DynTag]string{elf.DT_SONAME: b.soname, elf.DT_RPATH: b.rpath, elf.DT_RUNPATH: b.runpath} {
		if s != "" {
			tags = append(tags, uint64(tag), add(s))
		}
	}
	interpreter := append([]byte(b.interpreter), 0)
	stringsAt := uint64(head + len(interpreter))
	if b.stringsBeyond {
		stringsAt = 1 << 40
	}
	tags = append(tags, uint64(elf.DT_STRTAB), base+stringsAt, 0, 0)
	dynamicAt := uint64(head + len(interpreter) + table.Len())
	size := dynamicAt + uint64(8*len(tags))

	header := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(b.machine), Version: 1, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 3, Shentsize: 64,
	}
	if b.bigCount {
		header.Phnum = 60000
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), 1
	header.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	if order == binary.ByteOrder(binary.BigEndian) {
		header.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
	}
	parts := []elf.Prog64{{Type: uint32(elf.PT_LOAD), Vaddr: base, Filesz: size, Memsz: size}, {}, {}}
	if b.interpreter != "" {
		parts[1] = elf.Prog64{Type: uint32(elf.PT_INTERP), Off: head, Filesz: uint64(len(interpreter))}
	}
	if b.interpreter != "" || b.dynamic || b.soname != "" {
		parts[2] = elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Off: dynamicAt, Filesz: uint64(8 * len(tags))}
	}
	var out bytes.Buffer
	_ = binary.Write(&out, order, header) // a buffer takes all
	_ = binary.Write(&out, order, parts)
	out.Write(interpreter)
	out.Write(table.Bytes())
	_ = binary.Write(&out, order, tags)
	if b.cutAt > 0 {
		return out.Bytes()[:b.cutAt]
	}
	return out.Bytes()
}

// library is a shared library of that name.
func library(at string, needed ...string) file {
	return program(at, binaryOf{soname: path.Base(at), needed: needed}.bytes())
}
