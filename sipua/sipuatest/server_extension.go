//go:build !js

package sipuatest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// ExtensionCall is a call to an extension.
type ExtensionCall struct {
	ID          string // Call-ID
	From        string // URI of the caller
	DisplayName string // as the caller gives it; may be empty
	Offer       string // session description
	Hangup      func() // ends an answered call from the extension's side; does not block
}

// ExtensionSession is the extension's side of a call that it has answered.
type ExtensionSession interface {
	// Reoffer answers a further offer of the caller, for instance to hold. An
	// error refuses it with 488; the call goes on as it was.
	Reoffer(ctx context.Context, offer string) (answer string, err error)
	// End is called once when the call is over, whoever ended it.
	End()
}

// ExtensionFunc takes a call: it returns the answer to call.Offer and the
// session. It is called in a goroutine of its own; ctx ends when the caller
// gives up or goes away. A [*StatusError] rejects the call with its status, any
// other error with 500.
type ExtensionFunc func(ctx context.Context, call ExtensionCall) (answer string, session ExtensionSession, err error)

// StatusError rejects a call to an extension.
type StatusError struct {
	Status int
	Reason string
}

func (e *StatusError) Error() string { return e.Reason }

// Handle makes user an extension of the server: one that is not registered and
// answers by itself, such as an echo or a voice mailbox. A nil f takes it away.
func (s *Server) Handle(user string, f ExtensionFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == nil {
		delete(s.extensions, user)
		return
	}
	s.extensions[user] = f
}

// extensionCall is the dialog of an extension.
type extensionCall struct {
	server *Server
	key    string
	flow   *flow
	user   string
	tag    string
	invite *sip.Request
	ctx    context.Context // ends with the call
	cancel context.CancelFunc

	mu       sync.Mutex
	session  ExtensionSession
	peer     sip.Uri // their Contact
	cseq     uint32  // of our requests
	unacked  *time.Timer
	interval time.Duration
	waited   time.Duration
	answered bool
	over     bool
}

// extension returns the extension that a request is for, if it is for one.
func (s *Server) extension(req *sip.Request) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := userOf(&req.Recipient)
	_, ok := s.extensions[user]
	return user, ok && s.domestic(&req.Recipient)
}

func dialogKey(req *sip.Request, tag string) string { return req.CallID().Value() + " " + tag }

// handleExtension is the UAS of an extension.
func (s *Server) handleExtension(f *flow, tx *serverTransaction, req *sip.Request, user string) {
	tag, inDialog := req.To().Params.Get("tag")
	if !inDialog {
		switch req.Method {
		case sip.INVITE:
			s.extensionInvite(f, tx, req, user)
		case sip.OPTIONS:
			s.respond(tx, req, 200, "OK", sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"))
		default:
			s.respond(tx, req, 405, "Method Not Allowed", sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"))
		}
		return
	}
	s.mu.Lock()
	call := s.calls[dialogKey(req, tag)]
	s.mu.Unlock()
	if call == nil {
		s.respond(tx, req, 481, "Call/Transaction Does Not Exist")
		return
	}
	switch req.Method {
	case sip.BYE:
		s.respond(tx, req, 200, "OK")
		call.end()
	case sip.INVITE, sip.UPDATE:
		s.running.Go(func() { call.reoffer(tx, req) })
	case sip.INFO, sip.OPTIONS, sip.MESSAGE:
		s.respond(tx, req, 200, "OK")
	default:
		s.respond(tx, req, 405, "Method Not Allowed", sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"))
	}
}

func (s *Server) extensionInvite(f *flow, tx *serverTransaction, req *sip.Request, user string) {
	if len(req.Body()) == 0 || req.Contact() == nil {
		s.respond(tx, req, 488, "Not Acceptable Here", sip.NewHeader("Warning", `399 `+s.options.Load().Domain+` "the extension wants an offer and a Contact in INVITE"`))
		return
	}
	call := &extensionCall{
		server: s, flow: f, user: user, tag: sip.GenerateTagN(10), invite: req,
		peer: *req.Contact().Address.Clone(),
	}
	call.key = dialogKey(req, call.tag)
	call.ctx, call.cancel = context.WithCancel(context.Background())
	s.mu.Lock()
	answer := s.extensions[user]
	s.calls[call.key] = call
	tx.cancel = func() {
		// Only one of CANCEL and the answer wins.
		if call.end() {
			s.finish(tx, call.response(req, 487, "Request Terminated", ""))
		}
	}
	s.mu.Unlock()
	s.finish(tx, call.response(req, 180, "Ringing", ""))
	s.running.Go(func() { call.answer(tx, answer) })
}

// answer asks the extension and answers the INVITE.
func (c *extensionCall) answer(tx *serverTransaction, f ExtensionFunc) {
	from := c.invite.From()
	sdp, session, err := f(c.ctx, ExtensionCall{
		ID:          c.invite.CallID().Value(),
		From:        from.Address.String(),
		DisplayName: from.DisplayName,
		Offer:       string(c.invite.Body()),
		Hangup:      c.hangup,
	})
	c.mu.Lock()
	late := c.over
	if err == nil && !late {
		c.session, c.answered = session, true
		ok := c.response(c.invite, 200, "OK", sdp)
		c.server.finish(tx, ok)
		c.retransmit(tx, ok)
	}
	c.mu.Unlock()
	switch {
	case err == nil && late:
		session.End()
	case err != nil && c.end():
		status := &StatusError{500, "Server Internal Error"}
		errors.As(err, &status)
		c.server.finish(tx, c.response(c.invite, status.Status, status.Reason, ""))
	}
}

// retransmit repeats a 2xx until its ACK comes, over reliable transports too
// (RFC 3261 section 13.3.1.4). c.mu is held.
func (c *extensionCall) retransmit(tx *serverTransaction, ok *sip.Response) {
	c.interval, c.waited = sip.T1, 0
	if c.unacked != nil {
		c.unacked.Stop()
	}
	c.unacked = time.AfterFunc(c.interval, func() {
		c.mu.Lock()
		if c.over || c.unacked == nil {
			c.mu.Unlock()
			return
		}
		c.waited += c.interval
		if c.waited >= 64*sip.T1 {
			c.mu.Unlock()
			c.hangup()
			return
		}
		c.interval = min(2*c.interval, sip.T2, 64*sip.T1-c.waited)
		c.server.finish(tx, ok)
		c.unacked.Reset(c.interval)
		c.mu.Unlock()
	})
}

func (s *Server) extensionACK(req *sip.Request, _ string) {
	s.mu.Lock()
	call := s.calls[dialogKey(req, req.To().Params.GetOr("tag", ""))]
	s.mu.Unlock()
	if call == nil {
		return
	}
	call.mu.Lock()
	defer call.mu.Unlock()
	if call.unacked != nil {
		call.unacked.Stop()
		call.unacked = nil
	}
}

// reoffer answers a re-INVITE or UPDATE.
func (c *extensionCall) reoffer(tx *serverTransaction, req *sip.Request) {
	c.mu.Lock()
	session := c.session
	if contact := req.Contact(); contact != nil {
		c.peer = *contact.Address.Clone() // target refresh, RFC 3261 section 12.2.2
	}
	c.mu.Unlock()
	switch {
	case session == nil:
		c.server.finish(tx, c.response(req, 491, "Request Pending", ""))
		return
	case len(req.Body()) == 0 && req.Method == sip.UPDATE:
		c.server.finish(tx, c.response(req, 200, "OK", ""))
		return
	case len(req.Body()) == 0:
		c.server.finish(tx, c.response(req, 488, "Not Acceptable Here", ""))
		return
	}
	sdp, err := session.Reoffer(c.ctx, string(req.Body()))
	if err != nil {
		c.server.finish(tx, c.response(req, 488, "Not Acceptable Here", ""))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ok := c.response(req, 200, "OK", sdp)
	c.server.finish(tx, ok)
	if req.IsInvite() {
		c.retransmit(tx, ok)
	}
}

// response answers req with the tag and contact of the dialog.
func (c *extensionCall) response(req *sip.Request, status int, reason, sdp string) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	res.To().Params.Add("tag", c.tag)
	if status < 300 {
		contact := c.server.uri(c.user)
		res.AppendHeader(&sip.ContactHeader{Address: contact})
		res.AppendHeader(sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"))
	}
	if sdp != "" {
		SetSDP(res, sdp)
	}
	return res
}

// hangup sends BYE, in an answered call.
func (c *extensionCall) hangup() {
	c.mu.Lock()
	answered, peer := c.answered, *c.peer.Clone()
	c.cseq++
	seq := c.cseq
	c.mu.Unlock()
	if !answered || !c.end() {
		return
	}
	s := c.server
	req := sip.NewRequest(sip.BYE, peer)
	host, port := s.sentBy()
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "WS", Host: host, Port: port}
	via.Params.Add("branch", sip.GenerateBranch())
	req.AppendHeader(via)
	from, to := c.invite.To().AsFrom(), c.invite.From().AsTo()
	from.Params = from.Params.Clone()
	from.Params.Add("tag", c.tag)
	id, hops := *c.invite.CallID(), sip.MaxForwardsHeader(70)
	req.AppendHeader(&from)
	req.AppendHeader(&to)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: sip.BYE})
	req.AppendHeader(&hops)
	req.SetBody(nil)
	tx, err := s.request(s.now(c.flow), req)
	if err != nil {
		return // the caller is gone
	}
	s.running.Go(func() {
		for {
			select {
			case <-tx.Responses():
			case <-tx.Done():
				return
			}
		}
	})
}

// end ends the call, once, and reports whether this was the time. The session
// hears of it beside the caller, who may hold its locks.
func (c *extensionCall) end() bool {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return false
	}
	c.over = true
	if c.unacked != nil {
		c.unacked.Stop()
		c.unacked = nil
	}
	session := c.session
	c.mu.Unlock()
	c.cancel()
	c.server.mu.Lock()
	delete(c.server.calls, c.key)
	c.server.mu.Unlock()
	if session != nil {
		session.End()
	}
	return true
}

// endCalls ends the extension calls of a flow, or all of them.
func (s *Server) endCalls(f *flow) {
	var list []*extensionCall
	s.mu.Lock()
	for _, c := range s.calls {
		if f == nil || s.ends(c.flow, f) {
			list = append(list, c)
		}
	}
	s.mu.Unlock()
	for _, c := range list {
		c.end()
	}
}
