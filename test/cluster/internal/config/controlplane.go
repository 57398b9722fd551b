package config

import "fmt"

// Etcd is etcd's command line. It does not wait for the disk: a cluster that is lost with its machine is made anew.
func (s Settings) Etcd() []string {
	client := fmt.Sprintf("https://127.0.0.1:%d", etcdPort)
	peer := fmt.Sprintf("http://127.0.0.1:%d", etcdPeerPort)
	return []string{
		s.Layout.Etcd(),
		"--name=" + NodeName,
		"--data-dir=" + s.Layout.In("etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=" + NodeName + "=" + peer,
		fmt.Sprintf("--listen-metrics-urls=http://127.0.0.1:%d", EtcdHealthPort),
		"--cert-file=" + s.Layout.PKI("etcd.crt"),
		"--key-file=" + s.Layout.PKI("etcd.key"),
		"--trusted-ca-file=" + s.Layout.PKI("etcd-ca.crt"),
		"--client-cert-auth",
		"--unsafe-no-fsync",
	}
}

// APIServer is kube-apiserver's command line.
func (s Settings) APIServer() []string {
	return []string{
		s.Layout.Kubernetes(s.Version, "kube-apiserver"),
		fmt.Sprintf("--etcd-servers=https://127.0.0.1:%d", etcdPort),
		"--etcd-cafile=" + s.Layout.PKI("etcd-ca.crt"),
		"--etcd-certfile=" + s.Layout.PKI("etcd.crt"),
		"--etcd-keyfile=" + s.Layout.PKI("etcd.key"),
		"--bind-address=" + NodeIP,
		"--advertise-address=" + NodeIP,
		fmt.Sprintf("--secure-port=%d", APIServerPort),
		"--tls-cert-file=" + s.Layout.PKI("serving.crt"),
		"--tls-private-key-file=" + s.Layout.PKI("serving.key"),
		"--cert-dir=" + s.Layout.In("apiserver"),
		"--client-ca-file=" + s.Layout.PKI("ca.crt"),
		"--kubelet-client-certificate=" + s.Layout.PKI("kubelet-client.crt"),
		"--kubelet-client-key=" + s.Layout.PKI("kubelet-client.key"),
		"--kubelet-certificate-authority=" + s.Layout.PKI("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + s.Layout.PKI("service-account.pub"),
		"--service-account-signing-key-file=" + s.Layout.PKI("service-account.key"),
		"--service-cluster-ip-range=" + serviceSubnet,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--audit-policy-file=" + s.Layout.Config("audit-policy.json"),
		"--audit-log-path=" + s.Layout.AuditLog(),
		"--audit-log-mode=blocking", // an entry can be read as soon as its request was answered
		"--profiling=false",
	}
}

// ControllerManager is kube-controller-manager's command line.
func (s Settings) ControllerManager() []string {
	return append(s.controller("kube-controller-manager", ControllerManagerPort),
		"--cluster-signing-cert-file="+s.Layout.PKI("ca.crt"),
		"--cluster-signing-key-file="+s.Layout.PKI("ca.key"),
		"--root-ca-file="+s.Layout.PKI("ca.crt"),
		"--service-account-private-key-file="+s.Layout.PKI("service-account.key"),
		"--use-service-account-credentials=true",
		"--node-monitor-period=1s", // how long a ready node keeps its taint at most
		// At the usual rate it takes seconds to ask for all controllers' tokens, and only then they start.
		"--kube-api-qps=300", "--kube-api-burst=300",
	)
}

// Scheduler is kube-scheduler's command line.
func (s Settings) Scheduler() []string { return s.controller("kube-scheduler", SchedulerPort) }

func (s Settings) controller(name string, port int) []string {
	kubeconfig := s.Layout.Kubeconfig(name)
	return []string{
		s.Layout.Kubernetes(s.Version, name),
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + s.Layout.PKI("serving.crt"),
		"--tls-private-key-file=" + s.Layout.PKI("serving.key"),
		"--authentication-skip-lookup", // no requests of others are proxied here
		"--leader-elect=false",
		"--profiling=false",
	}
}

// AuditPolicy keeps what people and tests do, and not what the components say to each other all the time.
func AuditPolicy() (string, error) {
	type rule map[string]any
	group := func(name string, resources ...string) []rule {
		return []rule{{"group": name, "resources": resources}}
	}
	return asJSON(map[string]any{
		"apiVersion": "audit.k8s.io/v1",
		"kind":       "Policy",
		"omitStages": []string{"RequestReceived"},
		"rules": []rule{
			{"level": "None", "users": []string{"system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "system:anonymous"}},
			{"level": "None", "userGroups": []string{"system:nodes", "system:serviceaccounts:kube-system"}},
			{"level": "None", "nonResourceURLs": []string{"/healthz*", "/livez*", "/readyz*", "/openapi*"}},
			{"level": "RequestResponse", "resources": group("", "pods/ephemeralcontainers")},
			{"level": "Metadata"},
		},
	})
}
