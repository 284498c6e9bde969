package flow

import (
	"math/rand/v2"
	"time"
)

// Backoff is the wait between attempts of RFC 5626 section 4.5.
type Backoff struct {
	Base time.Duration // bound of the first wait
	Cap  time.Duration // bound of every wait
}

// Delay is a random 50 to 100 % of min(Cap, Base·2^failures), so that the
// clients of a server that restarted do not come back at the same moment.
func (b Backoff) Delay(failures int) time.Duration {
	bound := b.Cap
	if failures < 32 && b.Base < b.Cap>>failures {
		bound = b.Base << failures
	}
	return Between(bound/2, bound)
}

// Between is a random time of low to high.
func Between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(rand.Int64N(int64(high-low)+1))
}
