//go:build unix

package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// procEntry is a process of a made-up /proc.
type procEntry struct {
	pid, parent, session int
	name, state          string
	cgroup               string
	cmdline, environ     string
}

// TestBelow finds what runs in one session among all that a process namespace may have.
func TestBelow(t *testing.T) {
	t.Parallel()
	const own, target, root = "4:memory:/pod/own", "4:memory:/pod/target", "4:memory:/"
	wrapper := func(id string) string {
		return "sh\x00-c\x00eval \"$MINDEBUG_RUN\"\x00mindebug\x00mindebug:" + id + ":why\x00"
	}
	keeper := "sh\x00-c\x00eval \"$MINDEBUG_KEEP\"\x00mindebug-keep:one\x00"
	processes := []procEntry{
		{1, 0, 1, "app", "S", target, "/app\x00", "MINDEBUG_SESSION=one"},
		{7, 0, 7, "sh", "S", own, "sh\x00-c\x00eval \"$MINDEBUG_HOLD\"\x00mindebug-hold\x00", ""},
		{9, 0, 10, "reaper", "S", own, "reaper\x00" + wrapper("one"), ""},
		{10, 0, 10, "reaper", "S", own, "reaper\x00" + wrapper("one"), ""},
		{11, 10, 10, "sh", "S", own, wrapper("one"), ""},
		{12, 11, 10, "sh", "S", own, keeper, ""},
		{13, 12, 10, "dd", "S", own, "dd\x00", ""},
		{14, 11, 10, "sh", "R", own, wrapper("one"), ""},
		{15, 14, 15, "x) S 1 1 1\ny", "S", own, "daemon\x00", ""},
		{16, 10, 10, "dead", "Z", own, "", ""},
		{17, 10, 17, "threads", "Z", own, "", ""},
		{18, 17, 18, "child", "S", own, "child\x00", ""},
		{19, 11, 10, "ends", "R", root, "", ""},
		{20, 1, 10, "same session", "S", own, "left\x00", ""},
		{21, 1, 21, "left behind", "S", own, "left\x00", "A=b\x00MINDEBUG_SESSION=one\x00"},
		{22, 21, 22, "its child", "S", own, "env\x00", ""},
		{30, 0, 30, "reaper", "S", own, "reaper\x00" + wrapper("two"), ""},
		{31, 30, 30, "sh", "S", own, wrapper("two"), ""},
		{32, 31, 30, "sleep", "S", own, "sleep\x00", ""},
		{33, 1, 33, "left by two", "S", own, "left\x00", "MINDEBUG_SESSION=two\x00"},
		{34, 1, 34, "ends elsewhere", "R", root, "", ""},
		{35, 1, 10, "app", "S", target, wrapper("one"), "MINDEBUG_SESSION=one\x00"},
		{36, 0, 36, "keeper", "S", own, keeper, ""},
	}
	proc := t.TempDir()
	for _, p := range processes {
		p.write(t, filepath.Join(proc, fmt.Sprint(p.pid)))
	}
	shells(t, func(t *testing.T, shell []string) {
		var script strings.Builder
		for _, f := range []string{"line", "short", "parent", "ours", "one", "below"} {
			script.WriteString(strings.ReplaceAll(function(t, libScript, f), "/proc/", proc+"/") + "\n")
		}
		script.WriteString(function(t, insideScript, "names") + `
		cgroup=$1
		(read -r -n1 _ </dev/null; [ $? -lt 2 ]) 2>/dev/null && few=1
		below "$2" "$3"
		echo $tops; echo $reapers; echo $work; echo $pids`)
		got := eval(t, shell, script.String(), own, `*eval "$MINDEBUG_RUN"mindebugmindebug:one:*`, "MINDEBUG_SESSION=one")
		want := "11\n10 9\n21 13 14 15 18 20 22 19\n10 11 12 13 14 15 18 20 21 22 30 31 32 33 36 7 9\n"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tops, reapers, work and all of the container (-want +got):\n%s", diff)
		}
	})
}

// write makes the folder of a process.
func (p procEntry) write(t *testing.T, dir string) {
	t.Helper()
	mustDo(t, os.Mkdir(dir, 0o755))
	stat := fmt.Sprintf("%d (%s) %s %d %d %d%s\n", p.pid, p.name, p.state, p.parent, p.session, p.session, strings.Repeat(" 0", 46))
	for file, text := range map[string]string{"cgroup": p.cgroup + "\n", "stat": stat, "cmdline": p.cmdline, "environ": p.environ} {
		mustDo(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
}
