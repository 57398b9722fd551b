package e2e

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// debugImages are the debug images that a session must be harmless in.
func debugImages() map[string]string {
	return map[string]string{"ours": os.Getenv("MINDEBUG_IMAGE"), "stock": stockImage}
}

// guaranteed is a pod that may use 100 MiB, and whose container holds 60 of them.
func guaranteed(namespace, name string) *kubetest.PodBuilder {
	return plainTarget(namespace, name).Guaranteed("200m", "100Mi").Args("-allocate", "60MiB")
}

// TestOutOfMemory: a session that takes all the memory of a Guaranteed pod is killed, its target is not.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for name, image := range debugImages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, guaranteed(ns, name))
			run := func(command ...string) result {
				t.Helper()
				return mindebug(t, pod, append([]string{"--image", image, "pod/" + name, "--"}, command...)...)
			}
			// Field 22 of proc_pid_stat(5) is when the process was started.
			started := []string{"cut", "-d ", "-f1,22", "/proc/@pid/stat"}
			before := run(started...)
			if before.status != 0 {
				t.Fatalf("status %d, stderr %q", before.status, before.stderr)
			}
			if r := run("tail", "/dev/zero"); r.status != 137 || r.stdout != "" {
				t.Errorf("taking all memory: status %d, stdout %q, stderr %q\nwant 137: killed", r.status, r.stdout, r.stderr)
			}
			if after := run(started...); after != before {
				t.Errorf("the target's process was %+v, and is %+v", before, after)
			}
			now := current(t, pod)
			if diff := cmp.Diff(pod.Status.ContainerStatuses, now.Status.ContainerStatuses); diff != "" {
				t.Errorf("the target's status has changed (-before +after):\n%s", diff)
			}
			if now.Status.Phase != corev1.PodRunning || len(now.Spec.EphemeralContainers) != 1 {
				t.Errorf("the pod is %s and has %d session containers, want Running and 1", now.Status.Phase, len(now.Spec.EphemeralContainers))
			}
		})
	}
}

// scores prints the oom_score_adj and the command line of each process of the session's container, as soon as its keeper is
// there and none is on its way to 1000 any more, or after 10 s. It must not contain the words that it looks for.
const scores = `mine=$(cat /proc/self/cgroup) round=0
look() {
  for d in /proc/[0-9]*; do
    [ "$(cat $d/cgroup)" = "$mine" ] || continue
    line=$(tr '\0\n' '  ' <$d/cmdline) && [ -n "$line" ] && echo "$(cat $d/oom_score_adj) $line"
  done 2>/dev/null
}
while seen=$(look); [ $((round = round + 1)) -le 50 ]; do
  case $seen in *mindebug-[k]eep:*) echo "$seen" | grep -qv '^1000 ' || break ;; esac
  sleep 0.2
done
echo "$seen"`

// TestOOMScore: each process of a session is the kernel's first choice, and its target's score is left as it was.
func TestOOMScore(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for name, image := range debugImages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, guaranteed(ns, name))
			for _, flags := range [][]string{{"--image", image}, {"--image", image, "-i"}} {
				seen := succeeds(t, pod, append(flags, "pod/"+name, "--", "sh", "-c", scores, "the-command")...)
				for _, process := range []string{"mindebug-hold", "mindebug:", "mindebug-keep:", "the-command"} {
					if !strings.Contains(seen, process) {
						t.Errorf("%q: no process %s is among these:\n%s", flags, process, seen)
					}
				}
				for line := range strings.Lines(seen) {
					if !strings.HasPrefix(line, "1000 ") {
						t.Errorf("%q: oom_score_adj is not 1000: %s", flags, line)
					}
				}
			}
			score := succeeds(t, pod, "--image", image, "pod/"+name, "--", "cat", "/proc/@pid/oom_score_adj")
			if n, err := strconv.Atoi(strings.TrimSpace(score)); err != nil || n > 0 {
				t.Errorf("the target's oom_score_adj is %q, which no Guaranteed pod has", score)
			}
		})
	}
}

// TestNoticeOfLimits: who works in a pod that has limits is told them, and what is in use.
func TestNoticeOfLimits(t *testing.T) {
	t.Parallel()
	pod := newPod(t, guaranteed(newNamespace(t, "restricted"), "target").With(func(p *corev1.Pod) {
		r := p.Spec.Containers[0].Resources
		r.Limits[corev1.ResourceEphemeralStorage] = resource.MustParse("77Mi")
		r.Requests[corev1.ResourceEphemeralStorage] = resource.MustParse("77Mi")
	}))
	term := onTerminal(t, pod, "pod/target")
	term.expect("$ ")
	notices := term.text()
	match := regexp.MustCompile(`memory.* limit of 100Mi .*\b(\d+)Mi\b`).FindStringSubmatch(notices)
	if match == nil {
		t.Fatalf("the notices do not tell the limit of 100Mi and what is in use:\n%s", notices)
	}
	if used, err := strconv.Atoi(match[1]); err != nil || used < 60 || used > 100 {
		t.Errorf("%s Mi are said to be in use; the target holds 60 of 100", match[1])
	}
	if !regexp.MustCompile(`storage.*\b77Mi\b`).MatchString(notices) {
		t.Errorf("the notices do not tell the ephemeral-storage limit of 77Mi:\n%s", notices)
	}
	term.send("exit\r")
	if status := term.wait(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}
