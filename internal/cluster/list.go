package cluster

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pageOfPods is how many pods are asked for at once: kubectl's own number.
const pageOfPods = 500

// EachPod calls do for each pod of a namespace, or of all where it is empty, that has the labels of a selector. It reads
// them in pages, as PodPages does; a pod is to be copied by who keeps it.
func (c *Cluster) EachPod(ctx context.Context, namespace, selector string, do func(*corev1.Pod)) error {
	return c.PodPages(ctx, namespace, selector, func(pods []corev1.Pod, _ int64, _ bool) error {
		for i := range pods {
			do(&pods[i])
		}
		return nil
	})
}

// PodPages calls do for the pods of a namespace, or of all where it is empty, that have the labels of a selector, page by
// page. Left is how many come after the page, 0 where the server does not tell. Torn is true once where the pages are not
// of one moment: the server forgets the moment of the first one after some minutes, and goes on with the pods as they are
// by then. An error of do ends it.
func (c *Cluster) PodPages(ctx context.Context, namespace, selector string, do func(pods []corev1.Pod, left int64, torn bool) error) error {
	options := metav1.ListOptions{LabelSelector: selector, Limit: pageOfPods}
	torn := false
	for {
		var page corev1.PodList
		err := c.list(namespace, "pods", &options).Do(ctx).Into(&page)
		if again := resumes(err); again != "" && !torn {
			options.Continue, torn = again, true
			continue
		}
		if err != nil {
			return c.explain(ctx, err)
		}
		left := int64(0)
		if page.RemainingItemCount != nil {
			left = *page.RemainingItemCount
		}
		if err := do(page.Items, left, torn); err != nil {
			return err
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return nil
		}
		torn = false
	}
}

// resumes returns the token with which a list goes on whose moment the server has forgotten, or "". The server sends it
// with that answer (since Kubernetes 1.15).
func resumes(err error) string {
	var answer *apierrors.StatusError
	if apierrors.IsResourceExpired(err) && errors.As(err, &answer) {
		return answer.ErrStatus.Continue
	}
	return ""
}

// NamespaceLabels returns the labels of a namespace, or of all where the name is empty, by their names.
func (c *Cluster) NamespaceLabels(ctx context.Context, name string) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	if name != "" {
		var namespace corev1.Namespace
		if err := c.get(ctx, "", "namespaces", name, &namespace); err != nil {
			return nil, err
		}
		all[name] = namespace.Labels
		return all, nil
	}
	options := metav1.ListOptions{Limit: pageOfPods}
	for {
		var page corev1.NamespaceList
		if err := c.list("", "namespaces", &options).Do(ctx).Into(&page); err != nil {
			return nil, c.explain(ctx, err)
		}
		for i := range page.Items {
			all[page.Items[i].Name] = page.Items[i].Labels
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return all, nil
		}
	}
}

// HasNamespace reports whether there is a namespace of that name.
func (c *Cluster) HasNamespace(ctx context.Context, name string) (bool, error) {
	err := c.get(ctx, "", "namespaces", name, &corev1.Namespace{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}
