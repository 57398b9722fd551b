package archtest

import (
	"fmt"
	"go/ast"
	"strings"
)

// checkExports reports exported names in pkg/ that have a type from internal/
// in their signature: those who import pkg/ could not name it.
func checkExports(m module) []string {
	var faults []string
	for _, f := range promised(m) {
		hidden := f.importsAs(func(p string) bool {
			_, ours := inModule(p)
			return ours && strings.Contains(p, "/internal/")
		})
		if len(hidden) == 0 {
			continue
		}
		for _, decl := range f.syntax.Decls {
			for _, e := range exported(decl) {
				for _, what := range mentions(e.seen, hidden) {
					faults = append(faults, fmt.Sprintf("%s: %s shows %s, which those who import %s cannot name: give pkg/ a type of its own", f, e.name, what, f.pkg))
				}
			}
		}
	}
	return faults
}

// export is an exported name and the parts of its declaration that others see.
type export struct {
	name string
	seen []ast.Node
}

// exported returns the exported names of a declaration.
func exported(decl ast.Decl) []export {
	var names []export
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) {
			names = append(names, export{d.Name.Name, []ast.Node{d.Type}})
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					names = append(names, export{s.Name.Name, typeParts(s)})
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						names = append(names, export{name.Name, valueParts(s)})
					}
				}
			}
		}
	}
	return names
}

// typeParts returns a type's definition and, where it has them, its parameters.
func typeParts(s *ast.TypeSpec) []ast.Node {
	if s.TypeParams == nil {
		return []ast.Node{s.Type}
	}
	return []ast.Node{s.TypeParams, s.Type}
}

// valueParts returns the type of a variable or constant or, where none is
// written, the values that give it one.
func valueParts(s *ast.ValueSpec) []ast.Node {
	if s.Type != nil {
		return []ast.Node{s.Type}
	}
	nodes := make([]ast.Node, 0, len(s.Values))
	for _, value := range s.Values {
		nodes = append(nodes, value)
	}
	return nodes
}

// receiver returns the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	name := ""
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}

// mentions returns the names of hidden packages that nodes mention, passing
// over unexported fields, unexported methods and the bodies of functions.
func mentions(nodes []ast.Node, hidden map[string]string) []string {
	var found []string
	var visit func(ast.Node) bool
	fields := func(list *ast.FieldList) bool {
		for _, field := range list.List {
			if len(field.Names) == 0 || ast.IsExported(field.Names[0].Name) {
				ast.Inspect(field.Type, visit)
			}
		}
		return false
	}
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructType:
			return fields(n.Fields)
		case *ast.InterfaceType:
			return fields(n.Methods)
		case *ast.BlockStmt:
			return false
		case *ast.SelectorExpr:
			if id, ok := n.X.(*ast.Ident); ok && hidden[id.Name] != "" {
				found = append(found, hidden[id.Name]+"."+n.Sel.Name)
			}
		}
		return true
	}
	for _, node := range nodes {
		ast.Inspect(node, visit)
	}
	return found
}
