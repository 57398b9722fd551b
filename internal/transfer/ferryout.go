package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// Records are what the debug image's ferry speaks (images/debug/src/ferry.c, where they are described).

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// longestLine is more than a line of a record can have, longestLink more than a symbolic link can say (PATH_MAX of Linux).
const (
	longestLine = 1 << 10
	longestLink = 4 << 10
)

// records reads records, and makes the checksum of each.
type records struct {
	ctx context.Context //nolint:containedctx // a hole has no end that a connection's end would tell
	in  *bufio.Reader
	sum uint32
}

// begin is the beginning of the record of a name.
func (r *records) begin(name string) { r.sum = crc32.Update(0, castagnoli, []byte(name)) }

// line reads a line, in two parts.
func (r *records) line() (word, rest string, err error) {
	text, err := r.in.ReadSlice('\n')
	if err != nil || len(text) > longestLine {
		return "", "", r.failed(err)
	}
	r.sum = crc32.Update(r.sum, castagnoli, text)
	word, rest, _ = strings.Cut(string(text[:len(text)-1]), " ")
	return word, rest, nil
}

// failed is why a line or content did not come.
func (r *records) failed(err error) error {
	switch {
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	case err == nil, errors.Is(err, bufio.ErrBufferFull):
		return errProtocol
	}
	return io.ErrUnexpectedEOF
}

// Read implements io.Reader: content.
func (r *records) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.sum = crc32.Update(r.sum, castagnoli, p[:n])
	if err != nil {
		err = r.failed(err)
	}
	return n, err
}

// proven reads the checksum that ends a record.
func (r *records) proven() error {
	got := fmt.Sprintf("%08x", r.sum)
	want, _, err := r.line()
	if err == nil && got != want {
		err = &damagedError{got, want}
	}
	return err
}

// shortError is why a file ended before its size.
type shortError struct{ why string }

func (e *shortError) Error() string { return "it became shorter while it was read: " + e.why }

// pieces is the content of one file, as long as it was said to be: else its error is a *shortError.
type pieces struct {
	records *records
	// left is how much of the file is to come, piece how much of the piece, which is a hole or is not.
	left, piece int64
	hole, ended bool
}

// Read implements io.Reader.
func (p *pieces) Read(buffer []byte) (int, error) {
	if p.ended {
		return 0, io.EOF
	}
	if p.piece == 0 {
		if err := p.next(); err != nil {
			return 0, err
		}
	}
	buffer = buffer[:min(int64(len(buffer)), p.piece)]
	n, err := len(buffer), p.records.ctx.Err()
	if !p.hole {
		n, err = p.records.Read(buffer)
	} else {
		clear(buffer)
	}
	p.left, p.piece = p.left-int64(n), p.piece-int64(n)
	return n, err
}

// next reads what comes before a piece. The end is io.EOF.
func (p *pieces) next() error {
	word, rest, err := p.records.line()
	switch {
	case err != nil:
		return err
	case word == "end" && p.left == 0:
		p.ended = true
		return io.EOF
	case word == "short":
		p.ended = true
		return &shortError{rest}
	}
	if p.hole = word == "hole"; p.hole {
		word = rest
	}
	p.piece, err = strconv.ParseInt(word, 10, 64)
	if err != nil || p.piece <= 0 || p.piece > p.left {
		return fmt.Errorf("%w: a piece of %q", errProtocol, word)
	}
	return nil
}

// ferried takes in a record for each file that is pending.
func (f *fetcher) ferried(ctx context.Context, in *bufio.Reader) error {
	r := &records{ctx: ctx, in: in}
	for len(f.pending) > 0 {
		if err := f.record(r, f.pending[0]); err != nil {
			return err
		}
		f.pending = f.pending[1:]
	}
	word, _, err := r.line()
	if err == nil && word != "end" {
		err = errProtocol
	}
	f.ended = err == nil
	return err
}

// anotherKind is what is said of a link in a file's place, and the like.
const anotherKind = "it is another kind of file by now"

// record takes in what is said of one file.
func (f *fetcher) record(r *records, file *remoteFile) error {
	r.begin(file.real)
	word, rest, err := r.line()
	if err != nil {
		return err
	}
	trouble, detail, link := fault.CopyTrouble(""), "", ""
	switch word {
	case "file":
		return f.ferriedFile(r, file, rest)
	case "link":
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 || n > longestLink {
			return errProtocol
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(r, text); err != nil {
			return r.failed(err)
		}
		link = string(text)
		if !file.isLink() {
			trouble, detail = fault.Changed, anotherKind
		}
	case "gone":
		trouble, detail = fault.Vanished, "it was "+file.state()
	case "shut":
		trouble, detail = fault.Unreadable, rest
	case "other":
		trouble, detail = fault.Changed, anotherKind
	default:
		return errProtocol
	}
	if err := r.proven(); err != nil {
		return err
	}
	if trouble != "" {
		f.trouble(file, trouble, detail)
	} else {
		f.links[file] = link
	}
	return nil
}

// ferriedFile takes in the content of a file and what is known of it afterwards.
func (f *fetcher) ferriedFile(r *records, file *remoteFile, text string) error {
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil || size < 0 {
		return errProtocol
	}
	if f.taken += size; f.limit > 0 && f.taken > f.limit {
		return &fault.TooMuch{Bytes: f.taken, Limit: f.limit}
	}
	before := f.got
	unfit, err := f.ship(file, size, &pieces{records: r, left: size})
	var after *fault.NotCopied
	if err == nil {
		after, err = r.after(file)
	}
	if err == nil {
		err = r.proven()
	}
	switch {
	case err != nil:
		f.taken -= size
		f.tell(before - f.got)
		f.sink.drop(file)
		return err
	case unfit != nil:
		f.tell(before - f.got)
		f.sink.drop(file)
		f.trouble(file, unfit.Trouble, unfit.Detail)
		return nil
	case after != nil:
		f.trouble(file, after.Trouble, after.Detail)
	}
	if err := f.sink.keep(file); err != nil {
		f.trouble(file, fault.Unwritable, err.Error())
		return nil
	}
	file.kept = true
	f.kept++
	return nil
}

// ship gives the content of a file to the sink. Unfit is why this file cannot be kept, where the next may be.
func (f *fetcher) ship(file *remoteFile, size int64, content io.Reader) (unfit *fault.NotCopied, err error) {
	content = &counted{content, f.tell}
	err = &unplacedError{errors.New(anotherKind)}
	if file.mode.IsRegular() {
		err = f.sink.take(file, size, content)
	}
	var unplaced *unplacedError
	if errors.As(err, &unplaced) {
		unfit = &fault.NotCopied{Trouble: fault.Unwritable, Detail: unplaced.Error()}
		if !file.mode.IsRegular() {
			unfit.Trouble = fault.Changed
		}
		_, err = io.Copy(io.Discard, content)
	}
	var short *shortError
	if errors.As(err, &short) {
		unfit, err = &fault.NotCopied{Trouble: fault.Changed, Detail: short.Error()}, nil
	}
	return unfit, err
}

// after reads the state of a file when it had been read, and returns what is to be said of it.
func (r *records) after(file *remoteFile) (*fault.NotCopied, error) {
	word, rest, err := r.line()
	if err != nil {
		return nil, err
	}
	var size, seconds, nanoseconds int64
	if word == "gone" {
		return &fault.NotCopied{Trouble: fault.Vanished, Detail: "after it was read; it was " + file.state()}, nil
	}
	if n, _ := fmt.Sscanf(word+" "+rest, "state %d %d.%d", &size, &seconds, &nanoseconds); n != 3 {
		return nil, errProtocol
	}
	now := time.Unix(seconds, nanoseconds)
	if was := file.modTime(); size == file.size && (was.IsZero() || was.Equal(now)) {
		return nil, nil
	}
	is := stateText(size, now.UTC().Format(statTime))
	return &fault.NotCopied{Trouble: fault.Changed, Detail: fmt.Sprintf("it was %s; it is %s", file.state(), is)}, nil
}
