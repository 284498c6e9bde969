package wasmshrink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// symtab is where the runtime's tables are: its moduledata (runtime/symtab.go),
// which the linker fills (cmd/link/internal/ld/symtab.go), and the pcHeader that it
// points to. Addresses are offsets into the memory.
type symtab struct {
	moduledata int
	pcHeader   int

	names, files, cus, pcs table // funcnametab, filetab, cutab, pctab
	functions              table // pclntable: ftab, which has count+1 entries, and behind it each function's _func
	count                  int

	find   table // findfunctab
	gofunc table // go:func.*: stack maps and what else is known of functions
}

type table struct{ start, end int }

func (t table) size() int { return t.end - t.start }

// The words of moduledata, by the order of its fields.
const (
	mdHeader    = 0
	mdNames     = 1 // a slice: address, length, capacity
	mdCUs       = 4
	mdFiles     = 7
	mdPCs       = 10
	mdFunctions = 13
	mdFtab      = 16
	mdFind      = 19
	mdMinPC     = 20
	mdMaxPC     = 21
	mdText      = 22
	mdGofunc    = 40
	mdEnd       = 41 // epclntab
	mdWords     = 42
)

// The fields of pcHeader: the magic number, two zeros, the size of an instruction
// and of a pointer, then words.
const (
	pcMagic = "\xf1\xff\xff\xff\x00\x00\x01\x08" // abi.Go120PCLnTabMagic

	phCount     = 1
	phFileCount = 2
	phNames     = 4 // offsets from pcHeader
	phCUs       = 5
	phFiles     = 6
	phPCs       = 7
	phFunctions = 8
	phWords     = 9
)

const (
	word = 8

	// funcValueOffset is the number of the first function (cmd/link/internal/wasm/asm.go).
	// A PC is the function's number and, in the lower 16 bits, the place in it.
	funcValueOffset = 0x1000
	pcBits          = 16
)

// errTables is the beginning of all that is wrong with tables.
var errTables = errors.New("the runtime's tables are not as Go 1.26 makes them")

func tablesError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errTables, fmt.Sprintf(format, args...))
}

// findSymtab looks for the pcHeader and for the moduledata that points to it, and
// checks each against the other.
func findSymtab(m memory) (s symtab, err error) {
	for at := 0; ; at++ {
		i := bytes.Index(m[at:], []byte(pcMagic))
		if i < 0 {
			return s, tablesError("there is no pcHeader")
		}
		at += i
		if at%word != 0 || at+phWords*word > len(m) {
			continue
		}
		if s, err = symtabAt(m, at); err == nil || !errors.Is(err, errNoModuledata) {
			return s, err
		}
	}
}

var errNoModuledata = errors.New("no moduledata points there")

func symtabAt(m memory, pcHeader int) (s symtab, err error) {
	ph := func(i int) int { return int(m.word(pcHeader + i*word)) }
	s = symtab{pcHeader: pcHeader, count: ph(phCount)}

	// The header's address, then that of the names.
	pattern := binary.LittleEndian.AppendUint64(nil, uint64(pcHeader))
	pattern = binary.LittleEndian.AppendUint64(pattern, uint64(pcHeader+ph(phNames)))
	s.moduledata = bytes.Index(m, pattern)
	if s.moduledata < 0 || s.moduledata%word != 0 || s.moduledata+mdWords*word > len(m) {
		return s, errNoModuledata
	}
	if again := bytes.Index(m[s.moduledata+1:], pattern); again >= 0 {
		return s, tablesError("two places look like moduledata, %#x and %#x", s.moduledata, s.moduledata+1+again)
	}
	md := func(i int) int { return int(m.word(s.moduledata + i*word)) }

	for _, t := range []struct {
		name   string
		to     *table
		md, ph int
		size   int
	}{
		{"funcnametab", &s.names, mdNames, phNames, 1},
		{"cutab", &s.cus, mdCUs, phCUs, 4},
		{"filetab", &s.files, mdFiles, phFiles, 1},
		{"pctab", &s.pcs, mdPCs, phPCs, 1},
		{"pclntable", &s.functions, mdFunctions, phFunctions, 1},
	} {
		start, length := md(t.md), md(t.md+1)
		switch {
		case start != pcHeader+ph(t.ph):
			return s, tablesError("moduledata has %s at %#x, pcHeader at %#x", t.name, start, pcHeader+ph(t.ph))
		case length != md(t.md+2) || start < 0 || length < 0 || start+length*t.size > len(m):
			return s, tablesError("moduledata has %s from %#x with length %d and capacity %d", t.name, start, length, md(t.md+2))
		}
		*t.to = table{start, start + length*t.size}
	}

	const textStart = funcValueOffset << pcBits
	last := textStart + (s.count-1)<<pcBits
	switch {
	case s.count < 1 || md(mdFtab) != s.functions.start || md(mdFtab+1) != s.count+1 || md(mdFtab+2) != s.count+1:
		return s, tablesError("ftab is at %#x with length %d for %d functions", md(mdFtab), md(mdFtab+1), s.count)
	case md(mdText) != 0:
		return s, tablesError("text begins at %#x and not at 0", md(mdText))
	case md(mdMinPC) != textStart || md(mdMaxPC) <= last || md(mdMaxPC) > last+1<<pcBits:
		return s, tablesError("%d functions have the PCs from %#x to %#x", s.count, md(mdMinPC), md(mdMaxPC))
	}

	// One behind the other: pcHeader, names, cutab, filetab, pctab, functions,
	// go:func.*, findfunctab.
	s.find = table{md(mdFind), md(mdFind) + findSize(md(mdMaxPC)-md(mdMinPC))}
	s.gofunc = table{md(mdGofunc), s.find.start}
	end := pcHeader + phWords*word
	for _, t := range []table{s.names, s.cus, s.files, s.pcs, s.functions, s.gofunc, s.find} {
		const alignment = 32 // the largest that a table may have
		if t.start < end || t.start >= end+alignment || t.end < t.start {
			return s, tablesError("a table from %#x to %#x follows one that ends at %#x", t.start, t.end, end)
		}
		end = t.end
	}
	if end > md(mdEnd) || end+word < md(mdEnd) || md(mdEnd) > len(m) {
		return s, tablesError("findfunctab ends at %#x and all tables at %#x", end, md(mdEnd))
	}
	return s, nil
}
