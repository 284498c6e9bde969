package sipua

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// allow lists the methods that this user agent takes (RFC 3261 section 20.5).
// SUBSCRIBE comes besides where the configuration names packages: see allowed.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, MESSAGE, INFO, PRACK, UPDATE, REFER"

// allowed is the Allow header of requests and responses.
func (ua *UserAgent) allowed() sip.Header {
	if len(ua.cfg.EventPackages) > 0 {
		return sip.NewHeader("Allow", allow+", SUBSCRIBE")
	}
	return sip.NewHeader("Allow", allow)
}

// known are the methods that exist: one of them that we do not take is answered
// 405 (section 8.2.1), any other one 501 (section 21.5.2).
var known = []sip.RequestMethod{
	sip.REGISTER, sip.SUBSCRIBE, sip.NOTIFY, sip.REFER, sip.INFO, sip.MESSAGE, sip.PRACK, sip.UPDATE, sip.PUBLISH,
}

// sdpType is the media type of sessions; accept lists what a body may be. The parts
// of the multipart types are found by message.Part.
const (
	sdpType = "application/sdp"
	accept  = sdpType + ", multipart/mixed, multipart/alternative"
)

// taken are the methods that are taken whatever the configuration says.
var taken = []sip.RequestMethod{sip.INVITE, sip.BYE, sip.OPTIONS, sip.NOTIFY, sip.MESSAGE, sip.INFO, sip.PRACK, sip.UPDATE, sip.REFER}

// receive takes one message from the connection. It runs on the owner goroutine.
func (l *link) receive(data []byte) {
	l.trace(In, data)
	msg, err := message.Parse(data)
	if err != nil {
		l.unparsable(err, data)
		return
	}
	l.layer.Receive(msg)
}

// unparsable answers a request that could not be read where that is possible
// (section 8.2 with 21.4.1) and reports it in any case.
func (l *link) unparsable(err error, data []byte) {
	ua := l.ua
	var p *message.ParseError
	if errors.As(err, &p) {
		if req, ok := p.Message.(*sip.Request); ok && req.Method != sip.ACK {
			_ = l.send(ua.response(req, p.Status, p.Reason, message.NewTag())) // the loss of the flow is told elsewhere
		}
	}
	ua.protocolError(clean(err.Error(), 200), firstLine(data))
}

// firstLine shows what arrived, for people: bounded and without control
// characters or secrets.
func firstLine(data []byte) string {
	line, _, _ := strings.Cut(string(data[:min(len(data), 200)]), "\n")
	if !utf8.ValidString(line) && len(data) <= 200 {
		return strconv.Itoa(len(data)) + " bytes of binary data"
	}
	return clean(message.Redact(line), 80)
}

func (ua *UserAgent) protocolError(what, about string) {
	ua.emit(ProtocolError{Err: &Error{Op: "receive", Code: CodeProtocol, Reason: what, Err: errors.New(strconv.Quote(about))}})
}

// response makes a response of ours: section 8.2.6 with our name in it.
func (ua *UserAgent) response(req *sip.Request, status int, reason, tag string) *sip.Response {
	res := message.Response(req, status, reason, tag)
	res.AppendHeader(sip.NewHeader("Server", ua.cfg.UserAgent))
	res.SetBody(nil)
	return res
}

// respond answers a request that makes no dialog.
func (ua *UserAgent) respond(tx *transaction.Server, status int, reason string, headers ...sip.Header) {
	res := ua.response(tx.Request, status, reason, message.NewTag())
	for _, h := range headers {
		res.AppendHeader(h)
	}
	_ = tx.Respond(res) // the flow's end is told by lost
}

// receiveRequest takes the first request of each server transaction, in the
// order of section 8.2: method, headers, content, then the method's own rules.
func (ua *UserAgent) receiveRequest(req *sip.Request, tx *transaction.Server) {
	switch {
	case req.Method == sip.CANCEL:
		ua.receiveCancel(req, tx) // no Require is looked at: section 8.2.2.3
		return
	case slices.Contains(taken, req.Method), req.Method == sip.SUBSCRIBE && len(ua.cfg.EventPackages) > 0:
	default:
		if slices.Contains(known, req.Method) {
			ua.respond(tx, sip.StatusMethodNotAllowed, "Method Not Allowed", ua.allowed())
			return
		}
		ua.respond(tx, sip.StatusNotImplemented, "Not Implemented", ua.allowed())
		return
	}
	switch req.Recipient.Scheme {
	case "sip", "sips", "tel":
	default:
		ua.respond(tx, 416, "Unsupported URI Scheme") // section 8.2.2.1
		return
	}
	if message.ToTag(req) == "" && tx.Merged() {
		ua.respond(tx, sip.StatusLoopDetected, "Loop Detected") // section 8.2.2.2
		return
	}
	if unsupported := ua.unsupported(req); unsupported != "" {
		ua.respond(tx, sip.StatusBadExtension, "Bad Extension", sip.NewHeader("Unsupported", unsupported))
		return
	}
	if replacesElsewhere(req) {
		ua.respond(tx, sip.StatusBadRequest, "Bad Request: Replaces and Join belong into an INVITE") // RFC 3891 section 3
		return
	}
	if req.Method == sip.INVITE && ua.crowded(tx) {
		return
	}
	if message.ToTag(req) != "" {
		ua.receiveInDialog(req, tx)
		return
	}
	switch req.Method {
	case sip.INVITE:
		ua.receiveInvite(req, tx)
	case sip.OPTIONS:
		ua.receiveOptions(tx)
	case sip.NOTIFY:
		ua.receiveNotify(req, tx)
	case sip.SUBSCRIBE:
		ua.receiveSubscribe(req, tx)
	case sip.MESSAGE:
		ua.receiveMessage(req, tx, nil)
	case sip.REFER:
		ua.receiveRefer(req, tx, nil, nil)
	default: // BYE, INFO, PRACK and UPDATE outside a dialog
		ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	}
}

// unsupported lists the option tags of Require that we do not know.
func (ua *UserAgent) unsupported(req *sip.Request) string {
	var tags []string
	extensions := ua.supported()
	for _, tag := range message.Tokens(req, "Require") {
		if !slices.Contains(extensions, tag) {
			tags = append(tags, tag)
		}
	}
	return strings.Join(tags, ", ")
}

// receiveOptions tells what we can do (section 11.2).
func (ua *UserAgent) receiveOptions(tx *transaction.Server) {
	status, reason := sip.StatusOK, "OK"
	if message.ToTag(tx.Request) == "" && len(ua.calls) >= ua.cfg.MaxCalls {
		status, reason = sip.StatusBusyHere, "Busy Here" // as an INVITE would be answered
	}
	headers := []sip.Header{ua.allowed(),
		sip.NewHeader("Accept", accept),
		sip.NewHeader("Accept-Encoding", "identity"),
		sip.NewHeader("Accept-Language", "en"), // of our reason phrases
		sip.NewHeader("Supported", strings.Join(ua.supported(), ", "))}
	if len(ua.cfg.EventPackages) > 0 {
		headers = append(headers, sip.NewHeader("Allow-Events", strings.Join(ua.cfg.EventPackages, ", ")))
	}
	if packages := ua.packages(ua.cfg.Trickle); len(packages) > 0 {
		headers = append(headers, sip.NewHeader("Recv-Info", strings.Join(packages, ", "))) // RFC 6086
	}
	ua.respond(tx, status, reason, headers...)
}

func (ua *UserAgent) receiveInDialog(req *sip.Request, tx *transaction.Server) {
	if ua.subscriptions.receive(req, tx) {
		return
	}
	call := ua.dialogs[dialogOf(req)]
	if call == nil {
		ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist") // section 12.2.2
		return
	}
	call.receive(req, tx)
}

// dialogOf is the dialog that a request of the other side names.
func dialogOf(req *sip.Request) dialog.ID {
	return dialog.ID{CallID: message.CallID(req), LocalTag: message.ToTag(req), RemoteTag: message.FromTag(req)}
}

// receiveCancel is section 9.2: the CANCEL is answered 200 whatever becomes of
// the INVITE.
func (ua *UserAgent) receiveCancel(req *sip.Request, tx *transaction.Server) {
	invite := tx.Invite()
	if invite == nil {
		ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
		return
	}
	for _, call := range ua.calls {
		if call.invite == invite {
			// Section 9.2: with the tag of the INVITE's own responses.
			_ = tx.Respond(ua.response(req, sip.StatusOK, "OK", call.leg.dialog.ID.LocalTag)) // the flow's end is told by lost
			call.canceled(req)
			return
		}
	}
	ua.respond(tx, sip.StatusOK, "OK")
	// A CANCEL for a re-INVITE finds it answered or about to be: section 9.2 lets
	// it have no effect, and the answer has been applied to the media already.
}

func (ua *UserAgent) receiveAck(req *sip.Request) {
	id := dialogOf(req)
	if call := ua.dialogs[id]; call != nil && call.leg != nil && call.leg.dialog.ID == id {
		call.acknowledged(req)
	}
	// Any other ACK belongs to a call that is over; nothing answers an ACK.
}

func (ua *UserAgent) receiveStray(res *sip.Response) {
	ua.protocolError("a response that belongs to no request of ours", res.StartLine())
}
