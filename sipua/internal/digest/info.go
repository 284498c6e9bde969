package digest

import (
	"crypto/subtle"
	"fmt"
	"strings"
)

// Info is the value of Authentication-Info or Proxy-Authentication-Info: what the
// server says after it has taken an answer (RFC 7615, RFC 7616 section 3.5).
type Info struct {
	NextNonce string // to be used from now on, "" for none
	RspAuth   string // proof that the server knows the password, "" for none
	QOP       string // of the proof, in lower case
	Cnonce    string // that of the answer, "" when it is not said
}

// ParseInfo reads one header value. The error wraps ErrMalformed.
func ParseInfo(value string) (Info, error) {
	params, err := parseParams(value)
	if err != nil {
		return Info{}, err
	}
	return Info{
		NextNonce: params["nextnonce"], RspAuth: params["rspauth"],
		QOP: strings.ToLower(params["qop"]), Cnonce: params["cnonce"],
	}, nil
}

// Proves reports whether the rspauth of i is that of a server which knows the
// secret of cred. uri, nc and cnonce are those of the answer to c that the server
// has taken; body is that of its response.
func (i Info) Proves(c Challenge, cred Credentials, uri string, body []byte, nc uint32, cnonce string) bool {
	if c.answerable(cred) != nil {
		return false
	}
	qop := c.qop()
	if qop != "" && (i.QOP == "auth" || i.QOP == "auth-int") {
		qop = i.QOP // the server's own choice for its response
	}
	// As the answer, but A2 has no method.
	want := c.response(cred, Request{URI: uri, Body: body}, qop, fmt.Sprintf("%08x", nc), cnonce)
	return subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(i.RspAuth))) == 1
}
