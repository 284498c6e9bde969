package sipua

import (
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// The notifications about a REFER of ours (RFC 3515 section 2.4, RFC 6665).

// transferOf finds the transfer that a NOTIFY inside a dialog is about. Without an
// id it is the first one that waits: RFC 3515 section 2.4.6 lets the first REFER of
// a dialog go without, and some user agents never send one.
func (ss *subscriptions) transferOf(req *sip.Request) *Transfer {
	event, id := eventOf(req)
	if event != "refer" {
		return nil
	}
	for _, t := range ss.transfers {
		if t.id != "" && t.dialog.ID == dialogOf(req) && (id == "" || id == t.id) {
			return t
		}
	}
	return nil
}

// receiveNotify takes a notification.
//
//	body           Subscription-State  means
//	final status   any                 the outcome
//	provisional    active, pending     it goes on, until expires
//	provisional    terminated          it goes on, but this was the last; wait all the same
//	none           active, pending     it goes on, and there is nothing to tell
//	none           terminated          the end, without an outcome
//
// The third row is what user agents send that write "terminated" into every
// notification, the next ones included, and gateways that tell no more than the
// first; after those mostly a BYE comes.
func (t *Transfer) receiveNotify(req *sip.Request, tx *transaction.Server) {
	ua := t.ua
	sub, ok := parseSubstate(req)
	switch {
	case !ok:
		ua.respond(tx, sip.StatusBadRequest, "Bad Request: no Subscription-State")
		return
	case encoded(req):
		ua.refuseEncoding(tx)
		return
	case ua.crowded(tx):
		return
	case !t.dialog.Accept(req):
		ua.respond(tx, sip.StatusInternalServerError, "CSeq Out of Order") // RFC 3261 section 12.2.2
		return
	}
	t.dialog.Refresh(req) // RFC 6665 section 3.2: NOTIFY is a target refresh request
	t.lost = nil
	ua.respond(tx, sip.StatusOK, "OK", t.call.contactHeader())
	status, reason, ok := sipfragOf(req)
	if !ok && len(req.Body()) > 0 {
		ua.protocolError("a notification about a transfer cannot be read", req.StartLine())
	}
	e := &transferEvent{status: status, reason: reason}
	switch {
	case status >= 300:
		e.err = &Error{Code: CodeRejected, Status: status, Reason: reason}
		t.handle(referFailed, e)
	case status >= 200:
		t.handle(referSucceeded, e)
	case sub.state == "terminated" && !ok:
		e.err = terminatedError(sub)
		t.handle(referTerminated, e)
	default:
		t.handle(referTold, e)
		t.wait(lifetimeOfReferral(sub))
	}
}

// terminatedError is for a subscription that ended without an outcome (RFC 6665
// section 4.1.3).
func terminatedError(sub substate) *Error {
	err := &Error{Code: CodeRejected, Reason: "the other side stopped telling about the transfer before its end"}
	if sub.reason == "timeout" || sub.reason == "giveup" {
		err.Code = CodeTimeout
	}
	if sub.reason != "" {
		err.Reason += ": " + sub.reason
	}
	return err
}

// longRing is longer than any INVITE may ring: Timer C of the proxies is a little
// more than 3 minutes (RFC 3261 section 16.6).
const longRing = 4 * time.Minute

// lifetimeOfReferral is how long to wait for the next notification. The one that
// ends the subscription is due when it expires, and has its own transaction's time.
func lifetimeOfReferral(sub substate) time.Duration {
	if sub.state == "terminated" || !sub.hasExpires {
		return longRing
	}
	return min(time.Duration(sub.expires)*time.Second, time.Hour) + transaction.Timeout
}

// told: a provisional status, or none.
func (t *Transfer) told(e *transferEvent) {
	t.answeredVerb(nil)
	if e.status != 0 {
		t.ua.emit(TransferProgress{Transfer: t, Call: t.call, Status: e.status, Reason: e.reason})
	}
}

// wait for the next notification.
func (t *Transfer) wait(d time.Duration) {
	t.patience.stop()
	t.patience = t.ua.after(d, func() { t.handle(referExpired, &transferEvent{}) })
}

// t4 is what a message may take through the network (RFC 3261 section 17.1.2.2).
const t4 = 5 * time.Second

// linger: the other side has hung up. A NOTIFY may be under way that the BYE overtook.
func (t *Transfer) linger(*transferEvent) { t.wait(t4) }

// unknown: no outcome was told in time.
func (t *Transfer) unknown(*transferEvent) {
	err := t.lost
	if err == nil {
		err = &Error{Code: CodeTimeout, Reason: "the other side accepted the transfer but did not tell what became of it"}
	}
	t.finish(0, "", err)
}

// callEnded: one of our calls is over.
func (t *Transfer) callEnded(end CallEnded) {
	switch {
	case end.Call != t.call || end.By == Local && end.Err == nil:
	case end.By == Remote:
		t.handle(referBye, &transferEvent{})
	default:
		t.handle(referOver, &transferEvent{err: &Error{Code: CodeCanceled, Reason: "the call broke off before the transfer was done", Err: end.Err}})
	}
}
