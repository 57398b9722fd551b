package session

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// Follow gives the pod to see as it is and as it changes, until that is done or the error is not nil; watched where the
// user may watch it, else read from time to time. The error is a *fault.Replaced where the pod is gone, or says that the API
// server is silent or does not know the user any more.
func Follow(ctx context.Context, cluster Cluster, pod *corev1.Pod, see func(*corev1.Pod) (done bool, err error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for change := range watchPod(ctx, cluster, pod) {
		if change.err != nil {
			return change.err
		}
		if change.pod.UID != pod.UID {
			return &fault.Replaced{Pod: fault.Pod{Namespace: pod.Namespace, Name: pod.Name}}
		}
		if done, err := see(change.pod); done || err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}
