package inspect

import (
	"errors"
	"io"
	"io/fs"
)

// Limits of what is read of one file in parts, in bytes and in calls. A file may claim to be endless.
const (
	maxParts = 64 << 20
	maxReads = 20000
)

var errBudget = errors.New("more of it would have to be read than mindebug does")

// budget is a file of which only so much is read.
type budget struct {
	file        io.ReaderAt
	bytes, left int
}

func bounded(file io.ReaderAt) io.ReaderAt {
	return &budget{file: file, bytes: maxParts, left: maxReads}
}

// ReadAt implements io.ReaderAt.
func (b *budget) ReadAt(p []byte, at int64) (int, error) {
	b.bytes -= len(p)
	b.left--
	if b.bytes < 0 || b.left < 0 {
		return 0, errBudget
	}
	return b.file.ReadAt(p, at)
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, fs.ErrNotExist) }

// blockSize is how much of a file is read at once, blocksKept how many of such parts are kept.
const (
	blockSize  = 32 << 10
	blocksKept = 8
)

// blocks reads a file in blocks and keeps the last: each read of the file below may be a way to a cluster and back.
type blocks struct {
	file io.ReaderAt
	kept []block
}

type block struct {
	at   int64
	data []byte
}

// ReadAt implements io.ReaderAt.
func (b *blocks) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		from := (at + int64(n)) / blockSize * blockSize
		data, err := b.block(from)
		if err != nil {
			return n, err
		}
		within := int(at + int64(n) - from)
		if within >= len(data) {
			return n, io.EOF
		}
		n += copy(p[n:], data[within:])
	}
	return n, nil
}

func (b *blocks) block(at int64) ([]byte, error) {
	for _, k := range b.kept {
		if k.at == at {
			return k.data, nil
		}
	}
	data := make([]byte, blockSize)
	n, err := b.file.ReadAt(data, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(b.kept) == blocksKept {
		b.kept = b.kept[1:]
	}
	b.kept = append(b.kept, block{at, data[:n]})
	return data[:n], nil
}
