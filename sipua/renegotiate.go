package sipua

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// wish is a hold or resume that the application asked for. Wishes wait for one
// another, for an offer of the other side and for the ACK of the first answer;
// one offer is open at a time (RFC 3264 section 4).
type wish struct {
	hold  bool
	begun bool // its offer is open, or it waits after a 491
	tries int  // after a 491
	end   func(error)
}

// Hold asks the other side to stop sending and stops listening to it: re-INVITE
// with sendonly, or inactive (RFC 3264 section 8.4). It returns when the other
// side has agreed. A refusal (CodeRejected with the status) leaves the call as
// it was. Holding a call that is on hold does nothing.
func (c *Call) Hold(ctx context.Context) error {
	return c.ua.do(ctx, "hold", func(done func(error)) { c.wish(true, done) })
}

// Resume takes the call back from our hold.
func (c *Call) Resume(ctx context.Context) error {
	return c.ua.do(ctx, "resume", func(done func(error)) { c.wish(false, done) })
}

func (c *Call) wish(hold bool, done func(error)) {
	if c.state != Established && c.state != Accepted {
		done(c.stateError("the call is not answered"))
		return
	}
	c.wishes = append(c.wishes, &wish{hold: hold, end: done})
	c.nextWish()
}

// nextWish begins the oldest wish if nothing stands in its way. It stays first
// in the list until it is fulfilled or refused.
func (c *Call) nextWish() {
	if len(c.wishes) == 0 || c.state != Established || c.exchange.State() != offer.Stable || (c.unacked != nil && !c.unacked.done) {
		return
	}
	w := c.wishes[0]
	switch {
	case w.begun:
		return
	case w.hold == c.localHold:
		c.wishEnded(w, nil)
		return
	}
	w.begun = true
	_ = c.exchange.Do(offer.OfferOut) // allowed: it is stable
	c.media.run(func(ctx context.Context, m Media) (string, error) {
		return m.CreateOffer(ctx, OfferOptions{Hold: w.hold})
	}, func(sdp string, err error) {
		switch {
		case c.state != Established: // finish has ended the wish
		case err != nil:
			_ = c.exchange.Do(offer.Withdraw)
			c.wishEnded(w, err)
		default:
			c.reinvite(w, sdp)
		}
	})
}

func (c *Call) wishEnded(w *wish, err error) {
	if len(c.wishes) > 0 && c.wishes[0] == w {
		c.wishes = c.wishes[1:]
		w.end(err)
	}
	c.nextWish()
}

// reinvite sends the offer (section 14.1).
func (c *Call) reinvite(w *wish, sdp string) {
	answered := false
	var x *exchange
	var limit *timer
	x = c.ua.requestOver(c.link, func() *sip.Request {
		req := c.dialog.Request(sip.INVITE)
		req.AppendHeader(c.contactHeader())
		req.AppendHeader(c.ua.allowed())
		c.ua.recvInfo(req)
		setSDP(req, sdp)
		return req
	}, func(res *sip.Response, err error) {
		if err == nil && res.StatusCode < 200 {
			return
		}
		limit.stop()
		switch {
		case err == nil && res.StatusCode < 300:
			c.dialog.Refresh(res) // section 12.2.1.2: the ACK goes to the new target already
			c.learnInfo(res)
			c.acknowledge(c.dialog, x.tx.Request, "")
			if !answered { // else it is a retransmission
				answered = true
				c.reinviteAnswered(w, res)
			}
		default:
			c.reinviteFailed(w, res, err)
		}
	})
	x.next = inDialog(c.dialog)
	// Once a proxy has sent 100 no timer of the transaction runs any more (section
	// 17.1.1.2). Nobody is rung by a re-INVITE, so that as long as for the first
	// response is enough for the final one too.
	limit = c.ua.after(transaction.Timeout, func() {
		if c.state != Established || x.tx == nil || x.tx.State() != transaction.Proceeding {
			return // over, or never sent, or with a timer of its own
		}
		x.tx.Send(x.tx.Cancel(), func(*sip.Response, error) {}) // section 9.1: the INVITE's own answer counts
		limit = c.ua.after(transaction.Timeout, func() {
			x.tx.Drop()
			c.reinviteFailed(w, nil, &Error{Code: CodeTimeout, Reason: "the other side did not answer the re-INVITE", Err: transaction.ErrTimeout})
		})
	})
}

func (c *Call) reinviteAnswered(w *wish, res *sip.Response) {
	if c.state != Established {
		return
	}
	sdp := sdpOf(res)
	c.media.run(func(ctx context.Context, m Media) (string, error) {
		if err := offer.Valid(sdp); err != nil {
			return "", &Error{Code: CodeProtocol, Status: res.StatusCode, Reason: "the answer has no usable session description", Err: err}
		}
		return "", m.ApplyAnswer(ctx, sdp, false)
	}, func(_ string, err error) {
		if c.state != Established {
			return
		}
		if err != nil {
			// The other side takes the new session for agreed and we cannot follow:
			// neither description holds any more.
			c.handle(onMediaFailed, &callEvent{err: err})
			return
		}
		_ = c.exchange.Do(offer.AnswerIn)
		c.localHold = w.hold
		c.publish()
		if w.hold {
			c.ua.emit(CallHeld{Call: c, By: Local})
		} else {
			c.ua.emit(CallResumed{Call: c, By: Local})
		}
		c.wishEnded(w, nil)
	})
}

// reinviteFailed rolls the media back; the call goes on as it was (section
// 14.1), unless the answer says that it is over (section 12.2.1.2).
func (c *Call) reinviteFailed(w *wish, res *sip.Response, err error) {
	if c.state != Established {
		return
	}
	if err == nil {
		err = rejected(res)
	}
	if gone(res, err) {
		c.finishGone(asError("call", CodeInternal, err))
		return
	}
	// The offer is off the table; an offer of the other side may follow at once, and
	// its answer follows the rollback in the media's queue.
	_ = c.exchange.Do(offer.Withdraw)
	again := res != nil && res.StatusCode == sip.StatusRequestPending && w.tries < maxGlares
	if again {
		w.tries++
		c.ua.after(c.glareWait(), func() {
			w.begun = false
			c.nextWish()
		})
	}
	c.media.run(func(ctx context.Context, m Media) (string, error) { return "", m.Rollback(ctx) },
		func(_ string, rollback error) {
			switch {
			case c.state != Established:
			case rollback != nil:
				c.handle(onMediaFailed, &callEvent{err: rollback})
			case !again:
				c.wishEnded(w, err)
			}
		})
}

// maxGlares bounds how often both sides may meet.
const maxGlares = 8

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
	c.sendBye(c.dialog, c.hungUp)
}

// reinvited is section 14.2: an INVITE inside our dialog.
func (c *Call) reinvited(req *sip.Request, tx *transaction.Server) {
	refuse := func(status int, reason string, headers ...sip.Header) { c.ua.respond(tx, status, reason, headers...) }
	sdp, problem := sessionOf(req)
	switch {
	case c.exchange.State() == offer.LocalOffer && c.state != Accepted:
		refuse(sip.StatusRequestPending, "Request Pending") // glare, or our own INVITE is not answered yet
		return
	case c.state != Established || c.exchange.State() != offer.Stable:
		refuse(sip.StatusInternalServerError, "Server Internal Error", sip.NewHeader("Retry-After", strconv.Itoa(rand.IntN(11))))
		return
	case problem != 0:
		c.ua.refuse(tx, problem)
		return
	}
	c.dialog.Refresh(req)
	hold := c.localHold
	in, describe := offer.OfferIn, func(ctx context.Context, m Media) (string, error) {
		return m.CreateAnswer(ctx, sdp, OfferOptions{Hold: hold})
	}
	if sdp == "" {
		in, describe = offer.OfferOut, func(ctx context.Context, m Media) (string, error) {
			return m.CreateOffer(ctx, OfferOptions{Hold: hold})
		}
	}
	_ = c.exchange.Do(in) // allowed: it was stable
	c.media.run(describe, func(local string, err error) {
		switch {
		case c.state != Established:
			refuse(sip.StatusRequestTerminated, "Request Terminated") // section 15.1.2
		case err != nil:
			_ = c.exchange.Do(offer.Withdraw)
			c.ua.refuse(tx, sip.StatusNotAcceptableHere)
			c.nextWish()
		default:
			c.answerReinvite(tx, sdp, local)
		}
	})
}

func (c *Call) answerReinvite(tx *transaction.Server, remote, local string) {
	res := c.ua.response(tx.Request, sip.StatusOK, "OK", c.dialog.ID.LocalTag)
	res.AppendHeader(c.contactHeader())
	res.AppendHeader(c.ua.allowed())
	c.ua.recvInfo(res)
	c.learnInfo(tx.Request)
	setSDP(res, local)
	_ = c.exchange.Do(offer.AnswerOut) // refused, and rightly, when the offer is ours
	c.await(tx, res)
	if remote != "" {
		c.setRemoteHold(offer.HoldOf(remote))
	}
}

func (c *Call) setRemoteHold(hold bool) {
	if hold == c.remoteHold {
		return
	}
	c.remoteHold = hold
	c.publish()
	if hold {
		c.ua.emit(CallHeld{Call: c, By: Remote})
	} else {
		c.ua.emit(CallResumed{Call: c, By: Remote})
	}
}
