package ui

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

// TestAwait plays waits on a terminal of a certain width, and reads what was written.
func TestAwait(t *testing.T) {
	t.Parallel()
	const wipe = "\r\x1b[K"
	pause := func(d time.Duration) func(*Notices) { return func(*Notices) { <-time.After(d); synctest.Wait() } }
	await := func(what string) func(*Notices) { return func(n *Notices) { n.Await(what) } }
	say := func(text string) func(*Notices) { return func(n *Notices) { n.Say("%s", text) } }
	for name, test := range map[string]struct {
		width int
		steps []func(*Notices)
		want  string
	}{
		"a short wait is not shown": {80, []func(*Notices){await("pulling"), pause(499 * time.Millisecond), await("")}, ""},
		"a longer one": {
			80,
			[]func(*Notices){await("pulling"), pause(1600 * time.Millisecond), await("")},
			wipe + "pulling" + wipe + "pulling, 1 s" + wipe + "pulling, 1 s" + wipe,
		},
		"the next one takes its place at once": {
			80,
			[]func(*Notices){await("pulling"), pause(600 * time.Millisecond), await("starting"), pause(100 * time.Millisecond), await("")},
			wipe + "pulling" + wipe + "starting" + wipe,
		},
		"the same again goes on": {
			80,
			[]func(*Notices){await("pulling"), pause(400 * time.Millisecond), await("pulling"), pause(200 * time.Millisecond), await("")},
			wipe + "pulling" + wipe,
		},
		"a notice takes it away": {
			80,
			[]func(*Notices){await("pulling"), pause(600 * time.Millisecond), say("hello"), await(""), say("there")},
			wipe + "pulling" + wipe + "hello\nthere\n",
		},
		"after a notice it comes back": {
			80,
			[]func(*Notices){await("pulling"), say("hello"), pause(600 * time.Millisecond), await("")},
			"hello\n" + wipe + "pulling" + wipe,
		},
		"nothing after the end": {80, []func(*Notices){await("pulling"), await(""), pause(10 * time.Second)}, ""},
		"cut to the width":      {5, []func(*Notices){await("pulling"), pause(600 * time.Millisecond), await("")}, wipe + "pull" + wipe},
		"no width":              {0, []func(*Notices){await("pulling"), pause(600 * time.Millisecond), await("")}, wipe + "pulling" + wipe},
		"harmless": {
			80,
			[]func(*Notices){await("a\x1b[2J\nb"), pause(600 * time.Millisecond), await("")},
			wipe + `a\x1b[2J b` + wipe,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				n := &Notices{out: &out, width: func() int { return test.width }}
				for _, step := range test.steps {
					step(n)
				}
				if got := out.String(); got != test.want {
					t.Errorf("written: %q; want %q", got, test.want)
				}
			})
		})
	}
}

// TestAwaitNowhere: no line where there is no terminal, and none of nobody.
func TestAwaitNowhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var none *Notices
		for _, n := range []*Notices{NewNotices(&out), none} {
			n.Await("pulling")
			<-time.After(time.Minute)
			n.Await("")
		}
		if out.Len() > 0 {
			t.Errorf("a buffer got %q", &out)
		}
	})
}
