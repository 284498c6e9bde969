package sipua

import (
	"strconv"
	"strings"
	"time"

	"github.com/sipwasm/sipwasm/sipua/internal/xml"
)

// DocumentState says how much of the state a document of an event package holds,
// or an element of one.
type DocumentState string

// The states of a document.
const (
	DocumentFull    DocumentState = "full"    // all there is: it replaces what was known
	DocumentPartial DocumentState = "partial" // what has changed
	DocumentDeleted DocumentState = "deleted" // it is gone; conference-info only (RFC 4575 section 4.4)
)

// DocumentUpdate says what a Merge made of a document.
type DocumentUpdate string

// What a document does to the state known before, by its state and version:
//
//	document  known before  version      update   merged by DialogInfo and RegistrationInfo  by ConferenceInfo
//	full      whatever      whatever     applied  yes                                        yes
//	partial   nothing       whatever     gap      yes                                        no
//	partial   version n     up to n      stale    no                                         no
//	partial   version n     n+1          applied  yes                                        yes
//	partial   version n     n+2 or more  gap      yes                                        no
//
// This is RFC 4235 section 4.3, RFC 3680 section 5.2 and RFC 4575 section 4.6,
// with one exception: they discard a full document with an old version. NOTIFY
// requests that overtake each other are sorted out by their CSeq before, so what
// is left is a server that began to count anew, and to discard its documents
// would freeze the state for good.
const (
	// DocumentApplied: the result is the state.
	DocumentApplied DocumentUpdate = "applied"
	// DocumentStale: the document is older than what is known; the result is
	// what was known.
	DocumentStale DocumentUpdate = "stale"
	// DocumentGap: a document between is missing. Refresh the subscription, once,
	// to get the full state. Until it comes the result is what can be known.
	DocumentGap DocumentUpdate = "gap"
)

// maxRows bounds what partial documents add up to: it is what one full document
// can hold.
const maxRows = xml.MaxElements

// updateOf is the table at DocumentUpdate. before is "" when
// nothing is known, and what was deleted is not known any more.
func updateOf(state DocumentState, version int, before DocumentState, beforeVersion int) DocumentUpdate {
	switch {
	case state != DocumentPartial:
		return DocumentApplied
	case before == "" || before == DocumentDeleted:
		return DocumentGap
	case version <= beforeVersion:
		return DocumentStale
	case version == beforeVersion+1:
		return DocumentApplied
	}
	return DocumentGap
}

// excerpt quotes a piece of a body in an error.
func excerpt(s string) string { return strconv.Quote(clean(s, 60)) }

// badBody is the error of a body that cannot be used.
func badBody(what, why string) error {
	return &Error{Op: "parse " + what, Code: CodeProtocol, Reason: clean(why, 200)}
}

// parseDocument reads an XML body whose root element must be called root. Its
// namespace is not looked at: the Content-Type has said what the body is, and
// servers leave the declaration out.
func parseDocument(body []byte, root string) (*xml.Element, error) {
	e, err := xml.Parse(body)
	if err != nil {
		return nil, badBody(root, err.Error())
	}
	if e.Local != root {
		return nil, badBody(root, "the root element is "+excerpt(e.Local))
	}
	return e, nil
}

// parseVersioned reads an XML body with a version and a state. A document
// without a version has 0, one without a state is full.
func parseVersioned(body []byte, root string) (e *xml.Element, version int, state DocumentState, err error) {
	if e, err = parseDocument(body, root); err != nil {
		return nil, 0, "", err
	}
	if v := e.Attr("version"); v != "" {
		var ok bool
		if version, ok = number(v); !ok {
			return nil, 0, "", badBody(root, "the version "+excerpt(v)+" is no number")
		}
	}
	switch state = stateOf(e); state {
	case DocumentFull, DocumentPartial, DocumentDeleted:
		return e, version, state, nil
	}
	return nil, 0, "", badBody(root, "the state "+excerpt(string(state))+" is not known")
}

// stateOf returns the state of an element, full by default (RFC 4575 section
// 4.4).
func stateOf(e *xml.Element) DocumentState {
	if s := word(e.Attr("state")); s != "" {
		return DocumentState(s)
	}
	return DocumentFull
}

// number reads a count, a version or a number of seconds. It goes up to 2^53-1,
// which JavaScript still counts exactly.
func number(s string) (int, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, min(53, strconv.IntSize-1))
	return int(n), err == nil
}

// numberOr is number with a value for what is missing or no number.
func numberOr(s string, otherwise int) int {
	if n, ok := number(s); ok {
		return n
	}
	return otherwise
}

// thousandths reads a decimal from 0 to 1, such as a priority or q-value, of
// which three digits count. It is otherwise when s is none. strconv.ParseFloat
// knows more numbers and weighs more in the page.
func thousandths(s string, otherwise int) int {
	whole, fraction, _ := strings.Cut(strings.TrimSpace(s), ".")
	n, m := digits(whole), digits((fraction + "000")[:3])
	if n < 0 || m < 0 || n*1000+m > 1000 || len(whole) != 1 {
		return otherwise
	}
	return n*1000 + m
}

// digits reads decimal digits and nothing else; -1 is none.
func digits(s string) (n int) {
	if s == "" || len(s) > 9 {
		return -1
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// instant reads a time (RFC 3339) and returns it in UTC, to the second. It is
// zero when s is none: a document is not useless for it. As with thousandths,
// time.Parse weighs more.
func instant(s string) time.Time {
	s = strings.TrimSpace(s)
	const shape = "0000-00-00T00:00:00"
	if len(s) <= len(shape) {
		return time.Time{}
	}
	for i := range len(shape) {
		if c := s[i]; shape[i] != '0' && c != shape[i] && c != shape[i]|0x20 { // T may be t
			return time.Time{}
		}
	}
	year, month, day := digits(s[:4]), digits(s[5:7]), digits(s[8:10])
	hour, minute, second := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	zone := strings.TrimLeft(s[len(shape):], ".0123456789")
	east, ok := offset(zone)
	if !ok || year < 0 || month < 1 || month > 12 || day < 1 || uint(hour) > 23 || uint(minute) > 59 || uint(second) > 60 {
		return time.Time{}
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if second < 60 && t.Day() != day { // a 30th of February
		return time.Time{}
	}
	return t.Add(-time.Duration(east) * time.Minute)
}

// offset reads Z or +01:00, in minutes to the east.
func offset(zone string) (minutes int, ok bool) {
	if zone == "Z" || zone == "z" {
		return 0, true
	}
	if len(zone) != len("+00:00") || zone[3] != ':' {
		return 0, false
	}
	h, m := digits(zone[1:3]), digits(zone[4:6])
	if uint(h) > 23 || uint(m) > 59 {
		return 0, false
	}
	switch zone[0] {
	case '+':
		return h*60 + m, true
	case '-':
		return -h*60 - m, true
	}
	return 0, false
}

// label is text for people: one line of bounded length.
func label(s string, limit int) string {
	return clean(strings.Join(strings.Fields(s), " "), limit)
}

// displayName is the name of a person or a thing.
func displayName(s string) string { return label(s, 200) }

// word is one of a list of words. They are compared without regard to case
// because some servers write them in capitals.
func word(s string) string { return strings.ToLower(ident(s)) }

// ident is an identifier or URI.
func ident(s string) string { return clean(strings.TrimSpace(s), 1000) }
