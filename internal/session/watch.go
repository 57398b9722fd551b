package session

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// watchPod sends the pod as it changes; where it may not be watched, or no longer, as it is read from time to time. The
// channel is closed when there is nothing to be had.
func watchPod(ctx context.Context, cluster Cluster, pod *corev1.Pod) <-chan sighting {
	out := make(chan sighting)
	send := func(now sighting) {
		select {
		case out <- now:
		case <-ctx.Done():
		}
	}
	go func() {
		defer close(out)
		if w, err := cluster.WatchPod(ctx, pod); err == nil {
			forEach(ctx, w, func(change watch.EventType, pod *corev1.Pod) {
				if change == watch.Deleted {
					pod = &corev1.Pod{}
				}
				send(sighting{pod: pod})
			})
		}
		poll(ctx, cluster, pod, send)
	}()
	return out
}

// silentAfter is how long an API server may give no answer before the wait for a container is given up: as long as a
// single call may take.
const silentAfter = 10 * time.Second

// poll reads the pod from time to time.
func poll(ctx context.Context, cluster Cluster, pod *corev1.Pod, send func(sighting)) {
	heard := time.Now()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := cluster.Pod(ctx, pod.Namespace, pod.Name)
		var unreachable *fault.Unreachable
		switch {
		case errors.As(err, &unreachable):
			if time.Since(heard) >= silentAfter {
				send(sighting{err: unreachable})
			}
			continue
		case apierrors.IsUnauthorized(err):
			send(sighting{err: err})
		case apierrors.IsNotFound(err):
			send(sighting{pod: &corev1.Pod{}})
		case err == nil:
			send(sighting{pod: now})
		}
		heard = time.Now()
	}
}

// watchEvents sends the Events about the container. The channel is closed where they may not be read, or no longer.
func (e *entrance) watchEvents(ctx context.Context) <-chan *corev1.Event {
	out := make(chan *corev1.Event)
	go func() {
		defer close(out)
		w, err := e.cluster.WatchEvents(ctx, e.pod, e.container.Name)
		if err != nil {
			return
		}
		forEach(ctx, w, func(_ watch.EventType, event *corev1.Event) {
			select {
			case out <- event:
			case <-ctx.Done():
			}
		})
	}()
	return out
}

// forEach calls use with each change that a watch tells until it ends.
func forEach[T any](ctx context.Context, w watch.Interface, use func(watch.EventType, T)) {
	defer w.Stop()
	for {
		select {
		case event, ok := <-w.ResultChan():
			if !ok {
				return
			}
			if object, ok := event.Object.(T); ok {
				use(event.Type, object)
			}
		case <-ctx.Done():
			return
		}
	}
}
