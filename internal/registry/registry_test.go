package registry_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	backend "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
)

// account is a user of a test registry.
var account = authn.Basic{Username: "dana", Password: "secret"}

// serve starts an empty registry on loopback and returns its host and port. Before it answers, before may.
func serve(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	memory := backend.New(backend.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before == nil || !before(w, r) {
			memory.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// locked asks for the account.
func locked(w http.ResponseWriter, r *http.Request) bool {
	if user, password, _ := r.BasicAuth(); user == account.Username && password == account.Password {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

// entry is what one tar entry has: "etc/passwd=TEXT", "etc/=" for a folder, "a->b" for a symbolic link, "a=>b" for a hard
// one.
func layer(t *testing.T, entries ...string) v1.Layer {
	t.Helper()
	var blob bytes.Buffer
	archive := tar.NewWriter(&blob)
	for _, entry := range entries {
		h := &tar.Header{Typeflag: tar.TypeReg, Mode: 0o644}
		var text, to string
		var symbolic, hard bool
		if h.Name, to, symbolic = strings.Cut(entry, "->"); symbolic {
			h.Typeflag, h.Linkname = tar.TypeSymlink, to
		} else if h.Name, to, hard = strings.Cut(entry, "=>"); hard {
			h.Typeflag, h.Linkname = tar.TypeLink, to
		} else if h.Name, text, _ = strings.Cut(entry, "="); strings.HasSuffix(h.Name, "/") {
			h.Typeflag = tar.TypeDir
		}
		h.Size = int64(len(text))
		if err := archive.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func image(t *testing.T, user string, layers ...v1.Layer) v1.Image {
	t.Helper()
	i, err := mutate.AppendLayers(empty.Image, layers...)
	if err == nil {
		i, err = mutate.Config(i, v1.Config{User: user})
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// push puts an image or index into the registry under a name with a tag, and returns its digest.
func push(t *testing.T, to string, what remote.Taggable) string {
	t.Helper()
	reference, err := name.ParseReference(to)
	if err != nil {
		t.Fatal(err)
	}
	switch what := what.(type) {
	case v1.Image:
		err = remote.Write(reference, what, remote.WithAuth(&account))
	case v1.ImageIndex:
		err = remote.WriteIndex(reference, what, remote.WithAuth(&account))
	}
	if err != nil {
		t.Fatal(err)
	}
	digest, err := what.(interface{ Digest() (v1.Hash, error) }).Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// index is made of images by platform, in the order given.
func index(t *testing.T, images ...any) v1.ImageIndex {
	t.Helper()
	var all v1.ImageIndex = empty.Index
	for n := 0; n < len(images); n += 2 {
		platform, err := v1.ParsePlatform(images[n].(string))
		if err != nil {
			t.Fatal(err)
		}
		all = mutate.AppendManifests(all, mutate.IndexAddendum{Add: images[n+1].(v1.Image), Descriptor: v1.Descriptor{Platform: platform}})
	}
	return all
}

func configName(t *testing.T, i v1.Image) string {
	t.Helper()
	digest, err := i.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// nobody has no credentials.
var nobody = registry.Client{Keychain: authn.NewMultiKeychain()}

// users opens an image and returns the USER of each that it may be, by platform.
func users(t *testing.T, c registry.Client, r registry.Request) (map[string]string, error) {
	t.Helper()
	images, done, err := c.Open(t.Context(), r)
	if err != nil {
		return nil, err
	}
	defer done()
	found := map[string]string{}
	for _, i := range images {
		user, err := i.User()
		if err != nil {
			return nil, err
		}
		found[i.Platform] = user
	}
	return found, nil
}

func TestOpen(t *testing.T) {
	t.Parallel()
	host := serve(t, nil)
	one, other := image(t, "65532:65532", layer(t, "app=x")), image(t, "nonroot", layer(t, "app=y"))
	digest := push(t, host+"/shop/web:1", one)
	moved := push(t, host+"/shop/moved:1", other)
	many := push(t, host+"/shop/many:1", index(t, "linux/amd64", one, "linux/arm64", other, "windows/amd64", one, "unknown/unknown", one))
	variants := push(t, host+"/shop/variants:1", index(t, "linux/arm/v6", one, "linux/arm/v7", other, "linux/amd64", other))
	none := push(t, host+"/shop/none:1", index(t, "windows/amd64", one))
	arch := func(a string) func(context.Context) string { return func(context.Context) string { return a } }
	neverAsked := func(context.Context) string { t.Error("asked for the architecture"); return "" }
	tests := []struct {
		name string
		r    registry.Request
		want map[string]string
		err  fault.RegistryReason
		text string
	}{
		{name: "the digest of the status", r: registry.Request{Image: host + "/shop/web:1", ID: host + "/shop/web@" + digest}, want: map[string]string{"": "65532:65532"}},
		{name: "as cri-dockerd says it", r: registry.Request{Image: host + "/shop/web:1", ID: "docker-pullable://" + host + "/shop/web@" + digest}, want: map[string]string{"": "65532:65532"}},
		{name: "not what the tag says now", r: registry.Request{Image: host + "/shop/web:gone", ID: host + "/shop/web@" + digest}, want: map[string]string{"": "65532:65532"}},
		{name: "only in the status' repository", r: registry.Request{Image: host + "/shop/moved:1", ID: host + "/shop/web@" + digest}, want: map[string]string{"": "65532:65532"}},
		{name: "only the configuration's digest", r: registry.Request{Image: host + "/shop/web:1", ID: configName(t, one)}, want: map[string]string{"": "65532:65532"}},
		{name: "the tag has moved", r: registry.Request{Image: host + "/shop/moved:1", ID: configName(t, one)}, err: fault.ImageUnreadable, text: "another image of that name than the one that runs"},
		{name: "the spec names a digest", r: registry.Request{Image: host + "/shop/moved@" + moved}, want: map[string]string{"": "nonroot"}},
		{name: "nothing names a digest", r: registry.Request{Image: host + "/shop/web:1"}, err: fault.ImageUnreadable, text: "a tag may have moved"},
		{name: "no reference", r: registry.Request{Image: "Web"}, err: fault.ImageUnreadable},
		{name: "an index, node known", r: registry.Request{Image: host + "/shop/many:1", ID: host + "/shop/many@" + many, Architecture: arch("arm64")}, want: map[string]string{"linux/arm64": "nonroot"}},
		{name: "an index, node not known", r: registry.Request{Image: host + "/shop/many:1", ID: host + "/shop/many@" + many, Architecture: arch("")}, want: map[string]string{"linux/amd64": "65532:65532", "linux/arm64": "nonroot"}},
		{name: "an index without the node's", r: registry.Request{Image: host + "/shop/many:1", ID: host + "/shop/many@" + many, Architecture: arch("riscv64")}, err: fault.ImageUnreadable, text: "index of 0 platforms"},
		{name: "an index, variants in doubt", r: registry.Request{Image: host + "/shop/variants:1", ID: host + "/shop/variants@" + variants, Architecture: arch("arm")}, want: map[string]string{"linux/arm/v6": "65532:65532", "linux/arm/v7": "nonroot"}},
		{name: "an index and the configuration's digest", r: registry.Request{Image: host + "/shop/many:1", ID: configName(t, other), Architecture: neverAsked}, want: map[string]string{"linux/arm64": "nonroot"}},
		{name: "an image: the node is not asked", r: registry.Request{Image: host + "/shop/web:1", ID: host + "/shop/web@" + digest, Architecture: neverAsked}, want: map[string]string{"": "65532:65532"}},
		{name: "an index without Linux", r: registry.Request{Image: host + "/shop/none:1", ID: host + "/shop/none@" + none}, err: fault.ImageUnreadable, text: "index of 0 platforms"},
		{name: "not there", r: registry.Request{Image: host + "/shop/gone:1", ID: host + "/shop/gone@" + digest}, err: fault.ImageNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := users(t, nobody, test.r)
			wantReason(t, err, test.err, test.text)
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
		})
	}
}

func wantReason(t *testing.T, err error, want fault.RegistryReason, text string) {
	t.Helper()
	var got *fault.Registry
	switch {
	case want == "" && err != nil:
		t.Errorf("error %v", err)
	case want != "" && (!errors.As(err, &got) || got.Reason != want || !strings.Contains(err.Error(), text)):
		t.Errorf("error %v; want %q: %q", err, want, text)
	}
}

// keychain is a user's own credentials.
type keychain func() (authn.Authenticator, error)

func (k keychain) Resolve(authn.Resource) (authn.Authenticator, error) { return k() }

func TestCredentials(t *testing.T) {
	t.Parallel()
	host := serve(t, locked)
	id := host + "/shop/web@" + push(t, host+"/shop/web:1", image(t, "7"))
	secret := func(kind corev1.SecretType, key, text string) corev1.Secret {
		return corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "pull"}, Type: kind, Data: map[string][]byte{key: []byte(text)}}
	}
	jsonSecret := func(text string, args ...any) []corev1.Secret {
		return []corev1.Secret{secret(corev1.SecretTypeDockerConfigJson, corev1.DockerConfigJsonKey, fmt.Sprintf(text, args...))}
	}
	own := func(auth authn.Authenticator, err error) authn.Keychain {
		return keychain(func() (authn.Authenticator, error) { return auth, err })
	}
	const right, wrong = `{"username": "dana", "password": "secret"}`, `{"username": "dana", "password": "old"}`
	tests := []struct {
		name    string
		own     authn.Keychain
		secrets []corev1.Secret
		err     fault.RegistryReason
		text    string
	}{
		{name: "none", err: fault.ImageUnauthorized},
		{name: "one's own", own: own(&account, nil)},
		{name: "one's own, wrong", own: own(&authn.Basic{Username: "dana", Password: "old"}, nil), err: fault.ImageUnauthorized},
		{name: "a helper that fails", own: own(nil, errors.New("helper: no keyring")), err: fault.ImageUnreadable, text: "no keyring"},
		{name: "pull secret", secrets: jsonSecret(`{"auths": {%q: %s}}`, host, right)},
		{name: "pull secret with base64", secrets: jsonSecret(`{"auths": {%q: {"auth": "ZGFuYTpzZWNyZXQ="}}}`, host)},
		{name: "pull secret for a part of the registry", secrets: jsonSecret(`{"auths": {%q: %s, %q: %s}}`, host+"/shop", right, host, wrong)},
		{name: "pull secret as docker login writes it", secrets: jsonSecret(`{"auths": {%q: %s}}`, "https://"+host+"/v1/", right)},
		{name: "the old type", secrets: []corev1.Secret{secret(corev1.SecretTypeDockercfg, corev1.DockerConfigKey, fmt.Sprintf(`{%q: %s}`, host, right))}},
		{name: "before one's own", own: own(&authn.Basic{Username: "x"}, nil), secrets: jsonSecret(`{"auths": {%q: %s}}`, host, right)},
		{name: "for another registry: one's own", own: own(&account, nil), secrets: jsonSecret(`{"auths": {"registry.test": %s}}`, wrong)},
		{name: "for another repository", secrets: jsonSecret(`{"auths": {%q: %s}}`, host+"/stock", right), err: fault.ImageUnauthorized},
		{name: "of no use", secrets: []corev1.Secret{secret(corev1.SecretTypeOpaque, "x", "")}, err: fault.ImageUnreadable, text: `pull secret "pull"`},
		{name: "malformed", secrets: jsonSecret("{"), err: fault.ImageUnreadable, text: `pull secret "pull"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := nobody
			if test.own != nil {
				c.Keychain = test.own
			}
			got, err := users(t, c, registry.Request{Image: host + "/shop/web:1", ID: id, PullSecrets: test.secrets})
			wantReason(t, err, test.err, test.text)
			if test.err == "" && got[""] != "7" {
				t.Errorf("users %v", got)
			}
		})
	}
}

// TestNoAnswer: what does not answer is an error of its own, and nothing is waited for when the user gives up.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		host := listener.Addr().String()
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = users(t, nobody, registry.Request{Image: host + "/web" + digest})
		wantReason(t, err, fault.RegistryUnreachable, "refused")
	})
	t.Run("it fails", func(t *testing.T) {
		t.Parallel()
		calls := 0
		host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v2/" {
				return false
			}
			calls++
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		_, err := users(t, nobody, registry.Request{Image: host + "/web" + digest})
		wantReason(t, err, fault.RegistryUnreachable, "503")
		if calls != 1 {
			t.Errorf("it was asked %d times", calls)
		}
	})
	t.Run("the user gives up", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := make(chan struct{})
		host := serve(t, func(http.ResponseWriter, *http.Request) bool {
			cancel(errors.New("enough"))
			<-gone
			return true
		})
		defer close(gone)
		_, _, err := nobody.Open(ctx, registry.Request{Image: host + "/web" + digest})
		if err == nil || err.Error() != "enough" {
			t.Errorf("error %v; want the context's cause", err)
		}
	})
	t.Run("a helper never answers", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := make(chan struct{})
		defer close(gone)
		c := registry.Client{Keychain: keychain(func() (authn.Authenticator, error) {
			cancel(errors.New("enough"))
			<-gone
			return nil, nil
		})}
		if _, _, err := c.Open(ctx, registry.Request{Image: "registry.test/web" + digest}); err == nil || err.Error() != "enough" {
			t.Errorf("error %v; want the context's cause", err)
		}
	})
}

// TestDigests: what a registry sends under a digest must have it.
func TestDigests(t *testing.T) {
	t.Parallel()
	honest := image(t, "7", layer(t, "etc/passwd=web:x:7:7::/:"))
	forged := layer(t, "etc/passwd=web:x:0:0::/:")
	layers, err := honest.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	config := configName(t, honest)
	for _, test := range []struct{ name, blob string }{{"layer", digest.String()}, {"configuration", config}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/blobs/"+test.blob) {
					return false
				}
				blob, err := forged.Compressed()
				if err != nil {
					t.Error(err)
					return false
				}
				_, _ = io.Copy(w, blob)
				return true
			})
			id := host + "/web@" + push(t, host+"/web:1", honest)
			images, done, err := nobody.Open(t.Context(), registry.Request{Image: host + "/web:1", ID: id})
			if err != nil {
				t.Fatal(err)
			}
			defer done()
			if test.name == "layer" {
				_, _, err = images[0].File("/etc/passwd")
			} else {
				_, err = images[0].User()
			}
			wantReason(t, err, fault.ImageUnreadable, "")
		})
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 1<<20+1)
	tests := []struct {
		name   string
		layers [][]string // from the bottom
		want   string
		absent bool
		err    string
	}{
		{name: "one layer", layers: [][]string{{"etc/", "etc/passwd=a"}}, want: "a"},
		{name: "names with a dot or a slash in front", layers: [][]string{{"./etc/passwd=a"}, {"/etc/passwd=b"}}, want: "b"},
		{name: "the top counts", layers: [][]string{{"etc/passwd=a"}, {"etc/passwd=b"}, {"app=x"}}, want: "b"},
		{name: "the last of one layer counts", layers: [][]string{{"etc/passwd=a", "etc/passwd=b"}}, want: "b"},
		{name: "empty", layers: [][]string{{"etc/passwd="}}, want: ""},
		{name: "none", layers: [][]string{{"app=x"}}, absent: true},
		{name: "no layer", absent: true},
		{name: "a file of a like name", layers: [][]string{{"etc/passwd-=a", "usr/etc/passwd=b", "etc/passwd.d/passwd=c"}}, absent: true},
		{name: "removed", layers: [][]string{{"etc/passwd=a"}, {"etc/.wh.passwd="}}, absent: true},
		{name: "removed and there again", layers: [][]string{{"etc/passwd=a"}, {"etc/.wh.passwd="}, {"etc/passwd=b"}}, want: "b"},
		{name: "removed below, in the same layer", layers: [][]string{{"etc/passwd=a"}, {"etc/passwd=b", "etc/.wh.passwd="}}, want: "b"},
		{name: "its folder removed", layers: [][]string{{"etc/passwd=a"}, {".wh.etc="}}, absent: true},
		{name: "its folder emptied", layers: [][]string{{"etc/passwd=a"}, {"etc/", "etc/.wh..wh..opq="}}, absent: true},
		{name: "its folder emptied and filled", layers: [][]string{{"etc/passwd=a"}, {"etc/.wh..wh..opq=", "etc/passwd=b"}}, want: "b"},
		{name: "all emptied", layers: [][]string{{"etc/passwd=a"}, {".wh..wh..opq="}}, absent: true},
		{name: "another folder emptied", layers: [][]string{{"etc/passwd=a"}, {"usr/.wh..wh..opq=", "etc/ssl/.wh..wh..opq=", "etc/.wh.group="}}, want: "a"},
		{name: "a file in the folder's place", layers: [][]string{{"etc/passwd=a"}, {"etc=x"}}, absent: true},
		{name: "an absolute link stays inside", layers: [][]string{{"etc/passwd->/usr/lib/passwd", "usr/lib/passwd=a"}}, want: "a"},
		{name: "a relative link", layers: [][]string{{"usr/lib/passwd=a"}, {"etc/passwd->../usr/lib/passwd"}}, want: "a"},
		{name: "a link that tries to get out", layers: [][]string{{"passwd=a", "etc/passwd->../../../passwd"}}, want: "a"},
		{name: "a link to a higher layer", layers: [][]string{{"etc/passwd->/p"}, {"p=a"}}, want: "a"},
		{name: "a link to nothing", layers: [][]string{{"etc/passwd->/p"}}, absent: true},
		{name: "a folder that is a link", layers: [][]string{{"etc->usr/etc", "usr/etc/passwd=a"}}, want: "a"},
		{name: "a folder in the place of a link", layers: [][]string{{"etc->usr/etc", "usr/etc/passwd=a"}, {"etc/"}}, absent: true},
		{name: "a loop", layers: [][]string{{"etc/passwd->passwd"}}, err: "more than 20 links"},
		{name: "a hard link", layers: [][]string{{"p=a", "etc/passwd=>p"}}, want: "a"},
		{name: "a hard link is to what was there then", layers: [][]string{{"p=a", "etc/passwd=>p"}, {"p=b"}}, want: "a"},
		{name: "a folder", layers: [][]string{{"etc/passwd/"}}, err: "no regular file"},
		{name: "too large", layers: [][]string{{"etc/passwd=" + big}}, err: "more than 1024 KiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var layers []v1.Layer
			for _, entries := range test.layers {
				layers = append(layers, layer(t, entries...))
			}
			content, found, err := registry.NewImage(image(t, "", layers...)).File("/etc/passwd")
			switch {
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("error %v; want %q", err, test.err)
			case test.err == "" && (err != nil || found == test.absent || string(content) != test.want):
				t.Errorf("content %q, found %t, error %v; want %q, %t", content, found, err, test.want, !test.absent)
			}
		})
	}
}

// large is a layer that says it is larger than it is.
type large struct{ v1.Layer }

func (large) Size() (int64, error) { return 200 << 20, nil }

func (large) MediaType() (types.MediaType, error) { return types.OCILayer, nil }

// TestLayersLimit: the limit is one for all that is read, and nothing is fetched beyond it.
func TestLayersLimit(t *testing.T) {
	t.Parallel()
	i := registry.NewImage(sized{image(t, "", layer(t, "a=x"), layer(t, "b=x"))})
	_, _, err := i.File("/etc/passwd")
	if err == nil || !strings.Contains(err.Error(), "more than 256 MiB") {
		t.Errorf("error %v; want the limit", err)
	}
}

// sized is an image of large layers.
type sized struct{ v1.Image }

func (s sized) Layers() ([]v1.Layer, error) {
	layers, err := s.Image.Layers()
	for n := range layers {
		layers[n] = large{layers[n]}
	}
	return layers, err
}

// TestDone: when nothing more is read no connection is left, however many images are looked at.
func TestDone(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	server := httptest.NewUnstartedServer(backend.New(backend.Logger(log.New(io.Discard, "", 0))))
	closed := make(chan struct{}, 100)
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		switch state {
		case http.StateNew:
			open[c] = true
		case http.StateClosed:
			delete(open, c)
			closed <- struct{}{}
		default:
		}
	}
	server.Start()
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	digest := push(t, host+"/shop/web:1", image(t, "1", layer(t, "app=x")))
	mu.Lock()
	clear(open) // those that pushed
	mu.Unlock()
	for range 5 {
		if _, err := users(t, nobody, registry.Request{Image: host + "/shop/web:1", ID: host + "/shop/web@" + digest}); err != nil {
			t.Fatal(err)
		}
	}
	for {
		mu.Lock()
		left := len(open)
		mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			t.Fatalf("%d connections are left", left)
		}
	}
}

// TestCommand: what an image runs is as its configuration says, each part nil where that has none.
func TestCommand(t *testing.T) {
	t.Parallel()
	host := serve(t, nil)
	for tag, want := range map[string]v1.Config{
		"both": {Entrypoint: []string{"/app/server", "-x"}, Cmd: []string{"a b", ""}}, "cmd": {Cmd: []string{"sh"}}, "neither": {},
	} {
		i, err := mutate.Config(image(t, "1"), want)
		if err != nil {
			t.Fatal(err)
		}
		digest := push(t, host+"/shop/web:"+tag, i)
		opened, done, err := registry.Client{}.Open(t.Context(), registry.Request{Image: host + "/shop/web@" + digest})
		if err != nil || len(opened) != 1 {
			t.Fatalf("%d images, %v", len(opened), err)
		}
		entrypoint, cmd, err := opened[0].Command()
		done()
		if diff := cmp.Diff(want, v1.Config{Entrypoint: entrypoint, Cmd: cmd}); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tag, err, diff)
		}
	}
}
