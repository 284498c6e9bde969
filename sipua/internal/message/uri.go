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
	if err = new(read).parseURI(s, &uri); err == nil && uri.Wildcard {
		err = errors.New("an asterisk is no address")
	}
	return uri, err
}

// parseURI lets sipgo read the scheme, user, host and port of a URI, and judges
// them: sipgo takes a URI without a host, with any port and with what ends a URI
// inside it. Its parameters and headers are read here.
func (h *read) parseURI(s string, uri *sip.Uri) error {
	end, at, sipgos := len(s), -1, false // end of the host: what ends it may well stand in the user
	for i := range len(s) {
		c := s[i]
		if classes[c]&uriMark == 0 {
			continue
		}
		switch c {
		case '@':
			if at < 0 {
				end, at = len(s), i
			}
		case ';', '?':
			if end == len(s) {
				end = i
			}
		case '[':
			sipgos = true // an IPv6 address, or a user with one bracket
		default:
			return errors.New("a URI has no spaces, quotes or angle brackets")
		}
	}
	scheme, rest, _ := strings.Cut(s, ":")
	switch {
	case scheme == "sip" || scheme == "sips":
		uri.Scheme = scheme
	case strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips"):
		uri.Scheme = asciiLower(scheme)
	default:
		return parseOtherURI(s, scheme, rest, uri)
	}
	params := s[end:]
	if sipgos || strings.HasPrefix(rest, "//") {
		if err := sip.ParseUri(s[:end], uri); err != nil {
			return err
		}
	} else if !parseHostPort(s[len(scheme)+1:end], at-len(scheme)-1, uri) {
		return errors.New("no such port")
	}
	switch {
	case !isHost(uri.Host) || uri.Port < 0 || uri.Port >= 1<<16:
		return errors.New("no host, or no such port")
	case at >= 0 && uri.User == "":
		return errors.New("nobody before the @")
	case strings.IndexByte(uri.User, ':') >= 0:
		return errors.New("more than one password") // userinfo has one colon at the most
	case params == "":
		return nil
	}
	params, headers, _ := strings.Cut(params, "?")
	if !h.splitParams(params, ';', &uri.UriParams) || !h.splitParams(headers, '&', &uri.Headers) {
		return errors.New("a parameter without a name")
	}
	return nil
}

// parseHostPort reads user, password, host and port, which the "@" at index at
// parts, if there is one.
func parseHostPort(s string, at int, uri *sip.Uri) bool {
	if at >= 0 {
		uri.User = s[:at]
		if colon := strings.LastIndexByte(uri.User, ':'); colon > 0 {
			uri.User, uri.Password = uri.User[:colon], uri.User[colon+1:]
		}
		s = s[at+1:]
	}
	host, port, ok := strings.Cut(s, ":")
	uri.Host = host
	if !ok {
		return true
	}
	n, ok := parseNumber(port, 1<<16-1)
	uri.Port = int(n)
	return ok
}

// splitParams reads the parameters or headers of a URI (section 25.1), which know no
// quotes.
func (h *read) splitParams(s string, separator byte, params *sip.HeaderParams) bool {
	if s == "" {
		return true
	}
	*params = h.room(countOf(s, separator))
	for start, equals, i := 0, -1, 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == separator:
			switch {
			case equals == start:
				return false
			case equals > 0:
				*params = append(*params, sip.HeaderKV{K: s[start:equals], V: s[equals+1 : i]})
			case i > start:
				*params = append(*params, sip.HeaderKV{K: s[start:i]})
			}
			start, equals = i+1, -1
		case s[i] == '=' && equals < 0:
			equals = i
		}
	}
	return true
}

// countOf is the room for parameters: one for each separator, and not much for an
// attacker.
func countOf(s string, separator byte) int {
	n := 0
	for i := range len(s) {
		if s[i] == separator {
			n++
		}
	}
	return 1 + min(n, 7)
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
		c := s[i]
		if classes[c]&hostByte == 0 {
			return false
		}
		if c == ':' {
			colons++
		}
	}
	return s != "" && colons != 1
}
