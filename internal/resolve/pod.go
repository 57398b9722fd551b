package resolve

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/near"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Cluster reads what can be named from the API server.
type Cluster interface {
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	// Pods lists the pods that have the labels of a selector.
	Pods(ctx context.Context, namespace, selector string) ([]corev1.Pod, error)
	Jobs(ctx context.Context, namespace string) ([]batchv1.Job, error)
	Object(ctx context.Context, namespace string, kind target.Kind, name string) (runtime.Object, error)
	Names(ctx context.Context, namespace string, kind target.Kind) ([]string, error)
}

// Denied says which call the server forbade.
type Denied struct {
	Call   access.Call
	Server error
}

func (e *Denied) Error() string { return fmt.Sprintf("%s: %v", e.Call, e.Server) }

// Unwrap returns the server's answer.
func (e *Denied) Unwrap() error { return e.Server }

// Pod returns the pod of that name. Where there is none the error is a *fault.NoPod with names that are alike, as far as
// the user may list them; where it may not be read, a *Denied.
func Pod(ctx context.Context, cluster Cluster, namespace, name string) (*corev1.Pod, error) {
	pod, err := cluster.Pod(ctx, namespace, name)
	switch {
	case apierrors.IsForbidden(err):
		return nil, &Denied{Call: access.GetPod, Server: err}
	case !apierrors.IsNotFound(err):
		return pod, err
	}
	kind, _ := target.KindOf(target.Pods)
	e := &fault.NoPod{Pod: fault.Pod{Namespace: namespace, Name: name}, Server: err, Workloads: namesakes(ctx, cluster, namespace, name)}
	e.Near, e.Unlisted = alike(ctx, cluster, namespace, kind, name)
	return nil, e
}

// namesakes returns the workloads that have the name, as far as the user may read them: who names one often leaves its type
// away.
func namesakes(ctx context.Context, cluster Cluster, namespace, name string) (found []string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, word := range []string{"deployment", "statefulset", "daemonset"} {
		kind, _ := target.KindOf(word)
		if _, err := cluster.Object(ctx, namespace, kind, name); err == nil {
			found = append(found, kind.Name+"/"+name)
		}
	}
	return found
}

// patience is how long an error waits for what it may offer.
const patience = 3 * time.Second

// alike returns names of the kind that are like one that there is not, and whether the user may not list them.
func alike(ctx context.Context, cluster Cluster, namespace string, kind target.Kind, name string) (names []string, unlisted bool) {
	names, err := cluster.Names(ctx, namespace, kind)
	if err != nil {
		return nil, apierrors.IsForbidden(err)
	}
	return near.Names(name, names), false
}
