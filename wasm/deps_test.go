//go:build !js

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// module is where our own packages are.
const module = "github.com/sipwasm/sipwasm/"

// banned packages, with the reason of each. "/..." stands for everything below.
type banned map[string]string

// never are the packages that must not be in the program at all, whoever brings
// them. Sizes are those of the compressed (brotli) program.
var never = banned{
	"nhooyr.io/websocket/...":         "its js half drops messages that arrive just before a close, loses the close code, leaves sockets open after a time-out, and costs 377 KB: use websocket_js.go",
	"github.com/coder/websocket/...":  "as nhooyr.io/websocket, whose new name it is",
	"github.com/stretchr/testify/...": "belongs into tests",
	"testing/...":                     "belongs into tests",
	module + "sipua/sipuatest":        "belongs into tests",
	"net/http/...":                    "377 KB with what it brings, and a page has fetch",
	"net":                             "12 KB, and a page has no sockets: use net/netip for addresses",
	"net/textproto":                   "comes with net/http",
	"crypto/tls/...":                  "the browser does it",
	"crypto/x509/...":                 "the browser does it",
	"mime/...":                        "bodies are session descriptions",
	"encoding/json":                   "133 KB and reflect: the port hands over objects",
	"log/slog/...":                    "125 KB: report with an event or an error",
	"log":                             "report with an event or an error",
	"io/ioutil":                       "deprecated",
	"database/sql/...":                "comes with google/uuid",
	"github.com/google/uuid":          "89 KB: six lines over crypto/rand",
	"github.com/gobwas/...":           "the page's WebSocket is ours to use, see websocket_js.go",
	"golang.org/x/sync/...":           "comes with sipgo's transports",
	"html/template":                   "calls methods by name, which keeps every exported method of the program: 6.6 MB became 9.9 MB",
	"text/template/...":               "calls methods by name, which keeps every exported method of the program",
	"regexp/...":                      "write the few lines: it compiles when the page loads and is slow",
	"encoding/xml":                    "SIP has no use for it here, and it lives on reflect",
	"encoding/gob":                    "nothing but Go reads it, and it lives on reflect",
	"os/exec":                         "a page has no processes",
	"os/signal":                       "a page has no signals",
	"flag":                            "a page has no command line",
	"embed":                           "what is embedded is loaded with each page: let the page fetch it",
	"plugin":                          "a page cannot load any",
	"expvar":                          "publishes over net/http",
	"runtime/pprof":                   "bloat: use the browser's profiler",
	"runtime/trace":                   "bloat: use the browser's profiler",
	"go/...":                          "the compiler's front end",
	"golang.org/x/net/...":            "net/http for the most part",
	"github.com/emiago/sipgo":         "only its sip package is used: the rest is a server",
	"github.com/emiago/sipgo/siptest": "belongs into tests",
	"github.com/pion/webrtc/...":      "the page has its own RTCPeerConnection",
	"go.yaml.in/yaml/...":             "comes with testify, belongs into tests",
}

// notOurs are the packages that others bring today and that we keep out of our
// own code, so that they go when the others drop them.
var notOurs = banned{
	"net/url":                  "41 KB: a SIP URI is none of its URLs",
	"encoding/binary":          "lives on reflect: shift the bytes",
	"os":                       "a page has no files, no environment and no exit",
	"reflect":                  "reflect by name keeps every exported method of the program",
	"math/big":                 "nothing in SIP is that large",
	"github.com/pion/randutil": "crypto/rand is as short",
}

// notSipua is what package sipua and all below it must not import directly: it
// reaches the browser through its two seams.
var notSipua = banned{
	"syscall/js":            "the browser is reached through Transport and Media",
	module + "wasm/...":     "the bridge depends on the user agent, not the other way round",
	module + "cti/...":      "the adapter depends on the user agent, not the other way round",
	module + "examples/...": "examples depend on the library",
}

// reason tells why pkg is banned, "" when it is not.
func (b banned) reason(pkg string) string {
	for pattern, why := range b {
		prefix, below := strings.CutSuffix(pattern, "...")
		if pkg == strings.TrimSuffix(prefix, "/") || below && strings.HasPrefix(pkg, prefix) {
			return why
		}
	}
	return ""
}

// check lists what is banned of imports, the packages that importer has.
func (b banned) check(importer string, imports []string) (found []string) {
	for _, pkg := range imports {
		if why := b.reason(pkg); why != "" {
			found = append(found, fmt.Sprintf("%s has %s: %s", importer, pkg, why))
		}
	}
	return found
}

// listed is what go list tells of a package.
type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

// list returns the named packages, with everything they need when they are
// preceded by -deps, for the browser or for this machine.
func list(t *testing.T, browser bool, args ...string) (packages []listed) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,Standard"}, args...)...)
	c.Env = os.Environ()
	if browser {
		c.Env = append(c.Env, "GOOS=js", "GOARCH=wasm")
	}
	out, err := c.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%s: %s", c, exit.Stderr)
	}
	require.NoError(t, err)
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
	require.NotEmpty(t, packages)
	return packages
}

// programPackages lists the packages of the wasm as it is built, with the
// builder's copy of sipgo.
func programPackages(t *testing.T) []listed {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", "run", "-C", "../examples", "./build", "-modfile")
	var complaint bytes.Buffer
	c.Stderr = &complaint
	modfile, err := c.Output()
	require.NoError(t, err, "%s: %s", c, &complaint)
	return list(t, true, "-modfile="+strings.TrimSpace(string(modfile)), "-deps", ".")
}

func TestProgramHasNothingBanned(t *testing.T) {
	var program []string
	for _, p := range programPackages(t) {
		program = append(program, p.ImportPath)
	}
	require.Contains(t, program, module+"sipua", "the list is that of the program")
	require.Contains(t, program, "syscall/js", "the list is that of the browser")
	require.Empty(t, never.check("the program", program))
}

func TestOurPackagesImportNothingHeavy(t *testing.T) {
	ours := 0
	for _, p := range programPackages(t) {
		if strings.HasPrefix(p.ImportPath, module) {
			ours++
			require.Empty(t, notOurs.check(p.ImportPath, p.Imports))
		}
	}
	require.Greater(t, ours, 2, "the bridge, the user agent and its internal packages")
}

func TestUserAgentKnowsNoBrowser(t *testing.T) {
	for _, browser := range []bool{true, false} {
		for _, p := range list(t, browser, "../sipua/...") {
			require.Empty(t, notSipua.check(p.ImportPath, p.Imports))
		}
	}
}

// Every entry can fail: what it bans is found, under its own reason, and what is
// only spelled alike is not.
func TestBanned(t *testing.T) {
	b := banned{"net": "one", "go/...": "all", "example.com/a/...": "a and below"}
	require.Equal(t, []string{
		"x has net: one", "x has go/ast: all", "x has go: all", "x has example.com/a: a and below", "x has example.com/a/b/c: a and below",
	}, b.check("x", []string{"net", "net/netip", "fmt", "go/ast", "go", "google", "example.com/a", "example.com/a/b/c", "example.com/ab", "internal/net"}))
	require.Empty(t, b.check("x", nil))

	for name, list := range map[string]banned{"never": never, "notOurs": notOurs, "notSipua": notSipua} {
		for pattern, why := range list {
			require.NotEmpty(t, why, "%s: %s wants a reason", name, pattern)
			prefix, below := strings.CutSuffix(pattern, "...")
			pkg := strings.TrimSuffix(prefix, "/")
			require.Len(t, list.check("x", []string{"fmt", pkg}), 1, "%s: %s", name, pattern)
			if below {
				require.Len(t, list.check("x", []string{prefix + "x", "fmt"}), 1, "%s: %s", name, pattern)
			}
		}
	}
}

// What we keep out of our own code is there, or the entry has had its day.
func TestWhatIsNotOursIsInTheProgram(t *testing.T) {
	program := programPackages(t)
	for pattern, why := range notOurs {
		one := banned{pattern: why}
		require.True(t, slices.ContainsFunc(program, func(p listed) bool { return one.reason(p.ImportPath) != "" }),
			"nobody brings %s any more: move the entry to never", pattern)
	}
}

var versions = map[string]*regexp.Regexp{
	"npm/package.json":      regexp.MustCompile(`(?m)^  "version": "([^"]+)"`),
	"npm/package-lock.json": regexp.MustCompile(`(?m)^  "version": "([^"]+)"`),
	"npm/src/version.ts":    regexp.MustCompile(`(?m)^export const VERSION = "([^"]+)"`),
}

// The facade refuses a program of another version; a release must not be able to
// ship the two apart.
func TestVersions(t *testing.T) {
	for file, version := range versions {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		found := version.FindSubmatch(text)
		require.NotNil(t, found, "%s names no version", file)
		require.Equal(t, sipua.Version, string(found[1]), file)
	}
}
