package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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
			says:  []string{`"app"`, "not running", "exit code 7", "restarts: 1", "kubectl logs"},
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

// TestDebugImages: what is wrong with a debug image is said, with the kubelet's words.
func TestDebugImages(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for name, test := range map[string]struct {
		flags []string
		says  []string
	}{
		"unpullable":   {[]string{"--image", closedAddress + "/absent:1"}, []string{closedAddress + "/absent:1", "connection refused"}},
		"never-pulled": {[]string{"--image", "mindebug.test/absent:1", "--image-pull-policy", "Never"}, []string{"mindebug.test/absent:1", "ErrImageNeverPull"}},
		"no-shell":     {[]string{"--image", "mindebug.test/http:root"}, []string{"mindebug.test/http:root", `"sh": executable file not found`, "shell"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(ns, name))
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

// TestRefusedByPodSecurity: a pod that is older than its namespace's level is refused every debug container.
func TestRefusedByPodSecurity(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "privileged")
	pod := newPod(t, plainTarget(ns, "target").With(func(p *corev1.Pod) {
		p.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil
	}))
	patch := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
	if _, err := client.CoreV1().Namespaces().Patch(t.Context(), ns, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatalf("raising the namespace's level: %v", err)
	}
	awaitRefusal(t, pod, "PodSecurity")
	failsBeforeThePatch(t, pod, []string{"pod/target", "--", "true"}, "pod/target",
		`violates PodSecurity "restricted:latest"`, `allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false)`,
		"older")
}

// TestRefusedByAPolicy: the words of a ValidatingAdmissionPolicy are quoted, and the policy is named.
func TestRefusedByAPolicy(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	const words = "no debug containers on a Friday, see https://wiki.example/friday"
	pod := newPod(t, plainTarget(ns, "target"))
	policies := client.AdmissionregistrationV1()
	meta := metav1.ObjectMeta{Name: ns + ".mindebug.test"}
	_, err := policies.ValidatingAdmissionPolicies().Create(t.Context(), &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: meta,
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
					Rule: admissionregistrationv1.Rule{
						APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods/ephemeralcontainers"},
					},
				}}},
			},
			Validations: []admissionregistrationv1.Validation{{Expression: "false", Message: words}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating policy: %v", err)
	}
	t.Cleanup(func() {
		_ = policies.ValidatingAdmissionPolicyBindings().Delete(context.Background(), meta.Name, metav1.DeleteOptions{})
		if err := policies.ValidatingAdmissionPolicies().Delete(context.Background(), meta.Name, metav1.DeleteOptions{}); err != nil {
			t.Errorf("deleting policy: %v", err)
		}
	})
	_, err = policies.ValidatingAdmissionPolicyBindings().Create(t.Context(), &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: meta,
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        meta.Name,
			ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("binding policy: %v", err)
	}
	awaitRefusal(t, pod, words)
	failsBeforeThePatch(t, pod, []string{"pod/target", "--", "true"}, "pod/target", words, "ValidatingAdmissionPolicy", meta.Name)
}

// awaitRefusal waits until the server refuses debug containers in the pod with that word.
func awaitRefusal(t *testing.T, pod *corev1.Pod, word string) {
	t.Helper()
	eventually(t, func(ctx context.Context) (bool, string) {
		err := dryRunAdd(ctx, pod)
		return err != nil && apierrors.ReasonForError(err) != "" && strings.Contains(err.Error(), word), "the server takes a container"
	})
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
