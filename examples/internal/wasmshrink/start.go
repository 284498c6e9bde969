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
	opIf         = 0x04
	opBr         = 0x0c
	opBrIf       = 0x0d
	opLocalGet   = 0x20
	opLocalSet   = 0x21
	opLocalTee   = 0x22
	opI32Load8U  = 0x2d
	opI32Store   = 0x36
	opI64Store   = 0x37
	opI64Const   = 0x42
	opI32LtU     = 0x49
	opI32Add     = 0x6a
	opI32Sub     = 0x6b
	opI32Mul     = 0x6c
	opI32DivU    = 0x6e
	opI32And     = 0x71
	opI32Or      = 0x72
	opI32Xor     = 0x73
	opI32Shl     = 0x74
	opI32ShrU    = 0x76
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

// memory writes an instruction that loads or stores at the address on the stack
// plus offset, of which no alignment is said.
func (a *assembler) memory(op byte, offset int) {
	a.op(op, 0)
	a.code = appendCount(a.code, offset)
}

func (a *assembler) get(local byte) { a.op(opLocalGet, local) }
func (a *assembler) set(local byte) { a.op(opLocalSet, local) }

// fillFind fills findfunctab:
//
//	at, i := start, 0
//	for {
//		bucket at = i / findBuckets, then zeros
//		i++
//		at += findBucket
//		if !(at < end) { break }
//	}
func (a *assembler) fillFind(t table) {
	const at, i = 0, 1
	a.i32(t.start)
	a.set(at)
	a.i32(0)
	a.set(i)
	a.op(opLoop, noResult)
	a.get(at)
	a.get(i)
	a.i32(findBuckets)
	a.op(opI32DivU)
	a.memory(opI32Store, 0)
	for offset := 4; offset < findBucket; offset += 8 {
		a.op(opLocalGet, at, opI64Const, 0)
		a.memory(opI64Store, offset)
	}
	a.get(i)
	a.i32(1)
	a.op(opI32Add)
	a.set(i)
	a.get(at)
	a.i32(findBucket)
	a.op(opI32Add, opLocalTee, at)
	a.i32(t.end)
	a.op(opI32LtU, opBrIf, 0, opEnd)
}

// expand puts columns in their places, as the function expand does.
func (a *assembler) expand(stream int) {
	const r, count, at, stride, flags, value, run, entry, shift = 0, 1, 2, 3, 4, 5, 6, 7, 8
	number := func(to byte) { // to = the next LEB128 number
		a.i32(0)
		a.set(to)
		a.i32(0)
		a.set(shift)
		a.op(opLoop, noResult)
		a.get(to)
		a.get(r)
		a.memory(opI32Load8U, 0)
		a.i32(0x7f)
		a.op(opI32And)
		a.get(shift)
		a.op(opI32Shl, opI32Or)
		a.set(to)
		a.get(shift)
		a.i32(7)
		a.op(opI32Add)
		a.set(shift)
		a.get(r)
		a.get(r)
		a.i32(1)
		a.op(opI32Add)
		a.set(r)
		a.memory(opI32Load8U, 0)
		a.i32(0x80)
		a.op(opI32And, opBrIf, 0, opEnd)
	}
	a.i32(stream)
	a.set(r)
	a.op(opLoop, noResult) // columns
	number(count)
	a.get(count)
	a.op(opIf, noResult)
	number(at)
	number(stride)
	number(flags)
	a.i32(0)
	a.set(value)

	a.op(opLoop, noResult) // entries
	a.i32(1)
	a.set(run)
	a.get(flags)
	a.i32(columnRuns)
	a.op(opI32And, opIf, noResult)
	number(run)
	a.op(opEnd)
	number(entry)
	a.get(entry) // entry = entry>>1 ^ -(entry & 1)
	a.i32(1)
	a.op(opI32ShrU)
	a.i32(0)
	a.get(entry)
	a.i32(1)
	a.op(opI32And, opI32Sub, opI32Xor)
	a.set(entry)

	a.op(opLoop, noResult) // of a run
	a.get(at)
	a.get(value) // value = value*(flags & columnSums) + entry
	a.get(flags)
	a.i32(columnSums)
	a.op(opI32And, opI32Mul)
	a.get(entry)
	a.op(opI32Add, opLocalTee, value)
	a.memory(opI32Store, 0)
	a.get(at)
	a.get(stride)
	a.op(opI32Add)
	a.set(at)
	a.countDown(run)
	a.op(opBrIf, 0, opEnd)

	a.countDown(count)
	a.op(opBrIf, 0, opEnd)

	a.op(opBr, 1, opEnd, opEnd) // the next column
}

// countDown leaves the local's new value on the stack.
func (a *assembler) countDown(local byte) {
	a.get(local)
	a.i32(1)
	a.op(opI32Sub, opLocalTee, local)
}

// startLocals are the locals of the start function, all of type i32.
const startLocals = 9

// addStart appends a function without parameters and results and makes it the
// start function.
func addStart(sections []section, code []byte) ([]section, error) {
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
	body := appendCount([]byte{1}, startLocals)
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
