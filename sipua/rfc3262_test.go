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

var mustKnow = h("Require", "100rel")

// Section 3: a reliable response is sent again after T1 and in intervals that double,
// without the bound of T2, and 64·T1 later the INVITE is refused.
func TestReliableRetransmission(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(mustKnow)
		begun := time.Now()
		require.Equal(w, "100rel", value(k.ok, "Require"))
		first, err := strconv.Atoi(value(k.ok, "RSeq"))
		require.NoError(w, err)
		require.Positive(w, first)
		require.Less(w, first, 1<<31)
		for _, at := range []time.Duration{500, 1500, 3500, 7500, 15500, 31500} {
			again := w.ExpectResponse(w.T, 180)
			require.Equal(w, at*time.Millisecond, time.Since(begun))
			require.Equal(w, k.ok.String(), again.String(), "the same response")
		}
		w.ExpectResponse(w.T, 504)
		require.Equal(w, 32*time.Second, time.Since(begun))
		end := w.end(k.call)
		typed(w, end.Err, sipua.CodeTimeout, 0)
		require.Equal(w, sipua.System, end.By)
		require.Equal(w, 504, end.Status)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Section 3: the numbers are random at first.
func TestRSeqIsRandom(t *testing.T) {
	play(t, func(w *world) {
		seen := map[string]bool{}
		for range 4 {
			k := w.ring(mustKnow)
			seen[value(k.ok, "RSeq")] = true
		}
		require.Len(w, seen, 4)
	})
}

// Section 3: a PRACK that matches is answered 200 and ends the retransmissions, any other
// one is answered 481 and changes nothing.
func TestPrackMatching(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(mustKnow)
		rseq, _ := strconv.Atoi(value(k.ok, "RSeq"))
		for name, rack := range map[string]string{
			"another response": itoa(rseq+1) + " 1 INVITE",
			"another request":  itoa(rseq) + " 2 INVITE",
			"another method":   itoa(rseq) + " 1 UPDATE",
			"garbage":          "hello",
		} {
			k.prackWith(rack, "")
			w.ExpectResponse(w.T, 481)
			require.Equal(w, sipua.Ringing, k.call.State(), name)
		}
		none := w.NewInDialogRequest("PRACK", k.invite, k.ok)
		w.Send(none)
		res := w.ExpectMessage(w.T)
		require.Regexp(w, "^SIP/2.0 (400|481) ", string(res))
		w.ExpectResponse(w.T, 180) // still
		k.prack(k.ok, "")
		w.ExpectResponse(w.T, 200)
		k.prack(k.ok, "") // in another transaction
		w.ExpectResponse(w.T, 481)
		w.ExpectNothing(w.T, 40*time.Second)
		k.answersReliably()
		k.bye()
	})
}

// answersReliably accepts a call to us.
func (k *talk) answersReliably() {
	k.Helper()
	k.ok = k.accept()
	k.applies(k.ok)
	k.ack(k.invite, k.ok)
	synctest.Wait()
}

// Section 3: one reliable response at a time, each with the next number.
func TestReliableInTurn(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(mustKnow)
		first, _ := strconv.Atoi(value(k.ok, "RSeq"))
		require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Status: 181}))
		require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Status: 182, Headers: []sipua.Header{{Name: "X-Queue", Value: "3"}}}))
		require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true}))
		for i, status := range []int{180, 181, 182, 183} {
			if i > 0 {
				k.ok = w.ExpectResponse(w.T, status)
			}
			require.Equal(w, itoa(first+i), value(k.ok, "RSeq"))
			w.ExpectNothing(w.T, 400*time.Millisecond)
			k.prack(k.ok, "")
			w.ExpectResponse(w.T, 200)
		}
		require.NotEmpty(w, k.ok.Body())
		k.applies(k.ok)
		k.farAnswers()
		k.bye()
	})
}

// Section 3: reliably where it is required, not at all where it is not supported, and
// otherwise as the application wants it.
func TestReliableOrNot(t *testing.T) {
	for _, c := range []struct {
		name   string
		caller []sip.Header
		mode   sipua.Reliable
		media  bool
		want   string // "reliable", "plain" or "error"
	}{
		{"required", []sip.Header{mustKnow}, "", false, "reliable"},
		{"required, we would rather not", []sip.Header{mustKnow}, sipua.ReliableOff, false, "reliable"},
		{"supported", []sip.Header{farKnows}, "", false, "plain"},
		{"supported, with a description", []sip.Header{farKnows}, "", true, "reliable"},
		{"supported, we insist", []sip.Header{farKnows}, sipua.ReliableRequired, false, "reliable"},
		{"supported, we would rather not", []sip.Header{farKnows}, sipua.ReliableOff, true, "plain"},
		{"unknown", nil, "", true, "plain"},
		{"unknown, we insist", nil, sipua.ReliableRequired, false, "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
				k.invite = w.NewRequest("INVITE", "sip:1001@example.com", c.caller...)
				sipuatest.SetSDP(k.invite, k.farOffer(false))
				w.Send(k.invite)
				synctest.Wait()
				w.ExpectNothing(w.T, time.Second) // ManualRinging
				k.call = w.ua.Calls()[0]
				err := k.call.Progress(w.Context(), sipua.ProgressOptions{Media: c.media, Reliable: c.mode})
				if c.want == "error" {
					typed(w, err, sipua.CodeUnsupported, 0)
					w.ExpectNothing(w.T, time.Second)
					return
				}
				require.NoError(w, err)
				res := w.ExpectResponse(w.T, map[bool]int{true: 183, false: 180}[c.media])
				require.Equal(w, c.media, len(res.Body()) > 0)
				require.Equal(w, c.want == "reliable", value(res, "Require") == "100rel")
				require.Equal(w, c.want == "reliable", value(res, "RSeq") != "")
			}, func(c *sipua.Config) { c.ManualRinging = true })
		})
	}
}

// A description of ours that needs an answer goes reliably or not at all.
func TestOfferNeedsReliability(t *testing.T) {
	play(t, func(w *world) {
		k := w.ringLate()
		typed(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true}), sipua.CodeUnsupported, 0)
		k = w.ringLate(farKnows)
		typed(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true, Reliable: sipua.ReliableOff}), sipua.CodeUnsupported, 0)
		w.ExpectNothing(w.T, time.Second)
	})
}

// Section 3: who does not want the extension refuses a caller that requires it.
func TestReliableRequiredButOff(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		invite := w.NewRequest("INVITE", "sip:1001@example.com", mustKnow)
		sipuatest.SetSDP(invite, offer(w.T))
		w.Send(invite)
		require.Equal(w, "100rel", value(w.ExpectResponse(w.T, 420), "Unsupported"))
		require.Zero(w, count[sipua.IncomingCall](w))
		require.NotContains(w, value(w.dial(sipua.CallOptions{}).invite, "Supported"), "100rel")
	}, func(c *sipua.Config) { c.Reliable = sipua.ReliableOff })
}

// Section 3: a 2xx waits for the PRACK of a description, and for nothing else.
func TestAcceptWaitsForPrack(t *testing.T) {
	t.Run("description", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.ring(farKnows)
			done := k.progress(sipua.ProgressOptions{Media: true})
			k.ok = w.ExpectResponse(w.T, 183)
			require.NoError(w, done())
			accept := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
			w.ExpectResponse(w.T, 183) // again, and no 200
			w.ExpectNothing(w.T, 900*time.Millisecond)
			k.prack(k.ok, "")
			require.Equal(w, "PRACK", string(w.ExpectResponse(w.T, 200).CSeq().MethodName))
			ok := w.ExpectResponse(w.T, 200)
			require.Equal(w, "INVITE", string(ok.CSeq().MethodName))
			require.Empty(w, ok.Body(), "RFC 6337 section 3.1.1: it has been answered")
			require.NoError(w, accept())
			k.applies(k.ok)
			k.ok = ok
			k.ack(k.invite, ok)
			k.bye()
		})
	})
	t.Run("description that waits for its turn", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.ring(mustKnow)
			ringing := k.ok
			require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true}))
			accept := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
			ok := w.ExpectResponse(w.T, 200) // which brings it
			require.NoError(w, accept())
			require.NoError(w, k.far.ApplyAnswer(w.Context(), string(ok.Body()), false))
			k.prack(ringing, "")
			require.Equal(w, "PRACK", string(w.ExpectResponse(w.T, 200).CSeq().MethodName))
			k.ok = ok
			k.ack(k.invite, ok)
			w.ExpectNothing(w.T, 2*time.Minute)
			k.bye()
		})
	})
	t.Run("offer", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.ringLate(farKnows)
			require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true}))
			k.ok = w.ExpectResponse(w.T, 183)
			accept := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
			w.ExpectNothing(w.T, 400*time.Millisecond)
			sdp, err := k.far.CreateAnswer(w.Context(), string(k.ok.Body()), sipua.OfferOptions{})
			require.NoError(w, err)
			k.prack(k.ok, sdp)
			require.Equal(w, "PRACK", string(w.ExpectResponse(w.T, 200).CSeq().MethodName))
			k.ok = w.ExpectResponse(w.T, 200)
			require.Empty(w, k.ok.Body())
			require.NoError(w, accept())
			k.ack(k.invite, k.ok)
			require.NoError(w, k.call.Answered(w.Context()))
			require.Equal(w, []string{"audio sendrecv"}, streams(k.call.Streams()))
			k.bye()
		})
	})
	t.Run("no description", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.ring(mustKnow)
			ringing := k.ok
			k.ok = k.accept()
			k.applies(k.ok)
			w.ExpectNothing(w.T, 400*time.Millisecond)
			// It does not ring any more, and a PRACK that was on its way is answered.
			k.prack(ringing, "")
			require.Equal(w, "PRACK", string(w.ExpectResponse(w.T, 200).CSeq().MethodName))
			k.ack(k.invite, k.ok)
			w.ExpectNothing(w.T, time.Minute)
			k.bye()
		})
	})
}

// Section 3: a refusal need not wait. It ends the retransmissions, and a PRACK that was on
// its way is answered.
func TestRefusedBeforePrack(t *testing.T) {
	for _, media := range []bool{false, true} {
		play(t, func(w *world) {
			k := w.ring(farKnows)
			require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: media, Reliable: sipua.ReliableRequired}))
			k.ok = w.ExpectResponse(w.T, map[bool]int{true: 183, false: 180}[media])
			require.NoError(w, k.call.Reject(w.Context(), 486))
			w.ExpectResponse(w.T, 486)
			k.prack(k.ok, "")
			w.ExpectResponse(w.T, 200)
			w.ExpectNothing(w.T, time.Minute)
		})
	}
}

// The caller gives up before its PRACK.
func TestCancelBeforePrack(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(mustKnow)
		ringing := k.ok
		cancel := w.NewInDialogRequest("CANCEL", k.invite, k.ok)
		w.Send(cancel)
		w.ExpectResponse(w.T, 200)
		w.ExpectResponse(w.T, 487)
		k.ok = ringing
		k.prack(ringing, "")
		w.ExpectResponse(w.T, 200)
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, sipua.Remote, w.end(k.call).By)
	})
}

// Nobody acknowledges the description while the application has accepted: the call is
// refused, and Accept says why.
func TestAcceptWithoutPrack(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(farKnows)
		require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true}))
		w.ExpectResponse(w.T, 183)
		accept := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		for range 6 {
			w.ExpectResponse(w.T, 183)
		}
		w.ExpectResponse(w.T, 504)
		typed(w, accept(), sipua.CodeTimeout, 0)
		typed(w, w.end(k.call).Err, sipua.CodeTimeout, 0)
	})
}

// The answer in a PRACK cannot be used, or there is none: PRACK is answered, the INVITE
// refused.
func TestPrackWithoutUsableAnswer(t *testing.T) {
	for name, sdp := range map[string]string{"none": "", "garbage": "hello", "plain": plainSDP} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.ringLate(farKnows)
				require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true}))
				k.ok = w.ExpectResponse(w.T, 183)
				accept := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
				synctest.Wait()
				k.prack(k.ok, sdp)
				require.Equal(w, "PRACK", string(w.ExpectResponse(w.T, 200).CSeq().MethodName))
				w.ExpectResponse(w.T, 488)
				require.Error(w, accept())
				require.Error(w, w.end(k.call).Err)
				w.ExpectNothing(w.T, time.Minute)
			})
		})
	}
}

// Section 3, for who waits long: a minute after a reliable response another one follows,
// so that proxies do not give up.
func TestReliableEachMinute(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(mustKnow)
		k.prack(k.ok, "")
		w.ExpectResponse(w.T, 200)
		first, _ := strconv.Atoi(value(k.ok, "RSeq"))
		for i := range 3 {
			begun := time.Now()
			k.ok = w.ExpectResponse(w.T, 180)
			require.LessOrEqual(w, time.Since(begun), time.Minute)
			require.GreaterOrEqual(w, time.Since(begun), 59*time.Second)
			require.Equal(w, itoa(first+i+1), value(k.ok, "RSeq"))
			k.prack(k.ok, "")
			w.ExpectResponse(w.T, 200)
		}
	})
}

// Section 4: the caller acknowledges each reliable response once, in order, and tells the
// application.
func TestPrackInOrder(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		first := k.provides(180, "", reliable(100)...)
		prack := k.prackOf(first)
		require.Equal(w, k.invite.CSeq().SeqNo+1, prack.CSeq().SeqNo)
		w.Respond(prack, 200, "OK")
		w.Send(first) // again: section 4 wants it discarded
		w.ExpectNothing(w.T, time.Second)
		third := k.provides(182, "", reliable(102)...)
		w.ExpectNothing(w.T, time.Second) // one is missing
		second := k.provides(181, "", reliable(101)...)
		w.Respond(k.prackOf(second), 200, "OK")
		w.Send(third)
		prack = k.prackOf(third)
		require.Equal(w, k.invite.CSeq().SeqNo+3, prack.CSeq().SeqNo)
		w.Respond(prack, 200, "OK")
		w.Send(second)
		w.ExpectNothing(w.T, time.Second)
		require.Equal(w, []string{"calling", "ringing", "180", "181", "182"}, w.story())
		require.True(w, last[sipua.CallRinging](w).Reliable)
		k.says(k.invite, 200, "OK", k.answerTo(k.invite))
		w.ExpectRequest(w.T, "ACK")
		k.bye()
	})
}

// Section 4: each fork has numbers of its own.
func TestPrackOfForks(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		for i, fork := range []string{"one", "two", "one", "two"} {
			res := w.NewResponse(k.invite, 180, "Ringing", reliable([]int{7, 900, 8, 901}[i])...)
			res.To().Params.Remove("tag")
			res.To().Params.Add("tag", fork)
			w.Send(res)
			prack := w.ExpectRequest(w.T, "PRACK")
			require.Equal(w, fork, tag(value(prack, "To")))
			require.Equal(w, []string{"7", "900", "8", "901"}[i]+" 1 INVITE", value(prack, "RAck"))
			require.EqualValues(w, 2+i/2, prack.CSeq().SeqNo, "each dialog counts for itself")
			w.Respond(prack, 200, "OK")
		}
		require.Len(w, k.call.Forks(), 2)
	})
}

// Section 4: 100 is never reliable, and what has no usable RSeq is not either.
func TestNotReliable(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		headers []sip.Header
	}{
		"100":          {100, reliable(1)},
		"no Require":   {180, []sip.Header{h("RSeq", "1")}},
		"no RSeq":      {180, []sip.Header{mustKnow}},
		"RSeq of 0":    {180, []sip.Header{mustKnow, h("RSeq", "0")}},
		"RSeq of text": {180, []sip.Header{mustKnow, h("RSeq", "one")}},
		"RSeq too big": {180, []sip.Header{mustKnow, h("RSeq", "4294967296")}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.dial(sipua.CallOptions{})
				k.provides(c.status, "", c.headers...)
				w.ExpectNothing(w.T, time.Second)
				k.says(k.invite, 200, "OK", k.answerTo(k.invite))
				w.ExpectRequest(w.T, "ACK")
				require.NoError(w, k.call.Answered(w.Context()))
				k.bye()
			})
		})
	}
}

// Section 4: who insists says so in Require, who does not want it says nothing, and 420 is
// the answer of those who cannot.
func TestReliableOfOurInvite(t *testing.T) {
	for name, c := range map[string]struct {
		config, option     sipua.Reliable
		supported, require bool
	}{
		"default":               {"", "", true, false},
		"required":              {"", sipua.ReliableRequired, true, true},
		"required by config":    {sipua.ReliableRequired, "", true, true},
		"off":                   {"", sipua.ReliableOff, false, false},
		"off by config":         {sipua.ReliableOff, "", false, false},
		"supported, not wanted": {sipua.ReliableRequired, sipua.ReliableSupported, true, false},
		"wanted all the same":   {sipua.ReliableOff, sipua.ReliableSupported, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.dial(sipua.CallOptions{Reliable: c.option})
				if c.supported {
					require.Contains(w, value(k.invite, "Supported"), "100rel")
				} else {
					require.NotContains(w, value(k.invite, "Supported"), "100rel")
				}
				require.Equal(w, c.require, value(k.invite, "Require") == "100rel")
				w.Respond(k.invite, 420, "Bad Extension", h("Unsupported", "100rel"))
				w.ExpectRequest(w.T, "ACK")
				typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 420)
				w.end(k.call)
			}, func(cfg *sipua.Config) { cfg.Reliable = c.config })
		})
	}
}

// Section 4: a reliable response that comes while we give up is acknowledged too, or it
// would come for 32 s.
func TestPrackDuringCancel(t *testing.T) {
	t.Run("the first response", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{})
			hangup := begin(func() error { return k.call.Hangup(w.Context()) })
			synctest.Wait()
			k.provides(183, k.answerTo(k.invite), reliable(1)...)
			k.canceledWithPrack()
			require.NoError(w, hangup())
		})
	})
	t.Run("after the CANCEL", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{})
			k.provides(180, "")
			synctest.Wait()
			hangup := begin(func() error { return k.call.Hangup(w.Context()) })
			cancel := w.ExpectRequest(w.T, "CANCEL")
			res := k.provides(183, "", reliable(1)...)
			w.Respond(k.prackOf(res), 200, "OK")
			w.Respond(cancel, 200, "OK")
			w.Respond(k.invite, 487, "Request Terminated")
			w.ExpectRequest(w.T, "ACK")
			require.NoError(w, hangup())
		})
	})
	t.Run("an offer", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{LateOffer: true})
			k.provides(180, "")
			synctest.Wait()
			hangup := begin(func() error { return k.call.Hangup(w.Context()) })
			cancel := w.ExpectRequest(w.T, "CANCEL")
			prack := k.prackOf(k.provides(183, k.farOffer(false), reliable(1)...))
			require.Contains(w, string(prack.Body()), "m=audio 0 ", "RFC 3262 section 5: it is answered")
			w.Respond(prack, 200, "OK")
			w.Respond(cancel, 200, "OK")
			w.Respond(k.invite, 487, "Request Terminated")
			w.ExpectRequest(w.T, "ACK")
			require.NoError(w, hangup())
			require.Empty(w, w.media.All())
		})
	})
}

// canceledWithPrack takes CANCEL and PRACK in whatever order.
func (k *talk) canceledWithPrack() {
	k.Helper()
	methods := map[string]int{}
	for range 2 {
		msg, err := sip.ParseMessage(k.ExpectMessage(k.T))
		require.NoError(k, err)
		req := msg.(*sip.Request)
		methods[string(req.Method)]++
		k.Respond(req, 200, "OK")
	}
	require.Equal(k, map[string]int{"CANCEL": 1, "PRACK": 1}, methods)
	k.Respond(k.invite, 487, "Request Terminated")
	k.ExpectRequest(k.T, "ACK")
}

// The 2xx may overtake the answer to a PRACK, and a PRACK may fail: the call is answered
// all the same.
func TestAnsweredBeforePrackIs(t *testing.T) {
	for _, status := range []int{200, 481, 500} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				k := w.dial(sipua.CallOptions{})
				k.provides(183, k.answerTo(k.invite), reliable(1)...)
				prack := k.prackOf(k.ok)
				k.says(k.invite, 200, "OK", "")
				w.ExpectRequest(w.T, "ACK")
				require.NoError(w, k.call.Answered(w.Context()))
				w.Respond(prack, status, "Late")
				synctest.Wait()
				require.Equal(w, sipua.Established, k.call.State())
				k.bye()
			})
		})
	}
}

// A PRACK is challenged like any request (RFC 3261 section 22).
func TestPrackChallenged(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.provides(180, "", reliable(1)...)
		prack := k.prackOf(k.ok)
		w.Respond(prack, 407, "Proxy Authentication Required", h("Proxy-Authenticate", `Digest realm="r", nonce="n", qop="auth"`))
		again := k.prackOf(k.ok)
		require.Equal(w, prack.CSeq().SeqNo+1, again.CSeq().SeqNo)
		checkDigest(w.T, again, "Proxy-Authorization", "1001", "secret")
		w.Respond(again, 200, "OK")
	})
}

// PRACK outside of what is reliable is answered 481.
func TestStrayPrack(t *testing.T) {
	both(t, func(k *talk) {
		k.prackWith("1 1 INVITE", "")
		k.ExpectResponse(k.T, 481)
		k.bye()
	})
	play(t, func(w *world) {
		w.connect()
		w.Send(w.NewRequest("PRACK", "sip:1001@example.com", h("RAck", "1 1 INVITE")))
		w.ExpectResponse(w.T, 481)
	})
}

// A second PRACK for the same response, while the first one is being answered.
func TestPrackTwice(t *testing.T) {
	play(t, func(w *world) {
		k := w.ringLate(farKnows)
		require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true}))
		k.ok = w.ExpectResponse(w.T, 183)
		sdp, err := k.far.CreateAnswer(w.Context(), string(k.ok.Body()), sipua.OfferOptions{})
		require.NoError(w, err)
		k.slow(100 * time.Millisecond)
		first := k.prack(k.ok, sdp)
		second := k.prack(k.ok, sdp)
		require.Equal(w, second.CSeq().SeqNo, w.ExpectResponse(w.T, 481).CSeq().SeqNo)
		require.Equal(w, first.CSeq().SeqNo, w.ExpectResponse(w.T, 200).CSeq().SeqNo)
		k.farAnswers()
		k.bye()
	})
}

// RFC 6337 section 3.1.1: one description. A second one in a response would be an offer.
func TestEarlyMediaTwice(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(farKnows)
		for range 2 {
			require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true, Reliable: sipua.ReliableRequired}))
		}
		k.ok = w.ExpectResponse(w.T, 183)
		k.applies(k.ok)
		k.prack(k.ok, "")
		w.ExpectResponse(w.T, 200)
		again := w.ExpectResponse(w.T, 183)
		require.Empty(w, again.Body())
		k.prack(again, "")
		w.ExpectResponse(w.T, 200)
		require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true, Reliable: sipua.ReliableOff}))
		require.Empty(w, w.ExpectResponse(w.T, 183).Body())
		k.farAnswers()
		k.bye()
	})
}
