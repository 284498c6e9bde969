//go:build !js

package sipuatest

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bubble runs a test against a server without a network, in fake time.
func bubble(t *testing.T, o Options, test func(t *testing.T, s *Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.InMemory = true
		s := NewServer(o)
		defer s.Close()
		test(t, s)
	})
}

var events = Options{Accounts: open, Events: packages}

// subscribe returns the text of a SUBSCRIBE and the 200 to it.
func (p *phone) subscribe(uri, event string, lines ...string) (string, *sip.Response) {
	p.t.Helper()
	text := p.request("SUBSCRIBE", uri, uri, append(lines, "Event: "+event)...)
	return text, p.expectResponse(200)
}

// notified takes a NOTIFY, answers it and returns it.
func (p *phone) notified(state string) *sip.Request {
	p.t.Helper()
	req := p.expectRequest("NOTIFY")
	require.Equal(p.t, []string{state}, values(req, "Subscription-State"))
	p.respond(req, 200, "OK", "")
	return req
}

// within sends a request inside the dialog that ok made.
func (p *phone) within(method string, ok *sip.Response, lines ...string) {
	p.t.Helper()
	p.seq += 100
	p.write(p.message(method, ok.Contact().Address.String(), ok.From().Value(), ok.To().Value(), ok.CallID().Value(), p.seq, lines...))
}

func TestNotifierMessageSummary(t *testing.T) {
	bubble(t, events, func(t *testing.T, s *Server) {
		a := newMemoryPhone(t, s, "1001")
		a.register()
		s.SetMailbox("1001", 0, 3)
		text, ok := a.subscribe("sip:1001@example.com", "message-summary;id=7", "Expires: 600", "Accept: text/plain, application/simple-message-summary")
		assert.Equal(t, []string{"600"}, values(ok, "Expires"))
		first := a.notified("active;expires=600")
		assert.Equal(t, ok.To().Value(), first.From().Value())
		assert.Contains(t, text, first.To().Value())
		assert.Equal(t, a.contact(), first.Recipient.String())
		assert.Equal(t, []string{"message-summary;id=7"}, values(first, "Event"))
		assert.Equal(t, []string{"application/simple-message-summary"}, values(first, "Content-Type"))
		assert.Equal(t, "Messages-Waiting: no\r\nMessage-Account: sip:1001@example.com\r\nVoice-Message: 0/3 (0/0)\r\n", string(first.Body()))

		time.Sleep(100 * time.Second)
		s.SetMailbox("1001", 2, 3)
		second := a.notified("active;expires=500")
		assert.Contains(t, string(second.Body()), "Messages-Waiting: yes\r\n")
		assert.Contains(t, string(second.Body()), "Voice-Message: 2/3 (0/0)\r\n")
		assert.Equal(t, first.CSeq().SeqNo+1, second.CSeq().SeqNo)
		assert.Equal(t, 1, s.Subscriptions("1001", "message-summary"))
		s.SetMailbox("1002", 1, 0)
		a.nothingMore()

		a.within("SUBSCRIBE", ok, "Event: message-summary;id=7", "Expires: 300")
		assert.Equal(t, ok.To().Value(), a.expectResponse(200).To().Value())
		a.notified("active;expires=300")
		a.within("SUBSCRIBE", ok, "Event: message-summary", "Expires: 300")
		a.expectResponse(481) // another id is another subscription
		time.Sleep(300 * time.Second)
		a.notified("terminated;reason=timeout")
		assert.Zero(t, s.Subscriptions("1001", "message-summary"))
		a.within("SUBSCRIBE", ok, "Event: message-summary;id=7")
		a.expectResponse(481)

		a.subscribe("sip:1001@example.com", "message-summary", "Expires: 0")
		a.notified("terminated;reason=timeout") // a fetch
		assert.Zero(t, s.Subscriptions("1001", "message-summary"))

		_, ok = a.subscribe("sip:1001@example.com", "message-summary")
		a.notified("active;expires=3600")
		a.within("SUBSCRIBE", ok, "Event: message-summary", "Expires: 0")
		a.expectResponse(200)
		a.notified("terminated;reason=timeout")
	})
}

func TestNotifierRefuses(t *testing.T) {
	o := events
	o.MinExpires, o.Events = time.Minute, []string{"reg"}
	s := newServer(t, o)
	a := newPhone(t, s, "1001")
	uri := "sip:1002@example.com"
	for _, c := range []struct {
		status int
		uri    string
		lines  []string
		header string
	}{
		{489, uri, []string{"Event: presence"}, "Allow-Events: reg"},
		{489, uri, nil, "Allow-Events: reg"},
		{423, uri, []string{"Event: reg", "Expires: 59"}, "Min-Expires: 60"},
		{400, uri, []string{"Event: reg", "Expires: soon"}, ""},
		{400, uri, []string{"Event: reg", "Contact: *"}, ""},
		{406, uri, []string{"Event: reg", "Accept: text/plain"}, "Accept: application/reginfo+xml"},
		{404, "sip:1009@example.com", []string{"Event: reg"}, ""},
	} {
		a.request("SUBSCRIBE", c.uri, c.uri, c.lines...)
		res := a.expectResponse(c.status)
		if name, value, ok := strings.Cut(c.header, ": "); ok {
			assert.Equal(t, []string{value}, values(res, name))
		}
	}
	assert.Zero(t, s.Subscriptions("1002", "reg"))
}

func TestNotifierReg(t *testing.T) {
	bubble(t, events, func(t *testing.T, s *Server) {
		watcher, a := newMemoryPhone(t, s, "1002"), newMemoryPhone(t, s, "1001")
		_, ok := watcher.subscribe("sip:1001@example.com", "reg")
		contains := func(state string, parts ...string) {
			t.Helper()
			body := string(watcher.notified(state).Body())
			for _, part := range parts {
				assert.Contains(t, body, part)
			}
		}
		contains("active;expires=3600", `version="0"`, `state="init"`)
		a.outbound(instanceA, "1", "Expires: 600")
		contains("active;expires=3600", `version="1"`, `<registration aor="sip:1001@example.com" id="1001" state="active">`,
			`state="active" event="registered"`, "<uri>"+a.contact()+"</uri>", `expires="600"`, `<gr:pub-gruu uri="sip:1001@example.com;gr=`+instanceA+`"/>`)
		watcher.register() // of another account
		watcher.nothingMore()
		time.Sleep(time.Minute)
		a.outbound(instanceA, "1", "Expires: 600")
		contains("active;expires=3540", `event="refreshed"`, `duration-registered="60"`)
		time.Sleep(600 * time.Second)
		contains("active;expires=2940", `state="terminated" event="expired"`)

		a.register()
		contains("active;expires=2940", `event="registered"`)
		s.RemoveContacts("1001", "deactivated")
		contains("active;expires=2940", `state="terminated" event="deactivated"`)
		a.register("Expires: 600")
		contains("active;expires=2940", `event="registered"`)
		a.mem.Close(1000, "")
		contains("active;expires=2940", `state="terminated" event="expired"`)

		s.EndSubscriptions("1001", "reg", "probation", 30*time.Second)
		watcher.notified("terminated;reason=probation;retry-after=30")
		watcher.within("SUBSCRIBE", ok, "Event: reg")
		watcher.expectResponse(481)

		_, ok = watcher.subscribe("sip:1001@example.com", "reg")
		watcher.notified("active;expires=3600")
		s.ForgetSubscriptions()
		watcher.within("SUBSCRIBE", ok, "Event: reg")
		watcher.expectResponse(481)
		watcher.nothingMore()

		watcher.subscribe("sip:1001@example.com", "reg")
		watcher.respond(watcher.expectRequest("NOTIFY"), 481, "Subscription Does Not Exist", "")
		synctest.Wait()
		assert.Zero(t, s.Subscriptions("1001", "reg"))
	})
}

func TestNotifierSubscriptionOutlivesItsConnection(t *testing.T) {
	bubble(t, events, func(t *testing.T, s *Server) {
		a := newMemoryPhone(t, s, "1001")
		_, ok := a.subscribe("sip:1001@example.com", "message-summary")
		a.notified("active;expires=3600")
		s.DropConnections(1006)
		assert.ErrorContains(t, <-a.closed, "1006")
		s.SetMailbox("1001", 1, 0) // lost
		b := newMemoryPhone(t, s, "1001")
		b.seq, b.host = a.seq, a.host
		b.register()
		s.SetMailbox("1001", 1, 0) // reaches the contact where it lives now
		b.notified("active;expires=3600")
		b.within("SUBSCRIBE", ok, "Event: message-summary", "Expires: 60")
		b.expectResponse(200)
		assert.Contains(t, string(b.notified("active;expires=60").Body()), "Voice-Message: 1/0")
		require.NoError(t, s.Restart())
		<-b.closed
		assert.Zero(t, s.Subscriptions("1001", "message-summary"))
	})
}

func TestNotifierIsBounded(t *testing.T) {
	bubble(t, events, func(t *testing.T, s *Server) {
		a := newMemoryPhone(t, s, "1001")
		for range maxSubscriptions {
			a.subscribe("sip:1001@example.com", "message-summary")
			a.notified("active;expires=3600")
		}
		a.request("SUBSCRIBE", "sip:1001@example.com", "sip:1001@example.com", "Event: message-summary")
		assert.Equal(t, []string{"60"}, values(a.expectResponse(500), "Retry-After"))
		a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com")
		a.expectResponse(480)
	})
}

func TestServerRelaysEvents(t *testing.T) {
	for _, own := range [][]string{nil, {"message-summary"}} { // other packages are passed on
		s := newServer(t, Options{Accounts: open, Events: own})
		a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
		b.register()
		a.request("SUBSCRIBE", "sip:1002@example.com", "sip:1002@example.com", "Event: presence")
		subscribe := b.expectRequest("SUBSCRIBE")
		require.Len(t, values(subscribe, "Record-Route"), 1)
		b.respond(subscribe, 200, "OK", "b")
		ok := a.expectResponse(200)

		b.inDialog("NOTIFY", subscribe, ok, false, "Event: presence", "Subscription-State: active")
		notify := a.expectRequest("NOTIFY")
		assert.Len(t, values(notify, "Record-Route"), 1, "a NOTIFY may come first and begin the dialog")
		a.respond(notify, 200, "OK", "")
		b.expectResponse(200)
		a.inDialog("SUBSCRIBE", subscribe, ok, true, "Event: presence", "Expires: 0")
		again := b.expectRequest("SUBSCRIBE")
		assert.Empty(t, values(again, "Record-Route"))
		b.respond(again, 200, "OK", "")
		a.expectResponse(200)
		if own == nil {
			a.request("PUBLISH", "sip:1002@example.com", "sip:1002@example.com", "Event: presence", "\n<presence/>\n")
			b.respond(b.expectRequest("PUBLISH"), 200, "OK", "b", "SIP-ETag: x")
			assert.Equal(t, []string{"x"}, values(a.expectResponse(200), "SIP-ETag"))
		}
		a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com", "\nhello\n")
		m := b.expectRequest("MESSAGE")
		assert.Equal(t, "hello\r\n", string(m.Body()))
		b.respond(m, 200, "OK", "b")
		a.expectResponse(200)
	}
}

func pidf(status string) string {
	return fmt.Sprintf(`<presence entity="sip:1001@example.com"><tuple id="a"><status><basic>%s</basic></status></tuple></presence>`, status)
}

// publish sends a PUBLISH about 1001.
func (p *phone) publish(event, kind, body string, lines ...string) {
	p.t.Helper()
	uri := "sip:1001@example.com"
	lines = append(lines, "Event: "+event)
	if kind != "" {
		lines = append(lines, "Content-Type: "+kind)
	}
	p.seq++
	text := p.message("PUBLISH", uri, "<"+uri+">;tag=a", "<"+uri+">", sip.GenerateTagN(16), p.seq, lines...)
	p.write(strings.Replace(text, "Content-Length: 0\r\n\r\n", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body), 1))
}

func (p *phone) published() (tag string) {
	p.t.Helper()
	res := p.expectResponse(200)
	tags := values(res, "SIP-ETag")
	require.Len(p.t, tags, 1)
	return tags[0]
}

func TestPublishPresence(t *testing.T) {
	const kind = "application/pidf+xml"
	bubble(t, events, func(t *testing.T, s *Server) {
		a, b, watcher := newMemoryPhone(t, s, "1001"), newMemoryPhone(t, s, "1001"), newMemoryPhone(t, s, "1002")
		watcher.subscribe("sip:1001@example.com", "presence", "Expires: 3000")
		body := func(want string) {
			t.Helper()
			req := watcher.expectRequest("NOTIFY")
			assert.Contains(t, string(req.Body()), want)
			watcher.respond(req, 200, "OK", "")
		}
		body("<basic>closed</basic>")
		a.publish("presence", kind, pidf("open"), "Expires: 100")
		first := a.published()
		body("<basic>open</basic>")
		a.publish("presence", "", "", "Expires: 100", "SIP-If-Match: "+first)
		second := a.published()
		assert.NotEqual(t, first, second)
		a.publish("presence", kind, pidf("x"), "SIP-If-Match: "+first)
		a.expectResponse(412)
		watcher.nothingMore() // a refresh changes nothing

		b.publish("presence", kind, pidf("busy"), "Expires: 50")
		b.published()
		body("<basic>busy</basic>")
		a.publish("presence", "", "", "Expires: 1000", "SIP-If-Match: "+second)
		second = a.published()
		watcher.subscribe("sip:1001@example.com", "presence", "Expires: 0")
		body("<basic>busy</basic>") // still the newest
		time.Sleep(50 * time.Second)
		body("<basic>open</basic>") // that of the other device has expired
		a.publish("presence", kind, pidf("away"), "SIP-If-Match: "+second)
		second = a.published()
		body("<basic>away</basic>")
		a.publish("presence", "", "", "Expires: 0", "SIP-If-Match: "+second)
		a.published()
		body("<basic>closed</basic>")

		for _, c := range []struct {
			status            int
			event, kind, body string
			lines             []string
		}{
			{489, "weather", kind, "x", nil},
			{489, "message-summary", kind, "x", nil},
			{400, "presence", "", "", nil},
			{415, "presence", "text/plain", "x", nil},
			{400, "presence", kind, "x", []string{"Expires: soon"}},
			{412, "presence", kind, "x", []string{"SIP-If-Match: " + second}},
			{400, "presence", kind, "x", []string{"SIP-If-Match: a", "SIP-If-Match: b"}},
		} {
			a.publish(c.event, c.kind, c.body, c.lines...)
			res := a.expectResponse(c.status)
			if c.status == 489 {
				assert.Equal(t, []string{"presence, dialog"}, values(res, "Allow-Events"))
			}
		}
		s.Configure(func(o *Options) { o.MinExpires = time.Minute })
		a.publish("presence", kind, "x", "Expires: 59")
		a.expectResponse(423)
		watcher.nothingMore()

		a.publish("presence", kind, pidf("open"))
		a.published()
		body("open")
		s.ForgetSubscriptions()
		a.publish("presence", "", "", "SIP-If-Match: "+second)
		a.expectResponse(412)
	})
}

func TestPublishDialog(t *testing.T) {
	bubble(t, events, func(t *testing.T, s *Server) {
		a, watcher := newMemoryPhone(t, s, "1001"), newMemoryPhone(t, s, "1002")
		watcher.subscribe("sip:1001@example.com", "dialog")
		assert.Contains(t, string(watcher.notified("active;expires=3600").Body()), `version="0" state="full" entity="sip:1001@example.com"/>`)
		a.publish("dialog", "application/dialog-info+xml", `<?xml version="1.0"?><dialog-info version="41" state="full"/>`)
		a.published()
		assert.Equal(t, `<?xml version="1.0"?><dialog-info version="1" state="full"/>`, string(watcher.notified("active;expires=3600").Body()))
	})
}

func TestPublicationsAreBounded(t *testing.T) {
	bubble(t, events, func(t *testing.T, s *Server) {
		a := newMemoryPhone(t, s, "1001")
		for range maxPublications {
			a.publish("presence", "application/pidf+xml", "x", "Expires: 60")
			a.published()
		}
		a.publish("presence", "application/pidf+xml", "x", "Expires: 60")
		a.expectResponse(500)
		time.Sleep(time.Minute)
		synctest.Wait()
		a.publish("presence", "application/pidf+xml", "x")
		a.published()
	})
}
