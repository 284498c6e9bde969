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

// The connection drops in a call: the media stays, and when the flow is back and the
// registration renewed, the other side is offered new ICE credentials from where we are.
func TestCallSurvivesTheLossOfItsFlow(t *testing.T) {
	for _, name := range []string{"outgoing", "incoming"} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.register()
				k := w.talkOf(name)
				w.forget()
				before, _ := w.media.For(k.call).ICE()
				w.Drop(1006, "")
				w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK", h("Contact", "<sip:x@x.invalid>;expires=600"))
				re := w.ExpectRequest(w.T, "INVITE")
				require.Contains(w, value(re, "Contact"), ".invalid;transport=ws")
				after, _ := w.media.For(k.call).ICE()
				require.NotEqual(w, before, after, "new ICE credentials")
				require.Zero(w, w.media.For(k.call).Closed())
				k.agree(re)
				synctest.Wait()
				require.Equal(w, sipua.Established, k.call.State())
				require.False(w, k.call.Recovering())
				require.Equal(w, []string{"disconnected 1006", "recovering flow", "unregistered connection-lost", "reconnecting 1", "connected",
					"registered 10m0s", "recovering flow: offering", "recovered"}, w.story())
				w.golden("call-survives-" + name)
			})
		})
	}
}

// The server was lost for both sides, and both recover when it is back: their offers cross
// (RFC 3261 section 14.1), and the first that is taken serves both. Without new ICE
// credentials in it, ours is made all the same.
func TestRecoveryOfBothSidesAtOnce(t *testing.T) {
	for _, restarts := range []bool{true, false} {
		both(t, func(k *talk) {
			k.register()
			k.forget()
			k.Drop(1006, "")
			k.backWithRegistration()
			ours := k.ExpectRequest(k.T, "INVITE")
			k.Respond(ours, 491, "Request Pending")
			k.ExpectRequest(k.T, "ACK")
			if restarts {
				require.NoError(k, k.far.RestartICE(k.Context()))
			}
			before, _ := k.media.For(k.call).ICE()
			theirs := k.reinvite(k.farOffer(false))
			ok := k.ExpectResponse(k.T, 200)
			require.NoError(k, k.far.ApplyAnswer(k.Context(), string(ok.Body()), false))
			k.ack(theirs, ok)
			if restarts {
				synctest.Wait()
				require.False(k, k.call.Recovering())
				k.ExpectNothing(k.T, 5*time.Second)
			} else {
				require.True(k, k.call.Recovering())
				k.agree(k.ExpectRequest(k.T, "INVITE"))
				synctest.Wait()
			}
			after, _ := k.media.For(k.call).ICE()
			require.NotEqual(k, before, after)
			require.Equal(k, 1, count[sipua.CallRecovered](k.world))
			k.bye()
		})
	}
}

// The server was lost for both sides, and the other one is not back yet: it is tried
// again until it is, but not for ever. What the application wants is not tried again.
func TestRecoveryBeforeTheOtherSideIsBack(t *testing.T) {
	for _, status := range []int{480, 503, 430} {
		play(t, func(w *world) {
			w.register()
			k := w.outgoing()
			refuse := func() {
				w.Helper()
				w.Respond(w.ExpectRequest(w.T, "INVITE"), status, "Not There")
				w.ExpectRequest(w.T, "ACK")
			}
			w.Drop(1006, "")
			w.backWithRegistration()
			lost := time.Now()
			for range 4 {
				refuse()
			}
			require.True(w, k.call.Recovering())
			k.agree(w.ExpectRequest(w.T, "INVITE"))
			synctest.Wait()
			require.Equal(w, 7500*time.Millisecond, time.Since(lost))
			require.False(w, k.call.Recovering())

			w.Drop(1006, "")
			w.backWithRegistration()
			for range 9 {
				refuse()
			}
			synctest.Wait()
			require.False(w, k.call.Recovering())
			require.Equal(w, sipua.Established, k.call.State())
			typed(w, w.recovery().Err, sipua.CodeRejected, status)

			hold, done := k.hold()
			w.Respond(hold, status, "Not There")
			w.ExpectRequest(w.T, "ACK")
			typed(w, done(), sipua.CodeRejected, status)
			k.bye()
		})
	}
}

// recovery is the last one that has ended.
func (w *world) recovery() (last sipua.CallRecovered) {
	for _, e := range w.recorded() {
		if r, ok := e.(sipua.CallRecovered); ok {
			last = r
		}
	}
	return last
}

// talkOf plays a call of either direction.
func (w *world) talkOf(direction string) *talk {
	if direction == "incoming" {
		return w.incoming()
	}
	return w.outgoing()
}

// A call that rings at somebody else cannot be answered over the next flow: it is made
// anew, and what rings is told to stop.
func TestOutgoingCallSurvivesTheLossOfItsFlow(t *testing.T) {
	for _, rang := range []bool{false, true} {
		play(t, func(w *world) {
			w.register()
			call := w.callOut()
			invite := w.ExpectRequest(w.T, "INVITE")
			if rang {
				w.Respond(invite, 180, "Ringing")
			}
			w.forget()
			w.Drop(1006, "")
			w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK", h("Contact", "<sip:x@x.invalid>;expires=600"))
			var cancel *sip.Request
			if rang {
				cancel = w.ExpectRequest(w.T, "CANCEL")
				require.Equal(w, invite.Via().Value(), cancel.Via().Value(), "section 9.1: the server knows the INVITE by its branch")
			}
			again := w.ExpectRequest(w.T, "INVITE") // without waiting for its answer
			if rang {
				w.Respond(cancel, 200, "OK")
			}
			require.Equal(w, value(invite, "Call-ID"), value(again, "Call-ID"))
			require.Equal(w, uint32(2), again.CSeq().SeqNo)
			require.NotEqual(w, invite.Via().Value(), again.Via().Value())
			w.RespondSDP(again, 200, "OK", answer(w.T, again.Body()))
			w.ExpectRequest(w.T, "ACK")
			require.NoError(w, call.Answered(w.Context()))
			synctest.Wait()
			require.Equal(w, sipua.Established, call.State())
			if rang {
				w.golden("call-rings-over-the-next-flow")
			}
		})
	}
}

// An incoming call rings on, and is answered over the next flow.
func TestIncomingCallSurvivesTheLossOfItsFlow(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k := w.ring()
		w.forget()
		w.Drop(1006, "")
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK", h("Contact", "<sip:x@x.invalid>;expires=600"))
		w.ExpectResponse(w.T, 180)
		w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 200, "OK")
		ok := k.accept()
		require.Equal(w, k.invite.Via().Value(), ok.Via().Value())
		require.NoError(w, k.far.ApplyAnswer(w.Context(), string(ok.Body()), false))
		k.ok = ok
		k.ack(k.invite, ok)
		synctest.Wait()
		require.Equal(w, sipua.Established, k.call.State())
		w.golden("call-answered-over-the-next-flow")
		w.ExpectNothing(w.T, time.Minute)
		k.bye()
	})
}

// The caller has given up while nobody could tell us.
func TestCallerGaveUpWhileTheFlowWasLost(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k := w.ring()
		w.Drop(1006, "")
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK", h("Contact", "<sip:x@x.invalid>;expires=600"))
		w.ExpectResponse(w.T, 180)
		w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 481, "Call/Transaction Does Not Exist")
		w.ExpectResponse(w.T, 487)
		require.Equal(w, sipua.Remote, w.end(k.call).By)
	})
}

// The server finds out later than we do that the flow was lost, and answers for us: nothing
// of that reaches us but that the caller does not know the call any more.
func TestCallerGivesUpAfterTheFlowIsBack(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k := w.ring()
		w.Drop(1006, "")
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK", h("Contact", "<sip:x@x.invalid>;expires=600"))
		w.ExpectResponse(w.T, 180)
		begun := time.Now()
		w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 200, "OK")
		w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 200, "OK")
		require.Equal(w, 30*time.Second, time.Since(begun))
		w.ExpectResponse(w.T, 180)
		w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 481, "Call/Transaction Does Not Exist")
		w.ExpectResponse(w.T, 487)
		require.Equal(w, sipua.Remote, w.end(k.call).By)
	})
}

// The 200 was sent when the flow was lost: it goes over the next one until its ACK.
func TestAcceptedCallSurvivesTheLossOfItsFlow(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k := w.ring()
		ok := k.accept()
		w.Drop(1006, "")
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK", h("Contact", "<sip:x@x.invalid>;expires=600"))
		again := w.ExpectResponse(w.T, 200)
		require.Equal(w, ok.String(), again.String())
		k.ok = ok
		k.ack(k.invite, ok)
		synctest.Wait()
		require.Equal(w, sipua.Established, k.call.State())
		k.bye()
	})
}

// What the application wants meanwhile waits for the flow, and a hang-up too.
func TestHangupWhileTheFlowIsLost(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k := w.outgoing()
		w.down()
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		time.Sleep(10 * time.Second)
		hangup := begin(func() error { return k.call.Hangup(w.Context()) })
		synctest.Wait()
		require.Equal(w, sipua.Ended, k.call.State())
		typed(w, hold(), sipua.CodeCanceled, 0)
		w.OnDial(nil)
		for {
			msg := w.ExpectMessage(w.T)
			if string(msg[:3]) == "BYE" {
				break
			}
			w.answerRegister(msg)
		}
		_ = hangup() // nobody has answered the BYE
	})
}

// answerRegister answers a REGISTER.
func (w *world) answerRegister(msg []byte) {
	parsed, err := sip.NewParser().ParseSIP(msg)
	require.NoError(w, err)
	w.Respond(parsed.(*sip.Request), 200, "OK", h("Contact", "<sip:x@x.invalid>;expires=600"))
}

// The connection to the other side fails: the one who called offers another one at once,
// and again when that fails too.
func TestICEFails(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.forget()
		media := w.media.For(k.call)
		media.SetConnection(sipua.ConnectionDisconnected)
		w.ExpectNothing(w.T, 2*time.Second)
		media.SetConnection(sipua.ConnectionConnected)
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, []string{"recovering connection", "recovered"}, w.story())

		w.forget()
		media.SetConnection(sipua.ConnectionFailed)
		re := w.ExpectRequest(w.T, "INVITE")
		k.agree(re)
		synctest.Wait()
		media.SetConnection(sipua.ConnectionFailed)
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		media.SetConnection(sipua.ConnectionConnected)
		synctest.Wait()
		require.False(w, k.call.Recovering())
		require.Equal(w, sipua.Established, k.call.State())
	})
}

// A page is loaded anew: the call goes on in another user agent, with another connection.
func TestRestore(t *testing.T) {
	for _, direction := range []string{"outgoing", "incoming"} {
		t.Run(direction, func(t *testing.T) {
			var snapshot sipua.CallSnapshot
			var k *talk
			play(t, func(w *world) {
				w.register()
				k = w.talkOf(direction)
				var ok bool
				snapshot, ok = k.call.Snapshot()
				require.True(t, ok)
			})
			play(t, func(w *world) {
				w.register()
				w.forget()
				call, err := w.ua.Restore(snapshot, sipua.CallOptions{})
				require.NoError(w, err)
				re := w.ExpectRequest(w.T, "INVITE")
				require.Equal(w, snapshot.CallID, value(re, "Call-ID"))
				require.Equal(w, snapshot.LocalTag, tag(value(re, "From")))
				require.Equal(w, snapshot.RemoteTag, tag(value(re, "To")))
				require.Greater(w, re.CSeq().SeqNo, k.invite.CSeq().SeqNo)
				require.Empty(w, re.Body())
				far := sipuatest.NewMedia(sipuatest.MediaOptions{})
				sdp, err := far.CreateOffer(w.Context(), sipua.OfferOptions{})
				require.NoError(w, err)
				w.RespondSDP(re, 200, "OK", sdp)
				ack := w.ExpectRequest(w.T, "ACK")
				require.NoError(w, far.ApplyAnswer(w.Context(), string(ack.Body()), false))
				require.NoError(w, call.Answered(w.Context()))
				require.Equal(w, sipua.Established, call.State())
				require.Equal(w, []string{"recovering reload", "recovering reload: offering", "established", "recovered", "answered"}, w.story())
				w.golden("call-restored-" + direction)
			})
		})
	}
}

// The other side may have lost the server too, and be back a little later.
func TestRestoreTriesAgain(t *testing.T) {
	var snapshot sipua.CallSnapshot
	play(t, func(w *world) { snapshot, _ = w.outgoing().call.Snapshot() })
	play(t, func(w *world) {
		w.register()
		call, err := w.ua.Restore(snapshot, sipua.CallOptions{})
		require.NoError(w, err)
		for range 3 {
			w.Respond(w.ExpectRequest(w.T, "INVITE"), 480, "Temporarily Unavailable")
			w.ExpectRequest(w.T, "ACK")
		}
		far := sipuatest.NewMedia(sipuatest.MediaOptions{})
		sdp, err := far.CreateOffer(w.Context(), sipua.OfferOptions{})
		require.NoError(w, err)
		w.RespondSDP(w.ExpectRequest(w.T, "INVITE"), 200, "OK", sdp)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		require.Equal(w, sipua.Established, call.State())
	})
}

// Where the other side does not agree, the call is over, and it is told so.
func TestRestoreRefused(t *testing.T) {
	var snapshot sipua.CallSnapshot
	play(t, func(w *world) { snapshot, _ = w.outgoing().call.Snapshot() })
	for _, status := range []int{403, 481, 488} {
		play(t, func(w *world) {
			w.register()
			call, err := w.ua.Restore(snapshot, sipua.CallOptions{})
			require.NoError(w, err)
			w.Respond(w.ExpectRequest(w.T, "INVITE"), status, "No")
			w.ExpectRequest(w.T, "ACK")
			bye := w.ExpectRequest(w.T, "BYE")
			w.Respond(bye, 200, "OK")
			typed(w, w.end(call).Err, sipua.CodeRejected, status)
		})
	}
	play(t, func(w *world) {
		for name, spoil := range map[string]func(*sipua.CallSnapshot){
			"nothing":    func(s *sipua.CallSnapshot) { *s = sipua.CallSnapshot{} },
			"target":     func(s *sipua.CallSnapshot) { s.Target = "nowhere" },
			"line break": func(s *sipua.CallSnapshot) { s.LocalTag += "\r\nX: y" },
			"route":      func(s *sipua.CallSnapshot) { s.Routes = "sip:ok.invalid;lr %%" },
			"direction":  func(s *sipua.CallSnapshot) { s.Direction = "" },
		} {
			bad := snapshot
			spoil(&bad)
			_, err := w.ua.Restore(bad, sipua.CallOptions{})
			typed(w, err, sipua.CodeInvalidArgument, 0)
			_ = name
		}
	})
}
