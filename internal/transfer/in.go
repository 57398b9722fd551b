package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// Room is a limit of how many bytes may be in some place, and what says so.
type Room struct {
	Limit int64
	Says  string
	// Volume is a folder of the target, as the target knows it, of which all that is in it counts against the limit; empty where
	// there is none.
	Volume string
}

// In copies to the target: files of this machine, or the archive in where `from` is Stream. Before anything is written it asks
// rooms, which is given a folder of the target, as the target knows it, and returns nil where nothing limits it. The error is a *fault.Incomplete where a part was copied: what is there then is whole.
func In(ctx context.Context, runner Runner, from []Local, to Remote, in io.Reader, rooms func(folder string) *Room, o Options) (Summary, error) {
	began := time.Now()
	c := &inCopy{to: to, rooms: rooms, sender: sender{runner: runner, options: o, told: map[*localFile]bool{}}}
	err := c.copy(ctx, from, in)
	c.summary.Took = time.Since(began)
	return c.summary, err
}

// inCopy is one copy to the target on its way.
type inCopy struct {
	sender
	to    Remote
	rooms func(folder string) *Room
	// tops are the names below the folder that all others are, or are below.
	tops []string
}

func (c *inCopy) copy(ctx context.Context, from []Local, in io.Reader) error {
	there, t, err := c.look(ctx)
	if err != nil {
		return err
	}
	c.folder = there.folder()
	if from[0] == Stream {
		err = c.unpack(there, in)
	} else {
		err = c.pack(there, from)
	}
	if err == nil {
		t, err = c.check(ctx, there, t)
	}
	if err != nil {
		t.leave()
		return err
	}
	_, _ = io.WriteString(t.out, "send\n") // what an error tells is heard from the script's end
	err = c.send(ctx, t)
	if errors.Is(err, errRefused) { // before the first byte
		return c.notWritten(err)
	}
	for _, f := range c.pending {
		if err != nil && !f.info.IsDir() {
			c.trouble(f.path, fault.Missing, "")
		}
	}
	if err != nil || len(c.summary.Troubles) > 0 {
		return &fault.Incomplete{Files: c.summary.Files, All: c.all, Troubles: c.summary.Troubles, Cause: c.notWritten(err)}
	}
	return nil
}

// look asks what there is at the destination. The script waits, and then takes in files.
func (c *inCopy) look(ctx context.Context) (place, *sending, error) {
	for tries := 1; ; tries++ {
		t := c.dial(ctx, probeScript+sendScript, string(c.to))
		there, err := probe(t.in)
		if err == nil {
			return there, t, nil
		}
		if err := c.passed(ctx, t, err, tries); err != nil {
			return there, nil, err
		}
	}
}

// passed ends a script whose answer was not heard. It returns nil when it is time for another try.
func (c *inCopy) passed(ctx context.Context, t *sending, err error, tries int) error {
	_ = t.out.Close() // it cannot fail
	_, said, err := t.end(err)
	if !mayPass(err) || tries > c.options.Retries {
		return fmt.Errorf("looking for %s: %w: %s", c.to, err, said)
	}
	return pause(ctx, tries)
}

// notWritten says of an error of the container's tools where it happened.
func (c *inCopy) notWritten(err error) error {
	var refused *refusedError
	if !errors.As(err, &refused) {
		return err
	}
	return &fault.NotWritten{Pod: &fault.Pod{}, Path: inTarget(c.folder), Cause: refused}
}

// pack looks at what is to be sent.
func (c *inCopy) pack(there place, from []Local) error {
	var sources []Source
	for _, p := range from {
		info, err := os.Stat(string(p))
		folder := err == nil && info.IsDir()
		if link, err := os.Lstat(string(p)); err == nil && !c.options.Follow && !follows(filepath.ToSlash(string(p))) {
			folder = link.IsDir()
		}
		sources = append(sources, Source{Word: string(p), Name: lastPart(filepath.ToSlash(string(p))), Folder: folder})
	}
	into, names, err := Place(string(c.to), there.is, sources)
	if err != nil {
		return err
	}
	if !into {
		names[0] = path.Base(there.real)
		if there.above != Folder {
			return &fault.NotWritten{Pod: &fault.Pod{}, Path: path.Dir(inTarget(there.real)), Cause: errors.New("there is no such folder")}
		}
	}
	c.tops = names
	w := &walk{follow: c.options.Follow, firsts: map[string]*localFile{}}
	for i, p := range from {
		if err := w.source(p, names[i]); err != nil {
			return err
		}
	}
	if len(from) > 1 {
		if f := w.clash(); f != nil {
			return &fault.NotPlaced{Source: f.path, Destination: string(c.to), Why: fault.SameName}
		}
	}
	for _, f := range w.folders {
		if f.name != "." {
			c.folders, c.pending = append(c.folders, f), append(c.pending, f)
		}
	}
	c.pending = append(c.pending, w.inOrder()...)
	for _, f := range w.files {
		if f.link == "" {
			c.all++
		}
	}
	c.size = w.bytes
	c.summary.Skipped, c.summary.Troubles, c.summary.Astray = w.skipped, w.troubles, w.astray()
	return nil
}

// unpack makes ready to send an archive, of which nothing is known beforehand.
func (c *inCopy) unpack(there place, in io.Reader) error {
	if there.is != Folder {
		return &fault.NotPlaced{Source: string(Stream), Destination: string(c.to), Why: fault.ManyToOne}
	}
	c.archive, c.size = newArchiveReader(in, c.options.MaxBytes), -1
	return nil
}

// check asks whether there is room for all, and returns the script that then waits.
func (c *inCopy) check(ctx context.Context, there place, t *sending) (*sending, error) {
	if limit := c.options.MaxBytes; limit > 0 && c.size > limit {
		return t, &fault.TooMuch{Bytes: c.size, Limit: limit}
	}
	at := inTarget(c.folder)
	if there.free >= 0 && c.size > there.free {
		return t, &fault.NoRoom{Path: at, Bytes: c.size, Room: there.free, Says: "that much is free there"}
	}
	room := c.rooms(at)
	if room == nil {
		return t, nil
	}
	no := &fault.NoRoom{Path: at, Bytes: c.size, Room: room.Limit, Says: room.Says}
	if c.size <= room.Limit && c.size >= 0 && room.Volume != "" {
		used, next, err := c.used(ctx, there, t, room.Volume)
		if t = next; err != nil {
			return t, err
		}
		no.Room, no.Used = max(room.Limit-used, 0), used
	}
	if c.size > no.Room {
		return t, no
	}
	return t, nil
}

// used is how many bytes are in a volume, without what is replaced. A connection that was lost meanwhile, while the files here
// were looked at perhaps, is opened again.
func (c *inCopy) used(ctx context.Context, there place, t *sending, volume string) (int64, *sending, error) {
	for tries := 1; ; tries++ {
		used, err := t.used(volume, c.tops)
		if err == nil {
			return used, t, nil
		}
		if err := c.passed(ctx, t, err, tries); err != nil {
			return 0, t, err
		}
		again, next, err := c.look(ctx)
		if err != nil {
			return 0, t, err
		}
		t = next
		if again.free = there.free; again != there { // and names were made for what was there
			return 0, t, &fault.NotWritten{Pod: &fault.Pod{}, Path: inTarget(c.folder), Cause: errors.New("what is there has changed meanwhile")}
		}
	}
}

// used asks how many bytes are in a volume, without what has some names in the folder and so is replaced.
func (t *sending) used(volume string, names []string) (int64, error) {
	for _, name := range append(names, volume) {
		if strings.Contains(name, "\n") { // it cannot be asked for
			return 0, nil
		}
	}
	_, _ = fmt.Fprintf(t.out, "used\n%s\n%s\n\n", volume, strings.Join(names, "\n")) // an error is heard below
	line, err := t.in.ReadString('\n')
	if err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	kib, err := strconv.ParseInt(strings.TrimSpace(line), 10, 53)
	if err != nil {
		return 0, fmt.Errorf("%w: %q", errProtocol, line)
	}
	return max(kib, 0) << 10, nil
}

// refusedError is why the container's tools did not write.
type refusedError struct {
	said string
	// first is true where nothing was written.
	first bool
}

// Error is the last that they said: "Read-only file system".
func (e *refusedError) Error() string {
	lines := strings.Split(strings.TrimSpace(e.said), "\n")
	last := lines[len(lines)-1]
	if _, why, ok := cutLast(last, ": "); ok {
		return why
	}
	return last
}
