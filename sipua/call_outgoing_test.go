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
		require.Equal(w, "INVITE, ACK, CANCEL, BYE, OPTIONS", value(invite, "Allow"))
		require.Equal(w, "application/sdp", value(invite, "Content-Type"))
		require.Equal(w, "outbound", value(invite, "Supported"))
		require.Equal(w, "sipwasm/"+sipua.Version, value(invite, "User-Agent"))
		require.Regexp(w, `^SIP/2.0/WSS [a-z2-7]{12}\.invalid;branch=z9hG4bK[a-z2-7]{20}$`, value(invite, "Via"))
		require.Regexp(w, `^<sip:[a-z2-7]{8}@`+invite.Via().Host+`;transport=ws;ob>$`, value(invite, "Contact"))
		require.Equal(w, []string{"42", "43"}, values(invite, "X-Ticket"))
		require.Equal(w, "Zażółć", value(invite, "Subject"))
	})
}

// Section 13.2.2.1 and RFC 3960: provisional responses, the first early media
// wins.
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
		require.Equal(w, []string{"Open", "CreateOffer", "ApplyAnswer", "ApplyAnswer"}, append([]string{"Open"}, media.Log()...))
		require.Equal(w, []string{"calling", "ringing", "181", "182", "183 with media", "183 with media", "180", "established", "answered"}, w.story())
		require.Equal(w, "Queued, 3 before you", w.events[3].(sipua.CallRinging).Reason)
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

// Section 9.1: CANCEL waits for a provisional response. It has the INVITE's
// Request-URI, branch, To, From, Call-ID and CSeq number.
func TestCancelBeforeProvisional(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		done := begin(func() error { return call.Hangup(w.Context()) })
		w.ExpectNothing(w.T, 10*time.Second)
		require.Equal(w, sipua.Canceling, call.State())
		require.Equal(w, 1, w.media.For(call).Closed(), "the microphone is free at once")
		w.Respond(invite, 100, "Trying")
		cancel := w.ExpectRequest(w.T, "CANCEL")
		require.Equal(w, invite.Recipient.String(), cancel.Recipient.String())
		for _, name := range []string{"Via", "From", "To", "Call-ID"} {
			require.Equal(w, values(invite, name), values(cancel, name))
		}
		require.Equal(w, invite.CSeq().SeqNo, cancel.CSeq().SeqNo)
		w.Respond(invite, 180, "Ringing") // no second CANCEL
		w.Respond(cancel, 200, "OK")
		w.Respond(invite, 487, "Request Terminated")
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, done())
		require.Equal(w, sipua.CallEnded{Call: call, By: sipua.Local, Status: 487, Reason: "Request Terminated"}, w.end(call))
		typed(w, call.Answered(w.Context()), sipua.CodeCanceled, 487)
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, []string{"calling", "canceling", "ended", "end by local 487"}, w.story())
	})
}

func TestCancelAfterRinging(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		done := begin(func() error { return call.Hangup(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
		w.Respond(invite, 487, "Request Terminated")
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, done())
		w.golden("call-canceled")
	})
}

// A 200 that crosses the CANCEL makes a dialog: ACK and BYE (section 9.1 and
// 15).
func TestCancelCrosses200(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		done := begin(func() error { return call.Hangup(w.Context()) })
		cancel := w.ExpectRequest(w.T, "CANCEL")
		ok := w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()))
		w.Respond(cancel, 481, "Call/Transaction Does Not Exist")
		w.ExpectRequest(w.T, "ACK")
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, value(ok, "To"), value(bye, "To"))
		w.Respond(bye, 200, "OK")
		require.NoError(w, done())
		require.NoError(w, w.end(call).Err)
		require.Zero(w, count[sipua.CallAnswered](w))
		w.Send(ok) // its ACK was lost
		w.ExpectRequest(w.T, "ACK")
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Also when the CANCEL could not be sent yet.
func Test200WithoutProvisionalCrossesHangup(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		done := begin(func() error { return call.Hangup(w.Context()) })
		synctest.Wait()
		w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()))
		w.ExpectRequest(w.T, "ACK")
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, done())
		w.end(call)
	})
}

// Section 9.1: without a final response the transaction counts as canceled
// 64*T1 after the CANCEL.
func TestCancelUnanswered(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		begun := time.Now()
		done := begin(func() error { return call.Hangup(w.Context()) })
		w.ExpectRequest(w.T, "CANCEL")
		require.NoError(w, done())
		require.Equal(w, 32*time.Second, time.Since(begun))
		w.end(call)
		// What comes later belongs to nothing.
		w.Respond(invite, 487, "Request Terminated")
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, 1, count[sipua.ProtocolError](w))
	})
}

// Hung up between a challenge and its answer: nothing more is sent.
func TestCancelAtChallenge(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		done := begin(func() error { return call.Hangup(w.Context()) })
		synctest.Wait()
		w.Respond(invite, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="n"`))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, done())
		w.end(call)
		w.ExpectNothing(w.T, time.Minute)
	})
}

func TestHangupWhilePreparing(t *testing.T) {
	block := func(ctx context.Context, v sipuatest.Verb, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for _, verb := range []sipuatest.Verb{sipuatest.VerbOpen, sipuatest.VerbCreateOffer} {
		t.Run(string(verb), func(t *testing.T) {
			play(t, func(w *world) {
				w.media.Hook = func(ctx context.Context, v sipuatest.Verb, in string) error {
					if v == verb {
						return block(ctx, v, in)
					}
					return nil
				}
				call := w.callOut()
				synctest.Wait()
				require.NoError(w, call.Hangup(w.Context()))
				end := w.end(call)
				require.Equal(w, sipua.Local, end.By)
				typed(w, call.Answered(w.Context()), sipua.CodeCanceled, 487)
				w.ExpectNothing(w.T, time.Minute)
			})
		})
	}
}

func TestHangupWhileConnecting(t *testing.T) {
	play(t, func(w *world) {
		open := make(chan struct{})
		w.OnDial(func(ctx context.Context, _ string) error { <-open; return nil })
		call := w.callOut()
		synctest.Wait()
		require.Equal(w, sipua.Preparing, call.State())
		require.NoError(w, call.Hangup(w.Context()))
		w.end(call)
		close(open)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Section 13.2.2.4: each 2xx makes a dialog. The first is the call; any other is
// acknowledged and ended on its own dialog.
func TestFork(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		fork := func(status int, tag string) *sip.Response {
			res := w.NewResponse(invite, status, "Fork")
			res.To().Params.Remove("tag")
			res.To().Params.Add("tag", tag)
			res.ReplaceHeader(h("Contact", "<sip:"+tag+"@"+tag+".invalid;transport=ws>"))
			if status == 200 {
				sipuatest.SetSDP(res, answer(w.T, invite.Body()))
			}
			w.Send(res)
			return res
		}
		fork(180, "one")
		fork(180, "two")
		fork(200, "two")
		ack := w.ExpectRequest(w.T, "ACK")
		require.Equal(w, "two", tag(value(ack, "To")))
		require.NoError(w, call.Answered(w.Context()))

		second := fork(200, "one")
		ack = w.ExpectRequest(w.T, "ACK")
		require.Equal(w, "one", tag(value(ack, "To")))
		require.Equal(w, "sip:one@one.invalid;transport=ws", ack.Recipient.String())
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, "one", tag(value(bye, "To")))
		require.Equal(w, "sip:one@one.invalid;transport=ws", bye.Recipient.String())
		require.Equal(w, sipua.Established, call.State())

		// A third one, that never rang; and a retransmission of the second.
		fork(200, "three")
		require.Equal(w, "three", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		third := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, "three", tag(value(third, "To")))
		w.Send(second)
		require.Equal(w, "one", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		w.Respond(bye, 200, "OK")
		w.Respond(third, 200, "OK")
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, sipua.Established, call.State())
		require.Equal(w, 1, count[sipua.CallAnswered](w))

		done := begin(func() error { return call.Hangup(w.Context()) })
		bye = w.ExpectRequest(w.T, "BYE")
		require.Equal(w, "two", tag(value(bye, "To")))
		w.Respond(bye, 200, "OK")
		require.NoError(w, done())
	})
}

// What the other forks do in their own dialogs is not done to the call.
func TestForkHangsUpItself(t *testing.T) {
	for _, method := range []string{"BYE", "INVITE"} {
		t.Run(method, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.outgoing()
				res := w.NewResponse(k.invite, 200, "OK")
				res.To().Params.Remove("tag")
				res.To().Params.Add("tag", "fork")
				sipuatest.SetSDP(res, answer(w.T, k.invite.Body()))
				w.Send(res)
				w.ExpectRequest(w.T, "ACK")
				bye := w.ExpectRequest(w.T, "BYE")
				crossing := w.NewInDialogRequest(method, k.invite, res)
				w.Send(crossing)
				w.ExpectMessage(w.T) // 200 or 481, as they like
				w.Respond(bye, 200, "OK")
				synctest.Wait()
				require.Equal(w, sipua.Established, k.call.State())
				w.ExpectNothing(w.T, time.Minute)
				k.bye()
			})
		})
	}
}

// A fork that answers after the call was hung up is ended as well.
func TestForkAnswersAfterTheEnd(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		k.bye()
		res := w.NewResponse(k.invite, 200, "OK")
		res.To().Params.Remove("tag")
		res.To().Params.Add("tag", "fork")
		w.Send(res)
		require.Equal(w, "fork", tag(value(w.ExpectRequest(w.T, "ACK"), "To")))
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Section 13.2.2.4: every retransmission of the 2xx gets the ACK again, for
// 64*T1.
func Test200Retransmitted(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		for range 3 {
			w.Send(k.ok)
			ack := w.ExpectRequest(w.T, "ACK")
			require.Equal(w, k.invite.CSeq().SeqNo, ack.CSeq().SeqNo)
		}
		require.Equal(w, 1, count[sipua.CallAnswered](w))
		k.bye()
		w.Send(k.ok)
		w.ExpectRequest(w.T, "ACK")
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

// The other side hangs up, and may say why (RFC 3326).
func TestRemoteBye(t *testing.T) {
	for header, want := range map[string]struct {
		status int
		reason string
	}{
		"": {0, ""},
		`SIP;cause=200;text="Call completed elsewhere"`: {200, "Call completed elsewhere"},
		`sip ; cause=503 ; text="a \"quoted\" word"`:    {503, `a "quoted" word`},
		`Q.850;cause=16;text="Normal call clearing"`:    {0, ""},
		`Q.850;cause=16, SIP;cause=480`:                 {480, ""},
		`SIP;cause=many`:                                {0, ""},
		`SIP;cause=99999`:                               {0, ""},
		`SIP;text="a;b"`:                                {0, "a;b"},
	} {
		t.Run(header, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.outgoing()
				var headers []sip.Header
				if header != "" {
					headers = append(headers, h("Reason", header))
				}
				k.request("BYE", headers...)
				w.ExpectResponse(w.T, 200)
				require.Equal(w, sipua.CallEnded{Call: k.call, By: sipua.Remote, Status: want.status, Reason: want.reason}, w.end(k.call))
				require.NoError(w, k.call.Hangup(w.Context()))
				k.request("BYE")
				w.ExpectResponse(w.T, 481)
			})
		})
	}
}

// BYE may be challenged as any request; CSeq goes up (section 22.2).
func TestByeChallenged(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, k.invite.CSeq().SeqNo+1, bye.CSeq().SeqNo)
		w.Respond(bye, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`))
		bye = w.ExpectRequest(w.T, "BYE")
		require.Equal(w, k.invite.CSeq().SeqNo+2, bye.CSeq().SeqNo)
		checkDigest(w.T, bye, "Authorization", "1001", "secret")
		w.Respond(bye, 200, "OK")
		require.NoError(w, done())
	})
}

// The call is over when we say so, whatever the other side thinks (section
// 15.1.1).
func TestByeRefused(t *testing.T) {
	for _, status := range []int{481, 408, 500, 603} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				k := w.outgoing()
				done := begin(func() error { return k.call.Hangup(w.Context()) })
				bye := w.ExpectRequest(w.T, "BYE")
				synctest.Wait()
				require.Equal(w, sipua.Ended, k.call.State())
				w.Respond(bye, status, "No")
				require.NoError(w, done())
			})
		})
	}
}

func TestByeUnanswered(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		begun := time.Now()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.ExpectRequest(w.T, "BYE")
		typed(w, done(), sipua.CodeTimeout, 408)
		require.Equal(w, 32*time.Second, time.Since(begun))
		require.NoError(w, w.end(k.call).Err)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Both sides may hang up at once.
func TestByeCrossesBye(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		bye := w.ExpectRequest(w.T, "BYE")
		k.request("BYE")
		w.ExpectMessage(w.T)
		w.Respond(bye, 481, "Call/Transaction Does Not Exist")
		require.NoError(w, done())
		require.Equal(w, sipua.Local, w.end(k.call).By)
	})
}

// Several may hang up the same call: all of them are told.
func TestHangupTwice(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		one := begin(func() error { return k.call.Hangup(w.Context()) })
		bye := w.ExpectRequest(w.T, "BYE")
		two := begin(func() error { return k.call.Hangup(w.Context()) })
		require.NoError(w, two(), "it is over already")
		w.Respond(bye, 200, "OK")
		require.NoError(w, one())
		w.ExpectNothing(w.T, time.Minute)
	})
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		one := begin(func() error { return call.Hangup(w.Context()) })
		w.ExpectRequest(w.T, "CANCEL")
		two := begin(func() error { return call.Hangup(w.Context()) })
		synctest.Wait()
		w.Respond(invite, 487, "Request Terminated")
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, one())
		require.NoError(w, two())
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

// A hang-up before the time-out is not a time-out.
func TestHangupThenInviteTimeout(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		w.ExpectRequest(w.T, "INVITE")
		require.NoError(w, call.Hangup(w.Context()))
		require.NoError(w, w.end(call).Err)
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

// The connection is lost: a call that is not answered is over, one that is
// answered goes on, since its media does not need it.
func TestConnectionLost(t *testing.T) {
	for name, c := range map[string]struct {
		before func(w *world) *sipua.Call
		ends   bool
	}{
		"calling": {func(w *world) *sipua.Call {
			call := w.callOut()
			w.ExpectRequest(w.T, "INVITE")
			return call
		}, true},
		"ringing": {func(w *world) *sipua.Call {
			call := w.callOut()
			w.Respond(w.ExpectRequest(w.T, "INVITE"), 180, "Ringing")
			synctest.Wait()
			return call
		}, true},
		"canceling": {func(w *world) *sipua.Call {
			call := w.callOut()
			w.Respond(w.ExpectRequest(w.T, "INVITE"), 180, "Ringing")
			begin(func() error { return call.Hangup(w.Context()) })
			w.ExpectRequest(w.T, "CANCEL")
			return call
		}, true},
		"established":          {func(w *world) *sipua.Call { return w.outgoing().call }, false},
		"incoming ringing":     {func(w *world) *sipua.Call { return w.ring().call }, true},
		"incoming established": {func(w *world) *sipua.Call { return w.incoming().call }, false},
		"incoming answering": {func(w *world) *sipua.Call {
			k := w.ring()
			w.media.Delay = time.Hour
			begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
			synctest.Wait()
			return k.call
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				call := c.before(w)
				w.Drop(1006, "")
				synctest.Wait()
				lost := last[sipua.Disconnected](w)
				require.Equal(w, 1006, lost.Code)
				typed(w, lost.Err, sipua.CodeConnectionLost, 0)
				if !c.ends {
					require.NotEqual(w, sipua.Ended, call.State())
					require.Zero(w, w.media.For(call).Closed())
					return
				}
				end := w.end(call)
				if name == "canceling" {
					require.NoError(w, end.Err)
					return
				}
				typed(w, end.Err, sipua.CodeConnectionLost, 0)
				require.Equal(w, sipua.System, end.By)
			})
		})
	}
}

// After the loss of the connection the BYE goes over a new one.
func TestHangupAfterConnectionLost(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.Drop(1001, "restart")
		synctest.Wait()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, done())
		require.Equal(w, "restart", last[sipua.Disconnected](w).Reason)
		require.Equal(w, 1001, last[sipua.Disconnected](w).Code)
	})
	play(t, func(w *world) {
		k := w.outgoing()
		w.Drop(1006, "")
		synctest.Wait()
		w.Refuse(errors.New("no route"))
		typed(w, k.call.Hangup(w.Context()), sipua.CodeConnectionFailed, 0)
		require.Equal(w, sipua.Ended, k.call.State())
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

// What people and programs call.
func TestTargets(t *testing.T) {
	for target, want := range map[string]struct{ uri, user string }{
		"1002":                             {"sip:1002@example.com", "1002"},
		"  1002 ":                          {"sip:1002@example.com", "1002"},
		"bob":                              {"sip:bob@example.com", "bob"},
		"+1 (555) 123-4567":                {"sip:+15551234567@example.com", "+15551234567"},
		"555.123.4567":                     {"sip:5551234567@example.com", "5551234567"},
		"*98#":                             {"sip:*98%23@example.com", "*98#"},
		"tel:+1-201-555-0123":              {"sip:+12015550123@example.com;user=phone", "+12015550123"},
		"TEL:+1-201-555-0123;ext=12":       {"sip:+12015550123@example.com;user=phone", "+12015550123"},
		"a@b":                              {"sip:a@b", "a"},
		"1002@192.0.2.1:5070":              {"sip:1002@192.0.2.1:5070", "1002"},
		"1002@[2001:db8::1]":               {"sip:1002@[2001:db8::1]", "1002"},
		"sip:1002@host.example":            {"sip:1002@host.example", "1002"},
		"SIP:1002@host.example":            {"sip:1002@host.example", "1002"},
		"sips:1002@host.example":           {"sips:1002@host.example", "1002"},
		"sip:1002@h.example;transport=tcp": {"sip:1002@h.example;transport=tcp", "1002"},
		"sip:1002@h.example?X=y&Route=z":   {"sip:1002@h.example", "1002"},
		"sip:h.example":                    {"sip:h.example", ""},
		"a b":                              {"sip:a%20b@example.com", "a b"},
		"Łukasz":                           {"sip:%C5%81ukasz@example.com", "Łukasz"},
		"a%40b":                            {"sip:a%40b@example.com", "a@b"},
		"100%":                             {"sip:100%25@example.com", "100%"},
		`"><script>`:                       {"sip:%22%3E%3Cscript%3E@example.com", `"><script>`},
	} {
		t.Run(target, func(t *testing.T) {
			play(t, func(w *world) {
				call, err := w.ua.Call(target, sipua.CallOptions{})
				require.NoError(w, err)
				invite := w.ExpectRequest(w.T, "INVITE")
				require.Equal(w, want.uri, invite.Recipient.String())
				require.Equal(w, "<"+want.uri+">", value(invite, "To"))
				require.Equal(w, want.user, call.Remote().User)
			})
		})
	}
}

func TestRefusedTargets(t *testing.T) {
	play(t, func(w *world) {
		for _, target := range []string{"", "   ", "\t", "1002\r\nX: y", "10\x0002", "sip:", "sip:@", "sip:a@", "@example.com", "a@", "a@b c", "sip:a b@c", "sip:<a@b>", "sip:a@b>", "tel:", "tel:;ext=1", "()", "*@*:x", "sip:a@b:port", "\xff"} {
			call, err := w.ua.Call(target, sipua.CallOptions{})
			if !errors.Is(err, sipua.ErrInvalidArgument) {
				t.Errorf("the target %q is taken: %v", target, err)
			}
			if err == nil {
				require.NoError(w, call.Hangup(w.Context()))
			}
		}
	})
}

func TestRefusedHeaders(t *testing.T) {
	play(t, func(w *world) {
		for _, header := range []sipua.Header{{"", "x"}, {"X Y", "x"}, {"X:", "x"}, {"X\r\nY", "x"}, {"Ł", "x"}, {"X", "a\r\nb"}, {"X", "a\x00"},
			{"Via", "x"}, {"v", "x"}, {"FROM", "x"}, {"to", "x"}, {"Call-ID", "x"}, {"i", "x"}, {"CSeq", "1 INVITE"}, {"Contact", "x"}, {"m", "x"}, {"Route", "<sip:x>"},
			{"Record-Route", "<sip:x>"}, {"Max-Forwards", "1"}, {"Content-Length", "1"}, {"l", "1"}, {"Content-Type", "x"}, {"c", "x"}, {"Authorization", "x"},
			{"Proxy-Authorization", "x"}, {"Require", "x"}, {"Supported", "x"}, {"k", "x"}, {"Allow", "x"}, {"User-Agent", "x"}} {
			_, err := w.ua.Call("1002", sipua.CallOptions{Headers: []sipua.Header{header}})
			require.ErrorIs(w, err, sipua.ErrInvalidArgument, "%q", header)
		}
		for _, header := range []sipua.Header{{"X-Any", ""}, {"P-Asserted-Identity", "<sip:a@b>"}, {"Replaces", "a;to-tag=b;from-tag=c"}, {"Subject", "ü"}, {"x!%*_+`'~.-0", "tok"}} {
			call, err := w.ua.Call("1002", sipua.CallOptions{Headers: []sipua.Header{header}})
			require.NoError(w, err, "%q", header)
			invite := w.ExpectRequest(w.T, "INVITE")
			require.Equal(w, []string{header.Value}, values(invite, header.Name))
			begin(func() error { return call.Hangup(w.Context()) })
		}
	})
}

func TestCallAfterClose(t *testing.T) {
	play(t, func(w *world) {
		require.NoError(w, w.ua.Close())
		_, err := w.ua.Call("1002", sipua.CallOptions{})
		typed(w, err, sipua.CodeClosed, 0)
	})
}
