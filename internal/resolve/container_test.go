package resolve_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
)

var web = fault.Pod{Namespace: "shop", Name: "web"}

const image = "mindebug.test/http:nonroot"

func pod() *kubetest.PodBuilder { return kubetest.Pod("shop", "web") }

func byDefault(name string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Annotations = map[string]string{"kubectl.kubernetes.io/default-container": name}
	}
}

func TestContainer(t *testing.T) {
	t.Parallel()
	app := fault.Candidate{Name: "app", Image: image, Kind: "container", State: "running"}
	two := func() *kubetest.PodBuilder { return pod().Container("log").Image("log:2") }
	log := fault.Candidate{Name: "log", Image: "log:2", Kind: "container", State: "running"}
	tests := []struct {
		name   string
		pod    *kubetest.PodBuilder
		wanted string
		want   string
		err    error
	}{
		{name: "the only one", pod: pod().Running(1, 1), want: "app"},
		{name: "the only one, though nothing runs", pod: pod(), want: "app"},
		{name: "the only one beside a sidecar", pod: pod().Sidecar("proxy").Running(1, 1), want: "app"},
		{name: "the only one after its init container", pod: pod().InitContainer("migrate").Running(1, 1).Terminated("migrate", "Completed", 0), want: "app"},
		{name: "wanted", pod: two().Running(1, 1).With(byDefault("app")), wanted: "log", want: "log"},
		{name: "wanted, a sidecar", pod: two().Sidecar("proxy").Running(1, 1), wanted: "proxy", want: "proxy"},
		{name: "wanted, an init container that ended", pod: pod().InitContainer("migrate").Terminated("migrate", "Completed", 0), wanted: "migrate", want: "migrate"},
		{
			name: "wanted, there is none", pod: pod().Running(1, 1).With(byDefault("app")), wanted: "ap",
			err: &fault.NoContainer{Pod: web, Name: "ap", Containers: []fault.Candidate{app}, Near: []string{"app"}},
		},
		{
			name: "an ephemeral container is no target", wanted: "mindebug-x",
			pod: pod().Running(1, 1).Ephemeral(corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "mindebug-x"}}),
			err: &fault.NoContainer{Pod: web, Name: "mindebug-x", Containers: []fault.Candidate{app}},
		},
		{name: "annotation", pod: two().Running(1, 1).With(byDefault("log")), want: "log"},
		{name: "annotation that names a sidecar", pod: two().Sidecar("proxy").Running(1, 1).With(byDefault("proxy")), want: "proxy"},
		{name: "annotation before a running init container", pod: pod().InitContainer("migrate").Up("migrate", 1, 1).With(byDefault("app")), want: "app"},
		{
			name: "annotation that names none", pod: two().Running(1, 1).With(byDefault("gone")),
			err: &fault.ManyContainers{Pod: web, Containers: []fault.Candidate{app, log}},
		},
		{name: "init container that runs", pod: pod().InitContainer("migrate").Up("migrate", 1, 1), want: "migrate"},
		{
			name: "the second init container runs", want: "seed",
			pod: two().InitContainer("migrate").InitContainer("seed").Terminated("migrate", "Completed", 0).Up("seed", 1, 1),
		},
		{
			name: "init container that runs, whatever the phase says", want: "migrate",
			pod: pod().InitContainer("migrate").Up("migrate", 1, 1).With(func(p *corev1.Pod) { p.Status.Phase = corev1.PodRunning }),
		},
		{
			name: "a sidecar that runs while the pod initialises is not meant", want: "migrate",
			pod: two().Sidecar("proxy").InitContainer("migrate").Up("proxy", 1, 1).Up("migrate", 1, 1),
		},
		{
			name: "an init container that waits is not meant", want: "app",
			pod: pod().InitContainer("migrate").Waiting("migrate", "CrashLoopBackOff", ""),
		},
		{
			name: "many, with what is known of each",
			pod: two().Sidecar("proxy").InitContainer("migrate").Running(1, 1).Terminated("migrate", "Completed", 0).
				Waiting("log", "CrashLoopBackOff", "").Restarted("log", 4, corev1.ContainerStateTerminated{}),
			err: &fault.ManyContainers{Pod: web, Containers: []fault.Candidate{
				app,
				{Name: "log", Image: "log:2", Kind: "container", State: "waiting: CrashLoopBackOff", Restarts: 4},
				{Name: "proxy", Image: image, Kind: "sidecar", State: "running"},
				{Name: "migrate", Image: image, Kind: "init", State: "terminated: Completed"},
			}},
		},
		{
			name: "many of which nothing is known yet", pod: two(),
			err: &fault.ManyContainers{Pod: web, Containers: []fault.Candidate{
				{Name: "app", Image: image, Kind: "container", State: "waiting"},
				{Name: "log", Image: "log:2", Kind: "container", State: "waiting"},
			}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := test.pod.Build()
			before := p.DeepCopy()
			got, err := resolve.Container(p, test.wanted)
			if diff := cmp.Diff(test.err, err); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if got != test.want {
				t.Errorf("Container = %q; want %q", got, test.want)
			}
			if diff := cmp.Diff(before, p); diff != "" {
				t.Errorf("the pod was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestContainerState(t *testing.T) {
	t.Parallel()
	for want, state := range map[string]corev1.ContainerState{
		"running":                   {Running: &corev1.ContainerStateRunning{}},
		"waiting":                   {},
		"waiting: CrashLoopBackOff": {Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		"terminated":                {Terminated: &corev1.ContainerStateTerminated{}},
		"terminated: OOMKilled":     {Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled"}},
	} {
		if got := resolve.ContainerState(state); got != want {
			t.Errorf("ContainerState(%+v) = %q; want %q", state, got, want)
		}
	}
}

// TestRule: each rule has words of its own, and the first that holds is told.
func TestRule(t *testing.T) {
	t.Parallel()
	initialising := func() *kubetest.PodBuilder { return pod().InitContainer("migrate").Up("migrate", 1, 1) }
	for _, test := range []struct {
		pod          *kubetest.PodBuilder
		wanted, want string
	}{
		{initialising().With(byDefault("app")), "app", "flag"},
		{initialising().With(byDefault("app")), "", "annotation kubectl.kubernetes.io/default-container"},
		{initialising().With(byDefault("gone")), "", "the init container that runs"},
		{pod().Running(1, 1), "", "the pod's only container"},
		{pod().Container("log").Running(1, 1), "", "chosen on the terminal"},
	} {
		if got := resolve.Rule(test.pod.Build(), test.wanted); got != test.want {
			t.Errorf("Rule(%q) = %q; want %q", test.wanted, got, test.want)
		}
	}
}
