package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// answerWithin bounds an API call up to the first byte of its answer, where --request-timeout does not.
const answerWithin = 10 * time.Second

// Cluster is one cluster as one user sees it. All its calls share one connection.
type Cluster struct {
	// Context is the name of the kubeconfig's context, empty in a pod. Namespace is the one to work in.
	Context, Namespace string

	config *rest.Config
	// user is the kubeconfig's name of the user, where a flag names one.
	user string
	// api is config as the calls use it, and client their connection.
	api    *rest.Config
	client *http.Client
	// core is for the core group, which most calls are about.
	core rest.Interface
}

// Connect reads the configuration that the flags name and builds the clients. It opens no connection. Each warning that
// the API server sends with an answer is given to warn, once.
func Connect(flags *Flags, warn func(string)) (*Cluster, error) {
	loader := flags.Loader()
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, &fault.Configuration{Cause: err}
	}
	config.UserAgent = flags.Agent
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, &fault.Configuration{Cause: err}
	}
	c := &Cluster{Namespace: namespace, Context: contextName(flags), config: rest.CopyConfig(config), user: flags.Overrides.Context.AuthInfo}

	api := rest.CopyConfig(config)
	api.ContentType = "application/vnd.kubernetes.protobuf"
	api.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	api.QPS = -1 // the API server's own priority and fairness decides
	api.WarningHandler = &oncePerText{warn: warn}
	bound := answerWithin
	if api.Timeout > 0 {
		bound, api.Timeout = api.Timeout, 0 // rest's own would end a watch, too
	}
	api.Wrap(func(next http.RoundTripper) http.RoundTripper { return &firstByte{next: next, bound: bound} })

	client, err := rest.HTTPClientFor(api)
	if err != nil {
		return nil, &fault.Configuration{Cause: err}
	}
	c.api, c.client = api, client
	if c.core, err = c.typed(corev1.SchemeGroupVersion); err != nil {
		return nil, &fault.Configuration{Cause: err}
	}
	return c, nil
}

// contextName is the context in use, or empty where there is none.
func contextName(flags *Flags) string {
	if flags.Overrides.CurrentContext != "" {
		return flags.Overrides.CurrentContext
	}
	raw, err := flags.Loader().RawConfig()
	if err != nil {
		return ""
	}
	return raw.CurrentContext
}

// RESTConfig is what a stream needs to open a connection of its own.
func (c *Cluster) RESTConfig() *rest.Config { return rest.CopyConfig(c.config) }

// Pod reads one pod.
func (c *Cluster) Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	var pod corev1.Pod
	err := c.get(ctx, namespace, "pods", name, &pod)
	return &pod, err
}

// Secret reads one Secret.
func (c *Cluster) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	var secret corev1.Secret
	err := c.get(ctx, namespace, "secrets", name, &secret)
	return &secret, err
}

// ConfigText reads the text at a key of a ConfigMap; it is empty where there is no such key.
func (c *Cluster) ConfigText(ctx context.Context, namespace, name, key string) (string, error) {
	var m corev1.ConfigMap
	err := c.get(ctx, namespace, "configmaps", name, &m)
	return m.Data[key], err
}

// Identity tells this cluster, and this user of it, from others. It holds credentials: it is to be hashed.
func (c *Cluster) Identity() string {
	return fmt.Sprintf("%q", []string{
		c.Context, c.config.Host, c.user, c.config.Username, c.config.BearerToken, string(c.config.CertData), c.config.CertFile,
		c.config.Impersonate.UserName, fmt.Sprint(c.config.Impersonate.Groups),
	})
}

// NodeArchitecture reads the architecture of a node, in Go's words: "arm64".
func (c *Cluster) NodeArchitecture(ctx context.Context, name string) (string, error) {
	var node corev1.Node
	err := c.get(ctx, "", "nodes", name, &node)
	return node.Status.NodeInfo.Architecture, err
}

// AddEphemeralContainer adds container to the pod and returns the pod as the server has it then. The patch carries the
// pod's uid, so that it is refused for a later pod of the same name. With dryRun the server says what it would do, and
// stores nothing.
func (c *Cluster) AddEphemeralContainer(ctx context.Context, pod *corev1.Pod, container corev1.EphemeralContainer, dryRun bool) (*corev1.Pod, error) {
	return c.add(ctx, pod, container, map[string]any{"uid": pod.UID}, dryRun)
}

// AddIfUnchanged adds container to the pod as AddEphemeralContainer does, if nothing of the pod has changed since it was read,
// its status included; else the error is a conflict.
func (c *Cluster) AddIfUnchanged(ctx context.Context, pod *corev1.Pod, container corev1.EphemeralContainer) (*corev1.Pod, error) {
	return c.add(ctx, pod, container, map[string]any{"uid": pod.UID, "resourceVersion": pod.ResourceVersion}, false)
}

// add adds container to the pod if that has the metadata.
func (c *Cluster) add(ctx context.Context, pod *corev1.Pod, container corev1.EphemeralContainer, metadata map[string]any, dryRun bool) (*corev1.Pod, error) {
	patch, err := json.Marshal(map[string]any{
		"metadata": metadata,
		"spec":     map[string]any{"ephemeralContainers": []corev1.EphemeralContainer{container}},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding container %q: %w", container.Name, err)
	}
	options := metav1.PatchOptions{FieldManager: "kubectl-mindebug"}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	var patched corev1.Pod
	request := c.core.Patch(types.StrategicMergePatchType).Namespace(pod.Namespace).Resource("pods").Name(pod.Name).SubResource("ephemeralcontainers")
	err = with(request, &options).Body(patch).Do(ctx).Into(&patched)
	return &patched, c.explain(ctx, err)
}

// WatchPod reports the changes of a pod since its resource version.
func (c *Cluster) WatchPod(ctx context.Context, pod *corev1.Pod) (watch.Interface, error) {
	return c.watch(ctx, pod.Namespace, "pods", metav1.ListOptions{
		FieldSelector:   fields.OneTermEqualSelector("metadata.name", pod.Name).String(),
		ResourceVersion: pod.ResourceVersion,
	})
}

// WatchEvents reports the Events about a container of a pod, those that there are and those that come.
func (c *Cluster) WatchEvents(ctx context.Context, pod *corev1.Pod, container string) (watch.Interface, error) {
	return c.watch(ctx, pod.Namespace, "events", metav1.ListOptions{
		FieldSelector: fields.Set{
			"involvedObject.uid":       string(pod.UID),
			"involvedObject.fieldPath": fmt.Sprintf("spec.ephemeralContainers{%s}", container),
		}.AsSelector().String(),
	})
}

// watch reports the changes of what the options select.
func (c *Cluster) watch(ctx context.Context, namespace, resource string, options metav1.ListOptions) (watch.Interface, error) {
	options.Watch = true
	w, err := c.list(namespace, resource, &options).Watch(ctx)
	return w, c.explain(ctx, err)
}

// CreateEvent records an Event.
func (c *Cluster) CreateEvent(ctx context.Context, event *corev1.Event) error {
	return c.explain(ctx, c.core.Post().Namespace(event.Namespace).Resource("events").Body(event).Do(ctx).Error())
}

// MayI asks the server whether the user may make a call on a pod.
func (c *Cluster) MayI(ctx context.Context, namespace, pod string, call access.Call) (bool, error) {
	review := authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Name: pod, Verb: call.Verb, Group: call.Group, Resource: call.Resource, Subresource: call.Subresource,
		}},
	}
	err := c.review(ctx, authorizationv1.SchemeGroupVersion, "selfsubjectaccessreviews", &review)
	return review.Status.Allowed, err
}

// WhoAmI asks the server whom it takes the user for.
func (c *Cluster) WhoAmI(ctx context.Context) (authenticationv1.UserInfo, error) {
	var review authenticationv1.SelfSubjectReview
	err := c.review(ctx, authenticationv1.SchemeGroupVersion, "selfsubjectreviews", &review)
	return review.Status.UserInfo, err
}

// review puts a question to the server and takes the answer, which is of the question's kind.
func (c *Cluster) review(ctx context.Context, version schema.GroupVersion, resource string, review runtime.Object) error {
	client, err := c.typed(version)
	if err != nil {
		return err
	}
	return c.explain(ctx, client.Post().Resource(resource).Body(review).Do(ctx).Into(review))
}

// explain leaves the server's own answers as they are; any other failure means that it gave none.
func (c *Cluster) explain(ctx context.Context, err error) error {
	var answer *apierrors.StatusError
	switch {
	case err == nil, errors.As(err, &answer):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return &fault.Unreachable{Server: c.config.Host, Cause: err}
}
