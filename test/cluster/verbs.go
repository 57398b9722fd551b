package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/cluster"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/kubeversion"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/layout"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/report"
)

const usage = `usage: go -C test/cluster run . VERB

  up [--kubernetes-version 1.36.3]   start the cluster; what runs stays, what is built is kept
  down [--purge]                     end it and leave nothing but logs and cache; with --purge not even those
  status                             the components, and why one that should run does not
  env                                what a shell evaluates: eval "$(go -C test/cluster run . env)"
  restart [--kill] [--hold] PART     end a component and start it again; with --hold once standard input ends
  load IMAGE.tar…                    give images to the node: docker or OCI archives
`

// usageError is a command line that cannot be understood.
type usageError string

func (e usageError) Error() string { return string(e) }

// request is a parsed command line.
type request struct {
	verb    string
	version string // "" is the one that is up, else the default
	purge   bool
	files   []string
	outage  cluster.Outage
	hold    bool
}

func parse(args []string) (request, error) {
	if len(args) == 0 {
		return request{}, usageError("no verb")
	}
	r := request{verb: args[0]}
	flags := flag.NewFlagSet(r.verb, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&r.version, "kubernetes-version", "", "")
	switch r.verb {
	case "down":
		flags.BoolVar(&r.purge, "purge", false, "")
	case "restart":
		flags.BoolVar(&r.outage.Kill, "kill", false, "")
		flags.BoolVar(&r.hold, "hold", false, "")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return request{}, usageError(err.Error())
	}
	r.files = flags.Args()
	switch r.verb {
	case "up", "down", "status", "env":
		if len(r.files) > 0 {
			return request{}, usageError(fmt.Sprintf("%s takes no argument %q", r.verb, r.files[0]))
		}
	case "restart":
		parts := cluster.Cluster{}.Parts()
		if len(r.files) != 1 || !slices.Contains(parts, r.files[0]) {
			return request{}, usageError("restart needs one of " + strings.Join(parts, ", "))
		}
		r.outage.Part = r.files[0]
	case "load":
		if len(r.files) == 0 {
			return request{}, usageError("load needs an archive")
		}
	default:
		return request{}, usageError(fmt.Sprintf("no verb %q", r.verb))
	}
	return r, nil
}

// run does one verb. Only what was asked for goes to stdout.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 1 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help") {
		_, err := io.WriteString(stdout, usage)
		return err
	}
	r, err := parse(args)
	if err != nil {
		return err
	}
	l, err := layout.FromEnv(os.Getenv, os.UserCacheDir)
	if err != nil {
		return err
	}
	version, up, err := choose(r.version, l)
	if err != nil {
		return err
	}
	c := cluster.Cluster{Layout: l, Version: version, Report: report.New(stderr)}
	switch {
	case r.verb == "up":
		return c.Up(ctx)
	case r.verb == "down":
		return c.Down(ctx, r.purge)
	case !up:
		return cluster.ErrNotUp
	case r.verb == "load":
		return c.Load(ctx, r.files)
	case r.verb == "restart":
		if r.hold {
			r.outage.Hold = stdin
		}
		return c.Restart(ctx, r.outage, stdout)
	case r.verb == "env":
		here, err := os.Getwd()
		if err != nil {
			return err
		}
		_, err = io.WriteString(stdout, cluster.Env(l, here))
		return err
	}
	all, err := c.Status(ctx, stdout)
	if err == nil && !all {
		err = errors.New("not all components run")
	}
	return err
}

// choose returns the version that is meant and whether a cluster of it is there.
func choose(asked string, l layout.Layout) (kubeversion.Version, bool, error) {
	running, err := cluster.RunningVersion(l)
	up := err == nil
	if err != nil && !errors.Is(err, cluster.ErrNotUp) {
		return kubeversion.Version{}, false, err
	}
	switch {
	case asked == "" && up:
		return running, true, nil
	case asked == "":
		asked = kubeversion.Default
	}
	version, err := kubeversion.Parse(asked)
	return version, up && version == running, err
}
