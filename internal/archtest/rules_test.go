package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// checkTiers reports imports within the module that do not go to a lower tier.
// A test file may also import its own tier (one stage is often the best check
// on another) and the packages that are for tests only.
func checkTiers(m module) []string {
	var faults []string
	for _, folder := range m.packages() {
		if _, known := tiers[folder]; !known {
			if !testOnly[folder] {
				faults = append(faults, fmt.Sprintf(
					"package %s stands in no tier: add it to the table in internal/archtest/tiers_test.go, in tier %d or above, and say in docs/layout.md what it is for",
					folder, lowestTier(m[folder])))
			}
			continue
		}
		for _, f := range m[folder] {
			for _, imported := range f.imports() {
				to, ok := inModule(imported)
				if !ok || to == folder {
					continue
				}
				if why := forbidden(f, to); why != "" {
					faults = append(faults, fmt.Sprintf("%s imports %s: %s", f, to, why))
				}
			}
		}
	}
	return faults
}

// forbidden says why a file may not import a package of this module, or "".
func forbidden(f file, to string) string {
	from := tiers[f.pkg]
	tier, known := tiers[to]
	switch {
	case testOnly[to]:
		if !f.isTest() && !sideways[edge{f.pkg, to}] {
			return "it is for test files only"
		}
		return ""
	case !known:
		return "it stands in no tier"
	case tier > from:
		return fmt.Sprintf("tier %d may not import tier %d: an import goes to a lower tier; declare an interface here and let the caller fill it", from, tier)
	case tier == from && !f.isTest() && !sideways[edge{f.pkg, to}]:
		return fmt.Sprintf("both stand in tier %d: an import never goes sideways; hand the value in, or move what both need down", tier)
	}
	return ""
}

// lowestTier returns the lowest tier that a package of these files could have.
func lowestTier(files []file) int {
	lowest := 0
	for _, f := range files {
		for _, imported := range f.imports() {
			if to, ok := inModule(imported); ok && !f.isTest() {
				lowest = max(lowest, tiers[to]+1)
			}
		}
	}
	return lowest
}

// checkPure reports what pure code reaches: imports by itself or through
// packages of this module, and calls that read or wait for the clock.
func checkPure(m module) []string {
	var faults []string
	for _, folder := range m.packages() {
		pattern, ok := pure[folder]
		if !ok {
			continue
		}
		files := slices.DeleteFunc(slices.Clone(m[folder]), func(f file) bool {
			matches, err := path.Match(pattern, f.name)
			return err != nil || !matches || f.isTest()
		})
		if len(files) == 0 {
			faults = append(faults, fmt.Sprintf("package %s has no file named %s: its pure part goes there, or change the table of pure code in internal/archtest/tiers_test.go", folder, pattern))
		}
		seen := map[string]bool{folder: true}
		for _, what := range reaches(m, files, seen) {
			faults = append(faults, fmt.Sprintf("%s is pure, but %s: let the caller hand the value in", folder, what))
		}
	}
	return faults
}

// reaches says what files, and the packages of this module below them that
// were not yet seen, hold that pure code may not.
func reaches(m module, files []file, seen map[string]bool) []string {
	var found []string
	for _, f := range files {
		for _, imported := range f.imports() {
			if folder, ok := inModule(imported); ok {
				if !seen[folder] {
					seen[folder] = true
					below := slices.DeleteFunc(slices.Clone(m[folder]), file.isTest)
					found = append(found, reaches(m, below, seen)...)
				}
				continue
			}
			if isImpure(imported) {
				found = append(found, fmt.Sprintf("%s imports %s", f, imported))
			}
		}
		found = append(found, clockUses(f)...)
	}
	return found
}

func isImpure(importPath string) bool {
	return !harmless[importPath] && slices.ContainsFunc(impure, func(p string) bool {
		return importPath == p || strings.HasPrefix(importPath, p+"/")
	})
}

// clockUses reports what the file takes from package time beyond durations
// and arithmetic.
func clockUses(f file) []string {
	clock := []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}
	return selectors(f, "time", clock)
}

// checkQuiet reports what in pkg/ prints or exits.
func checkQuiet(m module) []string {
	var faults []string
	for _, f := range promised(m) {
		found := slices.Concat(
			selectors(f, "fmt", []string{"Print", "Printf", "Println"}),
			selectors(f, "os", []string{"Exit", "Stderr", "Stdout"}),
		)
		for _, imported := range f.imports() {
			if imported == "log" || strings.HasPrefix(imported, "k8s.io/klog") {
				found = append(found, fmt.Sprintf("%s imports %s", f, imported))
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if id, ok := call.Fun.(*ast.Ident); ok && (id.Name == "print" || id.Name == "println") {
					found = append(found, fmt.Sprintf("%s calls %s", f, id.Name))
				}
			}
			return true
		})
		for _, what := range found {
			faults = append(faults, what+": a package that others import neither prints nor exits; return a value or an error")
		}
	}
	return faults
}

// selectors reports the uses in f of the given names of an imported package.
func selectors(f file, importPath string, names []string) []string {
	local := f.importsAs(func(p string) bool { return p == importPath })
	var found []string
	if local["."] != "" {
		found = append(found, fmt.Sprintf("%s imports %s into its own names", f, importPath))
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && local[id.Name] != "" && slices.Contains(names, sel.Sel.Name) {
				found = append(found, fmt.Sprintf("%s uses %s.%s", f, importPath, sel.Sel.Name))
			}
		}
		return true
	})
	return found
}

// promised returns the files, tests apart, of the packages under pkg/.
func promised(m module) []file {
	var files []file
	for _, folder := range m.packages() {
		if strings.HasPrefix(folder, "pkg/") {
			files = append(files, slices.DeleteFunc(slices.Clone(m[folder]), file.isTest)...)
		}
	}
	return files
}
