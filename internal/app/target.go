package app

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// TargetRequest is what a user says of the container to debug.
type TargetRequest struct {
	// Context is the name of the kubeconfig's context, for the notice that says where one is.
	Context, Namespace string
	Query              target.Query
	// Container is the target's name, or empty for the one that is meant.
	Container string
}

// findPod reads the pod that is meant.
func findPod(ctx context.Context, cluster Cluster, r TargetRequest) (*corev1.Pod, error) {
	pod, err := resolve.Pod(ctx, cluster, r.Namespace, r.Query.Name)
	if apierrors.IsForbidden(err) {
		err = preflight.Forbidden(ctx, cluster, r.Namespace, access.GetPod, err)
	}
	return pod, err
}

// findContainer settles which container is meant, by asking on a terminal where the pod does not tell.
func findContainer(ctx context.Context, streams Streams, pod *corev1.Pod, wanted string) (string, error) {
	name, err := resolve.Container(pod, wanted)
	var many *fault.ManyContainers
	if !errors.As(err, &many) || !ui.IsTerminal(streams.In) || !ui.IsTerminal(streams.Err) {
		return name, err
	}
	var options []string
	for _, c := range many.Containers {
		options = append(options, ui.Escape(c.Describe()))
	}
	chosen, err := ui.Choose(ctx, streams.In, streams.Err, fmt.Sprintf("pod/%s has %d containers:", pod.Name, len(options)), options)
	if err != nil {
		return "", err
	}
	return many.Containers[chosen].Name, nil
}
