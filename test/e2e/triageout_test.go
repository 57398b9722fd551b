package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTriageOut: what is written for a ticket is whole by its checksums, and for no secret's reader; a second one takes no
// place of the first.
func TestTriageOut(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	dir := t.TempDir()
	archive := filepath.Join(dir, "case.tgz")
	r := mindebug(t, pod, "triage", "pod/target", "process", "memory", "--out="+archive)
	if want := "wrote " + archive + ": 4 files; "; r.status != 0 || !strings.Contains(r.stdout, "first process") || !strings.Contains(r.stderr, want) {
		t.Fatalf("status %d, stderr %q, want %q in it; stdout %q", r.status, r.stderr, want, r.stdout)
	}
	mindebug(t, pod, "triage", "pod/target", "--out="+archive).want(t, 2, "",
		"error: --out=\""+archive+"\" is there already\nhint: name a new folder, or a new file that ends in .tgz\n")
	mindebug(t, pod, "triage", "pod/target", "--out="+dir+"/none/case").want(t, 2, "",
		"error: --out=\""+dir+"/none/case\" cannot be written: there is no folder \""+dir+"/none\"\nhint: make the folder first, or name one that there is\n")
	unpack := exec.CommandContext(t.Context(), "sh", "-euc", `tar -xzf case.tgz; cd case; sha256sum -c --quiet SHA256SUMS; find . -type f | sort`)
	unpack.Dir = dir
	out, err := unpack.CombinedOutput()
	if want := "./SHA256SUMS\n./raw/memory.txt\n./raw/process.txt\n./report.json\n./report.md\n"; err != nil || string(out) != want {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "case/raw/process.txt"))
	if err != nil || !strings.Contains(string(raw), "== status\nName:") {
		t.Errorf("%v: %q", err, raw)
	}
}
