package ui

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Choose shows numbered options on out and reads a number from in. It asks again after an answer that is none of them;
// the end of input is an error.
func Choose(in io.Reader, out io.Writer, question string, options []string) (int, error) {
	fmt.Fprintln(out, question)
	for i, option := range options {
		fmt.Fprintf(out, "  %d) %s\n", i+1, option)
	}
	answers := bufio.NewScanner(in)
	for {
		fmt.Fprintf(out, "number (1-%d): ", len(options))
		if !answers.Scan() {
			fmt.Fprintln(out)
			return 0, fmt.Errorf("reading choice: %w", io.ErrUnexpectedEOF)
		}
		if n, err := strconv.Atoi(strings.TrimSpace(answers.Text())); err == nil && n >= 1 && n <= len(options) {
			return n - 1, nil
		}
	}
}
