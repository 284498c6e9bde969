package wasmshrink

// pool is the room that the tables had, from the names to findfunctab. They are
// written into it anew, one behind the other.
type pool struct {
	m       memory
	at, end int
}

func (p *pool) align(to int) { p.at = ceil(p.at, to) * to }

// room sets some of it aside.
func (p *pool) room(size int) (table, error) {
	if size > p.end-p.at {
		return table{}, tablesError("%d bytes do not fit in the %d that are left", size, p.end-p.at)
	}
	t := table{p.at, p.at + size}
	p.at += size
	return t, nil
}

func (p *pool) put(content []byte) (table, error) {
	t, err := p.room(len(content))
	if err == nil {
		copy(p.m[t.start:t.end], content)
	}
	return t, err
}

// writeFunctions writes the tables of all functions where they were and returns the
// columns that the program still has to put into m, which are in m already.
func (s *symtab) writeFunctions(m memory, functions []function) (stream []byte, err error) {
	clear(m[s.names.start:s.gofunc.end])
	p := pool{m, s.names.start, s.gofunc.end}

	names, nameOffsets := nameTable(functions)
	if s.names, err = p.put(names); err != nil {
		return nil, err
	}

	var sp, maps, inline byUse
	for _, f := range functions {
		sp.add(f.sp)
		maps.add(f.pcdata[pcdataStackMap])
		inline.add(f.pcdata[pcdataInline])
	}
	pcs := []byte{0} // the offset 0 stands for no table
	spOffsets, content := sp.place(len(pcs), 1)
	pcs = append(pcs, content...)
	mapOffsets, content := maps.place(len(pcs), 1)
	pcs = append(pcs, content...)
	inlineOffsets, content := inline.place(len(pcs), 1)
	pcs = append(pcs, content...)
	if s.pcs, err = p.put(pcs); err != nil {
		return nil, err
	}
	s.cus, s.files = table{s.pcs.start, s.pcs.start}, table{s.pcs.start, s.pcs.start} // empty

	p.align(word)
	const fnFull = fnSize + pcdataKinds*4 + funcdataKinds*4
	ftab := len(functions)*8 + 4
	if s.functions, err = p.room(ftab + len(functions)*fnFull); err != nil {
		return nil, err
	}

	// Stack objects have words, all else no more than four bytes.
	var data []byte
	dataOffsets := [funcdataKinds]map[string]uint32{}
	for kind, alignment := range [funcdataKinds]int{4, 4, 8, 4, 1, 1, 1, 4} {
		var pieces byUse
		for _, f := range functions {
			if kind == funcdataInline {
				pieces.add(f.inlineTree(nameOffsets))
			} else {
				pieces.add(f.funcdata[kind])
			}
		}
		dataOffsets[kind], content = pieces.place(len(data), alignment)
		data = append(data, content...)
	}
	p.align(word)
	if s.gofunc, err = p.put(data); err != nil {
		return nil, err
	}

	field := func(at, stride int, value func(i int, f *function) uint32) {
		values := make([]uint32, len(functions))
		for i := range functions {
			values[i] = value(i, &functions[i])
		}
		stream = append(stream, column(at, stride, values)...)
	}
	entry := func(i int, _ *function) uint32 { return uint32(funcValueOffset + i) }
	field(s.functions.start, 8, entry)
	field(s.functions.start+4, 8, func(i int, _ *function) uint32 { return uint32(ftab + i*fnFull) })
	stream = append(stream, column(s.functions.start+len(functions)*8, 8, []uint32{entry(len(functions), nil)})...)

	fn := s.functions.start + ftab
	of := func(at int, value func(i int, f *function) uint32) { field(fn+at, fnFull, value) }
	of(fnEntry, entry)
	of(fnName, func(_ int, f *function) uint32 { return nameOffsets[f.name] })
	of(fnArgs, func(_ int, f *function) uint32 { return f.args })
	of(fnDeferReturn, func(_ int, f *function) uint32 { return f.deferReturn })
	of(fnSP, func(_ int, f *function) uint32 { return spOffsets[string(f.sp)] })
	of(fnPCDataCount, func(int, *function) uint32 { return pcdataKinds })
	of(fnID, func(_ int, f *function) uint32 { return uint32(f.id) })
	of(fnFlag, func(_ int, f *function) uint32 { return uint32(f.flag) })
	of(fnDataCount, func(int, *function) uint32 { return funcdataKinds })
	// The last three have written beyond _func, into pcdata 0, which is 0.
	of(fnSize+pcdataStackMap*4, func(_ int, f *function) uint32 { return mapOffsets[string(f.pcdata[pcdataStackMap])] })
	of(fnSize+pcdataInline*4, func(_ int, f *function) uint32 { return inlineOffsets[string(f.pcdata[pcdataInline])] })
	for kind := range funcdataKinds {
		of(fnSize+pcdataKinds*4+kind*4, func(_ int, f *function) uint32 {
			piece := f.funcdata[kind]
			if kind == funcdataInline {
				piece = f.inlineTree(nameOffsets)
			}
			if len(piece) == 0 {
				return noFuncdata
			}
			return dataOffsets[kind][string(piece)]
		})
	}
	return append(stream, 0), nil
}

// nameTable has the name of the first function at the offset 0, as the linker has,
// where the runtime finds none.
func nameTable(functions []function) (names []byte, offsets map[string]uint32) {
	offsets = map[string]uint32{}
	add := func(name string) {
		if _, there := offsets[name]; !there {
			offsets[name] = uint32(len(names))
			names = append(append(names, name...), 0)
		}
	}
	for _, f := range functions {
		add(f.name)
	}
	for _, f := range functions {
		for _, call := range f.inlined {
			add(call.name)
		}
	}
	return names, offsets
}

func (f *function) inlineTree(nameOffsets map[string]uint32) memory {
	tree := make(memory, len(f.inlined)*inSize)
	for i, call := range f.inlined {
		tree[i*inSize+inID] = call.id
		tree.setHalf(i*inSize+inName, nameOffsets[call.name])
		tree.setHalf(i*inSize+inParent, call.parent)
	}
	return tree
}

// writeHeaders tells moduledata and pcHeader where the tables are now.
func (s *symtab) writeHeaders(m memory) {
	slice := func(md, ph int, t table, size int) {
		m.setWord(s.moduledata+md*word, t.start)
		m.setWord(s.moduledata+(md+1)*word, t.size()/size)
		m.setWord(s.moduledata+(md+2)*word, t.size()/size)
		m.setWord(s.pcHeader+ph*word, t.start-s.pcHeader)
	}
	slice(mdNames, phNames, s.names, 1)
	slice(mdCUs, phCUs, s.cus, 4)
	slice(mdFiles, phFiles, s.files, 1)
	slice(mdPCs, phPCs, s.pcs, 1)
	slice(mdFunctions, phFunctions, s.functions, 1)
	m.setWord(s.moduledata+mdFtab*word, s.functions.start)
	m.setWord(s.moduledata+mdGofunc*word, s.gofunc.start)
	m.setWord(s.pcHeader+phFileCount*word, 0)
}
