package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestDetach: a command that is left goes on without its client, is listed, is not ended unasked, and leaves nothing.
func TestDetach(t *testing.T) {
	t.Parallel()
	pod := newPod(t, shellTarget(newNamespace(t, "restricted"), "target", "exec sleep 100000").With(func(p *corev1.Pod) {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		p.Spec.Containers[0].VolumeMounts = append(p.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data"})
	}))
	const capture = `echo lost; echo lost >&2; while sleep 0.1; do echo packet >>$T/data/capture; done`
	got := mindebug(t, pod, "pod/target", "--detach", "--ttl=1h", "--reason=INC-9", "--", "sh", "-c", capture)
	c := onlyContainer(t, pod)
	said := regexp.MustCompile(`\A` + place(t, pod) + ` uid 65532 \(mirror\)\nsession (\w{8}) runs in container ` + c.Name +
		` for 60m at the most .*\nsee whether it runs: kubectl mindebug sessions -n .*\nend it: kubectl mindebug stop -n .*\n\z`).FindStringSubmatch(strings.Replace(got.stderr, ",", "", 1))
	if got.status != 0 || got.stdout != "pod/target "+c.Name+"\n" || said == nil {
		t.Fatalf("status %d, stdout %q, stderr:\n%s", got.status, got.stdout, got.stderr)
	}
	grown := func(least int) func(context.Context) (bool, string) {
		return func(context.Context) (bool, string) {
			text := succeeds(t, pod, "pod/target", "--", "sh", "-c", "wc -l <$T/data/capture")
			n, _ := strconv.Atoi(strings.TrimSpace(text))
			return n >= least, text
		}
	}
	eventually(t, grown(10))
	waitForSession(t, pod)
	items := listSessions(t, mindebug(t, pod, "sessions", "pod/target", "-o", "json"), pod.Namespace)
	if len(items) != 1 || len(items[0].InUse) != 1 {
		t.Fatalf("listed %+v, want one in use", items)
	}
	if use := items[0].InUse[0]; use.Session != said[1] || use.Reason != "INC-9" || !use.Detached || use.SecondsLeft < 3000 || use.SecondsLeft > 3600 {
		t.Errorf("in use by %+v, want session %s, detached, for some 3600 s", use, said[1])
	}
	if table := mindebug(t, pod, "sessions", "pod/target"); !strings.Contains(table.stdout, " 1 (1 detached) ") {
		t.Errorf("listed:\n%s", table.stdout)
	}
	refused := mindebug(t, pod, "stop", "pod/target")
	if refused.status != 1 || !strings.Contains(refused.stderr, "session "+said[1]) || !strings.Contains(refused.stderr, "left running, ended in ") {
		t.Errorf("stop ended with %d, %s", refused.status, refused.stderr)
	}
	if forced := mindebug(t, pod, "stop", "pod/target", "--force"); forced.status != 0 {
		t.Errorf("stop --force ended with %d, %s", forced.status, forced.stderr)
	}
	wantGone(t, pod, "sleep 0.1")
	const still = `n=$(wc -l <$T/data/capture); sleep 1; [ $n = $(wc -l <$T/data/capture) ] && ! grep -q lost $T/data/capture`
	succeeds(t, pod, "pod/target", "--", "sh", "-c", still)
}

// TestDetachedIsEnded: what was left ends with its time to live.
func TestDetachedIsEnded(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	for _, quiet := range []string{"--quiet", "--quiet=false"} {
		got := mindebug(t, pod, "pod/target", "--detach", "--ttl=12s", quiet, "--", "tail", "-f", "/dev/null")
		if got.status != 0 || (got.stderr == "") != (quiet == "--quiet") {
			t.Fatalf("status %d, stderr %q", got.status, got.stderr)
		}
		if in := succeeds(t, pod, "pod/target", "--", "ps", "-o", "comm"); !strings.Contains(in, "tail\n") {
			t.Errorf("what was left does not run:\n%s", in)
		}
		wantGone(t, pod, "tail")
	}
	onlyContainer(t, pod)
}

// TestDetachedAtOnce: a command that ends while its client is there has its own exit status.
func TestDetachedAtOnce(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	c := onlyContainer(t, pod)
	for status, test := range map[int]struct{ command, stdout, said string }{
		0:   {"true", "pod/target " + c.Name + "\n", ""},
		1:   {"false", "", ""},
		126: {"/proc", "", "sh: /proc: not executable\n"},
		127: {"nosuch", "", "sh: nosuch: not found\n"},
	} {
		mindebug(t, pod, "pod/target", "--detach", "--", test.command).want(t, status, test.stdout,
			fmt.Sprintf("%s uid 65532 (mirror)\n%sthe command has ended already, with exit status %d\n", place(t, pod), test.said, status))
	}
}
