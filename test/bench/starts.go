package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// recorded is one start of a session container. All times count from the API server's answer to the patch, as a client in
// this process got it.
type recorded struct {
	// Changed says that the pod had changed a moment before; otherwise it was idle.
	Changed bool
	// Task is when the runtime had started the container, or 0 where that is not known.
	Task time.Duration
	// Begun is when the first exec that succeeded was begun, Done when it was over, Failed how many failed before.
	Begun, Done time.Duration
	Failed      int
	// Event and Status are when a watch told that the container had started, and that it runs.
	Event, Status time.Duration
}

const (
	// tryEvery is the wait between two tries, batch how many pods are idle together.
	tryEvery = 10 * time.Millisecond
	batch    = 10
)

// recordStarts records starts on idle pods, and after each of them one on the same pod, which by then has changed a
// moment ago.
func (l *lab) recordStarts(ctx context.Context, o options) ([]recorded, error) {
	var all []recorded
	for i := 0; i < o.starts; {
		say("start %d of %d", i+1, o.starts)
		var pods []*corev1.Pod
		for j := range min(batch, o.starts-i) {
			pods = append(pods, l.target(fmt.Sprintf("start-%d", j)))
		}
		if err := l.makePods(ctx, pods...); err != nil {
			return nil, err
		}
		if err := wait(ctx, o.idle-o.settle); err != nil {
			return nil, err
		}
		for _, pod := range pods {
			if err := wait(ctx, o.settle); err != nil {
				return nil, err
			}
			idle, err := l.recordStart(ctx, pod.Name)
			if err != nil {
				return nil, err
			}
			// The kubelet looks at its runtime every second: meet all of that second alike.
			if err := wait(ctx, time.Duration(i%10)*time.Second/10); err != nil {
				return nil, err
			}
			changed, err := l.recordStart(ctx, pod.Name)
			if err != nil {
				return nil, err
			}
			changed.Changed = true
			all = append(all, idle, changed)
			i++
		}
		if err := l.removePods(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// recordStart adds a session container to a pod as mindebug would, and tries to exec into it until that works.
func (l *lab) recordStart(ctx context.Context, name string) (recorded, error) {
	var r recorded
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pods := l.client.CoreV1().Pods(l.namespace)
	pod, err := pods.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return r, err
	}
	plan, err := profiles.Mirror(facts.Read(pod, "app"))
	if err != nil {
		return r, err
	}
	container := session.Container(plan, "app", session.Settings{Image: l.debugImage, TTL: time.Minute})
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []corev1.EphemeralContainer{container}}})
	if err != nil {
		return r, err
	}
	tells, err := l.watchStart(ctx, pod, container.Name)
	if err != nil {
		return r, err
	}
	if _, err := pods.Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "ephemeralcontainers"); err != nil {
		return r, fmt.Errorf("adding container: %w", err)
	}
	patched := time.Now()

	for {
		r.Begun = time.Since(patched)
		_, err := l.execer.Exec(ctx, attach.Container{Namespace: l.namespace, Pod: name, Name: container.Name}, []string{"true"}, attach.Streams{Stdout: io.Discard})
		r.Done = time.Since(patched)
		if err == nil {
			break
		}
		r.Failed++
		if err := wait(ctx, tryEvery); err != nil {
			return r, err
		}
	}
	told := <-tells
	r.Event, r.Status = told.event.Sub(patched), told.status.Sub(patched)
	if l.tasks == nil || told.id == "" {
		return r, ctx.Err()
	}
	task, err := l.tasks.started(ctx, told.id)
	r.Task = task.Sub(patched)
	return r, err
}

// told is what watches tell about a start, and when.
type told struct {
	event, status time.Time
	id            string
}

// watchStart watches pod and Events, and sends once both have told that the container has started.
func (l *lab) watchStart(ctx context.Context, pod *corev1.Pod, container string) (<-chan told, error) {
	out := make(chan told, 1)
	pods, err := l.client.CoreV1().Pods(l.namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", pod.Name).String(), ResourceVersion: pod.ResourceVersion,
	})
	if err != nil {
		return nil, err
	}
	events, err := l.client.CoreV1().Events(l.namespace).Watch(ctx, metav1.ListOptions{FieldSelector: fields.Set{
		"involvedObject.uid":       string(pod.UID),
		"involvedObject.fieldPath": fmt.Sprintf("spec.ephemeralContainers{%s}", container),
	}.AsSelector().String()})
	if err != nil {
		pods.Stop()
		return nil, err
	}
	go func() {
		defer pods.Stop()
		defer events.Stop()
		var t told
		for ctx.Err() == nil && (t.event.IsZero() || t.status.IsZero()) {
			select {
			case <-ctx.Done():
			case change := <-events.ResultChan():
				if e, ok := change.Object.(*corev1.Event); ok && e.Reason == "Started" && strings.Contains(e.InvolvedObject.FieldPath, container) {
					t.event = time.Now()
				}
			case change := <-pods.ResultChan():
				if now, ok := change.Object.(*corev1.Pod); ok && t.status.IsZero() {
					t.see(now, container)
				}
			}
		}
		out <- t
	}()
	return out, nil
}

func (t *told) see(pod *corev1.Pod, container string) {
	for _, s := range pod.Status.EphemeralContainerStatuses {
		if s.Name == container && s.State.Running != nil {
			t.status, t.id = time.Now(), s.ContainerID
		}
	}
}
