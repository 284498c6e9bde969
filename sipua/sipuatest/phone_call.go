//go:build !js

package sipuatest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua"
)

// PhoneCall is a call of a [Phone], in either direction. Its methods are one
// step of the call each. Those that begin with Expect wait for what the other
// side does and answer it.
type PhoneCall struct {
	// Media is the phone's side of the session.
	Media *Media
	// Invite is the INVITE that the call began with, as it was sent or came.
	Invite *sip.Request

	phone     *Phone
	outgoing  bool
	tag       string // ours
	remoteTag string // theirs: of the last response that had one
	from, to  string // values of our own requests, without the remote tag
	target    string // theirs
	routes    []string
	sequence  uint32 // CSeq of their last request
	rseq      uint32 // of our last reliable response
	answer    string // to their offer, once it is made
	settled   bool   // our part of the first exchange was sent reliably
	open      bool   // an offer of ours has no answer
}

// PhoneProgress says what a provisional response carries.
type PhoneProgress struct {
	Reliable bool         // RFC 3262: it waits for PRACK
	Media    bool         // early media: a session description
	Headers  []sip.Header // added to it
}

// Call sends an INVITE with an offer to target, an account's name or a URI. It
// answers the challenge when the phone's account has a password.
func (p *Phone) Call(target string, headers ...sip.Header) *PhoneCall {
	p.t.Helper()
	if !strings.Contains(target, ":") {
		target = "sip:" + target + "@" + p.server.options.Load().Domain
	}
	c := &PhoneCall{Media: p.media(), phone: p, outgoing: true}
	req := p.NewRequest("INVITE", target, append([]sip.Header{
		sip.NewHeader("Supported", "100rel, timer, replaces"), sip.NewHeader("Allow", allow),
	}, headers...)...)
	c.tag = req.From().Params.GetOr("tag", "")
	c.from, c.to, c.target = req.From().Value(), req.To().Value(), target
	c.offer(req, sipua.OfferOptions{})
	c.Invite = reparse(req)
	p.Send(c.Invite)
	if p.server.options.Load().Accounts[p.user] != "" {
		c.challenged()
	}
	return c
}

// challenged waits for the challenge that the server makes to an account with a
// password.
func (c *PhoneCall) challenged() {
	c.phone.t.Helper()
	res := c.response("a challenge")
	next := c.phone.authorize(c.Invite, res)
	if next == nil {
		c.phone.fail("a challenge", res)
	}
	c.Invite = next
	c.phone.Send(next)
}

// sendFailureACK acknowledges a response that is no 2xx, in the transaction of the
// INVITE (RFC 3261 section 17.1.1.3).
func (c *PhoneCall) sendFailureACK(res *sip.Response) {
	ack := sip.NewRequest(sip.ACK, *c.Invite.Recipient.Clone())
	for _, name := range []string{"Via", "Max-Forwards", "Route", "From", "Call-ID", "CSeq"} {
		sip.CopyHeaders(name, c.Invite, ack)
	}
	sip.CopyHeaders("To", res, ack)
	ack.CSeq().MethodName = sip.ACK
	ack.SetBody(nil)
	c.phone.Send(ack)
}

func (p *Phone) media() *Media {
	m := NewMedia(p.MediaOptions)
	p.t.Cleanup(m.Close)
	return m
}

// ExpectCall waits for an INVITE outside of a dialog. It is not answered.
func (p *Phone) ExpectCall() *PhoneCall {
	p.t.Helper()
	req := p.Expect("INVITE")
	if req.To().Params.Has("tag") || req.Contact() == nil {
		p.fail("an INVITE that begins a dialog", req)
	}
	c := &PhoneCall{
		Media: p.media(), Invite: req, phone: p,
		tag: sip.GenerateTagN(10), remoteTag: req.From().Params.GetOr("tag", ""),
		target: req.Contact().Address.String(), sequence: req.CSeq().SeqNo,
	}
	c.from, c.to = req.To().Value()+";tag="+c.tag, req.From().Value()
	for _, h := range req.GetHeaders("Record-Route") { // RFC 3261 section 12.1.1
		c.routes = append(c.routes, h.Value())
	}
	return c
}

// about reports whether a message belongs to the call.
func (c *PhoneCall) about(m sip.Message) bool {
	return m.CallID().Value() == c.Invite.CallID().Value()
}

// Progress sends a provisional response. A reliable one waits for its PRACK and
// answers it; the PRACK is returned.
func (c *PhoneCall) Progress(status int, o PhoneProgress) (prack *sip.Request) {
	c.phone.t.Helper()
	headers := append([]sip.Header(nil), o.Headers...)
	if o.Reliable {
		if c.rseq == 0 {
			c.rseq = rand.Uint32N(1 << 20) // RFC 3262 section 3
		}
		c.rseq++
		headers = append(headers, sip.NewHeader("Require", "100rel"), sip.NewHeader("RSeq", strconv.Itoa(int(c.rseq))))
	}
	var sdp string
	if o.Media {
		sdp = c.description()
	}
	c.respond(c.Invite, status, sdp, headers)
	if !o.Reliable {
		return nil
	}
	c.settled = c.settled || o.Media
	prack = c.Expect("PRACK")
	want := fmt.Sprintf("%d %d INVITE", c.rseq, c.Invite.CSeq().SeqNo)
	if h := prack.GetHeader("RAck"); h == nil || h.Value() != want {
		c.phone.fail("RAck: "+want, prack)
	}
	c.settle(prack, sipua.OfferOptions{})
	return prack
}

// description is that of a response to the INVITE: the answer, or an offer where
// the INVITE had none. It is "" once it was sent reliably.
func (c *PhoneCall) description() string {
	c.phone.t.Helper()
	switch {
	case c.settled || c.open:
		return ""
	case c.answer != "":
	case len(c.Invite.Body()) > 0:
		c.answer = c.sdp(c.Media.CreateAnswer(c.phone.t.Context(), string(c.Invite.Body()), sipua.OfferOptions{}))
	default:
		c.open = true
		return c.sdp(c.Media.CreateOffer(c.phone.t.Context(), sipua.OfferOptions{}))
	}
	return c.answer
}

// Answer accepts the call with 200 and waits for the ACK.
func (c *PhoneCall) Answer(headers ...sip.Header) *sip.Response {
	c.phone.t.Helper()
	res := c.respond(c.Invite, 200, c.description(), headers)
	c.ExpectACK()
	return res
}

// ExpectACK waits for the ACK to the INVITE that the phone has answered last,
// which it does by itself in Answer and ExpectOffer.
func (c *PhoneCall) ExpectACK() *sip.Request {
	c.phone.t.Helper()
	ack := c.Expect("ACK")
	if c.open {
		c.apply(string(ack.Body()), false)
	}
	return ack
}

// Reject answers the INVITE with a failure and waits for the ACK.
func (c *PhoneCall) Reject(status int, headers ...sip.Header) {
	c.phone.t.Helper()
	c.respond(c.Invite, status, "", headers)
	c.phone.request("ACK", func(req *sip.Request) bool { return c.about(req) })
}

// ExpectCancel waits for CANCEL and ends the INVITE with 487.
func (c *PhoneCall) ExpectCancel() *sip.Request {
	c.phone.t.Helper()
	cancel := c.phone.request("CANCEL", func(req *sip.Request) bool { return c.about(req) })
	if cancel.Via().Value() != c.Invite.Via().Value() { // RFC 3261 section 9.1
		c.phone.fail("the CANCEL of the INVITE's transaction", cancel)
	}
	c.respond(cancel, 200, "", nil)
	c.Reject(487)
	return cancel
}

// Cancel gives up the phone's own call and waits for its end.
func (c *PhoneCall) Cancel() {
	c.phone.t.Helper()
	req := sip.NewRequest(sip.CANCEL, *c.Invite.Recipient.Clone())
	for _, name := range []string{"Via", "Max-Forwards", "Route", "From", "To", "Call-ID", "CSeq"} {
		sip.CopyHeaders(name, c.Invite, req)
	}
	req.CSeq().MethodName = sip.CANCEL
	req.SetBody(nil)
	c.phone.Send(req)
	if res := c.phone.finalTo(req); res.StatusCode != 200 {
		c.phone.fail("200 to CANCEL", res)
	}
	c.ExpectFinal(487)
}

// ExpectProgress waits for a provisional response to the phone's INVITE. A
// reliable one is acknowledged with PRACK.
func (c *PhoneCall) ExpectProgress(status int) *sip.Response {
	c.phone.t.Helper()
	res := c.response(fmt.Sprint(status))
	if res.StatusCode != status {
		c.phone.fail(fmt.Sprint(status), res)
	}
	c.learn(res)
	rseq := res.GetHeader("RSeq")
	reliable := rseq != nil && supports(res, "100rel")
	if len(res.Body()) > 0 && c.open {
		c.apply(string(res.Body()), !reliable)
	}
	if reliable {
		c.Do("PRACK", 200, sip.NewHeader("RAck", fmt.Sprintf("%s %d INVITE", rseq.Value(), c.Invite.CSeq().SeqNo)))
	}
	return res
}

// ExpectAnswer waits for the 200 to the phone's INVITE and acknowledges it.
// Provisional responses are passed over.
func (c *PhoneCall) ExpectAnswer() *sip.Response {
	c.phone.t.Helper()
	res := c.ExpectFinal(200)
	if c.open {
		c.apply(string(res.Body()), false)
	}
	c.sendACK(c.Invite.CSeq().SeqNo)
	return res
}

// ExpectFinal waits for the final response to the phone's INVITE. A failure is
// acknowledged.
func (c *PhoneCall) ExpectFinal(status int) *sip.Response {
	c.phone.t.Helper()
	for {
		res := c.response(fmt.Sprint(status))
		if res.IsProvisional() {
			continue
		}
		if res.StatusCode != status {
			c.phone.fail(fmt.Sprint(status), res)
		}
		if res.IsSuccess() {
			c.learn(res)
		}
		return res
	}
}

// response waits for the next response to the INVITE.
func (c *PhoneCall) response(want string) *sip.Response {
	c.phone.t.Helper()
	res := c.phone.wait(want+" to INVITE", func(m sip.Message) bool {
		res, ok := m.(*sip.Response)
		return ok && sameTransaction(res, c.Invite)
	}).(*sip.Response)
	if res.StatusCode >= 300 {
		c.sendFailureACK(res)
	}
	return res
}

// learn takes the dialog from a response (RFC 3261 section 12.1.2): the last one
// counts, where several branches have answered.
func (c *PhoneCall) learn(res *sip.Response) {
	c.remoteTag = res.To().Params.GetOr("tag", "")
	if contact := res.Contact(); contact != nil {
		c.target = contact.Address.String()
	}
	c.routes = nil
	for _, h := range res.GetHeaders("Record-Route") {
		c.routes = append([]string{h.Value()}, c.routes...)
	}
}

// NewRequest makes a request inside the dialog. It is not sent.
func (c *PhoneCall) NewRequest(method string, headers ...sip.Header) *sip.Request {
	c.phone.t.Helper()
	to := c.to
	if c.outgoing && c.remoteTag != "" {
		to += ";tag=" + c.remoteTag
	}
	own := []sip.Header{
		sip.NewHeader("From", c.from), sip.NewHeader("To", to), sip.NewHeader("Call-ID", c.Invite.CallID().Value()),
	}
	for _, route := range c.routes {
		own = append(own, sip.NewHeader("Route", route))
	}
	return c.phone.newRequest(method, c.target, append(own, headers...))
}

// Do sends a request inside the dialog and waits for its final response.
func (c *PhoneCall) Do(method string, status int, headers ...sip.Header) *sip.Response {
	c.phone.t.Helper()
	return c.phone.Do(c.NewRequest(method, headers...), status)
}

// Expect waits for the next request of the call. It fails the test when that has
// another method, does not belong to the dialog or is out of order (RFC 3261
// section 12.2.2). It is not answered: see [Phone.Respond].
func (c *PhoneCall) Expect(method string) *sip.Request {
	c.phone.t.Helper()
	req := c.phone.request(method, func(req *sip.Request) bool { return c.about(req) })
	if req.To().Params.GetOr("tag", "") != c.tag || req.From().Params.GetOr("tag", "") != c.remoteTag {
		c.phone.fail(fmt.Sprintf("%s with the tags %s and %s", method, c.tag, c.remoteTag), req)
	}
	if !req.IsAck() {
		if req.CSeq().SeqNo <= c.sequence {
			c.phone.fail(fmt.Sprintf("%s with a CSeq beyond %d", method, c.sequence), req)
		}
		c.sequence = req.CSeq().SeqNo
	}
	if contact := req.Contact(); contact != nil && (req.IsInvite() || req.Method == sip.UPDATE) { // target refresh
		c.target = contact.Address.String()
	}
	return req
}

// Reoffer sends an offer in "INVITE" or "UPDATE" and applies the answer.
func (c *PhoneCall) Reoffer(method string, o sipua.OfferOptions) *sip.Response {
	c.phone.t.Helper()
	req := c.NewRequest(method)
	c.offer(req, o)
	res := c.phone.Do(reparse(req), 200)
	if contact := res.Contact(); contact != nil {
		c.target = contact.Address.String()
	}
	c.apply(string(res.Body()), false)
	if method == "INVITE" {
		c.sendACK(req.CSeq().SeqNo)
	}
	return res
}

// ExpectOffer waits for an INVITE or UPDATE inside the dialog and answers it, and
// waits for the ACK to an INVITE. One without an offer gets one, in INVITE, or
// none.
func (c *PhoneCall) ExpectOffer(method string, o sipua.OfferOptions) *sip.Request {
	c.phone.t.Helper()
	req := c.Expect(method)
	c.settle(req, o)
	if method == "INVITE" {
		c.ExpectACK()
	}
	return req
}

// settle answers a request with 200, and an offer in it with an answer. A PRACK
// may have our answer instead.
func (c *PhoneCall) settle(req *sip.Request, o sipua.OfferOptions) {
	c.phone.t.Helper()
	var sdp string
	switch {
	case req.Method == sip.PRACK && c.open:
		c.apply(string(req.Body()), false)
	case len(req.Body()) > 0:
		sdp = c.sdp(c.Media.CreateAnswer(c.phone.t.Context(), string(req.Body()), o))
	case req.IsInvite():
		c.open = true
		sdp = c.sdp(c.Media.CreateOffer(c.phone.t.Context(), o))
	}
	c.respond(req, 200, sdp, nil)
}

// Hangup ends the call with BYE.
func (c *PhoneCall) Hangup(headers ...sip.Header) {
	c.phone.t.Helper()
	c.Do("BYE", 200, headers...)
}

// ExpectHangup waits for BYE and answers it.
func (c *PhoneCall) ExpectHangup() *sip.Request {
	c.phone.t.Helper()
	req := c.Expect("BYE")
	c.respond(req, 200, "", nil)
	return req
}

// Refer asks the other side to call a target, a URI (RFC 3515), and waits for 202.
// The NOTIFYs are the test's to expect and to answer.
func (c *PhoneCall) Refer(target string, headers ...sip.Header) *sip.Response {
	c.phone.t.Helper()
	return c.Do("REFER", 202, append([]sip.Header{sip.NewHeader("Refer-To", "<"+target+">")}, headers...)...)
}

// Respond answers a request of the call.
func (c *PhoneCall) Respond(req *sip.Request, status int, headers ...sip.Header) *sip.Response {
	c.phone.t.Helper()
	return c.respond(req, status, "", headers)
}

// sendACK acknowledges a 2xx: a transaction of its own, with the number of the
// INVITE (RFC 3261 section 13.2.2.4).
func (c *PhoneCall) sendACK(sequence uint32) {
	c.phone.t.Helper()
	c.phone.Send(c.NewRequest("ACK", sip.NewHeader("CSeq", fmt.Sprintf("%d ACK", sequence))))
}

func (c *PhoneCall) respond(req *sip.Request, status int, sdp string, headers []sip.Header) *sip.Response {
	c.phone.t.Helper()
	return c.phone.respond(req, status, c.tag, sdp, headers)
}

func (c *PhoneCall) offer(req *sip.Request, o sipua.OfferOptions) {
	c.phone.t.Helper()
	SetSDP(req, c.sdp(c.Media.CreateOffer(c.phone.t.Context(), o)))
	c.open = true
}

func (c *PhoneCall) apply(answer string, provisional bool) {
	c.phone.t.Helper()
	if err := c.Media.ApplyAnswer(c.phone.t.Context(), answer, provisional); err != nil {
		c.phone.t.Fatalf("phone %s cannot apply an answer: %v\n%s", c.phone.user, err, answer)
	}
	c.open = provisional
}

func (c *PhoneCall) sdp(text string, err error) string {
	c.phone.t.Helper()
	if err != nil {
		c.phone.t.Fatalf("phone %s has no description: %v", c.phone.user, err)
	}
	return text
}
