package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CreatePod makes a pod and returns it as the server has it then. With dryRun the server says what it would make, and stores
// nothing.
func (c *Cluster) CreatePod(ctx context.Context, pod *corev1.Pod, dryRun bool) (*corev1.Pod, error) {
	options := metav1.CreateOptions{FieldManager: "kubectl-mindebug"}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	made, err := c.core.Pods(pod.Namespace).Create(ctx, pod, options)
	return made, c.explain(ctx, err)
}

// DeletePod deletes this pod, never a later one of its name.
func (c *Cluster) DeletePod(ctx context.Context, pod *corev1.Pod) error {
	err := c.core.Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
	return c.explain(ctx, err)
}
