package sipua

import (
	"errors"
	"strconv"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// refusal is why an INVITE or UPDATE is refused for what it describes.
type refusal struct {
	status  int
	code    int // of the Warning (section 20.43); 399 is one in words
	warning string
}

var errNoMedia = &refusal{sip.StatusNotAcceptableHere, 399, "this user agent takes no calls"}

// sessionOf returns the offer in an INVITE or UPDATE, "" when there is none, or why it
// is refused.
func (ua *UserAgent) sessionOf(req *sip.Request) (sdp string, problem *refusal) {
	part, err := message.Part(req, sdpType)
	var p *message.ParseError
	switch {
	case errors.As(err, &p):
		return "", &refusal{status: p.Status} // section 8.2.3
	case !message.Accepts(req, sdpType):
		return "", &refusal{status: sip.StatusNotAcceptable} // section 21.4.7: what we would answer is not wanted
	case part == nil:
		return "", nil
	case offer.Valid(string(part)) != nil:
		return "", &refusal{sip.StatusNotAcceptableHere, 399, "the session description cannot be used"} // section 13.3.1.3
	}
	if r := offer.WebRTC(string(part)); r != nil && !ua.cfg.PlainMedia {
		return "", &refusal{sip.StatusNotAcceptableHere, r.Code, r.Text}
	}
	return string(part), nil
}

// refuse answers a request whose content cannot be taken.
func (ua *UserAgent) refuse(tx *transaction.Server, r *refusal) {
	switch r.status {
	case sip.StatusBadRequest:
		ua.respond(tx, r.status, "Bad Request: malformed multipart body")
	case sip.StatusNotAcceptable:
		ua.respond(tx, r.status, "Not Acceptable")
	case sip.StatusUnsupportedMediaType: // section 21.4.13
		ua.respond(tx, r.status, "Unsupported Media Type", sip.NewHeader("Accept", accept), sip.NewHeader("Accept-Encoding", "identity"))
	default:
		ua.respond(tx, r.status, "Not Acceptable Here", sip.NewHeader("Warning", strconv.Itoa(r.code)+" "+ua.host+" "+`"`+message.Quote(r.warning)+`"`))
	}
}

// phrase is the reason phrase of our response to an INVITE (section 21).
func phrase(status int) string {
	switch status {
	case sip.StatusRinging:
		return "Ringing"
	case sip.StatusCallIsForwarded:
		return "Call Is Being Forwarded"
	case sip.StatusQueued:
		return "Queued"
	case 300:
		return "Multiple Choices"
	case 301:
		return "Moved Permanently"
	case sip.StatusMovedTemporarily:
		return "Moved Temporarily"
	case sip.StatusForbidden:
		return "Forbidden"
	case sip.StatusNotFound:
		return "Not Found"
	case sip.StatusRequestTimeout:
		return "Request Timeout"
	case sip.StatusTemporarilyUnavailable:
		return "Temporarily Unavailable"
	case sip.StatusBusyHere:
		return "Busy Here"
	case sip.StatusNotAcceptableHere:
		return "Not Acceptable Here"
	case sip.StatusServiceUnavailable:
		return "Service Unavailable"
	case sip.StatusGatewayTimeout:
		return "Server Time-out"
	case sip.StatusGlobalBusyEverywhere:
		return "Busy Everywhere"
	case sip.StatusGlobalDecline:
		return "Decline"
	}
	if status < 200 {
		return "Session Progress"
	}
	return "Rejected"
}
