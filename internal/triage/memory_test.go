package triage

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	const v1 = "memory.usage_in_bytes:3760128"
	wantReadings(t, memory, map[string]reading{
		"cgroup v1": {sample: "v1-healthy", facts: map[string]string{
			"working set": "1.3 MiB, 2% of the limit of 64 MiB (cgroup v1)", "most ever": "4.1 MiB",
		}},
		"cgroup v1, without limit": {
			sample: "v1-busy", replace: []string{"limit_in_bytes:67108864", "limit_in_bytes:9223372036854771712"},
			facts: map[string]string{"working set": "740 KiB, no limit (cgroup v1)"},
		},
		"cgroup v1, nearly full": {
			sample: "v1-busy", replace: []string{v1, "memory.usage_in_bytes:62000000"},
			findings: []string{"warning: the working set is 56 MiB, 87% of the limit of 64 MiB"},
		},
		"cgroup v1, full of what can be taken back": {
			sample: "v1-busy", replace: []string{v1, "memory.usage_in_bytes:67108864", "total_inactive_file 3002368", "total_inactive_file 60000000"},
			facts: map[string]string{"working set": "6.8 MiB, 10% of the limit of 64 MiB (cgroup v1)"},
		},
		"cgroup v1, killed": {
			sample: "v1-busy", replace: []string{"oom_control:oom_kill 0", "oom_control:oom_kill 3"},
			findings: []string{"critical: the kernel killed 3 processes of this container for want of memory since it started"},
		},
		"cgroup v2": {sample: "v2", facts: map[string]string{
			"working set": "300 MiB, 58% of the limit of 512 MiB (cgroup v2)", "most ever": "382 MiB",
			"in use": "315 MiB: anonymous 290 MiB, files and volumes in memory 20 MiB (shared 0 bytes)", "first process": "resident 298100 kB, most ever 301200 kB",
		}},
		"a pod of several": {sample: "v2", change: func(s *Subject) {
			s.Pod.Spec.Containers = []corev1.Container{limited("app", "512Mi"), limited("proxy", "64Mi")}
			s.Pod.Spec.InitContainers = []corev1.Container{limited("setup", "1Gi"), limited("mesh", "32Mi")}
			s.Pod.Spec.InitContainers[1].RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
		}, facts: map[string]string{"limits in the pod": "app 512Mi, proxy 64Mi, mesh 32Mi; of the pod 608Mi"}},
		"a pod of several, one without limit": {sample: "v2", change: func(s *Subject) {
			s.Pod.Spec.Containers = []corev1.Container{limited("app", "512Mi"), {Name: "proxy"}}
		}, facts: map[string]string{"limits in the pod": "app 512Mi, proxy none; of the pod none"}},
		"a pod with a limit of its own": {sample: "v2", change: func(s *Subject) {
			s.Pod.Spec.Containers = []corev1.Container{{Name: "app"}}
			own := limited("", "256Mi").Resources
			s.Pod.Spec.Resources = &own
		}, facts: map[string]string{"limits in the pod": "app none; of the pod 256Mi"}},
		"cgroup v2, without limit": {
			sample: "v2", replace: []string{"memory.max:536870912", "memory.max:max"}, facts: map[string]string{"working set": "300 MiB, no limit (cgroup v2)"},
		},
		"cgroup v2, full": {
			sample: "v2", replace: []string{"memory.current:330301440", "memory.current:535000000"},
			findings: []string{"critical: the working set is 495 MiB, 96% of the limit of 512 MiB"},
		},
		"cgroup v2, killed": {
			sample: "v2", replace: []string{"oom_kill 0", "oom_kill 1"},
			findings: []string{"critical: the kernel killed 1 process of this container for want of memory since it started"},
		},
		"cgroup v2, files in memory": {
			sample: "v2", replace: []string{"shmem 0", "shmem 300000000"},
			findings: []string{"warning: 286 MiB of the limit of 512 MiB is in memory-backed files: /dev/shm, volumes of medium Memory"},
		},
		"killed lately": {
			sample: "v2", change: died(oomKilled, 137, time.Minute), next: "kubectl -n shop logs pod/web -c app --previous",
			findings: []string{"critical: container app was killed for want of memory 60s ago (OOMKilled, restarts: 4)"},
		},
		"killed and down": {
			sample: "v2", change: func(s *Subject) {
				died(oomKilled, 137, time.Minute)(s)
				status := &s.Pod.Status.ContainerStatuses[0]
				status.State, status.LastTerminationState = status.LastTerminationState, corev1.ContainerState{}
			},
			findings: []string{"critical: container app was killed for want of memory 60s ago (OOMKilled, restarts: 4)"},
			next:     "kubectl -n shop logs pod/web -c app",
		},
		"killed days ago": {
			sample: "v2", change: died(oomKilled, 137, 72*time.Hour),
			findings: []string{"warning: container app was killed for want of memory 3d ago (OOMKilled, restarts: 4)"},
		},
		"no control group": {
			sample: "v1-busy", replace: []string{"/memory.", "/none."}, unread: []string{"the container's control group under /sys/fs/cgroup"},
		},
	})
}

// limited is a container with a limit of memory.
func limited(name, limit string) corev1.Container {
	return corev1.Container{Name: name, Resources: corev1.ResourceRequirements{
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)},
	}}
}
