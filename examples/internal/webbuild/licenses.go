package webbuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// licenses writes the licences of what the wasm has of others, as they ask of those
// who pass on their code: of Go, whose wasm_exec.js is in the JavaScript besides, and
// of each module that a package of the program comes from. They are those of the
// wasm that is there, so they are read again only with a fresh one.
func licenses(ctx context.Context, tc toolchain, root, out string, fresh bool) error {
	if _, err := os.Stat(out); err == nil && !fresh {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	modfile, err := Modfile(ctx, Options{Root: root})
	if err != nil {
		return err
	}
	list, err := run(ctx, root, browserEnv, "go", "list", "-modfile="+modfile, "-deps",
		"-f", `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{"\t"}}{{.Dir}}{{end}}{{end}}`, "./wasm")
	if err != nil {
		return err
	}
	modules := slices.Compact(slices.Sorted(strings.SplitSeq(strings.TrimSpace(list), "\n")))
	var text strings.Builder
	text.WriteString("sipwasm.wasm and the JavaScript beside it have parts of these in them.\n")
	for _, m := range append([]string{"Go " + strings.TrimPrefix(tc.version, "go") + "\t" + tc.goroot}, modules...) {
		name, dir, _ := strings.Cut(m, "\t")
		if name == "" { // of the standard library and of this module
			continue
		}
		license, err := os.ReadFile(filepath.Join(dir, "LICENSE"))
		if err != nil {
			return fmt.Errorf("%s may not be shipped without its licence: %w", name, err)
		}
		fmt.Fprintf(&text, "\n%s\n%s\n\n%s\n", name, strings.Repeat("=", len(name)), strings.TrimSpace(string(license)))
	}
	return replace(out, []byte(text.String()))
}
