package build

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/kubeversion"
)

// upstreamJSON is what `go mod edit -json` prints for a shortened go.mod of k8s.io/kubernetes.
const upstreamJSON = `{
	"Module": {"Path": "k8s.io/kubernetes"},
	"Go": "1.26.0",
	"Godebug": [{"Key": "default", "Value": "go1.26"}],
	"Replace": [
		{"Old": {"Path": "k8s.io/client-go"}, "New": {"Path": "./staging/src/k8s.io/client-go"}},
		{"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/src/k8s.io/api"}},
		{"Old": {"Path": "example.org/a", "Version": "v1.0.0"}, "New": {"Path": "example.org/b", "Version": "v1.2.0"}}
	]
}`

func upstream(t *testing.T) goMod {
	t.Helper()
	var m goMod
	if err := json.Unmarshal([]byte(upstreamJSON), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRender(t *testing.T) {
	t.Parallel()
	got := Kubernetes(kubeversion.Version{Minor: 36, Patch: 3}).render(upstream(t))
	const want = `module mindebug.test/kubernetes-1.36.3

go 1.26.0

godebug default=go1.26

require k8s.io/kubernetes v1.36.3

replace example.org/a v1.0.0 => example.org/b v1.2.0
replace k8s.io/api => k8s.io/api v0.36.3
replace k8s.io/client-go => k8s.io/client-go v0.36.3
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRenderLeavesRealRequirementsAlone(t *testing.T) {
	t.Parallel()
	text := Etcd().render(upstream(t))
	if strings.Contains(text, "k8s.io/api") || !strings.Contains(text, "replace example.org/a") {
		t.Errorf("want the replacement by a module and none by a folder, got\n%s", text)
	}
}

func TestKubernetesStampSetsBothVersions(t *testing.T) {
	t.Parallel()
	flags := Kubernetes(kubeversion.Version{Minor: 30, Patch: 14}).ldflags()
	for _, want := range []string{
		"-s -w ",
		"-X k8s.io/component-base/version.gitVersion=v1.30.14",
		"-X k8s.io/component-base/version.gitMinor=30",
		"-X k8s.io/client-go/pkg/version.gitVersion=v1.30.14",
	} {
		if !strings.Contains(flags, want) {
			t.Errorf("%q is not in %q", want, flags)
		}
	}
}
