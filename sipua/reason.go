package sipua

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// Reason says why a call ends, is refused, diverted or preempted (RFC 3326). Several may
// come together, each of another protocol: what SIP has to say and what the telephone
// network behind it.
type Reason struct {
	// Protocol of Cause: "SIP" (a status: 200 with the text "Call completed elsewhere",
	// RFC 3326 section 2), "Q.850" (a cause of the telephone network: 16 normal, 17
	// busy, 19 no answer, …), "preemption" (RFC 4411) or another.
	Protocol string
	// Cause is a number of that protocol, 0 when there is none.
	Cause int
	// Text is for people, "" when there is none.
	Text string
}

// maxReasonText bounds the text of a reason in characters.
const maxReasonText = 200

// reasonsOf reads all Reason headers in their order. What is none is left out.
func reasonsOf(msg sip.Message) []Reason {
	return readReasons(message.Values(msg, "Reason", maxList))
}

func readReasons(values []string) []Reason {
	var all []Reason
	for _, value := range values {
		parts := message.Parts(value, ';', maxList)
		if !message.IsToken(parts[0]) {
			continue
		}
		r := Reason{Protocol: clean(parts[0], 40)}
		for _, part := range parts[1:] {
			name, v, _ := strings.Cut(part, "=")
			v = message.Unquote(strings.TrimSpace(v))
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "cause":
				r.Cause = smallNumber(v)
			case "text":
				r.Text = clean(v, maxReasonText)
			}
		}
		all = append(all, r)
	}
	return all
}

// smallNumber reads a count or cause of up to nine digits, 0 for what is none.
func smallNumber(s string) int {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || len(s) > 9 {
		return 0
	}
	return int(n)
}

// sipReason is the first of protocol SIP: the status that the other side ended the call
// with, 0 where its cause is none (RFC 3326 section 2).
func sipReason(reasons []Reason) (status int, text string) {
	for _, r := range reasons {
		if strings.EqualFold(r.Protocol, "SIP") {
			if r.Cause < 100 || r.Cause > 699 {
				return 0, r.Text
			}
			return r.Cause, r.Text
		}
	}
	return 0, ""
}

// check judges a reason of the application.
func (r Reason) check() error {
	err := message.CheckValue(r.Text)
	switch {
	case !message.IsToken(r.Protocol) || len(r.Protocol) > 40:
		return fmt.Errorf("the protocol of a reason is a word such as \"SIP\" or \"Q.850\", not %q", clean(r.Protocol, 40))
	case r.Cause < 0 || r.Cause > 999_999_999:
		return fmt.Errorf("the cause %d of a reason is out of range", r.Cause)
	case strings.EqualFold(r.Protocol, "SIP") && r.Cause != 0 && (r.Cause < 100 || r.Cause > 699):
		return fmt.Errorf("the cause of a SIP reason is a status from 100 to 699, not %d", r.Cause)
	case strings.EqualFold(r.Protocol, "Q.850") && r.Cause > 127:
		return fmt.Errorf("the cause of a Q.850 reason goes up to 127, not to %d", r.Cause)
	case err != nil:
		return fmt.Errorf("the text of a reason %w", err)
	case utf8.RuneCountInString(r.Text) > maxReasonText:
		return fmt.Errorf("the text of a reason has at most %d characters", maxReasonText)
	}
	return nil
}

// header is the value of the Reason header (RFC 3326 section 2), "" for a reason that
// check refuses.
func (r Reason) header() string {
	if r.check() != nil {
		return ""
	}
	s := r.Protocol
	if r.Cause != 0 {
		s += ";cause=" + strconv.Itoa(r.Cause)
	}
	if r.Text != "" {
		s += `;text="` + message.Quote(clean(r.Text, maxReasonText)) + `"`
	}
	return s
}
