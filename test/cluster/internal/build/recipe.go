// Package build makes the components' binaries from Go modules, through the module proxy and its checksum database, and
// keeps them by version. It does not know what the components do.
package build

import (
	"fmt"
	"strings"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/kubeversion"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/layout"
)

// Recipe is a module at one version and the programs wanted from it.
type Recipe struct {
	Name     string // of the folders it is built in and kept in: "etcd-3.7.3"
	Module   string
	Version  string
	Stamp    []string          // linker settings, "import/path.variable=value"
	Programs map[string]string // binary name to package
	// Staging is the version of the modules that the module's own go.mod requires at no real version and replaces by
	// folders of its source tree, which do not come with it. Empty where its requirements are real.
	Staging string
}

// Kubernetes builds all components and kubectl.
func Kubernetes(v kubeversion.Version) Recipe {
	programs := map[string]string{}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"} {
		programs[name] = "k8s.io/kubernetes/cmd/" + name
	}
	return Recipe{
		Name:     "kubernetes-" + v.String(),
		Module:   "k8s.io/kubernetes",
		Version:  v.Tag(),
		Stamp:    kubernetesStamp(v),
		Programs: programs,
		Staging:  v.StagingTag(),
	}
}

// kubernetesStamp is what Kubernetes' own build sets: without it a server says v0.0.0-master, and clients judge skew and
// features by it.
func kubernetesStamp(v kubeversion.Version) []string {
	var stamp []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		stamp = append(stamp,
			pkg+".gitMajor=1",
			fmt.Sprintf("%s.gitMinor=%d", pkg, v.Minor),
			pkg+".gitVersion="+v.Tag(),
			pkg+".gitTreeState=clean",
		)
	}
	return stamp
}

// Containerd builds the runtime, its shim and its command line.
func Containerd() Recipe {
	const module = "github.com/containerd/containerd/v2"
	programs := map[string]string{}
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "ctr"} {
		programs[name] = module + "/cmd/" + name
	}
	return Recipe{
		Name:     "containerd-" + layout.ContainerdVersion,
		Module:   module,
		Version:  "v" + layout.ContainerdVersion,
		Stamp:    []string{module + "/version.Version=v" + layout.ContainerdVersion},
		Programs: programs,
	}
}

// Etcd builds the API server's store.
func Etcd() Recipe {
	const module = "go.etcd.io/etcd/server/v3"
	return Recipe{
		Name:     "etcd-" + layout.EtcdVersion,
		Module:   module,
		Version:  "v" + layout.EtcdVersion,
		Programs: map[string]string{"etcd": module},
	}
}

func (r Recipe) ldflags() string {
	flags := []string{"-s", "-w"}
	for _, stamp := range r.Stamp {
		flags = append(flags, "-X", stamp)
	}
	return strings.Join(flags, " ")
}
