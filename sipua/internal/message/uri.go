package message

import (
	"errors"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// ParseURI reads a URI and refuses what would not come back as it was.
func ParseURI(s string) (uri sip.Uri, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("not a URI")
		}
	}()
	if err := CheckValue(s); err != nil {
		return uri, err
	}
	if err = parseURI(s, &uri); err == nil && uri.Wildcard {
		err = errors.New("an asterisk is no address")
	}
	return uri, err
}

// parseURI lets sipgo read the scheme, user, host and port of a URI, and judges
// them: sipgo takes a URI without a host, with any port and with what ends a URI
// inside it. Its parameters and headers are read here.
func parseURI(s string, uri *sip.Uri) error {
	end, at := len(s), false // of the host: what ends it may well stand in the user
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ' || c == '<' || c == '>' || c == '"':
			return errors.New("a URI has no spaces, quotes or angle brackets")
		case c == '@' && !at:
			end, at = len(s), true
		case (c == ';' || c == '?') && end == len(s):
			end = i
		}
	}
	scheme, rest, _ := strings.Cut(s, ":")
	if !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips") {
		return parseOtherURI(s, scheme, rest, uri)
	}
	s, params := s[:end], s[end:]
	if err := sip.ParseUri(s, uri); err != nil {
		return err
	}
	switch {
	case !isHost(uri.Host) || uri.Port < 0 || uri.Port >= 1<<16:
		return errors.New("no host, or no such port")
	case at && uri.User == "":
		return errors.New("nobody before the @")
	case strings.IndexByte(uri.User, ':') >= 0:
		return errors.New("more than one password") // userinfo has one colon at the most
	}
	params, headers, _ := strings.Cut(params, "?")
	if !splitParams(params, ";", &uri.UriParams) || !splitParams(headers, "&", &uri.Headers) {
		return errors.New("a parameter without a name")
	}
	return nil
}

// splitParams reads the parameters or headers of a URI (section 25.1), which know no
// quotes.
func splitParams(s, separator string, params *sip.HeaderParams) bool {
	if s == "" {
		return true
	}
	*params = make(sip.HeaderParams, 0, 1+min(strings.Count(s, separator), 7))
	for one := range strings.SplitSeq(s, separator) {
		if one == "" {
			continue
		}
		name, value, _ := strings.Cut(one, "=")
		if name == "" {
			return false
		}
		*params = append(*params, sip.HeaderKV{K: name, V: value})
	}
	return true
}

// parseOtherURI reads "*" and URIs that are not SIP's, which stay as they are. A
// scheme may have digits and "+-." in it (section 25.1), which sipgo does not know.
func parseOtherURI(s, scheme, rest string, uri *sip.Uri) error {
	if s == "*" {
		return sip.ParseUri(s, uri)
	}
	odd := false
	if scheme == "" {
		return errors.New("no scheme")
	}
	for i := range len(scheme) {
		if c := scheme[i] | 0x20; c < 'a' || c > 'z' {
			odd = true
			if c := scheme[i]; i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' {
				return errors.New("no scheme")
			}
		}
	}
	if odd {
		s = "odd:" + rest
	}
	if err := sip.ParseUri(s, uri); err != nil {
		return err
	}
	if odd {
		uri.Scheme = asciiLower(scheme)
	}
	return nil
}

func isHost(s string) bool {
	colons := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == ':':
			colons++
		case c != '.' && c != '-' && c != '_' && c != '[' && c != ']' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z'):
			return false
		}
	}
	return s != "" && colons != 1
}
