package inspect

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"path"
	"slices"
	"strings"
)

// maxLibraries is how many shared libraries of one program are followed.
const maxLibraries = 400

// The names of the two C libraries whose rules are known.
const (
	glibc = "glibc"
	musl  = "musl"
)

// libcOf tells the C library by the name of its dynamic linker.
func libcOf(interpreter string) string {
	switch base := path.Base(interpreter); {
	case strings.HasPrefix(base, "ld-musl-"):
		return musl
	case strings.HasPrefix(base, "ld-linux"), strings.HasPrefix(base, "ld64.so"), strings.HasPrefix(base, "ld.so"):
		return glibc
	}
	return ""
}

// linker finds shared libraries as the dynamic linker of a program would: glibc's by ld.so(8), musl's by its
// ldso/dynlink.c.
type linker struct {
	view    View
	program object
	libc    string
	// environment are the folders of LD_LIBRARY_PATH, standard those that are looked in last.
	environment, standard []string
	// cache is what /etc/ld.so.cache says, by name; configured are the folders of ld.so.conf, which only ldconfig reads.
	cache      map[string][]string
	configured []string
	unread     func(error)

	found   []Library
	missing []Missing
	seen    map[string]bool
}

// needing is a file on the way, with those whose RPATH counts for it, too.
type needing struct {
	object
	path string
	by   *needing
}

// multiarch are the folders of Debian's linkers, by machine.
var multiarch = map[elf.Machine]string{
	elf.EM_X86_64:  "x86_64-linux-gnu",
	elf.EM_AARCH64: "aarch64-linux-gnu",
	elf.EM_ARM:     "arm-linux-gnueabihf",
	elf.EM_386:     "i386-linux-gnu",
	elf.EM_PPC64:   "powerpc64le-linux-gnu",
	elf.EM_S390:    "s390x-linux-gnu",
	elf.EM_RISCV:   "riscv64-linux-gnu",
}

func newLinker(view View, program object, environment string, unread func(error)) *linker {
	l := &linker{
		view: view, program: program, libc: libcOf(program.Interpreter), unread: unread,
		environment: folders(environment), seen: map[string]bool{},
	}
	if l.libc == musl {
		l.standard = []string{"/lib", "/usr/local/lib", "/usr/lib"}
		architecture := strings.TrimSuffix(strings.TrimPrefix(path.Base(program.Interpreter), "ld-musl-"), ".so.1")
		if text := l.read("/etc/ld-musl-" + architecture + ".path"); len(text) > 0 {
			l.standard = folders(strings.ReplaceAll(string(text), "\n", ":"))
		}
		return l
	}
	if m := multiarch[program.Machine]; m != "" {
		l.standard = []string{"/lib/" + m, "/usr/lib/" + m}
	}
	if program.Class == elf.ELFCLASS64 {
		l.standard = append(l.standard, "/lib64", "/usr/lib64")
	}
	l.standard = append(l.standard, "/lib", "/usr/lib")
	l.cache = parseCache(l.read("/etc/ld.so.cache"), program.Order)
	if l.cache == nil {
		l.configured = l.configuration("/etc/ld.so.conf", 0)
	}
	return l
}

const maxLinkerFile = 1 << 20

// read returns a file of the linker's, empty where there is none.
func (l *linker) read(name string) []byte {
	c := l.view.Read(maxLinkerFile, name)[0]
	if c.Err != nil && !isNotFound(c.Err) {
		l.unread(c.Err)
	}
	return c.Data
}

// folders are those of a list with colons. What is relative is no folder that can be told.
func folders(list string) (out []string) {
	for _, f := range strings.Split(list, ":") {
		if path.IsAbs(f) && len(out) < 100 {
			out = append(out, path.Clean(f))
		}
	}
	return out
}

// configuration reads ld.so.conf (ldconfig(8)), with the files that it includes.
func (l *linker) configuration(name string, depth int) (out []string) {
	for line := range bytes.Lines(l.read(name)) {
		text, _, _ := strings.Cut(string(line), "#")
		text = strings.TrimSpace(text)
		pattern, include := strings.CutPrefix(text, "include")
		switch {
		case include && depth < 2:
			pattern = strings.TrimSpace(pattern)
			if !path.IsAbs(pattern) {
				pattern = "/etc/" + pattern
			}
			names, _ := l.view.List(path.Dir(pattern), 100) // where it is not there it includes nothing
			slices.Sort(names)
			for _, n := range names {
				if fits, err := path.Match(path.Base(pattern), n); fits && err == nil {
					out = append(out, l.configuration(path.Join(path.Dir(pattern), n), depth+1)...)
				}
			}
		case path.IsAbs(text) && len(out) < 100:
			out = append(out, path.Clean(text))
		}
	}
	return out
}

// parseCache reads /etc/ld.so.cache in the form that glibc writes since 2.2 (sysdeps/generic/dl-cache.h); nil where it is
// no such file.
func parseCache(data []byte, order binary.ByteOrder) map[string][]string {
	const magic, header, entry = "glibc-ld.so.cache1.1", 48, 24
	start := bytes.Index(data, []byte(magic)) // after the old form, where a file has both
	if start < 0 || len(data)-start < header {
		return nil
	}
	data = data[start:]
	text := func(at uint32) string {
		if uint64(at) >= uint64(len(data)) {
			return ""
		}
		end := min(uint64(at)+maxName, uint64(len(data)))
		return text0(data[at:end])
	}
	cache := map[string][]string{}
	count := uint64(order.Uint32(data[len(magic):]))
	for n := range min(count, uint64(len(data)-header)/entry) {
		e := data[header+n*entry:]
		key, value := text(order.Uint32(e[4:])), text(order.Uint32(e[8:]))
		if key != "" && path.IsAbs(value) {
			cache[key] = append(cache[key], value)
		}
	}
	return cache
}

// resolve follows what a file needs, and what that needs.
func (l *linker) resolve(name string) {
	queue := []*needing{{object: l.program, path: name}}
	for len(queue) > 0 && len(l.seen) < maxLibraries {
		n := queue[0]
		queue = queue[1:]
		for _, library := range n.Needed {
			if l.seen[library] || l.isLinker(library) {
				continue
			}
			l.seen[library] = true
			at, o, ok := l.find(library, n)
			if !ok {
				l.missing = append(l.missing, Missing{Name: short(library), By: short(n.path), At: l.unused(library)})
				continue
			}
			l.found = append(l.found, Library{Name: short(library), Path: short(at)})
			queue = append(queue, &needing{object: o, path: at, by: n})
		}
	}
}

// isLinker reports whether a library is the linker itself, which is there already. Musl's is all of its libc
// (reserved names in load_library of ldso/dynlink.c).
func (l *linker) isLinker(library string) bool {
	if library == path.Base(l.program.Interpreter) {
		return true
	}
	rest, ok := strings.CutPrefix(library, "lib")
	return ok && l.libc == musl && slices.ContainsFunc([]string{"c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."},
		func(reserved string) bool { return strings.HasPrefix(rest, reserved) })
}

// find returns the file that the linker takes for a library that n needs.
func (l *linker) find(library string, n *needing) (string, object, bool) {
	if strings.Contains(library, "/") {
		at := l.expand(library, n.path)
		return l.first([]string{at})
	}
	var candidates []string
	in := func(dirs []string, of string) {
		for _, d := range dirs {
			if d = l.expand(d, of); path.IsAbs(d) {
				candidates = append(candidates, path.Join(d, library))
			}
		}
	}
	rpaths := func() {
		for up := n; up != nil; up = up.by {
			in(up.RPath, up.path)
			if l.libc == musl {
				in(up.RunPath, up.path)
			}
		}
	}
	if l.libc == musl {
		in(l.environment, "")
		rpaths()
	} else {
		if n.RunPath == nil {
			rpaths()
		}
		in(l.environment, "")
		in(n.RunPath, n.path)
		candidates = append(candidates, l.cache[library]...)
	}
	in(l.standard, "")
	return l.first(candidates)
}

// unused is where a library lies that the linker does not find, empty where it is in no folder that is configured.
func (l *linker) unused(library string) string {
	var candidates []string
	for _, d := range l.configured {
		candidates = append(candidates, path.Join(d, library))
	}
	at, _, _ := l.first(candidates)
	return at
}

// expand replaces $ORIGIN and $LIB (ld.so(8)).
func (l *linker) expand(dir, of string) string {
	if !strings.Contains(dir, "$") {
		return dir
	}
	lib := "lib"
	if m := multiarch[l.program.Machine]; m != "" && l.libc != musl {
		lib = "lib/" + m
	}
	origin := path.Dir(of)
	return strings.NewReplacer("${ORIGIN}", origin, "$ORIGIN", origin, "${LIB}", lib, "$LIB", lib).Replace(dir)
}

// first returns the first of the files that is a library for the program's processor: one for another is passed over.
func (l *linker) first(candidates []string) (string, object, bool) {
	if len(candidates) > 200 {
		candidates = candidates[:200]
	}
	for _, e := range l.view.Look(candidates...) {
		if e.Err != nil {
			l.unread(e.Err)
		}
		if e.Kind != File {
			continue
		}
		file, err := l.view.Open(e.Path)
		if err != nil {
			l.unread(err)
			continue
		}
		o, err := readELF(bounded(file))
		if err == nil && o.Machine == l.program.Machine && o.Class == l.program.Class {
			return e.Real, o, true
		}
	}
	return "", object{}, false
}
