package main

import (
	"context"
	"maps"
	"slices"
)

const (
	allRequests figure = "requests"
	failedExecs figure = "failed execs"
	auditEvents figure = "audit events"
)

// requestsExperiment is what one session asks of the API server, and what that writes to its audit log.
func requestsExperiment(b *base) experiment {
	e := experiment{
		name: "requests",
		about: "What one session, that is left at once, asks of the API server, by kind, as a proxy counted it; and what the API server wrote " +
			"of that to its audit log, by the ids that the proxy gave the requests (of each request once it is answered, and of a stream or " +
			"watch when it begins as well). A failed exec is one whose answer was an error.",
		commands: []command{
			{name: "new session", line: "kubectl-mindebug pod/x", pod: "asks", injects: true},
			{name: "kubectl debug", line: "kubectl debug -it " + b.debugFlags() + " pod/x", pod: "asks-debug", injects: true},
			{name: "again", line: "kubectl-mindebug pod/x", pod: withSession},
			{name: "kubectl exec", line: "kubectl exec -it pod/x -- sh", pod: withShell},
			{name: "one command", line: "kubectl-mindebug pod/x -- true", pod: withSession},
			{name: "one command, kubectl exec", line: "kubectl exec pod/x -- true", pod: withShell},
		},
		bounds: []bound{{command: "new session", figure: failedExecs, at: 1, limit: 4}},
	}
	e.measure = func(ctx context.Context, l *lab, rec recorder) error {
		counter, err := l.openCounter()
		if err != nil {
			return err
		}
		defer counter.close()
		if _, err := l.toEnd(ctx, []string{"kubectl", "--kubeconfig", counter.kubeconfig, "get", "pods"}); err != nil {
			return err
		}
		for round := range max(1, l.rounds/3) {
			if err := l.makeIdle(ctx, l.targetsOf(e.commands)...); err != nil {
				return err
			}
			for _, c := range inTurn(e.commands, rec.run+round) {
				if err := l.countRequests(ctx, c, counter, rec); err != nil {
					return err
				}
			}
			if err := l.removePods(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	return e
}

// countRequests counts those of one command.
func (l *lab) countRequests(ctx context.Context, c command, counter *counter, rec recorder) error {
	if err := wait(ctx, l.settle); err != nil {
		return err
	}
	counter.reset()
	argv := c.argv(l.namespace)
	argv = slices.Insert(argv, slices.Index(argv, "-n"), "--kubeconfig", counter.kubeconfig)
	var err error
	if argv[len(argv)-1] == "true" {
		_, err = l.toEnd(ctx, argv)
	} else {
		_, _, err = l.toPrompt(ctx, argv)
	}
	if err != nil {
		return err
	}
	seen := counter.seen()
	kinds, failed := map[string]int{}, 0
	for _, s := range seen {
		kinds[s.kind]++
		if s.exec && s.status >= 400 {
			failed++
		}
	}
	rec.add(c.name, allRequests, float64(len(seen)))
	rec.add(c.name, failedExecs, float64(failed))
	if l.audit != nil {
		events, err := l.audit.of(ctx, seen)
		if err != nil {
			return err
		}
		rec.add(c.name, auditEvents, float64(events))
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		rec.add(c.name, figure("of them: "+kind), float64(kinds[kind]))
	}
	return nil
}
