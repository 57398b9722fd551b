//go:build unix

package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/session"
)

// lab is a Runner that runs scripts on this machine, where a folder stands for the target's root: as in a session container,
// it is three steps below the root.
type lab struct {
	root string
	path string
	// unprivileged runs scripts as nobody, where the tests are run by root.
	unprivileged bool
	// ferry is set where it has that.
	ferry bool
	// cuts are after how many bytes of output the next runs lose their connection, cutsIn the same of input.
	mu           sync.Mutex
	cuts, cutsIn []int64
	runs         int
}

// tools are what there is in a session container.
type tools string

// Sets of tools: a public image's, the debug image's, and those of this machine, as another public image may have them.
const (
	busybox    tools = "busybox"
	withFerry  tools = "busybox and ferry"
	machineOwn tools = "this machine's"
)

// ferry builds the debug image's program for copies, and returns where it is.
var ferry = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mindebug-ferry-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "ferry")
	text, err := exec.Command("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, "../../images/debug/src/ferry.c").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("building ferry: %w: %s", err, text)
	}
	return program, errors.Join(err, os.Chmod(dir, 0o755)) //nolint:gosec // the lab runs it as nobody
})

func TestMain(m *testing.M) {
	m.Run()
	if program, err := ferry(); err == nil {
		_ = os.RemoveAll(filepath.Dir(program)) // a test has failed if it could not be made
	}
}

// newLab makes a lab with a set of tools.
func newLab(t *testing.T, have tools) *lab {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "mindebug-transfer-") //nolint:usetesting // three steps below the root
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, _ error) error {
			if d != nil && d.IsDir() {
				_ = os.Chmod(p, 0o700)
			}
			return nil
		})
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	l := &lab{root: filepath.Join(dir, "root"), path: os.Getenv("PATH")}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(l.root, 0o755)); err != nil {
		t.Fatal(err)
	}
	if have != machineOwn {
		l.path = filepath.Join(dir, "bin")
		program, err := exec.LookPath("busybox")
		if err != nil {
			t.Skip("no busybox on PATH: it is tried by the end-to-end tests only")
		}
		for _, applet := range []string{"sh", "find", "xargs", "stat", "tar", "tee", "dd", "md5sum", "readlink", "mkdir", "mv", "rm", "df", "ls", "sleep", "tail", "head", "cat", "du", "timeout"} {
			if err := errors.Join(os.MkdirAll(l.path, 0o755), os.Symlink(program, filepath.Join(l.path, applet))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if have == withFerry {
		l.ferry = true
		if _, err := exec.LookPath("cc"); err != nil {
			t.Skip("no C compiler on PATH: it is tried by the end-to-end tests only")
		}
		program, err := ferry()
		if err := errors.Join(err, os.Symlink(program, filepath.Join(l.path, "ferry"))); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// withTools runs a test with each set of tools.
func withTools(t *testing.T, test func(t *testing.T, l *lab)) {
	t.Helper()
	for _, have := range []tools{busybox, withFerry, machineOwn} {
		t.Run(string(have), func(t *testing.T) {
			t.Parallel()
			test(t, newLab(t, have))
		})
	}
}

// bothWays runs a test with the public image's tools and with the debug image's.
func bothWays(t *testing.T, test func(t *testing.T, l *lab)) {
	t.Helper()
	for _, have := range []tools{busybox, withFerry} {
		t.Run(string(have), func(t *testing.T) {
			t.Parallel()
			test(t, newLab(t, have))
		})
	}
}

// Run implements Runner.
func (l *lab) Run(ctx context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	l.mu.Lock()
	l.runs++
	lost := &fault.Lost{Cause: errors.New("cut")}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if len(l.cuts) > 0 {
		stdout = &cutWriter{stdout, l.cuts[0], func() { cancel(lost) }}
		l.cuts = l.cuts[1:]
	}
	if len(l.cutsIn) > 0 && stdin != nil {
		stdin = &cutReader{stdin, l.cutsIn[0], func() { cancel(lost) }}
		l.cutsIn = l.cutsIn[1:]
	}
	l.mu.Unlock()
	command, in := session.Script("0", script, args, stdin)
	for i := range command { // as a session does
		command[i] = strings.ReplaceAll(command[i], "@@", "@")
	}
	shell, err := exec.LookPath("sh")
	if l.path != os.Getenv("PATH") {
		shell = filepath.Join(filepath.SplitList(l.path)[0], "sh")
	}
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, shell, command[1:]...)
	cmd.Env = []string{"PATH=" + l.path, "T=" + l.root, "TPID=1", "LC_ALL=C", "TZ=UTC"}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	go func() { // Wait would wait for more input
		_, _ = io.Copy(pipe, in)
		_ = pipe.Close()
	}()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if l.unprivileged && os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case errors.As(err, &exit):
		return exit.ExitCode(), nil
	}
	return 0, err
}

// cutWriter loses what comes after so many bytes, and then ends the run.
type cutWriter struct {
	out  io.Writer
	left int64
	cut  func()
}

func (w *cutWriter) Write(p []byte) (int, error) {
	part := p[:min(int64(len(p)), w.left)]
	w.left -= int64(len(part))
	if _, err := w.out.Write(part); err != nil {
		return 0, err
	}
	if len(part) < len(p) {
		w.cut()
	}
	return len(p), nil
}

type cutReader struct {
	in   io.Reader
	left int64
	cut  func()
}

func (r *cutReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		r.cut()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := r.in.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}

// replaced makes a lab of this machine's tools with a script in the place of one (BusyBox' shell looks for none of its own
// elsewhere). In it "$tool" is what it stands for.
func replaced(t *testing.T, tool, script string) *lab {
	t.Helper()
	l, dir := newLab(t, machineOwn), t.TempDir()
	program, err := exec.LookPath(tool)
	shell, shellErr := exec.LookPath("sh")
	if err := errors.Join(err, shellErr, os.Symlink(shell, filepath.Join(dir, "sh")),
		os.WriteFile(filepath.Join(dir, tool), []byte("#!/bin/sh\ntool="+program+"\n"+script), 0o755)); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	l.path = dir + string(filepath.ListSeparator) + l.path
	return l
}

// at is a file of the target.
func (l *lab) at(name string) string { return filepath.Join(l.root, name) }

// plant makes awkward files below a folder: each kind that a copy must keep.
func plant(t *testing.T, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string, mode fs.FileMode) {
		t.Helper()
		p := filepath.Join(dir, name)
		must(os.MkdirAll(filepath.Dir(p), 0o755))
		must(os.WriteFile(p, []byte(text), 0o600))
		must(os.Chmod(p, mode))
		must(os.Chtimes(p, time.Time{}, time.Date(2001, 2, 3, 4, 5, 6, 123456789, time.UTC)))
	}
	write("plain", "text\n", 0o640)
	write("empty", "", 0o444)
	write("with space", "x", 0o755)
	write("-dash", "x", 0o600)
	write("line\nend\n", "x", 0o600)
	write("81a4 1 8 1 1 1 2001-02-03 04:05:06.0 +0000 x", "x", 0o600)
	write("\xff\xfe\x01", "x", 0o600)
	write("$(id) 'quoted' \"twice\" \\ *", "x", 0o600)
	write(strings.Repeat("n", 250), "x", 0o600)
	write(strings.Repeat("d/", 60)+"deep", "x", 0o600)
	write(strings.Repeat(strings.Repeat("e", 99)+"/", 3)+"long", "x", 0o600)
	write("sub/hard", "linked", 0o600)
	must(os.Link(filepath.Join(dir, "sub/hard"), filepath.Join(dir, "hard")))
	must(os.Symlink("sub/hard", filepath.Join(dir, "relative")))
	must(os.Symlink("/nowhere/at\nall", filepath.Join(dir, "dangling")))
	must(os.Symlink(strings.Repeat("l", 200), filepath.Join(dir, "long link")))
	must(os.Mkdir(filepath.Join(dir, "shut"), 0o700))
	write("shut/in", "x", 0o600)
	must(os.Chmod(filepath.Join(dir, "shut"), 0o555))
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	must(err)
	_, err = sparse.WriteAt([]byte("end"), 1<<20)
	must(errors.Join(err, sparse.Close()))
	for i := range 700 { // more than a portion
		write(fmt.Sprintf("many/%d", i), strings.Repeat("y", i), 0o600)
	}
	must(os.Chtimes(filepath.Join(dir, "many"), time.Time{}, time.Date(2002, 2, 3, 4, 5, 6, 0, time.UTC)))
}

// picture is all that is to be kept of the files below a folder.
func picture(t *testing.T, dir string) []string {
	t.Helper()
	var lines []string
	inodes := map[uint64]string{}
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(p)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		line := fmt.Sprintf("%q %s", name, info.Mode())
		stat := info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // on Linux it is one
		switch info.Mode().Type() {
		case fs.ModeSymlink:
			to, _ := os.Readlink(p)
			lines = append(lines, line+fmt.Sprintf(" -> %q", to))
			return nil
		case 0:
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d %x", info.Size(), text[max(0, len(text)-300):])
			if stat.Blocks*512 < info.Size() {
				line += " with holes"
			}
			if stat.Nlink > 1 {
				if inodes[stat.Ino] == "" {
					inodes[stat.Ino] = name
				}
				line += " as " + inodes[stat.Ino]
			}
		}
		lines = append(lines, line+" "+info.ModTime().UTC().String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(lines)
	return lines
}
