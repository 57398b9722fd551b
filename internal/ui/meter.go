package ui

import (
	"fmt"
	"io"
	"time"
)

// Meter is one line that says how much was done, how fast, and how long it will go on: on a terminal only. A nil *Meter says
// nothing. Only one may call it at a time.
type Meter struct {
	out          io.Writer
	began, shown time.Time
}

// meterEvery is how often the line changes.
const meterEvery = 200 * time.Millisecond

// NewMeter returns a meter on out, or nil where that is no terminal.
func NewMeter(out io.Writer) *Meter {
	if !IsTerminal(out) {
		return nil
	}
	return &Meter{out: out}
}

// Show says that n bytes are done of all, which may be negative where it is not known. The first call is the beginning.
func (m *Meter) Show(n, all int64) {
	switch {
	case m == nil:
		return
	case m.began.IsZero():
		m.began = time.Now()
	}
	if time.Since(m.began) < meterEvery || time.Since(m.shown) < meterEvery {
		return
	}
	m.shown = time.Now()
	fmt.Fprint(m.out, "\r\x1b[K", meterText(n, all, time.Since(m.began)))
}

// meterText is the line: "12.5 MB of 50.0 MB, 4.2 MB/s, 9 s left".
func meterText(n, all int64, took time.Duration) string {
	rate := float64(n) / max(took.Seconds(), 0.001)
	text := Bytes(n)
	if all >= 0 {
		text += " of " + Bytes(all)
	}
	text += ", " + Bytes(int64(rate)) + "/s"
	if left := all - n; left > 0 && rate > 0 && took > time.Second {
		text += fmt.Sprintf(", %s left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
	}
	return text
}

// Clear takes the line away.
func (m *Meter) Clear() {
	if m != nil && !m.shown.IsZero() {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}

// Bytes writes a number of bytes in decimal units: "12.5 MB".
func Bytes(n int64) string {
	units := []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), ""
	for _, unit = range units {
		if value /= 1000; value < 999.95 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
