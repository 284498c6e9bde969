package wasmshrink

// To call a Go function, the caller makes room on the goroutine's stack, writes the
// address to return to there, then calls with 0 for the place to begin at. Here it
// hands that address over instead of the 0, and the function itself puts it on the
// stack: places in a function are numbers below 1<<16, addresses are above. Calls
// through the table stay as they are, and so do the functions that are called from
// one place alone.
//
// An address is the number of the caller, the same in all its calls, and a small one.
// The caller has its own in a local, so that little is left that differs from call to
// call.

// pushesAddress is how a call begins: SP -= 8, then *SP = address.
func pushesAddress(in []instruction) (address int64, ok bool) {
	if len(in) < 8 || !in[0].is(opLocalGet, spLocal) || !in[1].is(opI32Const, 8) || in[2].op != opI32Sub ||
		!in[3].is(opLocalTee, spLocal) || !in[4].is(opGlobalSet, spGlobal) ||
		!in[5].is(opLocalGet, spLocal) || in[6].op != opI64Const || in[7].op != opI64Store || in[7].immediate[1] != 0 {
		return 0, false
	}
	address = in[6].number()
	return address, address>>pcBits > 0 && address < 1<<31
}

// callsDirectly is a whole call, of a function by its number.
func callsDirectly(in []instruction) (function int, address int64, ok bool) {
	address, ok = pushesAddress(in)
	if !ok || len(in) < 10 || !in[8].is(opI32Const, 0) || in[9].op != opCall {
		return 0, 0, false
	}
	return int(in[9].number()), address, true
}

// pushesItself is what a function begins with that is called with an address.
var pushesItself = []instruction{
	number(opGlobalGet, spGlobal), number(opLocalSet, spLocal), // as before
	number(opLocalGet, pcLocal), number(opI32Const, pcBits), {op: opI32ShrU}, ifTrue,
	number(opLocalGet, spLocal), number(opI32Const, 8), {op: opI32Sub}, number(opLocalTee, spLocal), number(opGlobalSet, spGlobal),
	number(opLocalGet, spLocal), number(opLocalGet, pcLocal), {op: opI64ExtendI32}, {opI64Store, []byte{3, 0}},
	number(opI32Const, 0), number(opLocalSet, pcLocal),
	{op: opEnd},
}

// handOverAddresses does so in the whole program.
func handOverAddresses(bodies []body, imported int) {
	calls := map[int]int{} // by function
	places := make([]int, len(bodies))
	for i, b := range bodies {
		if !b.copiesSP() { // it has no copy of the stack pointer to be made equal after the call
			continue
		}
		for at := range b.instructions {
			if _, ok := pushesAddress(b.instructions[at:]); ok {
				places[i]++
			}
			if f, _, ok := callsDirectly(b.instructions[at:]); ok {
				calls[f]++
			}
		}
	}
	takesAddress := make([]bool, len(bodies))
	for i, b := range bodies {
		takesAddress[i] = calls[imported+i] > 1 && b.copiesSP()
	}

	for i := range bodies {
		b := &bodies[i]
		if !b.copiesSP() {
			continue
		}
		own := int64(funcValueOffset+i) << pcBits
		hasOwn, ownLocal := places[i] > 1, int64(0)
		if hasOwn {
			ownLocal = b.addLocal()
		}
		put := func(address int64) []instruction {
			switch place := address - own; {
			case !hasOwn || place < 0 || place >= 1<<pcBits:
				return []instruction{number(opI32Const, address)}
			case place == 0:
				return []instruction{number(opLocalGet, ownLocal)}
			default:
				return []instruction{number(opLocalGet, ownLocal), number(opI32Const, place), {op: opI32Add}}
			}
		}

		begin := b.instructions[:2]
		if takesAddress[i] {
			begin = pushesItself
		}
		if hasOwn {
			begin = append(append([]instruction(nil), begin...), number(opI32Const, own), number(opLocalSet, ownLocal))
		}
		rest := rewrite(b.instructions[2:], func(in []instruction) (int, []instruction) {
			address, ok := pushesAddress(in)
			if !ok {
				return 0, nil
			}
			if f, _, ok := callsDirectly(in); ok && f >= imported && takesAddress[f-imported] {
				return 10, append(put(address), in[9])
			}
			if !hasOwn {
				return 0, nil
			}
			instead := append(append([]instruction(nil), in[:6]...), put(address)...)
			return 8, append(instead, instruction{op: opI64ExtendI32}, in[7])
		})
		b.instructions = append(append([]instruction(nil), begin...), rest...)
	}
}

// addLocal appends a local of type i32 and returns its index.
func (b *body) addLocal() int64 {
	const parameters = 1
	r := reader(b.locals)
	groups := r.count()
	declared := r
	index := parameters
	for range groups {
		index += r.count()
		r.take(1)
	}
	b.locals = append(append(appendCount(nil, groups+1), declared...), 1, typeI32)
	return int64(index)
}
