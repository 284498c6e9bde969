package wasmshrink

import (
	"encoding/binary"
	"fmt"
)

// segmentOverhead is what a data segment costs besides its bytes: memory index,
// i32.const with an address of three or four bytes, end and length.
const segmentOverhead = 8

// memory is what the data section puts into the program's memory, from address 0.
type memory []byte

func parseMemory(content []byte) (m memory, err error) {
	defer cutShort(&err)
	r := reader(content)
	for range r.count() {
		if active := r.count(); active != 0 {
			return nil, fmt.Errorf("a data segment is of kind %d, not placed at a fixed address", active)
		}
		if op := r.take(1)[0]; op != opI32Const {
			return nil, fmt.Errorf("a data segment is placed by the instruction %#x, not by i32.const", op)
		}
		at := int(r.signed())
		if op := r.take(1)[0]; op != opEnd {
			return nil, fmt.Errorf("a data segment is placed by more than i32.const: %#x", op)
		}
		data := r.take(r.count())
		const limit = 1 << 30 // far above any program, so that a wrong address is an error here
		if at < 0 || at+len(data) > limit {
			return nil, fmt.Errorf("a data segment is placed at %#x", at)
		}
		if end := at + len(data); end > len(m) {
			m = append(m, make([]byte, end-len(m))...)
		}
		copy(m[at:], data)
	}
	if len(r) > 0 {
		return nil, fmt.Errorf("%d bytes follow the last data segment", len(r))
	}
	return m, nil
}

// encode leaves zeros out where that is shorter: memory begins as zeros.
func (m memory) encode() []byte {
	var content []byte
	count := 0
	for at := 0; at < len(m); {
		if m[at] == 0 {
			at++
			continue
		}
		end, zeros := at, 0 // zeros behind end that may have to be written after all
		for end+zeros < len(m) && zeros < segmentOverhead {
			if m[end+zeros] == 0 {
				zeros++
			} else {
				end, zeros = end+zeros+1, 0
			}
		}
		content = append(content, 0, opI32Const)
		content = appendSigned(content, int64(at))
		content = append(content, opEnd)
		content = appendVector(content, m[at:end])
		count++
		at = end
	}
	return append(appendCount(nil, count), content...)
}

func (m memory) word(at int) uint64       { return binary.LittleEndian.Uint64(m[at:]) }
func (m memory) half(at int) uint32       { return binary.LittleEndian.Uint32(m[at:]) }
func (m memory) setWord(at, v int)        { binary.LittleEndian.PutUint64(m[at:], uint64(v)) }
func (m memory) setHalf(at int, v uint32) { binary.LittleEndian.PutUint32(m[at:], v) }
