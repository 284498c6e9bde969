package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Section 14.2: a second INVITE before the first has been answered: 500 with
// Retry-After of 0 to 10 s.
func TestSecondReinvite(t *testing.T) {
	both(t, func(k *talk) {
		k.slow(time.Second)
		first := k.reinvite(k.farOffer(true))
		synctest.Wait()
		k.reinvite(offer(k.T))
		res := k.ExpectResponse(k.T, 500)
		require.Regexp(k, `^([0-9]|10)$`, value(res, "Retry-After"))
		ok := k.ExpectResponse(k.T, 200)
		require.NoError(k, k.far.ApplyAnswer(k.Context(), string(ok.Body()), false))
		k.ack(first, ok)
		synctest.Wait()
		require.True(k, k.call.OnHold(sipua.Remote))
		k.bye()
	})
}

// slow makes the verbs of the call's media take d from now on.
func (k *talk) slow(d time.Duration) { k.delay.Store(int64(d)) }

// A re-INVITE before the ACK of the 200 breaks the order: 500.
func TestReinviteBeforeAck(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		k.ok = k.accept()
		k.reinvite(offer(w.T))
		require.NotEmpty(w, value(w.ExpectResponse(w.T, 500), "Retry-After"))
		k.ack(k.invite, k.ok)
		synctest.Wait()
		require.Equal(w, sipua.Established, k.call.State())
	})
}

// Before the answer there is nothing to change yet: 491.
func TestReinviteInEarlyDialog(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		ringing := w.Respond(invite, 180, "Ringing")
		w.Send(w.NewInDialogRequest("INVITE", invite, ringing))
		w.ExpectResponse(w.T, 491)
		require.Equal(w, sipua.Ringing, call.State())
	})
}

// A re-INVITE that cannot be taken leaves the call as it was.
func TestReinviteRefused(t *testing.T) {
	for name, c := range map[string]struct {
		sdp    string
		status int
	}{
		"garbage":          {"hello", 488},
		"not for browsers": {plainSDP, 488},
		"no audio":         {strings.Replace(plainSDP, "m=audio", "m=image", 1), 488},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(k *talk) {
				k.reinvite(c.sdp)
				require.NotEmpty(k, value(k.ExpectResponse(k.T, c.status), "Warning"))
				require.Equal(k, sipua.Established, k.call.State())
				k.farHold(true)
				require.True(k, k.call.OnHold(sipua.Remote))
				k.bye()
			})
		})
	}
	t.Run("other content", func(t *testing.T) {
		both(t, func(k *talk) {
			re := k.NewInDialogRequest("INVITE", k.invite, k.ok, h("Content-Type", "text/plain"))
			re.SetBody([]byte("hello"))
			k.Send(re)
			require.Equal(k, "application/sdp, multipart/mixed, multipart/alternative", value(k.ExpectResponse(k.T, 415), "Accept"))
			k.bye()
		})
	})
}

// A re-INVITE without an offer gets one; the answer comes in the ACK.
func TestReinviteWithoutOffer(t *testing.T) {
	both(t, func(k *talk) {
		re := k.reinvite("")
		ok := k.ExpectResponse(k.T, 200)
		require.Contains(k, string(ok.Body()), "a=setup:actpass")
		hold := begin(func() error { return k.call.Hold(k.Context()) }) // waits for the answer
		synctest.Wait()
		sdp, err := k.far.CreateAnswer(k.Context(), string(ok.Body()), sipua.OfferOptions{})
		require.NoError(k, err)
		ack := k.NewInDialogRequest("ACK", re, ok)
		sipuatest.SetSDP(ack, sdp)
		k.Send(ack)
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		require.NoError(k, hold())
		k.bye()
	})
	t.Run("no answer", func(t *testing.T) {
		both(t, func(k *talk) {
			re := k.reinvite("")
			k.ack(re, k.ExpectResponse(k.T, 200))
			k.Respond(k.ExpectRequest(k.T, "BYE"), 200, "OK")
			typed(k, k.end(k.call).Err, sipua.CodeProtocol, 0)
		})
	})
	t.Run("on hold", func(t *testing.T) {
		both(t, func(k *talk) {
			re, done := k.hold()
			k.agree(re)
			require.NoError(k, done())
			re = k.reinvite("")
			ok := k.ExpectResponse(k.T, 200)
			require.Contains(k, string(ok.Body()), "a=sendonly")
			sdp, err := k.far.CreateAnswer(k.Context(), string(ok.Body()), sipua.OfferOptions{})
			require.NoError(k, err)
			ack := k.NewInDialogRequest("ACK", re, ok)
			sipuatest.SetSDP(ack, sdp)
			k.Send(ack)
			synctest.Wait()
			require.Equal(k, "sendonly", k.media.For(k.call).Direction())
		})
	})
}

// The 200 to a re-INVITE is sent again until its ACK, and a call without that ACK
// is over (section 14.2 with 13.3.1.4).
func TestReinviteNotAcked(t *testing.T) {
	both(t, func(k *talk) {
		k.reinvite(k.farOffer(false))
		for range 11 {
			k.ExpectResponse(k.T, 200)
		}
		k.Respond(k.ExpectRequest(k.T, "BYE"), 200, "OK")
		typed(k, k.end(k.call).Err, sipua.CodeTimeout, 0)
	})
}

// A re-INVITE moves the remote target (section 12.2.2).
func TestReinviteRefreshesTarget(t *testing.T) {
	both(t, func(k *talk) {
		re := k.NewInDialogRequest("INVITE", k.invite, k.ok, h("Contact", "<sip:moved@elsewhere.invalid;transport=ws>"))
		sipuatest.SetSDP(re, k.farOffer(false))
		k.Send(re)
		ok := k.ExpectResponse(k.T, 200)
		k.ack(re, ok)
		synctest.Wait()
		done := begin(func() error { return k.call.Hangup(k.Context()) })
		bye := k.ExpectRequest(k.T, "BYE")
		require.Equal(k, "sip:moved@elsewhere.invalid;transport=ws", bye.Recipient.String())
		k.Respond(bye, 200, "OK")
		require.NoError(k, done())
	})
}

// Section 15.1.2: a BYE does not leave the re-INVITE before it without an answer;
// 487 is recommended.
func TestByeDuringReinvite(t *testing.T) {
	both(t, func(k *talk) {
		k.slow(time.Second)
		k.reinvite(k.farOffer(true))
		synctest.Wait()
		k.request("BYE")
		require.Equal(k, sip.BYE, k.ExpectResponse(k.T, 200).CSeq().MethodName)
		require.Equal(k, sip.INVITE, k.ExpectResponse(k.T, 487).CSeq().MethodName)
		require.Zero(k, count[sipua.CallHeld](k.world))
	})
}

// Our re-INVITE is a target refresh request too: its 200 moves the remote target.
func TestHoldRefreshesTarget(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		k.RespondSDP(re, 200, "OK", k.answerTo(re), h("Contact", "<sip:moved@elsewhere.invalid;transport=ws>"))
		require.Equal(k, "sip:moved@elsewhere.invalid;transport=ws", k.ExpectRequest(k.T, "ACK").Recipient.String())
		require.NoError(k, done())
		hangup := begin(func() error { return k.call.Hangup(k.Context()) })
		bye := k.ExpectRequest(k.T, "BYE")
		require.Equal(k, "sip:moved@elsewhere.invalid;transport=ws", bye.Recipient.String())
		k.Respond(bye, 200, "OK")
		require.NoError(k, hangup())
	})
}
