package wasmshrink

// A function that can be resumed begins with blocks, one in the other, and a table:
//
//	block                  unwind: behind its end the function returns 1
//	  loop                 the way from one part to another, where there are any
//	    block … block
//	      local.get 0      the place to go on at
//	      br_table
//	    end
//	    first part
//	    end
//	    second part
//	…
//	unreachable
//	end                    of unwind
//	i32.const 1
//	end
//
// A jump sets the parameter and goes to the loop. Where the part that it goes to is
// still ahead, the end of its block is that part's beginning, and the jump can go
// there by itself, without the table.
//
// After each call that returns 1 the function goes to the end of unwind, so many
// blocks further out, a number that is another one after each call. To return 1 at
// once takes a few bytes more, but always the same, which compress to nothing.

// nest is what a function begins with.
type nest struct {
	open  []byte // opcodes of what is open at the table, from the outermost
	table []int  // by place: which of them ends where it is; the last for all further places
	begin int    // the first instruction
	end   int    // the first behind the table
}

func (b body) nest() (n nest, ok bool) {
	const preamble = 2 // the copy of the stack pointer
	n.begin = preamble
	for i := n.begin; i+1 < len(b.instructions); i++ {
		in := b.instructions[i]
		if in.op == opBlock || in.op == opLoop {
			n.open = append(n.open, in.op)
			continue
		}
		if len(n.open) == 0 || !in.is(opLocalGet, pcLocal) || b.instructions[i+1].op != opBrTable {
			break
		}
		r := reader(b.instructions[i+1].immediate)
		for range r.count() + 1 {
			depth := r.count()
			if depth >= len(n.open) {
				return n, false
			}
			n.table = append(n.table, len(n.open)-1-depth)
		}
		n.end = i + 2
		return n, true
	}
	return n, false
}

// part is the block that ends where a place is.
func (n nest) part(place int64) int {
	return n.table[min(int(place), len(n.table)-1)]
}

// unwinds tells whether the outermost block leads to the return of 1.
func (n nest) unwinds(b body) bool {
	in := b.instructions
	last := len(in) - 1
	return n.open[0] == opBlock && last > 3 && in[last-3].op == opUnreachable && in[last-2].op == opEnd && in[last-1].is(opI32Const, 1)
}

// jumpAhead makes the jumps to parts ahead direct, and has the function return where
// it unwinds. unwinding tells the functions that do nothing but unwind.
func (b *body) jumpAhead(unwinding func(function int) bool) {
	n, ok := b.nest()
	if !ok {
		return
	}
	const inner = -1        // a block that is not of the nest
	unwind := n.unwinds(*b) // and nobody but what is rewritten here goes to its end
	open := []int(nil)      // what is open, from the outermost
	for i := range n.open {
		open = append(open, i)
	}
	label := func(in instruction) int { // where a branch goes
		if depth := int(in.number()); depth < len(open) {
			return open[len(open)-1-depth]
		}
		return inner
	}
	keepUnwind := !unwind
	for _, part := range n.table {
		keepUnwind = keepUnwind || part == 0
	}

	in := b.instructions
	out := append([]instruction(nil), in[:n.end]...)
	for i := n.end; i < len(in); i++ {
		switch in[i].op {
		case opBlock, opLoop, opIf:
			open = append(open, inner)
		case opEnd:
			open = open[:max(0, len(open)-1)]
		case opI32Const:
			if !setsPlace(in[i:]) || in[i+2].op != opBr && in[i+2].op != opBrIf {
				break
			}
			top, part := label(in[i+2]), n.part(in[i].number())
			if top == inner || n.open[top] != opLoop || part >= len(open) || open[part] != part {
				break
			}
			i += 2
			jump := number(in[i].op, int64(len(open)-1-part))
			if !jump.is(opBr, 0) || in[i+1].op != opEnd { // else it is there anyway
				out = append(out, jump)
			}
			continue
		case opCall:
			if unwind && unwinding(int(in[i].number())) && i+3 < len(in) &&
				in[i+1].is(opGlobalGet, spGlobal) && in[i+2].is(opLocalSet, spLocal) && in[i+3].op == opBrIf && label(in[i+3]) == 0 {
				out = append(out, in[i], instruction{op: opReturn})
				i += 3
				continue
			}
		case opBrIf:
			if unwind && label(in[i]) == 0 {
				out = append(out, ifTrue, number(opI32Const, 1), instruction{op: opReturn}, instruction{op: opEnd})
				continue
			}
		}
		if in[i].op == opBrTable || in[i].op == opBr && label(in[i]) == 0 {
			keepUnwind = true
		}
		out = append(out, in[i])
	}
	if !keepUnwind {
		out = append(out[:n.begin], out[n.begin+1:]...)
		out = append(out[:len(out)-3], instruction{op: opEnd})
	}
	b.instructions = out
}
