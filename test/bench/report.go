package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// write prints the page where stdout is given, and writes it to a file with the raw figures beside it where one is named.
func (r *results) write(stdout io.Writer, chosen []experiment, file string) error {
	var page bytes.Buffer
	r.page(&page, chosen)
	if stdout != nil {
		if _, err := stdout.Write(page.Bytes()); err != nil {
			return err
		}
	}
	if file == "" {
		return nil
	}
	raw, err := r.encode()
	if err != nil {
		return err
	}
	page.WriteString(byHand(file))
	if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(strings.TrimSuffix(file, filepath.Ext(file))+".json", raw, 0o644)
}

// traces begins the part of the page that people write.
const traces = "\n## Where bounds are not met\n"

// byHand is the part of a page that people wrote, which stays when it is written again.
func byHand(file string) string {
	text, err := os.ReadFile(file)
	if at := bytes.Index(text, []byte(traces)); err == nil && at >= 0 {
		return string(text[at:])
	}
	return ""
}

const introduction = `# Performance

Written by ` + "`make bench ARGS='-out docs/performance.md'`" + `; the raw figures stand beside it as JSON. Only figures of one
call compare: mindebug and its peers take turns on one cluster, in several runs. A bound is met in a run where that is within 5 %
of it. Nothing here is a promise in seconds.
`

func (r *results) page(w io.Writer, chosen []experiment) {
	fmt.Fprint(w, introduction)
	m := r.Machine
	fmt.Fprintf(w, "\n%s UTC; %s, %d cores, %s; Linux %s; Kubernetes %s, kubelet %s, %s; kubectl: %s; %s, %.1f MB, a bare program of the same "+
		"libraries %.1f MB; load before %s, after %s\n",
		m.Date, m.CPU, m.Cores, m.Memory, m.Kernel, m.Server, m.Kubelet, m.Runtime, m.Kubectl, m.Mindebug,
		float64(r.Programs.Size)/1e6, float64(r.Programs.BareSize)/1e6, m.LoadBefore, m.LoadAfter)
	r.expected(w, chosen)
	for _, e := range chosen {
		fmt.Fprintf(w, "\n## %s%s\n\n%s\n", strings.ToUpper(e.name[:1]), e.name[1:], e.about)
		if err, ok := r.broken()[e.name]; ok {
			fmt.Fprintf(w, "\nNot measured to its end: %s\n", oneLine(err))
		}
		r.distributions(w, e)
	}
}

// expected is the table of bounds.
func (r *results) expected(w io.Writer, chosen []experiment) {
	fmt.Fprintf(w, "\n## What is expected\n\n"+
		"| case | of | figure | median | p90 | min | max | n | it is, in each run | bound | met | beside |\n"+
		"| --- | --- | --- | --: | --: | --: | --: | --: | --- | --- | --- | --- |\n")
	for _, e := range chosen {
		for _, b := range e.bounds {
			runs, met := r.verdict(e, b)
			k := key{e.name, b.command, b.figure}
			fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", e.name, b.command, b.figure, r.row(k), runs, b, met, e.lineOf(b.peer))
		}
	}
}

// verdict tells what a bound's value was in each run, and whether that met it.
func (r *results) verdict(e experiment, b bound) (runs, met string) {
	var values []string
	measured, within := 0, 0
	for run := range r.Runs {
		value, ok := b.value(r, e.name, run)
		switch {
		case ok:
			values = append(values, number(value))
			measured++
			if b.met(value) {
				within++
			}
		case len(r.values(key{e.name, b.peer, brokeOff}, run)) > 0:
			values = append(values, "the peer broke off")
		}
	}
	switch {
	case len(values) < r.Runs:
		met = "not measured"
	case measured == 0:
		met = "nothing to compare"
	case within == measured:
		met = "yes"
	case within == 0:
		met = "no"
	default:
		met = fmt.Sprintf("in %d of %d", within, measured)
	}
	return strings.Join(values, ", "), met
}

// String is the bound as the page has it.
func (b bound) String() string {
	word, peer := "at most", ""
	if b.least {
		word = "at least"
	}
	if b.peer != "" {
		peer = " × " + b.peer
	}
	if b.at != 0.5 {
		peer += fmt.Sprintf(", p%g", 100*b.at)
	}
	return fmt.Sprintf("%s %s%s", word, number(b.limit), peer)
}

// lineOf is the exact command line of a peer.
func (e experiment) lineOf(peer string) string {
	if i := slices.IndexFunc(e.commands, func(c command) bool { return c.name == peer }); i >= 0 {
		return code(e.commands[i].line)
	}
	return ""
}

// distributions is the table of all that was measured.
func (r *results) distributions(w io.Writer, e experiment) {
	for _, c := range e.commands {
		fmt.Fprintf(w, "\n%s: %s\n\n| figure | median | p90 | min | max | n |\n| --- | --: | --: | --: | --: | --: |\n", c.name, code(c.line))
		for _, f := range r.figures(e.name, c.name) {
			fmt.Fprintf(w, "| %s | %s |\n", f, r.row(key{e.name, c.name, f}))
		}
	}
}

// row is median, p90, min, max and n of a series.
func (r *results) row(k key) string {
	all := r.all(k)
	if len(all) == 0 {
		return " | | | | 0"
	}
	var cells []string
	for _, q := range []float64{0.5, 0.9, 0, 1} {
		cells = append(cells, number(quantile(all, q)))
	}
	return strings.Join(append(cells, strconv.Itoa(len(all))), " | ")
}

// number writes a value as people read a table of them: three digits that count.
func number(value float64) string {
	switch size := max(value, -value); {
	case size >= 100:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case size >= 10:
		return strings.TrimSuffix(strconv.FormatFloat(value, 'f', 1, 64), ".0")
	}
	return strings.TrimSuffix(strconv.FormatFloat(value, 'f', 2, 64), ".00")
}

// code makes a command line fit for a table.
func code(line string) string {
	if line == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(line, "|", `\|`) + "`"
}

// oneLine is text without what would break a page.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
