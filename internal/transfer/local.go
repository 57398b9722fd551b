package transfer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// localFile is a file that is to be sent.
type localFile struct {
	// path is where it is, name its place at the destination, with slashes.
	path, name string
	info       fs.FileInfo
	// link is what a symbolic link says; first is the file that this is another name of.
	link  string
	first *localFile
	// content is its content where that is not to be read from path.
	content io.Reader
}

// state says of a file what tells that it has changed.
func (f *localFile) state() string {
	return stateText(f.info.Size(), f.info.ModTime().UTC().Format("2006-01-02 15:04:05.999999999 -0700"))
}

// header is what the archive says of it, as bytes. The archive has GNU's form, which BusyBox knows; its times are whole
// seconds. A folder can be written to until its final header.
func (f *localFile) header(final bool) ([]byte, error) {
	mode := f.info.Mode()
	if mode.IsDir() && !final {
		mode |= 0o700
	}
	h := &tar.Header{Format: tar.FormatGNU, Name: f.name, Mode: int64(mode.Perm()), ModTime: time.Unix(max(f.info.ModTime().Unix(), 0), 0)}
	switch {
	case f.first != nil:
		h.Typeflag, h.Linkname = tar.TypeLink, f.first.name
	case mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, f.name+"/"
	case f.link != "":
		h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
	default:
		h.Typeflag, h.Size = tar.TypeReg, f.info.Size()
		h.Mode = int64(f.unixMode())
	}
	var out bytes.Buffer
	if err := tar.NewWriter(&out).WriteHeader(h); err != nil {
		return nil, fmt.Errorf("it has no place in an archive: %w", err)
	}
	return out.Bytes(), nil
}

// size is how many bytes of content follow its header.
func (f *localFile) size() int64 {
	if f.first != nil || f.link != "" || f.info.IsDir() {
		return 0
	}
	return f.info.Size()
}

// walk is a look at what is to be sent.
type walk struct {
	follow            bool
	folders, files    []*localFile
	skipped, troubles []fault.NotCopied
	firsts            map[string]*localFile
	bytes             int64
}

// source looks at one path of the command line, which comes to name.
func (w *walk) source(p Local, name string) error {
	info, err := os.Lstat(string(p))
	if err == nil && (w.follow || follows(filepath.ToSlash(string(p)))) {
		info, err = os.Stat(string(p))
	}
	if err != nil {
		return &fault.NoFile{Path: string(p), Detail: cause(err).Error()}
	}
	if !info.IsDir() && !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink {
		return &fault.NoFile{Path: string(p), Detail: kindOf(info.Mode())}
	}
	w.visit(string(p), name, info, nil)
	return nil
}

// visit takes in a file, and what is below it. Above are the folders that it is in, as links led there.
func (w *walk) visit(p, name string, info fs.FileInfo, above []fs.FileInfo) {
	f := &localFile{path: p, name: name, info: info}
	switch {
	case info.IsDir():
		w.folder(f, above)
	case info.Mode().Type() == fs.ModeSymlink && w.follow:
		led, err := os.Stat(p)
		if err != nil {
			w.trouble(p, "the link leads nowhere")
			return
		}
		w.visit(p, name, led, above)
	case info.Mode().Type() == fs.ModeSymlink:
		to, err := os.Readlink(p)
		if err != nil {
			w.trouble(p, cause(err).Error())
			return
		}
		f.link = to
		w.files = append(w.files, f)
	case info.Mode().IsRegular():
		w.regular(f)
	default:
		w.skipped = append(w.skipped, fault.NotCopied{Path: p, Trouble: fault.Special, Detail: kindOf(info.Mode())})
	}
}

func (w *walk) trouble(p, detail string) {
	w.troubles = append(w.troubles, fault.NotCopied{Path: p, Trouble: fault.Unreadable, Detail: detail})
}

func (w *walk) folder(f *localFile, above []fs.FileInfo) {
	for _, a := range above {
		if os.SameFile(a, f.info) {
			w.trouble(f.path, "the link leads to a folder that it is in")
			return
		}
	}
	w.folders = append(w.folders, f)
	entries, err := os.ReadDir(f.path)
	if err != nil {
		w.trouble(f.path, cause(err).Error())
	}
	below := slices.Concat(above, []fs.FileInfo{f.info})
	for _, e := range entries {
		info, err := e.Info()
		p := filepath.Join(f.path, e.Name())
		if err != nil {
			w.trouble(p, cause(err).Error())
			continue
		}
		w.visit(p, path.Join(f.name, e.Name()), info, below)
	}
}

// regular takes in a file, if it can be opened.
func (w *walk) regular(f *localFile) {
	id := inode(f.info)
	if first := w.firsts[id]; id != "" && first != nil {
		f.first = first
		w.files = append(w.files, f)
		return
	}
	file, err := os.Open(f.path)
	if err != nil {
		w.trouble(f.path, cause(err).Error())
		return
	}
	_ = file.Close() // it was only read
	if id != "" {
		w.firsts[id] = f
	}
	w.files = append(w.files, f)
	w.bytes += f.info.Size()
}

// clash is a file that would come over another one, if there is any.
func (w *walk) clash() *localFile {
	taken := names{}
	for _, f := range slices.Concat(w.folders, w.files) {
		if !taken.add(f.name, f.info.IsDir()) {
			return f
		}
	}
	return nil
}

// inOrder are the files with further names of a file right after it, so that they come in one portion.
func (w *walk) inOrder() []*localFile {
	twins := map[*localFile][]*localFile{}
	for _, f := range w.files {
		if f.first != nil {
			twins[f.first] = append(twins[f.first], f)
		}
	}
	var out []*localFile
	for _, f := range w.files {
		if f.first == nil {
			out = append(append(out, f), twins[f]...)
		}
	}
	return out
}

// errShort is a file that has become shorter than it was.
var errShort = errors.New("it became shorter while it was read")

// copyTo writes the content, exactly as long as the header says. What lacks is zeros, and an error; so is a change.
func (f *localFile) copyTo(w io.Writer, tell func(int64)) (changed, err error) {
	in, size := f.content, f.size()
	if in == nil && size > 0 {
		file, err := os.Open(f.path)
		if err != nil {
			_, writeErr := io.CopyN(w, zeros{}, size)
			return cause(err), writeErr
		}
		defer file.Close()
		in = file
	}
	n := int64(0)
	if size > 0 {
		buffer := make([]byte, 256<<10)
		var readErr error
		n, readErr = io.CopyBuffer(w, &counted{io.LimitReader(in, size), tell}, buffer)
		if readErr != nil && n < size {
			changed = cause(readErr)
		}
	}
	if n < size {
		if changed == nil {
			changed = errShort
		}
		if _, err := io.CopyN(w, zeros{}, size-n); err != nil {
			return changed, err
		}
	}
	_, err = io.CopyN(w, zeros{}, -size&511)
	return changed, err
}

// zeros is a reader of zeros.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
