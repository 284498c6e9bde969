package sipua_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// branch is a response of one of several places that our INVITE has reached.
func (k *talk) branch(tag string, status int, sdp string, headers ...sip.Header) *sip.Response {
	k.Helper()
	res := k.NewResponse(k.invite, status, "Fork", headers...)
	res.To().Params.Remove("tag")
	res.To().Params.Add("tag", tag)
	if sdp != "" {
		sipuatest.SetSDP(res, sdp)
	}
	k.Send(res)
	k.ok = res
	return res
}

// A hold was agreed, or is being offered, with a place that does not answer the call in the
// end: the one that does gets a new offer for a new connection, and the hold with it.
func TestEarlyOfferAndAnotherFork(t *testing.T) {
	for _, c := range []struct {
		name            string
		answered, ended bool // the UPDATE; the fork before the other one answers
	}{
		{"agreed", true, false},
		{"agreed, fork ended", true, true},
		{"open", false, false},
		{"open, fork ended", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.dial(sipua.CallOptions{})
				one := k.branch("one", 183, k.answerTo(k.invite), reliable(1)...)
				w.Respond(k.prackOf(one), 200, "OK")
				synctest.Wait()
				hold := begin(func() error { return k.call.Hold(w.Context()) })
				update := w.ExpectRequest(w.T, "UPDATE")
				if c.answered {
					w.RespondSDP(update, 200, "OK", k.answerTo(update), farTakes)
					require.NoError(w, hold())
				}
				if c.ended {
					k.branch("one", 199, "", farTakes)
				}
				other := sipuatest.NewMedia(sipuatest.MediaOptions{})
				sdp, err := other.CreateAnswer(w.Context(), string(k.invite.Body()), sipua.OfferOptions{})
				require.NoError(w, err)
				k.ok = k.branch("two", 200, sdp, farTakes)
				require.Equal(w, "two", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
				k.far = sipuatest.NewMedia(sipuatest.MediaOptions{}) // a new connection
				re := w.ExpectRequest(w.T, "INVITE")
				require.Equal(w, "two", tag(value(re, "To")))
				k.agree(re)
				require.NoError(w, k.call.Answered(w.Context()))
				if !c.answered {
					re = w.ExpectRequest(w.T, "INVITE")
					require.Contains(w, string(re.Body()), "a=sendonly")
					k.agree(re)
					require.NoError(w, hold())
				}
				require.True(w, k.call.OnHold(sipua.Local))
				k.agreedStreams("audio sendonly")
				resume := begin(func() error { return k.call.Resume(w.Context()) })
				k.agree(w.ExpectRequest(w.T, "INVITE"))
				require.NoError(w, resume())
				w.ExpectNothing(w.T, time.Second)
				k.bye()
			})
		})
	}
}

// A late offer of each place: the first is answered, the others are refused in their PRACK
// and, where one of them answers the call, offered a new connection.
func TestLateOffersOfForks(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{LateOffer: true})
		one := k.branch("one", 183, k.farOffer(false), reliable(1)...)
		prack := k.prackOf(one)
		k.applies(prack)
		w.Respond(prack, 200, "OK")
		two := k.branch("two", 183, offer(w.T), reliable(1)...)
		prack = k.prackOf(two)
		require.Contains(w, string(prack.Body()), "m=audio 0 ")
		w.Respond(prack, 200, "OK")
		require.Zero(w, count[sipua.ProtocolError](w))
		k.branch("two", 200, "", farTakes)
		require.Empty(w, w.ExpectRequest(w.T, "ACK").Body())
		k.far = sipuatest.NewMedia(sipuatest.MediaOptions{})
		re := w.ExpectRequest(w.T, "INVITE")
		k.agree(re)
		require.NoError(w, k.call.Answered(w.Context()))
		k.agreedStreams("audio sendrecv")
		k.bye()
	})
}
