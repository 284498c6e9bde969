package message

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// MaxSize is the largest message that is read. A session description with many
// candidates has some 10 kB; what is larger than this is answered 513.
//
// It is the one bound there is: the work for a message is in proportion to its
// size, so that a limit on the number or size of headers would protect nothing
// and refuse what RFC 3261 allows. (Status 431 is HTTP's; SIP has 513 for the
// whole and 414 for the Request-URI.)
const MaxSize = 128 << 10

// maxLine bounds the start line, for which there is an answer of its own (section
// 21.4.15).
const maxLine = 8 << 10

// ParseError says why bytes are not a SIP message that can be worked with.
type ParseError struct {
	Status int    // the answer of RFC 3261 section 21 if it is a request
	Reason string // what is wrong, fit for a reason phrase
	// Message holds what could be read, nil when not even the start line could.
	Message sip.Message
}

func (e *ParseError) Error() string { return e.Reason }

// Parse reads one whole message, the content of one WebSocket message
// (RFC 7118 section 5). The error is a *ParseError; it carries what could be
// read. Headers that cannot be read but are not needed are kept as text. The body is
// a part of data, which must not change any more.
func Parse(data []byte) (msg sip.Message, err error) {
	// The URI parser is not ours; whatever it does with bytes from the network must
	// not end the program.
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
	front, body, complete := cutHead(data)
	line, rest, _ := strings.Cut(string(front), "\r\n")

	h := read{params: make(sip.HeaderParams, 0, 24)} // as many as an INVITE has
	msg, problem := h.parseStartLine(line)
	if msg == nil {
		return nil, problem
	}
	h.parseHeaders(msg, rest)
	fail := func(status int, reason string) (sip.Message, error) {
		return nil, &ParseError{Status: status, Reason: reason, Message: msg}
	}
	switch {
	case problem != nil:
		problem.Message = msg
		return nil, problem
	case tooLarge:
		return fail(513, "Message Too Large")
	case !complete:
		return fail(400, "Bad Request: no empty line after the headers")
	case h.bad.has(other):
		return fail(400, "Bad Request: malformed header line")
	}
	for k := via; k <= contentLength; k++ {
		if h.bad.has(k) {
			return fail(400, "Bad Request: malformed "+k.String())
		}
	}
	// Max-Forwards is not among the headers of section 8.1.1 that must be there: RFC
	// 2543 did not know it.
	for k := via; k <= cSeq; k++ {
		if !h.seen.has(k) {
			return fail(400, "Bad Request: missing "+k.String())
		}
	}
	if req, ok := msg.(*sip.Request); ok && req.CSeq().MethodName != req.Method {
		return fail(400, "Bad Request: CSeq method differs") // section 8.1.1.5
	}

	// Section 18.3: what is more than Content-Length is discarded, fewer is an
	// error. Without it the frame bounds the body (RFC 7118 section 5).
	if h.seen.has(contentLength) {
		if h.length > uint64(len(body)) {
			return fail(400, "Bad Request: Content-Length is more than the body")
		}
		body = body[:h.length]
	}
	if len(body) > 0 {
		msg.SetBody(body[:len(body):len(body)])
	}
	return msg, nil
}

// cutHead cuts a message at its first empty line. bytes.Cut would do, were it not
// for its search, which takes three times as long for what stands in each line.
func cutHead(data []byte) (head, body []byte, complete bool) {
	for i := 0; ; {
		n := bytes.IndexByte(data[i:], '\n')
		if n < 0 {
			return data, nil, false
		}
		i += n + 1
		if i >= 2 && data[i-2] == '\r' && i+1 < len(data) && data[i] == '\r' && data[i+1] == '\n' {
			return data[:i-2], data[i+2:], true
		}
	}
}

// controls have no place in a start line or header (section 25.1): who copies
// them into a response lets their sender write the headers of it.
const controls = "\r\n\x00"

// parseStartLine makes the message. With a request comes an error when the line
// says that it is one and yet cannot be used; the rest of it is read to answer it.
func (h *read) parseStartLine(line string) (sip.Message, *ParseError) {
	none := &ParseError{Status: 400, Reason: "Bad Request: not a SIP start line"}
	if strings.ContainsAny(line, controls) {
		return nil, none
	}
	if len(line) >= 4 && strings.EqualFold(line[:4], "SIP/") {
		if res := parseStatusLine(line); res != nil {
			return res, nil
		}
		return nil, none
	}
	// Section 7.1: three words, one space between them. RFC 4475 sections 3.1.2.7 to
	// 3.1.2.10 want a 400 for one that is broken in the middle or has more spaces.
	first, last := strings.IndexByte(line, ' '), strings.LastIndexByte(strings.TrimRight(line, " \t"), ' ')
	if first <= 0 || last <= first || !isVersion(strings.TrimSpace(line[last+1:])) {
		return nil, none
	}
	// Methods are case-sensitive (section 7.1).
	req := sip.NewRequest(sip.RequestMethod(line[:first]), sip.Uri{})
	target, version := line[first+1:last], line[last+1:]
	bad := func(status int, reason string) (sip.Message, *ParseError) {
		return req, &ParseError{Status: status, Reason: reason}
	}
	switch {
	case !IsToken(line[:first]) || version != strings.TrimSpace(version) || target != strings.TrimSpace(target):
		return bad(400, "Bad Request: malformed Request-Line")
	case !strings.EqualFold(version, "SIP/2.0"): // section 7.1: case does not count
		return bad(505, "Version Not Supported")
	case len(line) > maxLine:
		return bad(414, "Request-URI Too Long")
	}
	if err := h.parseURI(target, &req.Recipient); err != nil || req.Recipient.Wildcard {
		return bad(400, "Bad Request: malformed Request-URI")
	}
	if len(req.Recipient.Headers) > 0 {
		return bad(400, "Bad Request: Request-URI with headers") // section 19.1.1 table 1
	}
	return req, nil
}

// isVersion: section 25.1.
func isVersion(s string) bool {
	if len(s) < 7 || !strings.EqualFold(s[:4], "SIP/") {
		return false
	}
	major, minor, ok := strings.Cut(s[4:], ".")
	return ok && isDigits(major) && isDigits(minor)
}

// parseStatusLine is section 7.2; nil when the line is none of ours.
func parseStatusLine(line string) *sip.Response {
	version, rest, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(rest, " ")
	if !strings.EqualFold(version, "SIP/2.0") || len(code) != 3 || !isDigits(code) || code[0] < '1' || code[0] > '6' {
		return nil
	}
	status, _ := strconv.Atoi(code) // three digits
	return sip.NewResponse(status, reason)
}
