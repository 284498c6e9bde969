package sipua

import (
	"errors"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/flow"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// binding keeps one binding at the registrar (RFC 3261 section 10.2): that which
// leads to its flow. One REGISTER is under way at a time, as section 10.2 asks;
// who asks meanwhile waits for its turn.
//
//	             register     unregister      2xx         refused for good  failed for now   flow lost     due, flow up
//	off          registering  (done)          –           –                 –                –             –
//	registering  (waits)      (waits)         registered  off               resting          resting       –
//	registered   registering  removing        –           –                 –                resting       registering
//	resting      registering  removing, off   –           –                 –                resting       registering
//	removing     (waits)      (waits)         off         off               off              off           –
//
// Resting is a binding that is wanted and waits: for the time of its next attempt,
// or for the flow. It is removed from there when the registrar may hold it yet.
type binding struct {
	link   *link
	state  bindingState
	wanted bool // until it is removed or refused for good
	held   bool // the registrar holds it, as far as we know

	callID   string
	seq      uint32
	tag      string
	asked    time.Duration // what the next REGISTER asks for; a 423 raises it
	home     *sip.Uri      // where 301 sent us, nil: the domain
	failures int           // attempts that failed since the last success
	request  *exchange     // the last REGISTER

	timer  *timer    // of the next attempt
	expiry *timer    // end of the binding, when no refresh has succeeded
	after  time.Time // Retry-After: no attempt by ourselves before
	until  time.Time // the registrar may hold the binding up to here, also after a failure
	turn   []turn    // who waits for the REGISTER under way

	// What the registrar gave with the last 2xx.
	bindings []Binding
	routes   []sip.Uri // Service-Route (RFC 3608)
	gruu     string    // RFC 5627
	tempGRUU string    // the one that tells nothing of us
	outbound bool      // RFC 5626
}

// turn is a verb that waits.
type turn struct {
	run  func(done func(error))
	done func(error)
}

type bindingState uint8

const (
	off bindingState = iota
	registering
	registered
	resting
	removing
)

func (s bindingState) String() string {
	return [...]string{"off", "registering", "registered", "resting", "removing"}[s]
}

// act is what a REGISTER is for.
type act uint8

const (
	renew     act = iota // to make or refresh the binding
	remove               // to take it away
	removeAll            // to take away all of the address of record
	fetch                // to ask for them
)

func (b *binding) init(l *link) {
	b.link = l
	b.callID = message.NewToken(22)
	b.tag = message.NewTag()
	b.asked = l.ua.cfg.RegistrationExpires
}

func (b *binding) busy() bool { return b.state == registering || b.state == removing }

func (b *binding) register(done func(error)) {
	if b.busy() {
		b.turn = append(b.turn, turn{b.register, done})
		return
	}
	b.wanted = true
	b.timer.stop()
	b.state = registering
	(&attempt{b: b, act: renew, done: done}).send()
}

// remove is for remove and removeAll.
func (b *binding) remove(a act, done func(error)) {
	if b.busy() {
		b.turn = append(b.turn, turn{func(done func(error)) { b.remove(a, done) }, done})
		if b.state == registering {
			b.request.giveUp() // nobody waits for a password to leave
		}
		return
	}
	b.wanted = false
	b.stop() // a refresh that comes due meanwhile would register again
	if a == remove && !b.held && !wall().Before(b.until) {
		b.state = off
		b.rested()
		done(nil)
		return
	}
	b.state = removing
	(&attempt{b: b, act: a, done: done}).send()
}

func (b *binding) fetch(done func(error)) {
	if b.busy() {
		b.turn = append(b.turn, turn{b.fetch, done})
		return
	}
	x := b.link.requestHere(func() *sip.Request { return b.build(fetch, b.link.ua.domain()) }, func(res *sip.Response, err error) {
		switch {
		case err != nil:
			done(err)
		case res.StatusCode < 200:
		case res.StatusCode < 300:
			b.list(res)
			done(nil)
		default:
			done(rejected(res))
		}
	})
	x.next = b.next
	x.retry = briefly
}

func (b *binding) next(*sip.Request) (uint32, bool) { b.seq++; return b.seq, true }

// quit ends the binding. The flows besides the first are there for theirs alone.
func (b *binding) quit(err error) {
	b.stop()
	b.state, b.held = off, false
	b.forget()
	b.link.ua.registration.unregistered(err)
	b.rested()
}

// rested: the flow is not needed for this binding any more, and what has waited for
// the binding goes on without.
func (b *binding) rested() {
	b.link.flow.Rest()
	if b.link.number > 1 {
		b.link.flow.Close(&Error{Code: CodeConnectionLost, Reason: "the flow is not needed any more"})
	}
	b.link.ua.recheck()
}

// rest decides when the next attempt comes: at a time, or (0) with the next flow.
func (b *binding) rest(err *Error) (wait time.Duration) {
	f := b.link.flow
	if f.State() != flow.Up {
		return 0
	}
	ua := b.link.ua
	wait = max(err.RetryAfter, flow.Backoff{Base: ua.cfg.Reconnect.Base, Cap: ua.cfg.Reconnect.Max}.Delay(b.failures))
	switch {
	case errors.Is(err, ErrTimeout), err.Status == statusFlowFailed:
		// RFC 5626 section 4.4: a flow over which REGISTER gets no answer has failed.
		// The state is resting already, so that the next flow registers.
		if !f.Avoid(wait, err) {
			f.Fail(err)
		}
		return 0
	case err.Status == sip.StatusServiceUnavailable && len(ua.calls) == 0 && f.Avoid(wait, err):
		return 0 // RFC 3263 section 4.3: the next server
	}
	if err.RetryAfter > 0 {
		b.after = wall().Add(wait)
	}
	b.again(wait)
	return wait
}

// again registers after a while.
func (b *binding) again(wait time.Duration) {
	b.timer = b.link.ua.after(wait, func() { b.register(func(error) {}) })
}

const statusFlowFailed = 430

// refresh is due.
func (b *binding) refresh() {
	if b.state != registered { // one is under way already
		return
	}
	b.link.ua.emit(RegistrationExpiring{Flow: b.link.number, Expires: max(b.until.Sub(wall()), 0)})
	b.register(func(error) {})
}

// ranOut: the registrar has forgotten us. It comes while a refresh waits for its
// answer or its time; that refresh may still bring the binding back.
func (b *binding) ranOut() {
	if !b.held {
		return
	}
	b.held = false
	b.forget()
	b.link.ua.registration.unregistered(&Error{Op: "register", Code: CodeTimeout, Reason: "the registration ran out before it was refreshed"})
}

// refreshAfter is a random 50 to 90 % of the lifetime, so that the clients of a
// server that restarted do not come back all at once. Browsers wake a hidden page
// as rarely as once a minute: where the lifetime allows it the refresh comes so
// early that such a minute does no harm.
func refreshAfter(granted time.Duration) time.Duration {
	const throttled = 65 * time.Second
	return flow.Between(granted/2, max(granted/2, min(granted*9/10, granted-throttled)))
}

func (b *binding) nextTurn() {
	for len(b.turn) > 0 && !b.busy() { // what ends at once, or only asks, lets the next one on
		next := b.turn[0]
		b.turn = b.turn[1:]
		next.run(next.done)
	}
}

// flowLost: the binding leads to a connection that is gone. A REGISTER under way
// fails through its transaction.
func (b *binding) flowLost(err *Error) {
	b.until = time.Time{} // the binding goes with its connection
	held := b.held
	b.held = false
	b.forget()
	if b.state == registered || b.state == resting {
		b.stop()
		b.state = resting
	}
	if held {
		b.link.ua.registration.unregistered(err)
	}
}

// flowUp: what rests registers now, unless the registrar asked to be left alone.
func (b *binding) flowUp() {
	if b.state != resting {
		return
	}
	if wait := b.after.Sub(wall()); wait > 0 {
		b.again(wait)
		return
	}
	b.register(func(error) {})
}

// forget what came with the binding.
func (b *binding) forget() {
	b.routes, b.gruu, b.tempGRUU, b.outbound = nil, "", "", false
}

func (b *binding) close() {
	b.stop()
	b.state, b.wanted, b.held = off, false, false
}

// end tells who waits that the user agent is closed.
func (b *binding) end(err *Error) {
	for _, t := range b.turn {
		t.done(err)
	}
	b.turn = nil
}

func (b *binding) stop() {
	b.timer.stop()
	b.expiry.stop()
}
