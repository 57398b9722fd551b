package ui

import (
	"strconv"
	"strings"
	"unicode"
)

// Escape returns text with every character that could command a terminal, or hide what it says, written out. Line ends
// stay.
func Escape(text string) string {
	harmless := func(r rune) bool {
		return r == '\n' || r == '\t' || unicode.IsPrint(r) && r != unicode.ReplacementChar
	}
	if strings.IndexFunc(text, func(r rune) bool { return !harmless(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if harmless(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// Plain returns text with everything but letters, digits and ".:@/_ -" replaced, so that a shell that expands it, in a
// prompt for instance, finds nothing to run.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(".:@/_ -", r):
			return r
		}
		return '?'
	}, text)
}
