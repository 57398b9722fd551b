package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/kubeversion"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/layout"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/report"
)

// A shell must see what was meant, whatever stands in a path.
func TestEnvIsEvaluatedByAShell(t *testing.T) {
	t.Parallel()
	l := layout.Layout{Dir: "/srv/it's $HOME", Cache: "/srv/cache"}
	script := Env(l, "/src/it's") + `go() { for word; do printf %s, "$word"; done; echo; }
printf '%s\n' "$KUBECONFIG" "$CONTAINERD_NAMESPACE" "$MINDEBUG_IMAGE" "$MINDEBUG_CLUSTER_DIR" "$MINDEBUG_CLUSTER_CACHE" "$PATH"
eval "$MINDEBUG_TEST_RESTART kubelet"`
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-euc", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	want := []string{l.Kubeconfig("admin"), "k8s.io", "mindebug.test/debug:dev", l.Dir, l.Cache, l.Bin() + ":" + os.Getenv("PATH"), "-C,/src/it's,run,.,restart,kubelet,"}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("got %q; want %q", got, want)
		}
	}
}

// An outage lasts until its input ends, or somebody interrupts it.
func TestAnOutageEnds(t *testing.T) {
	t.Parallel()
	for _, byInput := range []bool{true, false} {
		t.Run(fmt.Sprintf("by its input %t", byInput), func(t *testing.T) {
			t.Parallel()
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			read, write := io.Pipe()
			defer write.Close()
			over := make(chan struct{})
			go func() {
				defer close(over)
				held(ctx, read)
			}()
			if _, err := write.Write([]byte("a line is no end\n")); err != nil {
				t.Fatal(err)
			}
			select {
			case <-over:
				t.Fatal("over before its end")
			case <-time.After(20 * time.Millisecond):
			}
			if byInput {
				write.Close()
			} else {
				interrupt()
			}
			<-over
		})
	}
}

// What does not run is not restarted: why it died is worth more.
func TestRestartOfTheDead(t *testing.T) {
	t.Parallel()
	c := Cluster{Layout: layout.Layout{Dir: t.TempDir()}, Report: report.New(io.Discard)}
	if os.Geteuid() != 0 {
		t.Skip("only root may restart")
	}
	var out bytes.Buffer
	err := c.Restart(t.Context(), Outage{Part: kubelet}, &out)
	if err == nil || !strings.Contains(err.Error(), "restarting kubelet, which does not run: kubelet not started") || out.Len() > 0 {
		t.Errorf("got %v and %q", err, &out)
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
