package e2e

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// road is a way to the API server that can be closed, as when a server or what lies before it goes down.
type road struct {
	listener net.Listener
	server   *url.URL

	mu     sync.Mutex
	closed bool
	open   []net.Conn
}

// newRoad opens a way to the cluster's API server on this machine. It is closed with the test.
func newRoad(t *testing.T) *road {
	t.Helper()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		t.Fatalf("reading kubeconfig: %v", err)
	}
	server, err := url.Parse(config.Host)
	if err != nil || server.Port() == "" {
		t.Fatalf("server address %q has no port (%v)", config.Host, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	r := &road{listener: listener, server: server}
	go r.serve()
	t.Cleanup(r.close)
	return r
}

// flags make the plugin take this way.
func (r *road) flags() []string {
	return []string{"--server=https://" + r.listener.Addr().String(), "--tls-server-name=" + r.server.Hostname()}
}

func (r *road) serve() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.server.Host)
		if err != nil || !r.keep(near, far) {
			_ = near.Close()
			continue
		}
		for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
			go func() {
				_, _ = io.Copy(way[0], way[1])
				_ = near.Close()
				_ = far.Close()
			}()
		}
	}
}

// keep notes connections for close, unless that was called.
func (r *road) keep(connections ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = append(r.open, connections...)
	return !r.closed
}

// close ends all that goes on, and nobody listens any more.
func (r *road) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.reset()
}

// reset ends all that goes on by TCP's RST.
func (r *road) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, connection := range r.open {
		if tcp, ok := connection.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = connection.Close()
	}
}

// TestServerGoesDownInAWait: a wait for an image ends soon after the API server is gone, with one error and not one a second.
func TestServerGoesDownInAWait(t *testing.T) {
	t.Parallel()
	onNode(t)
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
	r := newRoad(t)
	args := append(r.flags(), "--timeout=2m", "--image", silentListener(t)+"/slow:1", "pod/target", "--", "true")
	b := inBackground(t, pod, args...)
	waitFor(t, pod, "have a session container that waits", func(p *corev1.Pod) bool {
		s := p.Status.EphemeralContainerStatuses
		return len(s) > 0 && s[0].State.Waiting != nil
	})
	r.close()
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
		end  func(*road)
		says string
	}{
		"server down":      {(*road).close, "the API server gives no answer: "},
		"connection reset": {(*road).reset, "the API server answers, and the target runs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
			r := newRoad(t)
			b := inBackground(t, pod, append(r.flags(), "--grace=5s", "pod/target", "--", "sh", "-c", "echo here; exec sleep 777")...)
			b.expect("here\n")
			test.end(r)
			b.wait().wantBlock(t, "the connection to pod/target was lost: ", test.says, "had been started",
				"kubectl mindebug -n "+pod.Namespace+" pod/target -- ps")
			wantGone(t, pod, "sleep")
		})
	}
}
