package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// writeCheck writes the report in the form that was asked for.
func (f *factory) writeCheck(report checkReport, r checkRequest) error {
	switch r.output {
	case formatJSON:
		return writeJSON(f.program.Out, report)
	case formatYAML:
		return writeYAML(f.program.Out, report)
	}
	var text bytes.Buffer // the printer of tables hides that its output takes no more
	var err error
	switch {
	case r.output == formatName:
		writeCheckNames(&text, report.Items, r.all)
	case r.fleet:
		err = writeFleetCheck(&text, report.Items, r.output == formatWide)
	default:
		err = writeOneCheck(&text, report.Items[0])
	}
	if err == nil {
		err = write(f.program.Out, text.Bytes())
	}
	if err != nil || !r.fleet || r.output == formatName {
		return err
	}
	s := report.Summary
	ui.NewNotices(f.program.Err).Say("of %d workloads a session works in %d, not in %d; not known of %d", len(report.Items), s.Yes, s.No, s.Unknown)
	return nil
}

// writeCheckNames writes each workload as the words that name it on the command line: of all namespaces with its own.
func writeCheckNames(out io.Writer, items []checkItem, all bool) {
	for _, item := range items {
		words := item.Workload.words()
		if all {
			words = "-n " + item.Namespace + " " + words
		}
		fmt.Fprintln(out, ui.Escape(words))
	}
}

// words name the workload as on the command line.
func (w checkWorkload) words() string { return strings.ToLower(w.Kind) + "/" + w.Name }

// table is what cli-runtime prints.
type table struct{ metav1.Table }

// newTable begins a table; columns after wide are shown by -o wide only.
func newTable(columns, wide []string) *table {
	t := &table{}
	for _, name := range columns {
		t.ColumnDefinitions = append(t.ColumnDefinitions, metav1.TableColumnDefinition{Name: name, Type: "string"})
	}
	for _, name := range wide {
		t.ColumnDefinitions = append(t.ColumnDefinitions, metav1.TableColumnDefinition{Name: name, Type: "string", Priority: 1})
	}
	return t
}

// row adds cells. They may come from a cluster: they are escaped.
func (t *table) row(cells ...string) {
	var row metav1.TableRow
	for _, cell := range cells {
		row.Cells = append(row.Cells, strings.ReplaceAll(ui.Escape(cell), "\n", " "))
	}
	t.Rows = append(t.Rows, row)
}

func (t *table) write(out io.Writer, wide bool) error {
	if err := printers.NewTablePrinter(printers.PrintOptions{Wide: wide}).PrintObj(&t.Table, out); err != nil {
		return fmt.Errorf("writing table: %w", err)
	}
	return nil
}

// writeFleetCheck writes a line for each workload.
func writeFleetCheck(out io.Writer, items []checkItem, wide bool) error {
	t := newTable([]string{"Namespace", "Workload", "Container", "Works", "As", "Why"}, []string{"Pods", "Pod", "Fix"})
	for _, item := range items {
		why := item.why()
		t.row(item.Namespace, item.Workload.words(), item.Container, item.Works, item.As.words(), why.Text,
			fmt.Sprint(item.Workload.Pods), item.Pod, why.Fix)
	}
	return t.write(out, wide)
}

// why is the first finding that gave the verdict, if it is not "yes".
func (i checkItem) why() checkFinding {
	for _, f := range i.Findings {
		if i.Works != "yes" && f.Verdict == i.Works {
			return f
		}
	}
	return checkFinding{}
}

func (a *checkIdentity) words() string {
	if a == nil {
		return "unknown"
	}
	return fmt.Sprintf("%d:%d (%s)", a.UID, a.GID, a.Profile)
}

// writeOneCheck writes all that was found about one target: the verdict, the findings, what would mend them, the plan.
func writeOneCheck(out io.Writer, item checkItem) error {
	fmt.Fprintf(out, "%s\n\n", ui.Escape(item.verdict()))
	findings := newTable([]string{"About", "OK", "Found"}, nil)
	for _, f := range item.Findings {
		findings.row(f.About, f.Verdict, f.Text)
	}
	if err := findings.write(out, false); err != nil {
		return err
	}
	said := map[string]bool{"": true}
	for _, f := range item.Findings {
		words := append([]string{f.Fix}, f.Facts...)
		if slices.ContainsFunc(words, func(w string) bool { return !said[w] }) {
			message{text: f.Text, facts: f.Facts, hint: f.Fix}.writeAs(out, "\n"+f.About+": ")
		}
		for _, w := range words {
			said[w] = true
		}
	}
	if len(item.Plan) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	plan := newTable([]string{"Value", "Is", "From"}, nil)
	for _, v := range item.Plan {
		text, ok := v.Value.(string)
		if !ok {
			encoded, err := json.Marshal(v.Value)
			if err != nil {
				return fmt.Errorf("writing %s: %w", v.Field, err)
			}
			text = string(encoded)
		}
		plan.row(v.Field, text, v.Origin)
	}
	return plan.write(out, false)
}

// verdict says in a line what the findings come to.
func (i checkItem) verdict() string {
	where := fmt.Sprintf("%s in namespace %q", i.Workload.words(), i.Namespace)
	if i.Container != "" {
		where = fmt.Sprintf("container %q of pod/%s in namespace %q", i.Container, i.Pod, i.Namespace)
	}
	switch i.Works {
	case "yes":
		return fmt.Sprintf("yes: a session works in %s, as %s", where, i.As.words())
	case "no":
		return "no: a session does not work in " + where
	}
	return "unknown: whether a session works in " + where
}

// planValues are the values of the container that would be added, those of its security context one by one. What is code of
// mindebug's own is left out: its origin says so.
func planValues(d *app.Draft) []checkValue {
	text, err := json.Marshal(d.Container)
	fields := map[string]any{}
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil {
		panic(err) // a typed API object always converts
	}
	if sc, ok := fields["securityContext"].(map[string]any); ok {
		for name, value := range sc {
			fields["securityContext."+name] = value
		}
	}
	var values []checkValue
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if origin := d.Origins[name]; origin != "" && name != "name" && name != "command" && name != "env" {
			values = append(values, checkValue{name, fields[name], origin})
		}
	}
	return values
}
