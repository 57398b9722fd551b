// Package layout knows where everything of the test cluster lies. It names paths; it makes none of them.
package layout

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/kubeversion"
)

const (
	// DirVariable overrides the folder of the running cluster.
	DirVariable = "MINDEBUG_CLUSTER_DIR"
	// CacheVariable overrides the folder of what is built.
	CacheVariable = "MINDEBUG_CLUSTER_CACHE"

	defaultDir = "/var/lib/mindebug-cluster"
	// maxDir keeps the sockets below it under the 107 bytes that the kernel allows: those of shims are 66 longer.
	maxDir = 40
)

// Versions of what does not follow Kubernetes.
const (
	ContainerdVersion = "2.4.2"
	EtcdVersion       = "3.7.3"
)

// Layout is the two folders that all else lies in.
type Layout struct {
	Dir   string // what belongs to the running cluster; gone after down, but for the logs
	Cache string // what was built and may be used again
}

// FromEnv reads the folders from the environment, else takes the usual ones.
func FromEnv(getenv func(string) string, userCacheDir func() (string, error)) (Layout, error) {
	l := Layout{Dir: getenv(DirVariable), Cache: getenv(CacheVariable)}
	if l.Dir == "" {
		l.Dir = defaultDir
	}
	if l.Cache == "" {
		dir, err := userCacheDir()
		if err != nil {
			return Layout{}, fmt.Errorf("finding the cache folder (set %s): %w", CacheVariable, err)
		}
		l.Cache = filepath.Join(dir, "mindebug-cluster")
	}
	if !filepath.IsAbs(l.Dir) || !filepath.IsAbs(l.Cache) {
		return Layout{}, fmt.Errorf("%s and %s must be absolute paths", DirVariable, CacheVariable)
	}
	l.Dir, l.Cache = filepath.Clean(l.Dir), filepath.Clean(l.Cache)
	if filepath.Dir(l.Dir) == "/" || filepath.Dir(l.Cache) == "/" {
		return Layout{}, errors.New("a folder right below / is not taken: it would be removed as a whole")
	}
	if len(l.Dir) > maxDir {
		return Layout{}, fmt.Errorf("%s is longer than %d bytes: sockets below it could not be made", DirVariable, maxDir)
	}
	return l, nil
}

// In is a path in the cluster's folder.
func (l Layout) In(elem ...string) string { return filepath.Join(append([]string{l.Dir}, elem...)...) }

// Log is the log of a component.
func (l Layout) Log(component string) string { return l.In("logs", component+".log") }

// Logs is the folder of all components' logs.
func (l Layout) Logs() string { return l.In("logs") }

// Processes is where process ids and exit statuses are kept.
func (l Layout) Processes() string { return l.In("processes") }

// PKI is a file among certificates and keys.
func (l Layout) PKI(file string) string { return l.In("pki", file) }

// Config is a component's configuration.
func (l Layout) Config(file string) string { return l.In("config", file) }

// Kubeconfig is the one of a component, or of "admin".
func (l Layout) Kubeconfig(user string) string { return l.In(user + ".kubeconfig") }

// AuditLog is the API server's.
func (l Layout) AuditLog() string { return l.In("audit.log") }

// Bin holds the commands that a user of the cluster wants on PATH.
func (l Layout) Bin() string { return l.In("bin") }

// StaticPods is the folder whose manifests the kubelet runs without being asked by the API server.
func (l Layout) StaticPods() string { return l.In("static-pods") }

// ContainerdSocket is what the kubelet and ctr talk to.
func (l Layout) ContainerdSocket() string { return l.In("containerd", "containerd.sock") }

// VersionFile says which Kubernetes runs.
func (l Layout) VersionFile() string { return l.In("version") }

// Lock is held by whoever changes the cluster.
func (l Layout) Lock() string { return l.In("lock") }

// Binaries is the folder of all that was built.
func (l Layout) Binaries() string { return filepath.Join(l.Cache, "bin") }

// Sources is the folder of the modules that are generated to build from.
func (l Layout) Sources() string { return filepath.Join(l.Cache, "src") }

// Images is the folder of image archives.
func (l Layout) Images() string { return filepath.Join(l.Cache, "images") }

// Kubernetes is the path of a Kubernetes binary.
func (l Layout) Kubernetes(v kubeversion.Version, name string) string {
	return filepath.Join(l.Binaries(), "kubernetes-"+v.String(), name)
}

// Containerd is the path of a containerd binary.
func (l Layout) Containerd(name string) string {
	return filepath.Join(l.Binaries(), "containerd-"+ContainerdVersion, name)
}

// Etcd is the path of the etcd binary.
func (l Layout) Etcd() string { return filepath.Join(l.Binaries(), "etcd-"+EtcdVersion, "etcd") }
