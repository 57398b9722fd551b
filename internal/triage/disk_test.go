package triage

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// without changes the volumes of the healthy sample.
func withVolume(change func(*corev1.EmptyDirVolumeSource, *Subject)) func(*Subject) {
	return func(s *Subject) {
		mounts(s)
		change(s.Pod.Spec.Volumes[2].EmptyDir, s)
	}
}

func TestDisk(t *testing.T) {
	t.Parallel()
	const room = "53703225 11525520 16777216 15776847"
	wantReadings(t, disk, map[string]reading{
		"healthy": {sample: "v1-healthy", change: mounts, facts: map[string]string{
			"root": "read-only", "/, /tmp, /etc/web, /one/web.conf": "51% of 252 GiB used, 5% of 16777216 inodes", "/tmp": "4.0 KiB, 0% of its limit of 10 MiB",
			"/dev/shm": "0% of 64 MiB used, 0% of 3085302 inodes, in memory", "ephemeral storage": "limit of the pod 100 MiB, emptyDirs of this container 4.0 KiB",
		}},
		"nearly full": {
			sample: "v1-healthy", change: mounts, replace: []string{room, "5000000 2000000 16777216 15776847"},
			findings: []string{"warning: the file system at /, /tmp, /etc/web, /one/web.conf has 96% of its room in use"},
		},
		"full": {
			sample: "v1-healthy", change: mounts, replace: []string{room, "4000000 0 16777216 15776847"},
			findings: []string{"critical: the file system at /, /tmp, /etc/web, /one/web.conf has 100% of its room in use"},
		},
		"no inodes": {
			sample: "v1-healthy", change: mounts, replace: []string{room, "53703225 11525520 16777216 10"},
			findings: []string{"critical: the file system at /, /tmp, /etc/web, /one/web.conf has 99% of its inodes, which are one for each file, in use"},
		},
		"memory full": {
			sample: "v1-healthy", change: mounts, replace: []string{"0:61 4096 16384 16384 16384", "0:61 4096 16384 100 100"},
			findings: []string{"critical: the file system at /dev/shm has 99% of its room in use"},
		},
		"does not answer": {
			sample: "v1-healthy", change: mounts, replace: []string{"0:61 4096 16384 16384 16384 3085302 3085301 ", "0:61  "},
			unread: []string{"the file system at /dev/shm, which did not answer"},
		},
		"may not write": {
			sample: "v1-healthy", change: mounts, replace: []string{"w 777 0 0", "- 755 0 0"},
			findings: []string{"warning: the user of the container, 65532:65532, may not write to volume tmp (emptyDir) at /tmp, which is 0:0 with mode 755"},
		},
		"may not write to the node's files": {
			sample: "v1-healthy", change: func(s *Subject) {
				mounts(s)
				s.Pod.Spec.Volumes[2].VolumeSource = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/var/log"}}
			}, replace: []string{"w 777 0 0", "- 755 0 0"},
			findings: []string{"notice: the user of the container, 65532:65532, may not write to volume tmp (hostPath) at /tmp, which is 0:0 with mode 755"},
		},
		"read-only by the storage": {
			sample: "v1-healthy", change: mounts, replace: []string{"empty-dir/tmp /tmp rw,relatime", "empty-dir/tmp /tmp ro,relatime"},
			findings: []string{"warning: volume tmp (emptyDir) at /tmp is mounted read-only, and the container asked to write"},
		},
		"read-only after an error": {
			sample: "v1-healthy", change: mounts, replace: []string{"empty-dir/tmp /tmp rw,relatime - ext4 /dev/vda rw", "empty-dir/tmp /tmp rw,relatime - ext4 /dev/vda ro"},
			findings: []string{"critical: volume tmp (emptyDir) at /tmp is on a file system that is read-only"},
		},
		"over its limit": {
			sample: "v1-healthy", change: mounts, replace: []string{"w 777 0 0\n4\n", "w 777 0 0\n10000\n"},
			findings: []string{"critical: volume tmp (emptyDir) at /tmp has 9.8 MiB in it, 97% of its limit of 10 MiB"},
		},
		"over the pod's limit": {
			sample: "v1-healthy", replace: []string{"w 777 0 0\n4\n", "w 777 0 0\n90000\n"},
			change:   withVolume(func(v *corev1.EmptyDirVolumeSource, _ *Subject) { v.SizeLimit = nil }),
			findings: []string{"warning: its emptyDirs take 88 MiB, 87% of the pod's limit of ephemeral storage, 100 MiB"},
		},
		"memory over its limit": {
			sample: "v1-healthy", change: withVolume(func(v *corev1.EmptyDirVolumeSource, s *Subject) {
				v.Medium = corev1.StorageMediumMemory
				s.Pod.Spec.Containers[0].VolumeMounts[2].MountPath = "/dev/shm"
			}), replace: []string{"0:61 4096 16384 16384 16384", "0:61 4096 16384 14000 14000"},
			unread: []string{"volume tmp at /dev/shm"},
		},
		"a volume that is not there": {
			sample: "v1-healthy", change: mounts, replace: []string{"w 777 0 0\n4\n", ""}, unread: []string{"volume tmp at /tmp"},
		},
	})
}

func TestMemoryVolume(t *testing.T) {
	t.Parallel()
	s := aSubject()
	var r Reading
	shm := system{mount: "/dev/shm", kind: "tmpfs", known: true, size: 4096, blocks: 16384, free: 14000}
	used := r.volume(volume{name: "shm", path: "/dev/shm", kind: "emptyDir", inMemory: true, limit: 10 << 20}, "w 1777 0 0\n", []system{shm}, s)
	if len(r.Findings) != 1 || r.Findings[0].Weight != Warning || used != 0 {
		t.Errorf("%d bytes on the disk, findings %v", used, r.Findings)
	}
}

func TestDiskWords(t *testing.T) {
	t.Parallel()
	s := aSubject()
	mounts(&s)
	if got := diskWords(s); !slices.Equal(got, []string{"/tmp", "d"}) {
		t.Errorf("the words are %q", got)
	}
	s.Pod.Spec.Volumes[2].EmptyDir.SizeLimit, s.Pod.Spec.Containers[0].Resources.Limits = nil, nil
	if got := diskWords(s); !slices.Equal(got, []string{"/tmp", "-"}) {
		t.Errorf("without limits they are %q", got)
	}
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{`/a\040b`: "/a b", `/a\134`: `/a\`, `/a\04`: `/a\04`, `/a\999b`: `/a\999b`, "": ""} {
		if got := unescape(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
