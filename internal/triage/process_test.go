package triage

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func died(reason string, code int32, before time.Duration) func(*Subject) {
	return func(s *Subject) {
		status := &s.Pod.Status.ContainerStatuses[0]
		status.RestartCount = 4
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
			ExitCode: code, Reason: reason, FinishedAt: metav1.NewTime(s.Ended.Add(-before)),
		}
	}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	const stack = "/proc/1/task/1/stat:1 (sleep) "
	wantReadings(t, process, map[string]reading{
		"healthy": {sample: "v1-healthy", facts: map[string]string{
			"first process": "1 server, state S, 6 threads", "threads wait in": "futex_do_wait 5, do_epoll_wait 1", "restarts": "0",
			"limits": "open files 20000, processes of this user 96343, core file 0, locked memory 8388608", "process ids": "6 in use, no limit of the container's own",
		}},
		"cgroup v2": {sample: "v2", facts: map[string]string{"process ids": "9 in use of 1000", "started": "25h ago"}},
		"zombies": {
			sample: "v1-busy", findings: []string{"notice: 1 ended process that nobody reaped: sleep"},
			facts: map[string]string{"other processes": "9 sh, 10 nc, 11 sleep, 12 sleep"},
		},
		"stopped":                   {sample: "v2", replace: []string{"1 (server) S", "1 (server) T"}, findings: []string{"critical: the first process, 1 server, is stopped (state T)"}},
		"traced":                    {sample: "v2", replace: []string{"1 (server) S", "1 (server) t"}, findings: []string{"critical: the first process, 1 server, is stopped (state t)"}},
		"waits for a disk a moment": {sample: "v2", replace: []string{"1 (server) S", "1 (server) D"}},
		"no process ids": {
			sample: "v2", replace: []string{"max 0", "max 7", "pids.current:9", "pids.current:1000"},
			findings: []string{"critical: the kernel refused 7 new processes for want of process ids (1000 in use of 1000)"},
		},
		"few process ids": {sample: "v2", replace: []string{"pids.current:9", "pids.current:901"}, findings: []string{"warning: process ids are nearly used up: 901 in use of 1000"}},
		"restarted":       {sample: "v2", change: died("Error", 139, time.Minute), findings: []string{"warning: it was restarted 4 times; last 60s ago, after exit code 139, SIGSEGV"}},
		"restarted once upon a time": {
			sample: "v2", change: died("Completed", 0, 48*time.Hour), findings: []string{"notice: it was restarted 4 times; last 2d ago, after exit code 0 (Completed)"},
		},
		"killed for memory": {sample: "v2", change: died(oomKilled, 137, time.Minute), facts: map[string]string{"restarts": "4"}},
		"not ready": {sample: "v2", change: func(s *Subject) {
			s.Pod.Status.ContainerStatuses[0].Ready = false
			s.Pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(8080), Path: "/ready"}}}
		}, findings: []string{"warning: it runs and is not ready (readiness probe: GET :8080/ready)"}},
		"gone": {sample: "v1-busy", replace: []string{stack, "/proc/1/task/1/stat:x "}, findings: []string{"notice: 1 ended process that nobody reaped: sleep"}, unread: []string{"the target's first process"}},
	})
}

// TestStuck: what waits for a disk in both looks is stuck.
func TestStuck(t *testing.T) {
	t.Parallel()
	raw := recorded(t, "v2", "process", "9 (server) S", "9 (server) D", "futex_wait_queue", "nfs_wait_on_request")
	raw = append(raw, Block{"later", raw.Get("tasks")})
	r := readProcess(raw, aSubject())
	want := "threads wait in the kernel and cannot be interrupted (state D), in: nfs_wait_on_request 1"
	if len(r.Findings) != 1 || r.Findings[0].Fact != want || r.Findings[0].Weight != Critical {
		t.Errorf("findings %v, want %q", r.Findings, want)
	}
}

// TestManyThreads: of so many only a part is printed, and the first line of each process has their number.
func TestManyThreads(t *testing.T) {
	t.Parallel()
	line := func(pid, threads int) string {
		return fmt.Sprintf("/proc/%[1]d/task/%[1]d/stat:%[1]d (x) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 %[2]d 0 10025 0 0\n", pid, threads)
	}
	r := readProcess(Raw{{"tasks", line(1, manyThreads-1) + line(7, 1)}}, aSubject())
	if len(r.Findings) != 1 || r.Findings[0].Fact != "the container has 2000 threads or more" {
		t.Errorf("findings %v", r.Findings)
	}
	if r := readProcess(Raw{{"tasks", line(1, manyThreads-1)}}, aSubject()); len(r.Findings) > 0 {
		t.Errorf("of one less it finds %v", r.Findings)
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]task{
		"7 (a) b) (c)) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20": {pid: 7, parent: 1, threads: 17, name: "a) b) (c)", state: "R", used: 23, started: 19},
		"7 (a) R 1 2 3": {},
		"x (a) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20": {},
		"":   {},
		")(": {},
	} {
		got, ok := parseStat(line)
		if ok != (want.pid > 0) {
			t.Errorf("%q is read: %t", line, ok)
		}
		if ok && cmp.Diff(want, got, cmp.AllowUnexported(task{})) != "" {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	}
}
