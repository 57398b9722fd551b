package e2e

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// untold makes a user who sees the cluster as one that tells in no pod's status whom its containers run as: through a
// proxy in front of the API server that takes it out.
func untold(t *testing.T, u user) user {
	t.Helper()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		t.Fatalf("reading kubeconfig: %v", err)
	}
	config = rest.AnonymousClientConfig(config)
	config.NextProtos = []string{"http/1.1"} // which alone can change its protocol, as streams do
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatalf("making transport: %v", err)
	}
	server, err := url.Parse(config.Host)
	if err != nil {
		t.Fatalf("parsing %q: %v", config.Host, err)
	}
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{
		Transport: whole{transport}, FlushInterval: -1, ErrorLog: log.New(t.Output(), "proxy: ", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(server)
			if strings.Contains(r.In.Header.Get("Accept"), "protobuf") {
				r.Out.Header.Set("Accept", "application/json")
			}
			r.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode == http.StatusOK && strings.Contains(r.Request.URL.Path, "/pods") {
				r.Header.Del("Content-Length")
				r.Body = withoutUsers(r.Body)
			}
			return nil
		},
	})
	t.Cleanup(proxy.Close)
	raw, err := clientcmd.LoadFromFile(u.kubeconfig)
	if err != nil {
		t.Fatalf("reading kubeconfig: %v", err)
	}
	cluster := raw.Clusters[raw.Contexts[raw.CurrentContext].Cluster]
	cluster.Server, cluster.CertificateAuthority = proxy.URL, ""
	cluster.CertificateAuthorityData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})
	u.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*raw, u.kubeconfig); err != nil {
		t.Fatalf("writing kubeconfig: %v", err)
	}
	return u
}

// whole answers with a body that has come to its end, unless it is that of a watch. It reads again what broke off: whether the
// API server can be reached is not what these tests are about.
type whole struct{ http.RoundTripper }

func (w whole) RoundTrip(r *http.Request) (*http.Response, error) {
	for tries := 3; ; tries-- {
		answer, err := w.RoundTripper.RoundTrip(r)
		if err != nil || answer.StatusCode != http.StatusOK || r.URL.Query().Has("watch") {
			return answer, err
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err == nil {
			answer.Body = io.NopCloser(bytes.NewReader(body))
			return answer, nil
		}
		if r.Method != http.MethodGet || tries == 1 {
			return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL, err)
		}
	}
}

// withoutUsers takes the users out of the statuses of the JSON objects that a body is made of: one, or those of a watch.
func withoutUsers(body io.ReadCloser) io.ReadCloser {
	out, in := io.Pipe()
	go func() {
		defer body.Close()
		decoder, encoder := json.NewDecoder(body), json.NewEncoder(in)
		decoder.UseNumber()
		for {
			var object map[string]any
			err := decoder.Decode(&object)
			if err == nil {
				withoutUser(object)
				err = encoder.Encode(object)
			}
			if err != nil {
				_ = in.CloseWithError(err)
				return
			}
		}
	}()
	return out
}

func withoutUser(object map[string]any) {
	if inner, ok := object["object"].(map[string]any); ok {
		object = inner
	}
	status, _ := object["status"].(map[string]any)
	for _, list := range []string{"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"} {
		statuses, _ := status[list].([]any)
		for _, s := range statuses {
			delete(s.(map[string]any), "user")
		}
	}
}

const passwd = "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65533:nonroot:/:\nweb:x:7:8::/:\nweb:x:9:9::/:\nadmin:x:0:44::/:\n"

// TestImageIdentities compares what is made of an image with what the kubelet and the runtime made of it.
func TestImageIdentities(t *testing.T) {
	t.Parallel()
	if !identityFromStatus(t) {
		t.Skip("the status tells no user to compare with")
	}
	shelf, ns := newShelf(t, ""), newNamespace(t, "privileged")
	runAs := func(uid, gid *int64) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: uid, RunAsGroup: gid}
		}
	}
	for _, test := range []struct {
		name, user, passwd string
		uid, gid           *int64
	}{
		{name: "number", user: "65532", passwd: passwd},
		{name: "number-group", user: "65532:4242", passwd: passwd},
		{name: "number-no-passwd", user: "31337:4242"},
		{name: "number-not-listed", user: "31337", passwd: passwd},
		{name: "name", user: "web", passwd: passwd},
		{name: "name-group", user: "web:4242", passwd: passwd},
		{name: "name-of-root", user: "admin", passwd: passwd},
		{name: "empty", passwd: passwd},
		{name: "empty-other-group", passwd: "admin:x:0:44::/:\n" + passwd},
		{name: "empty-no-passwd"},
		{name: "no-number", user: "x", passwd: "x:x:abc\n"},
		{name: "uid-over-user", user: "65532", passwd: passwd, uid: new(int64(7))},
		{name: "uid-not-listed", user: "web", passwd: passwd, uid: new(int64(1234))},
		{name: "uid-root", user: "web", passwd: passwd, uid: new(int64(0))},
		{name: "uid-and-gid", user: "web", passwd: passwd, uid: new(int64(7)), gid: new(int64(5))},
		{name: "gid-and-number", user: "65532", passwd: passwd, gid: new(int64(5))},
		{name: "gid-and-name", user: "web", passwd: passwd, gid: new(int64(5))},
		{name: "gid-and-empty", passwd: passwd, gid: new(int64(5))},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			image := shelf.image(t, test.name, test.user, test.passwd)
			pod := newPod(t, kubetest.Pod(ns, test.name).Image(image).With(runAs(test.uid, test.gid)))
			status := pod.Status.ContainerStatuses[0]
			told := status.User.Linux
			pod.Status.ContainerStatuses[0].User = nil
			images, done, err := registry.Client{}.Open(t.Context(), registry.Request{Image: image, ID: status.ImageID})
			if err != nil {
				t.Fatal(err)
			}
			defer done()
			f, err := facts.FromImage(facts.Read(pod, "app"), images[0])
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d:%d: %s; %s", f.UID.Value, f.GID.Value, f.UID.Origin, f.GID.Origin)
			if diff := cmp.Diff([]int64{told.UID, told.GID}, []int64{f.UID.Value, f.GID.Value}); diff != "" {
				t.Errorf("uid and gid (-kubelet +ours):\n%s", diff)
			}
			if !f.UID.Known() || !f.GID.Known() || f.UID.Origin == target.FromStatus {
				t.Errorf("origins %q, %q", f.UID.Origin, f.GID.Origin)
			}
		})
	}
}

// ids prints whom a session and its target run as.
const ids = `id -u; id -g; grep -E '^[UG]id:' /proc/$TPID/status`

// wantIDs runs a session and fails the test unless it has its target's uid and gid.
func wantIDs(t *testing.T, pod *corev1.Pod, uid, gid int64, args ...string) {
	t.Helper()
	four := func(n int64) string { return strings.Repeat("\t"+strconv.FormatInt(n, 10), 4) }
	want := fmt.Sprintf("%d\n%d\nUid:%s\nGid:%s\n", uid, gid, four(uid), four(gid))
	if got := succeeds(t, pod, append(args, "pod/"+pod.Name, "--", "sh", "-c", ids)...); got != want {
		t.Errorf("session and target have %q; want %q", got, want)
	}
}

func TestIdentityFromTheImage(t *testing.T) {
	t.Parallel()
	shelf, ns := newShelf(t, ""), newNamespace(t, "restricted")
	u := untold(t, newUser(t, ns, "dana", access.Session()...))
	for _, test := range []struct {
		name, user string
		uid        *int64
		want       [2]int64
	}{
		{name: "number", user: "31337:4242", want: [2]int64{31337, 0}},
		{name: "listed", user: "65532", want: [2]int64{65532, 65533}},
		{name: "gid-only", user: "web", uid: new(int64(7)), want: [2]int64{7, 8}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			image := shelf.image(t, "of-"+test.name, test.user, passwd)
			pod := newPod(t, kubetest.Pod(ns, test.name).Image(image).Restricted().With(func(p *corev1.Pod) {
				p.Spec.Containers[0].SecurityContext.RunAsUser = test.uid
			}))
			wantIDs(t, pod, test.want[0], test.want[1], u.as()...)
			wantIDs(t, pod, test.want[0], test.want[1], u.as()...)
			onlyAdded(t, pod)
		})
	}
	t.Run("index", func(t *testing.T) {
		t.Parallel()
		amd64, other := shelf.image(t, "one", "31337", ""), shelf.image(t, "two", "4242", "")
		all := shelf.push(t, "index", shelf.index(t, "linux/amd64", amd64, "linux/arm64", other))
		pod := newPod(t, kubetest.Pod(ns, "index").Image(all).Restricted())
		failsBeforeThePatch(t, pod, u.as("pod/index", "--", "true"), "31337:0 on linux/amd64", "4242:0 on linux/arm64", "--learn-user")
		told := newPod(t, kubetest.Pod(ns, "told").Image(all).Restricted().With(func(p *corev1.Pod) {
			p.Spec.NodeSelector = map[string]string{corev1.LabelArchStable: "amd64"}
		}))
		wantIDs(t, told, 31337, 0, u.as()...)
	})
}

// TestLearnUser: where neither pod nor registry tells, the process does, by consent.
func TestLearnUser(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, level, image string
		uid, gid           int64
	}{
		{"nonroot", "restricted", "mindebug.test/http:nonroot", 65532, 0},
		{"uid", "restricted", "mindebug.test/http:uid", 31337, 0},
		{"root", "baseline", "mindebug.test/http:root", 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ns := newNamespace(t, test.level)
			u := untold(t, newUser(t, ns, "dana", access.Session()...))
			b := kubetest.Pod(ns, "target").Image(test.image)
			if test.level == "restricted" {
				b.Restricted()
			}
			pod := newPod(t, b)
			failsBeforeThePatch(t, pod, u.as("pod/target", "--", "true"), "nothing tells the uid and gid", "mindebug.test", "--learn-user", "--run-as")
			wantIDs(t, pod, test.uid, test.gid, u.as("--learn-user")...)
			added := current(t, pod).Spec.EphemeralContainers
			if len(added) != 2 {
				t.Fatalf("%d containers were added; want one that learns and one for the session", len(added))
			}
			learner := slices.IndexFunc(added, func(c corev1.EphemeralContainer) bool { return *c.SecurityContext.RunAsUser == 65534 })
			if learner < 0 {
				t.Fatalf("none of what was added runs as 65534: %+v", added)
			}
			if end := waitTerminated(t, pod, added[learner].Name); end.ExitCode != 0 {
				t.Errorf("what learned ended with %+v", end)
			}
			// The session container that is there tells from now on.
			wantIDs(t, pod, test.uid, test.gid, u.as()...)
			if now := current(t, pod).Spec.EphemeralContainers; len(now) != 2 {
				t.Errorf("%d containers after a session that could use one", len(now))
			}
		})
	}
}

// TestLearnUserByConsent asks on a terminal.
func TestLearnUserByConsent(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	u := untold(t, newUser(t, ns, "dana", access.Session()...))
	pod := newPod(t, kubetest.Pod(ns, "target").Restricted())
	no := onTerminal(t, pod, u.as("pod/target")...)
	no.expect("[y/N] ")
	no.send("\r")
	no.expect("--learn-user")
	if status := no.wait(); status != 125 || len(sessionContainers(t, pod)) != 0 {
		t.Errorf("status %d, %d containers; want 125 and none", status, len(sessionContainers(t, pod)))
	}
	yes := onTerminal(t, pod, u.as("pod/target")...)
	yes.expect("[y/N] ")
	yes.send("y\r")
	yes.expect("stays in the pod's list")
	yes.expect("the process itself")
	yes.expect("uid 65532 (mirror)")
	yes.expect("$ ")
	yes.send("exit\r")
	if status := yes.wait(); status != 0 {
		t.Errorf("exit status %d, want 0:\n%s", status, yes.text())
	}
}
