package attachtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// Call is one exec or attach as the container has it.
type Call struct {
	// Request is what was asked of the server. Its query has the container's name and which streams are wanted.
	Request *http.Request
	// Attach is set where the container's own process is meant; Command is empty then.
	Attach  bool
	Command []string
	// Stdin ends when the client closes it or is gone. Streams that were not asked for are nil.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	TTY            bool
	// Sizes carries the sizes of the client's terminal; it is closed with the connection.
	Sizes <-chan attach.Size
	// Done is closed when the server ends.
	Done <-chan struct{}

	cut func()
}

// Cut closes the connection at once, as a machine that dies does. No exit status is sent after it.
func (c *Call) Cut() { c.cut() }

// Handler plays the container: it returns the exit status, or an error, which the client is told as the kubelet tells
// that a command could not be run.
type Handler func(*Call) (int, error)

// Refusal is an answer instead of streams. With a Reason it has the API's form, else it is text.
type Refusal struct {
	Code   int
	Reason metav1.StatusReason
	Text   string
}

// HangUp closes the connection instead of answering.
var HangUp = &Refusal{}

// Server is an API server as far as exec and attach go. It takes a user that is impersonated for one who may do nothing
// (403), the pod "absent" for one that there is not (404), and the container "waiting" for one that does not run (500 in
// plain text, as a kubelet answers).
type Server struct {
	URL string

	run    Handler
	done   chan struct{}
	calls  sync.WaitGroup
	mu     sync.Mutex
	asked  []string
	refuse func(*http.Request) *Refusal
}

// NewServer starts a server whose containers are played by run. It ends with the test.
func NewServer(t testing.TB, run Handler) *Server {
	t.Helper()
	s := &Server{run: run, done: make(chan struct{})}
	server := httptest.NewUnstartedServer(s)
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, c)
	}
	server.Start()
	s.URL = server.URL
	t.Cleanup(func() {
		close(s.done)
		server.Close()
		s.calls.Wait()
	})
	return s
}

// Config reaches the server.
func (s *Server) Config() *rest.Config { return &rest.Config{Host: s.URL} }

// Refuse makes the server answer with what refuse returns, unless that is nil. Set it before the first request.
func (s *Server) Refuse(refuse func(*http.Request) *Refusal) { s.refuse = refuse }

// Asked returns how the server was asked, in order: "GET websocket", "POST SPDY/3.1".
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// connectionKey is that of a request's connection in its context.
type connectionKey struct{}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.Header.Get("Upgrade"))
	s.mu.Unlock()
	s.calls.Add(1)
	defer s.calls.Done()
	if refusal := s.refusal(r); refusal != nil {
		refusal.write(w)
		return
	}
	query := r.URL.Query()
	call := &Call{
		Request: r, Attach: strings.HasSuffix(r.URL.Path, "/attach"), Command: query["command"],
		TTY: query.Get("tty") == "true", Done: s.done,
		cut: func() { _ = r.Context().Value(connectionKey{}).(net.Conn).Close() },
	}
	var streams *streams
	var err error
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		streams, err = openWebsocket(w, r)
	} else {
		streams, err = openSPDY(w, r)
	}
	if err != nil {
		return // the client was told
	}
	streams.give(call)
	streams.end(s.run(call))
	_ = streams.close() // the client may have done it
}

// refusal is the answer to a request that gets no streams.
func (s *Server) refusal(r *http.Request) *Refusal {
	if s.refuse != nil {
		if refusal := s.refuse(r); refusal != nil {
			return refusal
		}
	}
	query := r.URL.Query()
	switch {
	case r.Header.Get("Impersonate-User") != "":
		return &Refusal{http.StatusForbidden, metav1.StatusReasonForbidden, "pods is forbidden: the user may not"}
	case strings.Contains(r.URL.Path, "/pods/absent/"):
		return &Refusal{http.StatusNotFound, metav1.StatusReasonNotFound, `pods "absent" not found`}
	case query.Get("container") == "waiting":
		return &Refusal{Code: http.StatusInternalServerError, Text: `container not found ("waiting")`}
	case query.Get("stdin")+query.Get("stdout")+query.Get("stderr") == "":
		return &Refusal{http.StatusBadRequest, metav1.StatusReasonBadRequest, "you must specify at least 1 of stdin, stdout, stderr"}
	}
	return nil
}

func (f *Refusal) write(w http.ResponseWriter) {
	if f == HangUp {
		if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = connection.Close()
		}
		return
	}
	if f.Reason == "" {
		http.Error(w, f.Text, f.Code)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Code)
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(f.Code), Reason: f.Reason, Message: f.Text,
	})
}

// status is how a kubelet tells the end of a command (ServeExec in k8s.io/cri-streaming).
func status(code int, err error) metav1.Status {
	switch {
	case err != nil:
		return metav1.Status{
			Status: metav1.StatusFailure, Reason: metav1.StatusReasonInternalError,
			Message: fmt.Sprintf("Internal error occurred: error executing command in container: %v", err),
		}
	case code != 0:
		return metav1.Status{
			Status: metav1.StatusFailure, Reason: "NonZeroExitCode", Message: fmt.Sprintf("command terminated with exit code %d", code),
			Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: "ExitCode", Message: fmt.Sprint(code)}}},
		}
	}
	return metav1.Status{Status: metav1.StatusSuccess}
}
