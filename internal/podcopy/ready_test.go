package podcopy_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/podcopy"
)

func TestFailing(t *testing.T) {
	t.Parallel()
	ended := corev1.ContainerStateTerminated{ExitCode: 1}
	two := func() *kubetest.PodBuilder { return pod().Container("other").Running(1, 1) }
	for name, test := range map[string]struct {
		pod  *kubetest.PodBuilder
		want string
	}{
		"none":                      {two(), ""},
		"no status":                 {pod(), ""},
		"crash loop":                {two().Waiting("app", "CrashLoopBackOff", "").Restarted("app", 3, ended), "app"},
		"runs again":                {two().Restarted("app", 3, ended), ""},
		"cannot be created":         {two().Waiting("other", "CreateContainerError", ""), "other"},
		"is being created":          {two().Waiting("other", "ContainerCreating", ""), ""},
		"waits for an init":         {pod().InitContainer("migrate").Running(1, 1).Waiting("app", "PodInitializing", "").Terminated("migrate", "Error", 1), "migrate"},
		"an init that did its work": {pod().InitContainer("migrate").Running(1, 1).Terminated("migrate", "Completed", 0).Terminated("app", "Error", 2), "app"},
		"two":                       {two().Terminated("app", "Error", 1).Terminated("other", "Error", 1), ""},
	} {
		if got := podcopy.Failing(test.pod.Build()); got != test.want {
			t.Errorf("%s: %q; want %q", name, got, test.want)
		}
	}
}

// started is a copy with an init container and a sidecar, as its node tells of it.
func started() *kubetest.PodBuilder {
	b := pod().InitContainer("mindebug-install").InitContainer("migrate").Sidecar("proxy").Running(1, 1)
	for _, name := range []string{"mindebug-install", "migrate"} {
		b.Terminated(name, "Completed", 0)
	}
	return b
}

func TestReady(t *testing.T) {
	t.Parallel()
	unscheduled := pod().With(func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes"}}
	})
	for name, test := range map[string]struct {
		pod     *kubetest.PodBuilder
		ready   bool
		waiting string
		err     *fault.CopyNotStarted
	}{
		"runs":        {pod: started(), ready: true},
		"new":         {pod: pod(), waiting: "waiting for a node"},
		"unscheduled": {pod: unscheduled, waiting: "waiting for a node: 0/3 nodes"},
		"init runs":   {pod: started().Up("migrate", 1, 1).Waiting("app", "PodInitializing", ""), waiting: "waiting for init container migrate to end"},
		"creating":    {pod: started().Waiting("app", "ContainerCreating", ""), waiting: "waiting for container app: ContainerCreating"},
		"no status":   {pod: pod().With(func(p *corev1.Pod) { p.Spec.NodeName = "node" }), waiting: "waiting for the copy to start"},
		"later ones do not matter": {
			pod: started().Container("late").Waiting("late", "ErrImagePull", ""), ready: true,
		},
		"pull": {
			pod: started().Waiting("app", "ErrImagePull", "no such"),
			err: &fault.CopyNotStarted{Container: "app", Reason: "ErrImagePull", Message: "no such", Image: "mindebug.test/http:nonroot"},
		},
		"init fails": {
			pod: started().Terminated("migrate", "Error", 3).Waiting("app", "PodInitializing", ""),
			err: &fault.CopyNotStarted{Container: "migrate", Reason: "Error", Image: "mindebug.test/http:nonroot", Exit: &fault.Exit{Code: 3, Reason: "Error"}},
		},
		"installer fails": {
			pod: started().Terminated("mindebug-install", "Error", 1),
			err: &fault.CopyNotStarted{Container: "mindebug-install", Reason: "Error", Image: "mindebug.test/http:nonroot", Installs: true, Exit: &fault.Exit{Code: 1, Reason: "Error"}},
		},
		"its time is over before it has started": {
			pod: started().Terminated("mindebug-install", "Error", 137).With(func(p *corev1.Pod) { p.Status.Reason = "DeadlineExceeded" }),
			err: &fault.CopyNotStarted{Reason: "DeadlineExceeded"},
		},
		"ended": {
			pod: started().Terminated("app", "Completed", 0),
			err: &fault.CopyNotStarted{Container: "app", Reason: "Completed", Image: "mindebug.test/http:nonroot", Exit: &fault.Exit{Reason: "Completed"}},
		},
		"refused by its node": {
			pod: pod().With(func(p *corev1.Pod) {
				p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "NodeAffinity", "m"
			}),
			err: &fault.CopyNotStarted{Reason: "NodeAffinity", Message: "m"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := podcopy.Copy{Installer: "mindebug-install"}
			ready, waiting, err := c.Ready(test.pod.Build(), "app")
			var got *fault.CopyNotStarted
			if errors.As(err, &got) {
				test.err.Pod = fault.Pod{Namespace: "shop", Name: "web"}
			}
			if diff := cmp.Diff(test.err, got); diff != "" || ready != test.ready || waiting != test.waiting {
				t.Errorf("ready %t, waiting %q, err %v; want %t, %q (-want +got):\n%s", ready, waiting, err, test.ready, test.waiting, diff)
			}
		})
	}
}

func TestEnded(t *testing.T) {
	t.Parallel()
	name := fault.Pod{Namespace: "shop", Name: "web"}
	for what, test := range map[string]struct {
		pod  *kubetest.PodBuilder
		want *fault.CopyEnded
	}{
		"runs":     {started(), nil},
		"deleted":  {started().With(func(p *corev1.Pod) { p.DeletionTimestamp = new(p.CreationTimestamp) }), &fault.CopyEnded{Pod: name, Deleted: true}},
		"deadline": {started().With(func(p *corev1.Pod) { p.Status.Reason = "DeadlineExceeded" }), &fault.CopyEnded{Pod: name, Deadline: true}},
		// The session that left was one in which the kernel had killed a program.
		"left":   {started().Terminated("app", "OOMKilled", 0), nil},
		"memory": {started().Terminated("app", "OOMKilled", 137), &fault.CopyEnded{Pod: name, Exit: &fault.Exit{Code: 137, Reason: "OOMKilled"}}},
	} {
		if diff := cmp.Diff(test.want, podcopy.Ended(test.pod.Build(), "app")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}
