package sipua_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func follow(n int) func(*sipua.Config) { return func(c *sipua.Config) { c.FollowRedirects = n } }

// contacts of a 3xx.
func contacts(values ...string) (headers []sip.Header) {
	for _, v := range values {
		headers = append(headers, h("Contact", v))
	}
	return headers
}

// refused answers the last INVITE with a failure and takes its ACK.
func (k *talk) refused(status int, headers ...sip.Header) {
	k.Helper()
	res := k.NewResponse(k.invite, status, "No")
	res.RemoveHeader("Contact")
	for _, h := range headers {
		res.AppendHeader(h)
	}
	k.Send(res)
	k.ExpectRequest(k.T, "ACK")
}

// goesTo takes the INVITE to the next target.
func (k *talk) goesTo(target string) {
	k.Helper()
	before := k.invite
	k.invite = k.ExpectRequest(k.T, "INVITE")
	require.Equal(k, target, k.invite.Recipient.String())
	// Section 8.1.3.4: the same To, From and Call-ID are recommended; section 8.1.3.5: the
	// next number.
	require.Equal(k, value(before, "To"), value(k.invite, "To"))
	require.Equal(k, value(before, "From"), value(k.invite, "From"))
	require.Equal(k, before.CallID().Value(), k.invite.CallID().Value())
	require.Equal(k, before.CSeq().SeqNo+1, k.invite.CSeq().SeqNo)
	require.NotEqual(k, before.Via().Value(), k.invite.Via().Value())
}

// Section 8.1.3.4: the best address first, the next one when it refuses.
func TestRedirect(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{Headers: []sipua.Header{{Name: "X-Ticket", Value: "42"}}})
		k.refused(302, contacts("<sip:c@c.example.com>;q=0.1", "<sip:a@a.example.com;x=y>", `"B" <sip:b@b.example.com>;q=0.5`)...)
		k.goesTo("sip:a@a.example.com;x=y")
		require.Equal(w, "42", value(k.invite, "X-Ticket"))
		k.refused(486)
		k.goesTo("sip:b@b.example.com")
		k.refused(404)
		k.goesTo("sip:c@c.example.com")
		w.RespondSDP(k.invite, 200, "OK", answer(w.T, k.invite.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		require.Equal(w, "1002", k.call.Remote().User)
		var went []string
		for _, e := range w.recorded() {
			if e, ok := e.(sipua.CallRedirected); ok {
				went = append(went, itoa(e.Status)+" "+e.Target)
			}
		}
		require.Equal(w, []string{"302 sip:a@a.example.com;x=y", "486 sip:b@b.example.com", "404 sip:c@c.example.com"}, went)
		w.golden("call-redirected")
	}, follow(5))
}

// Without leave, a 3xx is the end; the options of a call go before the configuration.
func TestRedirectNotFollowed(t *testing.T) {
	for _, c := range []struct{ config, options int }{{0, 0}, {5, -1}} {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{FollowRedirects: c.options})
			k.refused(302, contacts("<sip:a@a.example.com>")...)
			typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 302)
			w.ExpectNothing(w.T, time.Minute)
		}, follow(c.config))
	}
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{FollowRedirects: 1})
		k.refused(302, contacts("<sip:a@a.example.com>")...)
		k.goesTo("sip:a@a.example.com")
		k.refused(302, contacts("<sip:b@b.example.com>")...)
		typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 302)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// What is offered first need not be the best.
func TestRedirectLimitTakesTheBest(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.refused(300, contacts("<sip:c@example.com>;q=0.2", "<sip:b@example.com>;q=0.3", "<sip:a@example.com>;q=0.9")...)
		k.goesTo("sip:a@example.com")
		k.refused(302, contacts("<sip:a2@example.com>")...) // more addresses than times
		k.goesTo("sip:a2@example.com")
		k.refused(480)
		typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 480)
		w.ExpectNothing(w.T, time.Minute)
	}, follow(2))
}

// Section 8.1.3.4: each address is tried once, however often and by whom it is named.
func TestRedirectLoop(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.refused(302, contacts("<sip:1002@example.com>")...)
		typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 302)
		w.ExpectNothing(w.T, time.Minute)
	}, follow(10))
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.refused(302, contacts("<sip:a@example.com>", "<sip:a@example.com>", "<sip:a@EXAMPLE.com>;q=0.5", "<sip:b@example.com>;q=0.4")...)
		k.goesTo("sip:a@example.com")
		k.refused(301, contacts("<sip:b@example.com>", "<sip:1002@example.com>", "<sip:a@example.com>")...)
		k.goesTo("sip:b@example.com")
		k.refused(302, contacts("<sip:a@example.com>")...)
		typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 302)
		w.ExpectNothing(w.T, time.Minute)
	}, follow(10))
}

// Section 21.6: who refuses everywhere is not asked elsewhere.
func TestRedirectEndsWith6xx(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.refused(302, contacts("<sip:a@example.com>", "<sip:b@example.com>")...)
		k.goesTo("sip:a@example.com")
		k.refused(603)
		typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 603)
		w.ExpectNothing(w.T, time.Minute)
	}, follow(10))
}

// Section 26.2.2: a call to a secure address goes to secure addresses only.
func TestRedirectOfSecureCall(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		call, err := w.ua.Call("sips:1002@example.com", sipua.CallOptions{})
		require.NoError(w, err)
		k := &talk{world: w, call: call, invite: w.ExpectRequest(w.T, "INVITE")}
		k.refused(302, contacts("<sip:a@example.com>", "<tel:+1>", "<sips:b@example.com>;q=0.1")...)
		k.goesTo("sips:b@example.com")
		k.refused(302, contacts("<sip:c@example.com>")...)
		typed(w, call.Answered(w.Context()), sipua.CodeRejected, 302)
		w.ExpectNothing(w.T, time.Minute)
	}, follow(10))
}

// What is no address for a call is passed over. Section 19.1.5: headers of an address are
// not obeyed, and its method parameter does not belong into a Request-URI.
func TestRedirectToOddAddresses(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.refused(302, contacts("<mailto:a@example.com>", "<https://example.com/>", "<sip:a@example.com;method=REFER?Replaces=x&Subject=y>;q=0.5")...)
		k.goesTo("sip:a@example.com")
		require.Empty(w, values(k.invite, "Replaces"))
		require.Empty(w, values(k.invite, "Subject"))
	}, follow(10))
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.refused(302)
		typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 302)
	}, follow(10))
}

// 380 and 305 redirect as well; a challenge on the way is answered.
func TestRedirectChallenged(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.refused(305, contacts("<sip:a@example.com>")...)
		k.goesTo("sip:a@example.com")
		k.refused(407, h("Proxy-Authenticate", `Digest realm="r", nonce="n", qop="auth"`))
		k.goesTo("sip:a@example.com")
		checkDigest(w.T, k.invite, "Proxy-Authorization", "1001", "secret")
		k.refused(380, contacts("<sip:b@example.com>")...)
		k.goesTo("sip:b@example.com")
		w.RespondSDP(k.invite, 200, "OK", answer(w.T, k.invite.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
	}, follow(10))
}

// The place that rang is left: its early dialog is over, and its media with it.
func TestRedirectAfterEarlyMedia(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		require.NoError(w, k.call.Mute(w.Context(), true))
		k.fork(183, "first", newFar())
		k.refused(302, contacts("<sip:a@example.com>")...)
		first := k.invite
		k.goesTo("sip:a@example.com")
		require.Empty(w, k.call.Forks())
		require.NotEqual(w, line(string(first.Body()), "a=fingerprint"), line(string(k.invite.Body()), "a=fingerprint"))
		w.RespondSDP(k.invite, 200, "OK", answer(w.T, k.invite.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		require.True(w, w.media.For(k.call).Muted())
		require.Equal(w, 1, w.media.All()[0].Closed())
	}, follow(10))
}

// Who has hung up is not sent on.
func TestRedirectCrossesHangup(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		w.Respond(k.invite, 100, "Trying")
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		cancel := w.ExpectRequest(w.T, "CANCEL")
		k.refused(302, contacts("<sip:a@example.com>")...)
		w.Respond(cancel, 481, "Call/Transaction Does Not Exist")
		require.NoError(w, done())
		require.Equal(w, sipua.Local, w.end(k.call).By)
		require.Zero(w, count[sipua.CallRedirected](w))
		w.ExpectNothing(w.T, time.Minute)
	}, follow(10))
}

// Hung up while the second INVITE is out: its CANCEL is for that one.
func TestHangupAfterRedirect(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.refused(302, contacts("<sip:a@example.com>")...)
		k.goesTo("sip:a@example.com")
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.ExpectNothing(w.T, time.Second)
		w.Respond(k.invite, 180, "Ringing")
		cancel := w.ExpectRequest(w.T, "CANCEL")
		require.Equal(w, "sip:a@example.com", cancel.Recipient.String())
		require.Equal(w, k.invite.Via().Value(), cancel.Via().Value())
		w.Respond(cancel, 200, "OK")
		k.refused(487)
		require.NoError(w, done())
	}, follow(10))
}

// One that does not answer at all is as one that refuses (section 8.1.3.1: as if 408).
func TestRedirectAfterTimeout(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.refused(302, contacts("<sip:a@example.com>;q=0.9", "<sip:b@example.com>;q=0.8")...)
		k.goesTo("sip:a@example.com")
		k.goesTo("sip:b@example.com")
		k.refused(480)
		typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 480)
	}, follow(10))
}

// The time that nobody answers in is for the whole call.
func TestRedirectDoesNotProlongTheWait(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{NoAnswerTimeout: 30 * time.Second})
		begun := time.Now()
		w.Respond(k.invite, 180, "Ringing")
		time.Sleep(20 * time.Second)
		k.refused(302, contacts("<sip:a@example.com>")...)
		k.goesTo("sip:a@example.com")
		w.Respond(k.invite, 180, "Ringing")
		synctest.Wait()
		cancel := w.ExpectRequest(w.T, "CANCEL")
		require.Equal(w, 30*time.Second, time.Since(begun))
		w.Respond(cancel, 200, "OK")
		k.refused(487)
		typed(w, k.call.Answered(w.Context()), sipua.CodeTimeout, 408)
	}, follow(10))
}
