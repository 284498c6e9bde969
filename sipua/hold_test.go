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

// both runs a scenario for a call of ours and for a call to us: after the answer
// the two sides have the same rights.
func both(t *testing.T, scenario func(k *talk)) {
	t.Helper()
	t.Run("outgoing", func(t *testing.T) { play(t, func(w *world) { scenario(w.outgoing()) }) })
	t.Run("incoming", func(t *testing.T) { play(t, func(w *world) { scenario(w.incoming()) }) })
}

// hold begins a hold and returns the re-INVITE.
func (k *talk) hold() (re *sip.Request, done func() error) {
	k.Helper()
	done = begin(func() error { return k.call.Hold(k.Context()) })
	return k.ExpectRequest(k.T, "INVITE"), done
}

// Sections 14.1 of RFC 3261 and 8.4 of RFC 3264.
func TestHoldAndResume(t *testing.T) {
	both(t, func(k *talk) {
		k.forget()
		re, done := k.hold()
		k.inDialog(re)
		require.Regexp(k, `^<sip:[a-z2-7]+@[a-z2-7]+\.invalid;transport=ws;ob>$`, value(re, "Contact"))
		require.Contains(k, string(re.Body()), "a=sendonly")
		require.False(k, k.call.OnHold(sipua.Local), "not yet")
		k.agree(re)
		require.NoError(k, done())
		require.True(k, k.call.OnHold(sipua.Local))
		require.False(k, k.call.OnHold(sipua.Remote))
		require.Equal(k, "sendonly", k.media.For(k.call).Direction())
		require.Equal(k, "recvonly", k.far.Direction())
		require.NoError(k, k.call.Hold(k.Context()), "it is on hold already")

		done = begin(func() error { return k.call.Resume(k.Context()) })
		second := k.ExpectRequest(k.T, "INVITE")
		require.Equal(k, re.CSeq().SeqNo+1, second.CSeq().SeqNo)
		require.Contains(k, string(second.Body()), "a=sendrecv")
		k.agree(second)
		require.NoError(k, done())
		require.False(k, k.call.OnHold(sipua.Local))
		require.Equal(k, "sendrecv", k.media.For(k.call).Direction())
		require.NoError(k, k.call.Resume(k.Context()), "it is not on hold any more")
		require.Equal(k, []string{"held by local", "resumed by local"}, k.story())
		k.ladder("> INVITE", "< 200", "> ACK", "> INVITE", "< 200", "> ACK")
		k.hangup()
	})
}

func TestHoldLadder(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.forget()
		re, done := k.hold()
		w.Respond(re, 100, "Trying")
		k.agree(re)
		require.NoError(w, done())
		done = begin(func() error { return k.call.Resume(w.Context()) })
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, done())
		w.golden("hold-resume")
	})
}

// The other side holds: RFC 3264 section 8.4 and, for 0.0.0.0, RFC 2543.
func TestRemoteHold(t *testing.T) {
	for name, change := range map[string]func(sdp string) string{
		"sendonly": func(s string) string { return s },
		"inactive": func(s string) string { return strings.Replace(s, "a=sendonly", "a=inactive", 1) },
		"for the session": func(s string) string {
			s = strings.Replace(s, "a=sendonly\r\n", "", 1)
			return strings.Replace(s, "t=0 0\r\n", "t=0 0\r\na=sendonly\r\n", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(k *talk) {
				k.forget()
				re := k.reinvite(change(k.farOffer(true)))
				ok := k.ExpectResponse(k.T, 200)
				want := map[string]string{"inactive": "a=inactive"}[name]
				if want == "" {
					want = "a=recvonly"
				}
				require.Contains(k, string(ok.Body()), want)
				if name == "inactive" {
					require.NoError(k, k.far.Rollback(k.Context()))
				} else {
					require.NoError(k, k.far.ApplyAnswer(k.Context(), string(ok.Body()), false))
				}
				k.ack(re, ok)
				synctest.Wait()
				require.True(k, k.call.OnHold(sipua.Remote))
				require.False(k, k.call.OnHold(sipua.Local))
				k.farHold(false)
				require.False(k, k.call.OnHold(sipua.Remote))
				require.Equal(k, []string{"held by remote", "resumed by remote"}, k.story())
				k.bye()
			})
		})
	}
}

// RFC 2543 hold: the address 0.0.0.0. Under ICE it means nothing.
func TestRemoteHoldByAddress(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		re := k.reinvite(strings.Replace(k.farOffer(false), "c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0", 1))
		ok := w.ExpectResponse(w.T, 200)
		k.ack(re, ok)
		synctest.Wait()
		require.False(w, k.call.OnHold(sipua.Remote), "there are ICE credentials")
	})
	play(t, func(w *world) {
		w.connect()
		k := &talk{world: w}
		k.invite = w.NewRequest("INVITE", "sip:1001@example.com")
		sipuatest.SetSDP(k.invite, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")
		k.arrive()
		done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		w.ExpectResponse(w.T, 200)
		require.NoError(w, done())
		require.True(w, k.call.OnHold(sipua.Remote), "called and held at once")
		require.Equal(w, 1, count[sipua.CallHeld](w))
	}, func(c *sipua.Config) {
		c.PlainMedia = true
		c.Media = func(context.Context, *sipua.Call, any) (sipua.Media, error) { return plainMedia{}, nil }
	})
}

// plainMedia takes whatever it is given, as a gateway to the old world would. It
// can do nothing that is optional.
type plainMedia struct{}

const plainSDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

func (plainMedia) CreateOffer(context.Context, sipua.OfferOptions) (string, error) {
	return plainSDP, nil
}

func (plainMedia) CreateAnswer(context.Context, string, sipua.OfferOptions) (string, error) {
	return plainSDP, nil
}

func (plainMedia) ApplyAnswer(context.Context, string, bool) error { return nil }

func (plainMedia) Rollback(context.Context) error { return nil }

func (plainMedia) RestartICE(context.Context) error { return nil }

func (plainMedia) AddCandidate(context.Context, sipua.Candidate) error { return nil }

func (plainMedia) Close() {}

// Both sides may hold at once: what one says stays when the other resumes.
func TestHoldByBoth(t *testing.T) {
	both(t, func(k *talk) {
		k.forget()
		re, done := k.hold()
		k.agree(re)
		require.NoError(k, done())
		ok := k.farHold(true)
		require.Contains(k, string(ok.Body()), "a=inactive")
		require.True(k, k.call.OnHold(sipua.Local))
		require.True(k, k.call.OnHold(sipua.Remote))
		ok = k.farHold(false)
		require.Contains(k, string(ok.Body()), "a=sendonly", "we still hold")
		require.True(k, k.call.OnHold(sipua.Local))
		require.False(k, k.call.OnHold(sipua.Remote))
		done = begin(func() error { return k.call.Resume(k.Context()) })
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		require.NoError(k, done())
		require.Equal(k, "sendrecv", k.media.For(k.call).Direction())
		require.Equal(k, []string{"held by local", "held by remote", "resumed by remote", "resumed by local"}, k.story())
	})
}

// Section 14.1: a refusal leaves the session as it was, and it can be tried again.
func TestHoldRefused(t *testing.T) {
	for _, status := range []int{403, 488, 500, 503, 606} {
		t.Run(itoa(status), func(t *testing.T) {
			both(t, func(k *talk) {
				re, done := k.hold()
				res := k.Respond(re, status, "No")
				ack := k.ExpectRequest(k.T, "ACK")
				require.Equal(k, value(re, "Via"), value(ack, "Via"))
				require.Equal(k, value(res, "To"), value(ack, "To"))
				e := typed(k, done(), sipua.CodeRejected, status)
				require.Equal(k, "hold", e.Op)
				require.Equal(k, sipua.Established, k.call.State())
				require.False(k, k.call.OnHold(sipua.Local))
				require.Equal(k, sipuatest.Stable, k.media.For(k.call).State())
				require.Equal(k, "sendrecv", k.media.For(k.call).Direction())
				require.Zero(k, count[sipua.CallHeld](k.world))
				re, done = k.hold()
				k.agree(re)
				require.NoError(k, done())
				k.bye()
			})
		})
	}
}

// A re-INVITE may be challenged too.
func TestHoldChallenged(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		k.Respond(re, 407, "Proxy Authentication Required", h("Proxy-Authenticate", `Digest realm="r", nonce="n", qop="auth"`))
		k.ExpectRequest(k.T, "ACK")
		again := k.ExpectRequest(k.T, "INVITE")
		require.Equal(k, re.CSeq().SeqNo+1, again.CSeq().SeqNo)
		checkDigest(k.T, again, "Proxy-Authorization", "1001", "secret")
		k.agree(again)
		require.NoError(k, done())
		k.hangup()
	})
}

// Section 12.2.1.2: 481, 408 or silence to a request inside the dialog ends it.
func TestHoldFindsCallGone(t *testing.T) {
	for _, status := range []int{481, 408} {
		t.Run(itoa(status), func(t *testing.T) {
			both(t, func(k *talk) {
				re, done := k.hold()
				k.Respond(re, status, "Gone")
				k.ExpectRequest(k.T, "ACK")
				k.Respond(k.ExpectRequest(k.T, "BYE"), 481, "Gone")
				typed(k, done(), sipua.CodeCanceled, 0)
				end := k.end(k.call)
				typed(k, end.Err, sipua.CodeRejected, status)
				require.Equal(k, status, end.Status)
				require.Equal(k, sipua.System, end.By)
			})
		})
	}
	t.Run("silence", func(t *testing.T) {
		both(t, func(k *talk) {
			_, done := k.hold()
			begun := time.Now()
			k.Respond(k.ExpectRequest(k.T, "BYE"), 200, "OK")
			require.Equal(k, 32*time.Second, time.Since(begun))
			require.Error(k, done())
			typed(k, k.end(k.call).Err, sipua.CodeTimeout, 408)
		})
	})
}

// An answer to the re-INVITE that cannot be used: the sides do not agree any more
// on what they send. The call ends.
func TestHoldAnswerUnusable(t *testing.T) {
	for name, sdp := range map[string]string{"none": "", "garbage": "hello", "refused": plainSDP} {
		t.Run(name, func(t *testing.T) {
			both(t, func(k *talk) {
				re, done := k.hold()
				if sdp == "" {
					k.Respond(re, 200, "OK")
				} else {
					k.RespondSDP(re, 200, "OK", sdp)
				}
				k.ExpectRequest(k.T, "ACK")
				k.Respond(k.ExpectRequest(k.T, "BYE"), 200, "OK")
				require.Error(k, done())
				require.Error(k, k.end(k.call).Err)
			})
		})
	}
}

// A retransmitted 200 gets its ACK again and changes nothing.
func TestHold200Retransmitted(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		ok := k.RespondSDP(re, 200, "OK", k.answerTo(re))
		k.ExpectRequest(k.T, "ACK")
		require.NoError(k, done())
		k.Send(ok)
		ack := k.ExpectRequest(k.T, "ACK")
		require.Equal(k, re.CSeq().SeqNo, ack.CSeq().SeqNo)
		require.Equal(k, 1, count[sipua.CallHeld](k.world))
	})
}

// Wishes wait for the ACK of the first answer, and for one another.
func TestHoldQueued(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		k.ok = k.accept()
		require.NoError(w, k.far.ApplyAnswer(w.Context(), string(k.ok.Body()), false))
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		synctest.Wait()
		resume := begin(func() error { return k.call.Resume(w.Context()) })
		w.ExpectResponse(w.T, 200) // the retransmission; no INVITE before the ACK
		k.ack(k.invite, k.ok)
		re := w.ExpectRequest(w.T, "INVITE")
		require.Contains(w, string(re.Body()), "a=sendonly")
		w.ExpectNothing(w.T, time.Second)
		k.agree(re)
		require.NoError(w, hold())
		re = w.ExpectRequest(w.T, "INVITE")
		require.Contains(w, string(re.Body()), "a=sendrecv")
		k.agree(re)
		require.NoError(w, resume())
		k.bye()
	})
}

// A hold that is asked for while the other side's re-INVITE is open follows it.
func TestHoldAfterTheirOffer(t *testing.T) {
	both(t, func(k *talk) {
		re := k.reinvite(k.farOffer(false))
		ok := k.ExpectResponse(k.T, 200)
		require.NoError(k, k.far.ApplyAnswer(k.Context(), string(ok.Body()), false))
		done := begin(func() error { return k.call.Hold(k.Context()) })
		synctest.Wait()
		k.ack(re, ok)
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		require.NoError(k, done())
		k.bye()
	})
}

// The end of the call ends what was wished for.
func TestHoldAndTheEnd(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		second := begin(func() error { return k.call.Resume(k.Context()) })
		synctest.Wait()
		k.bye()
		typed(k, done(), sipua.CodeCanceled, 0)
		typed(k, second(), sipua.CodeCanceled, 0)
		k.RespondSDP(re, 200, "OK", k.answerTo(re)) // it crossed the BYE
		k.ExpectRequest(k.T, "ACK")
		k.ExpectNothing(k.T, time.Minute)
	})
}

func TestHangupWhileHolding(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		hangup := begin(func() error { return k.call.Hangup(k.Context()) })
		bye := k.ExpectRequest(k.T, "BYE")
		require.Equal(k, re.CSeq().SeqNo+1, bye.CSeq().SeqNo)
		k.Respond(bye, 200, "OK")
		require.NoError(k, hangup())
		typed(k, done(), sipua.CodeCanceled, 0)
		k.Respond(re, 481, "Gone")
		k.ExpectRequest(k.T, "ACK")
		k.ExpectNothing(k.T, time.Minute)
	})
}

// The media cannot make the offer: nothing is sent, and the call goes on.
func TestHoldMediaFails(t *testing.T) {
	both(t, func(k *talk) {
		k.fail.Store(true)
		typed(k, k.call.Hold(k.Context()), sipua.CodeMediaFailed, 0)
		k.fail.Store(false)
		require.Equal(k, sipua.Established, k.call.State())
		re, done := k.hold()
		k.agree(re)
		require.NoError(k, done())
	})
}

// The connection is lost while a hold is open: the hold is offered again over the next one,
// after the connection to the other side.
func TestHoldConnectionLost(t *testing.T) {
	both(t, func(k *talk) {
		_, done := k.hold()
		k.Drop(1006, "")
		re := k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "a=sendrecv")
		k.agree(re)
		require.False(k, k.call.OnHold(sipua.Local), "not yet")
		re = k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "a=sendonly")
		k.agree(re)
		require.NoError(k, done())
		require.True(k, k.call.OnHold(sipua.Local))
		require.Equal(k, sipua.Established, k.call.State())
		k.ExpectNothing(k.T, time.Minute)
		k.bye()
	})
}

func TestHoldInWrongState(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		hold := begin(func() error { return call.Hold(w.Context()) })
		w.Respond(invite, 180, "Ringing")
		synctest.Wait()
		w.Respond(invite, 486, "Busy Here")
		w.ExpectRequest(w.T, "ACK")
		w.end(call)
		typed(w, hold(), sipua.CodeCanceled, 0)
		typed(w, call.Hold(w.Context()), sipua.CodeInvalidState, 0)
		k := w.ring()
		typed(w, k.call.Hold(w.Context()), sipua.CodeInvalidState, 0)
	})
}

// The call ends while the offer is being made.
func TestByeBeforeHoldIsSent(t *testing.T) {
	both(t, func(k *talk) {
		k.slow(time.Second)
		done := begin(func() error { return k.call.Hold(k.Context()) })
		synctest.Wait()
		k.bye()
		typed(k, done(), sipua.CodeCanceled, 0)
		k.ExpectNothing(k.T, time.Minute)
	})
}

// Media that cannot go back to what was agreed is of no use any more.
func TestHoldCannotBeRolledBack(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		k.fail.Store(true)
		k.Respond(re, 488, "Not Acceptable Here")
		k.ExpectRequest(k.T, "ACK")
		k.Respond(k.ExpectRequest(k.T, "BYE"), 200, "OK")
		require.Error(k, done())
		typed(k, k.end(k.call).Err, sipua.CodeMediaFailed, 0)
	})
}
