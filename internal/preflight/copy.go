package preflight

import (
	"context"
	"errors"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// CopyCluster is what preflight asks of the API server about a copy of a pod.
type CopyCluster interface {
	CreatePod(ctx context.Context, pod *corev1.Pod, dryRun bool) (*corev1.Pod, error)
	MayI(ctx context.Context, namespace, pod string, call access.Call) (bool, error)
	Server
}

// AskCopy asks the server, without making anything, whether it would take a copy and let the user run commands in it and
// delete it again, and returns what it would make. Installer is the container of it that is no copy: what the server would
// make of its privileges must be what was asked. The error is a *fault.Forbidden, *fault.Refused, *fault.Altered or
// *fault.NameTaken, or the server gave no answer.
func AskCopy(ctx context.Context, cluster CopyCluster, pod *corev1.Pod, installer string) (*corev1.Pod, error) {
	var stored *corev1.Pod
	var dryRun error
	var missing []access.Call
	var lock sync.Mutex
	var all sync.WaitGroup
	all.Go(func() { stored, dryRun = DryRunCopy(ctx, cluster, pod, installer) })
	for _, call := range []access.Call{access.Exec, access.DeletePod} {
		all.Go(func() {
			// Who may not ask, or gets no answer, will see what the server says to the call itself.
			if may, err := cluster.MayI(ctx, pod.Namespace, pod.Name, call); err == nil && !may {
				lock.Lock()
				defer lock.Unlock()
				missing = append(missing, call)
			}
		})
	}
	all.Wait()
	if dryRun == nil && len(missing) > 0 {
		return nil, forbidCopy(ctx, cluster, pod.Namespace, missing[0], nil)
	}
	return stored, dryRun
}

// DryRunCopy asks the server what it would make of a copy. The error is as that of AskCopy.
func DryRunCopy(ctx context.Context, cluster CopyCluster, pod *corev1.Pod, installer string) (*corev1.Pod, error) {
	stored, err := cluster.CreatePod(ctx, pod, true)
	if err != nil {
		return nil, RefusalOfCopy(ctx, cluster, pod, err)
	}
	asked, _ := target.Find(pod, installer)
	if made, _ := target.Find(stored, installer); made != nil {
		if changes := differing(asked.SecurityContext, made.SecurityContext); len(changes) > 0 {
			return nil, &fault.Altered{Pod: fault.Pod{Namespace: pod.Namespace, Name: pod.Name}, Changes: changes, Copy: true}
		}
	}
	return stored, nil
}

// RefusalOfCopy says in the terms of package fault why the server did not take a copy, in a dry run or for real.
func RefusalOfCopy(ctx context.Context, cluster CopyCluster, pod *corev1.Pod, err error) error {
	name := fault.Pod{Namespace: pod.Namespace, Name: pod.Name}
	if err == nil || apierrors.ReasonForError(err) == "" {
		return err
	}
	refused := &fault.Refused{Pod: name, Copy: true, Server: err}
	if refused.By, refused.Name = refuser(err.Error()); refused.By != "" {
		return refused
	}
	switch {
	case apierrors.IsAlreadyExists(err):
		return &fault.NameTaken{Pod: name, Server: err}
	case apierrors.IsForbidden(err):
		if may, reviewErr := cluster.MayI(ctx, pod.Namespace, "", access.CreatePod); reviewErr == nil && !may {
			return forbidCopy(ctx, cluster, pod.Namespace, access.CreatePod, err)
		}
	}
	return refused
}

// forbidCopy says that one of a copy's calls is not allowed.
func forbidCopy(ctx context.Context, cluster CopyCluster, namespace string, call access.Call, server error) error {
	err := Forbidden(ctx, cluster, namespace, call, server)
	var forbidden *fault.Forbidden
	if errors.As(err, &forbidden) {
		forbidden.Copies = true
	}
	return err
}
