package wasmshrink

// Go's compiler translates one operation at a time, and its assembler writes out
// addresses, jumps and calls at length (cmd/internal/obj/wasm/wasmobj.go). What
// follows here, in jumps.go and in calls.go, says the same in fewer bytes, most of
// it also in fewer steps. Whatever does not look exactly as that assembler writes it
// stays as it is, and so do the places that a function can be resumed at, which the
// tables know.

const (
	pcLocal = 0 // the parameter: the place that the function begins or goes on at

	spGlobal = 0 // the pointer to the goroutine's stack
	spLocal  = 1 // its copy; the assembler keeps them equal
)

// copiesSP tells the functions that are called as Go's are: they begin with their
// copy of the stack pointer.
func (b body) copiesSP() bool {
	in := b.instructions
	return len(in) > 2 && in[0].is(opGlobalGet, spGlobal) && in[1].is(opLocalSet, spLocal)
}

// shortenCode rewrites the code section. unwinding are the functions that always
// return 1; imported is how many functions come before those of the code section.
func shortenCode(content []byte, imported int, unwinding map[int]bool) (short []byte, err error) {
	defer cutShort(&err)
	r := reader(content)
	bodies := make([]body, r.count())
	for i := range bodies {
		if bodies[i], err = parseBody(r.take(r.count())); err != nil {
			return nil, err
		}
	}
	for i := range bodies {
		b := &bodies[i]
		if !b.copiesSP() {
			continue
		}
		for _, rule := range []rule{noNop, stackAddress, popOnce, branchIf} {
			b.instructions = rewrite(b.instructions, rule)
		}
		b.jumpAhead(func(f int) bool { return unwinding[f-imported] })
	}
	handOverAddresses(bodies, imported)

	short = appendCount(nil, len(bodies))
	for _, b := range bodies {
		short = appendVector(short, b.encode())
	}
	return short, nil
}

// rule looks at the instructions that are left and says how many of them it takes,
// 0 for none, and what comes instead.
type rule func(in []instruction) (taken int, instead []instruction)

func rewrite(in []instruction, rule rule) []instruction {
	out := make([]instruction, 0, len(in))
	for len(in) > 0 {
		taken, instead := rule(in)
		if taken == 0 {
			taken, instead = 1, in[:1]
		}
		out = append(out, instead...)
		in = in[taken:]
	}
	return out
}

func noNop(in []instruction) (int, []instruction) {
	if in[0].op == opNop {
		return 1, nil
	}
	return 0, nil
}

// stackAddress: the address of something on the stack is a sum in 64 bits, of which
// the lower 32 are used. A load or a store adds an offset by itself, and without
// carrying over: the stack lies in memory, so that no such sum comes near 4 GiB.
func stackAddress(in []instruction) (int, []instruction) {
	if len(in) < 6 || !in[0].is(opLocalGet, spLocal) || in[1].op != opI64ExtendI32 ||
		in[2].op != opI64Const || in[3].op != opI64Add || in[4].op != opI32WrapI64 {
		return 0, nil
	}
	const most = 1 << 30 // larger than any frame
	offset := in[2].number()
	if offset < 0 || offset > most {
		return 0, nil
	}
	depth := 1 // of the stack of values, from the address on
	for i := 5; i < len(in); i++ {
		takes, puts, straight := in[i].effect()
		if !straight {
			break
		}
		if takes < depth {
			depth += puts - takes
			continue
		}
		if takes != depth || !in[i].loads() && !in[i].stores() { // it takes the address for something else
			break
		}
		between := rewrite(in[5:i], stackAddress)
		return i + 1, append(append([]instruction{in[0]}, between...), in[i].offset(offset))
	}
	return 5, []instruction{in[0], number(opI32Const, offset), {op: opI32Add}}
}

// popOnce: a function that returns takes first its frame and then the return address
// from the stack, and copies the stack pointer that it will not use any more.
func popOnce(in []instruction) (int, []instruction) {
	taken, size := 0, int64(0)
	for len(in) >= taken+7 {
		p := in[taken:]
		if !p[0].is(opLocalGet, spLocal) || p[1].op != opI32Const || p[2].op != opI32Add ||
			!p[3].is(opLocalTee, spLocal) || !p[4].is(opGlobalSet, spGlobal) {
			break
		}
		size += p[1].number()
		taken += 5
	}
	if taken == 0 || in[taken].op != opI32Const || in[taken+1].op != opReturn {
		return 0, nil
	}
	return taken, []instruction{in[0], number(opI32Const, size), in[2], in[4]}
}

// branchIf: what a conditional jump to another part of the function does is set the
// parameter and go to the top, where it is read. Nothing else reads it, so that it
// may as well be set when the jump is not taken.
func branchIf(in []instruction) (int, []instruction) {
	if len(in) < 5 || !in[0].isIf() || !setsPlace(in[1:]) || in[3].op != opBr || in[3].number() == 0 || in[4].op != opEnd {
		return 0, nil
	}
	return 5, []instruction{in[1], in[2], number(opBrIf, in[3].number()-1)}
}

// setsPlace: where the function goes on.
func setsPlace(in []instruction) bool {
	return len(in) > 2 && in[0].op == opI32Const && in[1].is(opLocalSet, pcLocal)
}

func (in instruction) isIf() bool { return in.op == opIf && in.immediate[0] == noResult }

var ifTrue = instruction{opIf, []byte{noResult}}
