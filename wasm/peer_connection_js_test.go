package main

import (
	"context"
	"syscall/js"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// The connection: its states, its restart, and its end by another hand.

func TestPeerWatchConnection(t *testing.T) {
	p := newPage(t)
	m, pc := p.peer(nil)
	var told []sipua.ConnectionState
	m.WatchConnection(func(s sipua.ConnectionState) { told = append(told, s) })
	step := func(event, state string, want ...sipua.ConnectionState) {
		t.Helper()
		told = nil
		pc.Call(event, state)
		settle(t)
		require.Equal(t, want, told, "%s %s", event, state)
	}
	step("connect", "new")
	step("ice", "checking")
	step("connect", "connecting", sipua.ConnectionConnecting)
	step("ice", "connected")
	step("connect", "connected", sipua.ConnectionConnected)
	step("ice", "disconnected", sipua.ConnectionDisconnected)
	step("connect", "disconnected")
	step("ice", "connected")
	step("connect", "connected", sipua.ConnectionConnected)
	step("ice", "failed", sipua.ConnectionFailed)
	step("connect", "failed")
	m.Close()
	step("connect", "closed")
	require.Zero(t, pc.Call("listening").Int())
	p.requireReleased()
}

func TestPeerRestartGathersAnew(t *testing.T) {
	p := newPage(t)
	m, pc := p.peer(nil)
	pc.Call("candidate")
	offer := negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))
	p.Set("slowGathering", true)
	require.NoError(t, m.RestartICE(t.Context()))
	wait := begin(t, func() (string, error) { return m.CreateOffer(t.Context(), sipua.OfferOptions{}) })
	settle(t)
	settle(t)
	require.Equal(t, "gathering", text(pc, "iceGatheringState"), "it was complete when the description was applied")
	pc.Call("candidate")
	pc.Call("gathered")
	restarted, err := wait()
	require.NoError(t, err)
	require.NotEqual(t, attribute(offer, "ice-ufrag"), attribute(restarted, "ice-ufrag"))
	require.Contains(t, restarted, "a=candidate:")
}

// Whatever is asked for after the page, or the browser, has closed the peer
// connection ends, with an error that says what happened.
func TestPeerClosedByThePage(t *testing.T) {
	ctx := context.Background()
	verbs := map[string]func(m *peer) error{
		"CreateOffer": func(m *peer) error { _, err := m.CreateOffer(ctx, sipua.OfferOptions{}); return err },
		"CreateAnswer": func(m *peer) error {
			_, err := m.CreateAnswer(ctx, remoteSDP("audio sendrecv"), sipua.OfferOptions{})
			return err
		},
		"ApplyAnswer":  func(m *peer) error { return m.ApplyAnswer(ctx, remoteSDP("audio sendrecv"), false) },
		"Rollback":     func(m *peer) error { return m.Rollback(ctx) },
		"RestartICE":   func(m *peer) error { return m.RestartICE(ctx) },
		"AddCandidate": func(m *peer) error { return m.AddCandidate(ctx, sipua.Candidate{Candidate: "candidate:1", Mid: "0"}) },
		"SendDTMF":     func(m *peer) error { return m.SendDTMF(ctx, "1", sipua.DTMFOptions{}) },
		"Mute":         func(m *peer) error { return m.Mute(true) },
		"SetVideo":     func(m *peer) error { _, err := m.SetVideo(ctx, &sipua.VideoSource{}); return err },
		"SetVideo nil": func(m *peer) error { _, err := m.SetVideo(ctx, nil); return err },
		"Mix":          func(m *peer) error { return m.Mix([]sipua.Media{m}) },
	}
	for name, verb := range verbs {
		t.Run(name, func(t *testing.T) {
			_, m, pc := talk(t, nil, "audio sendrecv")
			pc.Call("close")
			require.ErrorIs(t, verb(m), sipua.ErrMediaFailed)
			m.Close()
		})
	}
	// While something is under way, and for longer than between two looks: the
	// browser leaves the promise unsettled.
	closeLater := func(t *testing.T, m *peer, pc js.Value) {
		for end := time.Now().Add(20 * m.check); time.Now().Before(end); {
			settle(t)
		}
		pc.Call("close")
	}
	for method, verb := range map[string]string{"createOffer": "CreateOffer", "setRemoteDescription": "CreateAnswer"} {
		t.Run("during "+verb, func(t *testing.T) {
			p, m, pc := talk(t, nil, "audio sendrecv")
			p.Set("hanging", method)
			m.check = time.Millisecond
			wait := act(t, func() error { return verbs[verb](m) })
			closeLater(t, m, pc)
			require.ErrorIs(t, wait(), sipua.ErrMediaFailed)
		})
	}
	t.Run("while gathering", func(t *testing.T) {
		p := newPage(t)
		p.Set("slowGathering", true)
		m, pc := p.peer(nil)
		m.check = time.Millisecond
		wait := act(t, func() error { return verbs["CreateOffer"](m) })
		closeLater(t, m, pc)
		require.ErrorIs(t, wait(), sipua.ErrMediaFailed)
		require.Zero(t, pc.Call("listening").Int())
	})
	t.Run("while tones wait for the connection", func(t *testing.T) {
		_, m, pc := talk(t, nil, "audio sendrecv")
		m.check = time.Millisecond
		wait := act(t, func() error { return verbs["SendDTMF"](m) })
		closeLater(t, m, pc)
		require.ErrorIs(t, wait(), sipua.ErrMediaFailed)
		require.Zero(t, pc.Call("listening").Int())
	})
}
