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

// Whether the caller of a call that rings is still there is not known when nobody could be
// asked: it is asked again, and rings for nobody no longer than a lost flow may last.
func TestIncomingCallWhoseCallerIsNotThere(t *testing.T) {
	back := func(w *world) *talk {
		k := w.ring()
		w.Drop(1006, "")
		w.ExpectResponse(w.T, 180)
		return k
	}
	t.Run("not yet", func(t *testing.T) {
		play(t, func(w *world) {
			k := back(w)
			w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 480, "Temporarily Unavailable")
			w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 200, "OK")
			for asked, rung := 0, 0; rung < 10; { // it rings on, each minute
				if msg := w.ExpectMessage(w.T); strings.HasPrefix(string(msg), "OPTIONS ") {
					asked++
					m, err := sip.ParseMessage(msg)
					require.NoError(w, err)
					w.Respond(m.(*sip.Request), 200, "OK")
				} else {
					require.True(w, strings.HasPrefix(string(msg), "SIP/2.0 180 "))
					rung++
					require.GreaterOrEqual(w, asked, rung, "and the caller is asked as often")
				}
			}
			require.Equal(w, sipua.Ringing, k.call.State())
		})
	})
	t.Run("not any more", func(t *testing.T) {
		play(t, func(w *world) {
			k := back(w)
			w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 480, "Temporarily Unavailable")
			w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 481, "Call/Transaction Does Not Exist")
			w.ExpectResponse(w.T, 487)
			require.Equal(w, sipua.Remote, w.end(k.call).By)
		})
	})
	t.Run("no answer", func(t *testing.T) { // section 12.2.1.2
		play(t, func(w *world) {
			k := back(w)
			begun := time.Now()
			w.ExpectRequest(w.T, "OPTIONS")
			w.ExpectResponse(w.T, 487)
			require.Equal(w, 32*time.Second, time.Since(begun))
			w.end(k.call)
		})
	})
	t.Run("never", func(t *testing.T) {
		play(t, func(w *world) {
			k := back(w)
			begun := time.Now()
			for k.call.State() == sipua.Ringing {
				msg, err := sip.ParseMessage(w.ExpectMessage(w.T))
				require.NoError(w, err)
				if req, ok := msg.(*sip.Request); ok {
					w.Respond(req, 404, "Not Found")
				}
				synctest.Wait()
			}
			require.Equal(w, 3*time.Minute, time.Since(begun))
			w.end(k.call)
		})
	})
}

// Who hangs up while the flow is lost does not let it ring for nobody.
func TestHangupOfARingingCallWhileTheFlowIsLost(t *testing.T) {
	for _, rang := range []bool{true, false} {
		play(t, func(w *world) {
			w.connect()
			call := w.callOut()
			invite := w.ExpectRequest(w.T, "INVITE")
			if rang {
				w.Respond(invite, 180, "Ringing")
				synctest.Wait()
			}
			w.down()
			require.NoError(w, call.Hangup(w.Context()))
			require.Equal(w, sipua.CallEnded{Call: call, By: sipua.Local, Status: 487, Reason: "Request Terminated"}, w.end(call))
			w.OnDial(nil)
			if rang {
				cancel := w.ExpectRequest(w.T, "CANCEL")
				require.Equal(w, value(invite, "Via"), value(cancel, "Via"))
				w.Respond(cancel, 200, "OK")
			}
			w.ExpectNothing(w.T, time.Hour)
		})
	}
}

// The other side has changed the session, and its ACK was lost with the flow: our 200 goes
// over the next one.
func TestReinviteAnsweredOverTheNextFlow(t *testing.T) {
	both(t, func(k *talk) {
		re := k.reinvite(k.farOffer(true))
		ok := k.ExpectResponse(k.T, 200)
		require.NoError(k, k.far.ApplyAnswer(k.Context(), string(ok.Body()), false))
		k.Drop(1006, "")
		again := k.ExpectResponse(k.T, 200)
		require.Equal(k, ok.String(), again.String())
		k.ack(re, ok)
		re = k.ExpectRequest(k.T, "INVITE") // the connection to the other side, once it may be offered
		held, err := k.far.CreateAnswer(k.Context(), string(re.Body()), sipua.OfferOptions{Hold: true})
		require.NoError(k, err)
		k.RespondSDP(re, 200, "OK", held)
		k.ExpectRequest(k.T, "ACK")
		synctest.Wait()
		require.Equal(k, sipua.Established, k.call.State())
		require.True(k, k.call.OnHold(sipua.Remote))
		k.bye()
	})
}

// Section 13.2.1: the INVITE has no offer, and each fork makes one. That of the fork that
// answers is answered, by media of its own when another one's has been.
func TestLateOfferOfAnotherFork(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		call, err := w.ua.Call("1002", sipua.CallOptions{LateOffer: true})
		require.NoError(w, err)
		invite := w.ExpectRequest(w.T, "INVITE")
		require.Empty(w, invite.Body())
		one, two := offer(w.T), offer(w.T)
		w.Send(forked(w, invite, 183, "one", one, h("Require", "100rel"), h("RSeq", "7")))
		prack := w.ExpectRequest(w.T, "PRACK")
		require.NotEmpty(w, prack.Body())
		w.Respond(prack, 200, "OK")
		first := w.media.For(call)
		w.Send(forked(w, invite, 200, "two", two))
		ack := w.ExpectRequest(w.T, "ACK")
		require.Equal(w, "two", tag(value(ack, "To")))
		require.NotContains(w, string(ack.Body()), "m=audio 0 ", "it is not refused")
		require.NoError(w, call.Answered(w.Context()))
		synctest.Wait()
		require.NotSame(w, first, w.media.For(call))
		synctest.Wait()
		require.Equal(w, 1, first.Closed())
		require.Equal(w, two, w.media.For(call).RemoteSDP())
	})
}

// RFC 3311 before the answer: an offer of a fork that is not heard does not take the media
// from the one that is.
func TestUpdateOfAForkThatIsNotHeard(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		allow := h("Allow", "INVITE, ACK, BYE, PRACK, UPDATE")
		w.Send(forked(w, invite, 183, "heard", answer(w.T, invite.Body()), allow))
		synctest.Wait()
		heard := w.media.For(call)
		other := forked(w, invite, 183, "other", answer(w.T, invite.Body()), allow, h("Require", "100rel"), h("RSeq", "1"))
		w.Send(other)
		w.Respond(w.ExpectRequest(w.T, "PRACK"), 200, "OK")
		update := w.NewInDialogRequest("UPDATE", invite, other)
		sipuatest.SetSDP(update, offer(w.T))
		w.Send(update)
		w.ExpectResponse(w.T, 488)
		synctest.Wait()
		require.Same(w, heard, w.media.For(call))
		require.Zero(w, heard.Closed())
		w.ExpectNothing(w.T, time.Minute)
	})
}

// forked is a response of one fork.
func forked(w *world, invite *sip.Request, status int, name, sdp string, headers ...sip.Header) *sip.Response {
	res := w.NewResponse(invite, status, "Fork", headers...)
	res.To().Params.Remove("tag")
	res.To().Params.Add("tag", name)
	res.ReplaceHeader(h("Contact", "<sip:"+name+"@"+name+".invalid;transport=ws>"))
	sipuatest.SetSDP(res, sdp)
	return res
}
