//go:build !windows

package ui

import (
	"os"
	"os/signal"
	"syscall"
)

// resized sends whenever the window's size may have changed.
func resized() (changed <-chan os.Signal, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	return signals, func() { signal.Stop(signals) }
}
