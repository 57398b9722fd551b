package app

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/podcopy"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/internal/session"
)

// ListedSession is a session container of some pod.
type ListedSession struct {
	Namespace, Pod string
	session.Listed
	// CopyOf is the pod that this one is a copy of, where the session container is the one that takes a container's place there.
	CopyOf string
	// InUse are those who are in it; nil where nobody was asked, or it could not be told.
	InUse []session.Use
}

// lookWithin bounds how long a container has to say who is in it.
const lookWithin = 10 * time.Second

// Sessions lists the session containers of the target's pods or, where fleet is true, of all pods that the selector selects in
// the namespace, or in all where that is empty; what holds a copy of a pod for sessions is one as well. Where it is one pod its
// containers are asked who is in them.
func Sessions(ctx context.Context, cluster Fleet, execer session.Execer, r TargetRequest, fleet bool) ([]ListedSession, error) {
	var all []ListedSession
	list := func(pod *corev1.Pod) {
		if l, ok := copyIn(pod); ok {
			all = append(all, l)
		}
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
		askUse(ctx, execer, pods[0], all)
	}
	return all, nil
}

// copyIn is the container of a copy of a pod that waits for sessions. That it is one is told by what it runs, and not by
// annotations alone, which anybody may write.
func copyIn(pod *corev1.Pod) (ListedSession, bool) {
	made, container := podcopy.MadeBy(pod)
	l, ok := session.Held(pod, container)
	if !ok || podcopy.Of(pod) == "" {
		return ListedSession{}, false
	}
	l.User, l.Reason, l.Version = made.User, made.Reason, made.Version
	if s := pod.Spec.ActiveDeadlineSeconds; s != nil {
		l.TTL = time.Duration(*s) * time.Second
	}
	return ListedSession{Namespace: pod.Namespace, Pod: pod.Name, Listed: l, CopyOf: podcopy.Of(pod)}, true
}

// askUse asks each container that runs who is in it. One that does not tell is left unknown.
func askUse(ctx context.Context, execer session.Execer, pod *corev1.Pod, all []ListedSession) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	var asked sync.WaitGroup
	for i := range all {
		l := &all[i]
		if l.State != session.Running {
			continue
		}
		asked.Go(func() {
			uses, _, err := session.Look(ctx, execer, pod, &l.Listed, session.NoStop)
			if err == nil {
				l.InUse = append([]session.Use{}, uses...)
			}
		})
	}
	asked.Wait()
}
