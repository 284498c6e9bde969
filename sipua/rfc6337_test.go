package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Section 2.1, table 1: the six patterns of offer and answer, in both roles. Offers of
// our own go into INVITE, reliable responses, 2xx and, before the answer, UPDATE; never
// into PRACK, which can hardly be refused (section 2.2).

// Pattern 1: the offer in INVITE, the answer in its 2xx.
func TestPattern1(t *testing.T) {
	t.Run("caller", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{})
			k.says(k.invite, 200, "OK", k.answerTo(k.invite))
			require.Empty(w, w.ExpectRequest(w.T, "ACK").Body())
			require.NoError(w, k.call.Answered(w.Context()))
			require.Equal(w, []string{"audio sendrecv"}, streams(k.call.Streams()))
			w.golden("offer-1-caller")
		})
	})
	t.Run("callee", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.incoming()
			require.Equal(w, []string{"audio sendrecv"}, streams(k.call.Streams()))
			w.golden("offer-1-callee")
		})
	})
}

// Pattern 2: the offer in the 2xx, the answer in its ACK.
func TestPattern2(t *testing.T) {
	t.Run("caller", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{LateOffer: true})
			require.Empty(w, k.invite.Body())
			require.Empty(w, value(k.invite, "Content-Type"))
			k.provides(180, "")
			k.says(k.invite, 200, "OK", k.farOffer(false))
			ack := w.ExpectRequest(w.T, "ACK")
			k.applies(ack)
			require.NoError(w, k.call.Answered(w.Context()))
			w.golden("offer-2-caller")

			// RFC 3261 section 13.2.2.4: the ACK is sent again with each 2xx, answer included.
			w.Send(k.ok)
			require.Equal(w, string(ack.Body()), string(w.ExpectRequest(w.T, "ACK").Body()))
			k.bye()
		})
	})
	t.Run("callee", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.ringLate()
			done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
			k.ok = w.ExpectResponse(w.T, 200)
			ack := w.NewInDialogRequest("ACK", k.invite, k.ok)
			sdp, err := k.far.CreateAnswer(w.Context(), string(k.ok.Body()), sipua.OfferOptions{})
			require.NoError(w, err)
			sipuatest.SetSDP(ack, sdp)
			w.Send(ack)
			require.NoError(w, done())
			require.Equal(w, []string{"audio sendrecv"}, streams(k.call.Streams()))
			w.golden("offer-2-callee")
			k.bye()
		})
	})
}

// Pattern 3: the offer in INVITE, the answer in a reliable provisional response.
func TestPattern3(t *testing.T) {
	t.Run("caller", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{})
			k.provides(183, k.answerTo(k.invite), reliable(1)...)
			prack := k.prackOf(k.ok)
			require.Empty(w, prack.Body())
			synctest.Wait()
			require.Equal(w, sipuatest.HaveRemotePranswer, w.media.For(k.call).State(), "early media, until the call is answered")
			w.Respond(prack, 200, "OK")
			k.farAnswers()
			require.Equal(w, []string{"audio sendrecv"}, streams(k.call.Streams()))
			require.Equal(w, sipuatest.Stable, w.media.For(k.call).State())
			w.golden("offer-3-caller")
			k.bye()
		})
	})
	t.Run("callee", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.earlyCall()
			k.farAnswers()
			require.Equal(w, []string{"audio sendrecv"}, streams(k.call.Streams()))
			w.golden("offer-3-callee")
			k.bye()
		})
	})
}

// Pattern 4: the offer in a reliable provisional response, the answer in its PRACK.
func TestPattern4(t *testing.T) {
	t.Run("caller", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{LateOffer: true})
			k.provides(183, k.farOffer(false), reliable(1)...)
			prack := k.prackOf(k.ok)
			k.applies(prack)
			w.Respond(prack, 200, "OK")
			k.farAnswers()
			require.Equal(w, []string{"audio sendrecv"}, streams(k.call.Streams()))
			w.golden("offer-4-caller")
			k.bye()
		})
	})
	t.Run("callee", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.ringLate(farKnows, farTakes)
			done := k.progress(sipua.ProgressOptions{Media: true})
			k.ok = w.ExpectResponse(w.T, 183)
			require.NoError(w, done())
			sdp, err := k.far.CreateAnswer(w.Context(), string(k.ok.Body()), sipua.OfferOptions{})
			require.NoError(w, err)
			k.prack(k.ok, sdp)
			require.Empty(w, w.ExpectResponse(w.T, 200).Body())
			k.farAnswers()
			require.Equal(w, []string{"audio sendrecv"}, streams(k.call.Streams()))
			w.golden("offer-4-callee")
			k.bye()
		})
	})
}

// Pattern 5: the offer in a PRACK, the answer in its 2xx.
func TestPattern5AsCaller(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		synctest.Wait()
		res := k.provides(183, k.answerTo(k.invite), reliable(1)...)
		prack := k.prackOf(res)
		require.Contains(w, string(prack.Body()), "a=sendonly")
		w.RespondSDP(prack, 200, "OK", k.answerTo(prack))
		require.NoError(w, hold())
		require.True(w, k.call.OnHold(sipua.Local))
		k.ok = w.Respond(k.invite, 200, "OK")
		require.Empty(w, w.ExpectRequest(w.T, "ACK").Body())
		require.NoError(w, k.call.Answered(w.Context()))
		require.Equal(w, []string{"audio sendonly"}, streams(k.call.Streams()))
		w.golden("offer-5-caller")
		k.bye()
	})
}

// What cannot go with a PRACK does not hold it up, and a refusal leaves the session as it
// was.
func TestPattern5AsCallerRefused(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		synctest.Wait()
		res := k.provides(183, k.answerTo(k.invite), reliable(1)...)
		w.Respond(k.prackOf(res), 488, "Not Acceptable Here")
		typed(w, hold(), sipua.CodeRejected, 488)
		require.False(w, k.call.OnHold(sipua.Local))
		k.ok = w.Respond(k.invite, 200, "OK")
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		require.Equal(w, []string{"audio sendrecv"}, streams(k.call.Streams()))
		k.bye()
	})
}

func TestPattern5(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(farKnows, farTakes)
		done := k.progress(sipua.ProgressOptions{Media: true})
		k.ok = w.ExpectResponse(w.T, 183)
		require.NoError(w, done())
		k.applies(k.ok)
		k.prack(k.ok, k.farOffer(true))
		ok := w.ExpectResponse(w.T, 200)
		require.Contains(w, string(ok.Body()), "a=recvonly")
		k.applies(ok)
		synctest.Wait()
		require.True(w, k.call.OnHold(sipua.Remote))
		k.farAnswers()
		require.Equal(w, []string{"audio recvonly"}, streams(k.call.Streams()))
		w.golden("offer-5-callee")
		k.bye()
	})
}

// Pattern 6: the offer in an UPDATE, the answer in its 2xx.
func TestPattern6(t *testing.T) {
	offers := func(k *talk) {
		done := begin(func() error { return k.call.Hold(k.Context()) })
		update := k.ExpectRequest(k.T, "UPDATE")
		k.inDialog(update)
		require.NotEmpty(k, value(update, "Contact"), "RFC 3311 section 5.1")
		require.Contains(k, string(update.Body()), "a=sendonly")
		k.RespondSDP(update, 200, "OK", k.answerTo(update), farTakes)
		require.NoError(k, done())
		require.True(k, k.call.OnHold(sipua.Local))
		k.farAnswers()
		require.Equal(k, []string{"audio sendonly"}, streams(k.call.Streams()))
	}
	answers := func(k *talk) {
		k.update(k.farOffer(true))
		ok := k.ExpectResponse(k.T, 200)
		require.NotEmpty(k, value(ok, "Contact"), "RFC 3311 section 5.2")
		require.Contains(k, string(ok.Body()), "a=recvonly")
		k.applies(ok)
		synctest.Wait()
		require.True(k, k.call.OnHold(sipua.Remote))
		require.Equal(k, []string{"audio recvonly"}, streams(k.call.Streams()))
	}
	t.Run("our offer", func(t *testing.T) {
		bothEarly(t, func(k *talk) {
			offers(k)
			k.golden("offer-6-early-offers-" + string(k.call.Direction()))
			k.bye()
		})
	})
	t.Run("their offer", func(t *testing.T) {
		bothEarly(t, func(k *talk) {
			answers(k)
			k.farAnswers()
			k.golden("offer-6-early-answers-" + string(k.call.Direction()))
			k.bye()
		})
	})
	t.Run("established", func(t *testing.T) {
		both(t, func(k *talk) {
			k.forget()
			answers(k)
			k.golden("offer-6-established-" + string(k.call.Direction()))
			k.bye()
		})
	})
}

// Section 3.1.1: once a reliable response has answered, descriptions in later responses
// of that INVITE are no answers and change nothing.
func TestLaterDescriptionsIgnored(t *testing.T) {
	for name, reliably := range map[string]bool{"reliable": true, "unreliable": false} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.early(sipua.CallOptions{})
				other := answer(w.T, k.invite.Body())
				if reliably {
					k.provides(183, other, reliable(2)...)
					w.Respond(k.prackOf(k.ok), 200, "OK")
				} else {
					k.provides(183, other)
				}
				k.says(k.invite, 200, "OK", answer(w.T, k.invite.Body()))
				w.ExpectRequest(w.T, "ACK")
				require.NoError(w, k.call.Answered(w.Context()))
				require.Equal(w, k.far.LocalSDP(), w.media.For(k.call).RemoteSDP())
				k.bye()
			})
		})
	}
}

// Section 3.1.1: a description in an unreliable response previews the answer, which the
// 2xx gives.
func TestUnreliableAnswerIsPreview(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		sdp := k.answerTo(k.invite)
		k.provides(183, sdp)
		synctest.Wait()
		require.Equal(w, sipuatest.HaveRemotePranswer, w.media.For(k.call).State())
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		w.ExpectNothing(w.T, time.Minute)
		k.says(k.invite, 200, "OK", sdp)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, hold())
		require.Equal(w, sipuatest.Stable, w.media.For(k.call).State())
		k.bye()
	})
}

// Section 2.1: an unreliable response cannot carry an offer.
func TestUnreliableOfferIgnored(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{LateOffer: true})
		k.provides(183, offer(w.T))
		w.ExpectNothing(w.T, time.Second)
		require.Empty(w, w.media.All(), "nobody asks for the microphone")
		k.says(k.invite, 200, "OK", k.farOffer(false))
		k.applies(w.ExpectRequest(w.T, "ACK"))
		require.NoError(w, k.call.Answered(w.Context()))
		k.bye()
	})
}

// Table 2: what cannot be used is answered where it came.
func TestRejectionOfOffers(t *testing.T) {
	t.Run("2xx", func(t *testing.T) { // the answer in the ACK refuses each stream, and the call ends
		for name, sdp := range map[string]string{"plain": plainSDP, "garbage": "hello", "none": ""} {
			t.Run(name, func(t *testing.T) {
				play(t, func(w *world) {
					k := w.dial(sipua.CallOptions{LateOffer: true})
					k.says(k.invite, 200, "OK", sdp)
					ack := w.ExpectRequest(w.T, "ACK")
					if name == "plain" {
						require.Contains(w, string(ack.Body()), "m=audio 0 RTP/AVP 0")
					} else {
						require.Empty(w, ack.Body())
					}
					w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
					require.Error(w, k.call.Answered(w.Context()))
					require.Error(w, w.end(k.call).Err)
				})
			})
		}
	})
	t.Run("reliable response", func(t *testing.T) { // the PRACK refuses each stream; the call can go on
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{LateOffer: true})
			k.provides(183, plainSDP, reliable(1)...)
			prack := k.prackOf(k.ok)
			require.Contains(w, string(prack.Body()), "m=audio 0 RTP/AVP 0")
			w.Respond(prack, 200, "OK")
			hangup := begin(func() error { return k.call.Hangup(w.Context()) })
			w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
			w.Respond(k.invite, 487, "Request Terminated")
			w.ExpectRequest(w.T, "ACK")
			require.NoError(w, hangup())
		})
	})
	t.Run("PRACK", func(t *testing.T) { // RFC 3262 section 3: one that matches is answered 2xx
		for name, sdp := range map[string]string{"plain": plainSDP, "no codec": "far"} {
			t.Run(name, func(t *testing.T) {
				play(t, func(w *world) {
					k := w.ring(farKnows, farTakes)
					done := k.progress(sipua.ProgressOptions{Media: true})
					k.ok = w.ExpectResponse(w.T, 183)
					require.NoError(w, done())
					k.applies(k.ok)
					if sdp == "far" {
						sdp = strings.NewReplacer("opus", "xopus", "PCM", "XPCM", "telephone", "xtelephone", " 0 8 ", " 96 97 ", "rtpmap:0", "rtpmap:96", "rtpmap:8", "rtpmap:97").Replace(k.farOffer(false))
						require.NoError(w, k.far.Rollback(w.Context()))
					}
					k.prack(k.ok, sdp)
					ok := w.ExpectResponse(w.T, 200)
					require.Contains(w, string(ok.Body()), "m=audio 0 ", "each stream is refused")
					w.ExpectResponse(w.T, 488) // to the INVITE: there is no session any more
					typed(w, w.end(k.call).Err, sipua.CodeMediaFailed, 0)
				})
			})
		}
	})
}

// RFC 3262 section 3: the numbers are those of one transaction, so that a re-INVITE
// begins with any.
func TestReliableAnswerToReinvite(t *testing.T) {
	both(t, func(k *talk) {
		for _, rseq := range []int{77, 5} {
			done := begin(func() error {
				if rseq == 77 {
					return k.call.Hold(k.Context())
				}
				return k.call.Resume(k.Context())
			})
			re := k.ExpectRequest(k.T, "INVITE")
			k.Respond(re, 100, "Trying", reliable(rseq-1)...) // never reliable
			first, second := k.NewResponse(re, 183, "Session Progress", reliable(rseq)...), k.NewResponse(re, 180, "Ringing", reliable(rseq+1)...)
			sipuatest.SetSDP(first, k.answerTo(re))
			for _, res := range []int{0, 1} {
				m := first
				if res == 1 {
					m = second
				}
				k.Send(m)
				prack := k.ExpectRequest(k.T, "PRACK")
				require.Equal(k, itoa(rseq+res)+" "+itoa(int(re.CSeq().SeqNo))+" INVITE", value(prack, "RAck"))
				k.Respond(prack, 200, "OK")
			}
			k.Send(first) // a retransmission that was late
			k.Respond(re, 200, "OK")
			require.Empty(k, k.ExpectRequest(k.T, "ACK").Body())
			require.NoError(k, done())
			require.Equal(k, rseq == 77, k.call.OnHold(sipua.Local))
		}
		k.bye()
	})
}
