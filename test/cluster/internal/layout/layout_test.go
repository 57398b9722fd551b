package layout

import (
	"errors"
	"strings"
	"testing"
)

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func home() (string, error) { return "/home/dana/.cache", nil }

func TestFromEnv(t *testing.T) {
	t.Parallel()
	got, err := FromEnv(env(nil), home)
	want := Layout{Dir: "/var/lib/mindebug-cluster", Cache: "/home/dana/.cache/mindebug-cluster"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	got, err = FromEnv(env(map[string]string{DirVariable: "/srv/c/", CacheVariable: "/srv/cache"}), func() (string, error) {
		return "", errors.New("no home")
	})
	want = Layout{Dir: "/srv/c", Cache: "/srv/cache"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestFromEnvRefuses(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"relative/path", "/", "/var", "/var/../etc", "/srv/" + strings.Repeat("long", 10)} {
		if got, err := FromEnv(env(map[string]string{DirVariable: dir}), home); err == nil {
			t.Errorf("%q was taken: %+v", dir, got)
		}
	}
}

// The kernel allows 107 bytes; a shim's socket is named by a hash of 64.
func TestSocketsFit(t *testing.T) {
	t.Parallel()
	l := Layout{Dir: "/" + strings.Repeat("d", maxDir-1)}
	for _, socket := range []string{l.In("s", strings.Repeat("f", 64)), l.ContainerdSocket() + ".ttrpc"} {
		if len(socket) > 107 {
			t.Errorf("%s has %d bytes", socket, len(socket))
		}
	}
}
