package e2e

import (
	"context"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// intruder is a target that has been taken over: as fast as a shell can, it tries to look into each new process that is not
// of its own container. Opening mem for writing asks the kernel what ptrace(2) asks (proc_mem_open in fs/proc/base.c). On
// SIGUSR1 it says how many it looked at.
const intruder = `read -r mine </proc/self/cgroup
looks=0
trap 'echo "looks $looks"' USR1
while :; do
  read -r _ _ _ _ last </proc/loadavg
  for p in $((last + 1)) $last $((last - 1)) $((last - 2)) $((last - 3)) $((last - 4)); do
    d=/proc/$p theirs=''
    read -r theirs <$d/cgroup
    [ -n "$theirs" ] && [ "$theirs" != "$mine" ] || continue
    looks=$((looks + 1)) x=''
    IFS= read -r x <$d/environ
    [ -z "$x" ] || echo "hit: environ"
    { true 3<>$d/mem; } && echo "hit: mem"
    [ ! -e $d/root/bin ] || echo "hit: root"
    [ ! -e $d/fd/0 ] || echo "hit: fd"
  done
done 2>/dev/null`

// TestIntruder: who has taken over the target, and runs as its user, gets into no process of a session in our image however
// often he tries, and into one in an image that is open.
func TestIntruder(t *testing.T) {
	t.Parallel()
	pod := newPod(t, shellTarget(newNamespace(t, "restricted"), "target", intruder))
	read := func() string {
		t.Helper()
		log, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: "app"}).DoRaw(t.Context())
		if err != nil {
			t.Fatalf("reading log: %v", err)
		}
		return string(log)
	}
	for range 20 {
		mindebug(t, pod, "pod/target", "--", "true").want(t, 0, "", "")
	}
	succeeds(t, pod, "pod/target", "--", "kill", "-USR1", "@pid")
	looks := regexp.MustCompile(`looks [1-9]\d+\n`)
	eventually(t, func(context.Context) (bool, string) {
		log := read()
		return looks.MatchString(log), "it looked at fewer than 10 processes: " + log
	})
	if log := read(); strings.Contains(log, "hit: ") {
		t.Errorf("the target got into a session:\n%s", log)
	}
	succeeds(t, pod, "--image", stockImage, "pod/target", "--", "sleep", "1")
	eventually(t, func(context.Context) (bool, string) {
		log := read()
		return strings.Contains(log, "hit: environ") && strings.Contains(log, "hit: mem") && strings.Contains(log, "hit: root"),
			"it did not get into a session in an image that is open: " + log
	})
}
