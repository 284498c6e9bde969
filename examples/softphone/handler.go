package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path"
	"time"
)

var (
	//go:embed page/index.html
	indexHTML []byte
	//go:embed page/style.css
	styleCSS []byte
	//go:embed page/icon.svg
	iconSVG []byte
)

// load gathers what the page consists of, by path.
func load(wasm, script string) (map[string][]byte, error) {
	files := map[string][]byte{"/": indexHTML, "/style.css": styleCSS, "/icon.svg": iconSVG}
	for name, file := range map[string]string{"/main.js": script, "/sipwasm.wasm": wasm} {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		files[name] = b
	}
	return files, nil
}

// policy lets the page load its own files only. WebAssembly has a permission of
// its own; connections are free because the person may name any SIP server.
const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ws: wss:; " +
	"object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// newHandler serves the page, says at /demo.json what the form may fill in, and
// lets sip have the WebSocket at /ws, so that one port is enough for everything.
func newHandler(files map[string][]byte, sip http.Handler) (http.Handler, error) {
	about, err := json.Marshal(demo)
	if err != nil {
		return nil, err
	}

	mux := http.NewServeMux()
	for name, content := range files {
		mux.Handle("GET "+exactly(name), static(name, content))
	}
	mux.Handle("GET /demo.json", static("/demo.json", about))
	mux.Handle("GET /ws", sip)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Permissions-Policy", "microphone=(self), camera=(self), display-capture=(self), fullscreen=(self)")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	}), nil
}

// exactly keeps "/" from matching every path.
func exactly(name string) string {
	if name == "/" {
		return "/{$}"
	}
	return name
}

// static serves one file. The browser keeps it and asks each time whether it is
// still the same: a new build shows at the next reload, an old one costs nothing.
func static(name string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	kind := contentType(name)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}

// contentType does not ask the machine, whose table may know none of these.
// Without application/wasm a browser does not compile while it downloads.
func contentType(name string) string {
	switch path.Ext(name) {
	case "":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	case ".wasm":
		return "application/wasm"
	}
	panic("no content type for " + name)
}
