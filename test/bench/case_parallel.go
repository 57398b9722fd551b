package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
)

const machineCPU figure = "the machine's CPU, ms"

// parallelExperiment is many sessions at once.
func parallelExperiment(b *base) experiment {
	e := experiment{
		name: "parallel",
		about: fmt.Sprintf("%d new sessions on %d idle pods at once, from the start of the first client to the last prompt; the client's CPU "+
			"is that of all of them, its memory that of the largest. The machine's CPU is what all its processors did meanwhile, for the cluster as "+
			"well where that runs on it.", b.sessions, b.sessions),
		commands: []command{
			{name: "at once", line: "kubectl-mindebug pod/x", pod: "once"},
			{name: "kubectl debug", line: "kubectl debug -it " + b.debugFlags() + " pod/x", pod: "once-debug"},
		},
		bounds: shares("at once", "kubectl debug", 0.6),
	}
	e.measure = func(ctx context.Context, l *lab, rec recorder) error {
		for round := range max(1, l.rounds/5) { // it takes many pods
			var pods []*corev1.Pod
			for _, c := range e.commands {
				for n := range l.sessions {
					pods = append(pods, l.target(fmt.Sprintf("%s-%d", c.pod, n)))
				}
			}
			if err := l.makeIdle(ctx, pods...); err != nil {
				return err
			}
			for _, c := range inTurn(e.commands, rec.run+round) {
				if err := wait(ctx, l.settle); err != nil {
					return err
				}
				m, worked, err := l.atOnce(ctx, c)
				if err != nil {
					return err
				}
				rec.process(c.name, m)
				rec.add(c.name, machineCPU, inMS(worked))
			}
			if err := l.removePods(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	return e
}

// atOnce opens all sessions at once, and leaves them when each has its prompt. Worked is what the machine did until then.
func (l *lab) atOnce(ctx context.Context, c command) (whole measured, worked time.Duration, err error) {
	began, before := time.Now(), busy()
	terminals := make([]*terminal, l.sessions)
	var opening errgroup.Group
	for n := range terminals {
		opening.Go(func() (err error) {
			terminals[n], err = l.openTerminal(ctx, c.on(l.namespace, fmt.Sprintf("%s-%d", c.pod, n)))
			return err
		})
	}
	err = opening.Wait()
	whole.Took, worked = time.Since(began), busy()-before
	for _, t := range terminals {
		if t == nil {
			continue
		}
		m, leaveErr := t.leave()
		err = errors.Join(err, leaveErr)
		whole.CPU, whole.MaxRSS = whole.CPU+m.CPU, max(whole.MaxRSS, m.MaxRSS)
	}
	return whole, worked, err
}
