package wasmshrink

import (
	"bytes"
	"strings"
)

// function is what the runtime knows of one function: its _func
// (runtime/runtime2.go) and what that points to.
type function struct {
	name        string
	args        uint32 // bytes of arguments and results
	deferReturn uint32 // where the deferred calls are run, from the entry
	id, flag    byte   // abi.FuncID and abi.FuncFlag

	// By PC: how far the stack pointer was moved, and values of the kinds below.
	sp     []byte
	pcdata [pcdataKinds][]byte

	funcdata [funcdataKinds][]byte // but for the tree of inlined calls
	inlined  []inlinedCall
}

// inlinedCall is one of the calls that were inlined into a function
// (runtime/symtabinl.go).
type inlinedCall struct {
	id     byte
	name   string
	parent uint32 // PC of the call in the function, which may be another inlined one
}

// The offsets of the fields of an inlinedCall.
const (
	inID     = 0
	inName   = 4
	inParent = 8
	inLine   = 12
	inSize   = 16
)

// The kinds of pcdata and funcdata (internal/abi/symtab.go).
const (
	pcdataUnsafePoint = 0 // where a thread may be stopped, which WebAssembly has no means for
	pcdataStackMap    = 1
	pcdataInline      = 2
	pcdataKinds       = 3 // further ones no function has in WebAssembly

	funcdataArgs        = 0 // stack maps: which words are pointers
	funcdataLocals      = 1
	funcdataObjects     = 2
	funcdataInline      = 3
	funcdataDefers      = 4
	funcdataArgInfo     = 5 // how to print arguments in a stack trace
	funcdataArgLiveInfo = 6
	funcdataWrapped     = 7
	funcdataKinds       = 8
)

// abi.FuncIDWrapper: a function that the compiler has made around another.
const funcIDWrapper = 23

// The offsets of the fields of _func. Behind them come its pcdata, offsets into
// pctab, and its funcdata, offsets into go:func.*.
const (
	fnEntry       = 0
	fnName        = 4
	fnArgs        = 8
	fnDeferReturn = 12
	fnSP          = 16
	fnFile        = 20 // files and lines by PC, for stack traces
	fnLine        = 24
	fnPCDataCount = 28
	fnCU          = 32 // into cutab, for the names of files
	fnStartLine   = 36
	fnID          = 40
	fnFlag        = 41
	fnDataCount   = 43 // a byte
	fnSize        = 44

	noFuncdata = 0xffffffff
)

// parseFunctions reads everything that ftab leads to.
func (s symtab) parseFunctions(m memory) (functions []function, err error) {
	defer cutShort(&err)
	for i := range s.count {
		at, err := s.function(m, i)
		if err != nil {
			return nil, err
		}
		f := function{
			args: m.half(at + fnArgs), deferReturn: m.half(at + fnDeferReturn), id: m[at+fnID], flag: m[at+fnFlag],
		}
		if f.name, err = s.functionName(m, m.half(at+fnName)); err != nil {
			return nil, err
		}
		f.sp = s.pcTable(m, m.half(at+fnSP))
		pcdata := at + fnSize
		funcdata := pcdata + int(m.half(at+fnPCDataCount))*4
		for kind := range int(m.half(at + fnPCDataCount)) {
			f.pcdata[kind] = s.pcTable(m, m.half(pcdata+kind*4))
		}
		for kind := range int(m[at+fnDataCount]) {
			if offset := m.half(funcdata + kind*4); offset != noFuncdata {
				f.funcdata[kind] = s.funcdata(m, kind, offset, f.pcdata[pcdataInline])
			}
		}
		if f.inlined, err = s.inlinedCalls(m, f.funcdata[funcdataInline]); err != nil {
			return nil, err
		}
		f.funcdata[funcdataInline] = nil
		if err := f.check(); err != nil {
			return nil, err
		}
		functions = append(functions, f)
	}
	return functions, nil
}

// function returns the address of a _func.
func (s symtab) function(m memory, i int) (at int, err error) {
	entry := uint32(funcValueOffset + i)
	at = s.functions.start + int(m.half(s.functions.start+i*8+4))
	switch first := s.functions.start + s.count*8 + 4; {
	case m.half(s.functions.start+i*8) != entry:
		return 0, tablesError("function %d has the number %#x", i, m.half(s.functions.start+i*8))
	case at < first || at+fnSize > s.functions.end || m.half(at+fnEntry) != entry:
		return 0, tablesError("the _func of function %d is at %#x", i, at)
	}
	pcdata, funcdata := m.half(at+fnPCDataCount), int(m[at+fnDataCount])
	if pcdata > pcdataKinds || funcdata > funcdataKinds || at+fnSize+int(pcdata)*4+funcdata*4 > s.functions.end {
		return 0, tablesError("function %d has %d kinds of pcdata and %d of funcdata", i, pcdata, funcdata)
	}
	return at, nil
}

func (s symtab) functionName(m memory, offset uint32) (string, error) {
	if int(offset) >= s.names.size() {
		return "", tablesError("a function's name is at %#x of %#x", offset, s.names.size())
	}
	text := m[s.names.start+int(offset) : s.names.end]
	end := bytes.IndexByte(text, 0)
	if end < 0 {
		return "", tablesError("the name of a function has no end")
	}
	return string(text[:end]), nil
}

// pcTable cuts out a table of pctab: pairs of a difference of the value, zigzag,
// and of the PC, both variable in length, until a difference of the value is 0
// that is not the first (step in runtime/symtab.go). The offset 0 stands for none.
func (s symtab) pcTable(m memory, offset uint32) []byte {
	if offset == 0 {
		return nil
	}
	all := reader(m[s.pcs.start:s.pcs.end])
	all.take(int(offset))
	rest := all
	for first := true; rest.count() != 0 || first; first = false {
		rest.count()
	}
	return all[:len(all)-len(rest)]
}

// funcdata cuts out a piece of funcdata. Each kind says in its own way how long it
// is; inline are the numbers of inlined calls by PC.
func (s symtab) funcdata(m memory, kind int, offset uint32, inline []byte) []byte {
	all := reader(m[s.gofunc.start:s.gofunc.end])
	all.take(int(offset))
	rest := all
	switch kind {
	case funcdataArgs, funcdataLocals: // stackmap in runtime/symtab.go
		head := memory(rest.take(8))
		rest.take(int(head.half(0)) * ceil(int(head.half(4)), 8))
	case funcdataObjects: // a count, then stackObjectRecords
		count := memory(rest.take(8)).word(0)
		rest.take(int(count) * 16)
	case funcdataInline:
		count := int32(0)
		for _, r := range pcValues(inline) {
			count = max(count, r.value+1)
		}
		rest.take(int(count) * inSize)
	case funcdataDefers: // where the bits and the closures are
		rest.count()
		rest.count()
	case funcdataWrapped: // the number of a function
		rest.take(4)
	}
	return all[:len(all)-len(rest)]
}

// inlinedCalls reads a tree of calls, which are known by their place in it.
func (s symtab) inlinedCalls(m, tree memory) (calls []inlinedCall, err error) {
	for at := 0; at < len(tree); at += inSize {
		call := inlinedCall{id: tree[at+inID], parent: tree.half(at + inParent)}
		if call.name, err = s.functionName(m, tree.half(at+inName)); err != nil {
			return nil, err
		}
		calls = append(calls, call)
	}
	return calls, nil
}

// pcRange says which value PCs have up to end, from where the range before ended.
type pcRange struct {
	value int32
	end   uint32
}

func pcValues(table []byte) (ranges []pcRange) {
	value, pc := int32(-1), uint32(0)
	for r := reader(table); len(r) > 0; {
		difference := uint32(r.count())
		if difference == 0 && len(ranges) > 0 {
			break
		}
		value += int32(-(difference & 1) ^ (difference >> 1))
		pc += uint32(r.count())
		ranges = append(ranges, pcRange{value, pc})
	}
	return ranges
}

// check refuses what is not understood.
func (f *function) check() error {
	for kind, id := range map[string]byte{"runtime.gopanic": 10, "runtime.systemstack_switch": funcIDWrapper - 1} {
		if f.name == kind && f.id != id {
			return tablesError("%s has the ID %d", f.name, f.id)
		}
	}
	for _, r := range pcValues(f.pcdata[pcdataStackMap]) {
		for _, kind := range []int{funcdataArgs, funcdataLocals} {
			maps := memory(f.funcdata[kind])
			if maps != nil && maps.half(0) > 0 && maps.half(4) > 0 && r.value >= int32(maps.half(0)) {
				return tablesError("%s has the stack map %d of %d", f.name, r.value, maps.half(0))
			}
		}
	}
	return nil
}

// reduce leaves out what only stack traces and runtime.Callers show besides the
// names of functions: files, lines and arguments, and callers that were inlined.
//
// One thing besides depends on what was inlined: recover looks whether all functions
// between it and the panic but one are wrappers (gorecover in runtime/panic.go). A
// function that calls recover is never inlined, and any other that is no wrapper
// counts as at least one, so that only a wrapper with something inlined in it makes
// a difference. Where a thread may be stopped nobody asks in WebAssembly
// (preemptMSupported).
func (f *function) reduce() {
	f.name = shortName(f.name)
	f.pcdata[pcdataUnsafePoint] = nil
	if f.id != funcIDWrapper {
		f.pcdata[pcdataInline], f.inlined = nil, nil
	}
	f.funcdata[funcdataArgInfo], f.funcdata[funcdataArgLiveInfo] = nil, nil
}

// shortName cuts the place of a module on the network off, and type arguments as
// the runtime does when it shows the name (funcNameForPrint). What the runtime
// takes for its own by the name stays its own, and nothing else becomes it.
func shortName(name string) string {
	if open, end := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']'); open >= 0 && open < end {
		name = name[:open] + "[...]" + name[end+1:]
	}
	path := name[:strings.IndexAny(name+"(", "([")]
	domain, _, deep := strings.Cut(path, "/")
	short := name[strings.LastIndexByte(path, '/')+1:]
	if !deep || !strings.Contains(domain, ".") || strings.Contains(domain, ":") || strings.HasPrefix(short, "runtime.") || strings.HasPrefix(short, "reflect.") {
		return name
	}
	return short
}
