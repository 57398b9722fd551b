package inspect

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// findings says what is wrong, in plain words. What runs has started: what keeps others from it is no question there.
func (a *analysis) findings() {
	if a.Process == nil {
		a.whyArchitecture()
		a.whyUser()
		a.whyProgram()
	}
	a.findCertificates()
	a.findNames()
	a.findWritable()
	a.findSmaller()
}

// whyArchitecture: the kernel runs no program for another processor.
func (a *analysis) whyArchitecture() {
	arch := a.report.Architecture
	switch {
	case arch.Program != "" && arch.Node != "" && !runsOn(arch.Program, arch.Node):
		a.find(Fatal, "architecture", "docker build --platform=linux/"+arch.Node+" …",
			"does not start: the program is for %s and the node is %s (\"exec format error\")", arch.Program, arch.Node)
	case arch.Program != "" && arch.Image != "" && !runsOn(arch.Program, arch.Image):
		a.find(Fatal, "architecture", "RUN GOOS=linux GOARCH="+arch.Image+" go build … (or the target of your compiler)",
			"does not start: the image says that it is for %s, and its program is for %s (\"exec format error\")", arch.Image, arch.Program)
	case arch.Program == "" && arch.Image != "" && arch.Node != "" && !runsOn(arch.Image, arch.Node):
		a.find(Fatal, "architecture", "docker build --platform=linux/"+arch.Node+" …",
			"does not start: the image is for %s and the node is %s (\"exec format error\")", arch.Image, arch.Node)
	}
}

// runsOn reports whether a program for one processor runs on another. 64-bit ones run the 32-bit programs of their kind,
// where the node's kernel was built for it: no reason to say that it does not start.
func runsOn(program, node string) bool {
	return program == node || program == "386" && node == "amd64" || program == "arm" && node == "arm64"
}

// whyUser: the runtime looks a named user up in the image, and the kubelet refuses what could be root.
func (a *analysis) whyUser() {
	if !a.Config {
		return
	}
	name, _, _ := strings.Cut(a.User, ":")
	_, err := parseID(name)
	named := err != nil
	running := a.report.Users.Running
	switch {
	case a.UID != nil && *a.UID == 0 && a.NonRoot:
		a.find(Fatal, "user", "securityContext: {runAsUser: 65532}", "does not start: the pod sets runAsNonRoot, and runs it as uid 0")
	case a.UID != nil:
	case named && running == nil:
		a.find(Fatal, "user", "USER 65532:65532",
			"does not start: USER %q is a name, and the image's /etc/passwd does not have it (\"unable to find user\")", short(a.User))
	case named && a.NonRoot:
		a.find(Fatal, "user", fmt.Sprintf("USER %d:%d", running.UID, running.GID),
			"does not start: USER %q is a name, and a pod with runAsNonRoot wants a number (\"image has non-numeric user\")", short(a.User))
	case named:
		a.find(Warning, "user", fmt.Sprintf("USER %d:%d", running.UID, running.GID),
			"USER %q is a name: a pod with runAsNonRoot refuses to start it, since only of a number it can tell that it is not root", short(a.User))
	case running.UID == 0 && a.NonRoot:
		a.find(Fatal, "user", "USER 65532:65532", "does not start: the pod sets runAsNonRoot, and the image runs as root (%s)", running.Origin)
	case running.UID == 0:
		a.find(Advice, "user", "USER 65532:65532", "it runs as root (%s): a pod with runAsNonRoot refuses to start it", running.Origin)
	}
}

// whyProgram: what execve(2) and the dynamic linker need.
func (a *analysis) whyProgram() {
	p := a.report.Program
	if len(a.Words) == 0 {
		if a.Config {
			a.find(Fatal, "entrypoint", `ENTRYPOINT ["/path/of/the/program"]`,
				"does not start: the image names no program, and the pod no command (\"no command specified\")")
		}
		return
	}
	e := a.locate(a.Words[0])
	switch {
	case e.Err != nil:
		return // it is in Unread
	case e.Kind == Nothing && len(a.Words) > 1 && a.Words[1] == "-c" && strings.HasSuffix(path.Base(a.Words[0]), "sh"):
		a.find(Fatal, "entrypoint", `ENTRYPOINT ["/path/of/the/program", "argument"]`,
			"does not start: its ENTRYPOINT or CMD is in shell form, and the image has no %s", short(a.Words[0]))
		return
	case e.Kind == Nothing:
		a.find(Fatal, "entrypoint", "COPY --from=build /path/of/the/program "+short(e.Path),
			"does not start: the program %q is not in the image (\"no such file or directory\")", short(a.Words[0]))
		return
	case e.Kind != File:
		a.find(Fatal, "entrypoint", `ENTRYPOINT ["/path/of/the/program"]`,
			"does not start: %q is no file that could be run (\"permission denied\")", short(e.Path))
		return
	}
	if running := a.report.Users.Running; running != nil && !e.may(Identity{running.UID, running.GID, a.Groups}, 1) {
		a.find(Fatal, "entrypoint", "COPY --chmod=0755 --from=build /path/of/the/program "+short(e.Path),
			"does not start: uid %d may not run %s, whose mode is %04o (\"permission denied\")", running.UID, short(e.Path), e.Mode.Perm())
	}
	switch p.Format {
	case "script":
		a.whyScript(p)
	case "unknown":
		a.find(Fatal, "entrypoint", "a script begins with #!/path/of/its/interpreter",
			"does not start: %s is neither an ELF file nor a script with #! (\"exec format error\")", short(e.Path))
		return
	}
	a.whyLinker(p)
}

// whyScript: the interpreter is a program like another.
func (a *analysis) whyScript(p *Program) {
	if a.object != nil || a.locateScript(a.script).Kind != Nothing {
		return
	}
	interpreter, windows := "", ""
	if fields := scriptFields(a.script); len(fields) > 0 {
		interpreter = short(fields[0])
	}
	if strings.HasSuffix(a.script, "\r") {
		windows = "; its lines end as on Windows"
	}
	a.find(Fatal, "interpreter", "use an image that has it, or make the program of the script the ENTRYPOINT",
		"does not start: %s is a script for %q, which is not in the image (\"no such file or directory\")%s", p.Path, interpreter, windows)
}

func (a *analysis) whyLinker(p *Program) {
	if a.object == nil || p.Static {
		return
	}
	if a.look(a.object.Interpreter)[0].Kind != File {
		fix := "FROM gcr.io/distroless/base-debian12 (it has glibc), or link statically: CGO_ENABLED=0 go build, cc -static"
		if p.Libc == musl {
			fix = "FROM a base with musl (Alpine, Wolfi), or link statically: CGO_ENABLED=0 go build, cc -static"
		}
		a.find(Fatal, "interpreter", fix,
			"does not start: %s is linked dynamically and its dynamic linker %s is not in the image; the kernel calls that \"no such file or directory\"",
			p.Path, p.Interpreter)
		return
	}
	if len(p.Missing) == 0 {
		return
	}
	first := p.Missing[0]
	text, more := fmt.Sprintf("does not start: the shared library %s, needed by %s, is not where the linker looks", first.Name, first.By), ""
	if len(p.Missing) > 1 {
		more = fmt.Sprintf(", nor are %d others", len(p.Missing)-1)
	}
	fix := "copy it from the build: ldd of the program there shows where it is; or link statically"
	if first.At != "" {
		more += "; it lies at " + first.At + ", a folder of ld.so.conf, and there is no /etc/ld.so.cache that says so"
		fix = "RUN ldconfig, or ENV LD_LIBRARY_PATH=" + path.Dir(first.At)
	}
	a.find(Fatal, "libraries", fix, "%s%s", text, more)
}

// soonDays is how early the end of a certificate is said: a bundle that is not renewed loses one now and then.
const soonDays = 30

const copyBundle = "COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/"

func (a *analysis) findCertificates() {
	c := a.report.Certificates
	switch runtime := a.runtimeOf(); {
	case c == nil || c.Count == 0:
		if runtime == "java" || runtime == "node" { // they bring their own
			return
		}
		if g := a.goProgram(); g != nil && slices.ContainsFunc(g.Modules, func(m Module) bool {
			return m.Path == "golang.org/x/crypto/x509roots/fallback"
		}) {
			return
		}
		a.find(Warning, "certificates", copyBundle, "no CA bundle: TLS verification by this program will fail (\"certificate signed by unknown authority\")")
	case c.Expired > 0 && c.Expired*4 >= c.Count:
		a.find(Warning, "certificates", "build it anew on a base of now", "%d of the %d certificates of %s have expired: the image is old", c.Expired, c.Count, c.Path)
	case c.Soonest != nil && c.Count == 1 && c.Soonest.Sub(a.now) < soonDays*24*time.Hour:
		a.find(Warning, "certificates", copyBundle, "the only certificate of %s expires on %s", c.Path, c.Soonest.Format(time.DateOnly))
	}
}

func (a *analysis) goProgram() *Go {
	if a.report.Program == nil {
		return nil
	}
	return a.report.Program.Go
}

// findNames are the files by which users, time zones and names are found.
func (a *analysis) findNames() {
	p := a.report.Program
	if running := a.report.Users.Running; running != nil && running.Entry == nil {
		a.find(Advice, "user", `RUN echo "app:x:`+fmt.Sprint(running.UID)+":"+fmt.Sprint(running.GID)+`::/:/nologin" >>/etc/passwd (in the build stage; COPY it)`,
			"uid %d is not in /etc/passwd: a program that asks for its own name or home folder gets none", running.UID)
	}
	if g := a.goProgram(); a.report.TimeZones == "" && a.runtimeOf() != "java" && a.runtimeOf() != "node" && (g == nil || !g.TimeZones) {
		fix := "COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo"
		if g != nil {
			fix += ", or: import _ \"time/tzdata\""
		}
		a.find(Advice, "timeZones", fix, "no time zones: the program knows UTC only, unless they are built into it")
	}
	if p != nil && p.Libc == glibc && !slices.Contains(a.report.Resolver.Files, "/etc/nsswitch.conf") {
		a.find(Advice, "resolver", `RUN echo "hosts: files dns" >/etc/nsswitch.conf (in the build stage; COPY it)`,
			"no /etc/nsswitch.conf: glibc before 2.34 asks DNS before /etc/hosts then")
	}
}

func (a *analysis) findWritable() {
	w := a.report.Writable
	if w == nil || w.Cut || a.report.Users.Running.UID == 0 && w.By == "mode" {
		return
	}
	// What the runtime puts below /dev is for no files of a program.
	if !slices.ContainsFunc(w.Paths, func(p string) bool { return !strings.HasPrefix(p, "/dev/") }) {
		a.find(Advice, "writable", "volumes: [{name: tmp, emptyDir: {}}] mounted at /tmp",
			"the program can write nowhere, not even to /tmp: one that makes temporary files fails")
		return
	}
	if i := slices.IndexFunc(w.Paths, func(p string) bool { return a.report.Program != nil && p == a.report.Program.Real }); i >= 0 {
		a.find(Warning, "writable", "COPY --chown=0:0 --chmod=0755 …", "the program may overwrite its own file %s", w.Paths[i])
	}
}

// findSmaller says when less would do: what is not there has no bugs.
func (a *analysis) findSmaller() {
	p := a.report.Program
	if a.object == nil || p.Format != "elf" {
		return
	}
	shell := ""
	if len(a.report.Shells) > 0 {
		shell = a.report.Shells[0]
		if a.look(shell)[0].Real == p.Real || a.look(ProcessExecutable)[0].Real == a.look(shell)[0].Real {
			return // it is the program
		}
	}
	var needless []string
	if p.Static && slices.ContainsFunc([]string{"libc6", "musl", "glibc"}, a.has) {
		needless = append(needless, "C library")
	}
	if shell != "" {
		needless = append(needless, "shell "+shell)
	}
	switch {
	case len(needless) == 0 || !p.Static && (p.Libc != glibc || a.runtimeOf() != ""):
	case p.Static:
		a.find(Advice, "base", "FROM gcr.io/distroless/static-debian12:nonroot, or FROM scratch",
			"the program is static and does without the image's %s: a smaller base would do", strings.Join(needless, " and "))
	default:
		a.find(Advice, "base", "FROM gcr.io/distroless/base-debian12:nonroot (cc-debian12 for C++)",
			"the program needs glibc%s, and not the image's %s: a smaller base would do", libraryCount(p), needless[0])
	}
}

func libraryCount(p *Program) string {
	if n := len(p.Libraries); n > 1 {
		return fmt.Sprintf(" (%d libraries in all)", n)
	}
	return ""
}
