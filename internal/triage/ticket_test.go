package triage

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ticket is what TestWriteTicket writes, as it must be found.
func ticket() (files []File, want map[string]string) {
	report := Report{Topics: []TopicReport{
		{Name: "memory", Raw: Raw{{"v1", "used 1\nDB_TOKEN=hunter2\n"}}}, {Name: "tls"},
	}}
	files = append([]File{{"report.md", []byte("# x\n")}}, report.RawFiles()...)
	want = map[string]string{"report.md": "# x\n", "raw/memory.txt": "== v1\nused 1\nDB_TOKEN=[redacted]\n"}
	want[sums] = fmt.Sprintf("%x  report.md\n%x  raw/memory.txt\n", sha256.Sum256([]byte(want["report.md"])), sha256.Sum256([]byte(want["raw/memory.txt"])))
	return files, want
}

func TestWriteTicket(t *testing.T) {
	t.Parallel()
	files, want := ticket()
	dir := t.TempDir()
	folder, archive := filepath.Join(dir, "case-7"), filepath.Join(dir, "case-7.tgz")
	for _, path := range []string{folder, archive} {
		if err := WriteTicket(path, files, noon); err != nil {
			t.Fatal(err)
		}
		if err := WriteTicket(path, files, noon); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over what is there it writes: %v", err)
		}
	}
	got := map[string]string{}
	for name := range want {
		file := filepath.Join(folder, name)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = string(data)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is for others: %v, %v", name, info.Mode(), err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, unpacked(t, archive, "case-7/")); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("beside them is %v, %v", left, err)
	}
}

// unpacked are the files of an archive below a folder.
func unpacked(t *testing.T, path, folder string) map[string]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	packed, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for archive := tar.NewReader(packed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name[len(folder):]] = string(data)
	}
}

// TestWriteTicketFails: where it cannot be written whole there is nothing of it.
func TestWriteTicketFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none", "case"), filepath.Join(dir, "case")} {
		if err := WriteTicket(path, []File{{"a", nil}, {"a/b", nil}}, noon); err == nil {
			t.Errorf("%s is written", path)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left is %v, %v", left, err)
	}
}
