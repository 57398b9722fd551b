package session

import (
	"bytes"
	"io"
	"slices"
)

// marks is the output of a process that is attached to: it takes off what that says to the client.
type marks struct {
	out    io.Writer
	prefix []byte
	// heard is given each mark.
	heard func(mark string)
	// held is the end of what came, where a mark may have begun.
	held []byte
}

// longestMark bounds what a mark says, in bytes.
const longestMark = 3

// Write implements io.Writer.
func (m *marks) Write(p []byte) (int, error) {
	text := slices.Concat(m.held, p)
	m.held = nil
	for {
		before, after, found := bytes.Cut(text, m.prefix)
		if !found {
			break
		}
		end := bytes.IndexByte(after[:min(len(after), longestMark+1)], m.prefix[0])
		if end < 0 && len(after) <= longestMark {
			m.held = bytes.Clone(text[len(before):])
			text = before
			break
		}
		if end < 0 { // some other's
			before = text[:len(before)+len(m.prefix)]
		}
		if _, err := m.out.Write(before); err != nil {
			return 0, err
		}
		if end >= 0 {
			m.heard(string(after[:end]))
			after = after[end+1:]
		}
		text = after
	}
	if m.held == nil {
		n := partial(text, m.prefix)
		m.held, text = bytes.Clone(text[len(text)-n:]), text[:len(text)-n]
	}
	if _, err := m.out.Write(text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush hands on what was held back, once the stream has ended.
func (m *marks) flush() error {
	_, err := m.out.Write(m.held)
	m.held = nil
	return err
}

// partial is how many bytes at the end of text could be the beginning of a mark.
func partial(text, mark []byte) int {
	end := text[max(0, len(text)-len(mark)):] // a search from the end is slow, and text may be much
	from := bytes.LastIndexByte(end, mark[0])
	if from < 0 || !bytes.HasPrefix(mark, end[from:]) {
		return 0
	}
	return len(end) - from
}

// arrival is an output of a process that is attached to, from the first line on that follows those that say that it is
// there. What came before was not for this client.
type arrival struct {
	out  io.Writer
	word string
	here *signal

	head    []byte
	through bool
}

// Write implements io.Writer.
func (a *arrival) Write(p []byte) (int, error) {
	if a.through {
		return a.out.Write(p)
	}
	a.head = append(a.head, p...)
	for !a.through {
		line, rest, whole := bytes.Cut(a.head, []byte("\n"))
		switch isWord := string(bytes.TrimSuffix(line, []byte("\r"))) == a.word; {
		case whole && isWord:
			a.here.send()
			a.head = rest
		case closed(a.here.c) && (whole || !bytes.HasPrefix([]byte(a.word+"\r"), line)):
			a.through = true
		case whole:
			a.head = rest
		default:
			a.head = a.head[max(0, len(a.head)-greetingLimit):]
			return len(p), nil
		}
	}
	_, err := a.out.Write(a.head)
	a.head = nil
	return len(p), err
}

// flush hands on what was held back, once the stream has ended: what looked like the beginning of the line.
func (a *arrival) flush() {
	if closed(a.here.c) {
		_, _ = a.out.Write(a.head)
	}
}
