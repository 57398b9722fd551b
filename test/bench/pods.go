package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// Pods that all experiments of a namespace share. The first has a session container, the second a shell of its own.
const (
	withSession = "with-session"
	withShell   = "with-shell"
)

// ofRound is the label of pods that go with their round.
const ofRound = "mindebug.test/round"

// ready makes the shared pods, unless they are there, with a session container where there is to be one.
func (l *lab) ready(ctx context.Context) error {
	_, err := l.client.CoreV1().Pods(l.namespace).Get(ctx, withSession, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		shared := []*corev1.Pod{l.target(withSession), l.shell(withShell)}
		for _, pod := range shared {
			pod.Labels = nil
		}
		err = l.makePods(ctx, shared...)
	}
	if err != nil {
		return err
	}
	_, err = l.toEnd(ctx, []string{"kubectl-mindebug", "-n", l.namespace, "pod/" + withSession, "--", "true"})
	return err
}

// target is the kind of pod that this project is for: one container of an image without a shell, as Pod Security
// "restricted" wants it. Its seccomp profile is the pod's, so that the container of kubectl debug starts under it, too: to
// compile the filter takes runc about as long as all else that it does.
func (l *lab) target(name string) *corev1.Pod {
	return kubetest.Pod(l.namespace, name).Restricted().With(func(p *corev1.Pod) {
		own := p.Spec.Containers[0].SecurityContext
		p.UID, p.Labels = "", map[string]string{ofRound: "true"}
		p.Spec.SecurityContext = &corev1.PodSecurityContext{SeccompProfile: own.SeccompProfile}
		own.SeccompProfile = nil
	}).Build()
}

// shell is the same pod, of an image with a shell.
func (l *lab) shell(name string) *corev1.Pod {
	pod := l.target(name)
	c := &pod.Spec.Containers[0]
	c.Image, c.Command, c.SecurityContext.RunAsUser = l.stockImage, []string{"sleep", "86400"}, new(int64(65532))
	return pod
}

// targetsOf are pods for the commands that add a container.
func (l *lab) targetsOf(commands []command) (pods []*corev1.Pod) {
	for _, c := range commands {
		if c.injects {
			pods = append(pods, l.target(c.pod))
		}
	}
	return pods
}

// makePods creates pods and waits until all are ready.
func (l *lab) makePods(ctx context.Context, pods ...*corev1.Pod) error {
	for _, pod := range pods {
		if _, err := l.client.CoreV1().Pods(l.namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("creating pod %s: %w", pod.Name, err)
		}
	}
	for _, pod := range pods {
		if err := l.podWhen(ctx, pod.Name, func(p *corev1.Pod) bool {
			return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
				return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
			})
		}); err != nil {
			return err
		}
	}
	return nil
}

// makeIdle makes pods and lets them be idle, up to the wait that comes before each measurement.
func (l *lab) makeIdle(ctx context.Context, pods ...*corev1.Pod) error {
	if err := l.makePods(ctx, pods...); err != nil {
		return err
	}
	return wait(ctx, max(0, l.idle-l.settle))
}

// podWhen returns once a pod is as wanted.
func (l *lab) podWhen(ctx context.Context, name string, wanted func(*corev1.Pod) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it did not become as wanted within %s", patience))
	defer cancel()
	w, err := l.client.CoreV1().Pods(l.namespace).Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	if err != nil {
		return fmt.Errorf("watching pod %s: %w", name, err)
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if pod, ok := event.Object.(*corev1.Pod); ok && wanted(pod) {
			return nil
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("waiting for pod %s: %w", name, context.Cause(ctx))
	}
	return fmt.Errorf("watching pod %s: the watch ended", name)
}

// removePods deletes the pods of a round and waits until they are gone, so that their end does not disturb the next.
func (l *lab) removePods(ctx context.Context) error {
	pods, ours := l.client.CoreV1().Pods(l.namespace), metav1.ListOptions{LabelSelector: ofRound}
	if err := pods.DeleteCollection(ctx, metav1.DeleteOptions{}, ours); err != nil {
		return fmt.Errorf("deleting pods: %w", err)
	}
	for range int(patience / (200 * time.Millisecond)) {
		list, err := pods.List(ctx, ours)
		if err != nil {
			return fmt.Errorf("listing pods: %w", err)
		}
		if len(list.Items) == 0 {
			return nil
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("deleting pods: some are still there after %s", patience)
}
