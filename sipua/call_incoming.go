package sipua

import (
	"context"
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
	offer     string                // "" for an INVITE without: the offer is ours
	local     string                // our description, once it is made
	waiting   []func(string, error) // for that
	sent      bool                  // it went in a reliable response: the 200 goes without
	accepting func(error)
	headers   []Header // of the 200
	progress  progress
	again     *timer // of the next provisional response
	expiry    *timer // of the INVITE
}

// incomingTable is the callee's side of a call.
//
//	             accept     answer made      no PRACK     media failed     hang up            CANCEL       BYE          ACK             no ACK       failure
//	ringing      answering  –                ended (504)  ended (488/480)  ended (603, …)     ended (487)  ended (487)  –               –            ended
//	answering    –          accepted (200)   ended (504)  ended (488/480)  ended (603, …)     ended (487)  ended (487)  –               –            ended
//	accepted     –          –                –            canceling        canceling          –            ended        established     ended (BYE)  –
//	canceling    –          –                –            –                –                  –            ended        ended (BYE)     ended (BYE)  –
//	established  –          –                –            ended (BYE)      ended (BYE)        –            ended        established     ended (BYE)  –
//	ended        –          –                –            –                –                  –            –            –               –            –
//
// Between the 200 and its ACK the callee may not send BYE (section 15): a hang-up
// waits in canceling. Failure is that the connection which the INVITE came over was lost
// and did not come back in time. Ringing takes a media failure when the media was
// opened early, for a description in a provisional response.
var incomingTable = callTable{
	{Ringing, onAccept, Answering, (*Call).makeAnswer},
	{Ringing, onNoPrack, Ended, (*Call).neverPracked},
	{Ringing, onMediaFailed, Ended, (*Call).answerFailed},
	{Ringing, onHangup, Ended, (*Call).reject},
	{Ringing, onCancel, Ended, (*Call).callerCanceled},
	{Ringing, onBye, Ended, (*Call).callerCanceled}, // section 15.1.2: a BYE in the early dialog
	{Ringing, onFailure, Ended, (*Call).incomingFailed},

	{Answering, onAnswer, Accepted, (*Call).sendAnswer},
	{Answering, onNoPrack, Ended, (*Call).neverPracked},
	{Answering, onMediaFailed, Ended, (*Call).answerFailed},
	{Answering, onHangup, Ended, (*Call).reject},
	{Answering, onCancel, Ended, (*Call).callerCanceled},
	{Answering, onBye, Ended, (*Call).callerCanceled},
	{Answering, onFailure, Ended, (*Call).incomingFailed},

	{Accepted, onAck, Established, (*Call).acked},
	{Accepted, onNoAck, Ended, (*Call).neverAcked},
	{Accepted, onMediaFailed, Canceling, (*Call).acceptedMediaFailed},
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
	sdp, problem := ua.sessionOf(req)
	switch {
	case problem != nil:
		ua.refuse(tx, problem)
		return
	case ua.cfg.Media == nil:
		ua.refuse(tx, errNoMedia)
		return
	case ua.refuseTimer(tx):
		return
	}
	replaced, ok := ua.replacedBy(req, tx)
	if !ok {
		return // answered
	}
	if status, reason := ua.joins(req); status != 0 {
		ua.respond(tx, status, reason)
		return
	}
	caller := callerOf(req)
	delay, auto := caller.autoAnswer(ua.cfg.AutoAnswer)
	switch {
	case replaced != nil:
	case len(ua.calls) >= ua.cfg.MaxCalls:
		ua.respond(tx, sip.StatusBusyHere, "Busy Here")
		return
	case !caller.modeGranted(auto):
		ua.respond(tx, sip.StatusForbidden, "Forbidden: the answer mode is not allowed") // RFC 5373 section 4.2
		return
	}
	tag := message.NewTag()
	wayBack(req)
	d, err := dialog.NewUAS(req, tag)
	if err != nil {
		ua.respond(tx, sip.StatusBadRequest, "Bad Request: no Contact")
		return
	}
	c := &Call{
		ua: ua, id: d.ID.CallID, direction: Incoming, table: incomingTable, state: Ringing,
		remote:   caller.From,
		answered: make(chan struct{}), ended: make(chan struct{}),
		leg: &leg{dialog: d}, invite: tx, link: ua.linkOf(tx), incoming: incoming{offer: sdp},
		caller: caller,
	}
	c.leg.learn(req)
	c.learnInfo(req)
	c.media = newMediaWorker(c, nil)
	if sdp != "" {
		_ = c.leg.exchange.Do(offer.OfferIn)
	}
	c.publish()
	tx.OnEnd = func(err error) { c.inviteUnanswerable(err) }
	ua.addCall(c)
	ua.dialogs[d.ID] = c
	if seconds, ok := message.Seconds(req, "Expires"); ok && seconds > 0 { // section 13.3.1: as if the caller had given up
		c.incoming.expiry = ua.after(time.Duration(seconds)*time.Second, func() { c.handle(onCancel, &callEvent{}) })
	}
	if replaced != nil {
		c.replace(replaced)
		return
	}
	if !ua.cfg.ManualRinging {
		c.ring()
	}
	ua.emit(IncomingCall{Call: c, AutoAnswer: auto})
	if auto {
		ua.after(delay, func() { c.handle(onAccept, &callEvent{done: func(error) {}}) })
	}
}

// wayBack gives an INVITE of RFC 2543, whose branch has no magic cookie, the Contact
// that it may leave out: its From (RFC 4475 section 3.4.1).
func wayBack(invite *sip.Request) {
	if len(invite.GetHeaders("contact")) == 0 && !strings.HasPrefix(message.Branch(invite), message.Magic) {
		invite.AppendHeader(&sip.ContactHeader{Address: *invite.From().Address.Clone()})
	}
}

// stop ends what runs until there is an answer.
func (i *incoming) stop() {
	i.again.stop()
	i.expiry.stop()
	i.progress.stop()
}

// silence: who has hung up is not heard any more while the ACK is awaited.
func (c *Call) silence(e *callEvent) {
	c.reason = e.reason
	c.media.close()
}

// acceptedMediaFailed: what was agreed in a provisional response or UPDATE does not hold.
func (c *Call) acceptedMediaFailed(e *callEvent) {
	c.gaveUp = asError("call", CodeMediaFailed, e.err)
	c.silence(e)
}

// inviteResponse makes a response inside our dialog.
func (c *Call) inviteResponse(status int, reason string) *sip.Response {
	res := c.ua.response(c.invite.Request, status, reason, c.leg.dialog.ID.LocalTag)
	if status < 300 {
		c.capabilities(res)
		c.ua.allowEvents(res)
	}
	return res
}

// Accept answers an incoming call: the media is made, asking for the microphone
// where need be, and the 200 is sent. It returns when that is done.
// CodeInvalidState when the call is not incoming or not ringing; a media error
// refuses the call; CodeCanceled when the caller gave up meanwhile.
func (c *Call) Accept(ctx context.Context, o AcceptOptions) error {
	const op = "accept"
	if err := checkHeaders(o.Headers); err != nil {
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: err.Error()}
	}
	return c.ua.do(ctx, op, func(done func(error)) {
		if !c.handle(onAccept, &callEvent{accept: o, done: done}) {
			done(c.stateError("only an incoming call that rings can be accepted"))
		}
	})
}

// Reject refuses an incoming call with a status from 400 to 699: 486 Busy Here,
// 480 Temporarily Unavailable, 603 Decline. CodeInvalidState when the call is
// not incoming or has been answered.
func (c *Call) Reject(ctx context.Context, status int) error {
	if status < 400 {
		return &Error{Op: "reject", Code: CodeInvalidArgument, Reason: "a call is rejected with a status from 400 to 699, such as 486"}
	}
	return c.RejectWith(ctx, Rejection{Status: status})
}

// RejectWith refuses an incoming call with more than a status. Errors as those of
// Reject; CodeInvalidArgument says what of r cannot be sent.
func (c *Call) RejectWith(ctx context.Context, r Rejection) error {
	const op = "reject"
	if r.Status == 0 {
		r.Status = sip.StatusBusyHere
	}
	err := checkHeaders(r.Headers)
	if err == nil {
		err = message.CheckValue(r.Reason)
	}
	switch {
	case err != nil:
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: err.Error()}
	case r.Status < 300 || r.Status > 699:
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: "a call is refused with a status from 300 to 699, such as 486"}
	}
	return c.ua.do(ctx, op, func(done func(error)) {
		if c.direction != Incoming || (c.state != Ringing && c.state != Answering) {
			done(c.stateError("only an incoming call that is not answered can be rejected"))
			return
		}
		c.hangup(&callEvent{reject: r}, done)
	})
}

// Redirect deflects an incoming call: 302 with the addresses where the caller should
// try, the best one first (RFC 3261 section 21.3.3). Each is what Call takes. Errors
// as those of Reject.
func (c *Call) Redirect(ctx context.Context, targets ...string) error {
	const op = "redirect"
	r := Rejection{Status: sip.StatusMovedTemporarily}
	for i, t := range targets {
		uri, err := c.ua.target(t)
		if err != nil {
			return &Error{Op: op, Code: CodeInvalidArgument, Reason: err.Error()}
		}
		contact := "<" + uri.String() + ">"
		if len(targets) > 1 {
			contact += ";q=" + preference(i)
		}
		r.Headers = append(r.Headers, Header{"Contact", contact})
	}
	if len(targets) == 0 || len(targets) > 10 {
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: "a call is redirected to one address, or to up to ten"}
	}
	return c.ua.do(ctx, op, func(done func(error)) {
		if c.direction != Incoming || (c.state != Ringing && c.state != Answering) {
			done(c.stateError("only an incoming call that is not answered can be redirected"))
			return
		}
		c.hangup(&callEvent{reject: r}, done)
	})
}

// preference is the q value of the address at place i of up to ten (section 20.10).
func preference(i int) string {
	if i == 0 {
		return "1.0"
	}
	return "0." + string(rune('0'+10-i))
}

func (c *Call) makeAnswer(e *callEvent) {
	c.incoming.accepting, c.incoming.headers = e.done, e.accept.Headers
	c.ua.holdOthers(c)
	c.describe(e.accept.Media, true, func(sdp string, err error) {
		if err != nil {
			c.handle(onMediaFailed, &callEvent{err: err})
			return
		}
		// RFC 3262 section 3: not while a description in a provisional response waits for
		// its PRACK.
		c.incoming.progress.whenSettled(func() { c.handle(onAnswer, &callEvent{sdp: sdp}) })
	})
}

// describe makes our description once: the answer, or the offer where the INVITE has
// none (section 13.2.1). certain: it goes in a response that is acknowledged, so that
// its candidates may follow.
func (c *Call) describe(options any, certain bool, then func(sdp string, err error)) {
	in := &c.incoming
	if in.local != "" {
		then(in.local, nil)
		return
	}
	in.waiting = append(in.waiting, then)
	if len(in.waiting) > 1 {
		return
	}
	if options != nil {
		c.media.options = options
	}
	made := func(sdp string, err error) {
		if err == nil {
			in.local = sdp
			c.voice, c.settled = c.leg, in.offer != ""
		}
		waiting := in.waiting
		in.waiting = nil
		for _, f := range waiting {
			f(sdp, err)
		}
	}
	if in.offer == "" {
		_ = c.leg.exchange.Do(offer.OfferOut)
		c.media.createOffer(nil, c.wanted(), made)
		return
	}
	c.leg.remote = in.offer
	o := c.wanted()
	o.Trickle = certain && c.trickles(in.offer)
	c.media.createAnswer(in.offer, o, made)
}

func (c *Call) sendAnswer(e *callEvent) {
	in := &c.incoming
	in.stop()
	res := c.inviteResponse(sip.StatusOK, "OK")
	for _, h := range in.headers {
		res.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	if !in.sent {
		setSDP(res, e.sdp)
	}
	c.grantTimer(c.invite.Request, res)
	if !in.sent && c.leg.exchange.State() == offer.RemoteOffer { // else what is open is an UPDATE of theirs
		_ = c.leg.exchange.Do(offer.AnswerOut)
		c.agreed(e.sdp, in.offer)
	}
	c.leg.dialog.Confirm(res)
	c.await(c.invite, res)
	if !c.unacked.ours {
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
	c.endIncoming(Rejection{Status: status, Reason: reason}, CallEnded{By: System, Err: err})
}

func (c *Call) neverPracked(*callEvent) {
	err := &Error{Op: "call", Code: CodeTimeout, Reason: "the caller did not acknowledge a provisional response within 32 seconds", Err: transaction.ErrTimeout}
	c.endIncoming(Rejection{Status: sip.StatusGatewayTimeout}, CallEnded{By: System, Err: err}) // RFC 3262 section 3
}

// endIncoming refuses the INVITE and ends the call.
func (c *Call) endIncoming(r Rejection, end CallEnded) {
	if r.Reason == "" {
		r.Reason = phrase(r.Status)
	}
	c.final(r)
	end.Status, end.Reason = r.Status, r.Reason
	if done := c.incoming.accepting; done != nil && end.Err != nil {
		c.incoming.accepting = nil
		defer done(end.Err)
	}
	c.finish(end)
	c.hungUp(nil)
}

// final refuses the INVITE.
func (c *Call) final(r Rejection) {
	c.invite.OnEnd = nil
	res := c.inviteResponse(r.Status, r.Reason)
	for _, h := range r.Headers {
		res.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	if r.RetryAfter > 0 {
		res.AppendHeader(secondsHeader("Retry-After", r.RetryAfter+time.Second-1))
	}
	if c.survival.why != "" { // the flow is lost: it goes over the next one
		c.ua.later(c.invite, res)
		return
	}
	_ = c.invite.Respond(res)
}

func (c *Call) reject(e *callEvent) { c.endIncoming(e.reject, CallEnded{By: Local}) }

// canceled: the caller's CANCEL (section 9.2). It has been answered.
func (c *Call) canceled(req *sip.Request) { c.handle(onCancel, &callEvent{req: req}) }

func (c *Call) callerCanceled(e *callEvent) {
	c.final(Rejection{Status: sip.StatusRequestTerminated, Reason: "Request Terminated"})
	end := CallEnded{By: Remote}
	if e.req != nil { // it has not expired
		end.Reasons = reasonsOf(e.req)
	}
	end.Status, end.Reason = sipReason(end.Reasons)
	if end.Status == 0 {
		end.Status, end.Reason = sip.StatusRequestTerminated, "Request Terminated"
	}
	c.finish(end)
	c.hungUp(nil)
}

func (c *Call) incomingFailed(e *callEvent) {
	c.finish(CallEnded{By: System, Err: asError("call", CodeConnectionLost, e.err)})
	c.hungUp(nil)
}
