package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// results are all figures, as the JSON file has them.
type results struct {
	Machine  machine
	Programs programs
	Runs     int
	Failures []failure

	mu     sync.Mutex
	series map[key][][]float64 // of each run
	order  []key
}

// key says what a series of values is of.
type key struct {
	Experiment string
	Command    string
	Figure     figure
}

// failure is an experiment that broke off. What it had measured until then stays.
type failure struct {
	Experiment string
	Run        int
	Error      string
}

// recorder takes the values of one run of an experiment.
type recorder struct {
	to         *results
	experiment string
	run        int
}

// of are the recorders of an experiment's runs.
func (r *results) of(e experiment) func(run int) recorder {
	return func(run int) recorder { return recorder{r, e.name, run} }
}

// add records a value.
func (r recorder) add(command string, f figure, value float64) {
	r.to.mu.Lock()
	defer r.to.mu.Unlock()
	k := key{r.experiment, command, f}
	if r.to.series == nil {
		r.to.series = map[key][][]float64{}
	}
	runs, ok := r.to.series[k]
	if !ok {
		r.to.order = append(r.to.order, k)
	}
	for len(runs) <= r.run {
		runs = append(runs, []float64{})
	}
	runs[r.run] = append(runs[r.run], value)
	r.to.series[k] = runs
}

// process records what a program took.
func (r recorder) process(command string, m measured) {
	r.add(command, took, inMS(m.Took))
	r.add(command, cpu, inMS(m.CPU))
	r.add(command, memory, float64(m.MaxRSS)/1e6)
}

// fail notes that an experiment broke off.
func (r recorder) fail(err error) {
	say("%s: %v", r.experiment, err)
	r.to.mu.Lock()
	defer r.to.mu.Unlock()
	r.to.Failures = append(r.to.Failures, failure{r.experiment, r.run, err.Error()})
}

// values are those of one run.
func (r *results) values(k key, run int) []float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if runs := r.series[k]; run < len(runs) {
		return slices.Clone(runs[run])
	}
	return nil
}

// all are the values of all runs.
func (r *results) all(k key) []float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Concat(r.series[k]...)
}

// figures are what was recorded of a command, in the order in which it came first.
func (r *results) figures(experiment, command string) []figure {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []figure
	for _, k := range r.order {
		if k.Experiment == experiment && k.Command == command {
			found = append(found, k.Figure)
		}
	}
	return found
}

// encode writes a line for each series, so that a person can still read it.
func (r *results) encode() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	head, err := json.MarshalIndent(struct {
		Machine  machine
		Programs programs
		Runs     int
		Failures []failure
	}{r.Machine, r.Programs, r.Runs, r.Failures}, "", " ")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Write(bytes.TrimSuffix(head, []byte("\n}")))
	out.WriteString(",\n \"Series\": [")
	for i, k := range r.order {
		line, err := json.Marshal(struct {
			key
			Values [][]float64 // of each run
		}{k, r.series[k]})
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "\n  %s", line)
	}
	out.WriteString("\n ]\n}\n")
	return out.Bytes(), nil
}

// inMS is a duration in milliseconds, to the microsecond.
func inMS(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// quantile interpolates between the two nearest values.
func quantile(all []float64, q float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	at := q * float64(len(sorted)-1)
	below := int(math.Floor(at))
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

// broken are the experiments that failed, with their first error.
func (r *results) broken() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]string{}
	for _, f := range slices.Backward(r.Failures) {
		found[f.Experiment] = f.Error
	}
	return maps.Clone(found)
}
