// Command bench measures kubectl mindebug beside what people would use instead, in turn on one cluster, and prints a page with
// what is expected of each figure and what came of it. It asserts nothing: the figures are for people, and only those of one
// call compare. Its exit status is 1 only where something could not be measured.
//
// `make bench` runs it on the cluster of KUBECONFIG, in namespaces of its own that it removes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	runs, rounds int
	idle, settle time.Duration
	out, bin     string
	list         bool
	only         *regexp.Regexp
	// sizes of single cases
	starts, keys, sessions int
	stream, large          int64
	small                  int
	fleets                 sizes
	idleFor                time.Duration
}

// sizes are numbers with commas between them.
type sizes []int

func (s *sizes) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*s), " ", ","), "[]")
}

// Set reads them.
func (s *sizes) Set(text string) error {
	*s = nil
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no number of pods", word)
		}
		*s = append(*s, n)
	}
	return nil
}

func parse() (options, error) {
	o := options{fleets: sizes{10_000, 50_000}}
	flag.IntVar(&o.runs, "runs", 3, "runs, each of which measures every case")
	flag.IntVar(&o.rounds, "n", 10, "rounds of a run, each of which measures every command of a case; dear cases take fewer")
	flag.DurationVar(&o.idle, "idle", 6*time.Second, "how long a pod does nothing before a container is added to it")
	flag.DurationVar(&o.settle, "settle", time.Second, "wait between two measurements")
	flag.StringVar(&o.out, "out", "", "`file` to write the page to, with the raw figures beside it as .json")
	flag.StringVar(&o.bin, "bin", "bin", "`folder` of the kubectl-mindebug that is measured")
	flag.IntVar(&o.starts, "starts", 20, "case starts: pods of a run, each of which records two")
	flag.IntVar(&o.keys, "keys", 200, "case keys: keys that are typed in a session")
	flag.IntVar(&o.sessions, "sessions", 20, "case parallel: sessions at once")
	flag.Int64Var(&o.stream, "stream", 256, "case bytes: MB that go through a session")
	flag.Int64Var(&o.large, "large", 1000, "case cp: size of the large file, in MB")
	flag.IntVar(&o.small, "small", 20_000, "case cp: how many files of 4 KB there are")
	flag.Var(&o.fleets, "pods", "case find: how many pods there are, with commas where several counts are compared")
	flag.DurationVar(&o.idleFor, "idle-for", 10*time.Minute, "case idle: how long session containers are left alone")
	only := flag.String("run", "", "`regexp` of the cases to measure; all without it")
	flag.BoolVar(&o.list, "list", false, "print the cases and measure nothing")
	flag.Parse()
	if flag.NArg() > 0 {
		return o, fmt.Errorf("bench takes no words: %q", flag.Args())
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("reading -run: %w", err)
	}
	return o, nil
}

func run(ctx context.Context) error {
	o, err := parse()
	if err != nil {
		return err
	}
	if o.list {
		for _, e := range experiments(&base{options: o}) {
			fmt.Printf("%s: %s\n", e.name, e.about)
		}
		return nil
	}
	b, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	var chosen []experiment
	for _, e := range experiments(b) {
		if o.only.MatchString(e.name) {
			chosen = append(chosen, e)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("-run %q chooses no case; -list names them", o.only)
	}
	r := &results{Machine: describe(ctx, b), Programs: b.programs, Runs: o.runs}
	err = b.measure(ctx, r, chosen)
	r.Machine.LoadAfter = loadAverage()
	if err := errors.Join(err, r.write(os.Stdout, chosen, o.out)); err != nil {
		return err
	}
	if broken := r.broken(); len(broken) > 0 {
		return fmt.Errorf("not all could be measured: %s", strings.Join(slices.Sorted(maps.Keys(broken)), ", "))
	}
	return nil
}

// measure takes all runs of the experiments. One that breaks off does not keep the others from being measured, and what is
// there is written after each of them.
func (b *base) measure(ctx context.Context, r *results, chosen []experiment) (err error) {
	var beside sync.WaitGroup
	var labs []*lab
	defer func() {
		beside.Wait()
		for _, l := range labs {
			l.remove(ctx)
		}
	}()
	for _, e := range chosen {
		if e.beside == nil {
			continue
		}
		say("%s: what it needs", e.name)
		l, err := b.open(ctx)
		if err == nil {
			labs = append(labs, l)
			err = e.prepare(ctx, l)
		}
		if err != nil {
			r.of(e)(0).fail(err)
			continue
		}
		beside.Go(func() {
			if err := e.beside(ctx, l, r.of(e)); err != nil {
				r.of(e)(0).fail(err)
			}
		})
	}
	if err := b.inRuns(ctx, r, chosen); err != nil {
		return err
	}
	for _, e := range chosen {
		if e.whole != nil && ctx.Err() == nil {
			b.inWhole(ctx, r, e)
			if err := r.write(nil, chosen, b.out); err != nil {
				return err
			}
		}
	}
	return context.Cause(ctx)
}

// inWhole measures an experiment that takes all its runs itself.
func (b *base) inWhole(ctx context.Context, r *results, e experiment) {
	say("%s", e.name)
	if err := e.whole(ctx, b, r.of(e)); err != nil {
		r.of(e)(0).fail(err)
	}
}

// inRuns measures the experiments that share a namespace, in one run after another.
func (b *base) inRuns(ctx context.Context, r *results, chosen []experiment) error {
	sharing := slices.DeleteFunc(slices.Clone(chosen), func(e experiment) bool { return e.measure == nil })
	if len(sharing) == 0 {
		return nil
	}
	l, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer l.remove(ctx)
	for run := range b.runs {
		for _, e := range sharing {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			say("run %d of %d: %s", run+1, b.runs, e.name)
			rec := r.of(e)(run)
			if err := l.inOrder(ctx, e, rec); err != nil {
				rec.fail(err)
			}
			if err := r.write(nil, chosen, b.out); err != nil {
				return err
			}
		}
	}
	return nil
}

// inOrder takes one run, with the pods that all share ready before it, and without those of its own after it.
func (l *lab) inOrder(ctx context.Context, e experiment, rec recorder) (err error) {
	if err := l.ready(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.removePods(context.WithoutCancel(ctx))) }()
	return e.measure(ctx, l, rec)
}

// say tells the person who waits how far it is.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: %s "+strings.TrimSuffix(format, "\n")+"\n", append([]any{time.Now().UTC().Format(time.TimeOnly)}, args...)...)
}

// wait does nothing for a time.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
