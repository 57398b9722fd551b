package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// measurement is one case: a command, and what it is compared with.
type measurement struct {
	Name    string
	Command string
	// peers are names of other cases, or "floor".
	peers []string
	// pod is the one that it is measured on, if any. Each round has its own.
	pod string
	// injects is true where the command adds a container to its pod.
	injects bool
	// times is how often the command is run to its end; none means once, on a terminal, to the prompt.
	times int
}

const (
	withReuse = "with-session" // already has a session container
	withShell = "with-shell"
	floor     = "floor"
)

func cases(l *lab) []measurement {
	debug := fmt.Sprintf("--image=%s --profile=general --target=app", l.stockImage)
	return []measurement{
		{Name: "new session", Command: "kubectl-mindebug pod/x --new", pod: "new", injects: true, peers: []string{"kubectl debug", floor}},
		{Name: "new session, by kubectl", Command: "kubectl mindebug pod/x --new", pod: "new-kubectl", injects: true, peers: []string{"kubectl debug", floor}},
		{Name: "kubectl debug", Command: "kubectl debug -it " + debug + " pod/x", pod: "debug", injects: true, peers: []string{floor}},
		{Name: "session again", Command: "kubectl-mindebug pod/x", pod: withReuse, peers: []string{"kubectl debug", "kubectl exec"}},
		{Name: "session again, by kubectl", Command: "kubectl mindebug pod/x", pod: withReuse, peers: []string{"kubectl debug", "kubectl exec"}},
		{Name: "kubectl exec", Command: "kubectl exec -it pod/x -- sh", pod: withShell},
		{Name: "one command", Command: "kubectl-mindebug pod/x -- true", pod: withReuse, times: 1, peers: []string{"one command, kubectl exec"}},
		{Name: "one command, kubectl exec", Command: "kubectl exec pod/x -- true", pod: withShell, times: 1},
		{Name: "ten commands", Command: "kubectl-mindebug pod/x -- true", pod: "ten", injects: true, times: 10, peers: []string{"ten commands, kubectl debug"}},
		{Name: "ten commands, kubectl debug", Command: "kubectl debug --attach " + debug + " pod/x -- true", pod: "ten-debug", injects: true, times: 10},
		{Name: "help, ten times", Command: "kubectl-mindebug --help", times: 10, peers: []string{"help of a bare client, ten times"}},
		{Name: "help of a bare client, ten times", Command: "bare --help", times: 10},
	}
}

// argv is the command's words for this pod.
func (m measurement) argv(namespace string) []string {
	words := strings.Fields(m.Command)
	at := slices.Index(words, "pod/x")
	if at < 0 {
		return words
	}
	words[at] = "pod/" + m.pod
	return slices.Insert(words, at, "-n", namespace)
}

// sample is one measurement of one case.
type sample struct {
	Case  string
	Round int
	measured
	// Start is known where the command added a container and the node can be asked.
	Start *start `json:",omitempty"`
}

// start is what happened to a container that a command added.
type start struct {
	// Patched is when the API server answered the patch, Task when the runtime had started the container.
	Patched, Task time.Time
	// Exec is one exec into a container at that time, from the request to the first byte of its output, by a client that
	// runs already: the median of some.
	Exec time.Duration
}

// floor is the time that nobody can be faster than who adds a container and execs into it.
func (s start) floor() time.Duration { return s.Task.Sub(s.Patched) + s.Exec }

// compare measures all cases in turn, as many rounds as asked.
func (l *lab) compare(ctx context.Context, o options) ([]sample, error) {
	var samples []sample
	for round := range o.rounds {
		say("round %d of %d", round+1, o.rounds)
		if err := l.makePods(ctx, l.roundPods()...); err != nil {
			return nil, err
		}
		if _, err := toEnd(ctx, 1, []string{"kubectl-mindebug", "-n", l.namespace, "pod/" + withReuse, "--", "true"}); err != nil {
			return nil, err
		}
		if err := wait(ctx, o.idle-o.settle); err != nil {
			return nil, err
		}
		all := cases(l)
		for i := range all {
			m := all[(i+round)%len(all)] // no case comes always after the same other, or first
			if err := wait(ctx, o.settle); err != nil {
				return nil, err
			}
			s, err := l.measure(ctx, m)
			if err != nil {
				return nil, err
			}
			s.Round = round
			samples = append(samples, s)
		}
		if err := l.removePods(ctx); err != nil {
			return nil, err
		}
	}
	return samples, nil
}

func (l *lab) measure(ctx context.Context, m measurement) (sample, error) {
	s := sample{Case: m.Name}
	var err error
	if m.times == 0 {
		s.measured, err = toPrompt(ctx, m.argv(l.namespace))
	} else {
		s.measured, err = toEnd(ctx, m.times, m.argv(l.namespace))
	}
	if err != nil || m.times > 0 || !m.injects || l.tasks == nil || l.audit == nil {
		return s, err
	}
	s.Start, err = l.startOf(ctx, m.pod)
	return s, err
}

// startOf works out when the one container that was added to a pod had started.
func (l *lab) startOf(ctx context.Context, pod string) (*start, error) {
	now, err := l.podWhen(ctx, pod, func(p *corev1.Pod) bool {
		s := p.Status.EphemeralContainerStatuses
		return len(s) == 1 && s[0].ContainerID != ""
	})
	if err != nil {
		return nil, err
	}
	s := &start{}
	if s.Patched, err = l.audit.patched(l.namespace, pod); err != nil {
		return nil, err
	}
	if s.Task, err = l.tasks.started(ctx, now.Status.EphemeralContainerStatuses[0].ContainerID); err != nil {
		return nil, err
	}
	s.Exec, err = l.execMedian(ctx, attach.Container{Namespace: l.namespace, Pod: withShell, Name: "app"})
	return s, err
}

// execMedian measures an exec from the request to the first byte of output.
func (l *lab) execMedian(ctx context.Context, c attach.Container) (time.Duration, error) {
	var all []time.Duration
	for range 3 {
		began := time.Now()
		out := &firstByte{}
		if _, err := l.execer.Exec(ctx, c, []string{"echo"}, attach.Streams{Stdout: out}); err != nil {
			return 0, fmt.Errorf("exec in %s: %w", c.Name, err)
		}
		all = append(all, out.at.Sub(began))
	}
	return quantile(all, 0.5), nil
}

// firstByte notes when something is first written to it.
type firstByte struct{ at time.Time }

func (f *firstByte) Write(p []byte) (int, error) {
	if f.at.IsZero() {
		f.at = time.Now()
	}
	return io.Discard.Write(p)
}

func (l *lab) roundPods() []*corev1.Pod {
	pods := []*corev1.Pod{l.target(withReuse), kubetest.Pod(l.namespace, withShell).Image(l.stockImage).
		With(func(p *corev1.Pod) { p.Spec.Containers[0].Command = []string{"sleep", "86400"} }).Build()}
	for _, m := range cases(l) {
		if m.injects {
			pods = append(pods, l.target(m.pod))
		}
	}
	return pods
}

// target is the kind of pod that this project is for: one container of an image without a shell, as Pod Security
// "restricted" wants it. Its seccomp profile is the pod's, so that the container of kubectl debug starts under it, too: to
// compile the filter takes runc about as long as all else that it does.
func (l *lab) target(name string) *corev1.Pod {
	return kubetest.Pod(l.namespace, name).Restricted().With(func(p *corev1.Pod) {
		own := p.Spec.Containers[0].SecurityContext
		p.Spec.SecurityContext = &corev1.PodSecurityContext{SeccompProfile: own.SeccompProfile}
		own.SeccompProfile = nil
	}).Build()
}

// makePods creates pods and waits until all are ready.
func (l *lab) makePods(ctx context.Context, pods ...*corev1.Pod) error {
	for _, pod := range pods {
		pod.UID = ""
		if _, err := l.client.CoreV1().Pods(l.namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("creating pod %s: %w", pod.Name, err)
		}
	}
	for _, pod := range pods {
		if _, err := l.podWhen(ctx, pod.Name, func(p *corev1.Pod) bool {
			return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
				return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
			})
		}); err != nil {
			return err
		}
	}
	return nil
}

// podWhen returns a pod once it is as wanted.
func (l *lab) podWhen(ctx context.Context, name string, wanted func(*corev1.Pod) bool) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it did not become as wanted within %s", patience))
	defer cancel()
	w, err := l.client.CoreV1().Pods(l.namespace).Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	if err != nil {
		return nil, fmt.Errorf("watching pod %s: %w", name, err)
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if pod, ok := event.Object.(*corev1.Pod); ok && wanted(pod) {
			return pod, nil
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("waiting for pod %s: %w", name, context.Cause(ctx))
	}
	return nil, fmt.Errorf("watching pod %s: the watch ended", name)
}

// removePods deletes all pods and waits until they are gone, so that their end does not disturb the next round.
func (l *lab) removePods(ctx context.Context) error {
	pods := l.client.CoreV1().Pods(l.namespace)
	if err := pods.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		return fmt.Errorf("deleting pods: %w", err)
	}
	for range int(patience / (200 * time.Millisecond)) {
		list, err := pods.List(ctx, metav1.ListOptions{})
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
