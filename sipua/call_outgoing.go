package sipua

import (
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// outgoing is what a call needs until it is answered (RFC 3261 section 13.2).
type outgoing struct {
	target   sip.Uri // a redirection changes it
	to       sip.Uri // but not whom we have called (section 8.1.3.4)
	options  CallOptions
	extra    []sip.Header // of other parts of the user agent: Replaces, Referred-By
	tag      string
	seq      uint32         // of the INVITE sent last
	offer    string         // in it; "" when the other side is to make it
	exchange offer.Exchange // how each leg begins: with our offer open, or not
	request  *exchange
	open     bool // the INVITE has no final response yet
	heard    bool // but a provisional one
	cancels  bool // CANCEL has been sent
	redirect redirection
	// patience ends the wait for the final response to a canceled INVITE, noAnswer that
	// for any.
	patience, noAnswer *timer
}

// outgoingTable is the caller's side of a call.
//
//	             offer made  1xx               2xx                failure  flow lost       again    media failed  hang up              ACK  no ACK  BYE
//	preparing    calling     –                 –                  ended    –               –        ended         ended                –    –       –
//	calling      –           calling, ringing  established        ended    calling (wait)  calling  ended         canceling (CANCEL)   –    –       –
//	ringing      –           ringing           established        ended    calling (wait)  calling  canceling     canceling (CANCEL)   –    –       –
//	canceling    –           canceling         ended (ACK, BYE)   ended    ended           –        –             –                    –    –       –
//	established  –           –                 established (ACK)  –        –               –        ended (BYE)   ended (BYE)          yes  ended   ended
//	ended        –           –                 ended (ACK, BYE)   –        –               –        –             –                    –    –       –
//
// CANCEL must wait for the first provisional response (section 9.1); until then
// canceling has sent nothing. A 2xx that crosses it makes a dialog, which is
// acknowledged and ended. A 2xx of another fork than the one that answered first
// is acknowledged and ended on its own dialog (section 13.2.2.4), whatever the
// state. Again is the same call by another INVITE: to where it was redirected, with
// a longer session interval (422), or over the next flow when the first one was lost.
var outgoingTable = callTable{
	{Preparing, onOffer, Calling, (*Call).sendInvite},
	{Preparing, onMediaFailed, Ended, (*Call).offerFailed},
	{Preparing, onFailure, Ended, (*Call).outgoingFailed},
	{Preparing, onHangup, Ended, (*Call).givenUp},

	{Calling, onProvisional, Calling, (*Call).progress},
	{Calling, onSuccess, Established, (*Call).outgoingAnswered},
	{Calling, onFailure, Ended, (*Call).outgoingFailed},
	{Calling, onFlowLost, Calling, (*Call).inviteLost},
	{Calling, onRetry, Calling, (*Call).inviteAgain},
	{Calling, onMediaFailed, Ended, (*Call).offerFailed},
	{Calling, onHangup, Canceling, (*Call).sendCancel},

	{Ringing, onProvisional, Ringing, (*Call).progress},
	{Ringing, onSuccess, Established, (*Call).outgoingAnswered},
	{Ringing, onFailure, Ended, (*Call).outgoingFailed},
	{Ringing, onFlowLost, Calling, (*Call).inviteLost},
	{Ringing, onRetry, Calling, (*Call).inviteAgain},
	{Ringing, onMediaFailed, Canceling, (*Call).earlyMediaFailed},
	{Ringing, onHangup, Canceling, (*Call).sendCancel},

	{Canceling, onProvisional, Canceling, (*Call).cancelAfter},
	{Canceling, onSuccess, Ended, (*Call).answeredTooLate},
	{Canceling, onFailure, Ended, (*Call).givenUp},
	{Canceling, onFlowLost, Ended, (*Call).givenUpLater},

	{Established, onSuccess, Established, (*Call).answeredAgain},
	{Established, onMediaFailed, Ended, (*Call).establishedMediaFailed},
	{Established, onHangup, Ended, (*Call).hangUpEstablished},
	{Established, onAck, Established, (*Call).acked},
	{Established, onNoAck, Ended, (*Call).neverAcked},
	{Established, onBye, Ended, (*Call).remoteBye},

	{Ended, onSuccess, Ended, (*Call).forkAnswered},
}

// Call calls target and returns at once; the call's events and Answered tell
// what becomes of it. Target is a user or number of our own domain ("1002"), an
// address ("1002@example.com"), a SIP URI or a tel URI. Errors at once:
// CodeInvalidArgument (target or options), CodeClosed.
func (ua *UserAgent) Call(target string, o CallOptions) (*Call, error) {
	uri, err := ua.target(target)
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return nil, &Error{Op: "call", Code: CodeInvalidArgument, Reason: err.Error()}
	}
	c := ua.newCall(uri, o)
	if !ua.owner.post(c.start) {
		return nil, &Error{Op: "call", Code: CodeClosed, Reason: "the user agent was closed"}
	}
	return c, nil
}

// newCall makes a call that has not begun.
func (ua *UserAgent) newCall(uri sip.Uri, o CallOptions) *Call {
	if o.Reliable == "" {
		o.Reliable = ua.cfg.Reliable
	}
	c := &Call{
		ua: ua, id: message.NewToken(24), direction: Outgoing, table: outgoingTable, state: Preparing,
		remote:   identity("", uri),
		answered: make(chan struct{}), ended: make(chan struct{}),
		outgoing: outgoing{target: uri, to: uri, options: o, tag: message.NewTag(), seq: 1},
	}
	c.publish()
	return c
}

// start makes the offer, and connects meanwhile.
func (c *Call) start() {
	o := &c.outgoing.options
	c.media = newMediaWorker(c, o.Media)
	fail := func(code Code, reason string) {
		c.enter(Ended)
		c.finish(CallEnded{By: Local, Err: &Error{Op: "call", Code: code, Reason: reason}})
	}
	switch {
	case c.ua.closed:
		fail(CodeClosed, "the user agent was closed")
		return
	case len(c.ua.calls) >= c.ua.cfg.MaxCalls:
		fail(CodeInvalidState, "there are as many calls as Config.MaxCalls allows: hang up one first")
		return
	}
	if o.Replaces != nil {
		d := o.Replaces.dialog()
		if d == nil || o.Replaces.state == Ended {
			fail(CodeInvalidState, "the call to be replaced has no dialog: it is not answered, or over")
			return
		}
		c.outgoing.extra = append(c.outgoing.extra,
			sip.NewHeader("Replaces", replacesOf(d.ID).value()), sip.NewHeader("Require", "replaces")) // RFC 3891 section 4
	}
	c.ua.addCall(c)
	c.ua.holdOthers(c)
	c.ua.connect(nil, func(*link, error) {}) // while the offer is made; it is tried again if that fails
	if o.LateOffer {
		c.sendWhenUp("")
		return
	}
	c.makeOffer()
}

// makeOffer makes the description of the INVITE, for every leg that it will have.
func (c *Call) makeOffer() {
	c.outgoing.exchange = offer.Exchange{}
	_ = c.outgoing.exchange.Do(offer.OfferOut)
	w := c.media
	o := c.wanted()
	o.Trickle = c.trickleMode() == TrickleFull
	w.createOffer(nil, o, func(sdp string, err error) {
		switch {
		case w != c.media:
		case err != nil:
			c.handle(onMediaFailed, &callEvent{err: err})
		default:
			c.outgoing.offer = sdp
			c.sendWhenUp(sdp)
		}
	})
}

// sendWhenUp sends the INVITE once there is a connection.
func (c *Call) sendWhenUp(sdp string) {
	c.ua.connect(nil, func(_ *link, err error) {
		switch {
		case err != nil:
			c.handle(onFailure, &callEvent{err: err})
		case c.state == Calling: // again
			c.sendInvite(&callEvent{sdp: sdp})
		default:
			c.handle(onOffer, &callEvent{sdp: sdp})
		}
	})
}

// sendInvite is section 13.2.1.
func (c *Call) sendInvite(e *callEvent) {
	ua, out := c.ua, &c.outgoing
	out.open, out.heard, out.cancels = true, false, false
	out.request = ua.request(func() *sip.Request {
		req := sip.NewRequest(sip.INVITE, out.target)
		req.AppendHeader(ua.from(out.tag))
		req.AppendHeader(&sip.ToHeader{Address: *out.to.Clone()})
		callID := sip.CallIDHeader(c.id)
		req.AppendHeader(&callID)
		message.CSeq(req, out.seq)
		c.capabilities(req)
		ua.allowEvents(req)
		c.askTimer(req)
		out.options.apply(req)
		for _, h := range out.extra {
			req.AppendHeader(sip.HeaderClone(h))
		}
		setSDP(req, e.sdp)
		return req
	}, c.invited)
	out.request.next = func(req *sip.Request) (uint32, bool) {
		// Hung up between the challenge and its answer: there is nothing to send.
		out.seq, out.heard = req.CSeq().SeqNo+1, false
		return out.seq, c.state != Canceling
	}
	if limit := c.noAnswerTimeout(); limit > 0 && out.noAnswer == nil {
		c.after(&out.noAnswer, limit, c.notAnswered)
	}
}

// noAnswerTimeout is how long we let it ring.
func (c *Call) noAnswerTimeout() time.Duration {
	if o := c.outgoing.options.NoAnswerTimeout; o != 0 {
		return o
	}
	return c.ua.cfg.NoAnswerTimeout
}

func (c *Call) notAnswered() {
	c.gaveUp = &Error{Op: "call", Code: CodeTimeout, Status: sip.StatusRequestTimeout, Reason: "nobody answered in the time allowed"}
	c.handle(onHangup, &callEvent{})
}

// invited sorts what comes back for the INVITE.
func (c *Call) invited(res *sip.Response, err error) {
	out := &c.outgoing
	c.link = out.request.link
	if err == nil && res.StatusCode < 200 {
		out.heard = true
		c.handle(onProvisional, &callEvent{res: res})
		return
	}
	out.open = false
	switch {
	case err != nil:
		switch {
		case lostFlow(err) && !c.ua.closed && c.handle(onFlowLost, &callEvent{err: err}):
		case timedOut(err) && c.state == Calling && c.nextTarget(sip.StatusRequestTimeout) && c.handle(onRetry, &callEvent{}):
		default:
			c.handle(onFailure, &callEvent{err: err})
		}
	case res.StatusCode < 300:
		c.handle(onSuccess, &callEvent{res: res})
	case c.retarget(res) && c.handle(onRetry, &callEvent{}):
	default:
		c.handle(onFailure, &callEvent{res: res, err: rejected(res)})
	}
}

// inviteAgain begins anew, with the same Call-ID and the next number (section 8.1.3.5).
// What the first INVITE has made is over.
func (c *Call) inviteAgain(*callEvent) {
	c.dropLegs()
	c.publish()
	c.outgoing.seq++
	if c.voice == nil {
		c.sendWhenUp(c.outgoing.offer)
		return
	}
	// The media has a description of somebody whom we do not talk to any more.
	c.renewMedia()
	if c.outgoing.options.LateOffer {
		c.sendWhenUp("")
		return
	}
	c.makeOffer()
}

// progress is section 13.2.2.1: 1xx. What is more than 100 rings, makes an early
// dialog when it has a tag, and may bring early media.
func (c *Call) progress(e *callEvent) {
	res := e.res
	if res.StatusCode == sip.StatusTrying {
		return
	}
	l, err := c.legOf(res)
	if err != nil {
		c.ua.protocolError("a provisional response makes no dialog: "+err.Error(), res.StartLine())
	}
	c.learnCaller(res)
	reliable := isReliable(res)
	sdp := sdpOf(res)
	if err := offer.Valid(sdp); sdp != "" && err != nil {
		c.ua.protocolError("early media cannot be used: "+err.Error(), res.StartLine())
		sdp = "" // the answer may still come in the 2xx
	}
	if l != nil {
		if reliable && !l.inOrder(res) {
			return // it came before, or one before it did not (RFC 3262 section 4)
		}
		l.fork.Status, l.fork.Reason = res.StatusCode, reasonOf(res)
		l.fork.EarlyMedia = l.fork.EarlyMedia || sdp != ""
	}
	ringing := CallRinging{Call: c, Fork: message.ToTag(res), Status: res.StatusCode, Reason: reasonOf(res), EarlyMedia: sdp != "", Reliable: reliable}
	switch {
	case res.StatusCode == 199: // RFC 6228: this fork has ended
		if l != nil {
			c.forkEnded(l)
		}
	case l == nil:
	case reliable:
		c.acknowledgeProgress(l, res, sdp)
	case sdp != "" && !l.answered && l.exchange.State() == offer.LocalOffer:
		l.remote = sdp // a preview of the answer, which may still change
		c.preview(l)
	}
	if res.StatusCode != 199 {
		c.enter(Ringing)
	}
	c.publish()
	c.ua.emit(ringing)
}

// outgoingAnswered: the first 2xx. It is acknowledged at once, unless the ACK has to
// bring an answer; the call counts as answered when its media is up.
func (c *Call) outgoingAnswered(e *callEvent) {
	c.outgoing.noAnswer.stop()
	l, err := c.legOf(e.res)
	c.leg = l
	l.fork.Ended = false // a 199 before was premature: the 2xx counts (RFC 6228 section 4)
	c.beginAnew()
	c.learnInfo(e.res)
	c.learnCaller(e.res)
	c.ua.dialogs[l.dialog.ID] = c // also when more forks rang than are kept
	sdp := sdpOf(e.res)
	late := c.outgoing.offer == "" && l.remote == ""
	if !late {
		c.ackInvite(l, "")
	}
	if !l.answered {
		// The answer in the 2xx counts, unless a reliable one came before (RFC 6337
		// section 3.1.1). A 2xx without one leaves the preview, which had to be the same
		// (section 13.2.1).
		if sdp != "" {
			l.remote = sdp
		}
		if err == nil {
			err = offer.Valid(l.remote)
		}
	}
	if err != nil {
		if late {
			c.ackInvite(l, "")
		}
		c.handle(onMediaFailed, &callEvent{err: &Error{Code: CodeProtocol, Status: e.res.StatusCode, Reason: "the answer cannot be used", Err: err}})
		return
	}
	c.startTimer(e.res)
	if late {
		c.answerInAck(l)
		return
	}
	if !l.answered { // else what is open is an UPDATE of ours
		_ = l.exchange.Do(offer.AnswerIn)
	}
	c.settle(l, func(err error) {
		switch {
		case c.state != Established:
		case err != nil:
			c.handle(onMediaFailed, &callEvent{err: err})
		default:
			c.announceAnswered()
			c.offerWhole()
			c.nextChange()
		}
	})
}

// answerInAck answers the offer of a 2xx in its ACK (section 13.2.2.4).
func (c *Call) answerInAck(l *leg) {
	if c.voice != nil && c.voice != l {
		c.renewMedia() // another fork has offered before
	}
	c.answerOffer(l, l.remote, func(sdp string, err error) {
		switch {
		case c.state != Established:
			return // hung up meanwhile, which has acknowledged
		case err != nil:
			c.ackInvite(l, offer.Reject(l.remote))
			c.handle(onMediaFailed, &callEvent{err: err})
			return
		}
		c.ackInvite(l, sdp)
		c.announceAnswered()
		c.nextChange()
	})
}

// ackInvite acknowledges the 2xx of l, and remembers how for when it comes again.
func (c *Call) ackInvite(l *leg, sdp string) {
	l.ack = &sdp
	c.acknowledge(l.dialog, c.outgoing.request.tx.Request, sdp)
}

// ackFirst acknowledges the 2xx of a call that ends while the answer for the ACK is being
// made: nothing of what it offers is taken.
func (c *Call) ackFirst() {
	if c.leg != nil && c.leg.ack == nil && c.outgoing.request != nil {
		c.ackInvite(c.leg, offer.Reject(c.leg.remote))
	}
}

func (c *Call) announceAnswered() {
	close(c.answered)
	c.publish()
	c.ua.emit(CallAnswered{Call: c})
	c.tellStreams()
}

// answeredAgain: a further 2xx to the first INVITE. Of our own dialog it is a
// retransmission whose ACK was lost; otherwise another fork has answered too.
func (c *Call) answeredAgain(e *callEvent) {
	if message.ToTag(e.res) != c.leg.dialog.ID.RemoteTag {
		c.forkAnswered(e)
		return
	}
	if c.leg.ack != nil { // else the answer that it has to carry is being made
		c.ackInvite(c.leg, *c.leg.ack)
	}
}

// sendCancel asks the other side to give up (section 9.1). The media ends now,
// the call with the final response to the INVITE, or after 32 s without.
func (c *Call) sendCancel(e *callEvent) {
	c.media.close()
	c.outgoing.noAnswer.stop()
	c.reason = e.reason
	c.cancelAfter(e)
}

// earlyMediaFailed: what was agreed before the answer does not hold any more.
func (c *Call) earlyMediaFailed(e *callEvent) {
	c.gaveUp = asError("call", CodeMediaFailed, e.err)
	c.sendCancel(e)
}

// cancelAfter sends the CANCEL once that is allowed: after a provisional response.
func (c *Call) cancelAfter(e *callEvent) {
	if e.res != nil {
		c.prackUnwanted(e.res)
	}
	out := &c.outgoing
	x := out.request
	if !out.open { // between two INVITEs
		in := onFailure
		if c.survival.flowless {
			in = onFlowLost // the first one may ring
		}
		c.handle(in, &callEvent{})
		return
	}
	if x.giveUp() {
		return // nothing of it is at the other side
	}
	if x.tx == nil || x.tx.State() != transaction.Proceeding || out.cancels {
		return // too early; the first provisional response leads here again
	}
	out.cancels = true
	x.tx.Send(c.cancelRequest(), func(*sip.Response, error) {
		// Its own answer means nothing (section 9.1); the INVITE's counts, for which
		// 64*T1 are enough.
	})
	c.after(&out.patience, transaction.Timeout, func() {
		if c.handle(onFailure, &callEvent{}) {
			x.tx.Drop()
		}
	})
}

// cancelRequest is the CANCEL for our INVITE.
func (c *Call) cancelRequest() *sip.Request {
	cancel := c.outgoing.request.tx.Cancel()
	cancel.AppendHeader(sip.NewHeader("User-Agent", c.ua.cfg.UserAgent))
	if r := c.reason; r != nil {
		cancel.AppendHeader(sip.NewHeader("Reason", r.header())) // RFC 3326
	}
	return cancel
}

// givenUp: the hang-up before an answer is complete.
func (c *Call) givenUp(*callEvent) {
	c.finish(c.canceledEnd())
	c.hungUp(nil)
}

func (c *Call) canceledEnd() CallEnded {
	if err := c.gaveUp; err != nil {
		return CallEnded{By: System, Status: err.Status, Reason: err.Reason, Err: err}
	}
	return CallEnded{By: Local, Status: sip.StatusRequestTerminated, Reason: "Request Terminated"}
}

func (c *Call) answeredTooLate(e *callEvent) {
	l, _ := c.legOf(e.res) // ended in any case
	c.ackUnwanted(l, e.res)
	c.finish(c.canceledEnd())
	c.sendBye(l.dialog, c.reason, c.hungUp)
}

func (c *Call) outgoingFailed(e *callEvent) {
	end := CallEnded{By: System, Err: asError("call", CodeInternal, e.err)}
	if e.res != nil {
		c.learnCaller(e.res)
		end.By, end.Status, end.Reason = Remote, e.res.StatusCode, reasonOf(e.res)
		end.Reasons = reasonsOf(e.res)
	}
	c.finish(end)
	c.hungUp(nil)
}

// offerFailed: nothing has been sent yet.
func (c *Call) offerFailed(e *callEvent) {
	c.finish(CallEnded{By: System, Err: asError("call", CodeMediaFailed, e.err)})
	c.hungUp(nil)
}
