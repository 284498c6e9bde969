package main

import (
	"syscall/js"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// conference is calls that each send the sound of the others.
func conference(t *testing.T, p page, calls ...*peer) {
	t.Helper()
	for i, m := range calls {
		var others []sipua.Media
		for j, other := range calls {
			if i != j {
				others = append(others, other)
			}
		}
		require.NoError(t, m.Mix(others))
	}
	settle(t)
}

// hears lists what the other side of a call hears.
func hears(p page, m *peer) (tracks []js.Value) {
	heard := p.Call("heard", m.pc.Call("getSenders").Index(0).Get("track"))
	for i := range heard.Length() {
		tracks = append(tracks, heard.Index(i))
	}
	return tracks
}

func microphoneOf(m *peer) js.Value { return track(m.stream, 0) }

func receivedBy(m *peer) js.Value { return m.pc.Call("getReceivers").Index(0).Get("track") }

func TestMix(t *testing.T) {
	p := newPage(t)
	a, _ := p.peer(nil)
	b, _ := p.peer(nil)
	c, _ := p.peer(nil)
	for _, m := range []*peer{a, b, c} {
		negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))
	}
	conference(t, p, a, b, c)
	require.Equal(t, 1, p.Get("contexts").Length(), "one for all")
	require.ElementsMatch(t, []js.Value{microphoneOf(a), receivedBy(b), receivedBy(c)}, hears(p, a))
	require.ElementsMatch(t, []js.Value{microphoneOf(b), receivedBy(a), receivedBy(c)}, hears(p, b))

	// Each has a mute of its own; a party on hold hears nothing at all.
	require.NoError(t, a.Mute(true))
	require.ElementsMatch(t, []js.Value{receivedBy(b), receivedBy(c)}, hears(p, a))
	require.ElementsMatch(t, []js.Value{microphoneOf(b), receivedBy(a), receivedBy(c)}, hears(p, b))
	negotiate(t, b, sipua.OfferOptions{Hold: true}, remoteSDP("audio recvonly"))
	require.Empty(t, hears(p, b))
	negotiate(t, b, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))
	require.NoError(t, a.Mute(false))
	require.Len(t, hears(p, a), 3)
	require.Len(t, hears(p, b), 3)

	// One ends: the others hear each other on, and can leave it out.
	c.Close()
	require.Len(t, hears(p, a), 2)
	conference(t, p, a, b)
	require.ElementsMatch(t, []js.Value{microphoneOf(a), receivedBy(b)}, hears(p, a))

	require.NoError(t, a.Mix(nil))
	settle(t)
	require.True(t, a.pc.Call("getSenders").Index(0).Get("track").Equal(microphoneOf(a)))
	require.Equal(t, "running", p.only("contexts").Get("state").String(), "b mixes on")
	b.Close()
	require.Equal(t, "closed", p.only("contexts").Get("state").String())
	require.NoError(t, a.Mix(nil), "again is nothing")

	conference(t, p, a)
	require.Equal(t, 1, p.Get("contexts").Length(), "nobody to mix with")
}

// All calls send one stream of the page, and each has its own mute.
func TestMixOfAPagesStream(t *testing.T) {
	p := newPage(t)
	stream := p.stream("audio")
	a, _ := p.peer(map[string]any{"stream": stream})
	b, _ := p.peer(map[string]any{"stream": stream})
	require.NoError(t, a.Mute(true))
	conference(t, p, a, b)
	require.ElementsMatch(t, []js.Value{receivedBy(b)}, hears(p, a))
	require.ElementsMatch(t, []js.Value{track(stream, 0), receivedBy(a)}, hears(p, b))
	require.NoError(t, a.Mute(false))
	require.Len(t, hears(p, a), 2)
	require.NoError(t, b.Mute(true))
	require.Len(t, hears(p, b), 1)
	require.Len(t, hears(p, a), 2)

	// Out of the conference the mute stays.
	require.NoError(t, a.Mix(nil))
	require.NoError(t, b.Mix(nil))
	settle(t)
	require.True(t, a.pc.Call("getSenders").Index(0).Get("track").Equal(track(stream, 0)))
	require.False(t, b.pc.Call("getSenders").Index(0).Get("track").Get("enabled").Bool())
	require.True(t, track(stream, 0).Get("enabled").Bool())
	a.Close()
	b.Close()
	for i := range track(stream, 0).Get("clones").Length() {
		require.Equal(t, 1, track(stream, 0).Get("clones").Index(i).Get("stops").Int())
	}
}

func TestMixImpossible(t *testing.T) {
	t.Run("no AudioContext", func(t *testing.T) {
		p := newPage(t)
		a, _ := p.peer(nil)
		b, _ := p.peer(nil)
		p.Set("AudioContext", js.Undefined())
		require.ErrorIs(t, a.Mix([]sipua.Media{b}), sipua.ErrUnsupported)
		require.NoError(t, a.Mix(nil))
		require.True(t, a.pc.Call("getSenders").Index(0).Get("track").Equal(microphoneOf(a)))
	})
	t.Run("no sound", func(t *testing.T) {
		p := newPage(t)
		a, _ := p.peer(map[string]any{"stream": p.stream("video")})
		b, _ := p.peer(nil)
		require.ErrorIs(t, a.Mix([]sipua.Media{b}), sipua.ErrUnsupported)
		require.Zero(t, p.Get("contexts").Length())
	})
	t.Run("closed", func(t *testing.T) {
		p := newPage(t)
		a, pc := p.peer(nil)
		b, _ := p.peer(nil)
		conference(t, p, a, b)
		pc.Call("close")
		require.ErrorIs(t, a.Mix([]sipua.Media{b}), sipua.ErrMediaFailed)
		require.NotPanics(t, a.Close)
		b.Close()
		require.Equal(t, "closed", p.only("contexts").Get("state").String())
	})
}
