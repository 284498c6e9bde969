package digest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Request is the request that the answer goes with.
type Request struct {
	Method string
	URI    string // the Request-URI as it is sent
	Body   []byte // hashed when the server takes nothing but auth-int
}

// Authorize returns the value of the Authorization or Proxy-Authorization
// header field that answers the challenge.
//
// nc counts the answers to this nonce, from 1. cnonce is a random string of the
// caller's; keep it for as long as the nonce, since with a -sess algorithm both
// are part of the session's key. Without a qop, neither is used, except cnonce
// by -sess.
//
// The error wraps ErrQOP, ErrCredentials or ErrRequest, and for a challenge that
// did not come from ParseChallenge ErrMalformed or ErrAlgorithm.
func (c Challenge) Authorize(cred Credentials, req Request, nc uint32, cnonce string) (string, error) {
	if err := c.answerable(cred); err != nil {
		return "", err
	}
	qop := c.qop()
	session := c.Algorithm.session()
	switch {
	case req.Method == "" || req.URI == "":
		return "", fmt.Errorf("%w: method and URI are required", ErrRequest)
	case qop != "" && nc == 0:
		return "", fmt.Errorf("%w: the nonce count begins at 1", ErrRequest)
	case (qop != "" || session) && cnonce == "":
		return "", fmt.Errorf("%w: a client nonce is required", ErrRequest)
	case hasControl(req.Method) || hasControl(req.URI) || hasControl(cnonce):
		return "", fmt.Errorf("%w: control character in the method, URI or client nonce", ErrRequest)
	}

	username := cred.Username
	if c.Userhash {
		username = c.Algorithm.hashJoined(cred.Username, c.Realm)
	}
	count := fmt.Sprintf("%08x", nc)

	// Names and quotes as RFC 3261 section 25.1 has them: algorithm, qop, nc and
	// userhash are bare, everything else is quoted.
	var params []string
	add := func(name, value string) { params = append(params, name+"="+value) }
	if c.Algorithm != Unspecified {
		add("algorithm", c.Algorithm.String())
	}
	if name, ok := c.extended(username); ok {
		add("username*", name)
	} else {
		add("username", quote(username))
	}
	add("realm", quote(c.Realm))
	add("nonce", quote(c.Nonce))
	add("uri", quote(req.URI))
	add("response", quote(c.response(cred, req, qop, count, cnonce)))
	if c.Opaque != "" || c.emptyOpaque {
		add("opaque", quote(c.Opaque))
	}
	if qop != "" {
		add("qop", qop)
		add("nc", count)
	}
	// RFC 2617 forbids cnonce without qop, but its -sess needs one: without it
	// the server could not check the answer.
	if qop != "" || session {
		add("cnonce", quote(cnonce))
	}
	if c.Userhash {
		add("userhash", "true")
	}
	return "Digest " + strings.Join(params, ", "), nil
}

// response is the request-digest of RFC 7616 section 3.4.1.
func (c Challenge) response(cred Credentials, req Request, qop, count, cnonce string) string {
	hash := c.Algorithm.hashJoined
	ha1, ok := cred.ha1(c)
	if !ok {
		ha1 = hash(cred.Username, c.Realm, cred.Password)
	}
	if c.Algorithm.session() { // RFC 7616 section 3.4.2: of the session's first nonces
		nonce, first := c.Nonce, cnonce
		if c.firstNonce != "" {
			nonce, first = c.firstNonce, c.firstCnonce
		}
		ha1 = hash(ha1, nonce, first)
	}
	switch qop {
	case "auth":
		return hash(ha1, c.Nonce, count, cnonce, qop, hash(req.Method, req.URI))
	case "auth-int": // RFC 7616 section 3.4.3
		return hash(ha1, c.Nonce, count, cnonce, qop, hash(req.Method, req.URI, c.Algorithm.hash(req.Body)))
	default: // RFC 2069, kept by RFC 3261 section 22.4
		return hash(ha1, c.Nonce, hash(req.Method, req.URI))
	}
}

// extended is the user name for username*, as RFC 7616 section 3.4 wants it where
// there is more than ASCII in it and the server has said that it reads UTF-8.
// Other servers get the bytes in quotes, which RFC 3261 section 25.1 allows.
func (c Challenge) extended(username string) (value string, ok bool) {
	ascii := strings.IndexFunc(username, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
	if ascii || !c.UTF8 || !utf8.ValidString(username) {
		return "", false
	}
	const plain = "!#$&+-.^_`|~" // RFC 5987 section 3.2.1: attr-char, beside letters and digits
	var b strings.Builder
	b.WriteString("UTF-8''")
	for i := 0; i < len(username); i++ {
		ch := username[i]
		if '0' <= ch && ch <= '9' || 'a' <= ch && ch <= 'z' || 'A' <= ch && ch <= 'Z' || strings.IndexByte(plain, ch) >= 0 {
			b.WriteByte(ch)
		} else {
			fmt.Fprintf(&b, "%%%02X", ch)
		}
	}
	return b.String(), true
}

// qop returns the protection to use, "" for none. It prefers auth: auth-int
// covers the body, which session border controllers and media proxies rewrite
// on the way, so that a right password would be refused.
func (c Challenge) qop() string {
	for _, q := range []string{"auth", "auth-int"} {
		if slices.Contains(c.QOP, q) {
			return q
		}
	}
	return ""
}

// Usable says why nobody can answer c, or nil. It does not ask for credentials.
// least is the strength that the hash must have: see [Algorithm.Strength].
func (c Challenge) Usable(least int) error {
	switch {
	case !c.Algorithm.known():
		return fmt.Errorf("%w: algorithm number %d", ErrAlgorithm, uint8(c.Algorithm))
	case len(c.QOP) > 0 && c.qop() == "":
		return fmt.Errorf("%w %s: the server must offer auth or auth-int", ErrQOP, excerpt(strings.Join(c.QOP, ",")))
	case hasControl(c.Realm) || hasControl(c.Nonce) || hasControl(c.Opaque):
		return fmt.Errorf("%w: control character in it", ErrMalformed)
	case c.Algorithm.Strength() < least:
		return fmt.Errorf("%w: %s", ErrWeak, c.Algorithm)
	}
	return nil
}

// answerable says why cred cannot answer c, or nil.
func (c Challenge) answerable(cred Credentials) error {
	if err := c.Usable(0); err != nil {
		return err
	}
	_, ok := cred.ha1(c)
	switch {
	case cred.Username == "":
		return fmt.Errorf("%w: no user name is set", ErrCredentials)
	case hasControl(cred.Username):
		return fmt.Errorf("%w: control character in the user name", ErrCredentials)
	case ok || cred.Password != "":
		return nil
	case len(cred.HA1) == 0:
		return fmt.Errorf("%w: neither a password nor an HA1 is set", ErrCredentials)
	}
	return fmt.Errorf("%w: no HA1 is one of %s for the realm %s: set that, or the password", ErrCredentials, c.Algorithm, excerpt(c.Realm))
}
