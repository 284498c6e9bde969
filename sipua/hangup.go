package sipua

import (
	"context"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// Hangup ends the call in the way its state asks for: CANCEL before an outgoing
// call is answered (RFC 3261 section 9), 603 Decline for an incoming one that
// is not, BYE afterwards (section 15). It returns when the other side has
// confirmed it; for a call that is over already it returns nil at once.
func (c *Call) Hangup(ctx context.Context) error {
	select {
	case <-c.ended:
		queued(ctx)
		return nil // also when the user agent is closed
	default:
	}
	return c.ua.do(ctx, "hang up", func(done func(error)) { c.hangup(sip.StatusGlobalDecline, done) })
}

func (c *Call) hangup(status int, done func(error)) {
	if c.state == Ended {
		done(nil)
		return
	}
	c.byeDone = append(c.byeDone, done)
	c.handle(onHangup, &callEvent{status: status})
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
func (c *Call) sendBye(d *dialog.Dialog, done func(error)) {
	d.Terminate()
	x := c.ua.requestOver(c.link, func() *sip.Request { return d.Request(sip.BYE) }, func(res *sip.Response, err error) {
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
	c.sendBye(c.dialog, c.hungUp)
}

func (c *Call) hangUpEstablished(*callEvent) {
	c.finish(CallEnded{By: Local})
	c.sendBye(c.dialog, c.hungUp)
}

func (c *Call) remoteBye(e *callEvent) {
	c.dialog.Terminate()
	status, reason := reasonHeader(e.req)
	c.finish(CallEnded{By: Remote, Status: status, Reason: reason})
	c.hungUp(nil)
}

// reasonHeader reads the Reason of a BYE or CANCEL (RFC 3326): its SIP cause.
func reasonHeader(msg sip.Message) (status int, text string) {
	for _, h := range msg.GetHeaders("Reason") {
		for _, value := range message.SplitQuoted(h.Value(), ",") {
			params := message.SplitQuoted(value, ";")
			if !strings.EqualFold(strings.TrimSpace(params[0]), "SIP") {
				continue
			}
			for _, param := range params[1:] {
				name, v, _ := strings.Cut(param, "=")
				v = message.Unquote(strings.TrimSpace(v))
				switch strings.ToLower(strings.TrimSpace(name)) {
				case "cause":
					if n, err := strconv.ParseUint(v, 10, 10); err == nil && n < 700 {
						status = int(n)
					}
				case "text":
					text = clean(v, 200)
				}
			}
			return status, text
		}
	}
	return 0, ""
}
