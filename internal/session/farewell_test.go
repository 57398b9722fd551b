package session

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestFarewell(t *testing.T) {
	t.Parallel()
	const mark = "\x1emindebug:abc"
	for name, test := range map[string]struct {
		in, want string
		said     bool
		why      why
	}{
		"nothing":                 {},
		"the mark alone":          {in: mark, said: true},
		"after output":            {in: "out\n" + mark, want: "out\n", said: true},
		"none":                    {in: "out\n", want: "out\n"},
		"begun only":              {in: "out\x1emindebug:ab", want: "out\x1emindebug:ab"},
		"begun twice":             {in: "\x1emind" + mark, want: "\x1emind", said: true},
		"another session's":       {in: "\x1emindebug:abd", want: "\x1emindebug:abd"},
		"output after it":         {in: mark + "late", want: "late", said: true},
		"since the lease ran out": {in: "out\n" + mark + ":lease", want: "out\n", said: true, why: whyLease},
		"since it was stopped":    {in: mark + ":stop", said: true, why: whyStop},
		"and output after that":   {in: mark + ":stop:lease", want: ":lease", said: true, why: whyStop},
		"no reason":               {in: mark + ":l:stop", want: ":l:stop", said: true},
		"begun reason only":       {in: mark + ":st", want: ":st", said: true},
		"reason without the mark": {in: "out:lease", want: "out:lease"},
		"its first byte in data":  {in: "\x1e\x1e\x00\x1e", want: "\x1e\x1e\x00\x1e"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for size := range len(test.in) + 1 {
				var out bytes.Buffer
				f := newFarewell(&out, "abc")
				for rest := []byte(test.in); len(rest) > 0; {
					n := min(size+1, len(rest))
					if wrote, err := f.Write(rest[:n]); wrote != n || err != nil {
						t.Fatalf("Write = %d, %v", wrote, err)
					}
					rest = rest[n:]
				}
				if err := f.flush(); err != nil {
					t.Fatal(err)
				}
				if out.String() != test.want || f.said != test.said || f.why != test.why {
					t.Errorf("by %d bytes: %q, said %v, why %q; want %q, %v, %q", size+1, out.String(), f.said, f.why, test.want, test.said, test.why)
				}
			}
		})
	}
}

func TestFarewellToNobody(t *testing.T) {
	t.Parallel()
	broken := errors.New("nobody reads")
	f := newFarewell(failing{broken}, "abc")
	if _, err := f.Write([]byte("out")); !errors.Is(err, broken) {
		t.Errorf("Write = %v", err)
	}
	if _, err := f.Write([]byte("out\x1emindebug:abc")); !errors.Is(err, broken) {
		t.Errorf("Write with the mark = %v", err)
	}
	if _, err := f.Write([]byte("\x1emin")); err != nil {
		t.Errorf("Write of what is held = %v", err)
	}
	if err := f.flush(); !errors.Is(err, broken) {
		t.Errorf("flush = %v", err)
	}
}

type failing struct{ err error }

func (w failing) Write([]byte) (int, error) { return 0, w.err }

// FuzzFarewell: however the output is cut, what is no mark comes through.
func FuzzFarewell(f *testing.F) {
	f.Add("out\x1emindebug:abc", 3)
	f.Add("\x1e\x1emindebug:", 1)
	f.Fuzz(func(t *testing.T, text string, size int) {
		var out bytes.Buffer
		w := newFarewell(&out, "abc")
		for rest := text; rest != ""; {
			n := min(max(size, 1), len(rest))
			if _, err := w.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
		if strings.Count(text, string(w.mark)) < 2 && w.why == "" && out.String() != strings.Replace(text, string(w.mark), "", 1) {
			t.Errorf("%q became %q", text, out.String())
		}
	})
}
