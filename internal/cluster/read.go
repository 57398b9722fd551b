package cluster

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Pods lists the pods of a namespace that have the labels of a selector.
func (c *Cluster) Pods(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	options := metav1.ListOptions{LabelSelector: selector}
	var list corev1.PodList
	err := c.list(namespace, "pods", &options).Do(ctx).Into(&list)
	return list.Items, c.explain(ctx, err)
}

// Jobs lists the jobs of a namespace.
func (c *Cluster) Jobs(ctx context.Context, namespace string) ([]batchv1.Job, error) {
	client, err := c.typed(batchv1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	var list batchv1.JobList
	err = client.Get().Namespace(namespace).Resource("jobs").Do(ctx).Into(&list)
	return list.Items, c.explain(ctx, err)
}

// Object reads an object of a kind as its type of k8s.io/api: a *appsv1.Deployment, for instance.
func (c *Cluster) Object(ctx context.Context, namespace string, kind target.Kind, name string) (runtime.Object, error) {
	version := schema.GroupVersion{Group: kind.Group, Version: "v1"}
	object, err := scheme().New(version.WithKind(kind.API))
	if err != nil {
		return nil, fmt.Errorf("reading %s/%s: %w", kind.Name, name, err)
	}
	client, err := c.typed(version)
	if err != nil {
		return nil, err
	}
	err = client.Get().Namespace(namespace).Resource(kind.Plural).Name(name).Do(ctx).Into(object)
	return object, c.explain(ctx, err)
}

// Names lists the names of the objects of a kind, and has the server leave out the rest of them.
func (c *Cluster) Names(ctx context.Context, namespace string, kind target.Kind) ([]string, error) {
	client, err := c.typed(schema.GroupVersion{Group: kind.Group, Version: "v1"})
	if err != nil {
		return nil, err
	}
	var list metav1.PartialObjectMetadataList
	err = client.Get().Namespace(namespace).Resource(kind.Plural).
		SetHeader("Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").Do(ctx).Into(&list)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	names := make([]string, 0, len(list.Items))
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names, nil
}
