package session

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// Greeting is what a session found before the command began.
type Greeting struct {
	// TargetPID is the target's first process, in the session's process namespace.
	TargetPID int
	// UID and GID are that process' real, effective, saved and file system ids, and CapPrm its permitted capabilities, as
	// in proc_pid_status(5).
	UID, GID [4]int64
	CapPrm   uint64
	// Groups are that process' supplementary groups, OwnGroups and OwnCapPrm the session's own. Groups are nil where they are
	// too many to be told.
	Groups, OwnGroups []int64
	OwnCapPrm         uint64
	// Open tells whether the session could open that process' environ: whether the kernel lets it look in.
	Open bool
	// Hidden tells whether the session's own processes are closed to others of the same user.
	Hidden bool
	// OOMScoreAdj is that of the session's processes.
	OOMScoreAdj int
	// Image is what tells the kind of the target's image; nil where that was not asked for, or not to be seen.
	Image *ImageSeen
	// MemoryInUse is what the target's container uses, in bytes, or 0 where its cgroup is not to be seen.
	MemoryInUse int64
}

// ImageSeen is what a session sees in the usual places of its target's root. What there is not is empty.
type ImageSeen struct {
	// Shell is the path of a shell, OSRelease the ID of the os-release(5), Packages the path of a package database without
	// its first slash.
	Shell, OSRelease, Packages string
}

// StopError says that the session ended by itself before the command began. Reason is "gone" where the target container
// has no process, "apart" where its process namespace is not shared.
type StopError struct{ Reason string }

func (e *StopError) Error() string { return "the session stopped: " + e.Reason }

// greetingLimit bounds what is read before the last line of a greeting, in bytes.
const greetingLimit = 4 << 10

// greeter is a command's standard output as it comes: it takes the greeting off and hands on the rest.
type greeter struct {
	out io.Writer
	// greeted is called once, in the write that completes the greeting.
	greeted func(Greeting)

	head bytes.Buffer
	done bool
	mu   sync.Mutex
	err  error
}

// Write implements io.Writer. What is no greeting is an error, which ends the stream.
func (g *greeter) Write(p []byte) (int, error) {
	if g.done {
		return g.out.Write(p)
	}
	g.head.Write(p)
	text := g.head.Bytes()
	end := endOfGreeting(text)
	if end < 0 && len(text) <= greetingLimit {
		return len(p), nil
	}
	if end < 0 {
		return 0, g.fail(fmt.Errorf("reading greeting: none within %d bytes", greetingLimit))
	}
	greeting, err := parseGreeting(string(text[:end]))
	if err != nil {
		return 0, g.fail(err)
	}
	g.done = true
	g.greeted(greeting)
	if rest := text[end:]; len(rest) > 0 {
		if _, err := g.out.Write(rest); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// fail keeps the first error for failure.
func (g *greeter) fail(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
	return g.err
}

// failure returns why there was no greeting, where what came was none.
func (g *greeter) failure() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// endOfGreeting returns the offset after the line "go" or "stop REASON", or -1. A terminal ends lines with "\r\n".
func endOfGreeting(text []byte) int {
	offset := 0
	for line := range bytes.Lines(text) {
		if line[len(line)-1] != '\n' {
			break
		}
		offset += len(line)
		word := strings.TrimRight(string(line), "\r\n")
		if word == "go" || strings.HasPrefix(word, "stop ") {
			return offset
		}
	}
	return -1
}

func parseGreeting(text string) (Greeting, error) {
	var g Greeting
	lines := strings.Split(strings.ReplaceAll(strings.TrimSpace(text), "\r", ""), "\n")
	if lines[0] != "mindebug "+strconv.Itoa(Protocol) {
		return g, fmt.Errorf("reading greeting: %q is not protocol %d", lines[0], Protocol)
	}
	for _, line := range lines[1:] {
		key, value, _ := strings.Cut(line, " ")
		if key == "stop" {
			return g, &StopError{Reason: value}
		}
		if err := g.take(key, strings.TrimSpace(value)); err != nil {
			return g, fmt.Errorf("reading greeting: line %q: %w", line, err)
		}
	}
	return g, nil
}

// take takes in one line. One that it does not know is of a later release.
func (g *Greeting) take(key, value string) (err error) {
	switch key {
	case "pid":
		g.TargetPID, err = strconv.Atoi(value)
	case "Uid:":
		g.UID, err = parseIDs(value)
	case "Gid:":
		g.GID, err = parseIDs(value)
	case "Groups:":
		g.Groups, err = parseGroups(value)
	case "CapPrm:":
		g.CapPrm, err = strconv.ParseUint(value, 16, 64)
	case "own":
		var own Greeting
		key, value, _ := strings.Cut(value, " ")
		err = own.take(key, strings.TrimSpace(value))
		g.OwnGroups, g.OwnCapPrm = append(g.OwnGroups, own.Groups...), g.OwnCapPrm|own.CapPrm
	case "environ":
		g.Open = value == "open"
	case "hidden":
		g.Hidden = value == "yes"
	case "oom":
		g.OOMScoreAdj, err = strconv.Atoi(value)
	case "image":
		g.Image, err = parseImage(value)
	case "memory":
		// Read through the target's own files: what is no number there is no error here.
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
			g.MemoryInUse = n
		}
	}
	return err
}

// parseImage reads three words, of which "-" stands for nothing.
func parseImage(text string) (*ImageSeen, error) {
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return nil, fmt.Errorf("not 3 words")
	}
	for i, field := range fields {
		if fields[i] = strings.Trim(field, `"'`); field == "-" {
			fields[i] = ""
		}
	}
	return &ImageSeen{fields[0], fields[1], fields[2]}, nil
}

// parseGroups reads the numbers of a Groups line, which may be none.
func parseGroups(text string) ([]int64, error) {
	groups := []int64{}
	for field := range strings.FieldsSeq(text) {
		group, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return nil, err
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// parseIDs reads the four numbers of a Uid or Gid line.
func parseIDs(text string) (ids [4]int64, err error) {
	fields := strings.Fields(text)
	if len(fields) != len(ids) {
		return ids, fmt.Errorf("not %d numbers", len(ids))
	}
	for i, field := range fields {
		if ids[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return ids, err
		}
	}
	return ids, nil
}

// held is a writer that keeps what is written until it is released: error output that overtook the greeting comes after the
// notices that tell of it. It keeps no more than a greeting may have.
type held struct {
	out io.Writer

	mu   sync.Mutex
	kept []byte
	free bool
}

// Write implements io.Writer.
func (h *held) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.free && len(h.kept)+len(p) <= greetingLimit {
		h.kept = append(h.kept, p...)
		return len(p), nil
	}
	if err := h.pass(); err != nil {
		return 0, err
	}
	return h.out.Write(p)
}

// release passes on what was kept, and from now on all.
func (h *held) release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free = true
	return h.pass()
}

// pass passes on what was kept.
func (h *held) pass() error {
	kept := h.kept
	h.kept = nil
	if len(kept) == 0 {
		return nil
	}
	_, err := h.out.Write(kept)
	return err
}
