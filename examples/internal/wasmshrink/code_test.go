package wasmshrink

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The instructions that tests are written with. What follows are
// numbers; a block has no result, and of memory the offset is meant.
var opcodes = map[string]byte{
	"unreachable": opUnreachable, "nop": opNop, "block": opBlock, "loop": opLoop, "if": opIf, "end": opEnd,
	"br": opBr, "br_if": opBrIf, "br_table": opBrTable, "return": opReturn, "call": opCall, "call_indirect": opCallIndirect,
	"get": opLocalGet, "set": opLocalSet, "tee": opLocalTee, "global": opGlobalGet, "global=": opGlobalSet,
	"load": 0x29, "load8": 0x31, "store": opI64Store, "store8": 0x3c, "i32.load": opI32Load,
	"i32": opI32Const, "i64": opI64Const, "add": opI32Add, "sub": opI32Sub, "shr": opI32ShrU, "le": 0x4d, "eqz": opI32Eqz,
	"i64.add": opI64Add, "extend": opI64ExtendI32, "wrap": opI32WrapI64, "drop": opDrop,
}

// assemble reads instructions that are separated by semicolons or lines.
func assemble(t *testing.T, text string) (in []instruction) {
	t.Helper()
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ';' || r == '\n' }) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		op, known := opcodes[words[0]]
		require.True(t, known, line)
		var immediate []byte
		for _, w := range words[1:] {
			n := int64(0)
			for _, digit := range strings.TrimPrefix(w, "-") {
				n = n*10 + int64(digit-'0')
			}
			switch {
			case op == opI32Const || op == opI64Const:
				if w[0] == '-' {
					n = -n
				}
				immediate = appendSigned(nil, n)
			case op == opBrTable:
				immediate = appendCount(immediate, int(n))
			case op >= opI32Load && op <= opI64Store32:
				immediate = appendCount([]byte{3}, int(n))
			default:
				immediate = appendCount(immediate, int(n))
			}
		}
		switch op {
		case opBlock, opLoop, opIf:
			immediate = []byte{noResult}
		case opBrTable:
			immediate = append(appendCount(nil, len(words)-2), immediate...)
		}
		in = append(in, instruction{op, immediate})
	}
	return in
}

func TestBodiesAreReadAndWritten(t *testing.T) {
	wasm, err := linked()
	require.NoError(t, err)
	p, err := parseModule(wasm)
	require.NoError(t, err)
	r := reader(p.code.content)
	for range r.count() {
		content := r.take(r.count())
		b, err := parseBody(content)
		require.NoError(t, err)
		require.Equal(t, content, b.encode())
	}
	require.Empty(t, r)

	for _, bad := range []string{"", "\x00", "\x00\x01", "\x00\x06\x0b", "\x00\xfc\x0c\x0b", "\x00\x20", "\x01\x01\x7f\x20\x80"} {
		_, err := parseBody([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func TestRules(t *testing.T) {
	for name, test := range map[string]struct {
		rule       rule
		from, want string // the same when want is empty
	}{
		"nop": {noNop, "get 2; nop; nop; drop", "get 2; drop"},

		"load":                {stackAddress, "get 1; extend; i64 40; i64.add; wrap; load 0; set 2", "get 1; load 40; set 2"},
		"load with an offset": {stackAddress, "get 1; extend; i64 40; i64.add; wrap; load8 3; set 2", "get 1; load8 43; set 2"},
		"store a constant":    {stackAddress, "get 1; extend; i64 8; i64.add; wrap; i64 0; store 0", "get 1; i64 0; store 8"},
		"store what is loaded": {stackAddress,
			"get 1; extend; i64 8; i64.add; wrap; get 1; extend; i64 16; i64.add; wrap; load 0; get 3; i64.add; store8 0; get 2",
			"get 1; get 1; load 16; get 3; i64.add; store8 8; get 2"},
		"an address that is stored": {stackAddress,
			"get 2; get 1; extend; i64 8; i64.add; wrap; store 0; end", "get 2; get 1; i32 8; add; store 0; end"},
		"an address in a call":   {stackAddress, "get 1; extend; i64 8; i64.add; wrap; i32 0; call 3", "get 1; i32 8; add; i32 0; call 3"},
		"an address in a sum":    {stackAddress, "get 1; extend; i64 8; i64.add; wrap; i32 4; add; load 0", "get 1; i32 8; add; i32 4; add; load 0"},
		"an address across ends": {stackAddress, "get 1; extend; i64 8; i64.add; wrap; if; end; load 0", "get 1; i32 8; add; if; end; load 0"},
		"below the stack":        {stackAddress, "get 1; extend; i64 -8; i64.add; wrap; load 0", ""},
		"not of the stack":       {stackAddress, "get 2; extend; i64 8; i64.add; wrap; load 0", ""},
		"the sum itself":         {stackAddress, "get 1; extend; i64 8; i64.add; set 2; load 0", ""},

		"frame and address":  {popOnce, "get 1; i32 40; add; tee 1; global= 0; get 1; i32 8; add; tee 1; global= 0; i32 0; return; end", "get 1; i32 48; add; global= 0; i32 0; return; end"},
		"address alone":      {popOnce, "get 1; i32 8; add; tee 1; global= 0; i32 1; return; end", "get 1; i32 8; add; global= 0; i32 1; return; end"},
		"the function calls": {popOnce, "get 1; i32 8; add; tee 1; global= 0; i32 0; call 7; return; end", ""},
		"it is read again":   {popOnce, "get 1; i32 8; add; tee 1; global= 0; get 1; drop; end", ""},

		"conditional jump":       {branchIf, "get 2; if; i32 5; set 0; br 4; end; nop", "get 2; i32 5; set 0; br_if 3; nop"},
		"a jump out of if":       {branchIf, "if; i32 5; set 0; br 0; end; nop; nop", ""},
		"more than a jump":       {branchIf, "if; i32 5; set 0; nop; br 4; end", ""},
		"a jump and alternative": {branchIf, "if; i32 5; set 2; br 4; end", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if test.want == "" {
				test.want = test.from
			}
			require.Equal(t, assemble(t, test.want), rewrite(assemble(t, test.from), test.rule))
		})
	}
}

const afterCall = "global 0; set 1; "

// A function of three parts: places 0 and 1 are the first, 2 the second, 3 the last.
func TestJumpsAhead(t *testing.T) {
	b := body{instructions: assemble(t, `
global 0; set 1
block; loop; block; block; block
get 0; br_table 0 0 1 2
end
get 2; i32 2; set 0; br_if 2
get 2; if; i32 3; set 0; br 3; end
call 9; `+afterCall+`br_if 3
i32 2; set 0; br 2
end
i32 0; set 0; br 1
get 2; if; call 9; `+afterCall+`br_if 3; end
call 8; `+afterCall+`br_if 2
end
i32 0; return
end
unreachable
end
i32 1
end`)}
	b.jumpAhead(func(f int) bool { return f == 8 })
	require.Equal(t, assemble(t, `
global 0; set 1
loop; block; block; block
get 0; br_table 0 0 1 2
end
get 2; br_if 0
get 2; if; br 2; end
call 9; `+afterCall+`if; i32 1; return; end
end
i32 0; set 0; br 1
get 2; if; call 9; `+afterCall+`if; i32 1; return; end; end
call 8; return
end
i32 0; return
end
unreachable
end`), b.instructions)
}

// What does not look as the assembler writes it stays.
func TestOtherBodiesStay(t *testing.T) {
	for name, text := range map[string]string{
		"no table":       "global 0; set 1; block; get 2; br_if 0; unreachable; end; i32 1; end",
		"no blocks":      "global 0; set 1; get 0; br_table 0 0; end",
		"other table":    "global 0; set 1; block; get 2; br_table 0 0; end; i32 0; return; end",
		"a way out":      "global 0; set 1; loop; block; get 0; br_table 0 2; end; i32 1; set 0; br 0; end; unreachable; end",
		"no unwind":      "global 0; set 1; block; block; get 0; br_table 0 1; end; call 9; " + afterCall + "br_if 0; end; i32 0; end",
		"loop outermost": "global 0; set 1; loop; block; get 0; br_table 0 0; end; i32 0; set 0; br 0; end; unreachable; end",
	} {
		t.Run(name, func(t *testing.T) {
			b := body{instructions: assemble(t, text)}
			b.jumpAhead(func(int) bool { return true })
			require.Equal(t, assemble(t, text), b.instructions)
		})
	}
}

func TestAddressesAreHandedOver(t *testing.T) {
	const (
		begin = "global 0; set 1; "
		push  = "get 1; i32 8; sub; tee 1; global= 0; get 1; "
		third = "268632064" // the number of the function 3 of the code section, as an address
	)
	call := func(address, function string) string {
		return push + "i64 " + address + "; store 0; i32 0; call " + function + "; " + afterCall
	}
	bodies := []body{
		{instructions: assemble(t, begin+"i32 0; return; end")},          // called twice
		{instructions: assemble(t, begin+"i32 0; return; end")},          // called once
		{instructions: assemble(t, "get 0; i32 0; call 2; return; end")}, // no Go function
		{locals: []byte{2, 1, typeI32, 3, 0x7e}, instructions: assemble(t, begin+call(third, "2")+call("268632067", "2")+call("268632070", "3")+call("4096", "2")+"end")},
		{locals: []byte{1, 1, typeI32}, instructions: assemble(t, begin+call("268697602", "4")+"end")},
	}
	handOverAddresses(bodies, 2)
	want := []string{
		begin + "get 0; i32 16; shr; if; get 1; i32 8; sub; tee 1; global= 0; get 1; get 0; extend; store 0; i32 0; set 0; end; i32 0; return; end",
		begin + "i32 0; return; end",
		"get 0; i32 0; call 2; return; end",
		begin + "i32 268632064; set 5; get 5; call 2; " + afterCall + "get 5; i32 3; add; call 2; " + afterCall +
			push + "get 5; i32 6; add; extend; store 0; i32 0; call 3; " + afterCall + call("4096", "2") + "end",
		begin + call("268697602", "4") + "end",
	}
	for i, text := range want {
		require.Equal(t, assemble(t, text), bodies[i].instructions, i)
	}
	require.Equal(t, []byte{3, 1, typeI32, 3, 0x7e, 1, typeI32}, bodies[3].locals)
	require.Equal(t, []byte{1, 1, typeI32}, bodies[4].locals)
}
