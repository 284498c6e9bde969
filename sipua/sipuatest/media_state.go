package sipuatest

// State returns the signalling state.
func (m *Media) State() SignalingState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// LocalSDP returns the local description: the pending one while an offer is
// open, otherwise the one in force.
func (m *Media) LocalSDP() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending.local != "" {
		return m.pending.local
	}
	return m.session.local
}

// RemoteSDP returns the remote description, a provisional one included.
func (m *Media) RemoteSDP() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending.local != "" {
		return m.pending.remote
	}
	return m.session.remote
}

// Direction returns what the negotiated sound does: "sendrecv", "sendonly",
// "recvonly" or "inactive"; "" before the first answer.
func (m *Media) Direction() string { return m.direction("audio") }

func (m *Media) direction(media string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.session.stream(media); s != nil {
		return s.local.String()
	}
	return ""
}

// Codecs returns the names of the negotiated codecs, "opus/48000/2" for instance,
// in the order of the answer and of its sections; nil before the first answer.
func (m *Media) Codecs() (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.session.streams {
		for _, c := range s.codecs {
			if !s.rejected {
				names = append(names, c.rtpmap)
			}
		}
	}
	return names
}

// Candidates returns what AddCandidate was given.
func (m *Media) Candidates() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.candidate...)
}

// Closed returns how many times Close was called: 1 after a proper end.
func (m *Media) Closed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// Log returns the verbs in the order of their calls; one that failed has its
// error after a colon.
func (m *Media) Log() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.log...)
}
