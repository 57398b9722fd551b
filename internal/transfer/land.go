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
// links are that come from elsewhere: os.Root sees to that. A file gets its name only when it is whole.
type land struct {
	// path is the folder as the user knows it.
	path string
	root *os.Root
	// stage is a folder in it for what is not whole yet, and n how many names were given there.
	stage  string
	n      int
	staged map[*remoteFile]string
	// shut are folders of the source in whose place there is something else.
	shut map[string]bool
}

// openLand makes ready to copy into a folder, which must be there.
func openLand(folder string) (*land, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, &fault.NotWritten{Path: folder, Cause: cause(err)}
	}
	l := &land{path: folder, root: root, stage: ".mindebug-cp-" + rand.String(8), staged: map[*remoteFile]string{}, shut: map[string]bool{}}
	if err := root.Mkdir(l.stage, 0o700); err != nil {
		root.Close()
		return nil, &fault.NotWritten{Path: folder, Cause: cause(err)}
	}
	return l, nil
}

// close removes what is not whole.
func (l *land) close(bool) error {
	return errors.Join(l.root.RemoveAll(l.stage), l.root.Close())
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

// place is a new name in the stage.
func (l *land) place() string {
	l.n++
	return path.Join(l.stage, strconv.Itoa(l.n))
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
	name := l.place()
	file, err := l.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return &fault.NotWritten{Path: l.path, Cause: cause(err)}
	}
	l.staged[f] = name
	w := &written{file: file}
	if f.stored < f.size {
		err = copyWithHoles(w, content)
		if err == nil {
			w.err = file.Truncate(size)
		}
	} else {
		_, err = io.Copy(w, content)
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

// copyWithHoles writes what is not zeros, and leaves out the rest.
func copyWithHoles(w *written, content io.Reader) error {
	buffer, zeros := make([]byte, 64*hole), make([]byte, hole)
	for {
		n, err := io.ReadFull(content, buffer)
		for part := range slices.Chunk(buffer[:n], hole) {
			if bytes.Equal(part, zeros[:len(part)]) {
				if _, w.err = w.file.Seek(int64(len(part)), io.SeekCurrent); w.err != nil {
					return w.err
				}
			} else if _, err := w.Write(part); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && n > 0 && n < len(buffer):
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
	name := l.staged[f]
	err := l.root.Chmod(name, f.mode.Perm())
	if t := f.modTime(); err == nil && !t.IsZero() {
		err = l.root.Chtimes(name, t, t)
	}
	return errors.Join(cause(err), l.settle(f, name))
}

// settle gives what is in the stage its name.
func (l *land) settle(f *remoteFile, staged string) error {
	delete(l.staged, f)
	if l.shut[path.Dir(f.name)] {
		return errors.New("its folder is not there")
	}
	if info, err := l.root.Lstat(f.name); err == nil && info.IsDir() {
		return errors.New("a folder is in its place")
	}
	if err := l.root.Rename(staged, f.name); err != nil {
		return cause(err)
	}
	return nil
}

// drop implements sink.
func (l *land) drop(f *remoteFile) {
	if name, ok := l.staged[f]; ok {
		_ = l.root.Remove(name) // else it goes with the stage
		delete(l.staged, f)
	}
}

// symlink makes a symbolic link, as it was.
func (l *land) symlink(f *remoteFile, to string) error {
	name := l.place()
	if err := l.root.Symlink(to, name); err != nil {
		return cause(err)
	}
	return l.settle(f, name)
}

// link makes f another name of the file first.
func (l *land) link(f, first *remoteFile) error {
	name := l.place()
	if err := l.root.Link(first.name, name); err != nil {
		return cause(err)
	}
	return l.settle(f, name)
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
