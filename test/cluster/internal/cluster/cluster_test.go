package cluster

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/kubeversion"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/layout"
)

// A shell must see what was meant, whatever stands in a path.
func TestEnvIsEvaluatedByAShell(t *testing.T) {
	t.Parallel()
	l := layout.Layout{Dir: "/srv/it's $HOME"}
	script := Env(l) + `printf '%s\n' "$KUBECONFIG" "$CONTAINERD_NAMESPACE" "$MINDEBUG_IMAGE" "$MINDEBUG_CLUSTER_DIR" "$PATH"`
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-euc", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	want := []string{l.Kubeconfig("admin"), "k8s.io", "mindebug.test/debug:dev", l.Dir, l.Bin() + ":" + os.Getenv("PATH")}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("got %q; want %q", got, want)
		}
	}
}

func TestNodeReady(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		node, problem string
	}{
		"ready":     {`{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`, ""},
		"not ready": {`{"status":{"conditions":[{"type":"Ready","status":"False","message":"no network"}]}}`, "no network"},
		"tainted":   {`{"spec":{"taints":[{"key":"not-ready"}]},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`, "not-ready"},
		"new":       {`{}`, "not said yet"},
	} {
		err := nodeReady([]byte(c.node))
		if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("%s: got %v; want %q", name, err, c.problem)
		}
	}
}

// The API server does not end once etcd is gone, and the kubelet starts containers again.
func TestOrderOfEnding(t *testing.T) {
	t.Parallel()
	c := Cluster{Version: kubeversion.Version{Minor: 36}}
	at := map[string]int{}
	for i, p := range c.components() {
		at[p.Name] = i
	}
	if len(at) != 6 || at[kubelet] > at[apiServer] || at[apiServer] > at[etcd] || at[kubelet] > at[containerd] {
		t.Errorf("they end in the order %v", at)
	}
}

func TestRunningVersion(t *testing.T) {
	t.Parallel()
	l := layout.Layout{Dir: t.TempDir()}
	if _, err := RunningVersion(l); !errors.Is(err, ErrNotUp) {
		t.Errorf("got %v; want ErrNotUp", err)
	}
	if err := os.WriteFile(l.VersionFile(), []byte("1.30.14\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := RunningVersion(l); err != nil || got.String() != "1.30.14" {
		t.Errorf("got %v, %v", got, err)
	}
	other := Cluster{Layout: l, Version: kubeversion.Version{Minor: 36, Patch: 3}}
	if err := other.sameVersion(); err == nil || !strings.Contains(err.Error(), "down") {
		t.Errorf("got %v; want to be told to use down", err)
	}
}
