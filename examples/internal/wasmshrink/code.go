package wasmshrink

import (
	"encoding/binary"
	"fmt"
)

// Instructions (WebAssembly core specification 5.4) that are looked for or written.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opI32Load      = 0x28
	opI32Load8U    = 0x2d
	opI64Load32U   = 0x35
	opI32Store     = 0x36
	opI64Store     = 0x37
	opI64Store32   = 0x3e
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Eqz       = 0x45
	opI32LtU       = 0x49
	opI64Eqz       = 0x50
	opF64Ge        = 0x66
	opI32Clz       = 0x67
	opI32Popcnt    = 0x69
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI32Mul       = 0x6c
	opI32DivU      = 0x6e
	opI32And       = 0x71
	opI32Or        = 0x72
	opI32Xor       = 0x73
	opI32Shl       = 0x74
	opI32ShrU      = 0x76
	opI64Clz       = 0x79
	opI64Popcnt    = 0x7b
	opI64Add       = 0x7c
	opF32Abs       = 0x8b
	opF32Sqrt      = 0x91
	opF64Abs       = 0x99
	opF64Sqrt      = 0x9f
	opI32WrapI64   = 0xa7
	opI64ExtendI32 = 0xad // unsigned
	opLastNumeric  = 0xc4
	opPrefix       = 0xfc

	typeI32      = 0x7f
	typeFunction = 0x60
	noResult     = 0x40
)

// instruction is an opcode and what follows it, as it stands in the file.
type instruction struct {
	op        byte
	immediate []byte
}

// body is a function: its locals as they stand in the file, and what it does.
type body struct {
	locals       []byte
	instructions []instruction
}

func parseBody(content []byte) (b body, err error) {
	defer cutShort(&err)
	r := reader(content)
	for range r.count() {
		r.count()
		r.take(1)
	}
	b.locals = content[:len(content)-len(r)]
	for len(r) > 0 {
		op := r.take(1)[0]
		rest := r
		switch {
		case op == opBlock || op == opLoop || op == opIf:
			r.signed()
		case op == opBr || op == opBrIf || op == opCall || op >= opLocalGet && op <= opGlobalSet || op == opMemorySize || op == opMemoryGrow:
			r.count()
		case op == opBrTable:
			for range r.count() + 1 {
				r.count()
			}
		case op == opCallIndirect || op >= opI32Load && op <= opI64Store32:
			r.count()
			r.count()
		case op == opI32Const || op == opI64Const:
			r.signed()
		case op == opF32Const:
			r.take(4)
		case op == opF64Const:
			r.take(8)
		case op == opPrefix:
			switch r.count() {
			case 0, 1, 2, 3, 4, 5, 6, 7: // conversions
			case 10: // memory.copy
				r.take(2)
			case 11: // memory.fill
				r.take(1)
			default:
				return b, fmt.Errorf("it has the instruction %#x % x", op, rest[:1])
			}
		case op <= opElse || op == opEnd || op == opReturn || op == opDrop || op == opSelect || op >= opI32Eqz && op <= opLastNumeric:
		default:
			return b, fmt.Errorf("it has the instruction %#x", op)
		}
		b.instructions = append(b.instructions, instruction{op, rest[:len(rest)-len(r)]})
	}
	if n := len(b.instructions); n == 0 || b.instructions[n-1].op != opEnd {
		return b, fmt.Errorf("a function has no end")
	}
	return b, nil
}

func (b body) encode() []byte {
	content := append([]byte(nil), b.locals...)
	for _, in := range b.instructions {
		content = append(append(content, in.op), in.immediate...)
	}
	return content
}

func (in instruction) is(op byte, immediate int64) bool {
	return in.op == op && in.number() == immediate
}

// number is the constant, or the index of a local, a global, a function or a label.
func (in instruction) number() int64 {
	r := reader(in.immediate)
	if in.op == opI32Const || in.op == opI64Const {
		return r.signed()
	}
	return int64(r.count())
}

func number(op byte, n int64) instruction {
	if op == opI32Const || op == opI64Const {
		return instruction{op, appendSigned(nil, n)}
	}
	return instruction{op, binary.AppendUvarint(nil, uint64(n))}
}

// offset adds to the offset of a load or a store.
func (in instruction) offset(n int64) instruction {
	r := reader(in.immediate)
	alignment := r.count()
	return instruction{in.op, appendCount(appendCount(nil, alignment), r.count()+int(n))}
}

func (in instruction) loads() bool  { return in.op >= opI32Load && in.op <= opI64Load32U }
func (in instruction) stores() bool { return in.op >= opI32Store && in.op <= opI64Store32 }

// effect tells how many values an instruction takes from the stack and puts there;
// not of those that leave the straight line.
func (in instruction) effect() (takes, puts int, straight bool) {
	switch op := in.op; {
	case op == opNop:
		return 0, 0, true
	case op == opDrop || op == opLocalSet || op == opGlobalSet:
		return 1, 0, true
	case op == opLocalGet || op == opGlobalGet || op >= opI32Const && op <= opF64Const || op == opMemorySize:
		return 0, 1, true
	case op == opSelect:
		return 3, 1, true
	case in.stores():
		return 2, 0, true
	case in.loads() || op == opLocalTee || op == opMemoryGrow:
		return 1, 1, true
	case op == opI32Eqz || op == opI64Eqz || op >= opI32Clz && op <= opI32Popcnt || op >= opI64Clz && op <= opI64Popcnt ||
		op >= opF32Abs && op <= opF32Sqrt || op >= opF64Abs && op <= opF64Sqrt || op >= opI32WrapI64 && op <= opLastNumeric:
		return 1, 1, true
	case op > opI32Eqz && op < opI32WrapI64:
		return 2, 1, true
	}
	return 0, 0, false
}
