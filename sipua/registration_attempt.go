package sipua

import (
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// attempt is one try to change the binding, which may take several requests.
type attempt struct {
	b      *binding
	act    act
	done   func(error)
	briefs int // 423 answers, so that a registrar that raises its minimum each time does not keep us for ever
	// Redirections: where the request goes now, what other addresses there are, and
	// all of them, for the same reason.
	target *sip.Uri
	others []*sip.Uri
	hops   []string
	moved  bool // by 301
}

const (
	maxBriefs = 2
	maxHops   = 5
	// maxExpires bounds what a registrar may talk us into.
	maxExpires = 24 * time.Hour
)

func (a *attempt) send() {
	b := a.b
	target := a.target
	if target == nil {
		target = b.home
	}
	if target == nil {
		target = b.link.ua.domain()
	}
	b.request = b.link.requestHere(func() *sip.Request { return b.build(a.act, target) }, a.answered)
	b.request.next = b.next
}

// answered sorts the outcomes.
func (a *attempt) answered(res *sip.Response, err error) {
	b := a.b
	switch {
	case !b.busy(): // closed meanwhile
		a.done(&Error{Code: CodeClosed, Reason: "the user agent was closed"})
	case err != nil:
		a.failed(asError("register", CodeInternal, err))
	case res.StatusCode < 200:
	case res.StatusCode < 300:
		a.succeeded(res)
	case res.StatusCode < 400 && a.redirected(res):
	case res.StatusCode == sip.StatusIntervalToBrief && a.longer(res):
	case res.StatusCode == statusFirstHopLacksOutbound && !b.link.ua.registration.noOutbound:
		b.link.ua.registration.noOutbound = true // RFC 5626 section 11.1.1: once more without
		a.send()
	case res.StatusCode >= 400 && res.StatusCode < 600 && a.elsewhere(): // 6xx holds everywhere (section 21.6)
	default:
		a.failed(rejected(res))
	}
}

const statusFirstHopLacksOutbound = 439

// longer is section 10.2.8: as long as the registrar wants at least.
func (a *attempt) longer(res *sip.Response) bool {
	least, _ := message.Seconds(res, "Min-Expires")
	asks := time.Duration(least) * time.Second
	if a.act != renew || a.briefs >= maxBriefs || asks <= a.b.asked || asks > maxExpires {
		return false
	}
	a.briefs++
	a.b.asked = asks
	a.send()
	return true
}

// redirected follows a 3xx (section 8.1.3.4) to the new addresses in it, one after
// the other.
func (a *attempt) redirected(res *sip.Response) bool {
	var targets []*sip.Uri
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok || c.Address.Wildcard || c.Address.Scheme != "sip" && c.Address.Scheme != "sips" || len(a.hops) >= maxHops {
			continue
		}
		uri := c.Address.Clone()
		uri.Headers = nil
		if uri.User != "" { // the address of record moved: section 10.2 wants the domain
			uri.User, uri.Password = "", ""
		}
		if slices.Contains(a.hops, uri.String()) {
			continue
		}
		a.hops = append(a.hops, uri.String())
		targets = append(targets, uri)
	}
	a.others = append(targets, a.others...)
	a.moved = res.StatusCode == sip.StatusMovedPermanently
	return a.elsewhere()
}

// elsewhere goes to the next address of a redirection.
func (a *attempt) elsewhere() bool {
	if len(a.others) == 0 {
		return false
	}
	a.target, a.others = a.others[0], a.others[1:]
	a.send()
	return true
}

func (a *attempt) succeeded(res *sip.Response) {
	b := a.b
	ua := b.link.ua
	if a.act != renew {
		b.until = time.Time{}
		b.list(res)
		b.quit(nil)
		a.done(nil)
		b.nextTurn()
		return
	}
	granted := b.learn(res)
	if a.moved {
		b.home = a.target // where 301 has sent us for good
	}
	if granted <= 0 {
		err := &Error{Code: CodeProtocol, Status: res.StatusCode, Reason: "the registrar accepted the registration but granted no time"}
		b.expiry.stop()
		b.held = false
		b.forget()
		a.failed(err)
		ua.registration.unregistered(err)
		return
	}
	b.state, b.held, b.failures, b.after = registered, true, 0, time.Time{}
	b.stop()
	b.until = wall().Add(granted)
	b.expiry = ua.after(granted, b.ranOut)
	wait := refreshAfter(granted)
	b.timer = ua.after(wait, b.refresh)
	ua.registration.registered(b, granted)
	a.done(nil)
	b.nextTurn()
}

// failed ends an attempt: for now, or for good.
func (a *attempt) failed(err *Error) {
	b := a.b
	ua := b.link.ua
	if a.act != renew {
		b.quit(err)
		a.done(err)
		b.nextTurn()
		return
	}
	if final(err) {
		b.wanted = false
		ua.emit(RegistrationFailed{Flow: b.link.number, Err: err, Final: true})
		b.quit(err)
		a.done(err)
		b.nextTurn()
		return
	}
	b.timer.stop() // the expiry goes on: the registrar may hold the binding yet
	b.state = resting
	b.failures++
	wait := b.rest(err)
	ua.emit(RegistrationFailed{Flow: b.link.number, Err: err, RetryIn: wait})
	a.done(err)
	b.nextTurn()
}

// final: trying again would not help. Everything else may pass, and so may what
// comes with a Retry-After.
func final(err *Error) bool {
	switch err.Code {
	case CodeUnauthorized:
		return true
	case CodeRejected:
	default:
		return false
	}
	switch s := err.Status; {
	case err.RetryAfter > 0:
		return false
	case s == 408, s == sip.StatusIntervalToBrief, s == 429, s == statusFlowFailed, s == 480, s == 486, s == 487, s == 491:
		return false
	case s == 501, s == 505, s == 513, s == 555:
		return true
	default:
		return s < 500 || s >= 600
	}
}
