package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// What the options of a call are on the wire.
func TestCallOptionsOnTheWire(t *testing.T) {
	for _, c := range []struct {
		options sipua.CallOptions
		headers map[string][]string
	}{
		{sipua.CallOptions{}, map[string][]string{"Privacy": nil, "P-Preferred-Identity": nil, "User-to-User": nil, "Answer-Mode": nil, "Require": nil, "Proxy-Require": nil}},
		// RFC 3323 section 4.1.1.3, RFC 3325 section 9.3.
		{sipua.CallOptions{Anonymous: true}, map[string][]string{"Privacy": {"id"}}},
		{sipua.CallOptions{Anonymous: true, Privacy: []string{"header", "critical", "id"}}, map[string][]string{"Privacy": {"header;id;critical"}, "Proxy-Require": {"privacy"}}},
		{sipua.CallOptions{Privacy: []string{"none"}}, map[string][]string{"Privacy": {"none"}}},
		{sipua.CallOptions{PreferredIdentity: "sip:sales@example.com"}, map[string][]string{"P-Preferred-Identity": {"<sip:sales@example.com>"}}}, // RFC 3325 section 9.2
		{sipua.CallOptions{UserToUser: "56a390f3;encoding=hex"}, map[string][]string{"User-to-User": {"56a390f3;encoding=hex"}}},                  // RFC 7433
		{sipua.CallOptions{AnswerMode: "Auto"}, map[string][]string{"Answer-Mode": {"Auto"}}},                                                     // RFC 5373
		{sipua.CallOptions{AnswerMode: "Manual"}, map[string][]string{"Answer-Mode": {"Manual"}}},
		{sipua.CallOptions{Reliable: sipua.ReliableRequired}, map[string][]string{"Require": {"100rel"}}}, // RFC 3262 section 4
		{sipua.CallOptions{Headers: []sipua.Header{{Name: "X-A", Value: "1"}, {Name: "Subject", Value: "s"}}}, map[string][]string{"X-A": {"1"}, "Subject": {"s"}}},
	} {
		play(t, func(w *world) {
			k := w.dial(c.options)
			for name, want := range c.headers {
				require.Equal(w, want, values(k.invite, name), name)
			}
			if c.options.Anonymous {
				require.Regexp(w, `^"Anonymous" <sip:anonymous@anonymous.invalid>;tag=[^;]+$`, value(k.invite, "From"))
			} else {
				require.Contains(w, value(k.invite, "From"), "1001@example.com")
			}
			// The challenge changes none of it.
			k.refused(401, h("WWW-Authenticate", `Digest realm="r", nonce="n"`))
			again := w.ExpectRequest(w.T, "INVITE")
			for name, want := range c.headers {
				require.Equal(w, want, values(again, name), name)
			}
			require.Equal(w, value(k.invite, "From"), value(again, "From"))
		})
	}
	for name, o := range map[string]sipua.CallOptions{
		"answer mode":  {AnswerMode: "auto"},
		"privacy":      {Privacy: []string{"a b"}},
		"none and id":  {Anonymous: true, Privacy: []string{"none"}},
		"identity":     {PreferredIdentity: "sales"},
		"user to user": {UserToUser: "a\r\nb"},
		"time":         {NoAnswerTimeout: -1},
		"reliable":     {Reliable: "perhaps"},
		"header":       {Headers: []sipua.Header{{Name: "Via", Value: "x"}}},
	} {
		play(t, func(w *world) {
			_, err := w.ua.Call("1002", o)
			typed(w, err, sipua.CodeInvalidArgument, 0)
			require.Empty(w, w.ua.Calls(), name)
		})
	}
}

// Nothing in an anonymous call tells who calls: neither the requests inside its dialog nor
// the names of RFC 3323 section 4.1, and each asks the network not to tell either (section
// 4.2, RFC 3325 section 7).
func TestAnonymousCallStaysSo(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{Anonymous: true})
		k.says(k.invite, 200, "OK", k.answerTo(k.invite), farTakes)
		requests := []*sip.Request{k.invite, w.ExpectRequest(w.T, "ACK")}
		require.NoError(w, k.call.Answered(w.Context()))
		hold := begin(func() error { return k.call.Hold(w.Context()) })
		re := w.ExpectRequest(w.T, "INVITE")
		k.agree(re)
		require.NoError(w, hold())
		info := begin(func() error { return k.call.Info(w.Context(), sipua.InfoOptions{}) })
		inf := w.ExpectRequest(w.T, "INFO")
		w.Respond(inf, 200, "OK")
		require.NoError(w, info())
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		bye := w.ExpectRequest(w.T, "BYE")
		w.Respond(bye, 200, "OK")
		require.NoError(w, done())
		for _, req := range append(requests, re, inf, bye) {
			require.Contains(w, value(req, "From"), "sip:anonymous@anonymous.invalid", "%s", req.Method)
			require.Equal(w, value(k.invite, "From"), value(req, "From"))
			require.NotContains(w, req.String(), "1001", "%s", req.Method)
			require.NotContains(w, req.String(), "Alice", "%s", req.Method)
			if req.Method != sip.ACK {
				require.Equal(w, "id", value(req, "Privacy"), "%s", req.Method)
			}
		}
	})
}

// RFC 5627 section 6.1: the public GRUU names the account, so that it is no Contact of an
// anonymous call.
func TestAnonymousCallHasNoPublicGRUU(t *testing.T) {
	for _, temp := range []string{"", `;temp-gruu="sip:tgruu.7hs==jd7vnzga5w7fajsc7-ajd6fabz0f8g5@example.com;gr"`} {
		play(t, func(w *world) {
			done := begin(func() error { return w.ua.Register(w.Context()) })
			req := w.ExpectRequest(w.T, "REGISTER")
			w.Respond(req, 200, "OK", h("Contact", value(req, "Contact")+`;expires=600;pub-gruu="sip:1001@example.com;gr=urn:uuid:00000000-0000-4000-8000-000000000001"`+temp))
			require.NoError(w, done())
			k := w.dial(sipua.CallOptions{Anonymous: true})
			require.NotContains(w, value(k.invite, "Contact"), "1001")
			require.NotContains(w, value(k.invite, "Contact"), "urn:uuid")
			require.Equal(w, temp != "", strings.Contains(value(k.invite, "Contact"), "sip:tgruu"))
			require.Contains(w, value(w.dial(sipua.CallOptions{}).invite, "Contact"), "sip:1001@example.com;gr=")
		})
	}
}

// A call that hides nothing says nothing about privacy inside its dialog.
func TestPlainCallAsksForNoPrivacy(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		bye := w.ExpectRequest(w.T, "BYE")
		require.Empty(w, values(bye, "Privacy"))
		w.Respond(bye, 200, "OK")
		require.NoError(w, done())
	})
}

// RFC 3891 section 4: the call takes the place of another one at its other side.
func TestReplacesOption(t *testing.T) {
	play(t, func(w *world) {
		old := w.outgoing()
		k := w.dial(sipua.CallOptions{Replaces: old.call})
		require.Equal(w, old.call.ID()+";to-tag="+tag(value(old.ok, "To"))+";from-tag="+tag(value(old.invite, "From")), value(k.invite, "Replaces"))
		require.Contains(w, strings.Join(values(k.invite, "Require"), ","), "replaces")
		w.RespondSDP(k.invite, 200, "OK", answer(w.T, k.invite.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		old.bye()
		require.Equal(w, sipua.Established, k.call.State())
	})
	play(t, func(w *world) { // our tags are the same whoever has called
		old := w.incoming()
		k := w.dial(sipua.CallOptions{Replaces: old.call})
		require.Equal(w, old.call.ID()+";to-tag="+tag(value(old.invite, "From"))+";from-tag="+tag(value(old.ok, "To")), value(k.invite, "Replaces"))
	})
	play(t, func(w *world) { // there is nothing to replace
		ringing := w.dial(sipua.CallOptions{})
		call, err := w.ua.Call("1002", sipua.CallOptions{Replaces: ringing.call})
		require.NoError(w, err)
		typed(w, call.Answered(w.Context()), sipua.CodeInvalidState, 0)
		k := w.outgoing()
		k.bye()
		call, err = w.ua.Call("1002", sipua.CallOptions{Replaces: k.call})
		require.NoError(w, err)
		typed(w, call.Answered(w.Context()), sipua.CodeInvalidState, 0)
		w.ExpectNothing(w.T, time.Second)
	})
}

// Section 20.33: when to call again. 484 asks for more digits (section 21.4.22), which the
// person dials.
func TestRefusedWithRetryAfter(t *testing.T) {
	for status, after := range map[int]string{486: "60", 480: "3600 (at lunch)", 503: "5;duration=10", 484: "", 600: "1", 500: "x"} {
		want := map[string]time.Duration{"60": time.Minute, "3600 (at lunch)": time.Hour, "5;duration=10": 5 * time.Second, "1": time.Second}[after]
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{})
			k.refused(status, h("Retry-After", after), h("Reason", `Q.850;cause=17;text="User busy"`))
			e := typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, status)
			require.Equal(w, want, e.RetryAfter, after)
			end, err := k.call.Ended(w.Context())
			require.NoError(w, err)
			require.Equal(w, []sipua.Reason{{Protocol: "Q.850", Cause: 17, Text: "User busy"}}, end.Reasons)
			w.ExpectNothing(w.T, time.Hour)
		})
	}
}

// RFC 4028 section 7.4: again with the interval that the other side wants, and no loop with
// one that wants the same, less, or nothing.
func TestInvite422(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.refused(422, h("Min-SE", "3600"))
		k.goesTo("sip:1002@example.com")
		require.Equal(w, "3600", value(k.invite, "Min-SE"))
		require.Equal(w, "3600", value(k.invite, "Session-Expires"))
		k.refused(422, h("Min-SE", "7200"))
		k.goesTo("sip:1002@example.com")
		require.Equal(w, "7200", value(k.invite, "Min-SE"))
		require.Equal(w, "7200", value(k.invite, "Session-Expires"))
		k.refused(422, h("Min-SE", "7200"))
		typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 422)
		w.ExpectNothing(w.T, time.Minute)
	})
	for _, headers := range [][]sip.Header{nil, {h("Min-SE", "90")}, {h("Min-SE", "x")}, {h("Min-SE", "99999999999")}} {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{})
			k.refused(422, headers...)
			typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 422)
			w.ExpectNothing(w.T, time.Minute)
		})
	}
}

// It rang long enough: CANCEL, and the end says why.
func TestNoAnswer(t *testing.T) {
	for name, c := range map[string]struct{ config, option, want time.Duration }{
		"configuration": {20 * time.Second, 0, 20 * time.Second},
		"option":        {0, 15 * time.Second, 15 * time.Second},
		"both":          {20 * time.Second, 40 * time.Second, 40 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.dial(sipua.CallOptions{NoAnswerTimeout: c.option})
				begun := time.Now()
				w.Respond(k.invite, 180, "Ringing")
				cancel := w.ExpectRequest(w.T, "CANCEL")
				require.Equal(w, c.want, time.Since(begun))
				w.Respond(cancel, 200, "OK")
				k.refused(487)
				e := typed(w, k.call.Answered(w.Context()), sipua.CodeTimeout, 408)
				require.Equal(w, "call", e.Op)
				end := w.end(k.call)
				require.Equal(w, sipua.System, end.By)
				require.Equal(w, 408, end.Status)
				w.ExpectNothing(w.T, time.Hour)
			}, func(cfg *sipua.Config) { cfg.NoAnswerTimeout = c.config })
		})
	}
	ten := func(c *sipua.Config) { c.NoAnswerTimeout = 10 * time.Second }
	t.Run("answered at the last moment", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.outgoing()
			w.ExpectNothing(w.T, time.Minute)
			require.Equal(w, sipua.Established, k.call.State())
		}, ten)
	})
	t.Run("200 crosses the CANCEL", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{})
			w.Respond(k.invite, 180, "Ringing")
			cancel := w.ExpectRequest(w.T, "CANCEL")
			w.RespondSDP(k.invite, 200, "OK", answer(w.T, k.invite.Body()))
			w.Respond(cancel, 200, "OK")
			w.ExpectRequest(w.T, "ACK")
			w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
			typed(w, k.call.Answered(w.Context()), sipua.CodeTimeout, 408)
			require.Zero(w, count[sipua.CallAnswered](w))
			require.Equal(w, sipua.System, w.end(k.call).By)
		}, ten)
	})
	t.Run("not even a provisional response", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{})
			begun := time.Now()
			typed(w, k.call.Answered(w.Context()), sipua.CodeTimeout, 408)
			require.Equal(w, 32*time.Second, time.Since(begun), "CANCEL may not be sent, section 9.1: Timer B ends it")
			require.Equal(w, sipua.System, w.end(k.call).By)
			w.ladder("> INVITE")
		}, ten)
	})
	t.Run("hung up before", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{})
			w.Respond(k.invite, 180, "Ringing")
			done := begin(func() error { return k.call.Hangup(w.Context()) })
			cancel := w.ExpectRequest(w.T, "CANCEL")
			w.Respond(cancel, 200, "OK")
			time.Sleep(11 * time.Second)
			k.refused(487)
			require.NoError(w, done())
			require.Equal(w, sipua.Local, w.end(k.call).By)
		}, ten)
	})
}

// 18x and CANCEL cross each other: there is one CANCEL, and what rings now is no news.
func TestCancelCrosses18x(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		w.Respond(k.invite, 100, "Trying")
		done := begin(func() error {
			return k.call.HangupWith(w.Context(), sipua.Reason{Protocol: "SIP", Cause: 200, Text: "Call completed elsewhere"})
		})
		cancel := w.ExpectRequest(w.T, "CANCEL")
		require.Equal(w, `SIP;cause=200;text="Call completed elsewhere"`, value(cancel, "Reason"))
		w.Respond(k.invite, 180, "Ringing")
		w.RespondSDP(k.invite, 183, "Session Progress", answer(w.T, k.invite.Body()))
		k.fork(180, "other", nil)
		w.ExpectNothing(w.T, time.Second)
		require.Equal(w, sipua.Canceling, k.call.State())
		require.Zero(w, count[sipua.CallRinging](w))
		w.Respond(cancel, 200, "OK")
		k.refused(487)
		require.NoError(w, done())
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Several forks answer although they were canceled: each is acknowledged and ended.
func TestCancelCrossesSeveral200s(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.fork(180, "one", nil)
		k.fork(180, "two", nil)
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		cancel := w.ExpectRequest(w.T, "CANCEL")
		w.Respond(cancel, 200, "OK")
		for _, name := range []string{"one", "two"} {
			k.fork(200, name, newFar())
			require.Equal(w, name, tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
			bye := w.ExpectRequest(w.T, "BYE")
			require.Equal(w, name, tag(value(bye, "To")))
			w.Respond(bye, 200, "OK")
		}
		require.NoError(w, done())
		require.Equal(w, sipua.CallEnded{Call: k.call, By: sipua.Local, Status: 487, Reason: "Request Terminated"}, w.end(k.call))
		require.Zero(w, count[sipua.CallAnswered](w))
	})
}

// The early session of a reliable response ends with the CANCEL too.
func TestCancelWhilePRACKIsOut(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.provides(183, k.answerTo(k.invite), reliable(1)...)
		prack := k.prackOf(k.ok)
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		cancel := w.ExpectRequest(w.T, "CANCEL")
		w.Respond(prack, 200, "OK")
		w.Respond(cancel, 200, "OK")
		k.refused(487)
		require.NoError(w, done())
		synctest.Wait()
		require.Equal(w, sipua.Ended, k.call.State())
	})
}

// The ladder of a call that nobody answers in time: CANCEL, 487, and the end by us.
func TestNoAnswerLadder(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		k := w.dial(sipua.CallOptions{NoAnswerTimeout: 30 * time.Second})
		w.Respond(k.invite, 180, "Ringing")
		w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
		k.refused(487)
		w.end(k.call)
		w.golden("call-no-answer")
	})
}
