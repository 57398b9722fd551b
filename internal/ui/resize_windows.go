package ui

import "time"

// resized sends whenever the window's size may have changed: Windows has no signal for it, so the size is looked at.
func resized() (changed <-chan time.Time, stop func()) {
	ticker := time.NewTicker(250 * time.Millisecond)
	return ticker.C, ticker.Stop
}
