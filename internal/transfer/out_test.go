//go:build unix

package transfer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// options are those of a test that does not care.
func options() Options { return Options{Retries: 2, Progress: func(int64, int64) {}} }

// takeOut copies one path out to a folder.
func takeOut(t *testing.T, l *lab, from Remote, to string, o Options) (Summary, error) {
	t.Helper()
	return Out(t.Context(), l, []Remote{from}, Local(to), io.Discard, o)
}

// wantClean fails the test where something of ours is left in a folder.
func wantClean(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, ".mindebug*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q (%v)", left, err)
	}
}

// TestOut copies a tree of awkward files and compares what there is to be kept.
func TestOut(t *testing.T) {
	t.Parallel()
	withTools(t, func(t *testing.T, l *lab) {
		plant(t, l.at("tree"))
		to := t.TempDir()
		summary, err := takeOut(t, l, "/tree", to, options())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(picture(t, l.at("tree")), picture(t, filepath.Join(to, "tree"))); diff != "" {
			t.Errorf("the copy is not what it was (-want +got):\n%s", diff)
		}
		if summary.Links != 3 || summary.Files != 715 {
			t.Errorf("%d files and %d links are said to be copied", summary.Files, summary.Links)
		}
		wantClean(t, to)
		if _, err := takeOut(t, l, "/tree", to, options()); err != nil {
			t.Errorf("copying onto the copy: %v", err)
		}
	})
}

// TestOutPlaces tries the rules for destinations with real files.
func TestOutPlaces(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		from Remote
		to   string
		want string
	}{
		{"/d/f", "new", "new"},
		{"/d/f", "there", "there/f"},
		{"d/f", "there/", "there/f"},
		{"/d", "new", "new/f"},
		{"/d/", "there", "there/d/f"},
		{"/d/.", "there", "there/f"},
		{"/link", "there", "there/link"},
		{"/link/", "new", "new/f"},
		{"/away/f", "new", "new"},
	} {
		t.Run(string(test.from)+" "+test.to, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, machineOwn)
			to := t.TempDir()
			if strings.HasPrefix(string(test.from), "d") {
				test.from = "/" + test.from // no process stands for the target here, so there is no working directory
			}
			if err := errors.Join(os.Mkdir(l.at("d"), 0o755), os.WriteFile(l.at("d/f"), nil, 0o600), os.Symlink("d", l.at("link")),
				os.Symlink("/d", l.at("away")), os.Mkdir(filepath.Join(to, "there"), 0o755)); err != nil {
				t.Fatal(err)
			}
			if _, err := takeOut(t, l, test.from, to+"/"+test.to, options()); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(filepath.Join(to, test.want)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOutManyToOne: what is wrong whatever there is in the container is said without a look at that.
func TestOutManyToOne(t *testing.T) {
	t.Parallel()
	l := newLab(t, machineOwn)
	for _, from := range [][]Remote{{"/a", "/b"}, {"/d/a", "/e/a"}} {
		to := t.TempDir()
		if from[0] == "/a" {
			to += "/none"
		}
		_, err := Out(t.Context(), l, from, Local(to), io.Discard, options())
		var notPlaced *fault.NotPlaced
		if !errors.As(err, &notPlaced) || l.runs > 0 {
			t.Errorf("%q: after %d runs the error is %v", from, l.runs, err)
		}
	}
}

// TestSameNames: of two sources nothing comes over what came from the other, and folders become one.
func TestSameNames(t *testing.T) {
	t.Parallel()
	l, here := newLab(t, machineOwn), t.TempDir()
	for _, root := range []string{l.root, here} {
		if err := errors.Join(os.MkdirAll(filepath.Join(root, "a/d"), 0o755), os.MkdirAll(filepath.Join(root, "b/d"), 0o755), os.MkdirAll(filepath.Join(root, "c/d/x"), 0o755),
			os.WriteFile(filepath.Join(root, "a/d/x"), []byte("a"), 0o600), os.WriteFile(filepath.Join(root, "b/d/x"), []byte("b"), 0o600),
			os.WriteFile(filepath.Join(root, "b/d/y"), []byte("b"), 0o600), os.Mkdir(filepath.Join(root, "to"), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []string{"b", "c"} {
		_, out := Out(t.Context(), l, []Remote{"/a/.", Remote("/" + other + "/.")}, Local(filepath.Join(here, "to")), io.Discard, options())
		_, in := sendIn(t, l, "/to", options(), filepath.Join(here, "a")+"/.", filepath.Join(here, other)+"/.")
		for way, err := range map[string]error{"out": out, "in": in} {
			var notPlaced *fault.NotPlaced
			if !errors.As(err, &notPlaced) || notPlaced.Why != fault.SameName {
				t.Errorf("%s, %s: the error is %v", way, other, err)
			}
		}
	}
	if err := errors.Join(os.Remove(l.at("b/d/x")), os.Remove(filepath.Join(here, "b/d/x"))); err != nil {
		t.Fatal(err)
	}
	_, out := Out(t.Context(), l, []Remote{"/a/.", "/b/."}, Local(filepath.Join(here, "to")), io.Discard, options())
	_, in := sendIn(t, l, "/to", options(), filepath.Join(here, "a")+"/.", filepath.Join(here, "b")+"/.")
	for _, p := range []string{l.at("to"), filepath.Join(here, "to")} {
		x, _ := os.ReadFile(filepath.Join(p, "d/x"))
		y, _ := os.ReadFile(filepath.Join(p, "d/y"))
		if err := errors.Join(out, in); err != nil || string(x) != "a" || string(y) != "b" {
			t.Errorf("%s: d/x is %q, d/y %q (%v)", p, x, y, err)
		}
	}
}

// TestOutFollows: links lead where they lead the target, and one that leads around is no trap.
func TestOutFollows(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, l *lab) {
		to := t.TempDir()
		if err := errors.Join(os.MkdirAll(l.at("d/sub"), 0o755), os.MkdirAll(l.at("etc/real"), 0o755), os.WriteFile(l.at("etc/real/passwd"), []byte("theirs"), 0o600),
			os.Symlink("/etc/real", l.at("d/absolute")), os.Symlink("../../../../../etc/real/passwd", l.at("d/sub/out")),
			os.Symlink("..", l.at("d/sub/around")), os.Symlink("/nowhere", l.at("d/dangling"))); err != nil {
			t.Fatal(err)
		}
		o := options()
		o.Follow = true
		_, err := takeOut(t, l, "/d", to, o)
		var incomplete *fault.Incomplete
		if !errors.As(err, &incomplete) || len(incomplete.Troubles) != 2 {
			t.Errorf("the error is %v, want one about two links: %+v", err, incomplete)
		}
		for _, name := range []string{"d/absolute/passwd", "d/sub/out"} {
			if text, err := os.ReadFile(filepath.Join(to, name)); string(text) != "theirs" {
				t.Errorf("%s is %q (%v), want the target's", name, text, err)
			}
		}
	})
}

// TestOutTwins: another name of a file that was not copied is not given to what has that file's name here.
func TestOutTwins(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, l *lab) {
		l.unprivileged = true
		to := t.TempDir()
		if err := errors.Join(os.Mkdir(l.at("d"), 0o755), os.WriteFile(l.at("d/a"), nil, 0o600), os.Chmod(l.at("d/a"), 0), os.Link(l.at("d/a"), l.at("d/b")),
			os.Mkdir(filepath.Join(to, "d"), 0o755), os.WriteFile(filepath.Join(to, "d/a"), []byte("old"), 0o600), os.WriteFile(filepath.Join(to, "d/b"), []byte("old"), 0o600)); err != nil {
			t.Fatal(err)
		}
		summary, err := takeOut(t, l, "/d", to, options())
		var incomplete *fault.Incomplete
		if !errors.As(err, &incomplete) || summary.Files != 0 || incomplete.All != 2 || len(summary.Troubles) != 2 ||
			summary.Troubles[1].Trouble != fault.Unreadable || !strings.HasPrefix(summary.Troubles[1].Detail, "another name of d/") {
			t.Errorf("the error is %v: %+v", err, summary)
		}
		a, errA := os.Stat(filepath.Join(to, "d/a"))
		b, errB := os.Stat(filepath.Join(to, "d/b"))
		if errA != nil || errB != nil || os.SameFile(a, b) {
			t.Errorf("old files have become one: %v, %v", errA, errB)
		}
	})
}

// TestOutKilled: a list that is cut, since what makes it was killed, is not taken for all that there is.
func TestOutKilled(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"find", "xargs", "stat"} {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			l := replaced(t, tool, "$tool \"$@\"\nkill -9 $$\n")
			if err := os.WriteFile(l.at("f"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := takeOut(t, l, "/f", t.TempDir(), options()); err == nil || !strings.Contains(err.Error(), "listing files in the container") ||
				!strings.Contains(err.Error(), "was killed") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestOutTroubles: what cannot be copied is named, and the rest arrives.
func TestOutTroubles(t *testing.T) {
	t.Parallel()
	withTools(t, func(t *testing.T, l *lab) {
		l.unprivileged = true
		to := t.TempDir()
		if err := errors.Join(os.MkdirAll(l.at("d/shut"), 0o755), os.WriteFile(l.at("d/ok"), []byte("ok"), 0o644), os.WriteFile(l.at("d/se\ncret"), nil, 0o644),
			os.Chmod(l.at("d/se\ncret"), 0), os.Chmod(l.at("d/shut"), 0), os.WriteFile(filepath.Join(to, "f"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		_, err := takeOut(t, l, "/d", to, options())
		var incomplete *fault.Incomplete
		if !errors.As(err, &incomplete) {
			t.Fatalf("the error is %v", err)
		}
		want := []fault.NotCopied{
			{Path: "/d/shut", Trouble: fault.Unreadable, Detail: "Permission denied"},
			{Path: "/d/se\ncret", Trouble: fault.Unreadable, Detail: "Permission denied"},
		}
		if l.path == os.Getenv("PATH") { // GNU tar has other words
			for i := range incomplete.Troubles {
				incomplete.Troubles[i].Detail = "Permission denied"
			}
		}
		if diff := cmp.Diff(want, incomplete.Troubles); diff != "" {
			t.Errorf("troubles (-want +got):\n%s", diff)
		}
		if text, _ := os.ReadFile(filepath.Join(to, "d/ok")); string(text) != "ok" {
			t.Error("the rest did not arrive")
		}
		for _, from := range []Remote{"/none", "/d/ok/x"} {
			var noFile *fault.NoFile
			if _, err := takeOut(t, l, from, to, options()); !errors.As(err, &noFile) {
				t.Errorf("%s: the error is %v", from, err)
			}
		}
		wantClean(t, to)
	})
}

// TestOutCut cuts connections at random places: the copy is whole after all, or says that it is not and leaves no half file.
func TestOutCut(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, l *lab) {
		plant(t, l.at("tree"))
		want := picture(t, l.at("tree"))
		stream := int64(2 << 20)
		if l.ferry { // to which holes are nothing
			stream = 300 << 10
		}
		random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same places each time
		for range 6 {
			to := t.TempDir()
			l.cuts = []int64{random.Int64N(stream)}
			summary, err := takeOut(t, l, "/tree", to, options())
			if err != nil {
				t.Fatal(err)
			}
			if size := sizeOf(t, to); summary.Bytes != size {
				t.Errorf("it says that it copied %d bytes of %d", summary.Bytes, size)
			}
			if diff := cmp.Diff(want, picture(t, filepath.Join(to, "tree"))); diff != "" {
				t.Fatalf("the copy is not what it was (-want +got):\n%s", diff)
			}
			wantClean(t, to)
		}
		to := t.TempDir()
		o := options()
		o.Retries = 0
		if err := os.WriteFile(l.at("large"), bytes.Repeat([]byte("x"), 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		l.cuts = []int64{1 << 19}
		_, err := takeOut(t, l, "/large", to, o)
		var incomplete *fault.Incomplete
		if !errors.As(err, &incomplete) || len(incomplete.Troubles) != 1 || incomplete.Troubles[0].Trouble != fault.Missing {
			t.Errorf("without retries the error is %v", err)
		}
		if left, _ := os.ReadDir(to); len(left) > 0 {
			t.Errorf("half a copy is left: %v", left)
		}
	})
}

// TestOutLinkInFoldersPlace: a folder in whose place a link is put while files are copied is not looked for elsewhere.
func TestOutLinkInFoldersPlace(t *testing.T) {
	t.Parallel()
	l := newLab(t, withFerry)
	if err := errors.Join(os.MkdirAll(l.at("tree/b"), 0o755), os.Mkdir(l.at("elsewhere"), 0o755), os.WriteFile(l.at("tree/b/f"), []byte("x"), 0o600),
		os.WriteFile(l.at("a"), make([]byte, 8<<20), 0o600), os.WriteFile(l.at("elsewhere/f"), []byte("secret"), 0o600)); err != nil {
		t.Fatal(err)
	}
	to, o := t.TempDir(), options()
	once := sync.OnceFunc(func() { // long before it is b's turn
		if err := errors.Join(os.RemoveAll(l.at("tree/b")), os.Symlink("../elsewhere", l.at("tree/b"))); err != nil {
			t.Error(err)
		}
	})
	o.Progress = func(int64, int64) { once() }
	_, err := Out(t.Context(), l, []Remote{"/a", "/tree"}, Local(to), io.Discard, o)
	var incomplete *fault.Incomplete
	if !errors.As(err, &incomplete) || len(incomplete.Troubles) != 1 || incomplete.Troubles[0].Trouble != fault.Vanished {
		t.Errorf("the error is %v: %+v", err, incomplete)
	}
	if text, err := os.ReadFile(filepath.Join(to, "tree/b/f")); err == nil {
		t.Errorf("what is there is %q", text)
	}
}

// TestOutArchive copies to a tar archive, whose connection is cut in the middle.
func TestOutArchive(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, l *lab) {
		plant(t, l.at("tree"))
		var whole, cut bytes.Buffer
		for _, out := range []*bytes.Buffer{&whole, &cut} {
			if _, err := Out(t.Context(), l, []Remote{"/tree"}, Stream, out, options()); err != nil {
				t.Fatal(err)
			}
			l.cuts = []int64{200 << 10, 30 << 10}
		}
		if !bytes.Equal(whole.Bytes(), cut.Bytes()) {
			t.Error("an archive whose connection was cut is another one")
		}
		names := 0
		archive := tar.NewReader(&whole)
		for {
			h, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(h.Name, "tree/") {
				t.Errorf("a member is named %q", h.Name)
			}
			names++
		}
		if names < 710 {
			t.Errorf("the archive has %d members", names)
		}
		o := options()
		o.Retries = 0
		l.cuts = []int64{200 << 10}
		var part bytes.Buffer // of files without zeros
		if _, err := Out(t.Context(), l, []Remote{"/tree/many"}, Stream, &part, o); err == nil {
			t.Error("half an archive is said to be whole")
		}
		if bytes.HasSuffix(part.Bytes(), make([]byte, 1024)) {
			t.Error("half an archive has an end")
		}
	})
}

// TestOutLimit: no more is written than is allowed, whatever the listing says.
func TestOutLimit(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, l *lab) {
		if err := os.WriteFile(l.at("f"), make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		for limit, ok := range map[int64]bool{999: false, 1000: true} {
			o := options()
			o.MaxBytes = limit
			_, err := takeOut(t, l, "/f", t.TempDir(), o)
			var tooMuch *fault.TooMuch
			if errors.As(err, &tooMuch) == ok {
				t.Errorf("with a limit of %d the error is %v", limit, err)
			}
		}
	})
}

// TestDuplicate: where one file cannot have two names, as on another file system, it becomes two.
func TestDuplicate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := openLand(dir)
	if err != nil {
		t.Fatal(err)
	}
	first := &remoteFile{name: "first", mode: 0o640, size: 1 << 20, stored: 4096, modified: "2001-02-03 04:05:06.123456789 +0000"}
	f, gone := *first, &remoteFile{name: "gone"}
	f.name = "again"
	content := append(make([]byte, 1<<20-4), "text"...)
	if err := errors.Join(l.take(first, first.size, bytes.NewReader(content)), l.keep(first), l.duplicate(&f, first)); err != nil {
		t.Fatal(err)
	}
	if err := l.duplicate(&f, gone); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of what is not there: %v", err)
	}
	if err := l.close(true); err != nil {
		t.Fatal(err)
	}
	lines := picture(t, dir)
	if len(lines) != 3 || strings.ReplaceAll(lines[1], "again", "first") != lines[2] || !strings.Contains(lines[2], "with holes") {
		t.Errorf("%q", lines)
	}
}

// ferryRecord is a record to ferry that has no content.
func ferryRecord(format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	return fmt.Sprintf("%s%08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

// TestFerryWithoutLinks: where there can be no link a file is copied. One that cannot be copied does not end it all.
func TestFerryWithoutLinks(t *testing.T) {
	t.Parallel()
	library := filepath.Join(t.TempDir(), "nolinks.so")
	build := exec.CommandContext(t.Context(), "cc", "-shared", "-fPIC", "-x", "c", "-o", library, "-")
	build.Stdin = strings.NewReader(`#include <errno.h>
#include <stdlib.h>
int linkat(int a, const char *b, int c, const char *d, int e) {
	(void)a, (void)b, (void)c, (void)d, (void)e;
	errno = atoi(getenv("WHY"));
	return -1;
}`)
	l := newLab(t, withFerry)
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if err := errors.Join(os.Chmod(filepath.Dir(filepath.Dir(library)), 0o755), os.Chmod(filepath.Dir(library), 0o755), os.Chmod(l.root, 0o777), //nolint:gosec // ferry runs as nobody
		os.WriteFile(l.at("first"), []byte("text"), 0o644), os.WriteFile(l.at("shut"), nil, 0), syscall.Mkfifo(l.at("pipe"), 0o666), os.Symlink("first", l.at("link"))); err != nil {
		t.Fatal(err)
	}
	for why, ok := range map[syscall.Errno]bool{
		syscall.EXDEV: true, syscall.EPERM: true, syscall.EOPNOTSUPP: true, syscall.ENOSYS: true, syscall.EMLINK: true, syscall.ENAMETOOLONG: false,
	} {
		for first, ok := range map[string]bool{"first": ok, "shut": false, "pipe": false, "link": false, "none": false} {
			cmd := exec.CommandContext(t.Context(), filepath.Join(l.path, "ferry"), "in", l.root)
			cmd.Env = []string{"LD_PRELOAD=" + library, fmt.Sprintf("WHY=%d", int(why))}
			cmd.Stdin = strings.NewReader(ferryRecord("hard 5 %d\nagain%s", len(first), first) + ferryRecord("folder 755 1\nd") + ferryRecord("end\n"))
			if os.Getuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}
			out, err := cmd.Output()
			text, _ := os.ReadFile(l.at("again"))
			if got := string(text) == "text"; got != ok || strings.HasPrefix(string(out), "ready ferry\nno ") == ok || !strings.HasSuffix(string(out), "\nend\n") {
				t.Errorf("%v, of %s: %q (%v), and there is %q", why, first, out, err, text)
			}
			wantClean(t, l.root)
			_ = os.Remove(l.at("again")) // for the next
		}
	}
}

// TestFerryMemory: the pod's memory is not ours to spend: however large a file is, none of it is held.
func TestFerryMemory(t *testing.T) {
	t.Parallel()
	l := newLab(t, withFerry)
	if err := os.WriteFile(l.at("large"), make([]byte, 64<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	from := l.at("large")
	for name, command := range map[string]string{
		"out": `printf '%s\0' "${1#/}" | ferry out`,
		"in":  `{ printf 'file 600 0 0 6\ncopied67108864\n'; cat "$1"; printf 'end\n00000000\n'; } | ferry in "${1%/*}"`,
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(l.path, "sh"), "-c", "ulimit -v 8192; "+command, "sh", from)
		cmd.Env = []string{"PATH=" + l.path}
		out, err := cmd.Output()
		if name == "out" && (err != nil || len(out) < 64<<20) {
			t.Errorf("out: %d bytes (%v)", len(out), err)
		}
		if name == "in" && string(out) != "ready ferry\ndamaged\n" { // when all had come
			t.Errorf("in: %q (%v)", out, err)
		}
	}
}
