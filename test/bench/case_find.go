package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/test/fleet"
)

const (
	timePerPod figure = "time a thousand pods, ms"
	// fleetImages is how many images the pods of a fleet run.
	fleetImages = 300
)

// fleetCommand is what reads many pods: a word for it, and its line.
type fleetCommand struct{ name, line string }

// peerOfAll reads the same pods as find and check.
const peerOfAll = "kubectl get -o json"

// fleetCommands read the pods of all namespaces; but the last ones those of NAMESPACE, where all the pods are.
var fleetCommands = []fleetCommand{
	{"find", "kubectl-mindebug find -A --kind=all"},
	{"find -o json", "kubectl-mindebug find -A --kind=all -o json"},
	{"check", "kubectl-mindebug check -A"},
	{peerOfAll, "kubectl get pods -A -o json"},
	{"completion", "kubectl-mindebug __complete -n NAMESPACE pod/"},
	{"completion, through kubectl", "kubectl __complete mindebug -n NAMESPACE pod/"},
	{"kubectl get", "kubectl get pods -n NAMESPACE"},
}

// findExperiment is what reads many pods.
func findExperiment(b *base) experiment {
	e := experiment{
		name: "find",
		about: fmt.Sprintf("What reads many pods: pods of %d images of every kind, each tenth unknown, thirty to a workload, which nothing runs, "+
			"on this API server. What find finds is asserted, with the registries asked, before it is measured. Linear: as much time for each "+
			"pod; flat: no more memory. Requests are counted once.", fleetImages),
		whole: func(ctx context.Context, b *base, rec func(int) recorder) error { return b.measureFleets(ctx, rec) },
	}
	for _, pods := range b.fleets {
		for _, c := range fleetCommands {
			e.commands = append(e.commands, command{name: ofFleet(c.name, pods), line: c.line})
		}
		for _, own := range []string{"find", "find -o json", "check"} {
			for _, f := range []figure{took, memory} {
				e.bounds = append(e.bounds, bound{command: ofFleet(own, pods), figure: f, peer: ofFleet(peerOfAll, pods), at: 0.5, limit: 1})
			}
		}
	}
	if first, last := slices.Min(b.fleets), slices.Max(b.fleets); first != last {
		for _, own := range []string{"find", "find -o json", "check"} {
			for _, f := range []figure{timePerPod, memory} {
				e.bounds = append(e.bounds, bound{command: ofFleet(own, last), figure: f, peer: ofFleet(own, first), at: 0.5, limit: 1.1})
			}
		}
	}
	return e
}

// ofFleet is what a command is called over so many pods.
func ofFleet(name string, pods int) string { return fmt.Sprintf("%s, %d pods", name, pods) }

// fleetLab is a namespace with many pods.
type fleetLab struct {
	*lab
	fleet *fleet.Fleet
}

func (b *base) measureFleets(ctx context.Context, rec func(int) recorder) error {
	l, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer l.remove(ctx)
	if others, err := l.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{Limit: 1}); err == nil && others.RemainingItemCount != nil {
		say("find: warning: there are %d other pods, which all commands but the last read as well", *others.RemainingItemCount+1)
	}
	f := &fleetLab{lab: l}
	if f.fleet, err = fleet.New(ctx, fleetImages); err != nil {
		return err
	}
	defer f.fleet.Close()
	defer func() {
		if err := f.fleet.Empty(context.WithoutCancel(ctx), l.client, l.namespace); err != nil {
			say("warning: %v", err)
		}
	}()
	made := 0
	for _, pods := range slices.Sorted(slices.Values(b.fleets)) {
		began := time.Now()
		if err := f.fleet.Fill(ctx, l.client, l.namespace, l.namespace, made, pods); err != nil {
			return err
		}
		say("find: %d pods were made in %s", pods-made, time.Since(began).Round(time.Second))
		made = pods
		if err := f.assert(ctx, pods); err != nil {
			return err
		}
		for run := range b.runs {
			say("run %d of %d: find: %d pods", run+1, b.runs, pods)
			if err := f.compare(ctx, pods, run, rec(run)); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare measures all commands in turn. The first run counts requests as well, by a proxy, without the time.
func (f *fleetLab) compare(ctx context.Context, pods, run int, rec recorder) error {
	for round := range max(1, f.rounds/10) {
		for i := range fleetCommands {
			c := fleetCommands[(i+run+round)%len(fleetCommands)]
			m, err := f.once(ctx, c.line, "")
			if err != nil {
				return err
			}
			name := ofFleet(c.name, pods)
			rec.process(name, m)
			rec.add(name, timePerPod, inMS(m.Took)*1000/float64(pods))
		}
	}
	if run > 0 {
		return nil
	}
	counter, err := f.openCounter()
	if err != nil {
		return err
	}
	defer counter.close()
	for _, c := range fleetCommands {
		if c.name == peerOfAll { // it takes long, and asks for the same pages as find
			continue
		}
		counter.reset()
		if _, err := f.once(ctx, c.line, counter.kubeconfig); err != nil {
			return err
		}
		rec.add(ofFleet(c.name, pods), allRequests, float64(len(counter.seen())))
	}
	return nil
}

// once runs a command to its end, with its output to nowhere.
func (f *fleetLab) once(ctx context.Context, line, kubeconfig string) (m measured, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*patience)
	defer cancel()
	words := strings.Fields(strings.ReplaceAll(line, "NAMESPACE", f.namespace))
	p, err := f.launch(ctx, words)
	if err != nil {
		return m, err
	}
	p.Stdout = nil
	if kubeconfig != "" {
		p.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	}
	err = p.run(&m)
	if words[1] == "check" && p.ProcessState.ExitCode() == 3 {
		err = nil // that a workload cannot be debugged is an answer
	}
	return m, err
}

// assert compares what find finds with what there is, and fills its cache by that.
func (f *fleetLab) assert(ctx context.Context, pods int) error {
	out, err := os.Create(filepath.Join(f.folder, "found.json"))
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	var talk strings.Builder
	cmd := exec.CommandContext(ctx, "kubectl-mindebug", "find", "-A", "-l", fleet.Label+"="+f.namespace, "--kind=all", "--registry", "-o", "json")
	cmd.Stdout, cmd.Stderr = out, &talk
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running find: %w: %s", err, talk.String())
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		return err
	}
	var report struct{ Items []struct{ Kind string } }
	if err := json.Unmarshal(text, &report); err != nil {
		return fmt.Errorf("reading what was found: %w", err)
	}
	found := map[string]int{}
	for _, item := range report.Items {
		found[item.Kind]++
	}
	if want := f.fleet.Expect(pods); !maps.Equal(found, want) {
		return fmt.Errorf("found %v; want %v", found, want)
	}
	return nil
}
