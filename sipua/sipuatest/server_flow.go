//go:build !js

package sipuatest

import (
	"crypto/rand"
	"net"
	"slices"
	"sync/atomic"

	"github.com/emiago/sipgo/sip"
)

// maxMessage bounds what a client may send. It is more than SIP needs, so that
// a user agent that sends too much meets its own limit first.
const maxMessage = 4 << 20

// maxNames bounds the addresses that a flow can make known.
const maxNames = 1000

// flow is one connection. Requests reach a client over the flow that its contact
// came from and over no other, because nobody can dial a browser (RFC 7118
// section 4, RFC 5626). A flow is the sip.Connection of sipgo's transaction
// machines.
type flow struct {
	server *Server
	addr   string // source address of the client, "ip:port"
	token  string // names the flow in Path and Record-Route, RFC 5626 section 5.2
	wire   wire
	out    *queue[frame]
	silent atomic.Bool   // half-open
	broken chan struct{} // closed when nothing can be written any more
	ended  chan struct{} // closed when nothing of the flow is left

	// Guarded by the server:
	number int             // counts up with each flow
	names  map[string]bool // contact addresses, hosts and instances of the client
}

// wire is what carries the messages of a flow. One goroutine reads, another one
// writes and shuts; the rest may be called by any.
type wire interface {
	read() ([]byte, error)
	write(message []byte) error
	shut(code int, reason string) // says farewell
	abort()                       // ends it at once, and read with it
	silence()                     // from now on nothing passes
	localAddr() net.Addr
}

// frame is a message to write, or the order to close.
type frame struct {
	message []byte
	close   int // a close code
	reason  string
}

var _ sip.Connection = (*flow)(nil)

func (s *Server) newFlow(addr string) *flow {
	return &flow{
		server: s, addr: addr, token: rand.Text(),
		out: newQueue[frame](), broken: make(chan struct{}), ended: make(chan struct{}),
		names: map[string]bool{},
	}
}

func (s *Server) addFlow(f *flow) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.up {
		return false
	}
	s.running.Add(1)
	s.flows[f] = true
	s.opened++
	f.number = s.opened
	s.tokens[f.token] = f
	s.notify()
	return true
}

// removeFlow forgets a connection that has ended, and with it the contacts that
// were reached over it.
func (s *Server) removeFlow(f *flow) {
	s.mu.Lock()
	delete(s.flows, f)
	delete(s.tokens, f.token)
	for key, owner := range s.contacts {
		if owner == f {
			delete(s.contacts, key)
		}
	}
	for user, list := range s.bindings {
		s.setBindings(user, slices.DeleteFunc(slices.Clone(list), func(b *binding) bool { return b.flow == f }), "expired")
	}
	s.notify()
	s.mu.Unlock()
	s.events.bindingsChanged()

	f.out.close()
	<-f.broken
	s.bury(f)
	close(f.ended)
}

// serve runs the flow until it ends.
func (f *flow) serve(w wire) {
	f.server.mu.Lock()
	f.wire = w
	f.server.mu.Unlock()
	if f.silent.Load() { // since the handshake
		w.silence()
	}
	f.server.running.Go(f.write)
	f.read()
	w.abort() // so that the writer cannot hang
}

// read takes messages one after the other, each to completion, so that their
// order holds.
func (f *flow) read() {
	for {
		message, err := f.wire.read()
		if err != nil {
			return
		}
		if !f.silent.Load() {
			f.server.receive(f, message)
		}
	}
}

func (f *flow) write() {
	defer close(f.broken)
	for {
		next, ok := f.out.pop(-1)
		switch {
		case !ok:
			return
		case next.close == 1006, next.close != 0 && f.silent.Load(): // no farewell passes
			f.wire.abort()
			return
		case next.close != 0:
			f.wire.shut(next.close, next.reason)
			f.wire.abort()
			return
		case f.silent.Load():
			continue
		}
		if f.wire.write(next.message) != nil {
			f.wire.abort() // which ends read
			return
		}
	}
}

// halfOpen makes the client talk to nobody. s.mu is not held.
func (f *flow) halfOpen() {
	f.server.mu.Lock()
	w := f.wire
	f.server.mu.Unlock()
	f.silent.Store(true)
	if w != nil { // else it is in its handshake
		w.silence()
	}
}

// send writes bytes as one message. It does not block.
func (f *flow) send(message []byte) { f.out.push(frame{message: message}) }

// LocalAddr implements sip.Connection.
func (f *flow) LocalAddr() net.Addr { return f.wire.localAddr() }

// WriteMsg implements sip.Connection.
func (f *flow) WriteMsg(m sip.Message) error {
	select {
	case <-f.broken:
		return net.ErrClosed
	default:
		f.send([]byte(m.String()))
		return nil
	}
}

// Ref implements sip.Connection. A flow lives as long as its socket, however
// many transactions there are.
func (f *flow) Ref(int) int { return 1 }

// TryClose implements sip.Connection.
func (f *flow) TryClose() (int, error) { return 1, nil }

// Close implements sip.Connection.
func (f *flow) Close() error {
	f.out.push(frame{close: 1000})
	return nil
}
