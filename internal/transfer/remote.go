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

// run runs a script and reads its standard output with read, whose error ends the script and is returned if there is no
// other. What is left after read is thrown away. Said is the beginning of what the script wrote on standard error.
func run(ctx context.Context, runner Runner, script string, args []string, stdin io.Reader, read func(*bufio.Reader) error) (status int, said string, err error) {
	out, in := io.Pipe()
	errors := &head{limit: 1 << 20}
	done := make(chan struct{})
	go func() {
		defer close(done)
		status, err = runner.Run(ctx, script, args, stdin, in, errors)
		in.CloseWithError(io.EOF)
		if c, ok := stdin.(io.Closer); ok { // whoever writes there need not wait
			_ = c.Close()
		}
	}()
	buffered := bufio.NewReaderSize(out, readAhead)
	readErr := read(buffered)
	if readErr != nil {
		out.CloseWithError(errUnwanted)
	} else {
		_, _ = io.Copy(io.Discard, buffered)
	}
	<-done
	if ctx.Err() != nil {
		return 0, "", context.Cause(ctx)
	}
	if readErr != nil && (err == nil || isUnwanted(err)) {
		err = readErr
	}
	return status, errors.text.String(), err
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
