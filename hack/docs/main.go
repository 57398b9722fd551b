// Command docs writes what of the documentation is made from the code that it is about: `docs pages ../../docs`, which
// `make generate` runs, the generated parts of pages and the command reference; `docs man DIR` and `docs completion DIR` the man
// pages and completion scripts of a release.
package main

//go:generate go run . pages ../../docs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// What stands between these lines is generated.
const (
	begin = "<!-- begin: written by `make generate` -->\n"
	end   = "<!-- end -->\n"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: docs pages|man|completion DIR")
	}
	switch what, dir := args[0], args[1]; what {
	case "pages":
		for page, part := range map[string]func() ([]byte, error){"permissions.md": permissions, "profiles.md": plans} {
			if err := write(filepath.Join(dir, page), part); err != nil {
				return err
			}
		}
		return reference(filepath.Join(dir, "reference"))
	case "man":
		return manPages(dir)
	case "completion":
		return completionScripts(dir)
	default:
		return fmt.Errorf("there is nothing called %q to write", what)
	}
}

func write(path string, part func() ([]byte, error)) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(page, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return fmt.Errorf("%s has no place for what is generated: %q, %q", path, begin, end)
	}
	text, err := part()
	if err != nil {
		return fmt.Errorf("making a part of %s: %w", path, err)
	}
	return os.WriteFile(path, bytes.Join([][]byte{before, []byte(begin), text, []byte(end), after}, nil), 0o644)
}
