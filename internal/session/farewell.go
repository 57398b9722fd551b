package session

import (
	"bytes"
	"io"
	"slices"
)

// farewell is a command's standard output on its way to the user: it takes off the mark that a session writes when its
// command has ended and all is swept up. A stream that ends without an exit status is no error to client-go
// (k8s.io/client-go/tools/remotecommand, watchErrorStream), so a node that dies in mid-command would look like success.
type farewell struct {
	out  io.Writer
	mark []byte
	// held is the end of what came, where the mark may have begun; once it was said, what may be why.
	held []byte
	said bool
	why  why
	// reasons are those that what comes next may be.
	reasons []why
}

// why is what a session says with its mark of a command that it has ended itself.
type why string

// The reasons: the lease ran out, and the session container ends.
const (
	whyLease why = ":lease"
	whyStop  why = ":stop"
)

func newFarewell(out io.Writer, id string) *farewell {
	return &farewell{out: out, mark: []byte("\x1emindebug:" + id)}
}

// Write implements io.Writer.
func (f *farewell) Write(p []byte) (int, error) {
	text := p
	if len(f.held) > 0 {
		text = slices.Concat(f.held, p)
		f.held = nil
	}
	if before, after, found := bytes.Cut(text, f.mark); found {
		f.said, f.reasons, text = true, []why{whyLease, whyStop}, after
		if len(before) > 0 {
			if _, err := f.out.Write(before); err != nil {
				return 0, err
			}
		}
	}
	if text = f.because(text); len(f.held) > 0 {
		return len(p), nil
	}
	if n := partial(text, f.mark); n > 0 {
		f.held = bytes.Clone(text[len(text)-n:])
		text = text[:len(text)-n]
	}
	if len(text) > 0 {
		if _, err := f.out.Write(text); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// because takes the reason off what follows the mark. It holds back what may be the beginning of one.
func (f *farewell) because(text []byte) []byte {
	for _, reason := range f.reasons {
		if rest, found := bytes.CutPrefix(text, []byte(reason)); found {
			f.why, f.reasons = reason, nil
			return rest
		}
	}
	if len(text) > 0 && slices.ContainsFunc(f.reasons, func(r why) bool { return bytes.HasPrefix([]byte(r), text) }) {
		f.held = bytes.Clone(text)
		return nil
	}
	if len(text) > 0 {
		f.reasons = nil
	}
	return text
}

// flush hands on what was held back, once the stream has ended.
func (f *farewell) flush() error {
	if len(f.held) == 0 {
		return nil
	}
	_, err := f.out.Write(f.held)
	f.held = nil
	return err
}
