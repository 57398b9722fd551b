package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// api is an API server: one object, pods, jobs and names, and errors for those calls that are given one.
type api struct {
	object   runtime.Object
	pods     []*corev1.Pod
	jobs     []batchv1.Job
	names    []string
	errs     map[string]error
	selector string
	calls    []string
}

func (a *api) call(c access.Call) error {
	a.calls = append(a.calls, c.String())
	return a.errs[c.String()]
}

func (a *api) Pod(_ context.Context, namespace, name string) (*corev1.Pod, error) {
	return kubetest.Pod(namespace, name).Build(), a.call(access.GetPod)
}

func (a *api) Pods(_ context.Context, _, selector string) ([]corev1.Pod, error) {
	var list []corev1.Pod
	for _, p := range a.pods {
		list = append(list, *p)
	}
	a.selector = selector
	return list, a.call(access.ListPods)
}

func (a *api) Jobs(context.Context, string) ([]batchv1.Job, error) {
	return a.jobs, a.call(access.ListJobs)
}

func (a *api) Object(_ context.Context, _ string, kind target.Kind, _ string) (runtime.Object, error) {
	return a.object, a.call(access.Get(kind))
}

func (a *api) Names(_ context.Context, _ string, kind target.Kind) ([]string, error) {
	return a.names, a.errs["names of "+kind.Name]
}

var (
	resource  = schema.GroupResource{Resource: "pods"}
	notFound  = apierrors.NewNotFound(resource, "web-7d")
	forbidden = apierrors.NewForbidden(resource, "web-7d", errors.New("no"))
	errDown   = errors.New("connection refused")

	everyField = cmp.Exporter(func(reflect.Type) bool { return true })
)

func TestPodByName(t *testing.T) {
	t.Parallel()
	name := fault.Pod{Namespace: "shop", Name: "web-7d"}
	get := func(err error) map[string]error {
		return map[string]error{"get pods": err, "get deployments.apps": notFound, "get statefulsets.apps": forbidden, "get daemonsets.apps": errDown}
	}
	unlisted := get(notFound)
	unlisted["names of pod"] = forbidden
	same := get(notFound)
	delete(same, "get deployments.apps")
	delete(same, "get daemonsets.apps")
	workloads := []string{"get deployments.apps", "get statefulsets.apps", "get daemonsets.apps"}
	tests := []struct {
		name string
		api  api
		want error
		// asked are the calls after the first.
		asked []string
	}{
		{name: "there"},
		{name: "forbidden", api: api{errs: get(forbidden)}, want: &resolve.Denied{Call: access.GetPod, Server: forbidden}},
		{name: "server is down", api: api{errs: get(errDown)}, want: errDown},
		{
			name: "may not list", api: api{errs: unlisted, names: []string{"web-7e"}}, asked: workloads,
			want: &fault.NoPod{Pod: name, Server: notFound, Unlisted: true},
		},
		{
			name: "workloads of that name", api: api{errs: same}, asked: workloads,
			want: &fault.NoPod{Pod: name, Server: notFound, Workloads: []string{"deployment/web-7d", "daemonset/web-7d"}},
		},
		{name: "near names", api: api{errs: get(notFound), names: []string{"web-7e", "db"}}, asked: workloads, want: &fault.NoPod{Pod: name, Server: notFound, Near: []string{"web-7e"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pods, err := resolve.Pods(t.Context(), &test.api, "shop", target.Query{Kind: "pod", Name: "web-7d"}, "")
			if diff := cmp.Diff(test.want, err, everyField); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if test.want == nil && (len(pods) != 1 || pods[0].Namespace != "shop" || pods[0].Name != "web-7d") {
				t.Errorf("pods %v", pods)
			}
			if diff := cmp.Diff(append([]string{"get pods"}, test.asked...), test.api.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// now is when the tests' pods live.
var now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// ready is a pod that has been ready for so long.
func ready(name string, since time.Duration) *kubetest.PodBuilder {
	return kubetest.Pod("shop", name).Running(1, 1).With(func(p *corev1.Pod) {
		p.CreationTimestamp = metav1.NewTime(now.Add(-since))
		p.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-since)),
		}}
	})
}

// unready is a pod that runs and is not ready.
func unready(name string, age time.Duration) *kubetest.PodBuilder {
	return ready(name, age).With(func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse })
}

// crashing is a pod whose only container waits for its next start.
func crashing(name string) *kubetest.PodBuilder {
	return unready(name, time.Hour).Waiting("app", "CrashLoopBackOff", "").
		Restarted("app", 4, corev1.ContainerStateTerminated{ExitCode: 1})
}

func finished(name string, phase corev1.PodPhase) *corev1.Pod {
	return unready(name, time.Hour).Terminated("app", "Completed", 0).With(func(p *corev1.Pod) { p.Status.Phase = phase }).Build()
}

// leaving is a pod that is being deleted.
func leaving(name string) *corev1.Pod {
	return ready(name, 9*time.Hour).With(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: now} }).Build()
}

// pending is a pod that is on no node.
func pending(name string) *corev1.Pod {
	return kubetest.Pod("shop", name).With(func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }).Build()
}

// initialising is a pod whose init container runs.
func initialising(name string) *corev1.Pod {
	return kubetest.Pod("shop", name).InitContainer("migrate").Up("migrate", 1, 1).Waiting("app", "PodInitializing", "").With(func(p *corev1.Pod) {
		p.Spec.NodeName, p.Status.Phase = "node", corev1.PodPending
	}).Build()
}

func names(pods []*corev1.Pod) (out []string) {
	for _, p := range pods {
		out = append(out, p.Name)
	}
	return out
}

// app selects by the label app=web.
var app = metav1.SetAsLabelSelector(labels.Set{"app": "web"})

// objects are what each kind but pods reads as; those of a job and of a cronjob's job are by the label app=web, too.
func objects() map[string]runtime.Object {
	return map[string]runtime.Object{
		"deployment":  &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Selector: app, Replicas: new(int32(2))}},
		"statefulset": &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Selector: app}},
		"daemonset":   &appsv1.DaemonSet{Spec: appsv1.DaemonSetSpec{Selector: app}},
		"replicaset":  &appsv1.ReplicaSet{Spec: appsv1.ReplicaSetSpec{Selector: app}},
		"job":         job("web", "", 0),
		"cronjob":     nightly(),
		"service":     &corev1.Service{Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}},
	}
}

func nightly() *batchv1.CronJob {
	return &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "nightly"}, Spec: batchv1.CronJobSpec{Schedule: "0 3 * * *"}}
}

// job is one that an owner of that uid started some time ago.
func job(name string, owner types.UID, ago time.Duration) *batchv1.Job {
	j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(now.Add(-ago))}, Spec: batchv1.JobSpec{Selector: app}}
	if owner != "" {
		j.OwnerReferences = []metav1.OwnerReference{{UID: owner, Controller: new(true)}}
	}
	return j
}

// TestEveryKind resolves each kind that there is, by the calls that package access tells.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	for _, kind := range target.Kinds() {
		if kind.Name == target.Pods {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			server := &api{object: objects()[kind.Name], pods: []*corev1.Pod{ready("web-7d", time.Hour).Build()}, jobs: []batchv1.Job{*job("j", "nightly", 0)}}
			query := target.Query{Kind: kind.Name, Name: "web"}
			pods, err := resolve.Pods(t.Context(), server, "shop", query, "")
			if err != nil || server.selector != "app=web" {
				t.Errorf("error %v, selector %q", err, server.selector)
			}
			if diff := cmp.Diff([]string{"web-7d"}, names(pods)); diff != "" {
				t.Errorf("pods (-want +got):\n%s", diff)
			}
			var calls []string
			for _, call := range access.Target(kind) {
				calls = append(calls, call.String())
				denying := &api{object: server.object, jobs: server.jobs, errs: map[string]error{call.String(): forbidden}}
				_, err := resolve.Pods(t.Context(), denying, "shop", query, "")
				if diff := cmp.Diff(error(&resolve.Denied{Call: call, Server: forbidden}), err, everyField); diff != "" {
					t.Errorf("%s is denied: error (-want +got):\n%s", call, diff)
				}
				broken := &api{object: server.object, jobs: server.jobs, errs: map[string]error{call.String(): errDown}}
				if _, err := resolve.Pods(t.Context(), broken, "shop", query, ""); !errors.Is(err, errDown) {
					t.Errorf("%s gets no answer: error %v", call, err)
				}
			}
			if diff := cmp.Diff(calls, server.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			server.errs = map[string]error{access.Get(kind).String(): notFound}
			server.names = []string{"wep", "zzz"}
			_, err = resolve.Pods(t.Context(), server, "shop", query, "")
			want := error(&fault.NoOwner{Namespace: "shop", Kind: kind.Name, Name: "web", Near: []string{"wep"}, Server: notFound})
			if diff := cmp.Diff(want, err, everyField); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPodsOf(t *testing.T) {
	t.Parallel()
	deployment := objects()["deployment"]
	zero := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Selector: app, Replicas: new(int32(0))}}
	suspended := job("web", "", 0)
	suspended.Spec.Suspend = new(true)
	stopped := nightly()
	stopped.Spec.Suspend = new(true)
	none := func(kind string, change func(*fault.NoneRuns)) error {
		e := &fault.NoneRuns{Namespace: "shop", Target: kind + "/web", Selector: "app=web"}
		change(e)
		return e
	}
	tests := []struct {
		name, kind string
		api        api
		want       []string
		err        error
	}{
		{
			name: "the healthiest for longest first, those without a process last", kind: "deployment",
			api: api{object: deployment, pods: []*corev1.Pod{
				crashing("crashing").Build(), pending("pending"), initialising("initialising"), unready("unready", 5*time.Hour).Build(),
				ready("young", time.Hour).Build(), ready("old", 3*time.Hour).Build(),
				ready("restarted", 3*time.Hour).Restarted("app", 2, corev1.ContainerStateTerminated{}).Build(),
				leaving("leaving"), finished("failed", corev1.PodFailed), finished("succeeded", corev1.PodSucceeded),
			}},
			want: []string{"old", "restarted", "young", "unready", "initialising", "crashing", "pending"},
		},
		{name: "as the server lists them, where all is the same", kind: "deployment", want: []string{"a", "b", "c"}, api: api{object: deployment, pods: []*corev1.Pod{
			ready("a", time.Hour).Build(), ready("b", time.Hour).Build(), ready("c", time.Hour).Build(),
		}}},
		{name: "the newest job of a cronjob", kind: "cronjob", want: []string{"new"}, api: api{
			object: nightly(), pods: []*corev1.Pod{ready("new", 0).Build()},
			jobs: []batchv1.Job{*job("old", "nightly", time.Hour), *job("new", "nightly", time.Minute), *job("another's", "other", 0), *job("nobody's", "", 0)},
		}},
		{
			name: "none of them runs", kind: "deployment",
			api: api{object: deployment, pods: []*corev1.Pod{crashing("web-7d").Build(), pending("web-9k"), leaving("web-0a")}},
			err: none("deployment", func(e *fault.NoneRuns) {
				e.Pods = []fault.PodState{
					{Name: "web-7d", State: "waiting: CrashLoopBackOff (exit code 1)", Restarts: 4},
					{Name: "web-9k", State: "on no node yet"},
					{Name: "web-0a", State: "being deleted", Ready: true},
				}
			}),
		},
		{
			name: "scaled to 0", kind: "deployment", api: api{object: zero},
			err: none("deployment", func(e *fault.NoneRuns) { e.Detail = "it is scaled to 0" }),
		},
		{
			name: "a suspended job", kind: "job", api: api{object: suspended},
			err: none("job", func(e *fault.NoneRuns) { e.Detail = "it is suspended" }),
		},
		{
			name: "a cronjob whose newest job is finished", kind: "cronjob",
			api: api{object: nightly(), jobs: []batchv1.Job{*job("web-1", "nightly", 0)}, pods: []*corev1.Pod{finished("web-1-x", corev1.PodSucceeded)}},
			err: none("cronjob", func(e *fault.NoneRuns) {
				e.Detail, e.Pods = "its newest job is job/web-1", []fault.PodState{{Name: "web-1-x", State: "finished: Succeeded"}}
			}),
		},
		{
			name: "a cronjob without a job", kind: "cronjob", api: api{object: nightly()},
			err: none("cronjob", func(e *fault.NoneRuns) { e.Selector, e.Detail = "", `it has no job; its schedule is "0 3 * * *"` }),
		},
		{
			name: "a suspended cronjob without a job", kind: "cronjob", api: api{object: stopped},
			err: none("cronjob", func(e *fault.NoneRuns) {
				e.Selector, e.Detail = "", `it has no job; its schedule is "0 3 * * *", and it is suspended`
			}),
		},
		{
			name: "a service without a selector", kind: "service", api: api{object: &corev1.Service{}},
			err: &fault.NoSelector{Namespace: "shop", Target: "service/web"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pods, err := resolve.Pods(t.Context(), &test.api, "shop", target.Query{Kind: test.kind, Name: "web"}, "")
			if diff := cmp.Diff(test.err, err, everyField); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, names(pods)); diff != "" {
				t.Errorf("pods (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSelectorOfNothing: no object may select by nothing, which would mean every pod of the namespace.
func TestSelectorOfNothing(t *testing.T) {
	t.Parallel()
	for kind, object := range map[string]runtime.Object{"deployment": &appsv1.Deployment{}, "job": &batchv1.Job{Spec: batchv1.JobSpec{Selector: &metav1.LabelSelector{}}}} {
		server := &api{object: object, pods: []*corev1.Pod{ready("a", 0).Build()}}
		_, err := resolve.Pods(t.Context(), server, "shop", target.Query{Kind: kind, Name: "web"}, "")
		var noSelector *fault.NoSelector
		if !errors.As(err, &noSelector) || len(server.calls) != 1 {
			t.Errorf("%s: error %v after %q; want a *fault.NoSelector, and no pods read", kind, err, server.calls)
		}
	}
	broken := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "like"}}}}}
	for object, says := range map[runtime.Object]string{broken: "like", &corev1.Secret{}: "*v1.Secret has no pods"} {
		_, err := resolve.Pods(t.Context(), &api{object: object}, "shop", target.Query{Kind: "deployment", Name: "web"}, "")
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v; want one that says %q", err, says)
		}
	}
}

func TestPodsByLabel(t *testing.T) {
	t.Parallel()
	server := &api{pods: []*corev1.Pod{ready("b", time.Hour).Build(), ready("a", 2*time.Hour).Build()}}
	pods, err := resolve.Pods(t.Context(), server, "shop", target.Query{}, "app=web,tier!=db")
	if err != nil || server.selector != "app=web,tier!=db" || !cmp.Equal(server.calls, []string{"list pods"}) {
		t.Errorf("error %v, selector %q, calls %q", err, server.selector, server.calls)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names(pods)); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	_, err = resolve.Pods(t.Context(), &api{}, "shop", target.Query{}, "app=web")
	want := error(&fault.NoneRuns{Namespace: "shop", Target: "-l app=web", Selector: "app=web"})
	if diff := cmp.Diff(want, err, everyField); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	_, err = resolve.Pods(t.Context(), &api{errs: map[string]error{"list pods": forbidden}}, "shop", target.Query{}, "app=web")
	if diff := cmp.Diff(error(&resolve.Denied{Call: access.ListPods, Server: forbidden}), err, everyField); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

// TestAny: those that nothing can join are there as well, the worst first; what is being deleted is not, nor is nothing.
func TestAny(t *testing.T) {
	t.Parallel()
	with := func(pods ...*corev1.Pod) *api { return &api{object: objects()["deployment"], pods: pods} }
	gone := fmt.Errorf("no")
	for name, test := range map[string]struct {
		api  *api
		kind string
		want []string
		none bool
		err  error
	}{
		"the worst first":     {api: with(ready("good", time.Hour).Build(), crashing("bad").Build(), leaving("leaving")), kind: "deployment", want: []string{"bad", "good"}},
		"none runs":           {api: with(crashing("bad").Build()), kind: "deployment", want: []string{"bad"}},
		"a finished one":      {api: with(finished("failed", corev1.PodFailed)), kind: "deployment", want: []string{"failed"}},
		"one by its name":     {api: &api{}, kind: target.Pods, want: []string{"web"}},
		"one that is leaving": {api: with(leaving("leaving")), kind: "deployment", none: true},
		"none":                {api: with(), kind: "deployment", none: true},
		"no answer":           {api: &api{object: objects()["deployment"], errs: map[string]error{"list pods": gone}}, kind: "deployment", err: gone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pods, err := resolve.Any(t.Context(), test.api, "shop", target.Query{Kind: test.kind, Name: "web"}, "")
			var none *fault.NoneRuns
			if errors.As(err, &none) != test.none || test.err != nil && !errors.Is(err, test.err) || err != nil && !test.none && test.err == nil {
				t.Errorf("the error is %v", err)
			}
			if diff := cmp.Diff(test.want, names(pods)); diff != "" {
				t.Errorf("pods (-want +got):\n%s", diff)
			}
		})
	}
}
