package e2e

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestRefusedByPodSecurity: Pod Security judges the pod as a whole, so that what is older than its level stands in the way
// of every debug container.
func TestRefusedByPodSecurity(t *testing.T) {
	t.Parallel()
	raise := func(t *testing.T, pod *corev1.Pod) {
		t.Helper()
		patch := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
		if _, err := client.CoreV1().Namespaces().Patch(t.Context(), pod.Namespace, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatalf("raising the namespace's level: %v", err)
		}
		awaitRefusal(t, pod, "PodSecurity")
	}
	t.Run("own container", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, plainTarget(newNamespace(t, "privileged"), "target").With(func(p *corev1.Pod) {
			p.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil
		}))
		raise(t, pod)
		failsBeforeThePatch(t, pod, []string{"pod/target", "--", "true"}, `error: Pod Security "restricted:latest" takes no debug container in pod/target`,
			`allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false)`,
			"container app of the pod itself violates", "would not be admitted today")
	})
	t.Run("earlier debug container", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, plainTarget(newNamespace(t, "privileged"), "target"))
		plant(t, pod, corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "debugger-x", Image: stockImage, Command: []string{"sleep", "600"},
		}})
		raise(t, pod)
		failsBeforeThePatch(t, pod, []string{"pod/target", "--", "true"}, `error: Pod Security "restricted:latest" takes no debug container in pod/target`,
			`container "debugger-x" must set`, "container debugger-x was added to the pod earlier", "nothing can be in this pod any more")
	})
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
	failsBeforeThePatch(t, pod, []string{"pod/target", "--", "true"}, "pod/target", words,
		"error: ValidatingAdmissionPolicy \""+meta.Name+"\" takes no debug container", "kubectl get validatingadmissionpolicy "+meta.Name)
}

// awaitRefusal waits until the server refuses debug containers in the pod with that word.
func awaitRefusal(t *testing.T, pod *corev1.Pod, word string) {
	t.Helper()
	eventually(t, func(ctx context.Context) (bool, string) {
		err := dryRunAdd(ctx, pod)
		return err != nil && apierrors.ReasonForError(err) != "" && strings.Contains(err.Error(), word), "the server takes a container"
	})
}

// webhook is an admission webhook of a test's own, for the debug containers of one namespace.
type webhook struct {
	// name is its name and its configuration's.
	name   string
	config admissionregistrationv1.WebhookClientConfig
	calls  atomic.Int64
}

// newWebhook serves answers, which are given the JSON pointer of the container that is added, on this machine.
func newWebhook(t *testing.T, name string, answer func(added string) *admissionv1.AdmissionResponse) *webhook {
	t.Helper()
	onNode(t)
	w := &webhook{name: name}
	server := httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		w.calls.Add(1)
		var review admissionv1.AdmissionReview
		var before, after corev1.Pod
		err := json.NewDecoder(in.Body).Decode(&review)
		if err == nil {
			err = errors.Join(json.Unmarshal(review.Request.OldObject.Raw, &before), json.Unmarshal(review.Request.Object.Raw, &after))
		}
		if err != nil {
			http.Error(out, err.Error(), http.StatusBadRequest)
			return
		}
		added := slices.IndexFunc(after.Spec.EphemeralContainers, func(c corev1.EphemeralContainer) bool {
			return !slices.ContainsFunc(before.Spec.EphemeralContainers, func(old corev1.EphemeralContainer) bool { return old.Name == c.Name })
		})
		review.Response = answer(fmt.Sprintf("/spec/ephemeralContainers/%d", added))
		review.Response.UID = review.Request.UID
		_ = json.NewEncoder(out).Encode(review)
	}))
	t.Cleanup(server.Close)
	w.config = admissionregistrationv1.WebhookClientConfig{
		URL: &server.URL, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}
	return w
}

func (w *webhook) rules() []admissionregistrationv1.RuleWithOperations {
	return []admissionregistrationv1.RuleWithOperations{{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods/ephemeralcontainers"}},
	}}
}

func (w *webhook) namespace(pod *corev1.Pod) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: pod.Namespace}}
}

// validate makes it a validating webhook for the pod's namespace until the test ends.
func (w *webhook) validate(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	configurations := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err := configurations.Create(t.Context(), &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: w.name},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: w.name, ClientConfig: w.config, Rules: w.rules(), NamespaceSelector: w.namespace(pod),
			SideEffects: new(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating webhook: %v", err)
	}
	t.Cleanup(func() {
		if err := configurations.Delete(context.Background(), w.name, metav1.DeleteOptions{}); err != nil {
			t.Errorf("deleting webhook: %v", err)
		}
	})
}

// mutate makes it a mutating webhook for the pod's namespace until the test ends, and waits until it is called.
func (w *webhook) mutate(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	configurations := client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err := configurations.Create(t.Context(), &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: w.name},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: w.name, ClientConfig: w.config, Rules: w.rules(), NamespaceSelector: w.namespace(pod),
			SideEffects: new(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating webhook: %v", err)
	}
	t.Cleanup(func() {
		if err := configurations.Delete(context.Background(), w.name, metav1.DeleteOptions{}); err != nil {
			t.Errorf("deleting webhook: %v", err)
		}
	})
	eventually(t, func(ctx context.Context) (bool, string) {
		err := dryRunAdd(ctx, pod)
		return w.calls.Load() > 0, fmt.Sprintf("the webhook is not called (%v)", err)
	})
}

// TestRefusedByAWebhook: its words are quoted, whatever status it answers with, and it is named; so is one that is down.
func TestRefusedByAWebhook(t *testing.T) {
	t.Parallel()
	const words = "images are taken from registry.example only, see https://wiki.example/images"
	for name, code := range map[string]int32{"forbids": http.StatusForbidden, "finds-nothing": http.StatusNotFound, "conflicts": http.StatusConflict} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
			w := newWebhook(t, name+"."+pod.Namespace+".mindebug.test", func(string) *admissionv1.AdmissionResponse {
				return &admissionv1.AdmissionResponse{Result: &metav1.Status{
					Message: words, Code: code, Reason: metav1.StatusReason(http.StatusText(int(code))),
				}}
			})
			w.validate(t, pod)
			awaitRefusal(t, pod, words)
			failsBeforeThePatch(t, pod, []string{"pod/target", "--", "true"},
				fmt.Sprintf("error: webhook %q takes no debug container in pod/target\n", w.name), words, "webhookconfigurations")
		})
	}
	t.Run("is down", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
		w := &webhook{
			name:   "down." + pod.Namespace + ".mindebug.test",
			config: admissionregistrationv1.WebhookClientConfig{URL: new("https://" + closedAddress + "/")},
		}
		w.validate(t, pod)
		awaitRefusal(t, pod, w.name)
		failsBeforeThePatch(t, pod, []string{"pod/target", "--", "true"},
			fmt.Sprintf("error: webhook %q gives no answer", w.name), "connection refused", "nor will be until it answers")
	})
}

// patches answers with one operation of a JSON patch to the container that is added.
func patches(operation, field string, value any) func(string) *admissionv1.AdmissionResponse {
	return func(added string) *admissionv1.AdmissionResponse {
		patch, err := json.Marshal([]map[string]any{{"op": operation, "path": added + field, "value": value}})
		if err != nil {
			return &admissionv1.AdmissionResponse{Result: &metav1.Status{Message: err.Error()}}
		}
		return &admissionv1.AdmissionResponse{Allowed: true, Patch: patch, PatchType: new(admissionv1.PatchTypeJSONPatch)}
	}
}

// TestPrivilegesChangedByAWebhook: a session never has other privileges than its mirror.
func TestPrivilegesChangedByAWebhook(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "privileged"), "target"))
	w := newWebhook(t, "privileges."+pod.Namespace+".mindebug.test", patches("replace", "/securityContext/runAsUser", 4242))
	w.mutate(t, pod)
	failsBeforeThePatch(t, pod, []string{"pod/target", "--", "true"}, "would change the privileges", "  runAsUser: 65532 becomes 4242\n", "webhook")
}

// TestContainerChangedByAWebhook: an image that is rewritten, or a variable that is added, is told, and the container that
// came of it serves the next session too.
func TestContainerChangedByAWebhook(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		operation, field string
		value            any
		says             string
	}{
		"image":    {"replace", "/image", stockImage, "image " + os.Getenv("MINDEBUG_IMAGE") + " becomes " + stockImage},
		"variable": {"add", "/env/-", corev1.EnvVar{Name: "HTTP_PROXY", Value: "proxy.example:3128"}, "variable HTTP_PROXY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
			w := newWebhook(t, name+"."+pod.Namespace+".mindebug.test", patches(test.operation, test.field, test.value))
			w.mutate(t, pod)
			for range 2 {
				r := invocation{stdin: strings.NewReader("id -u\n"), args: []string{"-n", pod.Namespace, "pod/target"}}.run(t)
				if notice := "the API server alters the session container, by a webhook for instance: " + test.says + "\n"; r.status != 0 ||
					r.stdout != "65532\n" || !strings.Contains(r.stderr, notice) {
					t.Errorf("status %d, stdout %q, stderr lacks %q:\n%s", r.status, r.stdout, notice, r.stderr)
				}
				waitForSession(t, pod)
			}
			onlyAdded(t, pod)
		})
	}
}

// TestQuotasDoNotCount: neither a quota that is used up nor limits that are demanded stand in the way of a debug container,
// which has no resources of its own.
func TestQuotasDoNotCount(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	pod := newPod(t, plainTarget(ns, "target").Guaranteed("10m", "64Mi"))
	_, err := client.CoreV1().ResourceQuotas(ns).Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "full"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{
			corev1.ResourcePods: resource.MustParse("1"), corev1.ResourceLimitsMemory: resource.MustParse("64Mi"), corev1.ResourceLimitsCPU: resource.MustParse("10m"),
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating quota: %v", err)
	}
	_, err = client.CoreV1().LimitRanges(ns).Create(t.Context(), &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "demanded"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer, Min: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("16Mi")},
		}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating limit range: %v", err)
	}
	waitForQuota(t, ns)
	succeeds(t, pod, "pod/target", "--", "true")
}

// waitForQuota waits until the quota counts: another pod is refused.
func waitForQuota(t *testing.T, ns string) {
	t.Helper()
	eventually(t, func(ctx context.Context) (bool, string) {
		second := plainTarget(ns, "second").Guaranteed("10m", "64Mi").Build()
		second.UID = ""
		_, err := client.CoreV1().Pods(ns).Create(ctx, second, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota: full"), fmt.Sprintf("a second pod is taken (%v)", err)
	})
}
