package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// place is a path of the repository, as layout.md writes it.
	place = regexp.MustCompile("`((?:cmd|docs|hack|images|internal|pkg|test)/[^` ]*)`")
	// stage is a function of a package, in the way of one command.
	stage = regexp.MustCompile("`([a-z]+)\\.([A-Z][A-Za-z]+)`")
)

// TestLayout: what layout.md names is there, folders and files as well as the functions that one command goes through.
func TestLayout(t *testing.T) {
	t.Parallel()
	text := pages(t)["../docs/layout.md"]
	for _, match := range place.FindAllStringSubmatch(text, -1) {
		if found, err := filepath.Glob(filepath.Join("..", match[1])); err != nil || len(found) == 0 {
			t.Errorf("layout.md names %s, which is not there (%v)", match[1], err)
		}
	}
	_, way, _ := strings.Cut(text, "\n## One command\n")
	way, _, _ = strings.Cut(way, "\n## ")
	stages := stage.FindAllStringSubmatch(way, -1)
	if len(stages) < 8 {
		t.Errorf("one command goes through %d functions only", len(stages))
	}
	for _, match := range stages {
		var code strings.Builder
		for _, dir := range []string{"../internal/", "../pkg/"} {
			files, err := filepath.Glob(dir + match[1] + "/*.go")
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				code.Write(content)
			}
		}
		if !regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type )` + match[2] + `\b`).MatchString(code.String()) {
			t.Errorf("layout.md names %s.%s, which is not there", match[1], match[2])
		}
	}
}
