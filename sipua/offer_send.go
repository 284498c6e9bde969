package sipua

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

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
// one 0 to 2 s, in units of 10 ms. Not 0 itself: the other side's offer is to have
// its turn, which is what the wait is for.
func (c *Call) glareWait() time.Duration {
	if c.direction == Outgoing {
		return time.Duration(210+rand.IntN(191)) * 10 * time.Millisecond
	}
	return time.Duration(1+rand.IntN(200)) * 10 * time.Millisecond
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
