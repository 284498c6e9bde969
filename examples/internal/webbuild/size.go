package webbuild

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"

	"github.com/andybalholm/brotli"
	"github.com/evanw/esbuild/pkg/api"
)

// Size is the size of one file in bytes, as stored and as a server sends it.
type Size struct{ Raw, Gzip, Brotli int64 }

// The budget of sipwasm.wasm, in bytes. The empty Go program takes 1.04 MB raw
// and 0.26 MB in brotli of it.
const (
	MaxRaw    = 4_310_000
	MaxBrotli = 890_000
)

// Measure compresses a file at the highest levels: gzip 9 and brotli 11.
func Measure(path string) (Size, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Size{}, err
	}
	return measure(content)
}

// MeasurePeer measures a library of the npm registry as a page would load it:
// bundled into one minified ES module. It fails when the npm packages of the
// tests are not installed.
func MeasurePeer(npm, library string) (Size, error) {
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: npm,
		EntryPoints:   []string{library},
		Bundle:        true, Write: false, Outdir: npm,
		MinifyIdentifiers: true, MinifySyntax: true, MinifyWhitespace: true,
		Format: api.FormatESModule, Platform: api.PlatformBrowser, Target: api.ES2022,
		LogLevel: api.LogLevelSilent,
	})
	if len(result.Errors) > 0 || len(result.OutputFiles) == 0 {
		return Size{}, fmt.Errorf("cannot bundle %s", library)
	}
	return measure(result.OutputFiles[0].Contents)
}

func measure(content []byte) (Size, error) {
	s := Size{Raw: int64(len(content))}
	var n counter
	gz, err := gzip.NewWriterLevel(&n, gzip.BestCompression)
	if err != nil {
		return Size{}, err
	}
	if s.Gzip, err = compressed(gz, content, &n); err != nil {
		return Size{}, err
	}
	n = 0
	br := brotli.NewWriterOptions(&n, brotli.WriterOptions{Quality: brotli.BestCompression, LGWin: 24})
	s.Brotli, err = compressed(br, content, &n)
	return s, err
}

func compressed(w io.WriteCloser, content []byte, n *counter) (int64, error) {
	if _, err := io.Copy(w, bytes.NewReader(content)); err != nil {
		return 0, err
	}
	err := w.Close()
	return int64(*n), err
}

// counter is a writer that keeps nothing but the number of bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
