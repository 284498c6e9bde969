// Command benchbuild makes the pages that the benchmark in the browser loads: one for each library in build/bench, as
// a product would serve it, bundled and minified.
//
// Run it with the examples module as the working directory, after the npm package has been built:
//
//	go run -C examples ./benchbuild
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	if err := build(".."); err != nil {
		fmt.Fprintln(os.Stderr, "benchbuild:", err)
		os.Exit(1)
	}
}

// build writes index.html and page.js for each library, and for sipwasm its program beside them. The packages come from
// wasm/npm/node_modules, where the lock file pins their versions.
func build(root string) error {
	packages, err := filepath.Abs(filepath.Join(root, "wasm", "npm"))
	if err != nil {
		return err
	}
	pages := filepath.Join(packages, "test", "bench", "browser", "pages")
	for _, library := range []string{"sipwasm", "jssip", "sipjs"} {
		out := filepath.Join(packages, "..", "..", "build", "bench", library)
		result := api.Build(api.BuildOptions{
			AbsWorkingDir:       packages,
			EntryPointsAdvanced: []api.EntryPoint{{InputPath: filepath.Join(pages, library+".mjs"), OutputPath: "page"}},
			Alias:               map[string]string{"sipwasm": filepath.Join(packages, "dist", "index.js")},
			Bundle:              true,
			Write:               true,
			Outdir:              out,
			MinifyWhitespace:    true,
			MinifyIdentifiers:   true,
			MinifySyntax:        true,
			Format:              api.FormatESModule,
			Platform:            api.PlatformBrowser,
			Target:              api.ES2022,
			LogLevel:            api.LogLevelWarning,
		})
		if len(result.Errors) > 0 {
			return errors.New("a page cannot be bundled; are the npm packages installed (make setup) and is ours built (make build)?")
		}
		page := "index.html"
		if library == "sipwasm" {
			const program = "sipwasm.wasm"
			if err := copyFile(filepath.Join(packages, "dist", program), filepath.Join(out, program)); err != nil {
				return err
			}
			page = "sipwasm.html" // loads the program ahead, as the package's README says
		}
		if err := copyFile(filepath.Join(pages, page), filepath.Join(out, "index.html")); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}
