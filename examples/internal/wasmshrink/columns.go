package wasmshrink

import "slices"

// A table of records is written as columns, each with the values of one field of
// all records. Next to each other they differ little or repeat, so that they take a
// byte or two where the field has four, and compress well. The program puts them in
// their places when it starts. In the stream stand for each column:
//
//	the number of entries, 0 after the last column
//	the address of its first value
//	the distance to the next
//	flags
//	entries: with columnRuns how often the value follows, then
//	         the value, or with columnSums its difference to the one before
//
// All are unsigned LEB128; values and differences are zigzag, so that small
// negative ones are short as well. A value takes four bytes. A field that is
// shorter is written before what stands behind it.

const (
	columnSums = 1
	columnRuns = 2
)

// column takes the shortest of the four ways.
func column(at, stride int, values []uint32) []byte {
	var shortest []byte
	for flags := range 4 {
		var entries []byte
		count, last := 0, uint32(0)
		for i := 0; i < len(values); count++ {
			entry := values[i] - last*uint32(flags&columnSums)
			run := 0
			for i < len(values) && values[i]-last*uint32(flags&columnSums) == entry && (run == 0 || flags&columnRuns != 0) {
				last = values[i]
				i, run = i+1, run+1
			}
			if flags&columnRuns != 0 {
				entries = appendCount(entries, run)
			}
			entries = appendCount(entries, int(entry<<1^uint32(int32(entry)>>31)))
		}
		var all []byte
		for _, n := range []int{count, at, stride, flags} {
			all = appendCount(all, n)
		}
		all = append(all, entries...)
		if shortest == nil || len(all) < len(shortest) {
			shortest = all
		}
	}
	return shortest
}

// expand does what the program does at its start.
func expand(m memory, stream []byte) {
	for r := reader(stream); ; {
		count := r.count()
		if count == 0 {
			return
		}
		at, stride, flags := r.count(), r.count(), r.count()
		value := uint32(0)
		for range count {
			run := 1
			if flags&columnRuns != 0 {
				run = r.count()
			}
			entry := uint32(r.count())
			for range run {
				value = value*uint32(flags&columnSums) + (entry>>1 ^ -(entry & 1))
				m.setHalf(at, value)
				at += stride
			}
		}
	}
}

// byUse numbers pieces of data: those that are used most come first, and empty ones
// are left out.
type byUse struct {
	uses  map[string]int
	order []string
}

func (b *byUse) add(piece []byte) {
	if len(piece) == 0 {
		return
	}
	if b.uses == nil {
		b.uses = map[string]int{}
	}
	if b.uses[string(piece)] == 0 {
		b.order = append(b.order, string(piece))
	}
	b.uses[string(piece)]++
}

// place puts the pieces one behind the other and returns where each is.
func (b *byUse) place(start, alignment int) (offsets map[string]uint32, content []byte) {
	slices.SortStableFunc(b.order, func(x, y string) int { return b.uses[y] - b.uses[x] })
	offsets = map[string]uint32{}
	for _, piece := range b.order {
		for (start+len(content))%alignment != 0 {
			content = append(content, 0)
		}
		offsets[piece] = uint32(start + len(content))
		content = append(content, piece...)
	}
	return offsets, content
}
