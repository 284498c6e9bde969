package sipua_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// What the stress test of calls and the reading that went with it have found.

// An answer that comes after the end brings no event: CallEnded is the last one, which
// promises checks.
func TestAnswersAfterTheEndAreNoEvents(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		re := w.ExpectRequest(w.T, "INVITE")
		k.hangup()
		require.Error(w, hold())
		w.RespondSDP(re, 200, "OK", k.answerTo(re), h("P-Asserted-Identity", "<sip:other@example.com>"), h("Session-Expires", "90;refresher=uac"))
		w.ExpectRequest(w.T, "ACK")
	})
	play(t, func(w *world) {
		k := w.outgoing()
		snapshot, _ := k.call.Snapshot()
		k.bye()
		call, err := w.ua.Restore(snapshot, sipua.CallOptions{})
		require.NoError(w, err)
		re := w.ExpectRequest(w.T, "INVITE")
		done := begin(func() error { return call.Hangup(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, done())
		w.RespondSDP(re, 200, "OK", offer(w.T), h("Session-Expires", "90;refresher=uac"))
		require.Contains(w, string(w.ExpectRequest(w.T, "ACK").Body()), "m=audio 0 ")
	})
}

// A restored call that is hung up while the connection is being made has ended.
func TestRestoredCallHungUpWhileConnecting(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		snapshot, _ := k.call.Snapshot()
		k.bye()
		w.down()
		w.OnDial(nil)
		release := w.HoldDials()
		call, err := w.ua.Restore(snapshot, sipua.CallOptions{})
		require.NoError(w, err)
		synctest.Wait()
		done := begin(func() error { return call.Hangup(w.Context()) })
		synctest.Wait()
		release()
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, done())
		w.ExpectNothing(w.T, time.Minute)
	})
}

// After a refusal the media takes the offer back and undoes what went before it at once: an
// INVITE of the other side that asks for an offer does not come between.
func TestUndoGoesWithTheRollback(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.delay.Store(int64(time.Second))
		add := begin(func() error { return k.call.AddVideo(w.Context(), sipua.VideoSource{}) })
		re := w.ExpectRequest(w.T, "INVITE")
		w.Respond(re, 488, "Not Acceptable Here")
		w.ExpectRequest(w.T, "ACK")
		theirs := k.reinvite("")
		ok := w.ExpectResponse(w.T, 200)
		require.Error(w, add())
		require.Equal(w, []string{"CreateOffer", "ApplyAnswer", "SetVideo", "CreateOffer", "Rollback", "SetVideo", "RestartICE", "CreateOffer"}, w.media.For(k.call).Log())
		require.NotContains(w, string(ok.Body()), "m=video")
		ack := w.NewInDialogRequest("ACK", theirs, ok)
		sipuatest.SetSDP(ack, k.answerToText(string(ok.Body())))
		w.Send(ack)
		time.Sleep(5 * time.Second)
		require.Equal(w, sipua.Established, k.call.State())
	})
}

func (k *talk) answerToText(offer string) string {
	k.Helper()
	sdp, err := k.far.CreateAnswer(k.Context(), offer, sipua.OfferOptions{})
	require.NoError(k, err)
	return sdp
}

// RFC 3262 section 5: a PRACK brings an offer only after a session has been agreed. One that
// does so before is answered, with nothing of it taken, and there is no call.
func TestOfferInPrackBeforeAnySession(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		invite := w.NewRequest("INVITE", "sip:1001@example.com", h("Require", "100rel"))
		w.Send(invite)
		ringing := w.ExpectResponse(w.T, 180)
		prack := w.NewInDialogRequest("PRACK", invite, ringing, h("RAck", value(ringing, "RSeq")+" "+value(invite, "CSeq")))
		sipuatest.SetSDP(prack, offer(w.T))
		w.Send(prack)
		require.Contains(w, string(w.ExpectResponse(w.T, 200).Body()), "m=audio 0 ")
		w.ExpectResponse(w.T, 488)
		synctest.Wait()
		require.Empty(w, w.media.All(), "no microphone was opened")
	})
}

// A reliable answer that cannot be read is none: the one in the 2xx counts.
func TestUnreadableAnswerBeforeAGoodOne(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		res := w.NewResponse(k.invite, 183, "Session Progress", h("Require", "100rel"), h("RSeq", "1"), farTakes)
		sipuatest.SetSDP(res, "v=0\r\nnonsense\r\n")
		w.Send(res)
		w.Respond(w.ExpectRequest(w.T, "PRACK"), 200, "OK")
		update := w.NewInDialogRequest("UPDATE", k.invite, res)
		sipuatest.SetSDP(update, offer(w.T))
		w.Send(update)
		w.ExpectResponse(w.T, 491)
		w.RespondSDP(k.invite, 200, "OK", k.answerTo(k.invite))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
	})
}

// RFC 6228 section 4: a fork that has said 199 and answers all the same is the call, with
// all that a call can do.
func TestForkAnswersAfterIts199(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		far := newFar()
		k.fork(180, "one", nil)
		k.fork(199, "one", nil)
		k.ok = k.fork(200, "one", far)
		k.far = far
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, hold())
		k.farHold(true)
	})
}

// What was offered to a fork before its 199 has its own answer.
func TestHoldOfAForkThatSays199(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		far := newFar()
		k.fork(183, "one", far, h("Require", "100rel"), h("RSeq", "1"), farTakes)
		w.Respond(w.ExpectRequest(w.T, "PRACK"), 200, "OK")
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		update := w.ExpectRequest(w.T, "UPDATE")
		k.fork(199, "one", nil)
		w.Respond(update, 481, "Call/Transaction Does Not Exist")
		typed(w.T, hold(), sipua.CodeRejected, 481)
		k.fork(200, "one", nil)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		k.far = far
		hold = begin(func() error { return k.call.Hold(w.Context()) })
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, hold())
	})
}

// A hold that was offered to a fork which ends meanwhile goes to the one that answers.
func TestHoldOfAForkThatEnds(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.fork(183, "one", newFar(), h("Require", "100rel"), h("RSeq", "1"), farTakes)
		w.Respond(w.ExpectRequest(w.T, "PRACK"), 200, "OK")
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		update := w.ExpectRequest(w.T, "UPDATE")
		k.fork(199, "one", nil)
		k.fork(200, "two", newFar())
		w.ExpectRequest(w.T, "ACK")
		re := w.ExpectRequest(w.T, "INVITE")
		far := newFar()
		sdp, err := far.CreateAnswer(w.Context(), string(re.Body()), sipua.OfferOptions{})
		require.NoError(w, err)
		w.RespondSDP(re, 200, "OK", sdp)
		w.ExpectRequest(w.T, "ACK")
		re = w.ExpectRequest(w.T, "INVITE")
		require.Contains(w, string(re.Body()), "a=sendonly")
		sdp, err = far.CreateAnswer(w.Context(), string(re.Body()), sipua.OfferOptions{})
		require.NoError(w, err)
		w.RespondSDP(re, 200, "OK", sdp)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, hold())
		w.Respond(update, 481, "Call/Transaction Does Not Exist") // too late to say anything
		time.Sleep(time.Minute)
		require.Equal(w, sipua.Established, k.call.State())
		require.True(w, k.call.OnHold(sipua.Local))
	})
}

// One call takes the place of another. The next ones that want to, while that one is being
// accepted, are not counted by Config.MaxCalls and would open a microphone each.
func TestReplacedByOneAtATime(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.delay.Store(int64(time.Second))
		for range 3 {
			invite := w.NewRequest("INVITE", "sip:1001@example.com", meant(k, ""))
			sipuatest.SetSDP(invite, offer(w.T))
			w.Send(invite)
		}
		w.ExpectResponse(w.T, 486)
		w.ExpectResponse(w.T, 486)
		w.ExpectResponse(w.T, 200)
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.Len(w, w.media.All(), 2)
	})
}

// The wait for the answer to a re-INVITE has an end also when a challenge and a 100 come
// late (section 17.1.1.2: no timer of the transaction runs then).
func TestReinviteThatIsOnlyTried(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		re := w.ExpectRequest(w.T, "INVITE")
		time.Sleep(31 * time.Second)
		w.Respond(re, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="example.com", nonce="1", qop="auth"`))
		w.ExpectRequest(w.T, "ACK")
		re = w.ExpectRequest(w.T, "INVITE")
		time.Sleep(5 * time.Second)
		w.Respond(re, 100, "Trying")
		w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		typed(w.T, hold(), sipua.CodeCanceled, 0)
	})
}

// Section 9.1: no CANCEL for an INVITE that has had no provisional response, even if the
// one before it, without credentials, has had one.
func TestNoCancelForTheInviteWithCredentials(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		w.Respond(invite, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="example.com", nonce="1", qop="auth"`))
		w.ExpectRequest(w.T, "ACK")
		w.ExpectRequest(w.T, "INVITE")
		w.Drop(1006, "")
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK", h("Contact", "<sip:x@x.invalid>;expires=600"))
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 486, "Busy Here")
		w.ExpectRequest(w.T, "ACK")
	})
}

// What a fork offers reliably cannot be used and is refused. When it answers all the same,
// an offer of ours follows.
func TestLateOfferThatWasRefused(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{LateOffer: true})
		res := w.NewResponse(k.invite, 183, "Session Progress", h("Require", "100rel"), h("RSeq", "1"), farTakes)
		sipuatest.SetSDP(res, plainOffer)
		w.Send(res)
		prack := w.ExpectRequest(w.T, "PRACK")
		require.Contains(w, string(prack.Body()), "m=audio 0 ")
		w.Respond(prack, 200, "OK")

		// While an offer of ours is open there, another fork's is refused as well.
		restart := begin(func() error { return k.call.RestartICE(w.Context()) })
		update := w.ExpectRequest(w.T, "UPDATE")
		w.Send(forked(w, k.invite, 183, "other", offer(w.T), h("Require", "100rel"), h("RSeq", "7")))
		prack = w.ExpectRequest(w.T, "PRACK")
		require.Contains(w, string(prack.Body()), "m=audio 0 ")
		w.Respond(prack, 200, "OK")
		w.Respond(update, 488, "Not Acceptable Here")
		require.Error(w, restart())

		w.Respond(k.invite, 200, "OK")
		require.Empty(w, w.ExpectRequest(w.T, "ACK").Body())
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, k.call.Answered(w.Context()))
	})
}

// A connection that comes and goes is made anew more and more rarely.
func TestConnectionThatComesAndGoes(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		media := w.media.For(k.call)
		began := time.Now()
		for range 6 {
			media.SetConnection(sipua.ConnectionFailed)
			k.agree(w.ExpectRequest(w.T, "INVITE"))
			synctest.Wait()
			require.Equal(w, sipua.ConnectionConnected, media.Connection())
		}
		require.GreaterOrEqual(w, time.Since(began), time.Minute)
		time.Sleep(2 * time.Minute)
		began = time.Now()
		media.SetConnection(sipua.ConnectionFailed)
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.Zero(w, time.Since(began), "after a good while the first try is at once again")
	})
}

// UPDATEs make events too: while nobody takes those, they are refused.
func TestUpdatesWhileNobodyListens(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		release := make(chan struct{})
		defer close(release)
		defer w.ua.On(func(sipua.Event) { <-release })()
		refused := 0
		for range 1500 {
			k.request("UPDATE", h("Session-Expires", "90;refresher=uac"), h("Supported", "timer"))
			text := string(w.ExpectMessage(w.T))
			if text[:11] == "SIP/2.0 503" {
				refused++
			}
		}
		require.Positive(w, refused)
	})
}
