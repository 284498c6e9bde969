package wasmshrink

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestColumns(t *testing.T) {
	rising := make([]uint32, 1000)
	for i := range rising {
		rising[i] = uint32(4096 + i*88)
	}
	for name, test := range map[string]struct {
		values  []uint32
		longest int
	}{
		"one":         {[]uint32{7}, 6},
		"equal":       {slices.Repeat([]uint32{noFuncdata}, 1000), 8},
		"rising":      {rising, 14},
		"small":       {[]uint32{1, 40, 3, 0, 17, 9, 63, 2}, 14},
		"most absent": {slices.Concat(slices.Repeat([]uint32{noFuncdata}, 500), []uint32{16}, slices.Repeat([]uint32{noFuncdata}, 500)), 14},
		"extremes":    {[]uint32{0, math.MaxUint32, 1 << 31, math.MaxInt32, 0, 1 << 31}, 40},
	} {
		t.Run(name, func(t *testing.T) {
			const at, stride = 3, 5
			stream := append(column(at, stride, test.values), 0)
			require.LessOrEqual(t, len(stream), test.longest)
			m := make(memory, at+stride*len(test.values)+4)
			expand(m, stream)
			for i, v := range test.values {
				require.Equal(t, v, m.half(at+i*stride), i)
				m.setHalf(at+i*stride, 0)
			}
			require.Equal(t, make(memory, len(m)), m, "nothing in between")
		})
	}
}

func TestPiecesByUse(t *testing.T) {
	var b byUse
	for _, piece := range []string{"one", "two", "", "two", "three"} {
		b.add([]byte(piece))
	}
	offsets, content := b.place(1, 4)
	require.Equal(t, map[string]uint32{"two": 4, "one": 8, "three": 12}, offsets)
	require.Equal(t, "\x00\x00\x00two\x00one\x00three", string(content))
}
