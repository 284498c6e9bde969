package sipua

import (
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/flow"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// The SUBSCRIBE requests of a subscription and what their answers mean. One is
// under way at a time: with digest a second one could overtake the first.

// send asks for the subscription to last so long from now on; 0 ends it.
func (s *Subscription) send(expires time.Duration, done func(error)) {
	if done != nil {
		s.waiting = append(s.waiting, done)
	}
	s.due.stop()
	s.busy, s.lost = true, false
	generation := s.generation
	inside := false
	x := s.ua.request(func() *sip.Request {
		inside = s.dialog != nil
		switch {
		case generation != s.generation:
			return nil
		case s.state == SubscriptionEnding && !inside:
			s.handle(onLost, &subscriptionEvent{}) // given up before anything was sent
			return nil
		}
		return s.build(expires)
	}, func(res *sip.Response, err error) {
		if generation != s.generation || err == nil && res.StatusCode < 200 {
			return
		}
		s.busy = false
		s.answered(inside, expires, res, err)
	})
	x.next = func(*sip.Request) (uint32, bool) {
		if generation != s.generation {
			return 0, false
		}
		s.listen()
		return s.nextSeq(), true
	}
	x.retry = briefly // over another flow, if there is one; otherwise rest has made a new generation
	s.request = x
}

func (s *Subscription) nextSeq() uint32 {
	if s.dialog != nil {
		return s.dialog.NextSeq()
	}
	s.seq++
	return s.seq
}

// build is RFC 6665 section 4.1.2.1 and, inside the dialog, 4.1.2.2.
func (s *Subscription) build(expires time.Duration) *sip.Request {
	ua := s.ua
	var req *sip.Request
	if s.dialog != nil {
		req = s.dialog.Request(sip.SUBSCRIBE)
	} else {
		req = sip.NewRequest(sip.SUBSCRIBE, s.target)
		req.AppendHeader(ua.from(s.tag))
		req.AppendHeader(&sip.ToHeader{Address: *s.target.Clone()})
		callID := sip.CallIDHeader(s.callID)
		req.AppendHeader(&callID)
		message.CSeq(req, s.nextSeq())
	}
	req.AppendHeader(ua.dialogContact(s.target.Scheme))
	req.AppendHeader(eventHeader(s.options.Event, s.options.ID))
	if len(s.options.Accept) > 0 {
		req.AppendHeader(sip.NewHeader("Accept", strings.Join(s.options.Accept, ", ")))
	}
	req.AppendHeader(secondsHeader("Expires", expires))
	ua.allowEvents(req)
	for _, h := range s.options.Headers {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	if s.dialog == nil {
		setBody(req, s.options.ContentType, s.options.Body)
	} // inside the dialog, what the first one asked for goes on (RFC 4660 section 4.4)
	s.listen()
	return req
}

// listen starts Timer N (section 4.1.2.4): after each SUBSCRIBE a NOTIFY comes
// within 64*T1.
func (s *Subscription) listen() {
	s.silence.stop()
	s.silence = s.ua.after(transaction.Timeout, func() {
		if !s.busy { // else Timer F comes at the same time and knows more
			s.handle(onSilence, &subscriptionEvent{})
		}
	})
}

// answered sorts the final answer to a SUBSCRIBE. inside tells that it was sent
// in the dialog, which the answer may then end (section 4.1.2.2).
func (s *Subscription) answered(inside bool, expires time.Duration, res *sip.Response, err error) {
	if err != nil {
		e := &subscriptionEvent{err: asError("subscribe", CodeInternal, err)}
		switch {
		case e.err.Code == CodeConnectionLost, e.err.Code == CodeConnectionFailed && s.held():
			s.handle(onLost, e)
		case e.err.Code == CodeTimeout && inside:
			s.handle(onGone, e) // RFC 3261 section 12.2.1.2: as after a 481
		case e.err.Code == CodeTimeout && s.held():
			s.handle(onDeferred, e)
		default:
			s.handle(onRefused, e)
		}
		return
	}
	e := &subscriptionEvent{res: res, after: retryAfter(res)}
	status := res.StatusCode
	if status < 300 { // 202 is RFC 3265's
		s.briefs = 0
		if inside && s.dialog != nil && s.dialog.ID.RemoteTag == message.ToTag(res) {
			s.dialog.Refresh(res) // section 3.1: SUBSCRIBE is a target refresh request (RFC 3261 section 12.2.1.2)
		}
		s.handle(onAccepted, e)
		return
	}
	e.err = rejected(res)
	if status == sip.StatusIntervalToBrief && expires > 0 && s.briefs < 2 {
		// As long as the notifier wants at least; one that raises it each time does
		// not keep us for ever.
		least, _ := message.Seconds(res, "Min-Expires")
		if longer := time.Duration(least) * time.Second; longer > expires && longer <= maxExpires {
			s.briefs++
			s.asked = longer
			s.send(longer, nil)
			return
		}
	}
	passing := status >= 500 && status < 600 && status != sip.StatusNotImplemented || e.after > 0 || status == sip.StatusRequestTimeout
	switch {
	case inside && (status == sip.StatusCallTransactionDoesNotExists || status == sip.StatusRequestTimeout):
		s.handle(onGone, e)
	case s.held() && (status == sip.StatusTemporarilyUnavailable || status == 430) && s.tries < maxTries:
		// The dialog is gone (RFC 5057 section 5.1), or the flow that its route leads to
		// (430, RFC 5626 section 11.5). The notifier is away for a while, as after a
		// restart of the server that both are at.
		s.handle(onAgain, e)
	case inside && endsUsage(status) && e.after == 0:
		s.handle(onRefused, e)
	case inside && status != sip.StatusForbidden, s.held() && passing && s.tries < maxTries:
		s.handle(onDeferred, e) // section 4.1.2.2: it holds for as long as it was granted
	default:
		s.handle(onRefused, e)
	}
}

// maxTries bounds the attempts one after the other that a failing server is
// worth, some two hours with the pauses between them.
const maxTries = 16

// granted is the 2xx. The notifier may shorten what was asked for and not
// lengthen it (section 4.2.1.1); one that says nothing or zero means what was
// asked for.
func (s *Subscription) granted(e *subscriptionEvent) {
	if s.dialog == nil {
		// Section 4.4.1: it is the NOTIFY that makes the dialog. What the 2xx tells
		// is enough to end the subscription before that comes.
		if d, err := dialog.NewUAC(s.request.tx.Request, e.res); err == nil {
			s.dialog = d
		}
	}
	s.schedule(s.lifetime(message.Seconds(e.res, "Expires")))
	s.settle(nil)
}

// lifetime bounds what the other side says by what we have asked for.
func (s *Subscription) lifetime(seconds int, ok bool) time.Duration {
	if !ok || seconds == 0 {
		return s.asked
	}
	return min(time.Duration(seconds)*time.Second, s.asked)
}

// schedule sets the end of the subscription and its refresh.
func (s *Subscription) schedule(granted time.Duration) {
	if s.since.IsZero() {
		s.since = time.Now()
	}
	s.until = time.Now().Add(granted)
	s.expiry.stop()
	s.expiry = s.ua.after(granted, func() { s.handle(onExpired, &subscriptionEvent{}) })
	s.due.stop()
	s.due = s.ua.after(refreshAfter(granted), s.refresh)
}

func (s *Subscription) refresh() {
	if !s.busy { // else its answer sets the next one
		s.handle(onDue, &subscriptionEvent{})
	}
}

// renew refreshes the subscription in its dialog.
func (s *Subscription) renew(e *subscriptionEvent) { s.send(s.asked, e.done) }

// later: a refresh has failed in a way that may pass. There is another one when
// the other side allows it, in half of what is left of the lifetime.
func (s *Subscription) later(e *subscriptionEvent) {
	s.settle(e.err)
	s.silence.stop()
	s.due = s.ua.after(max(e.after, time.Until(s.until)/2, 5*time.Second), s.refresh)
}

// identify makes the names of a new dialog.
func (s *Subscription) identify() {
	s.callID, s.tag, s.seq = message.NewToken(24), message.NewTag(), 0
}

// drop forgets the dialog and what is under way in it.
func (s *Subscription) drop() {
	s.stop()
	s.generation++
	s.dialog, s.notified, s.busy = nil, false, false
	s.until, s.since = time.Time{}, time.Time{}
	s.known, s.gap = nil, complete
	s.identify()
}

// anew subscribes in a new dialog.
func (s *Subscription) anew(e *subscriptionEvent) {
	s.drop()
	s.send(s.asked, e.done)
}

// rest waits for the flow. The dialog may still hold on the other side.
func (s *Subscription) rest(e *subscriptionEvent) {
	s.stop()
	s.generation++
	s.busy, s.lost = false, true
	if !s.notified {
		s.dialog = nil
		s.identify()
	}
	s.settle(e.err)
	s.ua.awaitsFlow()
}

// resume goes on after rest: a refresh with the new Contact, or a new dialog
// when the old one has run out. After postpone there is no old one.
func (s *Subscription) resume(e *subscriptionEvent) {
	if s.dialog == nil || !time.Now().Before(s.until) {
		s.anew(e)
		return
	}
	s.send(s.asked, e.done)
}

// returned: a NOTIFY has found its way by itself.
func (s *Subscription) returned(*subscriptionEvent) {
	s.lost = false
	s.schedule(max(time.Second, time.Until(s.until)))
}

// postpone waits before it subscribes in a new dialog: as long as the other side
// wants, and longer each time when it does not last.
func (s *Subscription) postpone(e *subscriptionEvent) {
	if !s.since.IsZero() && time.Since(s.since) >= time.Minute {
		s.tries = 0
	}
	wait := backoff(s.tries)
	s.tries++
	s.drop()
	s.settle(e.err)
	s.due = s.ua.after(max(wait, e.after), func() { s.handle(onDue, &subscriptionEvent{}) })
}

// backoff is nothing at first, then a random half to whole of 2, 4, 8 s … up to
// 10 minutes.
func backoff(tries int) time.Duration {
	if tries == 0 {
		return 0
	}
	return flow.Backoff{Base: time.Second, Cap: 10 * time.Minute}.Delay(tries)
}

// over: the other side does not want it.
func (s *Subscription) over(e *subscriptionEvent) { s.finish(e.reason, e.after, e.err) }

// unheard: section 4.1.2.4: no NOTIFY, no subscription.
func (s *Subscription) unheard(*subscriptionEvent) {
	s.finish("", 0, &Error{Code: CodeTimeout, Reason: "the notifier sent no NOTIFY within 32 seconds", Err: transaction.ErrTimeout})
}

// leave ends the subscription as soon as there is a dialog to end it in and the
// SUBSCRIBE under way is answered.
func (s *Subscription) leave(e *subscriptionEvent) {
	if e.done != nil {
		s.leavers = append(s.leavers, e.done)
	}
	if e.res != nil && !s.leaving {
		s.granted(e) // the SUBSCRIBE that Unsubscribe overtook
	}
	switch {
	case s.busy && s.request != nil && s.request.giveUp(): // nobody waits for a password to leave
	case s.busy || s.leaving:
	case s.dialog == nil:
		s.state = SubscriptionTerminated
		s.finish("", 0, nil) // there is nothing to end
	default:
		s.leaving = true
		s.stop()
		s.send(0, nil)
	}
}

func (s *Subscription) left(*subscriptionEvent) { s.finish("", 0, nil) }
