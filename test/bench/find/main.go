// Command find measures `kubectl mindebug find -A` over many pods beside `kubectl get pods -A -o json`, which reads the same,
// and the completion of a pod's name beside `kubectl get pods`, and prints a table. It makes the pods, which nothing runs, in a namespace of its own, asserts what is found in them, and
// removes it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mindebug/kubectl-mindebug/test/fleet"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	pods := flag.Int("pods", 10_000, "pods to make")
	images := flag.Int("images", 300, "images that they run")
	rounds := flag.Int("n", 5, "rounds, each of which measures every case once")
	bin := flag.String("bin", "bin", "`folder` of the kubectl-mindebug that is measured")
	flag.Parse()
	bench, err := open(ctx, *bin, *images)
	if err != nil {
		return err
	}
	defer bench.close(ctx)
	began := time.Now()
	if err := bench.fleet.Fill(ctx, bench.client, bench.namespace, bench.namespace, 0, *pods); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d pods were made in %s\n", *pods, time.Since(began).Round(time.Second))
	cold, err := bench.check(ctx, *pods)
	if err != nil {
		return err
	}
	fmt.Printf("%d pods of %d images, counts asserted: %v.\n\n| case | took | peak memory | requests |\n| --- | --: | --: | --: |\n",
		*pods, *images, bench.fleet.Expect(*pods))
	bench.print("find -A --registry, nothing seen before", cold)
	return bench.compare(ctx, *rounds)
}

// bench is what it is measured on.
type bench struct {
	client           kubernetes.Interface
	namespace, cache string
	fleet            *fleet.Fleet
	// requests are those that went through proxy, whose kubeconfig that is.
	requests   atomic.Int64
	proxy      *httptest.Server
	kubeconfig string
}

func open(ctx context.Context, bin string, images int) (*bench, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig: %w", err)
	}
	config.QPS = -1
	b := &bench{}
	if b.client, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("building client: %w", err)
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(bin, "kubectl_complete-mindebug")); err != nil {
		return nil, fmt.Errorf("kubectl would complete nothing: %w; make it by PATH=%s:$PATH kubectl mindebug completion install", err, bin)
	}
	if err := os.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		return nil, err
	}
	if b.cache, err = os.MkdirTemp("", "bench-find-"); err != nil {
		return nil, err
	}
	if b.fleet, err = fleet.New(ctx, images); err != nil {
		return nil, err
	}
	if err := b.count(config); err != nil {
		return nil, err
	}
	ns, err := b.client.CoreV1().Namespaces().Create(context.WithoutCancel(ctx), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-find-"},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("creating namespace: %w", err)
	}
	b.namespace = ns.Name
	if err := b.awaitAccount(ctx); err != nil {
		b.close(ctx)
		return nil, err
	}
	return b, nil
}

// count starts a proxy that counts requests, as the user of the kubeconfig.
func (b *bench) count(config *rest.Config) error {
	to, err := url.Parse(config.Host)
	if err != nil {
		return err
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	b.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	b.kubeconfig = filepath.Join(b.cache, "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: %q}}]\ncontexts: [{name: a, context: {cluster: a}}]\ncurrent-context: a\n", b.proxy.URL)
	return os.WriteFile(b.kubeconfig, []byte(text), 0o600)
}

// awaitAccount waits for the ServiceAccount that each pod needs.
func (b *bench) awaitAccount(ctx context.Context) error {
	w, err := b.client.CoreV1().ServiceAccounts(b.namespace).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=default"})
	if err != nil {
		return fmt.Errorf("watching accounts: %w", err)
	}
	defer w.Stop()
	<-w.ResultChan()
	return context.Cause(ctx)
}

// close removes all, also after an interrupt.
func (b *bench) close(ctx context.Context) {
	// The pods go with their namespace: one call to delete so many takes longer than the API server allows.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Minute)
	defer cancel()
	b.fleet.Close()
	b.proxy.Close()
	_ = os.RemoveAll(b.cache)
	namespaces := b.client.CoreV1().Namespaces()
	err := namespaces.Delete(ctx, b.namespace, metav1.DeleteOptions{})
	for err == nil {
		if _, err = namespaces.Get(ctx, b.namespace, metav1.GetOptions{}); err == nil {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
	}
	if !apierrors.IsNotFound(err) {
		fmt.Fprintf(os.Stderr, "warning: namespace %s may still be there: %v\n", b.namespace, err)
	}
}

// sample is one run of a program.
type sample struct {
	took     time.Duration
	memory   int64
	requests int64
}

// once runs a program to its end, with its output to a file or to nowhere.
func (b *bench) once(ctx context.Context, kubeconfig, out string, argv ...string) (sample, error) {
	file, err := os.OpenFile(out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return sample{}, err
	}
	defer file.Close()
	var talk strings.Builder
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+b.cache)
	if kubeconfig != "" {
		cmd.Env = append(cmd.Env, "KUBECONFIG="+kubeconfig)
	}
	cmd.Stdout, cmd.Stderr = file, &talk
	before, began := b.requests.Load(), time.Now()
	if err := cmd.Run(); err != nil {
		return sample{}, fmt.Errorf("running %q: %w: %s", strings.Join(argv, " "), err, talk.String())
	}
	s := sample{took: time.Since(began), requests: b.requests.Load() - before}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.memory = usage.Maxrss << 10
	}
	return s, nil
}

// check asserts how many containers of which kind are found, and fills the cache by that.
func (b *bench) check(ctx context.Context, pods int) (sample, error) {
	out := filepath.Join(b.cache, "found.json")
	s, err := b.once(ctx, b.kubeconfig, out, "kubectl-mindebug", "find", "-A", "-l", fleet.Label+"="+b.namespace, "--kind=all", "--registry", "-o", "json")
	if err != nil {
		return s, err
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return s, err
	}
	var report struct{ Items []struct{ Kind string } }
	if err := json.Unmarshal(text, &report); err != nil {
		return s, fmt.Errorf("reading what was found: %w", err)
	}
	found := map[string]int{}
	for _, item := range report.Items {
		found[item.Kind]++
	}
	if want := b.fleet.Expect(pods); !maps.Equal(found, want) {
		return s, fmt.Errorf("found %v; want %v", found, want)
	}
	return s, nil
}

// namespaced stands in a command for the namespace with the pods.
const namespaced = "NAMESPACE"

// cases are what is compared. All but the last read the pods of all namespaces.
var cases = []struct {
	name string
	argv []string
}{
	{"find -A --kind=all", []string{"kubectl-mindebug", "find", "-A", "--kind=all"}},
	{"find -A --kind=all, through kubectl", []string{"kubectl", "mindebug", "find", "-A", "--kind=all"}},
	{"find -A --kind=all -o json", []string{"kubectl-mindebug", "find", "-A", "--kind=all", "-o", "json"}},
	{"kubectl get pods -A -o json", []string{"kubectl", "get", "pods", "-A", "-o", "json"}},
	{"kubectl get pods -A", []string{"kubectl", "get", "pods", "-A"}},
	{"completion of pod/", []string{"kubectl-mindebug", "__complete", "-n", namespaced, "pod/"}},
	{"completion of pod/, through kubectl", []string{"kubectl", "__complete", "mindebug", "-n", namespaced, "pod/"}},
	{"completion of a verb", []string{"kubectl-mindebug", "__complete", "-n", namespaced, "check", "--pro"}},
	{"kubectl get pods", []string{"kubectl", "get", "pods", "-n", namespaced}},
}

// words are the command of a case.
func (b *bench) words(n int) []string {
	argv := slices.Clone(cases[n].argv)
	for i, word := range argv {
		if word == namespaced {
			argv[i] = b.namespace
		}
	}
	return argv
}

// compare measures the cases in turn, and prints the medians and ranges.
func (b *bench) compare(ctx context.Context, rounds int) error {
	samples := make([][]sample, len(cases))
	for round := range rounds {
		for i := range cases {
			n := (i + round) % len(cases)
			s, err := b.once(ctx, "", os.DevNull, b.words(n)...)
			if err != nil {
				return err
			}
			samples[n] = append(samples[n], s)
		}
	}
	for n, c := range cases {
		counted, err := b.once(ctx, b.kubeconfig, os.DevNull, b.words(n)...)
		if err != nil {
			return err
		}
		for i := range samples[n] {
			samples[n][i].requests = counted.requests
		}
		b.print(c.name, samples[n]...)
	}
	return nil
}

// print writes a row: the median and the range of the time, the most memory.
func (b *bench) print(name string, samples ...sample) {
	took := make([]time.Duration, 0, len(samples))
	memory := int64(0)
	for _, s := range samples {
		took, memory = append(took, s.took), max(memory, s.memory)
	}
	slices.Sort(took)
	fmt.Printf("| `%s` | %d ms (%d to %d) | %d MB | %d |\n", name, took[len(took)/2].Milliseconds(), took[0].Milliseconds(),
		took[len(took)-1].Milliseconds(), memory/1e6, samples[0].requests)
}
