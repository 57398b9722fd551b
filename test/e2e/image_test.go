package e2e

import (
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// The flag is stronger than the variable.
func TestImage(t *testing.T) {
	t.Parallel()
	ours := os.Getenv("MINDEBUG_IMAGE")
	for name, c := range map[string]struct{ env, flag, want string }{
		"variable":          {env: stockImage, want: stockImage},
		"flag":              {flag: stockImage, want: stockImage},
		"flag and variable": {env: stockImage, flag: ours, want: ours},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := restrictedTarget(t)
			i := invocation{env: []string{"MINDEBUG_IMAGE=" + c.env}, args: []string{"-n", pod.Namespace, "pod/target"}}
			if c.flag != "" {
				i.args = append(i.args, "--image="+c.flag)
			}
			i.args = append(i.args, "--", "cat", "@/app/hello.txt")
			i.run(t).want(t, 0, "hello from the target\n", "")
			if got := onlyContainer(t, pod).Image; got != c.want {
				t.Errorf("the session container has image %s, want %s", got, c.want)
			}
		})
	}
}

// Any image with a POSIX shell serves.
func TestStockImage(t *testing.T) {
	t.Parallel()
	image := "--image=" + stockImage
	pod := debugged(t, image)
	t.Run("commands", func(t *testing.T) { runCommands(t, pod, image) })
	t.Run("words", func(t *testing.T) { runWords(t, pod, image) })
	t.Run("shell", func(t *testing.T) {
		term, prompt := openShell(t, pod, image)
		for _, c := range []struct{ keys, want string }{
			{"cat hello.txt; stty size\r", "\nhello from the target\r\n30 100\r\n"},
			{"sh -c 'echo r''eady; exec sleep 1000'\r", "\nready\r\n"},
			{"\x03", prompt},
			{"echo status $?\r", "\nstatus 130\r\n"},
		} {
			term.send(c.keys)
			term.expect(c.want)
		}
		term.leave("exit 7\r", 7)
	})
	onlyContainer(t, pod)
	wantUnchanged(t, pod)
}

// wantUnchanged fails the test where the target was restarted.
func wantUnchanged(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	now := current(t, pod)
	for i := range now.Status.ContainerStatuses {
		if before, after := pod.Status.ContainerStatuses[i].ContainerID, now.Status.ContainerStatuses[i].ContainerID; before != after {
			t.Errorf("container %s became %s", before, after)
		}
	}
}

// TestGroupsOfTheDebugImage: the /etc/group of BusyBox' public image lists root in wheel, which no plan can take away.
func TestGroupsOfTheDebugImage(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "privileged")
	pod := newPod(t, kubetest.Pod(ns, "target").Image("mindebug.test/http:root").RunAs(0, 0))
	shell := func(image string) result {
		return invocation{stdin: strings.NewReader("exit\n"), args: []string{"-n", ns, "pod/target", "--image=" + image}}.run(t)
	}
	const notice = "this session is in groups that its target is not in: 10;"
	if got := shell(stockImage); got.status != 0 || !strings.Contains(got.stderr, notice) {
		t.Errorf("status %d, stderr:\n%s\nwant %q", got.status, got.stderr, notice)
	}
	if got := shell(os.Getenv("MINDEBUG_IMAGE")); got.status != 0 || strings.Contains(got.stderr, "groups") {
		t.Errorf("with an image that lists nobody: status %d, stderr:\n%s", got.status, got.stderr)
	}
	if n := len(current(t, pod).Spec.EphemeralContainers); n != 2 {
		t.Errorf("%d session containers, want one of each image", n)
	}
}
