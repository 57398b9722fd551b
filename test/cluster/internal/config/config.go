// Package config writes the components' command lines and configuration files. It is pure: settings in, text out.
//
// A version of Kubernetes that wants other settings is told apart here and nowhere else.
package config

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/kubeversion"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/layout"
)

// The cluster's addresses are this machine's own. The API server takes no address of loopback for a node, so the node has
// the one of the bridge that pods are connected to.
const (
	Bridge        = "mindebug0"
	NodeName      = "mindebug"
	NodeIP        = "10.87.0.1"
	NodeCIDR      = NodeIP + "/24"
	podSubnet     = "10.87.0.0/24"
	serviceSubnet = "10.88.0.0/16"
	// ServiceIP is the first of the service subnet: the API server's own, in its certificate.
	ServiceIP = "10.88.0.1"
	// Network is the CNI network's name.
	Network = "mindebug"
	// CgroupRoot is the cgroup, in every hierarchy, that all pods are under.
	CgroupRoot = "/mindebug"
	// PauseImage holds a pod's namespaces.
	PauseImage = "mindebug.test/pause:3.10"
)

// Ports are chosen apart from those of any usual cluster.
const (
	APIServerPort         = 26443
	ControllerManagerPort = 26457
	SchedulerPort         = 26459
	KubeletPort           = 26450
	KubeletHealthPort     = 26448
	etcdPort              = 26479
	etcdPeerPort          = 26480
	// EtcdHealthPort answers /readyz without TLS.
	EtcdHealthPort = 26481
)

// Settings are all that a configuration depends on.
type Settings struct {
	Layout  layout.Layout
	Version kubeversion.Version
}

// APIServerURL is where clients find the API server.
func APIServerURL() string { return fmt.Sprintf("https://%s:%d", NodeIP, APIServerPort) }

// Kubeconfig is the text of a user's file, with all it needs inside.
func Kubeconfig(user string, ca, cert, key []byte) (string, error) {
	type named map[string]any
	encode := base64.StdEncoding.EncodeToString
	return asJSON(named{
		"apiVersion": "v1",
		"kind":       "Config",
		"clusters": []named{{"name": Network, "cluster": named{
			"server": APIServerURL(), "certificate-authority-data": encode(ca),
		}}},
		"users": []named{{"name": user, "user": named{
			"client-certificate-data": encode(cert), "client-key-data": encode(key),
		}}},
		"contexts":        []named{{"name": Network, "context": named{"cluster": Network, "user": user}}},
		"current-context": Network,
	})
}

// asJSON is used where a component reads YAML, of which JSON is a part.
func asJSON(v any) (string, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encoding a configuration: %w", err)
	}
	return string(text) + "\n", nil
}
