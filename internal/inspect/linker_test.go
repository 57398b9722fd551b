package inspect

import (
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	glibcLinker = "/lib64/ld-linux-x86-64.so.2"
	muslLinker  = "/lib/ld-musl-x86_64.so.1"
)

// cacheOf is /etc/ld.so.cache with one library, behind the old form.
func cacheOf(name, at string) string {
	table := name + "\x00" + at + "\x00"
	out := make([]byte, 48+24)
	copy(out, "glibc-ld.so.cache1.1")
	binary.LittleEndian.PutUint32(out[20:], 1)
	binary.LittleEndian.PutUint32(out[24:], uint32(len(table)))
	binary.LittleEndian.PutUint32(out[48+4:], 72)
	binary.LittleEndian.PutUint32(out[48+8:], uint32(72+len(name)+1))
	return "ld.so-1.7.0\x00...." + string(out) + table
}

// TestLinker holds the search to ld.so(8) and to musl's dynlink.c.
func TestLinker(t *testing.T) {
	t.Parallel()
	app := func(b binaryOf) file {
		if b.interpreter == "" {
			b.interpreter = glibcLinker
		}
		return program("app/server", b.bytes())
	}
	needs := func(names ...string) binaryOf { return binaryOf{needed: names} }
	onMusl := func(b binaryOf) binaryOf { b.interpreter = muslLinker; return b }
	for name, test := range map[string]struct {
		files       []file
		environment string
		found       []Library
		missing     []Missing
	}{
		"the usual folders": {
			files: []file{app(needs("liba.so", "libb.so")), library("lib/x86_64-linux-gnu/liba.so"), library("usr/lib/libb.so")},
			found: []Library{{"liba.so", "/lib/x86_64-linux-gnu/liba.so"}, {"libb.so", "/usr/lib/libb.so"}},
		},
		"what a library needs": {
			files:   []file{app(needs("liba.so")), library("lib/liba.so", "libb.so"), library("lib64/libb.so", "libc.so", "liba.so")},
			found:   []Library{{"liba.so", "/lib/liba.so"}, {"libb.so", "/lib64/libb.so"}},
			missing: []Missing{{Name: "libc.so", By: "/lib64/libb.so"}},
		},
		"the linker itself": {files: []file{app(needs("ld-linux-x86-64.so.2"))}},
		"links": {
			files: []file{app(needs("liba.so")), symlink("lib/liba.so", "/opt/liba.so.1.2"), library("opt/liba.so.1.2")},
			found: []Library{{"liba.so", "/opt/liba.so.1.2"}},
		},
		"RUNPATH": {
			files: []file{app(binaryOf{needed: []string{"liba.so"}, runpath: "$ORIGIN/../own:/x"}), library("own/liba.so")},
			found: []Library{{"liba.so", "/own/liba.so"}},
		},
		"RUNPATH is its own file's": {
			files:   []file{app(binaryOf{needed: []string{"liba.so"}, runpath: "/own"}), library("own/liba.so", "libb.so"), library("own/libb.so")},
			found:   []Library{{"liba.so", "/own/liba.so"}},
			missing: []Missing{{Name: "libb.so", By: "/own/liba.so"}},
		},
		"RPATH is inherited": {
			files: []file{app(binaryOf{needed: []string{"liba.so"}, rpath: "${ORIGIN}/lib"}), library("app/lib/liba.so", "libb.so"), library("app/lib/libb.so")},
			found: []Library{{"liba.so", "/app/lib/liba.so"}, {"libb.so", "/app/lib/libb.so"}},
		},
		"$LIB": {
			files: []file{app(binaryOf{needed: []string{"liba.so"}, runpath: "/opt/$LIB"}), library("opt/lib/x86_64-linux-gnu/liba.so")},
			found: []Library{{"liba.so", "/opt/lib/x86_64-linux-gnu/liba.so"}},
		},
		"LD_LIBRARY_PATH before RUNPATH": {
			files:       []file{app(binaryOf{needed: []string{"liba.so"}, runpath: "/run"}), library("run/liba.so"), library("env/liba.so")},
			environment: "relative:/env", found: []Library{{"liba.so", "/env/liba.so"}},
		},
		"RPATH before LD_LIBRARY_PATH": {
			files:       []file{app(binaryOf{needed: []string{"liba.so"}, rpath: "/run"}), library("run/liba.so"), library("env/liba.so")},
			environment: "/env", found: []Library{{"liba.so", "/run/liba.so"}},
		},
		"a path": {
			files: []file{app(needs("/opt/x/liba.so")), library("opt/x/liba.so")}, found: []Library{{"/opt/x/liba.so", "/opt/x/liba.so"}},
		},
		"another processor's is passed over": {
			files: []file{
				app(needs("liba.so")), program("lib/x86_64-linux-gnu/liba.so", binaryOf{machine: elf.EM_AARCH64, soname: "x"}.bytes()), library("usr/lib/liba.so"),
			},
			found: []Library{{"liba.so", "/usr/lib/liba.so"}},
		},
		"no ELF file": {
			files: []file{app(needs("liba.so")), text("lib/liba.so", "INPUT(x)")}, missing: []Missing{{Name: "liba.so", By: "/app/server"}},
		},
		"the cache": {
			files: []file{app(needs("liba.so")), text("etc/ld.so.cache", cacheOf("liba.so", "/opt/liba.so")), library("opt/liba.so")},
			found: []Library{{"liba.so", "/opt/liba.so"}},
		},
		"a configuration that is in no cache": {
			files: []file{
				app(needs("liba.so")), text("etc/ld.so.conf", "include ld.so.conf.d/*.conf # all\n"),
				text("etc/ld.so.conf.d/a.conf", "/usr/local/lib\n"), text("etc/ld.so.conf.d/a.txt", "/never\n"), library("usr/local/lib/liba.so"),
			},
			missing: []Missing{{Name: "liba.so", By: "/app/server", At: "/usr/local/lib/liba.so"}},
		},
		"musl": {
			files: []file{
				app(onMusl(needs("libc.musl-x86_64.so.1", "libpthread.so.0", "liba.so"))), library("usr/local/lib/liba.so", "libb.so"),
				library("lib/x86_64-linux-gnu/libb.so"),
			},
			found: []Library{{"liba.so", "/usr/local/lib/liba.so"}}, missing: []Missing{{Name: "libb.so", By: "/usr/local/lib/liba.so"}},
		},
		"musl's own path": {
			files: []file{
				app(onMusl(needs("liba.so", "libb.so"))), text("etc/ld-musl-x86_64.path", "/opt/lib\n/more\n"), library("more/liba.so"), library("usr/lib/libb.so"),
			},
			found: []Library{{"liba.so", "/more/liba.so"}}, missing: []Missing{{Name: "libb.so", By: "/app/server"}},
		},
		"musl inherits RUNPATH": {
			files: []file{app(onMusl(binaryOf{needed: []string{"liba.so"}, runpath: "/own"})), library("own/liba.so", "libb.so"), library("own/libb.so")},
			found: []Library{{"liba.so", "/own/liba.so"}, {"libb.so", "/own/libb.so"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			view := viewOf(t, test.files)
			file, err := view.Open("/app/server")
			if err != nil {
				t.Fatal(err)
			}
			o, err := readELF(file)
			if err != nil {
				t.Fatal(err)
			}
			l := newLinker(view, o, test.environment, func(err error) { t.Errorf("not read: %v", err) })
			l.resolve("/app/server")
			if diff := cmp.Diff(test.found, l.found); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.missing, l.missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseCache(f *testing.F) {
	f.Add([]byte(cacheOf("libc.so.6", "/lib/libc.so.6")))
	f.Add([]byte("glibc-ld.so.cache1.1"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		parseCache(data, binary.LittleEndian)
		parseCache(data, binary.BigEndian)
	})
}
