package cluster

import (
	"context"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// scheme has the types that are spoken of with a cluster. client-go's generated clients know all that Kubernetes has, and make the
// table of them at the start of every program that imports one.
var scheme = sync.OnceValue(func() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		metav1.AddMetaToScheme, corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme,
		authenticationv1.AddToScheme, authorizationv1.AddToScheme,
	} {
		if err := add(s); err != nil {
			panic(err) // no input reaches this
		}
	}
	return s
})

// encodings are those of the types: JSON and protobuf.
var encodings = sync.OnceValue(func() runtime.NegotiatedSerializer {
	return serializer.NewCodecFactory(scheme()).WithoutConversion()
})

// typed returns a client for a group.
func (c *Cluster) typed(version schema.GroupVersion) (rest.Interface, error) {
	config := rest.CopyConfig(c.api)
	config.GroupVersion, config.APIPath = &version, "/apis"
	if version.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = encodings()
	return rest.RESTClientForConfigAndClient(config, c.client)
}

// get reads an object of the core group; the namespace is empty for one that is in none.
func (c *Cluster) get(ctx context.Context, namespace, resource, name string, into runtime.Object) error {
	request := c.core.Get().NamespaceIfScoped(namespace, namespace != "").Resource(resource).Name(name)
	return c.explain(ctx, request.Do(ctx).Into(into))
}

// list begins a list or a watch of objects of the core group, in all namespaces where it names none.
func (c *Cluster) list(namespace, resource string, options *metav1.ListOptions) *rest.Request {
	return with(c.core.Get().Namespace(namespace).Resource(resource), options)
}

// with puts options of a call into its address.
func with(request *rest.Request, options runtime.Object) *rest.Request {
	return request.SpecificallyVersionedParams(options, metav1.ParameterCodec, corev1.SchemeGroupVersion)
}
