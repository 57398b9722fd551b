package registry

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

// passed is what reaches the network.
type passed struct{}

func (passed) RoundTrip(*http.Request) (*http.Response, error) { return &http.Response{}, nil }

// TestEncrypted: plain http goes to this machine only.
func TestEncrypted(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://registry.test/v2/":      true,
		"https://10.0.0.1/v2/":           true,
		"http://localhost:5000/v2/":      true,
		"http://127.0.0.1:5000/v2/":      true,
		"http://127.8.8.8/v2/":           true,
		"http://[::1]:5000/v2/":          true,
		"http://10.0.0.1:5000/v2/":       false,
		"http://192.168.1.1/v2/":         false,
		"http://registry.local/v2/":      false,
		"http://registry.test/v2/":       false,
		"http://localhost.evil.test/v2/": false,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := encrypted{passed{}}.RoundTrip(request)
		if response != nil && response.Body != nil {
			response.Body.Close()
		}
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "plain http is for this machine only") {
			t.Errorf("%s: %v; want it to pass: %t", address, err, want)
		}
	}
}

// TestMatches holds the rule for pull secrets to the kubelet's.
func TestMatches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		key, image string
		want       bool
	}{
		{"registry.test", "registry.test/a/b", true},
		{"https://registry.test", "registry.test/a/b", true},
		{"registry.test/a", "registry.test/a/b", true},
		{"registry.test/b", "registry.test/a/b", false},
		{"https://registry.test/v1/", "registry.test/a", true},
		{"https://registry.test/v2/a", "registry.test/a", true},
		{"*.test", "registry.test/a", true},
		{"*.test", "a.registry.test/a", false},
		{"*.registry.test", "registry.test/a", false},
		{"reg*.test", "registry.test/a", true},
		{"registry.test:5000", "registry.test/a", false},
		{"registry.test:5000", "registry.test:5000/a", true},
		{"registry.test", "registry.test:5000/a", false},
		{"https://index.docker.io/v1/", "busybox", true},
		{"docker.io", "docker.io/library/busybox", true},
		{"docker.io/mine", "busybox", false},
		{"[", "registry.test/a", false},
		{"%zz", "registry.test/a", false},
	} {
		repository, err := name.NewRepository(test.image)
		if err != nil {
			t.Fatal(err)
		}
		if got := matches(test.key, repository); got != test.want {
			t.Errorf("matches(%q, %q) = %t", test.key, test.image, got)
		}
	}
}
