package transfer

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// Room says of a folder of the target, as the target knows it, how many bytes may be written there, and what says so. Limit is
// negative where nothing does.
type Room func(folder string) (limit int64, says string)

// In copies to the target: files of this machine, or the archive in where `from` is Stream. Before anything is written it asks
// room. The error is a *fault.Incomplete where a part was copied: what is there then is whole.
func In(ctx context.Context, runner Runner, from []Local, to Remote, in io.Reader, room Room, o Options) (Summary, error) {
	began := time.Now()
	c := &inCopy{to: to, room: room, sender: sender{runner: runner, options: o}}
	err := c.copy(ctx, from, in)
	c.summary.Took = time.Since(began)
	return c.summary, err
}

// inCopy is one copy to the target on its way.
type inCopy struct {
	sender
	to   Remote
	room Room
}

func (c *inCopy) copy(ctx context.Context, from []Local, in io.Reader) error {
	there, err := probe(ctx, c.runner, c.to)
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
		err = c.check(there)
	}
	if err != nil {
		return err
	}
	err = c.send(ctx)
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
	w := &walk{follow: c.options.Follow, firsts: map[string]*localFile{}}
	for i, p := range from {
		if err := w.source(p, names[i]); err != nil {
			return err
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
	c.summary.Skipped, c.summary.Troubles = w.skipped, w.troubles
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

// check asks whether there is room for all.
func (c *inCopy) check(there place) error {
	if limit := c.options.MaxBytes; limit > 0 && c.size > limit {
		return &fault.TooMuch{Bytes: c.size, Limit: limit}
	}
	at := inTarget(c.folder)
	if there.free >= 0 && c.size > there.free {
		return &fault.NoRoom{Path: at, Bytes: c.size, Room: there.free, Says: "that much is free there"}
	}
	if limit, says := c.room(at); limit >= 0 && c.size > limit {
		return &fault.NoRoom{Path: at, Bytes: c.size, Room: limit, Says: says}
	}
	return nil
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
