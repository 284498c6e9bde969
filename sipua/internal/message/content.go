package message

import (
	"bytes"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Bounds on multipart bodies. Real ones have two or three parts in one level.
const (
	maxParts = 32
	maxDepth = 4
)

// mediaType reads a Content-Type: the type in lower case and its parameters. White
// space may stand around the slash (section 25.1).
func mediaType(value string) (kind string, params sip.HeaderParams) {
	kind, rest, _ := strings.Cut(value, ";")
	if !new(read).parseParams(rest, &params) {
		params = nil
	}
	kind = asciiLower(trim(kind))
	if strings.ContainsAny(kind, " \t") {
		major, minor, _ := strings.Cut(kind, "/")
		kind = strings.TrimRight(major, " \t") + "/" + strings.TrimLeft(minor, " \t")
	}
	return kind, params
}

// ContentType returns the media type of the body in lower case, without
// parameters. A body without the header has none.
func ContentType(msg sip.Message) string {
	kind, _ := mediaType(HeaderValue(msg, "content-type"))
	return kind
}

// Part returns the content of a media type that is meant for the session: the body
// itself, or its part in multipart/mixed or multipart/alternative (RFC 5621). It is
// nil when there is none and whatever else there is may be ignored. The error is a
// *ParseError: 415 for content that must be understood (handling=required, the
// default) and is not, 400 for a multipart body that is not well formed.
func Part(msg sip.Message, kind string) ([]byte, error) {
	if len(msg.Body()) == 0 {
		return nil, nil
	}
	// What it says about the body is in the message's own headers, and sipgo finds
	// them by name.
	e := entity{body: msg.Body()}
	for k := range e.about {
		e.about[k] = HeaderValue(msg, aboutNames[k])
	}
	part, problem := e.find(kind, 0)
	if problem != nil {
		return nil, problem
	}
	return part, nil
}

// entity is a body, or a part of one, with the headers that say what it is.
type entity struct {
	about [len(aboutNames)]string
	body  []byte
}

var aboutNames = [...]string{"content-type", "content-disposition", "content-encoding", "content-transfer-encoding"}

const (
	aboutType = iota
	aboutDisposition
	aboutEncoding
	aboutTransfer
)

// find looks for content of a kind in e.
func (e *entity) find(kind string, depth int) (part []byte, problem *ParseError) {
	disposition, required := e.disposition()
	is, params := mediaType(e.about[aboutType])
	switch {
	case !e.plain():
		problem = &ParseError{Status: 415, Reason: "Unsupported Media Type"}
	case is == kind && disposition == "session":
		return e.body, nil
	case is == "multipart/mixed" || is == "multipart/alternative":
		var parts []entity
		if parts, problem = e.parts(params, depth); problem == nil {
			if is == "multipart/mixed" {
				part, problem = findMixed(parts, kind, depth)
			} else {
				part, problem = findAlternative(parts, kind, depth)
			}
		}
	default:
		problem = &ParseError{Status: 415, Reason: "Unsupported Media Type"}
	}
	if !required {
		problem = nil // section 8.2.3: what is optional and not understood is ignored
	}
	return part, problem
}

// findMixed: every part counts (RFC 2046 section 5.1.3).
func findMixed(parts []entity, kind string, depth int) (found []byte, problem *ParseError) {
	for i := range parts {
		part, problem := parts[i].find(kind, depth+1)
		if problem != nil {
			return nil, problem
		}
		if found == nil {
			found = part
		}
	}
	return found, nil
}

// findAlternative: the last part that is understood is the one that is meant (RFC
// 2046 section 5.1.4).
func findAlternative(parts []entity, kind string, depth int) (found []byte, problem *ParseError) {
	for i := len(parts) - 1; i >= 0; i-- {
		if part, problem := parts[i].find(kind, depth+1); problem == nil && part != nil {
			return part, nil
		}
	}
	return nil, &ParseError{Status: 415, Reason: "Unsupported Media Type"}
}

// disposition is what the content is for and whether it must be understood
// (section 20.11). The default of a session description is "session", that of
// anything else "render"; that of a multipart body is that of its parts (RFC 5621
// section 6).
func (e *entity) disposition() (kind string, required bool) {
	kind, rest, _ := strings.Cut(e.about[aboutDisposition], ";")
	if kind = asciiLower(trim(kind)); kind == "" {
		kind = "render"
		if is, _ := mediaType(e.about[aboutType]); is == "application/sdp" {
			kind = "session"
		}
	}
	var params sip.HeaderParams
	if !new(read).parseParams(rest, &params) {
		return kind, true
	}
	handling, _ := Param(params, "handling")
	return kind, !strings.EqualFold(handling, "optional")
}

// plain: SIP is binary, so that what is encoded all the same is encoded for a
// reader that we are not.
func (e *entity) plain() bool {
	for coding := range strings.SplitSeq(e.about[aboutEncoding], ",") {
		if coding = trim(coding); coding != "" && !strings.EqualFold(coding, "identity") {
			return false
		}
	}
	switch asciiLower(e.about[aboutTransfer]) {
	case "", "binary", "8bit", "7bit":
		return true
	}
	return false
}

// parts takes a multipart body apart (RFC 2046 section 5.1).
func (e *entity) parts(params sip.HeaderParams, depth int) ([]entity, *ParseError) {
	if depth >= maxDepth {
		return nil, &ParseError{Status: 415, Reason: "Unsupported Media Type: too many levels"}
	}
	malformed := &ParseError{Status: 400, Reason: "Bad Request: malformed multipart body"}
	boundary, _ := Param(params, "boundary")
	if boundary == "" || len(boundary) > 70 || strings.HasSuffix(boundary, " ") {
		return nil, malformed
	}
	delimiter := []byte("\r\n--" + boundary)
	body := e.body
	if bytes.HasPrefix(body, delimiter[2:]) {
		body = append([]byte("\r\n"), body...) // the line break belongs to the delimiter
	}
	var parts []entity
	for first := true; ; first = false {
		content, rest, closed, ok := cutPart(body, delimiter)
		if !ok {
			return nil, malformed // what does not end may have lost its end
		}
		if !first { // what stands before the first delimiter is for nobody
			parts = append(parts, newEntity(content))
		}
		switch {
		case closed && len(parts) > 0:
			return parts, nil
		case closed:
			return nil, malformed
		case len(parts) >= maxParts:
			return nil, &ParseError{Status: 415, Reason: "Unsupported Media Type: too many parts"}
		}
		body = rest
	}
}

// cutPart cuts body at its first delimiter. rest begins with the line break behind
// it, so that an empty part has its own.
func cutPart(body, delimiter []byte) (content, rest []byte, closed, ok bool) {
	for from := 0; ; {
		i := bytes.Index(body[from:], delimiter)
		if i < 0 {
			return nil, nil, false, false
		}
		i += from
		line := body[i+len(delimiter):]
		rest, closed := bytes.CutPrefix(line, []byte("--"))
		rest = bytes.TrimLeft(rest, " \t")
		if bytes.HasPrefix(rest, []byte("\r\n")) || closed && len(rest) == 0 {
			return body[:i], rest, closed, true
		}
		from = i + len(delimiter) // the beginning of a longer line
	}
}

// newEntity reads the headers of a part, which begins with the line break that
// ended its delimiter.
func newEntity(content []byte) (e entity) {
	e.about[aboutType] = "text/plain" // RFC 2045 section 5.2
	head, body, ok := bytes.Cut(content, []byte("\r\n\r\n"))
	if !ok {
		return e
	}
	e.body = body
	for rest := strings.TrimPrefix(string(head), "\r\n"); rest != ""; {
		var line string
		line, rest = nextHeader(rest)
		name, value, _ := strings.Cut(line, ":")
		_, name = long(trim(name))
		for k, known := range aboutNames {
			if strings.EqualFold(name, known) {
				e.about[k] = trim(value)
			}
		}
	}
	return e
}

// Accepts reports whether the sender of msg takes an answer of that media type:
// the Accept headers, of which the most precise range counts (section 20.1).
// Without any it takes a session description.
func Accepts(msg sip.Message, kind string) bool {
	headers := msg.GetHeaders("accept")
	if len(headers) == 0 {
		return kind == "application/sdp"
	}
	major, _, _ := strings.Cut(kind, "/")
	ranges := [...]string{"*/*", major + "/*", kind}
	best, accepted := -1, false
	for _, h := range headers {
		for _, value := range SplitQuoted(h.Value(), ",") {
			is, params := mediaType(value)
			for precision := best + 1; precision < len(ranges); precision++ {
				if is == ranges[precision] {
					q, ok := Param(params, "q")
					best, accepted = precision, !ok || strings.Trim(q, "0.") != ""
				}
			}
		}
	}
	return accepted
}
