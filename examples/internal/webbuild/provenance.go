package webbuild

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// distFiles are what the npm package is made of besides build-info.json. The
// declarations come from the TypeScript compiler, which only npm run build calls.
var distFiles = []string{
	"index.js", "index.js.map", "index.d.ts", "sipwasm.iife.js", "sipwasm.iife.js.map", "sipwasm.wasm", "sipwasm.wasm.gz",
	"LICENSES.txt",
}

// provenance is the whole of dist/build-info.json: what the files beside it were
// made of, and how to know them again. Equal sources, tools and commits give equal
// bytes, so that anybody can repeat a release and compare.
type provenance struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Commit is left out where there is no git, or where the sources of the package are
	// not the ones that were committed.
	Commit string `json:"commit,omitempty"`
	buildInfo
	Files map[string]distFile `json:"files"`
}

type distFile struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// describe writes build-info.json of what is in dist.
func describe(ctx context.Context, root, dist string) error {
	path := filepath.Join(dist, "build-info.json")
	p := provenance{buildInfo: readBuildInfo(path), Files: map[string]distFile{}}
	manifest, err := os.ReadFile(filepath.Join(root, "wasm", "npm", "package.json"))
	if err != nil {
		return err
	}
	var pkg struct{ Name, Version string }
	if err := json.Unmarshal(manifest, &pkg); err != nil {
		return fmt.Errorf("wasm/npm/package.json: %w", err)
	}
	p.Name, p.Version = pkg.Name, pkg.Version
	p.Commit = commit(ctx, root)
	for _, name := range distFiles {
		stat, err := os.Stat(filepath.Join(dist, name))
		if errors.Is(err, fs.ErrNotExist) && name == "index.d.ts" {
			continue
		} else if err != nil {
			return err
		}
		sum, err := hashFile(filepath.Join(dist, name))
		if err != nil {
			return err
		}
		p.Files[name] = distFile{Size: stat.Size(), SHA256: sum}
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return replace(path, append(text, '\n'))
}

// commit is the one whose sources are being built, "" when that cannot be said.
func commit(ctx context.Context, root string) string {
	sources := append([]string{"status", "--porcelain", "--", "examples/internal/webbuild", "examples/go.mod"}, wasmInputs...)
	if changed, err := run(ctx, root, nil, "git", sources...); err != nil || changed != "" {
		return ""
	}
	found, err := run(ctx, root, nil, "git", "rev-parse", "HEAD", "--show-prefix")
	head, prefix, _ := strings.Cut(found, "\n")
	if err != nil || strings.TrimSpace(prefix) != "" { // a copy inside of somebody else's repository
		return ""
	}
	return head
}

// compress writes path.gz for hosts that store files as they are and limit their
// size. Its header has neither time nor name, so that equal files are equal bytes.
// It takes a second, so what is recorded as made of this very file stays.
func compress(path string, fresh bool) error {
	out := path + ".gz"
	recorded := readProvenance(filepath.Join(filepath.Dir(path), "build-info.json")).Files[filepath.Base(out)]
	if sum, err := hashFile(out); err == nil && !fresh && sum == recorded.SHA256 {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return replace(out, b.Bytes())
}

func readProvenance(path string) (p provenance) {
	if b, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(b, &p) // a damaged file is as good as none
	}
	return p
}
