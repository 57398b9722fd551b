package podcopy_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// volume makes the folder that a copy's volume is, from the scripts of this package and with this machine's shell, and
// returns it.
func volume(t *testing.T, busybox string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, file := range map[string]string{"COPY_COMMAND": "command.sh", "bin/run-target": "start.sh"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(name, "#!"+busybox+" sh\n"+string(text))
	}
	if err := os.Symlink(busybox, filepath.Join(dir, "bin/busybox")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), busybox, "--install", "-s", filepath.Join(dir, "bin")).CombinedOutput(); err != nil {
		t.Logf("installing BusyBox: %v: %s", err, out) // the link that is there already
	}
	return dir
}

// TestRunTarget: run-target says how what it started ended, or why the kernel would not start it.
func TestRunTarget(t *testing.T) {
	t.Parallel()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("no busybox on PATH: run-target is tried by the end-to-end tests only")
	}
	dir := volume(t, busybox)
	image := t.TempDir()
	file := func(name string, mode os.FileMode, text string) {
		if err := os.WriteFile(filepath.Join(image, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	elf, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	file("empty", 0o755, "")
	file("text", 0o755, "hello\n")
	file("plain", 0o644, "#!/bin/sh\n")
	file("script", 0o755, "#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 3\n")
	file("orphan", 0o755, "#! /no/such/interpreter -x\n")
	file("windows", 0o755, "#!/bin/sh\r\n")
	file("foreign", 0o755, string(elf[:18])+"\x2a\x00"+string(elf[20:4096]))
	file("dynamic", 0o755, dynamic(string(elf[18:20]), "/no/such/ld.so"))
	if err := os.Symlink("nowhere", filepath.Join(image, "dangling")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		command string
		further []string
		status  int
		stdout  string
		stderr  string
	}{
		{command: "", status: 2, stderr: "set it and run it: export TARGET_COMMAND="},
		{command: "", status: 2, stderr: "what can be executed in @ and in /: @/dynamic @/empty @/foreign "},
		{command: "'@/script' 'a  b' 'it'\\''s' ''", status: 3, stdout: "<a  b><it's><>", stderr: "it ended with exit status 3\n"},
		{command: "@/script one", further: []string{"two words"}, status: 3, stdout: "<one><two words>", stderr: "starting @/script one\n"},
		{command: "true", status: 0, stderr: "it ended with exit status 0\n"},
		{command: "sh -c 'kill -SEGV $$'", status: 139, stderr: "exit status 139 (SIGSEGV: it touched memory that is not its own)"},
		{command: "sh -c 'kill -KILL $$'", status: 137, stderr: "exit status 137 (SIGKILL: killed from outside; "},
		{command: "sh -c 'kill -USR1 $$'", status: 138, stderr: "exit status 138 (SIGUSR1)"},
		{command: "sh -c 'exit 127'", status: 127, stderr: "exit status 127 (it, or a shell in it, did not find"},
		{command: "sh -c 'exit 126'", status: 126, stderr: "exit status 126 (it, or a shell in it, could not execute"},
		{command: "no-such-program", status: 127, stderr: "there is no program no-such-program on PATH ("},
		{command: "@/nothing", status: 127, stderr: "there is no file @/nothing in the image"},
		{command: "@/dangling", status: 127, stderr: "@/dangling is a link to nowhere, which is not there"},
		{command: "@", status: 126, stderr: "@ is a folder"},
		{command: "@/plain", status: 126, stderr: "@/plain may not be executed by uid "},
		{command: "@/empty", status: 126, stderr: "@/empty is empty: exec format error"},
		{command: "@/text", status: 126, stderr: "neither a program nor begins with #!: exec format error"},
		{command: "@/orphan", status: 127, stderr: "the image has no /no/such/interpreter to run it"},
		{command: "@/windows", status: 127, stderr: "ends with a carriage return, as on Windows"},
		{command: "@/foreign", status: 126, stderr: "@/foreign is a program for e_machine 0x2a00, and this node is "},
		{command: "@/dynamic", status: 127, stderr: "the image has no loader /no/such/ld.so: "},
	} {
		command, want := strings.ReplaceAll(test.command, "@", image), strings.ReplaceAll(test.stderr, "@", image)
		t.Run(test.command, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "bin/run-target"), test.further...)
			cmd.Dir = image
			cmd.Env = []string{"PATH=/usr/bin:/bin:" + dir + "/bin", "TARGET_COMMAND=" + command}
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if status := cmd.ProcessState.ExitCode(); status != test.status || stdout.String() != test.stdout || !strings.Contains(stderr.String(), want) {
				t.Errorf("status %d, stdout %q, stderr %q\nwant %d, %q, %q", status, stdout.String(), stderr.String(), test.status, test.stdout, want)
			}
		})
	}
}

// dynamic is the beginning of an ELF file for 64 bits, little-endian, that names a loader (elf(5)).
func dynamic(machine, loader string) string {
	header := make([]byte, 64+56)
	copy(header, "\x7fELF\x02\x01\x01")
	header[16] = 2
	copy(header[18:], machine)
	header[32], header[54], header[56] = 64, 56, 1
	header[64], header[64+8], header[64+32] = 3, 64+56, byte(len(loader)+1)
	return string(header) + loader + "\x00"
}

// TestQuoted: the words of a command line are what a shell reads as the same words.
func TestQuoted(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("command.sh")
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?ms)^quoted\(\) \{.*?\n\}$`).Find(text)
	words := []string{"/server", "--a=b c", "it's", "", "$HOME `x` \\", "two\nlines\n", "mindebug-target", "'", "ü"}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", string(function)+`
eval "set -- $(quoted; echo .)"
for w; do printf '%s\0' "$w"; done`)
	cmd.Stdin = strings.NewReader("sh\x00-c\x00hold\x00mindebug-target\x00" + strings.Join(words, "\x00") + "\x00")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(out), strings.Join(words, "\x00")+"\x00.\x00"; got != want {
		t.Errorf("words %q, want %q", got, want)
	}
}
