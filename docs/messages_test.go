package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// verb is a verb of package fmt, or what stands for it on the page.
var verb = regexp.MustCompile(`%[-+#0-9.]*[a-zA-Z]`)

// spoken are the texts that the program can print as an error or a notice, in source files of these folders, with "…"
// for what differs from time to time.
func spoken(t *testing.T, pattern string, wanted func(ast.Node) ast.Expr) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if expr := wanted(n); expr != nil {
				if text := literal(expr); strings.Trim(text, "…: ") != "" {
					texts = append(texts, text)
				}
			}
			return true
		})
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// literal is a text as it stands in the source: a string, the format of a call, or what is put together of both.
func literal(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return verb.ReplaceAllString(text, "…")
		}
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	case *ast.CallExpr:
		if name, ok := e.Fun.(*ast.SelectorExpr); ok && name.Sel.Name == "Sprintf" {
			return literal(e.Args[0])
		}
	}
	return "…"
}

// errorText is what is assigned to the text of a message, which becomes the line after "error:".
func errorText(n ast.Node) ast.Expr {
	assign, ok := n.(*ast.AssignStmt)
	if !ok {
		return nil
	}
	for i, to := range assign.Lhs {
		if field, ok := to.(*ast.SelectorExpr); ok && field.Sel.Name == "text" && len(assign.Rhs) > i {
			return assign.Rhs[i]
		}
	}
	return nil
}

// noticeText is what is said.
func noticeText(n ast.Node) ast.Expr {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return nil
	}
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		if f.Sel.Name == "Say" {
			return call.Args[0]
		}
	case *ast.Ident:
		if f.Name == "say" {
			return call.Args[0]
		}
	}
	return nil
}

func TestTroubleshooting(t *testing.T) {
	t.Parallel()
	page := pages(t)["../docs/troubleshooting.md"]
	errors := spoken(t, "../internal/cli/errors*.go", errorText)
	notices := spoken(t, "../internal/*/*.go", noticeText)
	t.Logf("%d errors, %d notices", len(errors), len(notices))
	if len(errors) < 50 || len(notices) < 20 {
		t.Fatalf("%d errors and %d notices: they are made otherwise than was known here", len(errors), len(notices))
	}
	for _, text := range slices.Concat(errors, notices) {
		if !strings.Contains(page, strings.TrimSpace(text)) {
			t.Errorf("docs/troubleshooting.md has no entry for this text of the program:\n%s", text)
		}
	}
}
