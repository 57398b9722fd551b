//go:build !windows

package ui

import (
	"bytes"
	"testing"
)

// TestProgress: one line on a terminal, which is taken away; elsewhere nothing.
func TestProgress(t *testing.T) {
	t.Parallel()
	keyboard, stream := terminal(t)
	p := NewProgress(stream)
	p.Show(1, 12)
	p.Show(2, 12)
	p.Say("nearly\x1b")
	p.Clear()
	want := "\r1 of 12\r2 of 12\r\x1b[Knearly\\x1b\r\x1b[K"
	got := make([]byte, len(want))
	for n := 0; n < len(got); {
		read, err := keyboard.Read(got[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += read
	}
	if string(got) != want {
		t.Errorf("the terminal got %q; want %q", got, want)
	}
	var out bytes.Buffer
	p = NewProgress(&out)
	p.Show(1, 1)
	p.Clear()
	if out.Len() > 0 {
		t.Errorf("a buffer got %q", &out)
	}
}
