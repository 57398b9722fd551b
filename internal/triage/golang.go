package triage

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

//go:embed golang.sh
var golangScript string

// Golang is the name of the topic that needs a port.
const Golang = "go"

// golang reads the profiles of a Go program that serves them.
var golang = Topic{
	Name: Golang, About: "only where named, with --touch-target and --port: goroutines and heap of a Go program that serves net/http/pprof there",
	Touches: "it asks the program's own port for profiles",
	Applies: never, Script: touchScript + golangScript, Choose: chooseProfiles, Read: readGo,
}

// Bounds of the topic: from how many goroutines at one place on, and how many minutes of waiting for a lock, there is a finding.
const (
	manyGoroutines = 1000
	longMinutes    = 1
)

// pprofPages are those of net/http/pprof.
var pprofPages = []page{{"goroutines", "/debug/pprof/goroutine?debug=2"}, {"heap", "/debug/pprof/heap?debug=1"}}

// chooseProfiles is the program that serves them: one of those that have a socket with that port.
func chooseProfiles(raw Raw, s Subject) (touch, error) {
	if s.Port == 0 {
		return nil, errors.New("which port is not said: --port")
	}
	found := established(raw)
	var pids []string
	for _, d := range doors(raw) {
		if d.at.Port() != s.Port || d.pid == "" {
			continue
		}
		if i := slices.IndexFunc(found, func(p toTouch) bool { return p.pid == d.pid }); i >= 0 {
			return func(ctx context.Context, runner Runner) (Raw, error) {
				return profiles(ctx, runner, s, found[i], reach(d.at))
			}, nil
		}
		pids = append(pids, d.pid)
	}
	if len(pids) == 0 {
		return nil, &RefusedError{
			Golang, fmt.Sprintf("no process of the container that can be read listens on port %d", s.Port), "see who listens where: " + s.look("ss -ltn"),
		}
	}
	return nil, &RefusedError{
		Golang, fmt.Sprintf("process %s, which listens on port %d, is not shown to be a Go program with net/http/pprof by the file that it executes", pids[0], s.Port),
		"name the port of one that is, or ask it by a command of your own: " + s.look(fmt.Sprintf("wget -qO- http://127.0.0.1:%d/", s.Port)),
	}
}

// profiles asks for them.
func profiles(ctx context.Context, runner Runner, s Subject, p toTouch, at netip.AddrPort) (Raw, error) {
	s.Say(fmt.Sprintf("go: asks %s by HTTP at %s for %s and %s; it stands still while its goroutines are listed, and may log the requests",
		p, at, pprofPages[0].path, pprofPages[1].path))
	return Raw{{"program", p.String()}, {"at", at.String()}}.ask(ctx, runner, at, pprofPages), nil
}

func readGo(raw Raw, s Subject) Reading {
	var r Reading
	if raw.Get("at") == "" {
		return r
	}
	r.fact("process", raw.Get("program"))
	if silent := raw.Get("silent"); silent != "" {
		r.unread("the profiles: " + cut(silent))
	}
	if text := raw.Get("goroutines"); text != "" {
		r.Output = text
		has := raw.Get(beyond("goroutines"))
		if has != "" {
			text = text[:strings.LastIndex(text, "\n\n")+1] // the last one is not whole
			r.unread("the goroutines after the first " + has + " of their list")
		}
		r.goroutines(parseGoroutines(text), has != "", s)
	}
	if has := raw.Get(beyond("heap")); has != "" {
		r.unread("the heap's sums, which stand after the first " + has + " of its samples")
	}
	r.heap(raw.Get("heap"))
	return r
}

// goroutines are those that stand at one place in one state, of a list as goroutine?debug=2 prints it (runtime.Stack).
type goroutines struct {
	state, place string
	count        int
	// longest is for how many minutes the one waits that waits longest.
	longest int
}

// parseGoroutines reads "goroutine 7 [chan receive, 5 minutes]:" and the first line of what follows that is the program's.
func parseGoroutines(text string) (all []goroutines) {
	byPlace := map[string]*goroutines{}
	for part := range strings.SplitSeq(text, "\n\n") {
		head, stack, _ := strings.Cut(strings.TrimSpace(part), "\n")
		_, inside, ok := strings.Cut(head, " [")
		if !ok || !strings.HasPrefix(head, "goroutine ") {
			continue
		}
		words := strings.Split(strings.TrimSuffix(inside, "]:"), ", ")
		minutes := 0
		for _, w := range words[1:] {
			if n, ok := strings.CutSuffix(w, " minutes"); ok {
				minutes, _ = strconv.Atoi(n)
			}
		}
		key := words[0] + " " + goPlace(stack)
		g := byPlace[key]
		if g == nil {
			g = &goroutines{state: cut(words[0]), place: goPlace(stack)}
			byPlace[key] = g
		}
		g.count, g.longest = g.count+1, max(g.longest, minutes)
	}
	for _, key := range slices.Sorted(maps.Keys(byPlace)) {
		all = append(all, *byPlace[key])
	}
	slices.SortStableFunc(all, func(a, b goroutines) int { return cmp.Compare(b.count, a.count) })
	return all
}

// goPlace is the first function of a stack that is not of the runtime's or of what waits for it: the first with a path below a
// domain, or in main; else the first of all.
func goPlace(stack string) string {
	first := ""
	for line := range strings.Lines(stack) {
		if strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "created by ") {
			continue
		}
		function := strings.TrimSpace(line)
		if i := strings.LastIndex(function, "("); i > 0 {
			function = function[:i]
		}
		if first == "" {
			first = cut(function)
		}
		if host, _, ok := strings.Cut(function, "/"); strings.HasPrefix(function, "main.") || ok && strings.Contains(host, ".") {
			return cut(function)
		}
	}
	return first
}

// goroutines are facts and findings of what they do; cut says that there are more.
func (r *Reading) goroutines(all []goroutines, cut bool, s Subject) {
	count, atLeast := 0, ""
	if cut {
		atLeast = "at least "
	}
	var texts []string
	for _, g := range all {
		count += g.count
		texts = append(texts, fmt.Sprintf("%d %s in %s", g.count, g.state, g.place))
	}
	if count == 0 {
		r.unread("the goroutines: the answer has none")
		return
	}
	r.fact("goroutines", fmt.Sprintf("%s%d: %s", atLeast, count, some(texts)))
	for _, g := range all {
		if g.count >= manyGoroutines {
			r.find(Warning, fmt.Sprintf("%s%d of %s stand in %s (%s)", atLeast, g.count, plural(count, "goroutine"), g.place, g.state),
				"where their number grows they are never ended, and each keeps its stack and what it holds", s.profiled())
		}
		if lock := strings.HasPrefix(g.state, "sync.Mutex") || strings.HasPrefix(g.state, "sync.RWMutex") || g.state == "semacquire"; lock && g.longest >= longMinutes {
			r.find(Warning, fmt.Sprintf("a lock is waited for in %s (%s) by %s%s, for up to %s", g.place, g.state, atLeast, plural(g.count, "goroutine"), plural(g.longest, "minute")),
				"who holds it does not give it back: it waits itself, perhaps for one of these", s.profiled())
		}
	}
}

// heap are the sums that heap?debug=1 has after its samples (runtime.MemStats).
func (r *Reading) heap(text string) {
	values := map[string]int64{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(line, "# "), " = "); ok && strings.HasPrefix(line, "# ") {
			if n, is := number(value); is {
				values[name] = n
			}
		}
	}
	if inuse, ok := values["HeapInuse"]; ok {
		r.fact("heap", fmt.Sprintf("%s in use, %s of it alive or not collected yet; %s from the system", bytesText(inuse), bytesText(values["HeapAlloc"]), bytesText(values["Sys"])))
		r.fact("collections", fmt.Sprint(values["NumGC"]))
	}
}

// profiled is how a profile is taken home.
func (s Subject) profiled() string {
	return s.look(fmt.Sprintf("wget -qO- http://127.0.0.1:%d/debug/pprof/goroutine", s.Port)) + " >goroutine.pb.gz"
}
