package webbuild

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// PackageSize is the code of one package in the wasm, in bytes.
type PackageSize struct {
	Package string
	Code    int64
}

// PackageSizes tells what the code in the wasm is made of, the largest package
// first. The shipped wasm has no names, so it is linked once more with them.
// Generated comparisons and hash functions of all types count as one.
func PackageSizes(ctx context.Context, o Options) ([]PackageSize, error) {
	root, err := o.root()
	if err != nil {
		return nil, err
	}
	modfile, err := Modfile(ctx, o)
	if err != nil {
		return nil, err
	}
	wasm, err := compile(ctx, root, modfile, "./wasm", "-ldflags=")
	if err != nil {
		return nil, err
	}
	functions, err := functionSizes(wasm)
	if err != nil {
		return nil, fmt.Errorf("the wasm with names: %w", err)
	}
	list, err := run(ctx, root, browserEnv, "go", "list", "-modfile="+modfile, "-deps", "./wasm")
	if err != nil {
		return nil, err
	}
	return byPackage(functions, strings.Fields(list)), nil
}

// byPackage adds up functions, whose names the linker has made of letters, digits
// and underscores after the package's path.
func byPackage(functions map[string]int64, packages []string) []PackageSize {
	names := map[string]string{"main": modulePath + "/wasm", "type_": "comparing and hashing of all types"}
	for _, p := range packages {
		names[strings.Map(func(r rune) rune {
			if strings.ContainsRune("/-@", r) {
				return '_'
			}
			return r
		}, p)] = p
	}
	sums := map[string]int64{}
	for name, size := range functions {
		sums[packageOf(name, names)] += size
	}
	var sizes []PackageSize
	for _, p := range slices.Sorted(maps.Keys(sums)) {
		sizes = append(sizes, PackageSize{p, sums[p]})
	}
	slices.SortStableFunc(sizes, func(a, b PackageSize) int { return cmp.Compare(b.Code, a.Code) })
	return sizes
}

// packageOf finds the longest package path that a name begins with.
func packageOf(function string, names map[string]string) string {
	for end := strings.LastIndexByte(function, '.'); end > 0; end = strings.LastIndexByte(function[:end], '.') {
		if p, ok := names[function[:end]]; ok {
			return p
		}
	}
	return "linker and runtime entry"
}

var errNotWasm = errors.New("cannot be read as wasm with names")

// functionSizes reads the length of each function of the code section and its
// name from the name section (WebAssembly core specification 5.5 and 7.4.1).
func functionSizes(wasm []byte) (sizes map[string]int64, err error) {
	defer func() {
		if recover() != nil { // an index beyond the file
			sizes, err = nil, errNotWasm
		}
	}()
	if string(wasm[:4]) != "\x00asm" {
		return nil, errNotWasm
	}
	const custom, imports, code = 0, 2, 10
	var imported int
	var bodies []int64
	names := map[int]string{}
	for r := reader(wasm[8:]); len(r) > 0; {
		id := r.take(1)[0]
		section := r.take(r.number())
		switch id {
		case imports: // Go imports functions only: module, name, kind, type
			imported = section.number()
		case code:
			for range section.number() {
				size := section.number()
				section.take(size)
				bodies = append(bodies, int64(size))
			}
		case custom:
			if string(section.take(section.number())) != "name" {
				continue
			}
			for len(section) > 0 {
				const functions = 1
				kind := section.take(1)[0]
				table := section.take(section.number())
				if kind != functions {
					continue
				}
				for range table.number() {
					index := table.number()
					names[index] = string(table.take(table.number()))
				}
			}
		}
	}
	if len(names) == 0 {
		return nil, errNotWasm
	}
	sizes = map[string]int64{}
	for i, size := range bodies {
		sizes[names[imported+i]] += size
	}
	return sizes, nil
}

// reader is what is left to read.
type reader []byte

func (r *reader) take(n int) reader {
	taken := (*r)[:n]
	*r = (*r)[n:]
	return taken
}

func (r *reader) number() int {
	v, n := binary.Uvarint(*r)
	r.take(n)
	return int(v)
}
