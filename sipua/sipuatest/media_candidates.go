package sipuatest

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/sipwasm/sipwasm/sipua"
)

// gathering is what has been found since a description was made that did not wait.
type gathering struct {
	ice    credentials // the generation
	found  []string
	ended  bool
	mu     sync.Mutex // held while f runs, so that descriptions come in order
	notify func(sdp string)
}

// WatchCandidates implements sipua.Trickler.
func (m *Media) WatchCandidates(f func(sdp string)) {
	m.gather.mu.Lock()
	defer m.gather.mu.Unlock()
	m.gather.notify = f
}

// Gather finds candidates for a description that did not wait for them, and tells of
// the description that has them, as a browser does one by one.
func (m *Media) Gather(candidates ...string) {
	for _, candidate := range candidates {
		m.tell(func() { m.gather.found = append(m.gather.found, candidate) })
	}
}

// EndGathering tells that there are no other candidates.
func (m *Media) EndGathering() {
	m.tell(func() { m.gather.ended = true })
}

func (m *Media) tell(change func()) {
	m.gather.mu.Lock()
	defer m.gather.mu.Unlock()
	m.mu.Lock()
	change()
	sdp := m.session.local
	if m.pending.local != "" {
		sdp = m.pending.local
	}
	sdp = m.withCandidates(sdp)
	over := m.state == Closed
	m.mu.Unlock()
	if m.gather.notify != nil && !over && sdp != "" {
		m.gather.notify(sdp)
	}
}

// trickled makes a description one that does not wait for its candidates.
func (m *Media) trickled(s session) string {
	if m.gather.ice != s.ice {
		m.gather.ice, m.gather.found, m.gather.ended = s.ice, nil, false
	}
	return m.withCandidates(s.local)
}

// withCandidates puts the candidates that were found in the place of the one that
// other descriptions have.
func (m *Media) withCandidates(sdp string) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		switch {
		case strings.HasPrefix(line, "a=candidate:"), strings.HasPrefix(line, "a=end-of-candidates"):
			continue
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			for _, candidate := range m.gather.found {
				b.WriteString("a=" + candidate + "\r\n")
			}
			if m.gather.ended {
				b.WriteString("a=end-of-candidates\r\n")
			}
		case strings.HasPrefix(line, "c=") && len(m.gather.found) == 0:
			line = "c=IN IP4 0.0.0.0\r\n"
		case strings.HasPrefix(line, "m=") && len(m.gather.found) == 0:
			line = strings.Replace(line, " 50000 ", " 9 ", 1)
		}
		b.WriteString(line)
	}
	return b.String()
}

// AddCandidate implements sipua.Media. A candidate belongs to a stream of the remote
// description, and to its ICE generation. The empty one ends the list.
func (m *Media) AddCandidate(ctx context.Context, c sipua.Candidate) error {
	return m.verb(ctx, VerbAddCandidate, c.Candidate, func() error {
		s := m.session
		if m.pending.local != "" {
			s = m.pending
		}
		switch {
		case s.remote == "":
			return mediaError("InvalidStateError", "AddCandidate before any remote description")
		case !slices.ContainsFunc(s.streams, func(one stream) bool { return one.mid == c.Mid }):
			return mediaError("OperationError", "no stream has the mid %q", c.Mid)
		case c.Ufrag != s.remoteICE.ufrag:
			return mediaError("OperationError", "the candidate is of the generation %q and the description of %q", c.Ufrag, s.remoteICE.ufrag)
		case c.Candidate != "" && (!strings.HasPrefix(c.Candidate, "candidate:") || len(strings.Fields(c.Candidate)) < 8):
			return mediaError("OperationError", "%q is not a candidate", c.Candidate)
		}
		m.candidate = append(m.candidate, c.Candidate)
		return nil
	})
}
