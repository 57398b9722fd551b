package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// linker runs completion verbs with a PATH.
func linker(t *testing.T, path string, args ...string) (int, string) {
	t.Helper()
	var out, errOut bytes.Buffer
	p := Program{In: strings.NewReader(""), Out: &out, Err: &errOut, Getenv: func(name string) string {
		return map[string]string{"PATH": path}[name]
	}}
	status := Run(t.Context(), p, append([]string{"completion"}, args...))
	if out.Len() > 0 {
		t.Errorf("%q printed %q", args, out.String())
	}
	return status, errOut.String()
}

// program makes an executable file that says what it is.
func program(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(path), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestCompleterSurvivesAnUpgrade: as krew lays plugins out, the name on PATH leads to one version's file, which the upgrade
// removes.
func TestCompleterSurvivesAnUpgrade(t *testing.T) {
	t.Parallel()
	krew := t.TempDir()
	bin, store := filepath.Join(krew, "bin"), filepath.Join(krew, "store", "mindebug")
	link, completer := filepath.Join(bin, "kubectl-mindebug"), filepath.Join(bin, "kubectl_complete-mindebug")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	leadsTo := func(version string) {
		t.Helper()
		want := filepath.Join(store, version, "kubectl-mindebug")
		if text, err := os.ReadFile(completer); err != nil || string(text) != want {
			t.Errorf("the completer leads to %q, %v; want %s", text, err, want)
		}
	}
	for i, version := range []string{"v1.2.3", "v1.3.0"} {
		program(t, filepath.Join(store, version, "kubectl-mindebug"))
		if i > 0 {
			if err := os.RemoveAll(filepath.Join(store, "v1.2.3")); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(link); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(filepath.Join(store, version, "kubectl-mindebug"), link); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			for range 2 { // the second time it is there
				if status, stderr := linker(t, "/nonexistent:"+bin, "install"); status != 0 || !strings.HasPrefix(stderr, completer+": kubectl completes the words") {
					t.Fatalf("status %d, %q", status, stderr)
				}
			}
		}
		leadsTo(version)
	}
	if status, stderr := linker(t, bin, "uninstall"); status != 0 || stderr != completer+" is removed\n" {
		t.Errorf("status %d, %q", status, stderr)
	}
	if _, err := os.Lstat(completer); !os.IsNotExist(err) {
		t.Errorf("after uninstall: %v", err)
	}
	if status, stderr := linker(t, bin, "uninstall"); status != 0 || stderr != "there is no kubectl_complete-mindebug on PATH\n" {
		t.Errorf("a second time: status %d, %q", status, stderr)
	}
}

// TestCompleterOfAnother: what is not ours is neither replaced nor removed.
func TestCompleterOfAnother(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	completer := filepath.Join(bin, "kubectl_complete-mindebug")
	program(t, filepath.Join(bin, "kubectl-mindebug"))
	program(t, completer)
	if status, stderr := linker(t, bin, "install"); status != 1 || !strings.HasPrefix(stderr, "error: "+completer+" is there already") {
		t.Errorf("status %d, %q", status, stderr)
	}
	if status, _ := linker(t, bin, "uninstall"); status != 0 {
		t.Errorf("status %d", status)
	}
	if text, err := os.ReadFile(completer); err != nil || string(text) != completer {
		t.Errorf("it has %q now, %v", text, err)
	}
}

// TestNoCompleter: a program that is not on PATH, in an empty element of which nothing is looked for.
func TestNoCompleter(t *testing.T) {
	t.Parallel()
	if status, stderr := linker(t, ":"+t.TempDir(), "install"); status != 1 || !strings.HasPrefix(stderr, "error: no folder of PATH has kubectl-mindebug\n") {
		t.Errorf("status %d, %q", status, stderr)
	}
}

// TestBatch: what does the link's service on Windows is known again.
func TestBatch(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "kubectl_complete-mindebug.cmd")
	if err := os.WriteFile(file, []byte(batch("kubectl-mindebug.exe")), fs.FileMode(0o755)); err != nil {
		t.Fatal(err)
	}
	if ours, err := isCompleter(file); !ours || err != nil {
		t.Errorf("%t, %v", ours, err)
	}
}
