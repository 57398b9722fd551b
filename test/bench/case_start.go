package main

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

const (
	aboveFloor  figure = "above the floor, ms"
	toPatched   figure = "start to patch answered, ms"
	toStarted   figure = "patch to container started, ms"
	toPrompted  figure = "container started to prompt, ms"
	oneExec     figure = "exec round trip, ms"
	theFloor    figure = "floor, ms"
	enterNeeded figure = "Enter needed, share"
)

// debugFlags are those with which kubectl debug does what we do.
func (b *base) debugFlags() string {
	return fmt.Sprintf("--image=%s --profile=general --target=app", b.stockImage)
}

// startExperiment is the time to a prompt.
func startExperiment(b *base) experiment {
	e := experiment{
		name: "start",
		about: "From the start of the client's process to the shell's prompt on a terminal, or to its end where it has a command. " +
			"Each round has pods of its own, which had done nothing for " + b.idle.String() + "; images are present. A *new session* adds a container to a " +
			"pod that has none, *again* enters one that is there. The *floor* is what nobody can be faster than who adds a container and " +
			"execs into it: from the API server's answer to the patch (its audit log) to the start of the container (containerd's " +
			"event), and one exec by a client that runs already, up to its first byte. It is taken from the same starts, and so " +
			"differs from row to row.",
		commands: []command{
			{name: "new session", line: "kubectl-mindebug pod/x", pod: "new", injects: true},
			{name: "new session, through kubectl", line: "kubectl mindebug pod/x", pod: "new-kubectl", injects: true},
			{name: "kubectl debug", line: "kubectl debug -it " + b.debugFlags() + " pod/x", pod: "debug", injects: true},
			{name: "again", line: "kubectl-mindebug pod/x", pod: withSession},
			{name: "again, through kubectl", line: "kubectl mindebug pod/x", pod: withSession},
			{name: "kubectl exec", line: "kubectl exec -it pod/x -- sh", pod: withShell},
			{name: "one command", line: "kubectl-mindebug pod/x -- true", pod: withSession},
			{name: "one command, kubectl exec", line: "kubectl exec pod/x -- true", pod: withShell},
		},
	}
	e.bounds = append(e.bounds, bound{command: "new session", figure: aboveFloor, at: 0.5, limit: 60})
	e.bounds = append(e.bounds, shares("new session", "kubectl debug", 0.9)...)
	e.bounds = append(e.bounds, bound{command: "new session", figure: took, peer: "kubectl debug", at: 0.9, limit: 0.6})
	e.bounds = append(e.bounds, shares("again", "kubectl exec", 0.8)...)
	e.bounds = append(e.bounds, shares("one command", "one command, kubectl exec", 0.8)...)
	e.measure = func(ctx context.Context, l *lab, rec recorder) error {
		for round := range l.rounds {
			if err := l.startRound(ctx, e.commands, round, rec, nil); err != nil {
				return err
			}
		}
		return nil
	}
	return e
}

// changedExperiment is the time to a prompt on a pod that has changed a moment ago.
func changedExperiment(b *base) experiment {
	e := experiment{
		name: "changed",
		about: "The same, but the pod got another debug container a second before: then the kubelet itself waits for its next look " +
			"at the runtime, up to a second.",
		commands: []command{
			{name: "new session", line: "kubectl-mindebug pod/x", pod: "changed", injects: true},
			{name: "kubectl debug", line: "kubectl debug -it " + b.debugFlags() + " pod/x", pod: "changed-debug", injects: true},
		},
	}
	e.bounds = append([]bound{{command: "new session", figure: aboveFloor, at: 0.5, limit: 60}}, shares("new session", "kubectl debug", 0.6)...)
	e.measure = func(ctx context.Context, l *lab, rec recorder) error {
		for round := range l.rounds {
			if err := l.startRound(ctx, e.commands, round, rec, l.plant); err != nil {
				return err
			}
		}
		return nil
	}
	return e
}

// startRound measures each command once, on pods of this round. Before is called for each that adds a container.
func (l *lab) startRound(ctx context.Context, commands []command, round int, rec recorder, before func(context.Context, string) error) error {
	if err := l.makeIdle(ctx, l.targetsOf(commands)...); err != nil {
		return err
	}
	for _, c := range inTurn(commands, rec.run+round) {
		if err := wait(ctx, l.settle); err != nil {
			return err
		}
		if before != nil {
			if err := before(ctx, c.pod); err != nil {
				return err
			}
		}
		if err := l.startOnce(ctx, c, rec); err != nil {
			return err
		}
	}
	return l.removePods(ctx)
}

// startOnce measures a command to its prompt or end, and what is known of the container that it added.
func (l *lab) startOnce(ctx context.Context, c command, rec recorder) error {
	argv := c.argv(l.namespace)
	if argv[len(argv)-1] == "true" {
		m, err := l.toEnd(ctx, argv)
		if err == nil {
			rec.process(c.name, m)
		}
		return err
	}
	m, enter, err := l.toPrompt(ctx, argv)
	if err != nil {
		return err
	}
	rec.process(c.name, m)
	if enter {
		rec.add(c.name, enterNeeded, 1)
	}
	if !c.injects || l.tasks == nil || l.audit == nil {
		return nil
	}
	patched, task, err := l.startOf(ctx, c.pod)
	if err != nil {
		return err
	}
	exec, err := l.execMedian(ctx, withShell)
	if err != nil {
		return err
	}
	floor := task.Sub(patched) + exec
	rec.add(c.name, toPatched, inMS(patched.Sub(m.Began)))
	rec.add(c.name, toStarted, inMS(task.Sub(patched)))
	rec.add(c.name, toPrompted, inMS(m.Began.Add(m.Took).Sub(task)))
	rec.add(c.name, oneExec, inMS(exec))
	rec.add(c.name, theFloor, inMS(floor))
	rec.add(c.name, aboveFloor, inMS(m.Took-floor))
	return nil
}

// planted is the debug container that a pod gets a second before.
const planted = "planted"

// plant adds a container to a pod, and returns a second after.
func (l *lab) plant(ctx context.Context, pod string) error {
	patch := fmt.Sprintf(`{"spec":{"ephemeralContainers":[{"name":%q,"image":%q,"command":["sleep","600"],"targetContainerName":"app"}]}}`, planted, l.stockImage)
	if _, err := l.client.CoreV1().Pods(l.namespace).Patch(ctx, pod, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "ephemeralcontainers"); err != nil {
		return fmt.Errorf("adding a container to pod %s: %w", pod, err)
	}
	return wait(ctx, time.Second)
}

// startOf returns when the API server had answered the patch that a client added its container by, and when that had started.
func (l *lab) startOf(ctx context.Context, pod string) (patched, task time.Time, err error) {
	id := ""
	if err := l.podWhen(ctx, pod, func(p *corev1.Pod) bool {
		for _, s := range p.Status.EphemeralContainerStatuses {
			if s.Name != planted {
				id = s.ContainerID
			}
		}
		return id != ""
	}); err != nil {
		return patched, task, err
	}
	if patched, err = l.audit.patched(l.namespace, pod); err != nil {
		return patched, task, err
	}
	task, err = l.tasks.started(ctx, id)
	return patched, task, err
}

// execMedian measures an exec from the request to the first byte of output, by a client that runs already.
func (l *lab) execMedian(ctx context.Context, pod string) (time.Duration, error) {
	var all []float64
	for range 3 {
		began := time.Now()
		out := &firstByte{}
		c := attach.Container{Namespace: l.namespace, Pod: pod, Name: "app"}
		if _, err := l.execer.Exec(ctx, c, []string{"echo"}, attach.Streams{Stdout: out}); err != nil {
			return 0, fmt.Errorf("exec in %s: %w", c.Pod, err)
		}
		all = append(all, float64(out.at.Sub(began)))
	}
	return time.Duration(quantile(all, 0.5)), nil
}

// firstByte notes when something is first written to it.
type firstByte struct{ at time.Time }

func (f *firstByte) Write(p []byte) (int, error) {
	if f.at.IsZero() {
		f.at = time.Now()
	}
	return io.Discard.Write(p)
}
