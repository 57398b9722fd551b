// Command docs writes the generated parts of the pages in docs, from the code that they are about. `make generate` runs it.
package main

//go:generate go run . ../../docs

import (
	"bytes"
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
	for page, part := range map[string]func() ([]byte, error){"permissions.md": permissions, "profiles.md": plans} {
		if err := write(filepath.Join(os.Args[1], page), part); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
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
