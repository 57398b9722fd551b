package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Subject is what is looked at: its files, and what is known of how it is run.
type Subject struct {
	View View
	// Words are what the container runs, Env its environment as NAME=VALUE, Dir its working directory.
	Words, Env []string
	Dir        string
	// User is the USER of the image, empty where it names none. UID and GID replace it where the pod or the process tells:
	// Origin says which.
	User   string
	UID    *int64
	GID    *int64
	Groups []int64
	Origin string
	// NonRoot is true where the kubelet refuses to start it as root.
	NonRoot bool
	// Architecture is the image's, Node that of the node, in Go's words; empty where not known.
	Architecture, Node string
	// Process is what runs; nil where nothing does.
	Process *Process
	// Compressed and Layers are the image's, where known.
	Compressed int64
	Layers     int
	// Config is true where the image's configuration is known, so that no words means that it has none.
	Config bool
	// Now is the time by which certificates expire.
	Now time.Time
}

// Process is what a container runs, as /proc tells.
type Process struct {
	// Executable is the file, as its own process names it; Mapped the shared libraries that it has in memory.
	Executable string
	Mapped     []string
}

// ProcessExecutable is the path that stands for the executable of the process, whatever became of its name.
const ProcessExecutable = "/proc/self/exe"

// analysis is one on its way.
type analysis struct {
	Subject
	view   View
	now    time.Time
	report Report
	// object is the program's ELF file, or that of its script's interpreter, where it could be read.
	object *object
	// script is what stands after #! of the program, as it is.
	script string
	broken map[string]bool
}

// Analyse looks at everything. What cannot be read is in the report's Unread.
func Analyse(s Subject) Report {
	a := &analysis{Subject: s, view: s.View, now: s.Now, broken: map[string]bool{}}
	a.report.Shells, a.report.Findings, a.report.Resolver.Files = []string{}, []Finding{}, []string{}
	a.report.Architecture = Architecture{Image: s.Architecture, Node: s.Node}
	a.system()
	a.users()
	a.program()
	a.packages()
	a.runtimes()
	a.certificates()
	a.timeZones()
	a.resolver()
	a.shells()
	a.writable()
	a.size()
	a.findings()
	slices.SortStableFunc(a.report.Findings, func(x, y Finding) int { return cmp.Compare(rank(x), rank(y)) })
	return a.report
}

func rank(f Finding) int { return slices.Index([]Severity{Fatal, Warning, Advice}, f.Severity) }

// find adds a finding. The format's values are from the container: they are bounded, and quoted where they are written.
func (a *analysis) find(severity Severity, about, fix, format string, values ...any) {
	a.report.Findings = append(a.report.Findings, Finding{severity, about, fmt.Sprintf(format, values...), fix})
}

// unread notes what could not be read, once.
func (a *analysis) unread(err error) {
	const most = 20
	if text := short(err.Error()); !isNotFound(err) && !a.broken[text] && len(a.report.Unread) < most {
		a.broken[text] = true
		a.report.Unread = append(a.report.Unread, text)
	}
}

// look is View.Look with its errors noted.
func (a *analysis) look(paths ...string) []Entry {
	found := a.view.Look(paths...)
	for _, e := range found {
		if e.Err != nil {
			a.unread(e.Err)
		}
	}
	return found
}

// read is View.Read of one file, with its error noted.
func (a *analysis) read(limit int, name string) Content {
	c := a.view.Read(limit, name)[0]
	if c.Err != nil {
		a.unread(c.Err)
	}
	return c
}

// environment returns the value of a variable, empty where there is none.
func (a *analysis) environment(name string) string {
	for _, e := range slices.Backward(a.Env) {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// absolute is a path of the container's, seen from its working directory.
func (a *analysis) absolute(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join("/", a.Dir, name)
}

// maxSmall is how much of a small file of a distribution is read.
const maxSmall = 256 << 10

func (a *analysis) system() {
	for _, name := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		c := a.read(maxSmall, name)
		if c.Err != nil {
			continue
		}
		values := parseRelease(c.Data)
		a.report.System = &System{ID: cmp.Or(values["ID"], "linux"), VersionID: values["VERSION_ID"], PrettyName: values["PRETTY_NAME"], Path: name}
		return
	}
}

func (a *analysis) timeZones() {
	for _, e := range a.look("/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo") {
		if e.Kind != Folder {
			continue
		}
		if names, err := a.view.List(e.Path, 10); err == nil && len(names) > 0 {
			a.report.TimeZones = e.Path
			return
		}
	}
}

func (a *analysis) resolver() {
	for _, e := range a.look("/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/hosts") {
		if e.Kind == File {
			a.report.Resolver.Files = append(a.report.Resolver.Files, e.Path)
		}
	}
	if c := a.read(maxSmall, "/etc/nsswitch.conf"); c.Err == nil {
		a.report.Resolver.Hosts = parseHosts(c.Data)
	}
}

// shellPaths are where shells are. What distroless calls :debug has them in /busybox.
var shellPaths = func() (paths []string) {
	for _, dir := range []string{"/bin", "/usr/bin", "/usr/local/bin", "/busybox", "/sbin"} {
		for _, name := range []string{"sh", "bash", "dash", "ash", "ksh", "zsh", "fish", "busybox", "toybox"} {
			paths = append(paths, path.Join(dir, name))
		}
	}
	return paths
}()

func (a *analysis) shells() {
	seen := map[string]bool{}
	for _, e := range a.look(shellPaths...) {
		// one file by several names is one shell
		if e.Kind == File && e.Mode&0o111 != 0 && !seen[e.Real] {
			seen[e.Real] = true
			a.report.Shells = append(a.report.Shells, e.Path)
		}
	}
}

const maxWritable = 50

func (a *analysis) writable() {
	running := a.report.Users.Running
	if running == nil {
		return
	}
	found, err := a.view.Writable(Identity{UID: running.UID, GID: running.GID, Groups: a.Groups}, maxWritable)
	if err != nil {
		a.unread(fmt.Errorf("writable paths: %w", err))
		return
	}
	set := &WritableSet{By: "mode", Paths: []string{}, Cut: found.Cut}
	if a.Process != nil {
		set.By = "modeAndMounts"
	}
	for _, p := range found.Paths {
		set.Paths = append(set.Paths, short(p))
	}
	slices.Sort(set.Paths)
	a.report.Writable = set
}

func (a *analysis) size() {
	size := Size{Compressed: a.Compressed, Layers: a.Layers}
	var err error
	if size.Usage, err = a.view.Usage(); err != nil {
		a.unread(fmt.Errorf("size: %w", err))
		if size.Compressed == 0 {
			return
		}
	}
	a.report.Size = &size
}

// users reads /etc/passwd, and finds in it whom the program runs as.
func (a *analysis) users() {
	var all []User
	c := a.read(maxSmall, "/etc/passwd")
	if c.Err == nil {
		all, a.report.Users.Count = parsePasswd(c.Data)
		a.report.Users.Entries = all
	}
	name, group, _ := strings.Cut(a.User, ":")
	origin := a.Origin
	var entry *User
	var uid int64
	switch number, err := parseID(name); {
	case a.UID != nil:
		uid = *a.UID
		entry = findUser(all, func(u User) bool { return u.UID == uid })
	case !a.Config:
		return
	case err == nil:
		origin, uid = "image config (USER "+short(a.User)+")", number
		if name == "" {
			origin = "image config (no USER)"
		}
		entry = findUser(all, func(u User) bool { return u.UID == uid })
	default:
		if entry = findUser(all, func(u User) bool { return u.Name == name }); entry == nil {
			return // findings says so
		}
		origin, uid = "image config (USER "+short(a.User)+")", entry.UID
	}
	running := &RunningUser{UID: uid, Origin: origin, Entry: entry}
	if entry != nil {
		running.GID = entry.GID
	}
	// The kubelet drops what stands after the colon; a number there holds where the image is run by itself.
	if n, err := parseID(group); group != "" && err == nil && a.UID == nil {
		running.GID = n
	}
	if a.GID != nil {
		running.GID = *a.GID
	}
	a.report.Users.Running = running
}

var errNotID = errors.New("not a uid")
