package sipua

import (
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/digest"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// space is a protection space (RFC 3261 section 22.1, RFC 7616 section 3.6). That of
// a proxy is the realm, for everything that is sent through it. That of an end is
// the realm at the host of the Request-URI: what was answered for one host is not
// sent to another one, which might be anybody, before it has asked.
type space struct {
	proxy bool
	realm string
	host  string // "" for a proxy
}

func spaceOf(proxy bool, realm string, req *sip.Request) space {
	s := space{proxy: proxy, realm: realm}
	if !proxy {
		s.host = hostOf(req.Recipient)
	}
	return s
}

func hostOf(uri sip.Uri) string {
	host := strings.ToLower(uri.Host)
	if uri.Port != 0 {
		host += ":" + strconv.Itoa(uri.Port)
	}
	return host
}

func (s space) header() string {
	if s.proxy {
		return "Proxy-Authorization"
	}
	return "Authorization"
}

// covers reports whether req goes where s is.
func (s space) covers(req *sip.Request) bool { return s.proxy || s.host == hostOf(req.Recipient) }

// session is what a challenge has begun: answers with one nonce, or one token. All
// requests share it, so that the count of the nonce grows with each answer (RFC 7616
// section 3.4).
type session struct {
	space     space
	cred      *credential
	bearer    bool // the token; the next three are empty
	challenge digest.Challenge
	cnonce    string
	nc        uint32
	proven    bool // the server has taken an answer: it goes into the first attempt of requests
	born      int  // order of the challenges
}

// header makes the credentials for req, and counts.
func (s *session) header(req *sip.Request, user string) (sip.Header, error) {
	secret := s.cred.get()
	if s.bearer {
		return sip.NewHeader(s.space.header(), "Bearer "+secret.Token), nil
	}
	s.nc++
	value, err := s.challenge.Authorize(secret.digest(user),
		digest.Request{Method: string(req.Method), URI: req.Recipient.String(), Body: req.Body()}, s.nc, s.cnonce)
	return sip.NewHeader(s.space.header(), value), err
}

// maxSessions bounds what servers can make us remember. Real ones have two or three
// realms.
const maxSessions = 16

// remember finds the session of a challenge or token, or begins it. A nonce that is
// known goes on counting: also two requests that were challenged at once may have
// got the same one.
func (a *authentication) remember(s *session) *session {
	a.born++
	i := slices.IndexFunc(a.sessions, func(old *session) bool {
		return old.space == s.space && old.cred == s.cred && old.bearer == s.bearer &&
			old.challenge.Nonce == s.challenge.Nonce && old.challenge.Algorithm == s.challenge.Algorithm
	})
	if i >= 0 {
		old := a.sessions[i]
		a.sessions = slices.Delete(a.sessions, i, i+1)
		old.challenge = s.challenge // opaque may be another one
		s = old
	} else if !s.bearer {
		s.cnonce = message.NewToken(16)
	}
	s.born = a.born
	if len(a.sessions) >= maxSessions { // the oldest that is of no use yet, or else the oldest
		i := max(slices.IndexFunc(a.sessions, func(s *session) bool { return !s.proven }), 0)
		a.sessions = slices.Delete(a.sessions, i, i+1)
	}
	a.sessions = append(a.sessions, s)
	return s
}

// prove: the server has taken an answer of s. It replaces what was known of the
// space, unless that came later.
func (a *authentication) prove(s *session) {
	s.cred.proven = true
	for _, other := range a.sessions {
		if other != s && other.proven && other.space == s.space {
			if other.born > s.born {
				return
			}
			other.proven = false
		}
	}
	s.proven = true
}

// renew is a nextnonce (RFC 7616 section 3.5): it replaces the nonce, and the count
// begins anew. Answers that are on their way keep their session.
func (a *authentication) renew(s *session, nonce string) {
	next := &session{space: s.space, cred: s.cred, challenge: s.challenge.Next(nonce, s.cnonce)}
	a.prove(a.remember(next))
}

// secure reports whether nobody can read what we send to a server: over TLS, or
// inside this machine.
func secure(url string) bool {
	scheme, host, _ := strings.Cut(url, "://")
	if scheme == "wss" {
		return true
	}
	host, _, _ = strings.Cut(strings.ToLower(host), "/")
	if strings.HasPrefix(host, "[") {
		return strings.HasPrefix(host, "[::1]")
	}
	host, _, _ = strings.Cut(host, ":")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761 section 6.3
		return true
	}
	// 127.0.0.0/8, but not a name that begins like it.
	return strings.HasPrefix(host, "127.") && strings.Count(host, ".") == 3 && strings.Trim(host, "0123456789.") == ""
}
