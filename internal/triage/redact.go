package triage

import (
	"regexp"
	"strings"
	"sync"
)

// Redacted stands where a secret stood.
const Redacted = "[redacted]"

// secretKey is a name whose value is taken for a secret: a word of these anywhere in it.
const secretKey = `[\w.-]*(?i:passw(?:or)?d|passphrase|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|credential|signature|authorization|cookie)[\w.-]*`

// secrets are what looks like one. Where an expression has a group, that is kept and what follows it is not.
var secrets = sync.OnceValue(func() []*regexp.Regexp { // few calls need them, and they take half a millisecond
	return []*regexp.Regexp{
		regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)`),
		// A header, with all of its line.
		regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]*(?:key|token))[ \t]*:[ \t]*[^\r\n]+`),
		// NAME=value, name: "value", --name value.
		regexp.MustCompile(`(\b` + secretKey + `["']?[ \t]*(?:=|:)[ \t]*)(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,;&"'})]+)`),
		regexp.MustCompile(`(--?` + secretKey + `[ \t]+)[^\s-][^\s]*`),
		// scheme://user:password@host
		// Whoever wrote it may not have escaped a slash or an @ in the password; digits alone before a slash are a port.
		regexp.MustCompile(`(\b[a-zA-Z][\w+.-]*://[^\s/:@]*:)(?:[^\s/"'<>]+@|[^\s/"'<>]*[^\s/"'<>\d][^\s/"'<>]*/[^\s"'<>]*@)`),
		regexp.MustCompile(`(?i)(\b(?:bearer|basic)[ \t]+)[\w~+/.=-]{8,}`),
		// JSON web tokens, and the keys of AWS, GitHub, GitLab, Slack, Google and Stripe, each by how it begins.
		regexp.MustCompile(`\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*`),
		regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`),
		regexp.MustCompile(`\b(?:gh[pousr]_|github_pat_|glpat-)\w{16,}`),
		regexp.MustCompile(`\bxox[a-z]-[\w-]{10,}`),
		regexp.MustCompile(`\bAIza[\w-]{35}`),
		regexp.MustCompile(`\b[sr]k_(?:live|test)_\w{16,}`),
	}
})

// kept are the replacements, in the order of secrets.
var kept = map[int]string{1: "$1: " + Redacted, 2: "${1}" + Redacted, 3: "${1}" + Redacted, 4: "${1}" + Redacted + "@", 5: "${1}" + Redacted}

// Redact replaces in a text what looks like a secret. It knows names and shapes: a secret that has neither it does not see.
func Redact(text string) string {
	for i, expression := range secrets() {
		replacement, ok := kept[i]
		if !ok {
			replacement = Redacted
		}
		text = expression.ReplaceAllString(text, replacement)
	}
	return strings.ToValidUTF8(text, "�")
}
