package sipua

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// referTo is what a REFER asks for (RFC 3515 section 2.1).
type referTo struct {
	URI      sip.Uri   // of any scheme, without the method and the headers
	Method   string    // of the request that is asked for, "INVITE" unless the URI says another
	Replaces *Replaces // the call that the new one takes the place of, nil for none
	Join     *Join     // the call that the new one takes part in, nil for none
	Headers  []Header  // for that request, besides those of the protocol, unescaped
}

// ReferredBy is who asked for a call by REFER, as that call says (RFC 3892). Nobody
// vouches for it unless the token that ContentID names is checked.
type ReferredBy struct {
	Identity
	ContentID string // of the token in the body, "" when there is none
}

// maxList bounds the entries of whatever list a stranger sends.
const maxList = 32

// notByReference are headers that a reference could harm with, or that its receiver
// knows better (RFC 3261 section 19.1.5), besides those that no application can set.
var notByReference = []string{"Body", "Content-Disposition", "Content-Encoding", "Content-Language", "MIME-Version", "Accept", "Accept-Encoding",
	"Accept-Language", "Allow-Events", "Organization", "Date", "Timestamp", "Proxy-Require", "Event", "o", "Session-Expires", "x", "Min-SE",
	"Identity", "y", "P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Diversion", "History-Info", "Referred-By", "b",
	"Refer-To", "r", "Replaces", "Join", "Priv-Answer-Mode"}

// parseReferTo reads the Refer-To header. The error is an *Error with status 400: RFC
// 3515 section 2.4.2 wants exactly one.
func parseReferTo(req *sip.Request) (referTo, error) {
	const header = "Refer-To"
	values := message.Values(req, header, 2)
	if len(values) != 1 {
		return referTo{}, malformed(header, "is missing or there more than once")
	}
	_, uri, _, ok := message.ParseNameAddr(values[0])
	if !ok {
		return referTo{}, malformed(header, "is not an address")
	}
	r := referTo{URI: uri, Method: string(sip.INVITE)}
	r.URI.UriParams, r.URI.Headers = nil, nil
	for _, p := range uri.UriParams {
		if !strings.EqualFold(p.K, "method") {
			r.URI.UriParams = append(r.URI.UriParams, p)
			continue
		}
		if r.Method = unescapeUser(p.V); !message.IsToken(r.Method) {
			return referTo{}, malformed(header, "has a method that is none")
		}
	}
	for _, h := range uri.Headers {
		if err := r.add(unescapeUser(h.K), strings.TrimSpace(unescapeUser(h.V))); err != nil {
			return referTo{}, err
		}
	}
	if r.Replaces != nil && r.Join != nil {
		return referTo{}, malformed(header, "has Replaces and Join, which exclude each other")
	}
	return r, nil
}

// add takes one header of the URI over, or drops it. Those that would break out of
// their line are among the dropped.
func (r *referTo) add(name, value string) (err error) {
	switch {
	case strings.EqualFold(name, "Replaces"):
		if r.Replaces != nil {
			return malformed("Refer-To", "has Replaces more than once")
		}
		r.Replaces, err = readReplaces(value)
	case strings.EqualFold(name, "Join"):
		if r.Join != nil {
			return malformed("Refer-To", "has Join more than once")
		}
		r.Join, err = readJoin(value)
	case slices.ContainsFunc(notByReference, func(n string) bool { return strings.EqualFold(n, name) }):
	default:
		h := Header{Name: name, Value: value}
		if len(r.Headers) < maxList && checkHeaders([]Header{h}) == nil {
			r.Headers = append(r.Headers, h)
		}
	}
	return err
}

// value is that of the header: always in brackets, as a URI with headers must be
// (RFC 3515 section 2.1). Only URIs of SIP can have a method and headers.
func (r referTo) value() string {
	uri := r.URI.Clone()
	uri.Headers = nil
	if r.Method != "" && r.Method != string(sip.INVITE) {
		uri.UriParams = append(uri.UriParams, sip.HeaderKV{K: "method", V: r.Method})
	}
	headers := slices.Clone(r.Headers)
	if r.Replaces != nil {
		headers = append(headers, Header{"Replaces", r.Replaces.value()})
	}
	if r.Join != nil {
		headers = append(headers, Header{"Join", r.Join.value()})
	}
	// Not by sipgo, which leaves out the "=" of an empty value.
	value, separator := "<"+uri.String(), "?"
	for _, h := range headers {
		value += separator + escapeHeader(h.Name) + "=" + escapeHeader(h.Value)
		separator = "&"
	}
	return value + ">"
}

// escapeHeader makes an hname or hvalue (RFC 3261 section 25.1): what is neither
// hnv-unreserved nor unreserved is escaped.
func escapeHeader(s string) string {
	const plain = "[]/?:+$-_.!~*'()"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// parseReferredBy reads the Referred-By header, nil when there is none. The error is an
// *Error with status 400: RFC 3892 section 3 allows one.
func parseReferredBy(msg sip.Message) (*ReferredBy, error) {
	const header = "Referred-By"
	if message.First(msg, header) == nil {
		return nil, nil
	}
	values := message.Values(msg, header, 2)
	if len(values) != 1 {
		return nil, malformed(header, "is there more than once, or empty")
	}
	name, uri, params, ok := message.ParseNameAddr(values[0])
	if !ok {
		return nil, malformed(header, "is not an address")
	}
	cid, _ := message.Param(params, "cid")
	return &ReferredBy{Identity: phoneIdentity(name, uri), ContentID: clean(cid, 200)}, nil
}

// addressValue makes the value of a header such as Referred-By of what an application
// gave: a URI, or a display name and a URI in angle brackets. Parameters belong into the
// brackets.
func addressValue(s string) (string, error) {
	s = strings.TrimSpace(s)
	name, uri, params, ok := "", sip.Uri{}, sip.HeaderParams(nil), false
	if strings.IndexByte(s, '<') >= 0 {
		name, uri, params, ok = message.ParseNameAddr(s)
	} else {
		var err error
		uri, err = message.ParseURI(s)
		ok = err == nil
	}
	if !ok || len(params) > 0 || len(uri.Headers) > 0 || uri.Scheme != "sip" && uri.Scheme != "sips" && uri.Scheme != "tel" {
		return "", fmt.Errorf("%q is not an address: it wants a form such as \"sip:user@host\", \"tel:+1555\" or \"Name <sip:user@host>\"", clean(message.MaskURI(s), 80))
	}
	value := "<" + uri.String() + ">"
	if name != "" {
		value = `"` + message.Quote(message.DisplayName(name)) + `" ` + value
	}
	return value, nil
}
