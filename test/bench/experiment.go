package main

import (
	"context"
	"slices"
	"strings"
)

// experiment is one case: commands that are measured in turn, and what is expected of their figures.
type experiment struct {
	// name is what -run selects; about says on the page how it is measured.
	name, about string
	// commands are in the order of the page.
	commands []command
	bounds   []bound
	// measure takes one run. Where it is nil, whole or beside takes all of them: whole where they share what is dear to make,
	// beside where they take their time while others are measured, and disturb none of them. What beside needs prepare makes
	// before the others, in a namespace of its own that is removed after them.
	measure func(context.Context, *lab, recorder) error
	whole   func(context.Context, *base, func(run int) recorder) error
	prepare func(context.Context, *lab) error
	beside  func(context.Context, *lab, func(run int) recorder) error
}

// command is a program with its arguments.
type command struct {
	name, line string
	// pod is the one that stands for x in the line, if any.
	pod string
	// injects is true where the command adds a container to its pod, so that each round needs a new one.
	injects bool
}

// argv is the command's words for its pod.
func (c command) argv(namespace string) []string { return c.on(namespace, c.pod) }

// on is the command's words for a pod.
func (c command) on(namespace, pod string) []string {
	words := strings.Fields(c.line)
	at := slices.Index(words, "pod/x")
	if at < 0 {
		return words
	}
	words[at] = "pod/" + pod
	return slices.Insert(words, at, "-n", namespace)
}

// figure is what is measured of a command, with its unit.
type figure string

const (
	took   figure = "time, ms"
	cpu    figure = "client's CPU, ms"
	memory figure = "client's memory, MB"
)

// bound is what is expected of a figure: a share of a peer's, or so many of its own unit.
type bound struct {
	command string
	figure  figure
	peer    string
	// at is the quantile that it is about.
	at float64
	// limit is the most, or where least is set the least.
	limit float64
	least bool
}

// brokeOff is how often a command did not do all that it was to do.
const brokeOff figure = "broke off, times"

// tolerance is how far a run may be from its bound and still meet it: that much two runs of the same differ.
const tolerance = 0.05

// value is the figure of one run that is to be within the limit, and whether it was measured.
func (b bound) value(r *results, experiment string, run int) (float64, bool) {
	own := r.values(key{experiment, b.command, b.figure}, run)
	if len(own) == 0 {
		return 0, false
	}
	value := quantile(own, b.at)
	if b.peer == "" {
		return value, true
	}
	peer := r.values(key{experiment, b.peer, b.figure}, run)
	if len(peer) == 0 || quantile(peer, b.at) == 0 {
		return 0, false
	}
	return value / quantile(peer, b.at), true
}

// met reports whether a run's value is within the limit.
func (b bound) met(value float64) bool {
	if b.least {
		return value >= b.limit*(1-tolerance)
	}
	return value <= b.limit*(1+tolerance)
}

// shares are bounds on time, CPU and memory of a command beside a peer: the most of its median time, and half of the rest.
func shares(command, peer string, time float64) []bound {
	return []bound{
		{command: command, figure: took, peer: peer, at: 0.5, limit: time},
		{command: command, figure: cpu, peer: peer, at: 0.5, limit: 0.5},
		{command: command, figure: memory, peer: peer, at: 0.5, limit: 0.5},
	}
}

// inTurn returns the commands in an order in which none comes always after the same other, or first.
func inTurn(commands []command, round int) []command {
	at := round % len(commands)
	return slices.Concat(commands[at:], commands[:at])
}
