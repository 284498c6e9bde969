// Package wasmshrink makes what Go's linker writes for js/wasm smaller, after it
// has been linked: the program stays the same, its tables take less room in the
// file. It knows the layout of one release of Go, checks all of it that it relies
// on, and refuses everything else.
package wasmshrink

import (
	"errors"
	"fmt"
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

	var start assembler
	filled, err := s.wholeBuckets(m)
	if err != nil {
		return nil, err
	}
	clear(m[filled.start:filled.end])
	start.fillFind(filled, 0, 1)

	data.content = m.encode()
	if sections, err = addStart(sections, 2, start.code); err != nil {
		return nil, err
	}
	return encodeModule(sections), nil
}
