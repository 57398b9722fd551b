package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/mindebug/kubectl-mindebug/pkg/attach/attachtest"
)

// by are the flags that make the plugin take the way of config to the API server.
func by(config *rest.Config) []string {
	flags := []string{"--server=" + config.Host}
	if config.ServerName != "" {
		flags = append(flags, "--tls-server-name="+config.ServerName)
	}
	return flags
}

// TestServerGoesDownInAWait: a wait for an image ends soon after the API server is gone, with one error and not one a second.
func TestServerGoesDownInAWait(t *testing.T) {
	t.Parallel()
	onNode(t)
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
	r := attachtest.NewRoad(t, restConfig(t))
	args := append(by(r.Config()), "--timeout=2m", "--image", silentListener(t)+"/slow:1", "pod/target", "--", "true")
	b := inBackground(t, pod, args...)
	waitFor(t, pod, "have a session container that waits", func(p *corev1.Pod) bool {
		s := p.Status.EphemeralContainerStatuses
		return len(s) > 0 && s[0].State.Waiting != nil
	})
	r.Cut()
	start := time.Now()
	b.wait().wantBlock(t, "gives no answer", "connection refused", "is in the pod by now", "/readyz")
	if took := time.Since(start); took > soon {
		t.Errorf("the wait went on for %s, more than %s", took, soon)
	}
}

// TestConnectionLost: who loses the connection while a command runs is told that it may run on, how to look, and whether the
// API server is there.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	onNode(t)
	for name, test := range map[string]struct {
		end  func(*attachtest.Road)
		says string
	}{
		"server down":      {(*attachtest.Road).Cut, "the API server gives no answer: "},
		"connection reset": {(*attachtest.Road).Reset, "the API server answers, and the target ran when its node last told"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
			r := attachtest.NewRoad(t, restConfig(t))
			b := inBackground(t, pod, append(by(r.Config()), "--grace=10s", "pod/target", "--", "sh", "-c", "echo here; exec sleep 777")...)
			b.expect("here\n")
			test.end(r)
			b.wait().wantBlock(t, "the connection to pod/target was lost: ", test.says, "had been started",
				"kubectl mindebug -n "+pod.Namespace+" pod/target -c app -- ps")
			wantGone(t, pod, "sleep")
		})
	}
}

// TestSilence: a connection that stays open and carries nothing any more is given up after 61 s, client-go's own bound for
// websockets; with SPDY too.
func TestSilence(t *testing.T) {
	t.Parallel()
	onNode(t)
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
	for name, config := range map[string]*rest.Config{
		"websocket": restConfig(t),
		"SPDY":      attachtest.NewProxy(t, restConfig(t), attachtest.NoWebsockets()[0].Refusal).Config(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			road := attachtest.NewRoad(t, config)
			b := inBackground(t, pod, append(by(road.Config()), "--new", "--grace=10s", "pod/target", "--", "sh", "-c", "echo here; exec sleep 777")...)
			b.expect("here\n")
			road.Silence()
			start := time.Now()
			b.wait().wantBlock(t, "the connection to pod/target was lost: nothing was heard from the server for 1m1s", "had been started")
			if took := time.Since(start); took > 90*time.Second {
				t.Errorf("the silence lasted %s", took)
			}
		})
	}
}

// TestNoWebsockets: behind a proxy that lets no websocket through, a session goes over SPDY.
func TestNoWebsockets(t *testing.T) {
	t.Parallel()
	onNode(t)
	pod := debugged(t)
	for _, how := range attachtest.NoWebsockets() {
		t.Run("refused "+how.Name, func(t *testing.T) {
			t.Parallel()
			proxy := attachtest.NewProxy(t, restConfig(t), how.Refusal)
			run := invocation{
				stdin: strings.NewReader("typed"),
				args:  append(by(proxy.Config()), "-n", pod.Namespace, "-i", "pod/target", "--", "sh", "-c", `x=$(cat); echo "out $x"; echo err >&2; exit 7`),
			}
			run.run(t).want(t, 7, "out typed\n", "err\n")
			if !slices.Contains(proxy.Asked(), "POST SPDY/3.1") {
				t.Errorf("the proxy was asked %q, and never for SPDY", proxy.Asked())
			}
		})
	}
}

// TestPause: whoever takes no output for longer than a silence may last, as a pager does, loses neither the connection nor
// a byte.
func TestPause(t *testing.T) {
	t.Parallel()
	const much = 50_000_000
	pod := debugged(t)
	b := inBackground(t, pod, "-i", "pod/target", "--", "sh", "-c", fmt.Sprintf("yes | head -c %d; exit 5", much))
	b.expect("y\n")
	<-time.After(65 * time.Second)
	if r := b.wait(); r.status != 5 || r.stderr != "" || len(r.stdout) != much-len("y\n") {
		t.Errorf("status %d, %d bytes, stderr %q; want 5 and %d", r.status, len(r.stdout), r.stderr, much-len("y\n"))
	}
}
