package cluster

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Pods lists the pods of a namespace that have the labels of a selector.
func (c *Cluster) Pods(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	list, err := c.core.Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	return list.Items, nil
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
	object, err := scheme.Scheme.New(version.WithKind(kind.API))
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
	client, err := metadata.NewForConfigAndClient(c.api, c.client)
	if err != nil {
		return nil, fmt.Errorf("making a client for %s: %w", kind.Plural, err)
	}
	resource := schema.GroupVersionResource{Group: kind.Group, Version: "v1", Resource: kind.Plural}
	list, err := client.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	names := make([]string, 0, len(list.Items))
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names, nil
}

// typed returns a client for a group, made for the call: a pod by its name needs none besides that for pods. Resource and
// type come from the table of kinds, of which generated clients would be a second one.
func (c *Cluster) typed(version schema.GroupVersion) (rest.Interface, error) {
	config := rest.CopyConfig(c.api)
	config.GroupVersion, config.APIPath = &version, "/apis"
	if version.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.RESTClientForConfigAndClient(config, c.client)
	if err != nil {
		return nil, fmt.Errorf("making a client for %s: %w", version, err)
	}
	return client, nil
}
