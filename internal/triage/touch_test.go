package triage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// aProcess are the blocks that `about` prints of one.
func aProcess(pid, name, uid, caught string) Raw {
	return Raw{
		{"process", fmt.Sprintf("Began: 77\nName:\t%s\nPid:\t%s\nUid:\t1\t%s\t1\t1\nGid:\t1\t65532\t1\t1\nNSpid:\t900\t%[2]s\nSigCgt:\t%[4]s\n", name, pid, uid, caught)},
		{"exe", "/usr/bin/" + name},
		{"dispatcher", ""},
	}
}

// altered is raw with a text of its first block replaced.
func altered(raw Raw, from, to string) Raw {
	raw = slices.Clone(raw)
	raw[0].Data = strings.Replace(raw[0].Data, from, to, 1)
	return raw
}

// touchBy has a topic choose, and then do what it chose.
func touchBy(ctx context.Context, topic Topic, runner Runner, s Subject, printed Raw) (Raw, error) {
	does, err := topic.Choose(printed, s)
	if err != nil {
		return nil, err
	}
	return does(ctx, runner)
}

// listensToAll is a process that has a handler for every signal.
const listensToAll = "00000001ffffffff"

func TestChoose(t *testing.T) {
	t.Parallel()
	first := Raw{{"first", "1\n"}}
	one, two, wrapped := aProcess("1", "java", "65532", listensToAll), aProcess("12", "java", "65532", listensToAll), aProcess("7", "java", "65532", listensToAll)
	for name, test := range map[string]struct {
		raw   []Raw
		want  string
		fails string
	}{
		"the first of two":      {raw: []Raw{two, one}, want: "process 1 java"},
		"one below a wrapper":   {raw: []Raw{wrapped}, want: "process 7 java"},
		"none":                  {fails: "no process of the container is shown to be a HotSpot JVM"},
		"two below a wrapper":   {raw: []Raw{two, wrapped}, fails: "which process is meant is not clear: 12 java, 7 java"},
		"no handler":            {raw: []Raw{aProcess("1", "java", "65532", "2000000101005cc8")}, fails: "process 1 java has no handler for SIGQUIT, so the signal would end it: the JVM was started with -Xrs"},
		"no signals":            {raw: []Raw{aProcess("1", "java", "65532", "")}, fails: "no process of the container"},
		"another user":          {raw: []Raw{aProcess("1", "java", "70", listensToAll)}, fails: "process 1 java runs as uid 70, and the session as 65532"},
		"another group":         {raw: []Raw{altered(one, "Gid:\t1\t65532", "Gid:\t1\t70")}, fails: "process 1 java runs as gid 70, and the session as 65532"},
		"no signal thread":      {raw: []Raw{one[:2], two}, fails: "process 1 java has no thread of the name by which HotSpot takes signals"},
		"its program not known": {raw: []Raw{one[:1]}, fails: "no process of the container"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := first
			for _, r := range test.raw {
				raw = append(raw[:len(raw):len(raw)], r...)
			}
			p, err := hotspot.choose(raw, aSubject())
			var refused *RefusedError
			if test.fails == "" {
				if err != nil || p.String() != test.want || p.inner != p.pid || p.began != "77" || p.exe != "/usr/bin/java" {
					t.Errorf("%+v is chosen, %v", p, err)
				}
			} else if !errors.As(err, &refused) || !strings.HasPrefix(refused.Why, test.fails) || refused.Hint == "" || refused.Topic != "java" {
				t.Errorf("the error is %#v, want %q", err, test.fails)
			}
		})
	}
}

// beside runs scripts on this machine as in a session beside a process.
type beside struct {
	local
	pid, path string
}

// Run implements Runner.
func (b beside) Run(ctx context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	of := fmt.Sprintf("id=/ T=/proc/%s/root TPID=%[1]s PATH=%s:$PATH\n", b.pid, b.path)
	return b.local.Run(ctx, of+script, args, stdin, stdout, stderr)
}

// aChild starts a shell with a script that says so when it is ready, and returns its process id and what it prints later.
func aChild(t *testing.T, script string) (pid string, said *bytes.Buffer, ended <-chan struct{}) {
	t.Helper()
	ready, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	said = &bytes.Buffer{}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script)
	cmd.Stdout, cmd.ExtraFiles = said, []*os.File{tell}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ends is the test's matter
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-done })
	_ = tell.Close()
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(cmd.Process.Pid), said, done
}

// shells are those that scripts run in here.
func shells() map[string][]string {
	found := map[string][]string{"sh": {"/bin/sh"}}
	if busybox, err := exec.LookPath("busybox"); err == nil {
		found["busybox"] = []string{busybox, "sh"}
	}
	return found
}

// TestSignal: a signal is sent to nobody whom it could end: who has no handler for it, is another process than the one that was
// looked at, or executes another program now.
func TestSignal(t *testing.T) {
	t.Parallel()
	for shell, words := range shells() {
		for name, test := range map[string]struct {
			child, began, exe, container, signal, asks, want string
			lives                                            bool
		}{
			"a handler":                {child: "trap 'echo heard; exit' QUIT", signal: "QUIT", want: "sent\n"},
			"a handler of its own":     {child: "trap 'echo heard; exit' QUIT", signal: "QUIT", asks: "dispatches", want: "refused dispatcher\n", lives: true},
			"HotSpot's handler":        {child: "printf 'Signal Dispatch' >/proc/$$/comm; trap 'echo heard; exit' QUIT", signal: "QUIT", asks: "dispatches", want: "sent\n"},
			"a handler for another":    {child: "trap 'echo heard; exit' QUIT", signal: "USR1", want: "refused handler\n", lives: true},
			"the other signal":         {child: "trap 'echo heard; exit' USR1", signal: "USR1", want: "sent\n"},
			"none":                     {child: ":", signal: "QUIT", want: "refused handler\n", lives: true},
			"ignored":                  {child: "trap '' QUIT", signal: "QUIT", want: "refused handler\n", lives: true},
			"another process":          {child: "trap 'echo heard; exit' QUIT", began: "1", signal: "QUIT", want: "refused changed\n", lives: true},
			"another program":          {child: "trap 'echo heard; exit' QUIT", exe: "/usr/bin/java", signal: "QUIT", want: "refused changed\n", lives: true},
			"another container's":      {child: "trap 'echo heard; exit' QUIT", container: "another", signal: "QUIT", want: "refused changed\n", lives: true},
			"a handler it has no more": {child: "trap 'echo heard' QUIT; trap - QUIT", signal: "QUIT", want: "refused handler\n", lives: true},
		} {
			t.Run(shell+"/"+name, func(t *testing.T) {
				t.Parallel()
				pid, said, ended := aChild(t, test.child+"; echo . >&3; while :; do sleep 0.01; done")
				exe, err := os.Readlink("/proc/" + pid + "/exe")
				if err != nil {
					t.Fatal(err)
				}
				script := touchScript + `began "$2"; [ -z "$6" ] || id=$6; signal "$1" "$2" "${3:-$began}" "${4:-$5}" "$7" && echo sent`
				var out bytes.Buffer
				if _, err := (beside{local: local{words}, pid: pid}).Run(t.Context(), script, []string{test.signal, pid, test.began, test.exe, exe, test.container, test.asks}, nil, &out, io.Discard); err != nil {
					t.Fatal(err)
				}
				if out.String() != test.want {
					t.Errorf("it says %q, want %q", out.String(), test.want)
				}
				if test.lives {
					if _, err := os.Stat("/proc/" + pid + "/exe"); err != nil {
						t.Errorf("the process ended: %v", err)
					}
					return
				}
				<-ended
				if said.String() != "heard\n" {
					t.Errorf("the process was told %q", said)
				}
			})
		}
	}
}

// TestProof: what a file holds is told by its strings, and one that must stand for itself is not found within another.
func TestProof(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte("\x7fELF\x00\x01a node_module_register script\x00\nJNI_CreateJavaVM\x00%s/.attach_pid%d\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	for shell, words := range shells() {
		for proof, want := range map[string]string{
			"=JNI_CreateJavaVM .attach_pid": "yes\n", ".attach_pid none": "", "=node_module_register": "", "node_module_register": "yes\n", "=.attach_pid": "",
		} {
			var out bytes.Buffer
			args := append([]string{file}, strings.Fields(proof)...)
			if _, err := (local{words}).Run(t.Context(), touchScript+`holds "$@" && echo yes`, args, nil, &out, io.Discard); err != nil || out.String() != want {
				t.Errorf("%s: %q is %q, %v; want %q", shell, proof, out.String(), err, want)
			}
		}
	}
}

// answering is a session container in which scripts answer by what stands in them: the first whose text a script has.
type answering struct {
	answers [][2]string
	status  int
	said    string
	ran     []string
}

// Run implements Runner.
func (r *answering) Run(_ context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	for _, a := range r.answers {
		if strings.Contains(script+strings.Join(args, " "), a[0]) {
			r.ran = append(r.ran, strings.Join(args, " "))
			if stdin != nil { // a connection: it is answered when it has asked
				_, _ = stdin.Read(make([]byte, 4096))
			}
			_, _ = io.WriteString(stderr, r.said)
			_, err := io.WriteString(stdout, a[1])
			return r.status, err
		}
	}
	return 1, nil
}

// said is a subject and what it is told.
func said() (Subject, *[]string) {
	var texts []string
	s := aSubject()
	s.Say = func(text string) { texts = append(texts, text) }
	return s, &texts
}

// wantSaid compares what was said with how each begins.
func wantSaid(t *testing.T, got, want []string) {
	t.Helper()
	for i := range got {
		if i < len(want) && strings.Contains(got[i], want[i]) {
			got[i] = want[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is said (-want +got):\n%s", diff)
	}
}

// TestRefusedRun: where a topic may not touch the target, all of the look fails with why.
func TestRefusedRun(t *testing.T) {
	t.Parallel()
	s, texts := said()
	runner := says{text: "\nMARK java first\n1\nMARK java ended\n"}
	_, err := Run(t.Context(), &runner, s, []string{"java"}, time.Now)
	var refused *RefusedError
	if !errors.As(err, &refused) || len(*texts) > 0 {
		t.Errorf("the error is %v; it said %q", err, *texts)
	}
}

// TestRefusedTogether: where one of the topics that are named may not touch the target, none does anything to it.
func TestRefusedTogether(t *testing.T) {
	t.Parallel()
	printed := "\nMARK java first\n1\nMARK java ended\n\nMARK node first\n1\n"
	for _, b := range aProcess("1", "node", "65532", listensToAll) {
		printed += "\nMARK node " + b.Name + "\n" + b.Data
	}
	s, texts := said()
	runner := says{text: printed + "\nMARK node ended\n"}
	_, err := Run(t.Context(), &runner, s, []string{"java", "node"}, time.Now)
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Topic != "java" || len(*texts) > 0 || strings.Contains(runner.script, nodeOpenScript) {
		t.Errorf("the error is %v; it said %q, and ran last:\n%s", err, *texts, runner.script)
	}
}

// TestRefusedLate: what is refused only when another topic did what it does is told beside what that brought; where none did, it
// is all that there is to tell.
func TestRefusedLate(t *testing.T) {
	t.Parallel()
	late := func(context.Context, Runner) (Raw, error) { return nil, &RefusedError{Topic: "java", Why: "it ended"} }
	done := func(context.Context, Runner) (Raw, error) { return Raw{{"x", "1"}}, nil }
	for name, test := range map[string]struct {
		touches []touch
		fails   bool
	}{
		"alone":             {[]touch{late, nil}, true},
		"all":               {[]touch{late, late}, true},
		"another was done":  {[]touch{late, done}, false},
		"another was first": {[]touch{done, late}, false},
	} {
		raw, missed := make([]Raw, 2), make([]error, 2)
		err := gather(t.Context(), nil, aSubject(), make([]Topic, 2), test.touches, raw, missed)
		var refused *RefusedError
		if errors.As(err, &refused) != test.fails || (err != nil) != test.fails || missed[0] == nil && missed[1] == nil {
			t.Errorf("%s: the error is %v; what is missed %v", name, err, missed)
		}
	}
}

// TestHead: what is cut is known from what just fits.
func TestHead(t *testing.T) {
	t.Parallel()
	h := head{limit: 4}
	for _, step := range []struct {
		write, want string
		cut         bool
	}{{"abc", "abc", false}, {"d", "abcd", false}, {"e", "abcd", true}, {"", "abcd", true}} {
		if n, err := h.Write([]byte(step.write)); n != len(step.write) || err != nil || h.text.String() != step.want || h.cut != step.cut {
			t.Errorf("after %q it has %q, cut %v", step.write, h.text.String(), h.cut)
		}
	}
}
