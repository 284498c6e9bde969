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

// The whole call, word for word: RFC 3261 sections 13.2 and 15.1.
func TestCall(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		call := w.callOut()
		require.Equal(w, sipua.Outgoing, call.Direction())
		require.Equal(w, sipua.Preparing, call.State())
		require.Equal(w, sipua.Identity{URI: "sip:1002@example.com", User: "1002"}, call.Remote())
		invite := w.ExpectRequest(w.T, "INVITE")
		require.Equal(w, call.ID(), invite.CallID().Value())
		w.Respond(invite, 100, "Trying")
		w.Respond(invite, 180, "Ringing")
		w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		require.Equal(w, []*sipua.Call{call}, w.ua.Calls())

		done := begin(func() error { return call.Hangup(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, done())
		end := w.end(call)
		require.Equal(w, sipua.CallEnded{Call: call, By: sipua.Local}, end)
		require.NoError(w, call.Hangup(w.Context()), "over already")
		require.NoError(w, call.Answered(w.Context()), "it was answered")
		require.Equal(w, []string{"calling", "ringing", "180", "established", "answered", "ended", "end by local"}, w.story())
		w.golden("call-outgoing")
	})
}

// Section 8.1.1 and 13.2.1: what an INVITE must carry.
func TestInviteHeaders(t *testing.T) {
	play(t, func(w *world) {
		_, err := w.ua.Call("1002", sipua.CallOptions{Headers: []sipua.Header{{"X-Ticket", "42"}, {"Subject", "Zażółć"}, {"X-Ticket", "43"}}})
		require.NoError(w, err)
		invite := w.ExpectRequest(w.T, "INVITE")
		require.Equal(w, "sip:1002@example.com", invite.Recipient.String())
		require.Equal(w, "<sip:1002@example.com>", value(invite, "To"))
		require.Equal(w, "<sip:1001@example.com>", strings.Split(strings.TrimPrefix(value(invite, "From"), `"Alice" `), ";")[0])
		require.GreaterOrEqual(w, len(tag(value(invite, "From"))), 7, "section 19.3: 32 bits at least")
		require.Equal(w, "70", value(invite, "Max-Forwards"))
		require.Equal(w, "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, MESSAGE, INFO, PRACK, UPDATE, REFER", value(invite, "Allow"))
		require.Equal(w, "application/sdp", value(invite, "Content-Type"))
		require.Equal(w, "replaces, norefersub, tdialog, 199, 100rel, timer", value(invite, "Supported"))
		require.Equal(w, "1800", value(invite, "Session-Expires"), "RFC 4028 section 7.1: who refreshes is left to the other side")
		require.Empty(w, values(invite, "Require"))
		require.Equal(w, "sipwasm/"+sipua.Version, value(invite, "User-Agent"))
		require.Regexp(w, `^SIP/2.0/WSS [a-z2-7]{12}\.invalid;branch=z9hG4bK[a-z2-7]{20}$`, value(invite, "Via"))
		require.Regexp(w, `^<sip:[a-z2-7]{8}@`+invite.Via().Host+`;transport=ws;ob>$`, value(invite, "Contact"))
		require.Equal(w, []string{"42", "43"}, values(invite, "X-Ticket"))
		require.Equal(w, "Zażółć", value(invite, "Subject"))
	})
}

// Section 13.2.2.1 and RFC 3960: provisional responses. Each description of the fork that
// is heard is a preview of its answer.
func TestProvisionals(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 100, "Trying")
		w.Respond(invite, 181, "Call Is Being Forwarded")
		w.Respond(invite, 182, "Queued, 3 before you")
		far := sipuatest.NewMedia(sipuatest.MediaOptions{})
		sdp, err := far.CreateAnswer(w.Context(), string(invite.Body()), sipua.OfferOptions{})
		require.NoError(w, err)
		w.RespondSDP(invite, 183, "Session Progress", sdp)
		synctest.Wait()
		media := w.media.For(call)
		require.Equal(w, sipuatest.HaveRemotePranswer, media.State())
		w.RespondSDP(invite, 183, "Session Progress", sdp)
		w.Respond(invite, 180, "Ringing")
		w.RespondSDP(invite, 200, "OK", sdp)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		require.Equal(w, sipuatest.Stable, media.State())
		require.Equal(w, []string{"Open", "CreateOffer", "ApplyAnswer", "ApplyAnswer", "ApplyAnswer"}, append([]string{"Open"}, media.Log()...))
		require.Equal(w, []string{"calling", "ringing", "181", "182", "183 with media", "183 with media", "180", "established", "answered"}, w.story())
		require.Equal(w, "Queued, 3 before you", w.recorded()[3].(sipua.CallRinging).Reason)
	})
}

// Early media that cannot be used does not end the call.
func TestBadEarlyMedia(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.RespondSDP(invite, 183, "Session Progress", "v=0\r\ngarbage")
		synctest.Wait()
		require.Equal(w, 1, count[sipua.ProtocolError](w))
		w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
	})
}

// Final failures end the call with their status; section 17.1.1.3 has the ACK.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		status int
		reason string
	}{{300, "Multiple Choices"}, {302, "Moved Temporarily"}, {403, "Forbidden"}, {404, "Not Found"}, {408, "Request Timeout"}, {480, "Temporarily Unavailable"},
		{486, "Busy Here"}, {487, "Request Terminated"}, {488, "Not Acceptable Here"}, {500, "Server Internal Error"}, {503, "Service Unavailable"}, {600, "Busy Everywhere"}, {603, "Decline"}, {699, "Odd"}} {
		t.Run(c.reason, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				call := w.callOut()
				invite := w.ExpectRequest(w.T, "INVITE")
				w.Respond(invite, 180, "Ringing")
				w.Respond(invite, c.status, c.reason)
				ack := w.ExpectRequest(w.T, "ACK")
				require.Equal(w, value(invite, "Via"), value(ack, "Via"))
				require.Equal(w, invite.Recipient.String(), ack.Recipient.String())
				end := w.end(call)
				require.Equal(w, sipua.Remote, end.By)
				require.Equal(w, c.status, end.Status)
				require.Equal(w, c.reason, end.Reason)
				typed(w, end.Err, sipua.CodeRejected, c.status)
				e := typed(w, call.Answered(w.Context()), sipua.CodeRejected, c.status)
				require.Equal(w, c.reason, e.Reason)
				require.ErrorIs(w, e, sipua.ErrRejected)
				w.ladder("> INVITE", "< 180", "< "+itoa(c.status), "> ACK")
			})
		})
	}
}

// The phrase goes to people: it is bounded and has no control characters.
func TestRefusedWithOddPhrase(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 486, "Bu\x1b[31msy\x07 "+strings.Repeat("x", 500))
		w.ExpectRequest(w.T, "ACK")
		end := w.end(call)
		require.NotContains(w, end.Reason, "\x1b")
		require.NotContains(w, end.Reason, "\x07")
		require.LessOrEqual(w, len([]rune(end.Reason)), 201)
	})
}

// Sections 22.2 and 13.2.2.4: the challenged INVITE goes out again with the next
// CSeq; the ACK of the 401 has the old one and the old branch, the ACK of the 200
// repeats the credentials.
func TestInviteChallenged(t *testing.T) {
	for status, names := range map[int][2]string{401: {"WWW-Authenticate", "Authorization"}, 407: {"Proxy-Authenticate", "Proxy-Authorization"}} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				call := w.callOut()
				first := w.ExpectRequest(w.T, "INVITE")
				w.Respond(first, 100, "Trying")
				w.Respond(first, status, "Who Are You", h(names[0], `Digest realm="r", nonce="n1", qop="auth", algorithm=SHA-256`))
				ack := w.ExpectRequest(w.T, "ACK")
				require.Equal(w, first.Via().Value(), ack.Via().Value())
				require.Equal(w, first.CSeq().SeqNo, ack.CSeq().SeqNo)
				require.Empty(w, values(ack, names[1]))
				second := w.ExpectRequest(w.T, "INVITE")
				require.Equal(w, first.CSeq().SeqNo+1, second.CSeq().SeqNo)
				require.NotEqual(w, first.Via().Value(), second.Via().Value())
				require.Equal(w, value(first, "From"), value(second, "From"))
				require.Equal(w, value(first, "To"), value(second, "To"))
				require.Equal(w, first.CallID().Value(), second.CallID().Value())
				require.Equal(w, first.Body(), second.Body())
				checkDigest(w.T, second, names[1], "1001", "secret")
				w.RespondSDP(second, 200, "OK", answer(w.T, second.Body()))
				ack = w.ExpectRequest(w.T, "ACK")
				require.Equal(w, second.CSeq().SeqNo, ack.CSeq().SeqNo)
				require.Equal(w, values(second, names[1]), values(ack, names[1]))
				require.NoError(w, call.Answered(w.Context()))
				require.Equal(w, []string{"calling", "established", "answered"}, w.story())
			})
		})
	}
}

// A proxy and the far end may both ask (section 22.3): the credentials add up.
func TestInviteChallengedTwice(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 407, "Proxy", h("Proxy-Authenticate", `Digest realm="proxy", nonce="n1"`))
		w.ExpectRequest(w.T, "ACK")
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 401, "Far End", h("WWW-Authenticate", `Digest realm="far", nonce="n2"`))
		w.ExpectRequest(w.T, "ACK")
		third := w.ExpectRequest(w.T, "INVITE")
		require.Len(w, values(third, "Proxy-Authorization"), 1)
		require.Len(w, values(third, "Authorization"), 1)
		require.EqualValues(w, 3, third.CSeq().SeqNo)
		w.RespondSDP(third, 200, "OK", answer(w.T, third.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
	})
}

func TestInviteWrongPassword(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		for range 2 {
			w.Respond(w.ExpectRequest(w.T, "INVITE"), 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="n"`))
			w.ExpectRequest(w.T, "ACK")
		}
		typed(w, call.Answered(w.Context()), sipua.CodeUnauthorized, 401)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// An answer that cannot be used: the dialog exists, so ACK and BYE; the error
// says why.
func TestUnusableAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		sdp  string
		code sipua.Code
		make func(*sip.Response)
	}{
		"no session description": {"", sipua.CodeProtocol, nil},
		"garbage":                {"hello", sipua.CodeProtocol, nil},
		"no media":               {"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", sipua.CodeProtocol, nil},
		"not for browsers":       {"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", sipua.CodeMediaFailed, nil},
		"no Contact":             {"good", sipua.CodeProtocol, func(res *sip.Response) { res.RemoveHeader("Contact") }},
		"Contact *":              {"good", sipua.CodeProtocol, func(res *sip.Response) { res.ReplaceHeader(h("Contact", "*")) }},
		"other content type": {"good", sipua.CodeProtocol, func(res *sip.Response) {
			res.ReplaceHeader(h("Content-Type", "text/plain"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				call := w.callOut()
				invite := w.ExpectRequest(w.T, "INVITE")
				w.Respond(invite, 100, "Trying")
				res := w.NewResponse(invite, 200, "OK")
				sdp := c.sdp
				if sdp == "good" {
					sdp = answer(w.T, invite.Body())
				}
				if sdp != "" {
					sipuatest.SetSDP(res, sdp)
				}
				if c.make != nil {
					c.make(res)
				}
				w.Send(res)
				w.ExpectRequest(w.T, "ACK")
				w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
				end := w.end(call)
				require.Equal(w, sipua.System, end.By)
				require.Equal(w, c.code, typed(w, end.Err, c.code, end.Err.(*sipua.Error).Status).Code)
				require.Error(w, call.Answered(w.Context()))
				require.Zero(w, count[sipua.CallAnswered](w))
				w.ExpectNothing(w.T, time.Minute)
			})
		})
	}
}

// Section 12.1.2: the route set of the caller is Record-Route in reverse.
func TestRouteSet(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()),
			h("Record-Route", "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>"), h("Record-Route", "<sip:p0.example.com;transport=ws;lr>"))
		want := []string{"<sip:p0.example.com;transport=ws;lr>", "<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"}
		ack := w.ExpectRequest(w.T, "ACK")
		require.Equal(w, want, values(ack, "Route"))
		require.Equal(w, "sip:peer@peer.invalid;transport=ws", ack.Recipient.String())
		require.NoError(w, call.Answered(w.Context()))
		done := begin(func() error { return call.Hangup(w.Context()) })
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, want, values(bye, "Route"))
		require.Equal(w, "sip:peer@peer.invalid;transport=ws", bye.Recipient.String())
		w.Respond(bye, 200, "OK")
		require.NoError(w, done())
	})
}

// Timer B: 32 s without any answer.
func TestInviteTimeout(t *testing.T) {
	play(t, func(w *world) {
		begun := time.Now()
		call := w.callOut()
		w.ExpectRequest(w.T, "INVITE")
		e := typed(w, call.Answered(w.Context()), sipua.CodeTimeout, 408)
		require.ErrorIs(w, e, sipua.ErrTimeout)
		require.Equal(w, 32*time.Second, time.Since(begun))
		end := w.end(call)
		require.Equal(w, sipua.System, end.By)
		w.ladder("= connected", "> INVITE") // no retransmission: the flow is reliable
	})
}

// It may ring for long: nothing ends an INVITE that had a provisional response.
func TestRingsForLong(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		w.ExpectNothing(w.T, time.Hour)
		require.Equal(w, sipua.Ringing, call.State())
	})
}

// The context of Answered and Hangup bounds the waiting, not the call.
func TestCallContext(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		e := typed(w, call.Answered(ctx), sipua.CodeTimeout, 0)
		require.ErrorIs(w, e, context.DeadlineExceeded)
		why := errors.New("the window was closed")
		ctx2, cancel2 := context.WithCancelCause(w.Context())
		cancel2(why)
		e = typed(w, call.Answered(ctx2), sipua.CodeCanceled, 0)
		require.ErrorIs(w, e, why)
		_, err := call.Ended(ctx2)
		typed(w, err, sipua.CodeCanceled, 0)
		require.Equal(w, sipua.Calling, call.State())
		w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
	})
}

// No server can be reached: the call ends and says so.
func TestCallUnreachable(t *testing.T) {
	play(t, func(w *world) {
		w.OnDial(func(context.Context, string) error { return errors.New("no route to host") })
		call := w.callOut()
		e := typed(w, call.Answered(w.Context()), sipua.CodeConnectionFailed, 0)
		require.ErrorContains(w, e, "no route to host")
		require.ErrorContains(w, e, "wss://example.com/ws")
		w.end(call)
	})
}

// The microphone is refused before anything is sent.
func TestMediaDenied(t *testing.T) {
	for _, c := range []struct {
		name string
		verb sipuatest.Verb
		err  error
		code sipua.Code
	}{
		{"denied", sipuatest.VerbOpen, &sipua.Error{Code: sipua.CodeMediaDenied, Reason: "NotAllowedError"}, sipua.CodeMediaDenied},
		{"not found", sipuatest.VerbOpen, &sipua.Error{Code: sipua.CodeMediaNotFound}, sipua.CodeMediaNotFound},
		{"untyped", sipuatest.VerbOpen, errors.New("odd"), sipua.CodeMediaFailed},
		{"offer fails", sipuatest.VerbCreateOffer, errors.New("odd"), sipua.CodeMediaFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(w *world) {
				w.media.Hook = func(_ context.Context, v sipuatest.Verb, _ string) error {
					if v == c.verb {
						return c.err
					}
					return nil
				}
				call := w.callOut()
				e := typed(w, call.Answered(w.Context()), c.code, 0)
				require.ErrorIs(w, e, c.err)
				require.Equal(w, "call", e.Op)
				require.Equal(w, sipua.System, w.end(call).By)
				w.ExpectNothing(w.T, time.Minute)
			})
		})
	}
}

func TestNoMedia(t *testing.T) {
	noMedia := func(c *sipua.Config) { c.Media = nil }
	play(t, func(w *world) {
		call := w.callOut()
		typed(w, call.Answered(w.Context()), sipua.CodeUnsupported, 0)
	}, noMedia)
	play(t, func(w *world) {
		call := w.callOut()
		typed(w, call.Answered(w.Context()), sipua.CodeMediaFailed, 0)
	}, func(c *sipua.Config) {
		c.Media = func(context.Context, *sipua.Call, any) (sipua.Media, error) { return nil, nil }
	})
	play(t, func(w *world) {
		w.connect()
		invite := w.NewRequest("INVITE", "sip:1001@example.com")
		sipuatest.SetSDP(invite, offer(w.T))
		w.Send(invite)
		w.ExpectResponse(w.T, 488)
		require.Empty(w, w.ua.Calls())
	}, noMedia)
}

// The options reach the factory untouched.
func TestCallMediaOptions(t *testing.T) {
	type mine struct{ n int }
	play(t, func(w *world) {
		call, err := w.ua.Call("1002", sipua.CallOptions{Media: mine{7}})
		require.NoError(w, err)
		w.ExpectRequest(w.T, "INVITE")
		require.Equal(w, mine{7}, w.media.For(call).Options)
	})
}

func TestCallAfterClose(t *testing.T) {
	play(t, func(w *world) {
		require.NoError(w, w.ua.Close())
		_, err := w.ua.Call("1002", sipua.CallOptions{})
		typed(w, err, sipua.CodeClosed, 0)
	})
}
