// Package docs_test holds the documentation to the program: links lead somewhere, and flags are the ones that there are.
package docs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mindebug/kubectl-mindebug/internal/cli"
)

// pages returns the text of each page, by its path from here.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"../docs/*.md", "../*.md", "../images/debug/*.md", "../test/cluster/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(text)
		}
	}
	if texts["../README.md"] == "" || len(texts) < 5 {
		t.Fatalf("only %d pages were found", len(texts))
	}
	return texts
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	longFlag = regexp.MustCompile(`--[a-z][a-z-]*[a-z]`)
)

// anchors are what a page's headings are called in a link.
func anchors(text string) (found []string) {
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		words := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				return r
			}
			return -1
		}, strings.ToLower(match[1]))
		found = append(found, words)
	}
	return found
}

func TestLinks(t *testing.T) {
	t.Parallel()
	texts := pages(t)
	for page, text := range texts {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			to, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			file := page
			if to != "" {
				file = filepath.Join(filepath.Dir(page), to)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s: %v", page, match[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(texts[file]), anchor) {
				t.Errorf("%s links to %s: that page has no such heading", page, match[1])
			}
		}
	}
}

// TestFlags: the README has every flag of ours, and no page gives mindebug a flag that it has not.
func TestFlags(t *testing.T) {
	t.Parallel()
	var help bytes.Buffer
	program := cli.Program{In: strings.NewReader(""), Out: &help, Err: &help, Getenv: func(string) string { return "" }}
	if status := cli.Run(t.Context(), program, []string{"--help"}); status != 0 {
		t.Fatalf("--help ended with status %d: %s", status, &help)
	}
	_, flags, found := strings.Cut(help.String(), "\nFlags:\n")
	ours, _, both := strings.Cut(flags, "--as string")
	if !found || !both {
		t.Fatalf("--help has no list of flags as it was known here:\n%s", &help)
	}
	texts := pages(t)
	for _, name := range longFlag.FindAllString(ours, -1) {
		if !slices.Contains(longFlag.FindAllString(texts["../README.md"], -1), name) {
			t.Errorf("the README lacks %s", name)
		}
	}
	for page, text := range texts {
		for line := range strings.Lines(text) {
			_, invocation, found := strings.Cut(line, "kubectl mindebug ")
			if !found {
				continue
			}
			invocation, _, _ = strings.Cut(invocation, " -- ")
			for _, name := range longFlag.FindAllString(invocation, -1) {
				if !slices.Contains(longFlag.FindAllString(flags, -1), name) {
					t.Errorf("%s: there is no flag %s: %s", page, name, line)
				}
			}
		}
	}
}
