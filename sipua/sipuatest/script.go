package sipuatest

import (
	"fmt"

	"github.com/emiago/sipgo/sip"
)

// peerContact is the Contact that the peer gives where a dialog needs one.
const peerContact = "<sip:peer@peer.invalid;transport=ws>"

// Respond answers req and returns what it sent. The response has the headers of
// RFC 3261 section 8.2.6.2, with one To tag for all responses of a Call-ID, a
// Contact where a dialog may begin, and headers: those replace a header of the
// same name that a message has only once, and are added otherwise.
func (p *Peer) Respond(req *sip.Request, status int, reason string, headers ...sip.Header) *sip.Response {
	res := p.NewResponse(req, status, reason, headers...)
	p.Send(res)
	return res
}

// RespondSDP is Respond with a session description.
func (p *Peer) RespondSDP(req *sip.Request, status int, reason, sdp string, headers ...sip.Header) *sip.Response {
	res := p.NewResponse(req, status, reason, headers...)
	SetSDP(res, sdp)
	p.Send(res)
	return res
}

// NewResponse makes what [Peer.Respond] sends.
func (p *Peer) NewResponse(req *sip.Request, status int, reason string, headers ...sip.Header) *sip.Response {
	unTagged := req.To() != nil && !req.To().Params.Has("tag")
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	if unTagged && status > 100 {
		// sipgo makes a new tag for each response, which would fork the dialog.
		res.To().Params.Add("tag", p.tag(req.CallID()))
	}
	if req.IsInvite() && status > 100 && status < 300 {
		res.AppendHeader(sip.NewHeader("Contact", peerContact))
	}
	set(res, headers)
	return reparse(res)
}

// NewRequest makes a request of the peer outside of any dialog, from
// sip:peer@peer.invalid to uri, with fresh Call-ID and tag. Headers replace or
// add as in Respond. It is not sent: see [Peer.Send].
func (p *Peer) NewRequest(method, uri string, headers ...sip.Header) *sip.Request {
	callID := sip.GenerateTagN(16)
	req := p.newRequest(method, uri)
	req.AppendHeader(sip.NewHeader("From", `"Peer" <sip:peer@peer.invalid>;tag=`+sip.GenerateTagN(10)))
	req.AppendHeader(sip.NewHeader("To", "<"+uri+">"))
	return p.finish(req, callID, headers)
}

// NewInDialogRequest makes a request of the peer in the dialog that invite and
// its response res have made, whichever side sent invite. CSeq counts up by
// itself; ACK gets the number of invite (RFC 3261 section 13.2.2.4), CANCEL and
// the ACK to a failure get its branch as well. It is not sent: see [Peer.Send].
func (p *Peer) NewInDialogRequest(method string, invite *sip.Request, res *sip.Response, headers ...sip.Header) *sip.Request {
	incoming := p.mine(invite) // the peer called, the user agent answered
	target := invite.Recipient.String()
	switch {
	case !incoming && invite.Contact() != nil:
		target = invite.Contact().Address.String()
	case incoming && method != "CANCEL" && res != nil && res.StatusCode < 300 && res.Contact() != nil:
		target = res.Contact().Address.String()
	}
	req := p.newRequest(method, target)
	from, to := invite.From().Value(), invite.To().Value()
	if res != nil && method != "CANCEL" {
		to = res.To().Value()
	}
	if !incoming {
		from, to = to, from
	}
	req.AppendHeader(sip.NewHeader("From", from))
	req.AppendHeader(sip.NewHeader("To", to))
	req = p.finish(req, invite.CallID().Value(), headers)
	sameTransaction := method == "CANCEL" || method == "ACK" && res != nil && res.StatusCode >= 300
	if sameTransaction {
		req.ReplaceHeader(sip.HeaderClone(invite.Via()))
	}
	if method == "CANCEL" || method == "ACK" {
		p.pipe.mu.Lock()
		p.pipe.cseqs[req.CallID().Value()]--
		p.pipe.mu.Unlock()
		req.CSeq().SeqNo = invite.CSeq().SeqNo
	}
	return req
}

// SetSDP gives m a session description as body.
func SetSDP(m sip.Message, sdp string) {
	m.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	m.SetBody([]byte(sdp))
}

// mine reports whether the peer made req.
func (p *Peer) mine(req *sip.Request) bool {
	return req.Via() != nil && req.Via().Host == "peer.invalid"
}

func (p *Peer) newRequest(method, uri string) *sip.Request {
	var target sip.Uri
	if err := sip.ParseUri(uri, &target); err != nil {
		panic(fmt.Sprintf("sipuatest: the URI %q of a scripted %s does not parse: %v", uri, method, err))
	}
	return sip.NewRequest(sip.RequestMethod(method), target)
}

// finish adds what every request needs.
func (p *Peer) finish(req *sip.Request, callID string, headers []sip.Header) *sip.Request {
	p.pipe.mu.Lock()
	p.pipe.cseqs[callID]++
	seq := p.pipe.cseqs[callID]
	p.pipe.mu.Unlock()

	// Typed headers, not text, so that the typed getters find them.
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "WS", Host: "peer.invalid"}
	via.Params.Add("branch", sip.GenerateBranch())
	id, maxForwards := sip.CallIDHeader(callID), sip.MaxForwardsHeader(70)
	req.PrependHeader(via)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: req.Method})
	req.AppendHeader(&maxForwards)
	switch req.Method {
	case sip.INVITE, sip.UPDATE, sip.SUBSCRIBE, sip.NOTIFY, sip.REFER: // RFC 3261 section 8.1.1.8
		req.AppendHeader(sip.NewHeader("Contact", peerContact))
	}
	req.SetBody(nil)
	set(req, headers)
	return reparse(req)
}

// tag returns the peer's tag in the dialogs with this Call-ID.
func (p *Peer) tag(id *sip.CallIDHeader) string {
	var key string
	if id != nil {
		key = id.Value()
	}
	p.pipe.mu.Lock()
	defer p.pipe.mu.Unlock()
	if p.pipe.tags[key] == "" {
		p.pipe.tags[key] = sip.GenerateTagN(10)
	}
	return p.pipe.tags[key]
}

// once names the headers of which a message has one.
var once = map[string]bool{
	"from": true, "to": true, "call-id": true, "cseq": true, "contact": true, "max-forwards": true,
	"content-type": true, "expires": true,
}

type message interface {
	sip.Message
	ReplaceHeader(sip.Header)
}

func set(m message, headers []sip.Header) {
	replaced := map[string]bool{}
	for _, h := range headers {
		name := sip.HeaderToLower(h.Name())
		if once[name] && !replaced[name] && m.GetHeaders(h.Name()) != nil {
			replaced[name] = true // a second Contact is a second one, not another first
			m.ReplaceHeader(h)
			continue
		}
		m.AppendHeader(h)
	}
}

// reparse makes typed headers of those that a test gave as text, so that the
// typed getters tell what is on the wire. What does not parse, because the test
// wants it so, stays as it is.
func reparse[M message](m M) M {
	if parsed, err := sip.ParseMessage([]byte(m.String())); err == nil {
		if typed, ok := parsed.(M); ok {
			return typed
		}
	}
	return m
}
