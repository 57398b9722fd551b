package triage

import (
	_ "embed"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

//go:embed memory.sh
var memoryScript string

// memory is what the container has of it, and whether the kernel killed for want of it.
var memory = Topic{
	Name: "memory", About: "use and limit, what was killed for want of it, what it is used for",
	Applies: always, Script: memoryScript, Read: readMemory,
}

// oomKilled is the reason that the kubelet gives for a container whose first process the kernel killed for want of memory.
const oomKilled = "OOMKilled"

// Bounds of the topic, in percent of the limit; what recent is.
const (
	memoryFull   = 95
	memoryNearly = 85
	memoryShared = 50
	oomRecent    = 24 * time.Hour
)

// used is what a control group tells of memory, in bytes. What is not told is negative.
type used struct {
	limit, usage, peak int64
	// working is usage without what the kernel can take back at once (as the kubelet counts: container_memory_working_set_bytes).
	working, anonymous, file, shared int64
	kills                            int64
}

// memoryUse reads a control group of either version (kernel: admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst).
func memoryUse(raw Raw) (u used, version string) {
	v1, v2 := parseDump(raw.Get("v1")), parseDump(raw.Get("v2"))
	told := func(d dumped, name string) int64 {
		if n, ok := d.number(name); ok {
			return n
		}
		return -1
	}
	if usage := told(v2, "memory.current"); usage >= 0 {
		stat := v2.keyed("memory.stat")
		return used{
			limit: told(v2, "memory.max"), usage: usage, peak: told(v2, "memory.peak"), working: max(usage-stat["inactive_file"], 0),
			anonymous: stat["anon"], file: stat["file"], shared: stat["shmem"], kills: v2.keyed("memory.events")["oom_kill"],
		}, "v2"
	}
	usage := told(v1, "memory.usage_in_bytes")
	if usage < 0 {
		return used{}, ""
	}
	stat := v1.keyed("memory.stat")
	u = used{
		limit: told(v1, "memory.limit_in_bytes"), usage: usage, peak: told(v1, "memory.max_usage_in_bytes"),
		working: max(usage-stat["total_inactive_file"], 0), anonymous: stat["total_rss"], file: stat["total_cache"], shared: stat["total_shmem"],
		kills: v1.keyed("memory.oom_control")["oom_kill"],
	}
	if u.limit > 1<<62 { // how v1 says that there is none: the largest number of whole pages
		u.limit = -1
	}
	return u, "v1"
}

func readMemory(raw Raw, s Subject) Reading {
	var r Reading
	r.oomKilled(s)
	u, version := memoryUse(raw)
	if version == "" {
		r.unread("the container's control group under /sys/fs/cgroup")
		return r
	}
	limit := "no limit"
	if u.limit >= 0 {
		limit = fmt.Sprintf("%d%% of the limit of %s", percent(u.working, u.limit), bytesText(u.limit))
	}
	r.fact("working set", fmt.Sprintf("%s, %s (cgroup %s)", bytesText(u.working), limit, version))
	r.fact("in use", fmt.Sprintf("%s: anonymous %s, files and volumes in memory %s (shared %s)", bytesText(u.usage), bytesText(u.anonymous), bytesText(u.file), bytesText(u.shared)))
	if u.peak >= 0 {
		r.fact("most ever", bytesText(u.peak))
	}
	if line, ok := parseDump(raw.Get("v2")).first("memory.pressure"); ok {
		r.fact("pressure", cut(line))
	}
	r.podLimits(s, corev1.ResourceMemory)
	status := fields(raw.Get("status"))
	r.fact("first process", strings.TrimSpace("resident "+status["VmRSS"]+", most ever "+status["VmHWM"]))
	r.memoryFindings(u, s)
	return r
}

func (r *Reading) memoryFindings(u used, s Subject) {
	next := s.look("grep -E 'VmRSS|VmHWM|RssAnon|RssShmem' @/proc/@pid/status")
	if u.kills > 0 {
		r.find(Critical, fmt.Sprintf("the kernel killed %s of this container for want of memory since it started", plural(int(u.kills), "process")),
			"the container runs on without them: a worker that is missing, a request that was cut off", next)
	}
	share := percent(u.working, u.limit)
	text := fmt.Sprintf("the working set is %s, %d%% of the limit of %s", bytesText(u.working), share, bytesText(u.limit))
	const why = "at the limit the kernel kills the process that uses most; what a session uses in this pod counts as well"
	switch {
	case u.limit < 0:
	case share >= memoryFull:
		r.find(Critical, text, why, next)
	case share >= memoryNearly:
		r.find(Warning, text, why, next)
	}
	if u.limit > 0 && percent(u.shared, u.limit) >= memoryShared {
		r.find(Warning, fmt.Sprintf("%s of the limit of %s is in memory-backed files: /dev/shm, volumes of medium Memory", bytesText(u.shared), bytesText(u.limit)),
			"the kernel cannot take it back; it goes when the files are removed", s.look("df @/dev/shm"))
	}
}

// oomKilled is what the pod's status tells of each container: the kernel's count does not outlive a container.
func (r *Reading) oomKilled(s Subject) {
	for _, list := range [][]corev1.ContainerStatus{s.Pod.Status.ContainerStatuses, s.Pod.Status.InitContainerStatuses} {
		for i := range list {
			c := &list[i]
			last, flag := c.LastTerminationState.Terminated, " --previous"
			if now := c.State.Terminated; now != nil {
				last, flag = now, ""
			}
			if last == nil || last.Reason != oomKilled {
				continue
			}
			since := s.Ended.Sub(last.FinishedAt.Time)
			weight := Warning
			if since < oomRecent {
				weight = Critical
			}
			r.find(weight, fmt.Sprintf("container %s was killed for want of memory %s ago (OOMKilled, restarts: %d)", c.Name, ago(since), c.RestartCount),
				"its memory limit is less than it needs, or it leaks", s.kubectl(fmt.Sprintf("logs pod/%s -c %s%s", s.Pod.Name, c.Name, flag)))
		}
	}
}
