package webbuild

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// bundle makes one ES module of the page entry and what it imports, in outDir.
func bundle(tc toolchain, root, entry, outDir string) error {
	return bundleInto(esModule(tc, root, entry, outDir))
}

// bundlePackage makes the package's JavaScript in dist: index.js for import, and
// sipwasm.iife.js for <script>, which sets the one global name sipwasm. Their maps
// hold the sources, which are not shipped besides.
//
// In index.js the default address of the wasm, new URL("./sipwasm.wasm",
// import.meta.url), stays as written, because the bundler of an application looks
// for that form. In a script there is no import.meta: another file takes its place.
func bundlePackage(tc toolchain, root, entry, dist string) error {
	module := esModule(tc, root, entry, dist)
	module.Sourcemap, module.SourcesContent = api.SourceMapLinked, api.SourcesContentInclude

	script := module
	script.Format, script.GlobalName = api.FormatIIFE, "sipwasm"
	script.Outfile, script.Outdir = filepath.Join(dist, "sipwasm.iife.js"), ""
	script.Plugins = append([]api.Plugin{scriptLocationPlugin()}, script.Plugins...)
	if err := bundleInto(module); err != nil {
		return err
	}
	return bundleInto(script)
}

// scriptLocationPlugin replaces wasm_location.ts by the one for scripts.
func scriptLocationPlugin() api.Plugin {
	return api.Plugin{Name: "wasm_location", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `^\./wasm_location\.js$`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: filepath.Join(a.ResolveDir, "wasm_location_script.ts")}, nil
		})
	}}
}

func esModule(tc toolchain, root, entry, outDir string) api.BuildOptions {
	return api.BuildOptions{
		AbsWorkingDir:     root,
		EntryPoints:       []string{entry},
		Outdir:            outDir,
		Bundle:            true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		Platform:          api.PlatformBrowser,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LegalComments:     api.LegalCommentsInline,
		Charset:           api.CharsetUTF8,
		Alias:             map[string]string{"sipwasm": filepath.Join(root, "wasm", "npm", "src", "index.ts")},
		Plugins:           []api.Plugin{wasmExecPlugin(tc)},
	}
}

// bundleInto builds and replaces the files. A warning is a mistake too, such as
// import.meta in a script.
func bundleInto(o api.BuildOptions) error {
	r := api.Build(o)
	if problems := append(r.Errors, r.Warnings...); len(problems) > 0 {
		text := api.FormatMessages(problems, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		return errors.New(strings.TrimSpace(strings.Join(text, "")))
	}
	for _, f := range r.OutputFiles {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
			return err
		}
		if err := replace(f.Path, f.Contents); err != nil {
			return err
		}
	}
	return nil
}
