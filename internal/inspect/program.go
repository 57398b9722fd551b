package inspect

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// defaultPath is the runtime's where the image has none (pkg/oci of containerd).
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// parseID reads a uid or gid; nothing is 0.
func parseID(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	return 0, errNotID
}

// program finds what the container runs and what that needs.
func (a *analysis) program() {
	words := make([]string, 0, len(a.Words))
	for _, w := range a.Words[:min(len(a.Words), 50)] {
		words = append(words, short(w))
	}
	p := &Program{Words: words}
	a.report.Program = p
	var entry Entry
	switch {
	case a.Process != nil:
		p.Path = short(a.Process.Executable)
		entry = a.look(ProcessExecutable)[0]
	case len(a.Words) > 0:
		entry = a.locate(a.Words[0])
		p.Path = short(entry.Path)
	default:
		return
	}
	if entry.Kind != File {
		return
	}
	if a.Process == nil {
		p.Real = short(entry.Real)
	}
	head := a.read(256, entry.Path)
	if head.Err != nil {
		return
	}
	line, script := parseScript(head.Data)
	if script {
		p.Format, p.Script, a.script = "script", short(line), line
		if entry = a.locateScript(line); entry.Kind != File {
			return
		}
	}
	a.elf(p, entry)
}

// locate returns what the runtime would run for a word.
func (a *analysis) locate(word string) Entry {
	if strings.Contains(word, "/") {
		return a.look(a.absolute(word))[0]
	}
	list := a.environment("PATH")
	if list == "" {
		list = defaultPath
	}
	var candidates []string
	for _, dir := range folders(list) {
		candidates = append(candidates, path.Join(dir, word))
	}
	found := a.look(candidates...)
	for _, fits := range []func(Entry) bool{
		func(e Entry) bool { return e.Kind == File && e.Mode&0o111 != 0 },
		func(e Entry) bool { return e.Kind == File },
	} {
		if i := slices.IndexFunc(found, fits); i >= 0 {
			return found[i]
		}
	}
	return Entry{Path: word}
}

// locateScript returns the program that runs a script; behind env(1) that which env would run.
func (a *analysis) locateScript(line string) Entry {
	fields := scriptFields(line)
	if len(fields) == 0 {
		return Entry{}
	}
	e := a.look(a.absolute(fields[0]))[0]
	if path.Base(fields[0]) != "env" || e.Kind != File {
		return e
	}
	for _, f := range fields[1:] {
		if !strings.HasPrefix(f, "-") && !strings.Contains(f, "=") {
			return a.locate(f)
		}
	}
	return e
}

// scriptFields are the words after #!, as the kernel parts them: a carriage return is a letter.
func scriptFields(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
}

// elf reads the ELF file of the program.
func (a *analysis) elf(p *Program, entry Entry) {
	file, err := a.view.Open(entry.Path)
	if err != nil {
		a.unread(err)
		return
	}
	within := bounded(file)
	o, err := readELF(within)
	switch {
	case errors.Is(err, errNotELF):
		if p.Format == "" {
			p.Format = "unknown"
		}
		return
	case err != nil:
		a.unread(&PathError{entry.Path, err})
		return
	}
	if p.Format == "" {
		p.Format = "elf"
	}
	a.object = &o
	a.report.Architecture.Program = o.architecture()
	p.Static, p.Interpreter, p.Libc = o.Interpreter == "", short(o.Interpreter), libcOf(o.Interpreter)
	p.Go = readGo(bounded(file))
	switch {
	case p.Static:
	case a.Process != nil: // what it has is what it found
		for _, m := range a.Process.Mapped {
			p.Libraries = append(p.Libraries, Library{Path: short(m)})
		}
	default:
		if a.look(o.Interpreter)[0].Kind != File {
			return
		}
		l := newLinker(a.view, o, a.environment("LD_LIBRARY_PATH"), a.unread)
		l.resolve(entry.Real)
		p.Libraries, p.Missing = l.found, l.missing
	}
}

const maxModules = 1000

// readGo returns what the Go tools wrote into a file, nil where they did not make it.
func readGo(file interface {
	ReadAt(p []byte, at int64) (int, error)
},
) (g *Go) {
	// The parser is not meant for hostile files, which this may be.
	defer func() {
		if recover() != nil {
			g = nil
		}
	}()
	info, err := buildinfo.Read(file)
	if err != nil {
		return nil
	}
	g = &Go{Version: short(info.GoVersion), Module: short(info.Main.Path)}
	for _, m := range info.Deps[:min(len(info.Deps), maxModules)] {
		if m == nil {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		g.Modules = append(g.Modules, Module{short(m.Path), short(m.Version)})
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "CGO_ENABLED":
			g.CGO = s.Value == "1"
		case "-tags":
			g.TimeZones = slices.Contains(strings.Split(s.Value, ","), "timetzdata")
		}
	}
	return g
}

// runtimeOf is what the program is, of those that bring authorities and more of their own: "java", "node", "python".
func (a *analysis) runtimeOf() string {
	p := a.report.Program
	if p == nil {
		return ""
	}
	base := path.Base(p.Path)
	if p.Format == "script" {
		if fields := strings.Fields(p.Script); len(fields) > 0 {
			base = path.Base(fields[len(fields)-1])
		}
	}
	for _, name := range []string{"java", "node", "python", "dotnet"} {
		if strings.HasPrefix(base, name) {
			return name
		}
	}
	return ""
}

// packages reads the databases of the package managers.
func (a *analysis) packages() {
	const dir, status = "/var/lib/dpkg/status.d", "/var/lib/dpkg/status"
	const maxDatabase = 16 << 20
	var found []Package
	source, cut := "", false
	if names, err := a.view.List(dir, 1000); err == nil {
		var paths []string
		for _, n := range names {
			if !strings.HasSuffix(n, ".md5sums") {
				paths = append(paths, dir+"/"+n)
			}
		}
		for _, c := range a.view.Read(16<<10, paths...) {
			found = append(found, parseDpkg(c.Data)...)
		}
		source = dir
	}
	for _, database := range []struct {
		path  string
		parse func([]byte) []Package
	}{{status, parseDpkg}, {"/lib/apk/db/installed", parseAPK}, {"/usr/lib/apk/db/installed", parseAPK}} {
		if len(found) > 0 {
			break
		}
		if c := a.read(maxDatabase, database.path); c.Err == nil {
			found, source, cut = database.parse(c.Data), database.path, c.Cut
		}
	}
	if len(found) == 0 {
		return
	}
	slices.SortFunc(found, func(x, y Package) int { return strings.Compare(x.Name, y.Name) })
	a.report.Packages = &Packages{Source: source, Count: len(found), Items: found, Cut: cut || len(found) >= maxPackages}
}

// has reports whether a package is there.
func (a *analysis) has(name string) bool {
	p := a.report.Packages
	return p != nil && slices.ContainsFunc(p.Items, func(q Package) bool { return q.Name == name })
}

// runtimes finds Java, Node.js, Python and .NET by the files that tell their versions.
func (a *analysis) runtimes() {
	add := func(name, version, where string) {
		r := Runtime{name, short(version), where}
		if version != "" && !slices.Contains(a.report.Runtimes, r) {
			a.report.Runtimes = append(a.report.Runtimes, r)
		}
	}
	a.java(add)
	for _, dir := range []string{"/usr/include/node", "/usr/local/include/node", "/nodejs/include/node"} {
		if c := a.read(maxSmall, dir+"/node_version.h"); c.Err == nil {
			add("Node.js", nodeVersion(c.Data), dir)
		}
	}
	if version := a.environment("NODE_VERSION"); version != "" {
		add("Node.js", version, "NODE_VERSION")
	}
	for _, p := range a.packageVersions("nodejs") {
		add("Node.js", p, a.report.Packages.Source)
	}
	a.python(add)
	for _, dir := range []string{"/usr/share/dotnet", "/usr/lib/dotnet"} {
		names, err := a.view.List(dir+"/shared/Microsoft.NETCore.App", 20)
		for _, n := range names {
			if err == nil {
				add(".NET", n, dir)
			}
		}
	}
}

// packageVersions are those of a package, without the epoch and what the distribution added.
func (a *analysis) packageVersions(name string) (versions []string) {
	if a.report.Packages == nil {
		return nil
	}
	for _, p := range a.report.Packages.Items {
		if p.Name == name {
			version := p.Version[strings.IndexByte(p.Version, ':')+1:]
			if end := strings.IndexFunc(version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); end > 0 {
				version = version[:end]
			}
			versions = append(versions, version)
		}
	}
	return versions
}

func (a *analysis) java(add func(name, version, where string)) {
	homes := []string{"/opt/java/openjdk", "/opt/java", "/usr/local/openjdk"}
	if home := a.environment("JAVA_HOME"); home != "" {
		homes = append([]string{a.absolute(home)}, homes...)
	}
	names, _ := a.view.List("/usr/lib/jvm", 20) // where it is not there it has none
	for _, n := range names {
		homes = append(homes, "/usr/lib/jvm/"+n)
	}
	seen := map[string]bool{}
	for _, home := range homes {
		release := home + "/release"
		e := a.look(release)[0]
		if e.Kind != File || seen[e.Real] {
			continue
		}
		seen[e.Real] = true
		if c := a.read(maxSmall, release); c.Err == nil {
			add("Java", parseRelease(c.Data)["JAVA_VERSION"], home)
		}
	}
}

// nodeVersion reads node_version.h.
func nodeVersion(header []byte) string {
	number := map[string]string{}
	for line := range strings.Lines(string(header)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "#define" {
			number[f[1]] = f[2]
		}
	}
	if number["NODE_MAJOR_VERSION"] == "" {
		return ""
	}
	return fmt.Sprintf("%s.%s.%s", number["NODE_MAJOR_VERSION"], number["NODE_MINOR_VERSION"], number["NODE_PATCH_VERSION"])
}

// python finds the folders of its standard library: python3.11.
func (a *analysis) python(add func(name, version, where string)) {
	if version := a.environment("PYTHON_VERSION"); version != "" {
		add("Python", version, "PYTHON_VERSION")
		return
	}
	for _, lib := range []string{"/usr/lib", "/usr/local/lib"} {
		names, err := a.view.List(lib, 2000)
		if err != nil {
			continue
		}
		slices.Sort(names)
		for _, n := range names {
			version, ok := strings.CutPrefix(n, "python3.")
			if !ok || strings.Trim(version, "0123456789") != "" || version == "" {
				continue
			}
			if a.look(path.Join(lib, n, "os.py"), path.Join(lib, n, "os.pyc"))[0].Kind != File {
				continue // packages of a Python that is not there
			}
			full := a.packageVersions("python" + n[len("python"):] + "-minimal")
			if len(full) > 0 {
				add("Python", full[0], path.Join(lib, n))
			} else {
				add("Python", "3."+version, path.Join(lib, n))
			}
		}
	}
}
