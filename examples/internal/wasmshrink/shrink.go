// Package wasmshrink makes what Go's linker writes for js/wasm smaller: the program
// stays the same, with less around it.
//
//   - findfunctab, the largest table of all, follows from the number of functions. The
//     program fills it when it starts (findfunctab.go, start.go).
//   - Of what the runtime knows of functions, files, lines, arguments and inlined
//     callers go, which only stack traces show (functions.go). What is left is written
//     as columns (pclntab.go, columns.go).
//   - Addresses, jumps and calls take fewer bytes (peephole.go, jumps.go, calls.go).
//
// It knows the layout of one release of Go, checks what it relies on, reads back what
// it has written, and refuses what is different.
package wasmshrink

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Release is the release of Go whose layout is known.
const Release = "go1.26"

// ErrRelease is the error for a program that another release has made.
var ErrRelease = errors.New("wasmshrink knows the programs of " + Release + " alone: to take another, compare in the two releases " +
	"runtime/symtab.go, symtabinl.go, runtime2.go (_func), panic.go (gorecover), stkframe.go (getStackMap) and asm_wasm.s, " +
	"cmd/link/internal/ld/pcln.go, symtab.go and cmd/link/internal/wasm/asm.go, and cmd/internal/obj/wasm/wasmobj.go, " +
	"then change Release in examples/internal/wasmshrink/shrink.go and run its tests")

// Shrink returns the same program in less room. version is the toolchain's, as
// runtime.Version tells it.
func Shrink(wasm []byte, version string) ([]byte, error) {
	if version != Release && !strings.HasPrefix(version, Release+".") {
		return nil, fmt.Errorf("%w (this is %s)", ErrRelease, version)
	}
	out, err := shrink(wasm)
	if err != nil {
		return nil, fmt.Errorf("wasmshrink (see examples/internal/wasmshrink): %w", err)
	}
	return out, nil
}

func shrink(wasm []byte) ([]byte, error) {
	p, err := parseModule(wasm)
	if err != nil {
		return nil, err
	}
	m, err := parseMemory(p.data.content)
	if err != nil {
		return nil, err
	}
	s, err := findSymtab(m)
	if err != nil {
		return nil, err
	}
	functions, err := s.parseFunctions(m)
	if err != nil {
		return nil, err
	}
	if p.code.content, err = shortenCode(p.code.content, p.imported, unwinding(functions)); err != nil {
		return nil, err
	}
	for i := range functions {
		functions[i].reduce()
	}

	filled, err := s.wholeBuckets(m)
	if err != nil {
		return nil, err
	}
	m = slices.Clone(m) // functions point into the old one
	columns, err := s.writeFunctions(m, functions)
	if err != nil {
		return nil, err
	}
	s.writeHeaders(m)
	if err := verify(m, columns, functions); err != nil {
		return nil, err
	}

	// Until findfunctab is filled, its place holds the columns.
	if len(columns) > filled.size() {
		return nil, tablesError("%d bytes of columns for a findfunctab of %d", len(columns), filled.size())
	}
	clear(m[filled.start:filled.end])
	copy(m[filled.start:], columns)
	p.data.content = m.encode()
	var start assembler
	start.expand(filled.start)
	start.fillFind(filled)
	if err := p.addStart(start.code); err != nil {
		return nil, err
	}
	return p.encode(), nil
}

// unwinding are the functions that never return to their caller: they end in another
// goroutine or in the same one from its beginning, for which all that is on
// WebAssembly's stack goes.
func unwinding(functions []function) map[int]bool {
	never := map[int]bool{}
	for i, f := range functions {
		switch f.name {
		case "runtime.morestack", "runtime.morestack_noctxt", "runtime.sigpanic":
			never[i] = true
		}
	}
	return never
}

// verify reads the memory as the runtime will find it.
func verify(m memory, columns []byte, want []function) error {
	m = slices.Clone(m)
	expand(m, columns)
	s, err := findSymtab(m)
	if err != nil {
		return err
	}
	got, err := s.parseFunctions(m)
	if err != nil {
		return err
	}
	if len(got) != len(want) {
		return tablesError("%d functions have become %d", len(want), len(got))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			return tablesError("%s has become %+v, which was %+v", want[i].name, got[i], want[i])
		}
	}
	return nil
}
