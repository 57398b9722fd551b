package e2e

import (
	"regexp"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// wantEnded fails the test unless what ended the session is said in one block, and the status is that of SIGKILL.
func (r result) wantEnded(t *testing.T, pattern string) {
	t.Helper()
	if r.status != 137 || !block.MatchString(r.stderr) || !regexp.MustCompile(`(?s)\A`+pattern).MatchString(r.stderr) {
		t.Errorf("status %d, stdout %q, stderr:\n%s\nwant 137 and one block like this:\n%s", r.status, r.stdout, r.stderr, pattern)
	}
}

// shellTarget is a target that does what a script says, as the user of a session would.
func shellTarget(namespace, name, script string) *kubetest.PodBuilder {
	return plainTarget(namespace, name).Image(stockImage).With(func(p *corev1.Pod) {
		p.Spec.Containers[0].Command = []string{"sh", "-c", script}
	})
}

// TestTargetEndsInASession: all that runs in the process namespace of a target ends with it, and the session says so.
func TestTargetEndsInASession(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	t.Run("by itself", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, shellTarget(ns, "exits", "trap 'exit 7' TERM; while :; do sleep 0.1; done"))
		mindebug(t, pod, "pod/exits", "--", "sh", "-c", "kill -TERM $TPID; exec sleep 777").wantEnded(t,
			`error: the target (restarted|ended) \(exit 7\): container "app" of pod/exits, .*`+
				`it ended with exit code 7 \(Error\) .*hint: .*: kubectl mindebug -n `+ns+` pod/exits -c app\n`)
		waitFor(t, pod, "run again", func(p *corev1.Pod) bool {
			s := p.Status.ContainerStatuses
			return len(s) == 1 && s[0].RestartCount == 1 && s[0].State.Running != nil
		})
		mindebug(t, pod, "-c", "app", "pod/exits", "--", "echo", "again").want(t, 0, "again\n", "")
	})
	t.Run("for want of memory", func(t *testing.T) {
		t.Parallel()
		limits := func(p *corev1.Pod) { // the pod's own limit is the sum, so that it is the target's that is reached
			for i := range p.Spec.Containers {
				p.Spec.Containers[i].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}
			}
		}
		pod := newPod(t, shellTarget(ns, "greedy", "trap 'exec tail /dev/zero' TERM; while :; do sleep 0.1; done").
			Container("other").Restricted().RunAs(65532, 65532).With(limits))
		mindebug(t, pod, "-c", "app", "pod/greedy", "--", "sh", "-c", "kill -TERM $TPID; exec sleep 777").wantEnded(t,
			`error: the target (restarted|ended) \(exit 137\): container "app" of pod/greedy, .*exit code 137 \(OOMKilled\)`)
	})
}

// TestPodGoesInASession: a session whose pod goes says who took it.
func TestPodGoesInASession(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for name, test := range map[string]struct {
		end  func(*testing.T, *corev1.Pod) error
		says string
	}{
		"deleted": {func(t *testing.T, pod *corev1.Pod) error {
			t.Helper()
			return client.CoreV1().Pods(ns).Delete(t.Context(), pod.Name, metav1.DeleteOptions{})
		}, "error: pod/deleted was deleted, and the session ended with it\nhint: .*kubectl get pods -n " + ns},
		"deleted-by-force": {func(t *testing.T, pod *corev1.Pod) error {
			t.Helper()
			return client.CoreV1().Pods(ns).Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
		}, "error: pod/deleted-by-force was deleted, and"},
		"deleted-by-attach": {func(t *testing.T, pod *corev1.Pod) error {
			t.Helper()
			return client.CoreV1().Pods(ns).Delete(t.Context(), pod.Name, metav1.DeleteOptions{})
		}, "error: pod/deleted-by-attach was deleted, and the session ended with it\nhint: "},
		"evicted": {func(t *testing.T, pod *corev1.Pod) error {
			t.Helper()
			return client.CoreV1().Pods(ns).EvictV1(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}})
		}, "error: pod/evicted was evicted, and the session ended with it\n  EvictionByEvictionAPI: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(ns, name).With(func(p *corev1.Pod) { // there is a pod to be read when its session has ended
				p.Spec.TerminationGracePeriodSeconds = new(int64(10))
				p.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 5}}}
			}))
			flags := []string{"pod/" + name}
			if name == "deleted-by-attach" {
				flags = append(flags, "--via=attach")
			}
			b := inBackground(t, pod, append(flags, "--", "sh", "-c", "echo here; exec sleep 777")...)
			b.expect("here\n")
			if err := test.end(t, pod); err != nil {
				t.Fatalf("ending pod: %v", err)
			}
			b.wait().wantEnded(t, test.says)
		})
	}
}

// TestSessionIsKilled: nobody tells who killed what a session runs under; that it was killed is said.
func TestSessionIsKilled(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	const suicide = `while read -r key value; do [ $key != PPid: ] || reaper=$value; done </proc/$PPID/status; kill -KILL $reaper $PPID`
	mindebug(t, pod, "pod/target", "--", "sh", "-c", suicide).wantEnded(t,
		`error: the session in pod/target was killed\n.*its target ran when its node last told\nhint: enter again: `)
}

// TestPodIsReplacedMeanwhile: what was read of a pod is not written into another one of the same name.
func TestPodIsReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	two := func() *kubetest.PodBuilder {
		return plainTarget(ns, "target").Container("other").Env("PORT", "8081").Restricted().RunAs(65532, 65532)
	}
	pod := newPod(t, two())
	term := onTerminal(t, pod, "pod/target")
	term.expect("number (1-2): ")
	if err := client.CoreV1().Pods(ns).Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}); err != nil {
		t.Fatalf("deleting pod: %v", err)
	}
	pod = newPod(t, two())
	term.send("1\r")
	term.expect("error: pod/target was deleted or replaced meanwhile\r\nhint: ")
	if status := term.wait(); status != 125 {
		t.Errorf("exit status %d, want 125", status)
	}
	if n := len(sessionContainers(t, pod)); n != 0 {
		t.Errorf("the new pod has %d session containers, want none", n)
	}
}

// TestWaitIsShown: on a terminal one line says what is waited for and for how long, until there is something else to say;
// with --quiet there is none.
func TestWaitIsShown(t *testing.T) {
	t.Parallel()
	onNode(t) // the registry is here
	ns := newNamespace(t, "restricted")
	image := silentListener(t) + "/slow:1"
	t.Run("said", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, plainTarget(ns, "said"))
		term := onTerminal(t, pod, "--image", image, "pod/said")
		term.expect(clearLine + "pulling image " + image + ", ")
		term.expect(" s" + clearLine)
		term.send("\x03")
		term.expect(clearLine + "error: interrupted before the command began")
		if status := term.wait(); status != 130 {
			t.Errorf("exit status %d, want 130", status)
		}
	})
	t.Run("quiet", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, plainTarget(ns, "quiet"))
		term := onTerminal(t, pod, "-q", "--image", image, "--timeout=4s", "pod/quiet")
		if status := term.wait(); status != 125 {
			t.Errorf("exit status %d, want 125", status)
		}
		if regexp.MustCompile(`\x1b|pulling image`).MatchString(term.text()) {
			t.Errorf("--quiet, and yet a wait is shown: %q", term.text())
		}
	})
}
