package sipua

import (
	"context"
	"slices"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/offer"
)

// change is something about the session that the other side has to agree to: hold,
// video, another connection, or that the session goes on. Changes wait for one
// another, for an offer of the other side and for the ACK of the first answer: one
// offer is open at a time (RFC 3264 section 4).
type change struct {
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
	c.tellCandidates()
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
	o.Trickle = c.trickles(l.remote)
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
