//go:build !js

package sipuatest

import (
	"net"
	"time"

	"github.com/emiago/sipgo/sip"
)

// way is where the messages of a transaction go: the flow that it began on, or
// the one that the same client has come back with. It is the sip.Connection of
// sipgo's transaction machines.
type way struct {
	server *Server
	flow   *flow // at the beginning
}

var _ sip.Connection = (*way)(nil)

// now is the flow that reaches the client.
func (w *way) now() *flow { return w.server.now(w.flow) }

// WriteMsg implements sip.Connection. Where clients come back, an error would end
// the transaction too early.
func (w *way) WriteMsg(m sip.Message) error {
	err := w.now().WriteMsg(m)
	if err != nil && w.server.options.Load().Reconnect > 0 {
		return nil
	}
	return err
}

// LocalAddr implements sip.Connection.
func (w *way) LocalAddr() net.Addr { return w.flow.LocalAddr() }

// Ref implements sip.Connection.
func (w *way) Ref(i int) int { return w.flow.Ref(i) }

// TryClose implements sip.Connection.
func (w *way) TryClose() (int, error) { return w.flow.TryClose() }

// Close implements sip.Connection.
func (w *way) Close() error { return w.flow.Close() }

// gone reports whether nothing can be written to a flow any more.
func (f *flow) gone() bool {
	select {
	case <-f.broken:
		return true
	default:
		return false
	}
}

// known notes a name of the client of a flow and reports whether there was room
// for it. s.mu is held.
func (f *flow) known(name string) bool {
	if !f.names[name] && len(f.names) >= maxNames {
		return false
	}
	f.names[name] = true
	return true
}

// name notes a name of the client of a flow.
func (s *Server) name(f *flow, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.known(name)
}

func (s *Server) now(f *flow) *flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heir(f)
}

// heir returns the newest flow of the client of f when f is gone or half-open,
// and f itself when it is not, when there is none, and when nobody waits for
// clients to come back. s.mu is held.
func (s *Server) heir(f *flow) *flow {
	if s.options.Load().Reconnect <= 0 || !f.gone() && !f.silent.Load() {
		return f
	}
	heir := f
	for other := range s.flows {
		if other.number > heir.number && !other.gone() && sharesName(f, other) {
			heir = other
		}
	}
	return heir
}

// ends reports whether what began on a flow ends with f, which is gone: it began
// there, or its client was last seen there, and came back with no other. s.mu is
// held.
func (s *Server) ends(began, f *flow) bool {
	if began != f && !sharesName(began, f) {
		return false
	}
	last := s.heir(began)
	return last == f || last.gone()
}

func sharesName(a, b *flow) bool {
	for name := range a.names {
		if b.names[name] {
			return true
		}
	}
	return false
}

// bury ends what ran over a broken flow, now or when its client has had the time
// to come back.
func (s *Server) bury(f *flow) {
	end := func() {
		s.terminateTransactions(f)
		s.endCalls(f)
	}
	patience := s.options.Load().Reconnect
	s.mu.Lock()
	waits := patience > 0 && s.up
	if waits {
		s.grace[f] = time.AfterFunc(patience, func() {
			s.mu.Lock()
			delete(s.grace, f)
			s.mu.Unlock()
			end()
		})
	}
	s.mu.Unlock()
	if !waits {
		end()
	}
}
