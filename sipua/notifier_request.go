package sipua

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// What a notifier receives and sends.

// notification is one NOTIFY that waits for its turn.
type notification struct {
	state   string // its Subscription-State but for expires
	content NotifierOptions
	done    func(error)
}

// receiveSubscribe is section 4.2.1 for a SUBSCRIBE outside of any dialog. Without
// Config.EventPackages the method itself is refused (405), since a user agent
// that serves no package does not know SUBSCRIBE.
func (ua *UserAgent) receiveSubscribe(req *sip.Request, tx *transaction.Server) {
	event, id := eventOf(req)
	accept := message.Tokens(req, "Accept")
	if len(req.GetHeaders("Accept")) == 0 {
		accept = defaultAccept(event)
	}
	switch {
	case !slices.Contains(ua.cfg.EventPackages, event):
		ua.badEvent(tx)
		return
	case len(defaultAccept(event)) > 0 && !slices.ContainsFunc(defaultAccept(event), func(t string) bool { return takes(accept, t) }):
		ua.respond(tx, sip.StatusNotAcceptable, "Not Acceptable") // RFC 3261 section 21.4.7
		return
	case encoded(req):
		ua.refuseEncoding(tx)
		return
	}
	asked, ok := ua.lifetimeAsked(req, tx)
	if !ok || ua.crowded(tx) {
		return
	}
	if len(ua.subscriptions.theirs) >= maxSubscriptions {
		ua.respond(tx, sip.StatusTemporarilyUnavailable, "Temporarily Unavailable", sip.NewHeader("Retry-After", "60"))
		return
	}
	d, err := dialog.NewUAS(req, message.NewTag())
	if err != nil {
		ua.respond(tx, sip.StatusBadRequest, "Bad Request: no Contact")
		return
	}
	from := req.From()
	n := &Notifier{
		ua: ua, id: d.ID.CallID, remote: identity(from.DisplayName, from.Address),
		event: event, eventID: id, accept: accept, contentType: contentTypeOf(req), body: req.Body(),
		table: notifierTable, tx: tx, dialog: d, asked: asked,
	}
	n.enter(SubscriptionRequested)
	ua.subscriptions.theirs = append(ua.subscriptions.theirs, n)
	n.patience = ua.after(patienceOfSubscribers, func() {
		n.handle(notifierReject, &notifierEvent{status: sip.StatusTemporarilyUnavailable, done: func(error) {},
			err: &Error{Code: CodeTimeout, Reason: "nobody decided about the subscription within 20 seconds"}})
	})
	ua.emit(IncomingSubscription{Subscription: n})
}

// receiveSubscribe takes a SUBSCRIBE in the dialog: a refresh or the end
// (sections 4.2.1.2 and 4.2.1.3).
func (n *Notifier) receiveSubscribe(req *sip.Request, tx *transaction.Server) {
	ua := n.ua
	if !n.dialog.Accept(req) {
		ua.respond(tx, sip.StatusInternalServerError, "CSeq Out of Order") // RFC 3261 section 12.2.2
		return
	}
	if event, id := eventOf(req); event != n.event || id != n.eventID {
		ua.badEvent(tx) // section 4.5.2: no second usage in a dialog
		return
	}
	asked, ok := ua.lifetimeAsked(req, tx)
	if !ok {
		return
	}
	n.dialog.Refresh(req)
	in := notifierRefresh
	if asked == 0 {
		in = notifierLeave
	}
	if !n.handle(in, &notifierEvent{tx: tx, asked: asked}) { // not accepted yet: nobody can know our tag
		ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist")
	}
}

// accepted sends the 200 (section 4.2.1.1).
func (n *Notifier) accepted(tx *transaction.Server, expires time.Duration) {
	res := n.ua.response(tx.Request, sip.StatusOK, "OK", n.dialog.ID.LocalTag)
	res.AppendHeader(n.ua.dialogContact(tx.Request.Recipient.Scheme))
	res.AppendHeader(secondsHeader("Expires", expires))
	n.ua.allowEvents(res)
	_ = tx.Respond(res) // without a flow the subscriber asks again
	n.until = time.Now().Add(expires)
	n.expiry.stop()
	if expires > 0 {
		n.expiry = n.ua.after(expires, func() { n.handle(notifierExpired, &notifierEvent{}) })
	}
}

// grant answers the first SUBSCRIBE and tells the state at once.
func (n *Notifier) grant(e *notifierEvent) {
	n.patience.stop()
	n.limit = e.accept.Expires
	tx := n.tx
	n.tx = nil
	if n.asked == 0 { // section 4.4.3: the state once
		n.accepted(tx, 0)
		n.enter(SubscriptionTerminated)
		n.post("terminated;reason=timeout", e.accept, e.done)
		n.end("timeout", nil)
		return
	}
	n.accepted(tx, min(n.asked, n.limit))
	n.tell(e)
}

// tell sends the state.
func (n *Notifier) tell(e *notifierEvent) {
	n.current = e.accept
	n.post(string(n.state), e.accept, e.done)
}

// prolong answers a refresh, with the state that was told last.
func (n *Notifier) prolong(e *notifierEvent) {
	n.accepted(e.tx, min(e.asked, n.limit))
	if len(n.queue) < maxNotifications {
		n.post(string(n.state), n.current, nil)
	}
}

func (n *Notifier) leave(e *notifierEvent) {
	n.accepted(e.tx, 0)
	n.post("terminated;reason=timeout", n.current, nil)
	n.end("unsubscribed", nil)
}

func (n *Notifier) expired(*notifierEvent) {
	n.post("terminated;reason=timeout", NotifierOptions{}, nil)
	n.end("timeout", nil)
}

func (n *Notifier) terminated(e *notifierEvent) {
	state := "terminated;reason=" + e.reason
	if e.after > 0 {
		state += ";retry-after=" + strconv.Itoa(int(e.after/time.Second))
	}
	n.post(state, NotifierOptions{}, e.done)
	n.end(e.reason, nil)
}

// refuse answers the first SUBSCRIBE with a failure.
func (n *Notifier) refuse(e *notifierEvent) {
	status := e.status
	if status == 0 {
		status = sip.StatusTemporarilyUnavailable
	}
	_ = n.tx.Respond(n.ua.response(n.tx.Request, status, phrase(status), n.dialog.ID.LocalTag))
	n.end("", e.err)
	if e.done != nil {
		e.done(nil)
	}
}

// gone: there is nobody to tell any more.
func (n *Notifier) gone(e *notifierEvent) {
	n.end("", e.err)
	n.abandon(e.err)
}

// abandon drops the notifications that wait.
func (n *Notifier) abandon(err error) {
	queue := n.queue
	n.queue = nil
	for _, q := range queue {
		if q.done != nil {
			q.done(err)
		}
	}
}

// post queues a NOTIFY. One is under way at a time: with digest a second one
// could overtake the first.
func (n *Notifier) post(state string, content NotifierOptions, done func(error)) {
	n.queue = append(n.queue, &notification{state: state, content: content, done: done})
	if n.state == SubscriptionTerminated {
		n.waits = false // it is now or never
	}
	n.next()
}

// next sends the first NOTIFY of the queue (section 4.2.2).
func (n *Notifier) next() {
	if n.sending || n.waits || len(n.queue) == 0 {
		return
	}
	n.sending = true
	q := n.queue[0]
	x := n.ua.request(func() *sip.Request {
		req := n.dialog.Request(sip.NOTIFY)
		req.AppendHeader(n.ua.dialogContact(n.dialog.RemoteTarget.Scheme))
		req.AppendHeader(eventHeader(n.event, n.eventID))
		state := q.state
		if !strings.HasPrefix(state, "terminated") {
			state += ";expires=" + strconv.Itoa(int(max(0, time.Until(n.until).Round(time.Second))/time.Second))
		}
		req.AppendHeader(sip.NewHeader("Subscription-State", state))
		n.ua.allowEvents(req)
		setBody(req, q.content.ContentType, q.content.Body)
		return req
	}, func(res *sip.Response, err error) {
		if err != nil || res.StatusCode >= 200 {
			n.sending = false
			n.answered(q, res, err)
		}
	})
	x.next = inDialog(n.dialog)
	x.retry = briefly // a state told twice is the same state
}

// answered takes the answer to the first NOTIFY of the queue.
func (n *Notifier) answered(q *notification, res *sip.Response, err error) {
	if len(n.queue) == 0 || n.queue[0] != q {
		return // abandoned
	}
	if flowFailed(err) && n.state != SubscriptionTerminated {
		n.waits = true // it goes out again when the flow is back
		n.ua.awaitsFlow()
		return
	}
	n.queue = n.queue[1:]
	if err == nil && res.StatusCode >= 300 {
		err = rejected(res)
	}
	if q.done != nil {
		defer q.done(err) // once the state says what the answer means
	}
	switch {
	case err == nil:
		n.dialog.Refresh(res) // section 3.2: NOTIFY is a target refresh request (RFC 3261 section 12.2.1.2)
	case res != nil && retryAfter(res) > 0 && !endsUsage(res.StatusCode): // only this one has failed
	default:
		failure := asError("notify", CodeInternal, err)
		if !n.handle(notifierRefused, &notifierEvent{err: failure}) { // over already
			n.abandon(failure)
		}
	}
	n.next()
}
