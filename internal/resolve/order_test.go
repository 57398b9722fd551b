package resolve_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func TestOrder(t *testing.T) {
	t.Parallel()
	pods := func() []*corev1.Pod {
		return []*corev1.Pod{
			ready("a", 2*time.Hour).Build(), ready("b", 3*time.Hour).Build(), unready("c", time.Hour).Build(),
			unready("d", 4*time.Hour).Build(), ready("e", 4*time.Hour).Build(),
		}
	}
	for _, test := range []struct {
		pick    target.Pick
		entered []string
		want    []string
	}{
		{want: []string{"a", "b", "c", "d", "e"}},
		{entered: []string{"d", "b"}, want: []string{"b", "d", "a", "c", "e"}},
		{pick: target.PickReady, want: []string{"a", "b", "e"}},
		{pick: target.PickReady, entered: []string{"d", "e"}, want: []string{"e", "a", "b"}},
		{pick: target.PickNotReady, want: []string{"c", "d"}},
		{pick: target.PickNotReady, entered: []string{"d"}, want: []string{"d", "c"}},
		{pick: target.PickNewest, entered: []string{"b"}, want: []string{"c", "a", "b", "d", "e"}},
		{pick: target.PickOldest, want: []string{"d", "e", "b", "a", "c"}},
		{pick: target.PickOldest, entered: []string{"e"}, want: []string{"e", "d", "b", "a", "c"}},
	} {
		given := pods()
		got := resolve.Order(given, test.pick, func(p *corev1.Pod) bool { return slices.Contains(test.entered, p.Name) })
		if diff := cmp.Diff(test.want, names(got)); diff != "" {
			t.Errorf("pick %q, entered %q (-want +got):\n%s", test.pick, test.entered, diff)
		}
		if diff := cmp.Diff(names(pods()), names(given)); diff != "" {
			t.Errorf("pick %q: what was given is changed (-before +after):\n%s", test.pick, diff)
		}
	}
}

func TestWorstFirst(t *testing.T) {
	t.Parallel()
	restarted := func(name string, times int32) *corev1.Pod {
		return ready(name, time.Hour).Restarted("app", times, corev1.ContainerStateTerminated{}).Build()
	}
	for _, test := range []struct {
		pods   []*corev1.Pod
		want   []string
		differ bool
	}{
		{},
		{pods: []*corev1.Pod{ready("a", 0).Build()}, want: []string{"a"}},
		{pods: []*corev1.Pod{ready("a", 0).Build(), ready("b", time.Hour).Build()}, want: []string{"a", "b"}},
		{pods: []*corev1.Pod{unready("a", 0).Build(), unready("b", 0).Build()}, want: []string{"a", "b"}},
		{
			pods: []*corev1.Pod{ready("a", 0).Build(), restarted("b", 9), unready("c", 0).Build(), crashing("d").Build(), restarted("e", 10), ready("f", 0).Build()},
			want: []string{"d", "c", "e", "b", "a", "f"}, differ: true,
		},
		{pods: []*corev1.Pod{restarted("a", 1), restarted("b", 2)}, want: []string{"b", "a"}, differ: true},
	} {
		before := names(test.pods)
		got, differ := resolve.WorstFirst(test.pods)
		if diff := cmp.Diff(test.want, names(got)); diff != "" || differ != test.differ {
			t.Errorf("%q: differ %t; want %t; (-want +got):\n%s", before, differ, test.differ, diff)
		}
		if diff := cmp.Diff(before, names(test.pods)); diff != "" {
			t.Errorf("what was given is changed (-before +after):\n%s", diff)
		}
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	last := corev1.ContainerStateTerminated{ExitCode: 137}
	for _, test := range []struct {
		pod  *corev1.Pod
		want fault.PodState
		text string
	}{
		{ready("web", 0).Build(), fault.PodState{Ready: true, State: "running"}, "pod/web (running)"},
		{unready("web", 0).Build(), fault.PodState{State: "running"}, "pod/web (running, not ready)"},
		{crashing("web").Build(), fault.PodState{State: "waiting: CrashLoopBackOff (exit code 1)", Restarts: 4}, "pod/web (waiting: CrashLoopBackOff (exit code 1), 4 restarts)"},
		{
			ready("web", 0).Restarted("app", 1, last).Build(),
			fault.PodState{Ready: true, State: "running", Restarts: 1},
			"pod/web (running, 1 restart)",
		},
		{
			// Restarts of an init container that has done its work are history; a sidecar's are not.
			ready("web", 0).InitContainer("migrate").Terminated("migrate", "Completed", 0).Restarted("migrate", 3, last).
				Sidecar("proxy").Up("proxy", 1, 1).Restarted("proxy", 2, last).Build(),
			fault.PodState{Ready: true, State: "running", Restarts: 2},
			"pod/web (running, 2 restarts)",
		},
		{
			unready("web", 0).InitContainer("migrate").Waiting("migrate", "CrashLoopBackOff", "").Restarted("migrate", 3, last).
				Waiting("app", "PodInitializing", "").Build(),
			fault.PodState{State: "waiting: CrashLoopBackOff (exit code 137)", Restarts: 3},
			"pod/web (waiting: CrashLoopBackOff (exit code 137), 3 restarts)",
		},
		{initialising("web"), fault.PodState{State: "waiting: PodInitializing"}, "pod/web (waiting: PodInitializing)"},
		{unready("web", 0).Container("log").Terminated("log", "Error", 2).Build(), fault.PodState{State: "terminated: Error (exit code 2)"}, "pod/web (terminated: Error (exit code 2))"},
		{pending("web"), fault.PodState{State: "on no node yet"}, "pod/web (on no node yet)"},
		{leaving("web"), fault.PodState{Ready: true, State: "being deleted"}, "pod/web (being deleted)"},
		{finished("web", corev1.PodSucceeded), fault.PodState{State: "finished: Succeeded"}, "pod/web (finished: Succeeded)"},
		{
			kubetest.Pod("shop", "web").With(func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = corev1.PodFailed, "Evicted" }).Build(),
			fault.PodState{State: "finished: Failed, Evicted"},
			"pod/web (finished: Failed, Evicted)",
		},
		{
			kubetest.Pod("shop", "web").With(func(p *corev1.Pod) { p.Spec.NodeName = "node" }).Build(),
			fault.PodState{State: "waiting"},
			"pod/web (waiting)",
		},
	} {
		test.want.Name = "web"
		got := resolve.State(test.pod)
		if diff := cmp.Diff(test.want, got); diff != "" || got.Describe() != test.text {
			t.Errorf("%s; want %s; (-want +got):\n%s", got.Describe(), test.text, diff)
		}
	}
}
