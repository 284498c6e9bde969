// Command interopbuild bundles the libraries that the interoperability tests
// call with, JsSIP and SIP.js, into browser modules in build/interop.
//
// Run it with the examples module as the working directory:
//
//	go run -C examples ./interopbuild
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	if err := build(".."); err != nil {
		fmt.Fprintln(os.Stderr, "interopbuild:", err)
		os.Exit(1)
	}
}

// build writes one ES module for each peer library. The packages come from
// wasm/npm/node_modules, where the lock file pins their versions.
func build(root string) error {
	packages, err := filepath.Abs(filepath.Join(root, "wasm", "npm"))
	if err != nil {
		return err
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: packages,
		EntryPointsAdvanced: []api.EntryPoint{
			{InputPath: "jssip", OutputPath: "jssip"},
			{InputPath: "sip.js", OutputPath: "sipjs"},
		},
		Bundle:   true,
		Write:    true,
		Outdir:   filepath.Join(packages, "..", "..", "build", "interop"),
		Format:   api.FormatESModule,
		Platform: api.PlatformBrowser,
		Target:   api.ES2022,
		LogLevel: api.LogLevelWarning,
	})
	if len(result.Errors) > 0 {
		return fmt.Errorf("%d errors; are the npm packages installed (make setup)?", len(result.Errors))
	}
	return nil
}
