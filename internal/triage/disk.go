package triage

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

//go:embed disk.sh
var diskScript string

// disk is where the container may write, and how much.
var disk = Topic{
	Name: "disk", About: "file systems that are full, out of inodes or read-only, volumes that its user may not write to, limits",
	Applies: always, Script: diskScript, Args: diskWords, Read: readDisk,
}

// Bounds of the topic, in percent. The kubelet evicts pods from a node whose disk is 85 to 90% full by its defaults.
const (
	diskNearly   = 85
	diskFull     = 97
	volumeNearly = 80
	volumeFull   = 95
)

// hostPath is the kind of a volume that has files of the node.
const hostPath = "hostPath"

// volume is one that the container may write to.
type volume struct {
	name, path, kind string
	// limit is its sizeLimit, 0 where it has none; inMemory is true of one that is memory.
	limit    int64
	inMemory bool
	// empty is true of an emptyDir on the node's disk, which counts against the limits of ephemeral storage.
	empty bool
}

// volumes are those of the container that are not mounted read-only.
func volumes(s Subject) (found []volume) {
	c, _ := s.container()
	for i := range c.VolumeMounts {
		m := &c.VolumeMounts[i]
		for j := range s.Pod.Spec.Volumes {
			v := &s.Pod.Spec.Volumes[j]
			if v.Name != m.Name || m.ReadOnly || m.SubPath != "" || m.SubPathExpr != "" {
				continue
			}
			u := volume{name: v.Name, path: path.Clean(m.MountPath)}
			switch {
			case v.EmptyDir != nil:
				u.kind, u.inMemory = "emptyDir", v.EmptyDir.Medium == corev1.StorageMediumMemory
				u.empty = !u.inMemory
				if v.EmptyDir.SizeLimit != nil {
					u.limit = v.EmptyDir.SizeLimit.Value()
				}
			case v.PersistentVolumeClaim != nil:
				u.kind = "PersistentVolumeClaim " + v.PersistentVolumeClaim.ClaimName
			case v.Ephemeral != nil:
				u.kind = "ephemeral volume"
			case v.HostPath != nil:
				u.kind = hostPath
			default:
				continue
			}
			found = append(found, u)
		}
	}
	return found
}

// ephemeralLimit is what the pod may take of the node's disk: the sum of its containers' limits, 0 where one has none.
func ephemeralLimit(pod *corev1.Pod) (sum int64) {
	for i := range pod.Spec.Containers {
		limit, ok := pod.Spec.Containers[i].Resources.Limits[corev1.ResourceEphemeralStorage]
		if !ok {
			return 0
		}
		sum += limit.Value()
	}
	return sum
}

func diskWords(s Subject) (words []string) {
	limit := ephemeralLimit(s.Pod)
	for _, v := range volumes(s) {
		measure := "-"
		if v.empty && (v.limit > 0 || limit > 0) {
			measure = "d"
		}
		words = append(words, v.path, measure)
	}
	return words
}

// system is a mounted file system.
type system struct {
	mount, kind string
	// readOnly is true of a mount that is; broken where the file system below one that is not became so.
	readOnly, broken bool
	// blocks and inodes are all, free what is left of them, and room what is for who is not root; of size bytes a block.
	size, blocks, free, room, inodes, freeInodes int64
	known                                        bool
}

// usedPercent is as df has it: of what may be used.
func (m system) usedPercent() int64 {
	used := m.blocks - m.free
	return percent(used, used+m.room)
}

func readDisk(raw Raw, s Subject) Reading {
	var r Reading
	systems := parseSystems(raw.Get("mounts"), raw.Get("systems"))
	if len(systems) == 0 {
		r.unread("what is mounted")
		return r
	}
	r.systems(systems, s)
	limit, sum := ephemeralLimit(s.Pod), int64(0)
	for _, v := range volumes(s) {
		sum += r.volume(v, raw.Get("volume "+v.path), systems, s)
	}
	if limit > 0 {
		r.fact("ephemeral storage", fmt.Sprintf("limit of the pod %s, emptyDirs of this container %s", bytesText(limit), bytesText(sum)))
		if share := percent(sum, limit); share >= volumeNearly {
			r.find(weighed(share), fmt.Sprintf("its emptyDirs take %s, %d%% of the pod's limit of ephemeral storage, %s", bytesText(sum), share, bytesText(limit)),
				"beyond it the kubelet evicts the pod; logs and what containers write to their own files count as well", s.look("df"))
		}
	}
	return r
}

func weighed(share int64) Weight {
	if share >= volumeFull {
		return Critical
	}
	return Warning
}

// parseSystems reads /proc/PID/mountinfo (proc_pid_mountinfo(5)) and what stat told of each.
func parseSystems(mounts, stats string) (found []system) {
	known := map[string][]string{}
	for line := range strings.Lines(stats) {
		if words := strings.Fields(line); len(words) == 8 { // device, six numbers, mount point
			known[words[0]+" "+words[7]] = words[1:7]
		} else if len(words) == 2 {
			known[words[0]+" "+words[1]] = nil
		}
	}
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		words, rest := strings.Fields(before), strings.Fields(after)
		if !ok || len(words) < 6 || len(rest) < 3 {
			continue
		}
		numbers, asked := known[words[2]+" "+words[4]]
		if !asked {
			continue
		}
		has := func(options string) bool { return slices.Contains(strings.Split(options, ","), "ro") }
		m := system{mount: unescape(words[4]), kind: rest[0], readOnly: has(words[5]), broken: !has(words[5]) && has(rest[2])}
		if len(numbers) == 6 {
			m.known = true
			for i, field := range []*int64{&m.size, &m.blocks, &m.free, &m.room, &m.inodes, &m.freeInodes} {
				*field, _ = number(numbers[i])
			}
		}
		found = append(found, m)
	}
	return found
}

// unescape reads the octal numbers that mountinfo has for blanks and the like.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// systems are how full they are. Several mounts of one file system, as those of the node's disk, are told once.
func (r *Reading) systems(all []system, s Subject) {
	var told []system
	at := map[int][]string{}
	for _, m := range all {
		if m.mount == "/" && m.readOnly {
			r.fact("root", "read-only")
		}
		if !m.known {
			r.unread(fmt.Sprintf("the file system at %s, which did not answer", cut(m.mount)))
			continue
		}
		i := slices.IndexFunc(told, func(o system) bool {
			return o.size == m.size && o.blocks == m.blocks && o.inodes == m.inodes && o.kind != "tmpfs" && m.kind != "tmpfs"
		})
		if i < 0 {
			i, told = len(told), append(told, m)
		}
		at[i] = append(at[i], cut(m.mount))
		told[i].readOnly = told[i].readOnly && m.readOnly
	}
	for i, m := range told {
		where := some(at[i])
		text := fmt.Sprintf("%d%% of %s used", m.usedPercent(), bytesText(m.blocks*m.size))
		if m.inodes > 0 {
			text += fmt.Sprintf(", %d%% of %d inodes", percent(m.inodes-m.freeInodes, m.inodes), m.inodes)
		}
		if m.kind == "tmpfs" {
			if m.readOnly {
				continue // a Secret: config tells of it
			}
			text += ", in memory"
		}
		r.fact(where, text)
		if !m.readOnly {
			r.fullness(m, where, s)
		}
	}
}

func (r *Reading) fullness(m system, where string, s Subject) {
	why := `writes fail: "no space left on device"`
	if m.kind != "tmpfs" {
		why += "; where it is the node's disk, the kubelet evicts pods before that"
	}
	next := s.look("df @" + shellWord(m.mount))
	for _, of := range []struct {
		what  string
		share int64
	}{{"of its room", m.usedPercent()}, {"of its inodes, which are one for each file,", percent(m.inodes-m.freeInodes, m.inodes)}} {
		if of.share < diskNearly {
			continue
		}
		weight := Warning
		if of.share >= diskFull {
			weight = Critical
		}
		r.find(weight, fmt.Sprintf("the file system at %s has %d%% %s in use", where, of.share, of.what), why, next)
	}
}

// volume is whether the target may write to one, and how full it is by its own limit; it returns what is in it on the node's
// disk.
func (r *Reading) volume(v volume, text string, systems []system, s Subject) int64 {
	first, measured, _ := strings.Cut(text, "\n")
	words := strings.Fields(first)
	if len(words) != 4 { // can, mode, uid, gid
		r.unread(fmt.Sprintf("volume %s at %s", v.name, v.path))
		return 0
	}
	what := fmt.Sprintf("volume %s (%s) at %s", v.name, v.kind, v.path)
	i := slices.IndexFunc(systems, func(m system) bool { return m.mount == v.path })
	switch next := s.look("ls -ld @" + shellWord(v.path) + "/"); {
	case i >= 0 && systems[i].broken:
		r.find(Critical, what+" is on a file system that is read-only", "the kernel makes it so after an error on the disk: writes fail", s.look("cat @/proc/@pid/mountinfo"))
	case i >= 0 && systems[i].readOnly:
		r.find(Warning, what+" is mounted read-only, and the container asked to write", "the storage, or the claim, allows reading only", next)
	case words[0] != "w":
		weight := Warning
		if v.kind == hostPath { // of the node's own files many are only read, and few are mounted so
			weight = Notice
		}
		r.find(weight, fmt.Sprintf("the user of the container, %d:%d, may not write to %s, which is %s:%s with mode %s", s.UID, s.GID, what, words[2], words[3], words[1]),
			"fsGroup gives a volume to a group of the pod; hostPath volumes keep the node's modes", next)
	}
	used := int64(-1)
	if n, ok := number(measured); ok && v.empty {
		used = n << 10
	}
	if v.inMemory && i >= 0 && systems[i].known {
		used = (systems[i].blocks - systems[i].free) * systems[i].size
	}
	if v.limit > 0 && used >= 0 {
		share := percent(used, v.limit)
		r.fact(v.path, fmt.Sprintf("%s, %d%% of its limit of %s", bytesText(used), share, bytesText(v.limit)))
		if share >= volumeNearly {
			why := "beyond it the kubelet evicts the pod"
			if v.inMemory {
				why = "it is memory, and counts against the container's limit of that"
			}
			r.find(weighed(share), fmt.Sprintf("%s has %s in it, %d%% of its limit of %s", what, bytesText(used), share, bytesText(v.limit)), why, s.look("du -sk @"+shellWord(v.path)+"/"))
		}
	}
	if v.empty && used > 0 {
		return used
	}
	return 0
}
