package e2e

import "testing"

func TestCommandInARestrictedNamespace(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	mindebug(t, pod, "pod/target", "--", "cat", "@/app/hello.txt").want(t, 0, "hello from the target\n", "")
}

func TestShellOnATerminal(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	term := onTerminal(t, pod, "pod/target")
	term.expect("target app uid 65532 /proc/1/root/app $ ")
	term.send("stty size\r")
	term.expect("30 100")
	term.send("exit 3\r")
	term.expect("left ")
	if status := term.wait(); status != 3 {
		t.Errorf("exit status %d, want 3", status)
	}
}
