//go:build !js

//lint:file-ignore SA1019 nhooyr.io/websocket is the WebSocket package of this module, and its successor has the same code

package sipuatest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"nhooyr.io/websocket"
)

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
	res := p.register("Contact: <"+p.contact()+">;expires=90"+instance, "Supported: outbound")
	require.Len(t, res.GetHeaders("Contact"), 2)
	assert.Equal(t, "<sip:1001@two.invalid;transport=ws>"+instance+";expires=90", res.GetHeaders("Contact")[1].Value())
	p.host = "three.invalid"
	p.register("Contact: <"+p.contact()+">"+instance, "Supported: outbound")
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
	begun := time.Now()
	_ = p.ws.Close(websocket.StatusNormalClosure, "") // which of Close and the reader sees the server's frame is a matter of luck
	assert.Less(t, time.Since(begun), 5*time.Second, "the server takes part in the handshake, or Close would wait for it as long")
	<-p.closed
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, s.WaitContacts(ctx, "1001", 1))
	assert.Equal(t, []string{q.contact()}, s.Contacts("1001"))
	cancel()
	assert.ErrorIs(t, s.WaitContacts(ctx, "1001", 7), context.Canceled)
}
