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
)

// referred plays a REFER of the other side in the call.
func (k *talk) referred(to string, headers ...sip.Header) (*sip.Request, *sipua.Referral) {
	k.Helper()
	req := k.request("REFER", append(headers, h("Refer-To", to))...)
	e := last[sipua.CallReferred](k.world)
	require.Same(k, k.call, e.Call)
	return req, e.Referral
}

// follow accepts a referral and returns the new call with its INVITE, once the 202
// and the first notification have come.
func (w *world) follow(r *sipua.Referral, o sipua.CallOptions) (call *sipua.Call, invite *sip.Request) {
	w.Helper()
	call, err := r.Accept(w.Context(), o)
	require.NoError(w, err)
	ok := w.ExpectResponse(w.T, 202)
	require.Regexp(w, `^<sip:[a-z2-7]+@[a-z2-7]+\.invalid;transport=ws;ob>$`, value(ok, "Contact"))
	for range 2 { // the offer of the new call is made meanwhile
		text := w.ExpectMessage(w.T)
		req, err := sip.ParseMessage(text)
		require.NoError(w, err)
		if req := req.(*sip.Request); req.Method == sip.NOTIFY {
			w.report(req, "active;expires=240", "SIP/2.0 100 Trying\r\n")
			w.Respond(req, 200, "OK")
		} else {
			require.Equal(w, sip.INVITE, req.Method)
			invite = req
		}
	}
	require.NotNil(w, invite)
	return call, invite
}

// report demands what a notification tells.
func (w *world) report(req *sip.Request, state, body string) {
	w.Helper()
	require.Equal(w, state, value(req, "Subscription-State"))
	require.Equal(w, "message/sipfrag;version=2.0", value(req, "Content-Type"))
	require.Equal(w, body, string(req.Body()))
	require.Regexp(w, `^refer;id=\d+$`, value(req, "Event"))
}

// reported takes a notification and agrees to it.
func (w *world) reported(state, body string) *sip.Request {
	w.Helper()
	req := w.ExpectRequest(w.T, "NOTIFY")
	w.report(req, state, body)
	w.Respond(req, 200, "OK")
	return req
}

const noMore = "terminated;reason=noresource"

// answers plays the answer of a new call.
func (w *world) answers(invite *sip.Request) {
	w.Helper()
	w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()))
	w.ExpectRequest(w.T, "ACK")
}

// RFC 3515 section 2.4 and RFC 3892: the call is made as it was asked for, and told
// of inside the dialog.
func TestReferral(t *testing.T) {
	both(t, func(k *talk) {
		k.forget()
		req, r := k.referred(`"Carol" <sip:1003@example.com;method=INVITE?Replaces=a%40b%3Bto-tag%3Dx%3Bfrom-tag%3Dy&X-Case=4%205&Require=replaces&Call-ID=evil>`,
			h("Referred-By", `"Boss" <sip:boss@example.com>;cid="1@2"`))
		require.Equal(k, "sip:1003@example.com", r.Target())
		require.Equal(k, "INVITE", r.Method())
		require.Equal(k, &sipua.Replaces{CallID: "a@b", ToTag: "x", FromTag: "y"}, r.Replaces())
		require.Equal(k, sipua.Identity{DisplayName: "Boss", URI: "sip:boss@example.com", User: "boss"}, r.ReferredBy())
		require.Equal(k, k.call.Remote().URI, r.From().URI)
		k.ExpectNothing(k.T, time.Second) // nothing is followed by itself

		call, invite := k.follow(r, sipua.CallOptions{Headers: []sipua.Header{{Name: "X-Mine", Value: "1"}}})
		require.Equal(k, "sip:1003@example.com", invite.Recipient.String())
		require.Equal(k, "a@b;to-tag=x;from-tag=y", value(invite, "Replaces"))
		require.Equal(k, "replaces", value(invite, "Require"))
		require.Equal(k, `"Boss" <sip:boss@example.com>;cid="1@2"`, value(invite, "Referred-By"))
		require.Equal(k, "4 5", value(invite, "X-Case"))
		require.Equal(k, "1", value(invite, "X-Mine"))
		require.NotEqual(k, "evil", invite.CallID().Value())
		require.NotEqual(k, k.call.ID(), call.ID())

		k.Respond(invite, 180, "Ringing")
		k.reported("active;expires=240", "SIP/2.0 180 Ringing\r\n")
		time.Sleep(40 * time.Second)
		k.Respond(invite, 183, "Session \x02Progress")
		k.reported("active;expires=200", "SIP/2.0 183 Session Progress\r\n")
		k.answers(invite)
		n := k.reported(noMore, "SIP/2.0 200 OK\r\n")
		k.inDialog(n)
		require.Equal(k, "refer;id="+itoa(int(req.CSeq().SeqNo)), value(n, "Event"))
		require.Equal(k, sipua.Established, k.call.State(), "the referrer hangs up")
		k.bye()
		require.Equal(k, sipua.Established, call.State())
		k.ExpectNothing(k.T, 10*time.Minute)
		_, err := r.Accept(k.Context(), sipua.CallOptions{})
		typed(k.T, err, sipua.CodeInvalidState, 0)
		typed(k.T, r.Reject(k.Context(), 603), sipua.CodeInvalidState, 0)
	})
}

func TestReferralLadder(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.forget()
		_, r := k.referred("<sip:1003@example.com>", h("Referred-By", "<sip:1002@example.com>"))
		w.delay.Store(int64(time.Second)) // so that the notification comes first
		_, invite := w.follow(r, sipua.CallOptions{})
		w.delay.Store(0)
		w.Respond(invite, 180, "Ringing")
		w.reported("active;expires=238", "SIP/2.0 180 Ringing\r\n")
		w.answers(invite)
		w.reported(noMore, "SIP/2.0 200 OK\r\n")
		k.bye()
		w.golden("referral")
	})
}

// What the new call ends with is told.
func TestReferralThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		fail func(w *world, call *sipua.Call, invite *sip.Request)
		want string
	}{
		"busy": {func(w *world, _ *sipua.Call, invite *sip.Request) {
			w.Respond(invite, 486, "Busy \x1bHere")
			w.ExpectRequest(w.T, "ACK")
		}, "486 Busy Here"},
		"no answer": {func(*world, *sipua.Call, *sip.Request) {}, "408 Request Timeout"},
		"no media": {func(w *world, _ *sipua.Call, invite *sip.Request) {
			w.Respond(invite, 200, "OK")
			w.ExpectRequest(w.T, "ACK")
		}, "488 Not Acceptable Here"},
		"we hang up": {func(w *world, call *sipua.Call, invite *sip.Request) {
			w.Respond(invite, 100, "Trying")
			synctest.Wait()
			done := begin(func() error { return call.Hangup(w.Context()) })
			w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
			w.Respond(invite, 487, "Request Terminated")
			w.ExpectRequest(w.T, "ACK")
			require.NoError(w, done())
		}, "487 Request Terminated"},
		"wrong password": {func(w *world, _ *sipua.Call, invite *sip.Request) {
			w.Respond(invite, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="n", algorithm=None`))
			w.ExpectRequest(w.T, "ACK")
		}, "403 Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.outgoing()
				_, r := k.referred("<sip:1003@example.com>")
				call, invite := w.follow(r, sipua.CallOptions{})
				c.fail(w, call, invite)
				if name == "no media" { // the BYE of the new call and the report, in either order
					for range 2 {
						text := string(w.ExpectMessage(w.T))
						msg, err := sip.ParseMessage([]byte(text))
						require.NoError(w, err)
						if strings.HasPrefix(text, "NOTIFY") {
							w.report(msg.(*sip.Request), noMore, "SIP/2.0 "+c.want+"\r\n")
						}
						w.Respond(msg.(*sip.Request), 200, "OK")
					}
				} else {
					w.reported(noMore, "SIP/2.0 "+c.want+"\r\n")
				}
				w.end(call)
				require.Equal(w, sipua.Established, k.call.State())
				require.False(w, w.ua.WantsFlow())
			})
		})
	}
}

// Reject, and nobody who decides.
func TestReferralRejected(t *testing.T) {
	for status, want := range map[int]int{0: 603, 603: 603, 486: 486, 403: 403} {
		play(t, func(w *world) {
			k := w.outgoing()
			_, r := k.referred("<sip:1003@example.com>")
			require.NoError(w, r.Reject(w.Context(), status))
			w.ExpectResponse(w.T, want)
			w.ExpectNothing(w.T, time.Minute)
			_, err := r.Accept(w.Context(), sipua.CallOptions{})
			typed(w.T, err, sipua.CodeInvalidState, 0)
			require.False(w, w.ua.WantsFlow())
		})
	}
	play(t, func(w *world) {
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>")
		for _, status := range []int{-1, 1, 200, 302, 700} {
			typed(w.T, r.Reject(w.Context(), status), sipua.CodeInvalidArgument, 0)
		}
		_, err := r.Accept(w.Context(), sipua.CallOptions{Headers: []sipua.Header{{Name: "Via", Value: "x"}}})
		typed(w.T, err, sipua.CodeInvalidArgument, 0)
		w.ExpectNothing(w.T, 19*time.Second)
		w.ExpectResponse(w.T, 480) // nobody has decided
		typed(w.T, r.Reject(w.Context(), 603), sipua.CodeInvalidState, 0)
		k.hangup()
	})
}

// RFC 4488: who does not want to be told is not.
func TestReferralWithoutSubscription(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>", h("Refer-Sub", "false"), h("Require", "norefersub"))
		_, err := r.Accept(w.Context(), sipua.CallOptions{})
		require.NoError(w, err)
		require.Equal(w, "false", value(w.ExpectResponse(w.T, 202), "Refer-Sub"))
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		w.Respond(invite, 486, "Busy Here")
		w.ExpectRequest(w.T, "ACK")
		w.ExpectNothing(w.T, time.Minute)
	})
}

// RFC 3515 section 2.4.2, and what else is not followed.
func TestReferThatIsRefused(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.forget()
		for name, c := range map[string]struct {
			headers []sip.Header
			status  int
		}{
			"none":             {nil, 400},
			"two":              {[]sip.Header{h("Refer-To", "<sip:a@b>"), h("Refer-To", "<sip:c@d>")}, 400},
			"two in a line":    {[]sip.Header{h("Refer-To", "<sip:a@b>, <sip:c@d>")}, 400},
			"no URI":           {[]sip.Header{h("Refer-To", "nobody")}, 400},
			"bad Replaces":     {[]sip.Header{h("Refer-To", "<sip:a@b?Replaces=x>")}, 400},
			"two Referred-By":  {[]sip.Header{h("Refer-To", "<sip:a@b>"), h("Referred-By", "<sip:a@b>, <sip:c@d>")}, 400},
			"another method":   {[]sip.Header{h("Refer-To", "<sip:a@b;method=BYE>")}, 403},
			"another scheme":   {[]sip.Header{h("Refer-To", "<https://example.com/>")}, 416},
			"explicit wish":    {[]sip.Header{h("Refer-To", "<sip:a@b>"), h("Require", "explicitsub")}, 420},
			"Replaces outside": {[]sip.Header{h("Refer-To", "<sip:a@b>"), h("Replaces", "a;to-tag=b;from-tag=c")}, 400},
		} {
			k.request("REFER", c.headers...)
			w.ExpectResponse(w.T, c.status)
			w.Send(w.NewRequest("REFER", "sip:1001@example.com", c.headers...))
			res := w.ExpectResponse(w.T, c.status)
			require.NotEmpty(w, res.Reason, name)
		}
		outside := w.NewRequest("REFER", "sip:1001@example.com", h("Refer-To", "<sip:a@b>"))
		outside.RemoveHeader("Contact")
		w.Send(outside)
		w.ExpectResponse(w.T, 400)
		require.Empty(w, w.story())
	})
}

// Outside of a dialog the REFER makes one of its own.
func TestReferralOutsideADialog(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		req := w.NewRequest("REFER", "sip:1001@example.com", h("Refer-To", "<sip:1003@example.com>"), h("Record-Route", "<sip:proxy.example.com;lr>"))
		w.Send(req)
		r := last[sipua.ReferralReceived](w).Referral
		require.Equal(w, "Peer", r.From().DisplayName)
		require.Nil(w, r.Replaces())
		require.Empty(w, r.ReferredBy())
		_, err := r.Accept(w.Context(), sipua.CallOptions{})
		require.NoError(w, err)
		ok := w.ExpectResponse(w.T, 202)
		require.Equal(w, "<sip:proxy.example.com;lr>", value(ok, "Record-Route"))
		n := w.ExpectRequest(w.T, "NOTIFY")
		require.Equal(w, value(ok, "To"), value(n, "From"))
		require.Equal(w, value(req, "From"), value(n, "To"))
		require.Equal(w, value(req, "Call-ID"), value(n, "Call-ID"))
		require.Equal(w, "<sip:proxy.example.com;lr>", value(n, "Route"))
		w.report(n, "active;expires=240", "SIP/2.0 100 Trying\r\n")
		w.Respond(n, 200, "OK")
		invite := w.ExpectRequest(w.T, "INVITE")
		require.Empty(w, value(invite, "Referred-By"))
		w.answers(invite)
		w.reported(noMore, "SIP/2.0 200 OK\r\n")
	})
	play(t, func(w *world) {
		w.connect()
		w.Send(w.NewRequest("REFER", "sip:1001@example.com", h("Refer-To", "<sip:1003@example.com>")))
		require.NoError(w, last[sipua.ReferralReceived](w).Referral.Reject(w.Context(), 0))
		require.NotEmpty(w, tag(value(w.ExpectResponse(w.T, 603), "To")))
	})
}

// RFC 4538: outside of the dialog, but about its call, from whoever's side it is named.
func TestReferralForADialog(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		ours, theirs := tag(value(k.invite, "From")), tag(value(k.ok, "To"))
		for target, known := range map[string]bool{
			k.call.ID() + ";local-tag=" + ours + ";remote-tag=" + theirs:       true,
			k.call.ID() + " ; Remote-Tag = " + ours + ";local-tag=" + theirs:   true,
			k.call.ID() + ";local-tag=" + ours:                                 false,
			k.call.ID() + ";local-tag=" + ours + ";remote-tag=" + theirs + "x": false,
			"": false,
		} {
			w.forget()
			w.Send(w.NewRequest("REFER", "sip:1001@example.com", h("Refer-To", "<sip:1003@example.com>"), h("Target-Dialog", target), h("Require", "tdialog")))
			synctest.Wait()
			require.Equal(w, known, count[sipua.CallReferred](w) == 1, target)
			require.Equal(w, !known, count[sipua.ReferralReceived](w) == 1, target)
		}
		for range 5 {
			w.ExpectResponse(w.T, 480)
		}
	})
}

// Strangers cannot make us hold what they like.
func TestReferralsAreBounded(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		for range 64 {
			w.Send(w.NewRequest("REFER", "sip:1001@example.com", h("Refer-To", "<sip:1003@example.com>")))
		}
		w.Send(w.NewRequest("REFER", "sip:1001@example.com", h("Refer-To", "<sip:1003@example.com>")))
		require.Equal(w, "60", value(w.ExpectResponse(w.T, 480), "Retry-After"))
		require.Equal(w, 64, count[sipua.ReferralReceived](w))
		require.Zero(w, count[sipua.ReferralEnded](w))
		for range 64 {
			w.ExpectResponse(w.T, 480)
		}
		synctest.Wait()
		require.Equal(w, 64, count[sipua.ReferralEnded](w))
		w.Send(w.NewRequest("REFER", "sip:1001@example.com", h("Refer-To", "<sip:1003@example.com>")))
		synctest.Wait()
		require.Equal(w, 65, count[sipua.ReferralReceived](w))
	})
}

// The referrer hangs up while the new call rings: the new call goes on.
func TestReferrerHangsUp(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>")
		call, invite := w.follow(r, sipua.CallOptions{})
		k.bye()
		w.Respond(invite, 180, "Ringing")
		w.Respond(w.ExpectRequest(w.T, "NOTIFY"), 481, "Subscription Does Not Exist")
		w.answers(invite)
		w.ExpectNothing(w.T, time.Minute) // he is not told any more
		require.Equal(w, sipua.Established, call.State())
	})
	play(t, func(w *world) { // he hangs up before it is decided, as some phones do at once
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>")
		k.bye()
		call, invite := w.follow(r, sipua.CallOptions{})
		w.answers(invite)
		w.reported(noMore, "SIP/2.0 200 OK\r\n") // the subscription is a usage of its own
		require.NoError(w, call.Answered(w.Context()))
		require.Zero(w, count[sipua.ReferralEnded](w), "it was decided")
	})
}

// We hang up the call with a referral undecided: nobody wants it any more.
func TestReferralWhenWeHangUp(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>")
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.ExpectResponse(w.T, 603)
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, done())
		require.Equal(w, r, last[sipua.ReferralEnded](w).Referral)
		_, err := r.Accept(w.Context(), sipua.CallOptions{})
		typed(w.T, err, sipua.CodeInvalidState, 0)
		require.Equal(w, 1, count[sipua.ReferralEnded](w))
	})
}

// One notification is under way at a time, and only the newest waits.
func TestReportsWaitForOneAnother(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>")
		call, err := r.Accept(w.Context(), sipua.CallOptions{})
		require.NoError(w, err)
		w.ExpectResponse(w.T, 202)
		first := w.ExpectRequest(w.T, "NOTIFY")
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		w.Respond(invite, 183, "Session Progress")
		w.answers(invite)
		require.NoError(w, call.Answered(w.Context()))
		w.ExpectNothing(w.T, 10*time.Second)
		w.Respond(first, 200, "OK")
		second := w.reported(noMore, "SIP/2.0 200 OK\r\n")
		require.Equal(w, first.CSeq().SeqNo+1, second.CSeq().SeqNo)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Nobody answers for longer than the subscription lasts.
func TestReferralRunsOut(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>")
		_, invite := w.follow(r, sipua.CallOptions{})
		w.Respond(invite, 180, "Ringing")
		w.reported("active;expires=240", "SIP/2.0 180 Ringing\r\n")
		w.reported("terminated;reason=timeout", "SIP/2.0 100 Trying\r\n")
		w.answers(invite)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// The flow is lost: before the decision nobody can be answered, afterwards what
// is told goes over the next one.
func TestReferralWhenTheFlowIsLost(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>")
		w.Drop(1006, "")
		synctest.Wait()
		_, err := r.Accept(w.Context(), sipua.CallOptions{})
		typed(w.T, err, sipua.CodeInvalidState, 0)
		require.Equal(w, sipua.Established, k.call.State())
		require.Equal(w, r, last[sipua.ReferralEnded](w).Referral)
	})
	play(t, func(w *world) {
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>")
		_, invite := w.follow(r, sipua.CallOptions{})
		w.answers(invite)
		w.ExpectRequest(w.T, "NOTIFY") // its answer is lost
		w.Drop(1006, "")
		w.reported(noMore, "SIP/2.0 200 OK\r\n")
	})
}

func TestReferralWhenClosed(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>")
		w.forget()
		require.NoError(w, w.ua.Close())
		w.ladder("> 603", "> BYE", "= closed")
		_, err := r.Accept(context.Background(), sipua.CallOptions{})
		typed(w.T, err, sipua.CodeClosed, 0)
	})
	play(t, func(w *world) {
		w.connect()
		w.Send(w.NewRequest("REFER", "sip:1001@example.com", h("Refer-To", "<sip:1003@example.com>")))
		synctest.Wait()
		w.forget()
		require.NoError(w, w.ua.Close())
		w.ladder("> 480", "= closed")
	})
	play(t, func(w *world) {
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>")
		call, invite := w.follow(r, sipua.CallOptions{})
		w.Respond(invite, 100, "Trying")
		synctest.Wait()
		require.NoError(w, w.ua.Close())
		timers, _ := w.ua.Left()
		require.Zero(w, timers)
		require.Equal(w, sipua.Ended, call.State())
	})
}

// REFER, NOTIFY and its answer are as good as a re-INVITE to say where somebody is.
func TestReferralRefreshesTheTarget(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		_, r := k.referred("<sip:1003@example.com>", h("Contact", "<sip:first@peer.invalid;transport=ws>"))
		w.delay.Store(int64(time.Second)) // so that the notification comes first
		_, err := r.Accept(w.Context(), sipua.CallOptions{})
		require.NoError(w, err)
		w.ExpectResponse(w.T, 202)
		n := w.ExpectRequest(w.T, "NOTIFY")
		require.Equal(w, "sip:first@peer.invalid;transport=ws", n.Recipient.String())
		w.Respond(n, 200, "OK", h("Contact", "<sip:second@peer.invalid;transport=ws>"))
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 180, "Ringing")
		n = w.ExpectRequest(w.T, "NOTIFY")
		require.Equal(w, "sip:second@peer.invalid;transport=ws", n.Recipient.String())
		w.Respond(n, 200, "OK")
	})
}
