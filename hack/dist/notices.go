package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licences are the names of files that say on which terms code may be passed on, and what must be said when it is.
var licences = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// noticesName is the name of the file in an archive.
const noticesName = "THIRD_PARTY_NOTICES"

// source is a package in the program, as `go list` tells it.
type source struct {
	Dir, ImportPath string
	Standard        bool
	Module          *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// writeNotices writes the licences of all code of others that a platform's program is made of: those of the modules and those
// beside single packages, as Go's module cache has them, each text once.
func (r *release) writeNotices(ctx context.Context, path string, p platform) error {
	out, err := r.goCommand(ctx, p, "list", "-deps", "-json=Dir,ImportPath,Standard,Module", "./cmd/kubectl-mindebug")
	if err != nil {
		return err
	}
	root, err := r.goCommand(ctx, p, "env", "GOROOT", "GOVERSION")
	if err != nil {
		return err
	}
	goroot, version, _ := strings.Cut(strings.TrimSpace(string(root)), "\n")
	texts := notices{}
	if err := texts.add("Go "+version, goroot, goroot); err != nil {
		return err
	}
	for packages := json.NewDecoder(bytes.NewReader(out)); ; {
		var from source
		if err := packages.Decode(&from); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("reading the list of packages: %w", err)
		}
		if from.Standard || from.Module == nil || from.Module.Main {
			continue
		}
		if err := texts.add(from.Module.Path+" "+from.Module.Version, from.Module.Dir, from.Dir); err != nil {
			return err
		}
	}
	return os.WriteFile(path, texts.bytes(), 0o644)
}

// notices are texts, each with the names of what they are about.
type notices map[string][]string

// add takes the licences of the folder of a package and of those above it, up to its module's, which must have one.
func (n notices) add(module, root, dir string) error {
	for ; ; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		found := false
		for _, entry := range entries {
			if !licences.MatchString(entry.Name()) || !entry.Type().IsRegular() {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			if err != nil {
				return err
			}
			below, err := filepath.Rel(root, filepath.Join(dir, entry.Name()))
			if err != nil {
				return err
			}
			found = true
			key, name := strings.TrimSpace(string(text)), module+": "+filepath.ToSlash(below)
			if !slices.Contains(n[key], name) {
				n[key] = append(n[key], name)
			}
		}
		switch {
		case dir == root && !found:
			return fmt.Errorf("%s has no licence in %s", module, root)
		case dir == root:
			return nil
		}
	}
}

// bytes is the file: for each text the names, in an order that is always the same.
func (n notices) bytes() []byte {
	var out bytes.Buffer
	out.WriteString("kubectl-mindebug is made of code of its own, whose licence is in the file LICENSE, and of that of others:\n" +
		"of each module that is named here, under the terms that follow.\n")
	for _, names := range n {
		slices.Sort(names)
	}
	order := slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Compare(n[a][0], n[b][0]) })
	for _, text := range order {
		fmt.Fprintf(&out, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(n[text], "\n"), text)
	}
	return out.Bytes()
}
