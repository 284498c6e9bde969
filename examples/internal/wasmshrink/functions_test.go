package wasmshrink

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShortNames(t *testing.T) {
	for name, want := range map[string]string{
		"main.main":                                    "main.main",
		"runtime.(*mheap).alloc":                       "runtime.(*mheap).alloc",
		"internal/runtime/maps.(*Map).Iter":            "internal/runtime/maps.(*Map).Iter",
		"github.com/sipwasm/sipwasm/sipua.(*Call).end": "sipua.(*Call).end",
		"github.com/pion/sdp/v3.(*Attribute).Value":    "v3.(*Attribute).Value",
		"example.com/a.F[go.shape.string]":             "a.F[...]",
		"slices.SortFunc[go.shape.[]*example.com/b.T,go.shape.*example.com/b.T].func1": "slices.SortFunc[...].func1",
		"example.com/runtime.F":                 "example.com/runtime.F",
		"type:.eq.example.com/a.T":              "type:.eq.example.com/a.T",
		"example.com/a.(*T[example.com/b.U]).M": "a.(*T[...]).M",
		"go:buildid":                            "go:buildid",
		"":                                      "",
	} {
		require.Equal(t, want, shortName(name))
		require.Equal(t, want, shortName(want), "once is enough")
	}
}

// The tables of the program in testdata, each spoiled in one place.
func TestSpoiledTablesAreRefused(t *testing.T) {
	wasm, err := linked()
	require.NoError(t, err)
	p, err := parseModule(wasm)
	require.NoError(t, err)
	m, err := parseMemory(p.data.content)
	require.NoError(t, err)
	s, err := findSymtab(m)
	require.NoError(t, err)
	second, err := s.function(m, 1)
	require.NoError(t, err)
	panics := slices.IndexFunc(parsed(t, s, m), func(f function) bool { return f.name == "runtime.gopanic" })
	gopanic, err := s.function(m, panics)
	require.NoError(t, err)

	for name, at := range map[string]int{
		"magic number":      s.pcHeader,
		"count":             s.pcHeader + phCount*word,
		"place of names":    s.pcHeader + phNames*word,
		"length of pctab":   s.moduledata + (mdPCs+1)*word,
		"capacity":          s.moduledata + (mdFunctions+2)*word,
		"length of ftab":    s.moduledata + (mdFtab+1)*word,
		"text":              s.moduledata + mdText*word,
		"first PC":          s.moduledata + mdMinPC*word + 2,
		"last PC":           s.moduledata + mdMaxPC*word + 2,
		"end":               s.moduledata + mdEnd*word,
		"number in ftab":    s.functions.start + 8,
		"place in ftab":     s.functions.start + 8 + 7,
		"number in _func":   second + fnEntry,
		"name":              second + fnName + 3,
		"stack pointer":     second + fnSP + 3,
		"kinds of pcdata":   second + fnPCDataCount,
		"kinds of funcdata": second + fnDataCount,
		"stack map":         second + fnSize + int(m.half(second+fnPCDataCount))*4 + 3,
		"ID":                gopanic + fnID,
		"bucket":            s.find.start + findBucket*20 + 1,
	} {
		t.Run(name, func(t *testing.T) {
			spoiled := slices.Clone(m)
			spoiled[at] ^= 0x40
			p.data.content = spoiled.encode()
			_, err := Shrink(p.encode(), runtime.Version())
			require.Error(t, err)
		})
	}
}

func parsed(t *testing.T, s symtab, m memory) []function {
	t.Helper()
	functions, err := s.parseFunctions(m)
	require.NoError(t, err)
	return functions
}

func TestWhatIsReduced(t *testing.T) {
	tree := []inlinedCall{{name: "example.com/a.F"}}
	all := func() function {
		f := function{name: "example.com/b.G", sp: []byte{1}, inlined: tree}
		for kind := range f.pcdata {
			f.pcdata[kind] = []byte{byte(kind)}
		}
		for kind := range f.funcdata {
			f.funcdata[kind] = []byte{byte(kind)}
		}
		return f
	}
	f := all()
	f.reduce()
	require.Equal(t, "b.G", f.name)
	require.Equal(t, [pcdataKinds][]byte{nil, {1}, nil}, f.pcdata)
	require.Equal(t, [funcdataKinds][]byte{{0}, {1}, {2}, {3}, {4}, nil, nil, {7}}, f.funcdata)
	require.Nil(t, f.inlined)
	require.NotNil(t, f.sp)

	f = all()
	f.id = funcIDWrapper
	f.reduce()
	require.Equal(t, tree, f.inlined)
	require.NotNil(t, f.pcdata[pcdataInline])
}
