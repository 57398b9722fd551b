package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/inspect"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
)

const inspectExample = `  # What is in a running container, and what it lacks
  kubectl mindebug inspect pod/web-7d

  # Why a container does not start: its image tells
  kubectl mindebug inspect deploy/web -n shop -c app

  # An image before it is deployed; no cluster is asked
  docker save web:1.2 -o web.tar && kubectl mindebug inspect --file web.tar`

// inspectFlags are the flags of inspect as they were written.
type inspectFlags struct {
	targetFlags
	from, file, maxBytes string
	containerFlags
	output string
}

func (f *inspectFlags) add(flags *pflag.FlagSet) {
	f.targetFlags.add(flags)
	addGiven(flags, &f.file, "file", "an image in a file, as docker save writes it, or an OCI archive, instead of a container")
	flags.StringVar(&f.from, "from", "", "image: look at the image in its registry where the container runs, too")
	flags.StringVar(&f.maxBytes, "max-bytes", "4Gi", "how much of an image's files is kept in a temporary file")
	f.containerFlags.add(flags)
	addOutput(flags, &f.output, formatJSON, formatYAML)
}

// request turns words and flags into a request.
func (f *inspectFlags) request(words []string, around surroundings) (r app.InspectRequest, err error) {
	size, err := resource.ParseQuantity(f.maxBytes)
	if err != nil || size.Sign() <= 0 {
		return r, &fault.Usage{Reason: fmt.Sprintf("--max-bytes=%q is no size", f.maxBytes), Hint: "write it as Kubernetes does: --max-bytes=500Mi"}
	}
	r.MaxBytes = size.Value()
	if f.from != "" && f.from != "image" {
		return r, &fault.Usage{Reason: fmt.Sprintf("--from=%q: it can be image only", f.from), Hint: "leave it away to look at what runs"}
	}
	r.FromImage, r.Quiet = f.from != "", f.quiet
	if f.file != "" {
		if len(words) > 0 || f.selector != "" || f.from != "" {
			return r, &fault.Usage{Reason: "--file names an image, and a container is named as well", Hint: "leave one of them away"}
		}
		return r, nil
	}
	if r.TargetRequest, err = f.targetFlags.request(words, around.verbs); err != nil {
		return r, err
	}
	return r, f.containerFlags.request(&r.SessionRequest, around.getenv)
}

func newInspect(f *factory) *cobra.Command {
	var flags inspectFlags
	c := &cobra.Command{
		Use:   "inspect POD|TYPE/NAME | --file IMAGE.tar",
		Short: "Tell what is in a container, what it lacks, and why it may not start",
		Long: `Looks at the files of a container: of one that runs through a session beside it, read-only and as its own user; of any
other, and with --from=image, at its image in the registry with your own credentials. With --file at an image in a file.
Findings come first, each with what mends it.

The exit status is 0 also where something was found, 1 where it could not be looked at, 2 for wrong usage.`,
		Example: inspectExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() >= 0 {
				return &fault.Usage{Reason: "inspect runs no command", Hint: "leave away the `--` and what follows it"}
			}
			flags.ttlGiven = cmd.Flags().Changed("ttl")
			request, err := flags.request(args, surroundings{getenv: f.program.Getenv, verbs: cmd.SuggestionsFor})
			if err != nil {
				return err
			}
			return f.inspect(cmd.Context(), request, flags)
		},
	}
	c.Flags().SortFlags = false
	flags.add(c.Flags())
	return c
}

// inspect looks and prints what was found.
func (f *factory) inspect(ctx context.Context, r app.InspectRequest, flags inspectFlags) error {
	var found app.Inspected
	var err error
	if flags.file != "" {
		found, err = app.InspectFile(ctx, flags.file, f.streams(), r)
	} else {
		f.sayIgnored(r.SessionRequest)
		c, execer, connectErr := f.connectToEnter(ctx)
		if connectErr != nil {
			return connectErr
		}
		if err := f.settle(ctx, c, &r.SessionRequest, config.Grace); err != nil {
			return err
		}
		r.Context, r.Namespace, r.Version, r.Grace = c.Context, c.Namespace, f.program.Version, r.Timeout
		r.Seen = f.imageCache()
		found, err = app.Inspect(ctx, c, execer, registry.Client{}, f.streams(), r)
	}
	if err != nil {
		return err
	}
	report := newInspectReport(r.Context, found)
	switch flags.output {
	case formatJSON:
		return writeJSON(f.program.Out, report)
	case formatYAML:
		return writeYAML(f.program.Out, report)
	}
	var text strings.Builder
	writeInspected(&text, report)
	return write(f.program.Out, []byte(text.String()))
}

// inspectReport is what inspect found, for programs and for the text that is made from it. docs/inspect.md describes it.
type inspectReport struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Context    string            `json:"context,omitempty"`
	Source     inspectSource     `json:"source"`
	ImageKind  imagekind.Verdict `json:"imageKind"`
	inspect.Report
}

// inspectSource is what was looked at.
type inspectSource struct {
	From      string `json:"from"`
	Namespace string `json:"namespace,omitempty"`
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"`
	File      string `json:"file,omitempty"`
	Image     string `json:"image,omitempty"`
	Digest    string `json:"digest,omitempty"`
	Platform  string `json:"platform,omitempty"`
}

func newInspectReport(context string, i app.Inspected) inspectReport {
	return inspectReport{
		APIVersion: apiVersion, Kind: "InspectReport", Context: context,
		Source: inspectSource{
			From: i.From, Namespace: i.Namespace, Pod: i.Pod, Container: i.Container,
			File: i.File, Image: i.Image, Digest: i.Digest, Platform: i.Platform,
		},
		ImageKind: i.Kind, Report: i.Report,
	}
}
