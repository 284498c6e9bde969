//go:build !js

package sipuatest

import (
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// gate is a place where a request must prove who sends it.
type gate struct {
	realm     string
	accounts  map[string]string
	challenge string // header with challenges
	response  string // header with credentials
	status    int
	reason    string
}

// registrarGate is RFC 3261 section 22.2.
func (o *Options) registrarGate() gate {
	return gate{o.Domain, o.Accounts, "WWW-Authenticate", "Authorization", 401, "Unauthorized"}
}

// proxyGate is RFC 3261 section 22.3.
func (o *Options) proxyGate() gate {
	g := gate{o.Domain, o.Accounts, "Proxy-Authenticate", "Proxy-Authorization", 407, "Proxy Authentication Required"}
	if o.ProxyRealm != "" {
		g.realm = o.ProxyRealm
		if o.ProxyAccounts != nil {
			g.accounts = o.ProxyAccounts
		}
	}
	return g
}

// verdict of a look at credentials.
type verdict int

const (
	refused  verdict = iota // none for the realm, or wrong ones
	stale                   // right ones, but for a nonce that is not good any more
	invalid                 // a bearer token that is not good, or not any more
	accepted                // right ones
)

// pass lets a request through that proves to come from user, and returns the
// parameters of its digest, if it has one. It has answered any other.
func (s *Server) pass(tx *serverTransaction, req *sip.Request, g gate, user string) (digest map[string]string, ok bool) {
	if password, known := g.accounts[user]; known && password == "" {
		return nil, true
	}
	o := s.options.Load()
	proved, digest, v := s.credentials(o, req, g)
	switch {
	case v != accepted:
		s.respond(tx, req, g.status, g.reason, s.challenges(o, g, v)...)
		return nil, false
	case proved != user:
		s.respond(tx, req, 403, "Forbidden")
		return nil, false
	}
	return digest, true
}

// credentials looks at the credentials of a request and returns the user name
// that they prove.
func (s *Server) credentials(o *Options, req *sip.Request, g gate) (user string, digest map[string]string, v verdict) {
	for _, h := range req.GetHeaders(g.response) {
		if token, ok := bearer(h.Value()); ok {
			if user, known := o.Tokens[token]; known {
				return user, nil, accepted
			}
			v = invalid
			continue
		}
		p := parseDigest(h.Value())
		if p["realm"] != g.realm {
			continue
		}
		password, known := g.accounts[p["username"]]
		if !known || !o.right(p, password, req) {
			return "", nil, refused
		}
		return p["username"], p, s.nonces.use(o, p)
	}
	return "", nil, v
}

// challenges makes the challenges of a gate (RFC 8898 section 2.1, RFC 8760
// section 2.3).
func (s *Server) challenges(o *Options, g gate, v verdict) (headers []sip.Header) {
	if len(o.Tokens) > 0 {
		text := fmt.Sprintf(`Bearer realm="%s", scope="sip", authz_server="%s"`, g.realm, o.AuthzServer)
		if v == invalid {
			text += `, error="invalid_token"`
		}
		headers = append(headers, sip.NewHeader(g.challenge, text))
	}
	for _, text := range s.digestChallenges(o, g.realm, v == stale) {
		headers = append(headers, sip.NewHeader(g.challenge, text))
	}
	return headers
}

// authorized challenges requests that claim to come from one of our accounts and
// open something new. Inside a dialog the dialog itself is the credential, as
// proxies do that record the route.
func (s *Server) authorized(tx *serverTransaction, req *sip.Request) bool {
	from := req.From().Address
	if req.To().Params.Has("tag") || !s.ours(&from) {
		return true
	}
	_, ok := s.pass(tx, req, s.options.Load().proxyGate(), from.User)
	return ok
}

// consumed reports whether the value of a Proxy-Authorization was meant for us
// and goes no further (RFC 3261 section 22.3).
func (o *Options) consumed(value string) bool {
	_, token := bearer(value)
	return token || parseDigest(value)["realm"] == o.proxyGate().realm
}

// bearer returns the token of an Authorization header (RFC 6750 section 2.1).
func bearer(value string) (token string, ok bool) {
	scheme, token, ok := strings.Cut(strings.TrimSpace(value), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}
