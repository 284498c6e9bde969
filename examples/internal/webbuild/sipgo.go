package webbuild

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sipgo keeps messages, parser, transactions and transports in one package, so
// that net/http, crypto/tls, log/slog and a second WebSocket come into the page
// with its parser: 2 MB of wasm that nothing there can reach. The wasm is
// therefore built against a copy of the module in build/sipgo, in which all that
// only a server with sockets needs stands behind the build tag ServerTag. Nothing
// else is changed, native programs and users of the library take the module as it
// is, and with the tag the copy is complete again, for the tests.

const sipgoPath = "github.com/emiago/sipgo"

// ServerTag is the build tag of the server half of the copy.
const ServerTag = "sipgo_server"

// rule says what becomes of one file of sipgo's package sip.
type rule struct {
	sha256 string   // of the file that was read when the rule was made; "" for one that goes behind the tag
	server []string // declarations that go behind the tag, methods as Type.Method
}

// sipgoRules has every source file of the package, so that none comes or changes
// unread.
var sipgoRules = map[string]rule{
	"dialog.go":        {sha256: "c348d12045d2e59df4e6f363354cbe388849c76f282afcdfdc5cf84c6904da8b"},
	"header_params.go": {sha256: "e34e057297afe77a80e28d3f8db8b95b8f5f0f3c96dd5df6d9ff9e9040743917"},
	"headers.go":       {sha256: "969a1951d7ac5e1ca25fe867f212658875f56548ea56083a14912071249516c9"},
	"message.go":       {sha256: "810db309e1313de49a0a072fdfdec27ffc8fa232069de159b2f2e6a823f7b371"},
	"parse_address.go": {sha256: "7475cd09aea0892d875b5347e2ef55616d44a5a90c11f5445b9b1aaf2f810220"},
	"parse_header.go":  {sha256: "9b2136b1c582075d86a91543315461505ff6e3e7c239a12f6cd6e4159badef1b"},
	"parse_params.go":  {sha256: "d7b52d30de2adb3941f3959ac26503e4d9de5205815a0a63d7cb0a63cebf92d2"},
	"parse_uri.go":     {sha256: "c040bec80ebc4e4892b65ad7eca7deb25ce41d2a3efc191c57458561d493a183"},
	"parse_via.go":     {sha256: "8abea36c90488d9e7f0dc642be1d0e1a3d12e8947c3a8d1002a877c3d30e2ff8"},
	"parser.go":        {sha256: "40f300128ffb5f35de96550072a7511111a1892a1a71f6b803afdaf2b496a343"},
	"parser_stream.go": {sha256: "0cfb0fd2416307c1ef00c834bb9182dee542ea8221d808348bd94181d1bcca5b"},
	"request.go":       {sha256: "3b4fabde57f29bab662d47d7cdb448d493e6c52023a0bf1fd38116236566c868"},
	"response.go": {sha256: "23b0696044bc4a9aca3fa4db0adb8bc0734f6c5fe1107d00598a15a63388a710", server: []string{
		"NewResponseFromRequest", "NewSDPResponseFromRequest", "Response.remoteAddress",
	}},
	"sip.go": {sha256: "3a95e473a8e3d843f77451bc6f2c8b88c22d33b8e834359ddd5294e4442e6501", server: []string{
		"logSIPRead", "logSIPWrite", "DialogIDFromResponse", "DialogIDFromRequestUAS", "DialogIDFromRequestUAC", "getDialogIDFromMessage", "DialogIDMake",
	}},
	"transport.go": {sha256: "c095560c726f2d56ccdf5b8453119fd90c23ec22ab27a3b51a9b00b7c73223fd", server: []string{
		"transport", "TransportReadProps", "TransportReadFilter", "Addr", "Addr.String", "Addr.Copy", "Addr.parseAddr", "ParseAddr",
	}},
	"uri.go": {sha256: "d027dce4b3fd24ad415ecf75fb44d91f52b0528db76e2ae1e94143e1d02790e8"},
	"utils.go": {sha256: "02a9b10de1befbf7a64719c3b4d3f7277d3fa4a20d1d3df08914569f9a56df70", server: []string{
		"ResolveInterfacesIP", "ResolveInterfaceIp", "compareFunctions", "isIPV6", "printStack",
	}},
	"logger.go":                    {},
	"transaction.go":               {},
	"transaction_client_tx.go":     {},
	"transaction_client_tx_fsm.go": {},
	"transaction_fsm.go":           {},
	"transaction_layer.go":         {},
	"transaction_server_tx.go":     {},
	"transaction_server_tx_fsm.go": {},
	"transport_connection_pool.go": {},
	"transport_layer.go":           {},
	"transport_tcp.go":             {},
	"transport_tls.go":             {},
	"transport_udp.go":             {},
	"transport_udp_other.go":       {},
	"transport_udp_windows.go":     {},
	"transport_ws.go":              {},
	"transport_wss.go":             {},
}

// slim are the files of ours in the copy: the names that the code in front of the
// tag misses, and their test.
//
//go:embed _sipgo/slim.go _sipgo/slim_test.go
var slim embed.FS

// Modfile brings the copy of sipgo up to date and returns the path of a go.mod
// that is the root module's with the copy in sipgo's place, for -modfile. It needs
// the network only when the module cache does not have sipgo. Two may run at once:
// the folder's name is the hash of its content, and files are replaced whole.
func Modfile(ctx context.Context, o Options) (string, error) {
	root, err := o.root()
	if err != nil {
		return "", err
	}
	module, err := findSipgo(ctx, root)
	if err != nil {
		return "", err
	}
	files, err := copyOf(module)
	if err != nil {
		return "", err
	}
	dir := filepath.Join("build", "sipgo", contentHash(files)[:16])
	if err := os.MkdirAll(filepath.Join(root, dir, "sip"), 0o755); err != nil {
		return "", err
	}
	for name, content := range files {
		if err := replace(filepath.Join(root, dir, filepath.FromSlash(name)), content); err != nil {
			return "", err
		}
	}

	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return "", err
	}
	mod = fmt.Appendf(mod, "\nreplace %s => ./%s\n", sipgoPath, filepath.ToSlash(dir))
	path := filepath.Join(root, dir+".mod")
	if err := replace(filepath.Join(root, dir+".sum"), sum); err != nil { // where the go command looks for it
		return "", err
	}
	return path, replace(path, mod)
}

// goModule is what the go command tells of a module.
type goModule struct{ Version, Dir string }

func findSipgo(ctx context.Context, root string) (m goModule, err error) {
	env := []string{"GOWORK=off"}
	out, err := run(ctx, root, env, "go", "list", "-m", "-json", sipgoPath)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		return m, fmt.Errorf("go list -m -json %s: %w", sipgoPath, err)
	}
	if m.Dir != "" {
		return m, nil
	}
	if out, err = run(ctx, root, env, "go", "mod", "download", "-json", sipgoPath); err != nil {
		return m, err
	}
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		return m, fmt.Errorf("go mod download -json %s: %w", sipgoPath, err)
	}
	return m, nil
}

// copyOf returns the files of the copy by their path in it.
func copyOf(module goModule) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range []string{"go.mod", "LICENSE"} {
		content, err := os.ReadFile(filepath.Join(module.Dir, name))
		if err != nil {
			return nil, err
		}
		files[name] = content
	}
	for _, name := range []string{"slim.go", "slim_test.go"} {
		content, err := slim.ReadFile("_sipgo/" + name)
		if err != nil {
			return nil, err
		}
		files["sip/"+name] = content
	}
	sources, err := packageSources(filepath.Join(module.Dir, "sip"))
	if err != nil {
		return nil, err
	}
	if err := sipgoKnown(module.Version, sources, sipgoRules); err != nil {
		return nil, err
	}
	for name, src := range sources {
		r := sipgoRules[name]
		switch {
		case r.sha256 == "":
			src, err = constrain(src)
			files["sip/"+name] = src
		case r.server == nil:
			files["sip/"+name] = src
		default:
			front, behind, splitErr := split(name, src, r.server)
			files["sip/"+name], files["sip/"+strings.TrimSuffix(name, ".go")+"_server.go"], err = front, behind, splitErr
		}
		if err != nil {
			return nil, fmt.Errorf("sipgo %s: %w", module.Version, err)
		}
	}
	return files, nil
}

// packageSources reads the Go files of a package, without its tests.
func packageSources(dir string) (map[string][]byte, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	sources := map[string][]byte{}
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if sources[name], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return sources, nil
}

// sipgoKnown compares what there is with what was read. All differences come at
// once, because a new version of sipgo has several.
func sipgoKnown(version string, sources map[string][]byte, rules map[string]rule) error {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		r, known := rules[name]
		sum := hashOf(sources[name])
		switch {
		case !known:
			found = append(found, fmt.Sprintf("sip/%s is new: give it a rule, with the hash %s when the page needs it, else an empty one", name, sum))
		case r.sha256 != "" && r.sha256 != sum:
			found = append(found, fmt.Sprintf("sip/%s has changed: read the change, then record the hash %s", name, sum))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if _, there := sources[name]; !there {
			found = append(found, fmt.Sprintf("sip/%s is gone: see where its code went, then remove its rule", name))
		}
	}
	if found == nil {
		return nil
	}
	return fmt.Errorf("sipgo %s is not the one that the wasm is built from:\n  %s\nThe rules are sipgoRules in examples/internal/webbuild/sipgo.go; run make test-trimmed size afterwards",
		version, strings.Join(found, "\n  "))
}

func contentHash(files map[string][]byte) string {
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintln(&all, name, hashOf(files[name]))
	}
	return hashOf([]byte(all.String()))
}

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
