package webbuild

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Somebody who repeats a release gets its bytes, wherever the sources lie.
func TestEqualSourcesGiveEqualBytes(t *testing.T) {
	var dist [2]string
	for i := range dist {
		root := newTree(t)
		write(t, root, "wasm/npm/dist/index.d.ts", "export {};\n")
		r, err := Build(t.Context(), Options{Root: root})
		require.NoError(t, err)
		dist[i] = r.Dist
	}
	require.ElementsMatch(t, append([]string{"build-info.json"}, distFiles...), files(t, dist[0]))
	for _, name := range files(t, dist[0]) {
		require.Equal(t, read(t, dist[0], name), read(t, dist[1], name), name)
	}
}

func TestProvenance(t *testing.T) {
	root := newTree(t)
	build := func() (Result, provenance) {
		t.Helper()
		r, err := Build(t.Context(), Options{Root: root})
		require.NoError(t, err)
		var p provenance
		require.NoError(t, json.Unmarshal([]byte(read(t, r.Dist, "build-info.json")), &p))
		return r, p
	}
	r, p := build()
	require.Equal(t, "sipwasm", p.Name)
	require.Equal(t, "7.8.9", p.Version)
	require.Regexp(t, `^go1\.`, p.Go)
	require.Len(t, p.Inputs, 64)
	require.Empty(t, p.Commit, "nobody has committed this")
	require.NotContains(t, p.Files, "index.d.ts", "there is none here")
	require.Len(t, p.Files, len(distFiles)-1)
	for name, f := range p.Files {
		content := []byte(read(t, r.Dist, name))
		require.EqualValues(t, len(content), f.Size, name)
		require.Equal(t, hashOf(content), f.SHA256, name)
	}
	require.Equal(t, p.Wasm, p.Files["sipwasm.wasm"].SHA256)

	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(bytes.TrimSpace(out))
	}
	write(t, root, ".gitignore", "dist\nbuild\n")
	write(t, root, "examples/go.mod", "module x\n")
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "all")
	_, p = build()
	require.Equal(t, git("rev-parse", "HEAD"), p.Commit)
	write(t, root, "README.md", "not a source\n")
	_, p = build()
	require.NotEmpty(t, p.Commit)
	write(t, root, "wasm/npm/src/index.ts", read(t, root, "wasm/npm/src/index.ts")+"export const more = 1;\n")
	_, p = build()
	require.Empty(t, p.Commit, "these sources are nobody's commit")

	git("add", ".")
	git("commit", "-q", "-m", "more")
	require.NotEmpty(t, commit(t.Context(), root))
	require.Empty(t, commit(t.Context(), filepath.Join(root, "wasm")), "what is above it is another project's")
}

func TestCompressedWasm(t *testing.T) {
	root := newTree(t)
	build := func() string {
		t.Helper()
		r, err := Build(t.Context(), Options{Root: root})
		require.NoError(t, err)
		return r.Wasm
	}
	wasm := build()
	zipped := read(t, wasm+".gz")
	r, err := gzip.NewReader(bytes.NewReader([]byte(zipped)))
	require.NoError(t, err)
	require.True(t, r.ModTime.IsZero())
	require.Empty(t, r.Name)
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, read(t, wasm), string(content))

	past := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(wasm+".gz", past, past))
	build()
	stat, err := os.Stat(wasm + ".gz")
	require.NoError(t, err)
	require.WithinDuration(t, past, stat.ModTime(), time.Second, "what is right stays")

	for what, spoil := range map[string]func() error{
		"gone":    func() error { return os.Remove(wasm + ".gz") },
		"damaged": func() error { return os.WriteFile(wasm+".gz", []byte(zipped[:100]), 0o644) },
		"unknown": func() error { return os.Remove(filepath.Join(filepath.Dir(wasm), "build-info.json")) },
	} {
		require.NoError(t, spoil(), what)
		build()
		require.Equal(t, zipped, read(t, wasm+".gz"), what)
	}
}

// A script knows where it came from; import.meta would stop it.
func TestScriptForPages(t *testing.T) {
	root := newTree(t)
	tc, err := findToolchain(t.Context(), root)
	require.NoError(t, err)
	dist := filepath.Join(root, "wasm", "npm", "dist")
	require.NoError(t, bundlePackage(tc, root, filepath.Join(root, "wasm/npm/src/index.ts"), dist))
	script, module := read(t, dist, "sipwasm.iife.js"), read(t, dist, "index.js")
	require.Contains(t, script, "var sipwasm=")
	require.NotContains(t, script, "import.meta")
	require.Contains(t, script, "document?.currentScript")
	require.Contains(t, module, `new URL("./sipwasm.wasm",import.meta.url)`)
	require.NotContains(t, module, "currentScript")
	for _, name := range []string{"sipwasm.iife.js", "index.js"} {
		require.Contains(t, read(t, dist, name), "//# sourceMappingURL="+name+".map")
		var sourceMap struct{ Sources, SourcesContent []string }
		require.NoError(t, json.Unmarshal([]byte(read(t, dist, name+".map")), &sourceMap))
		require.Contains(t, sourceMap.Sources, "../src/index.ts")
		require.Len(t, sourceMap.SourcesContent, len(sourceMap.Sources), "the sources are in the map")
		require.NotContains(t, read(t, dist, name+".map"), root)
	}

	write(t, root, "wasm/npm/src/index.ts", "export const source = import.meta.url;\n")
	require.ErrorContains(t, bundlePackage(tc, root, filepath.Join(root, "wasm/npm/src/index.ts"), dist), "import.meta")
}

func TestLicenses(t *testing.T) {
	root := newTree(t)
	write(t, root, "wasm/main.go", "package main\n\nimport _ \""+sipgoPath+"/sip\"\n\nfunc main() {}\n")
	r, err := Build(t.Context(), Options{Root: root})
	require.NoError(t, err)
	text := read(t, r.Dist, "LICENSES.txt")
	require.Contains(t, text, "\nGo 1.")
	require.Contains(t, text, "Copyright 2009 The Go Authors.")
	require.Contains(t, text, "\n"+sipgoPath+" v")
	require.Equal(t, 2, strings.Count(text, "==\n\n"), "Go, sipgo, and nobody else")
}
