//go:build !js

package sipuatest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Action is what happens to a message that [Server.Intercept] or
// [Server.InterceptResponses] looked at. The zero Action lets it pass.
type Action struct {
	// Delay holds the message, and everything behind it on the same connection,
	// as a slow network does. It comes before the rest.
	Delay time.Duration
	// Drop loses the message.
	Drop bool
	// Close ends the connection that the message came on with this code, 1006
	// for a break without a close frame. The message is lost.
	Close int
	// HalfOpen makes the connection that the message came on half-open, see
	// [Server.HalfOpen]. The message is lost.
	HalfOpen bool
	// Rewrite, when set, changes the message before the server looks at it.
	Rewrite func(m sip.Message)
	// Status, when set, answers the request with this response. It says nothing
	// for a response.
	Status  int
	Reason  string
	Headers []sip.Header
}

// Intercept sets a function that sees every request first, ACK and CANCEL
// included, and decides about it. It must not change the request but with
// Action.Rewrite. Nil takes it away.
func (s *Server) Intercept(f func(req *sip.Request) Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = f
}

// InterceptResponses sets a function that sees every response of a client first,
// retransmissions included, and decides about it. It must not change the response
// but with Action.Rewrite. Nil takes it away.
//
//	server.InterceptResponses(func(res *sip.Response) sipuatest.Action {
//		if res.StatusCode == 200 && res.CSeq().MethodName == sip.INVITE {
//			return sipuatest.Action{Delay: time.Second}
//		}
//		return sipuatest.Action{}
//	})
func (s *Server) InterceptResponses(f func(res *sip.Response) Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.responses = f
}

// passes does to a message that came on f what the action wants, and reports
// whether it goes on.
func (a Action) passes(f *flow, m sip.Message) bool {
	if a.Delay > 0 {
		timer := time.NewTimer(a.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-f.broken:
			return false
		}
	}
	switch {
	case a.Close != 0:
		f.out.push(frame{close: a.Close, reason: a.Reason})
		return false
	case a.HalfOpen:
		f.halfOpen()
		return false
	case a.Drop:
		return false
	}
	if a.Rewrite != nil {
		a.Rewrite(m)
	}
	return true
}

// Next says what happens to the next requests of a method, one action each;
// then the server is as it was. They come before [Server.Intercept], which does
// not see such a request.
//
//	server.Next("REGISTER",
//		sipuatest.Action{Status: 503, Reason: "Service Unavailable", Headers: []sip.Header{sip.NewHeader("Retry-After", "30")}},
//		sipuatest.Action{Status: 302, Reason: "Moved Temporarily", Headers: []sip.Header{sip.NewHeader("Contact", "<sip:b.example.com>")}})
func (s *Server) Next(method string, actions ...Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next[method] = append(s.next[method], actions...)
}

// maxRequests bounds what [Server.Requests] remembers.
const maxRequests = 1000

// remember keeps a request for the test and returns what is to happen to it.
func (s *Server) remember(req *sip.Request) Action {
	s.mu.Lock()
	s.requests = append(s.requests, req.Clone())
	if over := len(s.requests) - maxRequests; over > 0 {
		s.requests = slices.Delete(s.requests, 0, over)
	}
	method := string(req.Method)
	if queued := s.next[method]; len(queued) > 0 {
		s.next[method] = queued[1:]
		s.mu.Unlock()
		return queued[0]
	}
	intercept := s.intercept
	s.mu.Unlock()
	if intercept == nil {
		return Action{}
	}
	return intercept(req)
}

// ForgetRequests empties what [Server.Requests] returns.
func (s *Server) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// Requests returns the requests that came so far, in the order of arrival,
// retransmissions and those that were intercepted included: the last thousand,
// when there were more.
func (s *Server) Requests() []*sip.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*sip.Request(nil), s.requests...)
}

// Contacts returns the contact addresses that are registered for a user, in the
// order of their registration.
func (s *Server) Contacts(user string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, b := range s.current(user) {
		list = append(list, b.uri.String())
	}
	return list
}

// WaitContacts waits until a user has n contacts, or ctx ends.
func (s *Server) WaitContacts(ctx context.Context, user string, n int) error {
	for {
		s.mu.Lock()
		list, changed := s.current(user), s.changed
		s.mu.Unlock()
		if len(list) == n {
			return nil
		}
		next := time.Hour
		for _, b := range list {
			next = min(next, time.Until(b.expires))
		}
		expiry := time.NewTimer(next)
		select {
		case <-changed:
		case <-expiry.C:
		case <-ctx.Done():
		}
		expiry.Stop()
		if ctx.Err() != nil {
			return fmt.Errorf("%s has %d contacts, not %d: %w", user, len(list), n, ctx.Err())
		}
	}
}

// Connections returns the number of open connections.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.flows)
}

// Send writes bytes, whatever they are, as one WebSocket message to every
// contact of a user.
func (s *Server) Send(user string, message []byte) error {
	s.mu.Lock()
	list := s.current(user)
	s.mu.Unlock()
	if len(list) == 0 {
		return fmt.Errorf("nobody is registered as %q", user)
	}
	for _, b := range list {
		b.flow.send(message)
	}
	return nil
}

// DropConnections closes all connections with a code, 1006 for a break without
// a close frame, and returns when they are gone. The server goes on listening.
func (s *Server) DropConnections(code int) { s.drop(code, "dropped") }

// ExpireNonces makes every nonce stale.
func (s *Server) ExpireNonces() { s.nonces.reset() }

// HalfOpen makes all connections half-open, as a change of network does: the
// sockets stay open, but what comes on them is thrown away and nothing leaves,
// no answer, no pong and no close frame. Bindings stay until they expire. New
// connections work.
func (s *Server) HalfOpen() {
	for _, f := range s.allFlows() {
		f.halfOpen()
	}
}

// Flow is the connection behind one binding of a user.
type Flow struct {
	Contact  string // address of the binding
	Instance string // its URN, "" without
	RegID    string // "" when it is no outbound registration (RFC 5626)

	flow *flow
}

// Flows returns the connections that a user has registered over, in the order of
// the bindings: for tests of a user agent with several.
func (s *Server) Flows(user string) (flows []Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.current(user) {
		flows = append(flows, Flow{b.uri.String(), b.instance, b.regID, b.flow})
	}
	return flows
}

// Drop closes the connection with a code, 1006 for a break without a close
// frame, and returns when it is gone.
func (f Flow) Drop(code int) {
	f.flow.out.push(frame{close: code, reason: "dropped"})
	<-f.flow.ended
}

// HalfOpen makes the connection half-open, see [Server.HalfOpen].
func (f Flow) HalfOpen() { f.flow.halfOpen() }

// Send writes bytes, whatever they are, as one WebSocket message.
func (f Flow) Send(message []byte) { f.flow.send(message) }

// Pings returns how many keep-alive pings (double CRLF) have come, answered or
// not.
func (s *Server) Pings() int { return int(s.pings.Load()) }

// RemoveContacts ends all bindings of a user, as an administrator does.
// Subscribers of the event package reg hear of it with this event of RFC 3680
// section 5.1: "deactivated" asks for another registration, "rejected" forbids
// it.
func (s *Server) RemoveContacts(user, event string) {
	s.mu.Lock()
	s.setBindings(user, nil, event)
	s.notify()
	s.mu.Unlock()
	s.events.bindingsChanged()
}

// drop closes all flows and waits for their end.
func (s *Server) drop(code int, reason string) {
	list := s.allFlows()
	for _, f := range list {
		f.out.push(frame{close: code, reason: reason})
	}
	for _, f := range list {
		<-f.ended
	}
}

func (s *Server) allFlows() (list []*flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.flows {
		list = append(list, f)
	}
	return list
}
