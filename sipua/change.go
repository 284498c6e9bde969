package sipua

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// change is something about the session that the other side has to agree to: hold,
// video, another connection, or that the session goes on. Changes wait for one
// another, for an offer of the other side and for the ACK of the first answer: one
// offer is open at a time (RFC 3264 section 4).
type change struct {
	op string
	// needed, when set, is asked when its turn has come: false is success already.
	needed func() bool
	// ask, when set, is done to the media first, once, while no offer is open. It may take
	// as long as a person wants, and tells whether an offer is needed.
	ask func(context.Context, Media) (negotiate bool, err error)
	// prepare, when set, is done to the media before it makes the offer, and undo after
	// the offer was refused.
	prepare, undo func(context.Context, Media) error
	// wants, when set, changes what the next description says.
	wants func(*OfferOptions)
	// agreed, when set, is called when the other side has agreed, before the events.
	agreed func()
	// bare: no description is needed. It goes as UPDATE where the other side takes that.
	bare bool
	// late: the other side is asked to offer, by an INVITE without a description.
	late bool
	// end is called once, with what became of it.
	end func(error)

	begun bool // its offer is open, or it waits for another try
	leg   *leg // in which it has begun
	tries int
}

// Hold asks the other side to stop sending and stops listening to it: re-INVITE
// with sendonly, or inactive (RFC 3264 section 8.4). It returns when the other
// side has agreed. A refusal (CodeRejected with the status) leaves the call as
// it was. Holding a call that is on hold does nothing. Before the answer a call of ours
// is held as soon as a session has been agreed: with a reliable provisional response (RFC
// 3262, RFC 3311), otherwise with the answer.
func (c *Call) Hold(ctx context.Context) error {
	return c.ua.do(ctx, "hold", func(done func(error)) { c.hold(true, done) })
}

// Resume takes the call back from our hold.
func (c *Call) Resume(ctx context.Context) error {
	return c.ua.do(ctx, "resume", func(done func(error)) {
		c.ua.holdOthers(c)
		c.hold(false, done)
	})
}

func (c *Call) hold(hold bool, done func(error)) {
	c.change(&change{
		op:     "hold",
		needed: func() bool { return c.localHold != hold },
		wants:  func(o *OfferOptions) { o.Hold = hold },
		agreed: func() { c.setHold(Local, hold) },
		end:    done,
	})
}

// setHold remembers who holds, and says so.
func (c *Call) setHold(by Party, hold bool) {
	held := &c.localHold
	if by == Remote {
		held = &c.remoteHold
	}
	if *held == hold {
		return
	}
	*held = hold
	c.publish()
	if hold {
		c.ua.emit(CallHeld{Call: c, By: by})
	} else {
		c.ua.emit(CallResumed{Call: c, By: by})
	}
}

// wanted is what our descriptions say when nothing changes.
func (c *Call) wanted() OfferOptions { return OfferOptions{Hold: c.localHold, NoVideo: c.noVideo} }

// change queues ch, which the application has asked for.
func (c *Call) change(ch *change) {
	switch {
	case c.state == Established, c.state == Accepted, c.state == Resuming:
	case c.direction == Outgoing && (c.state == Calling || c.state == Ringing): // it waits for a session
	case c.state != Ended && c.agreedEarly() != nil:
	default:
		ch.end(c.stateError("the call is not answered"))
		return
	}
	c.changes = append(c.changes, ch)
	c.nextChange()
}

// queueFirst puts ch before all that has not begun.
func (c *Call) queueFirst(ch *change) {
	at := 0
	if len(c.changes) > 0 && c.changes[0].begun {
		at = 1
	}
	c.changes = slices.Insert(c.changes, at, ch)
	c.nextChange()
}

// agreedEarly is the leg in which a session has been agreed before the answer, and in which
// another one may be offered by UPDATE (RFC 3311 section 5.1); nil when there is none.
func (c *Call) agreedEarly() *leg {
	legs := c.legs
	if c.direction == Incoming {
		legs = []*leg{c.leg}
	}
	for _, l := range legs {
		if l.early() && !l.fork.Ended && l.exchange.State() == offer.Stable && l.remote != "" && l.takes(sip.UPDATE) &&
			(c.voice == nil || c.voice == l) && c.incoming.progress.pending == nil {
			return l
		}
	}
	return nil
}

// offerable is the leg in which an offer of ours may be made now, nil when it has to
// wait.
func (c *Call) offerable() *leg {
	switch {
	case c.state == Calling, c.state == Ringing:
		if l := c.agreedEarly(); l != nil && l.pracks == 0 { // RFC 6337 section 4.1
			return l
		}
		return nil
	case c.state != Established && c.state != Resuming, c.survival.flowless, c.unacked.waits(), c.leg.exchange.State() != offer.Stable:
		return nil
	}
	return c.leg
}

// beginAnew frees a change whose offer is open in a fork that is none any more: its answer
// would not count.
func (c *Call) beginAnew() {
	if len(c.changes) > 0 && c.changes[0].begun && c.over(c.changes[0].leg) {
		c.changes[0].begun = false
	}
}

// nextChange begins the oldest change if nothing stands in its way. It stays first
// in the list until it is agreed or refused.
func (c *Call) nextChange() {
	if len(c.changes) == 0 {
		return
	}
	ch := c.changes[0]
	l := c.offerable()
	switch {
	case ch.begun || l == nil:
		return
	case ch.needed != nil && !ch.needed():
		c.changeEnded(ch, nil)
		return
	}
	ch.begun, ch.leg = true, l
	if ch.ask != nil {
		c.askMedia(l, ch)
		return
	}
	if ch.bare && l.takes(sip.UPDATE) && c.ua.cfg.SessionTimer.Method != "invite" {
		c.sendOffer(l, ch, "", sip.UPDATE)
		return
	}
	if ch.late {
		_ = l.exchange.Do(offer.OfferOut) // until it is answered, an INVITE of the other side is glare (section 14.1)
		c.sendOffer(l, ch, "", sip.INVITE)
		return
	}
	method := sip.INVITE
	if l.early() {
		method = sip.UPDATE
	}
	c.makeChange(l, ch, func(sdp string) { c.sendOffer(l, ch, sdp, method) })
}

// askMedia does what ch wants of the media before its offer. The other side may offer
// meanwhile, which is answered first.
func (c *Call) askMedia(l *leg, ch *change) {
	ask, negotiate := ch.ask, false
	ch.ask = nil
	c.media.run(func(ctx context.Context, m Media) (_ string, err error) {
		negotiate, err = ask(ctx, m)
		return "", err
	}, func(_ string, err error) {
		same, wanted := c.wanted(), c.wanted()
		if ch.wants != nil {
			ch.wants(&wanted)
		}
		switch {
		case c.over(l): // finish has ended the change
		case err != nil:
			c.changeEnded(ch, err)
		case !negotiate && wanted == same:
			c.changeAgreed(ch)
		default:
			ch.begun = false
			c.nextChange()
		}
	})
}

// makeChange makes the offer of ch.
func (c *Call) makeChange(l *leg, ch *change, then func(sdp string)) {
	c.settleFirst(l)
	_ = l.exchange.Do(offer.OfferOut) // allowed: it is stable
	c.voice = l                       // no other fork has the media while the offer is open
	o := c.wanted()
	if ch.wants != nil {
		ch.wants(&o)
	}
	c.media.createOffer(ch.prepare, o, func(sdp string, err error) {
		switch {
		case c.over(l): // finish has ended the change
		case err != nil:
			_ = l.exchange.Do(offer.Withdraw)
			c.undo(ch)
			c.changeEnded(ch, err)
		default:
			then(sdp)
		}
	})
}

// settleFirst keeps a reliable answer to the INVITE for good, when a new offer is to follow it
// before the call is answered. Afterwards that has been done, or the media is a new one, which the
// answer is not for.
func (c *Call) settleFirst(l *leg) {
	if !c.settled && c.outgoing.offer != "" && l.early() && l.remote != "" && l.exchange.State() == offer.Stable {
		c.settle(l, func(err error) {
			if err != nil && c.state != Ended {
				c.ua.protocolError("early media cannot be used: "+err.Error(), c.id)
			}
		})
	}
}

// over tells whether nothing can come of a negotiation in l any more.
func (c *Call) over(l *leg) bool {
	if c.leg == nil { // a fork that has said 199 may answer all the same
		return c.state == Ended || c.state == Canceling || !slices.Contains(c.legs, l)
	}
	return c.state == Ended || c.state == Canceling || c.leg != l
}

func (c *Call) undo(ch *change) {
	if ch.undo != nil {
		c.media.run(func(ctx context.Context, m Media) (string, error) { return "", ch.undo(ctx, m) }, func(string, error) {
			// What cannot be undone shows in the next description.
		})
	}
}

func (c *Call) changeEnded(ch *change, err error) {
	if i := slices.Index(c.changes, ch); i >= 0 {
		c.changes = slices.Delete(c.changes, i, i+1)
		ch.end(err)
	}
	c.nextChange()
}

// sendOffer sends an offer in the dialog (section 14.1, RFC 3311 section 5.1), or a
// refresh without one.
func (c *Call) sendOffer(l *leg, ch *change, sdp string, method sip.RequestMethod) {
	answered, preview := false, ""
	var ack *string // what our ACK has carried
	var x *exchange
	var limit *timer
	x = c.requestIn(l, func() *sip.Request {
		req := l.dialog.Request(method)
		if method == sip.INVITE {
			l.rseq = 0 // RFC 3262 section 3: each transaction has its own numbers
		}
		c.capabilities(req)
		if !l.early() {
			c.askTimer(req)
		}
		setSDP(req, sdp)
		return req
	}, func(res *sip.Response, err error) {
		if err == nil && res.StatusCode < 200 {
			if method == sip.INVITE && isReliable(res) && l.inOrder(res) {
				if preview == "" {
					preview = sdpOf(res)
				}
				c.prack(l, res, "", nil)
			}
			return
		}
		limit.stop()
		if err != nil || res.StatusCode >= 300 {
			c.offerRefused(l, ch, sdp, res, err)
			return
		}
		l.dialog.Refresh(res) // section 12.2.1.2: the ACK goes to the new target already
		l.learn(res)
		c.learnInfo(res)
		c.learnCaller(res)
		if answered { // it is a retransmission
			if ack != nil {
				c.acknowledge(l.dialog, x.tx.Request, *ack)
			}
			return
		}
		answered = true
		acknowledge := func(sdp string) {
			ack = &sdp
			c.acknowledge(l.dialog, x.tx.Request, sdp)
		}
		if ch.late {
			if !c.over(l) {
				c.startTimer(res)
			}
			c.answerLate(l, ch, sdpOf(res), acknowledge)
			return
		}
		if method == sip.INVITE {
			acknowledge("")
		}
		answer := preview // RFC 6337 section 3.1.1: nothing later answers again
		if answer == "" {
			answer = sdpOf(res)
		}
		if !c.over(l) {
			c.startTimer(res)
			c.offerAnswered(l, ch, sdp, answer)
		}
	})
	if method != sip.INVITE {
		return // it has a time-out of its own
	}
	// Once a proxy has sent 100 no timer of the transaction runs any more (section
	// 17.1.1.2). Nobody is rung by a re-INVITE, so that as long as for the first
	// response is enough for the final one too.
	var expired func()
	expired = func() {
		switch {
		case c.over(l):
			return
		case x.tx == nil || x.tx.State() != transaction.Proceeding: // not sent yet, or with a timer of its own
			limit = c.ua.after(transaction.Timeout, expired)
			return
		}
		x.tx.Send(x.tx.Cancel(), func(*sip.Response, error) {}) // section 9.1: the INVITE's own answer counts
		limit = c.ua.after(transaction.Timeout, func() {
			x.tx.Drop()
			c.offerRefused(l, ch, sdp, nil, &Error{Code: CodeTimeout, Reason: "the other side did not answer the re-INVITE", Err: transaction.ErrTimeout})
		})
	}
	limit = c.ua.after(transaction.Timeout, expired)
}

// answerLate answers the offer in the 2xx to an INVITE without one, in the ACK (section
// 13.2.2.4).
func (c *Call) answerLate(l *leg, ch *change, sdp string, acknowledge func(answer string)) {
	_ = l.exchange.Do(offer.Withdraw)
	c.answerOffer(l, sdp, func(answer string, err error) {
		if err != nil {
			acknowledge(offer.Reject(sdp))
		} else {
			acknowledge(answer)
		}
		switch {
		case c.over(l):
		case err != nil: // the 2xx stands, and there is no session
			c.handle(onMediaFailed, &callEvent{err: err})
		default:
			c.changeAgreed(ch)
		}
	})
}

// offerAnswered applies the answer to our offer.
func (c *Call) offerAnswered(l *leg, ch *change, local, answer string) {
	if local == "" {
		c.changeAgreed(ch)
		return
	}
	c.media.applyAnswer(answer, false, func(err error) {
		switch {
		case c.over(l):
		case err != nil:
			// The other side takes the new session for agreed and we cannot follow:
			// neither description holds any more.
			c.handle(onMediaFailed, &callEvent{err: err})
		default:
			_ = l.exchange.Do(offer.AnswerIn)
			l.remote, c.voice, c.settled = answer, l, true
			if ch.agreed != nil {
				ch.agreed()
				ch.agreed = nil
			}
			c.agreed(local, answer)
			c.changeAgreed(ch)
		}
	})
}

func (c *Call) changeAgreed(ch *change) {
	if ch.agreed != nil {
		ch.agreed()
	}
	c.changeEnded(ch, nil)
}

// offerRefused rolls the media back; the call goes on as it was (section
// 14.1), unless the answer says that it is over (section 12.2.1.2). When the flow was
// lost, or when the other side had an offer of its own, the change is tried again.
func (c *Call) offerRefused(l *leg, ch *change, sdp string, res *sip.Response, err error) {
	if c.over(l) {
		return
	}
	lost := err != nil && lostFlow(err)
	if err == nil {
		err = rejected(res)
	}
	if !lost && l == c.leg && !l.early() && gone(res, err) {
		c.finishGone(asError("call", CodeInternal, err))
		return
	}
	wait, again := c.tryAgain(l, ch, res)
	retry := func() {
		if slices.Contains(c.changes, ch) && ch.leg == l { // else another fork has it
			ch.begun = false
			c.nextChange()
		}
	}
	switch {
	case lost: // flowBack begins it again
		ch.begun = false
		c.flowGone()
		c.ua.awaitsFlow()
	case again:
		c.ua.after(wait, retry)
	}
	if ch.late {
		_ = l.exchange.Do(offer.Withdraw)
	}
	if sdp == "" {
		if !again && !lost {
			c.changeEnded(ch, err)
		}
		return
	}
	// The offer is off the table; an offer of the other side may follow at once, and
	// its answer follows the rollback in the media's queue.
	_ = l.exchange.Do(offer.Withdraw)
	undo := ch.undo
	if again || lost {
		undo = nil
	}
	c.media.rollback(undo, func(rollback error) {
		switch {
		case c.over(l):
		case rollback != nil:
			c.handle(onMediaFailed, &callEvent{err: rollback})
		case !again && !lost:
			c.changeEnded(ch, err)
		default:
			c.nextChange()
		}
	})
}

// maxOffers bounds how often a change is offered.
const maxOffers = 8

// tryAgain tells whether a refusal may pass, and when to try again.
func (c *Call) tryAgain(l *leg, ch *change, res *sip.Response) (wait time.Duration, again bool) {
	if res == nil || ch.tries >= maxOffers {
		return 0, false
	}
	switch res.StatusCode {
	case sip.StatusRequestPending:
		wait, again = c.glareWait(), true
	case sip.StatusTemporarilyUnavailable, sip.StatusServiceUnavailable, statusFlowFailed:
		// Who has lost the server has lost it for the other side too, and that side may be
		// back a little later.
		again = ch == c.survival.change
		wait = min(max(retryAfter(res), 500*time.Millisecond<<min(ch.tries, 4)), 8*time.Second)
	case 422:
		again = c.tooBrief(res)
	case sip.StatusMethodNotAllowed, sip.StatusNotImplemented: // whatever its Allow has said before (section 21.4.6)
		if again = ch.bare && res.CSeq().MethodName == sip.UPDATE; again {
			l.allow = slices.DeleteFunc(l.allow, func(m string) bool { return m == string(sip.UPDATE) })
		}
	case sip.StatusInternalServerError: // section 14.2: the other side has an INVITE of ours, or an offer, to answer
		wait = retryAfter(res)
		again = wait > 0 && wait <= 10*time.Second
	}
	if again {
		ch.tries++
	}
	return wait, again
}

// glareWait is section 14.1: the owner of the Call-ID waits 2.1 to 4 s, the other
// one 0 to 2 s, in units of 10 ms.
func (c *Call) glareWait() time.Duration {
	if c.direction == Outgoing {
		return time.Duration(210+rand.IntN(191)) * 10 * time.Millisecond
	}
	return time.Duration(rand.IntN(201)) * 10 * time.Millisecond
}

// gone: the other side does not know the call any more (481), or does not answer
// (408, or no answer): section 12.2.1.2.
func gone(res *sip.Response, err error) bool {
	if res != nil {
		return res.StatusCode == sip.StatusCallTransactionDoesNotExists || res.StatusCode == sip.StatusRequestTimeout
	}
	return asError("", CodeInternal, err).Code == CodeTimeout
}

func (c *Call) finishGone(err *Error) {
	c.enter(Ended)
	c.finish(CallEnded{By: System, Status: err.Status, Reason: err.Reason, Err: err})
	c.sendBye(c.leg.dialog, nil, c.hungUp)
}

// prackWithOffer acknowledges a reliable answer; a change that waits goes with it as a
// new offer (RFC 3262 section 5).
func (c *Call) prackWithOffer(l *leg, res *sip.Response) {
	var ch *change
	if len(c.changes) > 0 {
		ch = c.changes[0]
	}
	if ch == nil || ch.begun || ch.ask != nil || ch.bare || ch.late || ch.needed != nil && !ch.needed() || c.voice != l {
		c.prack(l, res, "", nil)
		return
	}
	ch.begun, ch.leg = true, l
	sent := false
	end := ch.end
	ch.end = func(err error) {
		if !sent { // the media made no offer
			sent = true
			c.prack(l, res, "", nil)
		}
		end(err)
	}
	c.makeChange(l, ch, func(sdp string) {
		sent = true
		c.prack(l, res, sdp, func(res *sip.Response, err error) {
			switch {
			case c.over(l):
			case err != nil || res.StatusCode >= 300:
				c.offerRefused(l, ch, sdp, res, err)
			default:
				c.offerAnswered(l, ch, sdp, sdpOf(res))
			}
		})
	})
}
