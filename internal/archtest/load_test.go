package archtest

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// edge is an import of one package of this module by another.
type edge struct{ from, to string }

// module maps each package's folder, relative to the module, to its files.
type module map[string][]file

// file is one Go file: its folder and name, and its syntax.
type file struct {
	pkg, name string
	syntax    *ast.File
}

func (f file) String() string { return path.Join(f.pkg, f.name) }

func (f file) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

// imports returns the paths that the file imports.
func (f file) imports() []string {
	paths := make([]string, 0, len(f.syntax.Imports))
	for _, spec := range f.syntax.Imports {
		paths = append(paths, importPath(spec))
	}
	return paths
}

// importsAs returns the name under which the file knows each import that
// match accepts. A dot or blank import has none.
func (f file) importsAs(match func(importPath string) bool) map[string]string {
	names := map[string]string{}
	for _, spec := range f.syntax.Imports {
		p := importPath(spec)
		if !match(p) {
			continue
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value // the parser lets no such path through
	}
	return p
}

// inModule returns the folder of an import path of this module.
func inModule(importPath string) (folder string, ok bool) {
	return strings.CutPrefix(importPath, modulePath+"/")
}

// packages returns the folders in order, without those outside the tiers.
func (m module) packages() []string {
	var folders []string
	for folder := range m {
		first, _, _ := strings.Cut(folder, "/")
		if !slices.Contains(outside, first) {
			folders = append(folders, folder)
		}
	}
	slices.Sort(folders)
	return folders
}

// load parses every Go file of the module at the root of tree, for all
// platforms, except in nested modules and folders that the go tool skips.
func load(tree fs.FS) (module, error) {
	m := module{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipDir(tree, name) {
				return fs.SkipDir
			}
			return nil
		}
		base := path.Base(name)
		if !strings.HasSuffix(base, ".go") || strings.HasPrefix(base, "_") || strings.HasPrefix(base, ".") {
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone since the folder was read
		}
		if err != nil || strings.HasPrefix(string(source), "//go:build ignore\n") {
			return err
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := path.Dir(name)
		m[folder] = append(m[folder], file{pkg: folder, name: base, syntax: syntax})
		return nil
	})
	return m, err
}

func skipDir(tree fs.FS, name string) bool {
	if name == "." {
		return false
	}
	base := path.Base(name)
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := fs.Stat(tree, path.Join(name, "go.mod"))
	return err == nil
}
