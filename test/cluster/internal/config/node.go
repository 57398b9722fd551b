package config

import (
	"fmt"
	"strings"
)

// Kubelet is the kubelet's command line: what its file cannot say.
func (s Settings) Kubelet() []string {
	return []string{
		s.Layout.Kubernetes(s.Version, "kubelet"),
		"--config=" + s.Layout.Config("kubelet.json"),
		"--kubeconfig=" + s.Layout.Kubeconfig("kubelet"),
		"--root-dir=" + s.Layout.In("kubelet"),
		"--cert-dir=" + s.Layout.In("kubelet", "pki"),
		"--hostname-override=" + NodeName,
		"--node-ip=" + NodeIP,
	}
}

// KubeletConfig is the kubelet's file. It fails on a field that it does not know, so what came later is left out for an
// older one.
func (s Settings) KubeletConfig() (string, error) {
	type fields map[string]any
	c := fields{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"address":    NodeIP,
		"port":       KubeletPort,
		"authentication": fields{
			"anonymous": fields{"enabled": false},
			"webhook":   fields{"enabled": true},
			"x509":      fields{"clientCAFile": s.Layout.PKI("ca.crt")},
		},
		"authorization":            fields{"mode": "Webhook"},
		"tlsCertFile":              s.Layout.PKI("serving.crt"),
		"tlsPrivateKeyFile":        s.Layout.PKI("serving.key"),
		"healthzBindAddress":       "127.0.0.1",
		"healthzPort":              KubeletHealthPort,
		"containerRuntimeEndpoint": "unix://" + s.Layout.ContainerdSocket(),
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               CgroupRoot,
		"failSwapOn":               false,
		"podLogsDir":               s.Layout.In("pod-logs"),
		"staticPodPath":            s.Layout.StaticPods(),
		"volumePluginDir":          s.Layout.In("kubelet", "volume-plugins"),
		// No rules in the machine's packet filter: nothing here needs them.
		"makeIPTablesUtilChains": false,
		// Nobody answers there, and says so at once: a pod's look-up fails without a wait.
		"clusterDNS":    []string{NodeIP},
		"clusterDomain": "cluster.local",
		// The disk is the machine's, and images were loaded by hand: neither is the kubelet's to judge.
		"evictionHard": map[string]string{
			"memory.available": "50Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%", "imagefs.available": "1%",
		},
		"imageGCHighThresholdPercent": 100,
		"imageGCLowThresholdPercent":  99,
		"oomScoreAdj":                 0, // to be spared takes a capability that a container or a virtual machine may lack
	}
	if s.Version.AtLeast(31) {
		c["failCgroupV1"] = false
	}
	return asJSON(c)
}

// Containerd is containerd's command line.
func (s Settings) Containerd() []string {
	return []string{s.Layout.Containerd("containerd"), "--config=" + s.Layout.Config("containerd.toml")}
}

// ContainerdConfig is containerd's file. Every folder that would be elsewhere on the machine is set.
func (s Settings) ContainerdConfig() string {
	return strings.NewReplacer(
		"{DIR}", s.Layout.In("containerd"),
		"{SOCKET}", s.Layout.ContainerdSocket(),
		"{SHIMS}", s.Layout.In("s"),
		"{CNI}", s.Layout.In("cni"),
		"{PAUSE}", PauseImage,
	).Replace(`version = 4
root = "{DIR}/root"
state = "{DIR}/state"
imports = []
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]

[plugins.'io.containerd.server.v1.grpc']
  address = "{SOCKET}"

[plugins.'io.containerd.server.v1.ttrpc']
  address = "{SOCKET}.ttrpc"

[plugins.'io.containerd.internal.v1.opt']
  path = "{DIR}/opt"

[plugins.'io.containerd.metadata.v1.bolt']
  no_sync = true

[plugins.'io.containerd.shim.v1.manager']
  socket_dir = "{SHIMS}"

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{PAUSE}"

[plugins.'io.containerd.cri.v1.runtime']
  # A machine without CAP_SYS_RESOURCE cannot lower an oom score: then every sandbox would fail.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "{CNI}"
    use_internal_loopback = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      Root = "{DIR}/runc"
      SystemdCgroup = false
`)
}

// CNI is the network of the pods: one bridge, whose own address is the node's, and no way out.
func (s Settings) CNI() (string, error) {
	type fields map[string]any
	return asJSON(fields{
		"cniVersion": "0.4.0",
		"name":       Network,
		"plugins": []fields{{
			"type":      "bridge",
			"bridge":    Bridge,
			"isGateway": true,
			"ipMasq":    false,
			"ipam": fields{
				"type":    "host-local",
				"dataDir": s.Layout.In("cni-addresses"),
				"ranges":  [][]fields{{{"subnet": podSubnet, "gateway": NodeIP}}},
				"routes":  []fields{{"dst": "0.0.0.0/0"}},
			},
		}},
	})
}

// HealthURL is where a component says that it is ready, or "" for containerd, whose socket is enough.
func HealthURL(component string) string {
	switch component {
	case "etcd":
		return fmt.Sprintf("http://127.0.0.1:%d/readyz", EtcdHealthPort)
	case "kube-apiserver":
		return APIServerURL() + "/readyz"
	case "kube-controller-manager":
		return fmt.Sprintf("https://127.0.0.1:%d/healthz", ControllerManagerPort)
	case "kube-scheduler":
		return fmt.Sprintf("https://127.0.0.1:%d/healthz", SchedulerPort)
	case "kubelet":
		return fmt.Sprintf("http://127.0.0.1:%d/healthz", KubeletHealthPort)
	}
	return ""
}
