package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/cluster"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// Program is what surrounds a run of the tool.
type Program struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	// Version is that of this build.
	Version string
	// CacheDir is the user's folder for what can be made again, or empty where there is none.
	CacheDir string
	// ConfigDir is the user's folder for configuration, or empty where there is none.
	ConfigDir string
}

// Run runs the command line and returns the exit status. A signal arrives as the cause of ctx, as *fault.Interrupted.
func Run(ctx context.Context, p Program, args []string) int {
	quiet()
	f := &factory{program: p, flags: &cluster.Flags{Agent: "kubectl-mindebug/" + p.Version}}
	root := newRoot(f, f.session)
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		completer{f}.addTo(root)
		offered := bufio.NewWriter(p.Out) // cobra writes word by word
		defer offered.Flush()
		p.Out = offered
	}
	root.SetArgs(args)
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	cmd, err := root.ExecuteContextC(ctx)
	var exit *exitStatus
	var usage *fault.Usage
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.status
	}
	var misplaced *misplacedError
	if errors.As(err, &misplaced) {
		err = misplaced.mend(cmd, args)
	}
	var forbidden *fault.Forbidden
	if errors.As(err, &forbidden) && forbidden.MayAttach {
		forbidden.Attach = "kubectl mindebug --via=attach " + shellWords(args)
	}
	m := explain(err)
	if cmd != root {
		m.status = statusOfVerb(m.status, errors.As(err, &usage))
	}
	written := m.write
	if output := cmd.Flag("output"); output != nil && output.Value.String() == formatJSON {
		written = m.writeJSON
	}
	written(p.Err)
	return m.status
}

// statusOfVerb is the exit status of a verb other than a session, where a session's would be status.
func statusOfVerb(status int, usage bool) int {
	switch {
	case usage:
		return statusUsage
	case status == statusFailed:
		return statusVerbFailed
	}
	return status
}

// exitStatus is a command's own exit status on its way out.
type exitStatus struct{ status int }

func (e *exitStatus) Error() string { return "the command's own exit status" }

// factory makes what verbs need when they need it: `--help` opens no kubeconfig.
type factory struct {
	program Program
	flags   *cluster.Flags
	// given reports whether a flag of the verb that runs was given.
	given func(name string) bool
}

// connect reads the kubeconfig.
func (f *factory) connect() (*cluster.Cluster, error) {
	notices := ui.NewNotices(f.program.Err)
	return f.connectWith(func(text string) { notices.Say("Warning: %s", text) })
}

// connectWith reads the kubeconfig and gives the API server's warnings to warn.
func (f *factory) connectWith(warn func(string)) (*cluster.Cluster, error) {
	return cluster.Connect(f.flags, warn)
}

// sayIgnored says of the custom file what of it has no effect. It is the user's own, so a script is told as well.
func (f *factory) sayIgnored(r app.SessionRequest) {
	if c := r.Profile.Custom; c != nil && c.Ignored() != "" && !r.Quiet {
		ui.NewNotices(f.program.Err).Say("the custom file has what is ignored, as by kubectl debug: %s", c.Ignored())
	}
}

// connectToRun reads the kubeconfig for a verb that runs commands in containers, too.
func (f *factory) connectToRun() (*cluster.Cluster, *attach.Execer, error) {
	c, err := f.connect()
	if err != nil {
		return nil, nil, err
	}
	execer, err := attach.NewExecer(c.RESTConfig())
	if err != nil {
		return nil, nil, &fault.Configuration{Cause: err}
	}
	return c, execer, nil
}

// connectToEnter is connectToRun for a verb that is about to: the connection for its first command is prepared meanwhile.
func (f *factory) connectToEnter(ctx context.Context) (*cluster.Cluster, *attach.Execer, error) {
	c, execer, err := f.connectToRun()
	if err == nil {
		execer.Prepare(ctx)
	}
	return c, execer, err
}

// imageCache is what was seen of images before.
func (f *factory) imageCache() *imagekind.Cache {
	if f.program.CacheDir == "" {
		return nil
	}
	return imagekind.NewCache(filepath.Join(f.program.CacheDir, "kubectl-mindebug", "images"))
}

// streams are the program's own.
func (f *factory) streams() app.Streams {
	return app.Streams{In: f.program.In, Out: f.program.Out, Err: f.program.Err}
}

// session opens a session as the flags ask.
func (f *factory) session(ctx context.Context, r app.SessionRequest) error {
	c, execer, err := f.connectToEnter(ctx)
	if err != nil {
		return err
	}
	if err := f.settle(ctx, c, &r); err != nil {
		return err
	}
	r.Context, r.Namespace, r.Version, r.Seen = c.Context, c.Namespace, f.program.Version, f.imageCache()
	if r.Detach {
		return f.detach(ctx, c, execer, r)
	}
	status, err := app.Session(ctx, c, execer, registry.Client{}, f.streams(), r)
	if err == nil && status != 0 {
		err = &exitStatus{status}
	}
	return err
}

const examples = `  # A shell beside the only, or the default, container of a pod
  kubectl mindebug pod/web-7d

  # One command; its output, error output and exit status are the command's own. @/ is the target's root
  kubectl mindebug pod/web-7d -c app -- cat @/app/config.yaml

  # A script on standard input
  kubectl mindebug pod/web-7d -i -- sh -s < look.sh`

// Command returns the command tree, for the pages that are made from it.
func Command() *cobra.Command {
	f := &factory{flags: new(cluster.Flags)}
	return newRoot(f, f.session)
}

// newRoot returns the command tree. run is what a session's flags are given to.
func newRoot(f *factory, run func(context.Context, app.SessionRequest) error) *cobra.Command {
	var flags sessionFlags
	var verbosity int
	root := &cobra.Command{
		Use:   "kubectl-mindebug POD|TYPE/NAME [-- COMMAND [ARG...]]",
		Short: "Debug a container that has no shell",
		Long: `Opens a debugging session beside a container that has no shell: an ephemeral container that shares the target's process
namespace and has the target's privileges, never more.`,
		Example:       examples,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl mindebug"},
		Args:          cobra.ArbitraryArgs,
		Version:       f.program.Version,
		SilenceErrors: true,
		SilenceUsage:  true,

		// How many letters of a verb may be wrong for it to be offered.
		SuggestionsMinimumDistance: 2,

		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			f.given = cmd.Flags().Changed
			if verbosity <= 0 {
				return nil
			}
			return logTo(f.program.Err, verbosity)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.root(cmd, args, &flags, run) },
	}
	root.SetFlagErrorFunc(flagFault)
	root.Flags().SortFlags = false
	flags.add(root.Flags())
	f.flags.Add(root.PersistentFlags())
	addVerbosity(root.PersistentFlags(), &verbosity)
	root.AddCommand(newStart(f), newCopy(f), newSessions(f), newStop(f), newFind(f), newCheck(f), newInspect(f), newTriage(f), newPolicy(f),
		newConfig(f), newCompletion(f), newVersion(f.program.Version))
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Args = knownVerb
	}
	return root
}

// root opens a session as the words and flags ask, or prints examples where there are none.
func (f *factory) root(cmd *cobra.Command, args []string, flags *sessionFlags, run func(context.Context, app.SessionRequest) error) error {
	if len(args) == 0 && cmd.Flags().NFlag() == 0 {
		cmd.Println("Debug a container that has no shell:\n\n" + examples + "\n\nMore: kubectl mindebug --help")
		return nil
	}
	words, command := split(args, cmd.ArgsLenAtDash())
	flags.ttlGiven, flags.graceGiven = cmd.Flags().Changed("ttl"), cmd.Flags().Changed("grace")
	request, err := flags.request(words, command, surroundings{
		terminal: ui.IsTerminal(f.program.In), getenv: f.program.Getenv, verbs: cmd.SuggestionsFor,
	})
	if wrong := flags.check(words, cmd.Flags()); wrong != nil {
		return wrong
	}
	if err != nil {
		return err
	}
	f.sayIgnored(request)
	switch {
	case flags.to.wanted:
		var asked app.CopyRequest
		if asked, err = flags.podCopyFlags.request(request, cmd.Flags()); err == nil {
			err = f.podCopy(cmd.Context(), asked, *flags)
		}
	case flags.dryRun != dryRunNone:
		err = f.draft(cmd.Context(), request, *flags)
	default:
		err = run(cmd.Context(), request)
	}
	var noPod *fault.NoPod
	if errors.As(err, &noPod) && len(words) == 1 && words[0] == noPod.Pod.Name {
		noPod.Verbs = cmd.SuggestionsFor(words[0])
	}
	return err
}

// knownVerb refuses the help of what is no verb.
func knownVerb(cmd *cobra.Command, args []string) error {
	if _, rest, err := cmd.Root().Find(args); err != nil || len(rest) > 0 {
		return &fault.Usage{Reason: fmt.Sprintf("there is no verb %q", strings.Join(args, " ")), Hint: "see those that there are: kubectl mindebug --help"}
	}
	return nil
}

// split divides arguments at the "--", which is at position dash, or -1.
func split(args []string, dash int) (words, command []string) {
	if dash < 0 {
		return args, nil
	}
	return args[:dash], args[dash:]
}
