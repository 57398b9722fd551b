package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// roundTrips are those that a client waits for one after another.
const roundTrips figure = "serial round trips"

// delays are what each round trip to the API server takes more.
var delays = []time.Duration{0, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond}

// tripsExperiment is the time to a prompt where the API server is far away.
func tripsExperiment(b *base) experiment {
	e := experiment{
		name: "trips",
		about: "The time to a prompt where each round trip to the API server takes 0, 20, 50 and 100 ms more, by a proxy that delays all bytes, " +
			"and the opening of a connection as well. How much longer it takes, over how much longer a round trip is, is the number of round trips " +
			"that the client waits for one after another (least squares over the four). To enter a session again takes 4 at least: TCP, TLS, " +
			"the pod, the exec, whose connection can be opened meanwhile; a new one 6: the dry run and the patch as well.",
		commands: []command{
			{name: "new session", line: "kubectl-mindebug pod/x", pod: "far", injects: true},
			{name: "kubectl debug", line: "kubectl debug -it " + b.debugFlags() + " pod/x", pod: "far-debug", injects: true},
			{name: "again", line: "kubectl-mindebug pod/x", pod: withSession},
			{name: "kubectl exec", line: "kubectl exec -it pod/x -- sh", pod: withShell},
		},
		bounds: []bound{
			{command: "new session", figure: roundTrips, peer: "kubectl debug", at: 0.5, limit: 1},
			{command: "new session", figure: roundTrips, at: 0.5, limit: 6},
			{command: "again", figure: roundTrips, peer: "kubectl exec", at: 0.5, limit: 1},
			{command: "again", figure: roundTrips, at: 0.5, limit: 4},
		},
	}
	e.measure = func(ctx context.Context, l *lab, rec recorder) error {
		server, err := url.Parse(l.config.Host)
		if err != nil {
			return err
		}
		road, err := openSlowRoad(ctx, server.Host)
		if err != nil {
			return err
		}
		defer road.listener.Close()
		kubeconfig, err := l.kubeconfigTo("slow.kubeconfig", road.listener.Addr().String())
		if err != nil {
			return err
		}
		defer os.Remove(kubeconfig)
		// kubectl reads what it keeps of the API now, and not while it is measured.
		if _, err := l.toEnd(ctx, []string{"kubectl", "--kubeconfig", kubeconfig, "get", "pods"}); err != nil {
			return err
		}
		for round := range max(1, l.rounds/3) {
			if err := l.tripsRound(ctx, e.commands, round, road, kubeconfig, rec); err != nil {
				return err
			}
		}
		return nil
	}
	return e
}

// tripsRound measures each command with each delay.
func (l *lab) tripsRound(ctx context.Context, commands []command, round int, road *slowRoad, kubeconfig string, rec recorder) error {
	of := func(c command, delay time.Duration) string { return fmt.Sprintf("%s-%d", c.pod, delay.Milliseconds()) }
	var pods []*corev1.Pod
	for _, c := range commands {
		for _, delay := range delays {
			if c.injects {
				pods = append(pods, l.target(of(c, delay)))
			}
		}
	}
	if err := l.makeIdle(ctx, pods...); err != nil {
		return err
	}
	times := map[string][]time.Duration{}
	for _, delay := range delays {
		road.more.Store(int64(delay))
		for _, c := range inTurn(commands, rec.run+round) {
			if err := wait(ctx, l.settle); err != nil {
				return err
			}
			pod := c.pod
			if c.injects {
				pod = of(c, delay)
			}
			argv := c.on(l.namespace, pod)
			at := slices.Index(argv, "-n")
			m, _, err := l.toPrompt(ctx, slices.Insert(argv, at, "--kubeconfig", kubeconfig))
			if err != nil {
				return err
			}
			rec.add(c.name, figure(fmt.Sprintf("time at %d ms more, ms", delay.Milliseconds())), inMS(m.Took))
			times[c.name] = append(times[c.name], m.Took)
		}
	}
	for _, c := range commands {
		rec.add(c.name, roundTrips, slope(delays, times[c.name]))
	}
	return l.removePods(ctx)
}

// slope is that of the line nearest to the points, by least squares.
func slope(x, y []time.Duration) float64 {
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy = sx+float64(x[i]), sy+float64(y[i])
		sxx, sxy = sxx+float64(x[i])*float64(x[i]), sxy+float64(x[i])*float64(y[i])
	}
	n := float64(len(x))
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
