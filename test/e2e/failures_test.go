package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// closedAddress is one on which nothing listens.
const closedAddress = "127.0.0.1:1"

func TestWrongNames(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "web-7d"))
	failsBeforeThePatch(t, pod, []string{"pod/web-7e", "--", "true"}, `"web-7e"`, pod.Namespace, "pod/web-7d")
	failsBeforeThePatch(t, pod, []string{"pod/nothing-like-it", "--", "true"}, `"nothing-like-it"`, pod.Namespace, "kubectl get pods -n "+pod.Namespace)
	failsBeforeThePatch(t, pod, []string{"-c", "ap", "pod/web-7d", "--", "true"}, `"ap"`, "app (container, mindebug.test/http:nonroot, running)", "-c app")
	fails(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "no-such-namespace"}}, []string{"pod/web-7d", "--", "true"}, `"no-such-namespace"`)
}

// TestTargetsThatDoNotRun: what cannot be joined is left as it is, with the reason.
func TestTargetsThatDoNotRun(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	app := func(pod *corev1.Pod) corev1.ContainerStatus {
		return append(slices.Clone(pod.Status.ContainerStatuses), corev1.ContainerStatus{})[0]
	}
	waiting := func(reason string) func(*corev1.Pod) bool {
		return func(pod *corev1.Pod) bool {
			w := app(pod).State.Waiting
			return w != nil && strings.Contains(w.Reason, reason)
		}
	}
	for _, test := range []struct {
		pod   *kubetest.PodBuilder
		until func(*corev1.Pod) bool
		says  []string
	}{
		{
			// The kubelet says CrashLoopBackOff only for a moment before the next start: until then it is "terminated".
			pod:   plainTarget(ns, "crashes").Args("-exit-after", "10ms", "-exit-code", "7"),
			until: func(pod *corev1.Pod) bool { return app(pod).RestartCount > 0 && app(pod).State.Terminated != nil },
			says:  []string{`"app"`, "not running", "exit code 7", "restarts: ", "kubectl logs"},
		},
		{
			pod:   plainTarget(ns, "unpullable").Image(closedAddress + "/absent:1"),
			until: waiting("ImagePull"),
			says:  []string{`"app"`, "ImagePull", closedAddress + "/absent:1"},
		},
		{
			pod: plainTarget(ns, "finished").Args("-exit-after", "10ms", "-exit-code", "0").With(func(p *corev1.Pod) {
				p.Spec.RestartPolicy = corev1.RestartPolicyNever
			}),
			until: func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodSucceeded },
			says:  []string{"finished", "Succeeded"},
		},
		{
			pod: plainTarget(ns, "failed").Args("-exit-after", "10ms", "-exit-code", "3").With(func(p *corev1.Pod) {
				p.Spec.RestartPolicy = corev1.RestartPolicyNever
			}),
			until: func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodFailed },
			says:  []string{"finished", "Failed", "exit code 3"},
		},
		{
			pod: plainTarget(ns, "unscheduled").With(func(p *corev1.Pod) {
				p.Spec.NodeSelector = map[string]string{"mindebug.test/nowhere": "true"}
			}),
			until: func(pod *corev1.Pod) bool {
				return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
					return c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Message != ""
				})
			},
			says: []string{"no node", "didn't match Pod's node affinity/selector"},
		},
	} {
		pod := test.pod.Build()
		t.Run(pod.Name, func(t *testing.T) {
			t.Parallel()
			pod := waitFor(t, createPod(t, test.pod), "be as the test wants it", test.until)
			failsBeforeThePatch(t, pod, []string{"pod/" + pod.Name, "--", "true"}, append(test.says, "pod/"+pod.Name)...)
		})
	}
}

func TestPodThatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target").With(func(p *corev1.Pod) {
		p.Spec.TerminationGracePeriodSeconds = new(int64(600))
		p.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 600}}}
	}))
	pods := client.CoreV1().Pods(pod.Namespace)
	if err := pods.Delete(t.Context(), pod.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatalf("deleting pod: %v", err)
	}
	t.Cleanup(func() {
		if err := pods.Delete(context.Background(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}); err != nil {
			t.Errorf("deleting pod at once: %v", err)
		}
	})
	failsBeforeThePatch(t, pod, []string{"pod/target", "--", "true"}, "pod/target", "being deleted", "kubectl get pods -n "+pod.Namespace)
}

// TestMirrorPod: the API server shows a static pod, and can add nothing to it.
func TestMirrorPod(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(onNode(t), "static-pods")
	pod := plainTarget(newNamespace(t, "restricted"), "static").Build()
	pod.UID, pod.APIVersion, pod.Kind = "", "v1", "Pod"
	manifest, err := json.Marshal(pod)
	if err != nil {
		t.Fatalf("encoding manifest: %v", err)
	}
	path := filepath.Join(dir, pod.Namespace+".json")
	if err := os.WriteFile(path, manifest, 0o600); err != nil {
		t.Fatalf("writing manifest: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(path); err != nil {
			t.Errorf("removing manifest: %v", err)
		}
	})
	var mirror *corev1.Pod
	eventually(t, func(ctx context.Context) (bool, string) {
		list, err := client.CoreV1().Pods(pod.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil || len(list.Items) == 0 || list.Items[0].Status.Phase != corev1.PodRunning {
			return false, fmt.Sprintf("no running mirror pod (%v)", err)
		}
		mirror = &list.Items[0]
		return true, ""
	})
	failsBeforeThePatch(t, mirror, []string{"pod/" + mirror.Name, "--", "true"},
		"pod/"+mirror.Name, "mirror of a static pod", "kubectl debug node/"+mirror.Spec.NodeName)
}

// TestDebugImages: what is wrong with a debug image is said, with the kubelet's words.
func TestDebugImages(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for name, test := range map[string]struct {
		flags []string
		says  []string
	}{
		"unpullable":   {[]string{"--image", closedAddress + "/absent:1"}, []string{closedAddress + "/absent:1", "connection refused", "pull secrets: regcred\n"}},
		"never-pulled": {[]string{"--image", "mindebug.test/absent:1", "--image-pull-policy", "Never"}, []string{"mindebug.test/absent:1", "ErrImageNeverPull"}},
		"no-shell":     {[]string{"--image", "mindebug.test/http:root"}, []string{"mindebug.test/http:root", `"sh": executable file not found`, "shell"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(ns, name).With(func(p *corev1.Pod) {
				p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "regcred"}}
			}))
			fails(t, pod, append(test.flags, "pod/"+name, "--", "true"), append(test.says, "--image", "stays in the pod")...)
		})
	}
	t.Run("invalid", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, plainTarget(ns, "invalid"))
		for _, image := range []string{"Not/An:Image:Name", "busybox@sha256:12", "-", "a b"} {
			failsBeforeThePatch(t, pod, []string{"--image=" + image, "pod/invalid", "--", "true"}, image)
		}
	})
}

// TestPullThatTakesTooLong: --timeout bounds the start of a session container, pulls included.
func TestPullThatTakesTooLong(t *testing.T) {
	t.Parallel()
	onNode(t)
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
	image := silentListener(t) + "/slow:1"
	start := time.Now()
	fails(t, pod, []string{"--image", image, "--timeout=3s", "pod/target", "--", "true"}, "3s", "--timeout", image, "Pulling")
	if took := time.Since(start); took < 3*time.Second {
		t.Errorf("given up after %s, less than --timeout", took)
	}
}

// TestNoAPIServer: a server that is down, or does not answer, and a kubeconfig that cannot be read.
func TestNoAPIServer(t *testing.T) {
	t.Parallel()
	nowhere := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default"}}
	silent := silentListener(t)
	for name, test := range map[string]struct {
		flags []string
		least time.Duration
		says  []string
	}{
		"closed port":      {[]string{"--server=https://" + closedAddress}, 0, []string{closedAddress, "connection refused"}},
		"no answer":        {[]string{"--server=https://" + silent}, 10 * time.Second, []string{silent, "no answer"}},
		"no answer in 2 s": {[]string{"--server=https://" + silent, "--request-timeout=2s"}, 2 * time.Second, []string{silent, "2s"}},
		"no such host":     {[]string{"--server=https://mindebug.invalid:6443"}, 0, []string{"mindebug.invalid"}},
		"no kubeconfig":    {[]string{"--kubeconfig=/nonexistent/config"}, 0, []string{"/nonexistent/config"}},
		"no context":       {[]string{"--context=elsewhere"}, 0, []string{"elsewhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			fails(t, nowhere, append(test.flags, "pod/target", "--", "true"), test.says...)
			if took := time.Since(start); took < test.least {
				t.Errorf("given up after %s, less than %s", took, test.least)
			}
		})
	}
}
