package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	backend "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shelf is a registry on this machine, which the node can pull from, too.
type shelf struct {
	host string
	// base is what image makes its images from.
	base v1.Image
	// password is empty where anybody may read and write.
	password string
	auth     authn.Authenticator
	// pulled are the names under which the node may have its images by now; paths are those that the
	// registry was asked for.
	mu            sync.Mutex
	pulled, paths []string
}

// newShelf starts a registry. Where password is not empty, it asks for that and the user "dana".
func newShelf(t *testing.T, password string) *shelf {
	t.Helper()
	return startShelf(t, password, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, given, _ := r.BasicAuth(); given != password {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
}

// newTokenShelf starts a registry that wants a token for what is done in a repository, and gives one for the password, as
// public registries do.
func newTokenShelf(t *testing.T, password string) *shelf {
	t.Helper()
	return startShelf(t, password, func(next http.Handler) http.Handler {
		return &tokenGate{next: next, password: password, issued: map[string]string{}}
	})
}

func startShelf(t *testing.T, password string, gate func(http.Handler) http.Handler) *shelf {
	t.Helper()
	s := &shelf{base: nodeImage(t, "mindebug.test/http:root"), password: password, auth: authn.Anonymous}
	server := httptest.NewServer(s.count(gate(backend.New(backend.Logger(log.New(io.Discard, "", 0))))))
	t.Cleanup(server.Close)
	s.host = strings.TrimPrefix(server.URL, "http://")
	if password != "" {
		s.auth = &authn.Basic{Username: "dana", Password: password}
	}
	t.Cleanup(func() { ctr(t, append([]string{"images", "rm", "--sync"}, s.pulled...)...) })
	return s
}

// count notes what the registry is asked for.
func (s *shelf) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.paths = append(s.paths, r.URL.Path)
		s.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// asked returns the paths that the registry was asked for since the last call, in the order of their names and each once.
func (s *shelf) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	paths := s.paths
	s.paths = nil
	slices.Sort(paths)
	return slices.Compact(paths)
}

// nodeImage reads an image that the node has.
func nodeImage(t *testing.T, reference string) v1.Image {
	t.Helper()
	onNode(t)
	archive := filepath.Join(t.TempDir(), "image.tar")
	// Without --local ctr 2.4.2 now and then ends before it has written all.
	ctr(t, "images", "export", "--local", archive, reference)
	i, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		t.Fatalf("reading image %s: %v", reference, err)
	}
	return i
}

// dockerConfig is what a user's or a pull secret's file says about the registry.
func (s *shelf) dockerConfig() []byte {
	return fmt.Appendf(nil, `{"auths": {%q: {"username": "dana", "password": %q}}}`, s.host, s.password)
}

// secret makes a pull secret for the registry, "pull".
func (s *shelf) secret(t *testing.T, namespace string) {
	t.Helper()
	_, err := client.CoreV1().Secrets(namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "pull"}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: s.dockerConfig()},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating Secret: %v", err)
	}
}

// tokenGate is the token authentication of the distribution's registry: who comes without a token is told where to get one,
// and a token is good for what was asked for in its scope, "repository:NAME:pull,push".
type tokenGate struct {
	next     http.Handler
	password string
	mu       sync.Mutex
	issued   map[string]string // scopes by token
}

func (g *tokenGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		g.issue(w, r)
		return
	}
	repository, action := "", "pull"
	for _, part := range []string{"/manifests/", "/blobs/", "/tags/"} {
		if path, _, found := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), part); found {
			repository = path
		}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		action = "push"
	}
	g.mu.Lock()
	scopes, known := g.issued[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	g.mu.Unlock()
	if !known || repository != "" && !permits(scopes, repository, action) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test",scope="repository:%s:%s"`, r.Host, repository, action))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	g.next.ServeHTTP(w, r)
}

// issue gives a token for the password. Clients may ask by POST first, and by GET where that is not served.
func (g *tokenGate) issue(w http.ResponseWriter, r *http.Request) {
	_, given, _ := r.BasicAuth()
	switch {
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case given != g.password:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		token := rand.Text()
		g.mu.Lock()
		g.issued[token] = strings.Join(r.URL.Query()["scope"], " ")
		g.mu.Unlock()
		fmt.Fprintf(w, `{"token": %q}`, token)
	}
}

// permits reports whether one of the scopes lets its holder do that in the repository.
func permits(scopes, repository, action string) bool {
	for scope := range strings.FieldsSeq(scopes) {
		if actions, ok := strings.CutPrefix(scope, "repository:"+repository+":"); ok && slices.Contains(strings.Split(actions, ","), action) {
			return true
		}
	}
	return false
}

// ctr runs containerd's client on the node.
func ctr(t *testing.T, args ...string) {
	t.Helper()
	// With the test, its context ends; what it leaves on the node is removed all the same.
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "ctr", args...).CombinedOutput()
	if err != nil {
		t.Errorf("ctr %q: %v: %s", args, err, out)
	}
}

// image makes an image of the server that runs as user, and has passwd as its /etc/passwd if that is not empty. It returns
// its name.
func (s *shelf) image(t *testing.T, repository, user, passwd string) string {
	t.Helper()
	i := s.base
	if passwd != "" {
		i = withFile(t, i, "etc/passwd", passwd)
	}
	return s.own(t, repository, i, func(config *v1.Config) { config.User = user })
}

// own pushes an image with a change of its configuration, and returns its name. No other test has the same image: the status
// of a pod may name any repository that the node has it from, and the node would need no pull.
func (s *shelf) own(t *testing.T, repository string, i v1.Image, change func(*v1.Config)) string {
	t.Helper()
	config, err := i.ConfigFile()
	if err != nil {
		t.Fatalf("reading the base image: %v", err)
	}
	config = config.DeepCopy()
	change(&config.Config)
	config.Config.Labels = map[string]string{"test": s.host + "/" + repository}
	if i, err = mutate.ConfigFile(i, config); err != nil {
		t.Fatalf("making image: %v", err)
	}
	return s.push(t, repository, i)
}

func (s *shelf) push(t *testing.T, repository string, what remote.Taggable) string {
	t.Helper()
	reference, err := name.ParseReference(s.host + "/" + repository + ":1")
	if err == nil {
		err = remote.Push(reference, what, remote.WithAuth(s.auth))
	}
	if err != nil {
		t.Fatalf("pushing %s: %v", repository, err)
	}
	digest, err := what.(interface{ Digest() (v1.Hash, error) }).Digest()
	if err != nil {
		t.Fatalf("pushing %s: %v", repository, err)
	}
	pulled := []string{reference.String(), reference.Context().Digest(digest.String()).String()}
	if image, ok := what.(v1.Image); ok {
		config, err := image.ConfigName()
		if err != nil {
			t.Fatalf("pushing %s: %v", repository, err)
		}
		pulled = append(pulled, config.String())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pulled = append(s.pulled, pulled...)
	return reference.String()
}

func withFile(t *testing.T, i v1.Image, path, text string) v1.Image {
	t.Helper()
	var blob bytes.Buffer
	archive := tar.NewWriter(&blob)
	err := archive.WriteHeader(&tar.Header{Name: path, Size: int64(len(text)), Mode: 0o644})
	if err == nil {
		_, err = io.WriteString(archive, text)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		t.Fatalf("making layer: %v", err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob.Bytes())), nil })
	if err == nil {
		i, err = mutate.AppendLayers(i, layer)
	}
	if err != nil {
		t.Fatalf("adding layer: %v", err)
	}
	return i
}

// index makes an index of images that the registry has, by platform.
func (s *shelf) index(t *testing.T, images ...string) v1.ImageIndex {
	t.Helper()
	var all v1.ImageIndex = empty.Index
	for n := 0; n < len(images); n += 2 {
		platform, err := v1.ParsePlatform(images[n])
		if err != nil {
			t.Fatalf("parsing platform: %v", err)
		}
		reference, err := name.ParseReference(images[n+1])
		if err != nil {
			t.Fatalf("parsing name: %v", err)
		}
		image, err := remote.Image(reference, remote.WithAuth(s.auth))
		if err != nil {
			t.Fatalf("reading %s: %v", reference, err)
		}
		all = mutate.AppendManifests(all, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return all
}
