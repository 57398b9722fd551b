package main

import "context"

// tenExperiment is ten commands, each its own invocation.
func tenExperiment(b *base) experiment {
	e := experiment{
		name: "ten",
		about: "Ten commands in a pod, one after another, each its own call of the client. The first of ours adds a container, as all ten " +
			"of kubectl debug do.",
		commands: []command{
			{name: "ten commands", line: "kubectl-mindebug pod/x -- true", pod: "ten", injects: true},
			{name: "kubectl debug", line: "kubectl debug --attach " + b.debugFlags() + " pod/x -- true", pod: "ten-debug", injects: true},
		},
		bounds: shares("ten commands", "kubectl debug", 0.15),
	}
	e.measure = func(ctx context.Context, l *lab, rec recorder) error {
		for round := range max(1, l.rounds/3) { // kubectl debug takes over ten seconds
			if err := l.makeIdle(ctx, l.targetsOf(e.commands)...); err != nil {
				return err
			}
			for _, c := range inTurn(e.commands, rec.run+round) {
				if err := wait(ctx, l.settle); err != nil {
					return err
				}
				m, err := l.toEnd(ctx, times(10, c.argv(l.namespace))...)
				if err != nil {
					return err
				}
				rec.process(c.name, m)
			}
			if err := l.removePods(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	return e
}

// times is a command so many times.
func times(n int, argv []string) (all [][]string) {
	for range n {
		all = append(all, argv)
	}
	return all
}
