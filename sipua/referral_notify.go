package sipua

import (
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"
)

// What the referrer is told of the call that he asked for (RFC 3515 section 2.4.4).

// reports are the notifications of one referral. One is under way at a time, so that
// none overtakes another; of those that wait only the newest counts.
type reports struct {
	next    *referralReport
	sending bool
}

type referralReport struct {
	status int
	reason string
	last   string // reason of the end of the subscription, "": it goes on
}

// report tells a provisional status.
func (r *Referral) report(e *referralEvent) {
	r.tell(&referralReport{status: e.status, reason: e.reason})
}

// reportLast tells the outcome and with it ends the subscription (section 2.4.7).
func (r *Referral) reportLast(e *referralEvent) {
	r.tell(&referralReport{status: e.status, reason: e.reason, last: "noresource"})
	r.leave(e)
}

// ranOut: nobody answers a call for longer than the subscription lasts.
func (r *Referral) ranOut(e *referralEvent) {
	r.tell(&referralReport{status: sip.StatusTrying, reason: "Trying", last: "timeout"})
	r.leave(e)
}

func (r *Referral) tell(report *referralReport) {
	r.reports.next = report
	r.send()
}

// send sends the report that waits.
func (r *Referral) send() {
	report := r.reports.next
	if report == nil || r.reports.sending {
		return
	}
	r.reports.next, r.reports.sending = nil, true
	var prefer *link
	if r.call != nil {
		prefer = r.call.link
	}
	x := r.ua.requestOver(prefer, func() *sip.Request {
		req := r.dialog.Request(sip.NOTIFY)
		req.AppendHeader(r.ua.dialogContact(r.dialog.RemoteTarget.Scheme))
		req.AppendHeader(eventHeader("refer", r.id)) // section 2.4.6
		state := "terminated;reason=" + report.last
		if report.last == "" {
			state = "active;expires=" + strconv.Itoa(int(max(0, time.Until(r.until).Round(time.Second))/time.Second))
		}
		req.AppendHeader(sip.NewHeader("Subscription-State", state))
		setBody(req, sipfragType+";version=2.0", sipfrag(report.status, report.reason))
		return req
	}, func(res *sip.Response, err error) {
		if err == nil && res.StatusCode < 200 {
			return
		}
		r.reports.sending = false
		if err != nil || res.StatusCode >= 300 { // RFC 6665 section 4.2.2: the subscription is gone
			r.handle(referralUntold, &referralEvent{})
			return
		}
		r.dialog.Refresh(res) // RFC 6665 section 3.2
		r.send()
	})
	x.next = inDialog(r.dialog)
	x.retry = briefly // told twice is no harm
}

// observed: something has happened to a call of ours, which may be one that was
// referred, or that a referral came in.
func (r *Referral) observed(e any) {
	switch e := e.(type) {
	case CallRinging:
		if e.Call == r.made {
			r.handle(referralProgress, &referralEvent{status: e.Status, reason: e.Reason})
		}
	case CallAnswered:
		if e.Call == r.made {
			r.handle(referralAnswered, &referralEvent{status: sip.StatusOK, reason: "OK"})
		}
	case CallEnded:
		if e.Call == r.made {
			status, reason := outcomeOf(e)
			r.handle(referralFailed, &referralEvent{status: status, reason: reason})
		}
		if e.Call == r.call && e.By == Local {
			r.handle(referralHungUp, &referralEvent{status: sip.StatusGlobalDecline})
		}
	}
}

// outcomeOf is the final status of a call that was not answered, for its referrer. A
// failure of our own has none and gets the nearest.
func outcomeOf(e CallEnded) (status int, reason string) {
	if e.Status >= 300 {
		return e.Status, e.Reason
	}
	switch asError("", CodeInternal, e.Err).Code {
	case CodeTimeout:
		return sip.StatusRequestTimeout, "Request Timeout"
	case CodeConnectionFailed, CodeConnectionLost:
		return sip.StatusServiceUnavailable, "Service Unavailable"
	case CodeMediaFailed, CodeMediaDenied, CodeMediaNotFound, CodeUnsupported, CodeProtocol:
		return sip.StatusNotAcceptableHere, "Not Acceptable Here"
	case CodeUnauthorized:
		return sip.StatusForbidden, "Forbidden"
	}
	return sip.StatusRequestTerminated, "Request Terminated"
}
