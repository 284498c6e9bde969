package sipua

import (
	"context"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
)

// Hangup ends the call in the way its state asks for: CANCEL before an outgoing
// call is answered (RFC 3261 section 9), 603 Decline for an incoming one that
// is not, BYE afterwards (section 15). It returns when the other side has
// confirmed it; for a call that is over already it returns nil at once.
func (c *Call) Hangup(ctx context.Context) error { return c.hangUp(ctx, nil) }

// HangupWith does so and says why (RFC 3326), such as
// Reason{Protocol: "SIP", Cause: 200, Text: "Call completed elsewhere"}.
// CodeInvalidArgument when that cannot be sent.
func (c *Call) HangupWith(ctx context.Context, r Reason) error {
	if err := r.check(); err != nil {
		return &Error{Op: "hang up", Code: CodeInvalidArgument, Reason: err.Error()}
	}
	return c.hangUp(ctx, &r)
}

func (c *Call) hangUp(ctx context.Context, r *Reason) error {
	const op = "hang up"
	select {
	case <-c.ended:
		queued(ctx)
		return nil // also when the user agent is closed
	default:
	}
	return c.ua.do(ctx, op, func(done func(error)) {
		e := decline()
		if r != nil {
			e.reason, e.reject.Headers = r, []Header{{"Reason", r.header()}}
		}
		c.hangup(e, done)
	})
}

func (c *Call) hangup(e *callEvent, done func(error)) {
	if c.state == Ended {
		done(nil)
		return
	}
	c.byeDone = append(c.byeDone, done)
	c.handle(onHangup, e)
}

// hungUp tells those who hung up that it is done.
func (c *Call) hungUp(err error) {
	done := c.byeDone
	c.byeDone = nil
	for _, f := range done {
		f(err)
	}
}

// sendBye ends the dialog (section 15.1.1) and tells those who hung up when the
// other side has answered. d is the call's own dialog or that of a fork too many.
func (c *Call) sendBye(d *dialog.Dialog, why *Reason, done func(error)) {
	d.Terminate()
	x := c.ua.requestOver(c.link, func() *sip.Request {
		req := d.Request(sip.BYE)
		if why != nil {
			req.AppendHeader(sip.NewHeader("Reason", why.header())) // RFC 3326
		}
		return c.private(req)
	}, func(res *sip.Response, err error) {
		switch {
		case err != nil:
			done(err)
		case res.StatusCode >= 200:
			done(nil) // 481 as well: the other side does not know the call any more
		}
	})
	x.next = inDialog(d)
	x.retry = patiently // to the other side a second BYE is as good as the first
}

func (c *Call) establishedMediaFailed(e *callEvent) {
	c.finish(CallEnded{By: System, Err: asError("call", CodeMediaFailed, e.err)})
	c.sendBye(c.leg.dialog, nil, c.hungUp)
}

func (c *Call) hangUpEstablished(e *callEvent) {
	if e.reason != nil {
		c.reason = e.reason
	}
	end := CallEnded{By: Local}
	if err := c.gaveUp; err != nil {
		end = CallEnded{By: System, Err: err}
	}
	c.finish(end)
	c.sendBye(c.leg.dialog, c.reason, c.hungUp)
}

func (c *Call) remoteBye(e *callEvent) {
	c.leg.dialog.Terminate()
	end := CallEnded{By: Remote, Reasons: reasonsOf(e.req)}
	end.Status, end.Reason = sipReason(end.Reasons)
	c.finish(end)
	c.hungUp(nil)
}

// decline hangs up; a call that rings is refused as one that nobody here wants.
func decline() *callEvent { return &callEvent{reject: Rejection{Status: sip.StatusGlobalDecline}} }
