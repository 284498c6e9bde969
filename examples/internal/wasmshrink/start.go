package wasmshrink

import (
	"errors"
	"fmt"
	"slices"
)

// A start function (WebAssembly core specification 2.5.9) runs when the module is
// instantiated, after the data segments are in place and before anything is called
// from outside. Whoever loads the module need not know of it.

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
func (p *module) addStart(code []byte) (err error) {
	if slices.ContainsFunc(p.sections, func(s *section) bool { return s.id == startSection }) {
		return errors.New("it has a start function already")
	}
	var kind, count, again int
	if p.types.content, kind, err = appendEntry(p.types.content, []byte{typeFunction, 0, 0}); err != nil {
		return err
	}
	if p.functions.content, count, err = appendEntry(p.functions.content, appendCount(nil, kind)); err != nil {
		return err
	}
	body := appendCount([]byte{1}, startLocals)
	body = append(append(append(body, typeI32), code...), opEnd)
	if p.code.content, again, err = appendEntry(p.code.content, appendVector(nil, body)); err != nil {
		return err
	}
	exports := slices.IndexFunc(p.sections, func(s *section) bool { return s.id == exportSection })
	if again != count || exports < 0 {
		return fmt.Errorf("it has %d functions with %d bodies and exports as section %d", count, again, exports)
	}
	start := &section{startSection, appendCount(nil, p.imported+count)}
	p.sections = slices.Insert(p.sections, exports+1, start) // where it belongs (5.5.2)
	return nil
}

// appendEntry adds an entry to a section that is a vector and returns its index.
func appendEntry(content, entry []byte) (longer []byte, index int, err error) {
	defer cutShort(&err)
	r := reader(content)
	index = r.count()
	return slices.Concat(appendCount(nil, index+1), r, entry), index, nil
}
