package wasmshrink

import (
	"encoding/binary"
	"fmt"
)

// A start function (WebAssembly core specification 2.5.9) runs when the module is
// instantiated, after the data segments are in place and before anything is called
// from outside. Whoever loads the module need not know of it.

// Instructions (5.4) that start functions are made of.
const (
	opLoop       = 0x03
	opBrIf       = 0x0d
	opLocalGet   = 0x20
	opLocalSet   = 0x21
	opLocalTee   = 0x22
	opI32Store   = 0x36
	opI32LtU     = 0x49
	opI32Add     = 0x6a
	opI32DivU    = 0x6e
	typeI32      = 0x7f
	typeFunction = 0x60
	noResult     = 0x40
)

// assembler writes the body of a function.
type assembler struct{ code []byte }

func (a *assembler) op(ops ...byte) { a.code = append(a.code, ops...) }

func (a *assembler) i32(v int) {
	a.op(opI32Const)
	a.code = appendSigned(a.code, int64(int32(v)))
}

// store ends an instruction that stores at the address on the stack, plus offset.
func (a *assembler) store(op byte, alignment, offset int) {
	a.op(op, byte(alignment))
	a.code = appendCount(a.code, offset)
}

// fillFind fills findfunctab, whose memory is zero:
//
//	at, i := start, 0
//	for {
//		*at = i / findBuckets
//		i++
//		at += findBucket
//		if !(at < end) { break }
//	}
func (a *assembler) fillFind(t table, at, i byte) {
	a.i32(t.start)
	a.op(opLocalSet, at)
	a.i32(0)
	a.op(opLocalSet, i)
	a.op(opLoop, noResult)
	a.op(opLocalGet, at)
	a.op(opLocalGet, i)
	a.i32(findBuckets)
	a.op(opI32DivU)
	a.store(opI32Store, 2, 0)
	a.op(opLocalGet, i)
	a.i32(1)
	a.op(opI32Add, opLocalSet, i)
	a.op(opLocalGet, at)
	a.i32(findBucket)
	a.op(opI32Add, opLocalTee, at)
	a.i32(t.end)
	a.op(opI32LtU, opBrIf, 0, opEnd)
}

// addStart appends a function without parameters and results and makes it the
// start function. It has so many locals of type i32.
func addStart(sections []section, locals int, code []byte) ([]section, error) {
	imports, err := find(sections, importSection)
	if err != nil {
		return nil, err
	}
	types, err := find(sections, typeSection)
	if err != nil {
		return nil, err
	}
	functions, err := find(sections, functionSection)
	if err != nil {
		return nil, err
	}
	bodies, err := find(sections, codeSection)
	if err != nil {
		return nil, err
	}
	imported, err := importedFunctions(imports.content)
	if err != nil {
		return nil, err
	}

	typeIndex, count := 0, 0
	if types.content, typeIndex, err = appendEntry(types.content, []byte{typeFunction, 0, 0}); err != nil {
		return nil, err
	}
	if functions.content, count, err = appendEntry(functions.content, appendCount(nil, typeIndex)); err != nil {
		return nil, err
	}
	body := appendCount([]byte{1}, locals)
	body = append(append(append(body, typeI32), code...), opEnd)
	var again int
	if bodies.content, again, err = appendEntry(bodies.content, appendVector(nil, body)); err != nil {
		return nil, err
	}
	if again != count {
		return nil, fmt.Errorf("it has %d functions and %d bodies", count, again)
	}

	var all []section
	for _, s := range sections {
		if s.id == startSection {
			return nil, fmt.Errorf("it has a start function already")
		}
		all = append(all, s)
		if s.id == exportSection { // the start section follows it
			all = append(all, section{startSection, appendCount(nil, imported+count)})
		}
	}
	return all, nil
}

// appendEntry adds an entry to a section that is a vector and returns its index.
func appendEntry(content, entry []byte) ([]byte, int, error) {
	count, n := binary.Uvarint(content)
	if n <= 0 {
		return nil, 0, errCutShort
	}
	longer := appendCount(nil, int(count)+1)
	longer = append(longer, content[n:]...)
	return append(longer, entry...), int(count), nil
}

// importedFunctions counts the imports, which come first in the numbers of
// functions.
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
