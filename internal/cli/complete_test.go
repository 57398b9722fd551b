package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/triage"
)

// tables are what a server has, as it prints them: rows by the path of a list.
var tables = map[string][][]any{
	"/api/v1/namespaces/shop/pods": {
		{"web-7d", "1/1", "Running", 0, "5d"},
		{"web-9k", "0/1", "CrashLoopBackOff", "4 (2m ago)", "5d"},
		{"db-0", "1/1", "\x1b[2JRun\nning", 0, "5d"},
		{"podcast-1", "1/1", "Running", 0, "5d"},
	},
	"/apis/apps/v1/namespaces/shop/deployments": {{"web", "2/3", "3", "2", "5d"}, {"worker", "1/1", "1", "1", "5d"}},
	"/api/v1/namespaces":                        {{"shop", "Active", "5d"}, {"shipping", "Terminating", "5d"}},
}

// columns are those of the tables, by the kind.
var columns = map[string][]string{
	"pods": {"Name", "Ready", "Status", "Restarts", "Age"}, "deployments": {"Name", "Ready", "Up-to-date", "Available", "Age"},
	"namespaces": {"Name", "Status", "Age"},
}

// aServer answers from the tables, and with one pod; it returns a kubeconfig for it and what it was asked.
func aServer(t *testing.T) (kubeconfig string, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var paths []string
	pod := kubetest.Pod("shop", "web-7d").With(func(p *corev1.Pod) {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "proxy", Image: "mesh:2"})
	}).Build()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		paths = append(paths, r.URL.Path)
		mu.Unlock()
		rows, known := tables[r.URL.Path]
		kind := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/api/v1/namespaces/shop/pods/web-7d":
			pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
			_ = json.NewEncoder(w).Encode(pod)
		case known && r.URL.Query().Get("resourceVersion") == "0" && strings.Contains(r.Header.Get("Accept"), "as=Table"):
			var defined []map[string]string
			for _, name := range columns[kind] {
				defined = append(defined, map[string]string{"name": name})
			}
			var cells []map[string]any
			for _, row := range rows {
				cells = append(cells, map[string]any{"cells": row})
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Table", "columnDefinitions": defined, "rows": cells})
		default:
			http.Error(w, "nothing here", http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	kubeconfig = filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf("{apiVersion: v1, kind: Config, clusters: [{name: here, cluster: {server: %q}}], users: [{name: dana, user: {}}], "+
		"contexts: [{name: prod-eu, context: {cluster: here, user: dana, namespace: shop}}], current-context: prod-eu}\n", server.URL)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return kubeconfig, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(paths)
	}
}

// TestComplete: what is offered for words, and what is asked of the server for it.
func TestComplete(t *testing.T) {
	t.Parallel()
	const pods, deployments = "/api/v1/namespaces/shop/pods", "/apis/apps/v1/namespaces/shop/deployments"
	podEntries := []string{
		"pod/web-7d\t1/1 Running", "pod/web-9k\t0/1 CrashLoopBackOff, restarts: 4 (2m ago)", `pod/db-0` + "\t" + `1/1 \x1b[2JRun ning`, "pod/podcast-1\t1/1 Running",
	}
	var topics []string
	for _, topic := range triage.Topics() {
		topics = append(topics, topic.Name+"\t"+topic.About)
	}
	tests := []struct {
		words string // split at spaces; the last is what has been typed of a word
		offer []string
		asks  []string
	}{
		{"pod/", podEntries, []string{pods}},
		{"pod/web-7", podEntries[:1], []string{pods}},
		{"po/web-7", []string{"po/web-7d\t1/1 Running"}, []string{pods}},
		{"web-7", []string{"web-7d\t1/1 Running"}, []string{pods}},
		{"pod", append(slices.Clone(podEntries), "podcast-1\t1/1 Running"), []string{pods}},
		{"deploy web", []string{"web\t2/3"}, []string{deployments}},
		{"start deploy/wo", []string{"deploy/worker\t1/1"}, []string{deployments}},
		{"depl", []string{"deployment/"}, []string{pods}},
		{"check sts", []string{"sts/"}, []string{pods}},
		{"frob/x", nil, nil},
		{"pod/web-7d pod/", nil, nil},
		{"pod/web-7d -- ls pod/", nil, nil},
		{"-l app=web pod/", nil, nil},
		{"version ", nil, nil},
		{"policy roles ", nil, nil},
		{"pod/web-7d -c ", []string{"app\tcontainer, waiting, mindebug.test/http:nonroot", "proxy\tcontainer, waiting, mesh:2"}, []string{pods + "/web-7d"}},
		{"cp pod/web-7d:/etc/x . -c pro", []string{"proxy\tcontainer, waiting, mesh:2"}, []string{pods + "/web-7d"}},
		{"-c ", nil, nil},
		{"-n sho", []string{"shop\tActive"}, []string{"/api/v1/namespaces"}},
		{"--context ", []string{"prod-eu"}, nil},
		{"--cluster ", []string{"here"}, nil},
		{"--user ", []string{"dana"}, nil},
		{"policy roles --user ", nil, nil},
		{"--profile ", []string{"mirror", "general", "netadmin", "restricted", "sysadmin"}, nil},
		{"deploy/web --pick ", []string{"ready", "not-ready", "newest", "oldest"}, nil},
		{"pod/x --dry-run=", []string{"client", "server"}, nil},
		{"pod/x -o ", []string{"yaml", "json"}, nil},
		{"start pod/x -o ", []string{"name", "json", "yaml"}, nil},
		{"--image-pull-policy ", []string{"Always", "IfNotPresent", "Never"}, nil},
		{"--via ", []string{"exec", "attach"}, nil},
		{"check --use-p", []string{"--use-pull-secrets\tread the target's image, where it must be, with the pod's pull secrets, too"}, nil},
		{"ver", []string{"version\tPrint the version of this program"}, []string{pods}},
		{"cp web-7", []string{"web-7d:\t1/1 Running"}, []string{pods}},
		{"cp ./x", nil, nil},
		{"cp pod/web-7d:/etc/x ", nil, nil},
		{"triage pod/web-7", podEntries[:1], []string{pods}},
		{"triage pod/web-7d ", topics, nil},
		{"triage pod/web-7d " + triage.Names()[0] + " ", topics[1:], nil},
		{"completion ", []string{
			"install\tLet kubectl complete what comes after \"kubectl mindebug\"", "uninstall\tRemove what \"completion install\" made",
			"bash", "zsh", "fish", "powershell",
		}, nil},
	}
	for _, test := range tests {
		t.Run(test.words, func(t *testing.T) {
			t.Parallel()
			kubeconfig, asked := aServer(t)
			args := append([]string{"__complete", "--kubeconfig", kubeconfig}, strings.Split(test.words, " ")...)
			status, stdout, _ := runCLI(t, args...)
			lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
			if last := lines[len(lines)-1]; status != 0 || !strings.HasPrefix(last, ":") {
				t.Fatalf("status %d, output %q", status, stdout)
			}
			if diff := cmp.Diff(test.offer, slices.Clip(append([]string(nil), lines[:len(lines)-1]...))); diff != "" {
				t.Errorf("offered (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.asks, append([]string(nil), asked()...)); diff != "" {
				t.Errorf("asked of the server (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryFlagCompletes: no flag's value is completed as a file but those that are files, and each verb is known.
func TestEveryFlagCompletes(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"pod/x --reason ", "check pod/x --run-as ", "find --max-bytes ", "stop pod/x --timeout ", "--token ", "version "} {
		_, stdout, _ := runCLI(t, append([]string{"__complete"}, strings.Split(words, " ")...)...)
		if stdout != ":4\n" {
			t.Errorf("%q: %q; want no file", words, stdout)
		}
	}
	for _, words := range []string{"pod/x --custom ", "inspect --file ", "--kubeconfig ", "cp "} {
		_, stdout, _ := runCLI(t, append([]string{"__complete"}, strings.Split(words, " ")...)...)
		if stdout != ":0\n" {
			t.Errorf("%q: %q; want files", words, stdout)
		}
	}
}

// TestWords: kubectl asks the same program under another name.
func TestWords(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"/usr/bin/kubectl-mindebug": {"-n", "shop", "pod/"}, "kubectl-mindebug.exe": {"-n", "shop", "pod/"},
		"/usr/bin/kubectl_complete-mindebug": {"__complete", "-n", "shop", "pod/"}, "kubectl_complete-mindebug.exe": {"__complete", "-n", "shop", "pod/"},
	} {
		if diff := cmp.Diff(want, Words([]string{name, "-n", "shop", "pod/"})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestScripts: each shell has its script, for the program's own name.
func TestScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range shellNames {
		var out bytes.Buffer
		if err := shells[shell](newTree(nil), &out); err != nil || !strings.Contains(out.String(), "kubectl-mindebug") || !strings.Contains(out.String(), shell) {
			t.Errorf("%s: %v, %d bytes", shell, err, out.Len())
		}
	}
	if status, _, stderr := runCLI(t, "completion", "tcsh"); status != 2 || !strings.HasPrefix(stderr, "error: completion needs the word install or uninstall, or one shell: bash, zsh") {
		t.Errorf("status %d, %q", status, stderr)
	}
}
