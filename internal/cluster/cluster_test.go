package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/cluster"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// connect returns a cluster whose API server is handler, reached through a kubeconfig as kubectl has it.
func connect(t *testing.T, handler http.Handler, warn func(string), change func(*cluster.Flags)) *cluster.Cluster {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	flags := kubeconfig(t, server.URL)
	if change != nil {
		change(flags)
	}
	if warn == nil {
		warn = func(text string) { t.Errorf("warning %q", text) }
	}
	c, err := cluster.Connect(flags, warn)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func kubeconfig(t *testing.T, server string) *cluster.Flags {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: prod-eu,
clusters: [{name: c, cluster: {server: %q}}], users: [{name: u, user: {}}],
contexts: [{name: prod-eu, context: {cluster: c, user: u, namespace: shop}}, {name: other, context: {cluster: c, user: u}}]}`, server)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := &cluster.Flags{Agent: "kubectl-mindebug/v1.2.3"}
	flags.Add(pflag.NewFlagSet("kubectl", pflag.ContinueOnError))
	flags.KubeConfig = path
	return flags
}

// answer writes an API object as the server does.
func answer(t *testing.T, w http.ResponseWriter, status int, object runtime.Object) {
	t.Helper()
	text, err := runtime.Encode(scheme.Codecs.LegacyCodec(scheme.Scheme.PrioritizedVersionsAllGroups()...), object)
	if _, partial := object.(*metav1.PartialObjectMetadataList); partial {
		text, err = json.Marshal(object)
	}
	if err != nil {
		t.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// object reads an object of the kind that a word means.
func object(word, name string) func(context.Context, *cluster.Cluster) (any, error) {
	return func(ctx context.Context, c *cluster.Cluster) (any, error) {
		kind, _ := target.KindOf(word)
		o, err := c.Object(ctx, "shop", kind, name)
		if err != nil {
			return nil, err
		}
		return fmt.Sprintf("%T %s", o, o.(metav1.Object).GetName()), nil
	}
}

func web() *corev1.Pod { return kubetest.Pod("shop", "web").Running(1, 1).Build() }

func TestConnect(t *testing.T) {
	t.Parallel()
	nobody := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("Connect opened a connection: %s %s", r.Method, r.URL)
	})
	for _, test := range []struct {
		name               string
		change             func(*cluster.Flags)
		context, namespace string
	}{
		{"as kubectl", nil, "prod-eu", "shop"},
		{"another context", func(f *cluster.Flags) { f.Overrides.CurrentContext = "other" }, "other", "default"},
		{"another namespace", func(f *cluster.Flags) { f.Overrides.Context.Namespace = "stock" }, "prod-eu", "stock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := connect(t, nobody, nil, test.change)
			if c.Context != test.context || c.Namespace != test.namespace {
				t.Errorf("context %q, namespace %q; want %q, %q", c.Context, c.Namespace, test.context, test.namespace)
			}
			c.RESTConfig().Host = "changed"
			if c.RESTConfig().Host == "changed" {
				t.Error("RESTConfig is not a copy")
			}
		})
	}
	for _, test := range []struct {
		name   string
		change func(*cluster.Flags)
	}{
		{"no such context", func(f *cluster.Flags) { f.Overrides.CurrentContext = "none" }},
		{"no such file", func(f *cluster.Flags) { f.KubeConfig = "/nonexistent/kubeconfig" }},
		{"a timeout that is none", func(f *cluster.Flags) { f.Overrides.Timeout = "soon" }},
		{"a certificate that is none", func(f *cluster.Flags) { f.Overrides.ClusterInfo.CertificateAuthority = "/nonexistent/ca" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			flags := kubeconfig(t, "https://10.0.0.1:6443")
			test.change(flags)
			_, err := cluster.Connect(flags, nil)
			var configuration *fault.Configuration
			if !errors.As(err, &configuration) {
				t.Errorf("error %v (%T) is no *fault.Configuration", err, err)
			}
		})
	}
}

// TestAddEphemeralContainer checks the patch itself.
func TestAddEphemeralContainer(t *testing.T) {
	t.Parallel()
	added := corev1.EphemeralContainer{
		TargetContainerName:      "app",
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "mindebug-x", Image: "debug:1"},
	}
	for _, dryRun := range []bool{true, false} {
		t.Run(fmt.Sprintf("dry run %t", dryRun), func(t *testing.T) {
			t.Parallel()
			c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPatch || r.URL.Path != "/api/v1/namespaces/shop/pods/web/ephemeralcontainers" {
					t.Errorf("%s %s", r.Method, r.URL.Path)
				}
				if got := r.Header.Get("Content-Type"); got != "application/strategic-merge-patch+json" {
					t.Errorf("patch of type %s", got)
				}
				query := r.URL.Query()
				if got := query.Get("dryRun") == "All"; got != dryRun {
					t.Errorf("dry run: %t; want %t", got, dryRun)
				}
				if got := query.Get("fieldManager"); got != "kubectl-mindebug" {
					t.Errorf("field manager %q", got)
				}
				var got any
				if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
					t.Error(err)
				}
				want := map[string]any{
					"metadata": map[string]any{"uid": "11111111-2222-3333-4444-555555555555"},
					"spec": map[string]any{"ephemeralContainers": []any{map[string]any{
						"name": "mindebug-x", "image": "debug:1", "targetContainerName": "app", "resources": map[string]any{},
					}}},
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("patch (-want +got):\n%s", diff)
				}
				answer(t, w, http.StatusOK, kubetest.Pod("shop", "web").Ephemeral(added).Build())
			}), nil, nil)
			pod, err := c.AddEphemeralContainer(t.Context(), web(), added, dryRun)
			if err != nil {
				t.Fatal(err)
			}
			if len(pod.Spec.EphemeralContainers) != 1 {
				t.Errorf("the pod has %d ephemeral containers", len(pod.Spec.EphemeralContainers))
			}
		})
	}
}

// TestAddIfUnchanged: the patch carries the version that the pod had, and the server's conflict comes back as it is.
func TestAddIfUnchanged(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got struct{ Metadata map[string]string }
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Method != http.MethodPatch || r.URL.Query().Has("dryRun") {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		want := map[string]string{"uid": "11111111-2222-3333-4444-555555555555", "resourceVersion": "4711"}
		if diff := cmp.Diff(want, got.Metadata); diff != "" {
			t.Errorf("metadata of the patch (-want +got):\n%s", diff)
		}
		answer(t, w, http.StatusConflict, &apierrors.NewConflict(corev1.Resource("pods"), "web", errors.New("changed")).ErrStatus)
	}), nil, nil)
	pod := web()
	pod.ResourceVersion = "4711"
	if _, err := c.AddIfUnchanged(t.Context(), pod, corev1.EphemeralContainer{}); !apierrors.IsConflict(err) {
		t.Errorf("error %v is no conflict", err)
	}
}

// TestCalls makes each call that is only handed on, and looks at what reaches the server.
func TestCalls(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		call func(context.Context, *cluster.Cluster) (any, error)
		// request is what the server sees, body what it is told.
		request string
		body    any
		answer  runtime.Object
		want    any
	}{
		{
			name: "Pod", request: "GET /api/v1/namespaces/shop/pods/web", answer: web(),
			call: func(ctx context.Context, c *cluster.Cluster) (any, error) {
				pod, err := c.Pod(ctx, "shop", "web")
				return pod.Name, err
			},
			want: "web",
		},
		{
			name: "Pods", request: "GET /api/v1/namespaces/shop/pods?labelSelector=app%3Dweb",
			answer: &corev1.PodList{Items: []corev1.Pod{*web()}},
			call: func(ctx context.Context, c *cluster.Cluster) (any, error) {
				pods, err := c.Pods(ctx, "shop", "app=web")
				return len(pods), err
			},
			want: 1,
		},
		{
			name: "Jobs", request: "GET /apis/batch/v1/namespaces/shop/jobs",
			answer: &batchv1.JobList{Items: []batchv1.Job{{ObjectMeta: metav1.ObjectMeta{Name: "nightly-1"}}}},
			call: func(ctx context.Context, c *cluster.Cluster) (any, error) {
				jobs, err := c.Jobs(ctx, "shop")
				return len(jobs), err
			},
			want: 1,
		},
		{
			name: "Object of a group", request: "GET /apis/apps/v1/namespaces/shop/statefulsets/db",
			answer: &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "db"}},
			call:   object("sts", "db"), want: "*v1.StatefulSet db",
		},
		{
			name: "Object of the core group", request: "GET /api/v1/namespaces/shop/services/web",
			answer: &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}},
			call:   object("svc", "web"), want: "*v1.Service web",
		},
		{
			name: "Names", request: "GET /apis/apps/v1/namespaces/shop/deployments",
			answer: &metav1.PartialObjectMetadataList{
				TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadataList"},
				Items:    []metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Name: "web"}}, {ObjectMeta: metav1.ObjectMeta{Name: "db"}}},
			},
			call: func(ctx context.Context, c *cluster.Cluster) (any, error) {
				kind, _ := target.KindOf("deployment")
				return c.Names(ctx, "shop", kind)
			},
			want: []string{"web", "db"},
		},
		{
			name: "Secret", request: "GET /api/v1/namespaces/shop/secrets/pull",
			answer: &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "pull"}, Data: map[string][]byte{"key": []byte("value")}},
			call: func(ctx context.Context, c *cluster.Cluster) (any, error) {
				secret, err := c.Secret(ctx, "shop", "pull")
				return string(secret.Data["key"]), err
			},
			want: "value",
		},
		{
			name: "NodeArchitecture", request: "GET /api/v1/nodes/node-1",
			answer: &corev1.Node{Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{Architecture: "arm64"}}},
			call: func(ctx context.Context, c *cluster.Cluster) (any, error) {
				return c.NodeArchitecture(ctx, "node-1")
			},
			want: "arm64",
		},
		{
			name: "HasNamespace", request: "GET /api/v1/namespaces/shop", answer: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
			call: func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.HasNamespace(ctx, "shop") },
			want: true,
		},
		{
			name: "MayI", request: "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
			answer: &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}},
			call: func(ctx context.Context, c *cluster.Cluster) (any, error) {
				return c.MayI(ctx, "shop", "web", access.AddContainer)
			},
			want: true,
		},
		{
			name: "WhoAmI", request: "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
			answer: &authenticationv1.SelfSubjectReview{Status: authenticationv1.SelfSubjectReviewStatus{UserInfo: authenticationv1.UserInfo{Username: "dana"}}},
			call: func(ctx context.Context, c *cluster.Cluster) (any, error) {
				user, err := c.WhoAmI(ctx)
				return user.Username, err
			},
			want: "dana",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Method + " " + r.URL.RequestURI(); got != test.request {
					t.Errorf("request %s; want %s", got, test.request)
				}
				if got := r.UserAgent(); got != "kubectl-mindebug/v1.2.3" {
					t.Errorf("it calls itself %q", got)
				}
				if got := strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList"); got != (test.name == "Names") {
					t.Errorf("asks for names only: %t", got)
				}
				answer(t, w, http.StatusOK, test.answer)
			}), nil, nil)
			got, err := test.call(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
		t.Run(test.name+", refused", func(t *testing.T) {
			t.Parallel()
			c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				answer(t, w, http.StatusForbidden, &metav1.Status{Status: "Failure", Code: 403, Reason: metav1.StatusReasonForbidden, Message: "no"})
			}), nil, nil)
			if _, err := test.call(t.Context(), c); !apierrors.IsForbidden(err) {
				t.Errorf("error = %v; want the server's own", err)
			}
		})
		t.Run(test.name+", cancelled", func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			c := connect(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // a server sees that its client is gone once it has read all
				cancel()
				<-r.Context().Done()
			}), nil, nil)
			if _, err := test.call(ctx, c); !errors.Is(err, context.Canceled) {
				t.Errorf("error = %v; want that of the context", err)
			}
		})
	}
}

// TestUnreachable: whatever is no answer of an API server is said to be none.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	closed, err := cluster.Connect(kubeconfig(t, server.URL), nil)
	if err != nil {
		t.Fatal(err)
	}
	cut := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = connection.Close()
		}
	}), nil, nil)
	for name, c := range map[string]*cluster.Cluster{"nobody listens": closed, "the connection is cut": cut} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.WhoAmI(t.Context())
			var unreachable *fault.Unreachable
			if !errors.As(err, &unreachable) || !strings.HasPrefix(unreachable.Server, "http://127.0.0.1:") {
				t.Errorf("error %v (%T); want a *fault.Unreachable with the server", err, err)
			}
		})
	}
}

// TestFirstByte: a server that never answers is given up after the bound; one that answered may take its time.
func TestFirstByte(t *testing.T) {
	t.Parallel()
	within := func(f *cluster.Flags) { f.Overrides.Timeout = "50ms" }
	t.Run("no answer", func(t *testing.T) {
		t.Parallel()
		silent := connect(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), nil, within)
		start := time.Now()
		_, err := silent.Pod(t.Context(), "shop", "web")
		var unreachable *fault.Unreachable
		if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "no answer within 50ms") {
			t.Errorf("error = %v; want that there was no answer within 50ms", err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
	})
	t.Run("a watch lasts", func(t *testing.T) {
		t.Parallel()
		more := make(chan struct{})
		query := make(chan string, 1)
		c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query <- r.URL.Query().Get("fieldSelector") + " since " + r.URL.Query().Get("resourceVersion")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-more // longer than the bound
			text, err := json.Marshal(metav1.WatchEvent{Type: "MODIFIED", Object: runtime.RawExtension{Raw: []byte(
				`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web"}}`)}})
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(text)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}), nil, within)
		pod := web()
		pod.ResourceVersion = "42"
		w, err := c.WatchPod(t.Context(), pod)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := <-query, "metadata.name=web since 42"; got != want {
			t.Errorf("watched %q; want %q", got, want)
		}
		time.AfterFunc(150*time.Millisecond, func() { close(more) })
		event, ok := <-w.ResultChan()
		if !ok || event.Type != watch.Modified {
			t.Errorf("event %+v, %t; want one although the bound was over", event, ok)
		}
		w.Stop()
		for range w.ResultChan() {
		}
	})
	t.Run("a long answer", func(t *testing.T) {
		t.Parallel()
		c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"kind":"Pod","apiVersion":"v1",`)
			_ = http.NewResponseController(w).Flush()
			<-time.After(150 * time.Millisecond)
			_, _ = io.WriteString(w, `"metadata":{"name":"web"}}`)
		}), nil, within)
		if pod, err := c.Pod(t.Context(), "shop", "web"); err != nil || pod.Name != "web" {
			t.Errorf("Pod = %v, %v", pod, err)
		}
	})
}

// TestWatchEvents asks for the Events about one container of one pod only.
func TestWatchEvents(t *testing.T) {
	t.Parallel()
	query := make(chan string, 1)
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Query().Get("fieldSelector"), ",")
		slices.Sort(parts)
		query <- r.URL.Path + " " + strings.Join(parts, ",")
		w.Header().Set("Content-Type", "application/json")
	}), nil, nil)
	w, err := c.WatchEvents(t.Context(), web(), "mindebug-x")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	want := "/api/v1/namespaces/shop/events involvedObject.fieldPath=spec.ephemeralContainers{mindebug-x}," +
		"involvedObject.uid=11111111-2222-3333-4444-555555555555"
	if got := <-query; got != want {
		t.Errorf("watched %q; want %q", got, want)
	}
}

// TestWarnings: each is said once, however often the server sends it.
func TestWarnings(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, warning := range []string{`299 - "would violate PodSecurity"`, `299 - "deprecated"`, `299 - "deprecated"`, `199 - "of a proxy"`} {
			w.Header().Add("Warning", warning)
		}
		answer(t, w, http.StatusOK, web())
	}), func(text string) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, text)
	}, nil)
	var calls sync.WaitGroup
	for range 5 {
		calls.Go(func() {
			if _, err := c.Pod(t.Context(), "shop", "web"); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if diff := cmp.Diff([]string{"would violate PodSecurity", "deprecated"}, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}
