package transfer

import (
	"archive/tar"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"unicode/utf8"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// archive is a tar archive that files are written to as they come. What was written cannot be taken back: where a connection
// breaks, what comes again must be what was written, or the archive ends there.
type archive struct {
	out *tar.Writer
	// sent is what was written and may come again, open the file whose content is not at its end.
	sent map[*remoteFile]*sent
	open *remoteFile
}

// sent is how much of a file was written.
type sent struct {
	size, done int64
	sum        hash.Hash64
}

func newArchive(out io.Writer) *archive {
	return &archive{out: tar.NewWriter(out), sent: map[*remoteFile]*sent{}}
}

var errAnother = errors.New("a file that broke off in the archive is another one by now")

// fails says that the archive cannot go on.
func fails(err error) error {
	if err == nil {
		return nil
	}
	return &fault.NotWritten{Path: string(Stream), Cause: err}
}

// header is what an archive says of a file.
func (f *remoteFile) header() *tar.Header {
	h := &tar.Header{Name: f.name, Mode: int64(f.mode.Perm()), ModTime: f.modTime(), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
	if !utf8.ValidString(f.name) { // PAX knows no other names
		h.Format = tar.FormatGNU
	}
	return h
}

func (a *archive) folder(f *remoteFile) error {
	h := f.header()
	h.Typeflag, h.Name = tar.TypeDir, f.name+"/"
	return a.out.WriteHeader(h)
}

// take implements sink.
func (a *archive) take(f *remoteFile, size int64, content io.Reader) error {
	s := a.sent[f]
	if s == nil && a.open != nil || s != nil && s.size != size {
		return fails(errAnother)
	}
	if s == nil {
		s = &sent{size: size, sum: crc64.New(crc64.MakeTable(crc64.ECMA))}
		h := f.header()
		h.Size = size
		if err := a.out.WriteHeader(h); err != nil {
			return fails(err)
		}
		a.sent[f] = s
	} else {
		again := crc64.New(crc64.MakeTable(crc64.ECMA))
		if _, err := io.CopyN(again, content, s.done); err != nil {
			return err
		}
		if again.Sum64() != s.sum.Sum64() {
			return fails(errAnother)
		}
	}
	if s.done < size {
		a.open = f
	}
	w := &archived{a.out, s, nil}
	if _, err := io.Copy(w, content); err != nil && w.err == nil {
		return err
	}
	if w.err == nil && a.open == f {
		a.open = nil
	}
	return fails(w.err)
}

// archived is the content of one file on its way into the archive.
type archived struct {
	out  io.Writer
	sent *sent
	err  error
}

func (w *archived) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	w.sent.done += int64(n)
	_, _ = w.sent.sum.Write(p[:n])
	w.err = err
	return n, err
}

// keep implements sink.
func (a *archive) keep(f *remoteFile) error {
	delete(a.sent, f)
	return nil
}

// drop implements sink. What was written stays, and is compared with what comes again.
func (a *archive) drop(*remoteFile) {}

func (a *archive) symlink(f *remoteFile, to string) error {
	h := f.header()
	h.Typeflag, h.Linkname = tar.TypeSymlink, to
	return a.out.WriteHeader(h)
}

func (a *archive) link(f, first *remoteFile) error {
	h := f.header()
	h.Typeflag, h.Linkname = tar.TypeLink, first.name
	return a.out.WriteHeader(h)
}

// finish implements harbour: a folder's mode and time stand in the archive before what is in it.
func (a *archive) finish(*remoteFile) error { return nil }

// close ends the archive. One that is not whole has no end, so that whoever reads it knows.
func (a *archive) close(whole bool) error {
	if !whole || a.open != nil {
		return nil
	}
	if err := a.out.Close(); err != nil {
		return fmt.Errorf("ending the archive: %w", err)
	}
	return nil
}
