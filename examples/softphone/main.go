// Command softphone is the demo: a SIP softphone as a web page, the SIP server
// that it registers with, and an extension that sends back what it hears, in one
// program. It needs Go alone and, once started, no network.
//
//	go run -C examples ./softphone
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sipwasm/sipwasm/examples/internal/webbuild"
)

// dist is where the page's script is built, from the root of the repository.
const dist = "examples/softphone/dist"

func main() {
	addr := flag.String("addr", "127.0.0.1:8088", "`address` to serve the page on; another port is taken when this one is in use")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		fmt.Fprintln(os.Stderr, "softphone:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string) error {
	built, err := webbuild.Build(ctx, webbuild.Options{
		Pages: []webbuild.Page{{Entry: "examples/softphone/page/main.ts", OutDir: dist}},
		Log:   func(line string) { fmt.Println(line) },
	})
	if err != nil {
		return err
	}
	root := filepath.Join(built.Dist, "..", "..", "..")
	files, err := load(built.Wasm, filepath.Join(root, dist, "main.js"))
	if err != nil {
		return err
	}

	l, err := listen(addr)
	if err != nil {
		return err
	}
	return serve(ctx, l, files)
}

// serve serves the page and its SIP server on l until ctx is done, and closes l.
func serve(ctx context.Context, l net.Listener, files map[string][]byte) error {
	defer l.Close()
	sip := newSIP()
	defer sip.Close()
	handler, err := newHandler(files, sip)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	fmt.Printf(`
  The softphone is at  http://%s/

  Open it in two tabs: one becomes 1001, the other 1002. Call the other one, or call echo.
  Ctrl-C ends it.
`, l.Addr())

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	sip.Close() // ends the WebSockets, which Shutdown would not wait for
	bye, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(bye); err != nil {
		return server.Close()
	}
	return nil
}

// listen takes the address that was asked for or, when somebody has it already,
// any free port of the same host.
func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	host, _, _ := net.SplitHostPort(addr)
	fmt.Printf("%s is in use, so another port it is.\n", addr)
	return net.Listen("tcp", net.JoinHostPort(host, "0"))
}
