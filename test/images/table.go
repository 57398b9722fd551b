package images

import (
	"fmt"
	"slices"
	"time"
)

// Kind is what a right verdict says of an image.
type Kind string

// The kinds.
const (
	Scratch    Kind = "scratch"    // nothing below one's own files
	Distroless Kind = "distroless" // Debian's packages, no shell
	Wolfi      Kind = "wolfi"      // apk's packages, no shell
	NoShell    Kind = "no-shell"   // neither of these, and yet no shell
	Shell      Kind = "shell"      // a shell, whatever else
)

// Image is what is true of an image. Paths begin with a slash. An empty field is one that the image has none of.
type Image struct {
	Name, Ref string
	Kind      Kind
	// Trouble says why no container of it starts; it is empty where it runs under Pod Security "restricted".
	Trouble string
	// User is the USER of the image, UID its number, and Users the names in /etc/passwd.
	User  string
	UID   int64
	Users []string
	// Program is the file that is executed, and Script what an interpreter runs.
	Program, Script string
	// Command is the whole command line, Executable the file that /proc shows for it, and Answer what it serves on port 8080.
	Command            []string
	Executable, Answer string
	// Files are those in /app, the folder of one's own.
	Files []string
	// Architecture is what the image says it is for.
	Architecture string
	// Shells are all paths at which there is one.
	Shells []string
	// OS is the PRETTY_NAME of os-release.
	OS string
	// Database lists the packages; a folder with a file for each where it ends in ".d".
	Database string
	Packages []string
	// Interpreter is the dynamic loader that Program asks for: empty where it is static, or a script. Missing are the files
	// that it asks for itself and the image lacks.
	Interpreter string
	Missing     []string
	// GoModule is the main module that a Go program was built from, Runtime the language's and its version.
	GoModule, Runtime string
	// Bundle is the file of certificate authorities, with how many there are and when the first ends.
	Bundle      string
	Authorities int
	FirstEnds   time.Time
	TimeZones   bool
	// Resolver are the files that tell a C library how to look names up.
	Resolver []string
	// Writable are the folders that its user may write to.
	Writable []string
	// Base is what the annotation or label org.opencontainers.image.base.name says, and BuiltBy who left lines in the
	// history, from the base up.
	Base    string
	BuiltBy []string
	Layers  int
}

// Runs reports whether a container of it starts.
func (i Image) Runs() bool { return i.Trouble == "" }

// ByName returns an image of the table.
func ByName(name string) Image {
	n := slices.IndexFunc(All, func(i Image) bool { return i.Name == name })
	if n < 0 {
		panic(fmt.Sprintf("no image %q", name))
	}
	return All[n]
}

const (
	statusFolder = "/var/lib/dpkg/status.d"
	loader       = "/lib64/ld-linux-x86-64.so.2"
	ca           = "/" + bundle
)

// firstEnds is the end of the first authority of Debian's bundle: it has long passed.
var firstEnds = time.Date(2023, time.March, 3, 12, 9, 48, 0, time.UTC)

var (
	distrolessUsers = []string{"root", "nobody", "nonroot"}
	// What is writable for all in any image that has Debian's base-files.
	writable = []string{"/home/nonroot", "/tmp", "/var/lock", "/var/tmp"}
	resolver = []string{"/etc/nsswitch.conf", "/etc/protocols", "/etc/services"}
)

// distroless is what is true of every image with that base.
func distroless(i Image, packages ...[]string) Image {
	i.Database, i.Packages = statusFolder, sorted(packages...)
	i.OS, i.Users, i.Writable, i.Resolver = "Distroless", distrolessUsers, writable, resolver
	i.Bundle, i.Authorities, i.FirstEnds, i.TimeZones = ca, 142, firstEnds, true
	if i.Kind == "" {
		i.Kind = Distroless
	}
	if i.User == "" {
		i.User = "65532"
	}
	i.UID = nonroot
	return amd64(i)
}

func amd64(i Image) Image {
	i.Architecture = "amd64"
	return i
}

func sorted(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return all
}

// slim is what is true of every image with that base.
func slim(i Image) Image {
	i.OS, i.Database, i.Packages = "Debian GNU/Linux 12 (bookworm)", "/var/lib/dpkg/status", slimPackages
	i.User, i.UID = "1000", 1000
	i.Users = []string{
		"root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "www-data", "backup",
		"list", "irc", "_apt", "nobody",
	}
	i.Program, i.GoModule, i.TimeZones = "/app/server", "mindebug.test/shop/api", true
	i.Writable = []string{"/tmp", "/var/lock", "/var/tmp"}
	i.BuiltBy = []string{"debuerreotype", "buildkit"}
	return amd64(i)
}

// runs completes an image that runs.
func runs(i Image) Image {
	if i.Command == nil {
		i.Command = []string{i.Program}
	}
	if i.Executable == "" {
		i.Executable = i.Program
	}
	if i.Files == nil {
		i.Files = []string{"hello.txt", "server"}
	}
	if i.Answer == "" {
		i.Answer = "hello\n"
	}
	return i
}

// All are the images: first those that run, then those that do not start.
var All = []Image{
	runs(amd64(Image{
		Name: "scratch-go", Ref: "mindebug.test/scratch/go:1", Kind: Scratch, User: "65532:65532", UID: nonroot,
		Program: "/app/server", GoModule: "mindebug.test/shop/api", BuiltBy: []string{"buildkit"}, Layers: 1,
	})),
	runs(amd64(Image{
		Name: "scratch-c", Ref: "mindebug.test/scratch/c:1", Kind: Scratch, User: "65532", UID: nonroot,
		Program: "/app/server", Layers: 1,
	})),
	runs(distroless(Image{
		Name: "static", Ref: "mindebug.test/distroless/static-debian12:nonroot", Program: "/app/server", GoModule: "mindebug.test/shop/api",
		Base: "gcr.io/distroless/static-debian12:nonroot", BuiltBy: []string{"bazel", "ko"}, Layers: 7,
	}, staticPackages)),
	runs(distroless(Image{
		Name: "base", Ref: "mindebug.test/distroless/base-debian12:nonroot", Program: "/app/server", GoModule: "mindebug.test/shop/pay", Answer: "hello from glibc 2.36\n",
		Interpreter: loader, BuiltBy: []string{"bazel", "buildkit"}, Layers: 9,
	}, staticPackages, basePackages)),
	runs(distroless(Image{
		Name: "java", Ref: "mindebug.test/distroless/java17-debian12:nonroot", Program: "/usr/bin/java", Script: "/app/server.jar",
		Command: []string{"/usr/bin/java", "-jar", "/app/server.jar"}, Executable: "/usr/lib/jvm/java-17-openjdk-amd64/bin/java",
		Files:   []string{"hello.txt", "server.jar"},
		Runtime: "Java 17.0.19", Interpreter: loader, BuiltBy: []string{"bazel", "jib"}, Layers: 15,
	}, staticPackages, basePackages, ccPackages, javaPackages)),
	runs(distroless(Image{
		Name: "nodejs", Ref: "mindebug.test/distroless/nodejs18-debian12:nonroot", Program: "/usr/bin/node", Script: "/app/server.js",
		Command: []string{"/usr/bin/node", "/app/server.js"}, Files: []string{"hello.txt", "package.json", "server.js"},
		Runtime: "Node.js 18.20.4", Interpreter: loader, Layers: 1,
	}, staticPackages, basePackages, ccPackages, nodePackages)),
	runs(distroless(Image{
		Name: "python3", Ref: "mindebug.test/distroless/python3-debian12:nonroot", Program: "/usr/bin/python3", Script: "/app/server.py",
		Command: []string{"/usr/bin/python3", "/app/server.py"}, Executable: "/usr/bin/python3.11",
		Files:   []string{"hello.txt", "server.py"},
		Runtime: "Python 3.11.2", Interpreter: loader, Base: "gcr.io/distroless/python3-debian12:nonroot",
		BuiltBy: []string{"bazel", "buildkit"}, Layers: 27,
	}, staticPackages, basePackages, ccPackages, pythonPackages)),
	runs(distroless(Image{
		Name: "debug", Ref: "mindebug.test/distroless/base-debian12:debug-nonroot", Kind: Shell, Program: "/app/server",
		GoModule: "mindebug.test/shop/pay", Answer: "hello from glibc 2.36\n", Interpreter: loader, Shells: []string{"/busybox/ash", "/busybox/sh"},
		BuiltBy: []string{"bazel", "buildkit"}, Layers: 10,
	}, staticPackages, basePackages)),
	runs(amd64(Image{
		Name: "wolfi", Ref: "mindebug.test/chainguard/glibc-dynamic:1", Kind: Wolfi, User: "65532", UID: nonroot,
		Users: []string{"root", "nonroot"}, Program: "/app/server", GoModule: "mindebug.test/shop/pay", Answer: "hello from glibc 2.36\n", Interpreter: loader,
		OS: "Wolfi", Database: "/lib/apk/db/installed",
		Packages: []string{"ca-certificates-bundle", "glibc", "libcrypto3", "tzdata", "wolfi-baselayout"},
		Bundle:   ca, Authorities: 142, FirstEnds: firstEnds, TimeZones: true, Resolver: []string{"/etc/nsswitch.conf"},
		Writable: []string{"/home/nonroot", "/tmp"}, Base: "cgr.dev/chainguard/glibc-dynamic:latest",
		BuiltBy: []string{"apko", "buildkit"}, Layers: 2,
	})),
	runs(slim(Image{
		Name: "slim", Ref: "mindebug.test/debian/bookworm-slim:1", Kind: Shell, Layers: 2,
		Shells: []string{"/usr/bin/bash", "/usr/bin/dash", "/usr/bin/rbash", "/usr/bin/sh"},
	})),
	runs(slim(Image{Name: "stripped", Ref: "mindebug.test/debian/stripped:1", Kind: NoShell, Layers: 3})),

	amd64(Image{
		Name: "broken-dynamic", Ref: "mindebug.test/broken/dynamic:1", Kind: Scratch, User: "65532", UID: nonroot,
		Trouble: "the program is dynamic and the image has neither its loader nor its C library",
		Program: "/app/server", GoModule: "mindebug.test/shop/pay", Interpreter: loader,
		Missing: []string{loader, "libc.so.6"}, BuiltBy: []string{"buildkit"}, Layers: 1,
	}),
	{
		Name: "broken-architecture", Ref: "mindebug.test/broken/architecture:1", Kind: Scratch, User: "65532", UID: nonroot,
		Trouble: "the program is for arm64, the node is amd64", Architecture: "arm64",
		Program: "/app/server", GoModule: "mindebug.test/shop/api", BuiltBy: []string{"buildkit"}, Layers: 1,
	},
	amd64(Image{
		Name: "broken-user", Ref: "mindebug.test/broken/user:1", Kind: Scratch, User: "app", UID: -1,
		Trouble: "USER is a name and the image has no /etc/passwd",
		Program: "/app/server", GoModule: "mindebug.test/shop/api", BuiltBy: []string{"buildkit"}, Layers: 1,
	}),
	distroless(Image{
		Name: "broken-name", Ref: "mindebug.test/broken/name:1", User: "nonroot",
		Trouble: "USER is a name, which runAsNonRoot cannot verify",
		Program: "/app/server", GoModule: "mindebug.test/shop/api", BuiltBy: []string{"bazel", "buildkit"}, Layers: 7,
	}, staticPackages),
	distroless(Image{
		Name: "broken-entrypoint", Ref: "mindebug.test/broken/entrypoint:1", Trouble: "it has neither ENTRYPOINT nor CMD",
		BuiltBy: []string{"bazel", "buildkit"}, Layers: 7,
	}, staticPackages),
	distroless(Image{
		Name: "broken-script", Ref: "mindebug.test/broken/script:1", Trouble: "ENTRYPOINT is a script for /bin/sh, which the image lacks",
		Program: "/app/start.sh", Missing: []string{"/bin/sh"}, BuiltBy: []string{"bazel", "buildkit"}, Layers: 7,
	}, staticPackages),
}
