package ui

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Raw puts the terminal that in is into raw mode, so that every key reaches the other side. The function that it returns
// restores the mode that was; calling it again does nothing.
func Raw(in io.Reader) (restore func(), err error) {
	file, ok := in.(*os.File)
	if !ok {
		return nil, fmt.Errorf("setting up terminal: %T is none", in)
	}
	state, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, fmt.Errorf("setting up terminal: %w", err)
	}
	return func() {
		if state != nil {
			_ = term.Restore(int(file.Fd()), state) // nothing is left to be done about a terminal that is gone
			state = nil
		}
	}, nil
}

// Sizes sends the size of the terminal that a stream is, made by size from characters, and each later one, until ctx is
// done. It sends nothing where the stream is no terminal.
func Sizes[S comparable](ctx context.Context, stream any, size func(width, height uint16) S) <-chan S {
	sizes := make(chan S, 1)
	file, ok := stream.(*os.File)
	if !ok {
		close(sizes)
		return sizes
	}
	changed, stop := resized()
	go func() {
		defer close(sizes)
		defer stop()
		var last S
		for {
			width, height, err := term.GetSize(int(file.Fd()))
			if now := size(uint16(width), uint16(height)); err == nil && now != last {
				select {
				case sizes <- now:
					last = now
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return sizes
}
