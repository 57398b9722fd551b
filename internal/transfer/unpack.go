package transfer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// archiveReader is an archive that is sent on, portion by portion, without ever being a file.
type archiveReader struct {
	in *tar.Reader
	// ahead is a file that was too large for the last portion.
	ahead *localFile
	// limit is how many bytes are taken at the most, 0 for any.
	limit, taken int64
	// troubles are members that cannot be sent on.
	troubles []fault.NotCopied
}

func newArchiveReader(in io.Reader, limit int64) *archiveReader {
	return &archiveReader{in: tar.NewReader(in), limit: limit}
}

// smallFile is up to how many bytes a file is held in memory, so that many of them make one portion.
const smallFile = 64 << 10

func (a *archiveReader) takeTroubles() []fault.NotCopied {
	troubles := a.troubles
	a.troubles = nil
	return troubles
}

// next are the files of the next portion, none at the end. A larger file comes alone, and is read while it is sent.
func (a *archiveReader) next() ([]*localFile, error) {
	if f := a.ahead; f != nil {
		a.ahead = nil
		return []*localFile{f}, nil
	}
	var files []*localFile
	for size := int64(0); len(files) < portionFiles && size < portionBytes; {
		f, err := a.nextFile()
		if err != nil {
			return nil, err
		}
		if f == nil {
			break
		}
		switch {
		case f.first != nil: // which is elsewhere by now
			a.trouble(f.name, "a hard link in an archive needs the debug image of this program")
			continue
		case f.size() > smallFile:
			if len(files) == 0 {
				return []*localFile{f}, nil
			}
			a.ahead = f
			return files, nil
		case f.size() > 0:
			text, err := io.ReadAll(a.in)
			if err != nil {
				return nil, fmt.Errorf("reading the archive on standard input: %w", err)
			}
			f.content = bytes.NewReader(text)
		}
		size += f.size()
		files = append(files, f)
	}
	return files, nil
}

// nextFile is the next file, or nil at the end. Its content must be read before the next one.
func (a *archiveReader) nextFile() (*localFile, error) {
	for {
		h, err := a.in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("reading the archive on standard input: %w", err)
		}
		f, err := a.file(h)
		if err != nil || f != nil {
			return f, err
		}
	}
}

func (a *archiveReader) trouble(name, detail string) {
	a.troubles = append(a.troubles, fault.NotCopied{Path: name, Trouble: fault.Special, Detail: detail})
}

// outOf reports whether a name leads out of the folder that it is to be below.
func outOf(name string) bool {
	return strings.HasPrefix(name, "/") || name == ".." || strings.HasPrefix(name, "../")
}

// file is what a header is about, or nil where that cannot be copied. A name that leads out of the folder is an error.
func (a *archiveReader) file(h *tar.Header) (*localFile, error) {
	name := path.Clean(h.Name)
	if outOf(name) || h.Typeflag == tar.TypeLink && outOf(path.Clean(h.Linkname)) {
		return nil, &fault.Usage{Reason: fmt.Sprintf("the archive on standard input has a file %q, which is not below its folder", h.Name), Hint: "make it with relative names: tar -C FOLDER -c ."}
	}
	f := &localFile{path: name, name: name, info: h.FileInfo()}
	switch h.Typeflag {
	case tar.TypeReg:
		if a.taken += h.Size; a.limit > 0 && a.taken > a.limit {
			return nil, &fault.TooMuch{Bytes: a.taken, Limit: a.limit}
		}
		f.content = a.in
	case tar.TypeLink:
		f.first = &localFile{name: path.Clean(h.Linkname)}
	case tar.TypeDir:
		if name == "." {
			return nil, nil
		}
	case tar.TypeSymlink:
		f.link = h.Linkname
	default:
		a.trouble(name, "in an archive only files, folders and links are copied")
		return nil, nil
	}
	return f, nil
}
