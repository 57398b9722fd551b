package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// results are all figures of a run, as the JSON file has them. Durations are in nanoseconds.
type results struct {
	Machine  machine
	Programs programs
	Cases    []measurement
	Samples  []sample
	Starts   []recorded
}

// machine is where it was measured.
type machine struct {
	Date, CPU             string
	Cores                 int
	Memory                string
	Kernel, Runtime       string
	Server, Kubelet       string
	Kubectl, Mindebug     string
	LoadBefore, LoadAfter string
}

func describe(ctx context.Context, l *lab) machine {
	m := machine{
		Date: time.Now().UTC().Format(time.DateTime), CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(),
		Memory: field("/proc/meminfo", "MemTotal"), LoadBefore: loadAverage(),
		Kubectl:  strings.Join(strings.Fields(output(ctx, "kubectl", "version", "--client")), " "),
		Mindebug: output(ctx, "kubectl-mindebug", "version"),
	}
	if version, err := l.client.Discovery().ServerVersion(); err == nil {
		m.Server = version.GitVersion
	}
	if nodes, err := l.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{}); err == nil && len(nodes.Items) > 0 {
		info := nodes.Items[0].Status.NodeInfo
		m.Kernel, m.Kubelet, m.Runtime = info.KernelVersion, info.KubeletVersion, info.ContainerRuntimeVersion
	}
	return m
}

// field returns a value of a file in /proc of lines "name: value".
func field(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

func output(ctx context.Context, name string, args ...string) string {
	text, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// quantile interpolates between the two nearest of all.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	at := q * float64(len(sorted)-1)
	below := int(math.Floor(at))
	above := min(below+1, len(sorted)-1)
	return sorted[below] + time.Duration((at-float64(below))*float64(sorted[above]-sorted[below]))
}

// write prints the report, and writes it to a file with the raw figures beside it where one is named.
func (r *results) write(stdout io.Writer, file string) error {
	var page bytes.Buffer
	r.report(&page)
	if _, err := stdout.Write(page.Bytes()); err != nil || file == "" {
		return err
	}
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(strings.TrimSuffix(file, filepath.Ext(file))+".json", append(raw, '\n'), 0o644)
}

const introduction = `# Performance

Written by ` + "`make bench ARGS='-out docs/performance.md'`" + `; the raw figures stand beside it as JSON. Only figures of one run
compare: mindebug and its peers take turns on one cluster.

Each is the time from the start of the client's process to the shell's prompt on a terminal, or to its end where it has a
command. Every round has pods of its own, which had done nothing for some seconds; images are present. *new session* adds a
container to a pod that has none, *session again* enters one that is there. All pods have the runtime's seccomp profile, so
that the containers of kubectl debug start under it as ours do.

*floor* is what nobody can be faster than who adds a container and execs into it: from the API server's answer to the
patch (its audit log) to the start of the container (containerd's event), and one exec by a client that runs already, up to
its first byte. It is taken from the same starts, and so differs from row to row.
`

func (r *results) report(w io.Writer) {
	fmt.Fprint(w, introduction)
	m := r.Machine
	fmt.Fprintf(w, "\nkubectl-mindebug has %.1f MB; a bare program of the same libraries %.1f MB.\n", float64(r.Programs.Size)/1e6, float64(r.Programs.BareSize)/1e6)
	fmt.Fprintf(w, "\n%s UTC; %s, %d cores, %s; Linux %s; Kubernetes %s, kubelet %s, %s; kubectl: %s; %s; load before %s, after %s\n\n",
		m.Date, m.CPU, m.Cores, m.Memory, m.Kernel, m.Server, m.Kubelet, m.Runtime, m.Kubectl, m.Mindebug, m.LoadBefore, m.LoadAfter)

	fmt.Fprintln(w, "| case | median | p90 | min | max | n | median is | client's CPU | memory | command |")
	fmt.Fprintln(w, "| --- | --: | --: | --: | --: | --: | --- | --: | --: | --- |")
	for _, c := range r.Cases {
		took := r.of(c.Name, func(s sample) time.Duration { return s.Took })
		cpu := r.of(c.Name, func(s sample) time.Duration { return s.CPU })
		rss := r.of(c.Name, func(s sample) time.Duration { return time.Duration(s.MaxRSS) })
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %d | %s | %s | %d MB | `%s` |\n", c.Name,
			ms(quantile(took, 0.5)), ms(quantile(took, 0.9)), ms(quantile(took, 0)), ms(quantile(took, 1)), len(took),
			r.ratios(c, quantile(took, 0.5)), ms(quantile(cpu, 0.5)), quantile(rss, 0.5)/1e6, c.Command)
	}
	for _, c := range r.Cases {
		pressed := r.of(c.Name, func(s sample) time.Duration {
			if s.Enter {
				return 1
			}
			return 0
		})
		if n := len(slices.DeleteFunc(pressed, func(d time.Duration) bool { return d == 0 })); n > 0 {
			fmt.Fprintf(w, "\nIn %d of the runs of *%s* no prompt came before Enter was pressed, %s after kubectl had asked for it.\n", n, c.Name, pressEnterAfter)
		}
	}
	r.reportPhases(w)
	r.reportStarts(w)
}

// of collects a figure of all samples of a case.
func (r *results) of(name string, figure func(sample) time.Duration) []time.Duration {
	var all []time.Duration
	for _, s := range r.Samples {
		if s.Case == name {
			all = append(all, figure(s))
		}
	}
	return all
}

// ofStarts collects a figure of all samples of a case whose container's start is known.
func (r *results) ofStarts(name string, figure func(sample) time.Duration) []time.Duration {
	var all []time.Duration
	for _, s := range r.Samples {
		if s.Case == name && s.Start != nil {
			all = append(all, figure(s))
		}
	}
	return all
}

func (r *results) ratios(c measurement, median time.Duration) string {
	var text []string
	for _, peer := range c.peers {
		other := quantile(r.of(peer, func(s sample) time.Duration { return s.Took }), 0.5)
		if peer == floor {
			other = quantile(r.ofStarts(c.Name, func(s sample) time.Duration { return s.Start.floor() }), 0.5)
		}
		if other > 0 {
			text = append(text, fmt.Sprintf("%.2f × %s", float64(median)/float64(other), peer))
		}
	}
	return strings.Join(text, ", ")
}

// reportPhases says where the time of a new container goes.
func (r *results) reportPhases(w io.Writer) {
	var rows bytes.Buffer
	for _, c := range r.Cases {
		median := func(figure func(sample) time.Duration) string { return ms(quantile(r.ofStarts(c.Name, figure), 0.5)) }
		if len(r.ofStarts(c.Name, func(s sample) time.Duration { return s.Took })) == 0 {
			continue
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s | %s |\n", c.Name,
			median(func(s sample) time.Duration { return s.Start.Patched.Sub(s.Began) }),
			median(func(s sample) time.Duration { return s.Start.Task.Sub(s.Start.Patched) }),
			median(func(s sample) time.Duration { return s.Began.Add(s.Took).Sub(s.Start.Task) }),
			median(func(s sample) time.Duration { return s.Start.Exec }),
			median(func(s sample) time.Duration { return s.Start.floor() }))
	}
	if rows.Len() == 0 {
		fmt.Fprintf(w, "\nWhen containers started is not known: the node is another machine.\n")
		return
	}
	fmt.Fprintf(w, "\n## Where the time goes\n\nMedians. The first three make the whole; the last two are the floor's exec, and the floor.\n\n"+
		"| case | process start to patch answered | to container started | to prompt | exec | floor |\n| --- | --: | --: | --: | --: | --: |\n%s", rows.String())
}

// reportStarts prints the distribution that the early tries of internal/session are spaced by.
func (r *results) reportStarts(w io.Writer) {
	if len(r.Starts) == 0 {
		return
	}
	fmt.Fprintf(w, "\n## Starts\n\nFrom the answer to the patch, by a client that runs already and execs every %s until that works. "+
		"*idle*: the pod had done nothing for some seconds; *changed*: it had got another container up to a second before.\n\n"+
		"| | p10 | p25 | p50 | p75 | p90 | max | n |\n| --- | --: | --: | --: | --: | --: | --: | --: |\n", tryEvery)
	for _, changed := range []bool{false, true} {
		for _, row := range []struct {
			name   string
			figure func(recorded) time.Duration
		}{
			{"the runtime has started the container", func(s recorded) time.Duration { return s.Task }},
			{"the first exec that succeeds begins", func(s recorded) time.Duration { return s.Begun }},
			{"it has ended", func(s recorded) time.Duration { return s.Done }},
			{"the Event Started reaches a watch", func(s recorded) time.Duration { return s.Event }},
			{"the status Running reaches a watch", func(s recorded) time.Duration { return s.Status }},
		} {
			var all []time.Duration
			for _, s := range r.Starts {
				if s.Changed == changed {
					all = append(all, row.figure(s))
				}
			}
			name := "idle"
			if changed {
				name = "changed"
			}
			fmt.Fprintf(w, "| %s: %s |", name, row.name)
			for _, q := range []float64{0.1, 0.25, 0.5, 0.75, 0.9, 1} {
				fmt.Fprintf(w, " %s |", ms(quantile(all, q)))
			}
			fmt.Fprintf(w, " %d |\n", len(all))
		}
	}
}

// ms writes a duration as people read a table of them.
func ms(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}
