package preflight

import (
	"context"
	"maps"
	"slices"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// Ask asks the server, without writing anything, whether it would take the container and let the user run commands in
// it. The error is a *fault.Forbidden, *fault.Refused, *fault.Altered or *fault.Replaced, or the server gave no answer.
func Ask(ctx context.Context, cluster Cluster, pod *corev1.Pod, container corev1.EphemeralContainer) error {
	var dryRun error
	mayExec := true
	var both sync.WaitGroup
	both.Go(func() { _, dryRun = DryRun(ctx, cluster, pod, container) })
	both.Go(func() {
		// Who may not ask, or gets no answer, will see what the server says to the exec itself.
		if may, err := cluster.MayI(ctx, pod.Namespace, pod.Name, access.Exec); err == nil {
			mayExec = may
		}
	})
	both.Wait()
	if dryRun == nil && !mayExec {
		return Forbidden(ctx, cluster, pod.Namespace, access.Exec, nil)
	}
	return dryRun
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

// Refusal says in the terms of package fault why the server did not take the container, in a dry run or for real. A
// server forbids by RBAC and by admission with the same status; which it was, it is asked.
func Refusal(ctx context.Context, cluster Cluster, pod *corev1.Pod, container corev1.EphemeralContainer, err error) error {
	name := fault.Pod{Namespace: pod.Namespace, Name: pod.Name}
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err), replaced(err):
		return &fault.Replaced{Pod: name, Server: err}
	case apierrors.IsForbidden(err):
		if may, reviewErr := cluster.MayI(ctx, pod.Namespace, pod.Name, access.AddContainer); reviewErr == nil && !may {
			return Forbidden(ctx, cluster, pod.Namespace, access.AddContainer, err)
		}
		return &fault.Refused{Pod: name, Container: container.Name, Server: err}
	case apierrors.ReasonForError(err) != "":
		return &fault.Refused{Pod: name, Container: container.Name, Server: err}
	}
	return err
}

// replaced reports whether the server refuses because the pod's uid is another one by now.
func replaced(err error) bool {
	if apierrors.IsConflict(err) {
		return true
	}
	status, ok := err.(apierrors.APIStatus)
	if !ok || status.Status().Details == nil {
		return false
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Field == "metadata.uid" {
			return true
		}
	}
	return false
}

// Forbidden says that a call is not allowed, and whom the server takes the user for.
func Forbidden(ctx context.Context, cluster Cluster, namespace string, call access.Call, server error) error {
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
		if fields := differing(container.SecurityContext, c.SecurityContext); len(fields) > 0 {
			return nil, &fault.Altered{Pod: name, Fields: fields}
		}
		return c, nil
	}
	return nil, &fault.Altered{Pod: name, Fields: []string{"name"}}
}

// differing returns the JSON names of the fields of two security contexts that are not the same.
func differing(asked, stored *corev1.SecurityContext) []string {
	a, b := fields(asked), fields(stored)
	different := map[string]bool{}
	for name := range a {
		different[name] = !equality.Semantic.DeepEqual(a[name], b[name])
	}
	for name := range b {
		different[name] = !equality.Semantic.DeepEqual(a[name], b[name])
	}
	maps.DeleteFunc(different, func(_ string, differs bool) bool { return !differs })
	return slices.Sorted(maps.Keys(different))
}

// fields returns the fields of a security context that are set, by their JSON names.
func fields(sc *corev1.SecurityContext) map[string]any {
	if sc == nil {
		return nil
	}
	set, err := runtime.DefaultUnstructuredConverter.ToUnstructured(sc)
	if err != nil {
		panic(err) // a typed API object always converts
	}
	return set
}
