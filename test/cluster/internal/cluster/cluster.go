// Package cluster starts, stops and describes the cluster: it alone knows which component comes before which.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/config"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/kubeversion"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/layout"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/process"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/report"
)

// Cluster is the one cluster of this machine at one version, whether it runs or not.
type Cluster struct {
	Layout  layout.Layout
	Version kubeversion.Version
	Report  *report.Reporter
}

// Names of the components.
const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	containerd        = "containerd"
	kubelet           = "kubelet"
)

// components are in the order in which they are listed and stopped: clients before the API server, which waits for their
// requests; it before etcd, without which it does not end; and the kubelet before the containers, which it would start again.
func (c Cluster) components() []process.Process {
	s := c.settings()
	return []process.Process{
		c.component(kubelet, s.Kubelet()),
		c.component(controllerManager, s.ControllerManager()),
		c.component(scheduler, s.Scheduler()),
		c.component(apiServer, s.APIServer()),
		c.component(etcd, s.Etcd()),
		c.component(containerd, s.Containerd()),
	}
}

func (c Cluster) settings() config.Settings {
	return config.Settings{Layout: c.Layout, Version: c.Version}
}

func (c Cluster) component(name string, args []string) process.Process {
	return process.Process{
		Name: name,
		Args: args,
		Mark: c.mark(),
		// Nothing of the caller's environment: a cluster must not depend on who started it.
		Env:   []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"},
		State: c.Layout.Processes(),
		Log:   c.Layout.Log(name),
	}
}

// mark is on the command line of each component and shim, and of nobody else's.
func (c Cluster) mark() string { return c.Layout.Dir + "/" }

// Parts are the names of the components.
func (c Cluster) Parts() (names []string) {
	for _, p := range c.components() {
		names = append(names, p.Name)
	}
	return names
}

// programs are the names of all files that are run for long.
func (c Cluster) programs() []string {
	names := []string{"containerd-shim-runc-v2"}
	for _, p := range c.components() {
		names = append(names, filepath.Base(p.Args[0]))
	}
	return names
}

func (c Cluster) named(name string) process.Process {
	for _, p := range c.components() {
		if p.Name == name {
			return p
		}
	}
	panic("no component " + name)
}

// ErrNotUp is returned where a cluster was never started or was ended.
var ErrNotUp = errors.New("no cluster is up: start one with `go -C test/cluster run . up`")

// RunningVersion reads which version was started last and not ended since.
func RunningVersion(l layout.Layout) (kubeversion.Version, error) {
	text, err := os.ReadFile(l.VersionFile())
	if errors.Is(err, os.ErrNotExist) {
		return kubeversion.Version{}, ErrNotUp
	}
	if err != nil {
		return kubeversion.Version{}, fmt.Errorf("reading which version is up: %w", err)
	}
	return kubeversion.Parse(strings.TrimSpace(string(text)))
}

// locked does the work while no other call changes the cluster.
func (c Cluster) locked(ctx context.Context, work func() error) error {
	if os.Geteuid() != 0 {
		return errors.New("only root may start or end a cluster")
	}
	if err := os.MkdirAll(c.Layout.Dir, 0o755); err != nil {
		return fmt.Errorf("making the cluster's folder: %w", err)
	}
	file, err := os.OpenFile(c.Layout.Lock(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking the cluster: %w", err)
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("locking the cluster: another up or down is at work (%s): %w", c.Layout.Lock(), err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return work()
}
