package sipua

import (
	"strconv"
	"strings"

	"github.com/sipwasm/sipwasm/sipua/internal/xml"
)

// MessageSummary is the body of the event package message-summary: whether
// messages wait in a mailbox, and how many (RFC 3842 section 5,
// application/simple-message-summary).
type MessageSummary struct {
	Waiting bool   // Messages-Waiting
	Account string // Message-Account: the URI of the mailbox, "" when not told

	// The counts of each class of messages (RFC 3458 section 6). They are zero
	// when the server does not tell them, which it need not even when messages
	// wait.
	Voice, Fax, Pager, Multimedia, Text, None MessageCount

	// Headers are those of single messages, a list for each message that the
	// server tells about: From, Subject, Date, Message-ID, … (RFC 3842 section
	// 3.5). Most servers send none.
	Headers [][]Header
}

// MessageCount counts the messages of a class. The urgent ones are among New
// and Old.
type MessageCount struct {
	New, Old             int
	NewUrgent, OldUrgent int
}

// messageClass returns the count that a line of the summary is about, nil when
// the name is none of RFC 3458 section 6.2.
func (s *MessageSummary) messageClass(name string) *MessageCount {
	switch strings.ToLower(name) {
	case "voice-message":
		return &s.Voice
	case "fax-message":
		return &s.Fax
	case "pager-message":
		return &s.Pager
	case "multimedia-message":
		return &s.Multimedia
	case "text-message":
		return &s.Text
	case "none":
		return &s.None
	}
	return nil
}

// ParseMessageSummary reads a message summary. Errors are *Error with
// CodeProtocol. Lines that RFC 3842 does not know are skipped.
func ParseMessageSummary(body []byte) (MessageSummary, error) {
	const what = "message-summary"
	if len(body) > xml.MaxSize {
		return MessageSummary{}, badBody(what, "the body is larger than "+strconv.Itoa(xml.MaxSize)+" bytes")
	}
	var s MessageSummary
	var told bool // the status line has come
	section := 0  // of the body: 0 the summary, n the headers of message n
	blank := false
	for _, line := range unfold(string(body)) {
		if line == "" {
			blank = told // an empty line in front of everything separates nothing
			continue
		}
		if blank {
			blank = false
			section++
			s.Headers = append(s.Headers, nil)
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if section > 0 {
			if ok && name != "" {
				s.Headers[section-1] = append(s.Headers[section-1], Header{Name: label(name, 100), Value: label(value, 1000)})
			}
			continue
		}
		if !ok {
			return MessageSummary{}, badBody(what, "the line "+excerpt(line)+" has no colon")
		}
		switch strings.ToLower(name) {
		case "messages-waiting":
			told = true
			if s.Waiting = strings.EqualFold(value, "yes"); !s.Waiting && !strings.EqualFold(value, "no") {
				return MessageSummary{}, badBody(what, "Messages-Waiting is "+excerpt(value)+", neither yes nor no")
			}
		case "message-account":
			s.Account = ident(strings.Trim(value, "<>"))
		default:
			if count := s.messageClass(name); count != nil && !count.parse(value) {
				return MessageSummary{}, badBody(what, name+" is "+excerpt(value)+", not new/old (urgent new/urgent old)")
			}
		}
	}
	if !told {
		return MessageSummary{}, badBody(what, "the line Messages-Waiting is missing")
	}
	return s, nil
}

// unfold splits a body into lines. One that begins with white space goes on with
// the line before.
func unfold(body string) (lines []string) {
	var line strings.Builder // pieces of a line put together one by one would take the square of their number
	add := func() {
		lines = append(lines, line.String())
		line.Reset()
	}
	for piece := range strings.SplitSeq(body, "\n") {
		folded := piece != "" && (piece[0] == ' ' || piece[0] == '\t')
		piece = strings.TrimSpace(piece)
		switch {
		case folded && piece != "" && line.Len() > 0:
			line.WriteByte(' ')
		case line.Len() > 0:
			add()
		}
		if line.WriteString(piece); piece == "" {
			add()
		}
	}
	if line.Len() > 0 {
		add()
	}
	return lines
}

// parse reads "2/8 (0/2)". The part in parentheses may be missing.
func (c *MessageCount) parse(s string) bool {
	all, urgent, told := strings.Cut(s, "(")
	if told {
		inner, ok := strings.CutSuffix(strings.TrimSpace(urgent), ")")
		if !ok || !pair(inner, &c.NewUrgent, &c.OldUrgent) {
			return false
		}
	}
	return pair(all, &c.New, &c.Old)
}

// pair reads "2/8".
func pair(s string, a, b *int) bool {
	left, right, ok := strings.Cut(s, "/")
	var okA, okB bool
	*a, okA = number(left)
	*b, okB = number(right)
	return ok && okA && okB
}
