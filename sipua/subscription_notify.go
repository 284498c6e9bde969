package sipua

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// Notified: a notification came. Value is the state as a typed value where this
// package knows the event package and the body is right, nil otherwise: a
// MessageSummary, DialogInfo, Presence, ConferenceInfo or RegistrationInfo.
// Documents that tell only what has changed are merged, so that it is the whole
// state as far as it is known; when one is missing between, the subscription is
// refreshed for a full one.
// ContentType and Body are the other side's; Body may be empty. Subscription is
// nil when nobody has subscribed (Config.UnsolicitedNotify).
type Notified struct {
	Subscription *Subscription
	Event        string
	ContentType  string
	Body         []byte
	Value        any
}

func (Notified) event() {}

// substate is a Subscription-State header (RFC 6665 section 8.2.3).
type substate struct {
	state      string
	expires    int
	hasExpires bool
	reason     string
	retryAfter time.Duration
}

func parseSubstate(msg sip.Message) (s substate, ok bool) {
	parts := message.SplitQuoted(message.HeaderValue(msg, "Subscription-State"), ";")
	s.state = strings.ToLower(strings.TrimSpace(parts[0]))
	for _, p := range parts[1:] {
		name, v, _ := strings.Cut(p, "=")
		v = strings.TrimSpace(v)
		n, err := strconv.ParseUint(v, 10, 31)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "expires":
			if err == nil {
				s.expires, s.hasExpires = int(n), true
			}
		case "reason":
			s.reason = strings.ToLower(clean(message.Unquote(v), 40))
		case "retry-after": // seconds
			s.retryAfter = min(time.Duration(n)*time.Second, maxExpires)
		}
	}
	return s, message.IsToken(s.state)
}

// receiveNotify is RFC 6665 section 4.1.3. The request has our Call-ID and tag.
func (s *Subscription) receiveNotify(req *sip.Request, tx *transaction.Server) {
	ua := s.ua
	if s.notified && s.dialog.ID != dialogOf(req) {
		// Another fork than the first (see Subscribe).
		ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist")
		return
	}
	event, id := eventOf(req)
	sub, ok := parseSubstate(req)
	switch {
	case event != s.options.Event:
		ua.respond(tx, 489, "Bad Event")
		return
	case id != s.options.ID:
		ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist")
		return
	case !ok:
		ua.respond(tx, sip.StatusBadRequest, "Bad Request: no Subscription-State")
		return
	case encoded(req):
		ua.refuseEncoding(tx)
		return
	case ua.crowded(tx):
		return
	}
	d := s.dialog
	if d == nil || d.ID != dialogOf(req) {
		// Also when the 2xx named another dialog: of a SUBSCRIBE that forked it may
		// come from one notifier and the first NOTIFY from another one.
		var err error
		if d, err = dialog.NewSubscriber(s.request.tx.Request, req); err != nil {
			ua.respond(tx, sip.StatusBadRequest, "Bad Request: no Contact")
			return
		}
	}
	if !d.Accept(req) {
		ua.respond(tx, sip.StatusInternalServerError, "CSeq Out of Order") // RFC 3261 section 12.2.2
		return
	}
	if !s.notified {
		d.Reroute(req)
	}
	d.Refresh(req)
	s.dialog, s.notified = d, true
	ua.respond(tx, sip.StatusOK, "OK", ua.dialogContact(s.target.Scheme)) // RFC 3261 section 12.1.1
	if !s.leaving {                                                       // else it is the last one that is awaited
		s.silence.stop()
	}
	notified := ua.notification(s, event, req)
	if sub.state == "terminated" {
		ua.emit(notified)
		s.terminated(sub)
		return
	}
	s.adjust(sub)
	in := onPending // also of a state that we do not know: it promises the least
	if sub.state == "active" {
		in = onActive
	}
	s.handle(in, &subscriptionEvent{})
	ua.emit(notified)
	s.fill()
}

// notification makes the event of a NOTIFY.
func (ua *UserAgent) notification(s *Subscription, event string, req *sip.Request) Notified {
	n := Notified{Subscription: s, Event: event, ContentType: contentTypeOf(req), Body: req.Body()}
	if len(n.Body) > 0 {
		value, err := parseEvent(event, message.ContentType(req), n.Body)
		if err != nil {
			ua.protocolError("a notification cannot be read: "+clean(err.Error(), 200), req.StartLine())
		} else {
			n.Value = s.merged(value)
		}
	}
	return n
}

// merged puts a document together with those before it. s is nil for a
// notification that nobody has subscribed to.
func (s *Subscription) merged(value any) any {
	if s == nil {
		return value
	}
	switch v := value.(type) {
	case DialogInfo:
		return merge(s, v, v.State)
	case ConferenceInfo:
		return merge(s, v, v.State)
	case RegistrationInfo:
		return merge(s, v, v.State)
	}
	return value
}

func merge[T interface{ Merge(T) (T, DocumentUpdate) }](s *Subscription, document T, state DocumentState) T {
	known, _ := s.known.(T)
	merged, update := document.Merge(known)
	switch {
	case update == DocumentGap && s.gap == complete:
		s.gap = noticed
	case update == DocumentApplied && state != DocumentPartial:
		s.gap = complete
	}
	s.known = merged
	return merged
}

// gap is what is known to be missing between the documents of a subscription.
type gap uint8

const (
	complete gap = iota
	noticed      // the full state is to be asked for
	asked        // it has been: once is enough until it comes
)

// fill asks for the full state when documents are missing.
func (s *Subscription) fill() {
	if s.gap == noticed && !s.busy && s.handle(onDue, &subscriptionEvent{done: func(error) {}}) {
		s.gap = asked
	}
}

// adjust takes the lifetime from a NOTIFY, which counts more than the 2xx
// (section 4.1.3). What differs by a moment only is no news: a refresh that
// each NOTIFY put off would come too late.
func (s *Subscription) adjust(sub substate) {
	if s.state == SubscriptionEnding {
		return
	}
	left := time.Until(s.until)
	if s.until.IsZero() {
		s.schedule(s.lifetime(sub.expires, sub.hasExpires)) // before the 2xx
		return
	}
	told := s.lifetime(sub.expires, sub.hasExpires)
	if sub.hasExpires && (told-left).Abs() > 2*time.Second {
		s.schedule(told)
	}
}

// terminated sorts the reasons of a notifier (section 4.1.3).
//
//	reason                 what we do
//	deactivated, timeout   subscribe again at once
//	probation, giveup      again after retry-after, or after half a minute
//	none, or unknown       again after retry-after; without one it is over
//	rejected, noresource,  over: who tries again is told the same
//	invariant
//
// At once means later each time when it does not last (backoff).
func (s *Subscription) terminated(sub substate) {
	e := &subscriptionEvent{reason: sub.reason, after: sub.retryAfter, err: &Error{Code: CodeRejected, Reason: "the notifier ended the subscription"}}
	if sub.reason != "" {
		e.err.Reason += ": " + sub.reason
	}
	in := onAgain
	switch sub.reason {
	case "deactivated", "timeout":
		e.after = 0 // retry-after means nothing here
	case "probation", "giveup":
		if e.after == 0 {
			e.after = 30 * time.Second
		}
	case "rejected", "noresource", "invariant":
		in, e.after = onOver, 0
	default:
		if e.after == 0 {
			in = onOver
		}
	}
	s.handle(in, e)
}

// receiveNotify takes a NOTIFY outside of any dialog: nobody has subscribed
// (section 4.1.3 wants a 481), unless the configuration says otherwise. Some PBXs
// tell of waiting messages in this way, without Subscription-State.
func (ua *UserAgent) receiveNotify(req *sip.Request, tx *transaction.Server) {
	event, _ := eventOf(req)
	switch {
	case !ua.cfg.UnsolicitedNotify:
		ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist")
	case !message.IsToken(event):
		ua.respond(tx, 489, "Bad Event")
	case encoded(req):
		ua.refuseEncoding(tx)
	case ua.crowded(tx):
	default:
		ua.respond(tx, sip.StatusOK, "OK")
		ua.emit(ua.notification(nil, event, req))
	}
}
