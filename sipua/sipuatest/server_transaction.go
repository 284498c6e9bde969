//go:build !js

package sipuatest

import (
	"log/slog"
	"net"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// serverTransaction is one of sipgo's machines (RFC 3261 section 17.2) with
// what belongs to it here.
type serverTransaction struct {
	*sip.ServerTx
	way      *way
	cancel   func() // what CANCEL does; nil for what cannot be canceled
	accepted bool   // a 2xx has been sent
}

// clientTransaction is one of sipgo's machines (RFC 3261 section 17.1).
type clientTransaction struct {
	*sip.ClientTx
	way *way
}

var silent = slog.New(slog.DiscardHandler)

// receive handles one WebSocket message.
func (s *Server) receive(f *flow, data []byte) {
	if strings.Trim(string(data), "\r\n") == "" {
		if string(data) == "\r\n\r\n" { // RFC 5626 section 3.5.1
			s.pings.Add(1)
			if !s.options.Load().IgnorePings {
				f.send([]byte("\r\n"))
			}
		}
		return
	}
	msg, err := s.parser.ParseSIP(data)
	if err != nil {
		return // what is not SIP has no answer
	}
	msg.SetTransport("WS")
	msg.SetSource(f.addr)
	switch m := msg.(type) {
	case *sip.Request:
		s.receiveRequest(f, m)
	case *sip.Response:
		s.receiveResponse(f, m)
	}
}

func (s *Server) receiveRequest(f *flow, req *sip.Request) {
	if via := req.Via(); via != nil {
		received(via, f.addr)
	}
	action := s.remember(req)
	if req.Via() == nil {
		return // nowhere to send an answer to
	}
	if !action.passes(f, req) {
		return
	}
	s.name(f, req.Via().Host)
	if req.From() == nil || req.To() == nil || req.CallID() == nil || req.CSeq() == nil ||
		req.CSeq().MethodName != req.Method { // RFC 3261 section 8.1.1, 16.3
		if !req.IsAck() {
			_ = f.WriteMsg(sip.NewResponseFromRequest(req, 400, "Bad Request", nil)) // the flow may be gone
		}
		return
	}
	key, err := sip.ServerTxKeyMake(req)
	if err != nil {
		_ = f.WriteMsg(sip.NewResponseFromRequest(req, 400, "Bad Request", nil)) // the flow may be gone
		return
	}

	s.mu.Lock()
	tx := s.serverTx[key]
	accepted := tx != nil && tx.accepted
	s.mu.Unlock()
	switch {
	case req.IsAck() && action.Status != 0:
		return // there is no response to ACK
	case req.IsAck() && (tx == nil || accepted): // to a 2xx: another transaction, end to end
		s.learn(f, req)
		s.forwardACK(f, req)
		return
	case tx != nil: // a retransmission, or the ACK to a failure
		_ = tx.Receive(req) // it knows the methods of its own key
		return
	}

	way := &way{server: s, flow: f}
	tx = &serverTransaction{ServerTx: sip.NewServerTx(key, req, way, silent), way: way}
	if err := tx.Init(); err != nil {
		return // never happens: Init starts a timer
	}
	s.mu.Lock()
	s.serverTx[key] = tx
	s.mu.Unlock()
	tx.OnTerminate(func(string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.serverTx, key)
	})

	if action.Status != 0 {
		s.respond(tx, req, action.Status, action.Reason, action.Headers...)
		return
	}
	s.learn(f, req)
	s.handle(f, tx, req)
}

// received notes in the top Via where a request came from (RFC 3261 section
// 18.2.1, RFC 3581 section 4).
func received(via *sip.ViaHeader, addr string) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return
	}
	if value, ok := via.Params.Get("rport"); ok && value == "" {
		via.Params.Add("rport", port)
		via.Params.Add("received", host)
	} else if via.Host != host {
		via.Params.Add("received", host)
	}
}

// receiveResponse matches a response by its top Via alone (RFC 3261 section
// 17.1.3). It may come over another connection than its request went over: its
// client has come back meanwhile.
func (s *Server) receiveResponse(f *flow, res *sip.Response) {
	s.mu.Lock()
	intercept := s.responses
	s.mu.Unlock()
	if intercept != nil {
		action := intercept(res)
		if !action.passes(f, res) {
			return
		}
	}
	key, err := sip.ClientTxKeyMake(res)
	if err != nil {
		return
	}
	s.mu.Lock()
	tx := s.clientTx[key]
	s.mu.Unlock()
	if tx == nil {
		return // a stray: not to be forwarded (RFC 6026 section 7.2)
	}
	s.learn(f, res)
	tx.Receive(res)
}

// request begins a client transaction on a flow. The caller must read its
// Responses until the final one or Done.
func (s *Server) request(f *flow, req *sip.Request) (*clientTransaction, error) {
	key, err := sip.ClientTxKeyMake(req)
	if err != nil {
		return nil, err
	}
	if f.gone() {
		return nil, net.ErrClosed
	}
	req.SetTransport("WS") // a reliable one: no retransmissions
	way := &way{server: s, flow: f}
	tx := &clientTransaction{ClientTx: sip.NewClientTx(key, req, way, silent), way: way}
	s.mu.Lock()
	s.clientTx[key] = tx
	s.mu.Unlock()
	tx.OnTerminate(func(string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.clientTx, key)
	})
	if err := tx.Init(); err != nil {
		tx.Terminate()
		return nil, err
	}
	return tx, nil
}

// respond answers a request by ourselves.
func (s *Server) respond(tx *serverTransaction, req *sip.Request, status int, reason string, headers ...sip.Header) {
	if reason == "" {
		reason = "Injected"
	}
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	for _, h := range headers {
		res.AppendHeader(h)
	}
	s.finish(tx, res)
}

// finish hands a response to its transaction. It fails when the client is gone, and
// with it the transaction.
func (s *Server) finish(tx *serverTransaction, res *sip.Response) error {
	if res.IsSuccess() {
		s.mu.Lock()
		tx.accepted = true
		s.mu.Unlock()
	}
	if err := tx.Respond(res); err != nil {
		return err
	}
	if tx.way.now().gone() && s.options.Load().Reconnect <= 0 { // a transaction that has ended takes it without a word
		return net.ErrClosed
	}
	return nil
}

// terminateTransactions ends what ran over a flow, or everything.
func (s *Server) terminateTransactions(f *flow) {
	var cancels []func()
	var servers []*serverTransaction
	var clients []*clientTransaction
	s.mu.Lock()
	for _, tx := range s.serverTx {
		if f == nil || s.ends(tx.way.flow, f) {
			servers = append(servers, tx)
			if tx.cancel != nil {
				cancels = append(cancels, tx.cancel)
			}
		}
	}
	for _, tx := range s.clientTx {
		if f == nil || s.ends(tx.way.flow, f) {
			clients = append(clients, tx)
		}
	}
	s.mu.Unlock()

	// A caller who is gone cannot cancel any more: without this the callee would
	// ring until Timer C.
	for _, cancel := range cancels {
		cancel()
	}
	for _, tx := range servers {
		tx.Terminate()
	}
	for _, tx := range clients {
		tx.Terminate()
	}
}
