package sipua

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// subscriptions holds what a user agent keeps of the event framework: its own
// subscriptions (RFC 6665 section 4.1), those of others (section 4.2) and its
// publications (RFC 3903). It belongs to the owner goroutine.
type subscriptions struct {
	ours         []*Subscription
	theirs       []*Notifier
	publications []*Publication
	transfers    []*Transfer // RFC 3515: a REFER of ours subscribes
	referrals    []*Referral // and one of others, to what we make of it
}

// maxSubscriptions bounds each of the three kinds.
const maxSubscriptions = 1000

// active: something is there that wants the flow kept up.
func (ss *subscriptions) active() bool {
	return len(ss.ours)+len(ss.theirs)+len(ss.publications)+len(ss.transfers)+len(ss.referrals) > 0
}

// flowLost: the way on which notifications came is gone. Requests under way fail
// through their transactions.
func (ss *subscriptions) flowLost(err error) {
	for _, s := range slices.Clone(ss.ours) {
		s.handle(onLost, &subscriptionEvent{err: asError("subscribe", CodeConnectionLost, err)})
	}
	for _, n := range slices.Clone(ss.theirs) {
		n.handle(notifierFlowLost, &notifierEvent{err: asError("subscription", CodeConnectionLost, err)})
	}
	for _, t := range ss.transfers {
		t.lost = asError("transfer", CodeConnectionLost, err) // what comes after it is back still counts
	}
	for _, r := range slices.Clone(ss.referrals) {
		r.handle(referralFlowLost, &referralEvent{})
	}
}

// observed: something has happened to a call, which a transfer or a referral may be
// about.
func (ss *subscriptions) observed(e any) {
	if e, ok := e.(CallEnded); ok {
		for _, t := range slices.Clone(ss.transfers) {
			t.callEnded(e)
		}
	}
	for _, r := range slices.Clone(ss.referrals) {
		r.observed(e)
	}
}

// recovered: there is a flow again, and a binding that leads to it.
func (ss *subscriptions) recovered() {
	for _, s := range slices.Clone(ss.ours) {
		if s.lost {
			s.handle(onRecovered, &subscriptionEvent{})
		}
	}
	for _, n := range slices.Clone(ss.theirs) {
		n.waits = false
		n.next()
	}
	for _, p := range slices.Clone(ss.publications) {
		p.recovered()
	}
}

// close drops everything. Nothing is sent: what others keep for us runs out, as
// the binding does. UserAgent.Shutdown takes leave.
func (ss *subscriptions) close(err error) {
	for _, s := range slices.Clone(ss.ours) {
		s.state = SubscriptionTerminated
		s.finish("", 0, asError("subscribe", CodeClosed, err))
	}
	for _, n := range slices.Clone(ss.theirs) {
		n.handle(notifierClosed, &notifierEvent{err: asError("subscription", CodeClosed, err)})
	}
	for _, p := range slices.Clone(ss.publications) {
		p.end(asError("publish", CodeClosed, err))
	}
	for _, t := range slices.Clone(ss.transfers) {
		t.handle(referClosed, &transferEvent{err: asError("transfer", CodeClosed, err)})
	}
	for _, r := range slices.Clone(ss.referrals) {
		r.handle(referralClosed, &referralEvent{})
	}
}

// endSubscriptions takes leave of everybody, for Shutdown. The error says what may
// be left at a server; whom we told of our state finds out by himself.
func (ua *UserAgent) endSubscriptions(ctx context.Context) error {
	var ours []*Subscription
	var theirs []*Notifier
	var publications []*Publication
	err := ua.do(ctx, "shut down", func(done func(error)) {
		ours, theirs, publications = slices.Clone(ua.subscriptions.ours), slices.Clone(ua.subscriptions.theirs), slices.Clone(ua.subscriptions.publications)
		done(nil)
	})
	if err != nil {
		return nil // closed, or Unregister says so too
	}
	var wg sync.WaitGroup
	left := make([]error, len(ours)+len(publications))
	for i, s := range ours {
		wg.Go(func() { left[i] = s.Unsubscribe(ctx) })
	}
	for i, p := range publications {
		wg.Go(func() { left[len(ours)+i] = p.Remove(ctx) })
	}
	for _, n := range theirs {
		wg.Go(func() { _ = n.Terminate(ctx, "probation", 0) })
	}
	wg.Wait()
	return errors.Join(left...)
}

// receive takes a SUBSCRIBE or NOTIFY inside a dialog of ours. It reports false
// when there is no such subscription.
func (ss *subscriptions) receive(req *sip.Request, tx *transaction.Server) bool {
	id := dialogOf(req)
	switch req.Method {
	case sip.NOTIFY:
		if t := ss.transferOf(req); t != nil {
			t.receiveNotify(req, tx)
			return true
		}
		for _, s := range ss.ours {
			if s.callID == id.CallID && s.tag == id.LocalTag {
				s.receiveNotify(req, tx)
				return true
			}
		}
	case sip.SUBSCRIBE:
		for _, n := range ss.theirs {
			if n.dialog.ID == id {
				n.receiveSubscribe(req, tx)
				return true
			}
		}
	}
	return false
}

// crowded: listeners do not keep up with what strangers send. What makes events
// is then refused for a while, so that they cannot fill the memory.
func (ua *UserAgent) crowded(tx *transaction.Server) bool {
	if ua.events.len() < maxWaiting {
		return false
	}
	ua.respond(tx, sip.StatusServiceUnavailable, "Service Unavailable", sip.NewHeader("Retry-After", "10"))
	return true
}

// eventOf reads the Event header (RFC 6665 section 8.2.1). Both parts compare
// byte by byte.
func eventOf(msg sip.Message) (event, id string) {
	parts := message.SplitQuoted(message.HeaderValue(msg, "Event"), ";")
	for _, p := range parts[1:] {
		if name, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(name), "id") {
			id = strings.TrimSpace(v)
		}
	}
	return strings.TrimSpace(parts[0]), id
}

// eventHeader is the Event header of our requests.
func eventHeader(event, id string) sip.Header {
	if id != "" {
		event += ";id=" + id
	}
	return sip.NewHeader("Event", event)
}

func secondsHeader(name string, d time.Duration) sip.Header {
	return sip.NewHeader(name, strconv.Itoa(int(d/time.Second)))
}

// setBody gives a request a body, where there is one.
func setBody(req *sip.Request, contentType string, body []byte) {
	if len(body) > 0 {
		req.AppendHeader(sip.NewHeader("Content-Type", contentType))
		req.SetBody(body)
	}
}

// contentTypeOf is the whole Content-Type of what came in, as text for people
// and programs.
func contentTypeOf(msg sip.Message) string {
	return clean(message.HeaderValue(msg, "Content-Type"), 200)
}

// encoded: the body has an encoding that we cannot undo (RFC 3261 section 8.2.3).
func encoded(msg sip.Message) bool {
	encoding := strings.TrimSpace(message.HeaderValue(msg, "Content-Encoding"))
	return len(msg.Body()) > 0 && encoding != "" && !strings.EqualFold(encoding, "identity")
}

// refuseEncoding answers a request with such a body.
func (ua *UserAgent) refuseEncoding(tx *transaction.Server) {
	ua.respond(tx, sip.StatusUnsupportedMediaType, "Unsupported Media Type", sip.NewHeader("Accept-Encoding", "identity"))
}

// takes reports whether a list of media ranges (RFC 3261 section 20.1) has room
// for a media type.
func takes(ranges []string, mediaType string) bool {
	mediaType = bareType(mediaType)
	kind, _, _ := strings.Cut(mediaType, "/")
	return slices.ContainsFunc(ranges, func(r string) bool {
		r = bareType(r)
		return r == "*/*" || r == kind+"/*" || r == mediaType
	})
}

func bareType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(s))
}

// maxBody bounds the bodies that we send: what the parsers of our kind read in one
// message is 64 KiB with the headers.
const maxBody = 60 << 10

// checkBody judges the application's content.
func checkBody(contentType string, body []byte) error {
	switch kind, sub, _ := strings.Cut(bareType(contentType), "/"); {
	case len(body) > maxBody:
		return fmt.Errorf("the body has %d bytes: %d are the most", len(body), maxBody)
	case message.CheckValue(contentType) != nil:
		return fmt.Errorf("the content type %w", message.CheckValue(contentType))
	case len(body) > 0 && (!message.IsToken(kind) || !message.IsToken(sub)):
		return fmt.Errorf(`the content type %q of the body wants the form "type/subtype"`, clean(contentType, 40))
	}
	return nil
}

// checkEvent judges the name of an event package and an id.
func checkEvent(event, id string) error {
	switch {
	case !message.IsToken(event):
		return fmt.Errorf(`the event package %q wants a name such as "presence"`, clean(event, 40))
	case id != "" && !message.IsToken(id):
		return fmt.Errorf("the event id %q is no token (RFC 3261 section 25.1)", clean(id, 40))
	}
	return nil
}

// checkOwn is checkHeaders for a request that has more headers of its own.
func checkOwn(headers []Header, own ...string) error {
	for _, h := range headers {
		for _, name := range own {
			if strings.EqualFold(h.Name, name) {
				return fmt.Errorf("the header %s belongs to the protocol and cannot be set", h.Name)
			}
		}
	}
	return checkHeaders(headers)
}

// usualLifetime is what a package says of a SUBSCRIBE without Expires, and an hour
// where the package is not known.
func usualLifetime(event string) time.Duration {
	if d := defaultExpires(event); d > 0 {
		return d
	}
	return time.Hour
}

// checkLifetime fills in the default of an Expires.
func checkLifetime(d, usual time.Duration) (time.Duration, error) {
	switch {
	case d == 0:
		return usual, nil
	case d < time.Second || d > maxExpires:
		return 0, fmt.Errorf("the option Expires %v is out of range: from one second to %v", d, maxExpires)
	}
	return d.Truncate(time.Second), nil
}

// flowFailed: the request did not arrive because there is no connection.
func flowFailed(err error) bool {
	return errors.Is(err, ErrConnectionLost) || errors.Is(err, ErrConnectionFailed)
}

// endsUsage lists the responses after which a subscription does not exist any
// more at the other side (RFC 6665 sections 4.1.2.3 and 4.2.2, RFC 5057 section
// 5.1).
func endsUsage(status int) bool {
	switch status {
	case 404, 405, 410, 416, 489, 501, 604:
		return true
	}
	return 480 <= status && status <= 485
}
