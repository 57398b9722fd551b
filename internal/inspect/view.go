package inspect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// View is the files of a container or an image, read-only. Paths are absolute. Links are followed below the root, as the
// container's own processes would, and never beyond it. What cannot be read is an error of that one answer; a view that is
// lost answers all with one.
type View interface {
	// Look returns what is at each of the paths, in their order. All are asked at once where that is faster.
	Look(paths ...string) []Entry
	// Read returns the first bytes of regular files, at most limit of each, in their order.
	Read(limit int, paths ...string) []Content
	// List returns the names in a folder, at most limit of them, in no order.
	List(dir string, limit int) ([]string, error)
	// Open returns a regular file. It ends with io.EOF where the file does, whatever size it claims.
	Open(path string) (io.ReaderAt, error)
	// Usage is what the files take.
	Usage() (Usage, error)
	// Writable returns the topmost paths that a user can write to, at most limit of them.
	Writable(who Identity, limit int) (Writable, error)
}

// Kind is what an entry is.
type Kind int

// The kinds of an entry. Nothing is where there is none.
const (
	Nothing Kind = iota
	File
	Folder
	Special // a device, a pipe, a socket
)

// Entry is what is at a path.
type Entry struct {
	// Path is as it was asked for, Real where links led.
	Path, Real string
	Kind       Kind
	Mode       fs.FileMode
	UID, GID   int64
	Size       int64
	// Err is why it cannot be told.
	Err error
}

// Content is the beginning of a file.
type Content struct {
	Data []byte
	// Cut is true where the file has more.
	Cut bool
	Err error
}

// Usage is how much there is.
type Usage struct {
	Bytes int64 `json:"bytes"`
	Files int64 `json:"files,omitempty"`
}

// Identity is whom a process runs as.
type Identity struct {
	UID, GID int64
	Groups   []int64
}

// Writable is where a user can write.
type Writable struct {
	Paths []string
	// Cut is true where there are more.
	Cut bool
}

// Errors that a view gives for one path.
var (
	ErrNotFound   = errors.New("no such file")
	ErrNotRegular = errors.New("not a regular file")
	ErrManyLinks  = errors.New("too many symbolic links")
)

// PathError is an error about one path.
type PathError struct {
	Path  string
	Cause error
}

func (e *PathError) Error() string { return fmt.Sprintf("%q: %v", e.Path, e.Cause) }

// Unwrap returns the cause.
func (e *PathError) Unwrap() error { return e.Cause }

// may reports whether a user may do to an entry what the three bits want, of rwx.
func (e Entry) may(who Identity, want fs.FileMode) bool {
	mode := e.Mode.Perm()
	switch {
	case who.UID == 0:
		return want&1 == 0 || e.Kind == Folder || mode&0o111 != 0
	case e.UID == who.UID:
		return mode>>6&want == want
	case who.in(e.GID):
		return mode>>3&want == want
	}
	return mode&want == want
}

func (i Identity) in(group int64) bool {
	if i.GID == group {
		return true
	}
	for _, g := range i.Groups {
		if g == group {
			return true
		}
	}
	return false
}
