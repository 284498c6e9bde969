package sipua

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// Referral is a REFER of somebody else, who asks us to call a target (RFC 3515).
// Nothing is called before [Referral.Accept]. Its methods may be called from any
// goroutine, event listeners included.
type Referral struct {
	ua          *UserAgent
	call        *Call // inside which the REFER came, nil: outside of any
	from        Identity
	to          referTo
	mustReplace bool // Require: replaces came with it
	referredBy  Identity
	byValue     string // of the header, which goes on unchanged

	// Owned by the owner goroutine.
	state    referralState
	table    referralSteps
	tx       *transaction.Server // the REFER, until it is answered
	dialog   *dialog.Dialog      // in which we tell how it goes
	id       string              // of the subscription: the CSeq of the REFER
	silent   bool                // the other side does not want to be told
	patience *timer              // for the application
	expiry   *timer              // of the subscription
	until    time.Time
	made     *Call
	reports  reports
}

// CallReferred: the other side of a call asks us to call somebody else, mostly
// because it transfers us. Accept or Reject decides; after 20 s without either the
// answer is 480 Temporarily Unavailable. The call goes on meanwhile, and after a
// transfer that succeeded its other side hangs up.
type CallReferred struct {
	Call     *Call
	Referral *Referral
}

// ReferralReceived: somebody with whom there is no call asks us to call a target,
// as click-to-dial services do. It is decided as [CallReferred] is. Anybody can send
// that: a program that accepts without asking its user lets strangers make calls.
type ReferralReceived struct{ Referral *Referral }

// ReferralEnded: a referral was over before the application had decided: it took
// more than 20 s, the call that it came in was hung up, the flow is lost, or the
// user agent closes. It does not come after Accept or Reject.
type ReferralEnded struct{ Referral *Referral }

func (CallReferred) event()     {}
func (ReferralReceived) event() {}
func (ReferralEnded) event()    {}

// referralState is the state of a referral.
type referralState string

const (
	referralUndecided referralState = "undecided" // the application decides
	referralFollowed  referralState = "followed"  // its call is being made, and told of
	referralOver      referralState = "over"      // nothing is to be told any more
)

// referralInput is what can happen to a referral.
type referralInput uint8

const (
	referralAccept   referralInput = iota // the application follows it
	referralReject                        // it does not, or has not decided
	referralHungUp                        // we have hung up the call that it came in
	referralFlowLost                      // the flow is lost
	referralProgress                      // the new call rings
	referralAnswered                      // it is answered
	referralFailed                        // it has ended before
	referralUntold                        // a NOTIFY was refused or not answered
	referralExpired                       // the subscription has run out
	referralClosed                        // the user agent closes
	numReferralInputs
)

// referralEvent carries what belongs to an input.
type referralEvent struct {
	status  int // referralReject, referralProgress, referralFailed
	reason  string
	options CallOptions // referralAccept
	done    func(error) // referralAccept, referralReject
}

// referralSteps holds the cells that do something, as callTable does.
type referralSteps []struct {
	state referralState
	in    referralInput
	next  referralState
	do    func(*Referral, *referralEvent)
}

// referralTable is the machine of a referral.
//
//	           accept          reject     hung up    flow lost  progress  answered  failed  untold  expired  closed
//	undecided  followed, over  over       over       over       –         –         –       –       –        over
//	followed   –               –          –          –          followed  over      over    over    over     over
//	over       –               –          –          –          –         –         –       –       –        –
//
// Who does not want to be told (RFC 4488) is done with as soon as it is accepted.
// The referrer may hang up at any time: the new call goes on, and so does the
// subscription, as a usage of the dialog of its own (RFC 5057 section 4.1), until
// he refuses a NOTIFY. Some phones hang up right after the REFER.
var referralTable = referralSteps{
	{referralUndecided, referralAccept, referralFollowed, (*Referral).follow},
	{referralUndecided, referralReject, referralOver, (*Referral).refuse},
	{referralUndecided, referralHungUp, referralOver, (*Referral).refuse},
	{referralUndecided, referralFlowLost, referralOver, (*Referral).leave},
	{referralUndecided, referralClosed, referralOver, (*Referral).refuse},

	{referralFollowed, referralProgress, referralFollowed, (*Referral).report},
	{referralFollowed, referralAnswered, referralOver, (*Referral).reportLast},
	{referralFollowed, referralFailed, referralOver, (*Referral).reportLast},
	{referralFollowed, referralUntold, referralOver, (*Referral).leave},
	{referralFollowed, referralExpired, referralOver, (*Referral).ranOut},
	{referralFollowed, referralClosed, referralOver, (*Referral).leave},
}

// handle takes one input through the table and reports whether there was a cell.
func (r *Referral) handle(in referralInput, e *referralEvent) bool {
	for _, step := range r.table {
		if step.state == r.state && step.in == in {
			r.state = step.next
			step.do(r, e)
			if step.state == referralUndecided && r.state == referralOver && e.done == nil {
				r.ua.emit(ReferralEnded{Referral: r})
			}
			return true
		}
	}
	return false
}

// From is who sent the REFER.
func (r *Referral) From() Identity { return r.from }

// Target is the URI that we are asked to call, without its headers.
func (r *Referral) Target() string { return clean(r.to.URI.String(), 400) }

// Method of the request that we are asked for: always "INVITE", the only one that is
// followed.
func (r *Referral) Method() string { return string(sip.INVITE) }

// Replaces is the call at the target that ours is to take the place of, in an
// attended transfer (RFC 3891), nil when there is none.
func (r *Referral) Replaces() *Replaces {
	if r.to.Replaces == nil {
		return nil
	}
	replaces := *r.to.Replaces
	return &replaces
}

// ReferredBy is who refers us by his own account (RFC 3892), empty when he does not
// say. Nobody has checked it.
func (r *Referral) ReferredBy() Identity { return r.referredBy }

// Accept calls the target and lets the referrer know how that goes. It returns once
// the call has begun. The options are those of [UserAgent.Call]; their headers come
// besides those that the referrer asked for. Errors: CodeInvalidArgument,
// CodeInvalidState when it was decided before or too late, CodeConnectionLost,
// CodeClosed.
func (r *Referral) Accept(ctx context.Context, o CallOptions) (*Call, error) {
	o.Headers = slices.Clone(o.Headers)
	err := r.ua.do(ctx, "accept referral", func(done func(error)) {
		if !r.handle(referralAccept, &referralEvent{options: o, done: done}) {
			done(r.stateError())
		}
	})
	if err != nil {
		return nil, err
	}
	return r.made, nil
}

// Reject refuses with a status from 400 to 699; 0 means 603 Decline.
// CodeInvalidState when it was decided before or too late.
func (r *Referral) Reject(ctx context.Context, status int) error {
	if status == 0 {
		status = sip.StatusGlobalDecline
	}
	if status < 400 || status > 699 {
		return &Error{Op: "reject referral", Code: CodeInvalidArgument, Reason: "a referral is rejected with a status from 400 to 699, such as 603"}
	}
	return r.ua.do(ctx, "reject referral", func(done func(error)) {
		if !r.handle(referralReject, &referralEvent{status: status, done: done}) {
			done(r.stateError())
		}
	})
}

func (r *Referral) stateError() *Error {
	return &Error{Code: CodeInvalidState, Reason: "the referral has been accepted, rejected or given up already (state " + string(r.state) + ")"}
}

// maxReferrals bounds what strangers can make us hold.
const maxReferrals = 64

// receiveRefer is RFC 3515 section 2.4.2. call and d are nil outside of a dialog.
func (ua *UserAgent) receiveRefer(req *sip.Request, tx *transaction.Server, call *Call, d *dialog.Dialog) {
	to, err := parseReferTo(req)
	var by *ReferredBy
	if err == nil {
		by, err = parseReferredBy(req)
	}
	switch {
	case err != nil:
		e := asError("", CodeProtocol, err)
		ua.respond(tx, e.Status, e.Reason)
		return
	case to.Method != string(sip.INVITE):
		ua.respond(tx, sip.StatusForbidden, "Forbidden: only INVITE is sent for others")
		return
	case to.URI.Scheme != "sip" && to.URI.Scheme != "sips" && to.URI.Scheme != "tel":
		ua.respond(tx, 416, "Unsupported URI Scheme")
		return
	case ua.crowded(tx):
		return
	case len(ua.subscriptions.referrals) >= maxReferrals:
		ua.respond(tx, sip.StatusTemporarilyUnavailable, "Temporarily Unavailable", sip.NewHeader("Retry-After", "60"))
		return
	}
	if d == nil {
		if d, err = dialog.NewUAS(req, message.NewTag()); err != nil {
			ua.respond(tx, sip.StatusBadRequest, "Bad Request: no Contact")
			return
		}
		call = ua.targetDialog(req)
	} else {
		d.Refresh(req) // RFC 3515 section 2: its Contact counts as in RFC 6665 section 3.2
	}
	r := &Referral{
		ua: ua, call: call, to: to, state: referralUndecided, table: referralTable, tx: tx, dialog: d,
		from:   identity(req.From().DisplayName, req.From().Address),
		id:     strconv.FormatUint(uint64(req.CSeq().SeqNo), 10),
		silent: noSubscription(req), mustReplace: mustReplace(req),
	}
	if by != nil {
		r.referredBy, r.byValue = by.Identity, message.HeaderValue(req, "Referred-By")
	}
	ua.subscriptions.referrals = append(ua.subscriptions.referrals, r)
	// The REFER's own transaction lasts 32 s: see patienceOfSubscribers.
	r.patience = ua.after(patienceOfSubscribers, func() {
		r.handle(referralReject, &referralEvent{status: sip.StatusTemporarilyUnavailable})
	})
	if call != nil {
		ua.emit(CallReferred{Call: call, Referral: r})
	} else {
		ua.emit(ReferralReceived{Referral: r})
	}
}

// targetDialog finds the call that a REFER outside of it belongs to (Target-Dialog,
// RFC 4538), which is how RFC 7647 section 4 wants it where both sides have GRUUs.
// Tags are random, so that whoever knows both knows the dialog, and it does not
// matter from whose side he calls them local and remote.
func (ua *UserAgent) targetDialog(req *sip.Request) *Call {
	callID, rest, _ := strings.Cut(message.HeaderValue(req, "Target-Dialog"), ";")
	id := dialog.ID{CallID: strings.TrimSpace(callID)}
	for _, p := range message.SplitQuoted(rest, ";") {
		name, v, _ := strings.Cut(p, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "local-tag":
			id.LocalTag = strings.TrimSpace(v)
		case "remote-tag":
			id.RemoteTag = strings.TrimSpace(v)
		}
	}
	if c := ua.dialogs[id]; c != nil {
		return c
	}
	id.LocalTag, id.RemoteTag = id.RemoteTag, id.LocalTag
	return ua.dialogs[id]
}

// follow accepts the REFER and makes the call.
func (r *Referral) follow(e *referralEvent) {
	ua := r.ua
	c, err := ua.Call(r.to.URI.String(), e.options) // it begins when this act is over
	if err != nil {
		r.state = referralUndecided // the program may do better
		e.done(asError("accept referral", CodeInternal, err))
		return
	}
	c.outgoing.extra = r.headers()
	r.made = c
	res := ua.response(r.tx.Request, 202, "Accepted", r.dialog.ID.LocalTag)
	res.AppendHeader(ua.dialogContact(r.tx.Request.Recipient.Scheme))
	res.AppendHeader(ua.allowed())
	if r.silent {
		res.AppendHeader(sip.NewHeader("Refer-Sub", "false")) // RFC 4488 section 4
	}
	lost := r.tx.Respond(res)
	r.patience.stop()
	if lost != nil || r.silent { // nobody is to be told; the call is wanted all the same
		r.state = referralOver
		r.leave(e)
	} else {
		r.until = time.Now().Add(longRing)
		r.expiry = ua.after(longRing, func() { r.handle(referralExpired, &referralEvent{}) })
		r.report(&referralEvent{status: sip.StatusTrying, reason: "Trying"}) // RFC 3515 section 2.4.4: at once
	}
	e.done(nil)
}

// headers are what the referrer wants in the INVITE.
func (r *Referral) headers() []sip.Header {
	var all []sip.Header
	if r.to.Replaces != nil {
		all = append(all, sip.NewHeader("Replaces", r.to.Replaces.value()))
		if r.mustReplace {
			all = append(all, sip.NewHeader("Require", "replaces"))
		}
	}
	if r.to.Join != nil {
		all = append(all, sip.NewHeader("Join", r.to.Join.value()))
	}
	if r.byValue != "" {
		all = append(all, sip.NewHeader("Referred-By", r.byValue)) // RFC 3892 section 3: unchanged
	}
	for _, h := range r.to.Headers {
		all = append(all, sip.NewHeader(h.Name, h.Value))
	}
	return all
}

// mustReplace: the URI has Require: replaces in it, so that nobody but the user agent
// with that call may answer (RFC 5589 section 7.5). It is the only Require that a
// reference may ask for.
func mustReplace(req *sip.Request) bool {
	_, uri, _, _ := message.ParseNameAddr(message.HeaderValue(req, "Refer-To"))
	return slices.ContainsFunc(uri.Headers, func(h sip.HeaderKV) bool {
		return strings.EqualFold(unescapeUser(h.K), "Require") && strings.EqualFold(strings.TrimSpace(unescapeUser(h.V)), "replaces")
	})
}

// refuse answers the REFER with a failure, 480 unless the application says more.
func (r *Referral) refuse(e *referralEvent) {
	status := e.status
	if status == 0 {
		status = sip.StatusTemporarilyUnavailable
	}
	_ = r.tx.Respond(r.ua.response(r.tx.Request, status, phrase(status), r.dialog.ID.LocalTag)) // without a flow nobody is there to be told
	r.leave(e)
	if e.done != nil {
		e.done(nil)
	}
}

// leave is the last act of a referral, in state over. Its last report may be on its
// way yet.
func (r *Referral) leave(*referralEvent) {
	r.patience.stop()
	r.expiry.stop()
	ss := &r.ua.subscriptions
	if i := slices.Index(ss.referrals, r); i >= 0 {
		ss.referrals = slices.Delete(ss.referrals, i, i+1)
	}
}
