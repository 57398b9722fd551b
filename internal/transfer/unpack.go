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
	// troubles are members that cannot be sent on.
	troubles []fault.NotCopied
}

func newArchiveReader(in io.Reader) *archiveReader { return &archiveReader{in: tar.NewReader(in)} }

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
		h, err := a.in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the archive on standard input: %w", err)
		}
		f, err := a.file(h)
		switch {
		case err != nil:
			return nil, err
		case f == nil:
			continue
		case f.size() > smallFile:
			f.content = a.in
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

// file is what a header is about, or nil where that cannot be copied. A name that leads out of the folder is an error.
func (a *archiveReader) file(h *tar.Header) (*localFile, error) {
	name := path.Clean(h.Name)
	if strings.HasPrefix(name, "/") || name == ".." || strings.HasPrefix(name, "../") {
		return nil, &fault.Usage{Reason: fmt.Sprintf("the archive on standard input has a file %q, which is not below its folder", h.Name), Hint: "make it with relative names: tar -C FOLDER -c ."}
	}
	f := &localFile{path: name, name: name, info: h.FileInfo()}
	switch h.Typeflag {
	case tar.TypeReg:
	case tar.TypeDir:
		if name == "." {
			return nil, nil
		}
	case tar.TypeSymlink:
		f.link = h.Linkname
	default:
		a.troubles = append(a.troubles, fault.NotCopied{Path: name, Trouble: fault.Special, Detail: "in an archive only files, folders and symbolic links are copied"})
		return nil, nil
	}
	return f, nil
}
