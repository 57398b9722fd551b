package e2e

import (
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shell opens a shell on a terminal and waits for its prompt, which is shell.prompt.
func openShell(t *testing.T, pod *corev1.Pod, args ...string) (*terminal, string) {
	t.Helper()
	prompt := place(t, pod) + " uid 65532 /proc/1/root/app $ "
	term := onTerminal(t, pod, append([]string{"pod/target"}, args...)...)
	term.expect(prompt)
	return term, prompt
}

// clearLine takes away the line that says what is waited for.
const clearLine = "\r\x1b[K"

// leave ends the shell by a command and wants that exit status.
func (t *terminal) leave(keys string, status int) {
	t.t.Helper()
	t.send(keys)
	if got := t.wait(); got != status {
		t.t.Errorf("exit status %d, want %d; the screen:\n%s", got, status, t.text())
	}
}

func TestShell(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	term, prompt := openShell(t, pod)
	notice := place(t, pod) + " uid 65532 (mirror)\r\n"
	before, _, _ := strings.Cut(term.text(), prompt)
	if i := strings.LastIndex(before, clearLine); i >= 0 { // something was waited for
		before = before[i+len(clearLine):]
	}
	if !strings.HasPrefix(before, notice) {
		t.Errorf("before the prompt stands %q, want %q", before, notice)
	}
	for _, c := range []struct{ what, keys, want string }{
		{"the target's working directory", "pwd\r", "\n/proc/1/root/app\r\n" + prompt},
		{"its files", "cat hello.txt\r", "\nhello from the target\r\n" + prompt},
		{"its root and process id", "echo $T $TPID $TARGET_ROOT $TARGET_PID\r", "\n/proc/1/root 1 /proc/1/root 1\r\n" + prompt},
		{"no script of ours in the environment", "env | grep -cE 'MINDEBUG_(LIB|HOLD|RUN|KEEP)'\r", "\n0\r\n" + prompt},
		{"the target's user", "id -u; id -g\r", "\n65532\r\n0\r\n" + prompt},
		{"window size", "stty size\r", "\n30 100\r\n" + prompt},
		{"a program that reads keys", "sh -c 'echo r''eady; exec od -c'\r", "\nready\r\n"},
		{"gets Ctrl-P, and its end by Ctrl-D", "\x10\r\x04", "020  \\n\r\n0000002\r\n" + prompt},
		{"a command that waits", "sh -c 'echo r''eady; exec sleep 1000'\r", "\nready\r\n"},
		{"is interrupted by Ctrl-C", "\x03", prompt},
		{"and not the shell", "echo status $?\r", "\nstatus 130\r\n" + prompt},
		{"one more", "sh -c 'echo r''eady; exec sleep 1000'\r", "\nready\r\n"},
		{"is stopped by Ctrl-Z", "\x1a", prompt},
		{"as jobs shows", "jobs\r", "Stopped"},
	} {
		t.Log(c.what)
		term.send(c.keys)
		term.expect(c.want)
	}
	term.resize(77, 22)
	term.send("sh -c 'until [ \"$(stty size)\" = \"22 77\" ]; do sleep 0.1; done; echo r''esized'\r")
	term.expect("\nresized\r\n")
	term.send("exit\r")
	term.expect("You have stopped jobs")
	term.send("exit 7\r")
	term.expect("left " + place(t, pod))
	term.leave("", 7)
	wantGone(t, pod, "sleep")
}

func TestShellEndsAtCtrlD(t *testing.T) {
	t.Parallel()
	term, _ := openShell(t, debugged(t))
	term.send("(exit 9)\r")
	term.expect("$ ")
	term.leave("\x04", 9)
}

// However a client ends, the terminal is as it was.
func TestTerminalIsRestored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end    func(t *testing.T, pod *corev1.Pod, term *terminal)
		wanted func(status int) bool
	}{
		"after exit": {
			func(_ *testing.T, _ *corev1.Pod, term *terminal) { term.send("exit\r") },
			func(status int) bool { return status == 0 },
		},
		"after SIGTERM": {
			func(_ *testing.T, _ *corev1.Pod, term *terminal) { _ = term.cmd.Process.Signal(syscall.SIGTERM) },
			func(status int) bool { return status == 137 || status == 143 },
		},
		"after an error": {
			func(t *testing.T, pod *corev1.Pod, _ *terminal) {
				if err := client.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, *metav1.NewDeleteOptions(0)); err != nil {
					t.Fatalf("deleting pod: %v", err)
				}
			},
			func(status int) bool { return status != 0 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := debugged(t)
			term := onTerminal(t, pod, "pod/target")
			before := term.mode()
			term.expect("$ ")
			term.send("stty -a\r") // raw at this side since then
			term.expect("$ ")
			if term.mode() == before {
				t.Error("the terminal is not raw in a shell")
			}
			c.end(t, pod, term)
			if status := term.wait(); !c.wanted(status) {
				t.Errorf("exit status %d; the screen:\n%s", status, term.text())
			}
			if term.mode() != before {
				t.Errorf("the terminal's mode is not what it was; the screen:\n%s", term.text())
			}
		})
	}
}

func TestCommandOnATerminal(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	t.Run("-it", func(t *testing.T) {
		t.Parallel()
		// The size comes after the start, as with kubectl exec.
		term := onTerminal(t, pod, "pod/target", "-it", "--", "sh", "-c",
			`until [ "$(stty size)" = "30 100" ]; do sleep 0.1; done; echo sized; read -r x; echo "<$x>" >&2; exit 6`)
		term.expect("sized\r\n")
		term.send("typed\r")
		term.expect("<typed>\r\n")
		term.leave("", 6)
	})
	t.Run("-i", func(t *testing.T) {
		t.Parallel()
		term := onTerminal(t, pod, "pod/target", "-i", "--", "sh", "-c", `test ! -t 0 && test ! -t 1 && cat`)
		term.send("typed\r\x04")
		term.expect("typed\r\n") // the terminal's echo
		term.expect("typed\r\n")
		term.leave("", 0)
	})
	t.Run("neither", func(t *testing.T) {
		t.Parallel()
		term := onTerminal(t, pod, "pod/target", "--", "sh", "-c", `test ! -t 0 && test ! -t 1 && cat && echo end`)
		term.expect("end\r\n")
		term.leave("", 0)
	})
	t.Run("Ctrl-C without -i", func(t *testing.T) {
		t.Parallel()
		term := onTerminal(t, pod, "pod/target", "--", "sh", "-c", `trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.1; done`)
		term.expect("ready\r\n")
		term.send("\x03")
		term.expect("interrupted\r\n")
		term.leave("", 5)
	})
	for _, flag := range []string{"-t", "-it"} {
		t.Run(flag+" without a terminal", func(t *testing.T) {
			t.Parallel()
			got := mindebug(t, pod, "pod/target", flag, "--", "sh", "-c", "test ! -t 1; echo $?; exit 6")
			if got.status != 6 || got.stdout != "0\n" {
				t.Errorf("status %d, stdout %q, stderr %q; want 6 and no terminal", got.status, got.stdout, got.stderr)
			}
		})
	}
}

// Where the target can write nowhere, a session can neither, and needs not.
func TestReadOnlyTarget(t *testing.T) {
	t.Parallel()
	pod := newPod(t, restrictedPod(t, newNamespace(t, "restricted"), "target").ReadOnly())
	term, _ := openShell(t, pod)
	term.send("echo x >/x || echo x >/tmp/x || echo x >/etc/x || echo x >/proc/1/root/x || echo 'read''-only'\r")
	term.expect("\nread-only\r\n")
	term.leave("exit\r", 0)
	mindebug(t, pod, "pod/target", "--", "cat", "@/app/hello.txt").want(t, 0, "hello from the target\n", "")
	mindebug(t, pod, "pod/target", "--", "grep", "-c", "^[^ ]* / [^ ]* ro,", "/proc/self/mounts").want(t, 0, "1\n", "")
	c := onlyContainer(t, pod)
	if readOnly := c.SecurityContext.ReadOnlyRootFilesystem; readOnly == nil || !*readOnly {
		t.Error("the session container's root file system is not read-only")
	}
}
