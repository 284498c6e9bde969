package sipua_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

func manual(c *sipua.Config) { c.ManualRinging = true }

// ringManually plays a call to us that is told nothing by itself.
func (w *world) ringManually() *talk {
	w.Helper()
	if !w.Connected() {
		w.connect()
	}
	k := &talk{world: w, far: newFar()}
	k.invite = w.NewRequest("INVITE", "sip:1001@example.com")
	sipuatest.SetSDP(k.invite, k.farOffer(false))
	w.Send(k.invite)
	k.call = last[sipua.IncomingCall](w).Call
	return k
}

// Section 13.3.1.1: the application says what the caller is told.
func TestProgress(t *testing.T) {
	for _, c := range []struct {
		o      sipua.ProgressOptions
		status int
		reason string
	}{
		{sipua.ProgressOptions{}, 180, "Ringing"},
		{sipua.ProgressOptions{Status: 181}, 181, "Call Is Being Forwarded"},
		{sipua.ProgressOptions{Status: 182, Reason: "3 before you"}, 182, "3 before you"},
		{sipua.ProgressOptions{Status: 183}, 183, "Session Progress"},
		{sipua.ProgressOptions{Status: 180, Headers: []sipua.Header{{Name: "Alert-Info", Value: "<urn:alert:service:call-waiting>"}}}, 180, "Ringing"},
		{sipua.ProgressOptions{Media: true, MediaOptions: "early"}, 183, "Session Progress"},
		{sipua.ProgressOptions{Status: 180, Media: true}, 180, "Ringing"},
	} {
		play(t, func(w *world) {
			k := w.ringManually()
			w.ExpectNothing(w.T, 10*time.Minute)
			require.Equal(w, sipua.Ringing, k.call.State())
			require.NoError(w, k.call.Progress(w.Context(), c.o))
			res := w.ExpectResponse(w.T, c.status)
			require.Equal(w, c.reason, res.Reason)
			require.NotEmpty(w, tag(value(res, "To")))
			require.NotEmpty(w, value(res, "Contact"))
			require.Empty(w, values(res, "RSeq"), "the caller has not said that it knows RFC 3262")
			for _, hd := range c.o.Headers {
				require.Equal(w, hd.Value, value(res, hd.Name))
			}
			require.Equal(w, c.o.Media, len(res.Body()) > 0)
			if c.o.Media {
				require.NoError(w, k.far.ApplyAnswer(w.Context(), string(res.Body()), true))
				require.Equal(w, c.o.MediaOptions, w.media.For(k.call).Options)
			}
			begun := time.Now()
			again := w.ExpectResponse(w.T, c.status) // each minute: proxies give up after three
			require.Equal(w, time.Minute, time.Since(begun))
			require.Equal(w, c.reason, again.Reason)
			require.Equal(w, res.Body(), again.Body(), "without PRACK it may have been lost")
			ok := k.accept()
			require.Equal(w, tag(value(res, "To")), tag(value(ok, "To")))
			if c.o.Media {
				require.Equal(w, string(res.Body()), string(ok.Body()), "section 13.2.1: the same answer")
				require.Len(w, w.media.All(), 1)
			}
			k.ack(k.invite, ok)
			w.ExpectNothing(w.T, time.Minute)
		}, manual)
	}
}

// One after the other, as a queue does it, up to the refusal.
func TestProgressOfAQueue(t *testing.T) {
	play(t, func(w *world) {
		k := w.ringManually()
		for _, o := range []sipua.ProgressOptions{{Status: 182, Reason: "2 before you"}, {Status: 182, Reason: "1 before you"}, {}} {
			require.NoError(w, k.call.Progress(w.Context(), o))
			w.ExpectMessage(w.T)
			time.Sleep(40 * time.Second)
		}
		require.Equal(w, "Ringing", w.ExpectResponse(w.T, 180).Reason, "the last one is said again")
		require.NoError(w, k.call.Reject(w.Context(), 486))
		w.ExpectResponse(w.T, 486)
		w.ExpectNothing(w.T, 10*time.Minute)
	}, manual)
}

func TestProgressErrors(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		for name, o := range map[string]sipua.ProgressOptions{
			"100": {Status: 100}, "199 is for proxies (RFC 6228 section 5)": {Status: 199}, "200": {Status: 200}, "phrase": {Reason: "a\r\nb"},
			"header": {Headers: []sipua.Header{{Name: "Via", Value: "x"}}}, "mode": {Reliable: "maybe"},
		} {
			require.Equal(w, sipua.CodeInvalidArgument, typed(w, k.call.Progress(w.Context(), o), sipua.CodeInvalidArgument, 0).Code, name)
		}
		typed(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Reliable: sipua.ReliableRequired}), sipua.CodeUnsupported, 0)
		w.ExpectNothing(w.T, time.Second)
		k.ok = k.accept()
		typed(w, k.call.Progress(w.Context(), sipua.ProgressOptions{}), sipua.CodeInvalidState, 0)
		k.ack(k.invite, k.ok)
		k.bye()
		typed(w, k.call.Progress(w.Context(), sipua.ProgressOptions{}), sipua.CodeInvalidState, 0)
		out := w.dial(sipua.CallOptions{})
		typed(w, out.call.Progress(w.Context(), sipua.ProgressOptions{}), sipua.CodeInvalidState, 0)
	})
	play(t, func(w *world) { // no microphone, no early media, and no call
		k := w.ring()
		w.fail.Store(true)
		typed(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true}), sipua.CodeMediaFailed, 0)
		w.ExpectResponse(w.T, 488)
		require.Equal(w, sipua.System, w.end(k.call).By)
	})
	play(t, func(w *world) { // the caller gives up while the microphone is asked for
		k := w.ring()
		w.delay.Store(int64(time.Second))
		done := k.progress(sipua.ProgressOptions{Media: true})
		w.ExpectNothing(w.T, 500*time.Millisecond)
		w.Send(w.NewInDialogRequest("CANCEL", k.invite, nil))
		w.ExpectResponse(w.T, 200)
		w.ExpectResponse(w.T, 487)
		require.Error(w, done())
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Reject, RejectWith and Redirect: what the caller is told (sections 21.3 to 21.6).
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		refuse   func(k *talk) error
		status   int
		reason   string
		headers  map[string][]string
		contacts []string
	}{
		{refuse: func(k *talk) error { return k.call.Reject(k.Context(), 480) }, status: 480, reason: "Temporarily Unavailable"},
		{refuse: func(k *talk) error { return k.call.RejectWith(k.Context(), sipua.Rejection{}) }, status: 486, reason: "Busy Here"},
		{refuse: func(k *talk) error {
			return k.call.RejectWith(k.Context(), sipua.Rejection{Status: 480, Reason: "At lunch", RetryAfter: 90*time.Second + 1,
				Headers: []sipua.Header{{Name: "Reason", Value: `Q.850;cause=19`}, {Name: "X-Note", Value: "1"}, {Name: "X-Note", Value: "2"}}})
		}, status: 480, reason: "At lunch", headers: map[string][]string{"Retry-After": {"91"}, "Reason": {"Q.850;cause=19"}, "X-Note": {"1", "2"}}},
		{refuse: func(k *talk) error { return k.call.RejectWith(k.Context(), sipua.Rejection{Status: 699}) }, status: 699, reason: "Rejected"},
		{refuse: func(k *talk) error { return k.call.Redirect(k.Context(), "1003") }, status: 302, reason: "Moved Temporarily", contacts: []string{"<sip:1003@example.com>"}},
		{refuse: func(k *talk) error {
			return k.call.Redirect(k.Context(), "1003", "sip:mail@voice.example.com;x=y", "tel:+49-30-123")
		}, status: 302, reason: "Moved Temporarily", contacts: []string{"<sip:1003@example.com>;q=1.0", "<sip:mail@voice.example.com;x=y>", "<sip:+4930123@example.com;user=phone>"}},
	} {
		play(t, func(w *world) {
			k := w.ring()
			require.NoError(w, c.refuse(k))
			res := w.ExpectResponse(w.T, c.status)
			require.Equal(w, c.reason, res.Reason)
			for name, want := range c.headers {
				require.Equal(w, want, values(res, name), name)
			}
			got := values(res, "Contact")
			require.Len(w, got, len(c.contacts))
			last := 2.0
			for i, want := range c.contacts {
				require.Contains(w, got[i], want)
				if len(c.contacts) > 1 { // each is worth less than the one before
					require.Regexp(w, `;q=(1\.0|0\.[1-9])$`, got[i])
					q := float64(got[i][len(got[i])-1]-'0') / 10
					if q == 0 {
						q = 1
					}
					require.Less(w, q, last)
					last = q
				}
			}
			k.Send(w.NewInDialogRequest("ACK", k.invite, res))
			require.Equal(w, sipua.CallEnded{Call: k.call, By: sipua.Local, Status: c.status, Reason: c.reason}, w.end(k.call))
			require.Error(w, c.refuse(k))
			w.ExpectNothing(w.T, time.Minute)
		})
	}
}

// Each of ten addresses is worth less than the one before, as far as one digit tells.
func TestRedirectToTen(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		targets := []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}
		typed(w, k.call.Redirect(w.Context()), sipua.CodeInvalidArgument, 0)
		typed(w, k.call.Redirect(w.Context(), append(targets, "11")...), sipua.CodeInvalidArgument, 0)
		typed(w, k.call.Redirect(w.Context(), "1", "sip:"), sipua.CodeInvalidArgument, 0)
		require.NoError(w, k.call.Redirect(w.Context(), targets...))
		got := values(w.ExpectResponse(w.T, 302), "Contact")
		require.Len(w, got, 10)
		seen := map[string]bool{}
		for i, c := range got {
			require.Contains(w, c, "<sip:"+targets[i]+"@example.com>;q=")
			require.False(w, seen[c[len(c)-3:]], "%v", got)
			seen[c[len(c)-3:]] = true
		}
	})
}

// RFC 5373 and others aside: 486 beyond what the configuration allows.
func TestMaxCalls(t *testing.T) {
	play(t, func(w *world) {
		a, b := w.incoming(), w.ring()
		third := w.NewRequest("INVITE", "sip:1001@example.com")
		sipuatest.SetSDP(third, offer(w.T))
		w.Send(third)
		w.ExpectResponse(w.T, 486)
		call, err := w.ua.Call("1003", sipua.CallOptions{})
		require.NoError(w, err)
		typed(w, call.Answered(w.Context()), sipua.CodeInvalidState, 0)
		require.NoError(w, b.call.Reject(w.Context(), 480))
		w.ExpectResponse(w.T, 480)
		w.ring()
		require.Equal(w, 3, count[sipua.IncomingCall](w))
		a.bye()
	}, func(c *sipua.Config) { c.MaxCalls = 2 })
}

// What the INVITE says of another call before is no reason for the end of this one.
func TestExpiredInviteHasNoReasons(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(h("Expires", "20"), h("Reason", `SIP;cause=302;text="Moved"`))
		require.Equal(w, []sipua.Reason{{Protocol: "SIP", Cause: 302, Text: "Moved"}}, k.call.Caller().Reasons)
		w.ExpectResponse(w.T, 487)
		end, err := k.call.Ended(w.Context())
		require.NoError(w, err)
		require.Equal(w, sipua.CallEnded{Call: k.call, By: sipua.Remote, Status: 487, Reason: "Request Terminated"}, end)
	})
}

// RFC 3326: what CANCEL, BYE and refusals say, all of it.
func TestEndTellsReasons(t *testing.T) {
	want := []sipua.Reason{{Protocol: "Q.850", Cause: 26, Text: "Answered elsewhere"}, {Protocol: "SIP", Cause: 200, Text: "Call completed elsewhere"}}
	header := h("Reason", `Q.850;cause=26;text="Answered elsewhere", SIP;cause=200;text="Call completed elsewhere"`)
	for name, scenario := range map[string]func(w *world) *talk{
		"CANCEL": func(w *world) *talk {
			k := w.ring()
			w.Send(w.NewInDialogRequest("CANCEL", k.invite, nil, header))
			w.ExpectResponse(w.T, 200)
			w.ExpectResponse(w.T, 487)
			return k
		},
		"BYE": func(w *world) *talk {
			k := w.incoming()
			k.request("BYE", header)
			w.ExpectResponse(w.T, 200)
			return k
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := scenario(w)
				end, err := k.call.Ended(w.Context())
				require.NoError(w, err)
				require.Equal(w, sipua.CallEnded{Call: k.call, By: sipua.Remote, Status: 200, Reason: "Call completed elsewhere", Reasons: want}, end)
				require.Equal(w, end, last[sipua.CallEnded](w))
			})
		})
	}
}

// The ladder of early media towards a caller, without PRACK.
func TestProgressLadder(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		k := w.ringManually()
		require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{}))
		w.ExpectResponse(w.T, 180)
		require.NoError(w, k.call.Progress(w.Context(), sipua.ProgressOptions{Media: true}))
		w.ExpectResponse(w.T, 183)
		k.ok = k.accept()
		k.ack(k.invite, k.ok)
		synctest.Wait()
		k.bye()
		w.golden("call-incoming-early-media")
	}, manual)
}

// A caller who gives up while a reliable response waits for its PRACK.
func TestCancelBeforePRACK(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(farKnows, farTakes)
		done := k.progress(sipua.ProgressOptions{Media: true})
		w.ExpectResponse(w.T, 183)
		require.NoError(w, done())
		w.Send(w.NewInDialogRequest("CANCEL", k.invite, nil))
		w.ExpectResponse(w.T, 200)
		w.ExpectResponse(w.T, 487)
		w.ExpectNothing(w.T, time.Minute) // the 183 is not sent again
		require.Equal(w, sipua.Remote, w.end(k.call).By)
	})
}
