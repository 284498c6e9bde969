package digest

import (
	"fmt"
	"slices"
	"strings"
)

// Challenge is one WWW-Authenticate or Proxy-Authenticate value.
type Challenge struct {
	Realm     string
	Nonce     string
	Opaque    string // given back unchanged
	Algorithm Algorithm
	QOP       []string // as offered, in lower case; empty: the legacy form without qop
	Stale     bool     // the last answer was right but its nonce is too old: answer again at once
	Userhash  bool     // the server takes a hashed user name (RFC 7616 section 3.4.4)
	UTF8      bool     // the server reads names in UTF-8: charset (RFC 7616 section 3.3)

	emptyOpaque bool // opaque="" was there, and an empty string also goes back unchanged
	// Of the challenge that began the session, when a nextnonce has replaced its
	// nonce: the key of a -sess algorithm is made of them.
	firstNonce, firstCnonce string
}

// Next is c with the nonce of a nextnonce (RFC 7616 section 3.5). The session goes
// on, and with it the key of a -sess algorithm: cnonce is the client nonce of the
// answers so far.
func (c Challenge) Next(nonce, cnonce string) Challenge {
	if c.firstNonce == "" {
		c.firstNonce, c.firstCnonce = c.Nonce, cnonce
	}
	c.Nonce = nonce
	return c
}

// ParseChallenge reads one header value. It follows RFC 7616 section 3.3 and
// forgives what servers are known to do: odd or missing spaces and commas,
// folding, quotes where there should be none and the other way round, and
// parameters that it does not know. Of a repeated parameter the first counts.
//
// The error wraps ErrScheme, ErrMalformed or ErrAlgorithm.
func ParseChallenge(value string) (Challenge, error) {
	scheme, rest := schemeOf(value)
	if !strings.EqualFold(scheme, "Digest") {
		return Challenge{}, fmt.Errorf("%w: the scheme is %s", ErrScheme, excerpt(scheme))
	}
	params, err := parseParams(rest)
	if err != nil {
		return Challenge{}, err
	}

	c := Challenge{
		Realm:    params["realm"],
		Nonce:    params["nonce"],
		Opaque:   params["opaque"],
		QOP:      strings.FieldsFunc(strings.ToLower(params["qop"]), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }),
		Stale:    strings.EqualFold(params["stale"], "true"),
		Userhash: strings.EqualFold(params["userhash"], "true"),
		UTF8:     strings.EqualFold(params["charset"], "UTF-8"),
	}
	if _, ok := params["realm"]; !ok {
		return Challenge{}, fmt.Errorf("%w: no realm", ErrMalformed)
	}
	if c.Nonce == "" {
		return Challenge{}, fmt.Errorf("%w: no nonce", ErrMalformed)
	}
	if opaque, ok := params["opaque"]; ok && opaque == "" {
		c.emptyOpaque = true
	}
	if token := params["algorithm"]; token != "" {
		var ok bool
		if c.Algorithm, ok = parseAlgorithm(token); !ok {
			return Challenge{}, fmt.Errorf("%w %s: the server must also offer MD5, SHA-256 or SHA-512-256", ErrAlgorithm, excerpt(token))
		}
	}
	return c, nil
}

// Best chooses which challenges of one response to answer: for each realm, in
// the order of the header fields, the strongest that cred can answer, and of
// equals the topmost.
//
// One for each realm, because a forked request gathers the challenges of
// several servers and each waits for its own answer (RFC 3261 section 22.3).
// The strongest, because that is our local policy, which RFC 8760 section 2.4
// allows instead of the topmost: a challenge is not protected, and whoever can
// reorder the header fields could else choose the hash that is easiest to break.
//
// When cred answers none of them, the error says why it cannot answer the first.
func Best(challenges []Challenge, cred Credentials) ([]Challenge, error) {
	var best []Challenge
	var firstErr error
	for _, c := range challenges {
		if err := c.answerable(cred); err != nil {
			if firstErr == nil {
				firstErr = err
			}
			continue
		}
		i := slices.IndexFunc(best, func(b Challenge) bool { return b.Realm == c.Realm })
		switch {
		case i < 0:
			best = append(best, c)
		case c.Algorithm.Strength() > best[i].Algorithm.Strength():
			best[i] = c
		}
	}
	if len(best) > 0 {
		return best, nil
	}
	if firstErr == nil {
		firstErr = fmt.Errorf("%w: the response has none", ErrScheme)
	}
	return nil, firstErr
}

// schemeOf cuts a challenge into its scheme and the rest.
func schemeOf(value string) (scheme, rest string) {
	value = strings.Trim(value, spaces)
	if i := strings.IndexAny(value, spaces); i >= 0 {
		return value[:i], value[i:]
	}
	return value, ""
}

// spaces are those of LWS, with the line ends of a folded header.
const spaces = " \t\r\n"

// parseParams reads name=value pairs. A name without a value is passed over,
// unless it goes on with the list of an unquoted qop=auth,auth-int.
func parseParams(s string) (map[string]string, error) {
	params := make(map[string]string)
	last := ""
	for {
		s = strings.TrimLeft(s, spaces+",;")
		if s == "" {
			return params, nil
		}
		name := token(s)
		if name == "" {
			return nil, fmt.Errorf("%w: no parameter name at %s", ErrMalformed, excerpt(s))
		}
		s = strings.TrimLeft(s[len(name):], spaces)
		name = strings.ToLower(name)
		if !strings.HasPrefix(s, "=") {
			if last == "qop" {
				params["qop"] += "," + name
			}
			continue
		}
		s = strings.TrimLeft(s[1:], spaces)
		var value string
		if strings.HasPrefix(s, `"`) {
			var ok bool
			if value, s, ok = unquote(s); !ok {
				return nil, fmt.Errorf("%w: the quotes of %s are not closed", ErrMalformed, excerpt(name))
			}
			last = ""
		} else {
			end := strings.IndexAny(s, spaces+",;")
			if end < 0 {
				end = len(s)
			}
			value, s = s[:end], s[end:]
			last = name
		}
		if hasControl(value) {
			return nil, fmt.Errorf("%w: control character in %s", ErrMalformed, excerpt(name))
		}
		if _, repeated := params[name]; repeated {
			last = ""
			continue
		}
		params[name] = value
	}
}

// token returns the token (RFC 3261 section 25.1) that s begins with.
func token(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alnum && !strings.ContainsRune("-.!%*_+`'~", rune(c)) {
			return s[:i]
		}
	}
	return s
}

// unquote reads the quoted-string that s begins with.
func unquote(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// quote makes a quoted-string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
	return b.String()
}

// hasControl finds what has no place in a header value: line ends would begin
// a header of the attacker's choice.
func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// excerpt quotes what came from the network for an error, in a length that can be read.
func excerpt(s string) string {
	const most = 40
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
