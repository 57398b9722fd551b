package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// entry is one accepted skip.
type entry struct {
	test     string
	versions []string // minor versions of the server ("1.30"); none means all
	reason   string
}

func (e entry) covers(test, server string) bool {
	return e.test == test && (len(e.versions) == 0 || slices.Contains(e.versions, server))
}

// outcome is what the test output tells: how many tests passed or failed, and
// which were skipped, with what each said.
type outcome struct {
	ran     int
	skipped []skip
}

type skip struct{ test, said string }

var minorVersion = regexp.MustCompile(`^v?(\d+\.\d+)`)

// minor cuts a version such as v1.30.14 to 1.30.
func minor(version string) string {
	if m := minorVersion.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return ""
}

// parseList reads the list of accepted skips.
func parseList(r io.Reader) ([]entry, error) {
	var list []entry
	var faults []error
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		e, err := parseEntry(line)
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		list = append(list, e)
	}
	return list, errors.Join(append(faults, lines.Err())...)
}

func parseEntry(line string) (entry, error) {
	fields := strings.Fields(line)
	e := entry{test: fields[0]}
	rest := fields[1:]
	if len(rest) > 0 && strings.HasPrefix(rest[0], "@") {
		e.versions = strings.Split(rest[0][1:], ",")
		for _, v := range e.versions {
			if v == "" || minor(v) != v {
				return entry{}, fmt.Errorf("%s: %q is no minor version such as 1.30", e.test, v)
			}
		}
		rest = rest[1:]
	}
	e.reason = strings.Join(rest, " ")
	if !strings.HasPrefix(e.test, "Test") {
		return entry{}, fmt.Errorf("%q is no name of a test", e.test)
	}
	if e.reason == "" {
		return entry{}, fmt.Errorf("%s stands without a reason", e.test)
	}
	return e, nil
}

// event is one line of `go test -json`.
type event struct {
	Action, Package, Test, Output string
}

// parseOutput reads what `go test -json` wrote. Lines that are not JSON, which
// the go tool and what it runs may put between, are passed over.
func parseOutput(r io.Reader) (outcome, error) {
	var o outcome
	said := map[string]string{} // the last words of each test
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if strings.HasPrefix(line, "{") {
			var e event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				return o, fmt.Errorf("no test event: %q: %w", line, err)
			}
			if e.Test != "" {
				o.add(e, said)
			}
		}
		if errors.Is(err, io.EOF) {
			return o, nil
		}
		if err != nil {
			return o, err
		}
	}
}

func (o *outcome) add(e event, said map[string]string) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		if words := strings.TrimSpace(e.Output); words != "" && !strings.HasPrefix(words, "---") && !strings.HasPrefix(words, "===") {
			said[key] = words
		}
	case "pass", "fail":
		o.ran++
	case "skip":
		o.skipped = append(o.skipped, skip{e.Test, said[key]})
	}
}

// judge holds the outcome to the list. Notes are worth a line and no failure:
// a listed test that was not skipped may be one that another machine skips.
func judge(list []entry, o outcome, server string) (faults, notes []string) {
	if o.ran == 0 {
		faults = append(faults, "no test ran")
	}
	used := make([]bool, len(list))
	for _, s := range o.skipped {
		i := slices.IndexFunc(list, func(e entry) bool { return e.covers(s.test, server) })
		if i < 0 {
			faults = append(faults, fmt.Sprintf("%s was skipped (%s): let it run, or name it in the list with the reason", s.test, s.said))
			continue
		}
		used[i] = true
		notes = append(notes, fmt.Sprintf("accepted: %s was skipped: %s", s.test, list[i].reason))
	}
	for i, e := range list {
		if !used[i] && e.covers(e.test, server) {
			notes = append(notes, fmt.Sprintf("note: %s is listed but was not skipped", e.test))
		}
	}
	return faults, notes
}
