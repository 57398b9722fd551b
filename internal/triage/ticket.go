package triage

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// sums is the file that `sha256sum -c` checks the others by.
const sums = "SHA256SUMS"

// File is one of a ticket.
type File struct {
	// Name is its path in the ticket, with slashes.
	Name string
	Data []byte
}

// RawFiles are the outputs of all topics, redacted.
func (r Report) RawFiles() (files []File) {
	for _, t := range r.Topics {
		if len(t.Raw) > 0 {
			files = append(files, File{"raw/" + t.Name + ".txt", []byte(Redact(t.Raw.Text()))})
		}
	}
	return files
}

// TicketArchive returns the name of the folder that an archive at that path holds, and false where the path is a folder's.
func TicketArchive(path string) (folder string, ok bool) {
	base := filepath.Base(path)
	for _, end := range []string{".tgz", ".tar.gz"} {
		if name, cut := strings.CutSuffix(base, end); cut && name != "" {
			return name, true
		}
	}
	return "", false
}

// WriteTicket writes files and their checksums as a folder, or as an archive where the path ends in .tgz or .tar.gz, for
// nobody else to read. There must be nothing at the path; what is there in the end is whole, and otherwise there is nothing.
func WriteTicket(path string, files []File, at time.Time) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, fmt.Errorf("writing %q: %w", path, fs.ErrExist))
	}
	files = withSums(files)
	parent, base := filepath.Split(filepath.Clean(path))
	made, err := os.MkdirTemp(parent, "."+base+".new-")
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(made)) }()
	whole := filepath.Join(made, "ticket")
	if folder, ok := TicketArchive(path); ok {
		err = writeArchive(whole, folder, files, at)
	} else {
		err = writeFolder(whole, files)
	}
	if err == nil {
		err = os.Rename(whole, path)
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// withSums adds the checksums of all others.
func withSums(files []File) []File {
	var text strings.Builder
	for _, f := range files {
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(f.Data), f.Name)
	}
	return append(slices.Clone(files), File{sums, []byte(text.String())})
}

func writeFolder(dir string, files []File) error {
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := writeWhole(name, f.Data); err != nil {
			return err
		}
	}
	return nil
}

// writeWhole writes a file and waits until the disk has it.
func writeWhole(name string, data []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the user's own words say where
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}

func writeArchive(name, folder string, files []File, at time.Time) error {
	var data bytes.Buffer
	packed := gzip.NewWriter(&data)
	archive := tar.NewWriter(packed)
	for _, f := range files {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: folder + "/" + f.Name, Size: int64(len(f.Data)), Mode: 0o600, ModTime: at.Truncate(time.Second),
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(f.Data); err != nil {
			return err
		}
	}
	if err := errors.Join(archive.Close(), packed.Close()); err != nil {
		return err
	}
	return writeWhole(name, data.Bytes())
}
