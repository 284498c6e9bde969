// Package wasmshrink makes what Go's linker writes for js/wasm smaller, after it
// has been linked: the program stays the same, its tables take less room in the
// file. It knows the layout of one release of Go, checks all of it that it relies
// on, and refuses everything else.
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
var ErrRelease = errors.New("wasmshrink knows the tables of " + Release + " alone: to take another, compare " +
	"runtime/symtab.go, runtime/runtime2.go (_func), cmd/link/internal/ld/pcln.go and cmd/link/internal/wasm/asm.go of the two releases, " +
	"then change Release in examples/internal/wasmshrink/shrink.go")

// Shrink returns the same program in less room. version is the toolchain's, as
// runtime.Version tells it.
func Shrink(wasm []byte, version string) ([]byte, error) {
	if version != Release && !strings.HasPrefix(version, Release+".") {
		return nil, fmt.Errorf("%w (this is %s)", ErrRelease, version)
	}
	out, err := shrink(wasm)
	if err != nil {
		return nil, fmt.Errorf("wasmshrink: %w: see examples/internal/wasmshrink", err)
	}
	return out, nil
}

func shrink(wasm []byte) ([]byte, error) {
	sections, err := parseModule(wasm)
	if err != nil {
		return nil, err
	}
	data, err := find(sections, dataSection)
	if err != nil {
		return nil, err
	}
	m, err := parseMemory(data.content)
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

	// Until findfunctab is filled its place holds the columns.
	if len(columns) > filled.size() {
		return nil, tablesError("%d bytes of columns for a findfunctab of %d", len(columns), filled.size())
	}
	clear(m[filled.start:filled.end])
	copy(m[filled.start:], columns)
	data.content = m.encode()
	var start assembler
	start.expand(filled.start)
	start.fillFind(filled)
	if sections, err = addStart(sections, start.code); err != nil {
		return nil, err
	}
	return encodeModule(sections), nil
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
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			return tablesError("%s has become %+v, which was %+v", want[i].name, got[i], want[i])
		}
	}
	return nil
}
