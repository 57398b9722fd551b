package main

import (
	"os"
	"strings"
	"testing"
)

// TestReadme: the session that the README shows is the one that was recorded.
func TestReadme(t *testing.T) {
	t.Parallel()
	cast, err := os.ReadFile("../../docs/session.cast")
	if err != nil {
		t.Fatal(err)
	}
	text, err := screen(cast)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range typed[:len(typed)-1] {
		if !strings.Contains(text, "$ "+step.line+"\n") {
			t.Errorf("%q is not in the recording", step.line)
		}
	}
	if !strings.Contains(string(readme), begin+text+end) {
		t.Errorf("the README shows another session than docs/session.cast, which is:\n%s", text)
	}
}
