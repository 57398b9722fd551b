package triage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// aStack is a goroutine as runtime.Stack prints it.
func aStack(n int, state, place string) string {
	return fmt.Sprintf("goroutine %d [%s]:\nsync.runtime_SemacquireMutex(0x1, 0x0)\n\t/usr/local/go/src/runtime/sema.go:95\n%s(...)\n\t/src/x.go:7 +0x1\ncreated by main.main in goroutine 1\n\t/src/main.go:3\n\n", n, state, place)
}

func TestGoroutines(t *testing.T) {
	t.Parallel()
	const held = "sync.Mutex.Lock"
	many := strings.Repeat(aStack(9, "chan receive", "shop.example/cart.(*Cart).wait"), manyGoroutines)
	for name, test := range map[string]struct {
		text, fact string
		want       []string
		unread     string
	}{
		"at rest":       {text: aStack(1, "running", "main.serve") + aStack(2, "IO wait", "net/http.(*conn).serve"), fact: "2: 1 IO wait in sync.runtime_SemacquireMutex, 1 running in main.serve"},
		"a lock":        {text: aStack(1, held, "main.take") + aStack(2, held+", 12 minutes", "main.take"), fact: "2: 2 " + held + " in main.take", want: []string{"warning: a lock is waited for in main.take (sync.Mutex.Lock) by 2 goroutines, for up to 12 minutes"}},
		"a moment":      {text: aStack(1, held, "main.take"), fact: "1: 1 " + held + " in main.take"},
		"of older Go":   {text: aStack(1, "semacquire, 1 minutes, locked to thread", "main.take"), fact: "1: 1 semacquire in main.take", want: []string{"warning: a lock is waited for in main.take (semacquire) by 1 goroutine, for up to 1 minute"}},
		"a long wait":   {text: aStack(1, "select, 90 minutes", "main.run"), fact: "1: 1 select in main.run"},
		"a leak":        {text: many, fact: "1000: 1000 chan receive in shop.example/cart.(*Cart).wait", want: []string{"warning: 1000 of 1000 goroutines stand in shop.example/cart.(*Cart).wait (chan receive)"}},
		"another page":  {text: "hello\n", unread: "the goroutines: the answer has none"},
		"made-up lines": {text: "goroutine \n\ngoroutine 1 [\n\ngoroutine 1 []:", fact: "2: 2  in "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := readGo(Raw{{"program", "process 1 server"}, {"at", "127.0.0.1:6060"}, {"goroutines", test.text}}, aSubject())
			var findings []string
			for _, f := range r.Findings {
				findings = append(findings, string(f.Weight)+": "+f.Fact)
			}
			if diff := cmp.Diff(test.want, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if got := strings.Join(r.Unread, "; "); got != test.unread || test.fact != "" && !strings.Contains(fmt.Sprint(r.Facts), "{goroutines "+test.fact+"}") {
				t.Errorf("the facts are %v, unread %q; want %q and %q", r.Facts, got, test.fact, test.unread)
			}
		})
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	program := aProcess("7", "server", "65532", listensToAll)
	heap := "heap profile: 1: 2 [3: 4] @ heap/1048576\n# runtime.MemStats\n# Alloc = 1\n# HeapAlloc = 1048576\n# HeapInuse = 2097152\n# Sys = 8388608\n# NumGC = 3\n"
	stacks := strings.Repeat(aStack(1, "select", "main.run"), atMostAnswer/len(aStack(1, "select", "main.run"))+1)
	page := func(body string) [][2]string { return [][2]string{{"127.0.0.1 6060", anAnswer("200 OK", body)}} }
	for name, test := range map[string]struct {
		raw         Raw
		answers     [][2]string
		says        []string
		facts, fail string
		unread      string
	}{
		"served": {
			raw: append(program[:2:2], aDoor(6060, "7")...), answers: page(heap), says: []string{"asks process 7 server by HTTP at 127.0.0.1:6060 for /debug/pprof/goroutine?debug=2"},
			facts: "{heap 2.0 MiB in use, 1.0 MiB of it alive or not collected yet; 8.0 MiB from the system} {collections 3}", unread: "the goroutines: the answer has none",
		},
		"not served": {
			raw: append(program[:2:2], aDoor(6060, "7")...), answers: [][2]string{{"127.0.0.1 6060", anAnswer("404 Not Found", "")}}, says: []string{"asks process 7"},
			unread: "the profiles: 127.0.0.1:6060 answers /debug/pprof/goroutine?debug=2 with 404 Not Found",
		},
		"a socket that several have": {
			raw: append(program[:2:2], shared(aDoor(6060, "9"), "7")...), answers: page(heap), says: []string{"asks process 7 server by HTTP at 127.0.0.1:6060"},
			unread: "the goroutines: the answer has none",
		},
		"more than is kept": {
			raw: append(program[:2:2], aDoor(6060, "7")...), answers: page(stacks), says: []string{"asks process 7"},
			facts:  fmt.Sprintf("{goroutines at least %d: %[1]d select in main.run}", atMostAnswer/len(aStack(1, "select", "main.run"))),
			unread: "the goroutines after the first 4.0 MiB of their list; the heap's sums, which stand after the first 4.0 MiB of its samples",
		},
		"nobody listens":      {raw: append(program[:2:2], aDoor(6061, "7")...), fail: "no process of the container that can be read listens on port 6060"},
		"another container's": {raw: append(program[:2:2], aDoor(6060, "")...), fail: "no process of the container that can be read listens on port 6060"},
		"no Go program":       {raw: append(program[:2:2], aDoor(6060, "9")...), fail: "process 9, which listens on port 6060, is not shown to be a Go program with net/http/pprof"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, texts := said()
			s.Port = 6060
			got, err := touchBy(t.Context(), golang, &answering{answers: test.answers}, s, test.raw)
			wantSaid(t, *texts, test.says)
			if test.fail != "" || err != nil {
				if err == nil || !strings.HasPrefix(err.Error(), "the topic go was refused: "+test.fail) || test.fail == "" {
					t.Errorf("the error is %v, want %q", err, test.fail)
				}
				return
			}
			r := readGo(got, s)
			if !strings.Contains(fmt.Sprint(r.Facts), test.facts) || strings.Join(r.Unread, "; ") != test.unread {
				t.Errorf("the facts are %v, unread %q; want %q and %q", r.Facts, r.Unread, test.facts, test.unread)
			}
		})
	}
	if _, err := touchBy(t.Context(), golang, &answering{}, aSubject(), program); err == nil {
		t.Error("without a port nothing is said")
	}
}
