package webbuild

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// newTree makes a repository in small: the root module with its program and the
// modules that it requires, and an npm package of one file.
func newTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, "go.mod", read(t, "../../../go.mod"))
	write(t, root, "go.sum", read(t, "../../../go.sum"))
	write(t, root, "sipua/sipua.go", "package sipua\n\nconst Version = \"1\"\n")
	write(t, root, "wasm/main.go", "package main\n\nimport _ \""+modulePath+"/sipua\"\n\nfunc main() {}\n")
	write(t, root, "wasm/npm/package.json", `{ "name": "sipwasm", "version": "7.8.9", "files": ["dist"] }`)
	write(t, root, "wasm/npm/src/index.ts", `import { createGo } from "./wasm_exec.js";
import { defaultLocation } from "./wasm_location.js";
export const make = (host: unknown) => createGo(host);
export const source = defaultLocation();
`)
	for _, name := range []string{"wasm_location.ts", "wasm_location_script.ts", "errors.ts"} {
		write(t, root, "wasm/npm/src/"+name, read(t, "../../../wasm/npm/src", name))
	}
	return root
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(b)
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestBuildCompilesWhatIsStale(t *testing.T) {
	root := newTree(t)
	build := func() Result {
		t.Helper()
		r, err := Build(t.Context(), Options{Root: root})
		require.NoError(t, err)
		return r
	}

	r := build()
	require.True(t, r.Rebuilt, "missing")
	require.Equal(t, filepath.Join(root, "wasm", "npm", "dist"), r.Dist)
	require.Equal(t, []string{
		"LICENSES.txt", "build-info.json", "index.js", "index.js.map", "sipwasm.iife.js", "sipwasm.iife.js.map", "sipwasm.wasm", "sipwasm.wasm.gz",
	}, files(t, r.Dist))
	require.True(t, strings.HasPrefix(read(t, r.Wasm), "\x00asm"))

	var info buildInfo
	require.NoError(t, json.Unmarshal([]byte(read(t, r.Dist, "build-info.json")), &info))
	require.Len(t, info.Wasm, 64)

	require.False(t, build().Rebuilt, "nothing changed")
	write(t, root, "sipua/sipua_test.go", "package sipua\n")
	write(t, root, "sipua/sipuatest/kit.go", "package sipuatest\n")
	write(t, root, "wasm/npm/test/fakego/main.go", "package main\n")
	write(t, root, "sipua/notes.txt", "not Go\n")
	require.False(t, build().Rebuilt, "only what the program is not made of changed")

	write(t, root, "sipua/sipua.go", "package sipua\n\nconst Version = \"2\"\n")
	require.True(t, build().Rebuilt, "a source changed")
	write(t, root, "sipua/more.go", "package sipua\n")
	require.True(t, build().Rebuilt, "a source came")
	write(t, root, "examples/internal/wasmshrink/rule.go", "package wasmshrink\n")
	require.True(t, build().Rebuilt, "what comes after the linker changed")
	fresh := sha256.Sum256([]byte(read(t, r.Wasm)))
	write(t, root, "wasm/npm/dist/sipwasm.wasm", "not what was built")
	require.True(t, build().Rebuilt, "the output was changed")
	require.Equal(t, fresh, sha256.Sum256([]byte(read(t, r.Wasm))), "equal programs are equal bytes")
	write(t, root, "wasm/npm/dist/build-info.json", "{")
	require.True(t, build().Rebuilt, "the record was damaged")
}

func TestAnUnknownReleaseOfGoBuildsALargerProgram(t *testing.T) {
	root := newTree(t)
	tc, err := findToolchain(t.Context(), root)
	require.NoError(t, err)
	size := func(tc toolchain) (int, string) {
		t.Helper()
		var lines []string
		out := filepath.Join(t.TempDir(), "sipwasm.wasm")
		rebuilt, err := buildWasm(t.Context(), tc, root, out, func(line string) { lines = append(lines, line) })
		require.NoError(t, err)
		require.True(t, rebuilt)
		return len(read(t, out)), strings.Join(lines, "\n")
	}
	small, log := size(tc)
	require.NotContains(t, log, "wasmshrink")
	tc.version = "go1.999"
	large, log := size(tc)
	require.Contains(t, log, "sipwasm.wasm stays as large as the linker made it")
	require.Contains(t, log, "(this is go1.999)")
	require.Less(t, small, large*2/3)
}

func TestBuildReportsWhatTheCompilersSay(t *testing.T) {
	root := newTree(t)
	write(t, root, "wasm/main.go", "package main\n\nfunc main() { undefined() }\n")
	_, err := Build(t.Context(), Options{Root: root})
	require.ErrorContains(t, err, "undefined: undefined")
	require.Equal(t, []string{"index.js", "index.js.map", "sipwasm.iife.js", "sipwasm.iife.js.map"}, files(t, filepath.Join(root, "wasm", "npm", "dist")), "no remains")

	write(t, root, "wasm/npm/src/index.ts", "export const = 1;\n")
	_, err = Build(t.Context(), Options{Root: root})
	require.ErrorContains(t, err, `Expected identifier but found "="`)
	require.ErrorContains(t, err, "index.ts:1:13")
}

func TestBuildTellsWhereSipgosServerHalfIs(t *testing.T) {
	root := newTree(t)
	write(t, root, "wasm/main.go", "package main\n\nimport \""+sipgoPath+"/sip\"\n\nfunc main() { sip.NewTransportLayer(nil, nil, nil) }\n")
	_, err := Build(t.Context(), Options{Root: root})
	require.ErrorContains(t, err, "undefined: sip.NewTransportLayer")
	require.ErrorContains(t, err, "server half is left out, see examples/internal/webbuild/sipgo.go")
	require.FileExists(t, "sipgo.go")
}

func TestBuildStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Build(ctx, Options{Root: newTree(t)})
	require.ErrorIs(t, err, context.Canceled)
}

func TestPagesImportThePackageByName(t *testing.T) {
	root := newTree(t)
	tc, err := findToolchain(t.Context(), root)
	require.NoError(t, err)
	write(t, root, "examples/phone/page/main.ts", `import { source } from "sipwasm";
import "./main.css";
document.title = source.href;
`)
	write(t, root, "examples/phone/page/main.css", "body { color: red }\n")
	out := filepath.Join(root, "examples", "phone", "dist")
	require.NoError(t, bundle(tc, root, filepath.Join(root, "examples/phone/page/main.ts"), out))
	require.Equal(t, []string{"main.css", "main.js"}, files(t, out))
	require.Contains(t, read(t, out, "main.js"), `new URL("./sipwasm.wasm",import.meta.url)`)
	require.NotContains(t, read(t, out, "main.js"), "import ", "nothing is left to import")
}

func TestWrapperTakesTheToolchainsFileAsItIs(t *testing.T) {
	tc, err := findToolchain(t.Context(), newTree(t))
	require.NoError(t, err)
	module, err := wrapWasmExec(tc)
	require.NoError(t, err)
	require.Contains(t, module, read(t, tc.goroot, "lib", "wasm", "wasm_exec.js"))
	require.NotContains(t, module, stockMark)

	_, err = wrapWasmExec(toolchain{version: "go0", goroot: t.TempDir()})
	require.ErrorContains(t, err, "the Go toolchain go0 has no wasm_exec.js")
}

func TestRootIsFoundFromBelow(t *testing.T) {
	root, err := filepath.EvalSymlinks(newTree(t)) // the working directory is told without links
	require.NoError(t, err)
	write(t, root, "examples/go.mod", "module "+modulePath+"/examples\n")
	t.Chdir(filepath.Join(root, "examples"))
	found, err := Options{}.root()
	require.NoError(t, err)
	require.Equal(t, root, found)

	t.Chdir(t.TempDir())
	_, err = Options{}.root()
	require.ErrorContains(t, err, "inside a clone of the repository")
}

func TestMeasure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("sip", 10_000)), 0o644))
	s, err := Measure(path)
	require.NoError(t, err)
	require.EqualValues(t, 30_000, s.Raw)
	require.Positive(t, s.Brotli)
	require.Less(t, s.Brotli, s.Gzip)
	require.Less(t, s.Gzip, int64(200))

	_, err = Measure(path + "missing")
	require.ErrorIs(t, err, os.ErrNotExist)
}
