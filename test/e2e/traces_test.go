package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// intrude tries to look into each process of the pod that is neither its own container's nor the target's.
const intrude = `mine=$(cat /proc/self/cgroup) theirs=$(cat /proc/$TPID/cgroup)
for d in /proc/[0-9]*; do
  [ "$d" != "/proc/$TPID" ] && c=$(cat $d/cgroup 2>/dev/null) || continue
  [ "$c" != "$mine" ] && [ "$c" != "$theirs" ] || continue
  echo "process: $(tr '\0' ' ' <$d/cmdline)"
  for f in root cwd fd; do echo "$f: $(ls $d/$f/ 2>&1)"; done
  for f in environ mem maps exe; do echo "$f: $(head -c 1 $d/$f 2>&1 | tr '\0\n' '  ')"; done
done`

// TestSessionIsClosedToItsTarget: another process of the target's user, with the target's privileges and a shell, gets
// nothing from the processes of a session in our image.
func TestSessionIsClosedToItsTarget(t *testing.T) {
	t.Parallel()
	wantClosed(t, "exec", "mindebug-hold", "reaper ", "mindebug:", "cat ")
}

// TestAttachedIsClosedToItsTarget: the same of a container that is attached to.
func TestAttachedIsClosedToItsTarget(t *testing.T) {
	t.Parallel()
	wantClosed(t, "attach", "mindebug-attach", "reaper ", "mindebug:", "cat ")
}

// wantClosed opens a session, and fails the test where another container may look into one of its processes, among which are
// those of parts.
func wantClosed(t *testing.T, via string, parts ...string) {
	t.Helper()
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
	openSession(t, pod, "--via="+via)
	var seen string
	eventually(t, func(context.Context) (bool, string) { // the keeper's stream is opened after the command has begun
		seen = succeeds(t, pod, "--image", stockImage, "pod/target", "--", "sh", "-c", intrude)
		return strings.Contains(seen, "mindebug-keep:"), seen
	})
	var processes []string
	for line := range strings.Lines(seen) {
		if process, ok := strings.CutPrefix(line, "process: "); ok {
			processes = append(processes, process)
		} else if !strings.HasSuffix(strings.TrimSpace(line), "Permission denied") {
			t.Errorf("process %q is open: %s", processes[len(processes)-1], line)
		}
	}
	for _, part := range parts {
		if !slices.ContainsFunc(processes, func(p string) bool { return strings.Contains(p, part) }) {
			t.Errorf("no process %q of the session is among these:\n%s", part, seen)
		}
	}
}

// TestNoticeOfAnOpenSession: where others can look into a session, whoever opens it is told so, and only there.
func TestNoticeOfAnOpenSession(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
	for name, test := range map[string]struct {
		image string
		said  bool
	}{"ours": {os.Getenv("MINDEBUG_IMAGE"), false}, "stock": {stockImage, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term := onTerminal(t, pod, "--image", test.image, "pod/target")
			term.expect("uid 65532 ")
			term.expect("$ ")
			if said := strings.Contains(term.text(), "can look into this session"); said != test.said {
				t.Errorf("the notice is there: %t, want %t:\n%s", said, test.said, term.text())
			}
			term.send("exit\r")
			term.wait()
		})
	}
}

// TestNothingIsLeftOfASession: what a session ran is gone with it, and its container holds the holder and nothing else.
func TestNothingIsLeftOfASession(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for name, image := range debugImages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(ns, name))
			r := mindebug(t, pod, "--image", image, "pod/"+name, "--", "sh", "-c", "sleep 4241 & setsid sleep 4242 >/dev/null 2>&1 & exit 7")
			r.want(t, 7, "", "")
			openSession(t, pod, "--image", image)()
			container := onlyAdded(t, pod).Name
			eventually(t, func(context.Context) (bool, string) {
				// A keeper with a stream of its own may take a moment longer than its client. ps shows the whole pod.
				left := kubectl(t, "exec", "-n", ns, name, "-c", container, "--", "ps", "-o", "args")
				lines := strings.Split(strings.TrimSpace(left), "\n")
				if image == stockImage { // a zombie of an image that has no reaper stays with the target's first process
					lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "[") })
				}
				return len(lines) == 4 && lines[1] == "/app/server" && strings.Contains(lines[2], "mindebug-hold") &&
					strings.HasPrefix(lines[3], "ps "), left
			})
		})
	}
}

// TestNothingIsLeftOfAPod: a pod is deleted with all its session containers as fast as one that has none, and nothing of it
// stays on the node.
func TestNothingIsLeftOfAPod(t *testing.T) {
	t.Parallel()
	onNode(t)
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
	openSession(t, pod)
	openSession(t, pod, "--image", stockImage)
	if before := processesOf(t, pod); len(before) < 3 {
		t.Fatalf("the node has only these processes of the pod: %q", before)
	}
	err := client.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{})
	if err != nil {
		t.Fatalf("deleting pod: %v", err)
	}
	eventually(t, func(context.Context) (bool, string) {
		left := processesOf(t, pod)
		return len(left) == 0, fmt.Sprintf("%q", left)
	})
}

// processesOf returns the command lines of the pod's processes on this machine.
func processesOf(t *testing.T, pod *corev1.Pod) (commands []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		cgroup, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(cgroup), string(pod.UID)) {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		commands = append(commands, strings.ReplaceAll(string(command), "\x00", " "))
	}
	return commands
}
