//go:build unix

package session

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shells are those of this machine that the scripts are tried with.
func shells(t *testing.T, test func(t *testing.T, shell []string)) {
	t.Helper()
	t.Run("sh", func(t *testing.T) {
		t.Parallel()
		test(t, []string{"/bin/sh"})
	})
	t.Run("busybox", func(t *testing.T) {
		t.Parallel()
		busybox, err := exec.LookPath("busybox")
		if err != nil {
			t.Skip("no busybox on PATH: its shell is tried by the end-to-end tests only")
		}
		test(t, []string{busybox, "sh"})
	})
}

// function is the text of a function of a script.
func function(t *testing.T, script, name string) string {
	t.Helper()
	text := regexp.MustCompile(`(?ms)^` + name + `\(\) (\{[^\n]*\}|\{.*?^\})$`).FindString(code(script))
	if text == "" {
		t.Fatalf("the script has no function %q", name)
	}
	return text
}

// eval runs a script with arguments as the leader of a session of its own, and returns what it writes.
func eval(t *testing.T, shell []string, script string, args ...string) string {
	t.Helper()
	words := append(append(shell[1:len(shell):len(shell)], "-c", script, "test"), args...)
	cmd := exec.CommandContext(t.Context(), shell[0], words...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	// A session that was begun outside of this process namespace has the number 0 in it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %v: %s", shell, err, stderr.String())
	}
	return string(out)
}

// words runs `word` on each of the words in one shell, and returns what becomes of them with root for $T. A process is the
// target's where its cgroup contains id.
func words(t *testing.T, shell []string, root, id string, in []string) []string {
	t.Helper()
	script := fmt.Sprintf("T=%s TPID=4711 id=%s\n%s\n%s\n%s\n%s\nfor a; do word \"$a\"; printf '%%s\\0' \"$w\"; done\n",
		root, id, function(t, insideScript, "names"), function(t, insideScript, "under"), function(t, insideScript, "inside"), function(t, runScript, "word"))
	return strings.Split(strings.TrimSuffix(eval(t, shell, script, in...), "\x00"), "\x00")
}

func TestWord(t *testing.T) {
	t.Parallel()
	// There is nothing under this root, so that paths stay as they are.
	const root = "/nonexistent"
	cases := [][2]string{
		{"", ""},
		{"plain", "plain"},
		{"/etc/passwd", "/etc/passwd"},
		{"@", "@"},
		{"@@", "@"},
		{"@@@@", "@@"},
		{"@@/etc/passwd", "@/etc/passwd"},
		{"@@pid", "@pid"},
		{"@/", root + "/"},
		{"@/etc/passwd", root + "/etc/passwd"},
		{"@/etc/", root + "/etc/"},
		{"@//etc//./passwd", root + "/etc/passwd"},
		{"@/..", root},
		{"@/../../etc", root + "/etc"},
		{"@/a/../b", root + "/b"},
		{"@/a/../../../b", root + "/b"},
		{"@/a/..b/...", root + "/a/..b/..."},
		{"--file=@/x", "--file=" + root + "/x"},
		{"if=@/dev/zero", "if=" + root + "/dev/zero"},
		{"@@@/x", "@" + root + "/x"},
		{"@/x@/y", root + "/x@/y"},
		{"@/a@@b", root + "/a@b"},
		{"@/a@pid", root + "/a4711"},
		{"@pid", "4711"},
		{"/proc/@pid/status", "/proc/4711/status"},
		{"@pid@pid", "47114711"},
		{"@pid.", "4711."},
		{"@pid ", "4711 "},
		{"@pid-1", "4711-1"},
		{"@pids", "@pids"},
		{"@pid_1", "@pid_1"},
		{"@pid1", "@pid1"},
		{"@PID", "@PID"},
		{"me@example.com", "me@example.com"},
		{"user@", "user@"},
		{"a b\tc", "a b\tc"},
		{"*?[x]", "*?[x]"},
		{"$HOME `id` $(id) \\ \" '", "$HOME `id` $(id) \\ \" '"},
		{"@/$(id)/*", root + "/$(id)/*"},
		{"@/a b/c\\d", root + "/a b/c\\d"},
		{"@/-n", root + "/-n"},
		{"-n", "-n"},
		{"@/line\nend\n", root + "/line\nend\n"},
		{"@/\xff\xfe", root + "/\xff\xfe"},
	}
	shells(t, func(t *testing.T, shell []string) {
		var in, want []string
		for _, c := range cases {
			in, want = append(in, c[0]), append(want, c[1])
		}
		for i, got := range words(t, shell, root, "0123", in) {
			if got != want[i] {
				t.Errorf("%q becomes %q; want %q", in[i], got, want[i])
			}
		}
	})
}

// TestInside follows links of a target as its own kernel would, and never out of its root.
func TestInside(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "root")
	for _, dir := range []string{"etc", "usr/lib", "a/b/c", "proc/1", "with space", "new\nline", "-dash"} {
		mustDo(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, file := range []string{"etc/passwd", "usr/lib/os-release", "a/b/c/file", "with space/x", "new\nline/x", "-dash/-n"} {
		mustDo(t, os.WriteFile(filepath.Join(root, file), []byte("target's "+file), 0o600))
	}
	for link, to := range map[string]string{
		"abs":           "/etc/passwd",
		"etc/os":        "../usr/lib/os-release",
		"absdir":        "/a/b",
		"reldir":        "a/b",
		"out":           "../../../../../../../../../../etc/passwd",
		"outdir":        "/../..",
		"a/up":          "..",
		"a/b/twice":     "/absdir/../up/etc",
		"self":          "self",
		"ping":          "pong",
		"pong":          "/ping",
		"dangling":      "/no/such",
		"to space":      "/with space",
		"to line":       "new\nline",
		"ends in line":  "x\n",
		"to dash":       "/-dash/-n",
		"trailing":      "/etc/",
		"dots":          "/./a/.//b/../b/./c",
		"proc/1/root":   "/",
		"toproc":        "/proc/1/root/etc/passwd",
		"slash":         "/",
		"through":       "slash/slash/abs",
		"expansion":     "/$(id)/`id`/*",
		"a/b/c/pattern": "*",
	} {
		mustDo(t, os.Symlink(to, filepath.Join(root, link)))
	}
	for i := range 60 { // chain0 → chain1 → … → chain59 → /etc/passwd
		mustDo(t, os.Symlink(fmt.Sprintf("chain%d", i+1), filepath.Join(root, fmt.Sprintf("chain%d", i))))
	}
	mustDo(t, os.Symlink("/etc/passwd", filepath.Join(root, "chain60")))
	cases := [][2]string{
		{"/etc/passwd", "/etc/passwd"},
		{"/abs", "/etc/passwd"},
		{"/etc/os", "/usr/lib/os-release"},
		{"/absdir/c/file", "/a/b/c/file"},
		{"/reldir/c/file", "/a/b/c/file"},
		{"/reldir/../b", "/a/b"},
		{"/absdir/..", "/a"},
		{"/absdir/", "/a/b/"},
		{"/out", "/etc/passwd"},
		{"/outdir", ""},
		{"/outdir/etc", "/etc"},
		{"/a/up/a/up/a/b", "/a/b"},
		{"/a/b/twice", "/etc"},
		{"/dangling", "/no/such"},
		{"/dangling/more", "/no/such/more"},
		{"/abs/../x", "/etc/x"},
		{"/to space/x", "/with space/x"},
		{"/to line/x", "/new\nline/x"},
		{"/ends in line", "/x\n"},
		{"/to dash", "/-dash/-n"},
		{"/trailing/passwd", "/etc/passwd"},
		{"/dots/file", "/a/b/c/file"},
		{"/through", "/etc/passwd"},
		{"/expansion", "/$(id)/`id`/*"},
		{"/a/b/c/pattern", "/a/b/c/*"},
		// The root of a process of the target is the target's; else what lies in /proc is the kernel's.
		{"/proc/1/root/etc", "/etc"},
		{"/toproc", "/etc/passwd"},
		{"/proc/1/fd/3", "/proc/1/fd/3"},
		{"/proc/self/status", "/proc/4711/status"},
		{"/proc/thread-self/comm", "/proc/4711/task/4711/comm"},
		{"/proc/net/../1/root/abs", "/etc/passwd"},
		{"/proc/uptime", "/proc/uptime"},
		{"/chain59", "/etc/passwd"},
		{"/chain25", "/etc/passwd"},
	}
	shells(t, func(t *testing.T, shell []string) {
		var in, want []string
		for _, c := range cases {
			in, want = append(in, "@"+c[0]), append(want, root+c[1])
		}
		if diff := cmp.Diff(want, words(t, shell, root, everyProcess, in)); diff != "" {
			t.Errorf("files of the target (-want +got):\n%s", diff)
		}
		// The kernel gives up after a number of links, too; and another process' root is not the target's. None of these
		// may be left as a name that leads anywhere.
		out := []string{
			"@/self", "@/ping", "@/ping/x", "@/chain0", "@/chain10/", "@/proc/1/root/etc/passwd", "@/proc/1/cwd/x", "@/proc/1/root", "@/toproc",
		}
		for i, got := range words(t, shell, root, noProcess, out) {
			if _, err := os.Lstat(got); err == nil || strings.HasPrefix(got, root) {
				t.Errorf("%s leads to %q", out[i], got)
			}
		}
	})
}

// everyProcess is part of every process' cgroup, noProcess of none.
const (
	everyProcess = "/"
	noProcess    = "no-such-container"
)

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLib runs the functions that scripts share and that need no container.
func TestLib(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustDo(t, os.WriteFile(filepath.Join(dir, "cgroup"), []byte("12:memory:/kubepods/pod1/0123abcd\n0::/../0123abcd.scope\n"), 0o600))
	mustDo(t, os.WriteFile(filepath.Join(dir, "cmdline"), []byte("sh\x00-c\x00 x y\x00\nmore"), 0o600))
	shells(t, func(t *testing.T, shell []string) {
		script := strings.Join([]string{
			function(t, libScript, "now"), function(t, libScript, "line"), function(t, insideScript, "names"), function(t, libScript, "parent"),
			`cd "$1"`,
			`line cmdline; echo "line: [$x]"`,
			`line missing; echo "line of none: [$x]"`,
			`names cgroup 0123abcd && echo named`,
			`names cgroup 0123abcd.scope && echo named in a later line`,
			`names cgroup 4567 || echo not named`,
			`names missing 4567 || echo no file`,
			`now; [ "$t" -gt 0 ] && echo now`,
			`parent $$; [ "$pp" = "$2" ] && echo parent`,
			`[ "$sid" = $$ ] && echo session`,
			`parent 999999999 || echo "no process: [$pp$sid]"`,
		}, "\n")
		got := eval(t, shell, script, dir, fmt.Sprint(os.Getpid()))
		want := []string{
			"line: [sh-c x y]", "line of none: []", "named", "named in a later line", "not named", "no file", "now", "parent",
			"session", "no process: []", "",
		}
		if diff := cmp.Diff(want, strings.Split(got, "\n")); diff != "" {
			t.Errorf("output (-want +got):\n%s", diff)
		}
	})
}

// TestSeen: what tells the kind of an image, found below a root and nowhere else.
func TestSeen(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 40)
	for name, test := range map[string]struct {
		// files are texts, and links to what follows an arrow.
		files map[string]string
		want  string
	}{
		"nothing":         {map[string]string{"app": "x"}, "- - -"},
		"a shell":         {map[string]string{"usr/bin/dash": "x", "bin": "->usr/bin"}, "/usr/bin/dash - -"},
		"a link out":      {map[string]string{"bin": "->/bin", "usr/bin/sh": "->/bin/sh", "sbin/sh": "->../../../bin/sh"}, "- - -"},
		"a folder":        {map[string]string{"bin/sh/x": "x"}, "- - -"},
		"the debug image": {map[string]string{"busybox/sh": "x"}, "/busybox/sh - -"},
		"distroless":      {map[string]string{"usr/lib/os-release": "NAME=x\nID=debian\n", "etc/os-release": "->../usr/lib/os-release", "var/lib/dpkg/status.d/x": "x"}, "- debian var/lib/dpkg/status.d"},
		"Wolfi":           {map[string]string{"etc/os-release": "ID=\"wolfi\"\n", "lib/apk/db/installed": "x"}, `- "wolfi" lib/apk/db/installed`},
		"no name":         {map[string]string{"etc/os-release": "NAME=x"}, "- linux -"},
		"hostile":         {map[string]string{"etc/os-release": "ID=$(id) `id` \x1b[2J"}, "- linux -"},
		"long":            {map[string]string{"etc/os-release": "ID=" + long}, "- linux -"},
		"a release out":   {map[string]string{"etc/os-release": "->/etc/os-release"}, "- - -"},
	} {
		root := t.TempDir()
		for file, text := range test.files {
			path := filepath.Join(root, file)
			mustDo(t, os.MkdirAll(filepath.Dir(path), 0o700))
			if to, is := strings.CutPrefix(text, "->"); is {
				mustDo(t, os.Symlink(to, path))
			} else {
				mustDo(t, os.WriteFile(path, []byte(text), 0o600))
			}
		}
		shells(t, func(t *testing.T, shell []string) {
			script := fmt.Sprintf("T=%s facts=first\n%s\n%s\nseen\nprintf %%s \"$facts\"\n", root, function(t, runScript, "plain"), function(t, runScript, "seen"))
			if got := eval(t, shell, script); got != "first\nimage "+test.want {
				t.Errorf("%s, in %s: %q; want %q", name, shell, got, test.want)
			}
		})
	}
}
