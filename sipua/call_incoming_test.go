package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// accept answers a ringing call and returns the 200, without an ACK.
func (k *talk) accept() (ok *sip.Response) {
	k.Helper()
	done := begin(func() error { return k.call.Accept(k.Context(), sipua.AcceptOptions{}) })
	ok = k.ExpectResponse(k.T, 200)
	require.NoError(k, done())
	return ok
}

// The whole call, word for word: RFC 3261 section 13.3.1.
func TestIncomingCall(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		k := w.ring()
		require.Equal(w, []string{"incoming"}, w.story())
		require.Same(w, k.call, w.recorded()[0].(sipua.IncomingCall).Call)
		require.Equal(w, sipua.Incoming, k.call.Direction())
		require.Equal(w, sipua.Ringing, k.call.State())
		require.Equal(w, sipua.Identity{DisplayName: "Peer", URI: "sip:peer@peer.invalid", User: "peer"}, k.call.Remote())
		require.Equal(w, k.invite.CallID().Value(), k.call.ID())
		require.Nil(w, w.media.For(k.call), "the microphone is asked for when the person accepts")

		ok := k.accept()
		require.Equal(w, tag(value(k.ok, "To")), tag(value(ok, "To")), "section 12.1.1: one dialog")
		require.Equal(w, sipua.Accepted, k.call.State())
		require.NoError(w, k.call.Answered(w.Context()))
		require.NoError(w, k.far.ApplyAnswer(w.Context(), string(ok.Body()), false))
		k.ack(k.invite, ok)
		synctest.Wait()
		require.Equal(w, sipua.Established, k.call.State())
		k.ok = ok
		k.bye()
		require.Equal(w, []string{"incoming", "answering", "accepted", "answered", "established", "ended", "end by remote"}, w.story())
		w.golden("call-incoming")
	})
}

// Sections 12.1.1 and 13.3.1.4: what a 180 and a 200 must carry.
func TestIncomingResponses(t *testing.T) {
	play(t, func(w *world) {
		routes := []string{"<sip:p1.example.com;lr>", "<sip:p2.example.com;lr;x=y>"}
		k := w.ring(h("Record-Route", routes[0]), h("Record-Route", routes[1]))
		for _, res := range []*sip.Response{k.ok, k.accept()} {
			require.Equal(w, routes, values(res, "Record-Route"))
			require.Equal(w, values(k.invite, "Via"), values(res, "Via"))
			require.Equal(w, value(k.invite, "From"), value(res, "From"))
			require.Equal(w, value(k.invite, "CSeq"), value(res, "CSeq"))
			require.NotEmpty(w, tag(value(res, "To")))
			require.Regexp(w, `^<sip:[a-z2-7]+@[a-z2-7]+\.invalid;transport=ws;ob>$`, value(res, "Contact"))
			require.Contains(w, value(res, "Allow"), "BYE")
			require.Equal(w, "sipwasm/"+sipua.Version, value(res, "Server"))
		}
		// Section 12.1.1: the callee's route set is in the order of the INVITE.
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		ok := w.NewResponse(k.invite, 200, "OK")
		ok.ReplaceHeader(h("To", value(k.ok, "To")))
		k.ack(k.invite, k.ok)
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, routes, values(bye, "Route"))
		require.Equal(w, "sip:peer@peer.invalid;transport=ws", bye.Recipient.String())
		require.Equal(w, value(k.ok, "To"), value(bye, "From"))
		require.Equal(w, value(k.invite, "From"), value(bye, "To"))
		w.Respond(bye, 200, "OK")
		require.NoError(w, done())
	})
}

// Section 13.3.1.4: the 200 is sent again after T1, in intervals that double up to
// T2, until the ACK.
func Test200UntilAck(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		ok := k.accept()
		begun := time.Now()
		var at []time.Duration
		for range 5 {
			again := w.ExpectResponse(w.T, 200)
			require.Equal(w, ok.String(), again.String())
			at = append(at, time.Since(begun))
		}
		s := time.Second
		require.Equal(w, []time.Duration{s / 2, 3 * s / 2, 7 * s / 2, 15 * s / 2, 23 * s / 2}, at)
		k.ack(k.invite, ok)
		w.ExpectNothing(w.T, 10*time.Minute)
		require.Equal(w, sipua.Established, k.call.State())
		k.ack(k.invite, ok) // of a retransmission
		synctest.Wait()
		require.Equal(w, sipua.Established, k.call.State())
	})
}

// Section 13.3.1.4: without an ACK for 64*T1 the session ends with BYE.
func TestAckNever(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		k.accept()
		begun := time.Now()
		for range 10 {
			w.ExpectResponse(w.T, 200)
		}
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, 32*time.Second, time.Since(begun))
		w.Respond(bye, 200, "OK")
		end := w.end(k.call)
		typed(w, end.Err, sipua.CodeTimeout, 0)
		require.Equal(w, sipua.System, end.By)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// An ACK with another CSeq or of another dialog is none.
func TestAckOfSomethingElse(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		ok := k.accept()
		ack := w.NewInDialogRequest("ACK", k.invite, ok)
		ack.CSeq().SeqNo++
		w.Send(ack)
		other := w.NewInDialogRequest("ACK", k.invite, ok)
		other.From().Params.Remove("tag")
		other.From().Params.Add("tag", "other")
		w.Send(other)
		w.ExpectResponse(w.T, 200)
		require.Equal(w, sipua.Accepted, k.call.State())
		k.ack(k.invite, ok)
		synctest.Wait()
		require.Equal(w, sipua.Established, k.call.State())
	})
}

// Section 15: the callee may not send BYE between its 200 and the ACK.
func TestHangupWaitsForAck(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		k.ok = k.accept()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		synctest.Wait()
		require.Equal(w, sipua.Canceling, k.call.State())
		w.ExpectResponse(w.T, 200) // the retransmission
		k.ack(k.invite, k.ok)
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, done())
		require.Equal(w, sipua.CallEnded{Call: k.call, By: sipua.Local}, w.end(k.call))
	})
}

// … but after 64*T1 it may.
func TestHangupWithoutAck(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		k.accept()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		for range 10 {
			w.ExpectResponse(w.T, 200)
		}
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, done())
	})
}

// The caller may hang up before its own ACK.
func TestByeBeforeAck(t *testing.T) {
	for _, hangup := range []bool{false, true} {
		play(t, func(w *world) {
			k := w.ring()
			k.ok = k.accept()
			done := func() error { return nil }
			if hangup {
				done = begin(func() error { return k.call.Hangup(w.Context()) })
				synctest.Wait()
			}
			k.bye()
			require.NoError(w, done())
			require.Equal(w, sipua.Remote, w.end(k.call).By)
			w.ExpectNothing(w.T, time.Minute)
		})
	}
}

func TestReject(t *testing.T) {
	for status, reason := range map[int]string{400: "Rejected", 403: "Forbidden", 404: "Not Found", 480: "Temporarily Unavailable", 486: "Busy Here", 600: "Busy Everywhere", 603: "Decline", 699: "Rejected"} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				k := w.ring()
				require.NoError(w, k.call.Reject(w.Context(), status))
				res := w.ExpectResponse(w.T, status)
				require.Equal(w, reason, res.Reason)
				require.Equal(w, tag(value(k.ok, "To")), tag(value(res, "To")))
				w.Send(w.NewInDialogRequest("ACK", k.invite, res))
				require.Equal(w, sipua.CallEnded{Call: k.call, By: sipua.Local, Status: status, Reason: reason}, w.end(k.call))
				typed(w, k.call.Answered(w.Context()), sipua.CodeCanceled, status)
				typed(w, k.call.Reject(w.Context(), status), sipua.CodeInvalidState, 0)
				typed(w, k.call.Accept(w.Context(), sipua.AcceptOptions{}), sipua.CodeInvalidState, 0)
				require.Empty(w, w.media.All(), "no microphone was needed")
			})
		})
	}
}

func TestRejectArguments(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		for _, status := range []int{-1, 0, 100, 180, 200, 299, 302, 700, 1000} {
			typed(w, k.call.Reject(w.Context(), status), sipua.CodeInvalidArgument, 0)
		}
		require.Equal(w, sipua.Ringing, k.call.State())
		call := w.callOut()
		w.ExpectRequest(w.T, "INVITE")
		typed(w, call.Reject(w.Context(), 486), sipua.CodeInvalidState, 0)
		typed(w, call.Accept(w.Context(), sipua.AcceptOptions{}), sipua.CodeInvalidState, 0)
	})
}

// Hangup of a call that rings is Decline, also while it is being accepted.
func TestHangupOfRingingCall(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		require.NoError(w, k.call.Hangup(w.Context()))
		w.ExpectResponse(w.T, 603)
		w.end(k.call)
	})
	play(t, func(w *world) {
		k := w.ring()
		w.media.Delay = time.Hour
		accept := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		synctest.Wait()
		require.Equal(w, sipua.Answering, k.call.State())
		require.NoError(w, k.call.Hangup(w.Context()))
		w.ExpectResponse(w.T, 603)
		typed(w, accept(), sipua.CodeCanceled, 603)
		w.end(k.call)
	})
}

// Section 9.2: 200 to the CANCEL, 487 to the INVITE.
func TestIncomingCancel(t *testing.T) {
	for header, want := range map[string]sipua.CallEnded{
		"": {By: sipua.Remote, Status: 487, Reason: "Request Terminated"},
		`SIP;cause=200;text="Call completed elsewhere"`: {By: sipua.Remote, Status: 200, Reason: "Call completed elsewhere"},
	} {
		for _, answering := range []bool{false, true} {
			play(t, func(w *world) {
				k := w.ring()
				accept := func() error { return nil }
				if answering {
					w.media.Delay = time.Hour
					accept = begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
					synctest.Wait()
				}
				var headers []sip.Header
				if header != "" {
					headers = append(headers, h("Reason", header))
				}
				cancel := w.NewInDialogRequest("CANCEL", k.invite, nil, headers...)
				w.Send(cancel)
				first, second := w.ExpectMessage(w.T), w.ExpectMessage(w.T)
				require.Regexp(w, `^SIP/2.0 200 (?s:.*)CSeq: 1 CANCEL`, string(first))
				require.Regexp(w, `^SIP/2.0 487 (?s:.*)CSeq: 1 INVITE`, string(second))
				end := w.end(k.call)
				want.Call = k.call
				require.Equal(w, want, end)
				if answering {
					typed(w, accept(), sipua.CodeCanceled, want.Status)
				}
				w.Send(cancel)
				w.ExpectMessage(w.T)
				w.ExpectNothing(w.T, time.Minute)
			})
		}
	}
}

// A CANCEL that comes after the 200 has no effect (section 9.2).
func TestCancelAfter200(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		k.ok = k.accept()
		w.Send(w.NewInDialogRequest("CANCEL", k.invite, nil))
		w.ExpectResponse(w.T, 200)
		k.ack(k.invite, k.ok)
		synctest.Wait()
		require.Equal(w, sipua.Established, k.call.State())
		k.bye()
	})
}

// Section 15.1.2: a BYE in the early dialog ends the INVITE with 487.
func TestByeInEarlyDialog(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		k.request("BYE")
		require.Equal(w, "BYE", string(w.ExpectResponse(w.T, 200).CSeq().MethodName))
		require.Equal(w, "INVITE", string(w.ExpectResponse(w.T, 487).CSeq().MethodName))
		require.Equal(w, sipua.Remote, w.end(k.call).By)
	})
}

// What an INVITE outside a dialog is refused for.
func TestInviteRefused(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		make    func(t *testing.T, req *sip.Request)
		headers map[string]string
	}{
		"garbage": {488, func(t *testing.T, req *sip.Request) { sipuatest.SetSDP(req, "hello") }, map[string]string{"Warning": "399 "}},
		"no media": {488, func(t *testing.T, req *sip.Request) {
			sipuatest.SetSDP(req, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")
		}, map[string]string{"Warning": "399 "}},
		"other content": {415, func(t *testing.T, req *sip.Request) {
			req.AppendHeader(h("Content-Type", "text/plain"))
			req.SetBody([]byte("hello"))
		}, map[string]string{"Accept": "application/sdp"}},
		"no content type": {415, func(t *testing.T, req *sip.Request) { req.SetBody([]byte("hello")) }, map[string]string{"Accept": "application/sdp"}},
		"encoded content": {415, func(t *testing.T, req *sip.Request) {
			sipuatest.SetSDP(req, "\x1f\x8b\x08")
			req.AppendHeader(h("Content-Encoding", "gzip"))
		}, map[string]string{"Accept-Encoding": ""}},
		"Require":    {420, func(t *testing.T, req *sip.Request) { req.AppendHeader(h("Require", "100rel, x-new")) }, map[string]string{"Unsupported": "x-new"}},
		"no Contact": {400, func(t *testing.T, req *sip.Request) { req.RemoveHeader("Contact") }, nil},
		"http":       {416, func(t *testing.T, req *sip.Request) { req.Recipient.Scheme = "http" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				req := w.NewRequest("INVITE", "sip:1001@example.com")
				c.make(t, req)
				w.Send(req)
				res := w.ExpectResponse(w.T, c.status)
				for name, want := range c.headers {
					require.NotEmpty(w, values(res, name), "%s: %s", name, res)
					require.Contains(w, value(res, name), want)
				}
				w.Send(w.NewInDialogRequest("ACK", req, res))
				w.ExpectNothing(w.T, time.Minute)
				require.Empty(w, w.story())
				w.alive()
			})
		})
	}
}

// A content type may have parameters and any case (section 7.3.1, 20.15).
func TestContentTypeForms(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		req := w.NewRequest("INVITE", "sip:1001@example.com", h("c", "Application/SDP ; charset=utf-8"))
		req.SetBody([]byte(offer(w.T)))
		w.Send(req)
		w.ExpectResponse(w.T, 180)
	})
}

// Strangers cannot make us hold more than 64 calls.
func TestTooManyCalls(t *testing.T) {
	play(t, func(w *world) {
		var calls []*talk
		for range 64 {
			calls = append(calls, w.ring())
		}
		req := w.NewRequest("INVITE", "sip:1001@example.com")
		sipuatest.SetSDP(req, offer(w.T))
		w.Send(req)
		w.ExpectResponse(w.T, 486)
		require.Len(w, w.ua.Calls(), 64)
		require.NoError(w, calls[7].call.Reject(w.Context(), 486))
		w.ExpectResponse(w.T, 486)
		w.ring()
		require.Equal(w, 65, count[sipua.IncomingCall](w))
	})
}

// Who calls is text of strangers.
func TestIdentity(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for from, want := range map[string]sipua.Identity{
		`<sip:1002@example.com>`:                             {URI: "sip:1002@example.com", User: "1002"},
		`sip:1002@example.com`:                               {URI: "sip:1002@example.com", User: "1002"},
		`Bob <sip:1002@example.com;user=phone>`:              {DisplayName: "Bob", URI: "sip:1002@example.com", User: "1002"},
		`Bob van Tongeren <sip:1002@example.com>`:            {DisplayName: "Bob van Tongeren", URI: "sip:1002@example.com", User: "1002"},
		`"Bob \"the \\ cat\"" <sip:1002@example.com>`:        {DisplayName: `Bob "the \ cat"`, URI: "sip:1002@example.com", User: "1002"},
		`"Zażółć 🐈" <sip:1002@example.com>`:                  {DisplayName: "Zażółć 🐈", URI: "sip:1002@example.com", User: "1002"},
		"\"a\x1b[31mb\tc\x7f\" <sip:1002@example.com>":       {DisplayName: "a[31mbc", URI: "sip:1002@example.com", User: "1002"},
		"\"caf\xe9\" <sip:1002@example.com>":                 {DisplayName: "caf", URI: "sip:1002@example.com", User: "1002"},
		`"<script>alert(1)</script>" <sip:1002@example.com>`: {DisplayName: "<script>alert(1)</script>", URI: "sip:1002@example.com", User: "1002"},
		`<sip:%C5%81ukasz%20x@example.com>`:                  {URI: "sip:%C5%81ukasz%20x@example.com", User: "Łukasz x"},
		`<sip:*98%23@example.com:5070>`:                      {URI: "sip:*98%23@example.com:5070", User: "*98#"},
		`<sip:a%0d%0aX:@example.com>`:                        {URI: "sip:a%0d%0aX@example.com", User: "aX"},
		`<tel:+1-201-555-0123;phone-context=x>`:              {URI: "tel:+1-201-555-0123", User: "+1-201-555-0123"},
		`"Anonymous" <sip:anonymous@anonymous.invalid>`:      {DisplayName: "Anonymous", URI: "sip:anonymous@anonymous.invalid", User: "anonymous"},
		`<sip:example.com>`:                                  {URI: "sip:example.com"},
		`<sips:1002@example.com>`:                            {URI: "sips:1002@example.com", User: "1002"},
		`"" <sip:1002@example.com>`:                          {URI: "sip:1002@example.com", User: "1002"},
		`"` + long + `" <sip:1002@example.com>`:              {DisplayName: long[:200] + "…", URI: "sip:1002@example.com", User: "1002"},
		"\"a\u202eb\u2066c\" <sip:1002@example.com>":         {DisplayName: "abc", URI: "sip:1002@example.com", User: "1002"}, // bidirectional overrides would swap what is read
		"\"a\u0085b\u2028c\" <sip:1002@example.com>":         {DisplayName: "abc", URI: "sip:1002@example.com", User: "1002"}, // C1 controls and line separators
	} {
		t.Run(from[:min(len(from), 50)], func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				req := w.NewRequest("INVITE", "sip:1001@example.com")
				sipuatest.SetSDP(req, offer(w.T))
				text := strings.Replace(req.String(), "From: "+value(req, "From"), "From: "+from+";tag=far", 1)
				w.SendRaw([]byte(text))
				w.ExpectResponse(w.T, 180)
				require.Equal(w, want, last[sipua.IncomingCall](w).Call.Remote())
			})
		})
	}
}

// Two calls at once do not touch one another.
func TestTwoCalls(t *testing.T) {
	play(t, func(w *world) {
		a, b := w.incoming(), w.outgoing()
		require.Equal(w, []*sipua.Call{a.call, b.call}, w.ua.Calls())
		b.bye()
		require.Equal(w, sipua.Established, a.call.State())
		a.hangup()
	})
}

// Section 13.3.1.1: who takes long to answer says so every minute, since proxies
// give up after three without a word.
func TestRingingEveryMinute(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		for range 10 {
			begun := time.Now()
			again := w.ExpectResponse(w.T, 180)
			require.Equal(w, tag(value(k.ok, "To")), tag(value(again, "To")))
			require.Equal(w, time.Minute, time.Since(begun))
		}
		require.NoError(w, k.call.Reject(w.Context(), 480))
		w.ExpectResponse(w.T, 480)
		w.ExpectNothing(w.T, 10*time.Minute)
	})
}

// Section 13.3.1: the caller may say how long it waits.
func TestInviteExpires(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(h("Expires", "20"))
		begun := time.Now()
		w.ExpectResponse(w.T, 487)
		require.Equal(w, 20*time.Second, time.Since(begun))
		end := w.end(k.call)
		require.Equal(w, sipua.Remote, end.By)
		require.Equal(w, 487, end.Status)
	})
	play(t, func(w *world) {
		k := w.ring(h("Expires", "20"))
		k.ok = k.accept()
		k.ack(k.invite, k.ok)
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, sipua.Established, k.call.State())
	})
}
