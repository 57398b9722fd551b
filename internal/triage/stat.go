package triage

import (
	"strconv"
	"strings"
	"time"
)

// ticks is the unit of times in /proc/PID/stat, in a second: USER_HZ, which is 100 wherever Kubernetes runs.
const ticks = 100

// task is a process or a thread (proc_pid_stat(5)).
type task struct {
	pid, parent, threads int
	name, state          string
	// used is its processor time, and started when it began, in ticks; the latter since the machine did.
	used, started int64
}

// parseStat reads one line of /proc/PID/stat.
func parseStat(line string) (t task, ok bool) {
	open, end := strings.Index(line, "("), strings.LastIndex(line, ")")
	if open < 1 || end < open {
		return t, false
	}
	rest := strings.Fields(line[end+1:])
	if len(rest) < 20 {
		return t, false
	}
	var err error
	number := func(text string) int64 {
		n, wrong := strconv.ParseInt(text, 10, 64)
		if wrong != nil {
			err = wrong
		}
		return n
	}
	t = task{
		pid: int(number(strings.TrimSpace(line[:open]))), name: line[open+1 : end], state: rest[0],
		parent: int(number(rest[1])), used: number(rest[11]) + number(rest[12]), threads: int(number(rest[17])), started: number(rest[19]),
	}
	return t, err == nil
}

// tasks are those of a dump of …/task/TID/stat, by their file's folder.
func tasks(text string) map[string]task {
	found := map[string]task{}
	d := parseDump(text)
	for _, p := range d.paths {
		if t, ok := parseStat(d.lines[p][0]); ok {
			found[strings.TrimSuffix(p, "/stat")] = t
		}
	}
	return found
}

// uptime is how long the machine runs, by /proc/uptime.
func uptime(text string) (time.Duration, bool) {
	first, _, _ := strings.Cut(text, " ")
	seconds, err := strconv.ParseFloat(first, 64)
	return time.Duration(seconds * float64(time.Second)), err == nil
}

// age is how long a process runs.
func (t task) age(up time.Duration) time.Duration {
	return up - time.Duration(t.started)*(time.Second/ticks)
}
