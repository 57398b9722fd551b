package app

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// ListedSession is a session container of some pod.
type ListedSession struct {
	Namespace, Pod string
	session.Listed
	// InUse are those who are in it; nil where nobody was asked, or it could not be told.
	InUse []session.Use
}

// lookWithin bounds how long a container has to say who is in it.
const lookWithin = 10 * time.Second

// Sessions lists the session containers of the target's pods or, where fleet is true, of all pods that the selector selects
// in the namespace, or in all where that is empty. Where it is one pod its containers are asked who is in them.
func Sessions(ctx context.Context, cluster Fleet, execer session.Execer, r TargetRequest, fleet bool) ([]ListedSession, error) {
	var all []ListedSession
	list := func(pod *corev1.Pod) {
		for _, l := range session.List(pod) {
			all = append(all, ListedSession{Namespace: pod.Namespace, Pod: pod.Name, Listed: l})
		}
	}
	if fleet {
		err := cluster.EachPod(ctx, r.Namespace, r.Selector, list)
		if apierrors.IsForbidden(err) {
			err = preflight.Forbidden(ctx, cluster, r.Namespace, access.ListPods, err)
		}
		return all, err
	}
	pods, err := resolve.Pods(ctx, cluster, r.Namespace, r.Query, r.Selector)
	if err != nil {
		return nil, explainDenied(ctx, cluster, r.Namespace, err)
	}
	for _, pod := range pods {
		list(pod)
	}
	if len(pods) == 1 {
		askUse(ctx, execer, all)
	}
	return all, nil
}

// askUse asks each container that runs who is in it. One that does not tell is left unknown.
func askUse(ctx context.Context, execer session.Execer, all []ListedSession) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	var asked sync.WaitGroup
	for i := range all {
		l := &all[i]
		if l.State != session.Running {
			continue
		}
		asked.Go(func() {
			uses, _, err := session.Look(ctx, execer, attach.Container{Namespace: l.Namespace, Pod: l.Pod, Name: l.Name}, session.NoStop)
			if err == nil {
				l.InUse = append([]session.Use{}, uses...)
			}
		})
	}
	asked.Wait()
}
