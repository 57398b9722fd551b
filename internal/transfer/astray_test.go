package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLeadsOut(t *testing.T) {
	t.Parallel()
	// A volume of a ConfigMap, as the kubelet makes one, and what else there may be beside it.
	names := map[string]string{
		"v": "", "v/app.conf": "..data/app.conf", "v/..data": "..2024", "v/..2024": "", "v/..2024/app.conf": "",
		"v/up": "../w/file", "w": "", "w/file": "", "w/self": "self", "w/folder": "..//v/./", "w/out": "../../x", "w/absolute": "/v/app.conf",
		"w/gone": "nowhere", "w/through": "folder/nowhere", "w/around": "folder/../w/gone", "w/anchor": "..",
	}
	out := map[string]bool{
		"w/self": true, "w/out": true, "w/absolute": true, "w/gone": true, "w/through": true, "w/around": true, "w/anchor": true,
	}
	for name, says := range names {
		if got := says != "" && leadsOut(names, name); got != out[name] {
			t.Errorf("%s, which says %q, leads out: %t", name, says, got)
		}
	}
}

// TestAstray: of a link into a folder that is not copied one hears, and of one that is copied whole not.
func TestAstray(t *testing.T) {
	t.Parallel()
	volume := func(t *testing.T, dir string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "..1"), 0o755), os.WriteFile(filepath.Join(dir, "..1/f"), nil, 0o600),
			os.Symlink("..1", filepath.Join(dir, "..data")), os.Symlink("..data/f", filepath.Join(dir, "f"))); err != nil {
			t.Fatal(err)
		}
	}
	check := func(t *testing.T, s Summary, err error, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, s.Astray); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	}
	bothWays(t, func(t *testing.T, l *lab) {
		here := filepath.Join(t.TempDir(), "here")
		volume(t, l.at("v"))
		volume(t, here)
		s, err := takeOut(t, l, "/v", t.TempDir(), options())
		check(t, s, err)
		s, err = takeOut(t, l, "/v/f", t.TempDir(), options())
		check(t, s, err, "/v/f")
		s, err = sendIn(t, l, "/there", options(), here)
		check(t, s, err)
		s, err = sendIn(t, l, "/g", options(), filepath.Join(here, "f"))
		check(t, s, err, filepath.Join(here, "f"))
	})
}
