package sipua_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// The tests of this file and of peers_protocol_test.go bear the names of what JsSIP 3.13.8
// and SIP.js 0.21.2 do wrong, as measured by running them; each plays the scenario that shows
// it and demands what the RFC does.

// backWithRegistration lets the user agent connect again after a drop, and renews its
// registration.
func (w *world) backWithRegistration() {
	w.Helper()
	w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK", h("Contact", "<sip:x@x.invalid>;expires=600"))
}

// dropAndReturn breaks the connection and plays everything up to the answer to the
// re-INVITE that recovers the call.
func (k *talk) dropAndReturn() {
	k.Helper()
	k.Drop(1006, "")
	k.backWithRegistration()
	k.agree(k.ExpectRequest(k.T, "INVITE"))
	synctest.Wait()
}

// quiet demands that the call lives on in silence.
func (k *talk) quiet() {
	k.Helper()
	k.ExpectNothing(k.T, time.Minute)
	require.Equal(k, sipua.Established, k.call.State())
	require.Zero(k, count[sipua.CallEnded](k.world))
	require.Zero(k, k.media.For(k.call).Closed())
}

// SIP.js closes the RTCPeerConnection of every established call as soon as the socket breaks,
// and tells the other side nothing.
func TestSIPjsEndsEveryCallWhenTheSocketDrops(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		out, in := w.outgoing(), w.incoming()
		w.down()
		time.Sleep(5 * time.Second)
		for _, k := range []*talk{out, in} {
			require.Equal(w, sipua.Established, k.call.State())
			require.True(w, k.call.Recovering())
			require.Zero(w, w.media.For(k.call).Closed())
		}
		w.OnDial(nil)
		w.backWithRegistration()
		for _, re := range []*sip.Request{w.ExpectRequest(w.T, "INVITE"), w.ExpectRequest(w.T, "INVITE")} {
			k := out
			if re.CallID().Value() == in.call.ID() {
				k = in
			}
			k.inDialog(re)
			w.RespondSDP(re, 200, "OK", k.answerTo(re))
			w.ExpectRequest(w.T, "ACK")
		}
		out.quiet()
		in.bye()
		out.bye()
	})
}

// JsSIP ends a call that has a transaction open when the socket breaks: here a hold.
func TestJsSIPEndsTheCallWhenTheSocketDropsDuringAHold(t *testing.T) {
	both(t, func(k *talk) {
		k.register()
		_, done := k.hold()
		k.Drop(1006, "")
		k.backWithRegistration()
		// New ICE credentials come first; what the application wants follows.
		re := k.ExpectRequest(k.T, "INVITE")
		k.inDialog(re)
		require.NotContains(k, string(re.Body()), "a=sendonly")
		k.agree(re)
		re = k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "a=sendonly")
		k.agree(re)
		require.NoError(k, done())
		require.True(k, k.call.OnHold(sipua.Local))
		k.quiet()
		k.bye()
	})
}

// JsSIP ends it also when the open transaction is a session refresh of its own.
func TestJsSIPEndsTheCallWhenTheSocketDropsDuringARefresh(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k := w.dial(sipua.CallOptions{})
		k.says(k.invite, 200, "OK", k.answerTo(k.invite), farTakes, h("Session-Expires", "600;refresher=uac"), h("Require", "timer"))
		w.ExpectRequest(w.T, "ACK")
		refresh := begin(func() error { return k.call.Refresh(w.Context()) })
		w.ExpectRequest(w.T, "UPDATE")
		k.dropAndReturn()
		w.Respond(w.ExpectRequest(w.T, "UPDATE"), 200, "OK", h("Session-Expires", "600;refresher=uac"))
		require.NoError(w, refresh())
		k.quiet()
		k.bye()
	})
}

// JsSIP fails an outgoing call that rings.
func TestJsSIPFailsARingingCallWhenTheSocketDrops(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k := w.dial(sipua.CallOptions{})
		k.provides(180, "")
		w.Drop(1006, "")
		w.backWithRegistration()
		w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
		k.invite = w.ExpectRequest(w.T, "INVITE")
		k.says(k.invite, 200, "OK", k.answerTo(k.invite))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		k.quiet()
		k.bye()
	})
}

// Neither offers the other side a new connection after a reconnect, so that the call stays
// without sound, nor tells it the new Contact, so that its BYE goes nowhere.
func TestPeersDoNotRestartICEAfterAReconnect(t *testing.T) {
	both(t, func(k *talk) {
		k.register()
		ours, theirs := k.media.For(k.call).ICE()
		k.dropAndReturn()
		now, answered := k.media.For(k.call).ICE()
		require.NotEqual(k, ours, now)
		require.NotEqual(k, theirs, answered)
		require.Equal(k, 1, k.media.For(k.call).Restarts())
		require.Equal(k, "sendrecv", k.media.For(k.call).Direction())
		require.Equal(k, 1, count[sipua.CallRecovered](k.world))
		k.bye()
	})
}

// forked answers k.invite from another place.
func (k *talk) forked(status int, tag, sdp string) *sip.Response {
	k.Helper()
	res := k.NewResponse(k.invite, status, "Fork", h("Contact", "<sip:"+tag+"@"+tag+".invalid;transport=ws>"))
	res.To().Params.Remove("tag")
	res.To().Params.Add("tag", tag)
	if sdp != "" {
		sipuatest.SetSDP(res, sdp)
	}
	k.Send(res)
	return res
}

// JsSIP answers a second 2xx by ACK and BYE on the established dialog: the person hears
// silence, the other fork talks to nobody (RFC 3261 section 13.2.2.4).
func TestJsSIPHangsUpTheWrongCallOnForking(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		k.forked(200, "second", k.elsewhere())
		for _, method := range []string{"ACK", "BYE"} {
			req := w.ExpectRequest(w.T, method)
			require.Equal(w, "second", tag(value(req, "To")), method)
			require.Equal(w, "sip:second@second.invalid;transport=ws", req.Recipient.String(), method)
			if method == "BYE" {
				w.Respond(req, 200, "OK")
			}
		}
		k.quiet()
		k.hangup()
	})
}

// elsewhere is the answer of another fork to the offer of k.invite.
func (k *talk) elsewhere() string { return answer(k.T, k.invite.Body()) }

// JsSIP keeps the dialog that it has made for the extra 2xx for ever. Ended, it is no dialog
// any more: what comes in it is answered 481 (section 12.2.2).
func TestJsSIPLeaksTheDialogOfAnExtraFork(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		second := k.forked(200, "second", k.elsewhere())
		w.ExpectRequest(w.T, "ACK")
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		for _, method := range []string{"OPTIONS", "REFER", "MESSAGE", "BYE"} {
			w.Send(w.NewInDialogRequest(method, k.invite, second, h("Refer-To", "<sip:mallory@example.com>")))
			w.ExpectResponse(w.T, 481)
		}
		require.True(w, k.call.Forks()[1].Ended)
		k.quiet()
		k.bye()
	})
}

// JsSIP fails setRemoteDescription when a second fork has early media too.
func TestJsSIPStumblesOverTheEarlyMediaOfASecondFork(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.provides(183, k.answerTo(k.invite))
		k.forked(183, "second", k.elsewhere())
		require.Zero(w, count[sipua.ProtocolError](w))
		require.Len(w, k.call.Forks(), 2)
		k.says(k.invite, 200, "OK", k.far.LocalSDP())
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		require.Equal(w, k.far.LocalSDP(), w.media.For(k.call).RemoteSDP())
		k.bye()
	})
}

// SIP.js ends the call with 488 when another fork answers than the one whose early media it
// has.
func TestSIPjsEndsTheCallWhenAnotherForkAnswers(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.provides(183, k.answerTo(k.invite))
		synctest.Wait()
		k.ok = k.forked(200, "second", k.elsewhere())
		require.Equal(w, "second", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		re := w.ExpectRequest(w.T, "INVITE")
		require.Equal(w, "second", tag(value(re, "To")))
		sdp := answer(w.T, re.Body())
		w.RespondSDP(re, 200, "OK", sdp)
		require.Equal(w, "second", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		require.NoError(w, k.call.Answered(w.Context()))
		require.Equal(w, sdp, w.media.For(k.call).RemoteSDP())
		require.Equal(w, sipua.Established, k.call.State())
		k.bye()
	})
}

// JsSIP sends BYE when a hold, its end or any other offer is refused. RFC 3261 section 14.1:
// the session goes on as if it had not been offered.
func TestJsSIPHangsUpWhenAnOfferIsRefused(t *testing.T) {
	for name, verb := range map[string]func(context.Context, *sipua.Call) error{
		"hold":    func(ctx context.Context, c *sipua.Call) error { return c.Hold(ctx) },
		"resume":  func(ctx context.Context, c *sipua.Call) error { return c.Resume(ctx) },
		"restart": func(ctx context.Context, c *sipua.Call) error { return c.RestartICE(ctx) },
		"video":   func(ctx context.Context, c *sipua.Call) error { return c.AddVideo(ctx, sipua.VideoSource{}) },
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(k *talk) {
				held := name == "resume"
				if held {
					re, done := k.hold()
					k.agree(re)
					require.NoError(k, done())
				}
				before := k.media.For(k.call).Direction()
				done := begin(func() error { return verb(k.Context(), k.call) })
				k.Respond(k.ExpectRequest(k.T, "INVITE"), 488, "Not Acceptable Here")
				k.ExpectRequest(k.T, "ACK")
				typed(k, done(), sipua.CodeRejected, 488)
				require.Equal(k, held, k.call.OnHold(sipua.Local))
				require.Equal(k, before, k.media.For(k.call).Direction())
				k.quiet()
				k.bye()
			})
		})
	}
}

// JsSIP sends BYE also when its offer is answered 491 twice.
func TestJsSIPHangsUpAfterASecond491(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		for range 2 {
			k.Respond(re, 491, "Request Pending")
			k.ExpectRequest(k.T, "ACK")
			re = k.ExpectRequest(k.T, "INVITE")
		}
		k.agree(re)
		require.NoError(k, done())
		k.quiet()
		k.bye()
	})
}

// SIP.js does not roll back: its RTCPeerConnection stays in have-local-offer, and every later
// offer throws. Neither could it answer one of the other side.
func TestSIPjsNeverRenegotiatesAfterARefusal(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		k.Respond(re, 488, "Not Acceptable Here")
		k.ExpectRequest(k.T, "ACK")
		typed(k, done(), sipua.CodeRejected, 488)
		require.Equal(k, sipuatest.SignalingState("stable"), k.media.For(k.call).State())
		re, done = k.hold()
		k.agree(re)
		require.NoError(k, done())
		k.farHold(true)
		require.True(k, k.call.OnHold(sipua.Local) && k.call.OnHold(sipua.Remote))
		k.bye()
	})
}

// SIP.js never tries again after 491 (section 14.1): the hold fails.
func TestSIPjsDoesNotTryAgainAfter491(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		k.Respond(re, 491, "Request Pending")
		k.ExpectRequest(k.T, "ACK")
		begun := time.Now()
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		require.LessOrEqual(k, time.Since(begun), 4*time.Second)
		require.NoError(k, done())
		require.True(k, k.call.OnHold(sipua.Local))
		k.bye()
	})
}

// JsSIP tries again after exactly one second, whose ever the Call-ID is, and with the CSeq of
// the INVITE that was refused: the other side takes it for a retransmission, or answers 500.
func TestJsSIPTriesAgainAfter491WithTheSameCSeq(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		waits := map[time.Duration]bool{}
		for range 4 {
			k.Respond(re, 491, "Request Pending")
			k.ExpectRequest(k.T, "ACK")
			begun := time.Now()
			again := k.ExpectRequest(k.T, "INVITE")
			waits[time.Since(begun)] = true
			require.Equal(k, re.CSeq().SeqNo+1, again.CSeq().SeqNo, "section 12.2.1.1")
			require.NotEqual(k, branch(re), branch(again))
			re = again
		}
		require.Greater(k, len(waits), 1, "the wait is random: %v", waits)
		k.agree(re)
		require.NoError(k, done())
		k.bye()
	})
}

// JsSIP answers an offer with 491 and applies it all the same: afterwards every offer is
// refused 488.
func TestJsSIPAppliesTheOfferThatItAnswered491(t *testing.T) {
	both(t, func(k *talk) {
		m := k.media.For(k.call)
		re, done := k.hold()
		remote := m.RemoteSDP()
		theirs := k.reinvite(k.farOffer(true))
		k.Send(k.NewInDialogRequest("ACK", theirs, k.ExpectResponse(k.T, 491)))
		synctest.Wait()
		require.Equal(k, remote, m.RemoteSDP())
		require.Equal(k, sipuatest.SignalingState("have-local-offer"), m.State())
		require.NoError(k, k.far.Rollback(k.Context()))
		k.agree(re)
		require.NoError(k, done())
		k.farHold(true) // their second try
		require.True(k, k.call.OnHold(sipua.Remote))
		k.bye()
	})
}

// JsSIP answers an offer with sendrecv while it holds: the other side hears the waiting person
// again (RFC 3264 section 8.4).
func TestJsSIPAnswersSendrecvWhileItHolds(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		k.agree(re)
		require.NoError(k, done())
		ok := k.farHold(false)
		require.Contains(k, string(ok.Body()), "a=sendonly")
		require.NotContains(k, string(ok.Body()), "a=sendrecv")
		require.True(k, k.call.OnHold(sipua.Local))
		k.bye()
	})
}

// JsSIP answers 415 to a description whose type has a parameter, and to one inside a multipart
// body (RFC 5621 section 3.1).
func TestJsSIPAnswers415ToADescription(t *testing.T) {
	for name, set := range descriptions {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
				k.invite = w.NewRequest("INVITE", "sip:1001@example.com")
				set(k.invite, k.farOffer(false))
				k.arrive()
				w.ack486(k)
			})
		})
	}
}

// ack486 rejects a call that rings, so that the test is over.
func (w *world) ack486(k *talk) {
	w.Helper()
	done := begin(func() error { return k.call.Reject(w.Context(), 486) })
	w.Send(w.NewInDialogRequest("ACK", k.invite, w.ExpectResponse(w.T, 486)))
	require.NoError(w, done())
}

// descriptions are the ways in which a message may carry one.
var descriptions = map[string]func(m sip.Message, sdp string){
	"charset":        func(m sip.Message, sdp string) { setContent(m, "application/sdp;charset=utf-8", sdp) },
	"mixed":          mixed,
	"quoted charset": func(m sip.Message, sdp string) { setContent(m, `Application/SDP; charset="UTF-8"`, sdp) },
}

// SIP.js answers 200 to them, but looks past the offer and makes its own: a call without media.
func TestSIPjsOffersInsteadOfAnswering(t *testing.T) {
	for name, set := range descriptions {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
				k.invite = w.NewRequest("INVITE", "sip:1001@example.com")
				set(k.invite, k.farOffer(false))
				k.arrive()
				k.ok = k.accept()
				k.applies(k.ok)
				k.ack(k.invite, k.ok)
				synctest.Wait()
				m := w.media.For(k.call)
				require.Equal(w, "sendrecv", m.Direction())
				require.Equal(w, "sendrecv", k.far.Direction())
				ours, theirs := m.ICE()
				far, near := k.far.ICE()
				require.Equal(w, []string{ours, theirs}, []string{near, far}, "they have each other's credentials")
				require.True(w, strings.Contains(m.RemoteSDP(), "a=ice-ufrag:"+theirs))
				k.bye()
			})
		})
	}
}
