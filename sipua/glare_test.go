package sipua_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Section 14.1: after 491 the owner of the Call-ID waits 2.1 to 4 s, the other
// side 0 to 2 s, in units of 10 ms; not at once.
func TestGlareWindows(t *testing.T) {
	both(t, func(k *talk) {
		from, to := 2100*time.Millisecond, 4*time.Second
		if k.call.Direction() == sipua.Incoming {
			from, to = 10*time.Millisecond, 2*time.Second
		}
		waits := map[time.Duration]bool{}
		for range 8 {
			re, done := k.hold()
			for range 3 {
				k.Respond(re, 491, "Request Pending")
				begun := time.Now()
				k.ExpectRequest(k.T, "ACK")
				re = k.ExpectRequest(k.T, "INVITE")
				wait := time.Since(begun)
				require.GreaterOrEqual(k, wait, from)
				require.LessOrEqual(k, wait, to)
				require.Zero(k, wait%(10*time.Millisecond))
				waits[wait] = true
			}
			k.agree(re)
			require.NoError(k, done())
			done = begin(func() error { return k.call.Resume(k.Context()) })
			k.agree(k.ExpectRequest(k.T, "INVITE"))
			require.NoError(k, done())
		}
		require.Greater(k, len(waits), 3, "they are random: %v", waits)
		k.bye()
	})
}

// Who always answers 491 does not keep us for ever.
func TestGlareForEver(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		tries := 1
		for {
			k.Respond(re, 491, "Request Pending")
			k.ExpectRequest(k.T, "ACK")
			text, more := k.next()
			if !more {
				break
			}
			re = text
			tries++
		}
		require.Equal(k, 9, tries)
		typed(k, done(), sipua.CodeRejected, 491)
		require.Equal(k, sipua.Established, k.call.State())
		k.bye()
	})
}

// next is the next re-INVITE within ten seconds, if there is one.
func (k *talk) next() (*sip.Request, bool) {
	k.Helper()
	before := len(k.Ladder().Entries())
	timer := time.NewTimer(10 * time.Second)
	<-timer.C
	synctest.Wait()
	if len(k.Ladder().Entries()) == before {
		return nil, false
	}
	return k.ExpectRequest(k.T, "INVITE"), true
}

// The wait after a 491 is not cut short by another wish.
func TestGlareWaitIsKept(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		re, done := k.hold()
		w.Respond(re, 491, "Request Pending")
		begun := time.Now()
		w.ExpectRequest(w.T, "ACK")
		synctest.Wait() // the offer is rolled back, the wait has begun
		resume := begin(func() error { return k.call.Resume(w.Context()) })
		re = w.ExpectRequest(w.T, "INVITE")
		require.GreaterOrEqual(w, time.Since(begun), 2100*time.Millisecond)
		k.agree(re)
		require.NoError(w, done())
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, resume())
	})
}

// After a 491 the other side's own re-INVITE usually comes. Ours follows it and
// still says what it wants.
func TestGlareThenTheirOffer(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		k.Respond(re, 491, "Request Pending")
		k.ExpectRequest(k.T, "ACK")
		k.farHold(true)
		require.True(k, k.call.OnHold(sipua.Remote))
		re = k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "a=inactive", "RFC 3264 section 8.4: they do not receive either")
		k.agree(re)
		require.NoError(k, done())
		k.bye()
	})
}

// Section 14.2: an INVITE that comes while ours is open is answered 491, and ours
// goes on.
func TestGlare(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		theirs := k.reinvite(k.farOffer(true))
		res := k.ExpectResponse(k.T, 491)
		k.Send(k.NewInDialogRequest("ACK", theirs, res))
		require.NoError(k, k.far.Rollback(k.Context()))
		k.agree(re)
		require.NoError(k, done())
		require.False(k, k.call.OnHold(sipua.Remote))
		k.bye()
	})
}

// Glare also while the offer is only being made.
func TestGlareWhilePreparing(t *testing.T) {
	play(t, func(w *world) {
		w.media.Delay = time.Second
		k := w.outgoing()
		done := begin(func() error { return k.call.Hold(w.Context()) })
		synctest.Wait()
		k.reinvite(k.farOffer(false))
		w.ExpectResponse(w.T, 491)
		require.NoError(w, k.far.Rollback(w.Context()))
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, done())
	})
}
