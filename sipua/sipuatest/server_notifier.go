//go:build !js

package sipuatest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// maxSubscriptions and maxPublications bound what clients can make the server
// remember.
const (
	maxSubscriptions = 1000
	maxPublications  = 1000
)

// notifier is the server's own side of events: it answers SUBSCRIBE and PUBLISH
// for the packages of [Options.Events] and sends NOTIFY (RFC 6665, RFC 3903).
type notifier struct {
	server *Server

	mu            sync.Mutex               // taken before the server's
	subscriptions map[string]*subscription // by dialogKey
	publications  map[resource][]*publication
	published     int
	mailboxes     map[string]mailbox // by user
}

// resource is what one can subscribe to.
type resource struct{ user, event string }

// subscription is one dialog (RFC 6665 section 4.4). Its fields belong to the
// notifier's lock.
type subscription struct {
	key      string
	resource resource
	id       string // of the Event header
	from, to string // of NOTIFY
	callID   string
	flow     *flow
	target   sip.Uri
	routes   []string
	cseq     uint32 // of our requests
	version  int    // of the next document
	until    time.Time
	expiry   *time.Timer
}

func newNotifier(s *Server) *notifier {
	n := &notifier{server: s, mailboxes: map[string]mailbox{}}
	n.reset()
	return n
}

// reset forgets subscriptions and publications without a word. Mailboxes stay.
func (n *notifier) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, sub := range n.subscriptions {
		sub.expiry.Stop()
	}
	for _, list := range n.publications {
		for _, p := range list {
			p.expiry.Stop()
		}
	}
	n.subscriptions, n.publications, n.published = map[string]*subscription{}, map[resource][]*publication{}, 0
}

// Subscriptions returns the number of subscriptions to an event package of a
// user that the server itself notifies.
func (s *Server) Subscriptions(user, event string) (n int) {
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	for _, sub := range s.events.subscriptions {
		if sub.resource == (resource{user, event}) {
			n++
		}
	}
	return n
}

// EndSubscriptions ends the subscriptions to an event package of a user with
// "Subscription-State: terminated" and this reason (RFC 6665 section 4.1.3):
// "deactivated", "probation", "rejected", "timeout", "giveup", "noresource" or
// "invariant". A retryAfter that is not zero goes with it.
func (s *Server) EndSubscriptions(user, event, reason string, retryAfter time.Duration) {
	state := "terminated;reason=" + reason
	if retryAfter > 0 {
		state += fmt.Sprintf(";retry-after=%d", retryAfter/time.Second)
	}
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	for _, sub := range s.events.subscriptions {
		if sub.resource == (resource{user, event}) {
			s.events.end(sub, state, nil)
		}
	}
}

// ForgetSubscriptions drops all subscriptions and publications without a word,
// as a server does that has lost its memory: a refresh gets 481, a PUBLISH with
// the old entity tag 412.
func (s *Server) ForgetSubscriptions() { s.events.reset() }

// handle takes a request that is for the server itself, and reports whether it
// was one.
func (n *notifier) handle(f *flow, tx *serverTransaction, req *sip.Request) bool {
	s, o := n.server, n.server.options.Load()
	if len(o.Events) == 0 || req.Method != sip.SUBSCRIBE && req.Method != sip.PUBLISH {
		return false
	}
	if tag, ok := req.To().Params.Get("tag"); ok && req.Method == sip.SUBSCRIBE {
		return n.refresh(f, tx, req, dialogKey(req, tag))
	}
	user := s.accountOf(&req.Recipient)
	if _, known := o.Accounts[user]; !known || !s.domestic(&req.Recipient) {
		return false
	}
	event, id := eventOf(req)
	if req.Method == sip.PUBLISH {
		n.publish(o, tx, req, resource{user, event})
		return true
	}
	if !o.notifies(event) {
		if targets, _ := s.locate(f, req); len(targets) > 0 {
			return false // the contacts of the account may know it
		}
		s.respond(tx, req, 489, "Bad Event", allowEvents(o.Events))
		return true
	}
	n.subscribe(o, f, tx, req, resource{user, event}, id)
	return true
}

func allowEvents(events []string) sip.Header {
	return sip.NewHeader("Allow-Events", strings.Join(events, ", "))
}

// eventOf splits the Event header (RFC 6665 section 8.2.1).
func eventOf(req *sip.Request) (event, id string) {
	for _, name := range []string{"Event", "o"} {
		if h := req.GetHeader(name); h != nil {
			event, params, _ := strings.Cut(h.Value(), ";")
			for param := range strings.SplitSeq(params, ";") {
				if value, ok := strings.CutPrefix(strings.TrimSpace(param), "id="); ok {
					id = value
				}
			}
			return strings.TrimSpace(event), id
		}
	}
	return "", ""
}

// granted is the Expires that a SUBSCRIBE or PUBLISH gets (RFC 6665 section
// 4.2.1.1). A request that it cannot be granted has been answered.
func (n *notifier) granted(o *Options, tx *serverTransaction, req *sip.Request) (time.Duration, bool) {
	expires := o.MaxExpires
	if h := req.GetHeader("Expires"); h != nil {
		seconds, err := strconv.ParseUint(h.Value(), 10, 32)
		if err != nil {
			n.server.respond(tx, req, 400, "Bad Expires")
			return 0, false
		}
		expires = min(expires, time.Duration(seconds)*time.Second)
	}
	if expires > 0 && expires < o.MinExpires {
		n.server.respond(tx, req, 423, "Interval Too Brief", minExpires(o))
		return 0, false
	}
	return expires, true
}

func expiresHeader(d time.Duration) sip.Header {
	return sip.NewHeader("Expires", strconv.Itoa(int(d/time.Second)))
}

// subscribe begins a subscription (RFC 6665 section 4.2.1).
func (n *notifier) subscribe(o *Options, f *flow, tx *serverTransaction, req *sip.Request, r resource, id string) {
	s := n.server
	if !acceptable(req, r.event) {
		s.respond(tx, req, 406, "Not Acceptable", sip.NewHeader("Accept", contentType(r.event)))
		return
	}
	if req.Contact() == nil || req.Contact().Address.Wildcard {
		s.respond(tx, req, 400, "SUBSCRIBE Wants A Contact")
		return
	}
	expires, ok := n.granted(o, tx, req)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.subscriptions) >= maxSubscriptions {
		s.respond(tx, req, 500, "Too Many Subscriptions", sip.NewHeader("Retry-After", "60"))
		return
	}
	tag := sip.GenerateTagN(10)
	from := req.To().AsFrom()
	from.Params = from.Params.Clone()
	from.Params.Add("tag", tag)
	sub := &subscription{
		key: dialogKey(req, tag), resource: r, id: id,
		from: from.Value(), to: req.From().Value(), callID: req.CallID().Value(),
	}
	for _, h := range req.GetHeaders("Record-Route") { // RFC 3261 section 12.1.1
		sub.routes = append(sub.routes, h.Value())
	}
	sub.expiry = time.AfterFunc(expires, func() { n.timeout(sub) })
	n.subscriptions[sub.key] = sub
	n.accept(f, tx, req, sub, expires)
}

// refresh is a SUBSCRIBE inside a dialog (RFC 6665 section 4.2.1.4).
func (n *notifier) refresh(f *flow, tx *serverTransaction, req *sip.Request, key string) bool {
	s := n.server
	n.mu.Lock()
	sub := n.subscriptions[key]
	n.mu.Unlock()
	if sub == nil {
		if s.ours(&req.Recipient) && req.Recipient.User == notifierUser {
			s.respond(tx, req, 481, "Subscription Does Not Exist")
			return true
		}
		return false
	}
	if event, id := eventOf(req); event != sub.resource.event || id != sub.id {
		s.respond(tx, req, 481, "Subscription Does Not Exist")
		return true
	}
	expires, ok := n.granted(s.options.Load(), tx, req)
	if !ok {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.subscriptions[key] != sub { // it has ended meanwhile
		s.respond(tx, req, 481, "Subscription Does Not Exist")
		return true
	}
	n.accept(f, tx, req, sub, expires)
	return true
}

// notifierUser is the user of the notifier's Contact.
const notifierUser = "events"

// accept answers a SUBSCRIBE and sends the state, which every one is followed by
// (RFC 6665 section 4.2.1.2). n.mu is held.
func (n *notifier) accept(f *flow, tx *serverTransaction, req *sip.Request, sub *subscription, expires time.Duration) {
	s := n.server
	sub.flow = f
	if contact := req.Contact(); contact != nil {
		sub.target = *contact.Address.Clone() // target refresh, section 4.4.1
	}
	sub.until = time.Now().Add(expires)
	sub.expiry.Reset(expires)
	res := sip.NewResponseFromRequest(req, 200, "OK", nil)
	_, tag, _ := strings.Cut(sub.from, ";tag=")
	res.To().Params.Add("tag", tag)
	contact := s.uri(notifierUser)
	res.AppendHeader(&sip.ContactHeader{Address: contact})
	res.AppendHeader(expiresHeader(expires))
	s.finish(tx, res)
	if expires == 0 {
		n.end(sub, "terminated;reason=timeout", nil)
		return
	}
	n.notify(sub, nil)
}

// timeout ends a subscription that was not refreshed.
func (n *notifier) timeout(sub *subscription) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.subscriptions[sub.key] == sub && !time.Now().Before(sub.until) {
		n.end(sub, "terminated;reason=timeout", nil)
	}
}

// changed tells the subscribers of a resource its new state. n.mu is held.
func (n *notifier) changed(r resource, gone []*binding) {
	for _, sub := range n.subscriptions {
		if sub.resource == r {
			n.notify(sub, gone)
		}
	}
}

// bindingsChanged tells the subscribers of the package reg what has happened.
func (n *notifier) bindingsChanged() {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.server
	s.mu.Lock()
	gone := s.gone
	s.gone = map[string][]*binding{}
	s.mu.Unlock()
	for user, ended := range gone {
		n.changed(resource{user, "reg"}, ended)
	}
}

// end sends the last NOTIFY of a subscription. n.mu is held.
func (n *notifier) end(sub *subscription, state string, gone []*binding) {
	sub.expiry.Stop()
	delete(n.subscriptions, sub.key)
	n.send(sub, state, gone)
}

// notify sends the state. n.mu is held.
func (n *notifier) notify(sub *subscription, gone []*binding) {
	left := max(0, (time.Until(sub.until)+time.Second-1)/time.Second)
	n.send(sub, fmt.Sprintf("active;expires=%d", left), gone)
}

// send sends one NOTIFY (RFC 6665 section 4.2.2). n.mu is held.
func (n *notifier) send(sub *subscription, state string, gone []*binding) {
	s := n.server
	req := sip.NewRequest(sip.NOTIFY, sub.target)
	host, port := s.sentBy()
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "WS", Host: host, Port: port}
	via.Params.Add("branch", sip.GenerateBranch())
	req.AppendHeader(via)
	for _, route := range sub.routes {
		req.AppendHeader(sip.NewHeader("Route", route))
	}
	sub.cseq++
	id, hops := sip.CallIDHeader(sub.callID), sip.MaxForwardsHeader(70)
	contact := s.uri(notifierUser)
	event := sub.resource.event
	if sub.id != "" {
		event += ";id=" + sub.id
	}
	for _, h := range []sip.Header{
		sip.NewHeader("From", sub.from), sip.NewHeader("To", sub.to), &id,
		&sip.CSeqHeader{SeqNo: sub.cseq, MethodName: sip.NOTIFY}, &hops, &sip.ContactHeader{Address: contact},
		sip.NewHeader("Event", event), sip.NewHeader("Subscription-State", state),
	} {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	if kind, body := n.document(sub, gone); body != "" {
		req.AppendHeader(sip.NewHeader("Content-Type", kind))
		req.SetBody([]byte(body))
	}
	sub.version++
	req = reparse(req)

	f := sub.flow
	if targets, _ := s.locate(nil, req); len(targets) > 0 {
		f = targets[0].flow // the client may have come back on another connection
		req.Recipient = targets[0].uri
	}
	tx, err := s.request(f, req)
	if err != nil {
		return // lost: the client is away, and comes back or lets the subscription expire
	}
	s.running.Go(func() {
		for {
			select {
			case res := <-tx.Responses():
				// What the subscriber does not know any more is at its end (section 4.2.2).
				if slices.Contains([]int{404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604}, res.StatusCode) {
					n.forget(sub)
				}
			case <-tx.Done():
				return
			}
		}
	})
}

// forget ends a subscription without a word.
func (n *notifier) forget(sub *subscription) {
	n.mu.Lock()
	defer n.mu.Unlock()
	sub.expiry.Stop()
	if n.subscriptions[sub.key] == sub {
		delete(n.subscriptions, sub.key)
	}
}
