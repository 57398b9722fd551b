//go:build unix

package transfer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// anyRoom is no limit.
func anyRoom(string) *Room { return nil }

// sendIn copies paths to a folder of the lab.
func sendIn(t *testing.T, l *lab, to Remote, o Options, from ...string) (Summary, error) {
	t.Helper()
	var paths []Local
	for _, p := range from {
		paths = append(paths, Local(p))
	}
	return In(t.Context(), l, paths, to, nil, anyRoom, o)
}

// wholeSeconds cuts the times of a picture.
func wholeSeconds(lines []string) []string {
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(strings.ReplaceAll(line, ".123456789 +0000", " +0000"), " with holes", "")
	}
	return lines
}

// TestIn copies a tree of awkward files and compares what there is to be kept: all but holes and parts of seconds.
func TestIn(t *testing.T) {
	t.Parallel()
	withTools(t, func(t *testing.T, l *lab) {
		from := newLab(t, machineOwn).at("tree")
		plant(t, from)
		if err := os.Mkdir(l.at("data"), 0o755); err != nil {
			t.Fatal(err)
		}
		want := wholeSeconds(picture(t, from))
		for _, again := range []bool{false, true} {
			if _, err := sendIn(t, l, "/data", options(), from); err != nil {
				t.Fatalf("again %v: %v", again, err)
			}
			if diff := cmp.Diff(settled(want), settled(wholeSeconds(picture(t, l.at("data/tree"))))); diff != "" {
				t.Errorf("again %v: the copy is not what it was (-want +got):\n%s", again, diff)
			}
			wantClean(t, l.at("data"))
		}
	})
}

// sizeOf is how many bytes are in all files below a folder, those with several names once.
func sizeOf(t *testing.T, dir string) (size int64) {
	t.Helper()
	seen := map[uint64]bool{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if stat := info.Sys().(*syscall.Stat_t); !seen[stat.Ino] { //nolint:forcetypeassert // on Linux it is one
			seen[stat.Ino] = true
			size += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// settled leaves out the times of folders that are as new as the test: what has a time of its own is compared.
func settled(lines []string) []string {
	year := fmt.Sprint(time.Now().Year())
	var out []string
	for _, line := range lines {
		if i := strings.LastIndex(line, " "+year+"-"); i > 0 {
			line = line[:i]
		}
		out = append(out, line)
	}
	return out
}

// TestInCut cuts connections at random places.
func TestInCut(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, l *lab) {
		from := newLab(t, machineOwn).at("tree")
		plant(t, from)
		want := settled(wholeSeconds(picture(t, from)))
		stream := int64(2 << 20)
		if l.ferry { // to which holes are nothing
			stream = 300 << 10
		}
		random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same places each time
		for i := range 6 {
			to := fmt.Sprintf("data%d", i)
			l.cutsIn = []int64{random.Int64N(stream)}
			summary, err := sendIn(t, l, Remote("/"+to), options(), from)
			if err != nil {
				t.Fatal(err)
			}
			if size := sizeOf(t, from); summary.Bytes != size {
				t.Errorf("it says that it copied %d bytes of %d", summary.Bytes, size)
			}
			if diff := cmp.Diff(want, settled(wholeSeconds(picture(t, l.at(to))))); diff != "" {
				t.Fatalf("the copy is not what it was (-want +got):\n%s", diff)
			}
		}
		wantClean(t, l.root)
		o := options()
		o.Retries = 0
		l.cutsIn = []int64{1 << 19}
		large := filepath.Join(t.TempDir(), "large")
		if err := os.WriteFile(large, bytes.Repeat([]byte("x"), 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := sendIn(t, l, "/half", o, large)
		var incomplete *fault.Incomplete
		if !errors.As(err, &incomplete) || len(incomplete.Troubles) != 1 || incomplete.Troubles[0].Trouble != fault.Missing {
			t.Errorf("without retries the error is %v", err)
		}
		if _, err := os.Lstat(l.at("half")); err == nil {
			t.Error("half a file is there")
		}
		wantClean(t, l.root)
	})
}

// TestInReplaces: a file is replaced by one rename, and what is of another kind stays.
func TestInReplaces(t *testing.T) {
	t.Parallel()
	withTools(t, func(t *testing.T, l *lab) {
		from := t.TempDir()
		if err := errors.Join(
			os.MkdirAll(filepath.Join(from, "d/sub/empty"), 0o755), os.WriteFile(filepath.Join(from, "d/f"), []byte("new"), 0o600),
			os.WriteFile(filepath.Join(from, "d/folder"), []byte("new"), 0o600), os.WriteFile(filepath.Join(from, "d/sub/x"), []byte("new"), 0o600),
			os.MkdirAll(l.at("d/folder"), 0o755), os.WriteFile(l.at("d/f"), []byte("old"), 0o600), os.WriteFile(l.at("d/other"), []byte("old"), 0o600),
			os.Mkdir(l.at("elsewhere"), 0o700), os.Symlink("../elsewhere", l.at("d/sub")),
		); err != nil {
			t.Fatal(err)
		}
		was, err := os.Open(l.at("d/f"))
		if err != nil {
			t.Fatal(err)
		}
		defer was.Close()
		_, err = sendIn(t, l, "/", options(), filepath.Join(from, "d"))
		var incomplete *fault.Incomplete
		if !errors.As(err, &incomplete) || len(incomplete.Troubles) != 4 {
			t.Fatalf("the error is %v: %+v", err, incomplete)
		}
		for name, want := range map[string]string{"d/f": "new", "d/other": "old"} {
			if text, _ := os.ReadFile(l.at(name)); string(text) != want {
				t.Errorf("%s is %q, want %q", name, text, want)
			}
		}
		old := make([]byte, 3)
		if _, err := was.Read(old); err != nil || string(old) != "old" {
			t.Errorf("who had the file open reads %q (%v): it was written over, not replaced", old, err)
		}
		if left, _ := os.ReadDir(l.at("elsewhere")); len(left) > 0 {
			t.Errorf("something was written through a link: %v", left)
		}
		info, err := os.Stat(l.at("elsewhere"))
		if link, linkErr := os.Readlink(l.at("d/sub")); err != nil || info.Mode().Perm() != 0o700 || linkErr != nil || link != "../elsewhere" {
			t.Errorf("what is in a folder's place has become %q (%v), what it leads to %+v (%v)", link, linkErr, info, err)
		}
		wantClean(t, l.root)
	})
}

// TestInRefused: what can be known before is said before anything is written.
func TestInRefused(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, l *lab) {
		l.unprivileged = true
		file, huge := filepath.Join(t.TempDir(), "f"), filepath.Join(t.TempDir(), "huge")
		if err := errors.Join(os.WriteFile(file, make([]byte, 1000), 0o600), os.WriteFile(huge, nil, 0o600), os.Truncate(huge, 8<<40), os.Mkdir(l.at("shut"), 0o555), os.WriteFile(l.at("file"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		var notWritten *fault.NotWritten
		var noRoom *fault.NoRoom
		var tooMuch *fault.TooMuch
		var notPlaced *fault.NotPlaced
		var noFile *fault.NoFile
		limited := options()
		limited.MaxBytes = 999
		for name, test := range map[string]struct {
			to   Remote
			from string
			room *Room
			o    Options
			want any
		}{
			"a folder that may not be written to": {to: "/shut/f", from: file, o: options(), want: &notWritten},
			"no such folder":                      {to: "/none/f", from: file, o: options(), want: &notWritten},
			"a limit of the pod":                  {to: "/shut", from: file, room: &Room{Limit: 999, Says: "a limit"}, o: options(), want: &noRoom},
			"more than is free":                   {to: "/shut", from: huge, o: options(), want: &noRoom},
			"a limit of the user":                 {to: "/shut", from: file, o: limited, want: &tooMuch},
			"a slash at the end":                  {to: "/none/", from: file, o: options(), want: &notPlaced},
			"no such file":                        {to: "/shut", from: file + "x", o: options(), want: &noFile},
		} {
			_, err := In(t.Context(), l, []Local{Local(test.from)}, test.to, nil, func(string) *Room { return test.room }, test.o)
			if !errors.As(err, test.want) {
				t.Errorf("%s: the error is %v", name, err)
			}
		}
		wantClean(t, l.at("shut"))
	})
}

// TestInUsed: what is in a volume counts against its limit, but for what is replaced.
func TestInUsed(t *testing.T) {
	t.Parallel()
	withTools(t, func(t *testing.T, l *lab) {
		from := filepath.Join(t.TempDir(), "f\\ile")
		content := make([]byte, 150<<10)
		if err := errors.Join(os.MkdirAll(l.at("v/other"), 0o755), os.WriteFile(l.at("v/other/file"), make([]byte, 200<<10), 0o600),
			os.WriteFile(from, content, 0o600), os.WriteFile(l.at("v/f\\ile"), content, 0o600)); err != nil {
			t.Fatal(err)
		}
		for limit, want := range map[int64]bool{100: false, 340: false, 400: true, 600: true} {
			_, err := In(t.Context(), l, []Local{Local(from)}, "/v", nil, func(string) *Room { return &Room{Limit: limit << 10, Volume: "/v"} }, options())
			var noRoom *fault.NoRoom
			if errors.As(err, &noRoom) == want || want && err != nil {
				t.Errorf("with a limit of %d KiB the error is %v", limit, err)
			}
			if limit == 340 && (noRoom == nil || noRoom.Used < 200<<10 || noRoom.Used > 250<<10 || noRoom.Room != 340<<10-noRoom.Used) {
				t.Errorf("%+v", noRoom)
			}
		}
	})
}

// TestInUsedDeadline: all that is replaced has one time to be measured in, and what is mounted there is not measured.
func TestInUsedDeadline(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	l := replaced(t, "timeout", "echo \"$*\" >>"+log+"; sleep 1; exec $tool \"$@\"\n") // what it measures takes a second
	from := t.TempDir()
	var names []string
	for _, name := range []string{"a", "b"} {
		names = append(names, filepath.Join(from, name))
		if err := errors.Join(os.WriteFile(filepath.Join(from, name), nil, 0o600), os.WriteFile(l.at(name), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	room := func(string) *Room { return &Room{Limit: 1 << 30, Volume: "/"} }
	if _, err := In(t.Context(), l, []Local{Local(names[0]), Local(names[1])}, "/", nil, room, options()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	calls := strings.Split(strings.TrimSpace(string(text)), "\n")
	left := 6
	for _, call := range calls {
		var seconds int
		if n, _ := fmt.Sscanf(call, "%d du -skx", &seconds); n != 1 || seconds >= left {
			t.Errorf("after %d seconds it runs %q", left, call)
		}
		left = seconds
	}
	if len(calls) != 3 {
		t.Errorf("it runs %q (%v)", calls, err)
	}
}

// TestInUsedCut: a connection that is lost before the volume was measured is opened again.
func TestInUsedCut(t *testing.T) {
	t.Parallel()
	l := newLab(t, busybox)
	from := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(from, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	room := func(string) *Room { return &Room{Limit: 1 << 30, Volume: "/"} }
	o := options()
	for _, o.Retries = range []int{0, 2} {
		l.runs, l.cutsIn = 0, []int64{3} // of "used"
		_, err := In(t.Context(), l, []Local{Local(from)}, "/", nil, room, o)
		var lost *fault.Lost
		if o.Retries == 0 && !errors.As(err, &lost) || o.Retries > 0 && (err != nil || l.runs != 2) {
			t.Errorf("with %d retries and after %d runs the error is %v", o.Retries, l.runs, err)
		}
	}
	l.cutsIn = []int64{3}
	if err := os.Mkdir(l.at("d"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := In(t.Context(), l, []Local{Local(from)}, "/d", nil, func(folder string) *Room {
		if err := os.Remove(l.at("d")); err != nil {
			t.Error(err)
		}
		return room(folder)
	}, o)
	var notWritten *fault.NotWritten
	if _, statErr := os.Lstat(l.at("d")); !errors.As(err, &notWritten) || statErr == nil {
		t.Errorf("where the folder has gone meanwhile the error is %v, and something has its name: %v", err, statErr == nil)
	}
}

// TestInNoSize: a file system that does not say how large it is may have room.
func TestInNoSize(t *testing.T) {
	t.Parallel()
	l := replaced(t, "stat", "[ \"$1\" != -f ] || set -- -f -c \"$3\" /proc\nexec $tool \"$@\"\n")
	from := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(from, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sendIn(t, l, "/", options(), from); err != nil {
		t.Error(err)
	}
}

// TestInShrinks: a file that becomes shorter while it is read never comes under its name, and the rest does.
func TestInShrinks(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, l *lab) {
		from := t.TempDir()
		if err := errors.Join(os.WriteFile(filepath.Join(from, "a"), make([]byte, 1<<20), 0o600), os.WriteFile(filepath.Join(from, "b"), make([]byte, 1<<20), 0o600)); err != nil {
			t.Fatal(err)
		}
		o := options()
		o.Progress = func(int64, int64) { _ = os.Truncate(filepath.Join(from, "b"), 5) }
		_, err := sendIn(t, l, "/", o, from+"/.")
		var incomplete *fault.Incomplete
		if !errors.As(err, &incomplete) || len(incomplete.Troubles) != 1 || incomplete.Troubles[0].Trouble != fault.Changed {
			t.Errorf("the error is %v: %+v", err, incomplete)
		}
		if _, err := os.Lstat(l.at("b")); err == nil {
			t.Error("it is there")
		}
		if info, err := os.Lstat(l.at("a")); err != nil || info.Size() != 1<<20 {
			t.Errorf("the rest is not there: %v", err)
		}
	})
}

// TestInTwins: what is another name of a file that was not copied is not made of the old file that has that file's name.
func TestInTwins(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, l *lab) {
		for name, spoil := range map[string]func(from string, o *Options){
			"which cannot be replaced": func(string, *Options) { l.unprivileged = true },
			"which becomes shorter": func(from string, o *Options) {
				o.Progress = func(int64, int64) { _ = os.Truncate(filepath.Join(from, "a"), 5) }
			},
			"which becomes shorter, and the connection is lost": func(from string, o *Options) {
				o.Progress = func(int64, int64) { _ = os.Truncate(filepath.Join(from, "a"), 5) }
				l.cutsIn = []int64{200 << 10} // in b
			},
		} {
			if l.unprivileged = false; name == "which cannot be replaced" && os.Getuid() != 0 {
				continue // nobody else can make a file that is not one's own
			}
			from, to := filepath.Join(t.TempDir(), "d"), l.at("d")
			if err := errors.Join(
				os.Mkdir(from, 0o755), os.WriteFile(filepath.Join(from, "a"), bytes.Repeat([]byte("new"), 100<<10), 0o600),
				os.WriteFile(filepath.Join(from, "b"), bytes.Repeat([]byte("new"), 100<<10), 0o600),
				os.Link(filepath.Join(from, "a"), filepath.Join(from, "c")), os.Link(filepath.Join(from, "a"), filepath.Join(from, "d")),
				os.RemoveAll(to), os.Mkdir(to, 0o755), os.WriteFile(filepath.Join(to, "a"), []byte("old"), 0o644), //nolint:gosec // nobody can read it
				os.Chmod(to, 0o777|os.ModeSticky), //nolint:gosec // nobody can write here
			); err != nil {
				t.Fatal(err)
			}
			o := options()
			spoil(from, &o)
			_, err := sendIn(t, l, "/d", o, from+"/.")
			var incomplete *fault.Incomplete
			if !errors.As(err, &incomplete) {
				t.Errorf("%s: the error is %v", name, err)
			}
			for file, want := range map[string]string{"a": "old", "b": "new"} {
				if text, err := os.ReadFile(filepath.Join(to, file)); !strings.HasPrefix(string(text), want) {
					t.Errorf("%s: %s is %.3q… (%v), want %q", name, file, text, err, want)
				}
			}
			for _, file := range []string{"c", "d"} {
				if text, err := os.ReadFile(filepath.Join(to, file)); err == nil && (len(text) < 300<<10 || bytes.Contains(text, []byte("old"))) {
					t.Errorf("%s: %s is there, with %d bytes: %.3q", name, file, len(text), text)
				}
			}
			if want := 3; len(incomplete.Troubles) != want && (l.ferry || name != "which cannot be replaced") {
				t.Errorf("%s: what is told is %+v", name, incomplete.Troubles)
			}
			wantClean(t, to)
		}
	})
}

// TestInArchive sends an archive on, and refuses one that leads elsewhere.
func TestInArchive(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, l *lab) {
		from := newLab(t, machineOwn)
		plant(t, from.at("tree"))
		var archive bytes.Buffer
		if _, err := Out(t.Context(), from, []Remote{"/tree"}, Stream, &archive, options()); err != nil {
			t.Fatal(err)
		}
		_, err := In(t.Context(), l, []Local{Stream}, "/", &archive, anyRoom, options())
		var incomplete *fault.Incomplete
		if l.ferry && err != nil || !l.ferry && (!errors.As(err, &incomplete) || len(incomplete.Troubles) != 1) { // the hard link
			t.Errorf("the error is %v: %+v", err, incomplete)
		}
		for _, name := range []string{"tree/sparse", "tree/many/699", "tree/line\nend\n"} {
			want, _ := os.ReadFile(from.at(name))
			if got, err := os.ReadFile(l.at(name)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%q is not what it was: %v", name, err)
			}
		}
		for _, name := range []string{"../x", "/x", "a/../../x"} {
			var evil bytes.Buffer
			w := tar.NewWriter(&evil)
			if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg}), w.Close()); err != nil {
				t.Fatal(err)
			}
			var usage *fault.Usage
			if _, err := In(t.Context(), l, []Local{Stream}, "/", &evil, anyRoom, options()); !errors.As(err, &usage) {
				t.Errorf("%s: the error is %v", name, err)
			}
		}
	})
}
