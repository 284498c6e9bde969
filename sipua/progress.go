package sipua

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// progress is the callee's side of provisional responses. Those that are reliable go
// one after the other, each until its PRACK (RFC 3262 section 3).
type progress struct {
	last     *provisional // sent last, which is sent again each minute
	rseq     uint32
	pending  *provisional   // waits for its PRACK
	queue    []*provisional // reliable ones behind it
	settled  []func()       // wait until no description does
	again    *timer
	deadline *timer
}

// provisional is one provisional response.
type provisional struct {
	status   int
	reason   string
	sdp      string
	headers  []Header
	reliable bool
	acked    bool // its PRACK has come, and is perhaps being answered
	res      *sip.Response
}

// stop ends it with the final response. What is pending then is not sent any more, but
// its PRACK may be on its way (RFC 3262 section 3).
func (p *progress) stop() {
	p.again.stop()
	p.deadline.stop()
	p.queue, p.settled = nil, nil
}

// prackAfterEnd keeps the dialog of an ended call for as long as a PRACK can be on its way.
func (c *Call) prackAfterEnd() {
	ua, g := c.ua, &c.incoming.progress
	if g.pending == nil || ua.closed || len(ua.dialogs) >= 2*maxCalls {
		return
	}
	id := c.leg.dialog.ID
	ua.dialogs[id] = c
	ua.after(transaction.Timeout, func() {
		if ua.dialogs[id] == c {
			delete(ua.dialogs, id)
		}
	})
}

// unsettled: a description of ours waits for its PRACK.
func (p *progress) unsettled() bool { return p.pending != nil && p.pending.sdp != "" }

// whenSettled calls f once no description of ours waits for its PRACK.
func (p *progress) whenSettled(f func()) {
	if p.unsettled() {
		p.settled = append(p.settled, f)
		return
	}
	f()
}

// Progress tells the caller how an incoming call stands before it is accepted: 180
// Ringing, 181 Call Is Being Forwarded, 182 Queued, or 183 with a description, after
// which the caller hears us. It returns when the response is sent, and when it is a
// reliable one (RFC 3262) does not wait for its PRACK. CodeInvalidState when the call
// is not incoming or not ringing; CodeUnsupported when it has to be reliable and the
// caller cannot; a media error refuses the call.
func (c *Call) Progress(ctx context.Context, o ProgressOptions) error {
	const op = "progress"
	p := &provisional{status: o.Status, reason: o.Reason, headers: slices.Clone(o.Headers)}
	if p.status == 0 {
		p.status = sip.StatusRinging
		if o.Media {
			p.status = sip.StatusSessionInProgress
		}
	}
	if p.reason == "" {
		p.reason = phrase(p.status)
	}
	err := checkHeaders(o.Headers)
	if err == nil {
		err = message.CheckValue(p.reason)
	}
	if err == nil {
		err = o.Reliable.check()
	}
	switch {
	case err != nil:
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: err.Error()}
	case p.status <= 100 || p.status >= 199:
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: "a provisional response of a user agent has a status from 101 to 198, such as 180"}
	}
	return c.ua.do(ctx, op, func(done func(error)) {
		if c.direction != Incoming || c.state != Ringing {
			done(c.stateError("only an incoming call that rings can make progress"))
			return
		}
		if err := c.decideReliable(p, o); err != nil {
			done(err)
			return
		}
		if !o.Media {
			c.provide(p)
			done(nil)
			return
		}
		c.describe(o.MediaOptions, p.reliable, func(sdp string, err error) {
			switch {
			case err != nil:
				c.handle(onMediaFailed, &callEvent{err: err})
				done(err)
			case c.state != Ringing:
				done(c.stateError("the call does not ring any more"))
			default:
				p.sdp = sdp
				c.provide(p)
				done(nil)
			}
		})
	})
}

// decideReliable is RFC 3262 section 3: who requires it gets every response reliably, who
// does not support it none.
func (c *Call) decideReliable(p *provisional, o ProgressOptions) error {
	mode := o.Reliable
	if mode == "" {
		mode = c.ua.cfg.Reliable
	}
	required := slices.Contains(message.Tokens(c.invite.Request, "Require"), "100rel")
	supported := required || slices.Contains(message.Tokens(c.invite.Request, "Supported"), "100rel")
	ours := o.Media && c.incoming.offer == "" // a description of ours that needs an answer
	p.reliable = required || supported && mode != ReliableOff && (mode == ReliableRequired || o.Media)
	if !p.reliable && (mode == ReliableRequired || ours) {
		return &Error{Code: CodeUnsupported, Reason: "the caller does not take reliable provisional responses (RFC 3262)"}
	}
	return nil
}

// check says what is wrong with a mode.
func (r Reliable) check() error {
	switch r {
	case "", ReliableSupported, ReliableRequired, ReliableOff:
		return nil
	}
	return fmt.Errorf("Reliable %q is none of supported, required and off", clean(string(r), 20))
}

// ring sends 180.
func (c *Call) ring() {
	p := &provisional{status: sip.StatusRinging, reason: "Ringing"}
	_ = c.decideReliable(p, ProgressOptions{Reliable: ReliableSupported}) // only what is asked for
	c.provide(p)
}

// provide sends a provisional response, a reliable one when those before it have been
// acknowledged.
func (c *Call) provide(p *provisional) {
	g := &c.incoming.progress
	if p.reliable && g.pending != nil {
		g.queue = append(g.queue, p)
		return
	}
	if c.incoming.sent {
		p.sdp = "" // RFC 6337 section 3.1.1: it has arrived, and a second one would be an offer
	}
	p.res = c.inviteResponse(p.status, p.reason)
	for _, h := range p.headers {
		p.res.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	setSDP(p.res, p.sdp)
	g.last = p
	if p.reliable {
		c.provideReliably(p)
	} else {
		_ = c.invite.Respond(p.res) // a lost flow is told elsewhere
	}
	// Section 13.3.1.1: again each minute for as long as there is no answer, which keeps
	// proxies from giving up.
	c.after(&c.incoming.again, time.Minute, func() {
		if g.pending == nil {
			c.provide(&provisional{status: p.status, reason: p.reason, sdp: p.unreliableSDP(), headers: p.headers, reliable: p.reliable})
		}
	})
}

// unreliableSDP is what a response without a PRACK shows once more.
func (p *provisional) unreliableSDP() string {
	if p.reliable {
		return "" // it has arrived
	}
	return p.sdp
}

// provideReliably sends it until its PRACK comes, after T1 and in intervals that double,
// for 64·T1 (RFC 3262 section 3).
func (c *Call) provideReliably(p *provisional) {
	g := &c.incoming.progress
	if g.rseq == 0 {
		g.rseq = rand.Uint32N(1 << 31)
	}
	g.rseq++
	g.pending = p
	p.res.AppendHeader(sip.NewHeader("Require", "100rel"))
	p.res.AppendHeader(sip.NewHeader("RSeq", strconv.Itoa(int(g.rseq))))
	if p.sdp != "" {
		c.incoming.sent = true
		if c.leg.exchange.State() == offer.RemoteOffer {
			_ = c.leg.exchange.Do(offer.AnswerOut)
			c.agreed(p.sdp, c.incoming.offer)
		}
	}
	interval := transaction.T1
	var send func()
	send = func() {
		_ = c.invite.Respond(p.res) // a lost flow is told elsewhere
		c.after(&g.again, interval, send)
		interval *= 2
	}
	send()
	c.after(&g.deadline, transaction.Timeout, func() { c.handle(onNoPrack, &callEvent{}) })
}

// receivePrack takes the acknowledgement (RFC 3262 section 3), and the description in
// it: the answer to ours, or an offer (section 5).
func (c *Call) receivePrack(l *leg, req *sip.Request, tx *transaction.Server) {
	g := &c.incoming.progress
	p := g.pending
	if c.direction != Incoming || p == nil || p.acked || !acknowledges(req, p.res) {
		c.ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
		return
	}
	p.acked = true
	sdp, problem := c.ua.sessionOf(req)
	g.again.stop()
	g.deadline.stop()
	respond := func(answer string) {
		res := c.ua.response(req, sip.StatusOK, "OK", l.dialog.ID.LocalTag)
		setSDP(res, answer)
		_ = tx.Respond(res) // the flow's end is told elsewhere
	}
	// RFC 6337 table 2: a PRACK that matches is answered 2xx, with nothing accepted of what
	// it offers. Then there is no session any more, and the call ends.
	refuse := func(r *refusal) {
		answer := offer.Reject(sdpOf(req))
		if answer == "" {
			c.ua.refuse(tx, r)
			c.pracked(p)
			return
		}
		respond(answer)
		c.handle(onMediaFailed, &callEvent{err: &Error{Code: CodeMediaFailed, Reason: "the offer in a PRACK cannot be used: " + r.warning}})
	}
	switch {
	case c.state == Ended: // it has crossed our refusal
		g.pending = nil
		respond(offer.Reject(sdpOf(req)))
	case p.sdp != "" && l.exchange.State() == offer.LocalOffer: // whatever it brings is our answer
		sdp = sdpOf(req)
		c.media.applyAnswer(sdp, false, func(err error) {
			if c.state == Ended {
				return
			}
			respond("")
			if err != nil {
				c.handle(onMediaFailed, &callEvent{err: err})
				return
			}
			_ = l.exchange.Do(offer.AnswerIn)
			l.remote, c.settled = sdp, true
			c.agreed(p.sdp, sdp)
			c.pracked(p)
		})
	case problem != nil:
		refuse(problem)
	case sdp != "" && l.remote == "": // section 5: an offer only after a session has been agreed
		refuse(&refusal{sip.StatusNotAcceptableHere, 399, "there is no session that an offer could change"})
	case sdp != "":
		c.answerOffer(l, sdp, func(answer string, err error) {
			switch {
			case err == nil:
				respond(answer)
				c.pracked(p)
			case c.over(l):
				respond("")
			default:
				refuse(&refusal{sip.StatusNotAcceptableHere, 399, "the session description cannot be used"})
			}
		})
	default:
		respond("")
		c.pracked(p)
	}
}

// acknowledges tells whether the RAck is for that response.
func acknowledges(prack *sip.Request, res *sip.Response) bool {
	f := strings.Fields(message.HeaderValue(prack, "RAck"))
	return len(f) == 3 && f[0] == message.HeaderValue(res, "RSeq") &&
		f[1] == strconv.Itoa(int(res.CSeq().SeqNo)) && f[2] == string(res.CSeq().MethodName)
}

// pracked goes on after a response has arrived.
func (c *Call) pracked(p *provisional) {
	g := &c.incoming.progress
	if g.pending != p {
		return
	}
	g.pending = nil
	if len(g.queue) > 0 && c.state == Ringing {
		next := g.queue[0]
		g.queue = g.queue[1:]
		c.provide(next)
	}
	waiting := g.settled
	g.settled = nil
	for _, f := range waiting {
		g.whenSettled(f)
	}
	c.tellCandidates()
}

// isReliable tells whether a provisional response has to be acknowledged.
func isReliable(res *sip.Response) bool {
	return res.StatusCode > sip.StatusTrying && slices.Contains(message.Tokens(res, "Require"), "100rel") && message.First(res, "RSeq") != nil
}

// prackUnwanted acknowledges a reliable response that comes while the call is given up:
// without a PRACK it would come for 32 s. What it offers is refused.
func (c *Call) prackUnwanted(res *sip.Response) {
	if !isReliable(res) {
		return
	}
	l, err := c.legOf(res)
	if l == nil || err != nil || !l.inOrder(res) {
		return
	}
	answer := ""
	if c.outgoing.offer == "" && l.remote == "" {
		l.remote = sdpOf(res)
		answer = offer.Reject(l.remote)
	}
	c.prack(l, res, answer, nil)
}

// acknowledgeProgress is the caller's side (RFC 3262 sections 4 and 5): PRACK, with our
// answer when the response has brought an offer, or with an offer of ours that waits.
func (c *Call) acknowledgeProgress(l *leg, res *sip.Response, sdp string) {
	c.learnInfo(res)
	switch {
	case sdp != "" && c.outgoing.offer == "" && l.remote == "":
		l.remote, l.answered = sdp, true
		if c.voice != nil { // another fork has the media
			c.prack(l, res, offer.Reject(sdp), nil)
			return
		}
		c.answerOffer(l, sdp, func(answer string, err error) {
			if err != nil {
				answer = offer.Reject(sdp)
				c.ua.protocolError("an offer in a provisional response cannot be answered: "+err.Error(), res.StartLine())
			}
			c.prack(l, res, answer, nil)
		})
	case sdp != "" && !l.answered && l.exchange.State() == offer.LocalOffer:
		l.remote, l.answered = sdp, true
		_ = l.exchange.Do(offer.AnswerIn)
		c.preview(l)
		c.prackWithOffer(l, res)
	default:
		c.prack(l, res, "", nil)
	}
}

// prack sends it. handler, when set, gets the final response.
func (c *Call) prack(l *leg, res *sip.Response, sdp string, handler func(*sip.Response, error)) {
	if c.state == Ended {
		return
	}
	rack := message.HeaderValue(res, "RSeq") + " " + strconv.Itoa(int(res.CSeq().SeqNo)) + " " + string(res.CSeq().MethodName)
	l.pracks++
	c.requestIn(l, func() *sip.Request {
		req := l.dialog.Request(sip.PRACK)
		req.AppendHeader(sip.NewHeader("RAck", rack))
		if sdp != "" {
			req.AppendHeader(c.contactHeader())
		}
		setSDP(req, sdp)
		return req
	}, func(res *sip.Response, err error) {
		if err == nil && res.StatusCode < 200 {
			return
		}
		l.pracks--
		if handler != nil {
			handler(res, err)
		}
		// Otherwise its answer says nothing about the call: what it acknowledges has come.
		c.nextChange()
	})
}
