// Package webbuild builds what a browser loads: the Go user agent as
// WebAssembly, the TypeScript facade of the npm package, and the pages of the
// examples. It needs the Go toolchain alone; esbuild is linked in.
package webbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const modulePath = "github.com/sipwasm/sipwasm"

// Options says what to build besides the package itself.
type Options struct {
	// Root is the root of the repository. Default: the nearest directory at or
	// above the current one that holds the go.mod of the root module.
	Root string
	// Pages are bundled after the package. They import it as "sipwasm".
	Pages []Page
	// Log hears what is being built, one line each. Default: nobody.
	Log func(line string)
}

// Page is one TypeScript program for a browser.
type Page struct {
	Entry  string // .ts file, relative to Options.Root unless absolute
	OutDir string // gets <entry>.js, and <entry>.css when the entry imports style; relative to Options.Root unless absolute
}

// Result tells where the parts are.
type Result struct {
	Dist    string // absolute path of the npm package's dist directory
	Wasm    string // sipwasm.wasm in it
	Rebuilt bool   // the wasm was missing or stale and was compiled
}

// Build brings wasm/npm/dist up to date and bundles the pages. The wasm is
// compiled only when one of its inputs has changed; bundling takes
// milliseconds and is always done. Files are replaced whole, so that a server
// may go on serving them meanwhile.
func Build(ctx context.Context, o Options) (Result, error) {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	root, err := o.root()
	if err != nil {
		return Result{}, err
	}
	npm := filepath.Join(root, "wasm", "npm")
	dist := filepath.Join(npm, "dist")
	r := Result{Dist: dist, Wasm: filepath.Join(dist, "sipwasm.wasm")}
	if err := os.MkdirAll(dist, 0o755); err != nil {
		return r, err
	}

	tc, err := findToolchain(ctx, root)
	if err != nil {
		return r, err
	}
	entry := filepath.Join(npm, "src", "index.ts")
	// TypeScript first: its mistakes show in milliseconds.
	if err := bundlePackage(tc, root, entry, dist); err != nil {
		return r, err
	}
	for _, p := range o.Pages {
		if err := bundle(tc, root, within(root, p.Entry), within(root, p.OutDir)); err != nil {
			return r, err
		}
	}
	if r.Rebuilt, err = buildWasm(ctx, tc, root, r.Wasm, o.Log); err != nil {
		return r, err
	}
	if err := compress(r.Wasm, r.Rebuilt); err != nil {
		return r, err
	}
	if err := licenses(ctx, tc, root, filepath.Join(dist, "LICENSES.txt"), r.Rebuilt); err != nil {
		return r, err
	}
	return r, describe(ctx, root, dist)
}

func within(root, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}

func (o Options) root() (string, error) {
	if o.Root != "" {
		return filepath.Abs(o.Root)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module "+modulePath+"\n") {
			return dir, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod of " + modulePath + " here or above: run this inside a clone of the repository")
		}
		dir = up
	}
}

// toolchain is the go command's own account of itself, asked in the root
// module, because its go.mod may choose another toolchain than ours.
type toolchain struct{ version, goroot string }

func findToolchain(ctx context.Context, root string) (toolchain, error) {
	out, err := run(ctx, root, nil, "go", "env", "GOVERSION", "GOROOT")
	if err != nil {
		return toolchain{}, err
	}
	version, goroot, _ := strings.Cut(strings.TrimSpace(out), "\n")
	return toolchain{version: version, goroot: goroot}, nil
}

// run runs a command in dir and returns what it printed. Its error carries what
// the command complained about.
func run(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// replace writes a file whole or not at all, and leaves an equal one untouched.
func replace(path string, content []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
