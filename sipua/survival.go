package sipua

import (
	"context"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// survival is how a call outlives its connections: the one to the server, over which
// it is signalled, and the one to the other side, over which it sounds. What is lost is
// told, and made again as SIP allows:
//
//	the call            the flow is lost             it is back
//	outgoing, not       waits                        CANCEL for the INVITE that was lost, if it rang, and INVITE
//	answered                                         anew (nothing could be answered over the next flow)
//	incoming, not       waits, rings on              its responses go over the next flow; OPTIONS in its early
//	answered                                         dialog finds out whether the caller is still there
//	200 sent            waits for the ACK            the 200 goes over the next flow
//	established         media and dialog stay        re-INVITE with new ICE credentials and the new Contact
//	BYE sent            waits                        BYE
//
// The connection to the other side is made again by a re-INVITE with new ICE
// credentials (RFC 8839 section 4.4.1): at once when it has failed, after a while when it
// is interrupted.
type survival struct {
	why      Trouble // "" when all is well
	flowless bool    // nothing can be sent
	limit    *timer  // of the wait for a flow, where the other side waits too
	pause    *timer  // before the connection is made again
	change   *change // that makes it
	tries    int
	since    time.Time // all is well
	media    ConnectionState
}

// Trouble is why a call has to be recovered.
type Trouble string

// The troubles.
const (
	TroubleFlow       Trouble = "flow"       // the connection to the server was lost
	TroubleConnection Trouble = "connection" // that to the other side is interrupted or has failed
	TroubleReload     Trouble = "reload"     // the program began anew: UserAgent.Restore
)

// CallRecovering: the call is in trouble and is being recovered. Offering tells that the
// other side is being offered a new connection; before, the flow is waited for. Media
// goes on as long as it can.
type CallRecovering struct {
	Call     *Call
	Why      Trouble
	Offering bool
}

// CallRecovered: the call is in order again. Err is nil, or why the other side did not
// take a new connection: the call then goes on with the old one.
type CallRecovered struct {
	Call *Call
	Err  error
}

// CallConnection: the connection to the other side has changed its state.
type CallConnection struct {
	Call  *Call
	State ConnectionState
}

func (CallRecovering) event() {}
func (CallRecovered) event()  {}
func (CallConnection) event() {}

func (s *survival) stop() {
	s.limit.stop()
	s.pause.stop()
}

func (c *Call) troubled(why Trouble, offering bool) {
	c.survival.why = why
	c.publish()
	c.ua.emit(CallRecovering{Call: c, Why: why, Offering: offering})
}

func (c *Call) recovered(err error) {
	s := &c.survival
	s.limit.stop()
	s.pause.stop()
	if s.why == "" {
		return
	}
	s.why, s.since = "", time.Now()
	c.publish()
	c.ua.emit(CallRecovered{Call: c, Err: err})
}

// flowLost: l is gone, and what was under way on it has failed.
func (c *Call) flowLost(l *link) {
	if c.link == l {
		c.flowGone()
	}
}

// flowGone: what is sent now would be lost.
func (c *Call) flowGone() {
	switch {
	case c.survival.flowless:
	case c.state == Established, c.state == Accepted, c.state == Resuming,
		c.direction == Incoming && (c.state == Ringing || c.state == Answering || c.state == Canceling):
		c.survival.flowless = true
		c.troubled(TroubleFlow, false)
	}
}

// inviteLost: the flow of our INVITE is lost, over which alone it can be answered.
func (c *Call) inviteLost(e *callEvent) {
	c.survival.flowless = true
	c.outgoing.noAnswer.stop()
	c.outgoing.noAnswer = nil
	c.troubled(TroubleFlow, false)
	c.after(&c.survival.limit, briefly, func() { c.handle(onFailure, &callEvent{err: e.err}) })
	c.ua.awaitsFlow()
}

// givenUpLater: we have hung up, and the flow is lost before the other side said so.
func (c *Call) givenUpLater(e *callEvent) {
	heard, cancel := c.outgoing.heard, c.cancelRequest()
	c.givenUp(e)
	if heard { // it rings
		c.ua.atNextFlow(briefly, func(l *link, err error) {
			if err == nil {
				l.layer.Request(cancel, func(*sip.Response, error) {}) // the server knows the INVITE by its branch (section 9.2)
			}
		})
	}
}

// inviteUnanswerable: the INVITE of an incoming call has lost its flow. How long its
// server waits for an answer is not known; timer C of a proxy is three minutes.
func (c *Call) inviteUnanswerable(err error) {
	if c.ua.closed || !lostFlow(err) {
		c.handle(onFailure, &callEvent{err: err})
		return
	}
	c.after(&c.survival.limit, 3*time.Minute, func() { c.handle(onFailure, &callEvent{err: err}) })
}

// flowBack: requests can be sent again, and reach us.
func (c *Call) flowBack() {
	l := c.ua.bestLink(c.link)
	if !c.survival.flowless || l == nil {
		return
	}
	c.survival.flowless = false
	c.link = l
	switch {
	case c.state == Calling:
		if c.outgoing.heard {
			l.layer.Request(c.cancelRequest(), func(*sip.Response, error) {}) // it rings for nobody
		}
		c.recovered(nil)
		c.handle(onRetry, &callEvent{})
	case c.invite != nil && c.state != Established:
		c.invite.Move(l.layer)
		c.recovered(nil)
		if last := c.incoming.progress.last; last != nil && c.state != Accepted && c.state != Canceling {
			_ = c.invite.Respond(last.res)
			c.after(&c.survival.limit, 3*time.Minute, c.callerGone)
			c.stillThere()
		}
	case c.state == Resuming:
		c.nextChange()
	default:
		if c.unacked.waits() {
			c.unacked.tx.Move(l.layer) // a 2xx to a re-INVITE, which is sent until its ACK comes
		}
		c.reconnect(TroubleFlow)
	}
}

// stillThere asks in the early dialog of an incoming call: a caller that has given up
// while we could not be told does not know it any more. It is asked for as long as it
// rings, because the server may yet find out that it has lost us, and then it gives up
// for the caller without a CANCEL that reaches us.
func (c *Call) stillThere() {
	if c.state != Ringing && c.state != Answering {
		return
	}
	c.requestIn(c.leg, func() *sip.Request { return c.leg.dialog.Request(sip.OPTIONS) }, func(res *sip.Response, err error) {
		switch {
		case err == nil && res.StatusCode < 200:
		case err != nil && lostFlow(err): // it is asked again over the next one
		case gone(res, err):
			c.callerGone()
		case res != nil && reached(res.StatusCode):
			c.survival.limit.stop()
			c.after(&c.survival.pause, 30*time.Second, c.stillThere)
		default: // the caller's flow may have been lost too
			c.after(&c.survival.pause, 5*time.Second, c.stillThere)
		}
	})
}

func (c *Call) callerGone() { c.handle(onCancel, &callEvent{req: c.invite.Request}) }

// reconnect offers the other side new ICE credentials. It comes before what the
// application wants.
func (c *Call) reconnect(why Trouble) {
	s := &c.survival
	s.pause.stop()
	c.troubled(why, true)
	if s.change != nil { // it waits for the flow
		c.nextChange()
		return
	}
	s.tries++
	s.change = &change{
		prepare: func(ctx context.Context, m Media) error { return m.RestartICE(ctx) },
		end: func(err error) {
			s.change = nil
			switch {
			case c.state != Established:
			case err != nil, s.media == "", s.media == ConnectionConnected, s.media == ConnectionNew:
				c.recovered(err)
			} // else the connection says when it is up, or that it has failed again
		},
	}
	c.queueFirst(s.change)
}

// connectedAnew: the other side has offered new ICE credentials, and has got ours with our
// new Contact in return. Both sides have lost the server, say, and recover at the same
// time: what we were going to offer, and had to put off for theirs (section 14.1), is
// done with that.
func (c *Call) connectedAnew() {
	if ch := c.survival.change; ch != nil && c.state == Established && !c.survival.flowless {
		c.changeEnded(ch, nil)
	}
}

// connectionChanged: the connection to the other side tells how it fares.
func (c *Call) connectionChanged(w *mediaWorker, state ConnectionState) {
	s := &c.survival
	if w != c.media || c.state == Ended || state == s.media {
		return
	}
	s.media = state
	c.ua.emit(CallConnection{Call: c, State: state})
	if c.state != Established {
		return
	}
	switch state {
	case ConnectionConnected:
		s.pause.stop()
		if s.change == nil && !s.flowless {
			c.recovered(nil)
		}
	case ConnectionDisconnected:
		// It may come back by itself. Both sides see it; who called is the first to act.
		c.reconnectIn(3 * time.Second)
	case ConnectionFailed:
		c.reconnectIn(0)
	}
}

// reconnectIn waits before the connection is made again: longer each time, and longer at
// the side that was called, so that both do not offer at once.
func (c *Call) reconnectIn(d time.Duration) {
	s := &c.survival
	if s.flowless || s.change != nil { // it is on its way
		return
	}
	if c.direction == Incoming {
		d += 2 * time.Second
	}
	if s.why == "" && time.Since(s.since) > time.Minute {
		s.tries = 0 // else a connection that comes and goes would be made anew without a pause
	}
	if s.tries > 0 {
		d += min(time.Second<<min(s.tries, 5), 30*time.Second)
	}
	if s.why == "" {
		c.troubled(TroubleConnection, false)
	}
	c.after(&s.pause, d, func() {
		if c.state == Established && s.media != ConnectionConnected {
			c.reconnect(TroubleConnection)
		}
	})
}

// networkChanged: there is another network, so that a connection that does not stand need
// not be waited for.
func (c *Call) networkChanged() {
	s := &c.survival
	if c.state == Established && !s.flowless && s.change == nil && (s.media == ConnectionDisconnected || s.media == ConnectionFailed) {
		c.reconnect(TroubleConnection)
	}
}

// RestartICE makes the connection to the other side anew, by a re-INVITE with new ICE
// credentials. The user agent does so by itself when the connection fails; this is for
// a platform that knows more. It returns when the other side has agreed.
func (c *Call) RestartICE(ctx context.Context) error {
	return c.ua.do(ctx, "restart ICE", func(done func(error)) {
		c.change(&change{
			prepare: func(ctx context.Context, m Media) error { return m.RestartICE(ctx) },
			end:     done,
		})
	})
}

// Refresh shows the other side, and finds out, that the session goes on (RFC 4028 section
// 7.4): by UPDATE where it takes that, otherwise by re-INVITE. A call that the other side
// does not know any more ends.
func (c *Call) Refresh(ctx context.Context) error {
	return c.ua.do(ctx, "refresh", func(done func(error)) { c.queueRefresh(done) })
}

// later sends the final response to an INVITE over the next flow.
func (ua *UserAgent) later(tx *transaction.Server, res *sip.Response) {
	ua.atNextFlow(briefly, func(l *link, err error) {
		if err == nil {
			tx.Move(l.layer)
			_ = tx.Respond(res) // the next flow may be lost as well
		}
	})
}
