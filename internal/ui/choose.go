package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ErrNoAnswer says that the input ended before a question was answered.
var ErrNoAnswer = errors.New("nothing chosen: the input ended before an answer")

// Choose shows numbered options on out and reads a number from in. It asks again after an answer that is none of them;
// the end of input is ErrNoAnswer, that of ctx its cause. Of in it takes whole lines and nothing after the last one.
func Choose(ctx context.Context, in io.Reader, out io.Writer, question string, options []string) (int, error) {
	fmt.Fprintln(out, question)
	for i, option := range options {
		fmt.Fprintf(out, "  %d) %s\n", i+1, option)
	}
	for {
		fmt.Fprintf(out, "number (1-%d): ", len(options))
		text, err := readLine(ctx, in)
		if err != nil {
			fmt.Fprintln(out)
			return 0, err
		}
		if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && n >= 1 && n <= len(options) {
			return n - 1, nil
		}
		fmt.Fprintf(out, "%q is none of them\n", strings.TrimSpace(text))
	}
}

// Confirm asks a question on out and reads the answer from in: y or yes is true, all else false. The end of input is
// ErrNoAnswer, that of ctx its cause.
func Confirm(ctx context.Context, in io.Reader, out io.Writer, question string) (bool, error) {
	fmt.Fprint(out, question)
	text, err := readLine(ctx, in)
	if err != nil {
		fmt.Fprintln(out)
		return false, err
	}
	answer := strings.ToLower(strings.TrimSpace(text))
	return answer == "y" || answer == "yes", nil
}

// readLine reads byte by byte up to a line's end, so that what is typed after it stays for whoever reads next.
func readLine(ctx context.Context, in io.Reader) (string, error) {
	type result struct {
		text string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		var line []byte
		for b := make([]byte, 1); ; {
			if _, err := io.ReadFull(in, b); err != nil {
				read <- result{err: ErrNoAnswer}
				return
			}
			if b[0] == '\n' {
				read <- result{text: string(line)}
				return
			}
			line = append(line, b[0])
		}
	}()
	select {
	case r := <-read:
		return r.text, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
