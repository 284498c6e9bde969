package digest

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Credentials prove who we are. When both secrets are set, HA1 counts.
type Credentials struct {
	Username string
	Password string
	// HA1 is the hash of "username:realm:password" in hexadecimal, never that of
	// a -sess variant. Its length says which hashes it can be: a challenge for
	// another one is not answered. SHA-256 and SHA-512-256 have the same length,
	// so such an HA1 must be of the one that the server asks for.
	HA1 string
}

// String tells the user name and hides the secrets.
func (c Credentials) String() string { return "{" + c.Username + " [hidden]}" }

// GoString hides the secrets from %#v.
func (c Credentials) GoString() string { return c.String() }

// Format hides the secrets from every other verb too.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

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
	add("username", quote(username))
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
	ha1 := strings.ToLower(cred.HA1) // LHEX
	if ha1 == "" {
		ha1 = hash(cred.Username, c.Realm, cred.Password)
	}
	if c.Algorithm.session() {
		ha1 = hash(ha1, c.Nonce, cnonce) // RFC 7616 section 3.4.2
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

// answerable says why cred cannot answer c, or nil.
func (c Challenge) answerable(cred Credentials) error {
	switch {
	case !c.Algorithm.known():
		return fmt.Errorf("%w: algorithm number %d", ErrAlgorithm, uint8(c.Algorithm))
	case len(c.QOP) > 0 && c.qop() == "":
		return fmt.Errorf("%w %s: the server must offer auth or auth-int", ErrQOP, excerpt(strings.Join(c.QOP, ",")))
	case hasControl(c.Realm) || hasControl(c.Nonce) || hasControl(c.Opaque):
		return fmt.Errorf("%w: control character in it", ErrMalformed)
	case cred.Username == "":
		return fmt.Errorf("%w: no user name is set", ErrCredentials)
	case hasControl(cred.Username):
		return fmt.Errorf("%w: control character in the user name", ErrCredentials)
	case cred.HA1 == "" && cred.Password == "":
		return fmt.Errorf("%w: neither a password nor an HA1 is set", ErrCredentials)
	}
	if cred.HA1 == "" {
		return nil
	}
	if _, err := hex.DecodeString(cred.HA1); err != nil { // err would show a part of it
		return fmt.Errorf("%w: the HA1 is not hexadecimal", ErrCredentials)
	}
	if want := c.Algorithm.hexLen(); len(cred.HA1) != want {
		return fmt.Errorf("%w: the HA1 has %d digits, %s wants %d: set the password, or the HA1 of that algorithm",
			ErrCredentials, len(cred.HA1), c.Algorithm, want)
	}
	return nil
}
