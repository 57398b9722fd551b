package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

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
}

func parse(args []string) (request, error) {
	if len(args) == 0 {
		return request{}, usageError("no verb")
	}
	r := request{verb: args[0]}
	flags := flag.NewFlagSet(r.verb, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&r.version, "kubernetes-version", "", "")
	if r.verb == "down" {
		flags.BoolVar(&r.purge, "purge", false, "")
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
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
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
	case r.verb == "env":
		_, err := io.WriteString(stdout, cluster.Env(l))
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
