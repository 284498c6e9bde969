package main

import (
	"context"
	"errors"
	"syscall/js"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// What the media waits for: candidates, the connection, the last tone.

func TestPeerGathering(t *testing.T) {
	offer := func(t *testing.T) (page, *peer, js.Value, func() (string, error)) {
		p := newPage(t)
		p.Set("slowGathering", true)
		m, pc := p.peer(nil)
		wait := begin(t, func() (string, error) { return m.CreateOffer(t.Context(), sipua.OfferOptions{}) })
		settle(t)
		require.Equal(t, "gathering", pc.Get("iceGatheringState").String())
		return p, m, pc, wait
	}
	t.Run("complete", func(t *testing.T) {
		p, m, pc, wait := offer(t)
		pc.Call("candidate")
		pc.Call("gathered")
		sdp, err := wait()
		require.NoError(t, err)
		require.Contains(t, sdp, "a=candidate:1 ", "what has been gathered meanwhile")
		require.Zero(t, pc.Call("listening").Int())
		p.requireReleased()

		// Complete already: nothing is waited for.
		require.NoError(t, m.ApplyAnswer(t.Context(), remoteSDP("audio sendrecv"), false))
		_, err = m.CreateOffer(t.Context(), sipua.OfferOptions{Hold: true})
		require.NoError(t, err)
	})
	t.Run("the time is over", func(t *testing.T) {
		p := newPage(t)
		p.Set("slowGathering", true)
		m, pc := p.peer(nil)
		m.ice.limit = time.Millisecond
		pc.Call("candidate")
		sdp, err := m.CreateOffer(t.Context(), sipua.OfferOptions{})
		require.NoError(t, err)
		require.Contains(t, sdp, "a=candidate:1 ", "as many as have come")
		require.Zero(t, pc.Call("listening").Int())
	})
	t.Run("the call is over", func(t *testing.T) {
		p := newPage(t)
		p.Set("slowGathering", true)
		m, pc := p.peer(nil)
		over := errors.New("the call is over")
		ctx, cancel := context.WithCancelCause(t.Context())
		wait := begin(t, func() (string, error) { return m.CreateOffer(ctx, sipua.OfferOptions{}) })
		settle(t)
		cancel(over)
		_, err := wait()
		require.ErrorIs(t, err, over)
		require.Zero(t, pc.Call("listening").Int())
	})
}

// talk makes a peer whose first description has been agreed on.
func talk(t *testing.T, media map[string]any, answer ...string) (page, *peer, js.Value) {
	p := newPage(t)
	m, pc := p.peer(media)
	negotiate(t, m, sipua.OfferOptions{}, remoteSDP(answer...))
	return p, m, pc
}

// tones begins to send three tones; the result waits for the last.
func tones(t *testing.T, m *peer, o sipua.DTMFOptions) (wait func() error) {
	wait = act(t, func() error { return m.SendDTMF(t.Context(), "12#", o) })
	settle(t)
	return wait
}

func TestPeerDTMF(t *testing.T) {
	video := map[string]any{"constraints": map[string]any{"audio": true, "video": true}}
	p, m, pc := talk(t, video, "video sendrecv", "audio sendrecv")
	pc.Call("connect", "connected")
	require.True(t, pc.Call("getSenders").Index(0).Get("dtmf").IsNull(), "sound is not the first")
	dtmf := pc.Call("getSenders").Index(1).Get("dtmf")

	for _, c := range []struct {
		options       sipua.DTMFOptions
		duration, gap int
	}{
		{sipua.DTMFOptions{}, 100, 70},
		{sipua.DTMFOptions{Duration: 250 * time.Millisecond, Gap: 50 * time.Millisecond}, 250, 50},
	} {
		dtmf.Set("inserted", []any{})
		wait := tones(t, m, c.options)
		require.Equal(t, 1, dtmf.Get("inserted").Length())
		inserted := dtmf.Get("inserted").Index(0)
		require.Equal(t, "12#", inserted.Get("tones").String())
		require.Equal(t, c.duration, inserted.Get("duration").Int())
		require.Equal(t, c.gap, inserted.Get("gap").Int())
		for _, tone := range []string{"1", "2", "#"} {
			dtmf.Call("fire", "tonechange", map[string]any{"tone": tone})
		}
		settle(t)
		require.Equal(t, 1, dtmf.Call("listening", "tonechange").Int(), "the last tone still sounds")
		dtmf.Call("fire", "tonechange", map[string]any{"tone": ""})
		require.NoError(t, wait())
		require.Zero(t, dtmf.Call("listening").Int())
	}
	p.requireReleased()
}

// The browser drops what is left when the stream is held meanwhile, without another
// event (W3C WebRTC section 7.3).
func TestPeerDTMFDropped(t *testing.T) {
	p, m, pc := talk(t, nil, "audio sendrecv")
	pc.Call("connect", "connected")
	err := m.SendDTMF(t.Context(), "1", sipua.DTMFOptions{Duration: 40 * time.Millisecond, Gap: 30 * time.Millisecond})
	require.ErrorIs(t, err, sipua.ErrMediaFailed)
	p.requireReleased()
}

func TestPeerDTMFUnsupported(t *testing.T) {
	t.Run("no telephone events", func(t *testing.T) {
		p, m, pc := talk(t, nil, "audio sendrecv")
		p.Set("noTelephoneEvents", true)
		pc.Call("connect", "connected")
		require.ErrorIs(t, m.SendDTMF(t.Context(), "1", sipua.DTMFOptions{}), sipua.ErrUnsupported)
	})
	t.Run("no sound is sent", func(t *testing.T) {
		_, m, pc := talk(t, nil, "audio sendonly")
		pc.Call("connect", "connected")
		require.ErrorIs(t, m.SendDTMF(t.Context(), "1", sipua.DTMFOptions{}), sipua.ErrUnsupported)
	})
	t.Run("refused by the browser", func(t *testing.T) {
		_, m, pc := talk(t, nil, "audio sendrecv")
		pc.Call("connect", "connected")
		err := m.SendDTMF(t.Context(), "x", sipua.DTMFOptions{})
		require.Equal(t, "InvalidCharacterError", exceptionName(err))
		require.Zero(t, pc.Call("getSenders").Index(0).Get("dtmf").Call("listening").Int())
	})
}

// A call may be answered before ICE and DTLS are through; tones sent then would
// be lost.
func TestPeerDTMFWaitsForTheConnection(t *testing.T) {
	p, m, pc := talk(t, nil, "audio sendrecv")
	dtmf := pc.Call("getSenders").Index(0).Get("dtmf")
	wait := tones(t, m, sipua.DTMFOptions{})
	pc.Call("connect", "connecting")
	settle(t)
	require.Zero(t, dtmf.Get("inserted").Length())
	pc.Call("connect", "connected")
	settle(t)
	require.Equal(t, 1, dtmf.Get("inserted").Length())
	dtmf.Call("fire", "tonechange", map[string]any{"tone": ""})
	require.NoError(t, wait())
	require.Zero(t, pc.Call("listening").Int())
	p.requireReleased()
}

func TestPeerDTMFCutShort(t *testing.T) {
	t.Run("the connection fails", func(t *testing.T) {
		_, m, pc := talk(t, nil, "audio sendrecv")
		wait := tones(t, m, sipua.DTMFOptions{})
		pc.Call("connect", "failed")
		require.ErrorContains(t, wait(), "failed")
		require.Zero(t, pc.Call("listening").Int())
	})
	for name, connected := range map[string]bool{"while connecting": false, "while sending": true} {
		t.Run(name, func(t *testing.T) {
			p, m, pc := talk(t, nil, "audio sendrecv")
			if connected {
				pc.Call("connect", "connected")
			}
			over := errors.New("the call is over")
			ctx, cancel := context.WithCancelCause(t.Context())
			wait := act(t, func() error { return m.SendDTMF(ctx, "1", sipua.DTMFOptions{}) })
			settle(t)
			cancel(over)
			require.ErrorIs(t, wait(), over)
			require.Zero(t, pc.Call("listening").Int())
			require.Zero(t, pc.Call("getSenders").Index(0).Get("dtmf").Call("listening").Int())
			p.requireReleased()
		})
	}
}
