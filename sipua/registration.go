package sipua

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// registration keeps our binding at the registrar (RFC 3261 section 10.2). One
// REGISTER is under way at a time, as section 10.2 asks; who asks meanwhile
// waits for its turn.
//
//	              register     unregister    2xx          failure, flow lost   refresh due
//	off           registering  (done)        –            –                    –
//	registering   (waits)      (waits)       registered   off                  –
//	registered    registering  removing      –            off                  registering
//	removing      (waits)      (waits)       off          off                  –
type registration struct {
	ua     *UserAgent
	state  registrationState
	callID string
	seq    uint32
	tag    string
	asked  time.Duration // what the next REGISTER asks for; a 423 raises it
	timer  *timer        // refresh
	expiry *timer        // end of the binding, when no refresh has succeeded
	gone   bool          // ranOut has told of the end already
	until  time.Time     // the registrar may hold our binding up to here, also after a failure
	turn   []turn        // who waits for the REGISTER under way
}

// turn is a verb that waits.
type turn struct {
	run  func(done func(error))
	done func(error)
}

type registrationState uint8

const (
	off registrationState = iota
	registering
	registered
	removing
)

func (s registrationState) String() string {
	return [...]string{"off", "registering", "registered", "removing"}[s]
}

func (r *registration) init(ua *UserAgent) {
	r.ua = ua
	r.callID = message.NewToken(22)
	r.tag = message.NewTag()
	r.asked = ua.cfg.RegistrationExpires
}

// Register makes the registrar send our calls to this user agent, and keeps it
// so by refreshing at a random 50 to 90 % of the lifetime granted, until
// Unregister or a failure. It connects when needed and returns when the
// registrar has answered; calling it while registered refreshes at once.
//
// Errors: CodeUnauthorized (wrong or missing credentials), CodeRejected (with
// the status), CodeConnectionFailed, CodeConnectionLost, CodeTimeout. A refresh
// that fails later is told by the event Unregistered.
func (ua *UserAgent) Register(ctx context.Context) error {
	return ua.do(ctx, "register", func(done func(error)) { ua.registration.register(done) })
}

// Unregister removes our binding; other devices of the same address of record
// keep theirs. Without a binding it does nothing; after a refresh or Unregister
// that failed the registrar may still hold one, which it removes.
func (ua *UserAgent) Unregister(ctx context.Context) error {
	return ua.do(ctx, "unregister", func(done func(error)) { ua.registration.unregister(done) })
}

func (r *registration) register(done func(error)) {
	if r.busy() {
		r.turn = append(r.turn, turn{r.register, done})
		return
	}
	r.state = registering
	r.attempt(r.asked, 0, done)
}

func (r *registration) unregister(done func(error)) {
	if r.busy() {
		r.turn = append(r.turn, turn{r.unregister, done})
		return
	}
	if r.state == off && !time.Now().Before(r.until) {
		done(nil)
		return
	}
	r.stop() // a refresh that comes due meanwhile would register again
	r.state = removing
	r.attempt(0, 0, done)
}

func (r *registration) busy() bool { return r.state == registering || r.state == removing }

// attempt sends one REGISTER. tries counts the 423 answers, so that a registrar
// that raises its minimum each time does not keep us for ever.
func (r *registration) attempt(expires time.Duration, tries int, done func(error)) {
	x := r.ua.request(
		func() *sip.Request { return r.build(expires) },
		func(res *sip.Response, err error) {
			switch {
			case !r.busy(): // closed meanwhile
				done(&Error{Code: CodeClosed, Reason: "the user agent was closed"})
			case err != nil:
				r.failed(asError("register", CodeInternal, err), done)
			case res.StatusCode < 200:
			case res.StatusCode < 300:
				r.succeeded(res, expires, done)
			case res.StatusCode == sip.StatusIntervalToBrief && tries < 2 && expires > 0:
				// Section 10.2.8: as long as the registrar wants at least.
				least, _ := message.Seconds(res, "Min-Expires")
				if longer := time.Duration(least) * time.Second; longer > expires && longer <= maxExpires {
					r.asked = longer
					r.attempt(longer, tries+1, done)
					return
				}
				r.failed(rejected(res), done)
			default:
				r.failed(rejected(res), done)
			}
		})
	x.next = func(*sip.Request) (uint32, bool) { r.seq++; return r.seq, true }
}

// maxExpires bounds what a registrar may talk us into.
const maxExpires = 24 * time.Hour

func (r *registration) build(expires time.Duration) *sip.Request {
	ua := r.ua
	r.seq++
	domain := sip.Uri{Scheme: ua.aor.Scheme, Host: ua.aor.Host, Port: ua.aor.Port} // section 10.2: no user part
	req := sip.NewRequest(sip.REGISTER, domain)
	req.AppendHeader(ua.from(r.tag))
	req.AppendHeader(&sip.ToHeader{DisplayName: message.Quote(ua.cfg.DisplayName), Address: *ua.aor.Clone()})
	callID := sip.CallIDHeader(r.callID)
	req.AppendHeader(&callID)
	message.CSeq(req, r.seq)
	seconds := strconv.Itoa(int(expires / time.Second))
	contact := &sip.ContactHeader{Address: ua.contact(ua.aor.Scheme)}
	contact.Params.Add("+sip.instance", `"<`+ua.cfg.InstanceID+`>"`) // RFC 5626 section 4.1
	contact.Params.Add("expires", seconds)
	req.AppendHeader(contact)
	req.AppendHeader(sip.NewHeader("Expires", seconds))
	req.AppendHeader(sip.NewHeader("Allow", allow))
	req.AppendHeader(sip.NewHeader("Supported", "path")) // RFC 3327: proxies may put themselves between
	return req
}

func (r *registration) succeeded(res *sip.Response, asked time.Duration, done func(error)) {
	if r.state == removing {
		r.stop()
		r.state, r.until = off, time.Time{}
		r.unregistered(nil)
		done(nil)
		r.nextTurn()
		return
	}
	granted := r.granted(res, asked)
	if granted <= 0 {
		r.failed(&Error{Code: CodeProtocol, Status: res.StatusCode, Reason: "the registrar accepted the registration but granted no time"}, done)
		return
	}
	r.state, r.gone = registered, false
	r.stop()
	r.expiry = r.ua.after(granted, r.ranOut)
	r.timer = r.ua.after(refreshAfter(granted), func() {
		if r.state == registered { // else one is under way already
			r.register(func(error) {})
		}
	})
	r.until = time.Now().Add(granted)
	r.ua.emit(Registered{Expires: granted})
	done(nil)
	r.nextTurn()
}

// ranOut: the registrar has forgotten us. It comes while a refresh waits for its
// answer; that refresh may still bring the binding back.
func (r *registration) ranOut() {
	r.gone = true
	r.ua.emit(Unregistered{Err: &Error{Op: "register", Code: CodeTimeout, Reason: "the registration ran out before it was refreshed"}})
}

// refreshAfter is a random 50 to 90 % of the lifetime, so that the clients of a
// server that restarted do not come back all at once.
func refreshAfter(granted time.Duration) time.Duration {
	return granted/2 + time.Duration(rand.Int64N(int64(granted*4/10)+1))
}

// granted finds what the registrar gave our binding: the expires parameter of
// our Contact among the bindings, otherwise the Expires header (section 10.2.4),
// otherwise what was asked for.
func (r *registration) granted(res *sip.Response, asked time.Duration) time.Duration {
	seconds, ok := message.Seconds(res, "Expires")
	if !ok {
		seconds = int(asked / time.Second)
	}
	for _, h := range res.GetHeaders("Contact") {
		c, isContact := h.(*sip.ContactHeader)
		if !isContact || !strings.EqualFold(c.Address.Host, r.ua.flow.host) || c.Address.User != r.ua.flow.user {
			continue
		}
		if v, has := message.Param(c.Params, "expires"); has {
			if n, err := strconv.ParseUint(v, 10, 31); err == nil {
				seconds = int(n)
			}
		}
	}
	return min(time.Duration(seconds)*time.Second, maxExpires)
}

// unregistered tells that there is no binding, unless ranOut has done so.
func (r *registration) unregistered(err error) {
	if !r.gone {
		r.ua.emit(Unregistered{Err: err})
	}
	r.gone = false
}

// failed ends the registration. done is nil when nobody waits.
func (r *registration) failed(err *Error, done func(error)) {
	was := r.state
	r.stop()
	r.state = off
	if was != off {
		r.unregistered(err)
	}
	if done != nil {
		done(err)
	}
	r.nextTurn()
}

func (r *registration) nextTurn() {
	if len(r.turn) > 0 && !r.busy() {
		next := r.turn[0]
		r.turn = r.turn[1:]
		next.run(next.done)
	}
}

// flowLost: the binding leads to a connection that is gone. A REGISTER under way
// fails through its transaction.
func (r *registration) flowLost(err *Error) {
	r.until = time.Time{} // the binding goes with its connection
	if r.state == registered {
		r.failed(err, nil)
	}
}

func (r *registration) close(err *Error) {
	r.stop()
	r.state = off
	for _, t := range r.turn {
		t.done(err)
	}
	r.turn = nil
}

func (r *registration) stop() {
	r.timer.stop()
	r.expiry.stop()
}
