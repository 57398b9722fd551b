package triage

import (
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	const (
		key  = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\nabc=\n-----END EC PRIVATE KEY-----"
		cert = "-----BEGIN CERTIFICATE-----\nMHcCAQEE\n-----END CERTIFICATE-----"
		id   = "/kubepods/burstable/pod1/4f2a9c5e4f2a9c5e4f2a9c5e4f2a9c5e4f2a9c5e4f2a9c5e4f2a9c5e4f2a9c5e"
	)
	for text, want := range map[string]string{
		"":                                   "",
		"DB_PASSWORD=hunter2 next":           "DB_PASSWORD=[redacted] next",
		"db.passwd: hunter2\nx":              "db.passwd: [redacted]\nx",
		`{"apiKey": "a b\"c", "n": 1}`:       `{"apiKey": [redacted], "n": 1}`,
		"clientSecret='a b' x":               "clientSecret=[redacted] x",
		"server --token abc.def --port 80":   "server --token [redacted] --port 80",
		"server -password=abc --port 80":     "server -password=[redacted] --port 80",
		"server --token --port 80":           "server --token --port 80",
		"postgres://app:hunter2@db:5432/x":   "postgres://app:[redacted]@db:5432/x",
		"redis://:p%40ss@cache/0":            "redis://:[redacted]@cache/0",
		"postgres://app:p@ss@db/x":           "postgres://app:[redacted]@db/x",
		"postgres://app:p/w9@db/x":           "postgres://app:[redacted]@db/x",
		"x://a:b@c, http://h:80/?m=d@e":      "x://a:[redacted]@c, http://h:80/?m=d@e",
		"https://user@host/path":             "https://user@host/path",
		"Authorization: Basic dXNlcjpwYXNz":  "Authorization: [redacted]",
		"Set-Cookie: a=b; Path=/\nHost: x":   "Set-Cookie: [redacted]\nHost: x",
		"X-Api-Key: 12":                      "X-Api-Key: [redacted]",
		"sent Bearer abcdefgh.ijk to":        "sent Bearer [redacted] to",
		"a bearer of news":                   "a bearer of news",
		"x eyJhbGciOi.eyJzdWIi.c2ln y":       "x [redacted] y",
		"AKIA" + "IOSFODNN7EXAMPLE.":         "[redacted].",
		"ghp_" + strings.Repeat("a", 36):     "[redacted]",
		"glpat-" + strings.Repeat("a", 20):   "[redacted]",
		"xoxb-" + "123456789012-abc":         "[redacted]",
		"AIza" + strings.Repeat("b", 35):     "[redacted]",
		"sk_live_" + strings.Repeat("c", 24): "[redacted]",
		"a\n" + key + "\nb":                  "a\n[redacted]\nb",
		key[:50]:                             "[redacted]",
		cert:                                 cert,
		id:                                   id,
		"Max open files  20000  20000":       "Max open files  20000  20000",
		"CapEff:\t0000000000000000":          "CapEff:\t0000000000000000",
		"nameserver 10.96.0.10\nsearch a b":  "nameserver 10.96.0.10\nsearch a b",
		"secrets: volume of Secret db":       "secrets: [redacted] of Secret db",
		"bad \xff byte":                      "bad � byte",
	} {
		if got := Redact(text); got != want {
			t.Errorf("of %q it leaves %q, want %q", text, got, want)
		}
		if again := Redact(want); again != want {
			t.Errorf("what it left is not left: %q becomes %q", want, again)
		}
	}
}

// FuzzRedact: whatever stands around, a password with a name does not stay.
func FuzzRedact(f *testing.F) {
	for _, text := range []string{"", "\n", "a=", `"`, "token ", "-----BEGIN PRIVATE KEY-----", "://x:"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, around string) {
		if got := Redact(around + "\nDB_PASSWORD=hunter2hunter2\n" + around); strings.Contains(got, "hunter2hunter2") {
			t.Errorf("with %q it stays: %q", around, got)
		}
	})
}
