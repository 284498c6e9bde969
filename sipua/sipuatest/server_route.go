//go:build !js

package sipuatest

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE, MESSAGE, REFER, NOTIFY, SUBSCRIBE, PUBLISH, PRACK"

// handle is the transaction user: it decides what becomes of a new request (RFC
// 3261 section 16.3 and 16.4).
func (s *Server) handle(f *flow, tx *serverTransaction, req *sip.Request) {
	if req.IsInvite() {
		// At once, so that the caller knows that it has been heard (section 16.2).
		_ = tx.Respond(sip.NewResponseFromRequest(req, 100, "Trying", nil)) // the flow may be gone
	}
	switch {
	case req.SipVersion != "SIP/2.0":
		s.respond(tx, req, 505, "Version Not Supported")
	case !slices.Contains([]string{"sip", "sips", "tel"}, req.Recipient.Scheme):
		s.respond(tx, req, 416, "Unsupported URI Scheme")
	case req.IsCancel():
		s.handleCancel(tx, req)
	case req.MaxForwards() != nil && req.MaxForwards().Val() == 0 && !(req.Method == sip.OPTIONS && s.toServer(req)):
		s.respond(tx, req, 483, "Too Many Hops")
	case s.looped(req):
		s.respond(tx, req, 482, "Loop Detected")
	case len(req.GetHeaders("Proxy-Require")) > 0:
		s.respond(tx, req, 420, "Bad Extension", sip.NewHeader("Unsupported", req.GetHeader("Proxy-Require").Value()))
	case req.Method == sip.REGISTER:
		s.handleRegister(f, tx, req)
	case req.Method == sip.OPTIONS && s.toServer(req):
		s.respond(tx, req, 200, "OK", sip.NewHeader("Allow", allow), sip.NewHeader("Accept", "application/sdp"))
	case !s.takesServiceRoute(req):
		s.respond(tx, req, 403, "Service Route Required")
	case !s.authorized(tx, req):
		// It has answered.
	default:
		s.route(f, tx, req)
	}
}

// toServer reports whether a request is for the server itself.
func (s *Server) toServer(req *sip.Request) bool {
	return req.Recipient.User == "" && s.ours(&req.Recipient)
}

func (s *Server) handleCancel(tx *serverTransaction, req *sip.Request) {
	invite := req.Clone()
	invite.CSeq().MethodName = sip.INVITE
	key, err := sip.ServerTxKeyMake(invite)
	if err != nil {
		s.respond(tx, req, 400, "Bad Request")
		return
	}
	s.mu.Lock()
	target := s.serverTx[key]
	var cancel func()
	if target != nil {
		cancel = target.cancel
	}
	s.mu.Unlock()
	if target == nil {
		s.respond(tx, req, 481, "Call/Transaction Does Not Exist")
		return
	}
	s.respond(tx, req, 200, "OK")
	// sipgo's machine would send 487 by itself at this point. A proxy waits for
	// what the branches say (RFC 3261 section 16.10), so it does not see CANCEL.
	if cancel != nil {
		cancel()
	}
}

// route sends a request on its way.
func (s *Server) route(f *flow, tx *serverTransaction, req *sip.Request) {
	if user, ok := s.extension(req); ok {
		s.handleExtension(f, tx, req, user)
		return
	}
	if s.events.handle(f, tx, req) {
		return
	}
	targets, failed := s.locate(f, req)
	if len(targets) > 0 {
		s.proxy(tx, req, targets)
		return
	}
	_, known := s.options.Load().Accounts[s.accountOf(&req.Recipient)]
	switch {
	case failed || req.To().Params.Has("tag"):
		s.respond(tx, req, 430, "Flow Failed") // RFC 5626 section 5.3.1
	case known && s.domestic(&req.Recipient):
		s.respond(tx, req, 480, "Temporarily Unavailable")
	default:
		s.respond(tx, req, 404, "Not Found")
	}
}

// domestic reports whether a URI may be one of our accounts. A telephone number
// belongs to no domain; here it may be the name of an account.
func (s *Server) domestic(uri *sip.Uri) bool { return uri.Scheme == "tel" || s.ours(uri) }

func userOf(uri *sip.Uri) string {
	if uri.Scheme == "tel" {
		number, _, _ := strings.Cut(uri.Raw(), ";")
		return number
	}
	return uri.User
}

// learn remembers on which flow a contact address lives. The hosts of WebSocket
// clients are made up (".invalid", RFC 7118 section 5), so that this is the only
// way to reach them, and callers need not be registered.
func (s *Server) learn(f *flow, m sip.Message) {
	for _, h := range m.GetHeaders("Contact") {
		contact, ok := h.(*sip.ContactHeader)
		if !ok || contact.Address.Wildcard || s.ours(&contact.Address) {
			continue
		}
		s.mu.Lock()
		key := contactKey(&contact.Address)
		if s.flows[f] && f.known(key) {
			s.contacts[key] = f
		}
		s.mu.Unlock()
	}
}

func contactKey(uri *sip.Uri) string { return uri.User + "@" + hostPort(uri) }

// looped reports whether a request has been here before, with nothing changed
// (RFC 3261 section 16.3, item 4): our branch carries a hash of what decides
// about its way.
func (s *Server) looped(req *sip.Request) bool {
	suffix := "." + s.loopHash(req)
	for _, h := range req.GetHeaders("Via") {
		via, ok := h.(*sip.ViaHeader)
		if ok && via.SentBy() == s.address && strings.HasSuffix(via.Params.GetOr("branch", ""), suffix) {
			return true
		}
	}
	return false
}

// forwardACK passes the ACK to a 2xx on: it has no transaction (RFC 3261 section
// 16.11) and no answer, wherever it goes.
func (s *Server) forwardACK(f *flow, req *sip.Request) {
	if mf := req.MaxForwards(); mf != nil && mf.Val() == 0 {
		return
	}
	if user, ok := s.extension(req); ok {
		s.extensionACK(req, user)
		return
	}
	targets, _ := s.locate(f, req)
	for _, t := range targets {
		_ = t.flow.WriteMsg(s.forwarded(f, req, t)) // the flow may be gone
	}
}
