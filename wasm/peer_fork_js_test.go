package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// forkSDP is the answer of one fork.
func forkSDP(ufrag, fingerprint string) string {
	return remoteSDP("audio sendrecv") + "a=ice-ufrag:" + ufrag + "\r\na=fingerprint:sha-256 " + fingerprint + "\r\n" +
		"a=candidate:1 1 udp 2122260223 192.0.2.2 4000 typ host generation 0\r\na=candidate:2 1 udp 1686052607 192.0.2.3 4000 typ srflx\r\n"
}

// applied lists what the browser was given: the kind, the ICE credentials, the
// fingerprint and the priorities of the candidates.
func applied(p page) (all []string) {
	list := p.only("peers").Get("applied")
	for i := range list.Length() {
		sdp := text(list.Index(i), "sdp")
		_, fingerprint, _ := strings.Cut(attribute(sdp, "fingerprint"), " ")
		item := text(list.Index(i), "type") + " " + attribute(sdp, "ice-ufrag") + " " + fingerprint[:2]
		for line := range strings.Lines(sdp) {
			if strings.HasPrefix(line, "a=candidate:") {
				item += " " + strings.Fields(line)[3]
			}
		}
		all = append(all, item)
	}
	return all
}

func TestPeerForks(t *testing.T) {
	const (
		plain = " 2122260223 1686052607"
		first = " 130302 116990" // the level << 16, and the upper bits of the priority
		next  = " 195838 182526"
	)
	type answer struct {
		kind, ufrag, fingerprint string
	}
	for name, c := range map[string]struct {
		answers []answer
		want    []string
		refused bool
	}{
		"no early media":                  {[]answer{{"answer", "a", "AA"}}, []string{"answer a AA" + plain}, false},
		"the fork of the early media":     {[]answer{{"pranswer", "a", "AA"}, {"pranswer", "a", "AA"}, {"answer", "a", "AA"}}, []string{"pranswer a AA" + first, "pranswer a AA" + first, "answer a AA" + plain}, false},
		"another fork":                    {[]answer{{"pranswer", "a", "AA"}, {"answer", "b", "BB"}}, []string{"pranswer a AA" + first, "answer b BB" + plain}, false},
		"another fork early":              {[]answer{{"pranswer", "a", "AA"}, {"pranswer", "b", "BB"}, {"answer", "b", "BB"}}, []string{"pranswer a AA" + first, "pranswer b BB" + next, "answer b BB" + plain}, false},
		"another fork of the same server": {[]answer{{"pranswer", "a", "AA"}, {"answer", "b", "aa"}}, []string{"pranswer a AA" + first, "pranswer a 00" + first, "answer b aa" + plain}, false},
		"back to the first":               {[]answer{{"pranswer", "a", "AA"}, {"pranswer", "b", "BB"}, {"answer", "a", "AA"}}, []string{"pranswer a AA" + first, "pranswer b BB" + next}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPage(t)
			m, _ := p.peer(nil)
			_, err := m.CreateOffer(t.Context(), sipua.OfferOptions{})
			require.NoError(t, err)
			for _, a := range c.answers {
				require.NoError(t, err)
				err = m.ApplyAnswer(t.Context(), forkSDP(a.ufrag, a.fingerprint), a.kind == "pranswer")
			}
			require.Equal(t, c.want, applied(p))
			if c.refused {
				require.ErrorIs(t, err, sipua.ErrMediaFailed)
				return
			}
			require.NoError(t, err)

			// The next exchange knows nothing of it.
			p.only("peers").Set("applied", []any{})
			negotiate(t, m, sipua.OfferOptions{}, forkSDP("a", "AA"))
			require.Equal(t, []string{"answer a AA" + plain}, applied(p))
		})
	}
}

// A fork that the browser refuses is not the one that early media comes from.
func TestPeerForkRefusedByTheBrowser(t *testing.T) {
	p := newPage(t)
	m, _ := p.peer(nil)
	_, err := m.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	require.NoError(t, m.ApplyAnswer(t.Context(), forkSDP("a", "AA"), true))
	p.Get("failing").Set("setRemoteDescription pranswer", "OperationError")
	require.Equal(t, "OperationError", exceptionName(m.ApplyAnswer(t.Context(), forkSDP("b", "BB"), true)))
	require.NoError(t, m.ApplyAnswer(t.Context(), forkSDP("a", "AA"), false), "the first is still there")
}

// Candidates of their own message follow the description they belong to.
func TestPeerCandidateOfAnEarlyFork(t *testing.T) {
	p := newPage(t)
	m, pc := p.peer(nil)
	_, err := m.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	require.NoError(t, m.ApplyAnswer(t.Context(), forkSDP("a", "AA"), true))
	require.NoError(t, m.AddCandidate(t.Context(), sipua.Candidate{Candidate: "candidate:3 1 udp 2122260223 192.0.2.4 4000 typ host", Mid: "0", Ufrag: "a"}))
	require.Equal(t, "candidate:3 1 udp 130302 192.0.2.4 4000 typ host", pc.Get("remoteCandidate").Get("candidate").String())
	require.NoError(t, m.ApplyAnswer(t.Context(), forkSDP("a", "AA"), false))
	require.NoError(t, m.AddCandidate(t.Context(), sipua.Candidate{Candidate: "candidate:3 1 udp 2122260223 192.0.2.4 4000 typ host", Mid: "0", Ufrag: "a"}))
	require.Equal(t, "candidate:3 1 udp 2122260223 192.0.2.4 4000 typ host", pc.Get("remoteCandidate").Get("candidate").String())
}

func TestLowered(t *testing.T) {
	const relay = 255 // about the lowest that libwebrtc gives: type preference 0, component 1
	for _, level := range []int{1, 2, 254, 255, 256, 1 << 20} {
		var last string
		for _, priority := range []uint32{1, 1 << 24, 1<<31 - 1} {
			var now uint32
			line := lowered(fmt.Sprintf("a=candidate:1 1 udp %d 192.0.2.1 9 typ host\r\n", priority), level)
			_, err := fmt.Sscanf(line, "a=candidate:1 1 udp %d 192.0.2.1 9 typ host\r\n", &now)
			require.NoError(t, err, line)
			require.Less(t, now, uint32(1<<24), "below every host and reflexive candidate")
			require.GreaterOrEqual(t, now, uint32(min(level, relay))<<16)
			require.NotEqual(t, last, line, "in their order")
			last = line
		}
	}
	for _, other := range []string{"", "a=candidate:1 1 udp x 192.0.2.1 9 typ host\r\n", "a=candidate:\r\n", "m=audio 1 2 3 4 5\r\n", "a=candidate:1 1 udp 99999999999 192.0.2.1 9 typ host\r\n"} {
		require.Equal(t, other, lowered(other, 1), "what is none is left alone")
	}
}

// Firefox has no provisional answers: what would be one counts as the answer.
func TestPeerForksWithoutProvisionalAnswers(t *testing.T) {
	const plain = " 2122260223 1686052607"
	p := newPage(t)
	p.Set("noProvisional", true)
	m, _ := p.peer(nil)
	_, err := m.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	require.NoError(t, m.ApplyAnswer(t.Context(), forkSDP("a", "AA"), true))
	require.NoError(t, m.AddCandidate(t.Context(), sipua.Candidate{Candidate: "candidate:3 1 udp 1686052607 192.0.2.4 4000 typ srflx"}))
	require.Equal(t, "candidate:3 1 udp 1686052607 192.0.2.4 4000 typ srflx", text(p.only("peers").Get("remoteCandidate"), "candidate"))
	require.NoError(t, m.ApplyAnswer(t.Context(), forkSDP("a", "AA"), true))
	require.ErrorIs(t, m.ApplyAnswer(t.Context(), forkSDP("b", "BB"), true), sipua.ErrMediaFailed)
	require.ErrorIs(t, m.ApplyAnswer(t.Context(), forkSDP("b", "BB"), false), sipua.ErrMediaFailed)
	require.NoError(t, m.ApplyAnswer(t.Context(), forkSDP("a", "AA"), false))
	require.Equal(t, []string{"answer a AA" + plain}, applied(p), "once, and with the priorities that it came with")

	// And on, as after any other answer.
	_, err = m.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	require.NoError(t, m.ApplyAnswer(t.Context(), forkSDP("a", "AA"), false))
	require.Equal(t, []string{"answer a AA" + plain, "answer a AA" + plain}, applied(p))
}
