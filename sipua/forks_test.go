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

// fork answers our INVITE from another place: its To tag and Contact are its name. far,
// when given, answers the offer.
func (k *talk) fork(status int, name string, far *sipuatest.Media, headers ...sip.Header) *sip.Response {
	k.Helper()
	res := k.NewResponse(k.invite, status, "Fork "+name, headers...)
	res.To().Params.Remove("tag")
	res.To().Params.Add("tag", name)
	res.ReplaceHeader(h("Contact", "<sip:"+name+"@"+name+".invalid;transport=ws>"))
	if far != nil {
		if far.LocalSDP() == "" {
			_, err := far.CreateAnswer(k.Context(), string(k.invite.Body()), sipua.OfferOptions{})
			require.NoError(k, err)
		}
		sipuatest.SetSDP(res, far.LocalSDP())
	}
	k.Send(res)
	synctest.Wait()
	return res
}

func newFar() *sipuatest.Media { return sipuatest.NewMedia(sipuatest.MediaOptions{}) }

// Section 13.2.2.1: every place that rings has an early dialog of its own, and shows.
func TestForksAreVisible(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		require.Empty(w, k.call.Forks())
		k.fork(180, "desk", nil)
		k.fork(183, "mobile", newFar())
		k.fork(180, "home", newFar())
		k.fork(182, "desk", nil)
		k.fork(199, "home", nil)
		require.Equal(w, []sipua.Fork{
			{Tag: "desk", Target: "sip:desk@desk.invalid;transport=ws", Status: 182, Reason: "Fork desk"},
			{Tag: "mobile", Target: "sip:mobile@mobile.invalid;transport=ws", Status: 183, Reason: "Fork mobile", EarlyMedia: true},
			{Tag: "home", Target: "sip:home@home.invalid;transport=ws", Status: 199, Reason: "Fork home", EarlyMedia: true, Ended: true},
		}, k.call.Forks())
		var rang []string
		for _, e := range w.recorded() {
			if e, ok := e.(sipua.CallRinging); ok {
				rang = append(rang, e.Fork+" "+itoa(e.Status))
				require.Equal(w, e.Fork == "mobile" || e.Fork == "home" && e.Status == 180, e.EarlyMedia)
				require.False(w, e.Reliable)
			}
		}
		require.Equal(w, []string{"desk 180", "mobile 183", "home 180", "desk 182", "home 199"}, rang)
		require.Equal(w, sipua.Ringing, k.call.State())
		k.fork(200, "desk", newFar())
		w.ExpectRequest(w.T, "ACK")
		synctest.Wait()
	})
}

// A browser's peer connection has one remote side: the first early media is heard, and
// what others send leaves it alone.
func TestFirstEarlyMediaIsHeard(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.fork(180, "silent", nil)
		first, second := newFar(), newFar()
		k.fork(183, "first", first)
		k.fork(183, "second", second)
		k.fork(180, "second", second)
		media := w.media.For(k.call)
		require.Equal(w, first.LocalSDP(), media.RemoteSDP())
		require.Equal(w, []string{"CreateOffer", "ApplyAnswer"}, media.Log())
		k.fork(200, "first", first)
		require.Equal(w, "first", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		require.NoError(w, k.call.Answered(w.Context()))
		require.Equal(w, []string{"CreateOffer", "ApplyAnswer", "ApplyAnswer"}, media.Log())
		require.Len(w, w.media.All(), 1)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Whose early media was heard has ended (RFC 6228), and another place answers.
func TestForkAnswersAfterTheHeardOneEnded(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.fork(183, "first", newFar())
		k.fork(199, "first", nil)
		far := newFar()
		k.fork(200, "second", far)
		require.Equal(w, "second", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		re := w.ExpectRequest(w.T, "INVITE")
		require.Equal(w, "second", tag(value(re, "To")))
		sdp := answer(w.T, re.Body())
		w.RespondSDP(re, 200, "OK", sdp)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		require.Equal(w, sdp, w.media.For(k.call).RemoteSDP())
		w.golden("call-fork-second-answers")
	})
}

// What goes wrong between the 2xx of another fork and its new connection.
func TestForkSwitch(t *testing.T) {
	begun := func(w *world) (k *talk, re *sip.Request) {
		k = w.dial(sipua.CallOptions{})
		k.fork(183, "first", newFar())
		k.ok = k.fork(200, "second", newFar())
		w.ExpectRequest(w.T, "ACK")
		return k, w.ExpectRequest(w.T, "INVITE")
	}
	t.Run("refused", func(t *testing.T) { // there is no session without media
		play(t, func(w *world) {
			k, re := begun(w)
			w.Respond(re, 488, "Not Acceptable Here")
			w.ExpectRequest(w.T, "ACK")
			bye := w.ExpectRequest(w.T, "BYE")
			require.Equal(w, "second", tag(value(bye, "To")))
			w.Respond(bye, 200, "OK")
			require.Error(w, k.call.Answered(w.Context()))
			require.Equal(w, sipua.System, w.end(k.call).By)
		})
	})
	t.Run("glare", func(t *testing.T) { // section 14.1
		play(t, func(w *world) {
			k, re := begun(w)
			w.Respond(re, 491, "Request Pending")
			w.ExpectRequest(w.T, "ACK")
			re = w.ExpectRequest(w.T, "INVITE")
			w.RespondSDP(re, 200, "OK", answer(w.T, re.Body()))
			w.ExpectRequest(w.T, "ACK")
			require.NoError(w, k.call.Answered(w.Context()))
		})
	})
	t.Run("hang up", func(t *testing.T) {
		play(t, func(w *world) {
			k, re := begun(w)
			done := begin(func() error { return k.call.Hangup(w.Context()) })
			bye := w.ExpectRequest(w.T, "BYE")
			require.Equal(w, "second", tag(value(bye, "To")))
			w.Respond(bye, 200, "OK")
			require.NoError(w, done())
			w.Respond(re, 487, "Request Terminated")
			w.ExpectRequest(w.T, "ACK")
			w.end(k.call)
			w.ExpectNothing(w.T, time.Minute)
		})
	})
	t.Run("they hang up", func(t *testing.T) {
		play(t, func(w *world) {
			k, re := begun(w)
			w.Send(w.NewInDialogRequest("BYE", k.invite, k.ok))
			w.ExpectResponse(w.T, 200)
			w.Respond(re, 481, "Call/Transaction Does Not Exist")
			w.ExpectRequest(w.T, "ACK")
			require.Error(w, k.call.Answered(w.Context()))
			require.Equal(w, sipua.Remote, w.end(k.call).By)
		})
	})
	t.Run("the first answers too", func(t *testing.T) {
		play(t, func(w *world) {
			k, re := begun(w)
			k.fork(200, "first", newFar())
			require.Equal(w, "first", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
			bye := w.ExpectRequest(w.T, "BYE")
			require.Equal(w, "first", tag(value(bye, "To")))
			w.Respond(bye, 200, "OK")
			w.RespondSDP(re, 200, "OK", answer(w.T, re.Body()))
			w.ExpectRequest(w.T, "ACK")
			require.NoError(w, k.call.Answered(w.Context()))
		})
	})
}

// What the person has set is set for the new connection as well: a microphone that was
// silenced while it rang stays so.
func TestForkSwitchKeepsMute(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		require.NoError(w, k.call.Mute(w.Context(), true))
		k.fork(183, "first", newFar())
		k.fork(200, "second", newFar())
		w.ExpectRequest(w.T, "ACK")
		re := w.ExpectRequest(w.T, "INVITE")
		w.RespondSDP(re, 200, "OK", answer(w.T, re.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		require.True(w, k.call.Muted())
		require.True(w, w.media.For(k.call).Muted())
	})
}

// With a late offer every fork makes an offer of its own, and each has to be answered:
// that of a fork too many is refused, stream by stream (section 13.2.2.4).
func TestForkOfLateOffer(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{LateOffer: true})
		require.Empty(w, k.invite.Body())
		k.forkOffers("one")
		ack := w.ExpectRequest(w.T, "ACK")
		require.Equal(w, "one", tag(value(ack, "To")))
		require.NotEmpty(w, ack.Body())
		require.NoError(w, k.call.Answered(w.Context()))
		k.forkOffers("two")
		ack = w.ExpectRequest(w.T, "ACK")
		require.Equal(w, "two", tag(value(ack, "To")))
		require.Contains(w, string(ack.Body()), "m=audio 0 ")
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, "two", tag(value(bye, "To")))
		w.Respond(bye, 200, "OK")
		require.Equal(w, sipua.Established, k.call.State())
	})
}

// forkOffers answers our INVITE without an offer with 200 and one.
func (k *talk) forkOffers(name string) {
	k.Helper()
	res := k.NewResponse(k.invite, 200, "OK")
	res.To().Params.Remove("tag")
	res.To().Params.Add("tag", name)
	sipuatest.SetSDP(res, offer(k.T))
	k.Send(res)
}

// A 199 without a dialog, and one for a fork that nobody knows, change nothing (RFC 6228
// section 4).
func Test199OfNobody(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.fork(180, "one", nil)
		k.fork(199, "other", nil)
		k.fork(199, "one", nil)
		k.fork(180, "two", nil)
		require.Equal(w, sipua.Ringing, k.call.State())
		k.fork(200, "two", newFar())
		require.Equal(w, "two", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		require.NoError(w, k.call.Answered(w.Context()))
	})
}

// A place that has said 199 may not speak in its early dialog any more.
func TestRequestOfAnEndedFork(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		res := k.fork(183, "one", newFar(), h("Require", "100rel"), h("RSeq", "1"), farTakes)
		w.Respond(w.ExpectRequest(w.T, "PRACK"), 200, "OK")
		k.fork(199, "one", nil)
		w.Send(w.NewInDialogRequest("UPDATE", k.invite, res))
		w.ExpectResponse(w.T, 481)
	})
}
