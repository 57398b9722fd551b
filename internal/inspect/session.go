package inspect

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Runner runs a script in a session container, beside the target and as its user (app.Runner).
type Runner interface {
	Run(ctx context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error)
}

//go:embed session.sh
var sessionScript string

// Bounds of one reply: how long it may take, how long a line of it may be, and how much of a file one asks for.
const (
	replyWithin = 60 * time.Second
	maxLine     = 4 << 10
	maxPart     = 256 << 10
)

// Session is the files of a running container, through a session beside it. It is a View: each question goes to the
// container, and what comes back is believed only as far as its length and its form are right.
type Session struct {
	ctx      context.Context
	requests *io.PipeWriter
	replies  *bufio.Reader
	abort    *io.PipeWriter
	ended    chan struct{}
	end      error
	broken   error
	cache    map[string]Entry
}

// OpenSession begins the session. Close must be called.
func OpenSession(ctx context.Context, runner Runner) *Session {
	in, requests := io.Pipe()
	replies, out := io.Pipe()
	s := &Session{
		ctx: ctx, requests: requests, replies: bufio.NewReaderSize(replies, maxLine), abort: out,
		ended: make(chan struct{}), cache: map[string]Entry{},
	}
	go func() {
		defer close(s.ended)
		status, err := runner.Run(ctx, sessionScript, nil, in, out, io.Discard)
		if err == nil && status != 0 {
			err = fmt.Errorf("the script in the session container ended with exit status %d", status)
		}
		s.end = err
		in.CloseWithError(io.ErrClosedPipe)
		out.CloseWithError(cmpErr(err, io.ErrUnexpectedEOF))
	}()
	return s
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Close ends the session. It returns why the view was lost, nil where all was answered.
func (s *Session) Close() error {
	s.requests.Close()
	if s.broken != nil {
		s.abort.CloseWithError(s.broken) // what it still has to say finds nobody
	}
	<-s.ended
	return cmpErr(s.broken, s.end)
}

// reply is the answer to one request.
type reply struct {
	facts  string
	blocks map[string][]byte
}

// data is the only block.
func (r reply) data() []byte { return r.blocks[""] }

// ask sends requests and gives each reply to take, in order. Limit bounds the bytes of one reply.
func (s *Session) ask(requests []string, limit int, take func(i int, r reply)) error {
	if s.broken != nil || len(requests) == 0 {
		return s.broken
	}
	go func() { // while replies are read: else both sides could wait for each other to read
		_, _ = io.WriteString(s.requests, strings.Join(requests, "\n")+"\n") // where it fails no reply comes
	}()
	for i := range requests {
		r, err := s.reply(limit)
		if err != nil {
			s.broken = err
			return err
		}
		take(i, r)
	}
	return nil
}

// errSlow is about a container that does not answer.
var errSlow = fmt.Errorf("no answer from the session within %s", replyWithin)

// reply reads one.
func (s *Session) reply(limit int) (r reply, err error) {
	ctx, cancel := context.WithTimeoutCause(s.ctx, replyWithin, errSlow)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { s.abort.CloseWithError(context.Cause(ctx)) })
	defer stop()
	if r.facts, err = s.line(); err != nil || r.facts == "." {
		return reply{}, cmpErr(err, errReply)
	}
	texts, name, size := map[string]*bytes.Buffer{"": {}}, "", 0
	for {
		line, err := s.line()
		switch {
		case err != nil:
			return r, err
		case line == ".":
			r.blocks = map[string][]byte{}
			for n, text := range texts {
				data, err := base64.StdEncoding.DecodeString(text.String())
				if err != nil {
					return r, errReply
				}
				r.blocks[n] = data
			}
			return r, nil
		case strings.HasPrefix(line, ":") && len(texts) < 10:
			name = line[1:]
			texts[name] = &bytes.Buffer{}
			continue
		}
		if size += len(line); size > limit*4/3+1000 {
			return r, errReply
		}
		texts[name].WriteString(line)
	}
}

var errReply = errors.New("the session's answer has not the form that it should have")

func (s *Session) line() (string, error) {
	line, err := s.replies.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = errReply
	}
	if err != nil {
		return "", err
	}
	return string(line[:len(line)-1]), nil
}

// askable reports whether a path can stand in a request. No other has a meaning in one.
func askable(name string) bool {
	return path.IsAbs(name) && len(name) < maxName && !strings.ContainsAny(name, "\n\x00")
}

// pathErrors are the words of the script for what is wrong with one path.
var pathErrors = map[string]error{"denied": fs.ErrPermission, "kind": ErrNotRegular, "-": ErrNotFound}

// Look implements View.
func (s *Session) Look(paths ...string) []Entry {
	entries := make([]Entry, len(paths))
	var requests []string
	var asked []int
	for i, p := range paths {
		known, ok := s.cache[p]
		switch {
		case ok:
			entries[i] = known
		case !askable(p):
			entries[i] = Entry{Path: p}
		default:
			requests, asked = append(requests, "s "+p), append(asked, i)
		}
	}
	err := s.ask(requests, 2*maxName, func(i int, r reply) {
		entries[asked[i]] = parseEntry(paths[asked[i]], r)
		s.cache[paths[asked[i]]] = entries[asked[i]]
	})
	if err != nil {
		for _, i := range asked {
			entries[i] = Entry{Path: paths[i], Err: err}
		}
	}
	return entries
}

func parseEntry(name string, r reply) Entry {
	e := Entry{Path: name, Real: name}
	if err := pathErrors[r.facts]; err != nil {
		if !isNotFound(err) {
			e.Err = &PathError{name, err}
		}
		return e
	}
	if led := r.data(); len(led) > 0 {
		e.Real = string(led)
	}
	kinds := map[string]Kind{"f": File, "d": Folder, "o": Special}
	fields := strings.Fields(r.facts)
	if len(fields) != 5 || kinds[fields[0]] == Nothing {
		e.Err = &PathError{name, errReply}
		return e
	}
	mode, err1 := strconv.ParseUint(fields[1], 16, 32)
	uid, err2 := strconv.ParseInt(fields[2], 10, 64)
	gid, err3 := strconv.ParseInt(fields[3], 10, 64)
	size, err4 := strconv.ParseInt(fields[4], 10, 64)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		e.Err = &PathError{name, errReply}
		return e
	}
	e.Kind, e.Mode, e.UID, e.GID, e.Size = kinds[fields[0]], fs.FileMode(mode&0o777), uid, gid, size
	return e
}

// Read implements View.
func (s *Session) Read(limit int, paths ...string) []Content {
	contents := make([]Content, len(paths))
	var requests []string
	var asked []int
	for i, p := range paths {
		if !askable(p) {
			contents[i].Err = &PathError{p, ErrNotFound}
			continue
		}
		requests = append(requests, fmt.Sprintf("r 0 %d %s", min(limit, maxPart)+1, p))
		asked = append(asked, i)
	}
	err := s.ask(requests, min(limit, maxPart)+1, func(n int, r reply) {
		i := asked[n]
		switch data := r.data(); {
		case r.facts != "ok":
			contents[i].Err = &PathError{paths[i], cmpErr(pathErrors[r.facts], errReply)}
		case len(data) > limit:
			contents[i] = Content{Data: data[:limit], Cut: true}
		default:
			contents[i].Data = data
		}
	})
	for _, i := range asked {
		switch {
		case err != nil:
			contents[i] = Content{Err: err}
		case len(contents[i].Data) > maxPart: // and the rest of a large one
			contents[i] = readContent(&remote{s, paths[i]}, limit, paths[i])
		}
	}
	return contents
}

// remote is a file that is read in parts.
type remote struct {
	session *Session
	path    string
}

// ReadAt implements io.ReaderAt.
func (f *remote) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		length, got := min(len(p)-n, maxPart), 0
		var failed error
		request := fmt.Sprintf("r %d %d %s", at+int64(n), length, f.path)
		err := f.session.ask([]string{request}, maxPart, func(_ int, r reply) {
			switch data := r.data(); {
			case r.facts != "ok":
				failed = &PathError{f.path, cmpErr(pathErrors[r.facts], errReply)}
			case len(data) > length:
				failed = &PathError{f.path, errReply}
			default:
				got = copy(p[n:], data)
			}
		})
		if err := cmpErr(err, failed); err != nil {
			return n, err
		}
		n += got
		if got < length {
			return n, io.EOF
		}
	}
	return n, nil
}

// Open implements View.
func (s *Session) Open(name string) (io.ReaderAt, error) {
	e := s.Look(name)[0]
	switch {
	case e.Err != nil:
		return nil, e.Err
	case e.Kind == Nothing:
		return nil, &PathError{name, ErrNotFound}
	case e.Kind != File:
		return nil, &PathError{name, ErrNotRegular}
	}
	return &blocks{file: &remote{s, name}}, nil
}

// one asks one question whose reply must be "ok".
func (s *Session) one(request string, limit int) (answer reply, err error) {
	err = s.ask([]string{request}, limit, func(_ int, r reply) { answer = r })
	if word, _, _ := strings.Cut(answer.facts, " "); err == nil && word != "ok" {
		err = cmpErr(pathErrors[answer.facts], errReply)
	}
	return answer, err
}

// List implements View.
func (s *Session) List(dir string, limit int) ([]string, error) {
	if !askable(dir) {
		return nil, &PathError{dir, ErrNotFound}
	}
	const perName = 128
	r, err := s.one(fmt.Sprintf("l %d %s", limit*perName, dir), limit*perName)
	if err != nil {
		return nil, &PathError{dir, err}
	}
	var names []string
	for _, p := range terminated(r.data()) {
		if len(names) < limit {
			names = append(names, path.Base(p))
		}
	}
	return names, nil
}

// terminated are the texts that end with a NUL. One that was cut off is left out.
func terminated(data []byte) []string {
	texts := strings.Split(string(data), "\x00")
	return texts[:len(texts)-1]
}

// Usage implements View.
func (s *Session) Usage() (Usage, error) {
	r, err := s.one("u", 100)
	if err != nil {
		return Usage{}, err
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(r.facts, "ok "), 10, 50)
	if err != nil {
		return Usage{}, errReply
	}
	return Usage{Bytes: n << 10}, nil
}

// Writable implements View: the user is the target's, whoever is asked for.
func (s *Session) Writable(_ Identity, limit int) (w Writable, err error) {
	const most = 16 << 10
	r, err := s.one("w", 2*most)
	if err != nil {
		return w, err
	}
	closed := terminated(r.blocks["read-only"])
	for _, p := range terminated(r.blocks["paths"]) {
		if _, below, ok := strings.Cut(strings.TrimPrefix(p, "/proc/"), "/root"); ok && !slices.Contains(closed, p) {
			w.Paths = append(w.Paths, path.Clean("/"+below))
		}
	}
	slices.Sort(w.Paths)
	w.Paths = slices.Compact(w.Paths)
	if w.Cut = len(w.Paths) > limit || len(r.blocks["paths"]) == most; len(w.Paths) > limit {
		w.Paths = w.Paths[:limit]
	}
	return w, nil
}

// Process is what runs in the target, with its words, its working directory and what of its environment says where files
// are.
func (s *Session) Process() (p Process, words, environment []string, dir string, err error) {
	r, err := s.one("p", 160<<10)
	if err != nil {
		return p, nil, nil, "", fmt.Errorf("the target's process: %w", err)
	}
	p.Executable = strings.TrimSuffix(string(r.blocks["executable"]), " (deleted)")
	for line := range strings.Lines(string(r.blocks["mapped"])) {
		file := strings.TrimSpace(line)
		if base := path.Base(file); strings.Contains(base, ".so") && !slices.Contains(p.Mapped, file) && len(p.Mapped) < maxLibraries {
			p.Mapped = append(p.Mapped, file)
		}
	}
	words = strings.Split(strings.TrimSuffix(string(r.blocks["words"]), "\x00"), "\x00")
	for line := range strings.Lines(string(r.blocks["environment"])) {
		environment = append(environment, strings.TrimSuffix(line, "\n"))
	}
	return p, words, environment, string(r.blocks["directory"]), nil
}
