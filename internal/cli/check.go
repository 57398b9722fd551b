package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/cluster"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

const checkExample = `  # Would a session work here, as whom, and if not, why
  kubectl mindebug check pod/web-7d

  # Which workloads of a namespace could be debugged tomorrow
  kubectl mindebug check -n shop

  # A report on all of them, for a pipeline
  kubectl mindebug check -A -o json`

// checkFlags are the flags of check as they were written.
type checkFlags struct {
	targetFlags
	planFlags
	imageFlags
	all    bool
	output string
}

func (f *checkFlags) add(flags *pflag.FlagSet) {
	f.targetFlags.add(flags)
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "check the workloads of all namespaces")
	f.planFlags.add(flags)
	f.imageFlags.add(flags)
	addOutput(flags, &f.output, formatJSON, formatYAML, formatWide, formatName)
}

// checkRequest is what a user asks of a check.
type checkRequest struct {
	app.SessionRequest
	// fleet is true where workloads are meant, not one target; all where those of all namespaces are.
	fleet, all bool
	output     string
}

// request turns words and flags into a request.
func (f *checkFlags) request(words []string, around surroundings) (checkRequest, error) {
	if _, err := target.ParseQuery(words); err != nil && len(words) > 1 {
		return checkRequest{}, &fault.Usage{
			Reason: fmt.Sprintf("check takes one target, and here are %q", strings.Join(words, " ")),
			Hint:   "name one, or none for all of the namespace: kubectl mindebug check -n NAMESPACE",
		}
	}
	r := checkRequest{fleet: len(words) == 0 || f.selector != "", all: f.all, output: f.output}
	var err error
	if !r.fleet || f.selector != "" {
		if r.TargetRequest, err = f.targetFlags.request(words, around.verbs); err != nil {
			return r, err
		}
	}
	if r.Container, err = f.named(); err != nil {
		return r, err
	}
	if r.fleet && f.pick != "" {
		return r, &fault.Usage{
			Reason: "--pick chooses one of several pods, and all workloads are checked",
			Hint:   "name one: kubectl mindebug check deployment/NAME --pick=" + f.pick,
		}
	}
	if f.all && !r.fleet {
		return r, &fault.Usage{
			Reason: fmt.Sprintf("--all-namespaces is for all workloads, and %q is one", strings.Join(words, " ")),
			Hint:   "leave one of them away",
		}
	}
	if r.PlanRequest, err = f.planFlags.request(); err != nil {
		return r, err
	}
	r.TTL = defaultTTL
	return r, f.imageFlags.request(&r.SessionRequest, around.getenv)
}

func newCheck(f *factory) *cobra.Command {
	var flags checkFlags
	c := &cobra.Command{
		Use:   "check [POD|TYPE/NAME]",
		Short: "Tell whether a session would work, as whom, and if not, why",
		Long: `Goes the way of a session up to where it would add a container, and adds nothing: the target's state, whom a session runs
as, what you may do, what the API server's dry run says. Without a target it does so for each workload of the namespace.

The exit status is 0 where a session works (of several: in all), 3 where not, 1 where that could not be found out, 2 for
wrong usage.`,
		Example: checkExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() >= 0 {
				return &fault.Usage{Reason: "check runs no command", Hint: "leave away the `--` and what follows it"}
			}
			request, err := flags.request(args, surroundings{getenv: f.program.Getenv, verbs: cmd.SuggestionsFor})
			if err != nil {
				return err
			}
			f.sayIgnored(request.SessionRequest)
			return f.check(cmd.Context(), request)
		},
	}
	c.Flags().SortFlags = false
	flags.add(c.Flags())
	return c
}

// check checks and prints what was found.
func (f *factory) check(ctx context.Context, r checkRequest) error {
	connect := f.connect
	if r.fleet {
		// Each dry run may bring warnings, about containers that nobody adds.
		connect = func() (*cluster.Cluster, error) { return f.connectWith(func(string) {}) }
	}
	c, err := connect()
	if err != nil {
		return err
	}
	if err := f.settle(ctx, c, &r.SessionRequest); err != nil {
		return err
	}
	r.Context, r.Namespace = c.Context, c.Namespace
	var checked []app.Checked
	if r.fleet {
		if r.all {
			r.Namespace = ""
		}
		progress := ui.NewProgress(f.program.Err)
		checked, err = app.CheckFleet(ctx, c, registry.Client{}, r.SessionRequest, progress.Show)
		progress.Clear()
	} else {
		var one app.Checked
		one, err = app.Check(ctx, c, registry.Client{}, f.streams(), r.SessionRequest)
		checked = []app.Checked{one}
	}
	if err != nil {
		return err
	}
	report := newCheckReport(r, checked)
	if err := f.writeCheck(report, r); err != nil {
		return err
	}
	if report.Summary.No > 0 || r.fleet && report.Summary.Unknown > 0 {
		return &exitStatus{statusNo}
	}
	return nil
}

// checkReport is what check found, for programs and for the tables that are made from it. docs/check.md describes it.
type checkReport struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Context    string       `json:"context,omitempty"`
	Summary    checkSummary `json:"summary"`
	Items      []checkItem  `json:"items"`
}

type checkSummary struct {
	Yes     int `json:"yes"`
	No      int `json:"no"`
	Unknown int `json:"unknown"`
}

type checkItem struct {
	Namespace string        `json:"namespace"`
	Workload  checkWorkload `json:"workload"`
	Pod       string        `json:"pod,omitempty"`
	Container string        `json:"container,omitempty"`
	// Works is a preflight.Verdict.
	Works    string         `json:"works"`
	As       *checkIdentity `json:"as,omitempty"`
	Findings []checkFinding `json:"findings"`
	Plan     []checkValue   `json:"plan,omitempty"`
}

type checkWorkload struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Pods is 0 where they could not be counted.
	Pods int `json:"pods,omitempty"`
}

type checkIdentity struct {
	UID     int64  `json:"uid"`
	GID     int64  `json:"gid"`
	Profile string `json:"profile"`
}

type checkFinding struct {
	About   string   `json:"about"`
	Verdict string   `json:"verdict"`
	Text    string   `json:"text"`
	Facts   []string `json:"facts,omitempty"`
	Fix     string   `json:"fix,omitempty"`
}

// checkValue is a value of the container that would be added.
type checkValue struct {
	Field  string `json:"field"`
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

// newCheckReport puts what was found into words. Those of errors are the same that a session would fail with.
func newCheckReport(r checkRequest, checked []app.Checked) checkReport {
	report := checkReport{APIVersion: apiVersion, Kind: "CheckReport", Context: r.Context, Items: []checkItem{}}
	for i := range checked {
		c := &checked[i]
		item := checkItem{
			Namespace: c.Namespace, Workload: checkWorkload{c.Workload.Kind, c.Workload.Name, c.Pods},
			Pod: c.Pod, Container: c.Container, Works: string(c.Works()),
		}
		if c.Workload.Name == "" {
			kind, _ := target.KindOf(r.Query.Kind)
			item.Workload = checkWorkload{Kind: kind.API, Name: r.Query.Name}
		}
		if c.Plan != nil {
			item.As = &checkIdentity{c.Plan.UID, c.Plan.GID, app.Kind(*c.Plan)}
		}
		if c.Draft != nil && !r.fleet {
			item.Plan = planValues(c.Draft)
		}
		for _, f := range c.Findings {
			item.Findings = append(item.Findings, newCheckFinding(f))
		}
		switch c.Works() {
		case preflight.Yes:
			report.Summary.Yes++
		case preflight.No:
			report.Summary.No++
		case preflight.Unknown:
			report.Summary.Unknown++
		}
		report.Items = append(report.Items, item)
	}
	return report
}

func newCheckFinding(f preflight.Finding) checkFinding {
	out := checkFinding{About: f.About, Verdict: string(f.Verdict), Text: f.Text}
	if f.Err != nil {
		m := explain(f.Err)
		out.Facts, out.Fix = m.facts, m.hint
		if out.Text != "" {
			out.Text += ": "
		}
		out.Text += m.text
	}
	return out
}
