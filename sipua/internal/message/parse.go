package message

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// MaxSize is the largest message that is read. A session description with many
// candidates has some 10 kB; what is larger than this is answered 513.
const MaxSize = 128 << 10

// ParseError says why bytes are not a SIP message that can be worked with.
type ParseError struct {
	Status int    // the answer of RFC 3261 section 21 if it is a request
	Reason string // what is wrong, fit for a reason phrase
	// Message holds what could be read, nil when not even the start line could.
	Message sip.Message
}

func (e *ParseError) Error() string { return e.Reason }

var (
	startLines = sip.NewParser()
	headers    = sip.HeadersParser(sip.DefaultHeadersParser())
)

// compact maps the compact header names that sipgo does not know to the long
// ones. RFC 3261 section 7.3.3, and the registry of RFC 3968.
var compact = map[string]string{
	"a": "Accept-Contact", "b": "Referred-By", "d": "Request-Disposition", "e": "Content-Encoding",
	"j": "Reject-Contact", "k": "Supported", "o": "Event", "r": "Refer-To", "s": "Subject",
	"u": "Allow-Events", "x": "Session-Expires", "y": "Identity",
}

// Parse reads one whole message, the content of one WebSocket message
// (RFC 7118 section 5). The error is a *ParseError; it carries what could be
// read. Headers that cannot be read but are not needed are kept as text.
func Parse(data []byte) (msg sip.Message, err error) {
	// sipgo's parsers are not ours; whatever they do with bytes from the network
	// must not end the program.
	defer func() {
		if r := recover(); r != nil {
			msg, err = nil, &ParseError{Status: 400, Reason: "Bad Request: unreadable", Message: msg}
		}
	}()

	// Section 7.5: empty lines before the start line are ignored.
	for bytes.HasPrefix(data, []byte("\r\n")) {
		data = data[2:]
	}
	tooLarge := len(data) > MaxSize
	if tooLarge {
		data = data[:MaxSize]
	}
	head, body, complete := bytes.Cut(data, []byte("\r\n\r\n"))
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))

	msg, err = parseStartLine(line)
	if err != nil {
		return nil, err
	}
	bad := parseHeaders(msg, rest)

	switch {
	case tooLarge:
		return nil, &ParseError{Status: 513, Reason: "Message Too Large", Message: msg}
	case !complete:
		return nil, &ParseError{Status: 400, Reason: "Bad Request: no empty line after the headers", Message: msg}
	case bad[""]:
		return nil, &ParseError{Status: 400, Reason: "Bad Request: malformed header line", Message: msg}
	}
	if err := setBody(msg, body); err != nil {
		return nil, err
	}
	if req, ok := msg.(*sip.Request); ok && req.SipVersion != "SIP/2.0" {
		return nil, &ParseError{Status: 505, Reason: "Version Not Supported", Message: msg}
	}
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq", "Content-Length", "Max-Forwards"} {
		if bad[name] {
			return nil, &ParseError{Status: 400, Reason: "Bad Request: malformed " + name, Message: msg}
		}
	}
	if missing := missingHeader(msg); missing != "" {
		return nil, &ParseError{Status: 400, Reason: "Bad Request: missing " + missing, Message: msg}
	}
	if req, ok := msg.(*sip.Request); ok && req.CSeq().MethodName != req.Method {
		return nil, &ParseError{Status: 400, Reason: "Bad Request: CSeq method differs", Message: msg} // section 8.1.1.5
	}
	return msg, nil
}

func parseStartLine(line []byte) (sip.Message, error) {
	if len(line) > 8<<10 || bytes.ContainsAny(line, controls) {
		return nil, &ParseError{Status: 400, Reason: "Bad Request: not a SIP start line"}
	}
	msg, _, err := startLines.ParseHeaders([]byte(string(line)+"\r\n\r\n"), false)
	if err != nil || msg == nil {
		return nil, &ParseError{Status: 400, Reason: "Bad Request: not a SIP start line"}
	}
	if res, ok := msg.(*sip.Response); ok && (res.StatusCode < 100 || res.StatusCode > 699 || res.SipVersion != "SIP/2.0") {
		return nil, &ParseError{Status: 400, Reason: "Bad Request: not a SIP start line"}
	}
	if req, ok := msg.(*sip.Request); ok {
		// Methods are case-sensitive (section 7.1); sipgo makes them upper case.
		method, _, _ := strings.Cut(string(line), " ")
		req.Method = sip.RequestMethod(method)
	}
	return msg, nil
}

// controls have no place in a start line or header (section 25.1): who copies
// them into a response lets their sender write the headers of it.
const controls = "\r\n\x00"

// parseHeaders appends every header of head to msg and returns the long names
// of those that could not be read, "" for a line that is no header at all or
// holds a control character, which is replaced by a space.
func parseHeaders(msg sip.Message, head []byte) map[string]bool {
	bad, seen := map[string]bool{}, map[string]bool{}
	for len(head) > 0 {
		var line []byte
		line, head = nextHeader(head)
		if len(line) == 0 {
			continue
		}
		if bytes.ContainsAny(line, controls) {
			bad[""] = true
			line = bytes.Clone(line)
			for i, c := range line {
				if c == '\r' || c == '\n' || c == 0 {
					line[i] = ' '
				}
			}
		}
		name, value, ok := strings.Cut(string(line), ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" {
			bad[""] = true
			continue
		}
		if long, ok := compact[strings.ToLower(name)]; ok {
			name = long
		}
		name = longName(name)
		if once(name) {
			if seen[name] {
				bad[name] = true // RFC 4475 section 3.3.8; the first one is kept
				continue
			}
			seen[name] = true
		}
		parsed, err := parseHeader(name, value)
		if err != nil {
			bad[name] = true
			parsed = []sip.Header{sip.NewHeader(name, value)}
		}
		for _, h := range parsed {
			msg.AppendHeader(h)
		}
	}
	return bad
}

// nextHeader cuts the first header off head and unfolds it (section 7.3.1).
func nextHeader(head []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(head, []byte("\r\n"))
	var folded []byte // made when needed, so that a thousand folds cost a thousand and not their square
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		if folded == nil {
			folded = append(make([]byte, 0, len(line)+64), bytes.TrimRight(line, " \t")...)
		}
		var more []byte
		more, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if more = bytes.Trim(more, " \t"); len(more) > 0 {
			folded = append(append(folded, ' '), more...)
		}
	}
	if folded != nil {
		line = folded
	}
	return line, rest
}

// once: headers that identify a message and cannot be repeated (section 20,
// table 2).
func once(name string) bool {
	switch name {
	case "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length":
		return true
	}
	return false
}

// parseHeader lets sipgo read one header and judges the result: sipgo takes
// several things for read that it has not.
func parseHeader(name, value string) ([]sip.Header, error) {
	switch name {
	case "Via", "From", "To", "Contact", "Route", "Record-Route", "CSeq":
		value = tidy(value)
	}
	parsed, err := headers.ParseHeader(nil, []byte(name+": "+value))
	if err != nil {
		return nil, err
	}
	for _, h := range parsed {
		ok := true
		switch h := h.(type) {
		case *sip.ViaHeader:
			ok = isHost(h.Host)
			mendParams(h.Params)
		case *sip.FromHeader:
			ok = addressable(&h.Address, h.DisplayName, value)
		case *sip.ToHeader:
			ok = addressable(&h.Address, h.DisplayName, value)
		case *sip.ContactHeader:
			ok = addressable(&h.Address, h.DisplayName, value)
		case *sip.RouteHeader:
			mendParams(h.Address.UriParams)
		case *sip.RecordRouteHeader:
			mendParams(h.Address.UriParams)
		}
		if !ok {
			return nil, fmt.Errorf("malformed %s", name)
		}
	}
	return parsed, nil
}

// addressable judges the name-addr of a header. A display name without quotes is
// made of tokens (section 25.1).
func addressable(uri *sip.Uri, name, value string) bool {
	mendParams(uri.UriParams)
	if !strings.HasPrefix(value, `"`) && strings.ContainsAny(name, `\",;<>()[]{}?=@:/`) {
		return false
	}
	return uri.Wildcard || reachable(uri) && !strings.ContainsAny(uri.String(), "<>\" \t")
}

// reachable: sipgo takes a SIP URI without a host and with any port.
func reachable(uri *sip.Uri) bool {
	return uri.Scheme != "" && uri.Scheme != "sip" && uri.Scheme != "sips" || uri.Scheme != "" && isHost(uri.Host) && uri.Port >= 0 && uri.Port < 1<<16
}

// mendParams: sipgo leaves the headers of a URI on its last parameter when that
// has no value ("lr?Subject=x").
func mendParams(params sip.HeaderParams) {
	for i := range params {
		params[i].K, _, _ = strings.Cut(params[i].K, "?")
	}
}

func isHost(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r != '.' && r != '-' && r != '_' && r != ':' && r != '[' && r != ']' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0 && (strings.Count(s, ":") != 1)
}

// tidy takes out the white space that section 25.1 allows around separators and
// that sipgo would keep as part of a name or value, and makes any other run of
// white space one space. Quoted strings and URIs in angle brackets stay.
func tidy(value string) string {
	if !strings.ContainsAny(value, " \t") && !strings.Contains(value, ";;") {
		return value
	}
	b := make([]byte, 0, len(value))
	quoted, angle := false, false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case quoted:
			if c == '\\' && i+1 < len(value) {
				b = append(b, c)
				i++
				c = value[i]
			} else if c == '"' {
				quoted = false
			}
		case angle:
			angle = c != '>'
		case c == '"':
			quoted = true
		case c == '<':
			angle = true
		case c == ' ' || c == '\t':
			if n := len(b); n == 0 || strings.IndexByte(" ;=,/", b[n-1]) >= 0 {
				continue
			}
			c = ' '
		case strings.IndexByte(";=,/", c) >= 0:
			b = bytes.TrimRight(b, " ")
			if n := len(b); c == ';' && n > 0 && b[n-1] == ';' {
				continue
			}
		}
		b = append(b, c)
	}
	return strings.TrimRight(string(b), " ;")
}

func longName(name string) string {
	for _, known := range []string{"Via", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Length", "Content-Type", "Max-Forwards", "Route", "Record-Route"} {
		if strings.EqualFold(name, known) || strings.EqualFold(name, shortNames[known]) {
			return known
		}
	}
	return name
}

var shortNames = map[string]string{"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Content-Length": "l", "Content-Type": "c"}

// missingHeader names the first header of section 8.1.1 that msg does not have
// in readable form. Max-Forwards is not among them: RFC 2543 did not know it.
func missingHeader(msg sip.Message) string {
	switch {
	case typed[*sip.ViaHeader](msg, "via") == nil:
		return "Via"
	case typed[*sip.FromHeader](msg, "from") == nil:
		return "From"
	case typed[*sip.ToHeader](msg, "to") == nil:
		return "To"
	case typed[*sip.CallIDHeader](msg, "call-id") == nil:
		return "Call-ID"
	case typed[*sip.CSeqHeader](msg, "cseq") == nil:
		return "CSeq"
	}
	return ""
}

// typed returns the first header of that name if it was read as T. It does not
// use sipgo's accessors, which try to read malformed text once more and keep
// half a result.
func typed[T sip.Header](msg sip.Message, name string) (none T) {
	for _, h := range msg.GetHeaders(name) {
		if t, ok := h.(T); ok {
			return t
		}
	}
	return none
}

// setBody takes Content-Length bytes of body (section 18.3): more is discarded,
// fewer is an error. Without Content-Length the frame bounds the body
// (RFC 7118 section 5).
func setBody(msg sip.Message, body []byte) error {
	if h := typed[*sip.ContentLengthHeader](msg, "content-length"); h != nil {
		n := int(*h)
		if n > len(body) || n < 0 {
			return &ParseError{Status: 400, Reason: "Bad Request: Content-Length is more than the body", Message: msg}
		}
		body = body[:n]
	}
	if len(body) > 0 {
		msg.SetBody(bytes.Clone(body))
	}
	return nil
}
