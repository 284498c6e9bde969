package wasmshrink

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// linked is the program in testdata as the linker makes it.
var linked = sync.OnceValues(func() ([]byte, error) { return build("-ldflags=-s -w") })

func build(flags ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "wasmshrink-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "program.wasm")
	cmd := exec.Command("go", append(append([]string{"build", "-trimpath", "-buildvcs=false"}, flags...), "-o", out, "./testdata/program")...)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=")
	if message, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(string(message))
	}
	return os.ReadFile(out)
}

// node runs a command in Node and returns what it printed on both streams.
func node(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("node", append([]string{"--stack-size=8192"}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Run(), "%s", out.String())
	return out.String()
}

// execute runs a program and returns what it printed.
func execute(t *testing.T, wasm []byte) string {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	return node(t, filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec_node.js"), save(t, wasm))
}

func save(t *testing.T, wasm []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program.wasm")
	require.NoError(t, os.WriteFile(path, wasm, 0o600))
	return path
}

func TestProgramDoesWhatItDid(t *testing.T) {
	for name, flags := range map[string][]string{
		"inlined":     {"-ldflags=-s -w"},
		"not inlined": {"-ldflags=-s -w", "-gcflags=-l"},
		"with names":  {},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := build(flags...)
			require.NoError(t, err)
			after, err := Shrink(before, runtime.Version())
			require.NoError(t, err)
			require.Less(t, len(after), len(before)*9/10)
			want := execute(t, before)
			require.Contains(t, want, "nil dereference runtime error: invalid memory address or nil pointer dereference true\n")
			require.Contains(t, want, "kept 25200 5960000\n")
			require.Equal(t, want, execute(t, after))
		})
	}
}

// What the program writes at its start is what was verified when it was made, and
// nothing else in its memory is touched.
func TestMemoryAfterStart(t *testing.T) {
	wasm, err := linked()
	require.NoError(t, err)
	old := instantiate(t, wasm)
	was, err := findSymtab(old)
	require.NoError(t, err)
	small, err := Shrink(wasm, runtime.Version())
	require.NoError(t, err)
	got := instantiate(t, small)
	is, err := findSymtab(got)
	require.NoError(t, err)
	require.Equal(t, was.moduledata, is.moduledata)
	require.Equal(t, was.find, is.find)

	p, err := parseModule(small)
	require.NoError(t, err)
	want, err := parseMemory(p.data.content)
	require.NoError(t, err)
	want = append(want, make(memory, len(got)-len(want))...)
	expand(want, slices.Clone(want[is.find.start:]))
	copy(want[is.find.start:is.find.end], old[is.find.start:is.find.end])
	require.True(t, bytes.Equal(want, got))

	clear(old[was.names.start:was.gofunc.end])
	clear(got[is.names.start:is.gofunc.end])
	copy(got[is.pcHeader:], old[was.pcHeader:was.names.start])
	copy(got[is.moduledata:][:mdWords*word], old[was.moduledata:][:mdWords*word])
	require.True(t, bytes.Equal(old, got))
}

// instantiate returns a program's memory after its start function.
func instantiate(t *testing.T, wasm []byte) memory {
	t.Helper()
	out := filepath.Join(t.TempDir(), "memory")
	require.Empty(t, node(t, "testdata/memory.mjs", save(t, wasm), out))
	m, err := os.ReadFile(out)
	require.NoError(t, err)
	return m
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	wasm, err := linked()
	require.NoError(t, err)
	for _, version := range []string{"go1.25.9", "go1.27", "go1.27.0", "go1.260", "devel go1.27-abcdef", ""} {
		_, err = Shrink(wasm, version)
		require.ErrorIs(t, err, ErrRelease, version)
	}
	for _, bad := range []string{"", "\x00asm", header, header + "\x0b\x01", header + "\x0b\x01\x00", strings.Replace(string(wasm), pcMagic, "\xf2"+pcMagic[1:], 1)} {
		_, err = Shrink([]byte(bad), Release)
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrRelease)
	}
	again, err := Shrink(wasm, Release)
	require.NoError(t, err)
	_, err = Shrink(again, Release)
	require.ErrorContains(t, err, "wasmshrink")
}
