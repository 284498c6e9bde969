package sipua

import (
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// target reads what people and programs call (section 19.1.6 for tel URIs).
func (ua *UserAgent) target(s string) (sip.Uri, error) {
	s = strings.TrimSpace(s)
	scheme, rest, hasScheme := strings.Cut(s, ":")
	switch {
	case s == "":
		return sip.Uri{}, fmt.Errorf("the target is empty")
	case message.CheckValue(s) != nil:
		return sip.Uri{}, fmt.Errorf("the target %w", message.CheckValue(s))
	case hasScheme && strings.EqualFold(scheme, "tel"):
		number, _, _ := strings.Cut(rest, ";")
		uri, err := ua.number(number)
		uri.UriParams.Add("user", "phone")
		return uri, err
	case hasScheme && (strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips")):
		return checkTarget(s)
	case strings.Contains(s, "@"):
		user, host, _ := strings.Cut(s, "@")
		if user == "" {
			return sip.Uri{}, fmt.Errorf("the target %q has nobody before the @", clean(s, 80))
		}
		return checkTarget("sip:" + escapeUser(user) + "@" + host)
	}
	return ua.number(s)
}

func checkTarget(s string) (sip.Uri, error) {
	uri, err := message.ParseURI(s)
	if err != nil || uri.Host == "" || uri.Wildcard {
		return uri, fmt.Errorf("the target %q is not a SIP address: it wants the form \"sip:user@host\"", clean(s, 80))
	}
	uri.Headers = nil // section 19.1.5: not sent in a Request-URI
	return uri, nil
}

// number makes the URI of a user or number of our own domain. Visual separators
// (RFC 3966 section 5.1.1) are taken out of numbers.
func (ua *UserAgent) number(s string) (sip.Uri, error) {
	if strings.Trim(s, "+0123456789*#-.() /") == "" {
		s = strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "", "/", "").Replace(s)
	}
	if s == "" {
		return sip.Uri{}, fmt.Errorf("the target has no number")
	}
	return sip.Uri{Scheme: ua.aor.Scheme, User: escapeUser(s), Host: ua.aor.Host, Port: ua.aor.Port}, nil
}

// escapeUser escapes what may not stand in the user part (section 25.1).
func escapeUser(s string) string {
	const plain = "-_.!~*'()&=+$,;?/"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		escaped := c == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(plain, c) >= 0 || escaped {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// reserved headers are the protocol's own.
var reserved = []string{"Via", "v", "From", "f", "To", "t", "Call-ID", "i", "CSeq", "Contact", "m", "Max-Forwards", "Route", "Record-Route",

	"Content-Length", "l", "Content-Type", "c", "Authorization", "Proxy-Authorization", "Require", "Supported", "k", "Allow", "User-Agent"}

func checkHeaders(headers []Header) error {
	for _, h := range headers {
		if h.Name == "" || strings.ContainsFunc(h.Name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(":,;<>@()[]{}/\\\"?=", r) }) {
			return fmt.Errorf("%q is not a header name", clean(h.Name, 40))
		}
		for _, r := range reserved {
			if strings.EqualFold(h.Name, r) {
				return fmt.Errorf("the header %s belongs to the protocol and cannot be set", h.Name)
			}
		}
		if err := message.CheckValue(h.Value); err != nil {
			return fmt.Errorf("the value of the header %s %w", h.Name, err)
		}
	}
	return nil
}

func identity(rawName string, uri sip.Uri) Identity {
	user := unescapeUser(uri.User)
	address := uri.Addr()
	if uri.Scheme == "tel" {
		user, _, _ = strings.Cut(uri.Raw(), ";")
		address = "tel:" + user
	}
	return Identity{DisplayName: clean(message.DisplayName(rawName), 200), URI: clean(address, 400), User: clean(user, 200)}
}

func unescapeUser(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func unhex(c byte) int { return strings.IndexByte("0123456789abcdef", c|0x20) }
