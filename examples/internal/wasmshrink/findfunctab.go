package wasmshrink

import "encoding/binary"

// findfunctab tells the runtime at which function to begin its search for a PC:
// a bucket of 20 bytes for each 4096 PCs, the number of the first function in it
// and 16 bytes that are added for its sixteenth parts (findfuncbucket in
// runtime/symtab.go). A function of WebAssembly has 65,536 PCs to itself and so 16
// buckets that say the same: that it is function number so and so. That is the
// largest table of all and follows from the number of functions, so that the
// program fills it when it starts.

const (
	findBucket     = 20
	findBucketPCs  = 4096
	findBuckets    = 1 << pcBits / findBucketPCs // of a function
	findPartPCs    = findBucketPCs / 16
	findBucketBase = 4 // the first bytes of a bucket, the number
)

// findSize is the size of the table for so many PCs, the last bucket cut off
// behind its last part.
func findSize(pcs int) int {
	return findBucketBase*ceil(pcs, findBucketPCs) + ceil(pcs, findPartPCs)
}

func ceil(n, d int) int { return (n + d - 1) / d }

// wholeBuckets is the table without the last bucket, which may be cut off. It
// compares them with what the program will make of them.
func (s symtab) wholeBuckets(m memory) (table, error) {
	whole := table{s.find.start, s.find.start + s.find.size()/findBucket*findBucket}
	for i, at := 0, whole.start; at < whole.end; i, at = i+1, at+findBucket {
		var bucket [findBucket]byte
		binary.LittleEndian.PutUint32(bucket[:], uint32(i/findBuckets))
		if string(m[at:at+findBucket]) != string(bucket[:]) {
			return whole, tablesError("bucket %d of findfunctab is % x", i, m[at:at+findBucket])
		}
	}
	if whole.size() == 0 {
		return whole, tablesError("findfunctab has %d bytes", s.find.size())
	}
	return whole, nil
}
