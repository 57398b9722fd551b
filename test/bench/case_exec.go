package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
)

// execExperiment is what one exec costs with a seccomp profile and without: a part of every session's time that is the node's.
func execExperiment(*base) experiment {
	e := experiment{
		name: "exec",
		about: "One exec, from the request to the first byte, by a client that runs already: into a container with the runtime's seccomp " +
			"profile, as all other pods here have, and into one without. For each exec the runtime makes the filter anew.",
		commands: []command{
			{name: string(corev1.SeccompProfileTypeRuntimeDefault), pod: "exec-filtered"},
			{name: string(corev1.SeccompProfileTypeUnconfined), pod: "exec-unfiltered"},
		},
	}
	e.measure = func(ctx context.Context, l *lab, rec recorder) error {
		for _, c := range e.commands {
			pod := l.shell(c.pod)
			pod.Spec.SecurityContext.SeccompProfile.Type = corev1.SeccompProfileType(c.name)
			if err := l.makePods(ctx, pod); err != nil {
				return err
			}
		}
		for round := range l.rounds {
			for _, c := range inTurn(e.commands, rec.run+round) {
				if err := wait(ctx, l.settle); err != nil {
					return err
				}
				took, err := l.execMedian(ctx, c.pod)
				if err != nil {
					return err
				}
				rec.add(c.name, oneExec, inMS(took))
			}
		}
		return nil
	}
	return e
}
