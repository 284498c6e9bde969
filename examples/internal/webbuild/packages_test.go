package webbuild

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPackageSizes(t *testing.T) {
	root := newTree(t)
	write(t, root, "sipua/sipua.go", "package sipua\n\nimport \"strings\"\n\nfunc Upper(s string) string { return strings.ToUpper(s) }\n")
	write(t, root, "wasm/main.go", "package main\n\nimport \""+modulePath+"/sipua\"\n\nfunc main() { println(sipua.Upper(\"sip\")) }\n")
	sizes, err := PackageSizes(t.Context(), Options{Root: root})
	require.NoError(t, err)
	require.Equal(t, "runtime", sizes[0].Package, "the largest is first")
	require.True(t, slices.IsSortedFunc(sizes, func(a, b PackageSize) int { return int(b.Code - a.Code) }))
	code := map[string]int64{}
	for _, s := range sizes {
		code[s.Package] = s.Code
	}
	for _, p := range []string{modulePath + "/sipua", modulePath + "/wasm", "strings", "internal/runtime/maps"} {
		require.Positive(t, code[p], p)
		require.Less(t, code[p], code["runtime"], p)
	}
	require.NotContains(t, code, "fmt")
}

func TestByPackage(t *testing.T) {
	require.Equal(t, []PackageSize{
		{"example.com/a-b/c", 7}, {"net/url", 5}, {"linker and runtime entry", 4}, {"net", 2},
	}, byPackage(map[string]int64{
		"example.com_a_b_c.F": 3, "example.com_a_b_c.__T_.m.func1": 4, "net.Dial": 2, "net_url.Parse": 5, "_rt0_wasm_js": 4,
	}, []string{"net", "net/url", "example.com/a-b/c"}))
}

func TestFunctionSizesOfWhatIsNotNamedWasm(t *testing.T) {
	for _, bad := range []string{"", "wasm", "\x00asm\x01\x00\x00\x00", "\x00asm\x01\x00\x00\x00\x0a\xff", "\x00asm\x01\x00\x00\x00\x00\x05\x04name\x01"} {
		_, err := functionSizes([]byte(bad))
		require.ErrorIs(t, err, errNotWasm, "%q", bad)
	}
}
