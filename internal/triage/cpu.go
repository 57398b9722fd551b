package triage

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

//go:embed cpu.sh
var cpuScript string

// cpu is the processor time of the container.
var cpu = Topic{
	Name: "cpu", About: "use now and on average, limit, throttling, the busiest threads",
	Applies: always, Script: cpuScript, Read: readCPU,
}

// Bounds of the topic: of all periods since the start, and of those in the moment of the look, how many percent; and from how
// many periods on a share means anything.
const (
	throttledOften = 25
	throttledNow   = 50
	leastPeriods   = 100
	cpuNearly      = 90
)

// spent is what a control group tells of processor time at one moment.
type spent struct {
	at, used, throttled time.Duration
	periods, held       int64
	// limit is in processors, 0 where there is none.
	limit   float64
	version string
}

// cpuUse reads a control group of either version (kernel: scheduler/sched-bwc.rst, admin-guide/cgroup-v2.rst).
func cpuUse(text string) (s spent, ok bool) {
	head, _, _ := strings.Cut(text, "\n")
	s.at, ok = uptime(head)
	d := parseDump(text)
	stat := d.keyed("cpu.stat")
	s.periods, s.held = stat["nr_periods"], stat["nr_throttled"]
	if usage, v2 := stat["usage_usec"]; v2 {
		s.version, s.used, s.throttled = "v2", time.Duration(usage)*time.Microsecond, time.Duration(stat["throttled_usec"])*time.Microsecond
		line, _ := d.first("cpu.max")
		if words := strings.Fields(line); len(words) == 2 {
			s.limit = ratio(words[0], words[1])
		}
		return s, ok
	}
	used, v1 := d.number("cpuacct.usage")
	s.version, s.used, s.throttled = "v1", time.Duration(used), time.Duration(stat["throttled_time"])
	quota, _ := d.first("cpu.cfs_quota_us")
	period, _ := d.first("cpu.cfs_period_us")
	s.limit = ratio(quota, period)
	return s, ok && v1
}

// ratio is a quota in processors: 0 where there is none, which v1 writes as -1 and v2 as "max".
func ratio(quota, period string) float64 {
	q, some := number(quota)
	p, ok := number(period)
	if !some || !ok || q <= 0 || p <= 0 {
		return 0
	}
	return float64(q) / float64(p)
}

func readCPU(raw Raw, s Subject) Reading {
	var r Reading
	before, ok := cpuUse(raw.Get("first"))
	after, also := cpuUse(raw.Get("second"))
	if !ok || !also {
		r.unread("the container's control group under /sys/fs/cgroup")
		return r
	}
	between := after.at - before.at
	now := 0.0
	if between > 0 {
		now = float64(after.used-before.used) / float64(between)
	}
	limit := "no limit"
	if after.limit > 0 {
		limit = fmt.Sprintf("limit %.2f", after.limit)
	}
	r.fact("use now", fmt.Sprintf("%.2f processors, %s (cgroup %s)", now, limit, after.version))
	started, old := tasks(raw.Get("second")), tasks(raw.Get("first"))
	if first := leaders(started); len(first) > 0 {
		if age := first[0].age(after.at); age > 0 {
			r.fact("on average", fmt.Sprintf("%.2f processors since the first process started %s ago", float64(after.used)/float64(age), ago(age)))
		}
	}
	if after.periods > 0 {
		r.fact("throttled", fmt.Sprintf("in %d of %d periods since the start, %s in all", after.held, after.periods, after.throttled.Round(time.Millisecond)))
	}
	r.fact("busiest threads now", busiest(old, started))
	if line, ok := parseDump(raw.Get("second")).first("cpu.pressure"); ok {
		r.fact("pressure", cut(line))
	}
	r.podLimits(s, corev1.ResourceCPU)
	r.throttling(before, after, now, s)
	return r
}

// throttling is what a limit does to the container.
func (r *Reading) throttling(before, after spent, now float64, s Subject) {
	next := s.look("top -b -n 1")
	periods, held := after.periods-before.periods, after.held-before.held
	const why = "its threads stand still for the rest of each period of the limit: latency, slow starts, probes that time out"
	all := fmt.Sprintf("%d%% of all periods since the start (%s in all)", percent(after.held, after.periods), after.throttled.Round(time.Millisecond))
	switch {
	case periods > 0 && percent(held, periods) >= throttledNow:
		r.find(Warning, fmt.Sprintf("it is throttled now, in %d of %d periods; in %s", held, periods, all), why, next)
	case after.periods >= leastPeriods && percent(after.held, after.periods) >= throttledOften:
		r.find(Warning, "it was throttled in "+all, why, next)
	case after.limit > 0 && now/after.limit*100 >= cpuNearly:
		r.find(Notice, fmt.Sprintf("it uses %.2f processors of its limit of %.2f now", now, after.limit), "with more to do it will be throttled", next)
	}
}

// busiest are the threads that took most between two looks.
func busiest(before, after map[string]task) string {
	type taken struct {
		name  string
		ticks int64
	}
	var all []taken
	for folder, t := range after {
		if past, ok := before[folder]; ok && past.started == t.started && t.used > past.used {
			all = append(all, taken{fmt.Sprintf("%s %s", path.Base(folder), cut(t.name)), t.used - past.used})
		}
	}
	slices.SortFunc(all, func(a, b taken) int {
		if a.ticks != b.ticks {
			return int(b.ticks - a.ticks)
		}
		return strings.Compare(a.name, b.name)
	})
	var texts []string
	for _, t := range all[:min(len(all), 3)] {
		texts = append(texts, fmt.Sprintf("%s (%d0 ms)", t.name, t.ticks))
	}
	return strings.Join(texts, ", ")
}
