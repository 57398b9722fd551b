package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/internal/transfer"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

const copyExample = `  # A file, and a folder, out of a container; a relative path is from its working directory
  kubectl mindebug cp pod/web-7d:/app/config.yaml ./config.yaml
  kubectl mindebug cp pod/web-7d:logs ./logs

  # A file into a volume of a container
  kubectl mindebug cp ./heap.conf pod/web-7d:/data/

  # As an archive, to look at without keeping it
  kubectl mindebug cp deploy/web:/etc - | tar -t`

// copyFlags are the flags of cp as they were written.
type copyFlags struct {
	container, alias, pick string
	transfer.Options
	containerFlags
	output string
}

func (f *copyFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.container, "container", "c", "", "target container; by default the pod's default container, or its only one")
	flags.StringVar(&f.alias, "target", "", "the same as --container")
	flags.StringVar(&f.pick, "pick", "", "which of several pods: ready, not-ready, newest or oldest")
	flags.BoolVarP(&f.Follow, "dereference", "L", false, "copy what symbolic links lead to, instead of the links")
	flags.IntVar(&f.Retries, "retries", 5, "how often in a row a broken connection is tried again")
	flags.Int64Var(&f.MaxBytes, "max-bytes", 0, "copy no more than that; 0 is any size")
	f.containerFlags.add(flags)
	addOutput(flags, &f.output, formatJSON)
}

// request turns words and flags into a request.
func (f *copyFlags) request(args []string, around surroundings) (r app.SessionRequest, words transfer.Copy, err error) {
	if words, err = transfer.ParseWords(args, runtime.GOOS == "windows"); err != nil {
		return r, words, err
	}
	named := targetFlags{container: f.container, alias: f.alias, pick: f.pick}
	if r.TargetRequest, err = named.request([]string{words.Target}, around.verbs); err != nil {
		return r, words, err
	}
	if r.PlanRequest, err = f.planFlags.request(); err != nil {
		return r, words, err
	}
	if err := f.imageFlags.request(&r, around.getenv); err != nil {
		return r, words, err
	}
	switch {
	case f.Retries < 0:
		return r, words, &fault.Usage{Reason: fmt.Sprintf("--retries=%d is negative", f.Retries)}
	case f.MaxBytes < 0:
		return r, words, &fault.Usage{Reason: fmt.Sprintf("--max-bytes=%d is negative", f.MaxBytes)}
	case f.output != "" && words.LocalTo == transfer.Stream:
		return r, words, &fault.Usage{Reason: "--output prints a summary where the archive goes", Hint: "leave one of them away"}
	}
	err = f.startFlags.request(&r)
	return r, words, err
}

func newCopy(f *factory) *cobra.Command {
	var flags copyFlags
	c := &cobra.Command{
		Use:   "cp SOURCE... DESTINATION",
		Short: "Copy files from and to a container that has no tar",
		Long: `Copies files and folders, through a session container and as the target's own user. One side is a container's: POD:PATH or
TYPE/NAME:PATH. The rules are those of cp -a, but owners are not kept: here all is yours, there the target's user's. A - is a
tar archive on standard input or output.

What is not whole never has its final name. When not all could be copied the exit status is 1, and what is missing is named.`,
		Example: copyExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.ttlGiven = cmd.Flags().Changed("ttl")
			request, words, err := flags.request(args, surroundings{getenv: f.program.Getenv, verbs: cmd.SuggestionsFor})
			if err != nil {
				return err
			}
			f.sayIgnored(request)
			return f.copy(cmd.Context(), request, words, flags)
		},
	}
	c.Flags().SortFlags = false
	flags.add(c.Flags())
	return c
}

// grace is how long a copy's own scripts outlive a lost client.
const grace = time.Minute

func (f *factory) copy(ctx context.Context, r app.SessionRequest, words transfer.Copy, flags copyFlags) error {
	c, execer, err := f.connectToEnter(ctx)
	if err != nil {
		return err
	}
	if err := f.settle(ctx, c, &r, config.Grace); err != nil {
		return err
	}
	r.Context, r.Namespace, r.Version, r.Grace = c.Context, c.Namespace, f.program.Version, grace
	copied, err := app.Copy(ctx, c, execer, registry.Client{}, f.streams(), r, words, flags.Options)
	var incomplete *fault.Incomplete
	if err != nil && !errors.As(err, &incomplete) {
		return err
	}
	if flags.output == formatJSON {
		if err := writeJSON(f.program.Out, reportOf(copied, err == nil)); err != nil {
			return err
		}
	}
	f.sayCopied(copied, r.Quiet, err == nil)
	return err
}

// sayCopied says what was left out, and on a terminal how much was copied.
func (f *factory) sayCopied(copied app.Copied, quiet, whole bool) {
	if quiet {
		return
	}
	notices := ui.NewNotices(f.program.Err)
	for i, s := range copied.Skipped {
		if i == listedTroubles {
			notices.Say("skipped %d more", len(copied.Skipped)-i)
			break
		}
		notices.Say("skipped %s: %s", oneLine(s.Path), s.Detail)
	}
	switch n := len(copied.Astray); n {
	case 0:
	case 1:
		notices.Say("the link %s leads out of what was copied; -L copies what it leads to", oneLine(copied.Astray[0]))
	default:
		notices.Say("%d links lead out of what was copied, %s first; -L copies what they lead to", n, oneLine(copied.Astray[0]))
	}
	if whole && ui.IsTerminal(f.program.Err) {
		seconds := max(copied.Took.Seconds(), 0.001)
		notices.Say("copied %s, %s in %.1f s, %s/s", plural(copied.Files, "file"), ui.Bytes(copied.Bytes), copied.Took.Seconds(),
			ui.Bytes(int64(float64(copied.Bytes)/seconds)))
	}
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// oneLine is a name as it can stand in a line: its own line ends are written out.
func oneLine(name string) string { return strings.ReplaceAll(name, "\n", `\n`) }

// copyReport is what was copied, for programs. docs/cp.md describes it.
type copyReport struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Namespace  string        `json:"namespace"`
	Pod        string        `json:"pod"`
	Container  string        `json:"container"`
	Complete   bool          `json:"complete"`
	Files      int           `json:"files"`
	Folders    int           `json:"folders"`
	Links      int           `json:"links"`
	Bytes      int64         `json:"bytes"`
	Seconds    float64       `json:"seconds"`
	Skipped    []copyTrouble `json:"skipped"`
	NotAsItWas []copyTrouble `json:"troubles"`
	Astray     []string      `json:"astray"`
}

// copyTrouble is a file that was not copied, or not as it should be.
type copyTrouble struct {
	Path   string `json:"path"`
	What   string `json:"what"`
	Detail string `json:"detail,omitempty"`
}

func reportOf(c app.Copied, complete bool) copyReport {
	list := func(all []fault.NotCopied) []copyTrouble {
		out := []copyTrouble{}
		for _, t := range all {
			out = append(out, copyTrouble{t.Path, string(t.Trouble), t.Detail})
		}
		return out
	}
	return copyReport{
		APIVersion: apiVersion, Kind: "CopyReport", Namespace: c.Namespace, Pod: c.Pod, Container: c.Container, Complete: complete,
		Files: c.Files, Folders: c.Folders, Links: c.Links, Bytes: c.Bytes, Seconds: c.Took.Seconds(),
		Skipped: list(c.Skipped), NotAsItWas: list(c.Troubles),
		Astray: append([]string{}, c.Astray...),
	}
}
