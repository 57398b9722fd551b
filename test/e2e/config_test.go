package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// configured is the cluster's configuration of a test: no other test runs meanwhile, and none reads it from the disk later.
type configured struct {
	pod *corev1.Pod
	env []string
}

// writes makes text the cluster's configuration, for clients that have read none.
func (c *configured) writes(t *testing.T, text string) {
	t.Helper()
	maps := client.CoreV1().ConfigMaps(config.SharedNamespace)
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		m, err := maps.Get(t.Context(), config.SharedName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		m.Data = map[string]string{config.SharedKey: text}
		_, err = maps.Update(t.Context(), m, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		t.Fatalf("writing the cluster's configuration: %v", err)
	}
	c.env = []string{"XDG_CACHE_HOME=" + t.TempDir()}
}

// run is a call of a client that has its image from its environment, or from nowhere.
func (c *configured) run(t *testing.T, ownImage bool, args ...string) result {
	t.Helper()
	env := c.env
	if !ownImage {
		env = append(env[:len(env):len(env)], "MINDEBUG_IMAGE=")
	}
	return invocation{env: env, args: append([]string{"-n", c.pod.Namespace}, args...)}.run(t)
}

// TestClusterConfig: whoever may write the cluster's configuration can neither stop a session with it nor loosen one, and
// sets an image by digest for whoever has named none.
func TestClusterConfig(t *testing.T) {
	ns := newNamespace(t, "baseline")
	c := &configured{pod: newPod(t, plainTarget(ns, "target")), env: []string{"XDG_CACHE_HOME=" + t.TempDir()}}
	newPod(t, kubetest.Pod(ns, "root").RunAs(0, 0))
	before := c.run(t, true, "pod/target", "--dry-run=client")
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: config.SharedName}}
	if _, err := client.CoreV1().ConfigMaps(config.SharedNamespace).Create(t.Context(), m, metav1.CreateOptions{}); err != nil {
		t.Fatalf("making the cluster's configuration: %v", err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().ConfigMaps(config.SharedNamespace).Delete(context.Background(), config.SharedName, metav1.DeleteOptions{}); err != nil {
			t.Errorf("removing the cluster's configuration: %v", err)
		}
	})
	const head = "apiVersion: mindebug/v1alpha1\n"
	for name, text := range map[string]string{
		"empty":           "",
		"no YAML":         "\x1b[2J: [",
		"too large":       head + strings.Repeat("# x\n", 10_000),
		"another version": "apiVersion: mindebug/v9\nttl: 1h\n",
		"an alias bomb":   head + "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nttl: *b\n",
		"malicious": head + "image: evil.example/debug:latest\nprofile: sysadmin\ncapAdd: [SYS_ADMIN]\nrunAs: 0\nttl: 9999h\ngrace: -1s\n" +
			"timeout: 0s\ntrustClusterImage: true\nenv: {PATH: /evil}\n",
	} {
		t.Run(name, func(t *testing.T) {
			c.writes(t, text)
			now := c.run(t, true, "pod/target", "--dry-run=client")
			if now.status != 0 || now.stderr != before.stderr || nameless(now.stdout) != nameless(before.stdout) {
				t.Errorf("status %d, stderr %q, and the container is\n%s\nwithout a configuration\n%s", now.status, now.stderr, now.stdout, before.stdout)
			}
			c.run(t, true, "pod/target", "-q", "--", "echo", "in").want(t, 0, "in\n", "")
		})
	}
	t.Run("an image", func(t *testing.T) {
		pinned := "registry.example/debug@sha256:" + strings.Repeat("ab01", 16)
		c.writes(t, head+"image: "+pinned+"\nttl: 7m\n")
		if r := c.run(t, false, "pod/target", "--dry-run=client"); r.status != 0 || !strings.Contains(r.stdout, "\nimage: "+pinned+" ") || !strings.Contains(r.stdout, `"420"`) {
			t.Errorf("status %d, stderr %q, and the container is\n%s", r.status, r.stderr, r.stdout)
		}
		for _, args := range [][]string{{"pod/root"}, {"pod/target", "--profile=general"}} {
			r := c.run(t, false, append(args, "--dry-run=client")...)
			if r.status != 125 || !strings.Contains(r.stderr, "names "+pinned+", which is not used for a target that is root nor for more than a target has") {
				t.Errorf("%v: status %d, stderr %q", args, r.status, r.stderr)
			}
		}
	})
}

// nameless is a container as it is printed, without its name, which is another each time.
func nameless(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "name: ") {
			out.WriteString(line)
		}
	}
	return out.String()
}
