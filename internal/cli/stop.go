package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

const stopExample = `  # End the only session container of a pod, unless somebody is in it
  kubectl mindebug stop pod/web-7d

  # End one of several, whoever is in it
  kubectl mindebug stop pod/web-7d mindebug-x7k2p --force`

// stopFlags are the flags of stop as they were written.
type stopFlags struct {
	force, quiet bool
	timeout      time.Duration
}

func (f *stopFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.force, "force", false, "end it also where somebody is in it")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "bound on the wait for its end")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no notices")
}

// request turns words and flags into a request. The last word is a session container's name where the others are a target
// without it.
func (f *stopFlags) request(words []string, verbs func(string) []string) (app.StopRequest, error) {
	r := app.StopRequest{Force: f.force, Quiet: f.quiet, Timeout: f.timeout}
	if f.timeout <= 0 {
		return r, &fault.Usage{Reason: fmt.Sprintf("--timeout=%s leaves no time", f.timeout)}
	}
	if _, err := target.ParseQuery(words); err != nil && len(words) > 1 {
		if _, err := target.ParseQuery(words[:len(words)-1]); err == nil {
			words, r.Session = words[:len(words)-1], words[len(words)-1]
		}
	}
	wanted, err := (&targetFlags{}).request(words, verbs)
	r.TargetRequest = wanted
	return r, err
}

func newStop(f *factory) *cobra.Command {
	var flags stopFlags
	c := &cobra.Command{
		Use:   "stop POD|TYPE/NAME [SESSION-CONTAINER]",
		Short: "End a session container in which nobody is",
		Long: `Has a session container end itself, and waits until it has. Where somebody is in it, it says who and since when, and asks; in
a script it fails, unless --force is given. The entry of the container stays in the pod for good. A copy
that --copy-to made is deleted.`,
		Example: stopExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := flags.request(args, cmd.SuggestionsFor)
			if err != nil {
				return err
			}
			return f.stop(cmd.Context(), request)
		},
	}
	c.Flags().SortFlags = false
	flags.add(c.Flags())
	return c
}

// stop ends a session container.
func (f *factory) stop(ctx context.Context, r app.StopRequest) error {
	c, execer, err := f.connectToRun()
	if err != nil {
		return err
	}
	r.Context, r.Namespace = c.Context, c.Namespace
	return app.StopSession(ctx, c, execer, f.streams(), r)
}
