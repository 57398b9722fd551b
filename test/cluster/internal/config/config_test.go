package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/kubeversion"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/layout"
)

func settings(minor int) Settings {
	return Settings{
		Layout:  layout.Layout{Dir: "/run/test", Cache: "/cache/test"},
		Version: kubeversion.Version{Minor: minor, Patch: 1},
	}
}

func decode(t *testing.T, text string, err error) map[string]any {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// A kubelet fails on a field that it does not know.
func TestKubeletConfigFollowsTheVersion(t *testing.T) {
	t.Parallel()
	for minor, want := range map[int]bool{30: false, 31: true, 36: true} {
		text, err := settings(minor).KubeletConfig()
		if _, got := decode(t, text, err)["failCgroupV1"]; got != want {
			t.Errorf("1.%d: failCgroupV1 is there: %t, want %t", minor, got, want)
		}
	}
}

func TestConfigurationStaysInTheClustersFolders(t *testing.T) {
	t.Parallel()
	s := settings(36)
	kubelet, err := s.KubeletConfig()
	if err != nil {
		t.Fatal(err)
	}
	cni, err := s.CNI()
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"kubelet": kubelet, "containerd": s.ContainerdConfig(), "network": cni}
	for name, args := range map[string][]string{
		"etcd": s.Etcd(), "api server": s.APIServer(), "controller manager": s.ControllerManager(), "scheduler": s.Scheduler(),
		"kubelet's command": s.Kubelet(), "containerd's command": s.Containerd(),
	} {
		texts[name] = strings.Join(args, "\n")
		if !strings.Contains(texts[name], s.Layout.Dir+"/") {
			t.Errorf("%s does not name the cluster's folder: it could not be found again", name)
		}
	}
	for name, text := range texts {
		if strings.ContainsAny(text, "{}") && name == "containerd" {
			t.Errorf("%s: a placeholder was left in\n%s", name, text)
		}
		for _, outside := range []string{"/var/", "/etc/", "/opt/", "/run/containerd"} {
			if strings.Contains(text, outside) {
				t.Errorf("%s: %s is outside of the cluster's folders in\n%s", name, outside, text)
			}
		}
	}
}

func TestAuditPolicyKeepsWhatPeopleDo(t *testing.T) {
	t.Parallel()
	text, err := AuditPolicy()
	rules, ok := decode(t, text, err)["rules"].([]any)
	if !ok || len(rules) == 0 {
		t.Fatalf("no rules in %s", text)
	}
	last, ok := rules[len(rules)-1].(map[string]any)
	if !ok || last["level"] != "Metadata" || len(last) != 1 {
		t.Errorf("the last rule is %v: it must take all that is left", last)
	}
}

func TestKubeconfigHoldsAllItNeeds(t *testing.T) {
	t.Parallel()
	text, err := Kubeconfig("dana", []byte("CA"), []byte("CERT"), []byte("KEY"))
	if got := decode(t, text, err)["current-context"]; got != Network {
		t.Errorf("current-context is %v", got)
	}
	for _, want := range []string{"Q0E=", "Q0VSVA==", "S0VZ", APIServerURL()} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

func TestEveryComponentButContainerdHasAHealthURL(t *testing.T) {
	t.Parallel()
	for _, component := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"} {
		if HealthURL(component) == "" {
			t.Errorf("%s has none", component)
		}
	}
	if got := HealthURL("containerd"); got != "" {
		t.Errorf("containerd has %q", got)
	}
}
