package sipua_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// incomingMessage is a MESSAGE of the peer.
func (w *world) incomingMessage(contentType, body string, headers ...sip.Header) *sip.Request {
	if contentType != "" {
		headers = append(headers, h("Content-Type", contentType))
	}
	req := w.NewRequest("MESSAGE", "sip:1001@example.com", headers...)
	req.SetBody([]byte(body))
	return req
}

// Both ways, word for word: RFC 3428.
func TestMessageLadder(t *testing.T) {
	play(t, func(w *world) {
		done := begin(func() error {
			return w.ua.Message(w.Context(), "1002", sipua.MessageOptions{Body: []byte("Grüß dich")})
		})
		req := w.ExpectRequest(w.T, "MESSAGE")
		w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="example.com", nonce="n0nce-0001", qop="auth", algorithm=SHA-256`))
		req = w.ExpectRequest(w.T, "MESSAGE")
		require.Equal(w, "Grüß dich", string(req.Body()))
		require.Equal(w, "text/plain;charset=utf-8", value(req, "Content-Type"))
		require.Empty(w, values(req, "Contact"), "section 4")
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		w.Send(w.incomingMessage("text/plain;charset=utf-8", "Selber"))
		w.ExpectResponse(w.T, 200)
		require.Equal(w, sipua.IncomingMessage{
			From: sipua.Identity{DisplayName: "Peer", URI: "sip:peer@peer.invalid", User: "peer"},
			To:   sipua.Identity{URI: "sip:1001@example.com", User: "1001"}, ContentType: "text/plain;charset=utf-8", Body: []byte("Selber"),
		}, last[sipua.IncomingMessage](w))
		w.golden("message")
	})
}

func TestMessageAnswers(t *testing.T) {
	for _, status := range []int{200, 202, 302, 404, 415, 480, 513, 603} {
		play(t, func(w *world) {
			done := begin(func() error { return w.ua.Message(w.Context(), "1002", sipua.MessageOptions{}) })
			req := w.ExpectRequest(w.T, "MESSAGE")
			require.Empty(w, values(req, "Content-Type"), "an empty message is one")
			w.Respond(req, 100, "Trying")
			w.Respond(req, status, "No")
			if status < 300 {
				require.NoError(w, done())
				return
			}
			require.Equal(w, "message", typed(w, done(), sipua.CodeRejected, status).Op)
		})
	}
	play(t, func(w *world) {
		done := begin(func() error { return w.ua.Message(w.Context(), "1002", sipua.MessageOptions{}) })
		w.ExpectRequest(w.T, "MESSAGE")
		typed(w, done(), sipua.CodeTimeout, 408)
		done = begin(func() error { return w.ua.Message(w.Context(), "1002", sipua.MessageOptions{}) })
		w.ExpectRequest(w.T, "MESSAGE")
		w.Drop(1006, "")
		typed(w, done(), sipua.CodeConnectionLost, 0)
	})
}

func TestMessageArguments(t *testing.T) {
	play(t, func(w *world) {
		for name, o := range map[string]sipua.MessageOptions{
			"type":     {ContentType: "text", Body: []byte("x")},
			"break":    {ContentType: "a/b\r\nX: y", Body: []byte("x")},
			"too long": {Body: []byte(strings.Repeat("x", 60<<10+1))},
			"header":   {Headers: []sipua.Header{{Name: "To", Value: "x"}}},
		} {
			require.ErrorIs(w, w.ua.Message(w.Context(), "1002", o), sipua.ErrInvalidArgument, name)
		}
		require.ErrorIs(w, w.ua.Message(w.Context(), " ", sipua.MessageOptions{}), sipua.ErrInvalidArgument)
		done := begin(func() error {
			return w.ua.Message(w.Context(), "1002", sipua.MessageOptions{Body: make([]byte, 60<<10), Headers: []sipua.Header{{Name: "Subject", Value: "all"}}})
		})
		req := w.ExpectRequest(w.T, "MESSAGE")
		require.Len(w, req.Body(), 60<<10)
		require.Equal(w, "all", value(req, "Subject"))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
	})
}

// RFC 3261 section 8.2.3: what the program does not take, its sender learns.
func TestIncomingMessageTypes(t *testing.T) {
	for _, c := range []struct {
		accept      []string
		contentType string
		body        string
		status      int
	}{
		{nil, "text/plain", "x", 200},
		{nil, "Text/Plain; charset=latin1", "x", 200},
		{nil, "", "x", 200},
		{nil, "text/html", "", 200},
		{nil, "text/html", "x", 415},
		{nil, "application/im-iscomposing+xml", "x", 415},
		{[]string{"text/*"}, "text/html", "x", 200},
		{[]string{"*/*"}, "application/json", "x", 200},
		{[]string{"application/json"}, "text/plain", "x", 415},
	} {
		play(t, func(w *world) {
			w.connect()
			w.Send(w.incomingMessage(c.contentType, c.body))
			res := w.ExpectResponse(w.T, c.status)
			if c.status == 415 {
				require.NotEmpty(w, value(res, "Accept"))
				require.Empty(w, w.told())
				return
			}
			require.Equal(w, c.body, string(last[sipua.IncomingMessage](w).Body))
		}, func(cfg *sipua.Config) { cfg.AcceptMessages = c.accept })
	}
	play(t, func(w *world) {
		w.connect()
		w.Send(w.incomingMessage("text/plain", "x", h("Content-Encoding", "gzip")))
		require.Equal(w, "identity", value(w.ExpectResponse(w.T, 415), "Accept-Encoding"))
	})
	_, err := sipua.New(sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}, AcceptMessages: []string{"text"}})
	require.ErrorIs(t, err, sipua.ErrInvalidArgument)
}

// Names and types are text of strangers, bounded and without control characters.
func TestIncomingMessageIsClean(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		w.Send(w.incomingMessage("text/plain;x="+strings.Repeat("y", 1000), "x", h("From", "\"a\u202eb\" <sip:"+strings.Repeat("u", 1000)+"@x.invalid>;tag=1")))
		w.ExpectResponse(w.T, 200)
		m := last[sipua.IncomingMessage](w)
		require.Equal(w, "ab", m.From.DisplayName)
		require.Less(w, len(m.From.URI), 500)
		require.Less(w, len(m.ContentType), 300)
	})
}

// A listener that blocks does not let messages fill the memory.
func TestMessagesAreBounded(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		proceed := make(chan struct{})
		remove := w.ua.On(func(sipua.Event) { <-proceed })
		for i := range 1010 {
			w.Send(w.incomingMessage("text/plain", fmt.Sprint(i)))
		}
		synctest.Wait()
		counts := map[int]int{}
		for range 1010 {
			msg, err := sip.ParseMessage(w.ExpectMessage(w.T))
			require.NoError(w, err)
			counts[msg.(*sip.Response).StatusCode]++
		}
		require.InDelta(w, 10, counts[503], 2)
		remove()
		close(proceed)
		require.Equal(w, counts[200], count[sipua.IncomingMessage](w))
	})
}

// Messages inside a call go with the call.
func TestMessageInCall(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Message(w.Context(), sipua.MessageOptions{Body: []byte("hi")}) })
		req := w.ExpectRequest(w.T, "MESSAGE")
		k.inDialog(req)
		require.Equal(w, "hi", string(req.Body()))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		in := w.NewInDialogRequest("MESSAGE", k.invite, k.ok, h("Content-Type", "text/plain"))
		in.SetBody([]byte("ho"))
		w.Send(in)
		w.ExpectResponse(w.T, 200)
		require.Equal(w, sipua.CallMessage{Call: k.call, ContentType: "text/plain", Body: []byte("ho")}, last[sipua.CallMessage](w))
		require.Zero(w, count[sipua.IncomingMessage](w))
		done = begin(func() error { return k.call.Message(w.Context(), sipua.MessageOptions{Body: []byte("hi")}) })
		w.Respond(w.ExpectRequest(w.T, "MESSAGE"), 488, "No")
		typed(w, done(), sipua.CodeRejected, 488)
		require.Equal(w, sipua.Established, k.call.State(), "the call goes on")
		require.ErrorIs(w, k.call.Message(w.Context(), sipua.MessageOptions{ContentType: "x", Body: []byte("x")}), sipua.ErrInvalidArgument)
		k.bye()
		require.ErrorIs(w, k.call.Message(w.Context(), sipua.MessageOptions{}), sipua.ErrInvalidState)
		w.Send(w.NewInDialogRequest("MESSAGE", k.invite, k.ok))
		w.ExpectResponse(w.T, 481)
	})
	play(t, func(w *world) { // before it is answered
		k := w.ring()
		require.ErrorIs(w, k.call.Message(w.Context(), sipua.MessageOptions{}), sipua.ErrInvalidState)
		k.request("MESSAGE") // the other side may
		w.ExpectResponse(w.T, 200)
		require.Same(w, k.call, last[sipua.CallMessage](w).Call)
	})
}
