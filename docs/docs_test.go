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
	for _, pattern := range []string{"../docs/*.md", "../docs/reference/*.md", "../docs/runbooks/*.md", "../*.md", "../images/debug/*.md", "../test/cluster/*.md"} {
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

// TestPagesAreFound: the README leads to each page, and that of a folder to the others in it.
func TestPagesAreFound(t *testing.T) {
	t.Parallel()
	texts := pages(t)
	for page := range texts {
		path := strings.TrimPrefix(page, "../")
		from := "../README.md"
		switch dir := filepath.Dir(page); {
		case page == from || strings.HasPrefix(path, "docs/reference/"): // cobra links those
			continue
		case texts[filepath.Join(dir, "README.md")] != "" && filepath.Base(page) != "README.md":
			from, path = filepath.Join(dir, "README.md"), filepath.Base(page)
		}
		if !strings.Contains(texts[from], "]("+path) {
			t.Errorf("%s does not link to %s", from, path)
		}
	}
}

// help is what `kubectl mindebug VERB --help` prints.
func help(t *testing.T, verb string) string {
	t.Helper()
	var out bytes.Buffer
	program := cli.Program{In: strings.NewReader(""), Out: &out, Err: &out, Getenv: func(string) string { return "" }}
	if status := cli.Run(t.Context(), program, append(strings.Fields(verb), "--help")); status != 0 {
		t.Fatalf("%s --help ended with status %d: %s", verb, status, &out)
	}
	return out.String()
}

var listed = regexp.MustCompile(`(?m)^  ([a-z]+)  `)

// verbs returns each verb, as its words, "" being a session; with the flags of its own and with all that it takes.
func verbs(t *testing.T) (own, all map[string][]string) {
	t.Helper()
	own, all = map[string][]string{}, map[string][]string{}
	var walk func(verb string)
	walk = func(verb string) {
		text := help(t, verb)
		_, flags, _ := strings.Cut(text, "\nFlags:\n")
		// Of a session's flags kubectl's stand in the same list, after ours.
		ours, _, _ := strings.Cut(flags, "\nGlobal Flags:\n")
		ours, _, _ = strings.Cut(ours, "--as string")
		own[verb] = slices.DeleteFunc(longFlag.FindAllString(ours, -1), func(name string) bool { return name == "--help" })
		all[verb] = longFlag.FindAllString(flags, -1)
		_, commands, _ := strings.Cut(text, "\nAvailable Commands:\n")
		commands, _, _ = strings.Cut(commands, "\n\n")
		for _, match := range listed.FindAllStringSubmatch(commands, -1) {
			walk(strings.TrimSpace(verb + " " + match[1]))
		}
	}
	walk("")
	return own, all
}

// verbOf is the verb that the words after "kubectl mindebug" begin with.
func verbOf(invocation string, known map[string][]string) string {
	verb := ""
	for _, word := range strings.Fields(invocation) {
		longer := strings.TrimSpace(verb + " " + word)
		if _, ok := known[longer]; !ok {
			break
		}
		verb = longer
	}
	return verb
}

// TestFlags: the README has every flag of ours, in every verb, and no page gives a verb a flag that it has not.
func TestFlags(t *testing.T) {
	t.Parallel()
	own, all := verbs(t)
	if len(own) < 4 || len(own[""]) < 10 {
		t.Fatalf("--help has verbs and flags otherwise than was known here: %v", own)
	}
	texts := pages(t)
	for verb, names := range own {
		for _, name := range names {
			if !slices.Contains(longFlag.FindAllString(texts["../README.md"], -1), name) {
				t.Errorf("the README lacks %s of %q", name, verb)
			}
		}
	}
	for page, text := range texts {
		for line := range strings.Lines(text) {
			_, invocation, found := strings.Cut(line, "kubectl mindebug ")
			if !found {
				continue
			}
			invocation, _, _ = strings.Cut(invocation, " -- ")
			invocation, _, _ = strings.Cut(invocation, " | ")
			verb := verbOf(invocation, all)
			for _, name := range longFlag.FindAllString(invocation, -1) {
				if !slices.Contains(all[verb], name) {
					t.Errorf("%s: there is no flag %s in %q: %s", page, name, verb, line)
				}
			}
		}
	}
}

// TestVerbs: the README has every verb.
func TestVerbs(t *testing.T) {
	t.Parallel()
	own, _ := verbs(t)
	readme := pages(t)["../README.md"]
	for verb := range own {
		if verb != "help" && !strings.Contains(readme, strings.TrimSpace("kubectl mindebug "+verb)) {
			t.Errorf("the README lacks `kubectl mindebug %s`", verb)
		}
	}
}
