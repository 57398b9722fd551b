package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pageOfPods is how many pods are asked for at once: kubectl's own number.
const pageOfPods = 500

// EachPod calls do for each pod of a namespace, or of all where it is empty, that has the labels of a selector. It reads
// them in pages; a pod is to be copied by who keeps it.
func (c *Cluster) EachPod(ctx context.Context, namespace, selector string, do func(*corev1.Pod)) error {
	options := metav1.ListOptions{LabelSelector: selector, Limit: pageOfPods}
	for {
		page, err := c.core.Pods(namespace).List(ctx, options)
		if err != nil {
			return c.explain(ctx, err)
		}
		for i := range page.Items {
			do(&page.Items[i])
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return nil
		}
	}
}

// HasNamespace reports whether there is a namespace of that name.
func (c *Cluster) HasNamespace(ctx context.Context, name string) (bool, error) {
	_, err := c.core.Namespaces().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, c.explain(ctx, err)
}
