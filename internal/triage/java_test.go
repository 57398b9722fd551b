package triage

import (
	"fmt"
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
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := Raw{{"jvm", "process 1 java"}, {"how", test.how}, {"dump", test.dump}}
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
			want: Raw{{"jvm", "process 1 java"}, {"how", byLog}},
		},
		"another image": {
			raw: slicesWithout(jvm, "unixcat"), answer: [][2]string{{"log 1", "sent\n"}}, says: []string{sends},
			want: Raw{{"jvm", "process 1 java"}, {"how", byLog}},
		},
		"no answer":       {raw: jvm, answer: [][2]string{{"socket 1", "dump\n0\nx"}}, status: 3, says: []string{asks}, fails: "process 1 java took the question and did not answer within 15s"},
		"no socket":       {raw: jvm, answer: [][2]string{{"socket 1", "silent\n"}}, says: []string{asks}, fails: "process 1 java opened no socket within 5s of SIGQUIT"},
		"changed":         {raw: jvm, answer: [][2]string{{"socket 1", "refused changed\n"}}, says: []string{asks}, fails: "the topic java was refused: process 1 java ended, or executes another program now"},
		"no handler":      {raw: jvm, answer: [][2]string{{"socket 1", "refused handler\n"}}, says: []string{asks}, fails: "the topic java was refused: process 1 java has no handler for SIGQUIT any more"},
		"not permitted":   {raw: jvm, answer: [][2]string{{"socket 1", "refused kill\n"}}, says: []string{asks}, fails: "the topic java was refused: the kernel lets the session send process 1 java no signal"},
		"killed":          {raw: jvm, answer: [][2]string{{"socket 1", ""}}, says: []string{asks}, fails: "the script in the session container did not come to its end"},
		"nothing is sent": {raw: slicesWithout(jvm, "unixcat"), answer: [][2]string{{"log 1", "x\n"}}, says: []string{sends}, fails: "SIGQUIT was not sent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, texts := said()
			runner := &answering{answers: test.answer, status: test.status}
			got, err := dumpThreads(t.Context(), runner, s, test.raw)
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
