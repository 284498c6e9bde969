package webbuild

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func modfile(t *testing.T, root string) string {
	t.Helper()
	path, err := Modfile(t.Context(), Options{Root: root})
	require.NoError(t, err)
	return path
}

func TestModfilePutsTheCopyInTheModulesPlace(t *testing.T) {
	root := newTree(t)
	path := modfile(t, root)
	dir := strings.TrimSuffix(path, ".mod")
	require.Equal(t, filepath.Join(root, "build", "sipgo"), filepath.Dir(path))
	require.Equal(t, read(t, root, "go.mod")+"\nreplace github.com/emiago/sipgo => ./build/sipgo/"+filepath.Base(dir)+"\n", read(t, path))
	require.Equal(t, read(t, root, "go.sum"), read(t, dir+".sum"))

	out, err := run(t.Context(), root, browserEnv, "go", "list", "-modfile="+path, "-deps", sipgoPath+"/sip")
	require.NoError(t, err)
	require.NotContains(t, strings.Fields(out), "net")
	out, err = run(t.Context(), root, browserEnv, "go", "list", "-modfile="+path, "-tags="+ServerTag, "-deps", sipgoPath+"/sip")
	require.NoError(t, err)
	require.Contains(t, strings.Fields(out), "net/http", "with the tag it is whole again")
}

func TestModfileLeavesWhatIsUpToDate(t *testing.T) {
	root := newTree(t)
	path := modfile(t, root)
	parser := filepath.Join(strings.TrimSuffix(path, ".mod"), "sip", "parser.go")
	before := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(parser, before, before))
	require.Equal(t, path, modfile(t, root))
	info, err := os.Stat(parser)
	require.NoError(t, err)
	require.True(t, before.Equal(info.ModTime()), "not written again")

	text := read(t, parser)
	require.NoError(t, os.WriteFile(parser, []byte("package sip\n"), 0o644))
	require.Equal(t, path, modfile(t, root))
	require.Equal(t, text, read(t, parser), "what somebody changed is mended")

	write(t, root, "go.mod", read(t, root, "go.mod")+"// changed\n")
	require.Equal(t, path, modfile(t, root))
	require.Contains(t, read(t, path), "// changed\n", "the root module's requirements are today's")
}

func TestModfileTwiceAtOnce(t *testing.T) {
	root := newTree(t)
	var paths [4]string
	var wg sync.WaitGroup
	for i := range paths {
		wg.Go(func() { paths[i], _ = Modfile(t.Context(), Options{Root: root}) })
	}
	wg.Wait()
	dir := strings.TrimSuffix(paths[0], ".mod")
	for _, path := range paths {
		require.Equal(t, paths[0], path)
	}
	require.Len(t, files(t, filepath.Dir(dir)), 3, "the folder, its .mod and its .sum")
	for _, name := range files(t, filepath.Join(dir, "sip")) {
		require.NotEmpty(t, read(t, dir, "sip", name))
		require.False(t, strings.HasPrefix(name, "."), name)
	}
}

func TestAnotherSipgoStopsTheBuild(t *testing.T) {
	rules := map[string]rule{
		"parser.go": {sha256: hashOf([]byte("package sip"))},
		"tcp.go":    {},
		"utils.go":  {sha256: hashOf([]byte("package sip")), server: []string{"f"}},
	}
	sources := map[string][]byte{
		"parser.go": []byte("package sip"), "tcp.go": []byte("package sip // whatever"), "utils.go": []byte("package sip"),
	}
	require.NoError(t, sipgoKnown("v1", sources, rules))

	sources["parser.go"] = []byte("package sip // changed")
	sources["quic.go"] = []byte("package sip")
	delete(sources, "tcp.go")
	err := sipgoKnown("v2", sources, rules)
	require.ErrorContains(t, err, "sipgo v2 is not the one")
	require.ErrorContains(t, err, "sip/parser.go has changed: read the change, then record the hash "+hashOf(sources["parser.go"]))
	require.ErrorContains(t, err, "sip/quic.go is new: give it a rule, with the hash "+hashOf(sources["quic.go"]))
	require.ErrorContains(t, err, "sip/tcp.go is gone")
	require.NotContains(t, err.Error(), "utils.go")
}

// What is compiled is what the module has: nothing is lost between the two halves.
func TestCopyIsTheModule(t *testing.T) {
	module, err := findSipgo(t.Context(), newTree(t))
	require.NoError(t, err)
	sources, err := packageSources(filepath.Join(module.Dir, "sip"))
	require.NoError(t, err)
	made, err := copyOf(module)
	require.NoError(t, err)
	for name, src := range sources {
		require.Contains(t, made, "sip/"+name)
		all := string(made["sip/"+name])
		if r := sipgoRules[name]; r.sha256 != "" && r.server == nil {
			require.Equal(t, string(src), all)
			continue
		} else if r.server != nil {
			all += string(made["sip/"+strings.TrimSuffix(name, ".go")+"_server.go"])
		}
		for line := range strings.Lines(string(src)) {
			line = strings.TrimSpace(line)
			if line == "" || line == ")" || strings.HasPrefix(line, `"`) || strings.HasPrefix(line, "import") || strings.HasPrefix(line, "//go:build") {
				continue // imports are written one by one, constraints are joined
			}
			require.Contains(t, all, line, name)
		}
	}
	_, err = copyOf(goModule{Version: "v9", Dir: t.TempDir()})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSplit(t *testing.T) {
	const src = `package p

import (
	"net"
	str "strings"
)

// T is an address.
type T struct{ a net.Addr }

var (
	x = 1
)

// Upper stays.
func Upper(s string) string { return str.ToUpper(s) }

// String goes.
func (t *T) String() string { return str.ToLower(t.a.String()) }
`
	front, behind, err := split("p.go", []byte(src), []string{"T", "T.String"})
	require.NoError(t, err)
	require.Equal(t, `package p

import str "strings"

var (
	x = 1
)

// Upper stays.
func Upper(s string) string { return str.ToUpper(s) }
`, string(front))
	require.Equal(t, `//go:build sipgo_server

package p

import "net"
import str "strings"

// T is an address.
type T struct{ a net.Addr }

// String goes.
func (t *T) String() string { return str.ToLower(t.a.String()) }
`, string(behind))

	_, _, err = split("p.go", []byte(src), []string{"T", "Lower", "String"})
	require.EqualError(t, err, "p.go declares no Lower\np.go declares no String")
	_, _, err = split("p.go", []byte("package"), nil)
	require.ErrorContains(t, err, "p.go:1:8")
}

func TestConstrain(t *testing.T) {
	for src, want := range map[string]string{
		"package p\n": "//go:build sipgo_server\n\npackage p\n",
		"// Licence.\n\n//go:build !windows || a\n\npackage p\n": "//go:build sipgo_server && (!windows || a)\n\n// Licence.\n\n\npackage p\n",
		"package p\n\n//go:build late\n":                         "//go:build sipgo_server\n\npackage p\n\n//go:build late\n",
	} {
		got, err := constrain([]byte(src))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	_, err := constrain([]byte("//go:build &&\npackage p\n"))
	require.Error(t, err)
}
