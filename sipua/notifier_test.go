package sipua_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// serving is the configuration of a user agent that tells its presence.
func serving(c *sipua.Config) { c.EventPackages = []string{"presence", "x-private"} }

// served is somebody's subscription to us, with the subscriber in the test's
// hands.
type served struct {
	*world
	n   *sipua.Notifier
	req *sip.Request
	ok  *sip.Response
}

// requested plays a SUBSCRIBE up to the application's decision.
func (w *world) requested(headers ...sip.Header) *served {
	w.Helper()
	if !w.Connected() {
		w.connect()
	}
	k := &served{world: w}
	k.req = w.NewRequest("SUBSCRIBE", "sip:1001@example.com", withEvent("presence", "600", headers)...)
	w.Send(k.req)
	k.n = last[sipua.IncomingSubscription](w).Subscription
	require.Equal(w, sipua.SubscriptionRequested, k.n.State())
	return k
}

// accept accepts and answers the first NOTIFY, which it returns.
func (k *served) accept(o sipua.NotifierOptions) *sip.Request {
	k.Helper()
	done := begin(func() error { return k.n.Accept(k.Context(), o) })
	k.ok = k.ExpectResponse(k.T, 200)
	req := k.next()
	k.Respond(req, 200, "OK")
	require.NoError(k, done())
	return req
}

// active plays a subscription up to the answer to its first NOTIFY.
func (w *world) active() *served {
	w.Helper()
	k := w.requested()
	k.accept(present)
	w.forget()
	return k
}

var present = sipua.NotifierOptions{ContentType: "application/pidf+xml", Body: []byte("<open/>")}

// next takes the next NOTIFY, which must be inside the dialog.
func (k *served) next() *sip.Request {
	k.Helper()
	req := k.ExpectRequest(k.T, "NOTIFY")
	require.Equal(k, value(k.ok, "To"), value(req, "From"))
	require.Equal(k, value(k.req, "From"), value(req, "To"))
	require.Equal(k, k.n.ID(), req.CallID().Value())
	require.Equal(k, "sip:peer@peer.invalid;transport=ws", req.Recipient.String())
	require.Equal(k, value(k.req, "Event"), value(req, "Event"))
	return req
}

// again sends a SUBSCRIBE in the dialog.
func (k *served) again(expires string, headers ...sip.Header) {
	k.Helper()
	k.Send(k.NewInDialogRequest("SUBSCRIBE", k.req, k.ok, withEvent(value(k.req, "Event"), expires, headers)...))
}

// withEvent adds what every SUBSCRIBE has and these headers have not.
func withEvent(event, expires string, headers []sip.Header) []sip.Header {
	for _, h := range headers {
		if h.Name() == "Event" {
			return append([]sip.Header{sip.NewHeader("Expires", expires)}, headers...)
		}
	}
	return append([]sip.Header{sip.NewHeader("Event", event), sip.NewHeader("Expires", expires)}, headers...)
}

// The whole life, word for word: RFC 6665 section 4.2.
func TestNotifierLadder(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		k := w.requested()
		require.Equal(w, sipua.Identity{DisplayName: "Peer", URI: "sip:peer@peer.invalid", User: "peer"}, k.n.Remote())
		require.Equal(w, "presence", k.n.Event())
		require.Equal(w, []string{"application/pidf+xml"}, k.n.Accepts())
		k.accept(sipua.NotifierOptions{Pending: true})
		require.Equal(w, sipua.SubscriptionPending, k.n.State())
		done := begin(func() error { return k.n.Activate(w.Context(), "application/pidf+xml", []byte("<open/>")) })
		w.Respond(k.next(), 200, "OK")
		require.NoError(w, done())
		require.Equal(w, sipua.SubscriptionActive, k.n.State())
		k.again("300")
		require.Equal(w, "300", value(w.ExpectResponse(w.T, 200), "Expires"))
		req := k.next()
		require.Equal(w, "<open/>", string(req.Body()), "the state again")
		w.Respond(req, 200, "OK")
		done = begin(func() error { return k.n.Notify(w.Context(), "application/pidf+xml", []byte("<closed/>")) })
		w.Respond(k.next(), 200, "OK")
		require.NoError(w, done())
		k.again("0")
		w.ExpectResponse(w.T, 200)
		w.Respond(k.next(), 200, "OK")
		require.Equal(w, []string{"sipua.IncomingSubscription", `notifier ended "unsubscribed" `}, w.told())
		require.Equal(w, sipua.SubscriptionTerminated, k.n.State())
		w.golden("notifier")
	}, serving)
}

func TestNotifierHeaders(t *testing.T) {
	play(t, func(w *world) {
		k := w.requested(h("Record-Route", "<sip:p1.example.com;lr>"))
		req := k.accept(present)
		require.Equal(w, "600", value(k.ok, "Expires"))
		require.Equal(w, "<sip:p1.example.com;lr>", value(k.ok, "Record-Route"))
		require.Regexp(w, `^<sip:[a-z2-7]+@[a-z2-7]+\.invalid;transport=ws;ob>$`, value(k.ok, "Contact"))
		require.Equal(w, "presence, x-private", value(k.ok, "Allow-Events"))
		require.Equal(w, "active;expires=600", value(req, "Subscription-State"))
		require.Equal(w, "<sip:p1.example.com;lr>", value(req, "Route"))
		require.Equal(w, "application/pidf+xml", value(req, "Content-Type"))
		require.Equal(w, "<open/>", string(req.Body()))
		require.True(w, w.ua.WantsFlow())
	}, serving)
}

// How long it is granted: section 4.2.1.1.
func TestNotifierLifetime(t *testing.T) {
	for _, c := range []struct {
		asked string
		limit time.Duration
		want  string
	}{
		{"600", 0, "600"}, {"600", 90 * time.Second, "90"}, {"7200", 0, "3600"}, {"60", 0, "60"}, {"4294967295", 24 * time.Hour, "86400"},
	} {
		play(t, func(w *world) {
			k := w.requested(h("Expires", c.asked))
			k.accept(sipua.NotifierOptions{Expires: c.limit})
			require.Equal(w, c.want, value(k.ok, "Expires"), "%v", c)
			k.again("86400")
			res := w.ExpectResponse(w.T, 200)
			limit := c.limit
			if limit == 0 {
				limit = time.Hour
			}
			require.Equal(w, itoa(int(limit/time.Second)), value(res, "Expires"), "the refresh")
		}, serving)
	}
	play(t, func(w *world) { // section 4.1.2.1: without one, the package's default
		w.connect()
		req := w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence"))
		w.Send(req)
		k := &served{world: w, req: req, n: last[sipua.IncomingSubscription](w).Subscription}
		k.accept(present)
		require.Equal(w, "3600", value(k.ok, "Expires"))
	}, serving)
	play(t, func(w *world) { // expiry, told
		k := w.active()
		w.Timeout = time.Hour
		begun := time.Now()
		req := k.next()
		require.Equal(w, 600*time.Second, time.Since(begun))
		require.Equal(w, "terminated;reason=timeout", value(req, "Subscription-State"))
		require.Equal(w, []string{`notifier ended "timeout" `}, w.told())
		require.False(w, w.ua.WantsFlow())
		require.ErrorIs(w, k.n.Notify(w.Context(), "", nil), sipua.ErrInvalidState)
		require.NoError(w, k.n.Terminate(w.Context(), "noresource", 0), "over already")
	}, serving)
	play(t, func(w *world) { // section 4.4.3: the state once
		k := w.requested(h("Expires", "0"))
		req := k.accept(present)
		require.Equal(w, "0", value(k.ok, "Expires"))
		require.Equal(w, "terminated;reason=timeout", value(req, "Subscription-State"))
		require.Equal(w, "<open/>", string(req.Body()))
		require.Equal(w, `notifier ended "timeout" `, w.told()[1])
	}, serving)
}

// What a SUBSCRIBE must be like.
func TestSubscribeBadRequests(t *testing.T) {
	for name, c := range map[string]struct {
		headers []sip.Header
		status  int
		header  [2]string
	}{
		"another package": {[]sip.Header{h("Event", "dialog")}, 489, [2]string{"Allow-Events", "presence, x-private"}},
		"no package":      {nil, 489, [2]string{"Allow-Events", "presence, x-private"}},
		"too brief":       {[]sip.Header{h("Event", "presence"), h("Expires", "59")}, 423, [2]string{"Min-Expires", "60"}},
		"no number":       {[]sip.Header{h("Event", "presence"), h("Expires", "soon")}, 400, [2]string{}},
		"not acceptable":  {[]sip.Header{h("Event", "presence"), h("Accept", "text/html")}, 406, [2]string{}},
		"no Contact":      {[]sip.Header{h("Event", "presence"), h("Contact", "*")}, 400, [2]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				w.Send(w.NewRequest("SUBSCRIBE", "sip:1001@example.com", c.headers...))
				res := w.ExpectResponse(w.T, c.status)
				if c.header[0] != "" {
					require.Equal(w, c.header[1], value(res, c.header[0]))
				}
				require.Empty(w, w.told())
			}, serving)
		})
	}
	play(t, func(w *world) { // compressed
		w.connect()
		req := w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence"), h("Content-Type", "a/b"), h("Content-Encoding", "gzip"))
		req.SetBody([]byte("x"))
		w.Send(req)
		require.Equal(w, "identity", value(w.ExpectResponse(w.T, 415), "Accept-Encoding"))
	}, serving)
	play(t, func(w *world) { // by two ways: RFC 3261 section 8.2.2.2
		k := w.requested()
		again := w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence"), h("From", value(k.req, "From")), h("Call-ID", value(k.req, "Call-ID")), h("CSeq", value(k.req, "CSeq")))
		w.Send(again)
		w.ExpectResponse(w.T, 482)
	}, serving)
	play(t, func(w *world) { // nothing is served: the method is not taken
		w.connect()
		w.Send(w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence")))
		require.NotContains(w, value(w.ExpectResponse(w.T, 405), "Allow"), "SUBSCRIBE")
	})
	play(t, func(w *world) { // what is served is told
		w.connect()
		w.Send(w.NewRequest("OPTIONS", "sip:1001@example.com"))
		res := w.ExpectResponse(w.T, 200)
		require.Contains(w, value(res, "Allow"), "SUBSCRIBE")
		require.Equal(w, "presence, x-private", value(res, "Allow-Events"))
		k := w.outgoing()
		require.Contains(w, value(k.invite, "Allow"), "SUBSCRIBE")
		require.Contains(w, value(w.register(), "Allow"), "SUBSCRIBE")
		k.bye()
	}, serving)
	play(t, func(w *world) { // a wild range is enough, and a filter is handed on
		w.connect()
		req := w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence;id=4"), h("Accept", "application/*"), h("Content-Type", "a/b"))
		req.SetBody([]byte("filter"))
		w.Send(req)
		k := &served{world: w, req: req, n: last[sipua.IncomingSubscription](w).Subscription}
		contentType, body := k.n.Body()
		require.Equal(w, "a/b filter", contentType+" "+string(body))
		k.accept(present)
	}, serving)
	for _, names := range [][]string{{""}, {"a b"}, {"presence\r\nX: y"}} {
		_, err := sipua.New(sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}, EventPackages: names})
		require.ErrorIs(t, err, sipua.ErrInvalidArgument)
	}
}

func TestNotifierReject(t *testing.T) {
	play(t, func(w *world) {
		k := w.requested()
		require.ErrorIs(w, k.n.Reject(w.Context(), 200), sipua.ErrInvalidArgument)
		require.NoError(w, k.n.Reject(w.Context(), 403))
		w.ExpectResponse(w.T, 403)
		require.Equal(w, `notifier ended "" `, w.told()[1])
		require.ErrorIs(w, k.n.Reject(w.Context(), 403), sipua.ErrInvalidState)
		require.ErrorIs(w, k.n.Accept(w.Context(), present), sipua.ErrInvalidState)
		k.ok = w.NewResponse(k.req, 200, "OK")
		k.again("600")
		w.ExpectResponse(w.T, 481)
	}, serving)
	play(t, func(w *world) { // nobody decides
		k := w.requested()
		begun := time.Now()
		w.Timeout = time.Minute
		w.ExpectResponse(w.T, 480)
		require.Equal(w, 20*time.Second, time.Since(begun))
		require.Equal(w, `notifier ended "" timeout`, w.told()[1])
		require.Equal(w, sipua.SubscriptionTerminated, k.n.State())
	}, serving)
	play(t, func(w *world) { // it is ended before it began
		k := w.requested()
		require.NoError(w, k.n.Terminate(w.Context(), "rejected", 0))
		w.ExpectResponse(w.T, 480)
	}, serving)
	play(t, func(w *world) { // the flow of the request is lost
		k := w.requested()
		w.Drop(1006, "")
		require.Equal(w, `notifier ended "" connection-lost`, w.told()[1])
		require.ErrorIs(w, k.n.Accept(w.Context(), present), sipua.ErrInvalidState)
	}, serving)
}

func TestNotifierTerminate(t *testing.T) {
	play(t, func(w *world) {
		k := w.active()
		require.ErrorIs(w, k.n.Terminate(w.Context(), "a b", 0), sipua.ErrInvalidArgument)
		require.ErrorIs(w, k.n.Terminate(w.Context(), "probation", -1), sipua.ErrInvalidArgument)
		done := begin(func() error { return k.n.Terminate(w.Context(), "probation", time.Minute) })
		req := k.next()
		require.Equal(w, "terminated;reason=probation;retry-after=60", value(req, "Subscription-State"))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		require.Equal(w, []string{`notifier ended "probation" `}, w.told())
		k.again("600")
		w.ExpectResponse(w.T, 481)
	}, serving)
}

// Content types that the subscriber does not take stay here.
func TestNotifierContent(t *testing.T) {
	play(t, func(w *world) {
		k := w.requested()
		bad := sipua.NotifierOptions{ContentType: "text/html", Body: []byte("x")}
		require.ErrorIs(w, k.n.Accept(w.Context(), bad), sipua.ErrUnsupported)
		require.ErrorIs(w, k.n.Accept(w.Context(), sipua.NotifierOptions{Body: []byte("x")}), sipua.ErrInvalidArgument)
		require.ErrorIs(w, k.n.Accept(w.Context(), sipua.NotifierOptions{Expires: -1}), sipua.ErrInvalidArgument)
		k.accept(sipua.NotifierOptions{})
		require.ErrorIs(w, k.n.Notify(w.Context(), "text/html", []byte("x")), sipua.ErrUnsupported)
		require.ErrorIs(w, k.n.Notify(w.Context(), "", []byte("x")), sipua.ErrInvalidArgument)
	}, serving)
	play(t, func(w *world) { // of a package that nobody knows anything goes
		k := w.requested(h("Event", "x-private"))
		k.accept(sipua.NotifierOptions{ContentType: "text/html", Body: []byte("x")})
	}, serving)
}

// Section 4.2.2: what the answer to a NOTIFY means.
func TestNotifyAnswers(t *testing.T) {
	for _, c := range []struct {
		status  int
		headers []sip.Header
		over    bool
	}{
		{481, nil, true}, {481, []sip.Header{h("Retry-After", "5")}, true}, {404, nil, true}, {500, nil, true}, {603, nil, true},
		{503, []sip.Header{h("Retry-After", "5")}, false},
	} {
		play(t, func(w *world) {
			k := w.active()
			one := begin(func() error { return k.n.Notify(w.Context(), "", nil) })
			synctest.Wait()
			two := begin(func() error { return k.n.Notify(w.Context(), "", nil) })
			req := k.next()
			w.ExpectNothing(w.T, time.Second) // one at a time
			w.Respond(req, c.status, "No", c.headers...)
			typed(w, one(), sipua.CodeRejected, c.status)
			if !c.over {
				w.Respond(k.next(), 200, "OK")
				require.NoError(w, two())
				require.Equal(w, sipua.SubscriptionActive, k.n.State())
				return
			}
			typed(w, two(), sipua.CodeRejected, c.status)
			require.Equal(w, []string{`notifier ended "" rejected`}, w.told())
			w.ExpectNothing(w.T, time.Hour)
		}, serving)
	}
	play(t, func(w *world) { // Timer F
		k := w.active()
		done := begin(func() error { return k.n.Notify(w.Context(), "", nil) })
		k.next()
		typed(w, done(), sipua.CodeTimeout, 408)
		require.Equal(w, []string{`notifier ended "" timeout`}, w.told())
	}, serving)
	play(t, func(w *world) { // a challenge
		k := w.active()
		done := begin(func() error { return k.n.Notify(w.Context(), "", nil) })
		w.Respond(k.next(), 407, "Who", h("Proxy-Authenticate", `Digest realm="r", nonce="n", qop="auth"`))
		req := k.next()
		require.NotEmpty(w, value(req, "Proxy-Authorization"))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
	}, serving)
}

// What the other side does wrong inside the dialog.
func TestNotifierBadRefresh(t *testing.T) {
	play(t, func(w *world) {
		k := w.active()
		k.again("600", h("Event", "x-private"))
		w.ExpectResponse(w.T, 489)
		k.again("5")
		w.ExpectResponse(w.T, 423)
		k.again("600", h("CSeq", "0 SUBSCRIBE"))
		w.ExpectResponse(w.T, 500)
		require.Equal(w, sipua.SubscriptionActive, k.n.State())
		k.again("600", h("Contact", "<sip:moved@peer.invalid>"))
		w.ExpectResponse(w.T, 200)
		require.Equal(w, "sip:moved@peer.invalid", w.ExpectRequest(w.T, "NOTIFY").Recipient.String())
	}, serving)
}

// Notifications wait for a flow that is lost, and go out in their order.
func TestNotifierRecovers(t *testing.T) {
	play(t, func(w *world) {
		k := w.active()
		w.Refuse(errors.New("down"), errors.New("down"))
		one := begin(func() error { return k.n.Notify(w.Context(), "application/pidf+xml", []byte("<1/>")) })
		k.next()
		w.Drop(1006, "")
		synctest.Wait()
		two := begin(func() error { return k.n.Notify(w.Context(), "application/pidf+xml", []byte("<2/>")) })
		synctest.Wait()
		require.Equal(w, sipua.SubscriptionActive, k.n.State())
		synctest.Wait()
		synctest.Wait()
		for i, done := range []func() error{one, two} {
			req := k.next()
			require.Equal(w, fmt.Sprintf("<%d/>", i+1), string(req.Body()))
			w.Respond(req, 200, "OK")
			require.NoError(w, done())
		}
	}, serving)
}

// The end does not wait for anybody's flow: it opens one, once.
func TestNotifierEndsWithoutFlow(t *testing.T) {
	play(t, func(w *world) {
		k := w.active()
		one := begin(func() error { return k.n.Notify(w.Context(), "", nil) })
		k.next()
		w.Drop(1006, "")
		synctest.Wait()
		done := begin(func() error { return k.n.Terminate(w.Context(), "noresource", 0) })
		w.Respond(k.next(), 200, "OK")
		require.NoError(w, one())
		w.Respond(k.next(), 200, "OK")
		require.NoError(w, done())
	}, serving)
	play(t, func(w *world) {
		k := w.active()
		w.Drop(1006, "")
		synctest.Wait()
		w.Refuse(errors.New("down"))
		require.ErrorIs(w, k.n.Terminate(w.Context(), "noresource", 0), sipua.ErrConnectionFailed)
		require.Equal(w, "noresource", last[sipua.NotifierEnded](w).Reason)
		w.ExpectNothing(w.T, time.Hour)
	}, serving)
}

func TestNotifierLimits(t *testing.T) {
	play(t, func(w *world) { // subscribers
		w.connect()
		for range 1000 {
			w.Send(w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence")))
		}
		synctest.Wait()
		w.Send(w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence")))
		require.NotEmpty(w, value(w.ExpectResponse(w.T, 480), "Retry-After"))
		require.Equal(w, 1000, count[sipua.IncomingSubscription](w))
	}, serving)
	play(t, func(w *world) { // notifications that wait
		k := w.active()
		for range 100 {
			begin(func() error { return k.n.Notify(w.Context(), "", nil) })
		}
		synctest.Wait()
		require.ErrorIs(w, k.n.Notify(w.Context(), "", nil), sipua.ErrInvalidState)
		k.next()
	}, serving)
}

func TestNotifierClose(t *testing.T) {
	play(t, func(w *world) {
		k := w.active()
		done := begin(func() error { return k.n.Notify(w.Context(), "", nil) })
		k.next()
		synctest.Wait()
		require.NoError(w, w.ua.Close())
		require.ErrorIs(w, done(), sipua.ErrClosed)
		require.Equal(w, []string{`notifier ended "" closed`}, w.told())
	}, serving)
	play(t, func(w *world) { // undecided
		w.requested()
		require.NoError(w, w.ua.Close())
		w.ExpectResponse(w.T, 480)
	}, serving)
	play(t, func(w *world) { // Shutdown takes leave
		k := w.active()
		done := begin(func() error { return w.ua.Shutdown(w.Context()) })
		req := k.next()
		require.Equal(w, "terminated;reason=probation", value(req, "Subscription-State"))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
	}, serving)
}
