package message

import (
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Bytes returns msg as it goes on the wire. It is what sipgo's StringWrite writes,
// byte for byte, into one buffer: sipgo makes a string of each number, each list of
// parameters and each Via first, and reads each host as an IP address.
func Bytes(msg sip.Message) []byte {
	w := make([]byte, 0, 1024+len(msg.Body())) // most heads fit
	switch m := msg.(type) {
	case *sip.Request:
		w = append(append(w, m.Method...), ' ')
		w = append(appendURI(w, &m.Recipient), ' ')
		w = append(w, m.SipVersion...)
	case *sip.Response:
		w = append(append(w, m.SipVersion...), ' ')
		w = append(strconv.AppendInt(w, int64(m.StatusCode), 10), ' ')
		w = append(w, m.Reason...)
	}
	w = append(w, "\r\n"...)
	for _, h := range headersOf(msg) {
		w = append(append(w, h.Name()...), ": "...)
		w = append(appendValue(w, h), "\r\n"...)
	}
	w = append(w, "\r\n"...)
	return append(w, msg.Body()...)
}

func appendValue(w []byte, h sip.Header) []byte {
	switch h := h.(type) {
	case *sip.ViaHeader:
		w = append(append(w, h.ProtocolName...), '/')
		w = append(append(w, h.ProtocolVersion...), '/')
		w = append(append(w, h.Transport...), ' ')
		w = appendHost(w, h.Host, h.Port)
		return appendParams(w, ';', h.Params)
	case *sip.FromHeader:
		return appendAddress(w, h.DisplayName, &h.Address, h.Params)
	case *sip.ToHeader:
		return appendAddress(w, h.DisplayName, &h.Address, h.Params)
	case *sip.ContactHeader:
		if h.Address.Wildcard {
			return append(w, '*')
		}
		return appendAddress(w, h.DisplayName, &h.Address, h.Params)
	case *sip.RouteHeader:
		return appendAddress(w, "", &h.Address, nil)
	case *sip.RecordRouteHeader:
		return appendAddress(w, "", &h.Address, nil)
	case *sip.CSeqHeader:
		w = append(strconv.AppendUint(w, uint64(h.SeqNo), 10), ' ')
		return append(w, h.MethodName...)
	case *sip.ContentLengthHeader:
		return strconv.AppendUint(w, uint64(*h), 10)
	}
	return append(w, h.Value()...)
}

func appendAddress(w []byte, name string, uri *sip.Uri, params sip.HeaderParams) []byte {
	if name != "" {
		w = append(append(append(w, '"'), name...), `" `...)
	}
	w = append(appendURI(append(w, '<'), uri), '>')
	return appendParams(w, ';', params)
}

func appendURI(w []byte, uri *sip.Uri) []byte {
	scheme := uri.Scheme
	if scheme == "" {
		scheme = "sip"
	}
	w = append(append(w, scheme...), ':')
	if raw := uri.Raw(); raw != "" {
		return append(w, raw...)
	}
	if uri.HierarhicalSlashes {
		w = append(w, "//"...)
	}
	if uri.User != "" {
		w = append(w, uri.User...)
		if uri.Password != "" {
			w = append(append(w, ':'), uri.Password...)
		}
		w = append(w, '@')
	}
	w = appendHost(w, uri.Host, uri.Port)
	w = appendParams(w, ';', uri.UriParams)
	if len(uri.Headers) > 0 {
		mark := len(w)
		w = appendParams(w, '&', uri.Headers)
		w[mark] = '?'
	}
	return w
}

// appendHost puts the brackets around an IPv6 address that has none.
func appendHost(w []byte, host string, port int) []byte {
	if strings.IndexByte(host, ':') >= 0 && host[0] != '[' {
		w = append(append(append(w, '['), host...), ']')
	} else {
		w = append(w, host...)
	}
	if port > 0 {
		w = strconv.AppendInt(append(w, ':'), int64(port), 10)
	}
	return w
}

// appendParams writes the separator before each parameter. Values that hold white
// space get back the quotes that parseParams took off.
func appendParams(w []byte, separator byte, params sip.HeaderParams) []byte {
	for _, kv := range params {
		w = append(append(w, separator), kv.K...)
		switch {
		case kv.V == "":
		case space(kv.V) >= 0:
			w = append(append(append(w, `="`...), kv.V...), '"')
		default:
			w = append(append(w, '='), kv.V...)
		}
	}
	return w
}
