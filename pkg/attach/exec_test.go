//go:build unix

package attach_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/attach/attachtest"
)

var container = attach.Container{Namespace: "shop", Pod: "web", Name: "mindebug-x"}

// execer reaches containers that run plays.
func execer(t *testing.T, run attachtest.Handler) *attach.Execer {
	t.Helper()
	return over(t, attachtest.NewServer(t, run).Config())
}

func over(t *testing.T, config *rest.Config) *attach.Execer {
	t.Helper()
	e, err := attach.NewExecer(config)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestConformance runs the suite that the end-to-end tests run against a kubelet.
func TestConformance(t *testing.T) {
	t.Parallel()
	attachtest.Conformance(t, attachtest.NewMachine(t))
}

// TestSizesUnsent: a terminal whose size never comes does not hold up the end.
func TestSizesUnsent(t *testing.T) {
	t.Parallel()
	e := execer(t, func(*attachtest.Call) (int, error) { return 4, nil })
	status, err := e.Exec(t.Context(), container, []string{"sh"}, attach.Streams{Stdout: io.Discard, TTY: true, Sizes: make(chan attach.Size)})
	if status != 4 || err != nil {
		t.Errorf("Exec = %d, %v; want 4", status, err)
	}
}

// TestURL checks what is asked of the API server.
func TestURL(t *testing.T) {
	t.Parallel()
	in := strings.NewReader("")
	tests := []struct {
		name    string
		command []string
		streams attach.Streams
		want    url.Values
	}{
		{
			name: "output only", command: []string{"ls", "-l", "a b&c=d"}, streams: attach.Streams{Stdout: io.Discard},
			want: url.Values{"container": {"mindebug-x"}, "command": {"ls", "-l", "a b&c=d"}, "stdout": {"true"}},
		},
		{
			name: "all", command: []string{"sh", ""}, streams: attach.Streams{Stdin: in, Stdout: io.Discard, Stderr: io.Discard},
			want: url.Values{"container": {"mindebug-x"}, "command": {"sh", ""}, "stdin": {"true"}, "stdout": {"true"}, "stderr": {"true"}},
		},
		{
			name: "a terminal has no stderr", command: []string{"sh"},
			streams: attach.Streams{Stdin: in, Stdout: io.Discard, Stderr: io.Discard, TTY: true},
			want:    url.Values{"container": {"mindebug-x"}, "command": {"sh"}, "stdin": {"true"}, "stdout": {"true"}, "tty": {"true"}},
		},
		{
			name: "input only", command: []string{"tee"}, streams: attach.Streams{Stdin: in},
			want: url.Values{"container": {"mindebug-x"}, "command": {"tee"}, "stdin": {"true"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := execer(t, func(c *attachtest.Call) (int, error) {
				if got, want := c.Request.URL.Path, "/api/v1/namespaces/shop/pods/web/exec"; got != want || c.Request.Method != http.MethodGet {
					t.Errorf("%s %s; want GET %s", c.Request.Method, got, want)
				}
				if diff := cmp.Diff(test.want, c.Request.URL.Query()); diff != "" {
					t.Errorf("query (-want +got):\n%s", diff)
				}
				return 0, nil
			})
			if _, err := e.Exec(t.Context(), container, test.command, test.streams); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestServerBelowAPath: some API servers are reached through a proxy that adds a prefix.
func TestServerBelowAPath(t *testing.T) {
	t.Parallel()
	server := attachtest.NewServer(t, func(c *attachtest.Call) (int, error) {
		if got, want := c.Request.URL.Path, "/k8s/clusters/c-1/api/v1/namespaces/shop/pods/web/exec"; got != want {
			t.Errorf("path %s; want %s", got, want)
		}
		return 0, nil
	})
	e := over(t, &rest.Config{Host: server.URL + "/k8s/clusters/c-1", Timeout: time.Nanosecond})
	if _, err := e.Exec(t.Context(), container, []string{"x"}, attach.Streams{Stdout: io.Discard}); err != nil {
		t.Error(err)
	}
}

func TestNewExecerFails(t *testing.T) {
	t.Parallel()
	if _, err := attach.NewExecer(&rest.Config{Host: "http://%zz"}); err == nil {
		t.Error("an address that is none was taken")
	}
}

// protocols are what a proxy does so that one of them is used.
var protocols = map[string]*attachtest.Refusal{"websocket": nil, "SPDY": attachtest.NoWebsockets()[0].Refusal}

// TestLost: whatever ends the streams without an exit status is a *LostError, by both protocols.
func TestLost(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]attachtest.Handler{
		"the connection is cut": func(c *attachtest.Call) (int, error) { c.Cut(); return 0, nil },
		"after output": func(c *attachtest.Call) (int, error) {
			fmt.Fprint(c.Stdout, "data")
			c.Cut()
			return 0, nil
		},
		"a failure that is no exit status": func(*attachtest.Call) (int, error) { return 0, errors.New("no shell") },
	} {
		for by, refusal := range protocols {
			t.Run(name+" by "+by, func(t *testing.T) {
				t.Parallel()
				config := attachtest.NewServer(t, run).Config()
				if refusal != nil {
					config = attachtest.NewProxy(t, config, refusal).Config()
				}
				status, err := over(t, config).Exec(t.Context(), container, []string{"x"}, attach.Streams{Stdout: io.Discard})
				var lost *attach.LostError
				if status != 0 || !errors.As(err, &lost) {
					t.Fatalf("Exec = %d, %v (%T); want a *LostError", status, err, err)
				}
				if lost.Container != container || lost.Cause == nil || !errors.Is(lost, lost.Cause) {
					t.Errorf("lost %+v", lost)
				}
				if !strings.HasPrefix(lost.Error(), `connection to container "mindebug-x" of pod "web": `) {
					t.Errorf("error %q", lost)
				}
			})
		}
	}
}

// TestSilence: a connection that stays open and carries nothing any more is given up, by both protocols.
func TestSilence(t *testing.T) {
	t.Parallel()
	const bound = 100 * time.Millisecond
	for by, refusal := range protocols {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			config := attachtest.NewServer(t, attachtest.Process).Config()
			if refusal != nil {
				config = attachtest.NewProxy(t, config, refusal).Config()
			}
			road := attachtest.NewRoad(t, config)
			e := over(t, road.Config())
			e.GiveUpAfter(bound)
			first := writerFunc(func(p []byte) (int, error) { road.Silence(); return len(p), nil })
			_, err := e.Exec(t.Context(), container, []string{"sh", "-c", "echo here; exec sleep 600"}, attach.Streams{Stdout: first})
			var lost *attach.LostError
			var silence *attach.SilenceError
			if !errors.As(err, &lost) || !errors.As(lost.Cause, &silence) || silence.Bound != bound {
				t.Fatalf("error %v (%T); want a *LostError for silence", err, err)
			}
			if got, want := silence.Error(), "nothing was heard from the server for 100ms"; got != want {
				t.Errorf("error %q; want %q", got, want)
			}
		})
	}
}

// TestPause: who takes no output for longer than a silence may last loses neither the connection nor a byte.
func TestPause(t *testing.T) {
	t.Parallel()
	const bound, pause = time.Second, 1100 * time.Millisecond
	for by, refusal := range protocols {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			config := attachtest.NewServer(t, attachtest.Process).Config()
			if refusal != nil {
				config = attachtest.NewProxy(t, config, refusal).Config()
			}
			e := over(t, config)
			e.GiveUpAfter(bound)
			n := 0
			out := writerFunc(func(p []byte) (int, error) {
				if n < len(p) {
					<-time.After(pause)
				}
				n += len(p)
				return len(p), nil
			})
			status, err := e.Exec(t.Context(), container, []string{"sh", "-c", "head -c 10000000 /dev/zero; exit 3"}, attach.Streams{Stdout: out})
			if status != 3 || err != nil || n != 10000000 {
				t.Errorf("Exec = %d, %v with %d bytes; want 3 with all", status, err, n)
			}
		})
	}
}

// writerFunc is a function as an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestFallback: SPDY is tried where websockets are not spoken, not allowed or not let through, and only there: what may
// have started the command is not asked twice.
func TestFallback(t *testing.T) {
	t.Parallel()
	const websocket, spdy = "GET websocket", "POST SPDY/3.1"
	api := func(code int, reason metav1.StatusReason, text string) *attachtest.Refusal {
		return &attachtest.Refusal{Code: code, Reason: reason, Text: text}
	}
	plain := func(code int, text string) *attachtest.Refusal { return &attachtest.Refusal{Code: code, Text: text} }
	tests := []struct {
		name string
		// first answers what is asked by websocket, second by SPDY.
		first, second *attachtest.Refusal
		asked         []string
	}{
		{"no such pod", api(404, metav1.StatusReasonNotFound, `pods "web" not found`), nil, []string{websocket}},
		{"container not valid", api(400, metav1.StatusReasonBadRequest, "container mindebug-x is not valid for pod web"), nil, []string{websocket}},
		{"failed in the server", api(500, metav1.StatusReasonInternalError, "etcd is away"), nil, []string{websocket}},
		{"unauthorized", api(401, metav1.StatusReasonUnauthorized, "Unauthorized"), nil, []string{websocket}},
		{
			"may neither get nor create pods/exec", api(403, metav1.StatusReasonForbidden, `pods "web" is forbidden: cannot get`),
			api(403, metav1.StatusReasonForbidden, `pods "web" is forbidden: cannot create`),
			[]string{websocket, spdy},
		},
		{
			"may create pods/exec, and the container does not run yet", api(403, metav1.StatusReasonForbidden, `pods "web" is forbidden: cannot get`),
			plain(500, "container not found"),
			[]string{websocket, spdy},
		},
		{"the kubelet does not find the container yet", plain(500, `container not found ("mindebug-x")`), nil, []string{websocket}},
		{"a server that knows no such protocol", plain(400, "unable to upgrade: unsupported protocol"), plain(400, "neither"), []string{websocket, spdy}},
		{"a proxy that lets nothing through", plain(403, "<html>blocked</html>"), plain(403, "<html>blocked</html>"), []string{websocket, spdy}},
		{"a proxy that answers as if it were none", plain(200, "hello"), plain(200, "hello again"), []string{websocket, spdy}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := attachtest.NewServer(t, attachtest.Process)
			server.Refuse(func(r *http.Request) *attachtest.Refusal {
				if r.Method == http.MethodPost {
					return test.second
				}
				return test.first
			})
			in := strings.NewReader("typed")
			status, err := over(t, server.Config()).Exec(t.Context(), container, []string{"x"}, attach.Streams{Stdin: in, Stdout: io.Discard})
			if status != 0 || err == nil {
				t.Fatalf("Exec = %d, %v; want an error", status, err)
			}
			last := test.first
			if test.second != nil {
				last = test.second
			}
			var refused *attach.RefusedError
			switch {
			case last.Reason != "" && apierrors.ReasonForError(err) != last.Reason:
				t.Errorf("error %v (%T); want the server's own, %q", err, err, last.Reason)
			case last.Reason == "" && (!errors.As(err, &refused) || refused.Status != last.Code || refused.Container != container):
				t.Errorf("error %v (%T); want a *RefusedError of %d", err, err, last.Code)
			}
			if !strings.Contains(err.Error(), last.Text) {
				t.Errorf("error %q does not say what the server said: %q", err, last.Text)
			}
			if asked := server.Asked(); !slices.Equal(test.asked, asked) {
				t.Errorf("asked %q; want %q", asked, test.asked)
			}
			if in.Len() != len("typed") {
				t.Error("standard input was read although nothing was connected")
			}
		})
	}
}

// TestLostOnTheWayIn: where a connection is closed instead of answered, and websockets come through otherwise, the command may
// have been started: it is not asked for again.
func TestLostOnTheWayIn(t *testing.T) {
	t.Parallel()
	server := attachtest.NewServer(t, attachtest.Process)
	first := true
	var commands []string
	server.Refuse(func(r *http.Request) *attachtest.Refusal {
		commands = append(commands, r.URL.Query()["command"]...)
		if first {
			first = false
			return attachtest.HangUp
		}
		return nil
	})
	status, err := over(t, server.Config()).Exec(t.Context(), container, []string{"once"}, attach.Streams{Stdout: io.Discard})
	var lost *attach.LostError
	if status != 0 || !errors.As(err, &lost) {
		t.Errorf("Exec = %d, %v (%T); want a *LostError", status, err, err)
	}
	if !slices.Equal(commands, []string{"once"}) {
		t.Errorf("commands asked for: %q; want one, once", commands)
	}
}

// TestServerAway: a server that is not there is not asked twice, and the error says what dialling said.
func TestServerAway(t *testing.T) {
	t.Parallel()
	road := attachtest.NewRoad(t, attachtest.NewServer(t, attachtest.Process).Config())
	config := road.Config()
	road.Cut()
	_, err := over(t, config).Exec(t.Context(), container, []string{"x"}, attach.Streams{Stdout: io.Discard})
	var lost *attach.LostError
	if !errors.As(err, &lost) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v (%T); want a *LostError for a connection refused", err, err)
	}
}
