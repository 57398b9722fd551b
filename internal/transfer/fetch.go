package transfer

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/md5" //nolint:gosec // against accidents; it is what any image has
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

//go:embed fetch.sh
var fetchScript string

// statusBrokeOff is how fetch.sh ends where a file broke off.
const statusBrokeOff = 90

// sink is where files go.
type sink interface {
	// take takes the content of a file, size bytes. An error of content is returned as it is, one of the sink as a
	// *fault.NotWritten, or as an *unplacedError where other files may be taken.
	take(f *remoteFile, size int64, content io.Reader) error
	// keep puts what was taken in its place; drop forgets it.
	keep(f *remoteFile) error
	drop(f *remoteFile)
}

// unplacedError is why there is no place for a file.
type unplacedError struct{ cause error }

func (e *unplacedError) Error() string { return e.cause.Error() }
func (e *unplacedError) Unwrap() error { return e.cause }

// fetcher fetches the contents of files, in the order in which they are listed.
type fetcher struct {
	runner Runner
	// first is a script that waits to be asked; nil once it was.
	first   *asked
	sink    sink
	retries int
	// limit is how many bytes are taken at the most, 0 for any.
	limit, taken int64
	// progress is told how many bytes more have come, or fewer; got are all that it was told.
	progress func(bytes int64)
	got      int64

	// pending are the files that have not come yet, links what symbolic links among them say.
	pending  []*remoteFile
	links    map[*remoteFile]string
	kept     int
	troubles []fault.NotCopied
	// current is the file that is coming.
	current *remoteFile
	ended   bool
}

// fetch gets all files, with a new connection where one breaks. What cannot be had is in troubles; the error says why it
// gave up before the end.
func (f *fetcher) fetch(ctx context.Context) error {
	if len(f.pending) == 0 {
		f.first.leave()
	}
	for tries := 0; len(f.pending) > 0; {
		before, t := len(f.pending), f.first
		if f.first = nil; t == nil {
			t = ask(ctx, f.runner, fetchScript, nil)
		}
		f.current, f.ended = nil, false
		t.want(f.pending)
		status, said, err := t.end(f.read(ctx, t.in))
		f.explain(said)
		switch {
		case f.ended && len(f.pending) == 0 && ctx.Err() == nil: // all is there: what became of the session then is no matter
			return nil
		case status == statusBrokeOff && f.current != nil:
			f.brokeOff(said)
			continue
		case err == nil, errors.Is(err, io.ErrUnexpectedEOF):
			err = fmt.Errorf("the archive ended early: status %d: %s", status, strings.TrimSpace(said))
		case !mayPass(err):
			return err
		}
		if len(f.pending) < before {
			tries = 0
		}
		if tries++; tries > f.retries {
			return err
		}
		if err := pause(ctx, tries); err != nil {
			return err
		}
	}
	return nil
}

// tell tells the progress.
func (f *fetcher) tell(n int64) {
	f.got += n
	f.progress(n)
}

// mayPass reports whether an error may not come again: of a connection, or of what came over it.
func mayPass(err error) bool {
	var lost *fault.Lost
	var notEntered *fault.NotEntered
	var unreachable *fault.Unreachable
	var damaged *damagedError
	if errors.As(err, &notEntered) {
		return !apierrors.IsUnauthorized(notEntered.Cause) && !apierrors.IsForbidden(notEntered.Cause)
	}
	return errors.As(err, &lost) || errors.As(err, &unreachable) || errors.As(err, &damaged)
}

// pause waits before another try: not at all before the first, and longer each time after that.
func pause(ctx context.Context, tries int) error {
	select {
	case <-time.After(min(time.Duration(tries-1)*time.Second, 5*time.Second)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// damagedError says that a portion is not what was sent.
type damagedError struct{ got, want string }

func (e *damagedError) Error() string {
	return fmt.Sprintf("what arrived has the checksum %s, what was sent %s", e.got, e.want)
}

// brokeOff gives up the file that could not be read whole.
func (f *fetcher) brokeOff(said string) {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	f.trouble(f.current, fault.Changed, "it became shorter while it was read: "+lines[len(lines)-1])
	for i, file := range f.pending {
		if file == f.current {
			f.pending = append(f.pending[:i:i], f.pending[i+1:]...)
			return
		}
	}
}

func (f *fetcher) trouble(file *remoteFile, trouble fault.CopyTrouble, detail string) {
	f.troubles = append(f.troubles, fault.NotCopied{Path: file.real, Trouble: trouble, Detail: detail})
}

// explain says of files that could not be read what tar said about them.
func (f *fetcher) explain(said string) {
	for i := range f.troubles {
		t := &f.troubles[i]
		if t.Trouble != fault.Unreadable || t.Detail != "" {
			continue
		}
		if _, after, ok := strings.Cut(said, "'"+t.Path+"': "); ok {
			t.Detail, _, _ = strings.Cut(after, "\n")
		}
	}
}

// read takes in what fetch.sh sends.
func (f *fetcher) read(ctx context.Context, in *bufio.Reader) error {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		words := strings.Fields(line)
		if len(words) == 1 && words[0] == "end" {
			f.ended = true
			return nil
		}
		if len(words) == 2 && words[0] == "files" && words[1] == "ferry" {
			return f.ferried(ctx, in)
		}
		if len(words) != 3 || words[0] != "portion" {
			return fmt.Errorf("%w: %q", errProtocol, line)
		}
		n, err := strconv.Atoi(words[2])
		if err != nil || n < 1 || n > len(f.pending) || words[1] != "md5" {
			return fmt.Errorf("%w: %q", errProtocol, line)
		}
		if err := f.portion(in, f.pending[:n]); err != nil {
			return err
		}
		f.pending = f.pending[n:]
	}
}

// portion takes in one portion, of which files were asked for. Nothing of it is kept before its checksum is known to be right.
func (f *fetcher) portion(in *bufio.Reader, files []*remoteFile) (err error) {
	sum := md5.New() //nolint:gosec // see its import
	var taken []*remoteFile
	before := f.got
	defer func() {
		if err != nil {
			f.tell(before - f.got)
			for _, file := range taken {
				f.sink.drop(file)
			}
		}
	}()
	arrived := map[*remoteFile]bool{}
	archive, left := tar.NewReader(io.TeeReader(in, sum)), files
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unexpected(err)
		}
		for len(left) > 0 && left[0].real != header.Name {
			left = left[1:]
		}
		if len(left) == 0 {
			return fmt.Errorf("%w: its archive has %q, which was not asked for", errProtocol, header.Name)
		}
		file := left[0]
		left, arrived[file] = left[1:], true
		taken = append(taken, file)
		if err := f.member(file, header, archive); err != nil {
			return err
		}
	}
	if err := padding(in, sum); err != nil {
		return err
	}
	line, err := in.ReadString('\n')
	if err != nil || strings.TrimSpace(line) == "" {
		return io.ErrUnexpectedEOF
	}
	if got, want := fmt.Sprintf("%x", sum.Sum(nil)), strings.Fields(line)[0]; got != want {
		return &damagedError{got, want}
	}
	after, err := field(in)
	if err != nil {
		return err
	}
	return f.settle(files, arrived, after)
}

// padding takes in the zeros that tar may write after the end of an archive: GNU's does.
func padding(in *bufio.Reader, sum io.Writer) error {
	for {
		next, err := in.Peek(1)
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		if next[0] != 0 {
			return nil
		}
		if _, err := io.CopyN(sum, in, 512); err != nil {
			return io.ErrUnexpectedEOF
		}
	}
}

// unexpected is an error of a stream that is cut: tar's own word for it depends on where.
func unexpected(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", errProtocol, err)
}

// member takes in one member of an archive.
func (f *fetcher) member(file *remoteFile, header *tar.Header, content io.Reader) error {
	switch {
	case header.Typeflag == tar.TypeSymlink && file.isLink():
		f.links[file] = header.Linkname
		return nil
	case header.Typeflag != tar.TypeReg || !file.mode.IsRegular():
		file.mode |= fs.ModeIrregular
		f.trouble(file, fault.Changed, anotherKind)
		return nil
	}
	if f.taken += header.Size; f.limit > 0 && f.taken > f.limit {
		return &fault.TooMuch{Bytes: f.taken, Limit: f.limit}
	}
	f.current = file
	err := f.sink.take(file, header.Size, &counted{content, f.tell})
	if err == nil {
		f.current = nil
	}
	var notWritten *fault.NotWritten
	var unplaced *unplacedError
	if errors.As(err, &unplaced) {
		file.mode |= fs.ModeIrregular // it is not kept with the rest
		f.trouble(file, fault.Unwritable, unplaced.Error())
		return nil
	}
	if err != nil && !errors.As(err, &notWritten) {
		f.taken -= header.Size
		f.sink.drop(file)
		return unexpected(err)
	}
	return err
}

// settle keeps what arrived of a portion, and says what did not and what changed meanwhile. After is what stat said
// afterwards.
func (f *fetcher) settle(files []*remoteFile, arrived map[*remoteFile]bool, after string) error {
	for _, file := range files {
		fields, rest, there := statLine(after, 4, file.real)
		after = rest
		switch {
		case !arrived[file] && there:
			f.trouble(file, fault.Unreadable, "")
			continue
		case !arrived[file]:
			f.trouble(file, fault.Vanished, "it was "+file.state())
			continue
		case !there:
			f.trouble(file, fault.Vanished, "after it was read; it was "+file.state())
		default:
			size, err := strconv.ParseInt(fields[0], 10, 64)
			if now := stateText(size, strings.Join(fields[1:], " ")); err == nil && now != file.state() {
				f.trouble(file, fault.Changed, fmt.Sprintf("it was %s; it is %s", file.state(), now))
			}
		}
		if !file.mode.IsRegular() {
			continue
		}
		if err := f.sink.keep(file); err != nil {
			f.trouble(file, fault.Unwritable, err.Error())
			continue
		}
		file.kept = true
		f.kept++
	}
	return nil
}

// counted is a reader that tells how much was read.
type counted struct {
	in   io.Reader
	tell func(int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.tell(int64(n))
	return n, err
}

// asked is a script that waits for the names of files.
type asked struct {
	*talk
	names *io.PipeWriter
}

// ask starts a script that ends with fetch.sh.
func ask(ctx context.Context, runner Runner, script string, args []string) *asked {
	in, names := io.Pipe()
	return &asked{start(ctx, runner, script, args, in), names}
}

// want asks for files.
func (a *asked) want(files []*remoteFile) {
	go func() {
		out := bufio.NewWriterSize(a.names, readAhead)
		for _, f := range files {
			if _, err := out.WriteString(f.real + "\x00"); err != nil {
				return // the script has ended
			}
		}
		_, _ = out.Flush(), a.names.Close() // likewise
	}()
}

// leave asks for nothing.
func (a *asked) leave() {
	_ = a.names.Close()  // it cannot fail
	_, _, _ = a.end(nil) // what becomes of it is no matter
}
