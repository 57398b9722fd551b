package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
)

// checkReport is what `check -o json` prints, as docs/check.md describes it.
type checkReport struct {
	APIVersion, Kind string
	Summary          struct{ Yes, No, Unknown int }
	Items            []checkItem
}

type checkItem struct {
	Namespace string
	Workload  struct {
		Kind, Name string
		Pods       int
	}
	Pod, Container, Works string
	As                    *struct {
		UID, GID int64
		Profile  string
	}
	Findings []struct {
		About, Verdict, Text, Fix string
		Facts                     []string
	}
	Plan []struct {
		Field, Origin string
		Value         any
	}
}

// check runs `kubectl mindebug check -o json ARGS…`, which must end with that status.
func check(t *testing.T, pod *corev1.Pod, status int, args ...string) checkReport {
	t.Helper()
	r := mindebug(t, pod, append([]string{"check", "-o", "json"}, args...)...)
	var report checkReport
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.status != status || r.stderr != "" {
		t.Fatalf("check %q: status %d, stderr %q, %v in stdout:\n%s\nwant status %d and one object", args, r.status, r.stderr, err, r.stdout, status)
	}
	if report.APIVersion != "mindebug/v1alpha1" || report.Kind != "CheckReport" {
		t.Fatalf("the object is a %s of %s", report.Kind, report.APIVersion)
	}
	return report
}

// verdicts are the findings by what they are about, in their order: "target yes".
func (i checkItem) verdicts() []string {
	var out []string
	for _, f := range i.Findings {
		out = append(out, f.About+" "+f.Verdict)
	}
	return out
}

// about returns the texts, facts and fixes of the findings that are about that and stand in the way.
func (i checkItem) about(what string) string {
	var out []string
	for _, f := range i.Findings {
		if f.About == what && f.Verdict == "no" {
			out = append(out, f.Text)
			out = append(append(out, f.Facts...), f.Fix)
		}
	}
	return strings.Join(out, "\n")
}

// TestCheckWorks: a session works, as the target's user, and then it does; nothing is added by the check.
func TestCheckWorks(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	got := check(t, pod, 0, "pod/target").Items[0]
	want := []string{"target yes", "identity yes", "permission yes", "permission yes", "permission yes", "permission yes", "admission yes", "image unknown"}
	if diff := cmp.Diff(want, got.verdicts()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if got.Works != "yes" || got.As == nil || got.As.UID != 65532 || got.As.GID != 0 || got.As.Profile != "mirror" {
		t.Errorf("it is %+v", got)
	}
	for _, v := range got.Plan {
		if v.Origin == "" {
			t.Errorf("%s has no origin", v.Field)
		}
	}
	if len(got.Plan) < 8 || len(sessionContainers(t, pod)) != 0 {
		t.Errorf("%d values of the plan, and %d containers were added", len(got.Plan), len(sessionContainers(t, pod)))
	}
	succeeds(t, pod, "pod/target", "--", "true")
	waitForSession(t, pod)
	want = append(want[:7], "earlier yes", "image yes")
	if diff := cmp.Diff(want, check(t, pod, 0, "pod/target").Items[0].verdicts()); diff != "" {
		t.Errorf("findings after a session (-want +got):\n%s", diff)
	}
}

// TestCheckRefused: what Pod Security says is quoted, with the flag that asked for it.
func TestCheckRefused(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	got := check(t, pod, 3, "pod/target", "--profile=general").Items[0]
	said := got.about("admission")
	for _, text := range []string{`violates PodSecurity "restricted:latest"`, "SYS_PTRACE", "--profile=general"} {
		if !strings.Contains(said, text) {
			t.Errorf("%q is not in:\n%s", text, said)
		}
	}
	if got.Works != "no" || got.As == nil || got.As.UID != 0 || got.As.Profile != "--profile=general" {
		t.Errorf("it is %+v", got)
	}
}

// TestCheckWithout: of who lacks one call of a session that call is found, and no other; a session fails with it.
func TestCheckWithout(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
	for i, call := range access.Session() {
		t.Run(call.String(), func(t *testing.T) {
			t.Parallel()
			u := newUser(t, pod.Namespace, fmt.Sprintf("lacks-%d", i), without(call)...)
			status := 3
			if call == access.ExecGet {
				status = 0 // it goes over SPDY
			}
			report := check(t, pod, status, u.as("pod/target")...)
			got := report.Items[0]
			var no []string
			for _, f := range got.Findings {
				if f.Verdict == "no" {
					no = append(no, f.Text)
				}
			}
			want := []string{fmt.Sprintf("you may not %s in namespace %q", call, pod.Namespace)}
			if call == access.ExecGet {
				want = nil
			}
			if diff := cmp.Diff(want, no); diff != "" {
				t.Errorf("what stands in the way (-want +got):\n%s", diff)
			}
			if call != access.ExecGet {
				failsBeforeThePatch(t, pod, u.as("--new", "pod/target", "--", "true"), want[0])
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		u := newUser(t, pod.Namespace, "nobody")
		got := check(t, pod, 3, u.as("pod/target")...).Items[0]
		fix := "kubectl mindebug policy roles -n " + pod.Namespace + " --serviceaccount " + pod.Namespace + ":nobody | kubectl apply -f -"
		if said := got.about("permission"); !strings.Contains(said, fix) {
			t.Errorf("%q is not in:\n%s", fix, said)
		}
	})
}

// TestCheckNamespace: each workload once, whatever pods it has; and what stands in the way of which.
func TestCheckNamespace(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "alone"))
	ns := pod.Namespace
	createPod(t, plainTarget(ns, "unpullable").Image(closedAddress+"/absent:1").With(func(p *corev1.Pod) {
		p.Labels = map[string]string{"app": "unpullable"}
	}))
	template := plainTarget(ns, "").Build()
	labels := map[string]string{"app": "web"}
	_, err := client.AppsV1().Deployments(ns).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(3)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: template.Spec},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating Deployment: %v", err)
	}
	kubectl(t, "rollout", "status", "-n", ns, "deployment/web", "--timeout=2m")
	items := func(report checkReport) []string {
		var out []string
		for _, i := range report.Items {
			out = append(out, fmt.Sprintf("%s %s/%s %d", i.Namespace, i.Workload.Kind, i.Workload.Name, i.Workload.Pods))
		}
		return out
	}
	report := check(t, pod, 3)
	want := []string{ns + " Deployment/web 3", ns + " Pod/alone 1", ns + " Pod/unpullable 1"}
	if diff := cmp.Diff(want, items(report)); diff != "" {
		t.Fatalf("workloads (-want +got):\n%s", diff)
	}
	for i, works := range []string{"yes", "yes", "no"} {
		if report.Items[i].Works != works {
			t.Errorf("%+v; want %s", report.Items[i], works)
		}
	}
	if diff := cmp.Diff(want[:1], items(check(t, pod, 0, "-l", "app=web"))); diff != "" {
		t.Errorf("workloads with a label (-want +got):\n%s", diff)
	}
	everywhere := check(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default"}}, 3, "-A", "-l", "app in (web,unpullable)")
	for _, one := range []string{want[0], want[2]} {
		if !slices.Contains(items(everywhere), one) {
			t.Errorf("of all namespaces: %q; want %q there", items(everywhere), one)
		}
	}
	reader := newUser(t, ns, "reader", access.GetPod)
	r := mindebug(t, pod, reader.as("check")...)
	if r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, "you may not list pods in namespace") {
		t.Errorf("of who may not list pods: status %d, stdout %q, stderr:\n%s", r.status, r.stdout, r.stderr)
	}
}

// TestCheckNothing: a namespace that does not exist, one with no pods, and labels that no pod has are errors.
func TestCheckNothing(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	empty := newNamespace(t, "restricted")
	for _, test := range []struct{ namespace, selector, want string }{
		{pod.Namespace + "-absent", "app=web", `error: there is no namespace "` + pod.Namespace + `-absent"`},
		{empty, "", fmt.Sprintf("error: there is nothing to check: no pod is in namespace %q", empty)},
		{pod.Namespace, "app=absent", fmt.Sprintf("error: there is nothing to check: no pod in namespace %q has the labels app=absent", pod.Namespace)},
	} {
		where := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: test.namespace}}
		r := mindebug(t, where, "check", "-l", test.selector)
		if r.status != 1 || r.stdout != "" || !strings.HasPrefix(r.stderr, test.want+"\n") {
			t.Errorf("status %d, stdout %q, stderr:\n%swant status 1 and %q", r.status, r.stdout, r.stderr, test.want)
		}
	}
}

// TestCheckInAScript: under `set -e` a script goes on where a session works, and ends with 3 where not.
func TestCheckInAScript(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	for _, test := range []struct {
		target, want string
		status       int
	}{
		{"pod/target", "before\nafter\n", 0},
		{"pod/target --profile=sysadmin", "before\n", 3},
		{"pod/absent", "before\n", 1},
		{"--bogus", "before\n", 2},
	} {
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", "echo before; kubectl mindebug check -n "+pod.Namespace+" "+test.target+" >/dev/null 2>&1; echo after")
		cmd.Env = os.Environ()
		out, err := cmd.Output()
		if status := exitStatus(t, err); status != test.status || string(out) != test.want {
			t.Errorf("check %s: the script printed %q and ended with %d; want %q and %d", test.target, out, status, test.want, test.status)
		}
	}
}
