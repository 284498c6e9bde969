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

// comeBack demands a 500 with a Retry-After of 0 to 10 s (section 5.2).
func comeBack(t *testing.T, res *sip.Response) {
	t.Helper()
	seconds, err := strconv.Atoi(value(res, "Retry-After"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, seconds, 0)
	require.LessOrEqual(t, seconds, 10)
}

// Section 5.2: an offer while ours in the INVITE has no answer is 491.
func TestUpdateBeforeOurAnswer(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.provides(180, "")
		k.update(offer(w.T))
		w.ExpectResponse(w.T, 491)
		k.provides(183, k.answerTo(k.invite)) // not reliable: still open
		k.update(offer(w.T))
		w.ExpectResponse(w.T, 491)
		k.update("")
		w.ExpectResponse(w.T, 200) // there is no offer in it
		k.says(k.invite, 200, "OK", k.far.LocalSDP())
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		k.bye()
	})
}

// Section 5.2: an offer while theirs in the INVITE has no answer is 500, to be tried again.
func TestUpdateBeforeTheirAnswer(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(farTakes)
		k.update(k.far.LocalSDP())
		comeBack(w.T, w.ExpectResponse(w.T, 500))
		k.update("")
		w.ExpectResponse(w.T, 200)
		k.answersReliably()
		k.bye()
	})
}

// Before an offerless INVITE is answered there is no session that UPDATE could change.
func TestUpdateWithoutSession(t *testing.T) {
	play(t, func(w *world) {
		k := w.ringLate(farTakes)
		k.update(offer(w.T))
		res := w.ExpectMessage(w.T)
		require.Regexp(w, `^SIP/2\.0 (491|500) `, string(res))
		require.Equal(w, sipua.Ringing, k.call.State())
	})
}

// Section 5.2: one UPDATE at a time. The second one is to be tried again, whether it has
// an offer or not.
func TestUpdateDuringUpdate(t *testing.T) {
	for name, hasOffer := range map[string]bool{"offer": true, "no offer": false} {
		t.Run(name, func(t *testing.T) {
			both(t, func(k *talk) {
				k.slow(time.Second)
				first := k.update(k.farOffer(false))
				sdp := ""
				if hasOffer {
					sdp = k.far.LocalSDP()
				}
				k.update(sdp)
				comeBack(k.T, k.ExpectResponse(k.T, 500))
				ok := k.ExpectResponse(k.T, 200)
				require.Equal(k, first.CSeq().SeqNo, ok.CSeq().SeqNo)
				k.applies(ok)
				k.slow(0)
				k.bye()
			})
		})
	}
}

// RFC 6337 section 4.2: who has an INVITE or UPDATE of theirs to answer refuses the next
// offer with 500, who waits for the answer to an offer of his own with 491.
func TestOffersCross(t *testing.T) {
	t.Run("their UPDATE, their INVITE", func(t *testing.T) {
		both(t, func(k *talk) {
			k.slow(time.Second)
			k.update(k.farOffer(false))
			re := k.reinvite(k.far.LocalSDP())
			comeBack(k.T, k.ExpectResponse(k.T, 500))
			k.Send(k.NewInDialogRequest("ACK", re, nil))
			k.applies(k.ExpectResponse(k.T, 200))
			k.slow(0)
			k.bye()
		})
	})
	t.Run("their INVITE, their UPDATE", func(t *testing.T) {
		both(t, func(k *talk) {
			k.slow(time.Second)
			re := k.reinvite(k.farOffer(false))
			k.update(k.far.LocalSDP())
			comeBack(k.T, k.ExpectResponse(k.T, 500))
			ok := k.ExpectResponse(k.T, 200)
			k.applies(ok)
			k.ack(re, ok)
			k.slow(0)
			k.bye()
		})
	})
	t.Run("our INVITE, their offer", func(t *testing.T) {
		both(t, func(k *talk) {
			re, done := k.hold()
			k.update(offer(k.T))
			k.ExpectResponse(k.T, 491)
			k.reinvite(offer(k.T))
			k.ExpectResponse(k.T, 491)
			k.update("")
			k.ExpectResponse(k.T, 200) // a refresh is no offer
			k.agree(re)
			require.NoError(k, done())
			k.bye()
		})
	})
	t.Run("our UPDATE, their UPDATE", func(t *testing.T) {
		bothEarly(t, func(k *talk) {
			done := begin(func() error { return k.call.Hold(k.Context()) })
			update := k.ExpectRequest(k.T, "UPDATE")
			k.update(offer(k.T))
			k.ExpectResponse(k.T, 491)
			k.RespondSDP(update, 200, "OK", k.answerTo(update), farTakes)
			require.NoError(k, done())
			k.farAnswers()
			k.bye()
		})
	})
	t.Run("our UPDATE, their reliable description", func(t *testing.T) {
		play(t, func(w *world) { // which is not the answer to it
			k := w.early(sipua.CallOptions{})
			done := begin(func() error { return k.call.Hold(w.Context()) })
			update := w.ExpectRequest(w.T, "UPDATE")
			k.provides(183, answer(w.T, k.invite.Body()), reliable(2)...)
			w.Respond(k.prackOf(k.ok), 200, "OK")
			synctest.Wait()
			require.False(w, k.call.OnHold(sipua.Local))
			w.RespondSDP(update, 200, "OK", k.answerTo(update), farTakes)
			require.NoError(w, done())
			require.Equal(w, k.far.LocalSDP(), w.media.For(k.call).RemoteSDP())
			k.farAnswers()
			k.bye()
		})
	})
	t.Run("our UPDATE, their 2xx", func(t *testing.T) {
		play(t, func(w *world) { // the call is answered, and the offer still open
			k := w.early(sipua.CallOptions{})
			done := begin(func() error { return k.call.Hold(w.Context()) })
			update := w.ExpectRequest(w.T, "UPDATE")
			k.says(k.invite, 200, "OK", "", farTakes)
			w.ExpectRequest(w.T, "ACK")
			require.NoError(w, k.call.Answered(w.Context()))
			w.RespondSDP(update, 200, "OK", k.answerTo(update), farTakes)
			require.NoError(w, done())
			require.Equal(w, []string{"audio sendonly"}, streams(k.call.Streams()))
			k.bye()
		})
	})
	t.Run("our UPDATE, our 2xx", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.earlyCall()
			done := begin(func() error { return k.call.Hold(w.Context()) })
			update := w.ExpectRequest(w.T, "UPDATE")
			ok := k.accept()
			require.Empty(w, ok.Body())
			k.ack(k.invite, ok)
			synctest.Wait()
			require.NoError(w, k.call.Answered(w.Context()))
			w.RespondSDP(update, 200, "OK", k.answerTo(update), farTakes)
			require.NoError(w, done())
			k.ok = ok
			k.bye()
		})
	})
	t.Run("their UPDATE, our 2xx", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.earlyCall()
			k.slow(100 * time.Millisecond)
			update := k.update(k.farOffer(true))
			accept := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
			var ok *sip.Response
			for range 2 { // in whatever order
				res := w.ExpectResponse(w.T, 200)
				if res.CSeq().SeqNo == update.CSeq().SeqNo {
					k.applies(res)
				} else {
					ok = res
				}
			}
			require.NoError(w, accept())
			require.Empty(w, ok.Body())
			k.slow(0)
			k.ack(k.invite, ok)
			synctest.Wait()
			require.Equal(w, []string{"audio recvonly"}, streams(k.call.Streams()))
			k.bye()
		})
	})
}

// Section 5.1 and 5.2: UPDATE without an offer refreshes the target, and so does its 2xx.
func TestUpdateRefreshesTarget(t *testing.T) {
	next := func(k *talk, to string) {
		done := begin(func() error { return k.call.Hangup(k.Context()) })
		bye := k.ExpectRequest(k.T, "BYE")
		require.Equal(k, to, bye.Recipient.String())
		k.Respond(bye, 200, "OK")
		require.NoError(k, done())
	}
	t.Run("theirs", func(t *testing.T) {
		both(t, func(k *talk) {
			k.forget()
			k.update("", h("Contact", "<sip:moved@peer.invalid;transport=ws>"))
			ok := k.ExpectResponse(k.T, 200)
			require.Empty(k, ok.Body())
			require.Empty(k, value(ok, "Content-Type"))
			require.NotEmpty(k, value(ok, "Contact"))
			require.Empty(k, k.story())
			next(k, "sip:moved@peer.invalid;transport=ws")
		})
	})
	t.Run("ours", func(t *testing.T) {
		both(t, func(k *talk) {
			k.update("", farTakes) // now we know that they take it
			k.ExpectResponse(k.T, 200)
			done := begin(func() error { return k.call.Refresh(k.Context()) })
			update := k.ExpectRequest(k.T, "UPDATE")
			require.Empty(k, update.Body())
			require.NotEmpty(k, value(update, "Contact"))
			k.Respond(update, 200, "OK", h("Contact", "<sip:moved@peer.invalid;transport=ws>"))
			require.NoError(k, done())
			next(k, "sip:moved@peer.invalid;transport=ws")
		})
	})
	t.Run("a refusal does not", func(t *testing.T) {
		both(t, func(k *talk) {
			k.update(plainSDP, h("Contact", "<sip:moved@peer.invalid;transport=ws>"))
			k.ExpectResponse(k.T, 488)
			next(k, "sip:peer@peer.invalid;transport=ws")
		})
	})
}

// Who does not take UPDATE is shown by a re-INVITE with the session as it is that the call
// goes on.
func TestRefreshByReinvite(t *testing.T) {
	both(t, func(k *talk) {
		k.forget()
		done := begin(func() error { return k.call.Refresh(k.Context()) })
		re := k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "a=sendrecv")
		k.agree(re)
		require.NoError(k, done())
		require.Empty(k, k.story())
		k.bye()
	})
}

// A refusal of our UPDATE leaves the call as it was; what passes is tried again: 491 in the
// windows of RFC 3261 section 14.1, 500 when its Retry-After is over.
func TestUpdateRefused(t *testing.T) {
	t.Run("early offer", func(t *testing.T) {
		for _, status := range []int{403, 488, 500, 504} {
			bothEarly(t, func(k *talk) {
				done := begin(func() error { return k.call.Hold(k.Context()) })
				k.Respond(k.ExpectRequest(k.T, "UPDATE"), status, "No")
				typed(k, done(), sipua.CodeRejected, status)
				require.False(k, k.call.OnHold(sipua.Local))
				require.Equal(k, sipuatest.Stable, k.media.For(k.call).State())
				require.Equal(k, "sendrecv", k.media.For(k.call).Direction())
				k.farAnswers()
				k.bye()
			})
		}
	})
	t.Run("early offer, gone", func(t *testing.T) { // the INVITE itself says what becomes of the call
		bothEarly(t, func(k *talk) {
			done := begin(func() error { return k.call.Hold(k.Context()) })
			k.Respond(k.ExpectRequest(k.T, "UPDATE"), 481, "Gone")
			typed(k, done(), sipua.CodeRejected, 481)
			require.Equal(k, sipua.Ringing, k.call.State())
		})
	})
	t.Run("early offer, glare", func(t *testing.T) {
		bothEarly(t, func(k *talk) {
			from, to := 2100*time.Millisecond, 4*time.Second
			if k.call.Direction() == sipua.Incoming {
				from, to = 10*time.Millisecond, 2*time.Second
			}
			done := begin(func() error { return k.call.Hold(k.Context()) })
			for range 4 {
				k.Respond(k.ExpectRequest(k.T, "UPDATE"), 491, "Request Pending")
				begun := time.Now()
				synctest.Wait()
				k.update(k.farOffer(false)) // their turn
				k.applies(k.ExpectResponse(k.T, 200))
				again := k.ExpectRequest(k.T, "UPDATE")
				require.GreaterOrEqual(k, time.Since(begun), from)
				require.LessOrEqual(k, time.Since(begun), to)
				k.Respond(again, 500, "Server Internal Error", h("Retry-After", "3"))
				begun = time.Now()
				again = k.ExpectRequest(k.T, "UPDATE")
				require.Equal(k, 3*time.Second, time.Since(begun))
				k.RespondSDP(again, 200, "OK", k.answerTo(again), farTakes)
				require.NoError(k, done())
				done = begin(func() error {
					if k.call.OnHold(sipua.Local) {
						return k.call.Resume(k.Context())
					}
					return k.call.Hold(k.Context())
				})
			}
			update := k.ExpectRequest(k.T, "UPDATE")
			k.RespondSDP(update, 200, "OK", k.answerTo(update), farTakes)
			require.NoError(k, done())
			k.farAnswers()
			k.bye()
		})
	})
	t.Run("refresh", func(t *testing.T) {
		for status, want := range map[int]sipua.CallState{403: sipua.Established, 500: sipua.Established, 481: sipua.Ended, 408: sipua.Ended} {
			both(t, func(k *talk) {
				k.update("", farTakes)
				k.ExpectResponse(k.T, 200)
				done := begin(func() error { return k.call.Refresh(k.Context()) })
				k.Respond(k.ExpectRequest(k.T, "UPDATE"), status, "No")
				if want == sipua.Ended {
					k.Respond(k.ExpectRequest(k.T, "BYE"), 481, "Gone")
				}
				require.Error(k, done())
				require.Equal(k, want, k.call.State())
			})
		}
	})
	t.Run("silence", func(t *testing.T) {
		both(t, func(k *talk) {
			k.update("", farTakes)
			k.ExpectResponse(k.T, 200)
			done := begin(func() error { return k.call.Refresh(k.Context()) })
			k.ExpectRequest(k.T, "UPDATE")
			begun := time.Now()
			k.Respond(k.ExpectRequest(k.T, "BYE"), 200, "OK")
			require.Equal(k, 32*time.Second, time.Since(begun))
			require.Error(k, done())
		})
	})
}

// The answer to our UPDATE cannot be used: neither description holds any more.
func TestUpdateAnswerUnusable(t *testing.T) {
	for name, sdp := range map[string]string{"none": "", "garbage": "hello", "plain": plainSDP} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.earlyCall()
				done := begin(func() error { return k.call.Hold(w.Context()) })
				update := w.ExpectRequest(w.T, "UPDATE")
				if sdp == "" {
					w.Respond(update, 200, "OK")
				} else {
					w.RespondSDP(update, 200, "OK", sdp)
				}
				w.ExpectResponse(w.T, 488) // to the INVITE
				require.Error(w, done())
				require.Error(w, w.end(k.call).Err)
			})
			play(t, func(w *world) {
				k := w.early(sipua.CallOptions{})
				done := begin(func() error { return k.call.Hold(w.Context()) })
				update := w.ExpectRequest(w.T, "UPDATE")
				if sdp == "" {
					w.Respond(update, 200, "OK")
				} else {
					w.RespondSDP(update, 200, "OK", sdp)
				}
				w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
				w.Respond(k.invite, 487, "Request Terminated")
				w.ExpectRequest(w.T, "ACK")
				require.Error(w, done())
				require.Error(w, w.end(k.call).Err)
			})
		})
	}
}

// Offers that no media could take are refused as they are in an INVITE, before the answer
// and after, and change nothing.
func TestUpdateOfferRefused(t *testing.T) {
	refused := func(k *talk) {
		k.forget()
		k.update(plainSDP)
		res := k.ExpectResponse(k.T, 488)
		require.Regexp(k, `^302 \S+ ".+"$`, value(res, "Warning"))
		k.update("hello")
		k.ExpectResponse(k.T, 488)
		good := k.farOffer(false)
		require.NoError(k, k.far.Rollback(k.Context()))
		k.fail.Store(true)
		k.update(good)
		require.Regexp(k, `^399 \S+ ".+"$`, value(k.ExpectResponse(k.T, 488), "Warning"))
		k.fail.Store(false)
		require.Empty(k, k.story())
		require.Equal(k, sipuatest.Stable, k.media.For(k.call).State())
		require.Equal(k, []string{"audio sendrecv"}, streams(k.call.Streams()))
	}
	bothEarly(t, func(k *talk) {
		k.update(k.farOffer(false))
		k.applies(k.ExpectResponse(k.T, 200))
		refused(k)
		k.farAnswers()
		k.bye()
	})
	both(t, func(k *talk) { refused(k); k.bye() })
}

// UPDATE in a dialog that is not ours, and after the end.
func TestStrayUpdate(t *testing.T) {
	both(t, func(k *talk) {
		k.bye()
		k.update("")
		k.ExpectResponse(k.T, 481)
	})
	play(t, func(w *world) {
		w.connect()
		w.Send(w.NewRequest("UPDATE", "sip:1001@example.com"))
		w.ExpectResponse(w.T, 481)
	})
}

// The call ends while an UPDATE is being answered: each request has its answer.
func TestByeDuringUpdate(t *testing.T) {
	both(t, func(k *talk) {
		k.slow(time.Second)
		update := k.update(k.farOffer(false))
		k.request("BYE")
		statuses := map[uint32]int{}
		for range 2 {
			msg, err := sip.ParseMessage(k.ExpectMessage(k.T))
			require.NoError(k, err)
			res := msg.(*sip.Response)
			statuses[res.CSeq().SeqNo] = res.StatusCode
		}
		require.Equal(k, 200, statuses[update.CSeq().SeqNo+1])
		require.GreaterOrEqual(k, statuses[update.CSeq().SeqNo], 400)
		k.slow(0)
	})
}

// What the application wants waits until their UPDATE is answered.
func TestHoldWaitsForTheirUpdate(t *testing.T) {
	both(t, func(k *talk) {
		k.slow(time.Second)
		k.update(k.farOffer(false))
		synctest.Wait()
		done := begin(func() error { return k.call.Hold(k.Context()) })
		k.applies(k.ExpectResponse(k.T, 200))
		k.slow(0)
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		require.NoError(k, done())
		k.bye()
	})
}

// The hook sees the description of an UPDATE as any other.
func TestUpdateHook(t *testing.T) {
	var seen []string
	play(t, func(w *world) {
		k := w.earlyCall()
		seen = nil
		k.update(k.farOffer(false))
		k.applies(w.ExpectResponse(w.T, 200))
		require.Equal(w, []string{"remote offer", "local answer"}, seen)
	}, func(c *sipua.Config) {
		c.SDP = func(d sipua.Description) (string, error) {
			who := "remote "
			if d.Local {
				who = "local "
			}
			seen = append(seen, who+string(d.Kind))
			return d.SDP, nil
		}
	})
}

// RFC 6337 section 4.1: an UPDATE of ours waits for the end of the PRACK that belongs to the
// answer.
func TestUpdateWaitsForPrack(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.provides(183, k.answerTo(k.invite), reliable(1)...)
		prack := k.prackOf(k.ok)
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		w.ExpectNothing(w.T, time.Second)
		w.Respond(prack, 200, "OK")
		update := w.ExpectRequest(w.T, "UPDATE")
		w.RespondSDP(update, 200, "OK", k.answerTo(update), farTakes)
		require.NoError(w, hold())
		k.farAnswers()
		k.bye()
	})
}

// RFC 6337 section 4.2: an UPDATE of theirs comes too early as long as our description has
// not been acknowledged.
func TestUpdateBeforePrack(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(farKnows, farTakes)
		require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true}))
		k.ok = w.ExpectResponse(w.T, 183)
		k.applies(k.ok)
		k.update(k.farOffer(true))
		comeBack(w.T, w.ExpectResponse(w.T, 500))
		k.prack(k.ok, "")
		w.ExpectResponse(w.T, 200)
		k.update(k.far.LocalSDP())
		k.applies(w.ExpectResponse(w.T, 200))
		k.farAnswers()
		k.bye()
	})
}

// What was agreed by UPDATE is not undone by a 2xx that crosses the next one.
func TestAnswerDuringTheirUpdate(t *testing.T) {
	play(t, func(w *world) {
		k := w.earlyCall()
		k.update(k.farOffer(true))
		k.applies(w.ExpectResponse(w.T, 200))
		k.slow(100 * time.Millisecond)
		update := k.update(k.farOffer(true))
		synctest.Wait()
		first := k.ok
		accept := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		k.ok = w.ExpectResponse(w.T, 200)
		require.Equal(w, first.CSeq().SeqNo, k.ok.CSeq().SeqNo)
		k.ack(k.invite, k.ok)
		require.NoError(w, accept())
		ok := w.ExpectResponse(w.T, 200)
		require.Equal(w, update.CSeq().SeqNo, ok.CSeq().SeqNo)
		k.applies(ok)
		k.slow(0)
		require.NotContains(w, w.story(), "resumed by remote")
		k.agreedStreams("audio recvonly")
		k.bye()
	})
}

// A reliable answer that the media could not keep when an UPDATE came is tried again when
// the call is answered.
func TestReliableAnswerKeptLater(t *testing.T) {
	play(t, func(w *world) {
		k := w.early(sipua.CallOptions{})
		w.fail.Store(true)
		k.update(k.farOffer(false))
		w.ExpectResponse(w.T, 488)
		w.fail.Store(false)
		require.NoError(w, k.far.Rollback(w.Context()))
		k.farAnswers()
		require.Equal(w, sipuatest.Stable, w.media.For(k.call).State())
		k.agreedStreams("audio sendrecv")
		k.bye()
	})
}
