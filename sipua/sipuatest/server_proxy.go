//go:build !js

package sipuatest

import (
	"crypto/rand"
	"hash/fnv"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// proxied is one request on its way through the proxy, with a branch for each
// target (RFC 3261 section 16).
type proxied struct {
	server *Server
	tx     *serverTransaction
	req    *sip.Request

	mu       sync.Mutex
	branches []*branch
	open     int  // branches without a final response
	done     bool // a final response has been forwarded
}

// branch is the request as it went to one target.
//
// The target may have several flows. They are tried one after the other, each
// with a branch parameter of its own.
type branch struct {
	*proxied
	rest        []target // flows that have not been tried
	req         *sip.Request
	tx          *clientTransaction
	provisional bool        // an answer came: CANCEL may be sent (section 9.1)
	unwanted    bool        // CANCEL has been sent, or will be with the first answer
	late        bool        // because nobody answered in time
	canceled    *time.Timer // since CANCEL
	final       *sip.Response
}

// proxy forwards a request to all targets at once.
func (s *Server) proxy(tx *serverTransaction, req *sip.Request, targets []target) {
	p := &proxied{server: s, tx: tx, req: req, open: len(targets)}
	for _, t := range targets {
		p.branches = append(p.branches, &branch{proxied: p, rest: append([]target{t}, t.next...)})
	}
	if req.IsInvite() {
		s.mu.Lock()
		tx.cancel = p.cancel
		s.mu.Unlock()
	}
	p.mu.Lock() // no answer is handled before all branches are out
	var failed []*branch
	for _, b := range p.branches {
		if !b.start() {
			failed = append(failed, b)
			continue
		}
		s.running.Go(b.run)
	}
	p.mu.Unlock()
	for _, b := range failed {
		b.respond(b.lost())
	}
}

// start sends the request over the next flow that takes it, and reports whether
// there is one. p.mu is held.
func (b *branch) start() bool {
	for len(b.rest) > 0 {
		t := b.rest[0]
		b.rest = b.rest[1:]
		b.req, b.provisional = b.server.forwarded(b.proxied.tx.way.now(), b.proxied.req, t), false
		tx, err := b.server.request(t.flow, b.req)
		if err != nil {
			continue
		}
		b.tx = tx
		tx.OnRetransmission(func(res *sip.Response) { _ = b.proxied.forward(res) }) // a further 2xx, from a fork downstream
		return true
	}
	return false
}

// again tries the next flow of the instance when a final response says no more
// than that the last one failed (RFC 5626 section 7).
func (b *branch) again(res *sip.Response) bool {
	p := b.proxied
	p.mu.Lock()
	defer p.mu.Unlock()
	failed := res.StatusCode == 430 || res.StatusCode == 408
	return failed && !b.unwanted && !p.done && b.start()
}

// forwarded makes the copy of a request that goes to a target (section 16.6).
func (s *Server) forwarded(from *flow, req *sip.Request, t target) *sip.Request {
	out := req.Clone()
	hash := s.loopHash(req)
	out.Recipient = t.uri

	hops := sip.MaxForwardsHeader(70)
	if mf := req.MaxForwards(); mf != nil {
		hops = *mf - 1
	}
	// A new header: the clones of sipgo share the one they were made from.
	if out.GetHeader("Max-Forwards") != nil {
		out.ReplaceHeader(&hops)
	} else {
		out.AppendHeader(&hops)
	}
	for out.Route() != nil && s.ours(&out.Route().Address) { // section 16.4
		out.RemoveHeader("Route")
	}
	credentials := out.GetHeaders("Proxy-Authorization")
	for _, h := range credentials {
		out.RemoveHeader(h.Name())
	}
	for _, h := range credentials {
		if !s.options.Load().consumed(h.Value()) {
			out.AppendHeader(h)
		}
	}
	for i := len(t.path) - 1; i >= 0; i-- {
		out.PrependHeader(sip.NewHeader("Route", t.path[i]))
	}
	// Only where a dialog may begin: the route set of one that exists is fixed. A
	// NOTIFY begins one though it has a tag (RFC 6665 section 4.3).
	begins := slices.Contains([]sip.RequestMethod{sip.INVITE, sip.SUBSCRIBE, sip.REFER}, req.Method)
	begins = req.Method == sip.NOTIFY || begins && !req.To().Params.Has("tag")
	if begins && !s.options.Load().NoRecordRoute {
		routes := s.recordRoutes(from, t.flow)
		for _, uri := range slices.Backward(routes) {
			out.PrependHeader(&sip.RecordRouteHeader{Address: uri})
		}
	}
	host, port := s.sentBy()
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "WS", Host: host, Port: port}
	via.Params.Add("branch", "z9hG4bK"+rand.Text()+"."+hash)
	out.PrependHeader(via)
	out.SetTransport("WS")
	return out
}

// loopHash covers what decides about the way of a request (section 16.6 item 8).
func (s *Server) loopHash(req *sip.Request) string {
	h := fnv.New64a()
	for _, part := range []string{req.Recipient.String(), req.From().Value(), req.To().Value(), req.CallID().Value(), req.CSeq().Value()} {
		h.Write([]byte(part + "\n")) // a hash never fails
	}
	for _, route := range req.GetHeaders("Route") {
		if r, ok := route.(*sip.RouteHeader); !ok || !s.ours(&r.Address) {
			h.Write([]byte(route.Value() + "\n"))
		}
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// uri is an address of the server.
func (s *Server) uri(user string, params ...string) sip.Uri {
	u := sip.Uri{Scheme: "sip", User: user}
	u.Host, u.Port = s.sentBy()
	u.UriParams.Add("transport", "ws")
	for _, p := range params {
		u.UriParams.Add(p, "")
	}
	return u
}

func (s *Server) sentBy() (host string, port int) {
	host, text, err := net.SplitHostPort(s.address)
	if err != nil {
		return s.address, 0
	}
	port, _ = strconv.Atoi(text) // a listener's address has a number there
	return host, port
}

// run waits for the final response of a branch.
func (b *branch) run() {
	wait := b.server.options.Load().RingTimeout
	timerC := time.NewTimer(wait)
	defer timerC.Stop()
	for {
		select {
		case res := <-b.tx.Responses():
			if res.StatusCode > 100 && res.IsProvisional() {
				timerC.Reset(wait) // section 16.7 item 2
			}
			if !res.IsProvisional() && b.again(res) {
				timerC.Reset(wait)
				continue
			}
			b.respond(res)
			if !res.IsProvisional() {
				return
			}
		case <-b.tx.Done():
			lost := b.lost()
			if b.again(lost) {
				timerC.Reset(wait)
				continue
			}
			b.respond(lost)
			return
		case <-timerC.C:
			if !b.req.IsInvite() {
				continue // Timer F ends those
			}
			b.proxied.mu.Lock()
			waited := b.unwanted || !b.provisional
			b.late = b.late || !b.unwanted
			b.cancel()
			b.proxied.mu.Unlock()
			if waited { // silent in spite of CANCEL, or from the beginning (section 16.8)
				b.tx.Terminate()
				continue
			}
			timerC.Reset(sip.Timer_B)
		}
	}
}

// lost is the response of a branch that will have none: it was canceled (RFC 3261
// section 9.1), the flow broke (RFC 5626 section 5.3.1), or nobody answered (RFC
// 3261 section 16.8).
func (b *branch) lost() *sip.Response {
	b.proxied.mu.Lock()
	canceled := b.unwanted && !b.late
	b.proxied.mu.Unlock()
	status, reason := 408, "Request Timeout"
	switch {
	case canceled:
		status, reason = 487, "Request Terminated"
	case b.tx == nil || b.tx.way.now().gone():
		status, reason = 430, "Flow Failed"
	}
	res := sip.NewResponseFromRequest(b.proxied.req, status, reason, nil)
	// Its top Via goes on the way, as that of a response from the network does.
	res.PrependHeader(b.req.Via().Clone())
	return res
}

// respond handles a response of this branch (section 16.7).
func (b *branch) respond(res *sip.Response) {
	p := b.proxied
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.final != nil {
		return
	}
	if res.IsProvisional() {
		if !b.provisional {
			b.provisional = true
			if b.unwanted {
				b.sendCancel()
			}
		}
		if res.StatusCode > 100 && !p.done && p.forward(res) != nil { // 100 is hop by hop
			p.cancelBranches() // the caller is gone, and its transaction has ended with this
		}
		return
	}
	b.final = res
	if b.canceled != nil {
		b.canceled.Stop()
	}
	p.open--
	switch {
	case res.IsSuccess():
		if p.done && !p.req.IsInvite() {
			return
		}
		p.done = true
		_ = p.forward(res) // every 2xx to INVITE: each is a dialog that the caller must know (item 5)
		p.cancelBranches()
		return
	case res.StatusCode >= 600:
		p.cancelBranches()
	}
	if p.open == 0 && !p.done {
		p.done = true
		// In the order of the branches, so that the choice between equals does not
		// depend on who was faster.
		var finals []*sip.Response
		for _, b := range p.branches {
			finals = append(finals, b.final)
		}
		chosen := best(finals)
		if chosen.StatusCode == 430 && !p.req.To().Params.Has("tag") {
			// It speaks of one flow, to proxies. A caller hears of the account (RFC
			// 5626 section 11.5).
			chosen.StatusCode, chosen.Reason = 480, "Temporarily Unavailable"
		}
		_ = p.forward(chosen)
	}
}

// forward passes a response to the caller. It fails when that is gone.
func (p *proxied) forward(res *sip.Response) error {
	out := sip.CopyResponse(res)
	out.RemoveHeader("Via")
	return p.server.finish(p.tx, out)
}

// cancel is the caller's CANCEL (section 16.10).
func (p *proxied) cancel() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancelBranches()
}

func (p *proxied) cancelBranches() {
	if !p.req.IsInvite() {
		return // nothing else can be canceled (section 9.1)
	}
	for _, b := range p.branches {
		b.cancel()
	}
}

// cancel ends a branch that has no final response, now or as soon as it has
// answered. p.mu is held.
func (b *branch) cancel() {
	if b.unwanted || b.final != nil {
		return
	}
	b.unwanted = true
	if b.provisional {
		b.sendCancel()
	}
}

// sendCancel sends the CANCEL of section 9.1: the same transaction, method apart.
func (b *branch) sendCancel() {
	req := sip.NewRequest(sip.CANCEL, *b.req.Recipient.Clone())
	req.AppendHeader(b.req.Via().Clone())
	for _, name := range []string{"Route", "From", "To", "Call-ID", "CSeq"} {
		sip.CopyHeaders(name, b.req, req)
	}
	req.CSeq().MethodName = sip.CANCEL
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.SetBody(nil)
	// What has no final response by then will have none (section 9.1).
	b.canceled = time.AfterFunc(64*sip.T1, b.tx.Terminate)
	tx, err := b.server.request(b.tx.way.now(), req)
	if err != nil {
		return // the flow is gone, and with it the branch
	}
	b.server.running.Go(func() {
		for { // what it is answered with changes nothing: the INVITE gets 487
			select {
			case <-tx.Responses():
			case <-tx.Done():
				return
			}
		}
	})
}

// best chooses among final responses that are no 2xx (section 16.7 items 6 to 9).
func best(finals []*sip.Response) *sip.Response {
	rank := func(res *sip.Response) int {
		switch class := res.StatusCode / 100; {
		case class == 6:
			return 0
		case slices.Contains([]int{401, 407, 415, 420, 484}, res.StatusCode): // the caller can do something about them
			return class*10 - 1
		case res.StatusCode == 487: // canceled by us: it must not hide what another one says
			return class*10 + 1
		case res.StatusCode == 408 || res.StatusCode == 430: // says less than any other answer
			return class*10 + 2
		default:
			return class * 10
		}
	}
	chosen := slices.MinFunc(finals, func(a, b *sip.Response) int { return rank(a) - rank(b) })
	out := sip.CopyResponse(chosen)
	switch out.StatusCode {
	case 503: // would mean that this server is overloaded
		out.StatusCode, out.Reason = 500, "Server Internal Error"
	case 401, 407: // the challenges of all branches
		for _, res := range finals {
			if res == chosen || res.StatusCode != 401 && res.StatusCode != 407 {
				continue
			}
			for _, name := range []string{"WWW-Authenticate", "Proxy-Authenticate"} {
				for _, h := range res.GetHeaders(name) {
					out.AppendHeader(sip.HeaderClone(h))
				}
			}
		}
	}
	return out
}
