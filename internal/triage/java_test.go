package triage

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// aDump is a thread dump as OpenJDK 17 gave it, behind the 0 of its attach mechanism.
func aDump(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/java-deadlock.txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestJava(t *testing.T) {
	t.Parallel()
	dump := aDump(t)
	queue := strings.Builder{}
	for i := range manyBlocked {
		fmt.Fprintf(&queue, "\"worker \"%d\"\" #3%[1]d prio=5\n   java.lang.Thread.State: BLOCKED (on object monitor)\n\tat shop.Cart.add(Cart.java:7)\n\t- waiting to lock <0x1> (a shop.Cart)\n\n", i)
	}
	const (
		waiter = "\"waiter\" #20 prio=5\n   java.lang.Thread.State: WAITING (on object monitor)\n\tat java.lang.Object.wait(Native)\n\t- waiting on <0x1> (a shop.Cart)\n\tat x\n\t- locked <0x1> (a shop.Cart)\n\n"
		holder = "\"slow\" #21 prio=5\n   java.lang.Thread.State: RUNNABLE\n\tat shop.Cart.sum(Cart.java:9)\n\t- locked <0x1> (a shop.Cart)\n\n"
	)
	for name, test := range map[string]struct {
		how, dump      string
		beyond         string
		want           []string
		facts, notRead string
		output         bool
	}{
		"a deadlock": {
			how: bySocket, dump: dump, want: []string{`critical: deadlock: the threads "orders", "stock" wait for each other's locks`},
			facts: "RUNNABLE 11, BLOCKED 2, TIMED_WAITING 2, WAITING 1", output: true,
		},
		"a lock that many want": {
			how: bySocket, dump: "0\n" + queue.String() + waiter + holder,
			want:  []string{`warning: 5 threads wait for the lock of one shop.Cart: "slow" holds it, at shop.Cart.sum(Cart.java:9)`},
			facts: "BLOCKED 5, RUNNABLE 1, WAITING 1", output: true,
		},
		"a lock that nobody shows": {
			how: bySocket, dump: "0\n" + queue.String() + waiter, want: []string{`warning: 5 threads wait for the lock of one shop.Cart: nobody that the dump shows holds it`},
			facts: "BLOCKED 5, WAITING 1", output: true,
		},
		"few wait":        {how: bySocket, dump: "0\n" + strings.Replace(queue.String(), "<0x1>", "<0x2>", 1) + holder, facts: "BLOCKED 5, RUNNABLE 1", output: true},
		"another answer":  {how: bySocket, dump: "101\nbad version", notRead: "the dump: the JVM answered 101 bad version"},
		"no threads":      {how: bySocket, dump: "0\nhello\n", notRead: "the threads: the dump has none that is known to be one", output: true},
		"in its log":      {how: byLog, want: []string{"notice: the thread dump is in the container's log"}},
		"nothing was got": {},
		"cut": {
			how: bySocket, dump: "0\n" + queue.String(), beyond: "8.0 MiB",
			want:  []string{`warning: at least 5 threads wait for the lock of one shop.Cart: nobody that the dump shows holds it`},
			facts: "{threads at least BLOCKED 5}", notRead: "the dump after its first 8.0 MiB: deadlocks would stand there, after more threads", output: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := Raw{{"jvm", "process 1 java"}, {"how", test.how}, {"dump", test.dump}, {"beyond dump", test.beyond}}
			r := readJava(raw, aSubject())
			var findings []string
			for _, f := range r.Findings {
				findings = append(findings, string(f.Weight)+": "+f.Fact)
			}
			if diff := cmp.Diff(test.want, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if got := strings.Join(r.Unread, "; "); got != test.notRead {
				t.Errorf("unread is %q, want %q", got, test.notRead)
			}
			facts := fmt.Sprint(r.Facts)
			if !strings.Contains(facts, test.facts) || test.how == "" && len(r.Facts) > 0 {
				t.Errorf("the facts are %s, want %q", facts, test.facts)
			}
			if (r.Output != "") != test.output || strings.HasPrefix(r.Output, "0") {
				t.Errorf("the output is %.40q", r.Output)
			}
		})
	}
}

// TestThreadsOfAnything: what a program makes up is no trouble, and what it calls its threads stays a name.
func TestThreadsOfAnything(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\"", "\"\n", "Found x deadlock:\n\"", "- locked <", "\"a\" #1\n   java.lang.Thread.State: \n\t- waiting to lock <", strings.Repeat("\"x", 1000)} {
		for _, one := range parseThreads(text).all {
			if len(one.name) > longest+len("…") {
				t.Errorf("of %.20q a name of %d bytes comes", text, len(one.name))
			}
		}
	}
	got := parseThreads("\"a \"Found one Java-level deadlock:\" b\" #1 prio=5\n   java.lang.Thread.State: RUNNABLE\n")
	if len(got.deadlocks) > 0 || len(got.all) != 1 || got.all[0].name != `a "Found one Java-level deadlock:" b` {
		t.Errorf("it is read as %+v", got)
	}
}

// TestDumpThreads: how a JVM is asked, what is said before, and what comes of each answer.
func TestDumpThreads(t *testing.T) {
	t.Parallel()
	jvm := append(Raw{{"first", "1\n"}, {"unixcat", "/bin/unixcat\n"}}, aProcess("1", "java", "65532", listensToAll)...)
	const asks, sends = "asks process 1 java for a thread dump on its socket /tmp/.java_pid1,", "sends SIGQUIT to process 1 java, which has the JVM write a thread dump into the container's log"
	for name, test := range map[string]struct {
		raw    Raw
		answer [][2]string
		status int
		stderr string
		says   []string
		want   Raw
		fails  string
	}{
		"by its socket": {
			raw: jvm, answer: [][2]string{{"socket 1 77 /usr/bin/java 1", "dump\n0\nx"}}, says: []string{asks},
			want: Raw{{"jvm", "process 1 java"}, {"how", bySocket}, {"dump", "0\nx"}},
		},
		"nowhere to write": {
			raw: jvm, answer: [][2]string{{"socket 1", "unwritable\n"}, {"log 1 77 /usr/bin/java", "sent\n"}}, says: []string{asks, sends},
			want: Raw{{"jvm", "process 1 java"}, {"how", byLog}, {"why", "its /tmp cannot be written to, so it can have no socket"}},
		},
		"another's socket": {
			raw: jvm, answer: [][2]string{{"socket 1", "dump\n"}, {"log 1 77 /usr/bin/java", "sent\n"}}, status: 4, says: []string{asks, sends},
			want: Raw{{"jvm", "process 1 java"}, {"how", byLog}, {"why", "/tmp/.java_pid1 is another process's socket, as where containers share a volume at /tmp"}},
		},
		"more than is kept": {
			raw: jvm, answer: [][2]string{{"socket 1", "dump\n" + strings.Repeat("x", atMost)}}, says: []string{asks},
			want: Raw{{"jvm", "process 1 java"}, {"how", bySocket}, {"dump", strings.Repeat("x", atMost-len("dump\n"))}, {"beyond dump", "8.0 MiB"}},
		},
		"another image": {
			raw: slicesWithout(jvm, "unixcat"), answer: [][2]string{{"log 1", "sent\n"}}, says: []string{sends},
			want: Raw{{"jvm", "process 1 java"}, {"how", byLog}, {"why", "the image of the session has no unixcat"}},
		},
		"no answer":       {raw: jvm, answer: [][2]string{{"socket 1", "dump\n0\nx"}}, status: 3, says: []string{asks}, fails: "process 1 java took the question and did not answer within 15s"},
		"it fails":        {raw: jvm, answer: [][2]string{{"socket 1", "dump\n"}}, status: 5, stderr: "unixcat: x: Connection refused\n", says: []string{asks}, fails: "asking process 1 java on its socket failed with exit status 5: unixcat: x: Connection refused"},
		"no socket":       {raw: jvm, answer: [][2]string{{"socket 1", "silent\n"}}, says: []string{asks}, fails: "process 1 java opened no socket within 5s of SIGQUIT"},
		"changed":         {raw: jvm, answer: [][2]string{{"socket 1", "refused changed\n"}}, says: []string{asks}, fails: "the topic java was refused: process 1 java ended, or executes another program now"},
		"no handler":      {raw: jvm, answer: [][2]string{{"socket 1", "refused handler\n"}}, says: []string{asks}, fails: "the topic java was refused: process 1 java has no handler for SIGQUIT any more"},
		"not permitted":   {raw: jvm, answer: [][2]string{{"socket 1", "refused kill\n"}}, says: []string{asks}, fails: "the topic java was refused: the kernel lets the session send process 1 java no signal"},
		"no HotSpot":      {raw: jvm, answer: [][2]string{{"socket 1", "refused dispatcher\n"}}, says: []string{asks}, fails: "the topic java was refused: process 1 java has no thread any more that takes signals as HotSpot does"},
		"killed":          {raw: jvm, answer: [][2]string{{"socket 1", ""}}, says: []string{asks}, fails: "the script in the session container did not come to its end"},
		"nothing is sent": {raw: slicesWithout(jvm, "unixcat"), answer: [][2]string{{"log 1", "x\n"}}, says: []string{sends}, fails: "SIGQUIT was not sent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, texts := said()
			runner := &answering{answers: test.answer, status: test.status, said: test.stderr}
			got, err := touchBy(t.Context(), java, runner, s, test.raw)
			wantSaid(t, *texts, test.says)
			if test.fails != "" || err != nil {
				if err == nil || !strings.HasPrefix(err.Error(), test.fails) || test.fails == "" {
					t.Errorf("the error is %v, want %q", err, test.fails)
				}
				return
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("what is kept (-want +got):\n%s", diff)
			}
		})
	}
}

// slicesWithout is raw without the blocks of a name.
func slicesWithout(raw Raw, name string) (rest Raw) {
	for _, b := range raw {
		if b.Name != name {
			rest = append(rest, b)
		}
	}
	return rest
}

// TestDumpScript: what unixcat says of a socket is told on, and nothing is left beside it where no signal was sent.
func TestDumpScript(t *testing.T) {
	t.Parallel()
	for shell, words := range shells() {
		for name, test := range map[string]struct {
			unixcat        string
			socket         bool
			status         int
			printed, wrote string
		}{
			"answered":        {unixcat: `echo "0 $1"`, socket: true, printed: "dump\n0 PID\n"},
			"another process": {unixcat: "exit 4", socket: true, status: 4, printed: "dump\n"},
			"no answer":       {unixcat: "kill $$", socket: true, status: 3, printed: "dump\n"},
			"it fails":        {unixcat: "echo refused >&2; exit 1", socket: true, status: 5, printed: "dump\n", wrote: "refused\n"},
			"no HotSpot":      {unixcat: "exit 9", printed: "refused dispatcher\n"},
		} {
			t.Run(shell+"/"+name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				if err := os.WriteFile(dir+"/unixcat", []byte("#!/bin/sh\n"+test.unixcat+"\n"), 0o700); err != nil { //nolint:gosec // it is run
					t.Fatal(err)
				}
				pid, _, _ := aChild(t, "trap 'echo heard' QUIT; echo . >&3; while :; do sleep 0.01; done")
				if test.socket {
					listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: "/tmp/.java_pid" + pid, Net: "unix"})
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = listener.Close() })
				}
				exe, err := os.Readlink("/proc/" + pid + "/exe")
				if err != nil {
					t.Fatal(err)
				}
				var out, said bytes.Buffer
				b := beside{local: local{words}, pid: pid, path: dir}
				script := touchScript + `began "$2"; set -- "$1" "$2" "$began" "$3" "$4"` + "\n" + javaDumpScript
				status, err := b.Run(t.Context(), script, []string{"socket", pid, exe, pid}, nil, &out, &said)
				if err != nil || status != test.status || out.String() != strings.ReplaceAll(test.printed, "PID", pid) || said.String() != test.wrote {
					t.Errorf("status %d, %v: %q, %q", status, err, out.String(), said.String())
				}
				if _, err := os.Lstat("/tmp/.attach_pid" + pid); !os.IsNotExist(err) {
					t.Errorf("a file is left, or not: %v", err)
				}
			})
		}
	}
}
