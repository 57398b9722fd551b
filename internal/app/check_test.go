package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
)

// lines are findings a line each: what about, the verdict, and the text or the error.
func lines(findings []preflight.Finding) []string {
	var out []string
	for _, f := range findings {
		text := f.Text
		if f.Err != nil {
			text = strings.TrimSpace(fmt.Sprintf("%s %T", f.Text, f.Err))
		}
		out = append(out, fmt.Sprintf("%s %s: %s", f.About, f.Verdict, text))
	}
	return out
}

// allowed are the findings where the user may make every call.
var allowed = []string{
	"permission yes: get pods", "permission yes: patch pods/ephemeralcontainers",
	"permission yes: create pods/exec", "permission yes: get pods/exec",
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const (
		runs  = `target yes: container "app" runs`
		as    = "identity yes: uid 65532 (container status), gid 65532 (container status)"
		takes = "admission yes: the API server's dry run takes the container"
		image = "image unknown: debug:1, pull policy the API server's default; whether the node has it is not known"
	)
	for _, test := range []struct {
		name  string
		world *world
		works preflight.Verdict
		want  []string
	}{
		{
			name: "it works", world: &world{pod: nonRoot().Build()}, works: preflight.Yes,
			want: slices.Concat([]string{runs, as}, allowed, []string{takes, image}),
		},
		{
			name: "it does not run", world: &world{pod: nonRoot().Waiting("app", "CrashLoopBackOff", "").Build()}, works: preflight.No,
			want: slices.Concat([]string{"target no: *fault.NotRunning", as}, allowed, []string{takes, image}),
		},
		{
			name: "nothing tells its user", world: &world{pod: nonRoot().With(func(p *corev1.Pod) {
				p.Status.ContainerStatuses[0].User = nil
			}).Build()}, works: preflight.No,
			want: slices.Concat([]string{runs, "identity no: *fault.NoIdentity"}, allowed, []string{
				"admission unknown: the API server's dry run was not asked: without an identity there is no container to ask about",
			}),
		},
		{
			name: "nothing tells its user before it runs", works: preflight.No,
			world: &world{pod: nonRoot().Waiting("app", "ContainerCreating", "").With(func(p *corev1.Pod) {
				p.Status.ContainerStatuses[0].User = nil
			}).Build()},
			want: slices.Concat([]string{
				"target no: *fault.NotRunning",
				`identity unknown: the pod's spec does not tell whom container "app" runs as; not known until it runs`,
			}, allowed, []string{"admission unknown: the API server's dry run was not asked: without an identity there is no container to ask about"}),
		},
		{
			name: "adding is not allowed", world: &world{pod: nonRoot().Build(), mayNot: []string{"patch pods/ephemeralcontainers"}}, works: preflight.No,
			want: []string{
				runs, as, allowed[0], "permission no: *fault.Forbidden", allowed[2], allowed[3],
				"admission unknown: the API server's dry run was not asked: it is not allowed", image,
			},
		},
		{
			name: "no websockets", world: &world{pod: nonRoot().Build(), mayNot: []string{"get pods/exec"}}, works: preflight.Yes,
			want: []string{
				runs, as, allowed[0], allowed[1], allowed[2], "permission yes: get pods/exec: not allowed; sessions go over SPDY", takes, image,
			},
		},
		{
			name: "the pod may not be read", world: &world{pod: nonRoot().Build(), readErr: forbidden, mayNot: []string{"get pods"}}, works: preflight.No,
			want: []string{"target no: *fault.Forbidden", allowed[1], allowed[2], allowed[3]},
		},
		{
			name: "which container", world: &world{pod: nonRoot().Container("other").Running(1, 1).Build()}, works: preflight.No,
			want: []string{"target no: *fault.ManyContainers"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := Check(t.Context(), test.world, &test.world.registries, Streams{In: strings.NewReader("")}, aRequest())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, lines(got.Findings)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if got.Works() != test.works {
				t.Errorf("works: %s; want %s", got.Works(), test.works)
			}
			if slices.Contains(test.world.calls, "patch") {
				t.Error("a check has written something")
			}
		})
	}
}

// TestCheckOfOneToLearn: what only a session can find out is unknown, where it is allowed to.
func TestCheckOfOneToLearn(t *testing.T) {
	t.Parallel()
	w := &world{pod: nonRoot().With(func(p *corev1.Pod) { p.Status.ContainerStatuses[0].User = nil }).Build()}
	r := aRequest()
	r.LearnUser = true
	got, err := Check(t.Context(), w, &w.registries, Streams{In: strings.NewReader("")}, r)
	if err != nil {
		t.Fatal(err)
	}
	if got.Works() != preflight.Unknown || slices.Contains(w.calls, "patch") {
		t.Errorf("works: %s, after %q; want unknown, and nothing added\n%s", got.Works(), w.calls, strings.Join(lines(got.Findings), "\n"))
	}
}

// TestCheckOfOneEntered: where a session container runs nothing need be added, nor be allowed to be.
func TestCheckOfOneEntered(t *testing.T) {
	t.Parallel()
	pod := nonRoot().Build()
	c := theirs(t, pod, "mindebug-theirs")
	pod = nonRoot().Ephemeral(c).Up(c.Name, 65532, 65532).Build()
	w := &world{pod: pod, mayNot: []string{"patch pods/ephemeralcontainers"}}
	got, err := Check(t.Context(), w, &w.registries, Streams{In: strings.NewReader("")}, aRequest())
	if err != nil {
		t.Fatal(err)
	}
	if got.Works() != preflight.Yes || slices.Contains(w.calls, "dry run") {
		t.Errorf("works: %s, after %q; want yes, without a dry run\n%s", got.Works(), w.calls, strings.Join(lines(got.Findings), "\n"))
	}
}

// TestCheckThatCannotBe: that there is no such pod, or no server, is no verdict on a session.
func TestCheckThatCannotBe(t *testing.T) {
	t.Parallel()
	r := aRequest()
	r.Query.Name = "absent"
	_, err := Check(t.Context(), &world{pod: nonRoot().Build()}, nil, Streams{In: strings.NewReader("")}, r)
	var noPod *fault.NoPod
	if !errors.As(err, &noPod) {
		t.Errorf("error %v; want that there is no such pod", err)
	}
	down := &fault.Unreachable{Server: "https://10.0.0.1", Cause: errors.New("no route")}
	_, err = Check(t.Context(), &world{pod: nonRoot().Build(), readErr: down}, nil, Streams{In: strings.NewReader("")}, aRequest())
	if !errors.Is(err, down) {
		t.Errorf("error %v; want that the server gives no answer", err)
	}
}

// fleet is an API server with many pods.
type fleet struct {
	*world
	pods []*corev1.Pod
	jobs []batchv1.Job
	// listErr and jobsErr are answers to the lists.
	listErr, jobsErr error
	// mayNotIn are namespaces in which nothing is allowed, nor then in all.
	mayNotIn []string
}

func (f *fleet) EachPod(_ context.Context, namespace, _ string, do func(*corev1.Pod)) error {
	f.called("list")
	for _, pod := range f.pods {
		if namespace == "" || namespace == pod.Namespace {
			page := *pod.DeepCopy()
			do(&page)
			page = corev1.Pod{} // who kept it without a copy finds nothing
		}
	}
	return f.listErr
}

func (f *fleet) Jobs(context.Context, string) ([]batchv1.Job, error) {
	f.called("list jobs")
	return f.jobs, f.jobsErr
}

func (f *fleet) MayI(ctx context.Context, namespace, pod string, call access.Call) (bool, error) {
	if slices.Contains(f.mayNotIn, namespace) || namespace == "" && len(f.mayNotIn) > 0 {
		f.called("may I " + call.String())
		return false, nil
	}
	return f.world.MayI(ctx, namespace, pod, call)
}

// owned makes the pod one of a controller's.
func owned(b *kubetest.PodBuilder, kind, name string, labels map[string]string) *corev1.Pod {
	return b.With(func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: name, Controller: new(true)}}
		p.Labels = labels
	}).Build()
}

func podOf(namespace, name string) *kubetest.PodBuilder {
	return kubetest.Pod(namespace, name).Running(65532, 65532)
}

// aFleet has each kind of workload, some of which could not be debugged.
func aFleet() *fleet {
	hash := map[string]string{"pod-template-hash": "5f7"}
	finished := func(b *kubetest.PodBuilder) *kubetest.PodBuilder {
		return b.Terminated("app", "Completed", 0).With(func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })
	}
	return &fleet{
		world: &world{pod: nonRoot().Build()},
		pods: []*corev1.Pod{
			owned(podOf("shop", "web-5f7-a").Waiting("app", "CrashLoopBackOff", ""), "ReplicaSet", "web-5f7", hash),
			owned(podOf("shop", "web-5f7-b"), "ReplicaSet", "web-5f7", hash),
			owned(podOf("shop", "web-5f7-c"), "ReplicaSet", "web-5f7", hash),
			owned(finished(podOf("shop", "night-1-x")), "Job", "night-1", nil),
			owned(finished(podOf("shop", "night-2-x")), "Job", "night-2", nil),
			owned(podOf("base", "agent-x").Waiting("app", "ImagePullBackOff", ""), "DaemonSet", "agent", nil),
			owned(podOf("base", "etcd-node"), "Node", "node", nil),
			podOf("base", "two").Container("side").Running(1, 1).Build(),
		},
		jobs: []batchv1.Job{cronJob("night-1"), cronJob("night-2")},
	}
}

func cronJob(name string) batchv1.Job {
	return batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: name, OwnerReferences: []metav1.OwnerReference{{Kind: "CronJob", Name: "night", Controller: new(true)}},
	}}
}

// summary is a line for each workload.
func summary(checked []Checked) []string {
	var out []string
	for i := range checked {
		c := &checked[i]
		out = append(out, fmt.Sprintf("%s %s/%s (%d) %s %s: %s", c.Namespace, c.Workload.Kind, c.Workload.Name, c.Pods, c.Pod, c.Works(), lines(c.Findings)[0]))
	}
	return out
}

// everywhere asks for all namespaces.
func everywhere() SessionRequest {
	r := aRequest()
	r.Namespace = ""
	return r
}

func TestCheckFleet(t *testing.T) {
	t.Parallel()
	f := aFleet()
	var last int
	got, err := CheckFleet(t.Context(), f, &f.registries, everywhere(), func(n, of int) {
		if n != last+1 || of != 5 {
			t.Errorf("progress %d of %d after %d", n, of, last)
		}
		last = n
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"base DaemonSet/agent (1) agent-x no: target no: *fault.NotRunning",
		`base Pod/etcd-node (1) etcd-node yes: target yes: container "app" runs`,
		"base Pod/two (1) two no: target no: *fault.ManyContainers",
		"shop CronJob/night (2) night-1-x unknown: target unknown: no pod of it runs now",
		`shop Deployment/web (3) web-5f7-b yes: target yes: container "app" runs`,
	}
	if diff := cmp.Diff(want, summary(got)); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
	counts := map[string]int{}
	for _, call := range f.calls {
		counts[call]++
	}
	wantCalls := map[string]int{
		"list": 1, "list jobs": 1, "dry run": 4,
		"may I get pods": 1, "may I patch pods/ephemeralcontainers": 1, "may I create pods/exec": 1, "may I get pods/exec": 1,
	}
	if diff := cmp.Diff(wantCalls, counts); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestCheckFleetInParts: what may not be done in one namespace says nothing of another, and is asked once for each.
func TestCheckFleetInParts(t *testing.T) {
	t.Parallel()
	f := aFleet()
	f.mayNotIn = []string{"shop"}
	f.jobsErr = forbidden
	got, err := CheckFleet(t.Context(), f, &f.registries, everywhere(), func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []string
	for i := range got {
		verdicts = append(verdicts, got[i].Namespace+" "+got[i].Workload.Name+" "+string(got[i].Works()))
	}
	want := []string{"base agent no", "base etcd-node yes", "base two no", "shop web no", "shop night-1 no", "shop night-2 no"}
	if diff := cmp.Diff(want, verdicts); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	asked := 0
	for _, call := range f.calls {
		if call == "may I create pods/exec" {
			asked++
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times about exec; want once for all, and once for each of two namespaces", asked)
	}
}

// TestCheckFleetFails: who may not list pods is told so; a server that gives no answer ends the check.
func TestCheckFleetFails(t *testing.T) {
	t.Parallel()
	f := aFleet()
	f.listErr = apierrors.NewForbidden(resources, "", errors.New("no"))
	_, err := CheckFleet(t.Context(), f, &f.registries, everywhere(), func(int, int) {})
	var denied *fault.Forbidden
	if !errors.As(err, &denied) || denied.Call != "list pods" || denied.User != "dana" {
		t.Errorf("error %v; want that dana may not list pods", err)
	}
}

// TestCheckNothing: where there is no pod that is an error, which tells a namespace that does not exist from an empty one.
func TestCheckNothing(t *testing.T) {
	t.Parallel()
	down := &fault.Unreachable{Server: "https://10.0.0.1", Cause: errors.New("no route")}
	for _, test := range []struct {
		name, namespace, selector string
		answer                    error
		want                      error
		calls                     []string
	}{
		{name: "no such namespace", namespace: "shpo", want: &fault.NothingToCheck{Namespace: "shpo", NoNamespace: true}, calls: []string{"list", "get namespace shpo"}},
		{name: "an empty one", namespace: "new", want: &fault.NothingToCheck{Namespace: "new"}, calls: []string{"list", "get namespace new"}},
		{
			name: "which may not be read", namespace: "new", selector: "app=web", answer: forbidden,
			want: &fault.NothingToCheck{Namespace: "new", Selector: "app=web", Unread: forbidden}, calls: []string{"list", "get namespace new"},
		},
		{name: "the server goes down", namespace: "new", answer: down, want: down, calls: []string{"list", "get namespace new"}},
		{name: "all namespaces", want: &fault.NothingToCheck{}, calls: []string{"list"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fleet{world: &world{namespaces: []string{"new"}, namespaceErr: test.answer}}
			r := aRequest()
			r.Namespace, r.Selector = test.namespace, test.selector
			_, err := CheckFleet(t.Context(), f, &f.registries, r, func(int, int) {})
			if diff := cmp.Diff(test.want, err, everyField); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.calls, f.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWorkloadOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pod  *corev1.Pod
		want resolve.Workload
	}{
		{podOf("shop", "alone").Build(), resolve.Workload{Kind: "Pod", Name: "alone"}},
		{owned(podOf("shop", "x"), "ReplicaSet", "web-5f7", map[string]string{"pod-template-hash": "5f7"}), resolve.Workload{Kind: "Deployment", Name: "web"}},
		{owned(podOf("shop", "x"), "ReplicaSet", "web-5f7", nil), resolve.Workload{Kind: "ReplicaSet", Name: "web-5f7"}},
		{owned(podOf("shop", "x"), "ReplicaSet", "web", map[string]string{"pod-template-hash": "5f7"}), resolve.Workload{Kind: "ReplicaSet", Name: "web"}},
		{owned(podOf("shop", "x"), "StatefulSet", "db", nil), resolve.Workload{Kind: "StatefulSet", Name: "db"}},
		{owned(podOf("shop", "etcd-n"), "Node", "n", nil), resolve.Workload{Kind: "Pod", Name: "etcd-n"}},
	} {
		if got := resolve.WorkloadOf(test.pod); got != test.want {
			t.Errorf("WorkloadOf %s of %v = %v; want %v", test.pod.Name, test.pod.OwnerReferences, got, test.want)
		}
	}
}
