package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                         "",
		"plain, with é and 日本":     "plain, with é and 日本",
		"lines\nand\ttabs":         "lines\nand\ttabs",
		"\x1b[31mred":              `\x1b[31mred`,
		"\x1b]0;title\a":           `\x1b]0;title\a`,
		"over\rwritten":            `over\rwritten`,
		"\x00\x7f":                 `\x00\x7f`,
		"\u009b2J":                 `\u009b2J`,
		"right\u202eto left":       `right\u202eto left`,
		"zero\u200bwidth\ufeff":    `zero\u200bwidth\ufeff`,
		"no\u00a0break":            `no\u00a0break`,
		"bad \xff byte":            `bad \ufffd byte`,
		"replaced \ufffd":          `replaced \ufffd`,
		"tags \U000e0041":          `tags \U000e0041`,
		`a \x1b that is text`:      `a \x1b that is text`,
		"line\u2028and\u2029parts": `line\u2028and\u2029parts`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q; want %q", in, got, want)
		}
	}
}

// FuzzEscape: what is escaped holds no character that a terminal obeys, and what needs none is left alone.
func FuzzEscape(f *testing.F) {
	for _, text := range []string{"plain\n", "\x1b[2J", "\xff\xfe", "\u202e\u200b", "\u009b", "a\tb", "\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Escape(text)
		if !utf8.ValidString(got) {
			t.Errorf("Escape(%q) = %q is no text", text, got)
		}
		for _, r := range got {
			if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
				t.Errorf("Escape(%q) = %q has %U", text, got, r)
			}
		}
		if again := Escape(got); again != got {
			t.Errorf("Escape is not stable: %q, then %q", got, again)
		}
		if strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("Escape(%q) = %q has other lines", text, got)
		}
	})
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                            "",
		"prod-eu shop/web-7d app":     "prod-eu shop/web-7d app",
		"user@cluster.local:6443 a_b": "user@cluster.local:6443 a_b",
		"$(id) `id` ${x} \\ ! ~ # %":  "??id? ?id? ??x? ? ? ? ? ?",
		"\x1b[31m'\"\n\\u":            "??31m????u",
		"日本 é":                        "?? ?",
	} {
		if got := Plain(in); got != want {
			t.Errorf("Plain(%q) = %q; want %q", in, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("$(id)")
	f.Add("a b\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range Plain(text) {
			if r > unicode.MaxASCII || r < ' ' || strings.ContainsRune("$`\\\"'!(){}[]<>|&;*#~%^", r) {
				t.Errorf("Plain(%q) has %q", text, r)
			}
		}
	})
}

func TestChoose(t *testing.T) {
	t.Parallel()
	const prompt = "number (1-2): "
	const head = "pod/web has 2 containers:\n  1) app\n  2) proxy\n"
	tests := []struct {
		name, typed string
		want        int
		output      string
		rest        string
		fails       bool
	}{
		{name: "first", typed: "1\n", want: 0, output: head + prompt},
		{name: "second, with spaces", typed: " 2 \n", want: 1, output: head + prompt},
		{name: "from a terminal of Windows", typed: "2\r\n", want: 1, output: head + prompt},
		{
			name: "asked again", typed: "\n0\n\x1b[2J\n-1\n1.0\n2\n", want: 1,
			output: head + prompt + "\"\" is none of them\n" + prompt + "\"0\" is none of them\n" + prompt + "\"\\x1b[2J\" is none of them\n" +
				prompt + "\"-1\" is none of them\n" + prompt + "\"1.0\" is none of them\n" + prompt,
		},
		{name: "what is typed after it stays", typed: "1\nls\nexit\n", want: 0, output: head + prompt, rest: "ls\nexit\n"},
		{name: "end of input", typed: "", output: head + prompt + "\n", fails: true},
		{name: "end of input within a line", typed: "1", output: head + prompt + "\n", fails: true},
		{name: "end of input after a wrong answer", typed: "9\n", output: head + prompt + "\"9\" is none of them\n" + prompt + "\n", fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := strings.NewReader(test.typed)
			var out bytes.Buffer
			got, err := Choose(t.Context(), in, &out, "pod/web has 2 containers:", []string{"app", "proxy"})
			if out.String() != test.output {
				t.Errorf("output %q; want %q", out.String(), test.output)
			}
			if test.fails {
				if !errors.Is(err, ErrNoAnswer) {
					t.Errorf("error = %v; want %v", err, ErrNoAnswer)
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("Choose = %d, %v; want %d", got, err, test.want)
			}
			if rest, _ := io.ReadAll(in); string(rest) != test.rest {
				t.Errorf("left of the input: %q; want %q", rest, test.rest)
			}
		})
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]bool{
		"y\n": true, "Y\r\n": true, "yes\n": true, "n\n": false, "\n": false, "yesterday\n": false,
	} {
		var out bytes.Buffer
		got, err := Confirm(t.Context(), strings.NewReader(typed), &out, "add it? [y/N] ")
		if err != nil || got != want || out.String() != "add it? [y/N] " {
			t.Errorf("Confirm after %q = %t, %v, shown %q; want %t", typed, got, err, out.String(), want)
		}
	}
	if got, err := Confirm(t.Context(), strings.NewReader("y"), io.Discard, ""); got || !errors.Is(err, ErrNoAnswer) {
		t.Errorf("Confirm at the end of input = %t, %v; want %v", got, err, ErrNoAnswer)
	}
}

// TestChooseIsInterrupted: Ctrl-C, which ends the context, ends the question.
func TestChooseIsInterrupted(t *testing.T) {
	t.Parallel()
	in, typing := io.Pipe()
	defer typing.Close()
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := Choose(ctx, in, io.Discard, "which?", []string{"a", "b"}); !errors.Is(err, why) {
		t.Errorf("error = %v; want %v", err, why)
	}
}

func TestNotices(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	n := NewNotices(&out)
	n.Say("pod/%s is here", "web\x1b[2J")
	n.Say("%s", "two\nlines")
	if got, want := out.String(), "pod/web\\x1b[2J is here\ntwo lines\n"; got != want {
		t.Errorf("notices %q; want %q", got, want)
	}
	var none *Notices
	none.Say("nobody hears it")
	NewNotices(iotest.TruncateWriter(&out, 0)).Say("nor this")
}

func TestNoticesTogether(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	n := NewNotices(&out)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { n.Say("a whole %s", "line") })
	}
	all.Wait()
	if got, want := out.String(), strings.Repeat("a whole line\n", 20); got != want {
		t.Errorf("notices %q; want %q", got, want)
	}
}
