package triage

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// manyBlocked is from how many threads on that wait for one lock there is a finding.
const manyBlocked = 5

// threads are those of a HotSpot thread dump (VM_PrintThreads of its sources; there is no specification).
type threads struct {
	version string
	all     []thread
	// deadlocks are the circles that the JVM found, each with the names of its threads.
	deadlocks [][]string
	// cut says that the dump is not whole.
	cut bool
}

// thread is one of Java's own; those of the JVM have no state.
type thread struct {
	name, state, frame string
	// waits is the lock that it waits for, with what that is, and holds are those that it has; gave is one that it gave away
	// until it is notified, which stands as locked as well.
	waits, kind, gave string
	holds             []string
}

// parseThreads reads a dump. Names are what the program chose: they end at the last quotation mark of their line.
func parseThreads(dump string) (t threads) {
	section, circle := "", -1
	for line := range strings.Lines(dump) {
		line = strings.TrimRight(line, "\r\n")
		text := strings.TrimSpace(line)
		switch {
		case t.version == "" && strings.HasPrefix(line, "Full thread dump "):
			t.version = strings.TrimSuffix(strings.TrimPrefix(line, "Full thread dump "), ":")
		case strings.HasPrefix(line, "Found ") && strings.HasSuffix(line, "deadlock:"):
			section, circle = "deadlock", len(t.deadlocks)
			t.deadlocks = append(t.deadlocks, nil)
		case strings.HasPrefix(line, "Java stack information"):
			section = "stacks" // of threads that were listed before
		case section == "deadlock" && strings.HasPrefix(line, `"`):
			t.deadlocks[circle] = append(t.deadlocks[circle], threadName(line))
		case section != "":
		case strings.HasPrefix(line, `"`):
			t.all = append(t.all, thread{name: threadName(line)})
		case len(t.all) > 0:
			t.all[len(t.all)-1].add(text)
		}
	}
	return t
}

// threadName is what stands in quotation marks.
func threadName(line string) string {
	if end := strings.LastIndex(line, `"`); end > 0 {
		return cut(line[1:end])
	}
	return cut(line)
}

// add takes a line of the thread's own.
func (t *thread) add(text string) {
	lock := func() (address, kind string) {
		_, rest, _ := strings.Cut(text, "<")
		address, rest, _ = strings.Cut(rest, ">")
		return address, cut(strings.Trim(strings.TrimPrefix(strings.TrimSpace(rest), "(a "), ")"))
	}
	switch {
	case strings.HasPrefix(text, "java.lang.Thread.State: "):
		t.state, _, _ = strings.Cut(strings.TrimPrefix(text, "java.lang.Thread.State: "), " ")
	case strings.HasPrefix(text, "at ") && t.frame == "":
		t.frame = cut(strings.TrimPrefix(text, "at "))
	case strings.HasPrefix(text, "- waiting to lock <"):
		t.waits, t.kind = lock()
	case strings.HasPrefix(text, "- waiting on <"):
		t.gave, _ = lock()
	case strings.HasPrefix(text, "- locked <"):
		if address, _ := lock(); address != t.gave {
			t.holds = append(t.holds, address)
		}
	}
}

// threads are facts and findings of a dump.
func (r *Reading) threads(t threads, s Subject) {
	r.fact("version", cut(t.version))
	states, waiting := map[string]int{}, map[string][]thread{}
	for _, one := range t.all {
		if one.state != "" {
			states[one.state]++
		}
		if one.waits != "" {
			waiting[one.waits] = append(waiting[one.waits], one)
		}
	}
	if len(states) == 0 {
		r.unread("the threads: the dump has none that is known to be one")
		return
	}
	atLeast := ""
	if t.cut {
		atLeast = "at least "
	}
	r.fact("threads", atLeast+some(counted(states)))
	for _, circle := range t.deadlocks {
		var names []string
		for _, name := range circle {
			names = append(names, fmt.Sprintf("%q", name))
		}
		r.find(Critical, fmt.Sprintf("deadlock: the threads %s wait for each other's locks", some(names)),
			"they never go on, nor does who waits for them: only a new process helps, and the program must take these locks in one order", "")
	}
	locks := slices.SortedFunc(maps.Keys(waiting), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(waiting[b]), len(waiting[a])), cmp.Compare(a, b))
	})
	for _, lock := range locks {
		if len(waiting[lock]) < manyBlocked {
			break
		}
		holder := "nobody that the dump shows holds it"
		if i := slices.IndexFunc(t.all, func(one thread) bool { return slices.Contains(one.holds, lock) }); i >= 0 {
			holder = fmt.Sprintf("%q holds it, at %s", t.all[i].name, t.all[i].frame)
		}
		r.find(Warning, fmt.Sprintf("%s%s wait for the lock of one %s: %s", atLeast, plural(len(waiting[lock]), "thread"), waiting[lock][0].kind, holder),
			"they do one after the other what they could do at once, or stand still as long as that thread does", s.touched("java"))
	}
}

// touched is the same look again, to compare: what has not moved meanwhile hangs.
func (s Subject) touched(topic string) string {
	return fmt.Sprintf("kubectl mindebug triage %s-n %s pod/%s -c %s %s --touch-target", s.Flags, s.Pod.Namespace, s.Pod.Name, s.Container, topic)
}
