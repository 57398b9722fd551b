//go:build unix

package inspect

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/session"
)

// local runs scripts on this machine, with a folder for the target's root.
type local struct {
	root    string
	busybox string
}

// Run implements Runner.
func (l local) Run(ctx context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	words, in := session.Script("id", script, args, stdin)
	cmd := exec.CommandContext(ctx, l.busybox, words...)
	cmd.Env = []string{"T=" + l.root, fmt.Sprintf("TPID=%d", os.Getpid()), "PATH=" + os.Getenv("PATH")}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = struct{ io.Reader }{in}, stdout, stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// localSession is a session beside a root that has these files.
func localSession(t *testing.T, files []file) (*Session, string) {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("no busybox on PATH: the script is tried by the end-to-end tests only")
	}
	root := t.TempDir()
	for _, f := range files {
		unpack(t, root, f)
	}
	s := OpenSession(context.WithoutCancel(t.Context()), local{root, busybox}) // it is closed in a Cleanup
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("the session ended with: %v", err)
		}
	})
	return s, root
}

func unpack(t *testing.T, root string, f file) {
	t.Helper()
	name := filepath.Join(root, f.name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	mode := os.FileMode(f.mode)
	if mode == 0 {
		mode = 0o644
	}
	var err error
	switch f.kind {
	case tar.TypeDir:
		err = os.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		err = os.Symlink(f.link, name)
	case tar.TypeLink:
		err = os.Link(filepath.Join(root, f.link), name)
	case tar.TypeFifo:
		err = syscall.Mkfifo(name, 0o666)
	default:
		err = errors.Join(os.WriteFile(name, []byte(f.content), mode), os.Chmod(name, mode))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestViewsAgree: a session sees what the image has, however its links lead.
func TestViewsAgree(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", 40_000) // more than one part
	files := []file{
		text("etc/passwd", "app:x:1:1\n"), text("real/f", "1"), text("real/ with  blanks ", "2"), text("real/\x1b[31m", "3"), text("real/back\\slash\\n", "4"),
		symlink("abs", "/real/f"), symlink("rel", "real/f"), symlink("out", "../../../../etc/passwd"), symlink("d", "real"),
		symlink("loop", "pool"), symlink("pool", "loop"), symlink("root", "/"), symlink("etc/mtab", "/proc/self/mounts"),
		hardlink("hard", "real/f"),
		{name: "pipe", kind: tar.TypeFifo},
		symlink("topipe", "/pipe"), text("bin", string([]byte{0, 1, 2, 255, 10, 0})),
		text("large", large), text("empty", ""), symlink("dangling", "/none"), text("-n", "dash"), text("real/é", "5"),
	}
	s, _ := localSession(t, files)
	image := viewOf(t, files)
	var names []string
	for _, f := range files {
		names = append(names, "/"+f.name)
	}
	names = append(names, "/", "/none", "/real/f/x", "/d/f", "/root/root/d/../abs", "/loop/x", "/proc/version", "/dev/null", "/a\nb", "/\x00", "relative")
	for _, name := range names {
		if name == "/loop" || name == "/pool" || name == "/loop/x" {
			// What leads nowhere is an error of one, and not there for the other.
			if e := s.Look(name)[0]; e.Kind != Nothing {
				t.Errorf("%s: %+v", name, e)
			}
			continue
		}
		want, got := see(image, name), see(s, name)
		if strings.HasPrefix(name, "/etc/mtab") || strings.HasPrefix(name, "/proc") || strings.HasPrefix(name, "/dev") {
			want = "nothing"
		}
		if name == "relative" {
			want = "nothing"
		}
		if got != want {
			t.Errorf("%q: %s through the session; %s in the image", name, got, want)
		}
	}
	for _, limit := range []int{10, maxPart, maxPart + 5, 1 << 20} {
		want, got := image.Read(limit, "/large", "/empty", "/bin"), s.Read(limit, "/large", "/empty", "/bin")
		for i := range want {
			if !bytes.Equal(want[i].Data, got[i].Data) || want[i].Cut != got[i].Cut || got[i].Err != nil {
				t.Errorf("of at most %d: %d bytes, cut %t, %v; want %d, %t", limit, len(got[i].Data), got[i].Cut, got[i].Err, len(want[i].Data), want[i].Cut)
			}
		}
	}
	for _, name := range []string{"/real", "/d", "/"} {
		want, err1 := image.List(name, 100)
		got, err2 := s.List(name, 100)
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" || err1 != nil || err2 != nil {
			t.Errorf("List(%q): %v, %v (-image +session):\n%s", name, err1, err2, diff)
		}
	}
}

// TestSessionParts reads a file at random, as the readers of ELF files do.
func TestSessionParts(t *testing.T) {
	t.Parallel()
	content := make([]byte, 100_001)
	for i := range content {
		content[i] = byte(i * 7 % 251)
	}
	s, _ := localSession(t, []file{text("f", string(content)), {name: "pipe", kind: tar.TypeFifo}})
	file, err := s.Open("/f")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 1, 32767, 32768, 65530, 99_990} {
		part := make([]byte, 300)
		n, err := file.ReadAt(part, at)
		want := content[at:min(at+300, int64(len(content)))]
		if !bytes.Equal(part[:n], want) || (err != nil) != (len(want) < 300) {
			t.Errorf("at %d: %d bytes, %v", at, n, err)
		}
	}
	if n, err := file.ReadAt(make([]byte, 1), 1<<40); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("far beyond the end: %d, %v", n, err)
	}
	for name, want := range map[string]error{"/pipe": ErrNotRegular, "/none": ErrNotFound, "/": ErrNotRegular} {
		if _, err := s.Open(name); !errors.Is(err, want) {
			t.Errorf("Open(%q): %v; want %v", name, err, want)
		}
		if c := s.Read(1, name)[0]; !errors.Is(c.Err, want) {
			t.Errorf("Read(%q): %v; want %v", name, c.Err, want)
		}
	}
}

// TestSessionBounds: what is endless is cut.
func TestSessionBounds(t *testing.T) {
	t.Parallel()
	var files []file
	for i := range 500 {
		files = append(files, text(fmt.Sprintf("many/%0100d", i), ""))
	}
	s, root := localSession(t, files)
	if err := os.WriteFile(filepath.Join(root, "sparse"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(root, "sparse"), 1<<40); err != nil {
		t.Fatal(err)
	}
	names, err := s.List("/many", 20)
	if err != nil || len(names) == 0 || len(names) > 20 {
		t.Errorf("%d names, %v", len(names), err)
	}
	for _, n := range names {
		if len(n) != 100 {
			t.Errorf("half a name: %q", n)
		}
	}
	if c := s.Read(1000, "/sparse")[0]; len(c.Data) != 1000 || !c.Cut || c.Err != nil {
		t.Errorf("a file of 1 TiB: %d bytes, cut %t, %v", len(c.Data), c.Cut, c.Err)
	}
	file, err := s.Open("/sparse")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := file.ReadAt(make([]byte, 5), 1<<39); n != 5 || err != nil {
		t.Errorf("in its midst: %d bytes, %v", n, err)
	}
	if u, err := s.Usage(); err != nil || u.Bytes > 10<<20 {
		t.Errorf("usage %+v, %v", u, err)
	}
}

func TestSessionProcess(t *testing.T) {
	t.Parallel()
	s, _ := localSession(t, nil)
	p, words, environment, dir, err := s.Process()
	self, selfErr := os.Executable()
	here, dirErr := os.Getwd()
	if err != nil || selfErr != nil || dirErr != nil {
		t.Fatal(err, selfErr, dirErr)
	}
	if p.Executable != self || dir != here || !slices.Equal(words, os.Args) {
		t.Errorf("process %+v in %s, words %q; want %s in %s, %q", p, dir, words, self, here, os.Args)
	}
	for _, e := range environment {
		if strings.HasPrefix(e, "HOME=") {
			t.Error("it hands out variables that do not say where files are")
		}
	}
	if !slices.Contains(environment, "PATH="+os.Getenv("PATH")) {
		t.Errorf("environment %q lacks PATH", environment)
	}
	if e := s.Look(ProcessExecutable)[0]; e.Kind != File {
		t.Errorf("the executable: %+v", e)
	}
	file, err := s.Open(ProcessExecutable)
	if err != nil {
		t.Fatal(err)
	}
	if g := readGo(bounded(file)); g == nil {
		t.Error("what the Go tools wrote into this test is not found through the session")
	}
}

// answering is a container that answers every request with the same text.
type answering struct {
	text   string
	status int
	err    error
}

// Run implements Runner.
func (a answering) Run(_ context.Context, _ string, _ []string, stdin io.Reader, stdout, _ io.Writer) (int, error) {
	buffer := make([]byte, 1000)
	for {
		if _, err := stdin.Read(buffer); err != nil || a.err != nil || a.status != 0 {
			return a.status, a.err
		}
		if _, err := io.WriteString(stdout, a.text); err != nil {
			return 141, nil //nolint:nilerr // as of a command whose output nobody takes
		}
	}
}

// TestLies: an answer counts only where it has its form, and is never longer than what was asked for.
func TestLies(t *testing.T) {
	t.Parallel()
	long := base64.StdEncoding.EncodeToString(make([]byte, 3000))
	failed := errors.New("connection lost")
	for name, test := range map[string]struct {
		runner answering
		want   error
	}{
		"too much":        {answering{text: "ok\n" + long + "\n.\n"}, errReply},
		"endless lines":   {answering{text: "ok\n" + strings.Repeat("AAAA\n", 2000)}, errReply},
		"an endless line": {answering{text: strings.Repeat("A", 10_000)}, errReply},
		"no base64":       {answering{text: "ok\n!!!!\n.\n"}, errReply},
		"no facts":        {answering{text: ".\n"}, errReply},
		"another word":    {answering{text: "yes\n.\n"}, errReply},
		"many blocks":     {answering{text: "ok\n" + strings.Repeat(":a\n", 5) + strings.Repeat(":b\n:c\n:d\n:e\n:f\n:g\n:h\n:i\n:j\n", 2) + ".\n"}, errReply},
		"it ends":         {answering{status: 125}, nil},
		"it is lost":      {answering{err: failed}, failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := OpenSession(t.Context(), test.runner)
			c := s.Read(10, "/f")[0]
			if c.Err == nil || test.want != nil && !errors.Is(c.Err, test.want) || len(c.Data) > 10 {
				t.Errorf("%d bytes, %v; want %v", len(c.Data), c.Err, test.want)
			}
			if err := s.Close(); test.runner.err != nil && !errors.Is(err, failed) || test.runner.status != 0 && err == nil {
				t.Errorf("at its end: %v", err)
			}
		})
	}
	for _, facts := range []string{"f", "x 1 1 1 1", "f zz 0 0 0", "f 81a4 0 0 99999999999999999999", "f 1 2 3 4 5"} {
		s := OpenSession(t.Context(), answering{text: facts + "\n.\n"})
		if e := s.Look("/f")[0]; !errors.Is(e.Err, errReply) || e.Kind != Nothing {
			t.Errorf("%q: %+v", facts, e)
		}
		_ = s.Close()
	}
}

// TestSilence: a container that does not answer ends the wait.
func TestSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := OpenSession(t.Context(), answering{})
		if c := s.Read(10, "/f")[0]; !errors.Is(c.Err, errSlow) {
			t.Errorf("%v", c.Err)
		}
		if c := s.Read(10, "/f")[0]; !errors.Is(c.Err, errSlow) {
			t.Errorf("asked again: %v", c.Err)
		}
		if err := s.Close(); !errors.Is(err, errSlow) {
			t.Errorf("at its end: %v", err)
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add("f 81a4 0 0 839\nL2V0Yw==\n.\n")
	f.Add("ok\n:a\nAA==\n:b\n.\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := OpenSession(t.Context(), answering{text: text + "\n.\n.\n"})
		defer func() { _ = s.Close() }()
		if e := s.Look("/f")[0]; e.Err != nil && e.Kind != Nothing {
			t.Errorf("%+v", e)
		}
		if c := s.Read(100, "/f")[0]; len(c.Data) > 100 {
			t.Errorf("%d bytes were asked for, %d came", 100, len(c.Data))
		}
		if names, _ := s.List("/", 3); len(names) > 3 {
			t.Errorf("names %q", names)
		}
		_, _ = s.Writable(Identity{}, 5)
		_, _, _, _, _ = s.Process()
	})
}
