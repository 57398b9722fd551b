package triage

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed files.sh
var filesScript string

// files are those that the processes have open.
var files = Topic{
	Name: "files", About: "open files against limits and what they are, deleted but open",
	Applies: always, Script: filesScript, Read: readFiles,
}

// Bounds of the topic: of the limit, in percent; and how many bytes without a name are worth to be known, and are many.
const (
	filesNearly  = 80
	filesFull    = 95
	deletedSome  = 1 << 20
	deletedLarge = 100 << 20
)

// inode is a file on a disk, of which several descriptors may tell.
type inode struct{ at, target string }

func readFiles(raw Raw, s Subject) Reading {
	var r Reading
	names, limits := parseDump(raw.Get("names")), parseDump(raw.Get("limits"))
	kinds, targets := map[string]map[string]int{}, map[string]string{}
	for line := range strings.Lines(raw.Get("open")) {
		fd, to, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " -> ")
		words := strings.Split(fd, "/") // "", "proc", PID, "fd", N
		if !ok || len(words) != 5 {
			continue
		}
		targets[fd] = to
		if kinds[words[2]] == nil {
			kinds[words[2]] = map[string]int{}
		}
		kinds[words[2]][kindOfFile(to)]++
	}
	most := openCounts(raw.Get("counts"))
	for i, p := range most {
		if lines := names.lines["/proc/"+p.pid+"/comm"]; len(lines) > 0 {
			p.name = cut(lines[0])
		}
		if lines := limits.lines["/proc/"+p.pid+"/limits"]; len(lines) > 0 {
			p.limit, _ = strconv.ParseInt(parseLimits(lines[0])["Max open files"], 10, 64)
		}
		p.kinds = some(counted(kinds[p.pid]))
		if i < inLine {
			r.fact(strings.TrimSpace("process "+p.pid+" "+p.name), p.text())
		}
		r.openFiles(p, s)
	}
	if len(most) == 0 {
		r.unread("the descriptors of the container's processes")
	}
	r.deleted(raw.Get("deleted"), targets, s)
	return r
}

// kindOfFile is what the link of a descriptor tells.
func kindOfFile(to string) string {
	kind, _, named := strings.Cut(to, ":")
	switch {
	case strings.HasPrefix(to, "/memfd:"):
		return "memory files"
	case strings.HasPrefix(to, "/dev/"):
		return "devices"
	case strings.HasPrefix(to, "/"):
		return "files"
	case kind == "socket":
		return "sockets"
	case kind == "pipe":
		return "pipes"
	case kind == "anon_inode" && named:
		return strings.Trim(strings.TrimPrefix(to, "anon_inode:"), "[]")
	}
	return "others"
}

// opener is a process that has files open.
type opener struct {
	pid, name    string
	count, limit int64
	kinds        string
}

// openCounts are the processes by how many they have open, the most first.
func openCounts(text string) (found []opener) {
	for line := range strings.Lines(text) {
		pid, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if count, ok := number(rest); ok {
			found = append(found, opener{pid: pid, count: count})
		}
	}
	slices.SortFunc(found, func(a, b opener) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(len(a.pid), len(b.pid)), strings.Compare(a.pid, b.pid))
	})
	return found
}

func (p opener) text() string {
	of := ""
	if p.limit > 0 {
		of = fmt.Sprintf(" of %d", p.limit)
	}
	return fmt.Sprintf("%d%s open: %s", p.count, of, p.kinds)
}

// openFiles compares what one process has with its limit.
func (r *Reading) openFiles(p opener, s Subject) {
	weight := Warning
	switch share := percent(p.count, p.limit); {
	case share >= filesFull:
		weight = Critical
	case share < filesNearly:
		return
	}
	r.find(weight, strings.TrimSpace("process "+p.pid+" "+p.name)+" has "+p.text(),
		`at the limit it can open no file and accept no connection: "too many open files"`, s.look("ls -l @/proc/"+p.pid+"/fd"))
}

// deleted are files that take room and have no name.
func (r *Reading) deleted(text string, targets map[string]string, s Subject) {
	seen, sum := map[inode]bool{}, int64(0)
	var names []string
	for line := range strings.Lines(text) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 5) // descriptor, blocks, their size, device and inode, kind
		if len(words) < 5 || !strings.HasPrefix(words[4], "regular") {
			continue
		}
		to := strings.TrimSuffix(targets[words[0]], " (deleted)")
		blocks, ok := number(words[1])
		size, also := number(words[2])
		if !ok || !also || seen[inode{words[3], to}] || isShared(to) {
			continue
		}
		seen[inode{words[3], to}] = true
		sum += blocks * size
		names = append(names, cut(to))
	}
	if len(names) > 0 {
		r.fact("deleted and open", fmt.Sprintf("%s in %s: %s", bytesText(sum), plural(len(names), "file"), some(names)))
	}
	if sum < deletedSome {
		return
	}
	weight := Notice
	if sum >= deletedLarge {
		weight = Warning
	}
	r.find(weight, fmt.Sprintf("deleted files that are still open take %s: %s", bytesText(sum), some(names)),
		"their room is free again when the process closes them or ends; du does not see them, df and the kubelet do", s.look("ls -l @/proc/@pid/fd"))
}

// isShared reports whether a name without a file is memory that processes share, by which the kernel calls it.
func isShared(name string) bool {
	return strings.HasPrefix(name, "/memfd:") || strings.HasPrefix(name, "/SYSV") || name == "/dev/zero"
}
