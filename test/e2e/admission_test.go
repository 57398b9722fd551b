package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/policy/policytest"
)

// TestAdmission: an API server says of each case what cel-go does, and so of kubectl debug's profiles. No pod of it runs.
func TestAdmission(t *testing.T) {
	t.Parallel()
	if !identityFromStatus(t) {
		t.Skip("the status tells no user")
	}
	ns := newNamespace(t, "privileged")
	cases := policytest.Cases()
	crowd, add := policytest.Crowd()
	cases = append(cases, policytest.Case{Name: "50 beside 50", Pod: crowd, Add: add}, policytest.Case{Name: "one beside 50", Pod: crowd, Add: add[:1]})
	pods := storeAll(t, ns, cases)
	debugged := debuggedPods(t, ns)
	holdPolicy(t, ns)
	for i, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			_, err := dryAdd(t, ns, pods[i], c)
			denied := fmt.Sprintf("ValidatingAdmissionPolicy '%s' with binding '%[1]s' denied request: ", ns)
			switch {
			case c.Refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.Refused != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), denied) || !strings.Contains(err.Error(), c.Refused)):
				t.Errorf("error %v; want %q", err, denied+c.Refused)
			}
		})
	}
	for _, d := range debugged {
		t.Run("kubectl debug: "+d.name, func(t *testing.T) {
			t.Parallel()
			d.run(t, ns)
		})
	}
}

// holdPolicy applies what `policy generate` prints for the cases, in the namespace alone, and waits until it holds.
func holdPolicy(t *testing.T, ns string, flags ...string) {
	t.Helper()
	p := policytest.Policy()
	args := append([]string{"policy", "generate", "--name", ns, "--namespace-selector", corev1.LabelMetadataName + "=" + ns, "--step-up-reason"}, flags...)
	for _, image := range p.Images {
		args = append(args, "--image-prefix", image)
	}
	for _, digest := range p.Digests {
		args = append(args, "--image-digest", digest)
	}
	for _, group := range p.StepUpGroups {
		args = append(args, "--step-up-group", group)
	}
	manifests := invocation{args: args}.run(t)
	if manifests.status != 0 || manifests.stderr != "" {
		t.Fatalf("policy generate: status %d, stderr %q", manifests.status, manifests.stderr)
	}
	t.Cleanup(func() {
		remove := exec.CommandContext(context.Background(), "kubectl", "delete", "--wait=false", "-f", "-")
		remove.Stdin = strings.NewReader(manifests.stdout)
		if out, err := remove.CombinedOutput(); err != nil {
			t.Errorf("removing the policy: %v\n%s", err, out)
		}
	})
	apply := exec.CommandContext(t.Context(), "kubectl", "apply", "-f", "-")
	apply.Stdin = strings.NewReader(manifests.stdout)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("applying the policy: %v\n%s", err, out)
	}
	probe := store(t, ns, "probe", kubetest.Pod(ns, "probe").Build())
	eventually(t, func(context.Context) (bool, string) {
		_, err := dryAdd(t, ns, probe, policytest.Case{Add: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "probe", Image: "x"}}}})
		return err != nil && strings.Contains(err.Error(), ns), fmt.Sprintf("the policy does not hold: %v", err)
	})
}

// storeAll stores the pods of the cases, each that is the same once, and returns their names.
func storeAll(t *testing.T, ns string, cases []policytest.Case) (names []string) {
	t.Helper()
	known := map[string]string{}
	for _, c := range cases {
		text, err := json.Marshal(c.Pod)
		if err != nil {
			t.Fatal(err)
		}
		if known[string(text)] == "" {
			known[string(text)] = store(t, ns, fmt.Sprintf("pod-%d", len(known)), c.Pod.DeepCopy())
		}
		names = append(names, known[string(text)])
	}
	return names
}

// store stores a pod that no node takes, with its status and its debug containers.
func store(t *testing.T, ns, name string, pod *corev1.Pod) string {
	t.Helper()
	pods := client.CoreV1().Pods(ns)
	status, earlier := pod.Status, pod.Spec.EphemeralContainers
	pod.Namespace, pod.Name, pod.UID = ns, name, ""
	pod.Spec.SchedulerName, pod.Spec.EphemeralContainers = "none", nil
	stored, err := pods.Create(t.Context(), pod, metav1.CreateOptions{})
	if err == nil {
		stored.Status = status
		stored, err = pods.UpdateStatus(t.Context(), stored, metav1.UpdateOptions{})
	}
	if err == nil && len(earlier) > 0 {
		stored.Spec.EphemeralContainers = earlier
		_, err = pods.UpdateEphemeralContainers(t.Context(), name, stored, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatalf("storing pod %s: %v", name, err)
	}
	return name
}

// dryAdd asks the server as the cases' user to add the containers of a case, by a patch that puts them first.
func dryAdd(t *testing.T, ns, pod string, c policytest.Case) (*corev1.Pod, error) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": c.Add}})
	if err != nil {
		t.Fatal(err)
	}
	return clientAs(t, policytest.User, c.Groups...).CoreV1().Pods(ns).Patch(t.Context(), pod, types.StrategicMergePatchType, patch,
		metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}, "ephemeralcontainers")
}

// clientAs is a client for a user of that name and those groups, who may do everything.
func clientAs(t *testing.T, user string, groups ...string) kubernetes.Interface {
	t.Helper()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		t.Fatalf("reading kubeconfig: %v", err)
	}
	config.WarningHandler, config.QPS = rest.NoWarnings{}, -1
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(slices.Clone(groups), "system:masters")}
	as, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatalf("making client: %v", err)
	}
	return as
}

// debugCase is a run of kubectl debug.
type debugCase struct {
	name, pod string
	args      []string
	// refused is a part of what it is refused with, or "".
	refused string
}

func (d debugCase) run(t *testing.T, ns string) {
	t.Helper()
	args := append([]string{"debug", "-n", ns, d.pod}, d.args...)
	out, err := exec.CommandContext(t.Context(), "kubectl", args...).CombinedOutput()
	switch {
	case d.refused == "" && err != nil:
		t.Errorf("kubectl %q: %v\n%s", args, err, out)
	case d.refused != "" && (err == nil || !strings.Contains(string(out), d.refused)):
		t.Errorf("kubectl %q: %v\n%s\nwant %q", args, err, out, d.refused)
	}
}

// debuggedPods stores pods whose user their specification tells, and returns what kubectl debug's profiles come to in them.
func debuggedPods(t *testing.T, ns string) []debugCase {
	t.Helper()
	as := func(id int64) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &id, RunAsGroup: &id}
		}
	}
	store(t, ns, "plain", kubetest.Pod(ns, "plain").Restricted().With(as(65532)).Build())
	store(t, ns, "root", kubetest.Pod(ns, "root").With(as(0)).Build())
	store(t, ns, "privileged", kubetest.Pod(ns, "privileged").With(as(0)).With(func(p *corev1.Pod) {
		p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
	}).Build())
	var all []debugCase
	add := func(pod, profile, refused string, args ...string) {
		args = append([]string{"--image=registry.test/debug:1", "--profile=" + profile}, args...)
		all = append(all, debugCase{fmt.Sprintf("%s %q", pod, args[1:]), pod, args, refused})
	}
	for _, p := range []struct{ profile, plain, root, privileged string }{
		{"legacy", "capabilities: CHOWN", "", ""},
		{"general", "SYS_PTRACE (target: without); allowPrivilegeEscalation: true (target: false)", "capabilities: SYS_PTRACE (target: without)", ""},
		{"baseline", "capabilities: CHOWN", "", ""},
		{"netadmin", "NET_ADMIN", "capabilities: NET_ADMIN", ""},
		{"restricted", "", "", ""},
		{"sysadmin", "privileged: true (target: false)", "privileged: true (target: false)", ""},
	} {
		add("plain", p.profile, p.plain, "--target=app")
		add("root", p.profile, p.root, "--target=app")
		add("privileged", p.profile, p.privileged, "--target=app")
		add("plain", p.profile, "names no target, so nothing says what it may do")
	}
	add("plain", "restricted", "sets PATH", "--target=app", "--env=PATH=/tmp")
	add("plain", "restricted", "has image busybox, which is none of those allowed", "--target=app", "--image=busybox")
	return all
}

// TestAdmissionStamps: the server writes who adds a container over what the client says, and leaves others alone.
func TestAdmissionStamps(t *testing.T) {
	t.Parallel()
	if minor, err := serverVersion(); err != nil || minor < 36 {
		t.Skipf("MutatingAdmissionPolicy is v1 from Kubernetes 1.36 on (%d, %v)", minor, err)
	}
	const user = "MINDEBUG_USER"
	ns := newNamespace(t, "privileged")
	old := corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: "old", Image: "evil.test/old", Env: []corev1.EnvVar{{Name: user, Value: "kim"}},
	}}
	mirror := policytest.Cases()[0]
	mirror.Pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{old}
	pod := store(t, ns, "target", mirror.Pod)
	holdPolicy(t, ns, "--stamp-user", "v1")
	for name, env := range map[string][]corev1.EnvVar{
		"none":  nil,
		"own":   {{Name: user, Value: policytest.User}},
		"other": {{Name: user, Value: "eve"}},
		"two":   {{Name: user, Value: "eve"}, {Name: "MINDEBUG_X", Value: "x"}, {Name: user, Value: "mallory"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mirror
			c.Add = []corev1.EphemeralContainer{*mirror.Add[0].DeepCopy()}
			c.Add[0].Env = env
			var got *corev1.Pod
			eventually(t, func(context.Context) (bool, string) { // the two policies do not begin to hold at one moment
				var err error
				got, err = dryAdd(t, ns, pod, c)
				return err == nil && len(got.Spec.EphemeralContainers) == 2 && len(got.Spec.EphemeralContainers[0].Env) > 0, fmt.Sprint(got, err)
			})
			var users []string
			for _, v := range got.Spec.EphemeralContainers[0].Env {
				if v.Name == user {
					users = append(users, v.Value)
				}
			}
			if !slices.Equal(users, []string{policytest.User}) {
				t.Errorf("the new container was made by %q", users)
			}
			if got := got.Spec.EphemeralContainers[1]; got.Name != "old" || !slices.Equal(got.Env, old.Env) {
				t.Errorf("the old container is %s with %v", got.Name, got.Env)
			}
		})
	}
}
