package digest

import (
	"fmt"
	"strings"
)

// Bearer is a challenge that asks for an access token (RFC 8898 section 4).
type Bearer struct {
	Realm       string
	Scope       string // what the token must allow
	AuthzServer string // URL of the authorization server
	Error       string // what was wrong with the last token, such as "invalid_token"
}

// ParseBearer reads one header value of that scheme, as forgiving as
// ParseChallenge. The error wraps ErrScheme or ErrMalformed.
func ParseBearer(value string) (Bearer, error) {
	scheme, rest := schemeOf(value)
	if !strings.EqualFold(scheme, "Bearer") {
		return Bearer{}, fmt.Errorf("%w: the scheme is %s", ErrScheme, excerpt(scheme))
	}
	params, err := parseParams(rest)
	if err != nil {
		return Bearer{}, err
	}
	return Bearer{Realm: params["realm"], Scope: params["scope"], AuthzServer: params["authz_server"], Error: params["error"]}, nil
}

// CheckToken says what is wrong with an access token, without showing it: RFC 6750
// section 2.1. The error wraps ErrCredentials.
func CheckToken(token string) error {
	rest := strings.TrimRight(token, "=")
	if rest == "" || strings.IndexFunc(rest, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("-._~+/", r)
	}) >= 0 {
		return fmt.Errorf("%w: the token has characters that an access token cannot have (RFC 6750 section 2.1)", ErrCredentials)
	}
	return nil
}
