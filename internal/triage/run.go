package triage

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed lib.sh
var libScript string

// Bounds: how long the scripts of all topics may take, how long the Go of one, and how much the scripts may print. Past the
// first a topic may hang in a file system that does not answer.
const (
	scriptsWithin = 30 * time.Second
	gatherWithin  = 60 * time.Second
	atMost        = 8 << 20
)

// Report is what was found.
type Report struct {
	// Findings are sorted: what matters most is first.
	Findings []Finding
	Topics   []TopicReport
}

// TopicReport is what was seen of one topic.
type TopicReport struct {
	Name   string
	Facts  []Fact
	Unread []string
	Output string
	// Raw is what it was made of.
	Raw Raw
}

// Names are those of all topics, in the order in which they are looked at.
func Names() (names []string) {
	for i := range topics {
		names = append(names, topics[i].Name)
	}
	return names
}

// Topics are all that there are.
func Topics() []Topic { return slices.Clone(topics) }

// choose returns the topics of these names, or those that apply where there is none.
func choose(names []string, s Subject) (chosen []Topic) {
	for i := range topics {
		if len(names) == 0 && topics[i].Applies(s) || slices.Contains(names, topics[i].Name) {
			chosen = append(chosen, topics[i])
		}
	}
	return chosen
}

// errSlow is about scripts that did not end.
var errSlow = fmt.Errorf("no answer within %s", scriptsWithin)

// Run looks at the topics of these names, or at those that apply to the target. now is this machine's clock. Where a topic may
// not touch the target the error is a *RefusedError, and none did.
func Run(ctx context.Context, runner Runner, s Subject, names []string, now func() time.Time) (Report, error) {
	chosen := choose(names, s)
	s.Began = now()
	raw, missed, err := runScripts(ctx, runner, s, chosen)
	s.Ended = now()
	if err != nil {
		return Report{}, err
	}
	touches, err := chooseAll(s, chosen, raw, missed)
	if err == nil {
		err = gather(ctx, runner, s, chosen, touches, raw, missed)
	}
	if err != nil {
		return Report{}, err
	}
	var report Report
	for i, t := range chosen {
		r := Reading{}
		if missed[i] == nil {
			r = t.Read(raw[i], s)
		} else {
			r.unread(missed[i].Error())
		}
		for _, f := range r.Findings {
			f.Topic = t.Name
			report.Findings = append(report.Findings, f)
		}
		report.Topics = append(report.Topics, TopicReport{Name: t.Name, Facts: r.Facts, Unread: r.Unread, Output: r.Output, Raw: raw[i]})
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int {
		return cmp.Compare(slices.Index(weights, a.Weight), slices.Index(weights, b.Weight))
	})
	return report, nil
}

// runScripts runs the scripts of all topics in one session. Why a topic's output is not whole is in missed.
func runScripts(ctx context.Context, runner Runner, s Subject, chosen []Topic) (raw []Raw, missed []error, err error) {
	raw, missed = make([]Raw, len(chosen)), make([]error, len(chosen))
	mark := "#" + rand.Text()
	script, args := assemble(mark, s, chosen)
	bounded, cancel := context.WithTimeoutCause(ctx, scriptsWithin, errSlow)
	defer cancel()
	out := &head{limit: atMost}
	status, err := runner.Run(bounded, script, args, nil, out, io.Discard)
	why := errors.New("its script did not come to its end")
	switch {
	case errors.Is(err, errSlow):
		why = errSlow
	case err != nil:
		return nil, nil, err
	case status != 0:
		why = fmt.Errorf("the script in the session container ended with exit status %d", status)
	case out.cut:
		why = fmt.Errorf("there was more output than %s", bytesText(atMost))
	}
	blocks, whole := parseRaw(out.text.String(), mark)
	for i, t := range chosen {
		raw[i] = blocks[t.Name]
		if t.Script != "" && !whole[t.Name] {
			missed[i] = why
		}
	}
	return raw, missed, nil
}

// assemble makes one script of those of the topics: each is a function of its own, run in a subshell, with its own words.
func assemble(mark string, s Subject, chosen []Topic) (script string, args []string) {
	var text strings.Builder
	fmt.Fprintf(&text, "mark='%s'\n%s\n", mark, libScript)
	for _, t := range chosen {
		if t.Script == "" {
			continue
		}
		fmt.Fprintf(&text, "topic_%[1]s() {\n%[2]s\n}\n(topic=%[1]s; topic_%[1]s", t.Name, t.Script)
		if t.Args != nil {
			for _, arg := range t.Args(s) {
				args = append(args, arg)
				fmt.Fprintf(&text, ` "${%d}"`, len(args))
			}
		}
		fmt.Fprintf(&text, "; block %s)\n", ended)
	}
	text.WriteString("exit 0\n")
	return text.String(), args
}

// chooseAll has the topics that touch the target choose what they do to it, by their places. Where one is refused none does
// anything.
func chooseAll(s Subject, chosen []Topic, raw []Raw, missed []error) ([]touch, error) {
	touches := make([]touch, len(chosen))
	for i, t := range chosen {
		if t.Choose == nil || missed[i] != nil {
			continue
		}
		touches[i], missed[i] = t.Choose(raw[i], s)
		var refused *RefusedError
		if errors.As(missed[i], &refused) {
			return nil, refused
		}
	}
	return touches, nil
}

// gather runs the Go of the topics that have any, at once: each waits for the network most of the time. What was refused only
// now, since the process ended for instance, is an error where no other topic did anything to the target.
func gather(ctx context.Context, runner Runner, s Subject, chosen []Topic, touches []touch, raw []Raw, missed []error) error {
	var gathering sync.WaitGroup
	for i, t := range chosen {
		run := touches[i]
		if t.Gather != nil {
			run = func(ctx context.Context, runner Runner) (Raw, error) { return t.Gather(ctx, runner, s, raw[i]) }
		}
		if run == nil || missed[i] != nil {
			continue
		}
		gathering.Go(func() {
			bounded, cancel := context.WithTimeoutCause(ctx, gatherWithin, fmt.Errorf("no answer within %s", gatherWithin))
			defer cancel()
			more, err := run(bounded, runner)
			raw[i], missed[i] = append(raw[i], more...), err
		})
	}
	gathering.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var first *RefusedError
	for i, run := range touches {
		var refused *RefusedError
		switch {
		case run == nil:
		case !errors.As(missed[i], &refused):
			return nil
		case first == nil:
			first = refused
		}
	}
	if first != nil {
		return first
	}
	return nil
}
