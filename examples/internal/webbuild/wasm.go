package webbuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sipwasm/sipwasm/examples/internal/wasmshrink"
)

// wasmFlags: -trimpath and -buildvcs=false make the output depend on the
// sources alone, -s -w takes off about 2 %. Inlining is switched off where it buys
// size and no speed that counts: in the packages that handle SIP and SDP and in
// those of the standard library that they make text with. The runtime needs it,
// others grow without it, and it stays in what reads each byte of a message: a call
// costs more in WebAssembly than most of the functions that are called there do.
var wasmFlags = func() []string {
	flags := []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w"}
	for _, packages := range []string{
		"github.com/sipwasm/...", "github.com/emiago/...", "github.com/pion/...", "fmt", "strings",
	} {
		flags = append(flags, "-gcflags="+packages+"=-l")
	}
	return append(flags, "-gcflags=github.com/sipwasm/sipwasm/sipua/internal/message=") // the last that names a package counts
}()

// browserEnv chooses the page's platform. A workspace would refuse -modfile.
var browserEnv = []string{"GOOS=js", "GOARCH=wasm", "GOWORK=off"}

// wasmInputs are the paths below the root that the program is made of, and what
// comes after the linker.
var wasmInputs = []string{"go.mod", "go.sum", "sipua", "cti", "wasm", "examples/internal/wasmshrink"}

// buildInfo is dist/build-info.json: what the wasm was made from and what came
// out. A test that loads the wasm can tell by it that it tests today's sources.
type buildInfo struct {
	Go     string `json:"go"`
	Inputs string `json:"inputs"` // sha256 over the sources, the toolchain's version and the flags
	Wasm   string `json:"wasm"`   // sha256 of sipwasm.wasm
}

// buildWasm compiles the root module's program ./wasm into out, unless
// build-info.json beside it says that out is made of the present sources.
func buildWasm(ctx context.Context, tc toolchain, root, out string, log func(string)) (rebuilt bool, err error) {
	modfile, err := Modfile(ctx, Options{Root: root})
	if err != nil {
		return false, err
	}
	want := buildInfo{Go: tc.version}
	if want.Inputs, err = hashInputs(root, tc, modfile); err != nil {
		return false, err
	}
	infoPath := filepath.Join(filepath.Dir(out), "build-info.json")
	if want.Wasm, err = hashFile(out); err == nil && readBuildInfo(infoPath) == want {
		return false, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}

	log("compiling " + filepath.Base(out) + " with " + tc.version + ", which takes a minute the first time")
	begin := time.Now()
	linked, err := compile(ctx, root, modfile, "./wasm")
	if err != nil {
		return false, err
	}
	wasm, err := wasmshrink.Shrink(linked, tc.version)
	if errors.Is(err, wasmshrink.ErrRelease) { // a newer Go builds a program that works as well
		log(filepath.Base(out) + " stays as large as the linker made it: " + err.Error())
		wasm = linked
	} else if err != nil {
		return false, err
	}
	if err := replace(out, wasm); err != nil {
		return false, err
	}
	if want.Wasm, err = hashFile(out); err != nil {
		return false, err
	}
	info, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		return false, err
	}
	log(fmt.Sprintf("compiled %s in %.1f s", filepath.Base(out), time.Since(begin).Seconds()))
	return true, replace(infoPath, append(info, '\n'))
}

// compile builds one package for js/wasm, with the modules of modfile.
func compile(ctx context.Context, dir, modfile, pkg string, more ...string) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "sipwasm-build-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	made := filepath.Join(tmp, "made.wasm")
	args := slices.Concat([]string{"build", "-modfile=" + modfile}, wasmFlags, more, []string{"-o", made, pkg})
	if _, err := run(ctx, dir, browserEnv, "go", args...); err != nil {
		if strings.Contains(err.Error(), "undefined: sip.") {
			return nil, fmt.Errorf("%w\nIf sipgo has it: the wasm is built with a copy whose server half is left out, see examples/internal/webbuild/sipgo.go", err)
		}
		return nil, err
	}
	return os.ReadFile(made)
}

func readBuildInfo(path string) (info buildInfo) {
	if b, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(b, &info) // a damaged file is as good as none: the wasm counts as stale
	}
	return info
}

// hashInputs is over the sources, the toolchain and the flags. The name of modfile
// is the hash of the copy of sipgo.
func hashInputs(root string, tc toolchain, modfile string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, tc.version, wasmFlags, filepath.Base(modfile))
	for _, input := range wasmInputs {
		err := filepath.WalkDir(filepath.Join(root, input), func(path string, d fs.DirEntry, err error) error {
			switch name := filepath.Base(path); {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case d.IsDir() && (name == "npm" || name == "testdata" || name == "sipuatest" || name == "ctitest"):
				return fs.SkipDir
			case d.IsDir() || strings.HasSuffix(name, "_test.go"):
				return nil
			case filepath.Ext(name) != ".go" && name != "go.mod" && name != "go.sum":
				return nil
			}
			sum, err := hashFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			fmt.Fprintln(h, filepath.ToSlash(rel), sum)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
