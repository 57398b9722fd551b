package imagekind

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Limits of the cache: entriesLimit is how many verdicts it keeps, entryLimit the most bytes of one.
const (
	entriesLimit = 5000
	entryLimit   = 4 << 10
)

// cacheVersion is that of the entries' form and of the rules that made them. Others are not read.
const cacheVersion = 1

// Cache keeps verdicts about images by their digest, in a folder: a file each, written as a whole, so that several may use
// it at a time. What cannot be read there is as if it were not there. The nil Cache keeps nothing.
type Cache struct {
	dir string
	// limit is how many verdicts it keeps.
	limit int
	prune sync.Once
}

// NewCache returns the cache in a folder, which is made when something is kept.
func NewCache(dir string) *Cache { return &Cache{dir: dir, limit: entriesLimit} }

// entry is a file of the cache.
type entry struct {
	Version int     `json:"version"`
	Digest  string  `json:"digest"`
	Verdict Verdict `json:"verdict"`
}

// digests is what may name a file: an algorithm and hexadecimal digits.
var digests = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^sha(256|512):[0-9a-f]{64,128}$`) })

// path is the file of a digest, or "" where there can be none.
func (c *Cache) path(digest string) string {
	if c == nil || c.dir == "" || !digests().MatchString(digest) {
		return ""
	}
	return filepath.Join(c.dir, digest[len("sha256:"):]+".json")
}

// Get returns the verdict about an image; of an image that is not there it is unknown.
func (c *Cache) Get(digest string) Verdict {
	file := c.path(digest)
	if file == "" {
		return nothing
	}
	text, err := readBounded(file)
	var e entry
	if err != nil || json.Unmarshal(text, &e) != nil || e.Version != cacheVersion || e.Digest != digest || !e.Verdict.valid() {
		return nothing
	}
	return e.Verdict
}

// valid reports whether the verdict is one that could have been kept.
func (v Verdict) valid() bool {
	return v.Known() && slices.Contains(Kinds(), v.Kind) && (v.Certainty == Certain || v.Certainty == Likely)
}

// readBounded reads a file that is no longer than an entry.
func readBounded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > entryLimit {
		return nil, fmt.Errorf("%s is no entry", name)
	}
	return os.ReadFile(name)
}

// Put keeps a verdict about an image, unless it is unknown or a surer one is kept. An error is that of the disk.
func (c *Cache) Put(digest string, v Verdict) error {
	file := c.path(digest)
	if file == "" || !v.valid() || Best(c.Get(digest), v) != v {
		return nil
	}
	text, err := json.Marshal(entry{cacheVersion, digest, v})
	if err != nil || len(text) > entryLimit {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("making cache: %w", err)
	}
	c.prune.Do(c.removeOldest)
	// The rename makes it whole or not at all.
	temporary, err := os.CreateTemp(c.dir, ".new-*")
	if err != nil {
		return fmt.Errorf("writing cache: %w", err)
	}
	_, err = temporary.Write(text)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
		return fmt.Errorf("writing cache: %w", err)
	}
	return nil
}

// staleAfter is the age of a file that nobody is writing any more.
const staleAfter = time.Hour

// removeOldest removes what was written longest ago where there are too many entries, and what a writer that was killed has
// left behind.
func (c *Cache) removeOldest() {
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	var entries []fs.FileInfo
	for _, file := range files {
		info, err := file.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case filepath.Ext(file.Name()) == ".json":
			entries = append(entries, info)
		case time.Since(info.ModTime()) > staleAfter:
			_ = os.Remove(filepath.Join(c.dir, file.Name()))
		}
	}
	if len(entries) < c.limit {
		return
	}
	slices.SortFunc(entries, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range entries[:len(entries)-c.limit*9/10] {
		_ = os.Remove(filepath.Join(c.dir, info.Name()))
	}
}
