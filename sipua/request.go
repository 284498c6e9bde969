package sipua

import (
	"strings"
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
	tx      *transaction.Client
	auth    authenticator
	handler func(*sip.Response, error)
	// next, when set, is asked before the request is sent once more with
	// credentials. It returns the new sequence number, or false to give up. The
	// default counts on from the request.
	next func(req *sip.Request) (seq uint32, ok bool)
}

// request connects when needed, lets build make the request (whose Via may only
// be made once the flow is known) and sends it. handler gets provisional
// responses and then one final response or an *Error; after a 2xx to INVITE also
// the further ones.
func (ua *UserAgent) request(build func() *sip.Request, handler func(*sip.Response, error)) *exchange {
	x := &exchange{ua: ua, handler: handler}
	ua.connect(func(err error) {
		if err != nil {
			handler(nil, err)
			return
		}
		if req := build(); req != nil {
			x.send(req)
		}
	})
	return x
}

// send completes req with what every request of ours has and begins its
// transaction (RFC 3261 section 8.1.1).
func (x *exchange) send(req *sip.Request) {
	req.RemoveHeader("Via")
	req.PrependHeader(x.ua.via())
	if req.MaxForwards() == nil {
		h := sip.MaxForwardsHeader(70)
		req.AppendHeader(&h)
	}
	if req.GetHeader("User-Agent") == nil {
		req.AppendHeader(sip.NewHeader("User-Agent", x.ua.cfg.UserAgent))
	}
	if req.ContentLength() == nil {
		req.SetBody(req.Body())
	}
	if x.tx == nil {
		x.ua.auth.apply(&x.auth, req)
	}
	x.tx = x.ua.layer.Request(req, x.receive)
}

func (x *exchange) receive(res *sip.Response, err error) {
	switch {
	case err != nil:
		x.handler(nil, transactionError(err))
	case res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired:
		x.challenged(res)
	default:
		x.deliver(res)
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
	x.ua.auth.challenged(&x.auth, x.tx.Request, res, func(err error) {
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

// rejected makes the error of a final response that is not a 2xx.
func rejected(res *sip.Response) *Error {
	return &Error{Code: CodeRejected, Status: res.StatusCode, Reason: reasonOf(res)}
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
