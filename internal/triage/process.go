package triage

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

//go:embed process.sh
var processScript string

// process is what runs, and what it waits for.
var process = Topic{
	Name: "process", About: "processes and threads, what they wait for, restarts, readiness, limits",
	Applies: always, Script: processScript, Read: readProcess,
}

// Bounds of the topic: from how many zombies, threads and how much of a limit on there is a finding.
const (
	manyZombies = 10
	manyThreads = 2000
	nearLimit   = 90
)

func readProcess(raw Raw, s Subject) Reading {
	var r Reading
	all := tasks(raw.Get("tasks"))
	status := fields(raw.Get("status"))
	pid, _ := strconv.Atoi(status["Pid"])
	main, ok := all[fmt.Sprintf("/proc/%[1]d/task/%[1]d", pid)]
	if !ok {
		r.unread("the target's first process")
	}
	r.processFacts(raw, s, main, all)
	r.states(s, main, all, tasks(raw.Get("later")), parseDump(raw.Get("wchan")))
	r.pidLimit(parseDump(raw.Get("pids")), s)
	r.podState(s)
	return r
}

// processFacts are what runs, since when, and within what.
func (r *Reading) processFacts(raw Raw, s Subject, main task, all map[string]task) {
	if main.pid > 0 {
		r.fact("first process", fmt.Sprintf("%d %s, state %s, %s", main.pid, cut(main.name), main.state, plural(main.threads, "thread")))
	}
	if up, ok := uptime(raw.Get("uptime")); ok && main.pid > 0 {
		r.fact("started", fmt.Sprintf("%s ago", ago(main.age(up))))
	}
	var others []string
	for _, t := range leaders(all) {
		if t.pid != main.pid {
			others = append(others, fmt.Sprintf("%d %s", t.pid, cut(t.name)))
		}
	}
	r.fact("other processes", some(others))
	waits := map[string]int{}
	wchan := parseDump(raw.Get("wchan"))
	for _, p := range wchan.paths {
		if where := wchan.lines[p][0]; where != "" && where != "0" {
			waits[where]++
		}
	}
	r.fact("threads wait in", some(counted(waits)))
	limits := parseLimits(raw.Get("limits"))
	var texts []string
	for _, l := range []struct{ name, word string }{{"Max open files", "open files"}, {"Max processes", "processes of this user"}, {"Max core file size", "core file"}, {"Max locked memory", "locked memory"}} {
		if v, ok := limits[l.name]; ok {
			texts = append(texts, l.word+" "+v)
		}
	}
	r.fact("limits", strings.Join(texts, ", "))
	_, state := s.container()
	r.fact("restarts", strconv.Itoa(int(state.RestartCount)))
}

// leaders are the processes among tasks, by their numbers.
func leaders(all map[string]task) (found []task) {
	for folder, t := range all {
		if folder == fmt.Sprintf("/proc/%[1]d/task/%[1]d", t.pid) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b task) int { return a.pid - b.pid })
	return found
}

// counted are names with how many there are of each, the most first.
func counted(counts map[string]int) (texts []string) {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		texts = append(texts, fmt.Sprintf("%s %d", cut(name), counts[name]))
	}
	return texts
}

// parseLimits are the soft limits of /proc/PID/limits by their names.
func parseLimits(text string) map[string]string {
	limits := map[string]string{}
	for line := range strings.Lines(text) {
		if len(line) < 27 {
			continue
		}
		if words := strings.Fields(line[26:]); len(words) > 0 { // names have a column of 26 (fs/proc/base.c)
			limits[strings.TrimSpace(line[:26])] = words[0]
		}
	}
	return limits
}

// states are what threads do that they should not.
func (r *Reading) states(s Subject, main task, all, later map[string]task, wchan dumped) {
	if main.state == "T" || main.state == "t" {
		why := "it does nothing, and answers nothing, until it is continued (SIGCONT)"
		if main.state == "t" {
			why = "a debugger or a tracer holds it; it does nothing until that lets go"
		}
		r.find(Critical, fmt.Sprintf("the first process, %d %s, is stopped (state %s)", main.pid, cut(main.name), main.state), why,
			s.look("grep -E 'State|TracerPid' @/proc/@pid/status"))
	}
	var zombies []string
	for _, t := range leaders(all) {
		if t.state == "Z" {
			zombies = append(zombies, cut(t.name))
		}
	}
	stuck := map[string]int{}
	for folder, t := range all {
		if t.state == "D" && later[folder].state == "D" {
			where := "?"
			if lines := wchan.lines[folder+"/wchan"]; len(lines) > 0 && lines[0] != "" {
				where = lines[0]
			}
			stuck[where]++
		}
	}
	if len(stuck) > 0 {
		r.find(Critical, "threads wait in the kernel and cannot be interrupted (state D), in: "+some(counted(stuck)),
			"a disk or a network file system does not answer; such a thread cannot be killed, and the pod may not end", s.look("cat @/proc/@pid/mountinfo"))
	}
	if n := len(zombies); n > 0 {
		weight := Notice
		if n >= manyZombies {
			weight = Warning
		}
		slices.Sort(zombies)
		r.find(weight, fmt.Sprintf("%s that nobody reaped: %s", plural(n, "ended process"), some(slices.Compact(zombies))),
			fmt.Sprintf("process %d does not wait for its children; each keeps a process id, of which a pod has so many", main.pid),
			s.look("ps -o pid,ppid,stat,comm"))
	}
	threads := 0
	for _, t := range leaders(all) { // not those that were told of, since of so many a part is
		threads += t.threads
	}
	if threads >= manyThreads {
		r.find(Warning, fmt.Sprintf("the container has %d threads or more", threads),
			"each takes memory for its stack and a process id; such numbers come of a pool without bounds", s.look("ls @/proc/@pid/task"))
	}
}

// pidLimit is how many processes and threads there may be (the kubelet's podPidsLimit).
func (r *Reading) pidLimit(d dumped, s Subject) {
	current, ok := d.number("pids.current")
	if !ok {
		return
	}
	limit, limited := d.number("pids.max")
	text := fmt.Sprintf("%d in use, no limit of the container's own", current)
	if limited {
		text = fmt.Sprintf("%d in use of %d", current, limit)
	}
	r.fact("process ids", text)
	failed := d.keyed("pids.events")["max"]
	switch next := s.look("ps -o pid,ppid,stat,comm"); {
	case failed > 0:
		r.find(Critical, fmt.Sprintf("the kernel refused %s for want of process ids (%s)", plural(failed, "new process"), text),
			`fork and new threads fail: "resource temporarily unavailable"`, next)
	case limited && percent(current, limit) >= nearLimit:
		r.find(Warning, "process ids are nearly used up: "+text, `beyond that fork and new threads fail: "resource temporarily unavailable"`, next)
	}
}

// podState is what the pod's status tells of the container.
func (r *Reading) podState(s Subject) {
	c, status := s.container()
	if last := status.LastTerminationState.Terminated; last != nil && last.Reason != oomKilled {
		since := s.Ended.Sub(last.FinishedAt.Time)
		weight := Notice
		if since < time.Hour {
			weight = Warning
		}
		r.find(weight, fmt.Sprintf("it was restarted %s; last %s ago, after %s", plural(int(status.RestartCount), "time"), ago(since), exitText(last)),
			"what it printed before it ended is kept until the next restart",
			s.kubectl(fmt.Sprintf("logs pod/%s -c %s --previous", s.Pod.Name, s.Container)))
	}
	if status.State.Running != nil && !status.Ready && c.ReadinessProbe != nil {
		r.find(Warning, fmt.Sprintf("it runs and is not ready (readiness probe: %s)", probeText(c.ReadinessProbe)),
			"no Service sends to this pod; what the probe met is in the pod's events", s.kubectl("describe pod/"+s.Pod.Name))
	}
}

// exitText is how a container ended.
func exitText(t *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("exit code %d", t.ExitCode)
	if name, ok := map[int32]string{134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}[t.ExitCode]; ok {
		text += ", " + name
	}
	if t.Reason != "" && t.Reason != "Error" {
		text += " (" + cut(t.Reason) + ")"
	}
	return text
}

// probeText is what a probe asks.
func probeText(p *corev1.Probe) string {
	switch {
	case p.HTTPGet != nil:
		return fmt.Sprintf("GET :%s%s", p.HTTPGet.Port.String(), cut(p.HTTPGet.Path))
	case p.TCPSocket != nil:
		return "connect to :" + p.TCPSocket.Port.String()
	case p.GRPC != nil:
		return fmt.Sprintf("gRPC :%d", p.GRPC.Port)
	case p.Exec != nil:
		return "a command"
	}
	return "of an unknown kind"
}
