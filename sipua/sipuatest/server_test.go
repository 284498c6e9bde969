//go:build !js

//lint:file-ignore SA1019 nhooyr.io/websocket is the WebSocket package of this module, and its successor has the same code

package sipuatest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"nhooyr.io/websocket"

	"github.com/sipwasm/sipwasm/sipua"
)

// open has accounts without passwords.
var open = map[string]string{"1001": "", "1002": "", "1003": ""}

func newServer(t *testing.T, o Options) *Server {
	t.Helper()
	s := NewServer(o)
	t.Cleanup(s.Close)
	return s
}

func TestDigestResponse(t *testing.T) {
	mufasa := func(more string) map[string]string {
		return parseDigest(`Digest username="Mufasa", uri="/dir/index.html", ` + more)
	}
	rfc7616 := `realm="http-auth@example.org", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, ` +
		`cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth`
	for _, c := range []struct {
		name, algorithm, password, want string
		p                               map[string]string
	}{
		{"RFC 2617 section 3.5", "MD5", "Circle Of Life", "6629fae49393a05397450978507c4ef1",
			mufasa(`realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", nc=00000001, cnonce="0a4f113b", qop=auth`)},
		{"as RFC 2069", "MD5", "Circle Of Life", "670fd8c2df070c60b045671b8b24ff02",
			mufasa(`realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"`)},
		{"RFC 7616 section 3.9.1", "MD5", "Circle of Life", "8ca523f5e9506fed4657c9700eebdbec", mufasa(rfc7616)},
		{"RFC 7616 section 3.9.1", "SHA-256", "Circle of Life", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", mufasa(rfc7616)},
		{"RFC 7616 section 3.9.2, erratum 4897", "SHA-512-256", "Secret, or not?", "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
			parseDigest(`Digest username="Jäsøn Doe", realm="api@example.org", uri="/doe.json", nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", ` +
				`nc=00000001, cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", qop=auth`)},
	} {
		assert.Equal(t, c.want, digestResponse(c.p, c.algorithm, c.password, "GET", ""), c.name)
	}
}

func TestServerDigest(t *testing.T) {
	for _, c := range []struct{ algorithm, qop string }{
		{"MD5", "auth"}, {"SHA-256", "auth"}, {"SHA-512-256", "auth"}, {"MD5", "none"},
		{"SHA-256", "auth-int,auth"}, {"MD5-sess", "auth"}, {"SHA-256-sess", "auth-int"},
	} {
		t.Run(c.algorithm+" "+c.qop, func(t *testing.T) {
			s := newServer(t, Options{Accounts: map[string]string{"1001": "secret"}, Algorithm: c.algorithm, QOP: c.qop})
			p := newPhone(t, s, "1001")
			text := p.request("REGISTER", "sip:example.com", "sip:1001@example.com")
			challenge := p.expectResponse(401).GetHeader("WWW-Authenticate").Value()
			assert.NotContains(t, challenge, "stale")
			p.again(text, "Authorization", challenge, "wrong")
			p.expectResponse(401)
			p.again(text, "Authorization", challenge, "secret")
			p.expectResponse(200)
			assert.Equal(t, []string{p.contact()}, s.Contacts("1001"))
		})
	}
	t.Run("what was not offered", func(t *testing.T) {
		s := newServer(t, Options{Accounts: map[string]string{"1001": "secret"}, Algorithm: "SHA-256"})
		p := newPhone(t, s, "1001")
		text := p.request("REGISTER", "sip:example.com", "sip:1001@example.com")
		challenge := p.expectResponse(401).GetHeader("WWW-Authenticate").Value()
		p.again(text, "Authorization", strings.Replace(challenge, "SHA-256", "MD5", 1), "secret")
		p.expectResponse(401)
		p.again(text, "Authorization", strings.Replace(challenge, `, qop="auth"`, "", 1), "secret")
		p.expectResponse(401)
		p.again(text, "Authorization", challenge, "secret")
		p.expectResponse(200)
	})
}

func TestServerStaleNonces(t *testing.T) {
	s := newServer(t, Options{Accounts: map[string]string{"1001": "secret"}})
	p := newPhone(t, s, "1001")
	text := p.request("REGISTER", "sip:example.com", "sip:1001@example.com")
	challenge := p.expectResponse(401).GetHeader("WWW-Authenticate").Value()
	s.ExpireNonces()
	p.again(text, "Authorization", challenge, "secret")
	fresh := p.expectResponse(401).GetHeader("WWW-Authenticate").Value()
	assert.Contains(t, fresh, "stale=true")
	p.again(text, "Authorization", challenge, "wrong")
	assert.NotContains(t, p.expectResponse(401).GetHeader("WWW-Authenticate").Value(), "stale", "a wrong password is not staleness")
	p.again(text, "Authorization", fresh, "secret")
	p.expectResponse(200)
	p.again(text, "Authorization", fresh, "secret")
	assert.Contains(t, p.expectResponse(401).GetHeader("WWW-Authenticate").Value(), "stale=true", "a replayed nonce count")

	t.Run("unknown user", func(t *testing.T) {
		q := newPhone(t, s, "1009")
		text := q.request("REGISTER", "sip:example.com", "sip:1009@example.com")
		q.again(text, "Authorization", q.expectResponse(401).GetHeader("WWW-Authenticate").Value(), "secret")
		q.expectResponse(401)
	})
	t.Run("somebody else's address", func(t *testing.T) {
		q := newPhone(t, s, "1001")
		text := q.request("REGISTER", "sip:example.com", "sip:1002@example.com")
		q.again(text, "Authorization", q.expectResponse(401).GetHeader("WWW-Authenticate").Value(), "secret")
		q.expectResponse(403)
	})
	t.Run("another domain", func(t *testing.T) {
		q := newPhone(t, s, "1001")
		q.request("REGISTER", "sip:example.com", "sip:1001@example.net")
		q.expectResponse(404)
	})
}

func TestServerOffersSeveralAlgorithms(t *testing.T) {
	s := newServer(t, Options{Accounts: map[string]string{"1001": "secret"}, Algorithm: "SHA-256, MD5"})
	p := newPhone(t, s, "1001")
	text := p.request("REGISTER", "sip:example.com", "sip:1001@example.com")
	list := p.expectResponse(401).GetHeaders("WWW-Authenticate")
	require.Len(t, list, 2)
	assert.Contains(t, list[0].Value(), "algorithm=SHA-256,")
	p.again(text, "Authorization", list[1].Value(), "secret")
	p.expectResponse(200)
	assert.Panics(t, func() { NewServer(Options{Algorithm: "ROT13"}) })
}

func TestServerContacts(t *testing.T) {
	s := newServer(t, Options{Accounts: open, MinExpires: time.Minute, MaxExpires: 10 * time.Minute})
	p := newPhone(t, s, "1001")
	to := "sip:1001@example.com"

	assert.Equal(t, "<"+p.contact()+">;expires=600", p.register("Expires: 7200").Contact().Value(), "shortened")
	first := p.host
	instance := `;+sip.instance="<urn:uuid:0b8d1ab2-7a19-4f4c-9a0c-2f1e0a8f5f10>";reg-id=1`
	p.host = "two.invalid"
	res := p.register("Contact: <" + p.contact() + ">;expires=90" + instance)
	require.Len(t, res.GetHeaders("Contact"), 2)
	assert.Equal(t, "<sip:1001@two.invalid;transport=ws>"+instance+";expires=90", res.GetHeaders("Contact")[1].Value())
	p.host = "three.invalid"
	p.register("Contact: <" + p.contact() + ">" + instance)
	want := []string{"sip:1001@" + first + ";transport=ws", "sip:1001@three.invalid;transport=ws"}
	assert.Equal(t, want, s.Contacts("1001"), "the instance replaces its old binding")

	query := p.message("REGISTER", "sip:example.com", "<"+to+">;tag=a", "<"+to+">", "query", 1)
	p.write(strings.Replace(query, "Contact: <"+p.contact()+">\r\n", "", 1))
	assert.Len(t, p.expectResponse(200).GetHeaders("Contact"), 2)

	p.request("REGISTER", "sip:example.com", to, "Expires: 59")
	assert.Equal(t, "60", p.expectResponse(423).GetHeader("Min-Expires").Value())
	p.request("REGISTER", "sip:example.com", to, "Expires: soon")
	p.expectResponse(400)
	p.request("REGISTER", "sip:example.com", to, "Contact: *", "Expires: 10")
	p.expectResponse(400)
	assert.Equal(t, want, s.Contacts("1001"), "failures change nothing")

	text := p.request("REGISTER", "sip:example.com", to)
	p.expectResponse(200)
	p.write(strings.Replace(text, "branch=z9hG4bK", "branch=z9hG4bKagain", 1))
	p.expectResponse(500) // the same CSeq again, in another transaction

	p.register("Contact: <" + p.contact() + ">;expires=0")
	assert.Equal(t, want[:1], s.Contacts("1001"))
	assert.Empty(t, p.register("Contact: *", "Expires: 0").GetHeaders("Contact"))
	assert.Empty(t, s.Contacts("1001"))
}

func TestServerForgetsContactsOfAClosedSocket(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	p, q := newPhone(t, s, "1001"), newPhone(t, s, "1001")
	p.register()
	q.register()
	assert.Len(t, s.Contacts("1001"), 2)
	_ = p.ws.Close(websocket.StatusNormalClosure, "") // its error may be EOF: whether the reader below was faster
	assert.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(<-p.closed), "the server takes part in the handshake")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, s.WaitContacts(ctx, "1001", 1))
	assert.Equal(t, []string{q.contact()}, s.Contacts("1001"))
	cancel()
	assert.ErrorIs(t, s.WaitContacts(ctx, "1001", 7), context.Canceled)
}

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
		{486, 480, 486}, {404, 302, 302}, {503, 486, 486}, {503, 503, 500}, {500, 407, 407}, {408, 486, 486}, {404, 484, 484},
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

func TestServerAnswersOptions(t *testing.T) {
	s := newServer(t, Options{})
	p := newPhone(t, s, "1001")
	p.request("OPTIONS", "sip:example.com", "sip:example.com", "Max-Forwards: 0")
	assert.Contains(t, p.expectResponse(200).GetHeader("Allow").Value(), "INVITE")
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
		require.NoError(t, b.ws.CloseNow())
		a.expectResponse(430)
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
		require.NoError(t, a.ws.CloseNow())
		b.canceled(invite, "b")
	})
}

func TestServerIntercept(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	p := newPhone(t, s, "1001")
	actions := make(chan Action, 10)
	s.Intercept(func(req *sip.Request) Action {
		if req.Method != sip.REGISTER {
			return Action{}
		}
		return <-actions
	})
	to := "sip:1001@example.com"
	actions <- Action{Status: 503, Reason: "Service Unavailable", Headers: []sip.Header{sip.NewHeader("Retry-After", "5")}}
	p.request("REGISTER", "sip:example.com", to)
	assert.Equal(t, "5", p.expectResponse(503).GetHeader("Retry-After").Value())

	actions <- Action{Drop: true}
	p.request("REGISTER", "sip:example.com", to)
	p.nothingMore()

	begin := time.Now()
	actions <- Action{Delay: 30 * time.Millisecond}
	p.request("REGISTER", "sip:example.com", to)
	p.request("OPTIONS", "sip:example.com", "sip:example.com")
	assert.Equal(t, sip.REGISTER, p.expectResponse(200).CSeq().MethodName, "the order holds")
	assert.GreaterOrEqual(t, time.Since(begin), 30*time.Millisecond)
	p.expectResponse(200)

	actions <- Action{Close: 1011, Reason: "boom"}
	p.request("REGISTER", "sip:example.com", to)
	assert.Equal(t, websocket.StatusInternalError, websocket.CloseStatus(<-p.closed))
	assert.Len(t, s.Requests(), 6)

	s.Intercept(nil)
	newPhone(t, s, "1001").register()
}

func TestServerSendsBadInput(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	p := newPhone(t, s, "1001")
	assert.Error(t, s.Send("1001", []byte("x")))
	p.register()
	require.NoError(t, s.Send("1001", []byte("\xff\x00 not SIP")))
	text, ok := p.in.pop(patience)
	require.True(t, ok)
	assert.Equal(t, "\xff\x00 not SIP", string(text))
}

func TestServerDropConnectionsAndRestart(t *testing.T) {
	s := newServer(t, Options{Accounts: map[string]string{"1001": ""}})
	url := s.URL
	for _, code := range []int{1001, 4000, 1006} {
		p := newPhone(t, s, "1001")
		p.register()
		s.DropConnections(code)
		want := websocket.StatusCode(code)
		if code == 1006 {
			want = -1 // no close frame
		}
		err := <-p.closed
		assert.Equal(t, want, websocket.CloseStatus(err), "%v", err)
		assert.Zero(t, s.Connections())
		assert.Empty(t, s.Contacts("1001"))
	}
	p := newPhone(t, s, "1001")
	require.NoError(t, s.Restart())
	err := <-p.closed
	assert.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
	assert.Equal(t, url, s.URL)
	newPhone(t, s, "1001").register()

	s.Stop()
	_, _, err = websocket.Dial(t.Context(), url, nil)
	require.Error(t, err)
	require.NoError(t, s.Start())
	require.NoError(t, s.Start(), "twice does nothing")
	newPhone(t, s, "1001").register()
}

func TestServerHandshake(t *testing.T) {
	s := newServer(t, Options{})
	_, res, err := websocket.Dial(t.Context(), s.URL, nil)
	require.Error(t, err, "RFC 7118 section 4.1: the sub-protocol is a must")
	assert.Equal(t, http.StatusBadRequest, res.StatusCode)

	t.Run("binary and continued frames", func(t *testing.T) {
		p := newPhone(t, s, "1001")
		text := p.message("OPTIONS", "sip:example.com", "<sip:1001@example.com>;tag=a", "<sip:example.com>", "x", 1)
		require.NoError(t, p.ws.Write(t.Context(), websocket.MessageBinary, []byte(text)))
		p.expectResponse(200)
		w, err := p.ws.Writer(t.Context(), websocket.MessageText)
		require.NoError(t, err)
		for part := range strings.SplitAfterSeq(strings.Replace(text, "branch=", "branch=z9hG4bK", 1), "\r\n") {
			_, err := w.Write([]byte(part))
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		p.expectResponse(200)
		require.NoError(t, p.ws.Ping(t.Context()), "answered")
	})
	t.Run("behind another HTTP server", func(t *testing.T) {
		s := NewUnstartedServer(Options{Accounts: open})
		defer s.Close()
		h := httptest.NewServer(s)
		defer h.Close()
		s.URL = "ws" + strings.TrimPrefix(h.URL, "http")
		a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
		b.register()
		a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com")
		b.respond(b.expectRequest("MESSAGE"), 200, "OK", "b")
		a.expectResponse(200)
	})
	t.Run("on a given listener", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		s := newServer(t, Options{Accounts: open, Listener: l})
		assert.Equal(t, "ws://"+l.Addr().String(), s.URL)
		newPhone(t, s, "1001").register()
		s.Close()
		_, err = l.Accept()
		assert.ErrorIs(t, err, net.ErrClosed)
	})
	t.Run("never started", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		NewUnstartedServer(Options{Listener: l}).Close()
		_, err = l.Accept()
		assert.ErrorIs(t, err, net.ErrClosed)
	})
}

// mediaSession is an extension that answers like Media does.
type mediaSession struct {
	*Media
	ended chan struct{}
}

func (m *mediaSession) Reoffer(ctx context.Context, offer string) (string, error) {
	return m.CreateAnswer(ctx, offer, sipua.OfferOptions{})
}

func (m *mediaSession) End() { close(m.ended) }

func TestServerExtension(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	calls := make(chan ExtensionCall, 1)
	sessions := make(chan *mediaSession, 1)
	s.Handle("echo", func(ctx context.Context, call ExtensionCall) (string, ExtensionSession, error) {
		m := &mediaSession{NewMedia(MediaOptions{}), make(chan struct{})}
		answer, err := m.CreateAnswer(ctx, call.Offer, sipua.OfferOptions{})
		calls <- call
		sessions <- m
		return answer, m, err
	})
	a := newPhone(t, s, "1001")
	media := NewMedia(MediaOptions{})
	offer := func(hold bool) string {
		sdp, err := media.CreateOffer(t.Context(), sipua.OfferOptions{Hold: hold})
		require.NoError(t, err)
		return "\n" + strings.ReplaceAll(sdp, "\r\n", "\n")
	}
	connect := func() (*sip.Request, *sip.Response, *mediaSession) {
		text := a.request("INVITE", "sip:echo@example.com", "sip:echo@example.com", offer(false))
		a.expectResponse(100)
		ringing := a.expectResponse(180)
		ok := a.expectResponse(200)
		assert.Equal(t, ringing.To().Value(), ok.To().Value())
		require.NoError(t, media.ApplyAnswer(t.Context(), string(ok.Body()), false))
		m, err := sip.ParseMessage([]byte(text))
		require.NoError(t, err)
		invite := m.(*sip.Request)
		a.expectResponse(200) // repeated until ACK
		a.inDialog("ACK", invite, ok, true)
		return invite, ok, <-sessions
	}

	invite, ok, session := connect()
	call := <-calls
	assert.Equal(t, "sip:1001@example.com", call.From)
	assert.Equal(t, ok.CallID().Value(), call.ID)

	a.inDialog("INVITE", invite, ok, true, offer(true))
	a.expectResponse(100)
	held := a.expectResponse(200)
	assert.Contains(t, string(held.Body()), "a=recvonly")
	require.NoError(t, media.ApplyAnswer(t.Context(), string(held.Body()), false))
	a.write(a.message("ACK", held.Contact().Address.String(), held.From().Value(), held.To().Value(), held.CallID().Value(), int(held.CSeq().SeqNo)))
	a.inDialog("UPDATE", invite, ok, true, "\nnonsense\n")
	a.expectResponse(488)
	a.inDialog("UPDATE", invite, ok, true)
	a.expectResponse(200)
	a.inDialog("INFO", invite, ok, true)
	a.expectResponse(200)
	a.inDialog("REFER", invite, ok, true)
	a.expectResponse(405)
	a.inDialog("BYE", invite, ok, true)
	a.expectResponse(200)
	<-session.ended
	a.inDialog("BYE", invite, ok, true)
	a.expectResponse(481)

	t.Run("hangs up by itself", func(t *testing.T) {
		_, ok, session := connect()
		call := <-calls
		call.Hangup()
		bye := a.expectRequest("BYE")
		assert.Equal(t, ok.To().Value(), bye.From().Value())
		assert.Equal(t, a.contact(), bye.Recipient.String())
		a.respond(bye, 200, "OK", "")
		<-session.ended
		call.Hangup()
		a.nothingMore()
	})
	t.Run("hears of a lost connection", func(t *testing.T) {
		_, _, session := connect()
		<-calls
		s.DropConnections(1006)
		<-session.ended
		<-a.closed
	})
}

func TestServerExtensionWithoutACK(t *testing.T) {
	sip.SetTimers(time.Millisecond, 4*time.Millisecond, 5*time.Millisecond) // the machines of sipgo have no other way
	t.Cleanup(func() { sip.SetTimers(500*time.Millisecond, 4*time.Second, 5*time.Second) })
	s := newServer(t, Options{Accounts: open})
	ended := make(chan struct{})
	s.Handle("echo", func(context.Context, ExtensionCall) (string, ExtensionSession, error) {
		return "v=0\r\n", &mediaSession{nil, ended}, nil
	})
	a := newPhone(t, s, "1001")
	a.request("INVITE", "sip:echo@example.com", "sip:echo@example.com", "\nv=0\n")
	a.expectResponse(100)
	a.expectResponse(180)
	a.expectResponse(200)
	<-ended // after 64 T1, RFC 3261 section 13.3.1.4
	for repeated := 0; ; repeated++ {
		if req, ok := a.next().(*sip.Request); ok {
			assert.Equal(t, sip.BYE, req.Method)
			assert.Greater(t, repeated, 3)
			return
		}
	}
}

func TestServerExtensionRefuses(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	canceled := make(chan error, 1)
	s.Handle("busy", func(context.Context, ExtensionCall) (string, ExtensionSession, error) {
		return "", nil, &StatusError{486, "Busy Here"}
	})
	s.Handle("broken", func(context.Context, ExtensionCall) (string, ExtensionSession, error) {
		return "", nil, errors.New("broken")
	})
	s.Handle("slow", func(ctx context.Context, _ ExtensionCall) (string, ExtensionSession, error) {
		<-ctx.Done()
		canceled <- ctx.Err()
		return "", nil, ctx.Err()
	})
	a := newPhone(t, s, "1001")
	for user, status := range map[string]int{"busy": 486, "broken": 500} {
		a.request("INVITE", "sip:"+user+"@example.com", "sip:"+user+"@example.com", "\nv=0\n")
		a.expectResponse(100)
		a.expectResponse(180)
		a.expectResponse(status)
	}
	a.request("INVITE", "sip:busy@example.com", "sip:busy@example.com")
	a.expectResponse(100)
	a.expectResponse(488) // no offer
	a.request("OPTIONS", "sip:busy@example.com", "sip:busy@example.com")
	a.expectResponse(200)
	a.request("MESSAGE", "sip:busy@example.com", "sip:busy@example.com")
	a.expectResponse(405)

	text := a.request("INVITE", "sip:slow@example.com", "sip:slow@example.com", "\nv=0\n")
	a.expectResponse(100)
	a.expectResponse(180)
	a.write(strings.ReplaceAll(text, "INVITE", "CANCEL"))
	assert.Equal(t, sip.CANCEL, a.expectResponse(200).CSeq().MethodName)
	a.expectResponse(487)
	assert.ErrorIs(t, <-canceled, context.Canceled)

	s.Handle("busy", nil)
	a.request("INVITE", "sip:busy@example.com", "sip:busy@example.com", "\nv=0\n")
	a.expectResponse(100)
	a.expectResponse(404)
}

// TestServerLeavesNothing runs a bit of everything and counts goroutines.
func TestServerLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	s := NewServer(Options{Accounts: open})
	s.Handle("slow", func(ctx context.Context, _ ExtensionCall) (string, ExtensionSession, error) {
		<-ctx.Done()
		return "", nil, ctx.Err()
	})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	b.register()
	a.request("INVITE", "sip:slow@example.com", "sip:slow@example.com", "\nv=0\n")
	a.expectResponse(100)
	a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com")
	b.respond(b.expectRequest("INVITE"), 180, "Ringing", "b")
	s.Close()
	s.Close()
	<-a.closed
	<-b.closed
	// What is left of a goroutine that has done its work goes away by itself.
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		stacks := make([]byte, 1<<16)
		t.Fatalf("%d goroutines before, %d after:\n%s", before, n, stacks[:runtime.Stack(stacks, true)])
	}
}
