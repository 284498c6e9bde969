package sipua

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// incoming is what a call needs until it is accepted (RFC 3261 section 13.3).
type incoming struct {
	offer     string // "" for an INVITE without: we offer in the 200
	accepting func(error)
	again     *timer // of the next 180
	expiry    *timer // of the INVITE
}

// incomingTable is the callee's side of a call.
//
//	             accept     answer made      media failed     hang up            CANCEL       BYE          ACK             no ACK       failure
//	ringing      answering  –                –                ended (603, …)     ended (487)  ended (487)  –               –            ended
//	answering    –          accepted (200)   ended (488/480)  ended (603, …)     ended (487)  ended (487)  –               –            ended
//	accepted     –          –                –                canceling          –            ended        established     ended (BYE)  –
//	canceling    –          –                –                –                  –            ended        ended (BYE)     ended (BYE)  –
//	established  –          –                ended (BYE)      ended (BYE)        –            ended        established     ended (BYE)  –
//	ended        –          –                –                –                  –            –            –               –            –
//
// Between the 200 and its ACK the callee may not send BYE (section 15): a hang-up
// waits in canceling. Failure is the loss of the connection that the INVITE came
// over, which nothing can be answered on any more.
var incomingTable = callTable{
	{Ringing, onAccept, Answering, (*Call).makeAnswer},
	{Ringing, onHangup, Ended, (*Call).reject},
	{Ringing, onCancel, Ended, (*Call).callerCanceled},
	{Ringing, onBye, Ended, (*Call).callerCanceled}, // section 15.1.2: a BYE in the early dialog
	{Ringing, onFailure, Ended, (*Call).incomingFailed},

	{Answering, onAnswer, Accepted, (*Call).sendAnswer},
	{Answering, onMediaFailed, Ended, (*Call).answerFailed},
	{Answering, onHangup, Ended, (*Call).reject},
	{Answering, onCancel, Ended, (*Call).callerCanceled},
	{Answering, onBye, Ended, (*Call).callerCanceled},
	{Answering, onFailure, Ended, (*Call).incomingFailed},

	{Accepted, onAck, Established, (*Call).acked},
	{Accepted, onNoAck, Ended, (*Call).neverAcked},
	{Accepted, onHangup, Canceling, (*Call).silence},
	{Accepted, onBye, Ended, (*Call).remoteBye},

	{Canceling, onAck, Ended, (*Call).hangUpEstablished},
	{Canceling, onNoAck, Ended, (*Call).hangUpEstablished},
	{Canceling, onBye, Ended, (*Call).remoteBye},

	{Established, onMediaFailed, Ended, (*Call).establishedMediaFailed},
	{Established, onHangup, Ended, (*Call).hangUpEstablished},
	{Established, onAck, Established, (*Call).acked},
	{Established, onNoAck, Ended, (*Call).neverAcked},
	{Established, onBye, Ended, (*Call).remoteBye},
}

// maxCalls bounds what strangers can make us hold.
const maxCalls = 64

// receiveInvite is section 13.3.1 for an INVITE outside a dialog.
func (ua *UserAgent) receiveInvite(req *sip.Request, tx *transaction.Server) {
	sdp, problem := sessionOf(req)
	switch {
	case problem != 0:
		ua.refuse(tx, problem)
		return
	case len(ua.calls) >= maxCalls:
		ua.respond(tx, sip.StatusBusyHere, "Busy Here")
		return
	case ua.cfg.Media == nil:
		ua.refuse(tx, sip.StatusNotAcceptableHere)
		return
	}
	replaced, ok := ua.replacedBy(req, tx)
	if !ok {
		return // answered
	}
	tag := message.NewTag()
	wayBack(req)
	d, err := dialog.NewUAS(req, tag)
	if err != nil {
		ua.respond(tx, sip.StatusBadRequest, "Bad Request: no Contact")
		return
	}
	from := req.From()
	c := &Call{
		ua: ua, id: d.ID.CallID, direction: Incoming, table: incomingTable, state: Ringing,
		remote:   identity(from.DisplayName, from.Address),
		answered: make(chan struct{}), ended: make(chan struct{}),
		dialog: d, invite: tx, link: ua.linkOf(tx), incoming: incoming{offer: sdp},
	}
	c.learnInfo(req)
	c.media = newMediaWorker(c, nil)
	c.publish()
	tx.OnEnd = func(err error) { c.handle(onFailure, &callEvent{err: err}) }
	ua.addCall(c)
	ua.dialogs[d.ID] = c
	if seconds, ok := message.Seconds(req, "Expires"); ok && seconds > 0 { // section 13.3.1: as if the caller had given up
		c.incoming.expiry = ua.after(time.Duration(seconds)*time.Second, func() { c.handle(onCancel, &callEvent{req: req}) })
	}
	if replaced != nil {
		c.replace(replaced)
		return
	}
	c.ring()
	ua.emit(IncomingCall{Call: c})
}

// wayBack gives an INVITE of RFC 2543, whose branch has no magic cookie, the Contact
// that it may leave out: its From (RFC 4475 section 3.4.1).
func wayBack(invite *sip.Request) {
	if len(invite.GetHeaders("contact")) == 0 && !strings.HasPrefix(message.Branch(invite), message.Magic) {
		invite.AppendHeader(&sip.ContactHeader{Address: *invite.From().Address.Clone()})
	}
}

// ring sends 180, and again each minute for as long as there is no answer, which
// keeps proxies from giving up (section 13.3.1.1).
func (c *Call) ring() {
	if c.state != Ringing && c.state != Answering {
		return
	}
	_ = c.invite.Respond(c.inviteResponse(sip.StatusRinging, "Ringing")) // a lost flow comes as onFailure
	c.incoming.again = c.ua.after(time.Minute, c.ring)
}

// stop ends what runs until there is an answer.
func (i *incoming) stop() {
	i.again.stop()
	i.expiry.stop()
}

// silence: who has hung up is not heard any more while the ACK is awaited.
func (c *Call) silence(*callEvent) { c.media.close() }

// sessionOf returns the offer in an INVITE, "" when there is none, or the status
// that refuses it.
func sessionOf(req *sip.Request) (sdp string, problem int) {
	part, err := message.Part(req, sdpType)
	var p *message.ParseError
	switch {
	case errors.As(err, &p):
		return "", p.Status // section 8.2.3
	case !message.Accepts(req, sdpType):
		return "", sip.StatusNotAcceptable // section 21.4.7: what we would answer is not wanted
	case part != nil && offer.Valid(string(part)) != nil:
		return "", sip.StatusNotAcceptableHere // section 13.3.1.3
	}
	return string(part), 0
}

// refuse answers an INVITE whose content cannot be taken.
func (ua *UserAgent) refuse(tx *transaction.Server, status int) {
	switch status {
	case sip.StatusBadRequest:
		ua.respond(tx, status, "Bad Request: malformed multipart body")
	case sip.StatusNotAcceptable:
		ua.respond(tx, status, "Not Acceptable")
	case sip.StatusUnsupportedMediaType: // section 21.4.13
		ua.respond(tx, status, "Unsupported Media Type", sip.NewHeader("Accept", accept), sip.NewHeader("Accept-Encoding", "identity"))
	default:
		// Section 20.43: 399 is a warning in words.
		ua.respond(tx, status, "Not Acceptable Here", sip.NewHeader("Warning", `399 `+ua.host+` "the session description cannot be used"`))
	}
}

// inviteResponse makes a response inside our dialog.
func (c *Call) inviteResponse(status int, reason string) *sip.Response {
	res := c.ua.response(c.invite.Request, status, reason, c.dialog.ID.LocalTag)
	if status < 300 {
		res.AppendHeader(c.contactHeader())
		res.AppendHeader(c.ua.allowed())
		c.ua.allowEvents(res)
		c.ua.recvInfo(res)
	}
	return res
}

// Accept answers an incoming call: the media is made, asking for the microphone
// where need be, and the 200 is sent. It returns when that is done.
// CodeInvalidState when the call is not incoming or not ringing; a media error
// refuses the call; CodeCanceled when the caller gave up meanwhile.
func (c *Call) Accept(ctx context.Context, o AcceptOptions) error {
	return c.ua.do(ctx, "accept", func(done func(error)) {
		if !c.handle(onAccept, &callEvent{accept: o, done: done}) {
			done(c.stateError("only an incoming call that rings can be accepted"))
		}
	})
}

// Reject refuses an incoming call with a status from 400 to 699: 486 Busy Here,
// 480 Temporarily Unavailable, 603 Decline. CodeInvalidState when the call is
// not incoming or has been answered.
func (c *Call) Reject(ctx context.Context, status int) error {
	if status < 400 || status > 699 {
		return &Error{Op: "reject", Code: CodeInvalidArgument, Reason: "a call is rejected with a status from 400 to 699, such as 486"}
	}
	return c.ua.do(ctx, "reject", func(done func(error)) {
		if c.direction != Incoming || (c.state != Ringing && c.state != Answering) {
			done(c.stateError("only an incoming call that is not answered can be rejected"))
			return
		}
		c.hangup(status, done)
	})
}

func (c *Call) makeAnswer(e *callEvent) {
	c.incoming.accepting = e.done
	c.media.options = e.accept.Media
	remote := c.incoming.offer
	made := func(sdp string, err error) {
		if err != nil {
			c.handle(onMediaFailed, &callEvent{err: err})
			return
		}
		c.handle(onAnswer, &callEvent{sdp: sdp})
	}
	if remote == "" { // RFC 3261 section 13.2.1: the offer goes in the 200, the answer comes in the ACK
		_ = c.exchange.Do(offer.OfferOut)
		c.media.run(func(ctx context.Context, m Media) (string, error) { return m.CreateOffer(ctx, OfferOptions{}) }, made)
		return
	}
	_ = c.exchange.Do(offer.OfferIn)
	c.media.run(func(ctx context.Context, m Media) (string, error) { return m.CreateAnswer(ctx, remote, OfferOptions{}) }, made)
}

func (c *Call) sendAnswer(e *callEvent) {
	c.incoming.stop()
	res := c.inviteResponse(sip.StatusOK, "OK")
	setSDP(res, e.sdp)
	_ = c.exchange.Do(offer.AnswerOut)
	c.dialog.Confirm(res)
	c.await(c.invite, res)
	if c.incoming.offer != "" {
		c.setRemoteHold(offer.HoldOf(c.incoming.offer))
		c.accepted()
	}
}

// accepted: the call counts as answered.
func (c *Call) accepted() {
	done := c.incoming.accepting
	c.incoming.accepting = nil
	c.announceAnswered()
	if done != nil {
		done(nil)
	}
}

func (c *Call) answerFailed(e *callEvent) {
	err := asError("accept", CodeMediaFailed, e.err)
	status, reason := sip.StatusNotAcceptableHere, "Not Acceptable Here"
	if err.Code == CodeMediaDenied || err.Code == CodeMediaNotFound {
		status, reason = sip.StatusTemporarilyUnavailable, "Temporarily Unavailable" // the description was not at fault
	}
	c.final(status, reason)
	done := c.incoming.accepting
	c.incoming.accepting = nil
	c.finish(CallEnded{By: System, Status: status, Reason: reason, Err: err})
	done(err)
	c.hungUp(nil)
}

// final refuses the INVITE.
func (c *Call) final(status int, reason string) {
	c.invite.OnEnd = nil
	_ = c.invite.Respond(c.inviteResponse(status, reason)) // without a flow nobody is there to be told
}

func (c *Call) reject(e *callEvent) {
	reason := phrase(e.status)
	c.final(e.status, reason)
	c.finish(CallEnded{By: Local, Status: e.status, Reason: reason})
	c.hungUp(nil)
}

func phrase(status int) string {
	switch status {
	case sip.StatusTemporarilyUnavailable:
		return "Temporarily Unavailable"
	case sip.StatusBusyHere:
		return "Busy Here"
	case sip.StatusNotFound:
		return "Not Found"
	case sip.StatusForbidden:
		return "Forbidden"
	case sip.StatusGlobalBusyEverywhere:
		return "Busy Everywhere"
	case sip.StatusGlobalDecline:
		return "Decline"
	}
	return "Rejected"
}

// canceled: the caller's CANCEL (section 9.2). It has been answered.
func (c *Call) canceled(req *sip.Request) { c.handle(onCancel, &callEvent{req: req}) }

func (c *Call) callerCanceled(e *callEvent) {
	c.final(sip.StatusRequestTerminated, "Request Terminated")
	status, reason := reasonHeader(e.req)
	if status == 0 {
		status, reason = sip.StatusRequestTerminated, "Request Terminated"
	}
	c.finish(CallEnded{By: Remote, Status: status, Reason: reason})
	c.hungUp(nil)
}

func (c *Call) incomingFailed(e *callEvent) {
	c.finish(CallEnded{By: System, Err: asError("call", CodeConnectionLost, e.err)})
	c.hungUp(nil)
}
