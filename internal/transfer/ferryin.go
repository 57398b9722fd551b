package transfer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// ferrying is one connection to the debug image's ferry: records go there one after the other, and what became of them is
// heard meanwhile.
type ferrying struct {
	*sender
	ctx    context.Context //nolint:containedctx // as long as the connection
	out    *bufio.Writer
	sum    uint32
	buffer []byte

	// mu guards what follows, and of the sender what is settled: pending, summary, portions.
	mu sync.Mutex
	// unspoken are the files that were sent and not spoken of yet.
	unspoken []*localFile
}

// ferry sends all, and returns when ferry has said what became of it.
func (s *sender) ferry(ctx context.Context, answers *bufio.Reader, pipe *io.PipeWriter) error {
	f := &ferrying{sender: s, ctx: ctx, out: bufio.NewWriterSize(pipe, 2*readAhead), buffer: make([]byte, readAhead)}
	f.leaveLost()
	heard := make(chan error, 1)
	go func() {
		err := f.hear(answers)
		if err != nil {
			pipe.CloseWithError(err) // nobody takes any more
		}
		heard <- err
	}()
	err := f.sendAll()
	pipe.CloseWithError(err) // nil is the end
	if heardErr := <-heard; heardErr != nil && (err == nil || errors.Is(err, io.ErrClosedPipe)) {
		err = heardErr
	}
	if err == nil && len(f.unspoken) > 0 {
		err = fmt.Errorf("%w: it says nothing of %d files", errProtocol, len(f.unspoken))
	}
	return err
}

// leaveLost takes from what is pending what was given up before the last connection was lost, and further names of that.
func (s *sender) leaveLost() {
	s.pending = slices.DeleteFunc(s.pending, func(f *localFile) bool {
		if s.lost(f.first) && !s.lost(f) {
			s.giveUp(f, fault.Unwritable, "it is another name of a file that was not copied")
		}
		return s.lost(f)
	})
}

// sendAll sends records of all that is pending, or comes out of the archive, and then of the folders.
func (f *ferrying) sendAll() error {
	files := slices.Clone(f.pending)
	for {
		for _, file := range files {
			if err := f.record(file); err != nil {
				return err
			}
		}
		if f.archive == nil {
			break
		}
		file, err := f.archive.nextFile()
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.summary.Troubles = append(f.summary.Troubles, f.archive.takeTroubles()...)
		if file != nil {
			f.found(file)
			f.pending = append(f.pending, file)
		}
		f.mu.Unlock()
		if file == nil {
			break
		}
		files = []*localFile{file}
	}
	for _, folder := range slices.Backward(f.folders) {
		if err := f.finishFolder(folder); err != nil {
			return err
		}
	}
	f.sum = 0
	f.line("end")
	return f.out.Flush()
}

// hear takes in answers, as far as the end.
func (f *ferrying) hear(answers *bufio.Reader) error {
	for {
		text, err := answers.ReadString('\n')
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		word, rest, _ := strings.Cut(strings.TrimSuffix(text, "\n"), " ")
		f.mu.Lock()
		switch word {
		case "kept":
			var n int
			if n, err = strconv.Atoi(rest); err != nil || n < 1 || n > len(f.unspoken) {
				err = fmt.Errorf("%w: %q", errProtocol, text)
				break
			}
			for range n {
				f.settleFirst("")
			}
		case "no":
			if err = errProtocol; len(f.unspoken) > 0 {
				f.settleFirst(rest)
				err = nil
			}
		case "failed":
			err = &refusedError{said: rest, first: f.portions == 0}
		case "damaged":
			err = &damagedError{"another one in the container", "another one"}
		case "end":
			f.mu.Unlock()
			return nil
		default:
			err = fmt.Errorf("%w: %q", errProtocol, text)
		}
		f.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// settleFirst takes the first of the files that were sent for one that is where it belongs, unless there is a trouble.
func (f *ferrying) settleFirst(trouble string) {
	file := f.unspoken[0]
	f.unspoken = f.unspoken[1:]
	if len(f.pending) == 0 { // a folder that was finished
		if trouble != "" && !f.lost(file) {
			f.trouble(file.path, fault.Unwritable, "its mode and time: "+trouble)
		}
		return
	}
	f.pending = f.pending[1:]
	switch {
	case f.lost(file):
		return
	case trouble != "":
		f.giveUp(file, fault.Unwritable, trouble)
		return
	}
	f.portions++
	f.count(file)
}

// line writes a line of a record. An error stays with the writer, and comes with its next flush.
func (f *ferrying) line(format string, args ...any) {
	f.text(fmt.Appendf(nil, format+"\n", args...))
}

func (f *ferrying) text(p []byte) {
	f.sum = crc32.Update(f.sum, castagnoli, p)
	_, _ = f.out.Write(p) // see line
}

// begin makes room for the answer to a record.
func (f *ferrying) begin(file *localFile) {
	f.mu.Lock()
	f.unspoken = append(f.unspoken, file)
	f.mu.Unlock()
	f.sum = 0
}

// end is the end of a record.
func (f *ferrying) end() error {
	sum := f.sum
	f.line("%08x", sum)
	if err := context.Cause(f.ctx); err != nil {
		return err
	}
	_, err := f.out.Write(nil) // which says whether what was written before could be
	return err
}

// record sends the record of one file.
func (f *ferrying) record(file *localFile) error {
	f.begin(file)
	mode, name := file.info.Mode(), file.name
	switch {
	case file.first != nil:
		f.line("hard %d %d", len(name), len(file.first.name))
		f.text([]byte(name + file.first.name))
	case mode.IsDir():
		f.line("folder %o %d", mode.Perm(), len(name))
		f.text([]byte(name))
	case file.link != "":
		f.line("link %d %d", len(name), len(file.link))
		f.text([]byte(name + file.link))
	default:
		t := file.info.ModTime()
		f.line("file %o %d %d %d", file.unixMode(), t.Unix(), t.Nanosecond(), len(name))
		f.text([]byte(name))
		if err := f.content(file); err != nil {
			return err
		}
	}
	return f.end()
}

// finishFolder sends what makes a folder what it is to be.
func (f *ferrying) finishFolder(folder *localFile) error {
	f.begin(folder)
	t := folder.info.ModTime()
	f.line("finish %o %d %d %d", folder.info.Mode().Perm(), t.Unix(), t.Nanosecond(), len(folder.name))
	f.text([]byte(folder.name))
	return f.end()
}

// content sends the pieces of a file. One that cannot be read as it was found is not wanted any more, and named.
func (f *ferrying) content(file *localFile) error {
	in := file.content
	if in == nil && file.size() > 0 {
		opened, err := os.Open(file.path)
		if err != nil {
			trouble := fault.Unreadable
			if errors.Is(err, fs.ErrNotExist) {
				trouble = fault.Vanished
			}
			f.leaveOut(file, trouble, cause(err))
			return nil
		}
		defer opened.Close()
		in = opened
	}
	sparse := file.content == nil && stored(file.info) < file.size()
	for left := file.size(); left > 0; {
		n, err := io.ReadFull(in, f.buffer[:min(left, int64(len(f.buffer)))])
		f.piece(f.buffer[:n], sparse)
		f.progress(int64(n))
		left -= int64(n)
		switch {
		case err != nil && file.content != nil:
			return fmt.Errorf("reading the archive on standard input: %w", err)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			f.leaveOut(file, fault.Changed, errShort)
			return nil
		case err != nil:
			f.leaveOut(file, fault.Unreadable, cause(err))
			return nil
		}
	}
	f.line("end")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.compare(file)
	return nil
}

// piece sends a piece of a file. Zeros are a hole, where the file has some.
func (f *ferrying) piece(p []byte, sparse bool) {
	switch {
	case len(p) == 0:
	case sparse && bytes.Count(p, noBytes[:1]) == len(p):
		f.line("hole %d", len(p))
	default:
		f.line("%d", len(p))
		f.text(p)
	}
}

// leaveOut ends the record of a file that cannot be sent.
func (f *ferrying) leaveOut(file *localFile, trouble fault.CopyTrouble, why error) {
	f.line("drop")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.giveUp(file, trouble, why.Error())
}

// unixMode is what the file is to have: its permissions, and that it runs as somebody else, which in the container is the
// target's user.
func (f *localFile) unixMode() uint32 {
	mode := uint32(f.info.Mode().Perm())
	if f.info.Mode()&fs.ModeSetuid != 0 {
		mode |= 0o4000
	}
	if f.info.Mode()&fs.ModeSetgid != 0 {
		mode |= 0o2000
	}
	return mode
}
