package triage

import "testing"

func TestCPU(t *testing.T) {
	t.Parallel()
	wantReadings(t, cpu, map[string]reading{
		"cgroup v1": {sample: "v1-healthy", facts: map[string]string{"use now": "0.00 processors, limit 0.50 (cgroup v1)"}},
		"cgroup v1, throttled": {
			sample: "v1-busy", findings: []string{"warning: it was throttled in 79% of all periods since the start (26.816s in all)"},
			facts: map[string]string{"use now": "0.05 processors, limit 0.05 (cgroup v1)", "busiest threads now": "9 sh (40 ms)"},
		},
		"cgroup v1, without limit": {sample: "v1-busy", replace: []string{
			"cfs_quota_us:5000", "cfs_quota_us:-1", "nr_periods 457", "nr_periods 0", "nr_periods 464", "nr_periods 0",
		}, facts: map[string]string{"use now": "0.05 processors, no limit (cgroup v1)"}},
		"cgroup v2": {sample: "v2", facts: map[string]string{
			"use now": "0.10 processors, limit 0.50 (cgroup v2)", "on average": "0.00 processors since the first process started 25h ago",
			"throttled": "in 20 of 4005 periods since the start, 900ms in all", "busiest threads now": "1 server (50 ms)",
		}},
		"cgroup v2, without limit": {sample: "v2", replace: []string{"cpu.max:50000", "cpu.max:max"}, facts: map[string]string{"use now": "0.10 processors, no limit (cgroup v2)"}},
		"cgroup v2, throttled before": {
			sample: "v2", replace: []string{"nr_throttled 20", "nr_throttled 2000"}, findings: []string{"warning: it was throttled in 49% of all periods since the start (900ms in all)"},
		},
		"cgroup v2, throttled now": {
			sample: "v2", replace: []string{"nr_periods 4005\n/proc/1/root/sys/fs/cgroup/cpu.stat:nr_throttled 20", "nr_periods 4005\n/proc/1/root/sys/fs/cgroup/cpu.stat:nr_throttled 24"},
			findings: []string{"warning: it is throttled now, in 4 of 5 periods; in 0% of all periods since the start (900ms in all)"},
		},
		"cgroup v2, at its limit": {
			sample: "v2", replace: []string{"usage_usec 61550000", "usage_usec 61740000"}, findings: []string{"notice: it uses 0.48 processors of its limit of 0.50 now"},
		},
		"no control group": {sample: "v2", replace: []string{"cgroup/cpu", "cgroup/none"}, unread: []string{"the container's control group under /sys/fs/cgroup"}},
	})
}
