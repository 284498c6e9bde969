//go:build !js

package sipuatest

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var secrets = map[string]string{"1001": "secret", "1002": ""}

func TestServerTwoRealms(t *testing.T) {
	s := newServer(t, Options{Accounts: secrets, ProxyRealm: "edge.example.net", ProxyAccounts: map[string]string{"1001": "other"}})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	text := a.request("REGISTER", "sip:example.com", "sip:1001@example.com")
	edge := a.expectResponse(407).GetHeader("Proxy-Authenticate").Value()
	assert.Contains(t, edge, `realm="edge.example.net"`)
	a.repeat(text, "Proxy-Authorization: "+a.credentials(text, edge, "secret", 1))
	a.expectResponse(407)
	toEdge := "Proxy-Authorization: " + a.credentials(text, edge, "other", 2)
	a.repeat(text, toEdge)
	home := a.expectResponse(401).GetHeader("WWW-Authenticate").Value()
	assert.Contains(t, home, `realm="example.com"`)
	a.repeat(text, toEdge, "Authorization: "+a.credentials(text, home, "secret", 1))
	assert.Contains(t, a.expectResponse(407).GetHeader("Proxy-Authenticate").Value(), "stale=true", "its count did not grow")
	a.repeat(text, "Proxy-Authorization: "+a.credentials(text, edge, "other", 3), "Authorization: "+a.credentials(text, home, "secret", 1))
	a.expectResponse(200)

	b.t.Run("other requests", func(t *testing.T) {
		s.Configure(func(o *Options) { o.ProxyAccounts["1002"] = "" })
		b.register()
		text := a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com")
		edge := a.expectResponse(407).GetHeader("Proxy-Authenticate").Value()
		foreign := `Digest realm="elsewhere", nonce="x", response="y"`
		a.repeat(text, "Proxy-Authorization: "+foreign, "Proxy-Authorization: "+a.credentials(text, edge, "other", 1))
		m := b.expectRequest("MESSAGE")
		assert.Equal(t, []string{foreign}, values(m, "Proxy-Authorization"), "what is not ours goes on")
	})
}

func TestServerAuthenticationInfo(t *testing.T) {
	s := newServer(t, Options{Accounts: secrets, Algorithm: "SHA-256", NonceUses: 1, NextNonce: true, ResponseAuth: true})
	a := newPhone(t, s, "1001")
	text := a.request("REGISTER", "sip:example.com", "sip:1001@example.com")
	challenge := a.expectResponse(401).GetHeader("WWW-Authenticate").Value()
	a.again(text, "Authorization", challenge, "secret")
	info := values(a.expectResponse(200), "Authentication-Info")
	require.Len(t, info, 1)
	p := parseDigest("Digest " + info[0])
	sent := parseDigest(a.credentials(text, challenge, "secret", 1))
	assert.Equal(t, digestResponse(sent, "SHA-256", "secret", "", ""), p["rspauth"])
	assert.Equal(t, "00000001", p["nc"])
	assert.Equal(t, sent["cnonce"], p["cnonce"])
	assert.Equal(t, "auth", p["qop"])

	a.repeat(text, "Authorization: "+a.credentials(text, challenge, "secret", 2))
	assert.Contains(t, a.expectResponse(401).GetHeader("WWW-Authenticate").Value(), "stale=true", "it was good once")
	next := strings.Replace(challenge, parseDigest(challenge)["nonce"], p["nextnonce"], 1)
	a.again(text, "Authorization", next, "secret")
	a.expectResponse(200)

	s.Configure(func(o *Options) { o.ForgeResponseAuth, o.NextNonce, o.NonceUses = true, false, 0 })
	a.repeat(text, "Authorization: "+a.credentials(text, next, "secret", 2))
	forged := parseDigest("Digest " + values(a.expectResponse(200), "Authentication-Info")[0])
	sent = parseDigest(a.credentials(text, next, "secret", 2))
	assert.NotEqual(t, digestResponse(sent, "SHA-256", "secret", "", ""), forged["rspauth"])
	assert.Empty(t, forged["nextnonce"])
}

func TestServerBearer(t *testing.T) {
	s := newServer(t, Options{Accounts: secrets, Tokens: map[string]string{"good": "1001", "theirs": "1003"}})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	b.register()
	text := a.request("REGISTER", "sip:example.com", "sip:1001@example.com")
	challenges := values(a.expectResponse(401), "WWW-Authenticate")
	require.Len(t, challenges, 2)
	assert.Equal(t, `Bearer realm="example.com", scope="sip", authz_server="https://auth.example.com"`, challenges[0])
	assert.Contains(t, challenges[1], "Digest ")
	a.repeat(text, "Authorization: Bearer bad")
	assert.Contains(t, values(a.expectResponse(401), "WWW-Authenticate")[0], `error="invalid_token"`)
	a.repeat(text, "Authorization: Bearer theirs")
	a.expectResponse(403)
	a.repeat(text, "Authorization: bearer good")
	a.expectResponse(200)
	a.again(text, "Authorization", challenges[1], "secret") // either will do
	a.expectResponse(200)
	a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com", "Proxy-Authorization: Bearer good")
	assert.Nil(t, b.expectRequest("MESSAGE").GetHeader("Proxy-Authorization"), "a token goes no further")

	s.Configure(func(o *Options) { o.Algorithm = "none"; delete(o.Tokens, "good") })
	a.repeat(text, "Authorization: Bearer good")
	assert.Len(t, values(a.expectResponse(401), "WWW-Authenticate"), 1)
	assert.Panics(t, func() { s.Configure(func(o *Options) { o.Tokens = nil }) })
	assert.Panics(t, func() { NewServer(Options{Events: []string{"weather"}}) })
}

func TestNoncesAreBounded(t *testing.T) {
	s := NewUnstartedServer(Options{})
	defer s.Close()
	o := s.options.Load()
	first := s.nonces.fresh(o.NonceLifetime)
	for range 2 * maxNonces {
		s.nonces.fresh(o.NonceLifetime)
	}
	assert.Len(t, s.nonces.known, maxNonces)
	assert.Equal(t, stale, s.nonces.use(o, map[string]string{"nonce": first}))
}

func TestServerRemembersTheLastRequests(t *testing.T) {
	s := NewUnstartedServer(Options{})
	defer s.Close()
	for i := range maxRequests + 10 {
		req := sip.NewRequest(sip.OPTIONS, sip.Uri{Scheme: "sip", Host: "example.com", Port: 1 + i})
		s.remember(req)
	}
	kept := s.Requests()
	assert.Len(t, kept, maxRequests)
	assert.Equal(t, 11, kept[0].Recipient.Port)
	s.ForgetRequests()
	assert.Empty(t, s.Requests())
}
