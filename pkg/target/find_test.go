package target_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func TestFind(t *testing.T) {
	t.Parallel()
	pod := kubetest.Pod("shop", "web").Container("new").InitContainer("migrate").Sidecar("proxy").
		Ephemeral(corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "mindebug-x"}}).
		Up("app", 1, 1).Up("proxy", 1, 1).Terminated("migrate", "Completed", 0).Up("mindebug-x", 1, 1).Build()
	for _, test := range []struct {
		name   string
		status bool
	}{{"app", true}, {"new", false}, {"migrate", true}, {"proxy", true}} {
		container, status := target.Find(pod, test.name)
		if container == nil || container.Name != test.name || container.Image == "" {
			t.Errorf("Find(%q) = %+v", test.name, container)
		}
		if (status != nil) != test.status || status != nil && status.Name != test.name {
			t.Errorf("Find(%q) has the status %+v", test.name, status)
		}
	}
	for _, none := range []string{"", "gone", "mindebug-x"} {
		if container, status := target.Find(pod, none); container != nil || status != nil {
			t.Errorf("Find(%q) = %+v, %+v; want none", none, container, status)
		}
	}
}
