package sipua

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// exchange is one request to the network with everything it takes to get a real
// answer: the connection, the transaction and digest challenges.
type exchange struct {
	ua      *UserAgent
	link    *link // over which it is sent; before, the one to prefer
	build   func() *sip.Request
	tx      *transaction.Client
	auth    authenticator
	asking  *sip.Response // the challenge that waits for Config.CredentialsFor
	handler func(*sip.Response, error)
	// next, when set, is asked before the request is sent once more with
	// credentials. It returns the new sequence number, or false to give up. The
	// default counts on from the request.
	next func(req *sip.Request) (seq uint32, ok bool)
	// retry: when the flow is lost before the answer came, the request waits this
	// long for the next flow, is built anew and sent over it. It is for requests that
	// do no harm when the other side has got them already.
	retry   time.Duration
	retries int // so far
}

const (
	// briefly is as long as the transaction would have lasted.
	briefly = transaction.Timeout
	// patiently is for what is not to be left behind at the other side.
	patiently = 5 * time.Minute
	// maxRetries bounds how many flows a request may be lost with: it may be what
	// makes servers close them.
	maxRetries = 3
)

// request connects when needed, lets build make the request (whose Via may only
// be made once the flow is known) and sends it. handler gets provisional
// responses and then one final response or an *Error; after a 2xx to INVITE also
// the further ones.
func (ua *UserAgent) request(build func() *sip.Request, handler func(*sip.Response, error)) *exchange {
	return ua.requestOver(nil, build, handler)
}

// requestOver prefers a link: that of a dialog, or of a binding.
func (ua *UserAgent) requestOver(prefer *link, build func() *sip.Request, handler func(*sip.Response, error)) *exchange {
	x := &exchange{ua: ua, link: prefer, build: build, handler: handler}
	ua.connect(prefer, x.begin)
	return x
}

// requestHere is for what has to go over this link.
func (l *link) requestHere(build func() *sip.Request, handler func(*sip.Response, error)) *exchange {
	x := &exchange{ua: l.ua, link: l, build: build, handler: handler}
	l.connect(x.begin)
	return x
}

func (x *exchange) begin(l *link, err error) {
	switch {
	case err != nil && x.retry == patiently && !x.ua.closed:
		x.wait()
		return
	case err != nil:
		x.handler(nil, err)
		return
	}
	x.link = l
	if req := x.build(); req != nil {
		x.send(req)
	}
}

// send begins the transaction of req.
func (x *exchange) send(req *sip.Request) {
	x.link.route(req)
	x.link.complete(req)
	if x.tx == nil {
		x.auth.secure = secure(x.link.flow.URL())
		x.ua.auth.apply(&x.auth, req)
	}
	x.tx = x.link.layer.Request(req, x.receive)
}

func (x *exchange) receive(res *sip.Response, err error) {
	switch {
	case err != nil && x.retry > 0 && x.retries < maxRetries && errors.Is(err, ErrConnectionLost) && !x.ua.closed:
		x.retries++
		x.auth, x.tx = authenticator{}, nil
		x.wait()
	case err != nil:
		x.handler(nil, transactionError(err))
	case res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired:
		x.challenged(res)
	default:
		x.deliver(res)
	}
}

// wait for the next flow, which the request needs.
func (x *exchange) wait() {
	if l := x.ua.bestLink(nil); l != nil && l != x.link { // which may not know of its end yet
		x.begin(l, nil)
		return
	}
	x.ua.atNextFlow(x.retry, func(l *link, err error) {
		if err != nil {
			x.handler(nil, err)
			return
		}
		x.begin(l, nil)
	})
}

// waiter is what has to be sent over the next flow.
type waiter struct {
	then  func(*link, error)
	limit *timer
}

// atNextFlow calls then with the next flow, or with an error when none comes within the
// time allowed.
func (ua *UserAgent) atNextFlow(limit time.Duration, then func(*link, error)) {
	w := &waiter{then: then}
	ua.waiters = append(ua.waiters, w)
	ua.owner.post(ua.links[0].flow.Want) // nobody may have wanted it before; not inside its own callback
	w.limit = ua.after(limit, func() {
		ua.waiters = slices.DeleteFunc(ua.waiters, func(other *waiter) bool { return other == w })
		ua.links[0].flow.Rest()
		then(nil, &Error{Code: CodeConnectionLost, Reason: "the connection was lost and did not come back in time"})
	})
}

// flowCame serves those who wait for a flow.
func (ua *UserAgent) flowCame(l *link) {
	waiting := ua.waiters
	ua.waiters = nil
	for _, w := range waiting {
		w.limit.stop()
		w.then(l, nil)
	}
}

// transactionError names the failure of a transaction.
func transactionError(err error) error {
	if err == transaction.ErrTimeout {
		return &Error{Code: CodeTimeout, Status: sip.StatusRequestTimeout, Reason: "Request Timeout", Err: err} // section 8.1.3.1: as if 408
	}
	return asError("", CodeConnectionLost, err)
}

// challenged answers a challenge (section 22.2 and 22.3) with the same request,
// a new transaction and the next sequence number.
func (x *exchange) challenged(res *sip.Response) {
	x.asking = res
	x.ua.auth.challenged(&x.auth, x.tx.Request, res, func(err error) {
		if x.asking == nil {
			return // given up meanwhile
		}
		x.asking = nil
		if err != nil {
			x.handler(nil, err)
			return
		}
		req := x.tx.Request.Clone()
		seq, ok := req.CSeq().SeqNo+1, true
		if x.next != nil {
			if seq, ok = x.next(req); !ok {
				x.handler(res, nil)
				return
			}
		}
		x.ua.auth.put(&x.auth, req)
		message.CSeq(req, seq)
		x.send(req)
	})
}

// giveUp ends the wait for Config.CredentialsFor, which may be a person: the
// challenge is the answer then. It reports whether there was such a wait.
func (x *exchange) giveUp() bool {
	res := x.asking
	if res == nil {
		return false
	}
	x.asking = nil
	x.handler(res, nil)
	return true
}

// rejected makes the error of a final response that is not a 2xx.
func rejected(res *sip.Response) *Error {
	return &Error{Code: CodeRejected, Status: res.StatusCode, Reason: reasonOf(res), RetryAfter: retryAfter(res)}
}

// retryAfter reads the Retry-After of a response (RFC 3261 section 20.33).
func retryAfter(msg sip.Message) time.Duration {
	seconds, _ := message.Seconds(msg, "Retry-After")
	return min(time.Duration(seconds)*time.Second, maxExpires)
}

// reasonOf is the reason phrase, as plain text of bounded length: it goes to
// people.
func reasonOf(res *sip.Response) string {
	return clean(res.Reason, 200)
}

// clean drops control characters, and those that change the order in which text
// is read, from text of the network, and bounds it.
func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069 || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit]) + "…"
	}
	return s
}
