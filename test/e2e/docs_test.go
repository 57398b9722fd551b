package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/mindebug/kubectl-mindebug/internal/doctest"
)

// documented are the pages whose blocks of commands are run.
func documented(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found[strings.TrimPrefix(path, "../../")] = string(text)
		}
	}
	return found
}

// TestDocumentation runs what the pages offer to be pasted: each page in a namespace of its own, with the pods of
// testdata/shop.yaml that it speaks of.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../../docs/NOTRUN")
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := doctest.NotRun(string(list))
	for path, page := range documented(t) {
		if whole[path] {
			continue
		}
		var blocks []doctest.Block
		for _, b := range doctest.Blocks(page) {
			if b.Run() {
				blocks = append(blocks, b)
			}
		}
		if len(blocks) == 0 {
			continue
		}
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, page)
			for _, b := range blocks {
				s.run(t, path, b)
			}
		})
	}
}

// shop is where the commands of a page are run.
type shop struct {
	namespace, dir string
	env            []string
}

func newShop(t *testing.T, page string) *shop {
	t.Helper()
	s := &shop{namespace: newNamespace(t, "restricted"), dir: t.TempDir()}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	raw, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		t.Fatalf("reading kubeconfig: %v", err)
	}
	raw.Contexts[raw.CurrentContext].Namespace = s.namespace
	if err := clientcmd.WriteToFile(*raw, kubeconfig); err != nil {
		t.Fatalf("writing kubeconfig: %v", err)
	}
	s.env = append(os.Environ(), "XDG_CACHE_HOME="+cache, "KUBECONFIG="+kubeconfig)

	text, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var wanted []string
	script := "kubectl apply -f -\n"
	for _, document := range strings.Split(string(text), "---\n") {
		for _, object := range []struct{ kind, name, wait string }{
			{"kind: Pod", "web", "kubectl wait --for=condition=Ready pod/web --timeout=120s\n"},
			{"kind: Deployment", "web", "kubectl rollout status deploy/web --timeout=120s\n"},
			{"kind: Pod", "crash", "kubectl wait --for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff pod/crash --timeout=120s\n"},
		} {
			if !strings.Contains(document, object.kind+"\nmetadata: {name: "+object.name+"}") {
				continue
			}
			mention := map[string]string{"kind: Pod": "pod/", "kind: Deployment": "deploy/"}[object.kind] + object.name
			if !strings.Contains(page, mention) {
				document = ""
				continue
			}
			script += object.wait
		}
		wanted = append(wanted, document)
	}
	s.bash(t, script, strings.Join(wanted, "---\n"), 0, "making the pods")
	return s
}

// run runs a block. What it prints is the page's reader's; only its exit status is looked at.
func (s *shop) run(t *testing.T, path string, b doctest.Block) {
	t.Helper()
	text := strings.ReplaceAll(b.Text, "-n shop", "-n "+s.namespace)
	s.bash(t, text, "", b.Exits, fmt.Sprintf("%s:%d", path, b.Line))
}

func (s *shop) bash(t *testing.T, script, stdin string, status int, what string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", script)
	cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.env, strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if got := exitStatus(t, cmd.Run()); got != status {
		t.Fatalf("%s: status %d, want %d:\n%s\nit printed:\n%s", what, got, status, script, &out)
	}
}
