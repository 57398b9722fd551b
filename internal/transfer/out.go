package transfer

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// Options are what a copy is asked to do.
type Options struct {
	// Follow copies what symbolic links lead to, instead of the links.
	Follow bool
	// Retries is how often in a row a broken connection is tried again.
	Retries int
	// MaxBytes is how much is copied at the most, 0 for any.
	MaxBytes int64
	// Progress is told now and then how far it is: bytes of all, which is -1 where it is not known.
	Progress func(bytes, all int64)
}

// Summary is what was copied.
type Summary struct {
	Files, Folders, Links int
	Bytes                 int64
	Took                  time.Duration
	// Skipped are special files, which nobody copies; Troubles the files that were not copied, or not as they should be.
	Skipped, Troubles []fault.NotCopied
	// Astray are symbolic links that lead out of what was copied.
	Astray []string
}

// Out copies from the target to this machine, or to out where `to` is Stream. The error is a *fault.Incomplete where a part
// was copied: what is there then is whole.
func Out(ctx context.Context, runner Runner, from []Remote, to Local, out io.Writer, o Options) (Summary, error) {
	began := time.Now()
	c := &outCopy{runner: runner, options: o}
	err := c.copy(ctx, from, to, out)
	c.summary.Took = time.Since(began)
	for _, list := range [][]fault.NotCopied{c.summary.Skipped, c.summary.Troubles} {
		for i := range list {
			list[i].Path = inTarget(list[i].Path)
		}
	}
	for i, real := range c.summary.Astray {
		c.summary.Astray[i] = inTarget(real)
	}
	return c.summary, err
}

// outCopy is one copy from the target on its way.
type outCopy struct {
	runner  Runner
	options Options
	summary Summary
	folders []*remoteFile
	// files are those to be fetched, links among them at the end; twins are further names of files that are fetched.
	files []*remoteFile
	twins [][2]*remoteFile
	size  int64
}

// harbour is a sink for all kinds of files.
type harbour interface {
	sink
	folder(f *remoteFile) error
	symlink(f *remoteFile, to string) error
	link(f, first *remoteFile) error
	finish(f *remoteFile) error
	// close is the end; whole is true where all that could be copied was.
	close(whole bool) error
}

func (c *outCopy) copy(ctx context.Context, from []Remote, to Local, out io.Writer) (err error) {
	if err := mayPlace(from, to); err != nil {
		return err
	}
	l, t, err := c.look(ctx, from)
	if err != nil {
		return err
	}
	h, err := c.prepare(ctx, l, from, to, out)
	if err != nil {
		t.leave()
		return err
	}
	err = c.carry(ctx, h, t)
	if closeErr := h.close(err == nil); err == nil && closeErr != nil {
		err = &fault.NotWritten{Path: string(to), Cause: cause(closeErr)}
	}
	if err != nil || len(c.summary.Troubles) > 0 {
		return &fault.Incomplete{Files: c.summary.Files, All: c.all(), Troubles: c.summary.Troubles, Cause: err}
	}
	return nil
}

// look asks what there is. What then is to be fetched can be asked of the same script, which waits for that.
func (c *outCopy) look(ctx context.Context, from []Remote) (*listing, *asked, error) {
	var paths []string
	for _, r := range from {
		paths = append(paths, string(r))
	}
	for tries := 1; ; tries++ {
		t := ask(ctx, c.runner, listScript+fetchScript, listArgs(c.options.Follow, paths))
		l, err := readListing(t.talk, len(paths))
		if err == nil {
			return l, t, nil
		}
		_ = t.names.Close() // it cannot fail
		if err = notListed(t.talk, err); !mayPass(err) || tries > c.options.Retries {
			return nil, nil, err
		}
		if err := pause(ctx, tries); err != nil {
			return nil, nil, err
		}
	}
}

// prepare decides what comes where, and opens that.
func (c *outCopy) prepare(ctx context.Context, l *listing, from []Remote, to Local, out io.Writer) (harbour, error) {
	trees, err := c.judge(ctx, l, from)
	if err != nil {
		return nil, err
	}
	into, names, err := placeOut(from, trees, to)
	if err != nil {
		return nil, err
	}
	if f := c.sort(trees, names); f != nil {
		return nil, &fault.NotPlaced{Source: inTarget(f.real), Destination: string(to), Why: fault.SameName}
	}
	if limit := c.options.MaxBytes; limit > 0 && c.size > limit {
		return nil, &fault.TooMuch{Bytes: c.size, Limit: limit}
	}
	if to == Stream {
		return newArchive(out), nil
	}
	return openLand(anchor(to, into))
}

// all is how many files there are to copy, links apart.
func (c *outCopy) all() int {
	n := len(c.twins)
	for _, f := range c.files {
		if !f.isLink() {
			n++
		}
	}
	return n
}

// judge says whether what there is can be copied, and follows links where that is asked for.
func (c *outCopy) judge(ctx context.Context, l *listing, from []Remote) ([]tree, error) {
	for i, t := range l.trees {
		if len(t.files) == 0 {
			return nil, &fault.NoFile{Path: string(from[i]), Detail: whyNone(l.said, t.root)}
		}
		switch f := t.files[0]; {
		case f.mode.IsDir() || f.isLink():
		case kernels(f.real):
			return nil, &fault.NoFile{Path: string(from[i]), Detail: madeUp, MadeUp: true}
		case !f.mode.IsRegular():
			return nil, &fault.NoFile{Path: string(from[i]), Detail: kindOf(f.mode)}
		}
	}
	c.summary.Troubles = slices.Concat(l.troubles, l.denied())
	if c.options.Follow {
		for i := range l.trees {
			if err := c.follow(ctx, &l.trees[i]); err != nil {
				return nil, err
			}
		}
	}
	return l.trees, nil
}

// whyNone is find's word for why there is nothing at a path.
func whyNone(said, root string) string {
	_, after, ok := strings.Cut(said, "find: "+root+": ")
	if !ok {
		return "it cannot be read"
	}
	why, _, _ := strings.Cut(after, "\n")
	return why
}

// anchor is the folder in which all names are.
func anchor(to Local, into bool) string {
	if into {
		return string(to)
	}
	return filepath.Dir(trimmed(to))
}

// trimmed is a path without the slashes at its end.
func trimmed(to Local) string { return filepath.Clean(string(to)) }

// kind is what there is; a stream is like a folder.
func (l Local) kind() Kind {
	info, err := os.Stat(string(l))
	switch {
	case l == Stream, err == nil && info.IsDir():
		return Folder
	case err == nil:
		return File
	}
	return Absent
}

// mayPlace says what can be said of several sources before what they are is known, which may take long.
func mayPlace(from []Remote, to Local) error {
	if len(from) == 1 {
		return nil
	}
	var sources []Source
	for _, r := range from {
		sources = append(sources, Source{Word: string(r), Name: r.name()})
	}
	_, _, err := Place(filepath.ToSlash(string(to)), to.kind(), sources)
	return err
}

// placeOut decides where each source comes, relative to the anchor.
func placeOut(from []Remote, trees []tree, to Local) (into bool, names []string, err error) {
	var sources []Source
	for i, r := range from {
		sources = append(sources, Source{Word: string(r), Name: r.name(), Folder: trees[i].files[0].mode.IsDir()})
	}
	into, names, err = Place(filepath.ToSlash(string(to)), to.kind(), sources)
	if err == nil && !into {
		names[0] = filepath.Base(trimmed(to))
	}
	return into, names, err
}

// sort tells apart what is made, what is fetched and what is left out, and gives each its name at the destination. It returns
// what would come over something else of the same copy, if there is any.
func (c *outCopy) sort(trees []tree, tops []string) *remoteFile {
	first, taken := map[string]*remoteFile{}, names{}
	var links []*remoteFile
	for i, t := range trees {
		for _, f := range t.files {
			f.name = path.Join(tops[i], f.name)
			if len(trees) > 1 && !taken.add(f.name, f.mode.IsDir()) {
				return f
			}
			switch {
			case f.mode.IsDir():
				c.folders = append(c.folders, f)
				if kernels(f.real) {
					c.skip(f, "what is in it, since the kernel makes it up")
				}
			case f.isLink():
				links = append(links, f)
			case !f.mode.IsRegular():
				c.skip(f, kindOf(f.mode))
			case kernels(f.real):
				c.skip(f, madeUp)
			case f.links > 1 && first[f.inode] != nil:
				c.twins = append(c.twins, [2]*remoteFile{f, first[f.inode]})
			default:
				first[f.inode] = f
				c.files = append(c.files, f)
				c.size += f.size
			}
		}
	}
	c.files = append(c.files, links...)
	return nil
}

// kernels reports whether a real path is of a file system that the kernel makes up.
func kernels(path string) bool {
	parts := strings.SplitN(strings.Replace(path, "/./", "/", 1), "/", 5) // proc/PID/root/NAME/…
	return len(parts) > 3 && slices.Contains([]string{"proc", "sys", "dev"}, parts[3])
}

func kindOf(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeSocket:
		return "a socket"
	case fs.ModeNamedPipe:
		return "a named pipe"
	}
	return "a device"
}

// madeUp is a file of which nothing tells how long it is.
const madeUp = "a file that the kernel makes up"

func (c *outCopy) skip(f *remoteFile, what string) {
	c.summary.Skipped = append(c.summary.Skipped, fault.NotCopied{Path: f.real, Trouble: fault.Special, Detail: what})
}

func (c *outCopy) trouble(f *remoteFile, trouble fault.CopyTrouble, detail string) {
	c.summary.Troubles = append(c.summary.Troubles, fault.NotCopied{Path: f.real, Trouble: trouble, Detail: detail})
}

// carry brings all into the harbour.
func (c *outCopy) carry(ctx context.Context, h harbour, t *asked) error {
	for _, f := range c.folders {
		if f.name == "." {
			continue
		}
		if err := h.folder(f); err != nil {
			c.trouble(f, fault.Unwritable, err.Error())
		}
	}
	fetch := &fetcher{
		runner: c.runner, first: t, sink: h, retries: c.options.Retries, limit: c.options.MaxBytes,
		pending: slices.Clone(c.files), links: map[*remoteFile]string{},
		progress: func(n int64) {
			c.summary.Bytes += n
			c.options.Progress(c.summary.Bytes, c.size)
		},
	}
	err := fetch.fetch(ctx)
	c.summary.Files += fetch.kept
	c.summary.Troubles = append(c.summary.Troubles, fetch.troubles...)
	if err != nil {
		for _, f := range fetch.pending {
			c.trouble(f, fault.Missing, "")
		}
	}
	c.join(h, fetch)
	c.summary.Astray = c.astray(fetch.links)
	for _, f := range slices.Backward(c.folders) {
		if err := h.finish(f); err != nil {
			c.trouble(f, fault.Unwritable, err.Error())
		}
	}
	c.summary.Folders = len(c.folders)
	return err
}

// join makes the links, which must come after the files: nothing is written through one.
func (c *outCopy) join(h harbour, fetch *fetcher) {
	for _, f := range c.files {
		to, ok := fetch.links[f]
		if !ok {
			continue
		}
		if err := h.symlink(f, to); err != nil {
			c.trouble(f, fault.Unwritable, err.Error())
			continue
		}
		c.summary.Links++
	}
	fates := map[string]fault.CopyTrouble{}
	for _, t := range c.summary.Troubles {
		fates[t.Path] = t.Trouble
	}
	for _, twin := range c.twins {
		f, first := twin[0], twin[1]
		if !first.kept { // what has its name here is another file
			c.trouble(f, cmp.Or(fates[first.real], fault.Missing), "another name of "+first.name+", which was not copied")
			continue
		}
		if err := h.link(f, first); err != nil {
			c.trouble(f, fault.Unwritable, fmt.Sprintf("as another name of %s: %v", first.name, err))
			continue
		}
		c.summary.Files++
	}
}
