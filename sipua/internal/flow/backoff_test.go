package flow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// RFC 5626 section 4.5: W = min(max-time, base-time·2^failures), and the wait is
// a random 50 to 100 % of W.
func TestBackoffDelay(t *testing.T) {
	for _, b := range []Backoff{
		{time.Second, 30 * time.Second}, {30 * time.Second, 1800 * time.Second}, {time.Millisecond, 24 * time.Hour}, {time.Minute, time.Second}, {time.Nanosecond, time.Nanosecond},
	} {
		for failures := range 41 {
			bound := b.Base
			for range failures {
				bound = min(bound*2, b.Cap)
			}
			bound = min(bound, b.Cap)
			least, most := b.Cap, time.Duration(0)
			for range 300 {
				d := b.Delay(failures)
				require.GreaterOrEqual(t, d, bound/2, "%v after %d failures", b, failures)
				require.LessOrEqual(t, d, bound, "%v after %d failures", b, failures)
				least, most = min(least, d), max(most, d)
			}
			if bound > time.Microsecond { // the whole range is used
				require.Less(t, least, bound*6/10)
				require.Greater(t, most, bound*9/10)
			}
		}
	}
}

func TestBetween(t *testing.T) {
	require.Equal(t, 5*time.Second, Between(5*time.Second, 5*time.Second))
	require.Equal(t, 5*time.Second, Between(5*time.Second, 3*time.Second), "the low bound holds")
	seen := map[time.Duration]bool{}
	for range 200 {
		seen[Between(1, 3)] = true
	}
	require.Equal(t, map[time.Duration]bool{1: true, 2: true, 3: true}, seen, "both ends belong to it")
}
