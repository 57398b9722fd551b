package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// counter is a proxy to the API server, as the user of the kubeconfig, that notes all requests.
type counter struct {
	server     *httptest.Server
	kubeconfig string

	mu       sync.Mutex
	requests []*request
}

// auditPrefix begins the audit id that each request gets.
const auditPrefix = "bench-"

// request is one that went through.
type request struct {
	id, kind string
	exec     bool
	status   int
}

// openCounter starts the proxy.
func (b *base) openCounter() (*counter, error) {
	to, err := url.Parse(b.config.Host)
	if err != nil {
		return nil, err
	}
	transport, err := rest.TransportFor(b.config)
	if err != nil {
		return nil, err
	}
	c := &counter{}
	c.server = httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Set("Audit-ID", c.note(r.In))
		},
		ModifyResponse: func(answer *http.Response) error {
			c.answered(answer.Request.Header.Get("Audit-ID"), answer.StatusCode)
			return nil
		},
		ErrorLog: log.New(io.Discard, "", 0), // the client's own error tells
	})
	c.kubeconfig = filepath.Join(b.folder, "counter.kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: %q}}]\ncontexts: [{name: a, context: {cluster: a}}]\ncurrent-context: a\n", c.server.URL)
	if err := os.WriteFile(c.kubeconfig, []byte(text), 0o600); err != nil {
		c.server.Close()
		return nil, err
	}
	return c, nil
}

func (c *counter) close() {
	c.server.CloseClientConnections()
	c.server.Close()
}

// note keeps a request, and returns the id that it gets.
func (c *counter) note(r *http.Request) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := &request{id: auditPrefix + rand.Text(), kind: kindOf(r), exec: strings.HasSuffix(r.URL.Path, "/exec")}
	c.requests = append(c.requests, n)
	return n.id
}

func (c *counter) answered(id string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.requests {
		if n.id == id {
			n.status = status
		}
	}
}

// reset forgets all.
func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = nil
}

// seen are the requests since the last reset.
func (c *counter) seen() (all []request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.requests {
		all = append(all, *n)
	}
	return all
}

// kindOf is what a request asks for: "patch pods/ephemeralcontainers (dry run)".
func kindOf(r *http.Request) string {
	words := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var rest []string
	switch {
	case len(words) > 2 && words[0] == "api":
		rest = words[2:]
	case len(words) > 3 && words[0] == "apis":
		rest = words[3:]
	default:
		return strings.ToLower(r.Method) + " " + r.URL.Path
	}
	if rest[0] == "namespaces" && len(rest) > 2 {
		rest = rest[2:]
	}
	verb, about := map[string]string{
		http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
	}[r.Method], ""
	switch {
	case r.URL.Query().Get("watch") != "":
		verb = "watch"
	case verb == "get" && len(rest) == 1:
		verb = "list"
	case r.URL.Query().Has("dryRun"):
		about = " (dry run)"
	}
	if upgrade := r.Header.Get("Upgrade"); upgrade != "" {
		about = " (" + strings.ToLower(upgrade) + ")"
	}
	if len(rest) > 1 {
		rest = slices.Delete(rest, 1, 2) // the name
	}
	return verb + " " + strings.Join(rest, "/") + about
}
