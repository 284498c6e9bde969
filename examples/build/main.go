// Command build makes the npm package's dist directory: sipwasm.wasm, index.js
// and build-info.json. Run it anywhere in a clone of the repository:
//
//	go run -C examples ./build          # build what is missing or stale
//	go run -C examples ./build -size    # build, then print what a browser downloads
//	go run -C examples ./build -modfile # print the -modfile that the wasm is built with
//	go run -C examples ./build -shrink f # rewrite another program for js/wasm as the wasm is
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"text/tabwriter"

	"github.com/sipwasm/sipwasm/examples/internal/wasmshrink"
	"github.com/sipwasm/sipwasm/examples/internal/webbuild"
)

func main() {
	size := flag.Bool("size", false, "print the sizes in bytes and fail when sipwasm.wasm is over its budget")
	modfile := flag.Bool("modfile", false, "build nothing, but write the copy of sipgo that the wasm is built with and print the path of the go.mod that uses it")
	shrink := flag.String("shrink", "", "build nothing, but rewrite this `file`, a program for js/wasm, in less room")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	do := build
	switch {
	case *shrink != "":
		do = func(context.Context) error { return shrinkFile(*shrink) }
	case *modfile:
		do = printModfile
	case *size:
		do = buildAndMeasure
	}
	if err := do(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var options = webbuild.Options{Log: func(line string) { fmt.Fprintln(os.Stderr, line) }}

func build(ctx context.Context) error {
	_, err := webbuild.Build(ctx, options)
	return err
}

func printModfile(ctx context.Context) error {
	path, err := webbuild.Modfile(ctx, options)
	if err == nil {
		fmt.Println(path)
	}
	return err
}

func shrinkFile(path string) error {
	wasm, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	small, err := wasmshrink.Shrink(wasm, runtime.Version())
	if err != nil {
		return err
	}
	return os.WriteFile(path, small, 0o644)
}

func buildAndMeasure(ctx context.Context) error {
	r, err := webbuild.Build(ctx, options)
	if err != nil {
		return err
	}
	packages, err := webbuild.PackageSizes(ctx, options)
	if err != nil {
		return err
	}
	fmt.Println("bytes of code by package as compiled, before tables come and wasmshrink and compression")
	for _, p := range packages[:min(20, len(packages))] {
		fmt.Printf("%9d  %s\n", p.Code, p.Package)
	}
	fmt.Println()
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
		return fmt.Errorf("sipwasm.wasm is over its budget of raw=%d brotli=%d: look for what came in with go run -C examples ./build -modfile and go list -modfile=… -deps ./wasm", webbuild.MaxRaw, webbuild.MaxBrotli)
	}
	return nil
}
