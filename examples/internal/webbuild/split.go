package webbuild

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
)

// constrain puts a source file behind ServerTag, with the constraint that it has.
func constrain(src []byte) ([]byte, error) {
	var expr constraint.Expr = &constraint.TagExpr{Tag: ServerTag}
	lines := bytes.SplitAfter(src, []byte("\n"))
	for i, line := range lines {
		if bytes.HasPrefix(line, []byte("package ")) {
			break
		}
		if text := string(bytes.TrimSpace(line)); constraint.IsGoBuild(text) {
			had, err := constraint.Parse(text)
			if err != nil {
				return nil, err
			}
			expr = &constraint.AndExpr{X: expr, Y: had}
			lines = slices.Delete(lines, i, i+1)
			break
		}
	}
	return slices.Concat([]byte("//go:build "+expr.String()+"\n\n"), bytes.Join(lines, nil)), nil
}

// split makes two files of one: front has all but the named declarations, behind
// has those and stands behind ServerTag. Each imports what it uses. Declarations
// keep their text, byte by byte.
func split(name string, src []byte, named []string) (front, behind []byte, err error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.ParseComments)
	if err != nil {
		return nil, nil, err
	}
	var decls [2][]ast.Decl
	var missing []error
	for _, n := range named {
		if !slices.ContainsFunc(file.Decls, func(d ast.Decl) bool { return declares(d) == n }) {
			missing = append(missing, fmt.Errorf("%s declares no %s", name, n))
		}
	}
	if missing != nil {
		return nil, nil, errors.Join(missing...)
	}
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			continue
		}
		part := 0
		if n := declares(d); n != "" && slices.Contains(named, n) {
			part = 1
		}
		decls[part] = append(decls[part], d)
	}
	text := func(part int) []byte {
		var b bytes.Buffer
		fmt.Fprintf(&b, "package %s\n", file.Name.Name)
		for _, i := range file.Imports {
			if uses(decls[part], i) {
				fmt.Fprintf(&b, "\nimport %s", src[fset.Position(i.Pos()).Offset:fset.Position(i.End()).Offset])
			}
		}
		b.WriteByte('\n')
		for _, d := range decls[part] {
			fmt.Fprintf(&b, "\n%s\n", src[fset.Position(begin(d)).Offset:fset.Position(d.End()).Offset])
		}
		return b.Bytes()
	}
	behind, err = constrain(text(1))
	return text(0), behind, err
}

// declares names a declaration of one thing, as Type.Method when it is a method.
// A group in parentheses has no name: it stays together.
func declares(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return d.Name.Name
		}
		of := d.Recv.List[0].Type
		if star, ok := of.(*ast.StarExpr); ok {
			of = star.X
		}
		if id, ok := of.(*ast.Ident); ok {
			return id.Name + "." + d.Name.Name
		}
	case *ast.GenDecl:
		if spec, ok := d.Specs[0].(*ast.TypeSpec); ok && !d.Lparen.IsValid() {
			return spec.Name.Name
		}
	}
	return ""
}

// begin is where a declaration or the comment on it begins.
func begin(d ast.Decl) token.Pos {
	var doc *ast.CommentGroup
	switch d := d.(type) {
	case *ast.FuncDecl:
		doc = d.Doc
	case *ast.GenDecl:
		doc = d.Doc
	}
	if doc != nil {
		return doc.Pos()
	}
	return d.Pos()
}

// uses tells whether the declarations select anything from an imported package.
// The compiler would refuse a wrong answer.
func uses(decls []ast.Decl, i *ast.ImportSpec) (found bool) {
	pkg, err := strconv.Unquote(i.Path.Value)
	if err != nil {
		return true
	}
	name := path.Base(pkg)
	if i.Name != nil {
		name = i.Name.Name
	}
	for _, d := range decls {
		ast.Inspect(d, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == name {
					found = true
				}
			}
			return !found
		})
	}
	return found
}
