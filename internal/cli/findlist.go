package cli

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// findWriter writes what a search finds, page by page, in one form of --output: nothing is kept.
type findWriter interface {
	write(found []app.Found) error
	// end is called where the search came to its end.
	end(summary app.FindSummary) error
}

func newFindWriter(out io.Writer, r findRequest, context string) findWriter {
	switch r.output {
	case formatJSON:
		return &findJSON{out: out, context: context}
	case formatYAML:
		return &findYAML{out: out, context: context}
	case formatName:
		return &findNames{out: out, all: r.all}
	}
	return &findTable{out: out, wide: r.output == formatWide}
}

// findItem is a container, for programs. docs/find.md describes it.
type findItem struct {
	Namespace string       `json:"namespace"`
	Pod       string       `json:"pod"`
	Workload  findWorkload `json:"workload"`
	Container string       `json:"container"`
	// Type is "container", "sidecar" or "init".
	Type      string `json:"type"`
	State     string `json:"state"`
	Image     string `json:"image"`
	Digest    string `json:"digest,omitempty"`
	Kind      string `json:"kind"`
	Certainty string `json:"certainty,omitempty"`
	Evidence  string `json:"evidence,omitempty"`
	// UID is absent where the pod does not tell.
	UID *int64 `json:"uid,omitempty"`
	// PodSecurity is absent where the namespace enforces no level.
	PodSecurity string `json:"podSecurity,omitempty"`
	Session     string `json:"session,omitempty"`
}

type findWorkload struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

func newFindItem(f *app.Found) findItem {
	item := findItem{
		Namespace: f.Namespace, Pod: f.Pod, Workload: findWorkload(f.Workload), Container: f.Container, Type: f.Type, State: f.State,
		Image: f.Image, Digest: f.Digest, Kind: string(f.Kind), Certainty: string(f.Certainty), Evidence: f.Evidence,
		PodSecurity: f.Level, Session: f.Session,
	}
	if f.UID.Known() {
		item.UID = &f.UID.Value
	}
	return item
}

// findTail is what follows the items.
type findTail struct {
	Summary findSummary  `json:"summary"`
	Unseen  []findUnseen `json:"unseen"`
}

type findSummary struct {
	Pods  int            `json:"pods"`
	Items int            `json:"items"`
	Kinds map[string]int `json:"kinds"`
}

type findUnseen struct {
	About string   `json:"about"`
	Names []string `json:"names,omitempty"`
	Count int      `json:"count,omitempty"`
	Text  string   `json:"text"`
}

func newFindTail(s app.FindSummary) findTail {
	tail := findTail{Summary: findSummary{Pods: s.Pods, Items: s.Shown, Kinds: map[string]int{}}, Unseen: []findUnseen{}}
	for _, kind := range imagekind.Kinds() {
		tail.Summary.Kinds[string(kind)] = s.Kinds[kind]
	}
	for _, u := range s.Unseen {
		tail.Unseen = append(tail.Unseen, findUnseen{string(u.About), u.Names, u.Count, unseenWords(u)})
	}
	return tail
}

// findReport is the kind of object that -o json and -o yaml print.
const findReport = "FindReport"

// findJSON writes one JSON object.
type findJSON struct {
	out     io.Writer
	context string
	begun   bool
}

const indentation = "    "

func (w *findJSON) write(found []app.Found) error {
	var page bytes.Buffer
	w.begin(&page)
	for i := range found {
		text, err := marshal(newFindItem(&found[i]), indentation)
		if err != nil {
			return err
		}
		if w.begun {
			page.WriteByte(',')
		}
		w.begun = true
		page.WriteString("\n" + indentation + indentation + indented(text, indentation+indentation))
	}
	return write(w.out, page.Bytes())
}

// indented is JSON for a place further in, without its line's end.
func indented(text []byte, by string) string {
	return strings.ReplaceAll(strings.TrimSuffix(string(text), "\n"), "\n", "\n"+by)
}

// begin writes what comes before the first item.
func (w *findJSON) begin(page *bytes.Buffer) {
	if w.begun {
		return
	}
	fmt.Fprintf(page, "{\n    \"apiVersion\": %q,\n    \"kind\": %q,\n", apiVersion, findReport)
	if w.context != "" {
		text, err := marshal(w.context, "")
		if err != nil {
			panic(err) // a string always converts
		}
		fmt.Fprintf(page, "    \"context\": %s,\n", bytes.TrimSpace(text))
	}
	page.WriteString(`    "items": [`)
}

func (w *findJSON) end(s app.FindSummary) error {
	var page bytes.Buffer
	w.begin(&page)
	if w.begun {
		page.WriteString("\n" + indentation)
	}
	text, err := marshal(newFindTail(s), indentation)
	if err != nil {
		return err
	}
	page.WriteString("]," + strings.TrimPrefix(string(text), "{"))
	return write(w.out, page.Bytes())
}

// findYAML writes one YAML document.
type findYAML struct {
	out     io.Writer
	context string
	begun   bool
}

// part writes a part of the document.
func (w *findYAML) part(before string, part any) error {
	text, err := yaml.Marshal(part)
	if err != nil {
		return fmt.Errorf("writing YAML: %w", err)
	}
	return write(w.out, append([]byte(before), text...))
}

func (w *findYAML) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	return w.part("", struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Context    string `json:"context,omitempty"`
	}{apiVersion, findReport, w.context})
}

func (w *findYAML) write(found []app.Found) error {
	before := ""
	if !w.begun {
		before = "items:\n"
	}
	if err := w.begin(); err != nil {
		return err
	}
	var items []findItem
	for i := range found {
		items = append(items, newFindItem(&found[i]))
	}
	return w.part(before, items)
}

func (w *findYAML) end(s app.FindSummary) error {
	before := ""
	if !w.begun {
		before = "items: []\n"
	}
	if err := w.begin(); err != nil {
		return err
	}
	return w.part(before, newFindTail(s))
}

// findNames writes each container as the words that name it on the command line.
type findNames struct {
	out io.Writer
	all bool
}

func (w *findNames) write(found []app.Found) error {
	var page strings.Builder
	for i := range found {
		words := "pod/" + found[i].Pod + " -c " + found[i].Container
		if w.all {
			words = "-n " + found[i].Namespace + " " + words
		}
		page.WriteString(ui.Escape(words) + "\n")
	}
	return write(w.out, []byte(page.String()))
}

func (w *findNames) end(app.FindSummary) error { return nil }

// findTable writes a table. Its columns are as wide as what they have had so far, so that it can be printed while it grows.
type findTable struct {
	out    io.Writer
	wide   bool
	widths []int
}

// findWide is how many columns there are without -o wide.
const findWide = 10

// findColumns are the columns, those after the first findWide with -o wide only.
var findColumns = []string{
	"NAMESPACE", "POD", "WORKLOAD", "CONTAINER", "KIND", "SURE", "EVIDENCE", "UID", "POD SECURITY", "SESSION", "TYPE", "STATE", "IMAGE",
}

// gap is the space between columns, none what stands where there is nothing.
const (
	gap  = "   "
	none = "-"
)

func (w *findTable) write(found []app.Found) error {
	var rows [][]string
	if w.widths == nil {
		rows = append(rows, findColumns)
		w.widths = make([]int, len(findColumns))
	}
	for i := range found {
		rows = append(rows, newFindItem(&found[i]).row())
	}
	for n, row := range rows {
		if !w.wide {
			rows[n] = row[:findWide]
		}
		for i, cell := range rows[n] {
			w.widths[i] = max(w.widths[i], utf8.RuneCountInString(cell))
		}
	}
	var page strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			page.WriteString(cell)
			if i < len(row)-1 {
				page.WriteString(strings.Repeat(" ", w.widths[i]-utf8.RuneCountInString(cell)) + gap)
			}
		}
		page.WriteByte('\n')
	}
	return write(w.out, []byte(page.String()))
}

func (w *findTable) end(app.FindSummary) error { return nil }

// row are the cells of the item. What comes from the cluster is escaped.
func (i findItem) row() []string {
	uid := ""
	if i.UID != nil {
		uid = strconv.FormatInt(*i.UID, 10)
	}
	cells := []string{
		i.Namespace, i.Pod, checkWorkload{Kind: i.Workload.Kind, Name: i.Workload.Name}.words(), i.Container, i.Kind, i.Certainty, i.Evidence, uid,
		i.PodSecurity, i.Session, i.Type, i.State, i.Image,
	}
	for n, cell := range cells {
		cells[n] = strings.ReplaceAll(ui.Escape(cell), "\n", " ")
		if cell == "" {
			cells[n] = none
		}
	}
	return cells
}
