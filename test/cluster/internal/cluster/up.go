package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/build"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/config"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/image"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/machine"
)

// startBound is how long a component may take to become ready; the slowest takes some seconds on two cores.
const startBound = 2 * time.Minute

// Up starts what does not run. What was interrupted before is gone on with; what crashed as a whole is cleared first.
func (c Cluster) Up(ctx context.Context) error {
	return c.locked(ctx, func() error {
		if err := c.sameVersion(); err != nil {
			return err
		}
		start := time.Now()
		for _, stage := range []func(context.Context) error{c.packages, c.binaries, c.clear, c.prepare, c.start} {
			if err := stage(ctx); err != nil {
				return err
			}
		}
		c.Report.Say("Kubernetes %s is up after %.1fs; to use it: eval \"$(go -C test/cluster run . env)\"", c.Version,
			time.Since(start).Seconds())
		return nil
	})
}

func (c Cluster) sameVersion() error {
	running, err := RunningVersion(c.Layout)
	if errors.Is(err, ErrNotUp) || (err == nil && running == c.Version) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("a cluster of Kubernetes %s is there: end it with down before one of %s is started", running, c.Version)
}

func (c Cluster) packages(ctx context.Context) error {
	missing, err := machine.MissingPackages(ctx, machine.Packages())
	if err != nil || len(missing) == 0 {
		return err
	}
	return c.Report.Step("installed packages "+strings.Join(missing, " "), func() error {
		return machine.InstallPackages(ctx, missing)
	})
}

func (c Cluster) binaries(ctx context.Context) error {
	builder := build.Builder{Layout: c.Layout, Report: c.Report}
	for _, recipe := range []build.Recipe{build.Etcd(), build.Containerd(), build.Kubernetes(c.Version)} {
		if err := builder.Binaries(ctx, recipe); err != nil {
			return err
		}
	}
	return nil
}

// clear removes what a cluster left of which no component is alive, after a restart of the machine for one.
func (c Cluster) clear(ctx context.Context) error {
	if _, err := os.Stat(c.Layout.VersionFile()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, p := range c.components() {
		if p.Status().Alive {
			return nil
		}
	}
	return c.Report.Step("cleared what an earlier cluster left", func() error { return c.sweep(ctx) })
}

func (c Cluster) prepare(ctx context.Context) error {
	return c.Report.Step("prepared network, cgroups, certificates, settings", func() error {
		if err := os.WriteFile(c.Layout.VersionFile(), []byte(c.Version.String()+"\n"), 0o644); err != nil {
			return err
		}
		if err := machine.MakeBridge(ctx, config.Bridge, config.NodeCIDR); err != nil {
			return err
		}
		if err := machine.MakeCgroup(config.CgroupRoot); err != nil {
			return err
		}
		if err := c.identities(time.Now()); err != nil {
			return fmt.Errorf("making certificates: %w", err)
		}
		if err := c.files(); err != nil {
			return fmt.Errorf("writing settings: %w", err)
		}
		return nil
	})
}

// start brings up the control plane and the node beside each other. The kubelet wants both.
func (c Cluster) start(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := together(cancel,
		func() error {
			for _, name := range []string{etcd, apiServer} {
				if err := c.startOne(ctx, name); err != nil {
					return err
				}
			}
			return nil
		},
		func() error {
			if err := c.startOne(ctx, containerd); err != nil {
				return err
			}
			return c.images(ctx)
		},
	)
	if err != nil {
		return err
	}
	err = together(cancel,
		func() error { return c.startOne(ctx, controllerManager) },
		func() error { return c.startOne(ctx, scheduler) },
		func() error { return c.startOne(ctx, kubelet) },
	)
	if err != nil {
		return err
	}
	return c.well(ctx)
}

// together runs the works at once. The first error ends the others, and is the one returned.
func together(cancel context.CancelCauseFunc, works ...func() error) error {
	var first error
	var once sync.Once
	var all sync.WaitGroup
	for _, work := range works {
		all.Go(func() {
			if err := work(); err != nil {
				once.Do(func() { first = err })
				cancel(err)
			}
		})
	}
	all.Wait()
	return first
}

// startOne starts a component and waits until it is ready. One that is alive may have been left half started.
func (c Cluster) startOne(ctx context.Context, name string) error {
	p := c.named(name)
	check, err := c.health(name)
	if err != nil {
		return err
	}
	if p.Status().Alive {
		return p.Healthy(ctx, startBound, check)
	}
	return c.Report.Step("started "+name, func() error {
		if err := p.Start(ctx); err != nil {
			return err
		}
		return p.Healthy(ctx, startBound, check)
	})
}

// images builds the images whose inputs changed and loads those that are not loaded yet.
func (c Cluster) images(ctx context.Context) error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	debugDir, err := image.FindDebugDir(here)
	if err != nil {
		return err
	}
	pause, err := build.Builder{Layout: c.Layout, Report: c.Report}.PauseSource(ctx, build.Kubernetes(c.Version))
	if err != nil {
		return fmt.Errorf("finding the source of the sandbox image: %w", err)
	}
	store := image.Store{Dir: c.Layout.Images(), Report: c.Report}
	for _, i := range image.All(image.Sources{PauseC: pause, DebugDir: debugDir, Compiler: runtime.Version()}) {
		archives, err := store.Archives(ctx, i)
		if err != nil {
			return err
		}
		if err := c.loadOnce(ctx, archives); err != nil {
			return err
		}
	}
	return nil
}
