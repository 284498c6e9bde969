package message

import (
	"math"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// kind of a header: one of those that are taken apart, or other. The order is that
// in which a fault is told: first what every message needs (section 8.1.1), then
// what cannot be overlooked, then what is kept as text when it cannot be read.
type kind uint8

const (
	via kind = iota
	from
	to
	callID
	cSeq
	maxForwards
	contentLength
	contact
	route
	recordRoute
	contentType
	other
)

var kindNames = [...]string{"Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length",
	"Contact", "Route", "Record-Route", "Content-Type", "header"}

func (k kind) String() string { return kindNames[k] }

// once: headers that cannot be repeated (section 20, table 2; RFC 4475 section
// 3.3.8).
func (k kind) once() bool { return from <= k && k <= contentLength || k == contentType }

type kinds uint16

func (s kinds) has(k kind) bool { return s&(1<<k) != 0 }
func (s *kinds) add(k kind)     { *s |= 1 << k }

// long returns the kind and the long form of a header name (sections 7.3.1 and
// 7.3.3, and the registry of RFC 3968).
func long(name string) (kind, string) {
	var lower [14]byte // "content-length" is the longest that is looked for
	if len(name) > len(lower) {
		return other, name
	}
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	k := other
	switch string(lower[:len(name)]) {
	case "via", "v":
		k = via
	case "from", "f":
		k = from
	case "to", "t":
		k = to
	case "call-id", "i":
		k = callID
	case "cseq":
		k = cSeq
	case "max-forwards":
		k = maxForwards
	case "content-length", "l":
		k = contentLength
	case "contact", "m":
		k = contact
	case "route":
		k = route
	case "record-route":
		k = recordRoute
	case "content-type", "c":
		k = contentType
	case "a":
		return other, "Accept-Contact"
	case "b":
		return other, "Referred-By"
	case "d":
		return other, "Request-Disposition"
	case "e":
		return other, "Content-Encoding"
	case "j":
		return other, "Reject-Contact"
	case "k":
		return other, "Supported"
	case "o":
		return other, "Event"
	case "r":
		return other, "Refer-To"
	case "s":
		return other, "Subject"
	case "u":
		return other, "Allow-Events"
	case "x":
		return other, "Session-Expires"
	case "y":
		return other, "Identity"
	default:
		return other, name
	}
	return k, k.String()
}

// read is what parseHeaders found out.
type read struct {
	seen, bad kinds
	length    uint64 // of Content-Length
	params    sip.HeaderParams
}

// room makes place for n parameters. They come out of one piece of memory for many
// headers, since a piece for each cost as much as to read them; none can grow into
// the next.
func (h *read) room(n int) sip.HeaderParams {
	if n > cap(h.params)-len(h.params) {
		h.params = make(sip.HeaderParams, 0, max(n, min(2*cap(h.params), 32), 4))
	}
	used := len(h.params)
	h.params = h.params[:used+n]
	return h.params[used : used : used+n]
}

// parseHeaders appends every header of head to msg. Those that cannot be read are
// kept as text and noted as bad; other stands for a line that is no header at all
// or holds a control character, which is replaced by a space.
func (h *read) parseHeaders(msg sip.Message, head string) {
	for len(head) > 0 {
		var line string
		var colon int
		var suspect bool
		line, head, colon, suspect = nextLine(head)
		if line == "" {
			continue
		}
		if suspect && strings.ContainsAny(line, controls) {
			var ok bool
			if line, ok = spaced(line); !ok {
				h.bad.add(other)
			}
		}
		if colon < 0 {
			h.bad.add(other)
			continue
		}
		name, value := trim(line[:colon]), trim(line[colon+1:])
		if name == "" {
			h.bad.add(other)
			continue
		}
		k, name := long(name)
		if k.once() && (h.seen | h.bad).has(k) {
			h.bad.add(k) // the first one is kept
			continue
		}
		if h.parse(msg, k, name, value) {
			h.seen.add(k)
		} else {
			h.bad.add(k)
			msg.AppendHeader(sip.NewHeader(name, value))
		}
	}
}

// nextLine is nextHeader, which tells besides where the first colon is and whether
// there may be control characters. All of it takes one pass over the bytes of a
// message, most of which are above the colon.
func nextLine(head string) (line, rest string, colon int, suspect bool) {
	colon = -1
	for i := 0; i < len(head); i++ {
		c := head[i]
		switch {
		case c > ':':
		case c == ':':
			if colon < 0 {
				colon = i
			}
		case c == '\r' && i+1 < len(head) && head[i+1] == '\n':
			if i+2 < len(head) && (head[i+2] == ' ' || head[i+2] == '\t') {
				line, rest = nextHeader(head)
				return line, rest, strings.IndexByte(line, ':'), true
			}
			return head[:i], head[i+2:], colon, suspect
		case c == '\r' || c == '\n' || c == 0:
			suspect = true
		}
	}
	return head, "", colon, suspect
}

// nextHeader cuts the first header off head and unfolds it (section 7.3.1).
func nextHeader(head string) (line, rest string) {
	line, rest, _ = strings.Cut(head, "\r\n")
	if rest == "" || rest[0] != ' ' && rest[0] != '\t' {
		return line, rest
	}
	// In one buffer, so that a thousand folds cost a thousand and not their square.
	folded := append(make([]byte, 0, len(line)+64), strings.TrimRight(line, " \t")...)
	for rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
		line, rest, _ = strings.Cut(rest, "\r\n")
		if line = trim(line); line != "" {
			folded = append(append(folded, ' '), line...)
		}
	}
	return string(folded), rest
}

// spaced makes spaces of control characters. A NUL that is escaped in a quoted
// string is no fault (section 25.1: quoted-pair); it is not kept either, since
// what is quoted there is for people and does not count in comparisons (section
// 20.20).
func spaced(line string) (clean string, ok bool) {
	b, quoted, ok := []byte(line), false, true
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\' && i+1 < len(b) && b[i+1] != '\r' && b[i+1] != '\n':
			i++
			if b[i] == 0 {
				b[i] = ' '
			}
		case c == '\r' || c == '\n' || c == 0:
			b[i], ok = ' ', false
		}
	}
	return string(b), ok
}

// parse appends one header in the form that its kind has, or reports that it
// cannot be read. A line of several values becomes several headers (section
// 7.3.1).
func (h *read) parse(msg sip.Message, k kind, name, value string) bool {
	switch k {
	case other:
		msg.AppendHeader(sip.NewHeader(name, value))
		return true
	case via, contact, route, recordRoute:
		return h.appendList(msg, k, value)
	}
	parsed := h.parseSingle(k, value)
	if parsed != nil {
		msg.AppendHeader(parsed)
	}
	return parsed != nil
}

// parseSingle reads a header that has one value, nil when it cannot.
func (h *read) parseSingle(k kind, value string) sip.Header {
	switch k {
	case from:
		p := &sip.FromHeader{}
		if name, ok := h.parseAddress(value, &p.Address, &p.Params); ok && !p.Address.Wildcard {
			p.DisplayName = name
			return p
		}
	case to:
		p := &sip.ToHeader{}
		if name, ok := h.parseAddress(value, &p.Address, &p.Params); ok && !p.Address.Wildcard {
			p.DisplayName = name
			return p
		}
	case callID:
		p := sip.CallIDHeader(value)
		if value != "" && space(value) < 0 { // callid = word [ "@" word ]
			return &p
		}
	case cSeq:
		i := space(value)
		if i < 0 {
			return nil
		}
		method := trimLeft(value[i:])
		n, ok := parseNumber(value[:i], math.MaxInt32) // section 8.1.1.5: less than 2**31
		if ok && IsToken(method) {
			return &sip.CSeqHeader{SeqNo: uint32(n), MethodName: sip.RequestMethod(method)}
		}
	case maxForwards:
		if n, ok := parseNumber(value, 255); ok { // section 20.22
			p := sip.MaxForwardsHeader(n)
			return &p
		}
	case contentLength:
		if n, ok := parseNumber(value, math.MaxUint32); ok {
			h.length = n
			p := sip.ContentLengthHeader(n)
			return &p
		}
	case contentType:
		if value != "" {
			p := sip.ContentTypeHeader(value)
			return &p
		}
	}
	return nil
}

func parseNumber(s string, limit uint64) (n uint64, ok bool) {
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 || n > math.MaxUint64/10-1 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	return n, s != "" && n <= limit
}

// appendList appends all values of a line, or none when one of them cannot be
// read.
func (h *read) appendList(msg sip.Message, k kind, value string) bool {
	var few [4]sip.Header
	list := few[:0]
	for more := true; more; {
		var one string
		one, value, more = nextValue(value)
		var p sip.Header
		switch k {
		case via:
			if v := h.parseVia(one); v != nil {
				p = v
			}
		case contact:
			c := &sip.ContactHeader{}
			if name, ok := h.parseAddress(one, &c.Address, &c.Params); ok {
				c.DisplayName = name
				p = c
			}
		case route:
			r := &sip.RouteHeader{}
			if h.parseRoute(one, &r.Address) {
				p = r
			}
		case recordRoute:
			r := &sip.RecordRouteHeader{}
			if h.parseRoute(one, &r.Address) {
				p = r
			}
		}
		if p == nil {
			return false
		}
		list = append(list, p)
	}
	for _, p := range list {
		msg.AppendHeader(p)
	}
	return true
}
