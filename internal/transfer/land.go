package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// land is a folder of this machine that files are copied into. Nothing can be written outside of it, whatever the names and
// links are that come from elsewhere: os.Root sees to that. A file has another name in its own folder until it is whole.
type land struct {
	// path is the folder as the user knows it.
	path string
	root *os.Root
	// temporary begins the other names, of which n were given; staged are those that are in use.
	temporary string
	n         int
	staged    map[*remoteFile]string
	// folders are kept open while they are used: the last one only.
	last   *os.Root
	lastIs string
	// shut are folders of the source in whose place there is something else.
	shut   map[string]bool
	buffer []byte
}

// openLand makes ready to copy into a folder, which must be there.
func openLand(folder string) (*land, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, &fault.NotWritten{Path: folder, Cause: cause(err)}
	}
	l := &land{
		path: folder, root: root, temporary: ".mindebug-cp-" + rand.String(8) + "-", buffer: make([]byte, 64*hole),
		staged: map[*remoteFile]string{}, shut: map[string]bool{},
	}
	try := l.newName()
	if err := errors.Join(root.Mkdir(try, 0o700), root.Remove(try)); err != nil {
		root.Close()
		return nil, &fault.NotWritten{Path: folder, Cause: cause(err)}
	}
	return l, nil
}

// in opens the folder that a name is in, and returns what the file is called there.
func (l *land) in(name string) (*os.Root, string, error) {
	folder, base := path.Dir(name), path.Base(name)
	switch {
	case l.shut[folder]:
		return nil, "", errors.New("its folder is not there")
	case folder == ".":
		return l.root, base, nil
	case l.last != nil && l.lastIs == folder:
		return l.last, base, nil
	}
	next, err := l.root.OpenRoot(folder)
	if err != nil {
		return nil, "", cause(err)
	}
	if l.last != nil {
		_ = l.last.Close() // nothing is written through it
	}
	l.last, l.lastIs = next, folder
	return next, base, nil
}

// close removes what is not whole.
func (l *land) close(bool) error {
	for f := range l.staged {
		l.drop(f)
	}
	if l.last != nil {
		_ = l.last.Close() // nothing is written through it
	}
	return l.root.Close()
}

// cause is an error without the names of the call and the path, which the words around it have.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// newName is a name that no file has.
func (l *land) newName() string {
	l.n++
	return l.temporary + strconv.Itoa(l.n)
}

// folder makes a folder, unless it is there. Links are not followed: what is below would be written somewhere else.
func (l *land) folder(f *remoteFile) error {
	if l.shut[path.Dir(f.name)] {
		l.shut[f.name] = true
		return errors.New("its folder is not there")
	}
	err := l.root.Mkdir(f.name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		var info fs.FileInfo
		if info, err = l.root.Lstat(f.name); err == nil && !info.IsDir() {
			err = errors.New("in its place is something else, which is no folder")
		}
	}
	if err != nil {
		l.shut[f.name] = true
		return cause(err)
	}
	return nil
}

// take implements sink.
func (l *land) take(f *remoteFile, size int64, content io.Reader) error {
	in, _, err := l.in(f.name)
	if err != nil {
		return &unplacedError{err}
	}
	name := l.newName()
	file, err := in.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &unplacedError{cause(err)}
	case err != nil:
		return &fault.NotWritten{Path: l.path, Cause: cause(err)}
	}
	l.staged[f] = name
	w := &written{file: file}
	if f.stored < f.size {
		err = l.copyWithHoles(w, content)
		if err == nil {
			w.err = file.Truncate(size)
		}
	} else {
		_, err = io.CopyBuffer(w, content, l.buffer)
	}
	if w.err == nil && err == nil {
		w.err = file.Chmod(f.mode.Perm())
	}
	if closeErr := file.Close(); w.err == nil {
		w.err = closeErr
	}
	if w.err != nil {
		return &fault.NotWritten{Path: l.path, Cause: cause(w.err)}
	}
	return err
}

// written is a file that remembers that it could not be written.
type written struct {
	file *os.File
	err  error
}

func (w *written) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

// hole is the least number of zeros that is not written: a block of most file systems.
const hole = 4096

// noBytes is a block of zeros.
var noBytes [hole]byte

// copyWithHoles writes what is not zeros, and leaves out the rest.
func (l *land) copyWithHoles(w *written, content io.Reader) error {
	for {
		n, err := io.ReadFull(content, l.buffer)
		for part := range slices.Chunk(l.buffer[:n], hole) {
			if bytes.Equal(part, noBytes[:len(part)]) {
				if _, w.err = w.file.Seek(int64(len(part)), io.SeekCurrent); w.err != nil {
					return w.err
				}
			} else if _, err := w.Write(part); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && n > 0 && n < len(l.buffer):
			return atEnd(content)
		case err != nil:
			return err
		}
	}
}

// atEnd tells the end of content from one that was cut: io.ReadFull has one word for both.
func atEnd(content io.Reader) error {
	if _, err := content.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// keep implements sink.
func (l *land) keep(f *remoteFile) error {
	in, _, err := l.in(f.name)
	if err != nil {
		return err
	}
	if t := f.modTime(); !t.IsZero() {
		err = in.Chtimes(l.staged[f], t, t)
	}
	staged := l.staged[f]
	delete(l.staged, f)
	return errors.Join(cause(err), l.settle(f, staged))
}

// settle gives a file its own name.
func (l *land) settle(f *remoteFile, staged string) error {
	in, name, err := l.in(f.name)
	if err != nil {
		return err
	}
	if err = in.Rename(staged, name); err == nil {
		return nil
	}
	if info, statErr := in.Lstat(name); statErr == nil && info.IsDir() {
		err = errors.New("a folder is in its place")
	}
	return errors.Join(cause(err), in.Remove(staged))
}

// drop implements sink.
func (l *land) drop(f *remoteFile) {
	if name, ok := l.staged[f]; ok {
		delete(l.staged, f)
		if in, _, err := l.in(f.name); err == nil {
			_ = in.Remove(name) // it cannot be removed where it could be made: there is nobody to tell
		}
	}
}

// symlink makes a symbolic link, as it was.
func (l *land) symlink(f *remoteFile, to string) error {
	in, _, err := l.in(f.name)
	if err != nil {
		return err
	}
	name := l.newName()
	if err := in.Symlink(to, name); err != nil {
		return cause(err)
	}
	return l.settle(f, name)
}

// link makes f another name of the file first.
func (l *land) link(f, first *remoteFile) error {
	if _, _, err := l.in(f.name); err != nil {
		return err
	}
	name := path.Join(path.Dir(f.name), l.newName())
	err := l.root.Link(first.name, name)
	if err != nil { // to another file system, or in one that has none
		return l.duplicate(f, first)
	}
	err = l.settle(f, path.Base(name))
	if err == nil { // where both were names of one file Rename does nothing
		if err = l.root.Remove(name); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return err
}

// duplicate makes f a copy of the file first.
func (l *land) duplicate(f, first *remoteFile) error {
	from, err := l.root.Open(first.name)
	if err != nil {
		return cause(err)
	}
	defer from.Close()
	info, err := from.Stat()
	if err == nil {
		err = l.take(f, info.Size(), from)
	}
	if err == nil {
		return l.keep(f)
	}
	l.drop(f)
	return err
}

// finish gives a folder its mode and time. What is in it must be there.
func (l *land) finish(f *remoteFile) error {
	if l.shut[f.name] {
		return nil
	}
	err := l.root.Chmod(f.name, f.mode.Perm())
	if t := f.modTime(); err == nil && !t.IsZero() {
		err = l.root.Chtimes(f.name, t, t)
	}
	if err != nil {
		return fmt.Errorf("its mode and time: %w", cause(err))
	}
	return nil
}
