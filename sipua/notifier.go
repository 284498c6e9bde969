package sipua

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// Notifier is somebody's subscription to a state of ours (RFC 6665 section 4.2).
// Its methods may be called from any goroutine, event listeners included.
type Notifier struct {
	ua          *UserAgent
	id          string
	remote      Identity
	event       string
	eventID     string
	accept      []string
	contentType string
	body        []byte

	view atomic.Pointer[SubscriptionState]

	// Owned by the owner goroutine.
	state    SubscriptionState
	table    notifierSteps
	tx       *transaction.Server // the first SUBSCRIBE, until it is answered
	dialog   *dialog.Dialog
	asked    time.Duration // 0: the state once, and no more
	limit    time.Duration // the longest that the application grants
	until    time.Time
	expiry   *timer
	patience *timer
	queue    []*notification // the first one is under way while sending
	sending  bool
	waits    bool // for the flow
	current  NotifierOptions
}

// NotifierOptions say how a subscription is accepted.
type NotifierOptions struct {
	// Expires is the longest lifetime that is granted, in whole seconds. Default:
	// what the package says, mostly 1 hour. Who asks for less gets less.
	Expires time.Duration
	// Pending: the person has not decided yet. Activate or Terminate follows.
	Pending bool
	// ContentType and Body are the state at this moment, for the NOTIFY that
	// follows at once. Default: no body, which says nothing (a pending
	// subscription should tell nothing).
	ContentType string
	Body        []byte
}

// IncomingSubscription: somebody wants to be told of a state of ours. Accept or
// Reject decides; after 20 s without either the answer is 480, before the other
// side's own timer ends at 32 s.
type IncomingSubscription struct{ Subscription *Notifier }

// NotifierEnded: somebody's subscription is over. It comes exactly once for each
// IncomingSubscription. Reason is "unsubscribed", "timeout" when it was not
// refreshed, what Terminate was given, or "" when Err says what failed. Err is
// an *Error or nil.
type NotifierEnded struct {
	Subscription *Notifier
	Reason       string
	Err          error
}

func (IncomingSubscription) event() {}
func (NotifierEnded) event()        {}

// patienceOfSubscribers is less than the 32 s of Timer F, so that the answer
// arrives before that (RFC 4320 section 4.2: a late one is of no use).
const patienceOfSubscribers = 20 * time.Second

// notifierInput is what can happen to a subscription of others.
type notifierInput uint8

const (
	notifierAccept      notifierInput = iota // the application accepts
	notifierAcceptLater                      // it accepts and has not decided
	notifierReject                           // it refuses, or has not answered
	notifierActivate                         // it has decided
	notifierNotify                           // the state has changed
	notifierRefresh                          // SUBSCRIBE in the dialog
	notifierLeave                            // SUBSCRIBE with Expires 0
	notifierExpired                          // no refresh came
	notifierTerminate                        // the application ends it
	notifierRefused                          // a NOTIFY was refused or not answered
	notifierFlowLost                         // the flow is lost
	notifierClosed                           // the user agent closes
	numNotifierInputs
)

// notifierEvent carries what belongs to an input.
type notifierEvent struct {
	tx     *transaction.Server // notifierRefresh, notifierLeave
	asked  time.Duration       // notifierRefresh
	status int                 // notifierReject
	reason string              // notifierTerminate
	after  time.Duration       // notifierTerminate
	accept NotifierOptions     // notifierAccept, notifierAcceptLater, notifierNotify
	err    *Error              // notifierReject, notifierRefused, notifierFlowLost, notifierClosed
	done   func(error)
}

// notifierSteps holds the cells that do something, as callTable does.
type notifierSteps []struct {
	state SubscriptionState
	in    notifierInput
	next  SubscriptionState
	do    func(*Notifier, *notifierEvent)
}

// notifierTable is the notifier's machine (RFC 6665 figure 2).
//
//	            accept  accept later  reject      activate  notify   refresh  leave       expired     terminate   refused     flow lost   closed
//	requested   active  pending       terminated  –         –        –        –           –           terminated  –           terminated  terminated
//	pending     –       –             –           active    pending  pending  terminated  terminated  terminated  terminated  –           terminated
//	active      –       –             –           active    active   active   terminated  terminated  terminated  terminated  –           terminated
//	terminated  –       –             –           –         –        –        –           –           –           –           –           –
//
// A subscriber that asks for the state once (Expires 0) is accepted into
// terminated: Accept looks at that itself.
var notifierTable = notifierSteps{
	{SubscriptionRequested, notifierAccept, SubscriptionActive, (*Notifier).grant},
	{SubscriptionRequested, notifierAcceptLater, SubscriptionPending, (*Notifier).grant},
	{SubscriptionRequested, notifierReject, SubscriptionTerminated, (*Notifier).refuse},
	{SubscriptionRequested, notifierTerminate, SubscriptionTerminated, (*Notifier).refuse},
	{SubscriptionRequested, notifierFlowLost, SubscriptionTerminated, (*Notifier).gone},
	{SubscriptionRequested, notifierClosed, SubscriptionTerminated, (*Notifier).refuse},

	{SubscriptionPending, notifierActivate, SubscriptionActive, (*Notifier).tell},
	{SubscriptionPending, notifierNotify, SubscriptionPending, (*Notifier).tell},
	{SubscriptionPending, notifierRefresh, SubscriptionPending, (*Notifier).prolong},
	{SubscriptionPending, notifierLeave, SubscriptionTerminated, (*Notifier).leave},
	{SubscriptionPending, notifierExpired, SubscriptionTerminated, (*Notifier).expired},
	{SubscriptionPending, notifierTerminate, SubscriptionTerminated, (*Notifier).terminated},
	{SubscriptionPending, notifierRefused, SubscriptionTerminated, (*Notifier).gone},
	{SubscriptionPending, notifierClosed, SubscriptionTerminated, (*Notifier).gone},

	{SubscriptionActive, notifierActivate, SubscriptionActive, (*Notifier).tell},
	{SubscriptionActive, notifierNotify, SubscriptionActive, (*Notifier).tell},
	{SubscriptionActive, notifierRefresh, SubscriptionActive, (*Notifier).prolong},
	{SubscriptionActive, notifierLeave, SubscriptionTerminated, (*Notifier).leave},
	{SubscriptionActive, notifierExpired, SubscriptionTerminated, (*Notifier).expired},
	{SubscriptionActive, notifierTerminate, SubscriptionTerminated, (*Notifier).terminated},
	{SubscriptionActive, notifierRefused, SubscriptionTerminated, (*Notifier).gone},
	{SubscriptionActive, notifierClosed, SubscriptionTerminated, (*Notifier).gone},
}

// handle takes one input through the table. What the table does not list for the
// state changes nothing.
func (n *Notifier) handle(in notifierInput, e *notifierEvent) bool {
	for _, step := range n.table {
		if step.state != n.state || step.in != in {
			continue
		}
		n.enter(step.next)
		step.do(n, e)
		return true
	}
	return false
}

func (n *Notifier) enter(state SubscriptionState) {
	n.state = state
	n.view.Store(&state)
}

// ID is the Call-ID.
func (n *Notifier) ID() string { return n.id }

// Remote is the subscriber, as the network names it.
func (n *Notifier) Remote() Identity { return n.remote }

// Event is the event package, one of Config.EventPackages.
func (n *Notifier) Event() string { return n.event }

// State is requested, pending, active or terminated.
func (n *Notifier) State() SubscriptionState { return *n.view.Load() }

// Accepts lists the content types that the subscriber understands.
func (n *Notifier) Accepts() []string { return slices.Clone(n.accept) }

// Body is the content of the SUBSCRIBE, a filter as the package defines it, and
// its type. Most have none.
func (n *Notifier) Body() (contentType string, body []byte) {
	return n.contentType, slices.Clone(n.body)
}

// Accept grants the subscription: 200, and at once a NOTIFY with the state. It
// returns when the subscriber has answered that. CodeInvalidState when it has
// been answered before, CodeUnsupported for a content type that the subscriber
// does not take.
func (n *Notifier) Accept(ctx context.Context, o NotifierOptions) error {
	const op = "accept subscription"
	expires, err := checkLifetime(o.Expires, usualLifetime(n.event))
	if err == nil {
		err = checkBody(o.ContentType, o.Body)
	}
	if err != nil {
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: err.Error()}
	}
	o.Expires = expires
	return n.ua.do(ctx, op, func(done func(error)) {
		in := notifierAccept
		if o.Pending {
			in = notifierAcceptLater
		}
		switch err := n.understood(o); {
		case err != nil:
			done(err)
		case !n.handle(in, &notifierEvent{accept: o, done: done}):
			done(n.stateError("only a subscription that is requested can be accepted"))
		}
	})
}

// Reject refuses the subscription with a status from 400 to 699: 403 Forbidden,
// 404, 603 Decline. CodeInvalidState when it has been answered before.
func (n *Notifier) Reject(ctx context.Context, status int) error {
	const op = "reject subscription"
	if status < 400 || status > 699 {
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: "a subscription is rejected with a status from 400 to 699, such as 403"}
	}
	return n.ua.do(ctx, op, func(done func(error)) {
		if !n.handle(notifierReject, &notifierEvent{status: status, done: done}) {
			done(n.stateError("only a subscription that is requested can be rejected"))
		}
	})
}

// Notify tells the subscriber the state as it is now, whole: a refresh is
// answered with what was told last. It returns when the subscriber has answered.
// Notifications go out one after the other, in the order of the calls; a lost
// connection holds them up. CodeInvalidState when the subscription is not
// accepted or over, or when 100 notifications wait; CodeUnsupported for a
// content type that the subscriber does not take; CodeRejected with the status,
// after which the subscription is over unless the subscriber gave a Retry-After.
func (n *Notifier) Notify(ctx context.Context, contentType string, body []byte) error {
	return n.tellState(ctx, "notify", notifierNotify, contentType, body)
}

// Activate makes a pending subscription active and tells the state, as Notify.
func (n *Notifier) Activate(ctx context.Context, contentType string, body []byte) error {
	return n.tellState(ctx, "activate subscription", notifierActivate, contentType, body)
}

func (n *Notifier) tellState(ctx context.Context, op string, in notifierInput, contentType string, body []byte) error {
	if err := checkBody(contentType, body); err != nil {
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: err.Error()}
	}
	o := NotifierOptions{ContentType: contentType, Body: slices.Clone(body)}
	return n.ua.do(ctx, op, func(done func(error)) {
		switch err := n.understood(o); {
		case err != nil:
			done(err)
		case len(n.queue) >= maxNotifications:
			done(n.stateError("the subscriber does not keep up: 100 notifications wait"))
		case !n.handle(in, &notifierEvent{accept: o, done: done}):
			done(n.stateError("the subscription is not accepted, or over"))
		}
	})
}

// maxNotifications bounds what waits for a slow subscriber.
const maxNotifications = 100

// Terminate ends the subscription with a reason of RFC 6665 section 4.1.3:
// "deactivated" (subscribe again at once), "probation" and "giveup" (again
// later, see retryAfter), "rejected", "noresource", "invariant" (never again),
// "timeout". It returns when the last NOTIFY is answered; for a subscription that
// is over it does nothing. One that is only requested is refused with 480.
func (n *Notifier) Terminate(ctx context.Context, reason string, retryAfter time.Duration) error {
	const op = "terminate subscription"
	if !message.IsToken(reason) || retryAfter < 0 || retryAfter > maxExpires {
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: `a subscription is terminated with a reason such as "noresource" and a retry-after from 0 to 24 hours`}
	}
	return n.ua.do(ctx, op, func(done func(error)) {
		if !n.handle(notifierTerminate, &notifierEvent{status: sip.StatusTemporarilyUnavailable, reason: reason, after: retryAfter, done: done}) {
			done(nil)
		}
	})
}

// understood checks a state against the subscriber's Accept (RFC 6665 section
// 4.2.2).
func (n *Notifier) understood(o NotifierOptions) error {
	if len(o.Body) == 0 || len(n.accept) == 0 || takes(n.accept, o.ContentType) {
		return nil
	}
	return &Error{Code: CodeUnsupported, Reason: "the subscriber takes " + strings.Join(n.accept, ", ") + " and not " + bareType(o.ContentType)}
}

func (n *Notifier) stateError(why string) *Error {
	return &Error{Code: CodeInvalidState, Reason: why + " (state " + string(n.state) + ")"}
}

// end is the last act but for a NOTIFY that says so.
func (n *Notifier) end(reason string, err *Error) {
	n.expiry.stop()
	n.patience.stop()
	theirs := &n.ua.subscriptions.theirs
	if i := slices.Index(*theirs, n); i >= 0 {
		*theirs = slices.Delete(*theirs, i, i+1)
	}
	e := NotifierEnded{Subscription: n, Reason: reason}
	if err != nil {
		e.Err = asError("subscription", CodeInternal, err)
	}
	n.ua.emit(e)
}

// allowEvents appends the packages that we serve, where there are any, to what
// may begin a dialog (RFC 6665 section 4.4.4).
func (ua *UserAgent) allowEvents(msg interface{ AppendHeader(sip.Header) }) {
	if len(ua.cfg.EventPackages) > 0 {
		msg.AppendHeader(sip.NewHeader("Allow-Events", strings.Join(ua.cfg.EventPackages, ", ")))
	}
}

// badEvent is section 4.2.1.1: a package that we do not serve.
func (ua *UserAgent) badEvent(tx *transaction.Server) {
	ua.respond(tx, 489, "Bad Event", sip.NewHeader("Allow-Events", strings.Join(ua.cfg.EventPackages, ", ")))
}

// minLifetime is the shortest subscription that is taken (section 4.2.1.1 allows
// to refuse what is shorter than an hour).
const minLifetime = time.Minute

// lifetimeAsked reads the Expires of a SUBSCRIBE. It answers what is too brief,
// and reports whether to go on.
func (ua *UserAgent) lifetimeAsked(req *sip.Request, tx *transaction.Server) (time.Duration, bool) {
	if len(req.GetHeaders("Expires")) == 0 {
		event, _ := eventOf(req)
		return usualLifetime(event), true
	}
	seconds, ok := message.Seconds(req, "Expires")
	asked := min(time.Duration(seconds)*time.Second, maxExpires)
	switch {
	case !ok:
		ua.respond(tx, sip.StatusBadRequest, "Bad Request: Expires")
		return 0, false
	case asked > 0 && asked < minLifetime:
		ua.respond(tx, sip.StatusIntervalToBrief, "Interval Too Brief", secondsHeader("Min-Expires", minLifetime))
		return 0, false
	}
	return asked, true
}
