package inspect

import "time"

// Severity is how much a finding matters.
type Severity string

// The severities: Fatal keeps the container from starting, Warning makes something in it fail, Advice could be better.
const (
	Fatal   Severity = "fatal"
	Warning Severity = "warning"
	Advice  Severity = "advice"
)

// Finding is one thing to know, and what would mend it.
type Finding struct {
	Severity Severity `json:"severity"`
	// About is what it is about, in a word that stays the same: "interpreter".
	About string `json:"about"`
	Text  string `json:"text"`
	// Fix is a line of a Dockerfile or of a pod, where there is one.
	Fix string `json:"fix,omitempty"`
}

// Report is what is in a container or an image. docs/inspect.md describes it.
type Report struct {
	// Findings are sorted: what matters most is first.
	Findings     []Finding     `json:"findings"`
	System       *System       `json:"os,omitempty"`
	Architecture Architecture  `json:"architecture"`
	Program      *Program      `json:"program,omitempty"`
	Runtimes     []Runtime     `json:"runtimes,omitempty"`
	Packages     *Packages     `json:"packages,omitempty"`
	Certificates *Certificates `json:"certificates,omitempty"`
	TimeZones    string        `json:"timeZones,omitempty"`
	Users        Users         `json:"users"`
	Resolver     Resolver      `json:"resolver"`
	Writable     *WritableSet  `json:"writable,omitempty"`
	Shells       []string      `json:"shells"`
	Size         *Size         `json:"size,omitempty"`
	// Unread is what could not be read, and why.
	Unread []string `json:"unread,omitempty"`
}

// System is what os-release tells.
type System struct {
	ID         string `json:"id"`
	VersionID  string `json:"versionID,omitempty"`
	PrettyName string `json:"prettyName,omitempty"`
	Path       string `json:"path"`
}

// Architecture is which processor the image, its program and the node have, in Go's words.
type Architecture struct {
	Image   string `json:"image,omitempty"`
	Program string `json:"program,omitempty"`
	Node    string `json:"node,omitempty"`
}

// Program is what the container runs.
type Program struct {
	// Words are those that it is started with, Path the file, Real where links led.
	Words []string `json:"words"`
	Path  string   `json:"path,omitempty"`
	Real  string   `json:"real,omitempty"`
	// Format is "elf", "script" or "unknown". Script is the line after #!.
	Format string `json:"format,omitempty"`
	Script string `json:"script,omitempty"`
	// The rest is about the ELF file: the program's own, or that of its script's interpreter.
	Static      bool      `json:"static"`
	Interpreter string    `json:"interpreter,omitempty"`
	Libc        string    `json:"libc,omitempty"`
	Libraries   []Library `json:"libraries,omitempty"`
	Missing     []Missing `json:"missing,omitempty"`
	Go          *Go       `json:"go,omitempty"`
}

// Library is a shared library that is found. Name is empty where it was seen in a process.
type Library struct {
	Name string `json:"name,omitempty"`
	Path string `json:"path"`
}

// Missing is a shared library that is not found.
type Missing struct {
	Name string `json:"name"`
	// By is the file that needs it.
	By string `json:"neededBy"`
	// At is where it lies unused, since the linker does not look there.
	At string `json:"at,omitempty"`
}

// Go is what the Go tools wrote into a program.
type Go struct {
	Version string   `json:"version"`
	Module  string   `json:"module,omitempty"`
	Modules []Module `json:"modules,omitempty"`
	CGO     bool     `json:"cgo"`
	// TimeZones is true where it was built with the time zones in it.
	TimeZones bool `json:"timeZones,omitempty"`
}

// Module is a module that a Go program was built of.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// Runtime is a language's.
type Runtime struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"`
}

// Packages are those that a package manager's database lists.
type Packages struct {
	// Source is where: "/var/lib/dpkg/status.d".
	Source string    `json:"source"`
	Count  int       `json:"count"`
	Items  []Package `json:"items"`
	// Cut is true where the database has more than was read.
	Cut bool `json:"cut,omitempty"`
}

// Package is one of them.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Certificates are the authorities that programs trust.
type Certificates struct {
	Path  string `json:"path"`
	Count int    `json:"count"`
	// Expired is how many of them have expired, Soonest the next to.
	Expired     int        `json:"expired"`
	Soonest     *time.Time `json:"soonestExpiry,omitempty"`
	SoonestName string     `json:"soonestName,omitempty"`
	// Unreadable is how many are no certificates that could be read.
	Unreadable int `json:"unreadable,omitempty"`
}

// Users are those of /etc/passwd.
type Users struct {
	Count   int    `json:"count"`
	Entries []User `json:"entries,omitempty"`
	// Running is whom the program runs as.
	Running *RunningUser `json:"running,omitempty"`
}

// User is an entry of /etc/passwd.
type User struct {
	Name  string `json:"name"`
	UID   int64  `json:"uid"`
	GID   int64  `json:"gid"`
	Home  string `json:"home,omitempty"`
	Shell string `json:"shell,omitempty"`
}

// RunningUser is whom the program runs as. Entry is nil where /etc/passwd does not list the uid.
type RunningUser struct {
	UID    int64  `json:"uid"`
	GID    int64  `json:"gid"`
	Origin string `json:"origin"`
	Entry  *User  `json:"entry,omitempty"`
}

// Resolver are the files that names are found by. The runtime puts hosts and resolv.conf there when a container starts.
type Resolver struct {
	// Hosts is the line of nsswitch.conf, empty where there is none.
	Hosts string   `json:"nsswitchHosts,omitempty"`
	Files []string `json:"files"`
}

// WritableSet is where the program can write.
type WritableSet struct {
	// By is "mode", of the files in an image, or "modeAndMounts", where a container runs: those that are read-only do not count.
	By    string   `json:"by"`
	Paths []string `json:"paths"`
	Cut   bool     `json:"cut,omitempty"`
}

// Size is how large it is.
type Size struct {
	Usage
	// Compressed is what a registry sends, where it is known, in Layers.
	Compressed int64 `json:"compressedBytes,omitempty"`
	Layers     int   `json:"layers,omitempty"`
}
