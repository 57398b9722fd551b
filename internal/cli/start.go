package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

const startExample = `  # A runbook that stays on one pod of a Deployment
  P=$(kubectl mindebug start deploy/web -n shop -o name)
  kubectl mindebug -n shop "$P" -- netstat -ltn
  kubectl mindebug -n shop "$P" -- cat @/etc/web/web.conf`

// readyFlags are the flags of start as they were written.
type readyFlags struct {
	targetFlags
	containerFlags
	via, output string
}

func (f *readyFlags) add(flags *pflag.FlagSet) {
	f.targetFlags.add(flags)
	f.containerFlags.add(flags)
	flags.StringVar(&f.via, "via", viaExec, "")
	_ = flags.MarkHidden("via") // there to be refused
	addOutput(flags, &f.output, formatName, formatJSON, formatYAML)
}

// request turns words and flags into a request.
func (f *readyFlags) request(words []string, around surroundings) (r app.SessionRequest, err error) {
	if f.via != viaExec {
		return r, &fault.Usage{
			Reason: fmt.Sprintf("start makes a container ready for exec, and --via=%s excludes that: such a container has one session, its own process", f.via),
			Hint:   "open the session itself: kubectl mindebug --via=attach",
		}
	}
	if r.TargetRequest, err = f.targetFlags.request(words, around.verbs); err != nil {
		return r, err
	}
	err = f.containerFlags.request(&r, around.getenv)
	return r, err
}

func newStart(f *factory) *cobra.Command {
	var flags readyFlags
	c := &cobra.Command{
		Use:   "start POD|TYPE/NAME",
		Short: "Make a session container ready, and print its pod",
		Long: `Goes the way of a session up to where its command would begin: waits until the session container runs and has found its
target, prints the pod's name, and runs nothing. One that runs already is used again. With --ttl=0, which is what one
that has more than its target has by itself, it waits a minute for its first session.`,
		Example: startExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() >= 0 {
				return &fault.Usage{Reason: "start runs no command", Hint: "leave away the word start"}
			}
			flags.ttlGiven = cmd.Flags().Changed("ttl")
			request, err := flags.request(args, surroundings{getenv: f.program.Getenv, verbs: cmd.SuggestionsFor})
			if err != nil {
				return err
			}
			f.sayIgnored(request)
			return f.start(cmd.Context(), request, flags.output)
		},
	}
	c.Flags().SortFlags = false
	flags.add(c.Flags())
	return c
}

// start makes a session container ready and prints where.
func (f *factory) start(ctx context.Context, r app.SessionRequest, output string) error {
	c, execer, err := f.connectToEnter(ctx)
	if err != nil {
		return err
	}
	if err := f.settle(ctx, c, &r, config.Grace); err != nil {
		return err
	}
	r.Context, r.Namespace, r.Version, r.Grace = c.Context, c.Namespace, f.program.Version, r.Timeout
	started, err := app.Start(ctx, c, execer, registry.Client{}, f.streams(), r)
	if err != nil {
		return err
	}
	return writeStarted(f.program.Out, started, r, output)
}

// startReport is what start made ready, for programs. docs/lifecycle.md describes it.
type startReport struct {
	APIVersion       string         `json:"apiVersion"`
	Kind             string         `json:"kind"`
	Context          string         `json:"context,omitempty"`
	Namespace        string         `json:"namespace"`
	Pod              string         `json:"pod"`
	Container        string         `json:"container"`
	SessionContainer string         `json:"sessionContainer"`
	Reused           bool           `json:"reused"`
	As               *checkIdentity `json:"as"`
	TTLSeconds       int64          `json:"ttlSeconds"`
}

func writeStarted(out io.Writer, s app.Started, r app.SessionRequest, output string) error {
	report := startReport{
		APIVersion: apiVersion, Kind: "StartReport", Context: r.Context, Namespace: s.Namespace, Pod: s.Pod,
		Container: s.Container, SessionContainer: s.Session, Reused: s.Reused,
		As: &checkIdentity{s.Plan.UID, s.Plan.GID, app.Kind(s.Plan)}, TTLSeconds: int64(s.TTL.Seconds()),
	}
	switch output {
	case formatJSON:
		return writeJSON(out, report)
	case formatYAML:
		return writeYAML(out, report)
	}
	return write(out, []byte("pod/"+ui.Escape(s.Pod)+"\n"))
}
