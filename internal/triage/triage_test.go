package triage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/session"
)

// sampleMark is the mark of the recorded samples in testdata.
const sampleMark = "#MARK"

// noon is this machine's time in all tests.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// runs is the pod of all tests: one container that runs as 65532:65532.
func runs() *corev1.Pod { return kubetest.Pod("shop", "web").Running(65532, 65532).Build() }

// aSubject is a target that runs.
func aSubject() Subject {
	return Subject{Pod: runs(), Container: "app", UID: 65532, GID: 65532, Began: noon, Ended: noon.Add(time.Second)}
}

// recorded is what a topic has in a sample.
func recorded(t *testing.T, file, topic string, replace ...string) Raw {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	raw, whole := parseRaw(string(text), sampleMark)
	if !whole[topic] {
		t.Fatalf("sample %s has no whole %s", file, topic)
	}
	for i := 0; i < len(replace); i += 2 {
		found := false
		for j := range raw[topic] {
			data := &raw[topic][j].Data
			found = found || strings.Contains(*data, replace[i])
			*data = strings.ReplaceAll(*data, replace[i], replace[i+1])
		}
		if !found {
			t.Fatalf("%s of sample %s has no %q", topic, file, replace[i])
		}
	}
	return raw[topic]
}

// reading is what a topic must make of a sample, in which some texts were replaced: each second one takes the place of the
// one before. Facts are those that matter, Findings are weight and fact.
type reading struct {
	sample           string
	replace          []string
	change           func(*Subject)
	facts            map[string]string
	findings, unread []string
	// next is the command that the first finding gives, where it matters.
	next string
}

// wantReadings holds a topic to a table.
func wantReadings(t *testing.T, topic Topic, table map[string]reading) {
	t.Helper()
	for name, test := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := aSubject()
			if test.change != nil {
				test.change(&s)
			}
			r := topic.Read(recorded(t, test.sample, topic.Name, test.replace...), s)
			var findings []string
			for _, f := range r.Findings {
				findings = append(findings, fmt.Sprintf("%s: %s", f.Weight, f.Fact))
				if f.Why == "" {
					t.Errorf("nothing says why it matters: %s", f.Fact)
				}
			}
			if diff := cmp.Diff(test.findings, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if test.next != "" && r.Findings[0].Next != test.next {
				t.Errorf("the next command is %q, want %q", r.Findings[0].Next, test.next)
			}
			if diff := cmp.Diff(test.unread, r.Unread); diff != "" {
				t.Errorf("unread (-want +got):\n%s", diff)
			}
			for fact, want := range test.facts {
				i := slices.IndexFunc(r.Facts, func(f Fact) bool { return f.Name == fact })
				if i < 0 || r.Facts[i].Text != want {
					t.Errorf("fact %q is not %q in %q", fact, want, r.Facts)
				}
			}
		})
	}
}

// TestEmpty: where a script printed nothing, a topic finds nothing, and does not fail.
func TestEmpty(t *testing.T) {
	t.Parallel()
	for _, topic := range topics {
		if r := topic.Read(nil, aSubject()); len(r.Findings) > 0 {
			t.Errorf("%s finds %v in nothing", topic.Name, r.Findings)
		}
	}
}

func TestParseRaw(t *testing.T) {
	t.Parallel()
	raw, whole := parseRaw("noise\n#M a one\nx\n#N a two\n #M a two\ny#M\n\n#M a two\n\n#M b one\nno line's end\n#M a ended\n", "#M")
	want := map[string]Raw{
		"a": {{"one", "x\n#N a two\n #M a two\ny#M\n"}, {"two", ""}},
		"b": {{"one", "no line's end"}},
	}
	if diff := cmp.Diff(want, raw); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
	if !whole["a"] || whole["b"] {
		t.Errorf("whole are %v", whole)
	}
	if got := raw["a"].Text(); got != "== one\nx\n#N a two\n #M a two\ny#M\n== two\n\n" {
		t.Errorf("as text it is %q", got)
	}
}

// says is a session container in which the scripts print that, with the mark that they were given.
type says struct {
	text   string
	status int
	err    error
	hangs  bool
	script string
	args   []string
}

// Run implements Runner.
func (r *says) Run(ctx context.Context, script string, args []string, _ io.Reader, stdout, _ io.Writer) (int, error) {
	r.script, r.args = script, args
	_, mark, _ := strings.Cut(script, "mark='")
	mark, _, _ = strings.Cut(mark, "'")
	_, _ = io.WriteString(stdout, strings.ReplaceAll(r.text, "MARK", mark))
	if r.hangs {
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}
	return r.status, r.err
}

// aTopic finds what its script printed.
func aTopic(name string, weight Weight) Topic {
	return Topic{
		Name: name, Applies: always, Script: "block x", Args: func(Subject) []string { return []string{name + "1", "$(" + name + ")"} },
		Read: func(raw Raw, _ Subject) (r Reading) {
			r.find(weight, raw.Get("x"), "why", "")
			return r
		},
	}
}

// TestRun: one run for all scripts; findings by weight; what is not whole is said, and the rest is not lost.
func TestRun(t *testing.T) { //nolint:paralleltest // it changes what topics there are
	all := topics
	t.Cleanup(func() { topics = all })
	gathered := aTopic("d", Notice)
	gathered.Gather = func(_ context.Context, _ Runner, _ Subject, printed Raw) (Raw, error) {
		return Raw{{"more", ""}}, errors.New(printed.Get("x"))
	}
	never := aTopic("e", Critical)
	never.Applies = func(Subject) bool { return false }
	topics = []Topic{aTopic("a", Notice), aTopic("b", Critical), aTopic("c", Warning), gathered, never}
	const text = "\nMARK a x\none\nMARK a ended\n\nMARK b x\ntwo\nMARK b ended\n\nMARK d x\nfour\nMARK d ended\n\nMARK c x\nthr"
	for name, test := range map[string]struct {
		runner says
		names  []string
		want   []string
		fails  string
	}{
		"cut":    {runner: says{text: text}, want: []string{"critical b two", "notice a one", "c: its script did not come to its end", "d: four"}},
		"status": {runner: says{text: text, status: 3}, names: []string{"c", "a"}, want: []string{"notice a one", "c: the script in the session container ended with exit status 3"}},
		"slow":   {runner: says{text: text, hangs: true}, names: []string{"c"}, want: []string{"c: no answer within 30s"}},
		"lost":   {runner: says{text: text, err: errors.New("lost")}, fails: "lost"},
		"much":   {runner: says{text: text + strings.Repeat("x", atMost)}, names: []string{"b", "c"}, want: []string{"critical b two", "c: there was more output than 8.0 MiB"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			report, err := Run(t.Context(), &test.runner, aSubject(), test.names, time.Now)
			if test.fails != "" || err != nil {
				if err == nil || err.Error() != test.fails {
					t.Errorf("%s: the error is %v, want %q", name, err, test.fails)
				}
				return
			}
			var got []string
			for _, f := range report.Findings {
				got = append(got, fmt.Sprintf("%s %s %s", f.Weight, f.Topic, f.Fact))
			}
			for _, topic := range report.Topics {
				for _, u := range topic.Unread {
					got = append(got, topic.Name+": "+u)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		})
	}
	r := says{}
	if _, err := Run(t.Context(), &r, aSubject(), []string{"c", "a"}, time.Now); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a1", "$(a)", "c1", "$(c)"}, r.args); diff != "" || strings.Contains(r.script, "$(a)") {
		t.Errorf("words (-want +got):\n%s\nand the script:\n%s", diff, r.script)
	}
	for _, call := range []string{`topic_a "${1}" "${2}"`, `topic_c "${3}" "${4}"`} {
		if !strings.Contains(r.script, call) {
			t.Errorf("the script lacks %q:\n%s", call, r.script)
		}
	}
}

// local runs scripts on this machine beside this process, as in a session container.
type local struct{ shell []string }

// Run implements Runner.
func (l local) Run(ctx context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	words, in := session.Script("of no container", script, args, stdin) // so that this process is the only one
	cmd := exec.CommandContext(ctx, l.shell[0], append(slices.Clone(l.shell[1:]), words[1:]...)...)
	pid := os.Getpid()
	cmd.Env = []string{fmt.Sprintf("T=/proc/%d/root", pid), fmt.Sprintf("TPID=%d", pid), "PATH=" + os.Getenv("PATH")}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = struct{ io.Reader }{in}, stdout, stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// TestScripts: the scripts of all topics come to their end in one run, in each shell, and are read.
func TestScripts(t *testing.T) {
	t.Parallel()
	for name, shell := range shells() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := aSubject()
			s.Host = "127.0.0.1:1"
			var names []string
			for _, topic := range topics {
				if topic.Touches == "" {
					names = append(names, topic.Name)
				}
			}
			report, err := Run(t.Context(), offline{local{shell}}, s, names, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			for _, topic := range report.Topics {
				if len(topic.Raw) == 0 || len(topic.Facts) == 0 {
					t.Errorf("%s printed %q, of which the facts are %v, and not read was %q", topic.Name, topic.Raw, topic.Facts, topic.Unread)
				}
			}
		})
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 64 << 20: "64 MiB", 3 << 40: "3.0 TiB", 5000 << 40: "5000 TiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
	s := aSubject()
	s.Flags = "--context=prod "
	if got, want := s.look("df"), "kubectl mindebug --context=prod -n shop pod/web -c app -- df"; got != want {
		t.Errorf("the next command is %q, want %q", got, want)
	}
	if got := cut(strings.Repeat("é", 300)); len(got) > longest+len("…") || !strings.HasSuffix(got, "é…") {
		t.Errorf("a long text is cut to %q", got)
	}
}
