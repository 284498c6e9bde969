package wasmshrink

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The sections of a module that are read here (WebAssembly core specification 5.5.2).
const (
	customSection   = 0
	typeSection     = 1
	importSection   = 2
	functionSection = 3
	exportSection   = 7
	startSection    = 8
	codeSection     = 10
	dataSection     = 11
)

const header = "\x00asm\x01\x00\x00\x00"

// section is one part of a module as it stands in the file.
type section struct {
	id      byte
	content []byte
}

// module is a file, and the sections in it that are changed.
type module struct {
	sections                     []*section
	types, functions, code, data *section
	imported                     int // functions that are imported; their numbers come first
}

// parseModule cuts a module into its sections.
func parseModule(wasm []byte) (p *module, err error) {
	defer cutShort(&err)
	if len(wasm) < len(header) || string(wasm[:len(header)]) != header {
		return nil, errors.New("it is no WebAssembly module of version 1")
	}
	p = &module{}
	for r := reader(wasm[len(header):]); len(r) > 0; {
		id := r.take(1)[0]
		p.sections = append(p.sections, &section{id, r.take(r.count())})
	}
	var imports *section
	for id, to := range map[byte]**section{
		typeSection: &p.types, importSection: &imports, functionSection: &p.functions, codeSection: &p.code, dataSection: &p.data,
	} {
		for _, s := range p.sections {
			if s.id != id {
				continue
			}
			if *to != nil {
				return nil, fmt.Errorf("it has two sections %d", id)
			}
			*to = s
		}
		if *to == nil {
			return nil, fmt.Errorf("it has no section %d", id)
		}
	}
	p.imported, err = importedFunctions(imports.content)
	return p, err
}

// encode is the file again.
func (p *module) encode() []byte {
	wasm := []byte(header)
	for _, s := range p.sections {
		wasm = append(wasm, s.id)
		wasm = appendVector(wasm, s.content)
	}
	return wasm
}

func importedFunctions(content []byte) (count int, err error) {
	defer cutShort(&err)
	r := reader(content)
	count = r.count()
	for range count {
		r.take(r.count()) // module
		r.take(r.count()) // name
		if kind := r.take(1)[0]; kind != 0 {
			return 0, fmt.Errorf("it imports a thing of kind %d, not a function", kind)
		}
		r.count() // type
	}
	return count, nil
}

// reader is what is left to read. To read beyond the end panics with errCutShort,
// which cutShort makes an error again.
type reader []byte

var errCutShort = errors.New("it ends too early")

func cutShort(err *error) {
	if p := recover(); p == errCutShort {
		*err = errCutShort
	} else if p != nil {
		panic(p)
	}
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(*r) {
		panic(errCutShort)
	}
	taken := (*r)[:n]
	*r = (*r)[n:]
	return taken
}

// count reads an unsigned LEB128 number (5.2.2).
func (r *reader) count() int {
	v, n := binary.Uvarint(*r)
	if n <= 0 {
		panic(errCutShort)
	}
	r.take(n)
	return int(v)
}

// signed reads a signed LEB128 number.
func (r *reader) signed() (v int64) {
	for shift := 0; ; shift += 7 {
		b := r.take(1)[0]
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift < 57 && b&0x40 != 0 {
				v -= 1 << (shift + 7)
			}
			return v
		}
	}
}

func appendCount(b []byte, v int) []byte { return binary.AppendUvarint(b, uint64(v)) }

func appendSigned(b []byte, v int64) []byte {
	for v < -0x40 || v >= 0x40 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v)&0x7f)
}

func appendVector(b, content []byte) []byte {
	return append(appendCount(b, len(content)), content...)
}
