package session

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// heard is hello in the client's terms.
var heard = Greeting{
	TargetPID: 7, UID: [4]int64{1, 1, 1, 1}, GID: [4]int64{2, 2, 2, 2},
	Open: true, Hidden: true, OOMScoreAdj: 1000, MemoryInUse: 4096,
}

func TestParseGreeting(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       Greeting
		stop       string
		fails      string
	}{
		{name: "whole", text: hello, want: heard},
		{name: "from a terminal", text: strings.ReplaceAll(hello, "\n", "\r\n"), want: heard},
		{
			name: "tabs as the kernel writes them",
			text: "mindebug 1\npid 12\nUid: 1000\t0\t1000\t0\nCapPrm: 000001ffffffffff\nenviron closed\nhidden no\noom -5\nmemory \ngo\n",
			want: Greeting{TargetPID: 12, UID: [4]int64{1000, 0, 1000, 0}, CapPrm: 0x1ffffffffff, OOMScoreAdj: -5},
		},
		{
			name: "groups, and the session's own",
			text: "mindebug 1\nGroups: 5001 6001 \nown Groups: 5001 \nown CapPrm: 0000000000003000\ngo\n",
			want: Greeting{Groups: []int64{5001, 6001}, OwnGroups: []int64{5001}, OwnCapPrm: 0x3000},
		},
		{
			name: "an image that was seen", text: "mindebug 1\nimage /bin/sh \"wolfi\" lib/apk/db/installed\ngo\n",
			want: Greeting{Image: &ImageSeen{"/bin/sh", "wolfi", "lib/apk/db/installed"}},
		},
		{name: "an image in which there is nothing", text: "mindebug 1\nimage - - -\ngo\n", want: Greeting{Image: &ImageSeen{}}},
		{name: "an image that was half seen", text: "mindebug 1\nimage -\ngo\n", fails: "not 3 words"},
		{name: "no groups", text: "mindebug 1\nGroups: \ngo\n", want: Greeting{Groups: []int64{}}},
		{name: "a group that is none", text: "mindebug 1\nGroups: 1 x\ngo\n", fails: `line "Groups: 1 x"`},
		{name: "own capabilities that are none", text: "mindebug 1\nown CapPrm: x\ngo\n", fails: `line "own CapPrm: x"`},
		{name: "nothing but the frame", text: "mindebug 1\ngo\n"},
		{name: "a line of a later release", text: "mindebug 1\nnew thing\ngo\n"},
		{name: "memory that is no number", text: "mindebug 1\nmemory \x1b[31m max\ngo\n"},
		{name: "target is gone", text: "mindebug 1\nstop gone\n", stop: "gone"},
		{name: "namespace is not shared", text: "mindebug 1\r\nstop apart\r\n", stop: "apart"},
		{name: "another protocol", text: "mindebug 2\ngo\n", fails: `"mindebug 2" is not protocol 1`},
		{name: "no greeting", text: "sh: eval: not found\ngo\n", fails: "is not protocol"},
		{name: "pid", text: "mindebug 1\npid x\ngo\n", fails: `line "pid x"`},
		{name: "too few ids", text: "mindebug 1\nUid: 1 2 3\ngo\n", fails: "not 4 numbers"},
		{name: "an id that is none", text: "mindebug 1\nGid: 1 2 3 x\ngo\n", fails: `line "Gid: 1 2 3 x"`},
		{name: "capabilities", text: "mindebug 1\nCapPrm: xyz\ngo\n", fails: `line "CapPrm: xyz"`},
		{name: "score", text: "mindebug 1\noom \ngo\n", fails: `line "oom`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseGreeting(test.text)
			var stop *StopError
			switch {
			case test.stop != "":
				if !errors.As(err, &stop) || stop.Reason != test.stop {
					t.Errorf("error = %v; want a *StopError for %q", err, test.stop)
				}
			case test.fails != "":
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("error = %v; want one that says %q", err, test.fails)
				}
			case err != nil:
				t.Error(err)
			default:
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("greeting (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestMemoryIsNotTrusted reads what a target may write into files of its own.
func TestMemoryIsNotTrusted(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"-5", "99999999999999999999", "0x10", "1e9", "max"} {
		g, err := parseGreeting("mindebug 1\nmemory " + value + "\ngo\n")
		if err != nil || g.MemoryInUse != 0 {
			t.Errorf("memory %s: %d, %v; want 0, which means that it is not known", value, g.MemoryInUse, err)
		}
	}
}

// listen is a greeter and what it was told.
type listen struct {
	greeter
	out      bytes.Buffer
	greeting []Greeting
}

func newListen() *listen {
	l := &listen{}
	l.greeter.out = &l.out
	l.greeted = func(g Greeting) { l.greeting = append(l.greeting, g) }
	return l
}

func TestGreeter(t *testing.T) {
	t.Parallel()
	crlf := strings.ReplaceAll(hello, "\n", "\r\n")
	tests := []struct {
		name   string
		writes []string
		data   string
		// waits is true where the greeting is not complete.
		waits bool
		fails string
	}{
		{name: "at once", writes: []string{hello}},
		{name: "data right behind it", writes: []string{hello + "da", "ta"}, data: "data"},
		{name: "data with a greeting in it", writes: []string{hello + hello}, data: hello},
		{name: "byte by byte", writes: strings.Split(hello+"data\x00\xff", ""), data: "data\x00\xff"},
		{name: "terminal", writes: []string{crlf + "$ "}, data: "$ "},
		{name: "terminal, byte by byte", writes: strings.Split(crlf+"$ ", ""), data: "$ "},
		{name: "split within the last line end", writes: []string{crlf[:len(crlf)-1], "\n", "data"}, data: "data"},
		{name: "split within the last word", writes: []string{hello[:len(hello)-2], "o\ndata"}, data: "data"},
		{name: "a word that begins as the last one", writes: []string{"mindebug 1\ngone\n"}, waits: true},
		{name: "the last word without its line end", writes: []string{strings.TrimSuffix(hello, "\n")}, waits: true},
		{name: "silence", waits: true},
		{name: "garbage", writes: []string{"exec format error\n", "go\n"}, fails: "is not protocol"},
		{name: "too long", writes: []string{strings.Repeat("x", greetingLimit), "x"}, fails: "none within 4096 bytes"},
		{name: "too long, in lines", writes: []string{"mindebug 1\n" + strings.Repeat("more\n", greetingLimit)}, fails: "none within 4096 bytes"},
		{name: "stop", writes: []string{"mindebug 1\nst", "op gone\n"}, fails: "the session stopped: gone"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newListen()
			var err error
			for _, p := range test.writes {
				var n int
				if n, err = l.Write([]byte(p)); err != nil {
					break
				}
				if n != len(p) {
					t.Errorf("Write(%q) = %d", p, n)
				}
			}
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) || !errors.Is(l.failure(), err) {
					t.Errorf("error = %v, failure = %v; want both to say %q", err, l.failure(), test.fails)
				}
			} else if err != nil || l.failure() != nil {
				t.Errorf("error = %v, failure = %v", err, l.failure())
			}
			var want []Greeting
			if test.fails == "" && !test.waits {
				want = []Greeting{heard}
			}
			if diff := cmp.Diff(want, l.greeting); diff != "" {
				t.Errorf("greetings (-want +got):\n%s", diff)
			}
			if got := l.out.String(); got != test.data {
				t.Errorf("data = %q; want %q", got, test.data)
			}
		})
	}
}

// FuzzGreeting checks that, however the bytes come, the same is made of them, that nothing of a greeting gets into the
// data, and no data is lost.
func FuzzGreeting(f *testing.F) {
	for _, text := range []string{hello, hello + "data", strings.ReplaceAll(hello, "\n", "\r\n") + "\x00", "mindebug 1\nstop gone\n", "mindebug 1\ngo\ngo\n", "\n\n\r\r\ngo\n", "go\n", "", "Uid: 1"} {
		f.Add([]byte(text), 1)
		f.Add([]byte(text), 7)
	}
	f.Fuzz(func(t *testing.T, text []byte, step int) {
		whole, parts := newListen(), newListen()
		_, wholeErr := whole.Write(bytes.Clone(text))
		var partsErr error
		step = max(1, step%16)
		for rest := text; len(rest) > 0 && partsErr == nil; {
			n := min(step, len(rest))
			_, partsErr = parts.Write(rest[:n])
			rest = rest[n:]
		}
		if len(text) <= greetingLimit {
			if (wholeErr == nil) != (partsErr == nil) {
				t.Errorf("at once: %v; in parts: %v", wholeErr, partsErr)
			}
			if diff := cmp.Diff(whole.greeting, parts.greeting); diff != "" {
				t.Errorf("greeting at once and in parts (-whole +parts):\n%s", diff)
			}
			if !bytes.Equal(whole.out.Bytes(), parts.out.Bytes()) {
				t.Errorf("data at once: %q; in parts: %q", whole.out.Bytes(), parts.out.Bytes())
			}
		}
		if len(whole.greeting) > 1 {
			t.Error("greeted more than once")
		}
		if !bytes.HasSuffix(text, whole.out.Bytes()) {
			t.Errorf("data %q is no end of %q", whole.out.Bytes(), text)
		}
		if len(whole.greeting) == 0 && whole.out.Len() > 0 {
			t.Error("data without a greeting")
		}
	})
}

func TestHeld(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	h := &held{out: &out}
	write := func(text, want string) {
		t.Helper()
		if n, err := h.Write([]byte(text)); n != len(text) || err != nil || out.String() != want {
			t.Errorf("writing %q gives %d, %v and %q; want %q", text, n, err, out.String(), want)
		}
	}
	write("early ", "")
	out.WriteString("notice ")
	if err := h.release(); err != nil || out.String() != "notice early " {
		t.Errorf("once released: %v, %q", err, out.String())
	}
	write("late", "notice early late")

	// More than a greeting may have is not kept, but passed on in order.
	out.Reset()
	h = &held{out: &out}
	many := strings.Repeat("x", greetingLimit)
	write(many, "")
	write("more", many+"more")
}
