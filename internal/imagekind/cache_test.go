package imagekind

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// digestOf is a digest that is told from others by a number.
func digestOf(n int) string { return fmt.Sprintf("sha256:%064x", n) }

func TestCache(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "images")
	c := NewCache(dir)
	likely, certain := Verdict{Scratch, "a session", Likely}, Verdict{WithShell, "its layers", Certain}
	for _, step := range []struct {
		name string
		put  Verdict
		want Verdict
	}{
		{"unknown is not kept", Verdict{Unknown, "too large", ""}, nothing},
		{"likely", likely, likely},
		{"what is alike stays", Verdict{Distroless, "another", Likely}, likely},
		{"what is surer replaces it", certain, certain},
		{"what is less sure does not", likely, certain},
	} {
		if err := c.Put(digestOf(1), step.put); err != nil {
			t.Fatal(err)
		}
		// Another process reads the same.
		if diff := cmp.Diff(step.want, NewCache(dir).Get(digestOf(1))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
	if v := c.Get(digestOf(2)); v.Known() {
		t.Errorf("of another image: %+v", v)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
	for _, none := range []*Cache{nil, NewCache("")} {
		if err := none.Put(digestOf(1), certain); err != nil || none.Get(digestOf(1)).Known() {
			t.Errorf("a cache without a folder keeps something: %v", err)
		}
	}
}

// TestCacheNames: what a pod's status says never leads out of the folder.
func TestCacheNames(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "images")
	c := NewCache(dir)
	for _, digest := range []string{"", "sha256:", "sha256:../../../x", "sha256:" + strings.Repeat("/", 64), "md5:" + strings.Repeat("a", 64), "sha256:" + strings.Repeat("A", 64)} {
		if err := c.Put(digest, Verdict{Scratch, "x", Certain}); err != nil {
			t.Errorf("%q: %v", digest, err)
		}
	}
	if files, err := os.ReadDir(dir); !os.IsNotExist(err) {
		t.Errorf("there are %v, %v", files, err)
	}
}

// TestCacheCorrupt: what is no entry, or another image's, is as if it were not there, and is replaced.
func TestCacheCorrupt(t *testing.T) {
	t.Parallel()
	v := Verdict{Scratch, "x", Certain}
	for name, text := range map[string]string{
		"empty":         "",
		"no JSON":       "\x00\xff{",
		"half":          `{"version":1,"digest":"sha256:`,
		"another image": `{"version":1,"digest":"` + digestOf(2) + `","verdict":{"kind":"shell","evidence":"y","certainty":"certain"}}`,
		"a later form":  `{"version":99,"digest":"` + digestOf(1) + `","verdict":{"kind":"shell","evidence":"y","certainty":"certain"}}`,
		"no such kind":  `{"version":1,"digest":"` + digestOf(1) + `","verdict":{"kind":"sound","evidence":"y","certainty":"certain"}}`,
		"not sure":      `{"version":1,"digest":"` + digestOf(1) + `","verdict":{"kind":"shell","evidence":"y"}}`,
		"too long":      `{"version":1,"digest":"` + digestOf(1) + `","verdict":{"kind":"shell","evidence":"` + strings.Repeat("y", entryLimit) + `","certainty":"certain"}}`,
	} {
		dir := t.TempDir()
		c := NewCache(dir)
		if err := os.WriteFile(c.path(digestOf(1)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := c.Get(digestOf(1)); got.Known() {
			t.Errorf("%s: %+v", name, got)
		}
		if err := c.Put(digestOf(1), v); err != nil || c.Get(digestOf(1)) != v {
			t.Errorf("%s: %+v, %v after it was replaced", name, c.Get(digestOf(1)), err)
		}
	}
}

// TestCacheBound: of too many entries the oldest go, and so does what a writer left behind long ago.
func TestCacheBound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	long := time.Now().Add(-24 * time.Hour)
	write := func(name string, at time.Time) {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	c := NewCache(dir)
	c.limit = 50
	for n := range c.limit {
		write(fmt.Sprintf("%064x.json", n+1), long.Add(time.Duration(n)*time.Second))
	}
	write(".new-old", long)
	write(".new-now", time.Now())
	if err := c.Put(digestOf(0), Verdict{Scratch, "x", Certain}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := c.limit*9/10 + 2; len(files) != want {
		t.Errorf("%d files are left; want %d", len(files), want)
	}
	for name, want := range map[string]bool{
		filepath.Base(c.path(digestOf(0))): true, filepath.Base(c.path(digestOf(c.limit))): true, ".new-now": true,
		filepath.Base(c.path(digestOf(1))): false, ".new-old": false,
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s is there: %t", name, err == nil)
		}
	}
}

// TestCacheTogether: several write and read the same entry, and none ever reads half of one.
func TestCacheTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			c := NewCache(dir)
			v := Verdict{Scratch, strings.Repeat(string(rune('a'+n)), 1000), Certain}
			for i := range 20 {
				if err := c.Put(digestOf(i), v); err != nil {
					t.Error(err)
				}
				if got := c.Get(digestOf(i)); !got.Known() || len(got.Evidence) != 1000 {
					t.Errorf("entry %d is %+v", i, got)
				}
			}
		})
	}
	all.Wait()
	if files, err := os.ReadDir(dir); err != nil || len(files) != 20 {
		t.Errorf("%d files, %v; want 20", len(files), err)
	}
}
