package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// words are words of a command and what the session makes of them, for a target whose process has the id 1.
var words = map[string]string{
	"@/app/hello.txt":         "/proc/1/root/app/hello.txt",
	"@/":                      "/proc/1/root/",
	"@/no/such/file":          "/proc/1/root/no/such/file",
	"@/app/":                  "/proc/1/root/app/",
	"@/app/./../app":          "/proc/1/root/app",
	"@/../../etc":             "/proc/1/root/etc",
	"@/a b":                   "/proc/1/root/a b",
	"@/a\nb\n":                "/proc/1/root/a\nb\n",
	"@/*":                     "/proc/1/root/*",
	"@/proc/@pid/exe":         "/proc/1/root/proc/1/exe",
	"@/proc/self/exe":         "/proc/1/root/proc/1/exe",
	"@/proc/self/cwd":         "/proc/1/root/app",
	"@/proc/1/root/etc":       "/proc/1/root/etc",
	"@pid":                    "1",
	"/proc/@pid/":             "/proc/1/",
	"-p@pid":                  "-p1",
	"--pid=@pid,@pid":         "--pid=1,1",
	"if=@/app/hello.txt":      "if=/proc/1/root/app/hello.txt",
	"@@":                      "@",
	"@@pid":                   "@pid",
	"@@/etc/passwd":           "@/etc/passwd",
	"@@@pid":                  "@1",
	"@":                       "@",
	"@pids":                   "@pids",
	"@pid_":                   "@pid_",
	"@rest.json":              "@rest.json",
	"dana@example.org":        "dana@example.org",
	"git@example.org:a/b.git": "git@example.org:a/b.git",
	"u:p@10.0.0.1/x":          "u:p@10.0.0.1/x",
	"a@":                      "a@",
	// Links, as they are within the target.
	"@/app/abs.txt":   "/proc/1/root/data/real.txt",
	"@/app/out":       "/proc/1/root/etc/hostname",
	"@/app/../app/./": "/proc/1/root/app/",
}

// runWords lets a session replace words. More arguments stand before the command.
func runWords(t *testing.T, pod *corev1.Pod, more ...string) {
	t.Helper()
	args := append(append([]string{"pod/target"}, more...), "--", "printf", `%s\0`)
	var want strings.Builder
	for word, replaced := range words {
		args = append(args, word)
		want.WriteString(replaced + "\x00")
	}
	mindebug(t, pod, args...).want(t, 0, want.String(), "")
}

func TestWords(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	runWords(t, pod)
	if got := mindebug(t, pod, "pod/target", "--", "cat", "@/app/loop"); got.status != 1 || got.stdout != "" || !strings.Contains(got.stderr, "symbolic links") {
		t.Errorf("a link to itself: status %d, stdout %q, stderr %q", got.status, got.stdout, got.stderr)
	}
	notice := func(path string) string {
		return "mindebug: " + path + " is a file of the target: write @" + path + "\n"
	}
	for name, c := range map[string]struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		"file":          {args: []string{"--", "cat", "@/app/hello.txt"}, stdout: "hello from the target\n"},
		"own file":      {args: []string{"--", "wc", "-c", "@/app/secret.txt"}, stdout: "26 /proc/1/root/app/secret.txt\n"},
		"absolute link": {args: []string{"--", "sh", "-c", `test -s "$1" && cmp "$1" "$2"`, "_", "@/app/abs.txt", "@/data/real.txt"}},
		"link that leads out": {
			args:   []string{"--", "sh", "-c", `test "$(cat "$1")" = "$(cat /proc/1/root/etc/hostname)" && echo same`, "_", "@/app/out"},
			stdout: "same\n",
		},
		"links of /proc are the kernel's":    {args: []string{"--", "readlink", "@/proc/@pid/exe"}, stdout: "/app/server\n"},
		"and lead where the kernel says":     {args: []string{"--", "cmp", "@/proc/@pid/exe", "@/app/server"}},
		"word of the command itself":         {args: []string{"--", "@/app/server", "-exit"}},
		"dd":                                 {args: []string{"--", "dd", "status=none", "if=@/app/hello.txt"}, stdout: "hello from the target\n"},
		"notice, since the file is @/":       {args: []string{"--", "cat", "/app/hello.txt"}, status: 1, stderr: "cat: can't open '/app/hello.txt': No such file or directory\n" + notice("/app/hello.txt")},
		"notice for a link":                  {args: []string{"--", "sh", "-c", "exit 9", "/app/abs.txt"}, status: 9, stderr: notice("/app/abs.txt")},
		"notice for a command":               {args: []string{"--", "sh", "-c", "exit 127", "/app/server"}, status: 127, stderr: notice("/app/server")},
		"one notice":                         {args: []string{"--", "sh", "-c", "exit 2", "_", "/nowhere", "/app/hello.txt", "/app"}, status: 2, stderr: notice("/app/hello.txt")},
		"no notice of what is nowhere":       {args: []string{"--", "sh", "-c", "exit 2", "/app/nowhere"}, status: 2},
		"no notice of what is in both":       {args: []string{"--", "sh", "-c", "exit 2", "/etc/hostname"}, status: 2},
		"no notice with -q":                  {args: []string{"-q", "--", "sh", "-c", "exit 2", "/app/hello.txt"}, status: 2},
		"no notice when the command is well": {args: []string{"--", "echo", "/app/hello.txt"}, stdout: "/app/hello.txt\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mindebug(t, pod, append([]string{"pod/target"}, c.args...)...).want(t, c.status, c.stdout, c.stderr)
		})
	}
}
