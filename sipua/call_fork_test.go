package sipua_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Section 13.2.2.4: each 2xx makes a dialog. The first is the call; any other is
// acknowledged and ended on its own dialog.
func TestFork(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		fork := func(status int, tag string) *sip.Response {
			res := w.NewResponse(invite, status, "Fork")
			res.To().Params.Remove("tag")
			res.To().Params.Add("tag", tag)
			res.ReplaceHeader(h("Contact", "<sip:"+tag+"@"+tag+".invalid;transport=ws>"))
			if status == 200 {
				sipuatest.SetSDP(res, answer(w.T, invite.Body()))
			}
			w.Send(res)
			return res
		}
		fork(180, "one")
		fork(180, "two")
		fork(200, "two")
		ack := w.ExpectRequest(w.T, "ACK")
		require.Equal(w, "two", tag(value(ack, "To")))
		require.NoError(w, call.Answered(w.Context()))

		second := fork(200, "one")
		ack = w.ExpectRequest(w.T, "ACK")
		require.Equal(w, "one", tag(value(ack, "To")))
		require.Equal(w, "sip:one@one.invalid;transport=ws", ack.Recipient.String())
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, "one", tag(value(bye, "To")))
		require.Equal(w, "sip:one@one.invalid;transport=ws", bye.Recipient.String())
		require.Equal(w, sipua.Established, call.State())

		// A third one, that never rang; and a retransmission of the second.
		fork(200, "three")
		require.Equal(w, "three", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		third := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, "three", tag(value(third, "To")))
		w.Send(second)
		require.Equal(w, "one", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		w.Respond(bye, 200, "OK")
		w.Respond(third, 200, "OK")
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, sipua.Established, call.State())
		require.Equal(w, 1, count[sipua.CallAnswered](w))

		done := begin(func() error { return call.Hangup(w.Context()) })
		bye = w.ExpectRequest(w.T, "BYE")
		require.Equal(w, "two", tag(value(bye, "To")))
		w.Respond(bye, 200, "OK")
		require.NoError(w, done())
	})
}

// What the other forks do in their own dialogs is not done to the call.
func TestForkHangsUpItself(t *testing.T) {
	for _, method := range []string{"BYE", "INVITE"} {
		t.Run(method, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.outgoing()
				res := w.NewResponse(k.invite, 200, "OK")
				res.To().Params.Remove("tag")
				res.To().Params.Add("tag", "fork")
				sipuatest.SetSDP(res, answer(w.T, k.invite.Body()))
				w.Send(res)
				w.ExpectRequest(w.T, "ACK")
				bye := w.ExpectRequest(w.T, "BYE")
				crossing := w.NewInDialogRequest(method, k.invite, res)
				w.Send(crossing)
				w.ExpectMessage(w.T) // 200 or 481, as they like
				w.Respond(bye, 200, "OK")
				synctest.Wait()
				require.Equal(w, sipua.Established, k.call.State())
				w.ExpectNothing(w.T, time.Minute)
				k.bye()
			})
		})
	}
}

// A fork that answers after the call was hung up is ended as well.
func TestForkAnswersAfterTheEnd(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		k.bye()
		res := w.NewResponse(k.invite, 200, "OK")
		res.To().Params.Remove("tag")
		res.To().Params.Add("tag", "fork")
		w.Send(res)
		require.Equal(w, "fork", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Section 13.2.2.4: every retransmission of the 2xx gets the ACK again, for
// 64*T1.
func Test200Retransmitted(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		for range 3 {
			w.Send(k.ok)
			ack := w.ExpectRequest(w.T, "ACK")
			require.Equal(w, k.invite.CSeq().SeqNo, ack.CSeq().SeqNo)
		}
		require.Equal(w, 1, count[sipua.CallAnswered](w))
		k.bye()
		w.Send(k.ok)
		w.ExpectRequest(w.T, "ACK")
		w.ExpectNothing(w.T, time.Minute)
	})
}

// The fork that answers need not be the one whose early media was heard. A peer connection
// that is up with one cannot follow to another: that one is offered a new one.
func TestForkAnswersAfterAnothersEarlyMedia(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.RespondSDP(invite, 183, "Session Progress", answer(w.T, invite.Body()))
		res := w.NewResponse(invite, 200, "OK")
		res.To().Params.Remove("tag")
		res.To().Params.Add("tag", "other")
		sdp := answer(w.T, invite.Body())
		sipuatest.SetSDP(res, sdp)
		synctest.Wait()
		early := w.media.For(call)
		w.Send(res)
		require.Equal(w, "other", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		re := w.ExpectRequest(w.T, "INVITE")
		require.Equal(w, "other", tag(value(re, "To")))
		require.Zero(w, count[sipua.CallAnswered](w), "nobody is heard yet")
		require.Equal(w, 1, early.Closed()) // count waited: media is closed beside the owner
		require.NotEqual(w, line(string(invite.Body()), "a=fingerprint"), line(string(re.Body()), "a=fingerprint"))
		sdp = answer(w.T, re.Body())
		w.RespondSDP(re, 200, "OK", sdp)
		require.Equal(w, "other", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		require.NoError(w, call.Answered(w.Context()))
		require.NotSame(w, early, w.media.For(call))
		require.Equal(w, sdp, w.media.For(call).RemoteSDP())
	})
}

// Section 13.2.2.4: the 2xx sets route set and remote target anew, whatever the
// provisional response of its early dialog said.
func TestAnswerAfterRingingSetsTheDialog(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing", h("Contact", "<sip:early@peer.invalid;transport=ws>"), h("Record-Route", "<sip:early.example.com;lr>"))
		w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()), h("Contact", "<sip:late@peer.invalid;transport=ws>"),
			h("Record-Route", "<sip:b.example.com;lr>"), h("Record-Route", "<sip:a.example.com;lr>"))
		ack := w.ExpectRequest(w.T, "ACK")
		require.Equal(w, "sip:late@peer.invalid;transport=ws", ack.Recipient.String())
		require.Equal(w, []string{"<sip:a.example.com;lr>", "<sip:b.example.com;lr>"}, values(ack, "Route"))
		require.NoError(w, call.Answered(w.Context()))
	})
}

// More forks ring than are kept: the one that answers is the call all the same.
func TestForkThatAnswersAfterTooManyRang(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		fork := func(status int, name string) *sip.Response {
			res := w.NewResponse(invite, status, "Fork")
			res.To().Params.Remove("tag")
			res.To().Params.Add("tag", name)
			if status == 200 {
				sipuatest.SetSDP(res, answer(w.T, invite.Body()))
			}
			w.Send(res)
			return res
		}
		for i := range 40 {
			fork(180, "fork"+strconv.Itoa(i))
		}
		ok := fork(200, "last")
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		w.Send(w.NewInDialogRequest("BYE", invite, ok))
		w.ExpectResponse(w.T, 200)
		w.end(call)
	})
}
