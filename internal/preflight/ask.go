package preflight

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// Cluster is what preflight asks of the API server.
type Cluster interface {
	AddEphemeralContainer(ctx context.Context, pod *corev1.Pod, container corev1.EphemeralContainer, dryRun bool) (*corev1.Pod, error)
	MayI(ctx context.Context, namespace, pod string, call access.Call) (bool, error)
	WhoAmI(ctx context.Context) (authenticationv1.UserInfo, error)
}

// Ask asks the server, without writing anything, whether it would take the container and let the user make the call enter
// there, and returns what it would store. The error is a *fault.Forbidden, *fault.Refused, *fault.Altered,
// *fault.NoEphemeral or *fault.Replaced, or the server gave no answer.
func Ask(ctx context.Context, cluster Cluster, pod *corev1.Pod, container corev1.EphemeralContainer, enter access.Call) (*corev1.EphemeralContainer, error) {
	var stored *corev1.EphemeralContainer
	var dryRun error
	mayEnter := true
	var both sync.WaitGroup
	both.Go(func() { stored, dryRun = DryRun(ctx, cluster, pod, container) })
	both.Go(func() {
		// Who may not ask, or gets no answer, will see what the server says to the call itself.
		if may, err := cluster.MayI(ctx, pod.Namespace, pod.Name, enter); err == nil {
			mayEnter = may
		}
	})
	both.Wait()
	if dryRun == nil && !mayEnter {
		return nil, Forbidden(ctx, cluster, pod.Namespace, enter, nil)
	}
	return stored, dryRun
}

// DryRun asks the server what it would make of the container and returns that, with the server's defaults. The error is as
// that of Ask.
func DryRun(ctx context.Context, cluster Cluster, pod *corev1.Pod, container corev1.EphemeralContainer) (*corev1.EphemeralContainer, error) {
	stored, err := cluster.AddEphemeralContainer(ctx, pod, container, true)
	if err != nil {
		return nil, Refusal(ctx, cluster, pod, container, err)
	}
	return unaltered(pod, stored, container)
}

// Server tells whom it takes the user for.
type Server interface {
	WhoAmI(ctx context.Context) (authenticationv1.UserInfo, error)
}

// Forbidden says that a call is not allowed, and whom the server takes the user for.
func Forbidden(ctx context.Context, cluster Server, namespace string, call access.Call, server error) error {
	e := &fault.Forbidden{Namespace: namespace, Call: call.String(), Server: server}
	if user, err := cluster.WhoAmI(ctx); err == nil {
		e.User, e.Groups = user.Username, user.Groups
	}
	return e
}

// unaltered returns the container that the server would store. An error is a security context that is not what was asked: a
// field that it does not know, or that a webhook changed, would make more or less of the debug container than its target
// is.
func unaltered(pod, stored *corev1.Pod, container corev1.EphemeralContainer) (*corev1.EphemeralContainer, error) {
	name := fault.Pod{Namespace: pod.Namespace, Name: pod.Name}
	for i := range stored.Spec.EphemeralContainers {
		c := &stored.Spec.EphemeralContainers[i]
		if c.Name != container.Name {
			continue
		}
		if changes := differing(container.SecurityContext, c.SecurityContext); len(changes) > 0 {
			return nil, &fault.Altered{Pod: name, Changes: changes}
		}
		return c, nil
	}
	return nil, &fault.Altered{Pod: name, Changes: []fault.Change{{Field: "name", Asked: container.Name, Stored: unset}}}
}

const unset = "unset"

// differing returns the fields of two security contexts that are not the same.
func differing(asked, stored *corev1.SecurityContext) (changes []fault.Change) {
	a, b := fields(asked), fields(stored)
	all := maps.Clone(b)
	maps.Copy(all, a)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !equality.Semantic.DeepEqual(a[name], b[name]) {
			changes = append(changes, fault.Change{Field: name, Asked: value(a[name]), Stored: value(b[name])})
		}
	}
	return changes
}

// value writes a field as it stands in the pod.
func value(field any) string {
	if field == nil {
		return unset
	}
	text, err := json.Marshal(field)
	if err != nil {
		panic(err) // it came from a typed API object
	}
	return string(text)
}

// fields returns the fields of a security context that are set, by their JSON names.
func fields(sc *corev1.SecurityContext) map[string]any {
	if sc == nil {
		return map[string]any{}
	}
	set, err := runtime.DefaultUnstructuredConverter.ToUnstructured(sc)
	if err != nil {
		panic(err) // a typed API object always converts
	}
	return set
}
