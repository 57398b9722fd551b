package cluster_test

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mindebug/kubectl-mindebug/internal/cluster"
)

// TestFlagsAreKubectls: names, short names, types and defaults are those of cli-runtime.
func TestFlagsAreKubectls(t *testing.T) {
	t.Parallel()
	type flag struct{ Short, Type, Default string }
	listed := func(add func(*pflag.FlagSet)) map[string]flag {
		set, found := pflag.NewFlagSet("kubectl", pflag.ContinueOnError), map[string]flag{}
		add(set)
		set.VisitAll(func(f *pflag.Flag) { found[f.Name] = flag{f.Shorthand, f.Value.Type(), f.DefValue} })
		return found
	}
	want, got := listed(genericclioptions.NewConfigFlags(true).AddFlags), listed(new(cluster.Flags).Add)
	want["cache-dir"] = flag{"", "string", ""} // nothing is kept there
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags (-cli-runtime +ours):\n%s", diff)
	}
}

// TestFlagsMean: what the flags come to is what cli-runtime makes of them.
func TestFlagsMean(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(`{apiVersion: v1, kind: Config, current-context: prod-eu,
clusters: [{name: c, cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: "QQ=="}}, {name: d, cluster: {server: "https://10.0.0.2"}}],
users: [{name: u, user: {token: file}}, {name: v, user: {client-certificate-data: "QQ==", client-key-data: "QQ=="}}],
contexts: [{name: prod-eu, context: {cluster: c, user: u, namespace: shop}}, {name: other, context: {cluster: d, user: v}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{
		nil,
		{"--context=other"},
		{"--context=none"},
		{"--cluster=d", "--user=v", "-n", "stock"},
		{"-s", "https://10.0.0.3", "--insecure-skip-tls-verify", "--token=flag", "--proxy-url=http://proxy:3128"},
		{"--certificate-authority=/ca", "--client-certificate=/cert", "--client-key=/key", "--tls-server-name=api", "--disable-compression"},
		{"--as=dana", "--as-uid=7", "--as-group=oncall", "--as-group=all,of,it", "--as-user-extra=a=1", "--as-user-extra=a=2=3", "--as-user-extra=none"},
		{"--request-timeout=7s"},
		{"--request-timeout=soon"},
	} {
		type meaning struct {
			Config    *rest.Config
			Namespace string
			Proxy     *url.URL
			Failed    bool
		}
		words = append([]string{"--kubeconfig", path}, words...)
		theirs, ours := genericclioptions.NewConfigFlags(true), new(cluster.Flags)
		of := func(add func(*pflag.FlagSet)) {
			set := pflag.NewFlagSet("kubectl", pflag.ContinueOnError)
			add(set)
			if err := set.Parse(words); err != nil {
				t.Fatal(err)
			}
		}
		of(theirs.AddFlags)
		of(ours.Add)
		meant := func(loader clientcmd.ClientConfig) (m meaning) {
			var err error
			m.Config, err = loader.ClientConfig()
			m.Failed = err != nil
			m.Namespace, _, _ = loader.Namespace()
			if m.Config != nil && m.Config.Proxy != nil {
				m.Proxy, _ = m.Config.Proxy(nil)
				m.Config.Proxy = nil // functions cannot be compared
			}
			return m
		}
		want, got := meant(theirs.ToRawKubeConfigLoader()), meant(ours.Loader())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-cli-runtime +ours):\n%s", words, diff)
		}
	}
}
