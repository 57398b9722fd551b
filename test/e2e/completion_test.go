package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// withCompleter is a PATH whose first folder has the plugin, and what kubectl asks for completions.
func withCompleter(t *testing.T) string {
	t.Helper()
	plugin, err := exec.LookPath("kubectl-mindebug")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(plugin, filepath.Join(dir, "kubectl-mindebug")); err != nil {
		t.Fatal(err)
	}
	path := dir + string(filepath.ListSeparator) + os.Getenv("PATH")
	invocation{env: []string{"PATH=" + path}, args: []string{"completion", "install"}}.run(t).want(t, 0, "", fmt.Sprintf(
		"%s: kubectl completes the words after \"kubectl mindebug\", in shells that have its completion (kubectl completion --help)\n",
		filepath.Join(dir, "kubectl_complete-mindebug")))
	return path
}

// aShell is a shell that a user could have, with kubectl's own completion.
type aShell struct {
	argv []string
	// startup is the name and the text of its start-up file; HOME is in the text as the folder that it is in.
	file, startup string
}

var completingShells = map[string]aShell{
	"bash": {[]string{"bash", "--noprofile", "--rcfile", "HOME/rc", "-i"}, "rc", `
. /usr/share/bash-completion/bash_completion
. <(kubectl completion bash)
bind 'set enable-bracketed-paste off'
PS1='ready> '
`},
	"zsh": {[]string{"zsh", "-i"}, ".zshrc", `
autoload -Uz compinit && compinit -u -D
. <(kubectl completion zsh)
unset zle_bracketed_paste
PS1='ready> '
`},
	"fish": {[]string{"fish", "-i"}, "fish/config.fish", `
set -g fish_greeting
set -g fish_autosuggestion_enabled 0
kubectl completion fish | source
function fish_prompt; echo -n 'ready> '; end
`},
}

// tab presses Tab until text is completed: completion gives up after 5 s, which a busy machine can take.
func (t *terminal) tab(text string) {
	t.t.Helper()
	for range 8 {
		t.send("\t")
		if t.printed(text, patience/8) {
			return
		}
	}
	t.t.Fatalf("%q was not completed; this was:\n%s", text, t.text())
}

// TestCompletionInShells presses Tab in real shells, on a terminal, and looks at what stands there then.
func TestCompletionInShells(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	path := withCompleter(t)
	for name, shell := range completingShells {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term := shell.start(t, path)
			term.expect("ready> ")
			kubectl, name := "kubectl mindebug -n "+pod.Namespace, len(pod.Namespace)-3
			// What is completed stands nowhere in what is typed. Each line is taken back: Ctrl-U.
			for _, step := range []struct{ typed, completed string }{
				{"kubectl mindebug version --out", "put"},
				{"kubectl mindebug -n " + pod.Namespace[:name], pod.Namespace[name:]},
				{kubectl + " check pod/tar", "get"},
				{kubectl + " check pod/target -c a", "pp"},
				{kubectl + " cp pod/target:/app/secr", "et.txt"},
			} {
				term.send(step.typed)
				term.tab(step.completed)
				term.send("\x15")
			}
			// What was completed is a line that can be run.
			term.send(kubectl + " sessions pod/tar")
			term.tab("get")
			term.send("\r")
			term.expect("running")
			term.expect("ready> ")
			term.send("exit\r")
			if status := term.wait(); status != 0 {
				t.Errorf("exit status %d", status)
			}
		})
	}
}

// start starts the shell on a terminal, in a home of its own.
func (s aShell) start(t *testing.T, path string) *terminal {
	t.Helper()
	home := t.TempDir()
	file := filepath.Join(home, s.file)
	// Where fish does not find that folder, a process of its own writes completions of all programs there, and outlives it.
	for _, folder := range []string{filepath.Dir(file), filepath.Join(home, "fish", "generated_completions")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, []byte(s.startup), 0o600); err != nil {
		t.Fatal(err)
	}
	var argv []string
	for _, word := range s.argv {
		argv = append(argv, strings.ReplaceAll(word, "HOME", home))
	}
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "PATH="+path, "HOME="+home, "ZDOTDIR="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home,
		"XDG_CACHE_HOME="+cache, "TERM=xterm", "INPUTRC=/dev/null", "HISTFILE=")
	return terminalOf(t, cmd)
}

// TestNothingAddedForCompletion: where no session container runs, the files of a container are not offered, and none is added.
func TestNothingAddedForCompletion(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	invocation{args: []string{"__complete", "-n", pod.Namespace, "cp", "pod/target:/etc/"}}.run(t).want(t, 0, ":4\n",
		"Completion ended with directive: ShellCompDirectiveNoFileComp\n")
	if n := len(sessionContainers(t, pod)); n != 0 {
		t.Errorf("%d containers were added", n)
	}
}

// TestCompletionOfRemoteFiles: folders have a slash, links are followed inside the target, and stop is offered the container.
func TestCompletionOfRemoteFiles(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	// What a busy machine has no answer to in time is asked again, as who presses the key would.
	offers := func(want func(line string) bool, words ...string) {
		t.Helper()
		eventually(t, func(context.Context) (bool, string) {
			r := invocation{args: append([]string{"__complete", "-n", pod.Namespace}, words...)}.run(t)
			lines := strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n")
			return len(lines) == 2 && want(lines[0]), fmt.Sprintf("%q offers %q", words, lines[:len(lines)-1])
		})
	}
	for begun, want := range map[string]string{
		"pod/target:/et": "pod/target:/etc/", "pod/target:/app/ser": "pod/target:/app/server", "target:/proc/1/root/et": "target:/proc/1/root/etc/",
	} {
		offers(func(line string) bool { return line == want }, "cp", begun)
	}
	container := onlyContainer(t, pod).Name
	offers(func(line string) bool { return strings.HasPrefix(line, container+"\tfor ") }, "stop", "pod/target", "")
}

// TestVerbosity: -v logs requests to standard error, and nothing else changes.
func TestVerbosity(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	r := mindebug(t, pod, "-v=6", "pod/target", "-q", "--", "echo", "data")
	if r.status != 0 || r.stdout != "data\n" || !strings.Contains(r.stderr, `verb="GET"`) || !strings.Contains(r.stderr, "/pods/target") {
		t.Errorf("status %d, stdout %q, stderr %q", r.status, r.stdout, r.stderr)
	}
}
