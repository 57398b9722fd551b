package app

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// replica is a pod of the Deployment that world knows, which has been ready for so long.
func replica(name string, since time.Duration) *kubetest.PodBuilder {
	return kubetest.Pod("shop", name).Running(65532, 65532).With(func(p *corev1.Pod) {
		p.CreationTimestamp = metav1.NewTime(time.Now().Add(-since))
		p.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: p.CreationTimestamp,
		}}
	})
}

// sick is a replica that is not ready and was restarted.
func sick(name string) *kubetest.PodBuilder {
	return replica(name, time.Hour).Restarted("app", 4, corev1.ContainerStateTerminated{}).
		With(func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse })
}

// anOwner is what `kubectl mindebug deploy/shop` asks for, without a terminal.
func anOwner() SessionRequest {
	r := aRequest()
	r.Query = target.Query{Kind: "deployment", Name: "shop"}
	return r
}

// TestWhichPod: of several pods it is the one that is entered already, else the healthiest; and that is said.
func TestWhichPod(t *testing.T) {
	t.Parallel()
	young, old := replica("young", time.Hour), replica("old", 2*time.Hour)
	enter := func(b *kubetest.PodBuilder, name string) *corev1.Pod {
		return b.Ephemeral(theirs(t, b.Build(), "mindebug-theirs")).Up("mindebug-theirs", 65532, 65532).With(func(p *corev1.Pod) { p.Name = name }).Build()
	}
	found := []string{"get deployment", "list app=shop"}
	added := append(slices.Clone(found), "dry run", "may I create pods/exec", "patch")
	tests := []struct {
		name    string
		pods    []*corev1.Pod
		request func(*SessionRequest)
		// pod is the one that is chosen, said the notice of it; none where there is only one.
		pod, said string
		calls     []string
		err       error
	}{
		{name: "the only one", pods: []*corev1.Pod{young.Build()}, pod: "young", calls: added},
		{name: "the one that was ready for longest", pods: []*corev1.Pod{young.Build(), old.Build()}, pod: "old", said: "pod/old (1 of 2)", calls: added},
		{
			name: "those that are not well are named", pods: []*corev1.Pod{sick("web-9k").Build(), young.Build(), old.Build()},
			pod: "old", said: "pod/old (1 of 3; not ready: web-9k, 4 restarts)", calls: added,
		},
		{
			name: "three of those that are not well are named", pod: "young", calls: added,
			pods: []*corev1.Pod{sick("a").Build(), sick("b").Build(), young.Build(), sick("c").Build(), sick("d").Build(), sick("e").Build()},
			said: "pod/young (1 of 6; not ready: a, 4 restarts; not ready: b, 4 restarts; not ready: c, 4 restarts; 2 more)",
		},
		{
			name: "the one with a session container", pods: []*corev1.Pod{old.Build(), enter(replica("x", 0), "entered")},
			pod: "entered", said: "pod/entered (1 of 2)", calls: found,
		},
		{
			name: "a session container of another image is not one", pods: []*corev1.Pod{old.Build(), enter(replica("x", 0), "entered")},
			request: func(r *SessionRequest) { r.Image = "debug:2" }, pod: "old", said: "pod/old (1 of 2)", calls: added,
		},
		{
			name: "the one with a session container, where it will be asked beside which", calls: found,
			pods: []*corev1.Pod{old.Build(), enter(replica("x", 0).Container("log").Up("log", 65532, 65532), "entered")},
			said: "pod/entered (1 of 2)", err: &fault.ManyContainers{Pod: fault.Pod{Namespace: "shop", Name: "entered"}, Containers: []fault.Candidate{
				{Name: "app", Image: "mindebug.test/http:nonroot", Kind: "container", State: "running"},
				{Name: "log", Image: "mindebug.test/http:nonroot", Kind: "container", State: "running"},
			}},
		},
		{
			name: "a pick decides", pods: []*corev1.Pod{old.Build(), enter(replica("x", time.Hour), "entered"), replica("new", 0).Build()},
			request: func(r *SessionRequest) { r.Pick = target.PickNewest }, pod: "new", said: "pod/new (1 of 3)", calls: added,
		},
		{
			name: "none is as the pick wants it", pods: []*corev1.Pod{young.Build(), old.Build()}, calls: found,
			request: func(r *SessionRequest) { r.Pick = target.PickNotReady },
			err: &fault.NonePicked{Namespace: "shop", Target: "deployment/shop", Pick: "not-ready", Pods: []fault.PodState{
				{Name: "old", Ready: true, State: "running"}, {Name: "young", Ready: true, State: "running"},
			}},
		},
		{
			name: "by labels", pods: []*corev1.Pod{young.Build(), old.Build()}, pod: "old", said: "pod/old (1 of 2)", calls: append([]string{"list a=b"}, added[2:]...),
			request: func(r *SessionRequest) { r.Query, r.Selector = target.Query{}, "a=b" },
		},
		{
			name: "no such owner", calls: found[:1], request: func(r *SessionRequest) { r.Query.Name = "wep" },
			err: &fault.NoOwner{
				Namespace: "shop", Kind: "deployment", Name: "wep", Near: []string{"web"},
				Server: apierrors.NewNotFound(schema.GroupResource{Group: "apps", Resource: "deployments"}, "wep"),
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, r := &world{}, anOwner()
				if len(test.pods) > 0 {
					w.pod, w.siblings = test.pods[0], test.pods[1:]
				}
				if test.request != nil {
					test.request(&r)
				}
				got := open(t.Context(), w, r, strings.NewReader(""))
				if diff := cmp.Diff(test.err, got.err, everyField); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.calls, w.inOrder()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				said := ""
				if test.said != "" {
					said = test.said + "\n"
				}
				if test.pod != "" {
					said += "prod-eu shop/" + test.pod + " app uid 65532 (mirror)\n"
				}
				if !strings.HasPrefix(got.stderr, said) || said == "" && got.stderr != "" {
					t.Errorf("notices %q; want them to begin with %q", got.stderr, said)
				}
			})
		})
	}
}

// TestWouldEnter: only a container that runs and that this request would enter brings its pod to the front.
func TestWouldEnter(t *testing.T) {
	t.Parallel()
	plain := nonRoot().Build()
	with := func(c corev1.EphemeralContainer, change func(*corev1.Pod)) *corev1.Pod {
		return nonRoot().Ephemeral(c).Up(c.Name, *c.SecurityContext.RunAsUser, *c.SecurityContext.RunAsGroup).With(change).Build()
	}
	asIs := func(*corev1.Pod) {}
	silent := func(p *corev1.Pod) { p.Status.ContainerStatuses[0].User = nil }
	stepUp := func() SessionRequest {
		r := aRequest()
		r.Profile.Profile = profiles.General
		return r
	}
	// made is what a request adds for a user.
	made := func(r SessionRequest, user string) corev1.EphemeralContainer {
		f := facts.Read(plain, "app")
		plan, err := makePlan(f, r.PlanRequest)
		if err != nil {
			t.Fatal(err)
		}
		return r.container(plain, f, plan, user)
	}
	for _, test := range []struct {
		name    string
		pod     *corev1.Pod
		request SessionRequest
		whoErr  error
		want    bool
	}{
		{name: "none", pod: plain, request: aRequest()},
		{name: "the same plan", pod: with(made(aRequest(), ""), asIs), request: aRequest(), want: true},
		{name: "the same plan, and the target does not run", pod: with(made(aRequest(), ""), func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{}
		}), request: aRequest()},
		{name: "it has ended", request: aRequest(), pod: with(made(aRequest(), ""), func(p *corev1.Pod) {
			p.Status.EphemeralContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
		})},
		{name: "it is only starting", request: aRequest(), pod: with(made(aRequest(), ""), func(p *corev1.Pod) {
			p.Status.EphemeralContainerStatuses[0].State = corev1.ContainerState{}
		})},
		{name: "another plan", pod: with(made(aRequest(), ""), asIs), request: stepUp()},
		{name: "a pod that tells no user", pod: with(made(aRequest(), ""), silent), request: aRequest(), want: true},
		{name: "a pod whose spec tells another user", request: aRequest(), pod: with(made(aRequest(), ""), func(p *corev1.Pod) {
			silent(p)
			p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: new(int64(7))}
		})},
		{name: "one's own step-up", pod: with(made(stepUp(), "dana"), asIs), request: stepUp(), want: true},
		{name: "another's step-up", pod: with(made(stepUp(), "kim"), asIs), request: stepUp()},
		{name: "a step-up, and the server does not say who one is", pod: with(made(stepUp(), ""), asIs), request: stepUp(), whoErr: forbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := &world{pod: test.pod, whoErr: test.whoErr}
			if got := wouldEnter(t.Context(), w, test.request)(test.pod); got != test.want {
				t.Errorf("would enter: %t; want %t", got, test.want)
			}
		})
	}
}

// TestMayNotFindPods names the call that is missing.
func TestMayNotFindPods(t *testing.T) {
	t.Parallel()
	w := &world{pod: nonRoot().Build(), listErr: forbidden}
	_, err := findPod(t.Context(), w, Streams{}, nil, anOwner().TargetRequest, func(*corev1.Pod) bool { return false })
	want := error(&fault.Forbidden{Namespace: "shop", Call: "list pods", User: "dana", Server: forbidden})
	if diff := cmp.Diff(want, err, everyField); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

// TestAsksWhichPod on a terminal, where the pods differ in health, nothing decides and none is entered already.
func TestAsksWhichPod(t *testing.T) {
	t.Parallel()
	young, old := replica("young", time.Hour).Build(), replica("old", 2*time.Hour).Build()
	odd := sick("web-9k").Image("evil\x1b[2J").Waiting("app", "CrashLoop\x1bBackOff", "").Build()
	// unasked answers where nothing is to be asked, so that a question fails the test and does not wait.
	const unasked = "1\n"
	many := []*corev1.Pod{odd}
	for range 30 {
		many = append(many, old)
	}
	for _, test := range []struct {
		name    string
		pods    []*corev1.Pod
		pick    target.Pick
		entered string
		answer  string
		want    string
		shown   []string
	}{
		{
			name: "asks, the worst first", pods: []*corev1.Pod{young, odd, old}, answer: "1\n", want: "web-9k",
			shown: []string{"deployment/shop has 3 pods:\r\n", "  1) pod/web-9k (waiting: CrashLoop\\x1bBackOff (exit code 0), 4 restarts), 60m old\r\n", "  2) pod/old (running), 120m old\r\n", "  3) pod/young"},
		},
		{name: "asks of many for the first", pods: many, answer: "20\n", want: "old", shown: []string{"deployment/shop has 31 pods, these first:\r\n", "  20) pod/old", "number (1-20): "}},
		{name: "all are well", pods: []*corev1.Pod{young, old}, answer: unasked, want: "old"},
		{name: "a pick decides", pods: []*corev1.Pod{young, odd, old}, pick: target.PickReady, answer: unasked, want: "old"},
		{name: "one is entered", pods: []*corev1.Pod{young, odd, old}, entered: "young", answer: unasked, want: "young"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			keyboard, terminal, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer keyboard.Close()
			defer terminal.Close()
			// The mark is what is read up to: a terminal has no end.
			const mark = "<end>"
			if _, err := keyboard.WriteString(test.answer); err != nil {
				t.Fatal(err)
			}
			w := &world{pod: test.pods[0], siblings: test.pods[1:]}
			r := anOwner().TargetRequest
			r.Pick = test.pick
			chosen, err := findPod(t.Context(), w, Streams{In: terminal, Err: terminal}, nil, r, func(p *corev1.Pod) bool { return p.Name == test.entered })
			if err != nil || chosen.Name != test.want {
				t.Errorf("pod %v, %v; want %s", chosen, err, test.want)
			}
			if _, err := terminal.WriteString(mark); err != nil {
				t.Fatal(err)
			}
			var screen strings.Builder
			for p := make([]byte, 4096); !strings.Contains(screen.String(), mark); {
				n, err := keyboard.Read(p)
				if err != nil {
					t.Fatal(err)
				}
				screen.Write(p[:n])
			}
			for _, text := range test.shown {
				if !strings.Contains(screen.String(), text) {
					t.Errorf("the screen lacks %q:\n%s", text, screen.String())
				}
			}
			if len(test.shown) == 0 && strings.Contains(screen.String(), "number (") {
				t.Errorf("was asked: %q", screen.String())
			}
		})
	}
	t.Run("the question is broken off", func(t *testing.T) {
		t.Parallel()
		keyboard, terminal, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer keyboard.Close()
		defer terminal.Close()
		ctx, cancel := context.WithCancelCause(t.Context())
		why := &fault.Interrupted{}
		cancel(why)
		w := &world{pod: young, siblings: []*corev1.Pod{odd}}
		_, err = findPod(ctx, w, Streams{In: terminal, Err: terminal}, nil, anOwner().TargetRequest, func(*corev1.Pod) bool { return false })
		if diff := cmp.Diff(error(why), err); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
	})
}
