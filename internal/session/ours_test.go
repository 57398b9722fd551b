//go:build unix

package session

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestScript runs scripts as a session does: they have their words and their input, and run whole or not at all.
func TestScript(t *testing.T) {
	t.Parallel()
	const script = `# a comment
printf '<%s>' "$id" "$@"
while IFS= read -r line; do
  # another
  printf '[%s]' "$line"
done
inside /a/../b
printf '%s' "$w"
exit 7
`
	shells(t, func(t *testing.T, shell []string) {
		for name, test := range map[string]struct {
			in     io.Reader
			cut    int
			want   string
			status int
		}{
			"without input":    {want: "<0123><$(id) 'x>/nonexistent/b", status: 7},
			"with input":       {in: strings.NewReader("one\n#run\n\\two\n"), want: "<0123><$(id) 'x>[one][#run][\\two]/nonexistent/b", status: 7},
			"cut off the end":  {cut: len(loaded) + 2, status: 125},
			"cut off the mark": {cut: 3, status: 125},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				command, in := Script("0123", script, []string{"$(id) 'x"}, test.in)
				text, err := io.ReadAll(in)
				if err != nil {
					t.Fatal(err)
				}
				cmd := exec.CommandContext(t.Context(), shell[0], append(shell[1:len(shell):len(shell)], command[1:]...)...)
				cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "T=/nonexistent", "TPID=1"}
				var out bytes.Buffer
				// As a pipe: a file could be read ahead and wound back.
				cmd.Stdin = struct{ io.Reader }{bytes.NewReader(text[:len(text)-test.cut])}
				cmd.Stdout, cmd.Stderr = &out, &out
				_ = cmd.Run()
				if diff := cmp.Diff(test.want, out.String()); diff != "" || cmd.ProcessState.ExitCode() != test.status {
					t.Errorf("exit status %d, want %d; output (-want +got):\n%s", cmd.ProcessState.ExitCode(), test.status, diff)
				}
			})
		}
	})
}

// TestScriptRequest holds that a script stands in no request, and that its words are replaced by nobody.
func TestScriptRequest(t *testing.T) {
	t.Parallel()
	command, _ := Script("0123", strings.Repeat("true\n", 1000), []string{"@/etc", "a@pid"}, nil)
	want := []string{"sh", "-c", loader, "mindebug-script", "0123", "@@/etc", "a@@pid"}
	if diff := cmp.Diff(want, command); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
	if size := len(strings.Join(command, " ")); size > 400 {
		t.Errorf("the words of the request are %d bytes", size)
	}
}
