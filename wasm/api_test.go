//go:build !js

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// Every exported name of sipua has its counterpart in the TypeScript sources, or
// api_table_test.go says why it has none. A name that is new there fails here until
// it is decided.
func TestEveryNameOfTheGoPackageIsInTheFacade(t *testing.T) {
	ts, names := readTypeScript(t), readGo(t)
	used := map[string]bool{}
	for _, n := range names {
		where, missing := n.look(ts, used)
		if missing {
			t.Errorf("%s is not in the facade (looked for %s): add it there, or say in api_table_test.go what it is called or why it is not needed", n, where)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(counterparts)) {
		require.True(t, used[name], "api_table_test.go: %s is not in the Go package any more, or has the name that it would have anyway", name)
	}
	require.Greater(t, len(names), 800, "the Go package was read")
}

// The reader of TypeScript must not see names that are not there.
func TestTypeScriptReader(t *testing.T) {
	ts := typeScript{}
	ts.read(`
export interface A<T> extends B, Omit<C, "x"> { /** no: comment */ readonly one: { readonly deep?: string; }; two?(): void; "three": D & { more: 1 } }
export interface B { four: string; }  // five: number
export class E { #six = 1; get seven(): number { const eight = { nine: 1 }; return eight.nine; } async ten(options: { eleven: 1 } = {}): Promise<void> { this.x(); } }
export type D = "red" | "green";
`)
	require.Equal(t, []string{"four", "one", "three", "two"}, slices.Sorted(maps.Keys(ts.members("A"))))
	require.Equal(t, []string{"seven", "ten"}, slices.Sorted(maps.Keys(ts.members("E"))))
	require.True(t, ts.has("A.one", "deep"))
	require.True(t, ts.has("A.three", "more"))
	require.False(t, ts.has("A", "deep"))
	require.False(t, ts.has("E", "nine"))
	require.False(t, ts.has("A.nowhere", "deep"))
	require.True(t, ts.hasValue("D", "red"))
	require.False(t, ts.hasValue("D", "blue"))
	require.Equal(t, "tempGruu", camel("TempGRUU"))
	require.Equal(t, "uri", camel("URI"))
	require.Equal(t, "callId", camel("CallID"))
	require.Equal(t, "minSE", camel("MinSE"))
	require.Equal(t, "temporaryGruuCseq", camel("TemporaryGRUUCSeq"))
}

// goName is one exported name: a type, a function, a method or field of a type, or a
// constant, whose value is text.
type goName struct{ of, name, value string }

func (n goName) String() string {
	return strings.TrimPrefix(strings.TrimSuffix(n.of+"."+n.name, "."), ".")
}

// look finds the counterpart. Used notes which entries of the table were needed.
func (n goName) look(ts typeScript, used map[string]bool) (where string, missing bool) {
	owner, known := counterparts[n.of]
	if known {
		used[n.of] = true
	}
	to, named := counterparts[n.String()]
	switch {
	case n.name == "": // a type, or a function
		used[n.String()] = used[n.String()] || named
		if why, none := strings.CutPrefix(to, "- "); none {
			return "", why == ""
		}
		if !named {
			to = n.of
		}
		return to, !ts.known(to)
	case strings.HasPrefix(owner, "- "):
		return "", false // of what is not there as a whole
	case slices.Contains(idioms, n.name), !named && strings.HasPrefix(owner, n.name+"Events."):
		return "", false // Go's own, or whose event it is
	}
	if !known {
		owner = n.of
	}
	if n.value != "" {
		if named {
			used[n.String()], owner = true, to
		}
		return owner + " with " + n.value, !ts.hasValue(owner, n.value)
	}
	member := camel(n.name)
	if n.name == "Err" {
		member = "error"
	}
	if named {
		if to == member {
			return n.String() + " by the usual name", false
		}
		used[n.String()] = true
		if why, none := strings.CutPrefix(to, "- "); none {
			return "", why == ""
		}
		if at := strings.LastIndex(to, "."); at >= 0 {
			owner, to = to[:at], to[at+1:]
		}
		member = to
	}
	return owner + "." + member, !ts.has(owner, member) && !(named && ts[to].public) // or a function of its own
}

// idioms are methods that Go programs expect of a type, and JavaScript's do not.
var idioms = []string{"String", "Format", "Error", "Unwrap", "Is"}

// camel is the usual name in JavaScript: SE stays as RFC 4028 writes it.
func camel(name string) string {
	for _, word := range []string{"GRUU", "URI", "CSeq", "ICE", "RTCP", "ID", "AOR", "PRID", "URL"} {
		name = strings.ReplaceAll(name, word, word[:1]+strings.ToLower(word[1:]))
	}
	upper := strings.IndexFunc(name, func(r rune) bool { return !unicode.IsUpper(r) })
	switch {
	case upper < 0:
		return strings.ToLower(name)
	case upper > 1:
		upper--
	}
	return strings.ToLower(name[:upper]) + name[upper:]
}

func readGo(t *testing.T) (names []goName) {
	paths, err := filepath.Glob("../sipua/*.go")
	require.NoError(t, err)
	paths = slices.DeleteFunc(paths, func(path string) bool { return strings.HasSuffix(path, "_test.go") })
	require.NotEmpty(t, paths)
	add := func(of, name, value string) {
		if ast.IsExported(of) && (name == "" || ast.IsExported(name)) {
			names = append(names, goName{of, name, value})
		}
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					add(d.Name.Name, "", "")
				} else {
					of := d.Recv.List[0].Type
					if star, ok := of.(*ast.StarExpr); ok {
						of = star.X
					}
					add(of.(*ast.Ident).Name, d.Name.Name, "")
				}
			case *ast.GenDecl:
				readDeclaration(d, add)
			}
		}
	}
	return names
}

func readDeclaration(d *ast.GenDecl, add func(of, name, value string)) {
	last := "" // of constants that are numbered
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			add(s.Name.Name, "", "")
			var fields *ast.FieldList
			switch body := s.Type.(type) {
			case *ast.StructType:
				fields = body.Fields
			case *ast.InterfaceType:
				fields = body.Methods
			default:
				continue
			}
			for _, f := range fields.List {
				for _, name := range f.Names {
					add(s.Name.Name, name.Name, "")
				}
			}
		case *ast.ValueSpec:
			if of, ok := s.Type.(*ast.Ident); ok {
				last = of.Name
			}
			for i, name := range s.Names {
				value := ""
				if i < len(s.Values) {
					if literal, ok := s.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
						value, _ = strconv.Unquote(literal.Value)
					}
				}
				switch {
				case d.Tok == token.VAR || last == "":
					add(name.Name, "", "")
				default:
					add(last, name.Name, value)
				}
			}
		}
	}
}

// typeScript holds the declarations of the facade by their names.
type typeScript map[string]declaration

type declaration struct {
	public  bool
	extends []string
	body    string
	parts   map[string]string // members: name and the whole of it
}

var (
	blockComments = regexp.MustCompile(`(?s)/\*.*?\*/`)
	lineComments  = regexp.MustCompile(`(?m)(^|\s)//.*$`)
	declarations  = regexp.MustCompile(`(?m)^(export )?(interface|class|type|const|function|async function) (\w+)`)
	identifiers   = regexp.MustCompile(`[A-Za-z_]\w*`)
	memberNames   = regexp.MustCompile(`^(?:(?:readonly|get|async|static|declare|override|private) )*"?([A-Za-z_]\w*)"?[?!]?\s*[:(<=]`)
	fieldNames    = regexp.MustCompile(`(?:^|[{;,(\s])(?:readonly )?"?([A-Za-z_]\w*)"?\??:`)
	generics      = regexp.MustCompile(`<[^<>]*>`)
	partsOf       = regexp.MustCompile(`(?:Partial|Omit|Pick)<(\w+)[^<>]*>`)
)

func readTypeScript(t *testing.T) typeScript {
	ts := typeScript{}
	files, err := filepath.Glob("npm/src/*.ts")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		ts.read(string(text))
	}
	return ts
}

func (ts typeScript) read(text string) {
	text = lineComments.ReplaceAllString(blockComments.ReplaceAllString(text, ""), "$1")
	for _, at := range declarations.FindAllStringSubmatchIndex(text, -1) {
		kind, name, rest := text[at[4]:at[5]], text[at[6]:at[7]], text[at[1]:]
		public := at[2] >= 0
		if ts[name].public && !public { // what public types are made of need not be public; another one's name may be the same
			continue
		}
		switch kind {
		case "interface", "class":
			head, _, _ := strings.Cut(rest, "{")
			_, extends, _ := strings.Cut(generics.ReplaceAllString(partsOf.ReplaceAllString(head, "$1"), ""), "extends ")
			body := rest[len(head):]
			body = body[1 : end(body, "")-1]
			ts[name] = declaration{public: public, extends: identifiers.FindAllString(extends, -1), body: body, parts: split(body, kind == "class")}
		default:
			body := rest[:end(rest, ";")]
			ts[name] = declaration{public: public, body: body}
		}
	}
}

// end is where the first group of brackets ends, or the first of stops outside of any.
func end(text, stops string) int {
	depth := 0
	for i, r := range text {
		switch {
		case strings.ContainsRune("{([", r):
			depth++
		case strings.ContainsRune("})]", r):
			if depth--; depth == 0 && stops == "" {
				return i + 1
			}
		case depth == 0 && strings.ContainsRune(stops, r):
			return i
		}
	}
	return len(text)
}

// split takes a body apart into its members. Those of a class may end with a block.
func split(body string, class bool) map[string]string {
	parts := map[string]string{}
	for rest := strings.TrimSpace(body); rest != ""; rest = strings.TrimSpace(strings.TrimLeft(rest, ";, \n")) {
		stop := end(rest, ";")
		if class {
			if open := strings.Index(rest[:stop], ") {"); open >= 0 || strings.Contains(rest[:stop], "> {") || strings.HasPrefix(rest, "get ") {
				// The block is the first one behind the parameters and the type.
				head := rest[:stop]
				at := 0
				for {
					brace := strings.Index(head[at:], " {")
					if brace < 0 {
						break
					}
					at += brace + 1
					if depthAt(head[:at]) == 0 && !strings.HasSuffix(strings.TrimSpace(head[:at]), ":") {
						stop = at + end(rest[at:], "")
						break
					}
					at++
				}
			}
		}
		part := rest[:stop]
		if name := memberNames.FindStringSubmatch(part); name != nil {
			parts[name[1]] = part
		}
		rest = rest[stop:]
	}
	return parts
}

func depthAt(text string) (depth int) {
	for _, r := range text {
		if strings.ContainsRune("{([", r) {
			depth++
		} else if strings.ContainsRune("})]", r) {
			depth--
		}
	}
	return depth
}

// members are those of a declaration and of what it extends.
func (ts typeScript) members(name string) map[string]string {
	all := map[string]string{}
	d := ts[name]
	for _, from := range d.extends {
		maps.Copy(all, ts.members(from))
	}
	maps.Copy(all, d.parts)
	if d.parts == nil { // a type: what is written in it, and what it is made of
		for _, field := range fieldNames.FindAllStringSubmatch(d.body, -1) {
			all[field[1]] = field[0]
		}
		for _, part := range identifiers.FindAllString(d.body, -1) {
			if part != name && ts[part].parts != nil {
				maps.Copy(all, ts.members(part))
			}
		}
	}
	return all
}

// known: "Call", or "CallEvents.ringing".
func (ts typeScript) known(path string) bool {
	owner, member, deep := strings.Cut(path, ".")
	ok := ts[owner].public
	if deep {
		_, ok = ts.members(owner)[member]
	}
	return ok
}

// has: a declaration has a member, or the type of a member has a field.
func (ts typeScript) has(path, name string) bool {
	owner, member, deep := strings.Cut(path, ".")
	if !deep {
		_, ok := ts.members(owner)[name]
		return ok
	}
	part := ts.members(owner)[member]
	_, kind, _ := strings.Cut(part, ":")
	for _, field := range fieldNames.FindAllStringSubmatch(kind, -1) {
		if field[1] == name {
			return true
		}
	}
	for _, of := range identifiers.FindAllString(kind, -1) {
		if _, ok := ts.members(of)[name]; ok {
			return true
		}
	}
	return false
}

// hasValue: the text is one of those that a type, or a member, may be.
func (ts typeScript) hasValue(path, value string) bool {
	owner, member, deep := strings.Cut(path, ".")
	body := ts[owner].body
	if deep {
		body = ts.members(owner)[member]
	}
	if strings.Contains(body, strconv.Quote(value)) {
		return true
	}
	for _, of := range identifiers.FindAllString(body, -1) { // such as typeof codes
		if of != owner && strings.Contains(ts[of].body, strconv.Quote(value)) && ts[of].parts == nil {
			return true
		}
	}
	return false
}
