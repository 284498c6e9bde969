package sipua

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// Subscription is a subscription of ours to the state of a resource (RFC 6665
// section 4.1). It is refreshed by itself, and made anew where the RFC wants
// that, until Unsubscribe or until the event SubscriptionEnded says why not.
// Its methods may be called from any goroutine, event listeners included.
type Subscription struct {
	ua      *UserAgent
	id      string
	target  sip.Uri
	options SubscribeOptions

	view     atomic.Pointer[SubscriptionState]
	accepted chan struct{} // closed with the first 2xx or NOTIFY
	ended    chan struct{} // closed with the event SubscriptionEnded
	end      SubscriptionEnded

	// Owned by the owner goroutine.
	state      SubscriptionState
	table      subscriptionSteps
	callID     string
	tag        string
	seq        uint32
	dialog     *dialog.Dialog // nil until the 2xx or the first NOTIFY
	notified   bool           // a NOTIFY has made the dialog: it is for good
	request    *exchange      // the last SUBSCRIBE
	busy       bool           // it is under way
	generation int            // of the dialog: what belongs to an older one does not count
	asked      time.Duration  // a 423 raises it
	briefs     int            // 423 one after the other
	tries      int            // attempts one after the other that did not last
	since      time.Time      // when the present dialog began to hold
	until      time.Time      // and how long it does
	lost       bool           // in state waiting: for the flow
	leaving    bool           // in state ending, or a fetch: the last SUBSCRIBE has been sent
	waiting    []func(error)  // who waits for the SUBSCRIBE under way
	leavers    []func(error)  // who waits for the end
	due        *timer         // of the next SUBSCRIBE
	expiry     *timer
	silence    *timer // Timer N
	known      any    // the state that the documents add up to
	gap        gap    // what is missing in it
}

// SubscribeOptions shape a subscription.
type SubscribeOptions struct {
	// Event is the event package, such as "presence", "message-summary", "dialog".
	// Required.
	Event string
	// ID is the id parameter of Event. Default: none.
	ID string
	// Accept lists the content types that are understood. Default: those of the
	// package, as far as this package knows it.
	Accept []string
	// Expires is the lifetime asked for, in whole seconds, up to 24 hours. The
	// notifier may shorten it. Default: what the package says, mostly 1 hour.
	Expires time.Duration
	// Once asks for the state and for no more (RFC 6665 section 4.4.3): one SUBSCRIBE
	// with Expires 0, one [Notified], and SubscriptionEnded without an error.
	Once bool
	// Headers go into each SUBSCRIBE besides its own.
	Headers []Header
	// ContentType and Body go into the first SUBSCRIBE of a dialog: a filter, as
	// the package defines it. Default: none.
	ContentType string
	Body        []byte
}

// SubscriptionState is the state of a [Subscription] or [Notifier]. The tables
// in subscription.go and notifier.go say how one follows the other.
type SubscriptionState string

// The states of a subscription.
const (
	SubscriptionTrying     SubscriptionState = "trying"     // ours: SUBSCRIBE sent
	SubscriptionAccepted   SubscriptionState = "accepted"   // ours: a 2xx came, the first NOTIFY has not
	SubscriptionRequested  SubscriptionState = "requested"  // another one's: the application decides
	SubscriptionPending    SubscriptionState = "pending"    // not authorized yet
	SubscriptionActive     SubscriptionState = "active"     // notifications come when the state changes
	SubscriptionWaiting    SubscriptionState = "waiting"    // ours: for the flow, or for the time of another attempt
	SubscriptionEnding     SubscriptionState = "ending"     // ours: Unsubscribe was called, the last NOTIFY is awaited
	SubscriptionTerminated SubscriptionState = "terminated" // over
)

// SubscriptionChanged: a subscription of ours is in State now. Expires is what
// is left of its lifetime, 0 where it has none.
type SubscriptionChanged struct {
	Subscription *Subscription
	State        SubscriptionState
	Expires      time.Duration
}

// SubscriptionEnded: a subscription of ours is over. It is its last event and
// comes exactly once. Reason is the notifier's (RFC 6665 section 4.1.3:
// "rejected", "noresource", …; text of strangers), "" when it gave none.
// RetryAfter is how long the other side wants to be left alone, 0 when it did
// not say. Err is an *Error, nil after Unsubscribe and of a fetch that was answered.
type SubscriptionEnded struct {
	Subscription *Subscription
	Reason       string
	RetryAfter   time.Duration
	Err          error
}

func (SubscriptionChanged) event() {}
func (SubscriptionEnded) event()   {}

// subscriptionInput is what can happen to a subscription of ours.
type subscriptionInput uint8

const (
	onAccepted    subscriptionInput = iota // 2xx
	onRefused                              // a failure that is final
	onGone                                 // the dialog is gone at the other side: 481, 408, no answer
	onDeferred                             // a failure that may pass
	onLost                                 // the flow is lost, or cannot be had
	onPending                              // NOTIFY: pending
	onActive                               // NOTIFY: active
	onOver                                 // NOTIFY: terminated, for good
	onAgain                                // NOTIFY: terminated, to be tried again; or the notifier is away: 480, 430
	onSilence                              // Timer N: no NOTIFY
	onExpired                              // the lifetime is over
	onDue                                  // it is time for the next SUBSCRIBE
	onRecovered                            // the flow is back
	onUnsubscribe                          // the application has enough
	numSubscriptionInputs
)

// subscriptionEvent carries what belongs to an input.
type subscriptionEvent struct {
	res    *sip.Response // onAccepted
	err    *Error        // onRefused, onGone, onDeferred, onLost, onOver
	reason string        // onOver, onAgain: of the NOTIFY
	after  time.Duration // onRefused, onDeferred, onOver, onAgain: Retry-After
	done   func(error)   // onDue by Refresh, onUnsubscribe
}

// subscriptionSteps holds the cells that do something, as callTable does.
type subscriptionSteps []struct {
	state SubscriptionState
	in    subscriptionInput
	next  SubscriptionState
	do    func(*Subscription, *subscriptionEvent)
}

// subscriptionTable is the subscriber's machine (RFC 6665 figure 1), with states
// for what comes before and between two of its runs.
//
//	            2xx        refused     gone      deferred   lost        pending  active   over        again    silence     expired     due       recovered  unsubscribe
//	trying      accepted   terminated  trying*   waiting    waiting     pending  active   terminated  waiting  terminated  –           –         –          ending
//	accepted    accepted   terminated  trying*   accepted   waiting     pending  active   terminated  waiting  terminated  trying*     accepted  –          ending
//	pending     pending    terminated  trying*   pending    waiting     pending  active   terminated  waiting  trying*     trying*     pending   –          ending
//	active      active     terminated  trying*   active     waiting     pending  active   terminated  waiting  trying*     trying*     active    –          ending
//	waiting     –          –           –         –          waiting     pending  active   terminated  waiting  –           –           trying    trying     ending
//	ending      ending     terminated  terminated …  …      …           ending   ending   terminated  …        terminated  terminated  –         –          ending
//	terminated  –          –           –         –          –           –        –        –           –        –           –           –         –          –
//
// Trying* is a new dialog, also when the lifetime ran out before a refresh succeeded:
// a device that slept for an hour is to know its state again. The RFC lets a refresh that brings no NOTIFY end the
// subscription (4.1.2.4); since notifiers of RFC 3265 exist that send none when
// nothing has changed, it is made anew instead, which must bring one.
var subscriptionTable = subscriptionSteps{
	{SubscriptionTrying, onAccepted, SubscriptionAccepted, (*Subscription).granted},
	{SubscriptionTrying, onRefused, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionTrying, onGone, SubscriptionTrying, (*Subscription).anew},
	{SubscriptionTrying, onDeferred, SubscriptionWaiting, (*Subscription).postpone},
	{SubscriptionTrying, onLost, SubscriptionWaiting, (*Subscription).rest},
	{SubscriptionTrying, onPending, SubscriptionPending, nil},
	{SubscriptionTrying, onActive, SubscriptionActive, nil},
	{SubscriptionTrying, onOver, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionTrying, onAgain, SubscriptionWaiting, (*Subscription).postpone},
	{SubscriptionTrying, onSilence, SubscriptionTerminated, (*Subscription).unheard},
	{SubscriptionTrying, onUnsubscribe, SubscriptionEnding, (*Subscription).leave},

	{SubscriptionAccepted, onAccepted, SubscriptionAccepted, (*Subscription).granted},
	{SubscriptionAccepted, onRefused, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionAccepted, onGone, SubscriptionTrying, (*Subscription).anew},
	{SubscriptionAccepted, onDeferred, SubscriptionAccepted, (*Subscription).later},
	{SubscriptionAccepted, onLost, SubscriptionWaiting, (*Subscription).rest},
	{SubscriptionAccepted, onPending, SubscriptionPending, nil},
	{SubscriptionAccepted, onActive, SubscriptionActive, nil},
	{SubscriptionAccepted, onOver, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionAccepted, onAgain, SubscriptionWaiting, (*Subscription).postpone},
	{SubscriptionAccepted, onSilence, SubscriptionTerminated, (*Subscription).unheard},
	{SubscriptionAccepted, onExpired, SubscriptionTrying, (*Subscription).anew},
	{SubscriptionAccepted, onDue, SubscriptionAccepted, (*Subscription).renew},
	{SubscriptionAccepted, onUnsubscribe, SubscriptionEnding, (*Subscription).leave},

	{SubscriptionPending, onAccepted, SubscriptionPending, (*Subscription).granted},
	{SubscriptionPending, onRefused, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionPending, onGone, SubscriptionTrying, (*Subscription).anew},
	{SubscriptionPending, onDeferred, SubscriptionPending, (*Subscription).later},
	{SubscriptionPending, onLost, SubscriptionWaiting, (*Subscription).rest},
	{SubscriptionPending, onPending, SubscriptionPending, nil},
	{SubscriptionPending, onActive, SubscriptionActive, nil},
	{SubscriptionPending, onOver, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionPending, onAgain, SubscriptionWaiting, (*Subscription).postpone},
	{SubscriptionPending, onSilence, SubscriptionTrying, (*Subscription).anew},
	{SubscriptionPending, onExpired, SubscriptionTrying, (*Subscription).anew},
	{SubscriptionPending, onDue, SubscriptionPending, (*Subscription).renew},
	{SubscriptionPending, onUnsubscribe, SubscriptionEnding, (*Subscription).leave},

	{SubscriptionActive, onAccepted, SubscriptionActive, (*Subscription).granted},
	{SubscriptionActive, onRefused, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionActive, onGone, SubscriptionTrying, (*Subscription).anew},
	{SubscriptionActive, onDeferred, SubscriptionActive, (*Subscription).later},
	{SubscriptionActive, onLost, SubscriptionWaiting, (*Subscription).rest},
	{SubscriptionActive, onPending, SubscriptionPending, nil},
	{SubscriptionActive, onActive, SubscriptionActive, nil},
	{SubscriptionActive, onOver, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionActive, onAgain, SubscriptionWaiting, (*Subscription).postpone},
	{SubscriptionActive, onSilence, SubscriptionTrying, (*Subscription).anew},
	{SubscriptionActive, onExpired, SubscriptionTrying, (*Subscription).anew},
	{SubscriptionActive, onDue, SubscriptionActive, (*Subscription).renew},
	{SubscriptionActive, onUnsubscribe, SubscriptionEnding, (*Subscription).leave},

	{SubscriptionWaiting, onLost, SubscriptionWaiting, nil},
	{SubscriptionWaiting, onPending, SubscriptionPending, (*Subscription).returned},
	{SubscriptionWaiting, onActive, SubscriptionActive, (*Subscription).returned},
	{SubscriptionWaiting, onOver, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionWaiting, onAgain, SubscriptionWaiting, (*Subscription).postpone},
	{SubscriptionWaiting, onDue, SubscriptionTrying, (*Subscription).resume},
	{SubscriptionWaiting, onRecovered, SubscriptionTrying, (*Subscription).resume},
	{SubscriptionWaiting, onUnsubscribe, SubscriptionEnding, (*Subscription).leave},

	{SubscriptionEnding, onAccepted, SubscriptionEnding, (*Subscription).leave},
	{SubscriptionEnding, onRefused, SubscriptionTerminated, (*Subscription).left},
	{SubscriptionEnding, onGone, SubscriptionTerminated, (*Subscription).left},
	{SubscriptionEnding, onDeferred, SubscriptionTerminated, (*Subscription).left},
	{SubscriptionEnding, onLost, SubscriptionTerminated, (*Subscription).left},
	{SubscriptionEnding, onPending, SubscriptionEnding, (*Subscription).leave},
	{SubscriptionEnding, onActive, SubscriptionEnding, (*Subscription).leave},
	{SubscriptionEnding, onOver, SubscriptionTerminated, (*Subscription).left},
	{SubscriptionEnding, onAgain, SubscriptionTerminated, (*Subscription).left},
	{SubscriptionEnding, onSilence, SubscriptionTerminated, (*Subscription).left},
	{SubscriptionEnding, onExpired, SubscriptionTerminated, (*Subscription).left},
	{SubscriptionEnding, onUnsubscribe, SubscriptionEnding, (*Subscription).leave},
}

// Subscribe asks target for its state and for each change of it, and returns at
// once; Active and the events tell what becomes of it. Target is what Call
// takes. Errors at once: CodeInvalidArgument, CodeClosed. Beyond 1000
// subscriptions SubscriptionEnded comes with CodeInvalidState.
//
// When the SUBSCRIBE forks, the notifier whose NOTIFY comes first is the
// subscription; those of others are refused with 481, which ends them there (RFC
// 6665 section 4.4.1). Nearly all packages want it so (RFC 3856 section 6.9, RFC
// 3842, RFC 3680, RFC 4575), and a stream of state from several sources cannot be
// put together without knowing the package.
func (ua *UserAgent) Subscribe(target string, o SubscribeOptions) (*Subscription, error) {
	uri, err := ua.target(target)
	if err == nil {
		err = checkEvent(o.Event, o.ID)
	}
	if err == nil {
		o.Expires, err = checkLifetime(o.Expires, usualLifetime(o.Event))
	}
	if err == nil {
		err = checkBody(o.ContentType, o.Body)
	}
	if err == nil {
		err = checkOwn(o.Headers, "Event", "o", "Accept", "Expires", "Allow-Events", "u")
	}
	for _, a := range o.Accept {
		if err == nil {
			err = message.CheckValue(a)
		}
	}
	if err != nil {
		return nil, &Error{Op: "subscribe", Code: CodeInvalidArgument, Reason: err.Error()}
	}
	if len(o.Accept) == 0 {
		o.Accept = defaultAccept(o.Event)
	}
	o.Accept, o.Headers, o.Body = slices.Clone(o.Accept), slices.Clone(o.Headers), slices.Clone(o.Body)
	s := &Subscription{
		ua: ua, target: uri, options: o, asked: o.Expires, table: subscriptionTable, state: SubscriptionTrying,
		accepted: make(chan struct{}), ended: make(chan struct{}),
	}
	if o.Once {
		s.table, s.leaving = fetchTable, true
	}
	s.identify()
	s.id = s.callID
	s.show()
	if !ua.owner.post(s.start) {
		return nil, &Error{Op: "subscribe", Code: CodeClosed, Reason: "the user agent was closed"}
	}
	return s, nil
}

// start sends the first SUBSCRIBE.
func (s *Subscription) start() {
	switch {
	case s.ua.closed:
		s.state = SubscriptionTerminated
		s.finish("", 0, &Error{Op: "subscribe", Code: CodeClosed, Reason: "the user agent was closed"})
		return
	case len(s.ua.subscriptions.ours) >= maxSubscriptions:
		s.state = SubscriptionTerminated
		s.finish("", 0, &Error{Op: "subscribe", Code: CodeInvalidState, Reason: "there are 1000 subscriptions already: end one of them first"})
		return
	}
	s.ua.subscriptions.ours = append(s.ua.subscriptions.ours, s)
	if s.options.Once {
		s.send(0, nil)
		return
	}
	s.send(s.asked, nil)
}

// ID names the subscription for as long as it lives, whatever dialogs it goes
// through: it is the Call-ID of its first one.
func (s *Subscription) ID() string { return s.id }

// Event is the name of the event package.
func (s *Subscription) Event() string { return s.options.Event }

// State of the subscription at this moment.
func (s *Subscription) State() SubscriptionState { return *s.view.Load() }

// String says to what we have subscribed and what has become of it.
func (s *Subscription) String() string {
	return "subscription to " + s.options.Event + " of " + identity("", s.target).URI + " (" + string(s.State()) + ")"
}

// Active waits until the subscription holds: for the first 2xx or NOTIFY. Its
// state may be pending then. When it ends first, the error says why:
// CodeRejected with the status (489: the other side does not know the package),
// CodeUnauthorized, CodeTimeout, CodeConnectionFailed.
func (s *Subscription) Active(ctx context.Context) error {
	select {
	case <-s.accepted:
		return nil
	default:
	}
	queued(ctx)
	select {
	case <-s.accepted:
		return nil
	case <-s.ended:
		if s.end.Err != nil {
			return s.end.Err
		}
		return &Error{Op: "subscribe", Code: CodeCanceled, Reason: "unsubscribed before it was accepted"}
	case <-ctx.Done():
		return ctxError("subscribe", ctx)
	}
}

// Refresh asks for the state at once and prolongs the subscription; one that
// waits tries again at once. It returns when the notifier has answered; the
// state comes with the event Notified. While a SUBSCRIBE is under way, the answer
// to that one is waited for. CodeInvalidState when it is over.
func (s *Subscription) Refresh(ctx context.Context) error {
	return s.ua.do(ctx, "refresh subscription", func(done func(error)) {
		switch {
		case s.state == SubscriptionTerminated || s.state == SubscriptionEnding || s.options.Once:
			done(&Error{Code: CodeInvalidState, Reason: "the subscription is over, or is a fetch (state " + string(s.state) + ")"})
		case s.busy:
			s.waiting = append(s.waiting, done)
		default:
			s.handle(onDue, &subscriptionEvent{done: done}) // every state that is not busy has this cell
		}
	})
}

// Unsubscribe ends the subscription. It returns when the last NOTIFY has come,
// or after 32 s without one (Timer N, RFC 6665 section 4.1.2.3). It is nil
// whatever the notifier says: what that sends later is refused, which ends the
// subscription on its side as well.
func (s *Subscription) Unsubscribe(ctx context.Context) error {
	select {
	case <-s.ended:
		queued(ctx)
		return nil
	default:
	}
	return s.ua.do(ctx, "unsubscribe", func(done func(error)) {
		if !s.handle(onUnsubscribe, &subscriptionEvent{done: done}) {
			done(nil)
		}
	})
}

// handle takes one input through the table. What the table does not list for the
// state changes nothing.
func (s *Subscription) handle(in subscriptionInput, e *subscriptionEvent) bool {
	for _, step := range s.table {
		if step.state != s.state || step.in != in {
			continue
		}
		was := s.state
		s.state = step.next
		s.show()
		if step.do != nil {
			step.do(s, e)
		}
		if s.state == step.next && s.state != SubscriptionTerminated && s.state != was {
			s.ua.emit(SubscriptionChanged{Subscription: s, State: s.state, Expires: max(0, time.Until(s.until))})
		}
		switch s.state {
		case SubscriptionAccepted, SubscriptionPending, SubscriptionActive:
			s.hold()
		}
		return true
	}
	return false
}

// show gives the state to the accessor.
func (s *Subscription) show() {
	state := s.state
	s.view.Store(&state)
}

// hold: the other side has accepted the subscription.
func (s *Subscription) hold() {
	select {
	case <-s.accepted:
	default:
		close(s.accepted)
	}
}

// held: it has done so before.
func (s *Subscription) held() bool {
	select {
	case <-s.accepted:
		return true
	default:
		return false
	}
}

// settle tells those who wait for the SUBSCRIBE under way.
func (s *Subscription) settle(err *Error) {
	waiting := s.waiting
	s.waiting = nil
	for _, done := range waiting {
		if err == nil {
			done(nil)
			continue
		}
		done(err)
	}
}

// finish is the last act, in state terminated.
func (s *Subscription) finish(reason string, after time.Duration, err *Error) {
	s.stop()
	s.generation++
	ours := &s.ua.subscriptions.ours
	if i := slices.Index(*ours, s); i >= 0 {
		*ours = slices.Delete(*ours, i, i+1)
	}
	s.end = SubscriptionEnded{Subscription: s, Reason: reason, RetryAfter: after}
	if err != nil {
		s.end.Err = asError("subscribe", CodeInternal, err)
		s.settle(err)
	} else {
		s.settle(&Error{Code: CodeCanceled, Reason: "unsubscribed meanwhile"})
	}
	leavers := s.leavers
	s.leavers = nil
	for _, done := range leavers {
		done(nil)
	}
	s.show()
	s.ua.emit(SubscriptionChanged{Subscription: s, State: SubscriptionTerminated})
	s.ua.emit(s.end)
	close(s.ended)
}

func (s *Subscription) stop() {
	s.due.stop()
	s.expiry.stop()
	s.silence.stop()
}
