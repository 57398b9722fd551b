package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/config"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/pki"
)

const admin = "admin"

// identities makes all certificates, keys and kubeconfigs, once in a cluster's life.
func (c Cluster) identities(now time.Time) error {
	done := c.Layout.Kubeconfig(admin) // written last
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	if err := os.MkdirAll(c.Layout.PKI(""), 0o755); err != nil {
		return err
	}
	ca, err := c.authority("ca", now)
	if err != nil {
		return err
	}
	etcdCA, err := c.authority("etcd-ca", now)
	if err != nil {
		return err
	}
	local := []string{"127.0.0.1", "localhost", config.NodeIP}
	service := []string{
		config.ServiceIP, config.NodeName, "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local",
	}
	_, etcdErr := c.identity(etcdCA, "etcd", pki.Request{Name: "etcd", Hosts: local}, now)
	_, servingErr := c.identity(ca, "serving", pki.Request{Name: "serving", Hosts: append(local, service...)}, now)
	_, clientErr := c.identity(ca, "kubelet-client", pki.Request{Name: "system:apiserver", Groups: []string{"system:masters"}}, now)
	if err := errors.Join(etcdErr, servingErr, clientErr, c.serviceAccountKey()); err != nil {
		return err
	}
	for _, user := range []struct {
		file string
		pki.Request
	}{
		{controllerManager, pki.Request{Name: "system:kube-controller-manager"}},
		{scheduler, pki.Request{Name: "system:kube-scheduler"}},
		{kubelet, pki.Request{Name: "system:node:" + config.NodeName, Groups: []string{"system:nodes"}}},
		{admin, pki.Request{Name: "kubernetes-admin", Groups: []string{"system:masters"}}},
	} {
		if err := c.kubeconfig(ca, user.file, user.Request, now); err != nil {
			return err
		}
	}
	return nil
}

func (c Cluster) authority(name string, now time.Time) (*pki.Authority, error) {
	authority, err := pki.NewAuthority("mindebug-"+name, now)
	if err != nil {
		return nil, err
	}
	pair, err := authority.Pair()
	if err != nil {
		return nil, err
	}
	return authority, pair.Write(c.Layout.PKI(name))
}

func (c Cluster) identity(ca *pki.Authority, file string, r pki.Request, now time.Time) (pki.Pair, error) {
	pair, err := ca.Sign(r, now)
	if err != nil {
		return pki.Pair{}, err
	}
	return pair, pair.Write(c.Layout.PKI(file))
}

func (c Cluster) kubeconfig(ca *pki.Authority, file string, r pki.Request, now time.Time) error {
	pair, err := c.identity(ca, file, r, now)
	if err != nil {
		return err
	}
	own, err := ca.Pair()
	if err != nil {
		return err
	}
	text, err := config.Kubeconfig(file, own.Cert, pair.Cert, pair.Key)
	if err != nil {
		return err
	}
	return os.WriteFile(c.Layout.Kubeconfig(file), []byte(text), 0o600)
}

func (c Cluster) serviceAccountKey() error {
	private, public, err := pki.NewSigningKey()
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(c.Layout.PKI("service-account.key"), private, 0o600),
		os.WriteFile(c.Layout.PKI("service-account.pub"), public, 0o644),
	)
}

// files writes the components' configuration and the links to commands.
func (c Cluster) files() error {
	s := c.settings()
	kubeletConfig, kubeletErr := s.KubeletConfig()
	cni, cniErr := s.CNI()
	audit, auditErr := config.AuditPolicy()
	if err := errors.Join(kubeletErr, cniErr, auditErr); err != nil {
		return err
	}
	for path, text := range map[string]string{
		c.Layout.Config("kubelet.json"):          kubeletConfig,
		c.Layout.Config("containerd.toml"):       s.ContainerdConfig(),
		c.Layout.Config("audit-policy.json"):     audit,
		c.Layout.In("cni", "10-bridge.conflist"): cni,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, dir := range []string{c.Layout.StaticPods(), c.Layout.Bin(), c.Layout.In("s")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, target := range []string{c.Layout.Kubernetes(c.Version, "kubectl"), c.Layout.Containerd("ctr")} {
		link := filepath.Join(c.Layout.Bin(), filepath.Base(target))
		if err := os.Symlink(target, link); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
