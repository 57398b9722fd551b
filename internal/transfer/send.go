package transfer

import (
	"bufio"
	"context"
	"crypto/md5" //nolint:gosec // against accidents; it is what any image has
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

//go:embed send.sh
var sendScript string

// sender sends files in portions, each of which is kept as a whole.
type sender struct {
	runner  Runner
	options Options
	summary Summary
	// folder is the real path of the folder that all names are below, stage the name of what is not whole in it.
	folder, stage string
	// pending are the files and folders that are not there yet, folders those that get their mode and time at the end.
	pending, folders []*localFile
	archive          *archiveReader
	all              int
	// size is how many bytes there are, or negative where that is not known; sent how many were sent.
	size, sent int64
	// portions are those that were kept.
	portions int
	// told are files of which a trouble was told; it is true for those that are given up.
	told map[*localFile]bool
}

// errRefused is the end of a script that says why on standard error, before anything was sent.
var errRefused = errors.New("the container's tools did not write")

// Is implements the interface of errors.Is: it is errRefused where nothing was written.
func (e *refusedError) Is(target error) bool { return target == errRefused && e.first }

// sending is a script that takes in files.
type sending struct {
	*talk
	out *io.PipeWriter
}

// dial starts a script that ends with send.sh and knows which folder that is about. The stage has a new name each time: what an
// earlier one left is still being removed.
func (s *sender) dial(ctx context.Context, script, folder string) *sending {
	s.stage = ".mindebug-cp-" + rand.String(8)
	in, out := io.Pipe()
	return &sending{start(ctx, s.runner, script, []string{folder, s.stage}, in), out}
}

// leave sends nothing.
func (t *sending) leave() {
	_ = t.out.Close()    // it cannot fail
	_, _, _ = t.end(nil) // what becomes of it is no matter
}

// send sends all, at first to a script that waits for it, and by a new connection where one breaks.
func (s *sender) send(ctx context.Context, t *sending) error {
	for tries := 0; ; t = s.dial(ctx, sendScript, s.folder) {
		before := s.portions
		err := s.converse(ctx, t.in, t.out)
		done, failed := err == nil, errors.Is(err, errFailed) || errors.Is(err, io.ErrClosedPipe)
		_ = t.out.Close() // it cannot fail
		_, said, err := t.end(err)
		var refused *refusedError
		switch {
		case done && ctx.Err() == nil: // all is there: what became of the session then is no matter
			return nil
		case errors.As(err, &refused):
			return refused
		case failed && said != "" && !mayPass(err):
			return &refusedError{said: said, first: s.portions == 0}
		case !mayPass(err) && !errors.Is(err, io.ErrUnexpectedEOF) || s.archive != nil:
			return err
		}
		if s.portions > before {
			tries = 0
		}
		if tries++; tries > s.options.Retries {
			return err
		}
		if err := pause(ctx, tries); err != nil {
			return err
		}
	}
}

// errFailed is the answer of a script that cannot go on.
var errFailed = errors.New("the container's tools failed")

// converse sends all and hears what became of it.
func (s *sender) converse(ctx context.Context, answers *bufio.Reader, pipe *io.PipeWriter) error {
	ready, err := answers.ReadString('\n')
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	if s.archive == nil { // what was sent before the last connection was lost is sent again
		s.sent = s.size
		for _, f := range s.pending {
			s.sent -= f.size()
		}
		s.summary.Bytes = s.sent
	}
	kind := strings.TrimSpace(strings.TrimPrefix(ready, "ready "))
	switch {
	case ready == "failed\n":
		return errFailed
	case kind == "ferry":
		return s.ferry(ctx, answers, pipe)
	case kind != "md5":
		return fmt.Errorf("%w: %q", errProtocol, ready)
	}
	for {
		files, err := s.next()
		if err != nil {
			return err
		}
		if len(files) == 0 {
			break
		}
		if err := s.portion(answers, pipe, files); err != nil {
			return err
		}
	}
	if len(s.folders) > 0 {
		if err := s.finish(answers, pipe); err != nil {
			return err
		}
	}
	_, err = io.WriteString(pipe, "end\n")
	return err
}

// A portion is no more than so many files, and begins no file when it has so many bytes.
const (
	portionFiles = 500
	portionBytes = 8 << 20
)

// next are the files of the next portion. Names of one file stay together.
func (s *sender) next() ([]*localFile, error) {
	if s.archive != nil && len(s.pending) == 0 {
		files, err := s.archive.next()
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			s.found(f)
		}
		s.summary.Troubles = append(s.summary.Troubles, s.archive.takeTroubles()...)
		s.pending = files
		return files, nil
	}
	n, size := 0, int64(0)
	for n < len(s.pending) && (n < portionFiles && size < portionBytes || s.pending[n].first != nil) {
		size += s.pending[n].size()
		n++
	}
	return s.pending[:n], nil
}

// found takes in a file that came out of the archive.
func (s *sender) found(f *localFile) {
	if f.info.IsDir() {
		s.folders = append(s.folders, f)
	} else if f.link == "" {
		s.all++
	}
}

// portion sends files and takes in the answer. What was kept is not pending any more.
func (s *sender) portion(answers *bufio.Reader, pipe *io.PipeWriter, files []*localFile) error {
	spoiled, left, err := s.exchange(answers, pipe, "portion", files, false)
	var damaged *damagedError
	switch {
	case errors.As(err, &damaged) && len(spoiled) > 0:
		s.drop(spoiled)
		return nil
	case err != nil:
		return err
	}
	s.portions++
	s.settle(files, left)
	s.pending = s.pending[len(files):]
	return nil
}

// drop gives up files that could not be sent as their headers said, and what are other names of them.
func (s *sender) drop(spoiled map[*localFile]string) {
	var rest []*localFile
	for _, f := range s.pending {
		why, ok := spoiled[f]
		if f.first != nil && !ok {
			why, ok = spoiled[f.first]
		}
		if ok {
			s.trouble(f.path, fault.Changed, why)
			continue
		}
		rest = append(rest, f)
	}
	s.pending = rest
}

func (s *sender) trouble(path string, trouble fault.CopyTrouble, detail string) {
	s.summary.Troubles = append(s.summary.Troubles, fault.NotCopied{Path: path, Trouble: trouble, Detail: detail})
}

// giveUp says why a file does not come. It is not sent again.
func (s *sender) giveUp(f *localFile, trouble fault.CopyTrouble, detail string) {
	s.trouble(f.path, trouble, detail)
	s.told[f] = true
}

func (s *sender) lost(f *localFile) bool { return s.told[f] }

// settle counts what was kept of a portion. Left are the names that could not be moved to their places.
func (s *sender) settle(files []*localFile, left []string) {
	stays, shut := map[string]bool{}, map[string]bool{}
	for _, name := range left {
		name = strings.TrimPrefix(name, s.stage+"/")
		if folder, ok := strings.CutSuffix(name, "/"+s.stage); ok {
			shut[folder] = true
		} else {
			stays[name] = true
		}
	}
	for _, f := range files {
		switch {
		case f.info.IsDir() && shut[f.name]:
			s.giveUp(f, fault.Unwritable, "in its place is something else, which is no folder")
		case f.info.IsDir() && isBelow(shut, f.name):
			s.giveUp(f, fault.Unwritable, "its folder is not there")
		case stays[f.name]:
			s.trouble(f.path, fault.Unwritable, "something that is there cannot be replaced by it")
		default:
			s.count(f)
		}
		s.compare(f)
	}
}

// isBelow reports whether a name is below one of some folders.
func isBelow(folders map[string]bool, name string) bool {
	for len(folders) > 0 && name != "." {
		if name = path.Dir(name); folders[name] {
			return true
		}
	}
	return false
}

func (s *sender) count(f *localFile) {
	switch {
	case f.info.IsDir():
		s.summary.Folders++
	case f.link != "":
		s.summary.Links++
	default:
		s.summary.Files++
	}
}

// compare says of a file that was read whether it has changed.
func (s *sender) compare(f *localFile) {
	if _, told := s.told[f]; told || f.content != nil || f.size() == 0 {
		return
	}
	if now, err := os.Stat(f.path); err != nil {
		s.told[f] = false
		s.trouble(f.path, fault.Vanished, "after it was read; it was "+f.state())
	} else if was, is := f.state(), (&localFile{info: now}).state(); was != is {
		s.told[f] = false
		s.trouble(f.path, fault.Changed, "it was "+was+"; it is "+is)
	}
}

// finish gives folders their mode and time, those further down first.
func (s *sender) finish(answers *bufio.Reader, pipe *io.PipeWriter) error {
	var deepestFirst []*localFile
	for _, f := range slices.Backward(s.folders) {
		if !s.lost(f) { // what is in its place keeps its mode
			deepestFirst = append(deepestFirst, f)
		}
	}
	_, _, err := s.exchange(answers, pipe, "folders", deepestFirst, true)
	return err
}

// exchange sends one archive and takes in the answer. It is listened for meanwhile, since a script that cannot go on says so
// and takes no more.
func (s *sender) exchange(
	answers *bufio.Reader, pipe *io.PipeWriter, what string, files []*localFile, final bool,
) (spoiled map[*localFile]string, left []string, err error) {
	type reply struct {
		left []string
		err  error
	}
	heard := make(chan reply, 1)
	go func() {
		left, err := answer(answers)
		var damaged *damagedError
		if err != nil && !errors.As(err, &damaged) { // after which more can follow
			pipe.CloseWithError(err)
		}
		heard <- reply{left, err}
	}()
	if spoiled, err = s.write(bufio.NewWriterSize(pipe, readAhead), what, files, final); err != nil {
		return nil, nil, err
	}
	r := <-heard
	return spoiled, r.left, r.err
}

// write sends one archive. Spoiled are the files of it that are not what their headers say; its checksum is wrong then, so that
// nothing of it is kept.
func (s *sender) write(out *bufio.Writer, what string, files []*localFile, final bool) (spoiled map[*localFile]string, err error) {
	length := int64(1024) // the end of an archive
	var headers [][]byte
	for _, f := range files {
		h, err := f.header(final)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
		headers = append(headers, h)
		length += int64(len(h)) + (f.size()+511)/512*512
	}
	if _, err := fmt.Fprintf(out, "%s %d\n", what, length); err != nil {
		return nil, err
	}
	spoiled = map[*localFile]string{}
	sum := md5.New() //nolint:gosec // see its import
	both := io.MultiWriter(out, sum)
	for i, f := range files {
		if _, err := both.Write(headers[i]); err != nil {
			return nil, err
		}
		changed, err := f.copyTo(both, s.progress)
		if err != nil {
			return nil, err
		}
		if changed != nil {
			spoiled[f] = changed.Error()
		}
	}
	if _, err := both.Write(make([]byte, 1024)); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%x", sum.Sum(nil))
	if len(spoiled) > 0 {
		text = "spoiled"
	}
	if _, err := fmt.Fprintln(out, text); err != nil {
		return nil, err
	}
	return spoiled, out.Flush()
}

func (s *sender) progress(n int64) {
	s.sent += n
	s.summary.Bytes = s.sent
	s.options.Progress(s.sent, s.size)
}

// answer takes in what became of a portion: the names that are left of it.
func answer(in *bufio.Reader) (left []string, err error) {
	word, err := in.ReadString('\n')
	switch {
	case err != nil:
		return nil, io.ErrUnexpectedEOF
	case word == "damaged\n":
		return nil, &damagedError{"another one in the container", "another one"}
	case word == "failed\n":
		return nil, errFailed
	case word != "kept\n":
		return nil, fmt.Errorf("%w: %q", errProtocol, word)
	}
	for {
		name, err := field(in)
		if err != nil {
			return nil, err
		}
		if name == "" {
			return left, nil
		}
		left = append(left, name)
	}
}
