package sipua_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// What is in notifications: types, ranges, sizes and limits, by RFC 6665, 3261
// and the packages, written without a look at the code.

// RFC 3856 6.5, 3842 3.4, 4235 3.3, 4575 3.4, 3680 4.5: the type that each
// package wants accepted by default, and what the application names instead.
func TestSubscribeAccept(t *testing.T) {
	for event, want := range map[string]string{
		"presence": "application/pidf+xml", "message-summary": "application/simple-message-summary", "dialog": "application/dialog-info+xml",
		"conference": "application/conference-info+xml", "reg": "application/reginfo+xml", "x-other": "",
	} {
		play(t, func(w *world) {
			k := w.subscribe(func(o *sipua.SubscribeOptions) { o.Event = event })
			require.Equal(w, want, value(k.req, "Accept"), event)
		})
	}
	play(t, func(w *world) {
		k := w.subscribe(func(o *sipua.SubscribeOptions) {
			o.Accept = []string{"multipart/related;q=0.5", "application/pidf+xml"}
		})
		require.Equal(w, "multipart/related;q=0.5, application/pidf+xml", value(k.req, "Accept"))
	})
}

// RFC 3261 section 20.1: what a subscriber accepts decides what we may tell it.
func TestSubscriberAccepts(t *testing.T) {
	for accept, c := range map[string]struct {
		contentType string
		ok          bool
	}{
		"application/pidf+xml":            {"application/pidf+xml", true},
		"text/plain, application/*;q=0.3": {"application/pidf+xml", true},
		"*/*":                             {"application/pidf+xml", true},
		"APPLICATION/PIDF+XML":            {"application/pidf+xml", true},
		"application/pidf+xml, application/cpim-pidf":   {"text/html", false},
		"application/pidf+xml;x=\"a,text/html\"":        {"text/html", false},
		"application/xpidf+xml,  application/pidf+xml ": {"application/xpidf+xml", true},
	} {
		t.Run(accept, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.requested(h("Accept", accept))
				o := sipua.NotifierOptions{ContentType: c.contentType, Body: []byte("x")}
				if c.ok {
					k.accept(o)
					return
				}
				require.ErrorIs(w, k.n.Accept(w.Context(), o), sipua.ErrUnsupported)
			}, serving)
		})
	}
	play(t, func(w *world) { // none: the default of the package (RFC 6665 section 4.1.2.1)
		w.connect()
		req := w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence"), h("Expires", "600"))
		req.RemoveHeader("Accept")
		w.Send(req)
		k := &served{world: w, req: req, n: last[sipua.IncomingSubscription](w).Subscription}
		require.Equal(w, []string{"application/pidf+xml"}, k.n.Accepts())
		k.accept(present)
	}, serving)
}

// A multipart body is handed on whole and read by nobody.
func TestNotifyWithMultipart(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching(func(o *sipua.SubscribeOptions) { o.Accept = []string{"multipart/related", "application/pidf+xml"} })
		body := multipart("x", part("Content-Type: application/pidf+xml", "<presence/>"), part("Content-Type: image/png", "\x89PNG\x00"))
		req := k.notification("active", "")
		req.AppendHeader(h("Content-Type", `multipart/related;type="application/pidf+xml";boundary=x`))
		req.SetBody([]byte(body))
		k.Send(req)
		k.ExpectResponse(w.T, 200)
		n := last[sipua.Notified](w)
		require.Equal(w, body, string(n.Body))
		require.Equal(w, `multipart/related;type="application/pidf+xml";boundary=x`, n.ContentType)
		require.Nil(w, n.Value)
	})
}

// An empty NOTIFY is right (RFC 6665 section 4.2.2), and takes nothing away.
func TestNotifyWithoutBody(t *testing.T) {
	for _, event := range []string{"presence", "dialog", "message-summary", "reg", "conference"} {
		play(t, func(w *world) {
			k := w.watching(func(o *sipua.SubscribeOptions) { o.Event = event })
			w.forget()
			k.notify("active", "")
			n := last[sipua.Notified](w)
			require.Empty(w, n.Body)
			require.Nil(w, n.Value)
			require.Zero(w, count[sipua.ProtocolError](w))
		})
	}
}

// UTF-8 in documents and summaries, and bytes that are none.
func TestNotifyWithUTF8(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		doc := sipua.Presence{Entity: "sip:1002@example.com", Notes: []sipua.PresenceNote{{Text: "Grüße 😀 <&>"}}, Tuples: []sipua.PresenceTuple{{Basic: "open"}}}.PIDF()
		req := k.notification("active", "")
		req.AppendHeader(h("Content-Type", "application/pidf+xml;charset=utf-8"))
		req.SetBody(doc)
		k.Send(req)
		k.ExpectResponse(w.T, 200)
		p, ok := last[sipua.Notified](w).Value.(sipua.Presence)
		require.True(w, ok)
		require.Equal(w, "Grüße 😀 <&>", p.Notes[0].Text)
		require.True(w, p.Open())
	})
}

// RFC 3842 section 5.2: message summaries through the live user agent.
func TestNotifyMessageSummary(t *testing.T) {
	for body, want := range map[string]*sipua.MessageCount{
		"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n":             {New: 2, Old: 8, OldUrgent: 2},
		"messages-waiting:YES\nvoice-message : 2 / 8\n":                     {New: 2, Old: 8},
		"Messages-Waiting: no\r\n":                                          {},
		"Messages-Waiting: yes\r\nVoice-Message: 99999999999999999999/1":    nil,
		"Voice-Message: 2/8\r\n":                                            nil,
		"Messages-Waiting: perhaps\r\n":                                     nil,
		"Messages-Waiting: yes\r\n" + strings.Repeat("X-Y: z\r\n", 3000):    {},
		"Messages-Waiting: yes\r\n\r\nSubject: a\r\n\r\nSubject: b\r\n":     {},
		"\x00Messages-Waiting: yes\r\n":                                     nil,
		"Messages-Waiting: yes\r\nVoice-Message: -1/-2\r\n":                 nil,
		"Messages-Waiting: yes\r\nVoice-Message: 1/2 (3\r\n":                nil,
		"Messages-Waiting: yes\r\nMessage-Account: sip:a@b\r\nX: y\r\n\r\n": {},
	} {
		play(t, func(w *world) {
			k := w.watching(func(o *sipua.SubscribeOptions) { o.Event = "message-summary" })
			w.forget()
			req := k.notification("active", "")
			req.AppendHeader(h("Content-Type", "application/simple-message-summary"))
			req.SetBody([]byte(body))
			k.Send(req)
			k.ExpectResponse(w.T, 200)
			v, ok := last[sipua.Notified](w).Value.(sipua.MessageSummary)
			if want == nil {
				// What cannot be read is either no value or one without the count.
				require.True(w, !ok || v.Voice == sipua.MessageCount{}, "%q %+v", body, v)
				return
			}
			require.True(w, ok, "%q", body)
			require.Equal(w, *want, v.Voice, "%q", body)
		})
	}
}

// RFC 4235 section 4.3 and RFC 3680 section 5.2: a document that is missing makes
// one refresh, and one only.
func TestGapsAreFilledOnce(t *testing.T) {
	document := func(version int, state string) string {
		return fmt.Sprintf(`<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="%s" entity="sip:1002@example.com"><dialog id="d%d"><state>confirmed</state></dialog></dialog-info>`, version, state, version)
	}
	play(t, func(w *world) {
		k := w.watching(func(o *sipua.SubscribeOptions) { o.Event = "dialog" })
		tell := func(version int, state string) {
			req := k.notification("active;expires=600", "")
			req.AppendHeader(h("Content-Type", "application/dialog-info+xml"))
			req.SetBody([]byte(document(version, state)))
			k.Send(req)
			k.ExpectResponse(w.T, 200)
			synctest.Wait()
		}
		tell(1, "full")
		tell(2, "partial")
		require.Len(w, last[sipua.Notified](w).Value.(sipua.DialogInfo).Dialogs, 2)
		tell(5, "partial")
		refresh := k.next(true)
		for v := 8; v < 40; v += 3 { // the notifier goes on with gaps
			tell(v, "partial")
		}
		w.Respond(refresh, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		w.ExpectNothing(w.T, 10*time.Second)
		tell(40, "partial") // once is enough until the full state comes
		w.ExpectNothing(w.T, time.Second)
		tell(41, "full")
		require.Len(w, last[sipua.Notified](w).Value.(sipua.DialogInfo).Dialogs, 1)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// A thousand subscriptions side by side: each is told of its own, one refresh
// each, and Shutdown ends them all.
func TestThousandSubscriptions(t *testing.T) {
	play(t, func(w *world) {
		var ks []*watch
		for range 1000 {
			k := w.subscribe(func(o *sipua.SubscribeOptions) { o.Expires = 24 * time.Hour })
			k.ok = w.Respond(k.req, 200, "OK", h("Contact", peerContact), h("Expires", "86400"))
			ks = append(ks, k)
		}
		for i, k := range ks {
			k.notify("active;expires=86400", fmt.Sprint(i))
			n := last[sipua.Notified](w)
			require.Same(w, k.s, n.Subscription)
			require.Equal(w, fmt.Sprint(i), string(n.Body))
		}
		done := begin(func() error { return w.ua.Shutdown(w.Context()) })
		for range ks {
			req := w.ExpectRequest(w.T, "SUBSCRIBE")
			require.Equal(w, "0", value(req, "Expires"))
			w.Respond(req, 481, "Gone")
		}
		require.NoError(w, done())
		require.Equal(w, 1000, count[sipua.SubscriptionEnded](w))
	})
}

// Bodies beyond what is read are refused, and the connection lives.
func TestHugeBodiesAreRefused(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		w.forget()
		huge := strings.Repeat("x", 1<<20)
		k.Send(k.notification("active", huge))
		res, err := sip.ParseMessage(w.ExpectMessage(w.T))
		require.NoError(w, err)
		require.Contains(w, []int{413, 513}, res.(*sip.Response).StatusCode)
		w.Send(w.incomingMessage("text/plain", huge))
		res, err = sip.ParseMessage(w.ExpectMessage(w.T))
		require.NoError(w, err)
		require.Contains(w, []int{413, 513}, res.(*sip.Response).StatusCode)
		require.Zero(w, count[sipua.Notified](w)+count[sipua.IncomingMessage](w))
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
		k.notify("active", "small")
	})
}

// RFC 3261 section 8.2.1: methods of the framework that are not taken have their
// answer, with what is.
func TestMethodsThatAreNotTaken(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		for method, status := range map[string]int{"SUBSCRIBE": 405, "PUBLISH": 405, "UPDATE": 481, "NONSENSE": 501} {
			w.Send(w.NewRequest(method, "sip:1001@example.com", h("Event", "presence")))
			res, err := sip.ParseMessage(w.ExpectMessage(w.T))
			require.NoError(w, err)
			require.Equal(w, status, res.(*sip.Response).StatusCode, method)
			if status == 405 {
				require.NotEmpty(w, value(res.(*sip.Response), "Allow"))
			}
		}
	})
}
