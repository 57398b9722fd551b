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
	var made corev1.Pod
	err := with(c.core.Post().Namespace(pod.Namespace).Resource("pods"), &options).Body(pod).Do(ctx).Into(&made)
	return &made, c.explain(ctx, err)
}

// DeletePod deletes this pod, never a later one of its name.
func (c *Cluster) DeletePod(ctx context.Context, pod *corev1.Pod) error {
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}
	return c.explain(ctx, c.core.Delete().Namespace(pod.Namespace).Resource("pods").Name(pod.Name).Body(&options).Do(ctx).Error())
}
