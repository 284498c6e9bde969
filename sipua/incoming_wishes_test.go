package sipua_test

import (
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// call sends an INVITE to us and returns it with the next final or provisional response.
func (w *world) invited(headers ...sip.Header) (k *talk, res *sip.Response) {
	w.Helper()
	if !w.Connected() {
		w.connect()
	}
	k = &talk{world: w, far: newFar()}
	k.invite = w.NewRequest("INVITE", "sip:1001@example.com", headers...)
	sipuatest.SetSDP(k.invite, k.farOffer(false))
	w.Send(k.invite)
	return k, w.nextResponse()
}

func (w *world) nextResponse() *sip.Response {
	w.Helper()
	msg, err := sip.ParseMessage(w.ExpectMessage(w.T))
	require.NoError(w, err)
	res, ok := msg.(*sip.Response)
	require.True(w, ok, "%v", msg)
	return res
}

// Each convention answers by itself only where it is allowed, after the delay that it asks
// for.
func TestAutoAnsweredCall(t *testing.T) {
	mode, alert, info := sipua.AutoAnswer{AnswerMode: true}, sipua.AutoAnswer{AlertInfo: true}, sipua.AutoAnswer{CallInfo: true}
	for _, c := range []struct {
		allow  sipua.AutoAnswer
		header sip.Header
		delay  time.Duration
	}{
		{mode, h("Answer-Mode", "Auto"), 0},
		{mode, h("Priv-Answer-Mode", "Auto;require"), 0},
		{alert, h("Alert-Info", "<http://example.com>;info=alert-autoanswer;delay=3"), 3 * time.Second},
		{info, h("Call-Info", "<sip:example.com>;answer-after=5"), 5 * time.Second},
	} {
		for _, manually := range []bool{false, true} {
			play(t, func(w *world) {
				begun := time.Now()
				k, res := w.invited(c.header)
				if !manually {
					require.Equal(w, 180, res.StatusCode)
					res = w.nextResponse()
				}
				require.Equal(w, 200, res.StatusCode)
				require.Equal(w, c.delay, time.Since(begun))
				in := last[sipua.IncomingCall](w)
				require.True(w, in.AutoAnswer)
				require.NoError(w, in.Call.Answered(w.Context()))
				k.ack(k.invite, res)
				w.ExpectNothing(w.T, time.Minute)
				require.Equal(w, sipua.Established, in.Call.State())
			}, func(cfg *sipua.Config) { cfg.AutoAnswer, cfg.ManualRinging = c.allow, manually })
		}
		for _, allow := range []sipua.AutoAnswer{{}, {AnswerMode: !c.allow.AnswerMode, AlertInfo: !c.allow.AlertInfo, CallInfo: !c.allow.CallInfo}} {
			if c.header.Name() == "Priv-Answer-Mode" {
				continue // refused: TestAnswerModeRequired
			}
			play(t, func(w *world) {
				_, res := w.invited(c.header)
				require.Equal(w, 180, res.StatusCode)
				in := last[sipua.IncomingCall](w)
				require.False(w, in.AutoAnswer)
				w.ExpectNothing(w.T, 50*time.Second)
				require.Equal(w, sipua.Ringing, in.Call.State())
				require.Nil(w, w.media.For(in.Call), "nobody hears the room")
			}, func(cfg *sipua.Config) { cfg.AutoAnswer = allow })
		}
	}
}

// Before the delay is over the person may answer or refuse, and the caller give up.
func TestAutoAnswerOvertaken(t *testing.T) {
	wish := h("Call-Info", "<sip:example.com>;answer-after=5")
	allow := func(cfg *sipua.Config) { cfg.AutoAnswer.CallInfo = true }
	play(t, func(w *world) {
		k := w.ring(wish)
		k.ok = k.accept()
		k.ack(k.invite, k.ok)
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, sipua.Established, k.call.State())
	}, allow)
	play(t, func(w *world) {
		k := w.ring(wish)
		require.NoError(w, k.call.Reject(w.Context(), 486))
		w.ExpectResponse(w.T, 486)
		w.ExpectNothing(w.T, time.Minute)
	}, allow)
	play(t, func(w *world) {
		k := w.ring(wish)
		w.Send(w.NewInDialogRequest("CANCEL", k.invite, nil))
		w.ExpectResponse(w.T, 200)
		w.ExpectResponse(w.T, 487)
		w.ExpectNothing(w.T, time.Minute)
		require.Empty(w, w.media.All())
	}, allow)
}

// RFC 5373 section 4.2: who requires a mode that is not granted is refused with 403, and
// nobody is rung. To have it rung can always be granted.
func TestAnswerModeRequired(t *testing.T) {
	for _, c := range []struct {
		headers []sip.Header
		allow   bool
		status  int
	}{
		{[]sip.Header{h("Answer-Mode", "Auto;require")}, false, 403},
		{[]sip.Header{h("Priv-Answer-Mode", "Auto ; Require")}, false, 403},
		{[]sip.Header{h("Answer-Mode", "Auto")}, false, 180},
		{[]sip.Header{h("Answer-Mode", "Manual;require")}, false, 180},
		{[]sip.Header{h("Answer-Mode", "Manual;require")}, true, 180},
		{[]sip.Header{h("Answer-Mode", "Telepathy;require")}, true, 403},
		{[]sip.Header{h("Answer-Mode", "Auto;require")}, true, 180}, // and then 200
		// Granted by another convention: what is asked for happens.
		{[]sip.Header{h("Answer-Mode", "Auto;require"), h("Call-Info", "<sip:a>;answer-after=0")}, false, 180},
	} {
		play(t, func(w *world) {
			_, res := w.invited(c.headers...)
			require.Equal(w, c.status, res.StatusCode, "%v", c.headers)
			if c.status == 403 {
				require.Zero(w, count[sipua.IncomingCall](w))
				require.Empty(w, w.ua.Calls())
				w.ExpectNothing(w.T, time.Minute)
			}
		}, func(cfg *sipua.Config) {
			cfg.AutoAnswer.AnswerMode = c.allow
			cfg.AutoAnswer.CallInfo = len(c.headers) > 1
		})
	}
}

// RFC 3911 section 4: a Join that names a call of ours is shown to the application, which
// may bring both together; one that names none, or that cannot be read, is answered.
func TestJoinedCall(t *testing.T) {
	join := func(k *talk) sip.Header {
		ours, theirs := tag(value(k.ok, "To")), tag(value(k.invite, "From"))
		if k.call.Direction() == sipua.Outgoing {
			ours, theirs = theirs, ours
		}
		return h("Join", k.call.ID()+";to-tag="+ours+";from-tag="+theirs)
	}
	both(t, func(k *talk) {
		third, res := k.invited(join(k))
		require.Equal(k, 180, res.StatusCode)
		in := last[sipua.IncomingCall](k.world)
		require.NotNil(k, in.Call.Caller().Join)
		require.Equal(k, k.call.ID(), in.Call.Caller().Join.CallID)
		third.call, third.ok = in.Call, res
		third.ok = third.accept()
		third.ack(third.invite, third.ok)
		conference, err := k.ua.Conference(k.Context(), k.call, in.Call)
		require.NoError(k, err)
		require.Equal(k, []*sipua.Call{k.call, in.Call}, conference.Calls())
		k.bye()
	})
	play(t, func(w *world) { // section 4: one that we are ringing out to can be joined, one that rings here cannot
		k := w.ring()
		_, res := w.invited(join(k))
		require.Equal(w, 481, res.StatusCode)
	})
	play(t, func(w *world) { // that is over
		k := w.incoming()
		k.bye()
		_, res := w.invited(join(k))
		require.Equal(w, 603, res.StatusCode)
	})
	for value, status := range map[string]int{
		"nothing@here;to-tag=a;from-tag=b": 481,
		"x;to-tag=a":                       400,
		"x":                                400,
		";to-tag=a;from-tag=b":             400,
		"x;to-tag=a;from-tag=b;to-tag=c":   400,
	} {
		play(t, func(w *world) {
			_, res := w.invited(h("Join", value))
			require.Equal(w, status, res.StatusCode, value)
			require.Zero(w, count[sipua.IncomingCall](w))
		})
	}
	play(t, func(w *world) { // both, twice, and elsewhere
		k := w.incoming()
		_, res := w.invited(join(k), h("Replaces", "x;to-tag=a;from-tag=b"))
		require.Equal(w, 400, res.StatusCode)
		_, res = w.invited(join(k), join(k))
		require.Equal(w, 400, res.StatusCode)
		w.Send(w.NewRequest("OPTIONS", "sip:1001@example.com", join(k)))
		w.ExpectResponse(w.T, 400)
		require.Equal(w, 1, count[sipua.IncomingCall](w))
	})
}

// What networks write into the number is not part of it (ATIS-1000074).
func TestRemoteWithoutVerstat(t *testing.T) {
	for from, verstat := range map[string]string{
		`"Bob" <sip:+12015550123;verstat=TN-Validation-Passed@example.com;user=phone>;tag=far`: "TN-Validation-Passed",
		`"Bob" <sip:+12015550123;npdi;verstat=No-TN-Validation@example.com>;tag=far`:           "No-TN-Validation",
		`"Bob" <sip:+12015550123@example.com;verstat=TN-Validation-Failed>;tag=far`:            "TN-Validation-Failed",
	} {
		play(t, func(w *world) {
			k := w.ring(h("From", from))
			want := sipua.Identity{DisplayName: "Bob", URI: "sip:+12015550123@example.com", User: "+12015550123"}
			require.Equal(w, want, k.call.Remote())
			require.Equal(w, want, k.call.Caller().From)
			require.Equal(w, verstat, k.call.Caller().Verstat)
			require.Equal(w, k.call.Caller(), last[sipua.IncomingCall](w).Call.Caller(), "it is there with the event")
			require.NoError(w, k.call.Reject(w.Context(), 486))
			require.Equal(w, from, value(w.ExpectResponse(w.T, 486), "From"), "what is sent back is as it came")
		})
	}
}

// RFC 3325, RFC 4916: the network tells who is at the other side now.
func TestIdentityChanges(t *testing.T) {
	both(t, func(k *talk) {
		pai := func(who string) sip.Header { return h("P-Asserted-Identity", `"`+who+`" <sip:`+who+`@example.com>`) }
		who := func() sipua.Identity { return k.call.Caller().Best() }
		k.forget()
		k.update("", pai("carol"))
		k.ExpectResponse(k.T, 200)
		e := last[sipua.CallIdentityChanged](k.world)
		require.Same(k, k.call, e.Call)
		require.Equal(k, sipua.Identity{DisplayName: "carol", URI: "sip:carol@example.com", User: "carol"}, who())
		require.Equal(k, who(), e.Caller.Best())

		k.update("", pai("carol")) // no news
		k.ExpectResponse(k.T, 200)
		k.update("")
		k.ExpectResponse(k.T, 200)
		require.Equal(k, 1, count[sipua.CallIdentityChanged](k.world))

		re := k.NewInDialogRequest("INVITE", k.invite, k.ok, pai("dave"))
		sipuatest.SetSDP(re, k.farOffer(false))
		k.Send(re)
		ok := k.ExpectResponse(k.T, 200)
		k.applies(ok)
		k.ack(re, ok)
		require.Equal(k, "dave", who().User)

		hold := begin(func() error { return k.call.Hold(k.Context()) })
		re = k.ExpectRequest(k.T, "INVITE")
		k.RespondSDP(re, 200, "OK", k.answerTo(re), pai("erin"))
		k.ExpectRequest(k.T, "ACK")
		require.NoError(k, hold())
		require.Equal(k, "erin", who().User)
		require.Equal(k, 3, count[sipua.CallIdentityChanged](k.world))
	})
}

// Who answers need not be whom we have called.
func TestIdentityOfTheAnswer(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		w.Respond(k.invite, 180, "Ringing", h("P-Asserted-Identity", `<sip:queue@example.com>`))
		k.says(k.invite, 200, "OK", k.answerTo(k.invite), h("P-Asserted-Identity", `"Agent 7" <sip:1007@example.com>`))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		require.Equal(w, "1007", k.call.Caller().Best().User)
		require.Equal(w, 2, count[sipua.CallIdentityChanged](w))
		require.Equal(w, "1002", k.call.Remote().User, "who was called stays who was called")
	})
}

// A 200 whose ACK is lost is sent again, by a caller too who sends the INVITE again.
func TestLostACK(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		ok := k.accept()
		w.Send(k.invite)
		for range 2 {
			require.Equal(w, ok.String(), w.ExpectResponse(w.T, 200).String())
		}
		require.Len(w, w.ua.Calls(), 1)
		k.ack(k.invite, ok)
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, 1, count[sipua.IncomingCall](w))
	})
}
