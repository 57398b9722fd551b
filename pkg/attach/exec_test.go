package attach_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/streaming/pkg/httpstream/wsstream"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

var container = attach.Container{Namespace: "shop", Pod: "web", Name: "mindebug-x"}

func execer(t *testing.T, handler http.Handler) *attach.Execer {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, c)
	}
	server.Start()
	t.Cleanup(server.Close)
	e, err := attach.NewExecer(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// connectionKey is that of a request's connection in its context.
type connectionKey struct{}

// cut ends a session's connection as a machine that dies does.
func (s session) cut() {
	_ = s.request.Context().Value(connectionKey{}).(net.Conn).Close()
}

// session is the other end of an exec by websocket, in protocol v5.channel.k8s.io.
type session struct {
	stdin                 io.Reader
	stdout, stderr, error io.Writer
	sizes                 io.Reader
	request               *http.Request
}

// kubelet serves execs by websocket.
func kubelet(run func(session)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := wsstream.NewConn(map[string]wsstream.ChannelProtocolConfig{
			"v5.channel.k8s.io": {Binary: true, Channels: []wsstream.ChannelType{
				wsstream.ReadChannel, wsstream.WriteChannel, wsstream.WriteChannel, wsstream.WriteChannel, wsstream.ReadChannel,
			}},
		})
		_, streams, err := connection.Open(w, r)
		if err != nil {
			return
		}
		run(session{stdin: streams[0], stdout: streams[1], stderr: streams[2], error: streams[3], sizes: streams[4], request: r})
		_ = connection.Close()
	})
}

// end is how a kubelet tells the exit status of a command.
func (s session) end(code int) {
	status := metav1.Status{Status: metav1.StatusSuccess}
	if code != 0 {
		status = metav1.Status{
			Status: metav1.StatusFailure, Reason: "NonZeroExitCode", Message: "command terminated with non-zero exit code",
			Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: "ExitCode", Message: fmt.Sprint(code)}}},
		}
	}
	s.fail(status)
}

func (s session) fail(status metav1.Status) {
	text, err := json.Marshal(status)
	if err != nil {
		panic(err)
	}
	_, _ = s.error.Write(text)
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	for _, code := range []int{0, 1, 2, 125, 126, 127, 137, 255} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			e := execer(t, kubelet(func(s session) { s.end(code) }))
			got, err := e.Exec(t.Context(), container, []string{"x"}, attach.Streams{Stdout: io.Discard})
			if got != code || err != nil {
				t.Errorf("Exec = %d, %v; want %d", got, err, code)
			}
		})
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	e := execer(t, kubelet(func(s session) {
		typed, err := io.ReadAll(s.stdin)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(s.stdout, "out of %s", typed)
		fmt.Fprint(s.stderr, "err")
		s.end(3)
	}))
	var out, errOut bytes.Buffer
	status, err := e.Exec(t.Context(), container, []string{"cat"}, attach.Streams{
		Stdin: strings.NewReader("a\x00\xff\n"), Stdout: &out, Stderr: &errOut,
	})
	if status != 3 || err != nil {
		t.Errorf("Exec = %d, %v; want 3", status, err)
	}
	if out.String() != "out of a\x00\xff\n" || errOut.String() != "err" {
		t.Errorf("output %q, error output %q", out.String(), errOut.String())
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	sizes := make(chan attach.Size, 2)
	sizes <- attach.Size{Width: 80, Height: 24}
	sizes <- attach.Size{Width: 120, Height: 40}
	close(sizes)
	e := execer(t, kubelet(func(s session) {
		var got []attach.Size
		for decoder := json.NewDecoder(s.sizes); len(got) < 2; {
			var size attach.Size
			if err := decoder.Decode(&size); err != nil {
				t.Error(err)
				break
			}
			got = append(got, size)
		}
		if diff := cmp.Diff([]attach.Size{{Width: 80, Height: 24}, {Width: 120, Height: 40}}, got); diff != "" {
			t.Errorf("sizes (-want +got):\n%s", diff)
		}
		s.end(0)
	}))
	status, err := e.Exec(t.Context(), container, []string{"sh"}, attach.Streams{
		Stdin: strings.NewReader(""), Stdout: io.Discard, TTY: true, Sizes: sizes,
	})
	if status != 0 || err != nil {
		t.Errorf("Exec = %d, %v", status, err)
	}
}

// TestSizesUnsent: a terminal whose size never comes does not hold up the end.
func TestSizesUnsent(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e := execer(t, kubelet(func(s session) { s.end(4) }))
	status, err := e.Exec(ctx, container, []string{"sh"}, attach.Streams{Stdout: io.Discard, TTY: true, Sizes: make(chan attach.Size)})
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
			e := execer(t, kubelet(func(s session) {
				if got, want := s.request.URL.Path, "/api/v1/namespaces/shop/pods/web/exec"; got != want || s.request.Method != http.MethodGet {
					t.Errorf("%s %s; want GET %s", s.request.Method, got, want)
				}
				if diff := cmp.Diff(test.want, s.request.URL.Query()); diff != "" {
					t.Errorf("query (-want +got):\n%s", diff)
				}
				s.end(0)
			}))
			if _, err := e.Exec(t.Context(), container, test.command, test.streams); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestServerBelowAPath: some API servers are reached through a proxy that adds a prefix.
func TestServerBelowAPath(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(kubelet(func(s session) {
		if got, want := s.request.URL.Path, "/k8s/clusters/c-1/api/v1/namespaces/shop/pods/web/exec"; got != want {
			t.Errorf("path %s; want %s", got, want)
		}
		s.end(0)
	}))
	defer server.Close()
	e, err := attach.NewExecer(&rest.Config{Host: server.URL + "/k8s/clusters/c-1", Timeout: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
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

// TestLost: whatever ends the streams without an exit status is a *LostError.
func TestLost(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(session){
		"the connection is cut": func(s session) { s.cut() },
		"after output":          func(s session) { fmt.Fprint(s.stdout, "data"); s.cut() },
		"a failure that is no exit status": func(s session) {
			s.fail(metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonInternalError, Message: "error executing command in container"})
		},
		"garbage for a status": func(s session) { fmt.Fprint(s.error, "what?") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, err := execer(t, kubelet(run)).Exec(t.Context(), container, []string{"x"}, attach.Streams{Stdout: io.Discard})
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

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	e := execer(t, kubelet(func(s session) {
		cancel()
		_, _ = io.Copy(io.Discard, s.sizes) // until the client has closed the connection
	}))
	_, err := e.Exec(ctx, container, []string{"sleep"}, attach.Streams{Stdout: io.Discard})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v; want that of the context", err)
	}
}

// refusal answers every request alike, and notes how it was asked.
type refusal struct {
	code int
	// reason makes the body a Status; else it is text.
	reason metav1.StatusReason
	text   string
	hangUp bool
	// bySPDY answers what is asked by SPDY, if not nil.
	bySPDY *refusal

	mu    sync.Mutex
	asked []string
}

// requests are how it was asked, in order.
func (f *refusal) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func (f *refusal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.Method+" "+r.Header.Get("Upgrade"))
	f.mu.Unlock()
	switch {
	case f.bySPDY != nil && r.Method == http.MethodPost:
		f.bySPDY.ServeHTTP(w, r)
	case f.hangUp:
		if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = connection.Close()
		}
	case f.reason != "":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(f.code)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status:   metav1.StatusFailure, Code: int32(f.code), Reason: f.reason, Message: f.text,
		})
	default:
		http.Error(w, f.text, f.code)
	}
}

// TestFallback: SPDY is tried where websockets are not spoken or not allowed, and only there.
func TestFallback(t *testing.T) {
	t.Parallel()
	const websocket, spdy = "GET websocket", "POST SPDY/3.1"
	tests := []struct {
		name   string
		server *refusal
		asked  []string
		// reason is that of the server's own answer; none means that the connection was lost.
		reason metav1.StatusReason
	}{
		{
			name:   "no such pod",
			server: &refusal{code: 404, reason: metav1.StatusReasonNotFound, text: `pods "web" not found`},
			asked:  []string{websocket}, reason: metav1.StatusReasonNotFound,
		},
		{
			name:   "container not valid",
			server: &refusal{code: 400, reason: metav1.StatusReasonBadRequest, text: "container mindebug-x is not valid for pod web"},
			asked:  []string{websocket}, reason: metav1.StatusReasonBadRequest,
		},
		{
			name:   "failed in the server",
			server: &refusal{code: 500, reason: metav1.StatusReasonInternalError, text: "etcd is away"},
			asked:  []string{websocket}, reason: metav1.StatusReasonInternalError,
		},
		{
			name:   "unauthorized",
			server: &refusal{code: 401, reason: metav1.StatusReasonUnauthorized, text: "Unauthorized"},
			asked:  []string{websocket}, reason: metav1.StatusReasonUnauthorized,
		},
		{
			name:   "may not get pods/exec, perhaps may create",
			server: &refusal{code: 403, reason: metav1.StatusReasonForbidden, text: "pods \"web\" is forbidden: cannot get pods/exec"},
			asked:  []string{websocket, spdy}, reason: metav1.StatusReasonForbidden,
		},
		{
			name: "may create pods/exec, and the container does not run yet",
			server: &refusal{
				code: 403, reason: metav1.StatusReasonForbidden, text: `pods "web" is forbidden: User "dana" cannot get`,
				bySPDY: &refusal{code: 500, text: "container not found"},
			},
			asked: []string{websocket, spdy},
		},
		{
			name:   "the kubelet does not find the container yet",
			server: &refusal{code: 500, text: "container not found (\"mindebug-x\")"},
			asked:  []string{websocket},
		},
		{
			name:   "a server that knows no such protocol",
			server: &refusal{code: 400, text: "unable to upgrade: unsupported protocol"},
			asked:  []string{websocket, spdy},
		},
		{
			name:   "a proxy that lets no websocket through",
			server: &refusal{code: 403, text: "<html>blocked</html>"},
			asked:  []string{websocket, spdy},
		},
		{
			name:   "a proxy that answers as if it were none",
			server: &refusal{code: 200, text: "hello"},
			asked:  []string{websocket, spdy},
		},
		{
			name:   "the connection is closed",
			server: &refusal{hangUp: true},
			asked:  []string{websocket},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := strings.NewReader("typed")
			status, err := execer(t, test.server).Exec(t.Context(), container, []string{"x"}, attach.Streams{Stdin: in, Stdout: io.Discard})
			if status != 0 || err == nil {
				t.Fatalf("Exec = %d, %v; want an error", status, err)
			}
			var lost *attach.LostError
			if got := apierrors.ReasonForError(err); got != test.reason || errors.As(err, &lost) != (test.reason == "") {
				t.Errorf("error %v (%T) for the reason %q; want %q", err, err, got, test.reason)
			}
			last := test.server
			if last.bySPDY != nil {
				last = last.bySPDY
			}
			if !strings.Contains(err.Error(), last.text) && last.code != http.StatusOK {
				t.Errorf("error %q does not say what the server said: %q", err, last.text)
			}
			if asked := test.server.requests(); !slices.Equal(test.asked, asked) {
				t.Errorf("asked %q; want %q", asked, test.asked)
			}
			if in.Len() != len("typed") {
				t.Error("standard input was read although nothing was connected")
			}
		})
	}
}
