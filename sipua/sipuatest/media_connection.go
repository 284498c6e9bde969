package sipuatest

import (
	"sync"

	"github.com/sipwasm/sipwasm/sipua"
)

// watch is the state of the connection and who is told of it.
type watch struct {
	due bool // an answer leads to another connection; guarded by Media.mu

	mu    sync.Mutex // held while f runs, so that the states come in order
	state sipua.ConnectionState
	f     func(sipua.ConnectionState)
}

// WatchConnection implements sipua.ConnectionWatcher.
func (m *Media) WatchConnection(f func(sipua.ConnectionState)) {
	m.watch.mu.Lock()
	defer m.watch.mu.Unlock()
	m.watch.f = f
}

// SetConnection is what happens to the connection, "disconnected" or "failed" for
// instance. Nothing is told when it is so already, nor after Close: the events of
// a peer connection end with it.
func (m *Media) SetConnection(state sipua.ConnectionState) {
	m.watch.mu.Lock()
	defer m.watch.mu.Unlock()
	if m.watch.state == state || m.State() == Closed {
		return
	}
	m.watch.state = state
	if m.watch.f != nil {
		m.watch.f(state)
	}
}

// Connection returns the state of the connection.
func (m *Media) Connection() sipua.ConnectionState {
	if m.State() == Closed {
		return sipua.ConnectionClosed
	}
	m.watch.mu.Lock()
	defer m.watch.mu.Unlock()
	return m.watch.state
}

// ICE returns the ICE user fragments of both sides: those of the open offer and
// its provisional answer, otherwise those in force. They are "" where there is
// none yet.
func (m *Media) ICE() (local, remote string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.session
	if m.pending.local != "" {
		s = m.pending
	}
	return s.ice.ufrag, s.remoteICE.ufrag
}

// Restarts returns how many times ICE was restarted, by either side. An offer
// that restarts it counts when it has been answered.
func (m *Media) Restarts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.restarts
}

// sameConnection refuses an answer that comes from somewhere else than the last
// one (RFC 8839 section 4.4, RFC 8842 section 5.5). That it may do where nothing
// was agreed, so that the next provisional or final answer of a forked INVITE may
// be another fork's, and where the offer restarts ICE. m.mu is held.
func (m *Media) sameConnection(r remote) error {
	before := m.session
	if before.remote == "" || m.pending.ice != before.ice {
		return nil
	}
	switch {
	case before.fingerprint != r.fingerprint:
		return mediaError("InvalidAccessError", "the answer has another fingerprint, though the offer did not restart ICE (RFC 8842 section 5.5)")
	case before.remoteICE != r.ice:
		return mediaError("InvalidAccessError", "the answer has other ICE credentials, though the offer did not restart ICE (RFC 8839 section 4.4)")
	case !m.options.Plain && r.setup == before.role:
		return mediaError("InvalidAccessError", "the answer turns the DTLS roles (RFC 8842 section 5.5)")
	}
	return nil
}
