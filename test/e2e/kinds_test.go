package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/test/images"
)

// imageStore keeps the images of every kind beside what the cluster was built from.
func imageStore(t *testing.T) images.Store {
	t.Helper()
	onNode(t)
	cache := os.Getenv("MINDEBUG_CLUSTER_CACHE")
	if cache == "" {
		t.Fatal("MINDEBUG_CLUSTER_CACHE is not set: evaluate what `env` of the test cluster prints")
	}
	return images.Store{Dir: filepath.Join(cache, "images", "kinds")}
}

// onTheNode are the images that the node was given by this process, and what came of it.
var onTheNode sync.Map

// kindOf returns an image of the table, and gives it to the node where that does not have it. It stays there: others want it,
// too.
func kindOf(t *testing.T, name string) images.Image {
	t.Helper()
	store, i := imageStore(t), images.ByName(name)
	given, _ := onTheNode.LoadOrStore(name, sync.OnceValue(func() error {
		// It is for all tests, of which any may ask first and end.
		return giveNode(context.WithoutCancel(t.Context()), store, i)
	}))
	if err := given.(func() error)(); err != nil {
		t.Fatalf("giving image %s to the node: %v", name, err)
	}
	return i
}

func giveNode(ctx context.Context, store images.Store, i images.Image) error {
	image, err := store.Image(ctx, i.Name)
	if err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	there, err := exec.CommandContext(ctx, "ctr", "images", "ls", "name=="+i.Ref).Output()
	if err != nil || strings.Contains(string(there), digest.String()) {
		return err
	}
	archive, in := io.Pipe()
	go func() { _ = in.CloseWithError(store.WriteArchive(ctx, i.Name, in)) }()
	cmd := exec.CommandContext(ctx, "ctr", "images", "import", "-")
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = archive, &out, &out
	err = cmd.Run()
	if err != nil {
		err = fmt.Errorf("ctr images import: %w\n%s", err, out.Bytes())
	}
	return errors.Join(err, archive.Close())
}

// kindPod is a pod of such an image in the making, which is ready when its program answers.
func kindPod(t *testing.T, namespace string, i images.Image) *kubetest.PodBuilder {
	t.Helper()
	b := kubetest.Pod(namespace, i.Name).Image(i.Ref).Restricted()
	if i.Runs() && !identityFromStatus(t) {
		b.RunAs(i.UID, i.UID)
	}
	return b.With(func(p *corev1.Pod) {
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
			PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(8080)}},
		}
	})
}

// TestSessionsInEveryKindOfImage: a shell, a command, files and /proc, wherever a program runs.
func TestSessionsInEveryKindOfImage(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for _, i := range images.All {
		if !i.Runs() {
			continue
		}
		t.Run(i.Name, func(t *testing.T) {
			t.Parallel()
			kindOf(t, i.Name)
			pod := newPod(t, kindPod(t, ns, i))
			target := "pod/" + pod.Name
			for _, c := range []struct {
				args []string
				want string
			}{
				{[]string{"id", "-u"}, fmt.Sprintf("%d\n", i.UID)},
				{[]string{"cat", "@/app/hello.txt"}, "hello from " + i.Name + "\n"},
				{[]string{"ls", "@/app"}, strings.Join(i.Files, "\n") + "\n"},
				{[]string{"sh", "-c", `tr '\0' '\n' <"/proc/$TPID/cmdline"`}, strings.Join(i.Command, "\n") + "\n"},
				{[]string{"sh", "-c", `readlink "/proc/$TPID/exe"; pwd`}, i.Executable + "\n/proc/1/root/app\n"},
				{[]string{"wget", "-qO-", "http://127.0.0.1:8080/"}, i.Answer},
			} {
				if got := succeeds(t, pod, append([]string{target, "--"}, c.args...)...); got != c.want {
					t.Errorf("%q printed %q, want %q", c.args, got, c.want)
				}
			}
			if root := succeeds(t, pod, target, "--", "ls", "@/"); !strings.Contains("\n"+root, "\napp\n") {
				t.Errorf("ls @/ printed %q", root)
			}
			term := onTerminal(t, pod, target)
			term.expect(fmt.Sprintf("%s app uid %d /proc/1/root/app $ ", pod.Name, i.UID))
			term.send("cat hello.txt; exit 3\r")
			term.expect("\nhello from " + i.Name)
			if status := term.wait(); status != 3 {
				t.Errorf("the shell ended with %d, want 3:\n%s", status, term.text())
			}
			onlyContainer(t, pod)
			wantUnchanged(t, pod)
		})
	}
}

// TestImagesThatDoNotStart: there is no process to join, which is said before the pod is changed, with the words of who
// could not start it where there are any.
func TestImagesThatDoNotStart(t *testing.T) {
	t.Parallel()
	ns, loose := newNamespace(t, "restricted"), newNamespace(t, "baseline")
	crashes := []string{"it ended with exit code 1", "restarts: ", "kubectl logs"}
	for _, test := range []struct {
		image string
		// looser drops runAsNonRoot, which would stop the kubelet before the runtime is asked.
		looser bool
		says   []string
	}{
		{image: "broken-dynamic", says: crashes},
		{image: "broken-architecture", says: crashes},
		{image: "broken-script", says: crashes},
		{image: "broken-user", says: []string{"CreateContainerConfigError", "image has non-numeric user (app), cannot verify user is non-root"}},
		{image: "broken-user", looser: true, says: []string{"CreateContainerError", "failed to create containerd container"}},
		{image: "broken-name", says: []string{"CreateContainerConfigError", "image has non-numeric user (nonroot), cannot verify user is non-root"}},
		{image: "broken-entrypoint", says: []string{"CreateContainerError", "no command specified"}},
	} {
		t.Run(fmt.Sprintf("%s/looser=%t", test.image, test.looser), func(t *testing.T) {
			t.Parallel()
			b := kindPod(t, ns, kindOf(t, test.image))
			if test.looser {
				b = kindPod(t, loose, kindOf(t, test.image)).With(func(p *corev1.Pod) { p.Spec.Containers[0].SecurityContext.RunAsNonRoot = nil })
			}
			pod := waitFor(t, createPod(t, b), "fail to start", doesNotStart)
			says := append([]string{"pod/" + pod.Name, "is not running", "there is no process to join"}, test.says...)
			failsBeforeThePatch(t, pod, []string{"pod/" + pod.Name, "--", "true"}, says...)
		})
	}
}

// doesNotStart reports whether the kubelet has tried to start the pod's container, and waits before it tries again.
func doesNotStart(pod *corev1.Pod) bool {
	for _, s := range pod.Status.ContainerStatuses {
		w := s.State.Waiting
		return w != nil && strings.HasPrefix(w.Reason, "CreateContainer") || s.RestartCount > 0 && s.State.Running == nil
	}
	return false
}
