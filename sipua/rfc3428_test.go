package sipua_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Tests of MESSAGE from RFC 3428, written without a look at the code.

func hello(body string) sipua.MessageOptions { return sipua.MessageOptions{Body: []byte(body)} }

// Section 4 and table 1.
func TestMessageIsComplete(t *testing.T) {
	play(t, func(w *world) {
		w.registerWith("", h("Service-Route", "<sip:home.example.com;lr>"))
		done := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("hi")) })
		req := w.ExpectRequest(w.T, "MESSAGE")
		require.Equal(w, "sip:1002@example.com", req.Recipient.String())
		require.Empty(w, values(req, "Contact"))
		require.Empty(w, values(req, "Record-Route"))
		require.Empty(w, tag(value(req, "To")))
		require.NotEmpty(w, tag(value(req, "From")))
		require.Equal(w, "70", value(req, "Max-Forwards"))
		require.Equal(w, "<sip:home.example.com;lr>", value(req, "Route"), "RFC 3608")
		require.Equal(w, "2", value(req, "Content-Length"))
		w.Respond(req, 202, "Accepted")
		require.NoError(w, done(), "section 4: 202 is success")
	})
}

// Section 8: no new MESSAGE outside of a dialog to a URI for which one is
// pending. They go out in the order of the calls.
func TestMessagesToOneTargetDoNotOverlap(t *testing.T) {
	play(t, func(w *world) {
		var all []func() error
		for i := range 3 {
			all = append(all, begin(func() error { return w.ua.Message(w.Context(), "1002", hello(fmt.Sprint(i))) }))
			synctest.Wait()
		}
		other := begin(func() error { return w.ua.Message(w.Context(), "1003", hello("other")) })
		first := w.ExpectRequest(w.T, "MESSAGE")
		require.Equal(w, "0", string(first.Body()))
		aside := w.ExpectRequest(w.T, "MESSAGE")
		require.Equal(w, "other", string(aside.Body()), "another target does not wait")
		w.ExpectNothing(w.T, 5*time.Second)
		w.Respond(aside, 200, "OK")
		require.NoError(w, other())
		w.Respond(first, 407, "Who", h("Proxy-Authenticate", `Digest realm="example.com", nonce="1", qop="auth", algorithm=MD5`))
		first = w.ExpectRequest(w.T, "MESSAGE")
		require.Equal(w, "0", string(first.Body()), "the challenge belongs to it")
		w.Respond(first, 404, "Not Found")
		typed(w, all[0](), sipua.CodeRejected, 404)
		for i, done := range all[1:] {
			req := w.ExpectRequest(w.T, "MESSAGE")
			require.Equal(w, fmt.Sprint(i+1), string(req.Body()))
			w.Respond(req, 200, "OK")
			require.NoError(w, done())
		}
	})
	play(t, func(w *world) { // no answer: Timer F for each, and the next has its turn
		one := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("1")) })
		w.ExpectRequest(w.T, "MESSAGE")
		two := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("2")) })
		require.ErrorIs(w, one(), sipua.ErrTimeout)
		w.Respond(w.ExpectRequest(w.T, "MESSAGE"), 200, "OK")
		require.NoError(w, two())
	})
	play(t, func(w *world) { // one that was given up while it waited is not sent
		one := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("1")) })
		req := w.ExpectRequest(w.T, "MESSAGE")
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		require.ErrorIs(w, w.ua.Message(ctx, "1002", hello("2")), sipua.ErrTimeout)
		w.Respond(req, 200, "OK")
		require.NoError(w, one())
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Sections 4 and 5, RFC 3261 section 8.1.3.
func TestMessageIsRefused(t *testing.T) {
	for _, status := range []int{300, 302, 400, 403, 404, 413, 415, 480, 486, 500, 503, 600, 604} {
		play(t, func(w *world) {
			done := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("hi")) })
			w.Respond(w.ExpectRequest(w.T, "MESSAGE"), status, "No", h("Retry-After", "7"))
			typed(w, done(), sipua.CodeRejected, status)
			w.ExpectNothing(w.T, time.Minute)
		})
	}
	play(t, func(w *world) { // provisional responses are no answer
		done := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("hi")) })
		req := w.ExpectRequest(w.T, "MESSAGE")
		for _, status := range []int{100, 180, 183} {
			w.Respond(req, status, "Wait")
		}
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
	})
	play(t, func(w *world) {
		done := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("hi")) })
		w.ExpectRequest(w.T, "MESSAGE")
		w.down()
		require.ErrorIs(w, done(), sipua.ErrConnectionLost, "it may have arrived")
		w.OnDial(nil)
		w.ExpectNothing(w.T, time.Hour) // it is not sent twice
	})
	play(t, func(w *world) {
		done := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("hi")) })
		w.ExpectRequest(w.T, "MESSAGE")
		next := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("ho")) })
		synctest.Wait()
		w.forget()
		require.NoError(w, w.ua.Close())
		require.ErrorIs(w, done(), sipua.ErrClosed)
		require.ErrorIs(w, next(), sipua.ErrClosed)
		for _, e := range w.Ladder().Entries() {
			require.NotContains(w, e.Text, "MESSAGE", "nothing is sent after the end")
		}
	})
	play(t, func(w *world) { // those that wait go out over the next flow, each once
		one := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("1")) })
		w.ExpectRequest(w.T, "MESSAGE")
		two := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("2")) })
		synctest.Wait()
		w.Drop(1006, "")
		require.ErrorIs(w, one(), sipua.ErrConnectionLost)
		req := w.ExpectRequest(w.T, "MESSAGE")
		require.Equal(w, "2", string(req.Body()))
		w.Respond(req, 200, "OK")
		require.NoError(w, two())
	})
}

// RFC 3261 section 22, at both sorts of MESSAGE.
func TestMessageIsChallenged(t *testing.T) {
	challenge := h("WWW-Authenticate", `Digest realm="example.com", nonce="1", qop="auth-int", algorithm=SHA-256`)
	play(t, func(w *world) {
		done := begin(func() error { return w.ua.Message(w.Context(), "1002", hello("hi")) })
		req := w.ExpectRequest(w.T, "MESSAGE")
		w.Respond(req, 401, "Who", challenge)
		again := w.ExpectRequest(w.T, "MESSAGE")
		checkDigest(w.T, again, "Authorization", "1001", "secret")
		require.Equal(w, value(req, "Call-ID"), value(again, "Call-ID"))
		require.Equal(w, req.CSeq().SeqNo+1, again.CSeq().SeqNo)
		w.Respond(again, 200, "OK")
		require.NoError(w, done())
	})
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Message(w.Context(), hello("hi")) })
		req := w.ExpectRequest(w.T, "MESSAGE")
		k.inDialog(req)
		w.Respond(req, 407, "Who", h("Proxy-Authenticate", `Digest realm="p", nonce="1", qop="auth", algorithm=MD5`))
		again := w.ExpectRequest(w.T, "MESSAGE")
		k.inDialog(again)
		checkDigest(w.T, again, "Proxy-Authorization", "1001", "secret")
		w.Respond(again, 200, "OK")
		require.NoError(w, done())
		k.bye()
	})
}

// Section 7: the 200 has neither body nor Contact, and one MESSAGE makes one event.
func TestIncomingMessageIsAnswered(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		req := w.incomingMessage("text/plain", "hi")
		w.Send(req)
		res := w.ExpectResponse(w.T, 200)
		require.Empty(w, res.Body())
		require.Empty(w, values(res, "Contact"))
		require.NotEmpty(w, tag(value(res, "To")))
		require.Equal(w, 1, count[sipua.IncomingMessage](w))
		// RFC 3261 section 8.2.2.2: the same by another way
		again := w.incomingMessage("text/plain", "hi", h("From", value(req, "From")), h("Call-ID", value(req, "Call-ID")), h("CSeq", value(req, "CSeq")))
		w.Send(again)
		w.ExpectMessage(w.T)
		w.Send(w.incomingMessage("text/plain", "ho", h("Require", "x-unknown")))
		require.Equal(w, "x-unknown", value(w.ExpectResponse(w.T, 420), "Unsupported"))
		w.Send(w.incomingMessage("text/plain", "ho", h("To", "<sip:1001@example.com>;tag=gone")))
		w.ExpectResponse(w.T, 481)
		w.Send(w.incomingMessage("text/plain", "ho", h("Content-Encoding", "gzip")))
		w.ExpectResponse(w.T, 415)
		require.LessOrEqual(w, count[sipua.IncomingMessage](w), 2)
		require.Equal(w, "hi", string(last[sipua.IncomingMessage](w).Body))
	})
}

// RFC 3261 sections 8.2.3 and 21.4.13: 415 says what is taken. Multipart and
// CPIM are taken by those who ask for them.
func TestIncomingMessageTypesAreNegotiated(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		for _, contentType := range []string{"text/html", "multipart/mixed;boundary=x", "message/cpim", "image/png", "application/sdp"} {
			w.Send(w.incomingMessage(contentType, "--x\r\n\r\nhi\r\n--x--"))
			require.Equal(w, "text/plain", value(w.ExpectResponse(w.T, 415), "Accept"), contentType)
		}
		for _, contentType := range []string{"TEXT/PLAIN", "text/plain ; charset=\"utf-8\"", "text/plain;format=flowed"} {
			w.Send(w.incomingMessage(contentType, "hi"))
			w.ExpectResponse(w.T, 200)
		}
	})
	play(t, func(w *world) {
		w.connect()
		body := multipart("x", part("Content-Type: text/plain", "one"), part("Content-Type: text/html", "<b>two</b>"))
		w.Send(w.incomingMessage(`multipart/mixed;boundary="x"`, body))
		w.ExpectResponse(w.T, 200)
		require.Equal(w, body, string(last[sipua.IncomingMessage](w).Body), "handed on whole")
		require.Equal(w, `multipart/mixed;boundary="x"`, last[sipua.IncomingMessage](w).ContentType)
	}, func(c *sipua.Config) { c.AcceptMessages = []string{"multipart/mixed", "message/cpim"} })
}

// Any bytes arrive as they are: UTF-8, invalid UTF-8, NUL, line breaks, nothing.
func TestMessageBodiesAreTransparent(t *testing.T) {
	bodies := []string{"", "äöü€😀", "\xff\xfe", "a\x00b", "\r\n\r\nINVITE sip:x SIP/2.0\r\n\r\n", strings.Repeat("x", 60<<10), "\ufeffbom", "--x--\r\n"}
	play(t, func(w *world) {
		for _, body := range bodies {
			done := begin(func() error { return w.ua.Message(w.Context(), "1002", hello(body)) })
			req := w.ExpectRequest(w.T, "MESSAGE")
			require.Equal(w, body, string(req.Body()))
			require.Equal(w, fmt.Sprint(len(body)), value(req, "Content-Length"))
			w.Respond(req, 200, "OK")
			require.NoError(w, done())
			if body != "" {
				w.Send(w.incomingMessage("text/plain", body))
				w.ExpectResponse(w.T, 200)
				require.Equal(w, body, string(last[sipua.IncomingMessage](w).Body))
			}
		}
	})
}

// Break-outs in every option of Message, in and outside of a call.
func TestMessageOptionsCannotInject(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.forget()
		for _, evil := range []string{"\r\nX-Evil: 1", "\nX", "\rX", "\x00", "\r\n\r\nMESSAGE"} {
			for name, o := range map[string]sipua.MessageOptions{
				"type": {ContentType: "text/plain" + evil, Body: []byte("x")}, "param": {ContentType: "text/plain;a=" + evil, Body: []byte("x")},
				"value": {Body: []byte("x"), Headers: []sipua.Header{{Name: "Subject", Value: "s" + evil}}},
				"name":  {Body: []byte("x"), Headers: []sipua.Header{{Name: "Subject" + evil, Value: "s"}}},
			} {
				require.ErrorIs(w, w.ua.Message(w.Context(), "1002", o), sipua.ErrInvalidArgument, "%s %q", name, evil)
				require.ErrorIs(w, k.call.Message(w.Context(), o), sipua.ErrInvalidArgument, "%s %q", name, evil)
			}
			require.ErrorIs(w, w.ua.Message(w.Context(), "1002"+evil, hello("x")), sipua.ErrInvalidArgument)
			_, err := w.ua.Options(w.Context(), "1002"+evil)
			require.ErrorIs(w, err, sipua.ErrInvalidArgument)
		}
		for _, name := range []string{"Contact", "m", "Via", "Route", "To", "t", "From", "Content-Type", "c", "Call-ID", "i", "CSeq", "Content-Length"} {
			o := sipua.MessageOptions{Body: []byte("x"), Headers: []sipua.Header{{Name: name, Value: "1"}}}
			require.ErrorIs(w, w.ua.Message(w.Context(), "1002", o), sipua.ErrInvalidArgument, name)
		}
		w.ladder()
		k.bye()
	})
}

// A flood of MESSAGE with a listener that does not keep up: refused with a hint,
// and afterwards all is well.
func TestFloodOfMessages(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		proceed := make(chan struct{})
		remove := w.ua.On(func(e sipua.Event) {
			if _, ok := e.(sipua.IncomingMessage); ok {
				<-proceed
			}
		})
		refused := 0
		for range 3000 {
			w.Send(w.incomingMessage("text/plain", "hi"))
			res, err := sip.ParseMessage(w.ExpectMessage(w.T))
			require.NoError(w, err)
			if res := res.(*sip.Response); res.StatusCode != 200 {
				require.Equal(w, 503, res.StatusCode)
				require.NotEmpty(w, value(res, "Retry-After"))
				refused++
			}
		}
		require.Greater(w, refused, 1900)
		remove()
		close(proceed)
		synctest.Wait()
		require.Equal(w, 3000-refused, count[sipua.IncomingMessage](w), "what was answered 200 was told")
		w.Send(w.incomingMessage("text/plain", "hi"))
		w.ExpectResponse(w.T, 200)
	})
}

// A MESSAGE in a call that is over, and one whose call ends meanwhile.
func TestMessageInACallThatEnds(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Message(w.Context(), hello("hi")) })
		w.ExpectRequest(w.T, "MESSAGE")
		k.bye()
		require.Error(w, done())
		require.ErrorIs(w, k.call.Message(w.Context(), hello("hi")), sipua.ErrInvalidState)
		k.request("MESSAGE", h("Content-Type", "text/plain"))
		w.ExpectResponse(w.T, 481)
	})
	play(t, func(w *world) { // 481 to it: RFC 3261 section 12.2.1.2: the dialog is gone, and so is the call
		k := w.outgoing()
		done := begin(func() error { return k.call.Message(w.Context(), hello("hi")) })
		w.Respond(w.ExpectRequest(w.T, "MESSAGE"), 481, "Gone")
		typed(w, done(), sipua.CodeRejected, 481)
	})
	play(t, func(w *world) { // 415 and others leave the call alone
		k := w.outgoing()
		for _, status := range []int{404, 405, 415, 480, 486, 500, 501, 603} {
			done := begin(func() error { return k.call.Message(w.Context(), hello("hi")) })
			w.Respond(w.ExpectRequest(w.T, "MESSAGE"), status, "No")
			typed(w, done(), sipua.CodeRejected, status)
			if status != 404 && status != 405 && status != 480 && status != 501 { // RFC 5057 section 5.1 lets those end it
				require.Equal(w, sipua.Established, k.call.State(), "%d", status)
			}
			if k.call.State() == sipua.Ended {
				return
			}
		}
		k.bye()
	})
}
