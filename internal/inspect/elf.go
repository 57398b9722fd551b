package inspect

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of what is believed of an ELF file.
const (
	maxHeaders = 256
	maxDynamic = 4096
	maxNeeded  = 500
	maxName    = 4096
)

// object is what the dynamic linker reads of an ELF file. It uses the program headers as that does, never the sections,
// which a stripped file may not have.
type object struct {
	Machine     elf.Machine
	Class       elf.Class
	Order       binary.ByteOrder
	Interpreter string
	Dynamic     bool
	SoName      string
	Needed      []string
	RPath       []string
	RunPath     []string
}

var errNotELF = errors.New("not an ELF file")

// segment is a program header.
type segment struct {
	kind                   elf.ProgType
	offset, address, bytes uint64
}

// readELF reads an ELF file (elf(5)). Nothing that it says is believed beyond the limits.
func readELF(file io.ReaderAt) (o object, err error) {
	var ident [elf.EI_NIDENT]byte
	if _, err := file.ReadAt(ident[:], 0); err != nil || string(ident[:4]) != elf.ELFMAG {
		if err != nil && !errors.Is(err, io.EOF) {
			return o, err
		}
		return o, errNotELF
	}
	switch elf.Data(ident[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		o.Order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		o.Order = binary.BigEndian
	default:
		return o, errNotELF
	}
	o.Class = elf.Class(ident[elf.EI_CLASS])
	segments, err := o.headers(file)
	if err != nil {
		return o, err
	}
	for _, s := range segments {
		switch s.kind {
		case elf.PT_INTERP:
			text, err := readAt(file, s.offset, min(s.bytes, maxName))
			if err != nil {
				return o, err
			}
			o.Interpreter = text0(text)
		case elf.PT_DYNAMIC:
			o.Dynamic = true
			if err := o.dynamic(file, s, segments); err != nil {
				return o, err
			}
		}
	}
	return o, nil
}

// headers reads the ELF header and the program headers.
func (o *object) headers(file io.ReaderAt) ([]segment, error) {
	var offset uint64
	var size, count uint16
	switch o.Class {
	case elf.ELFCLASS64:
		var h elf.Header64
		if err := o.read(file, 0, &h); err != nil {
			return nil, err
		}
		o.Machine, offset, size, count = elf.Machine(h.Machine), h.Phoff, h.Phentsize, h.Phnum
	case elf.ELFCLASS32:
		var h elf.Header32
		if err := o.read(file, 0, &h); err != nil {
			return nil, err
		}
		o.Machine, offset, size, count = elf.Machine(h.Machine), uint64(h.Phoff), h.Phentsize, h.Phnum
	default:
		return nil, errNotELF
	}
	if count > maxHeaders {
		return nil, fmt.Errorf("it has %d program headers, more than %d", count, maxHeaders)
	}
	segments := make([]segment, 0, count)
	for n := range uint64(count) {
		at := offset + n*uint64(size)
		if o.Class == elf.ELFCLASS64 {
			var p elf.Prog64
			if err := o.read(file, at, &p); err != nil {
				return nil, err
			}
			segments = append(segments, segment{elf.ProgType(p.Type), p.Off, p.Vaddr, p.Filesz})
			continue
		}
		var p elf.Prog32
		if err := o.read(file, at, &p); err != nil {
			return nil, err
		}
		segments = append(segments, segment{elf.ProgType(p.Type), uint64(p.Off), uint64(p.Vaddr), uint64(p.Filesz)})
	}
	return segments, nil
}

// dynamic reads the dynamic section.
func (o *object) dynamic(file io.ReaderAt, s segment, segments []segment) error {
	width := uint64(8)
	if o.Class == elf.ELFCLASS32 {
		width = 4
	}
	data, err := readAt(file, s.offset, min(s.bytes, maxDynamic*width*2))
	if err != nil {
		return err
	}
	word := func(at uint64) uint64 {
		if width == 4 {
			return uint64(o.Order.Uint32(data[at:]))
		}
		return o.Order.Uint64(data[at:])
	}
	type tag struct {
		kind  elf.DynTag
		value uint64
	}
	var tags []tag
	var table uint64
	for at := uint64(0); at+2*width <= uint64(len(data)); at += 2 * width {
		t := tag{elf.DynTag(word(at)), word(at + width)}
		if t.kind == elf.DT_NULL {
			break
		}
		if t.kind == elf.DT_STRTAB {
			table = t.value
		}
		tags = append(tags, t)
	}
	strings0 := func(value uint64) (string, error) { return o.text(file, table, value, segments) }
	for _, t := range tags {
		var text string
		switch t.kind {
		case elf.DT_NEEDED, elf.DT_SONAME, elf.DT_RPATH, elf.DT_RUNPATH:
			if text, err = strings0(t.value); err != nil {
				return err
			}
		}
		switch t.kind {
		case elf.DT_NEEDED:
			if len(o.Needed) < maxNeeded {
				o.Needed = append(o.Needed, text)
			}
		case elf.DT_SONAME:
			o.SoName = text
		case elf.DT_RPATH:
			o.RPath = strings.Split(text, ":")
		case elf.DT_RUNPATH:
			o.RunPath = strings.Split(text, ":")
		}
	}
	if o.RunPath != nil {
		o.RPath = nil // ld.so(8): ignored then
	}
	return nil
}

// text returns a string of the table that the program finds at an address in memory.
func (o *object) text(file io.ReaderAt, table, value uint64, segments []segment) (string, error) {
	address := table + value
	for _, s := range segments {
		if s.kind == elf.PT_LOAD && address >= s.address && address-s.address < s.bytes {
			within := address - s.address
			data, err := readAt(file, s.offset+within, min(s.bytes-within, maxName))
			return text0(data), err
		}
	}
	return "", fmt.Errorf("its dynamic section names a string at 0x%x, where it has nothing", address)
}

// read reads a structure at an offset.
func (o *object) read(file io.ReaderAt, at uint64, into any) error {
	data, err := readAt(file, at, uint64(binary.Size(into)))
	if err != nil {
		return err
	}
	if _, err := binary.Decode(data, o.Order, into); err != nil {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// readAt reads up to length bytes; what is beyond the end of the file is left out.
func readAt(file io.ReaderAt, at, length uint64) ([]byte, error) {
	if at > 1<<62 {
		return nil, io.ErrUnexpectedEOF
	}
	data := make([]byte, length)
	n, err := file.ReadAt(data, int64(at))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data[:n], err
}

// text0 is the text before the first NUL.
func text0(data []byte) string {
	data, _, _ = bytes.Cut(data, []byte{0})
	return string(data)
}

// architectures are Go's words for what an ELF file is for.
func (o *object) architecture() string {
	little := o.Order == binary.ByteOrder(binary.LittleEndian)
	switch o.Machine {
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_386:
		return "386"
	case elf.EM_ARM:
		return "arm"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_RISCV:
		return "riscv64"
	case elf.EM_LOONGARCH:
		return "loong64"
	case elf.EM_PPC64:
		if little {
			return "ppc64le"
		}
		return "ppc64"
	}
	return strings.ToLower(strings.TrimPrefix(o.Machine.String(), "EM_"))
}
