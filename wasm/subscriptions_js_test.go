package main

import (
	"syscall/js"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func h(name, value string) sip.Header { return sip.NewHeader(name, value) }

// header is the value of a header that must be there.
func header(t *testing.T, m sip.Message, name string) string {
	t.Helper()
	require.Len(t, m.GetHeaders(name), 1, "%s in\n%s", name, m)
	return m.GetHeaders(name)[0].Value()
}

// deliver sends a request of the peer with a body.
func deliver(ws js.Value, req *sip.Request, contentType, body string) *sip.Request {
	if contentType != "" {
		req.AppendHeader(h("Content-Type", contentType))
	}
	req.SetBody([]byte(body))
	if raw := []byte(req.String()); contentType == "application/octet-stream" {
		ws.Call("deliver", arrayOf(raw))
	} else {
		ws.Call("deliver", string(raw))
	}
	return req
}

// json shows a value of JavaScript whole.
func json(v js.Value) string { return js.Global().Get("JSON").Call("stringify", v).String() }

const sub = 7 // the facade's handle of a subscription

// subscribed plays a subscription to presence up to its 200.
func (f *facade) subscribed(ws js.Value) (req *sip.Request, ok *sip.Response) {
	f.t.Helper()
	made := f.do("subscribe", ua, object("subscription", sub, "target", "1002", "event", "presence", "id", "17", "expires", 600,
		"accept", []any{"application/pidf+xml", "text/plain"}, "headers", []any{[]any{"X-Case", "17"}}, "contentType", "text/plain", "body", "Grüße"))
	req = f.request("SUBSCRIBE")
	require.Equal(f.t, text(made, "id"), req.CallID().Value())
	require.Equal(f.t, "sip:1002@example.com", req.Recipient.String())
	for name, want := range map[string]string{
		"Event": "presence;id=17", "Expires": "600", "Accept": "application/pidf+xml, text/plain", "X-Case": "17", "Content-Type": "text/plain",
	} {
		require.Equal(f.t, want, header(f.t, req, name))
	}
	require.Equal(f.t, "Grüße", string(req.Body()))
	ok = f.respond(ws, req, 200, "OK", h("Expires", "600"), h("Contact", "<sip:peer@peer.invalid;transport=ws>"))
	require.JSONEq(f.t, `{"state":"accepted","expires":600}`, json(f.expectEvent(sub, "changed")))
	return req, ok
}

func (f *facade) notify(ws js.Value, req *sip.Request, ok *sip.Response, state, contentType, body string) {
	f.t.Helper()
	deliver(ws, f.peer.NewInDialogRequest("NOTIFY", req, ok, h("Event", "presence;id=17"), h("Subscription-State", state)), contentType, body)
	f.response(200)
}

func TestPortFetch(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	f.do("subscribe", ua, object("subscription", sub, "target", "1002", "event", "presence", "id", "17", "once", true))
	req := f.request("SUBSCRIBE")
	require.Equal(t, "0", header(t, req, "Expires"))
	ok := f.respond(ws, req, 200, "OK", h("Expires", "0"), h("Contact", "<sip:peer@peer.invalid;transport=ws>"))
	require.Equal(t, "accepted", text(f.expectEvent(sub, "changed"), "state"))
	f.notify(ws, req, ok, "terminated;reason=timeout", "text/plain", "here")
	require.Equal(t, "here", text(f.expectEvent(sub, "notify"), "body"))
	require.Equal(t, "terminated", text(f.expectEvent(sub, "changed"), "state"))
	require.JSONEq(t, `{"reason":"timeout"}`, json(f.expectEvent(sub, "ended")))
}

func TestPortSubscription(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	req, ok := f.subscribed(ws)
	f.notify(ws, req, ok, "active;expires=600", "application/pidf+xml", `<presence entity="pres:a"><tuple id="t"><status><basic>open</basic></status></tuple></presence>`)
	require.Equal(t, "active", text(f.expectEvent(sub, "changed"), "state"))
	e := f.expectEvent(sub, "notify")
	require.Equal(t, "presence", text(e, "event"))
	require.Equal(t, "application/pidf+xml", text(e, "contentType"))
	require.Contains(t, text(e, "body"), "<basic>open</basic>")
	require.True(t, e.Get("bytes").IsUndefined())
	require.True(t, e.Get("value").Get("open").Bool())

	f.notify(ws, req, ok, "active;expires=600", "application/octet-stream", "\xff\x00a")
	e = f.expectEvent(sub, "notify")
	require.Equal(t, "\ufffd\x00a", text(e, "body"), "what can be shown of it")
	require.Equal(t, []byte("\xff\x00a"), bytesOf(e.Get("bytes")))
	require.True(t, e.Get("value").IsUndefined())

	wait := f.begin("refresh", sub, nil)
	f.respond(ws, f.request("SUBSCRIBE"), 200, "OK", h("Expires", "600"))
	f.done(wait)

	wait = f.begin("unsubscribe", sub, nil)
	require.Equal(t, "ending", text(f.expectEvent(sub, "changed"), "state"))
	last := f.request("SUBSCRIBE")
	require.Equal(t, "0", header(t, last, "Expires"))
	f.respond(ws, last, 200, "OK", h("Expires", "0"))
	f.notify(ws, req, ok, "terminated;reason=timeout", "", "")
	f.done(wait)
	require.Equal(t, "terminated", text(f.expectEvent(sub, "changed"), "state"))
	require.True(t, f.expectEvent(sub, "ended").Get("error").IsUndefined())
	f.refused(f.begin("unsubscribe", sub, nil), "invalid-state") // the handle is forgotten: Go itself would not mind
}

func TestPortSubscriptionEndsWithWhatItWasTold(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	f.do("subscribe", ua, object("subscription", sub, "target", "1002", "event", "x-private"))
	f.respond(ws, f.request("SUBSCRIBE"), 489, "Bad Event", h("Retry-After", "30"))
	require.JSONEq(t, `{"state":"terminated","expires":0}`, json(f.expectEvent(sub, "changed")))
	ended := f.expectEvent(sub, "ended")
	f.requireError(ended.Get("error"), "rejected")
	require.Equal(t, 489, ended.Get("error").Get("status").Int())
	require.Equal(t, 30, ended.Get("retryAfter").Int(), "seconds")

	req, ok := f.subscribed(ws)
	f.notify(ws, req, ok, "terminated;reason=noresource", "", "")
	f.expectEvent(sub, "changed")
	ended = f.expectEvent(sub, "ended")
	require.Equal(t, "noresource", text(ended, "reason"))
	require.True(t, ended.Get("retryAfter").IsUndefined())
	settle(t)
	require.Empty(t, f.events, "ended is the last event")
}

func TestPortSubscribeRefuses(t *testing.T) {
	f := start(t)
	f.create(ua)
	for name, args := range map[string]map[string]any{
		"target": object("target", ""), "event": object("event", ""), "expires": object("expires", -1), "accept": object("accept", []any{"a\r\nb"}),
		"headers": object("headers", []any{"X"}), "body": object("body", 7, "contentType", "text/plain"), "contentType": object("body", "x"),
	} {
		all := object("subscription", sub, "target", "1002", "event", "presence")
		for k, v := range args {
			all[k] = v
		}
		e := f.refused(f.begin("subscribe", ua, all), "invalid-argument")
		require.Equal(t, "subscribe", text(e, "op"), name)
	}
	require.Zero(t, f.Get("sockets").Length())
}

// subscribes plays somebody's SUBSCRIBE up to the event.
func (f *facade) subscribes(ws js.Value, headers ...sip.Header) (req *sip.Request, notifier int) {
	f.t.Helper()
	req = f.peer.NewRequest("SUBSCRIBE", "sip:1001@example.com", append(headers, h("Event", "presence"), h("Accept", "text/plain, application/pidf+xml"))...)
	deliver(ws, req, "text/plain", "only me")
	e := f.expectEvent(ua, "incomingSubscription")
	require.Equal(f.t, req.CallID().Value(), text(e, "id"))
	require.JSONEq(f.t, `{"displayName":"Peer","uri":"sip:peer@peer.invalid","user":"peer"}`, json(e.Get("remote")))
	require.Equal(f.t, "presence", text(e, "event"))
	require.Equal(f.t, `["text/plain","application/pidf+xml"]`, json(e.Get("accepts")))
	require.Equal(f.t, "text/plain", text(e, "contentType"))
	require.Equal(f.t, "only me", text(e, "body"))
	return req, e.Get("notifier").Int()
}

// told takes a NOTIFY and answers it.
func (f *facade) told(ws js.Value, state, body string) {
	f.t.Helper()
	req := f.request("NOTIFY")
	require.Regexp(f.t, "^"+state, header(f.t, req, "Subscription-State"))
	require.Equal(f.t, body, string(req.Body()))
	f.respond(ws, req, 200, "OK")
}

func TestPortNotifier(t *testing.T) {
	f := start(t)
	ws := f.register(ua, "eventPackages", []any{"presence"})
	_, one := f.subscribes(ws)
	require.Equal(t, 2, one, "even, as of calls")
	f.do("reject", one, object("status", 403))
	f.response(403)
	require.Equal(t, `{"reason":""}`, json(f.expectEvent(one, "ended")))
	f.refused(f.begin("terminate", one, object("reason", "noresource")), "invalid-state") // as above

	_, two := f.subscribes(ws)
	wait := f.begin("accept", two, object("expires", 120, "pending", true))
	require.Equal(t, "120", header(t, f.response(200), "Expires"))
	f.told(ws, "pending;expires=1[12]", "")
	f.done(wait)
	wait = f.begin("activate", two, object("contentType", "text/plain", "body", arrayOf([]byte("here\xff"))))
	f.told(ws, "active", "here\xff")
	f.done(wait)
	wait = f.begin("notify", two, object("contentType", "text/plain", "body", "gone"))
	f.told(ws, "active", "gone")
	f.done(wait)
	f.refused(f.begin("notify", two, object("contentType", "image/png", "body", "x")), "unsupported")
	f.refused(f.begin("notify", two, object("contentType", "text/plain", "body", object())), "invalid-argument")
	wait = f.begin("terminate", two, object("reason", "probation", "retryAfter", 60))
	f.told(ws, "terminated;reason=probation;retry-after=60", "")
	f.done(wait)
	require.Equal(t, `{"reason":"probation"}`, json(f.expectEvent(two, "ended")))

	_, three := f.subscribes(ws)
	ws.Call("fail")
	f.expectEvent(ua, "disconnected")
	f.expectEvent(ua, "unregistered")
	f.requireError(f.expectEvent(three, "ended").Get("error"), "connection-lost")
}

func TestPortPublication(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	const pub = 9
	state := object("publication", pub, "event", "presence", "contentType", "text/plain", "body", "here", "expires", 120, "target", "1002")
	wait := f.begin("publish", ua, state)
	req := f.request("PUBLISH")
	require.Equal(t, "sip:1002@example.com", req.Recipient.String())
	require.Equal(t, "presence", header(t, req, "Event"))
	require.Equal(t, "120", header(t, req, "Expires"))
	require.Equal(t, "here", string(req.Body()))
	f.respond(ws, req, 200, "OK", h("SIP-ETag", "e1"), h("Expires", "120"))
	f.done(wait)

	wait = f.begin("update", pub, object("contentType", "text/plain", "body", "away"))
	req = f.request("PUBLISH")
	require.Equal(t, "away", string(req.Body()))
	f.respond(ws, req, 200, "OK", h("SIP-ETag", "e2"))
	f.done(wait)
	f.refused(f.begin("update", pub, object("contentType", "text/plain")), "invalid-argument")

	wait = f.begin("remove", pub, nil)
	req = f.request("PUBLISH")
	require.Equal(t, "e2", header(t, req, "SIP-If-Match"))
	f.respond(ws, req, 200, "OK")
	f.done(wait)
	require.Equal(t, "{}", json(f.expectEvent(pub, "ended")))
	f.refused(f.begin("remove", pub, nil), "invalid-state")

	wait = f.begin("publish", ua, state)
	f.respond(ws, f.request("PUBLISH"), 489, "Bad Event")
	require.Equal(t, 489, f.refused(wait, "rejected").Get("status").Int())
	f.refused(f.begin("publish", ua, object("publication", pub, "event", "presence")), "invalid-argument")

	// What is told once has no life afterwards.
	wait = f.begin("publish", ua, object("publication", pub, "event", "vq-rtcpxr", "contentType", "text/plain", "body", "report", "once", true))
	req = f.request("PUBLISH")
	require.Empty(t, req.GetHeaders("Expires"))
	f.respond(ws, req, 200, "OK")
	f.done(wait)
	f.refused(f.begin("update", pub, object("contentType", "text/plain", "body", "away")), "invalid-state")
	settle(t)
	require.Empty(t, f.events)
}

// The end may be told before publish has said which publication it is: publish
// fails then, and nothing is kept.
func TestPortPublicationThatEndsAtOnce(t *testing.T) {
	f := newPage(t)
	f.on("emit", func([]js.Value) { t.Error("an event that nobody can know") })
	p := newPort(f.Value)
	lost := &sipua.Error{Code: sipua.CodeRejected, Status: 403}
	for want, err := range map[error]error{sipua.ErrClosed: nil, lost: lost} {
		pub := &sipua.Publication{}
		p.event(&agent{handle: ua}, sipua.PublicationEnded{Publication: pub, Err: err})
		require.ErrorIs(t, p.keep(pub, 9), want)
		require.Empty(t, p.early)
		require.Empty(t, p.objects)
	}
}

// The user agent takes leave of everybody.
func TestPortCloseEndsSubscriptions(t *testing.T) {
	f := start(t)
	ws := f.register(ua, "eventPackages", []any{"presence"})
	wait := f.begin("publish", ua, object("publication", 9, "event", "presence", "contentType", "text/plain", "body", "here"))
	f.respond(ws, f.request("PUBLISH"), 200, "OK", h("SIP-ETag", "e1"))
	f.done(wait)
	req, ok := f.subscribed(ws)
	_, notifier := f.subscribes(ws)
	wait = f.begin("accept", notifier, nil)
	f.response(200)
	f.told(ws, "active", "")
	f.done(wait)

	wait = f.begin("close", ua, nil)
	for range 4 { // SUBSCRIBE and the answer to its last NOTIFY, NOTIFY and PUBLISH, in whatever order
		m, isRequest := f.message().(*sip.Request)
		if !isRequest {
			continue
		}
		f.respond(ws, m, 200, "OK")
		if m.Method == sip.SUBSCRIBE {
			require.Equal(t, "0", header(t, m, "Expires"))
			ws.Call("deliver", f.peer.NewInDialogRequest("NOTIFY", req, ok, h("Event", "presence;id=17"), h("Subscription-State", "terminated")).String())
		}
	}
	f.grant(ws, f.request("REGISTER"))
	f.done(wait)
	ended := map[int]js.Value{}
	for len(ended) < 3 {
		if e := receive(t, f.events, "an event"); e.kind == "ended" {
			ended[e.handle] = e.payload
		}
	}
	for _, handle := range []int{sub, notifier, 9} {
		require.False(t, ended[handle].IsUndefined())
		require.True(t, ended[handle].Get("error").IsUndefined(), "%d", handle)
	}
}

func TestPortMessages(t *testing.T) {
	f := start(t)
	ws := f.register(ua, "acceptMessages", []any{"text/plain", "application/octet-stream"})
	wait := f.begin("message", ua, object("target", "1002", "body", "Grüße", "headers", []any{[]any{"Subject", "s"}}))
	req := f.request("MESSAGE")
	require.Equal(t, "sip:1002@example.com", req.Recipient.String())
	require.Equal(t, "text/plain;charset=utf-8", header(t, req, "Content-Type"))
	require.Equal(t, "s", header(t, req, "Subject"))
	require.Equal(t, "Grüße", string(req.Body()))
	f.respond(ws, req, 202, "Accepted")
	f.done(wait)
	f.refused(f.begin("message", ua, object("target", "1002", "body", true)), "invalid-argument")
	f.refused(f.begin("message", ua, object("target", "1002", "body", "x", "headers", []any{[]any{"Via", "x"}})), "invalid-argument")
	wait = f.begin("message", ua, object("target", "1002", "contentType", "application/octet-stream", "body", arrayOf([]byte{0, 0xff})))
	req = f.request("MESSAGE")
	require.Equal(t, []byte{0, 0xff}, req.Body())
	f.respond(ws, req, 415, "Unsupported Media Type")
	require.Equal(t, 415, f.refused(wait, "rejected").Get("status").Int())

	deliver(ws, f.peer.NewRequest("MESSAGE", "sip:1001@example.com"), "text/plain", "<b>hi</b>")
	f.response(200)
	require.JSONEq(t, `{"from":{"displayName":"Peer","uri":"sip:peer@peer.invalid","user":"peer"},
		"to":{"displayName":"","uri":"sip:1001@example.com","user":"1001"},"contentType":"text/plain","body":"<b>hi</b>"}`, json(f.expectEvent(ua, "message")))
	deliver(ws, f.peer.NewRequest("MESSAGE", "sip:1001@example.com"), "application/octet-stream", "\xc3")
	f.response(200)
	require.Equal(t, []byte("\xc3"), bytesOf(f.expectEvent(ua, "message").Get("bytes")))
}

func TestPortOptions(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	wait := f.begin("options", ua, object("target", "1002"))
	f.respond(ws, f.request("OPTIONS"), 486, "Busy Here", h("Allow", "INVITE, INFO"), h("Supported", "replaces"), h("Accept", "application/sdp"),
		h("Allow-Events", "presence"), h("Server", "Phone/2"))
	require.JSONEq(t, `{"status":486,"reason":"Busy Here","allow":["INVITE","INFO"],"supported":["replaces"],"accept":["application/sdp"],
		"allowEvents":["presence"],"userAgent":"Phone/2","contentType":"","body":""}`, json(f.done(wait)))
	wait = f.begin("options", ua, object("target", "1002"))
	f.respond(ws, f.request("OPTIONS"), 404, "Not Found")
	f.refused(wait, "rejected")
}

func TestPortInfoAndMessageInACall(t *testing.T) {
	f := start(t)
	ws := f.register(ua, "infoPackages", []any{"conf"})
	f.do("call", ua, object("call", 3, "target", "1002"))
	invite := f.request("INVITE")
	require.Equal(t, "conf, trickle-ice", header(t, invite, "Recv-Info"))
	f.refused(f.begin("info", 3, object("body", "x", "contentType", "a/b")), "invalid-state")
	ok := f.peer.NewResponse(invite, 200, "OK", h("Recv-Info", "dtmf"), h("Content-Type", "application/sdp"))
	ok.SetBody([]byte(remoteSDP("audio sendrecv")))
	ws.Call("deliver", ok.String())
	f.request("ACK")
	for _, kind := range []string{"peerconnection", "localstream", "state", "state", "snapshot", "answered", "media"} {
		f.expectEvent(3, kind)
	}

	wait := f.begin("info", 3, object("package", "dtmf", "contentType", "text/plain", "body", "5"))
	req := f.request("INFO")
	require.Equal(t, "dtmf", header(t, req, "Info-Package"))
	require.Equal(t, "5", string(req.Body()))
	f.respond(ws, req, 200, "OK")
	f.done(wait)
	f.refused(f.begin("info", 3, object("package", "other")), "unsupported")
	wait = f.begin("callMessage", 3, object("body", "hi"))
	req = f.request("MESSAGE")
	require.Equal(t, invite.CallID().Value(), req.CallID().Value())
	require.Equal(t, "hi", string(req.Body()))
	f.respond(ws, req, 200, "OK")
	f.done(wait)
	for _, op := range []string{"info", "callMessage"} {
		f.refused(f.begin(op, 3, object("contentType", "a/b", "body", 5)), "invalid-argument")
	}

	deliver(ws, f.peer.NewInDialogRequest("INFO", invite, ok, h("Info-Package", "conf")), "text/plain", "c")
	f.response(200)
	require.JSONEq(t, `{"package":"conf","contentType":"text/plain","body":"c"}`, json(f.expectEvent(3, "info")))
	deliver(ws, f.peer.NewInDialogRequest("INFO", invite, ok), "text/plain", "old")
	f.response(200)
	require.JSONEq(t, `{"contentType":"text/plain","body":"old"}`, json(f.expectEvent(3, "info")))
	deliver(ws, f.peer.NewInDialogRequest("INFO", invite, ok), "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n")
	f.response(200)
	require.JSONEq(t, `{"tone":"5","duration":160,"method":"info-relay"}`, json(f.expectEvent(3, "tone")))
	deliver(ws, f.peer.NewInDialogRequest("MESSAGE", invite, ok), "text/plain", "m")
	f.response(200)
	require.JSONEq(t, `{"contentType":"text/plain","body":"m"}`, json(f.expectEvent(3, "message")))
}

func TestPortUnsolicitedNotify(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	mwi := []sip.Header{h("Event", "message-summary"), h("Subscription-State", "active")}
	deliver(ws, f.peer.NewRequest("NOTIFY", "sip:1001@example.com", mwi...), "", "")
	f.response(481)

	f = start(t)
	ws = f.register(ua, "unsolicitedNotify", true)
	deliver(ws, f.peer.NewRequest("NOTIFY", "sip:1001@example.com", h("Event", "check-sync"), h("Subscription-State", "active")), "", "")
	f.response(200)
	require.Equal(t, "check-sync", text(f.expectEvent(ua, "notify"), "event"), "here the event is all there is")
	deliver(ws, f.peer.NewRequest("NOTIFY", "sip:1001@example.com", mwi...),
		"application/simple-message-summary", "Messages-Waiting: yes\r\nVoice-Message: 2/8 (1/0)\r\n")
	f.response(200)
	e := f.expectEvent(ua, "notify")
	require.Equal(t, "message-summary", text(e, "event"))
	require.JSONEq(t, `{"new":2,"old":8,"newUrgent":1,"oldUrgent":0}`, json(e.Get("value").Get("voice")))
}
