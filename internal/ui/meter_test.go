package ui

import (
	"bytes"
	"testing"
	"time"
)

func TestMeterText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		n, all int64
		took   time.Duration
		want   string
	}{
		{0, 100, 0, "0 B of 100 B, 0 B/s"},
		{999, -1, time.Second, "999 B, 999 B/s"},
		{12_500_000, 50_000_000, 5 * time.Second, "12.5 MB of 50.0 MB, 2.5 MB/s, 15s left"},
		{999_960, 999_960, time.Second, "1.0 MB of 1.0 MB, 1.0 MB/s"},
		{3_000_000_000_000, -1, 1000 * time.Second, "3.0 TB, 3.0 GB/s"},
	} {
		if got := meterText(test.n, test.all, test.took); got != test.want {
			t.Errorf("%d of %d in %s: %q, want %q", test.n, test.all, test.took, got, test.want)
		}
	}
	var out bytes.Buffer
	if m := NewMeter(&out); m != nil {
		t.Error("there is a meter where there is no terminal")
	}
}
