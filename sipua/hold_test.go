package sipua_test

import (
	"context"
	"errors"
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
func (plainMedia) Rollback(context.Context) error                  { return nil }
func (plainMedia) RestartICE(context.Context) error                { return nil }
func (plainMedia) AddCandidate(context.Context, string) error      { return nil }
func (plainMedia) Close()                                          {}

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

// Section 14.1: after 491 the owner of the Call-ID waits 2.1 to 4 s, the other
// side 0 to 2 s, in units of 10 ms.
func TestGlareWindows(t *testing.T) {
	both(t, func(k *talk) {
		from, to := 2100*time.Millisecond, 4*time.Second
		if k.call.Direction() == sipua.Incoming {
			from, to = 0, 2*time.Second
		}
		waits := map[time.Duration]bool{}
		for range 8 {
			re, done := k.hold()
			for range 3 {
				k.Respond(re, 491, "Request Pending")
				begun := time.Now()
				k.ExpectRequest(k.T, "ACK")
				re = k.ExpectRequest(k.T, "INVITE")
				wait := time.Since(begun)
				require.GreaterOrEqual(k, wait, from)
				require.LessOrEqual(k, wait, to)
				require.Zero(k, wait%(10*time.Millisecond))
				waits[wait] = true
			}
			k.agree(re)
			require.NoError(k, done())
			done = begin(func() error { return k.call.Resume(k.Context()) })
			k.agree(k.ExpectRequest(k.T, "INVITE"))
			require.NoError(k, done())
		}
		require.Greater(k, len(waits), 3, "they are random: %v", waits)
		k.bye()
	})
}

// Who always answers 491 does not keep us for ever.
func TestGlareForEver(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		tries := 1
		for {
			k.Respond(re, 491, "Request Pending")
			k.ExpectRequest(k.T, "ACK")
			text, more := k.next()
			if !more {
				break
			}
			re = text
			tries++
		}
		require.Equal(k, 9, tries)
		typed(k, done(), sipua.CodeRejected, 491)
		require.Equal(k, sipua.Established, k.call.State())
		k.bye()
	})
}

// next is the next re-INVITE within ten seconds, if there is one.
func (k *talk) next() (*sip.Request, bool) {
	k.Helper()
	before := len(k.Ladder().Entries())
	timer := time.NewTimer(10 * time.Second)
	<-timer.C
	synctest.Wait()
	if len(k.Ladder().Entries()) == before {
		return nil, false
	}
	return k.ExpectRequest(k.T, "INVITE"), true
}

// The wait after a 491 is not cut short by another wish.
func TestGlareWaitIsKept(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		re, done := k.hold()
		w.Respond(re, 491, "Request Pending")
		begun := time.Now()
		w.ExpectRequest(w.T, "ACK")
		synctest.Wait() // the offer is rolled back, the wait has begun
		resume := begin(func() error { return k.call.Resume(w.Context()) })
		re = w.ExpectRequest(w.T, "INVITE")
		require.GreaterOrEqual(w, time.Since(begun), 2100*time.Millisecond)
		k.agree(re)
		require.NoError(w, done())
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, resume())
	})
}

// After a 491 the other side's own re-INVITE usually comes. Ours follows it and
// still says what it wants.
func TestGlareThenTheirOffer(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		k.Respond(re, 491, "Request Pending")
		k.ExpectRequest(k.T, "ACK")
		k.farHold(true)
		require.True(k, k.call.OnHold(sipua.Remote))
		re = k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "a=inactive", "RFC 3264 section 8.4: they do not receive either")
		k.agree(re)
		require.NoError(k, done())
		k.bye()
	})
}

// Section 14.2: an INVITE that comes while ours is open is answered 491, and ours
// goes on.
func TestGlare(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		theirs := k.reinvite(k.farOffer(true))
		res := k.ExpectResponse(k.T, 491)
		k.Send(k.NewInDialogRequest("ACK", theirs, res))
		require.NoError(k, k.far.Rollback(k.Context()))
		k.agree(re)
		require.NoError(k, done())
		require.False(k, k.call.OnHold(sipua.Remote))
		k.bye()
	})
}

// Glare also while the offer is only being made.
func TestGlareWhilePreparing(t *testing.T) {
	play(t, func(w *world) {
		w.media.Delay = time.Second
		k := w.outgoing()
		done := begin(func() error { return k.call.Hold(w.Context()) })
		synctest.Wait()
		k.reinvite(k.farOffer(false))
		w.ExpectResponse(w.T, 491)
		require.NoError(w, k.far.Rollback(w.Context()))
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, done())
	})
}

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
			require.Equal(k, "application/sdp", value(k.ExpectResponse(k.T, 415), "Accept"))
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

// The connection is lost while a hold is open: the hold fails, the call does not.
func TestHoldConnectionLost(t *testing.T) {
	both(t, func(k *talk) {
		_, done := k.hold()
		k.Drop(1006, "")
		typed(k, done(), sipua.CodeConnectionLost, 0)
		require.Equal(k, sipua.Established, k.call.State())
		re, again := k.hold() // over a new connection
		k.agree(re)
		require.NoError(k, again())
		k.bye()
	})
}

func TestHoldInWrongState(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		typed(w, call.Hold(w.Context()), sipua.CodeInvalidState, 0)
		w.Respond(invite, 180, "Ringing")
		typed(w, call.Resume(w.Context()), sipua.CodeInvalidState, 0)
		w.Respond(invite, 486, "Busy Here")
		w.ExpectRequest(w.T, "ACK")
		w.end(call)
		typed(w, call.Hold(w.Context()), sipua.CodeInvalidState, 0)
		k := w.ring()
		typed(w, k.call.Hold(w.Context()), sipua.CodeInvalidState, 0)
	})
}

func TestMute(t *testing.T) {
	both(t, func(k *talk) {
		k.forget()
		require.NoError(k, k.call.Mute(k.Context(), true))
		require.True(k, k.call.Muted())
		require.True(k, k.media.For(k.call).Muted())
		require.NoError(k, k.call.Mute(k.Context(), false))
		require.False(k, k.call.Muted())
		require.False(k, k.media.For(k.call).Muted())
		k.ladder()
		k.bye()
		typed(k, k.call.Mute(k.Context(), true), sipua.CodeInvalidState, 0)
	})
}

// An outgoing call may be muted before it is answered.
func TestMuteEarly(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		require.NoError(w, call.Mute(w.Context(), true))
		require.True(w, w.media.For(call).Muted())
	})
}

// RFC 4733 tones go through the media, in order.
func TestDTMF(t *testing.T) {
	both(t, func(k *talk) {
		begun := time.Now()
		first := begin(func() error { return k.call.SendDTMF(k.Context(), "12,a#", sipua.DTMFOptions{}) })
		synctest.Wait()
		second := begin(func() error {
			return k.call.SendDTMF(k.Context(), "*9D", sipua.DTMFOptions{Duration: 200 * time.Millisecond, Gap: 100 * time.Millisecond})
		})
		require.NoError(k, first())
		require.NoError(k, second())
		require.Equal(k, "12A#*9D", k.media.For(k.call).Tones())
		// 4 tones of 100 ms, a pause of 2 s, 4 gaps of 70 ms; then 3 of 200 ms, 2 gaps.
		require.Equal(k, (4*100+2000+4*70+3*200+2*100)*time.Millisecond, time.Since(begun))
	})
}

// Tones take seconds: hold does not wait for them.
func TestDTMFBesideHold(t *testing.T) {
	both(t, func(k *talk) {
		tones := begin(func() error { return k.call.SendDTMF(k.Context(), "1,,,,2", sipua.DTMFOptions{}) })
		synctest.Wait()
		begun := time.Now()
		re, done := k.hold()
		k.agree(re)
		require.NoError(k, done())
		require.Zero(k, time.Since(begun))
		require.NoError(k, tones())
	})
}

func TestDTMFAndTheEnd(t *testing.T) {
	both(t, func(k *talk) {
		first := begin(func() error { return k.call.SendDTMF(k.Context(), "1,,,,2", sipua.DTMFOptions{}) })
		second := begin(func() error { return k.call.SendDTMF(k.Context(), "3", sipua.DTMFOptions{}) })
		synctest.Wait()
		k.bye()
		typed(k, first(), sipua.CodeCanceled, 0)
		typed(k, second(), sipua.CodeCanceled, 0)
	})
}

func TestDTMFErrors(t *testing.T) {
	both(t, func(k *talk) {
		for _, tones := range []string{"", "x", "1 2", "1\r\n", "é", "E"} {
			typed(k, k.call.SendDTMF(k.Context(), tones, sipua.DTMFOptions{}), sipua.CodeInvalidArgument, 0)
		}
		k.bye()
		typed(k, k.call.SendDTMF(k.Context(), "1", sipua.DTMFOptions{}), sipua.CodeInvalidState, 0)
	})
	play(t, func(w *world) {
		call := w.callOut()
		w.ExpectRequest(w.T, "INVITE")
		typed(w, call.SendDTMF(w.Context(), "1", sipua.DTMFOptions{}), sipua.CodeInvalidState, 0)
	})
	// The other side did not agree to telephone events.
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		sdp := answer(w.T, invite.Body())
		sdp = strings.NewReplacer(" 110", "", " 126", "", "a=rtpmap:110 telephone-event/48000\r\n", "", "a=rtpmap:126 telephone-event/8000\r\n", "").Replace(sdp)
		w.RespondSDP(invite, 200, "OK", sdp)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		err := call.SendDTMF(w.Context(), "1", sipua.DTMFOptions{})
		var media *sipuatest.MediaError
		require.True(w, errors.As(typed(w, err, sipua.CodeMediaFailed, 0), &media))
	})
}

// What a media cannot do is said, not ignored.
func TestPlainMedia(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.RespondSDP(invite, 200, "OK", plainSDP)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		typed(w, call.Mute(w.Context(), true), sipua.CodeUnsupported, 0)
		require.False(w, call.Muted())
		typed(w, call.SendDTMF(w.Context(), "1", sipua.DTMFOptions{}), sipua.CodeUnsupported, 0)
	}, func(c *sipua.Config) {
		c.Media = func(context.Context, *sipua.Call, any) (sipua.Media, error) { return plainMedia{}, nil }
	})
}
