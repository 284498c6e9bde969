package sipua

import (
	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// unacked is a 2xx to INVITE that waits for its ACK. It is sent again, over
// reliable transports as well, since the ACK is end to end: after T1, then in
// intervals that double up to T2, for 64·T1 (RFC 3261 section 13.3.1.4).
type unacked struct {
	tx       *transaction.Server
	seq      uint32
	local    string // the offer of ours that the 2xx carried, which the ACK answers
	ours     bool   // it did
	next     *timer
	deadline *timer
	done     bool
}

// await sends the 2xx and keeps sending it.
func (c *Call) await(tx *transaction.Server, res *sip.Response) {
	c.unacked.stop()
	u := &unacked{tx: tx, seq: tx.Request.CSeq().SeqNo, local: sdpOf(res)}
	u.ours = u.local != "" && c.leg.exchange.State() == offer.LocalOffer // else what is open is an UPDATE of ours
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

// waits tells whether the ACK, or the answer in it, is still to come.
func (u *unacked) waits() bool { return u != nil && !u.done }

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
	u := c.unacked
	if !u.ours {
		c.nextChange()
		return
	}
	sdp := sdpOf(e.req)
	c.media.applyAnswer(sdp, false, func(err error) {
		switch {
		case c.state != Established:
		case err != nil:
			c.handle(onMediaFailed, &callEvent{err: err})
		default:
			_ = c.leg.exchange.Do(offer.AnswerIn)
			u.ours = false
			c.leg.remote, c.voice, c.settled = sdp, c.leg, true
			c.agreed(u.local, sdp)
			if c.incoming.accepting != nil {
				c.accepted()
			}
			c.nextChange()
		}
	})
}

// neverAcked: section 13.3.1.4: the dialog is confirmed but the session ends.
func (c *Call) neverAcked(*callEvent) {
	c.finish(CallEnded{By: System, Err: &Error{Op: "call", Code: CodeTimeout, Reason: "the other side did not acknowledge the answer within 32 seconds", Err: transaction.ErrTimeout}})
	c.sendBye(c.leg.dialog, nil, c.hungUp)
}
