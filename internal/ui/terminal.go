package ui

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Size is a terminal's size in characters.
type Size struct{ Width, Height uint16 }

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

// Sizes sends the size of the terminal that out is, and each later one, until ctx is done. It sends nothing where out is
// no terminal.
func Sizes(ctx context.Context, out any) <-chan Size {
	sizes := make(chan Size, 1)
	file, ok := out.(*os.File)
	if !ok {
		close(sizes)
		return sizes
	}
	changed, stop := resized()
	go func() {
		defer close(sizes)
		defer stop()
		var last Size
		for {
			if width, height, err := term.GetSize(int(file.Fd())); err == nil {
				size := Size{Width: uint16(width), Height: uint16(height)}
				if size != last {
					select {
					case sizes <- size:
						last = size
					case <-ctx.Done():
						return
					}
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
