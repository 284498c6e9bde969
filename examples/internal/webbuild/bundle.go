package webbuild

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// bundle makes one ES module of entry and what it imports, in outDir.
//
// The default source of the wasm, new URL("./sipwasm.wasm", import.meta.url),
// stays as written, because the bundler of an application looks for that form.
func bundle(tc toolchain, root, entry, outDir string) error {
	r := api.Build(api.BuildOptions{
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
	})
	if len(r.Errors) > 0 {
		text := api.FormatMessages(r.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		return errors.New(strings.TrimSpace(strings.Join(text, "")))
	}
	if err := os.MkdirAll(outDir, 0o755); err != nil {
		return err
	}
	for _, f := range r.OutputFiles {
		if err := replace(f.Path, f.Contents); err != nil {
			return err
		}
	}
	return nil
}
