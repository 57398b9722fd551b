package transfer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
)

// Runner runs POSIX shell scripts beside the target, as app.Runner does.
type Runner interface {
	Run(ctx context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error)
}

// readAhead is the size of the buffer that what comes from a script is read through, in bytes.
const readAhead = 64 << 10

// talk is a script that runs.
type talk struct {
	ctx context.Context //nolint:containedctx // as long as the script
	// in is its standard output.
	in     *bufio.Reader
	pipe   *io.PipeReader
	said   head
	done   chan struct{}
	status int
	err    error
}

// start starts a script. What it reads of stdin is closed at its end, where that can be.
func start(ctx context.Context, runner Runner, script string, args []string, stdin io.Reader) *talk {
	out, in := io.Pipe()
	t := &talk{ctx: ctx, in: bufio.NewReaderSize(out, readAhead), pipe: out, said: head{limit: 1 << 20}, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		t.status, t.err = runner.Run(ctx, script, args, stdin, in, &t.said)
		in.CloseWithError(io.EOF)
		if c, ok := stdin.(io.Closer); ok { // whoever writes there need not wait
			_ = c.Close()
		}
	}()
	return t
}

// end waits for the end. An error of who has read what the script wrote ends it, and is returned if there is no other; else
// what is left is thrown away. Said is the beginning of what the script wrote on standard error.
func (t *talk) end(readErr error) (status int, said string, err error) {
	if readErr != nil {
		t.pipe.CloseWithError(errUnwanted)
	} else {
		_, _ = io.Copy(io.Discard, t.in)
	}
	<-t.done
	if t.ctx.Err() != nil {
		return 0, "", context.Cause(t.ctx)
	}
	err = t.err
	if readErr != nil && (err == nil || isUnwanted(err)) {
		err = readErr
	}
	return t.status, t.said.text.String(), err
}

// errUnwanted is what a script's output meets when nobody wants more of it.
var errUnwanted = errors.New("the output is not wanted any more")

func isUnwanted(err error) bool { return errors.Is(err, errUnwanted) }

// head keeps the beginning of what is written to it.
type head struct {
	text  bytes.Buffer
	limit int
}

// Write implements io.Writer.
func (h *head) Write(p []byte) (int, error) {
	h.text.Write(p[:min(len(p), h.limit-h.text.Len())])
	return len(p), nil
}
