package triage

import (
	"path"
	"strings"
)

// dumped are files as `dump` of lib.sh prints them.
type dumped struct {
	paths []string
	lines map[string][]string
}

// parseDump reads FILE:LINE. In no path that is dumped is a colon.
func parseDump(text string) dumped {
	d := dumped{lines: map[string][]string{}}
	for line := range strings.Lines(text) {
		file, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if !ok || !strings.HasPrefix(file, "/") {
			continue
		}
		if _, seen := d.lines[file]; !seen {
			d.paths = append(d.paths, file)
		}
		d.lines[file] = append(d.lines[file], rest)
	}
	return d
}

// first is the first line of the file of this name, in whatever folder; false where there is none.
func (d dumped) first(name string) (string, bool) {
	for _, p := range d.paths {
		if path.Base(p) == name {
			return d.lines[p][0], true
		}
	}
	return "", false
}

// number is that line as a number; false where it is none, as "max".
func (d dumped) number(name string) (int64, bool) {
	line, _ := d.first(name)
	return number(line)
}

// keyed are the lines "KEY NUMBER" of the file of this name.
func (d dumped) keyed(name string) map[string]int64 {
	values := map[string]int64{}
	for _, p := range d.paths {
		if path.Base(p) != name {
			continue
		}
		for _, line := range d.lines[p] {
			key, rest, _ := strings.Cut(line, " ")
			if n, ok := number(rest); ok {
				values[key] = n
			}
		}
	}
	return values
}

// fields are the lines "Key:   value" of /proc/PID/status.
func fields(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		if key, rest, ok := strings.Cut(line, ":"); ok {
			values[key] = strings.TrimSpace(rest)
		}
	}
	return values
}
