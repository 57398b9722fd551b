package main

import "context"

// helpExperiment is what needs no cluster.
func helpExperiment(*base) experiment {
	e := experiment{
		name: "help",
		about: "What needs no cluster, each ten times a round. The bare client is a program of the same libraries (client-go, cobra, " +
			"streaming) that does next to nothing.",
		commands: []command{
			{name: "--help", line: "kubectl-mindebug --help"},
			{name: "version", line: "kubectl-mindebug version"},
			{name: "bare client", line: "bare --help"},
			{name: "kubectl --help", line: "kubectl --help"},
			{name: "kubectl version", line: "kubectl version --client"},
		},
	}
	for _, own := range []string{"--help", "version"} {
		for _, f := range []figure{took, cpu} {
			e.bounds = append(e.bounds, bound{command: own, figure: f, peer: "bare client", at: 0.5, limit: 1.2})
		}
	}
	e.measure = func(ctx context.Context, l *lab, rec recorder) error {
		for round := range 10 * l.rounds {
			for _, c := range inTurn(e.commands, rec.run+round) {
				m, err := l.toEnd(ctx, c.argv(""))
				if err != nil {
					return err
				}
				rec.process(c.name, m)
			}
		}
		return nil
	}
	return e
}
