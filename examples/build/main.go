// Command build makes the npm package's dist directory: sipwasm.wasm, index.js
// and build-info.json. Run it anywhere in a clone of the repository:
//
//	go run -C examples ./build          # build what is missing or stale
//	go run -C examples ./build -size    # build, then print what a browser downloads
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"text/tabwriter"

	"github.com/sipwasm/sipwasm/examples/internal/webbuild"
)

func main() {
	size := flag.Bool("size", false, "print the sizes in bytes and fail when sipwasm.wasm is over its budget")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := build(ctx, *size); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func build(ctx context.Context, size bool) error {
	r, err := webbuild.Build(ctx, webbuild.Options{
		Log: func(line string) { fmt.Fprintln(os.Stderr, line) },
	})
	if err != nil || !size {
		return err
	}
	return printSizes(r)
}

func printSizes(r webbuild.Result) error {
	js, err := webbuild.Measure(filepath.Join(r.Dist, "index.js"))
	if err != nil {
		return err
	}
	wasm, err := webbuild.Measure(r.Wasm)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "file\traw\tgzip -9\tbrotli -q 11\t")
	// For comparison, where the tests' npm packages are installed.
	for _, peer := range []string{"jssip", "sip.js"} {
		if s, err := webbuild.MeasurePeer(filepath.Dir(r.Dist), peer); err == nil {
			fmt.Fprintf(w, "(%s, bundled)\t%d\t%d\t%d\t\n", peer, s.Raw, s.Gzip, s.Brotli)
		}
	}
	fmt.Fprintf(w, "index.js\t%d\t%d\t%d\t\n", js.Raw, js.Gzip, js.Brotli)
	fmt.Fprintf(w, "sipwasm.wasm\t%d\t%d\t%d\t\n", wasm.Raw, wasm.Gzip, wasm.Brotli)
	fmt.Fprintf(w, "budget\t%d\t\t%d\t\n", webbuild.MaxRaw, webbuild.MaxBrotli)
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("\nsipwasm.wasm raw=%d gzip=%d brotli=%d\n", wasm.Raw, wasm.Gzip, wasm.Brotli)
	if wasm.Raw > webbuild.MaxRaw || wasm.Brotli > webbuild.MaxBrotli {
		return fmt.Errorf("sipwasm.wasm is over its budget of raw=%d brotli=%d: look for what came in with `go list -deps ./wasm`", webbuild.MaxRaw, webbuild.MaxBrotli)
	}
	return nil
}
