package e2e

import (
	"fmt"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/attach/attachtest"
)

// restConfig reaches the cluster as its administrator.
func restConfig(t *testing.T) *rest.Config {
	t.Helper()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		t.Fatalf("reading kubeconfig: %v", err)
	}
	return config
}

// shellPod is a pod with a shell in its container "app" and a container "waiting" that never runs.
func shellPod(t *testing.T) *corev1.Pod {
	t.Helper()
	b := kubetest.Pod(newNamespace(t, "privileged"), "target").Image(stockImage).Args("sleep", "3600").
		Container("waiting").Image("mindebug.test/absent:none").With(func(p *corev1.Pod) {
		for i := range p.Spec.Containers {
			p.Spec.Containers[i].ImagePullPolicy = corev1.PullIfNotPresent
		}
		p.Spec.Containers[1].ImagePullPolicy = corev1.PullNever
	})
	return waitFor(t, createPod(t, b), "run its first container", func(p *corev1.Pod) bool {
		for i := range p.Status.ContainerStatuses {
			if s := &p.Status.ContainerStatuses[i]; s.Name == "app" && s.State.Running != nil {
				return true
			}
		}
		return false
	})
}

// shellContainer is a pod whose container's own process is a shell with that script, with stdin for the first who attaches.
func shellContainer(t *testing.T, namespace, name string, tty bool, script string) attach.Container {
	t.Helper()
	b := kubetest.Pod(namespace, name).Image(stockImage).Args("sh", "-c", script).With(func(p *corev1.Pod) {
		p.Spec.RestartPolicy = corev1.RestartPolicyNever
		c := &p.Spec.Containers[0]
		c.Stdin, c.StdinOnce, c.TTY = true, true, tty
	})
	newPod(t, b)
	return attach.Container{Namespace: namespace, Pod: name, Name: "app"}
}

// TestConformance runs the suite that pkg/attach runs against its fake, here against a kubelet.
func TestConformance(t *testing.T) {
	t.Parallel()
	pod := shellPod(t)
	minor, err := serverVersion()
	if err != nil {
		t.Fatalf("reading the server's version: %v", err)
	}
	var started atomic.Int32
	attachtest.Conformance(t, attachtest.Subject{
		Config:    restConfig(t),
		Container: attach.Container{Namespace: pod.Namespace, Pod: pod.Name, Name: "app"},
		Waiting:   attach.Container{Namespace: pod.Namespace, Pod: pod.Name, Name: "waiting"},
		Late:      minor <= 30,
		Start: func(t *testing.T, tty bool, script string) attach.Container {
			t.Helper()
			return shellContainer(t, pod.Namespace, fmt.Sprintf("started-%d", started.Add(1)), tty, script)
		},
	})
}
