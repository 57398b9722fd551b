package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

const findExample = `  # Which containers of the namespace have no shell, and what says so
  kubectl mindebug find

  # In all namespaces, asking the registries about images that nothing else tells of
  kubectl mindebug find -A --registry

  # What could not be found out, for a program
  kubectl mindebug find -A --kind=unknown -o json`

// defaultMaxBytes is how much of an image's layers is read.
const defaultMaxBytes = "100Mi"

// allKinds is the word for every kind.
const allKinds = "all"

// findFlags are the flags of find as they were written.
type findFlags struct {
	selector, output, maxBytes                    string
	kinds                                         []string
	all, registry, usePullSecrets, probe, isQuiet bool
}

func (f *findFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.selector, "selector", "l", "", "containers of pods with these labels: app=web,tier!=db")
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "those of all namespaces")
	flags.StringSliceVar(&f.kinds, "kind", nil, "kinds to list: "+strings.Join(kindsOfImages(), ", ")+", or all; by default those without a shell")
	flags.BoolVar(&f.registry, "registry", false, "ask the registry of each image that nothing else tells of")
	flags.StringVar(&f.maxBytes, "max-bytes", defaultMaxBytes, "with --registry, the most to read of an image's layers")
	flags.BoolVar(&f.usePullSecrets, "use-pull-secrets", false, "with --registry, use the pods' pull secrets, too")
	flags.BoolVar(&f.probe, "probe", false, "run a shell in a container of each image that nothing else tells of; asks first")
	addOutput(flags, &f.output, formatJSON, formatYAML, formatWide, formatName)
	flags.BoolVarP(&f.isQuiet, "quiet", "q", false, "no notices")
}

// kindsOfImages are the words for the kinds.
func kindsOfImages() (words []string) {
	for _, kind := range imagekind.Kinds() {
		words = append(words, string(kind))
	}
	return words
}

// findRequest is what a user asks of a search.
type findRequest struct {
	app.FindRequest
	all, quiet bool
	output     string
}

// request turns words and flags into a request. Changed reports whether a flag was given.
func (f *findFlags) request(words []string, changed func(string) bool) (findRequest, error) {
	r := findRequest{all: f.all, quiet: f.isQuiet, output: f.output, FindRequest: app.FindRequest{
		Selector: f.selector, Registry: f.registry, UsePullSecrets: f.usePullSecrets, Probe: f.probe,
	}}
	if len(words) > 0 {
		return r, &fault.Usage{
			Reason: fmt.Sprintf("find lists the containers of all pods, and %q names something", strings.Join(words, " ")),
			Hint:   "select pods by their labels: kubectl mindebug find -l app=web",
		}
	}
	if f.selector != "" {
		if err := checkSelector(f.selector, nil); err != nil {
			return r, err
		}
	}
	for _, name := range []string{"max-bytes", "use-pull-secrets"} {
		if changed(name) && !f.registry {
			return r, &fault.Usage{Reason: "--" + name + " is about what is read from registries, and none is asked", Hint: "add --registry"}
		}
	}
	quantity, err := resource.ParseQuantity(f.maxBytes)
	if err != nil || quantity.Value() <= 0 {
		return r, &fault.Usage{Reason: fmt.Sprintf("--max-bytes=%q is no size above 0", f.maxBytes), Hint: "write it as in a pod: --max-bytes=100Mi"}
	}
	r.MaxBytes = quantity.Value()
	r.Kinds, err = parseKinds(f.kinds)
	return r, err
}

// parseKinds reads the kinds that are wanted.
func parseKinds(words []string) (kinds []imagekind.Kind, err error) {
	if len(words) == 0 {
		return []imagekind.Kind{imagekind.Scratch, imagekind.Distroless, imagekind.Wolfi, imagekind.NoShell}, nil
	}
	for _, word := range words {
		switch {
		case word == allKinds:
			return imagekind.Kinds(), nil
		case !slices.Contains(kindsOfImages(), word):
			return nil, &fault.Usage{
				Reason: fmt.Sprintf("--kind=%q is none that there is", word),
				Hint:   "these are known: " + strings.Join(kindsOfImages(), ", ") + ", all",
			}
		}
		kinds = append(kinds, imagekind.Kind(word))
	}
	return kinds, nil
}

func newFind(f *factory) *cobra.Command {
	var flags findFlags
	c := &cobra.Command{
		Use:   "find",
		Short: "List the containers that have no shell, and what says so",
		Long: `Lists containers by the kind of their image: scratch, distroless, wolfi, another without a shell, one with a shell. It asks
what is nearest first: the pod, the image's name, what was seen before; with --registry the image's registry, with --probe
the container itself. Where nothing tells, the kind is unknown.

The exit status is 0 where containers of the kinds wanted were found, 3 where there are none, 1 where they could not be
looked for, 2 for wrong usage.`,
		Example: findExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := flags.request(args, cmd.Flags().Changed)
			if err != nil {
				return err
			}
			return f.find(cmd.Context(), request)
		},
	}
	c.Flags().SortFlags = false
	flags.add(c.Flags())
	return c
}

// probeQuestion is what is asked before anything is run in containers.
const probeQuestion = `--probe runs "sh -c :" in one container of each image that nothing else tells of. That is in the audit log, and may set off
an alarm. Run it? [y/N] `

// find searches, and prints while it does.
func (f *factory) find(ctx context.Context, r findRequest) error {
	c, err := f.connect()
	if err != nil {
		return err
	}
	r.Namespace, r.Own = c.Namespace, c.Namespace
	if r.all {
		r.Namespace = ""
	}
	sources := app.KindSources{Images: registry.Client{}, Cache: f.imageCache()}
	if r.Probe {
		if !ui.IsTerminal(f.program.In) || !ui.IsTerminal(f.program.Err) {
			return &fault.Usage{Reason: "--probe asks before it runs anything in a container, and there is nobody to ask", Hint: "run it on a terminal, or leave --probe away"}
		}
		if r.Probe, err = ui.Confirm(ctx, f.program.In, f.program.Err, probeQuestion); err != nil {
			return err
		}
		if sources.Execer, err = attach.NewExecer(c.RESTConfig()); err != nil {
			return &fault.Configuration{Cause: err}
		}
	}
	var notices *ui.Notices
	progress := &ui.Progress{}
	if !r.quiet {
		notices, progress = ui.NewNotices(f.program.Err), ui.NewProgress(f.program.Err)
	}
	out := newFindWriter(f.program.Out, r, c.Context)
	summary, err := app.Find(ctx, c, sources, r.FindRequest, func(found []app.Found) error {
		if len(found) == 0 {
			return nil
		}
		progress.Clear() // the terminal may be the same
		return out.write(found)
	}, func(p app.FindProgress) { progress.Say(findProgress(p)) })
	progress.Clear()
	if err != nil {
		return err
	}
	if err := out.end(summary); err != nil {
		return err
	}
	if r.output != formatJSON && r.output != formatYAML {
		for _, line := range findNotices(r, summary) {
			notices.Say("%s", line)
		}
	}
	if summary.Shown == 0 {
		return &exitStatus{statusNo}
	}
	return nil
}

// findProgress says how far a search is.
func findProgress(p app.FindProgress) string {
	text := fmt.Sprintf("%d pods", p.Pods)
	if p.Left > 0 {
		text = fmt.Sprintf("%d of %d pods", p.Pods, int64(p.Pods)+p.Left)
	}
	if p.Images > 0 {
		text += fmt.Sprintf(", asked about %d of %d images", p.Asked, p.Images)
	}
	return text
}

// findNotices say what a search comes to, and what it could not see.
func findNotices(r findRequest, s app.FindSummary) (lines []string) {
	var counts []string
	all := 0
	for _, kind := range imagekind.Kinds() {
		if n := s.Kinds[kind]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, kind))
			all += n
		}
	}
	if r.output != formatName {
		line := counted(all, "container") + " in " + counted(s.Pods, "pod")
		if all > 0 {
			line += ": " + strings.Join(counts, ", ")
		}
		lines = append(lines, line)
	}
	for _, u := range s.Unseen {
		lines = append(lines, "not seen: "+unseenWords(u))
	}
	if s.Kinds[imagekind.Unknown] > 0 && !r.Registry && r.output != formatName {
		lines = append(lines, "unknown is what neither the pod nor the image's name tells; --registry asks the registries")
	}
	return lines
}
