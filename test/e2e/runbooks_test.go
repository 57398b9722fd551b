package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// runbookStep is a block of commands of a page, and what the page says that it prints.
var runbookStep = regexp.MustCompile("(?s)\n```sh\n(.*?)```\n\n```text\n(.*?)```\n")

// full has a volume at /data with no room left.
func full(_ *testing.T, namespace string) (b *kubetest.PodBuilder, host string) {
	return faulty(namespace, "web", "head -c 2000000 /dev/zero >/data/x").With(func(p *corev1.Pod) {
		one := resource.MustParse("1Mi")
		mount(p, "/data", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: &one}})
	}), ""
}

// TestRunbooks: each command of each page does what the page says, against a pod with the fault that the page is about.
func TestRunbooks(t *testing.T) {
	t.Parallel()
	for page, pod := range map[string]func(t *testing.T, namespace string) (b *kubetest.PodBuilder, host string){
		"dns": func(t *testing.T, namespace string) (*kubetest.PodBuilder, string) {
			return restrictedPod(t, namespace, "web").With(asking("192.0.2.1")), ""
		},
		"tls": func(t *testing.T, namespace string) (*kubetest.PodBuilder, string) {
			host, _ := tlsHost(t, nodeAddress(t), time.Now().AddDate(0, 6, 0))
			return restrictedPod(t, namespace, "web"), host
		},
		"disk":       full,
		"automation": full,
		"hung-jvm": func(t *testing.T, namespace string) (*kubetest.PodBuilder, string) {
			b := kindPod(t, namespace, kindOf(t, "java")).With(func(p *corev1.Pod) { p.Name = "web" })
			deadlocked(b)
			return b, ""
		},
		"memory": func(_ *testing.T, namespace string) (*kubetest.PodBuilder, string) {
			return faulty(namespace, "web", "tail /dev/zero").With(func(p *corev1.Pod) { limits(p, corev1.ResourceMemory, "32Mi") }), ""
		},
	} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("../../docs/runbooks", page+".md"))
			if err != nil {
				t.Fatal(err)
			}
			namespace := newNamespace(t, "restricted")
			b, host := pod(t, namespace)
			newPod(t, b)
			steps := runbookStep.FindAllStringSubmatch(string(text), -1)
			if want := strings.Count(string(text), "```sh\n"); len(steps) != want {
				t.Fatalf("of %d blocks of commands %d say what they print", want, len(steps))
			}
			dir := t.TempDir()
			for _, step := range steps {
				mine := strings.NewReplacer("-n shop", "-n "+namespace, "orders.shop:443", host)
				sh := exec.CommandContext(t.Context(), "sh", "-euc", mine.Replace(step[1]))
				sh.Dir, sh.Env = dir, append(os.Environ(), "XDG_CACHE_HOME="+cache)
				out, err := sh.CombinedOutput()
				if !asOnPage(mine.Replace(step[2])).Match(out) || err != nil {
					t.Errorf("%s: %v: it prints\n%s\nand not\n%s", step[1], err, out, step[2])
				}
			}
		})
	}
}

// asOnPage matches what a page shows.
func asOnPage(text string) *regexp.Regexp {
	var pattern strings.Builder
	for line := range strings.Lines(text) {
		if line == "…\n" {
			pattern.WriteString(`(?:[^\n]*\n)*`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", `[^\n]*`))
	}
	return regexp.MustCompile(`\A` + pattern.String() + `\z`)
}

var (
	pluginsOfK9s = regexp.MustCompile("(?s)\n```yaml\n(plugins:.*?)```\n")
	// wordOfK9s is what k9s takes for a name of its own, wherever it stands: with one that it does not know it runs nothing.
	wordOfK9s = regexp.MustCompile(`\$!?[\w-]+`)
)

// TestK9sPlugins: what k9s would run of the page's snippet for a pod does what the page says.
func TestK9sPlugins(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/runbooks/automation.md")
	if err != nil {
		t.Fatal(err)
	}
	var snippet struct {
		Plugins map[string]struct {
			ShortCut, Description, Command string
			Scopes, Args                   []string
			Background                     bool
		}
	}
	block := pluginsOfK9s.FindSubmatch(page)
	if block == nil {
		t.Fatal("the page has no snippet")
	}
	if err := yaml.UnmarshalStrict(block[1], &snippet); err != nil {
		t.Fatal(err)
	}
	pod := restrictedTarget(t)
	known := map[string]string{"$NAME": pod.Name, "$NAMESPACE": pod.Namespace, "$CONTEXT": strings.TrimSpace(kubectl(t, "config", "current-context"))}
	less := t.TempDir() // as it is where it has no terminal
	if err := os.WriteFile(filepath.Join(less, "less"), []byte("#!/bin/sh\nexec cat\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"mindebug":        "mindebug " + pod.Namespace + "/target app ",
		"mindebug-triage": "pod/target app, image ",
	} {
		plugin := snippet.Plugins[name]
		for i, arg := range plugin.Args {
			plugin.Args[i] = wordOfK9s.ReplaceAllStringFunc(arg, func(word string) string {
				if known[word] == "" {
					t.Errorf("%s: k9s knows no %s", name, word)
				}
				return known[word]
			})
		}
		cmd := exec.CommandContext(t.Context(), plugin.Command, plugin.Args...)
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache, "PATH="+less+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) || plugin.Background || !slices.Equal(plugin.Scopes, []string{"pods"}) || plugin.ShortCut == "" {
			t.Errorf("%s: %+v: %v, and it prints\n%s", name, plugin, err, out)
		}
	}
	if len(snippet.Plugins) != 2 {
		t.Errorf("there are %d plugins, and two are tried", len(snippet.Plugins))
	}
}
