package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// file is one of an archive: its name there, where it is, and its mode, which krew takes as it is.
type file struct {
	name, path string
	mode       fs.FileMode
}

// past is the time of every file in an archive: the earliest that a zip can hold.
var past = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func writeTarGz(path string, files []file) error {
	return create(path, func(out io.Writer) error {
		zipped := gzip.NewWriter(out)
		archive := tar.NewWriter(zipped)
		for _, f := range files {
			content, err := os.ReadFile(f.path)
			if err != nil {
				return err
			}
			header := &tar.Header{
				Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode), Size: int64(len(content)), ModTime: past, Format: tar.FormatUSTAR,
			}
			if err := archive.WriteHeader(header); err != nil {
				return err
			}
			if _, err := archive.Write(content); err != nil {
				return err
			}
		}
		if err := archive.Close(); err != nil {
			return err
		}
		return zipped.Close()
	})
}

func writeZip(path string, files []file) error {
	return create(path, func(out io.Writer) error {
		archive := zip.NewWriter(out)
		for _, f := range files {
			content, err := os.ReadFile(f.path)
			if err != nil {
				return err
			}
			header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: past}
			header.SetMode(f.mode)
			to, err := archive.CreateHeader(header)
			if err != nil {
				return err
			}
			if _, err := to.Write(content); err != nil {
				return err
			}
		}
		return archive.Close()
	})
}

// create writes a file by a function.
func create(path string, write func(io.Writer) error) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(out); err != nil {
		out.Close()
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return out.Close()
}

// sum is the SHA-256 of a file, in lower case as krew wants it.
func sum(path string) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, in); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// writeChecksums writes the sums of all other files, as sha256sum --check reads them.
func (r *release) writeChecksums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, entry := range entries {
		sum, err := sum(filepath.Join(r.out, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s  %s\n", sum, entry.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "checksums.txt"), []byte(text.String()), 0o644)
}
