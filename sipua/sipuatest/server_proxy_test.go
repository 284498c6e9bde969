//go:build !js

package sipuatest

import (
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServerChallengesCallers(t *testing.T) {
	s := newServer(t, Options{Accounts: map[string]string{"1001": "secret", "1002": ""}})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	b.register()
	text := a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com")
	a.expectResponse(100)
	challenge := a.expectResponse(407).GetHeader("Proxy-Authenticate").Value()
	a.again(text, "Proxy-Authorization", challenge, "secret")
	a.expectResponse(100)
	invite := b.expectRequest("INVITE")
	assert.Nil(t, invite.GetHeader("Proxy-Authorization"), "consumed")
	b.respond(invite, 486, "Busy Here", "b")
	a.expectResponse(486)
	b.expectRequest("ACK") // from the proxy, hop by hop

	t.Run("with somebody else's name", func(t *testing.T) {
		text := a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com")
		m := strings.Replace(text, "From: <sip:1001@", "From: <sip:1003@", 1)
		a.again(m, "Proxy-Authorization", a.expectResponse(407).GetHeader("Proxy-Authenticate").Value(), "secret")
		a.expectResponse(403)
	})
}

func TestServerCall(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	b.register() // the caller needs no registration

	a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com", "\nv=0\n")
	a.expectResponse(100)
	invite := b.expectRequest("INVITE")
	assert.Equal(t, b.contact(), invite.Recipient.String())
	assert.Equal(t, uint32(69), invite.MaxForwards().Val())
	assert.Equal(t, "v=0\r\n", string(invite.Body()))
	assert.Equal(t, "<sip:"+strings.TrimPrefix(s.URL, "ws://")+";transport=ws;lr>", invite.RecordRoute().Value())
	assert.Len(t, invite.GetHeaders("Via"), 2)
	assert.Contains(t, invite.GetHeaders("Via")[1].Value(), "received=127.0.0.1")
	b.respond(invite, 100, "Trying", "")
	b.respond(invite, 180, "Ringing", "b")
	ringing := a.expectResponse(180) // 100 stays where it is
	assert.Len(t, ringing.GetHeaders("Via"), 1)
	b.respond(invite, 183, "Session Progress", "b")
	b.respond(invite, 200, "OK", "b")
	a.expectResponse(183) // in order, every time
	ok := a.expectResponse(200)
	assert.NotNil(t, ok.RecordRoute())
	a.inDialog("ACK", invite, ok, true)
	ack := b.expectRequest("ACK")
	assert.Nil(t, ack.Route(), "our own route is gone")
	assert.Equal(t, invite.CSeq().SeqNo, ack.CSeq().SeqNo)

	for _, method := range []string{"INFO", "UPDATE", "OPTIONS", "PRACK", "NOTIFY"} {
		a.inDialog(method, invite, ok, true)
		b.respond(b.expectRequest(method), 200, "OK", "")
		assert.Equal(t, method, string(a.expectResponse(200).CSeq().MethodName))
	}
	b.inDialog("INVITE", invite, ok, false) // hold, say
	b.expectResponse(100)
	again := a.expectRequest("INVITE")
	assert.Nil(t, again.RecordRoute(), "the route set is fixed")
	b.nothingMore()
	a.respond(again, 200, "OK", "")
	fine := b.expectResponse(200)
	b.inDialog("ACK", again, fine, true)
	a.expectRequest("ACK")

	b.inDialog("BYE", invite, ok, false)
	a.respond(a.expectRequest("BYE"), 200, "OK", "")
	b.expectResponse(200)
	methods := []string{}
	for _, req := range s.Requests() {
		methods = append(methods, string(req.Method))
	}
	assert.Equal(t, "REGISTER INVITE ACK INFO UPDATE OPTIONS PRACK NOTIFY INVITE OPTIONS ACK BYE", strings.Join(methods, " "))
}

// fork lets 1001 call 1002, who has two phones.
func fork(t *testing.T, s *Server) (a, b, c *phone, toB, toC *sip.Request) {
	t.Helper()
	a, b, c = newPhone(t, s, "1001"), newPhone(t, s, "1002"), newPhone(t, s, "1002")
	b.register()
	c.register()
	a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com")
	a.expectResponse(100)
	toB, toC = b.expectRequest("INVITE"), c.expectRequest("INVITE")
	assert.NotEqual(t, toB.Via().Value(), toC.Via().Value())
	b.respond(toB, 180, "Ringing", "b")
	assert.Equal(t, "b", a.expectResponse(180).To().Params.GetOr("tag", ""))
	c.respond(toC, 180, "Ringing", "c")
	assert.Equal(t, "c", a.expectResponse(180).To().Params.GetOr("tag", ""))
	return a, b, c, toB, toC
}

// canceled takes a CANCEL and ends the INVITE with 487.
func (p *phone) canceled(invite *sip.Request, tag string) {
	p.t.Helper()
	cancel := p.expectRequest("CANCEL")
	assert.Equal(p.t, invite.Via().Value(), cancel.Via().Value())
	assert.Len(p.t, cancel.GetHeaders("Via"), 1)
	assert.Equal(p.t, invite.Recipient.String(), cancel.Recipient.String())
	p.respond(cancel, 200, "OK", tag)
	p.respond(invite, 487, "Request Terminated", tag)
	p.expectRequest("ACK")
}

func TestServerForkAnswered(t *testing.T) {
	a, b, c, toB, toC := fork(t, newServer(t, Options{Accounts: open}))
	b.respond(toB, 200, "OK", "b")
	ok := a.expectResponse(200)
	c.canceled(toC, "c")
	a.inDialog("ACK", toB, ok, true)
	b.expectRequest("ACK")
	c.nothingMore()
	a.nothingMore()
}

func TestServerForkAnsweredTwice(t *testing.T) {
	a, b, c, toB, toC := fork(t, newServer(t, Options{Accounts: open}))
	b.respond(toB, 200, "OK", "b")
	first := a.expectResponse(200)
	c.respond(c.expectRequest("CANCEL"), 200, "OK", "c") // too late
	c.respond(toC, 200, "OK", "c")
	second := a.expectResponse(200)
	a.inDialog("ACK", toB, first, true)
	a.inDialog("ACK", toC, second, true)
	b.expectRequest("ACK")
	c.expectRequest("ACK")
	c.respond(toC, 200, "OK", "c") // a retransmission is passed on too
	a.expectResponse(200)
}

func TestServerForkBestResponse(t *testing.T) {
	for _, c := range []struct{ first, second, want int }{
		{486, 480, 486}, {404, 302, 302}, {503, 486, 486}, {503, 503, 500}, {500, 407, 407}, {408, 486, 486}, {404, 484, 484}, {487, 486, 486}, {408, 487, 487},
	} {
		a, b, d, toB, toC := fork(t, newServer(t, Options{Accounts: open}))
		b.respond(toB, c.first, "First", "b", `Proxy-Authenticate: Digest realm="b"`)
		b.expectRequest("ACK")
		a.nothingMore()
		d.respond(toC, c.second, "Second", "c", `Proxy-Authenticate: Digest realm="c"`)
		d.expectRequest("ACK")
		a.expectResponse(c.want)
	}
	t.Run("all challenges", func(t *testing.T) {
		a, b, d, toB, toC := fork(t, newServer(t, Options{Accounts: open}))
		b.respond(toB, 401, "Unauthorized", "b", `WWW-Authenticate: Digest realm="b"`)
		d.respond(toC, 407, "Proxy Authentication Required", "c", `Proxy-Authenticate: Digest realm="c"`)
		m, ok := a.next().(*sip.Response)
		require.True(t, ok)
		assert.Len(t, m.GetHeaders("WWW-Authenticate"), 1)
		assert.Len(t, m.GetHeaders("Proxy-Authenticate"), 1)
	})
	t.Run("6xx ends all", func(t *testing.T) {
		a, b, d, toB, toC := fork(t, newServer(t, Options{Accounts: open}))
		b.respond(toB, 603, "Decline", "b")
		b.expectRequest("ACK")
		d.canceled(toC, "c")
		a.expectResponse(603)
	})
}

func TestServerCancel(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	a, b, c := newPhone(t, s, "1001"), newPhone(t, s, "1002"), newPhone(t, s, "1002")
	b.register()
	c.register()
	text := a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com")
	a.expectResponse(100)
	toB, toC := b.expectRequest("INVITE"), c.expectRequest("INVITE")
	b.respond(toB, 180, "Ringing", "b")
	a.expectResponse(180)
	a.write(strings.ReplaceAll(text, "INVITE", "CANCEL")) // the same branch and CSeq
	assert.Equal(t, sip.CANCEL, a.expectResponse(200).CSeq().MethodName)
	b.canceled(toB, "b")
	c.nothingMore() // c has not answered at all: CANCEL must wait
	c.respond(toC, 100, "Trying", "")
	c.canceled(toC, "c")
	res := a.expectResponse(487)
	a.write(strings.Replace(strings.ReplaceAll(text, "INVITE", "ACK"), "To: <sip:1002@example.com>", "To: "+res.To().Value(), 1))
	a.nothingMore()
	b.nothingMore()

	a.write(strings.NewReplacer("INVITE", "CANCEL", "branch=z9hG4bK", "branch=z9hG4bKother").Replace(text))
	a.expectResponse(481)
}

func TestServerRefuses(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	for _, c := range []struct {
		uri    string
		lines  []string
		status int
	}{
		{"sip:1002@example.com", nil, 480},
		{"sip:1009@example.com", nil, 404},
		{"sip:1002@example.net", nil, 404},
		{"tel:+15550100", nil, 404},
		{"urn:service:sos", nil, 416},
		{"sip:1002@example.com", []string{"Max-Forwards: 0"}, 483},
		{"sip:1002@example.com", []string{"Proxy-Require: magic"}, 420},
	} {
		text := a.request("MESSAGE", c.uri, "sip:1002@example.com", c.lines...)
		assert.Equal(t, sip.MESSAGE, a.expectResponse(c.status).CSeq().MethodName, text)
	}
	text := a.message("MESSAGE", "sip:1002@example.com", "<sip:1001@example.com>;tag=a", "<sip:1002@example.com>", "x", 1)
	a.write(strings.Replace(text, "MESSAGE sip:1002@example.com SIP/2.0", "MESSAGE sip:1002@example.com SIP/3.0", 1))
	a.expectResponse(505)
	a.write(strings.Replace(text, "CSeq: 1 MESSAGE\r\n", "", 1))
	a.expectResponse(400)
	a.write(strings.Replace(text, "CSeq: 1 MESSAGE", "CSeq: 1 INFO", 1))
	a.expectResponse(400)
	a.write(text[:20])
	a.write("\r\n\r\n")
	pong, ok := a.in.pop(patience)
	require.True(t, ok)
	assert.Equal(t, "\r\n", string(pong))

	t.Run("in a dialog whose other side is gone", func(t *testing.T) {
		a.write(a.message("BYE", b.contact(), "<sip:1001@example.com>;tag=a", "<sip:1002@example.com>;tag=b", "gone", 2))
		a.expectResponse(430)
	})
	t.Run("a loop", func(t *testing.T) {
		b.register()
		a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com")
		m := b.expectRequest("MESSAGE")
		m.Recipient = sip.Uri{Scheme: "sip", User: "1002", Host: "example.com"}
		m.PrependHeader(sip.NewHeader("Via", "SIP/2.0/WS "+b.host+";branch="+sip.GenerateBranch()))
		b.write(m.String())
		b.expectResponse(482)
	})
}

func TestServerRingTimeout(t *testing.T) {
	s := newServer(t, Options{Accounts: open, RingTimeout: 20 * time.Millisecond})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	b.register()
	a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com")
	a.expectResponse(100)
	b.expectRequest("INVITE")
	a.expectResponse(408) // not even 100 came

	a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com")
	a.expectResponse(100)
	invite := b.expectRequest("INVITE")
	b.respond(invite, 180, "Ringing", "b")
	a.expectResponse(180)
	b.canceled(invite, "b")
	a.expectResponse(487)
}

func TestServerLostFlows(t *testing.T) {
	t.Run("of the callee", func(t *testing.T) {
		s := newServer(t, Options{Accounts: open})
		a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
		b.register()
		a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com")
		a.expectResponse(100)
		b.expectRequest("INVITE")
		b.vanish()
		a.expectResponse(480) // 430 would be for proxies, RFC 5626 section 11.5
	})
	t.Run("of the caller", func(t *testing.T) {
		s := newServer(t, Options{Accounts: open})
		a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
		b.register()
		a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com")
		invite := b.expectRequest("INVITE")
		b.respond(invite, 180, "Ringing", "b")
		a.expectResponse(100)
		a.expectResponse(180)
		a.vanish()
		b.canceled(invite, "b")
	})
}
