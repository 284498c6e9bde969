package sipua

import (
	"context"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// unacked is a 2xx to INVITE that waits for its ACK. It is sent again, over
// reliable transports as well, since the ACK is end to end: after T1, then in
// intervals that double up to T2, for 64·T1 (RFC 3261 section 13.3.1.4).
type unacked struct {
	seq      uint32
	ours     bool // the 2xx carried an offer of ours, which the ACK answers
	next     *timer
	deadline *timer
	done     bool
}

// await sends the 2xx and keeps sending it.
func (c *Call) await(tx *transaction.Server, res *sip.Response) {
	c.unacked.stop()
	u := &unacked{seq: tx.Request.CSeq().SeqNo, ours: c.exchange.State() == offer.LocalOffer}
	c.unacked = u
	_ = tx.Respond(res) // a lost flow shows in the missing ACK
	interval := transaction.T1
	var again func()
	again = func() {
		_ = tx.Respond(res)
		interval = min(2*interval, transaction.T2)
		u.next = c.ua.after(interval, again)
	}
	u.next = c.ua.after(interval, again)
	u.deadline = c.ua.after(transaction.Timeout, func() {
		u.stop()
		c.handle(onNoAck, &callEvent{})
	})
}

func (u *unacked) stop() {
	if u == nil || u.done {
		return
	}
	u.done = true
	u.next.stop()
	u.deadline.stop()
}

// acknowledged takes an ACK in our dialog (section 13.3.1.4).
func (c *Call) acknowledged(req *sip.Request) {
	u := c.unacked
	if u == nil || u.done || req.CSeq().SeqNo != u.seq {
		return // of a retransmission, or of nothing
	}
	u.stop()
	c.handle(onAck, &callEvent{req: req})
}

// acked: the 2xx has arrived. Where it carried an offer, the ACK has the answer.
func (c *Call) acked(e *callEvent) {
	if !c.unacked.ours {
		c.nextWish()
		return
	}
	sdp := sdpOf(e.req)
	if err := offer.Valid(sdp); err != nil {
		c.handle(onMediaFailed, &callEvent{err: &Error{Code: CodeProtocol, Reason: "the ACK has no answer to our offer", Err: err}})
		return
	}
	c.media.run(func(ctx context.Context, m Media) (string, error) { return "", m.ApplyAnswer(ctx, sdp, false) },
		func(_ string, err error) {
			switch {
			case err != nil:
				c.handle(onMediaFailed, &callEvent{err: err})
			case c.state == Established:
				_ = c.exchange.Do(offer.AnswerIn)
				c.unacked.ours = false
				if c.incoming.accepting != nil {
					c.accepted()
				}
				c.nextWish()
			}
		})
}

// neverAcked: section 13.3.1.4: the dialog is confirmed but the session ends.
func (c *Call) neverAcked(*callEvent) {
	c.finish(CallEnded{By: System, Err: &Error{Op: "call", Code: CodeTimeout, Reason: "the other side did not acknowledge the answer within 32 seconds", Err: transaction.ErrTimeout}})
	c.sendBye(c.dialog, c.hungUp)
}
