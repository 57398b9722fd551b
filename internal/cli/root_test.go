package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/cluster"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// TestMain gives the whole package a kubeconfig that cannot be read, so that whatever opens one is seen.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mindebug-cli-")
	if err != nil {
		panic(err)
	}
	broken := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(broken, []byte("{ this is no kubeconfig"), 0o600); err != nil {
		panic(err)
	}
	if err := os.Setenv("KUBECONFIG", broken); err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	m.Run()
}

// runCLI runs the whole program.
func runCLI(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	p := Program{In: strings.NewReader(""), Out: &out, Err: &errOut, Getenv: noEnv, Version: "v1.2.3"}
	status = Run(t.Context(), p, args)
	return status, out.String(), errOut.String()
}

func TestRun(t *testing.T) {
	t.Parallel()
	const flags = "hint: see the flags: kubectl mindebug --help\n"
	tests := []struct {
		name   string
		args   []string
		status int
		// stdout and stderr are the whole text, or a part of it in out.
		stdout, stderr string
		out            []string
	}{
		{name: "version", args: []string{"version"}, stdout: "v1.2.3\n", stderr: "this build is no release: it names no debug image\n"},
		{name: "version as a flag", args: []string{"--version"}, stdout: "kubectl mindebug version v1.2.3\n"},
		{name: "version for a program", args: []string{"version", "-o", "json"}, out: []string{`"version": "v1.2.3"`, `"platform": "` + runtime.GOOS + `/`}},
		{name: "the same as YAML", args: []string{"version", "-o", "yaml"}, out: []string{"kind: Version\n", "version: v1.2.3\n"}},
		{name: "help opens no kubeconfig", args: []string{"--help"}, out: []string{"Usage:\n  kubectl mindebug POD|TYPE/NAME", "--container", "--kubeconfig"}},
		{name: "help of a verb", args: []string{"version", "--help"}, out: []string{"kubectl mindebug version"}},
		{name: "nothing: three examples", out: []string{"# A shell beside", "# One command", "# A script", "More: kubectl mindebug --help"}},
		{name: "unknown flag", args: []string{"pod/x", "--bogus"}, status: 125, stderr: "error: unknown flag: --bogus\n" + flags},
		{name: "a flag of the command", args: []string{"pod/x", "ls", "-a"}, status: 125, stderr: "error: unknown shorthand flag: 'a' in -a\nhint: write `--` before the command: kubectl mindebug pod/x -- ls -a\n"},
		{
			name: "a command without --: all that was typed is kept", args: []string{"-n", "shop", "deploy", "x", "--context=c 1", "sh", "-c", "ls /"}, status: 125,
			stderr: "error: \"sh\" stands after the target\nhint: write `--` before the command: kubectl mindebug -n shop deploy x '--context=c 1' -- sh -c 'ls /'\n",
		},
		{
			name: "two bare words", args: []string{"-n", "shop", "config-7d", "bash"}, status: 125,
			stderr: "error: \"bash\" stands after the target\nhint: if \"config-7d\" is a pod: kubectl mindebug -n shop config-7d -- bash; for the verbs: kubectl mindebug --help\n",
		},
		{
			name: "a word too many in a verb", args: []string{"start", "-n", "shop", "pod/x", "ls"}, status: 2,
			stderr: "error: \"ls\" stands after the target\nhint: leave it away: kubectl mindebug start -n shop pod/x\n",
		},
		{name: "two targets", args: []string{"deploy/web", "deployments/api"}, status: 125, stderr: "error: deployment/web and deployment/api are two targets\nhint: name one of them\n"},
		{name: "no verb before a target", args: []string{"frob", "deploy/web"}, status: 125, stderr: "error: there is no verb \"frob\"\nhint: see those that there are: kubectl mindebug --help\n"},
		{name: "an empty profile", args: []string{"pod/x", "--profile="}, status: 125},
		{name: "a flag whose use names its value", args: []string{"policy", "roles", "--user"}, status: 2, stderr: "error: flag needs an argument: --user\nhint: write --user=VALUE: allow it to the user NAME; can be repeated\n"},
		{name: "an empty image", args: []string{"pod/x", "--image", ""}, status: 125, stderr: "error: invalid argument \"\" for \"--image\" flag: it is empty; leave the flag away for the default\nhint: --image: debug image; by default what is configured, else the built-in one: see config view\n"},
		{name: "help of no verb", args: []string{"help", "foo"}, status: 2, stderr: "error: there is no verb \"foo\"\nhint: see those that there are: kubectl mindebug --help\n"},
		{name: "help of a verb by the word", args: []string{"help", "policy", "roles"}, out: []string{"kubectl mindebug policy roles [flags]"}},
		{name: "a flag with a slip", args: []string{"pod/x", "--profil=general"}, status: 125, stderr: "error: unknown flag: --profil\nhint: did you mean --profile?\n"},
		{name: "a verb written as a flag", args: []string{"--check"}, status: 125, stderr: "error: unknown flag: --check\nhint: did you mean: kubectl mindebug check?\n"},
		{name: "a flag of a verb with a slip", args: []string{"check", "--profil=general"}, status: 2, stderr: "error: unknown flag: --profil\nhint: did you mean --profile?\n"},
		{name: "a flag without its value", args: []string{"pod/x", "-c"}, status: 125, stderr: "error: flag needs an argument: 'c' in -c\nhint: write --container=VALUE: target container; by default the pod's default container, or its only one\n"},
		{
			name: "no variable", args: []string{"pod/x", "--env=X"}, status: 125,
			stderr: "error: invalid argument \"X\" for \"--env\" flag: X must be formatted as key=value\nhint: write --env=NAME=VALUE\n",
		},
		{
			name: "a form of output", args: []string{"pod/x", "-o", "name"}, status: 125,
			stderr: "error: invalid argument \"name\" for \"-o, --output\" flag: it is none of yaml, json\nhint: --output: yaml, json\n",
		},
		{name: "a bad value", args: []string{"pod/x", "--ttl", "soon"}, status: 125, out: nil, stderr: `error: invalid argument "soon" for "--ttl" flag: time: invalid duration "soon"` + "\nhint: a time has a unit: --ttl=90s, --ttl=5m\n"},
		{name: "a flag and no target", args: []string{"-q"}, status: 125, stderr: "error: no target given\nhint: name one: kubectl mindebug pod/NAME\n"},
		{
			name: "a verb with a slip and a flag", args: []string{"verson", "--bogus"}, status: 125,
			stderr: "error: unknown flag: --bogus\nhint: did you mean: kubectl mindebug version?\n",
		},
		{
			name: "a verb with a slip and a word", args: []string{"polcy", "roles"}, status: 125,
			stderr: "error: there is no verb \"polcy\"\nhint: did you mean: kubectl mindebug policy?\n",
		},
		{name: "verb with a word too many", args: []string{"version", "x"}, status: 2},
		{name: "verb with an unknown flag", args: []string{"version", "--bogus"}, status: 2},
		{name: "a kubeconfig that cannot be read", args: []string{"pod/x"}, status: 125},
		{name: "the same in a verb", args: []string{"policy", "roles"}, status: 1},
		{name: "a verb of no verb", args: []string{"policy"}, status: 2, stderr: "error: policy needs the word that says which manifests: roles or generate\nhint: see what they are: kubectl mindebug policy --help\n"},
		{name: "an unknown form of output", args: []string{"policy", "roles", "-o", "wide"}, status: 2},
		{
			name: "an error as JSON", args: []string{"policy", "roles", "-o", "json", "x"}, status: 2,
			stderr: `{"apiVersion":"mindebug/v1alpha1","kind":"Error","error":"roles takes no argument, and here is \"x\"","hint":"a pod of that name is pod/roles","status":2}` + "\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := runCLI(t, test.args...)
			if status != test.status {
				t.Errorf("exit status %d; want %d", status, test.status)
			}
			switch {
			case test.stderr != "":
				if diff := cmp.Diff(test.stderr, stderr); diff != "" {
					t.Errorf("standard error (-want +got):\n%s", diff)
				}
			case test.status != 0 && !strings.HasPrefix(stderr, "error: "), test.status == 0 && stderr != "":
				t.Errorf("standard error: %q", stderr)
			}
			if len(test.out) == 0 {
				if diff := cmp.Diff(test.stdout, stdout); diff != "" {
					t.Errorf("standard output (-want +got):\n%s", diff)
				}
			}
			for _, part := range test.out {
				if !strings.Contains(stdout, part) {
					t.Errorf("standard output does not say %q:\n%s", part, stdout)
				}
			}
		})
	}
}

// TestVersionCannotBeWritten: an answer that nobody got is an error.
func TestVersionCannotBeWritten(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	status := Run(t.Context(), Program{In: strings.NewReader(""), Out: full{}, Err: &stderr, Getenv: noEnv}, []string{"version"})
	if status != 1 || stderr.String() != "error: writing the result: no space left on device\n" {
		t.Errorf("exit status %d, standard error %q", status, stderr.String())
	}
}

// TestBrokenKubeconfigIsExplained: the file of TestMain fails as a kubeconfig, or the tests above would prove nothing.
func TestBrokenKubeconfigIsExplained(t *testing.T) {
	t.Parallel()
	_, stdout, stderr := runCLI(t, "pod/x")
	if stdout != "" || !strings.HasPrefix(stderr, "error: reading kubeconfig: ") || !strings.HasSuffix(stderr, "hint: see what kubectl makes of it: kubectl config view\n") {
		t.Errorf("output %q, error output %q", stdout, stderr)
	}
}

// TestExamples runs each example of each verb: the flags are ones that there are, the words are understood, and it gets as
// far as the kubeconfig, or to its end.
func TestExamples(t *testing.T) {
	t.Parallel()
	seen := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		found := exampleLines(c.Example)
		if groups := c.HasParent() && c.HasSubCommands(); len(found) == 0 && !groups && c.Name() != "help" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, line := range found {
			seen++
			t.Run(line, func(t *testing.T) {
				t.Parallel()
				if strings.Contains(line, "$T") {
					t.Error("an example that the local shell expands")
				}
				status, _, stderr := runCLI(t, strings.Fields(line)...)
				if status != 0 && !strings.Contains(stderr, "reading kubeconfig: ") && !strings.Contains(stderr, ": no such file or directory\n") &&
					!strings.HasPrefix(stderr, "error: no folder of PATH has kubectl-mindebug\n") {
					t.Errorf("exit status %d, standard error %q", status, stderr)
				}
			})
		}
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(newTree(nil))
	if seen < 15 {
		t.Errorf("only %d examples were seen", seen)
	}
}

// exampleLines are the words after "kubectl mindebug" of each line of an example: up to where the shell sends its output
// elsewhere.
func exampleLines(example string) (found []string) {
	for line := range strings.Lines(example) {
		_, words, ours := strings.Cut(strings.TrimSpace(line), "kubectl mindebug ")
		if !ours || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, end := range []string{" <", " |", " >", ")", " &&"} {
			words, _, _ = strings.Cut(words, end)
		}
		found = append(found, strings.NewReplacer(`"$P"`, "pod/web-7d", `"`, "").Replace(words))
	}
	return found
}

// TestIgnoredIsSaid: what of the custom file has no effect is said wherever it is read, a script included.
func TestIgnoredIsSaid(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "custom.yaml")
	if err := os.WriteFile(file, []byte("bogus: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, said := range map[string]bool{
		"pod/x": true, "pod/x -- ls": true, "pod/x --dry-run=client": true, "start pod/x": true, "check pod/x": true, "check": true,
		"pod/x --quiet": false,
	} {
		_, _, stderr := runCLI(t, append([]string{"--custom", file}, strings.Fields(line)...)...)
		if first, _, _ := strings.Cut(stderr, "\n"); strings.Contains(first, `ignored, as by kubectl debug: error unmarshaling JSON: while decoding JSON: json: unknown field "bogus"`) != said {
			t.Errorf("%s: %q; want it said: %t", line, stderr, said)
		}
	}
}

func newTree(run func(context.Context, app.SessionRequest) error) *cobra.Command {
	f := &factory{
		program: Program{In: strings.NewReader(""), Getenv: noEnv, Version: "v1.2.3"},
		flags:   new(cluster.Flags),
	}
	return newRoot(f, run)
}

// TestFlagNames: no flag of ours takes a name that is kubectl's, in any verb.
func TestFlagNames(t *testing.T) {
	t.Parallel()
	kubectl := pflag.NewFlagSet("kubectl", pflag.ContinueOnError)
	new(cluster.Flags).Add(kubectl) // which are cli-runtime's, as a test there holds
	theirs := map[string]*pflag.Flag{}
	kubectl.VisitAll(func(f *pflag.Flag) {
		theirs[f.Name] = f
		if f.Shorthand != "" {
			theirs[f.Shorthand] = f
		}
	})
	seen := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if own, ok := theirs[f.Name]; ok && c.PersistentFlags().Lookup(f.Name) == f && own.Usage == f.Usage {
				return // it is kubectl's
			}
			seen++
			if c.CommandPath() == "kubectl mindebug policy roles" && f.Name == "user" {
				return // kubectl's own `create rolebinding` does the same, and it asks no cluster as any user
			}
			if theirs[f.Name] != nil || f.Shorthand != "" && theirs[f.Shorthand] != nil {
				t.Errorf("%s: --%s (-%s) has the name of a flag of kubectl's", c.CommandPath(), f.Name, f.Shorthand)
			}
			if strings.HasPrefix(f.Name, "as") {
				t.Errorf("%s: --%s begins as kubectl's --as", c.CommandPath(), f.Name)
			}
		})
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(newTree(nil))
	if seen < 10 {
		t.Errorf("only %d flags of ours were seen", seen)
	}
}

// TestTree: what every verb has.
func TestTree(t *testing.T) {
	t.Parallel()
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if !strings.HasPrefix(c.CommandPath(), "kubectl mindebug") {
			t.Errorf("%q is not called as kubectl calls it", c.CommandPath())
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short description %q", c.CommandPath(), c.Short)
		}
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(newTree(nil))
}

// TestVerbsForABareWord: a bare word is a pod's name; where there is no such pod, it may have been a verb.
func TestVerbsForABareWord(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		words []string
		want  []string
	}{
		{[]string{"verson"}, []string{"version"}},
		{[]string{"web"}, []string{}},
		{[]string{"pod/verson"}, nil},
		{[]string{"pod", "verson"}, nil},
	} {
		root := newTree(func(_ context.Context, r app.SessionRequest) error {
			return &fault.NoPod{Pod: fault.Pod{Name: r.Query.Name}}
		})
		root.SetArgs(test.words)
		var noPod *fault.NoPod
		if err := root.ExecuteContext(t.Context()); !errors.As(err, &noPod) {
			t.Fatalf("%q: %v", test.words, err)
		}
		if diff := cmp.Diff(test.want, noPod.Verbs); diff != "" {
			t.Errorf("verbs for %q (-want +got):\n%s", test.words, diff)
		}
	}
}
