package e2e

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// commands are runs of one command each: what they hand in and what comes back, to the byte.
var commands = []struct {
	name           string
	args           []string
	stdin          string
	status         int
	stdout, stderr string
}{
	{
		name:   "stdout and stderr apart",
		args:   []string{"--", "sh", "-c", `printf 'out\r\n\0\377'; printf 'err\r\n\0\377' >&2`},
		stdout: "out\r\n\x00\xff", stderr: "err\r\n\x00\xff",
	},
	{name: "no output", args: []string{"--", "true"}},
	{name: "status 1", args: []string{"--", "false"}, status: 1},
	{name: "status 7", args: []string{"--", "sh", "-c", "exit 7"}, status: 7},
	{name: "status 125", args: []string{"--", "sh", "-c", "exit 125"}, status: 125},
	{name: "status 255", args: []string{"--", "sh", "-c", "exit 255"}, status: 255},
	{name: "killed by itself", args: []string{"--", "sh", "-c", "kill -9 $$"}, status: 137},
	{
		name:   "words arrive as they are",
		args:   append([]string{"--", "sh", "-c", `for word; do printf '[%s]' "$word"; done`, "_"}, hardWords...),
		stdout: "[" + strings.Join(hardWords, "][") + "]",
	},
	{name: "flags of the command", args: []string{"--", "echo", "-i", "--image", "-q", "--"}, stdout: "-i --image -q --\n"},
	{name: "without -i stdin is at its end", args: []string{"--", "cat"}, stdin: "not for the command"},
	{name: "without -i a loop that reads ends", args: []string{"--", "sh", "-c", "while read -r x; do echo $x; done; echo end"}, stdout: "end\n"},
	{name: "stdin", args: []string{"-i", "--", "cat"}, stdin: "a\x00\r\nb\xff\x04", stdout: "a\x00\r\nb\xff\x04"},
	{name: "empty stdin", args: []string{"-i", "--", "wc", "-c"}, stdout: "0\n"},
	{name: "stdin that nobody reads", args: []string{"-i", "--", "echo", "hi"}, stdin: strings.Repeat("x", 1<<20), stdout: "hi\n"},
	{name: "background child", args: []string{"--", "sh", "-c", "tail -f /dev/null & echo hi"}, stdout: "hi\n"},
	{name: "background child with a word of ours", args: []string{"--", "sh", "-c", `tail -f /dev/null & echo "$1"`, "_", "mindebug-keep:"}, stdout: "mindebug-keep:\n"},
	{name: "background child with stdin", args: []string{"-i", "--", "sh", "-c", "tail -f /dev/null & cat"}, stdin: "hi", stdout: "hi"},
}

var hardWords = []string{
	"a b", " ", "", "one\ntwo\n", `"`, `'`, `\`, `\n`, "$HOME", "$(id)", "$$", "`id`", "*", "?", "[a-z]", "~", ";", "&", "|", "<", "#", "!",
	"-", "--", "-n", "a=b", "{a,b}", "\t", "ü€", "\x01\x7f", "$(MINDEBUG_LIB)", "%s",
}

// runCommands runs commands in the session container of the pod. More arguments stand before those of each command.
func runCommands(t *testing.T, pod *corev1.Pod, more ...string) {
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := append(append([]string{"-n", pod.Namespace, "pod/target"}, more...), c.args...)
			invocation{stdin: strings.NewReader(c.stdin), args: args}.start(t).wait().want(t, c.status, c.stdout, c.stderr)
		})
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	t.Run("commands", func(t *testing.T) { runCommands(t, pod) })
	onlyContainer(t, pod)
	wantGone(t, pod, "tail")
}

// What cannot be run is told as a shell tells it: 126 for what is there, 127 for what is not. The words of the session's
// own shell are not commands.
func TestCommandThatCannotRun(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	for command, status := range map[string]int{
		"/etc": 126, "@/app": 126, "@/app/hello.txt": 126, "/dev/null": 126,
		"no-such-command": 127, "/no/such/command": 127, "no\nsuch": 127,
		"exit": 127, "eval": 127, "cd": 127, "export": 127, ":": 127, "set": 127, "trap": 127,
		"sweep": 127, "below": 127, "first": 127, "line": 127, "inside": 127, "word": 127,
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			got := mindebug(t, pod, "pod/target", "--", command, "3")
			if got.status != status || got.stdout != "" || got.stderr == "" {
				t.Errorf("status %d, stdout %q, stderr %q; want %d, nothing, a reason", got.status, got.stdout, got.stderr, status)
			}
			if strings.Contains(got.stderr, "error: ") {
				t.Errorf("the command's own failure looks like one of mindebug: %q", got.stderr)
			}
		})
	}
}

func TestPipedScript(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	script := invocation{
		stdin: strings.NewReader("echo $TPID $T\npwd\ncat hello.txt\nexit 4\n"),
		args:  []string{"-n", pod.Namespace, "pod/target"},
	}
	const stdout = "1 /proc/1/root\n/proc/1/root/app\nhello from the target\n"
	got := script.run(t)
	if got.status != 4 || got.stdout != stdout || !strings.Contains(got.stderr, place(t, pod)+" uid 65532 (mirror)\n") {
		t.Errorf("status %d, stdout %q, stderr %q", got.status, got.stdout, got.stderr)
	}
	script.stdin = strings.NewReader("cat hello.txt\n")
	script.args = append(script.args, "-q")
	script.run(t).want(t, 0, "hello from the target\n", "")
}

// size is how much goes through a session at a time: 100 MB.
const size = 100_000_000

// noise is data that does not repeat.
func noise() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{'m'}), size) }

func sum(h hash.Hash) string { return fmt.Sprintf("%x", h.Sum(nil)) }

func TestHundredMegabytes(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	sent := sha256.New()
	_, _ = io.Copy(sent, noise())

	t.Run("in", func(t *testing.T) {
		t.Parallel()
		invocation{
			stdin: noise(),
			args:  []string{"-n", pod.Namespace, "pod/target", "-i", "--", "sha256sum"},
		}.run(t).want(t, 0, sum(sent)+"  -\n", "")
	})
	t.Run("there and back", func(t *testing.T) {
		t.Parallel()
		invocation{
			stdin: noise(),
			args:  []string{"-n", pod.Namespace, "pod/target", "-i", "--", "cat"},
		}.wantHash(t, sum(sent))
	})
	t.Run("out", func(t *testing.T) {
		t.Parallel()
		// The target's program over and over, each time after a number, so that no part can stand for another.
		script := fmt.Sprintf(`while echo $((i += 1)); do cat "$1"; done | head -c %d`, size)
		there := mindebug(t, pod, "pod/target", "--", "sh", "-c", script+" | sha256sum", "_", "@/proc/@pid/exe")
		want, _, _ := strings.Cut(there.stdout, " ")
		invocation{
			args: []string{"-n", pod.Namespace, "pod/target", "--", "sh", "-c", script, "_", "@/proc/@pid/exe"},
		}.wantHash(t, want)
	})
}

// wantHash runs the invocation, whose standard output must be size bytes with that SHA-256.
func (i invocation) wantHash(t *testing.T, want string) {
	t.Helper()
	got := &counter{Hash: sha256.New()}
	var stderr strings.Builder
	cmd := i.command(t)
	cmd.Stdout, cmd.Stderr = got, &stderr
	if status := exitStatus(t, cmd.Run()); status != 0 || stderr.String() != "" {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
	if got.n != size || sum(got) != want {
		t.Errorf("%d bytes with SHA-256 %s\nwant %d, %s", got.n, sum(got), size, want)
	}
}

// counter is a hash that knows how much it was given.
type counter struct {
	hash.Hash
	n int
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return c.Hash.Write(p)
}
