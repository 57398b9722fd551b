package inspect

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadELF(t *testing.T) {
	t.Parallel()
	file := binaryOf{
		interpreter: "/lib/ld-musl-x86_64.so.1", soname: "libx.so.1", needed: []string{"liba.so", "libb.so"},
		rpath: "/r", runpath: "$ORIGIN/lib:/opt/lib",
	}
	want := object{
		Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Order: binary.LittleEndian, Dynamic: true,
		Interpreter: "/lib/ld-musl-x86_64.so.1", SoName: "libx.so.1", Needed: []string{"liba.so", "libb.so"},
		RunPath: []string{"$ORIGIN/lib", "/opt/lib"}, // and so no RPATH
	}
	got, err := readELF(bytes.NewReader(file.bytes()))
	if diff := cmp.Diff(want, got, cmp.Comparer(func(x, y binary.ByteOrder) bool { return x == y })); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	file.order, file.machine = binary.BigEndian, elf.EM_S390
	if got, err := readELF(bytes.NewReader(file.bytes())); err != nil || got.architecture() != "s390x" || len(got.Needed) != 2 {
		t.Errorf("big endian: %+v, %v", got, err)
	}
	if got, err := readELF(bytes.NewReader(binaryOf{}.bytes())); err != nil || got.Interpreter != "" || got.Dynamic {
		t.Errorf("static: %+v, %v", got, err)
	}
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":            {nil, errNotELF.Error()},
		"a script":         {[]byte("#!/bin/sh\n" + strings.Repeat("x", 100)), errNotELF.Error()},
		"cut in the head":  {binaryOf{cutAt: 40}.bytes(), "unexpected EOF"},
		"cut in the table": {binaryOf{cutAt: 100}.bytes(), "unexpected EOF"},
		"strings nowhere":  {binaryOf{soname: "x", stringsBeyond: true}.bytes(), "where it has nothing"},
		"endless headers":  {binaryOf{bigCount: true}.bytes(), "program headers"},
	} {
		if _, err := readELF(bytes.NewReader(test.content)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
		}
	}
}

// TestReadELFAsGo holds the reader to debug/elf, which goes by the sections, on the programs of this machine.
func TestReadELFAsGo(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("/usr/bin/*")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, name := range names {
		theirs, err := elf.Open(name)
		if err != nil {
			continue // no ELF file
		}
		want, err := theirs.ImportedLibraries()
		theirs.Close()
		file, openErr := os.Open(name)
		if err != nil || openErr != nil {
			continue
		}
		got, err := readELF(file)
		file.Close()
		if diff := cmp.Diff(want, got.Needed); diff != "" || err != nil {
			t.Errorf("%s: %v (-debug/elf +ours):\n%s", name, err, diff)
		}
		if compared++; compared == 200 {
			return
		}
	}
	if compared == 0 {
		t.Skip("no ELF program in /usr/bin: the table above is what there is")
	}
}

// FuzzReadELF: whatever a file says, it is read within its bounds.
func FuzzReadELF(f *testing.F) {
	f.Add(binaryOf{interpreter: "/lib64/ld-linux-x86-64.so.2", needed: []string{"libc.so.6"}, runpath: "$ORIGIN"}.bytes())
	f.Add(binaryOf{order: binary.BigEndian, dynamic: true}.bytes())
	f.Add(binaryOf{bigCount: true}.bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := readELF(bounded(bytes.NewReader(data)))
		if err == nil && (len(o.Needed) > maxNeeded || len(o.Interpreter) > maxName) {
			t.Errorf("beyond the limits: %+v", o)
		}
		_ = o.architecture()
		readGo(bounded(bytes.NewReader(data)))
	})
}

// TestReadGo reads this test itself, and no other file.
func TestReadGo(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	g := readGo(bounded(file))
	if g == nil || !strings.HasPrefix(g.Version, "go1.") {
		t.Errorf("this test: %+v", g)
	}
	if g := readGo(bounded(bytes.NewReader(binaryOf{}.bytes()))); g != nil {
		t.Errorf("another program: %+v", g)
	}
}
