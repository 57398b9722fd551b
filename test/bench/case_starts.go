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
	// task is when the runtime had started the container, or 0 where that is not known.
	task time.Duration
	// begun is when the first exec that succeeded was begun, done when it was over, failed how many failed before.
	begun, done time.Duration
	failed      int
	// event and status are when a watch told that the container had started, and that it runs.
	event, status time.Duration
}

const (
	// tryEvery is the wait between two tries, batch how many pods are idle together.
	tryEvery = 10 * time.Millisecond
	batch    = 10
)

// startsExperiment records starts, which the early tries of internal/session are spaced by.
func startsExperiment(b *base) experiment {
	idle, changed := command{name: "idle"}, command{name: "changed"}
	return experiment{
		name: "starts",
		about: "How long a session container takes to start, from the answer to the patch, by a client that runs already and execs every " +
			tryEvery.String() + " until that works. *idle*: the pod had done nothing for " + b.idle.String() + "; *changed*: it had got " +
			"another container up to a second before. The early tries of a session are spaced by this.",
		commands: []command{idle, changed},
		measure: func(ctx context.Context, l *lab, rec recorder) error {
			for i := 0; i < l.starts; i += batch {
				if err := l.recordBatch(ctx, i, min(batch, l.starts-i), rec); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// recordBatch records starts on idle pods, and after each of them one on the same pod, which by then has changed a moment ago.
func (l *lab) recordBatch(ctx context.Context, first, n int, rec recorder) error {
	var pods []*corev1.Pod
	for j := range n {
		pods = append(pods, l.target(fmt.Sprintf("start-%d", j)))
	}
	if err := l.makeIdle(ctx, pods...); err != nil {
		return err
	}
	for j, pod := range pods {
		if err := wait(ctx, l.settle); err != nil {
			return err
		}
		if err := l.recordStart(ctx, pod.Name, "idle", rec); err != nil {
			return err
		}
		// The kubelet looks at its runtime every second: meet all of that second alike.
		if err := wait(ctx, time.Duration((first+j)%10)*time.Second/10); err != nil {
			return err
		}
		if err := l.recordStart(ctx, pod.Name, "changed", rec); err != nil {
			return err
		}
	}
	return l.removePods(ctx)
}

// recordStart records one start.
func (l *lab) recordStart(ctx context.Context, pod, name string, rec recorder) error {
	r, err := l.start(ctx, pod)
	if err != nil {
		return err
	}
	rec.add(name, "the first exec that succeeds begins, ms", inMS(r.begun))
	rec.add(name, "it has ended, ms", inMS(r.done))
	rec.add(name, "failed before it", float64(r.failed))
	rec.add(name, "the Event Started reaches a watch, ms", inMS(r.event))
	rec.add(name, "the status Running reaches a watch, ms", inMS(r.status))
	if r.task > 0 {
		rec.add(name, "the runtime has started the container, ms", inMS(r.task))
	}
	return nil
}

// start adds a session container to a pod as mindebug would, and tries to exec into it until that works.
func (l *lab) start(ctx context.Context, name string) (recorded, error) {
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
		r.begun = time.Since(patched)
		_, err := l.execer.Exec(ctx, attach.Container{Namespace: l.namespace, Pod: name, Name: container.Name}, []string{"true"}, attach.Streams{Stdout: io.Discard})
		r.done = time.Since(patched)
		if err == nil {
			break
		}
		r.failed++
		if err := wait(ctx, tryEvery); err != nil {
			return r, err
		}
	}
	told := <-tells
	r.event, r.status = told.event.Sub(patched), told.status.Sub(patched)
	if l.tasks == nil || told.id == "" {
		return r, ctx.Err()
	}
	task, err := l.tasks.started(ctx, told.id)
	r.task = task.Sub(patched)
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
