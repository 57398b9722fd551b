package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	restsIn  figure = "memory in the pod, MB"
	runsFor  figure = "CPU in the pod, ms a minute"
	moreThan figure = "memory more than the peer's, MB"
)

// idleExperiment is what a session container costs that nobody is in.
func idleExperiment(b *base) experiment {
	e := experiment{
		name: "idle",
		about: fmt.Sprintf("A session container that nobody is in, over %s, as the kubelet accounts for it (stats/summary: working set, CPU). "+
			"No measurable CPU is taken to be a tenth of a millicore, 6 ms a minute; kubectl top's smallest unit is one. "+
			"There are as many pods of each kind as runs, all at once, made before the other cases and removed after them; it goes on beside "+
			"those, which do not touch these cgroups.", b.idleFor),
		commands: []command{
			{name: "session container", line: "kubectl-mindebug start pod/x --ttl=24h", pod: "idle"},
			{name: "sleeping BusyBox", line: "kubectl debug " + b.debugFlags() + " pod/x -- sleep 86400", pod: "idle-sleep"},
		},
		bounds: []bound{
			{command: "session container", figure: moreThan, at: 0.5, limit: 1},
			{command: "session container", figure: runsFor, at: 0.5, limit: 6},
		},
	}
	of := func(c command, run int) string { return fmt.Sprintf("%s-%d", c.pod, run) }
	e.prepare = func(ctx context.Context, l *lab) error {
		for run := range b.runs {
			for _, c := range e.commands {
				if err := l.makePods(ctx, l.target(of(c, run))); err != nil {
					return err
				}
				if _, err := l.toEnd(ctx, c.on(l.namespace, of(c, run))); err != nil {
					return err
				}
			}
		}
		return nil
	}
	e.beside = func(ctx context.Context, l *lab, rec func(int) recorder) error {
		if err := wait(ctx, time.Minute); err != nil { // what its start took is accounted for by then
			return err
		}
		before, err := l.usage(ctx)
		if err != nil {
			return err
		}
		if err := wait(ctx, l.idleFor); err != nil {
			return err
		}
		after, err := l.usage(ctx)
		if err != nil {
			return err
		}
		for run := range b.runs {
			rest := map[string]float64{}
			for _, c := range e.commands {
				first, last := before[of(c, run)], after[of(c, run)]
				rest[c.name] = float64(last.memory) / 1e6
				rec(run).add(c.name, restsIn, rest[c.name])
				rec(run).add(c.name, runsFor, float64(last.cpu-first.cpu)/1e6/last.at.Sub(first.at).Minutes())
			}
			rec(run).add(e.commands[0].name, moreThan, rest[e.commands[0].name]-rest[e.commands[1].name])
		}
		return nil
	}
	return e
}

// used is what a container uses: bytes, and nanoseconds of CPU since it began.
type used struct {
	memory, cpu uint64
	at          time.Time
}

// usage is what the debug container of each pod uses, by the pod's name.
func (l *lab) usage(ctx context.Context) (map[string]used, error) {
	pods, err := l.client.CoreV1().Pods(l.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	found := map[string]used{}
	for node := range nodesOf(pods.Items) {
		text, err := l.client.CoreV1().RESTClient().Get().Resource("nodes").Name(node).SubResource("proxy", "stats", "summary").DoRaw(ctx)
		if err != nil {
			return nil, fmt.Errorf("asking the kubelet of %s for its figures: %w", node, err)
		}
		if err := l.readSummary(text, found); err != nil {
			return nil, err
		}
	}
	for _, pod := range pods.Items {
		if _, ok := found[pod.Name]; !ok {
			return nil, fmt.Errorf("the kubelet has no figures of the debug container of pod %s", pod.Name)
		}
	}
	return found, nil
}

// readSummary takes the figures of debug containers out of a kubelet's answer.
func (l *lab) readSummary(text []byte, found map[string]used) error {
	var summary struct {
		Pods []struct {
			PodRef     struct{ Name, Namespace string }
			Containers []struct {
				Name string
				CPU  struct {
					Time                 time.Time
					UsageCoreNanoSeconds *uint64
				}
				Memory struct{ WorkingSetBytes *uint64 }
			}
		}
	}
	if err := json.Unmarshal(text, &summary); err != nil {
		return fmt.Errorf("reading the kubelet's figures: %w", err)
	}
	for _, pod := range summary.Pods {
		for _, c := range pod.Containers {
			if pod.PodRef.Namespace == l.namespace && c.Name != "app" && c.CPU.UsageCoreNanoSeconds != nil && c.Memory.WorkingSetBytes != nil {
				found[pod.PodRef.Name] = used{*c.Memory.WorkingSetBytes, *c.CPU.UsageCoreNanoSeconds, c.CPU.Time}
			}
		}
	}
	return nil
}

// nodesOf are the nodes that pods run on.
func nodesOf(pods []corev1.Pod) map[string]bool {
	found := map[string]bool{}
	for _, pod := range pods {
		found[pod.Spec.NodeName] = true
	}
	return found
}
