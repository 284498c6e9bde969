package webbuild

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// wrapper is the module around the toolchain's wasm_exec.js.
//
//go:embed wasm_exec.tmpl.js
var wrapper string

const stockMark = "/* wasm_exec.js */"

// wrapWasmExec makes a module out of the wasm_exec.js of the toolchain that
// builds the wasm. The stock file is an undocumented half of that toolchain's
// runtime, so it is taken as it is, byte for byte.
func wrapWasmExec(tc toolchain) (string, error) {
	path := filepath.Join(tc.goroot, "lib", "wasm", "wasm_exec.js")
	stock, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("the Go toolchain %s has no wasm_exec.js: %w", tc.version, err)
	}
	before, after, ok := strings.Cut(wrapper, stockMark)
	if !ok {
		return "", fmt.Errorf("wasm_exec.tmpl.js has lost its mark %s", stockMark)
	}
	return before + string(stock) + after, nil
}

// wasmExecPlugin answers the facade's import of "./wasm_exec.js", which exists
// in no source directory.
func wasmExecPlugin(tc toolchain) api.Plugin {
	return api.Plugin{Name: "wasm_exec", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `^\./wasm_exec\.js$`}, func(api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: "wasm_exec.js", Namespace: "go-toolchain"}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "go-toolchain"}, func(api.OnLoadArgs) (api.OnLoadResult, error) {
			text, err := wrapWasmExec(tc)
			return api.OnLoadResult{Contents: &text, Loader: api.LoaderJS}, err
		})
	}}
}
