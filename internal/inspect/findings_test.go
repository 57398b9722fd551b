package inspect

import (
	"bytes"
	"debug/elf"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// found are the findings as "severity about", those of a severity only where some are named.
func found(r Report, severities ...Severity) (out []string) {
	for _, f := range r.Findings {
		if len(severities) == 0 {
			out = append(out, string(f.Severity)+" "+f.About)
		}
		for _, s := range severities {
			if f.Severity == s {
				out = append(out, string(f.Severity)+" "+f.About)
			}
		}
	}
	return out
}

func TestWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	const passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"
	static := program("app/server", binaryOf{}.bytes())
	dynamic := program("app/server", binaryOf{interpreter: glibcLinker, needed: []string{"libc.so.6", "libz.so.1"}}.bytes())
	type change func(*Subject)
	for name, test := range map[string]struct {
		files  []file
		change change
		// about is the finding's, text a part of it; both are empty where it starts.
		about, text string
	}{
		"it starts":             {[]file{static}, nil, "", ""},
		"it starts, by PATH":    {[]file{static, symlink("usr/bin/server", "/app/server")}, func(s *Subject) { s.Words = []string{"server"} }, "", ""},
		"it starts, from a dir": {[]file{static}, func(s *Subject) { s.Words, s.Dir = []string{"./server"}, "/app" }, "", ""},
		"dynamic FROM scratch": {
			[]file{dynamic},
			nil, "interpreter",
			`its dynamic linker /lib64/ld-linux-x86-64.so.2 is not in the image; the kernel calls that "no such file or directory"`,
		},
		"a library lacks": {
			[]file{dynamic, library("lib64/ld-linux-x86-64.so.2"), library("lib/libc.so.6")},
			nil, "libraries",
			"the shared library libz.so.1, needed by /app/server, is not where the linker looks",
		},
		"libraries lack": {[]file{dynamic, library("lib64/ld-linux-x86-64.so.2")}, nil, "libraries", "libc.so.6, needed by /app/server, is not where the linker looks, nor are 1 others"},
		"a library that no cache has": {
			[]file{dynamic, library("lib64/ld-linux-x86-64.so.2"), library("lib/libc.so.6"), text("etc/ld.so.conf", "/opt"), library("opt/libz.so.1")},
			nil,
			"libraries", "it lies at /opt/libz.so.1, a folder of ld.so.conf",
		},
		"another processor than the node's": {
			[]file{program("app/server", binaryOf{machine: elf.EM_AARCH64}.bytes())},
			func(s *Subject) { s.Node = "amd64" }, "architecture",
			"the program is for arm64 and the node is amd64",
		},
		"another processor than the image's": {
			[]file{program("app/server", binaryOf{machine: elf.EM_AARCH64}.bytes())},
			func(s *Subject) { s.Architecture = "amd64" }, "architecture",
			"the image says that it is for amd64, and its program is for arm64",
		},
		"an image for another processor": {
			[]file{program("app/server", bytes.Repeat([]byte("x"), 2<<20))},
			func(s *Subject) { s.Architecture, s.Node = "arm64", "amd64" },
			"architecture", "the image is for arm64 and the node is amd64",
		},
		"a 32-bit program": {[]file{program("app/server", binaryOf{machine: elf.EM_386}.bytes())}, func(s *Subject) { s.Node = "amd64" }, "", ""},
		"a name without passwd": {
			[]file{static}, func(s *Subject) { s.User = "app" }, "user", `USER "app" is a name, and the image's /etc/passwd does not have it`,
		},
		"a name":               {[]file{static, text("etc/passwd", passwd)}, func(s *Subject) { s.User = "app" }, "", ""},
		"a name, but a number": {[]file{static}, func(s *Subject) { s.User, s.UID, s.NonRoot = "app", new(int64(5)), true }, "", ""},
		"a name and runAsNonRoot": {
			[]file{static, text("etc/passwd", passwd)}, func(s *Subject) { s.User, s.NonRoot = "app:app", true }, "user", "a pod with runAsNonRoot wants a number",
		},
		"root and runAsNonRoot":     {[]file{static}, func(s *Subject) { s.User, s.NonRoot = "", true }, "user", "the image runs as root (image config (no USER))"},
		"runAsUser 0, runAsNonRoot": {[]file{static}, func(s *Subject) { s.UID, s.NonRoot = new(int64(0)), true }, "user", "runs it as uid 0"},
		"no words":                  {[]file{static}, func(s *Subject) { s.Words = nil }, "entrypoint", "the image names no program, and the pod no command"},
		"no such program":           {[]file{static}, func(s *Subject) { s.Words = []string{"/app/other"} }, "entrypoint", `the program "/app/other" is not in the image`},
		"not in PATH":               {[]file{static}, func(s *Subject) { s.Words, s.Env = []string{"server"}, []string{"PATH=/bin"} }, "entrypoint", `"server" is not in the image`},
		"shell form": {
			[]file{static}, func(s *Subject) { s.Words = []string{"/bin/sh", "-c", "/app/server"} }, "entrypoint", "in shell form, and the image has no /bin/sh",
		},
		"a folder":       {[]file{static}, func(s *Subject) { s.Words = []string{"/app"} }, "entrypoint", `"/app" is no file that could be run`},
		"not executable": {[]file{text("app/server", string(binaryOf{}.bytes()))}, nil, "entrypoint", "uid 65532 may not run /app/server, whose mode is 0644"},
		"a text":         {[]file{program("app/server", []byte("echo\n"))}, nil, "entrypoint", "neither an ELF file nor a script"},
		"a script": {
			[]file{program("app/server", []byte("#!/bin/sh\n"))}, nil, "interpreter", `/app/server is a script for "/bin/sh", which is not in the image`,
		},
		"a script for Windows": {
			[]file{program("app/server", []byte("#!/bin/sh\r\n")), program("bin/sh", binaryOf{}.bytes())}, nil, "interpreter", "its lines end as on Windows",
		},
		"a script by env": {
			[]file{program("app/server", []byte("#!/usr/bin/env -S node --x\n")), program("usr/bin/env", binaryOf{}.bytes()), program("opt/node", binaryOf{}.bytes())},
			func(s *Subject) { s.Env = []string{"PATH=/bin", "PATH=/opt"} }, "", "",
		},
		"a script whose interpreter lacks its own": {
			[]file{program("app/server", []byte("#!/bin/py\n")), program("bin/py", binaryOf{interpreter: muslLinker}.bytes())},
			nil,
			"interpreter", "its dynamic linker /lib/ld-musl-x86_64.so.1 is not in the image",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Subject{View: viewOf(t, test.files), Words: []string{"/app/server", "--port=1"}, User: "65532", Config: true, Now: now}
			if test.change != nil {
				test.change(&s)
			}
			r := Analyse(s)
			fatal := found(r, Fatal)
			if test.about == "" {
				if len(fatal) > 0 {
					t.Fatalf("it starts, and was found: %+v", r.Findings)
				}
				return
			}
			if diff := cmp.Diff([]string{"fatal " + test.about}, fatal); diff != "" {
				t.Fatalf("findings (-want +got):\n%s", diff)
			}
			if f := r.Findings[0]; f.Severity != Fatal || !strings.HasPrefix(f.Text, "does not start: ") || !strings.Contains(f.Text, test.text) || f.Fix == "" || strings.Contains(f.Text, "\n") {
				t.Errorf("first found: %+v; want %q", f, test.text)
			}
			// What runs has started, whatever its image says.
			s.Process = &Process{Executable: "/app/server"}
			if fatal := found(Analyse(s), Fatal); len(fatal) > 0 {
				t.Errorf("of what runs: %v", fatal)
			}
		})
	}
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	const status = "Package: libc6\nStatus: install ok installed\nVersion: 2.36\n"
	passwd := text("etc/passwd", "app:x:65532:65532::/:/\n")
	whole := []file{
		passwd, text("etc/ssl/cert.pem", authority(t, "x", 500)), text("usr/share/zoneinfo/UTC", ""), text("etc/nsswitch.conf", "hosts: files dns\n"),
		{name: "tmp", kind: dir("tmp").kind, mode: 0o1777},
	}
	static, java := program("app/server", binaryOf{}.bytes()), program("usr/bin/java", binaryOf{}.bytes())
	glibc := []file{program("app/server", binaryOf{interpreter: glibcLinker}.bytes()), library("lib64/ld-linux-x86-64.so.2")}
	for name, test := range map[string]struct {
		files []file
		words string
		user  string
		want  []string
	}{
		"all is well":      {append(whole, static), "/app/server", "65532", nil},
		"nothing but it":   {[]file{static}, "/app/server", "65532", []string{"warning certificates", "advice user", "advice timeZones", "advice writable"}},
		"Java has its own": {[]file{java, passwd}, "/usr/bin/java", "65532", []string{"advice writable"}},
		"root":             {append(whole, static, text("etc/passwd", "root:x:0:0::/:/\n")), "/app/server", "", []string{"advice user"}},
		"a name":           {append(whole, static), "/app/server", "app", []string{"warning user"}},
		"no nsswitch":      {append(append(glibc, whole[:3]...), whole[4]), "/app/server", "65532", []string{"advice resolver"}},
		"static on base":   {append(whole, static, text("var/lib/dpkg/status", status)), "/app/server", "65532", []string{"advice base"}},
		"static, a shell":  {append(whole, static, program("bin/sh", nil)), "/app/server", "65532", []string{"advice base"}},
		"a shell itself":   {append(whole, program("bin/sh", binaryOf{}.bytes())), "sh", "65532", nil},
		"glibc, a shell":   {append(append(glibc, whole...), program("bin/sh", nil)), "/app/server", "65532", []string{"advice base"}},
		"its own file":     {append(whole, file{name: "app/server", content: string(binaryOf{}.bytes()), mode: 0o777}), "/app/server", "65532", []string{"warning writable"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Analyse(Subject{View: viewOf(t, test.files), Words: []string{test.words}, User: test.user, Config: true, Now: now})
			if diff := cmp.Diff(test.want, found(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s\n%+v", diff, r.Findings)
			}
		})
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	view := viewOf(t, []file{
		text("etc/os-release", "ID=wolfi\nVERSION_ID=1\n"), text("lib/apk/db/installed", "P:musl\nV:1.2\n\n"),
		text("usr/lib/jvm/a/release", "JAVA_VERSION=\"17.0.1\"\n"), symlink("usr/lib/jvm/default", "a"), text("usr/lib/python3.11/os.py", ""),
		text("usr/lib/python3.9/x.py", ""), text("usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/x", ""), text("etc/hosts", ""),
		program("bin/busybox", nil), symlink("bin/sh", "busybox"), text("usr/bin/bash", ""), text("etc/passwd", "app:x:7:8:a:/home:/x\n"),
	})
	r := Analyse(Subject{
		View: view, Words: []string{"/none"}, Env: []string{"NODE_VERSION=20.1.0"}, User: "app", Config: true, Compressed: 9, Layers: 1,
		Architecture: "amd64", Node: "amd64", Now: now,
	})
	entry := User{"app", 7, 8, "/home", "/x"}
	want := Report{
		System: &System{ID: "wolfi", VersionID: "1", Path: "/etc/os-release"}, Architecture: Architecture{Image: "amd64", Node: "amd64"},
		Program: &Program{Words: []string{"/none"}, Path: "/none"},
		Runtimes: []Runtime{
			{"Java", "17.0.1", "/usr/lib/jvm/a"}, {"Node.js", "20.1.0", "NODE_VERSION"}, {"Python", "3.11", "/usr/lib/python3.11"}, {".NET", "8.0.1", "/usr/share/dotnet"},
		},
		Packages: &Packages{Source: "/lib/apk/db/installed", Count: 1, Items: []Package{{"musl", "1.2"}}},
		Users:    Users{Count: 1, Entries: []User{entry}, Running: &RunningUser{UID: 7, GID: 8, Origin: "image config (USER app)", Entry: &entry}},
		Resolver: Resolver{Files: []string{"/etc/hosts"}}, Writable: &WritableSet{By: "mode", Paths: []string{}},
		Shells: []string{"/bin/sh"}, Size: &Size{Usage: r.Size.Usage, Compressed: 9, Layers: 1},
	}
	r.Findings = nil
	for i := range r.Runtimes { // both names of a link are right
		r.Runtimes[i].Path = strings.Replace(r.Runtimes[i].Path, "/jvm/default", "/jvm/a", 1)
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}
