package main

import (
	"context"
	"fmt"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// The seam over the real thing. These tests run when the test binary is loaded by
// a page, which wasm/npm/test/browser/peer.test.mjs does. Waiting is for packets
// there, and bounded.

// realPage is the page's own objects, each peer with a microphone that beeps.
type realPage struct {
	t    *testing.T
	desk *desk
}

func chromium(t *testing.T) realPage {
	t.Helper()
	if js.Global().Get("RTCPeerConnection").IsUndefined() {
		t.Skip("needs a browser: wasm/npm/test/browser/peer.test.mjs runs it there")
	}
	host := js.Global().Get("Object").New()
	for _, name := range []string{"RTCPeerConnection", "MediaStream", "AudioContext"} {
		host.Set(name, js.Global().Get(name))
	}
	host.Set("mediaDevices", js.Global().Get("navigator").Get("mediaDevices"))
	return realPage{t, newDesk(host)}
}

func (p realPage) peer(media map[string]any) *peer {
	p.t.Helper()
	m, err := newPeer(p.t.Context(), p.desk, readMediaOptions(js.ValueOf(media)), defaultICE(), nil, func(js.Value, js.Value) {}, nil)
	require.NoError(p.t, err)
	p.t.Cleanup(m.Close)
	return m
}

// exchange is one offer and its answer.
func exchange(t *testing.T, from, to *peer, o, answer sipua.OfferOptions) (offer string) {
	t.Helper()
	offer, err := from.CreateOffer(t.Context(), o)
	require.NoError(t, err)
	sdp, err := to.CreateAnswer(t.Context(), offer, answer)
	require.NoError(t, err)
	require.NoError(t, from.ApplyAnswer(t.Context(), sdp, false))
	return offer
}

// pause lets the page go on for a moment.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// stat sums a number over the statistics of one type and kind.
func stat(t *testing.T, m *peer, report, kind, name string) (sum float64) {
	t.Helper()
	stats, err := awaitCall(t.Context(), m.pc, "getStats")
	require.NoError(t, err)
	list := js.Global().Get("Array").Call("from", stats.Call("values"))
	for i := range list.Length() {
		if r := list.Index(i); text(r, "type") == report && text(r, "kind") == kind {
			sum += number(r, name, 0)
		}
	}
	return sum
}

// eventually waits for what the network has to bring.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); pause(t, 50*time.Millisecond) {
		require.True(t, time.Now().Before(end), "%s did not come", what)
	}
}

// requireFlow waits until packets of that kind go on arriving.
func requireFlow(t *testing.T, m *peer, kind string) {
	t.Helper()
	before := stat(t, m, "inbound-rtp", kind, "packetsReceived")
	eventually(t, kind, func() bool { return stat(t, m, "inbound-rtp", kind, "packetsReceived") > before+10 })
}

// listener measures how loud what m receives is, as a page would.
type listener struct {
	t        *testing.T
	analyser js.Value
	samples  js.Value
}

func listenTo(t *testing.T, m *peer) listener {
	t.Helper()
	stream := m.host.Get("MediaStream").New(js.ValueOf([]any{m.pc.Call("getReceivers").Index(0).Get("track")}))
	player := js.Global().Get("Audio").New()
	player.Set("muted", true)
	player.Set("srcObject", stream)
	settleSilently(func() js.Value { return player.Call("play") })
	context := m.host.Get("AudioContext").New()
	t.Cleanup(func() { player.Set("srcObject", nil); settleSilently(func() js.Value { return context.Call("close") }) })
	analyser := context.Call("createAnalyser")
	context.Call("createMediaStreamSource", stream).Call("connect", analyser)
	return listener{t, analyser, js.Global().Get("Float32Array").New(analyser.Get("fftSize"))}
}

// loudest is the largest sample of a time that has several of the fake microphone's
// beeps, which come once a second.
func (l listener) loudest(d time.Duration) (peak float64) {
	l.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); pause(l.t, 10*time.Millisecond) {
		l.analyser.Call("getFloatTimeDomainData", l.samples)
		for i := 0; i < l.samples.Length(); i += 4 {
			peak = max(peak, l.samples.Index(i).Float())
		}
	}
	return peak
}

func (l listener) requireSound(what string) {
	l.t.Helper()
	eventually(l.t, what, func() bool { return l.loudest(200*time.Millisecond) > 0.01 })
}

func (l listener) requireSilence(what string) {
	l.t.Helper()
	pause(l.t, 700*time.Millisecond) // what is under way: the jitter buffer
	require.Less(l.t, l.loudest(2500*time.Millisecond), 0.005, what)
}

func TestChromiumForks(t *testing.T) {
	fork := func(certificate js.Value) map[string]any {
		if certificate.IsUndefined() {
			return nil
		}
		return map[string]any{"rtcConfiguration": map[string]any{"certificates": []any{certificate}}}
	}
	certificate := func(t *testing.T) js.Value {
		algorithm := map[string]any{"name": "ECDSA", "namedCurve": "P-256"}
		v, err := awaitCall(t.Context(), js.Global().Get("RTCPeerConnection"), "generateCertificate", algorithm)
		require.NoError(t, err)
		return v
	}
	for _, c := range []struct {
		name          string
		shared, early bool // one certificate for both; early media of the second too
		passive       bool // both let us begin with DTLS
	}{
		{name: "the other answers"},
		{name: "the other has early media and answers", early: true},
		{name: "both let us begin", passive: true},
		{name: "both behind one media server", shared: true},
		{name: "both behind one media server, with early media", shared: true, early: true},
		{name: "both behind one media server let us begin", shared: true, passive: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := chromium(t)
			key := js.Undefined()
			if c.shared {
				key = certificate(t)
			}
			caller, a, b := p.peer(nil), p.peer(fork(key)), p.peer(fork(key))
			offer, err := caller.CreateOffer(t.Context(), sipua.OfferOptions{})
			require.NoError(t, err)
			answer := func(m *peer) string {
				remote := offer
				if c.passive {
					remote = strings.ReplaceAll(remote, "a=setup:actpass", "a=setup:active")
				}
				sdp, err := m.CreateAnswer(t.Context(), remote, sipua.OfferOptions{})
				require.NoError(t, err)
				return sdp
			}
			require.NoError(t, caller.ApplyAnswer(t.Context(), answer(a), true))
			requireFlow(t, a, "audio")
			requireFlow(t, caller, "audio")

			second := answer(b) // while the first still talks
			if c.early {
				require.NoError(t, caller.ApplyAnswer(t.Context(), second, true))
				requireFlow(t, b, "audio")
			}
			require.NoError(t, caller.ApplyAnswer(t.Context(), second, false))
			requireFlow(t, b, "audio")
			requireFlow(t, caller, "audio")
			require.Equal(t, "connected", text(caller.pc, "connectionState"))

			// And on: the next exchange is with the second alone.
			exchange(t, caller, b, sipua.OfferOptions{Hold: true}, sipua.OfferOptions{})
			exchange(t, b, caller, sipua.OfferOptions{}, sipua.OfferOptions{})
			requireFlow(t, b, "audio")
			requireFlow(t, caller, "audio")
		})
	}
	t.Run("early media of the one that answers stays", func(t *testing.T) {
		p := chromium(t)
		caller, a := p.peer(nil), p.peer(nil)
		var states []sipua.ConnectionState
		caller.WatchConnection(func(s sipua.ConnectionState) { states = append(states, s) })
		offer, err := caller.CreateOffer(t.Context(), sipua.OfferOptions{})
		require.NoError(t, err)
		answer, err := a.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
		require.NoError(t, err)
		require.NoError(t, caller.ApplyAnswer(t.Context(), answer, true))
		requireFlow(t, a, "audio")
		require.NoError(t, caller.ApplyAnswer(t.Context(), answer, false))
		requireFlow(t, a, "audio")
		requireFlow(t, caller, "audio")
		require.Equal(t, []sipua.ConnectionState{sipua.ConnectionConnecting, sipua.ConnectionConnected}, states)
	})
	t.Run("a fresh offer leads back to a fork that was left", func(t *testing.T) {
		p := chromium(t)
		caller, a, b := p.peer(nil), p.peer(nil), p.peer(nil)
		offer, err := caller.CreateOffer(t.Context(), sipua.OfferOptions{})
		require.NoError(t, err)
		answer, err := a.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
		require.NoError(t, err)
		require.NoError(t, caller.ApplyAnswer(t.Context(), answer, true))
		requireFlow(t, a, "audio")
		other, err := b.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
		require.NoError(t, err)
		require.NoError(t, caller.ApplyAnswer(t.Context(), other, true))
		requireFlow(t, b, "audio")
		require.ErrorIs(t, caller.ApplyAnswer(t.Context(), answer, false), sipua.ErrMediaFailed)
		require.Error(t, caller.Rollback(t.Context()), "nor is there a way back to before the offer")
		caller.Close()
		fresh := p.peer(nil)
		exchange(t, fresh, a, sipua.OfferOptions{}, sipua.OfferOptions{})
		requireFlow(t, a, "audio")
		requireFlow(t, fresh, "audio")
	})
}

func TestChromiumRestartICE(t *testing.T) {
	p := chromium(t)
	a, b := p.peer(nil), p.peer(nil)
	first := exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	requireFlow(t, a, "audio")
	requireFlow(t, b, "audio")
	last := attribute(first, "ice-ufrag")
	for round, from := range []*peer{a, b, a} {
		to := a
		if from == a {
			to = b
		}
		require.NoError(t, from.RestartICE(t.Context()))
		offer := exchange(t, from, to, sipua.OfferOptions{}, sipua.OfferOptions{})
		require.NotEqual(t, last, attribute(offer, "ice-ufrag"), "round %d", round)
		require.NotEmpty(t, attribute(offer, "candidate"), "round %d", round)
		require.NotEmpty(t, attribute(to.localSDP(), "candidate"), "round %d", round)
		requireFlow(t, a, "audio")
		requireFlow(t, b, "audio")
	}
	// An ordinary offer restarts nothing.
	offer := exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	require.Equal(t, attribute(a.localSDP(), "ice-ufrag"), attribute(offer, "ice-ufrag"))
	// A restart may be withdrawn, and is wanted still.
	require.NoError(t, a.RestartICE(t.Context()))
	_, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	require.NoError(t, a.Rollback(t.Context()))
	requireFlow(t, b, "audio")
	require.NotEqual(t, attribute(offer, "ice-ufrag"), attribute(exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{}), "ice-ufrag"))
	requireFlow(t, a, "audio")
	requireFlow(t, b, "audio")
}

func TestChromiumVideo(t *testing.T) {
	p := chromium(t)
	a, b := p.peer(nil), p.peer(nil)
	ended := make(chan struct{}, 1)
	a.videoEnded = func() { ended <- struct{}{} }
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	requireFlow(t, b, "audio")
	sections := func(m *peer) int { return m.pc.Call("getTransceivers").Length() }

	// Refused by the other side: rolled back and taken back, it leaves nothing.
	require.True(t, setVideo(t, a, &sipua.VideoSource{}))
	camera := a.pc.Call("getSenders").Index(1).Get("track")
	_, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	require.NoError(t, a.Rollback(t.Context()))
	require.False(t, setVideo(t, a, nil))
	require.Equal(t, "ended", text(camera, "readyState"))
	offer := exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	require.NotContains(t, offer, "m=video")
	requireFlow(t, b, "audio")

	// Added, answered with a camera of their own; another source; held and resumed.
	require.True(t, setVideo(t, a, &sipua.VideoSource{}))
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	requireFlow(t, b, "video")
	require.True(t, setVideo(t, b, &sipua.VideoSource{}))
	exchange(t, b, a, sipua.OfferOptions{}, sipua.OfferOptions{})
	requireFlow(t, a, "video")
	require.False(t, setVideo(t, a, &sipua.VideoSource{Screen: true}))
	requireFlow(t, b, "video")
	screen := a.pc.Call("getSenders").Index(1).Get("track")
	require.NotEmpty(t, text(screen.Call("getSettings"), "displaySurface"), "it is a screen")
	exchange(t, a, b, sipua.OfferOptions{Hold: true}, sipua.OfferOptions{})
	require.False(t, screen.Get("enabled").Bool())
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	requireFlow(t, a, "video")
	requireFlow(t, b, "video")
	require.Equal(t, []int{2, 2}, []int{sections(a), sections(b)}, "one stream of each kind")

	// The person ends the sharing: the browser fires the event, which a test can
	// only do by hand.
	screen.Call("dispatchEvent", js.Global().Get("Event").New("ended"))
	receive(t, ended, "the end of the video")
	require.True(t, setVideo(t, a, nil), "the other side would keep its last picture")
	require.Equal(t, "ended", text(screen, "readyState"))
	exchange(t, a, b, sipua.OfferOptions{NoVideo: true}, sipua.OfferOptions{NoVideo: true})
	require.Equal(t, "inactive", text(a.pc.Call("getTransceivers").Index(1), "currentDirection"))
	require.True(t, setVideo(t, a, &sipua.VideoSource{}))
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	requireFlow(t, b, "video")
	require.Equal(t, []int{2, 2}, []int{sections(a), sections(b)})
}

// Both add video at once: one offer is withdrawn, and one stream is enough.
func TestChromiumVideoOfBoth(t *testing.T) {
	p := chromium(t)
	a, b := p.peer(nil), p.peer(nil)
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	require.True(t, setVideo(t, a, &sipua.VideoSource{}))
	require.True(t, setVideo(t, b, &sipua.VideoSource{}))
	_, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	require.NoError(t, a.Rollback(t.Context()))
	exchange(t, b, a, sipua.OfferOptions{}, sipua.OfferOptions{})
	requireFlow(t, a, "video")
	requireFlow(t, b, "video")
	require.Equal(t, 2, a.pc.Call("getTransceivers").Length())
}

// A stream that the other side refuses for good (port 0).
func TestChromiumVideoRefused(t *testing.T) {
	p := chromium(t)
	a, b := p.peer(nil), p.peer(nil)
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	require.True(t, setVideo(t, a, &sipua.VideoSource{}))
	camera := a.pc.Call("getSenders").Index(1).Get("track")
	offer, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	answer, err := b.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
	require.NoError(t, err)
	refused := strings.NewReplacer("a=group:BUNDLE 0 1", "a=group:BUNDLE 0", "m=video 9 ", "m=video 0 ").Replace(answer)
	require.Contains(t, refused, "m=video 0 ")
	require.NoError(t, a.ApplyAnswer(t.Context(), refused, false))
	require.False(t, setVideo(t, a, nil))
	require.Equal(t, "ended", text(camera, "readyState"))
	exchange(t, a, b, sipua.OfferOptions{Hold: true}, sipua.OfferOptions{})
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	requireFlow(t, b, "audio")
	require.True(t, setVideo(t, a, &sipua.VideoSource{}))
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	requireFlow(t, b, "video")
}

// Two calls with one stream of the page: each has its own mute.
func TestChromiumSharedStream(t *testing.T) {
	p := chromium(t)
	stream, err := microphone(t.Context(), p.desk.host, js.Undefined())
	require.NoError(t, err)
	t.Cleanup(func() { stopTracks(stream) })
	media := map[string]any{"stream": stream}
	one, first, two, second := p.peer(media), p.peer(nil), p.peer(media), p.peer(nil)
	exchange(t, one, first, sipua.OfferOptions{}, sipua.OfferOptions{})
	exchange(t, two, second, sipua.OfferOptions{}, sipua.OfferOptions{})
	at, with := listenTo(t, first), listenTo(t, second)
	at.requireSound("before")
	with.requireSound("before")
	require.NoError(t, one.Mute(true))
	at.requireSilence("muted")
	with.requireSound("the other call")
	requireFlow(t, first, "audio") // silence is sent: servers end calls that send nothing
	require.NoError(t, one.Mute(false))
	at.requireSound("unmuted")
	one.Close()
	with.requireSound("after the end of the first")
	track(stream, 0).Set("enabled", false)
	with.requireSilence("switched off by the page")
}

// Three calls of one page in a conference. The far sides are silent but for one,
// so that what is heard came through the mix.
func TestChromiumMix(t *testing.T) {
	p := chromium(t)
	near, far := make([]*peer, 3), make([]*peer, 3)
	for i := range near {
		near[i], far[i] = p.peer(nil), p.peer(nil)
		require.NoError(t, near[i].Mute(true))
		require.NoError(t, far[i].Mute(i != 0))
		exchange(t, near[i], far[i], sipua.OfferOptions{}, sipua.OfferOptions{})
		requireFlow(t, far[i], "audio")
	}
	at := []listener{listenTo(t, far[0]), listenTo(t, far[1]), listenTo(t, far[2])}
	at[1].requireSilence("before the conference")
	mix := func(calls ...int) {
		for _, i := range calls {
			var others []sipua.Media
			for _, j := range calls {
				if i != j {
					others = append(others, near[j])
				}
			}
			require.NoError(t, near[i].Mix(others))
		}
	}
	mix(0, 1, 2)
	at[1].requireSound("the first far side at the second")
	at[2].requireSound("the first far side at the third")
	at[0].requireSilence("nobody hears himself")

	require.NoError(t, near[0].Mute(false))
	at[0].requireSound("our microphone at the first, where it is not muted")

	exchange(t, near[2], far[2], sipua.OfferOptions{Hold: true}, sipua.OfferOptions{})
	exchange(t, near[2], far[2], sipua.OfferOptions{}, sipua.OfferOptions{})
	at[2].requireSound("after a hold")

	require.NoError(t, near[2].Mix(nil))
	mix(0, 1)
	at[2].requireSilence("dropped out of the conference, and muted")
	at[1].requireSound("the conference goes on")
	near[0].Close()
	at[1].requireSilence("the first has left")
	require.NoError(t, near[1].Mute(false))
	at[1].requireSound("our microphone, in the mix that has nobody else")
	require.NoError(t, near[1].Mix(nil))
	at[1].requireSound("our microphone itself")
	require.Zero(t, p.desk.users)
}

func TestChromiumClosedByThePage(t *testing.T) {
	p := chromium(t)
	m := p.peer(nil)
	wait := begin(t, func() (string, error) { return m.CreateOffer(context.Background(), sipua.OfferOptions{}) })
	m.pc.Call("close")
	_, err := wait()
	require.ErrorIs(t, err, sipua.ErrMediaFailed)
	for name, verb := range map[string]func() error{
		"offer":   func() error { _, err := m.CreateOffer(context.Background(), sipua.OfferOptions{}); return err },
		"restart": func() error { return m.RestartICE(context.Background()) },
		"video":   func() error { _, err := m.SetVideo(context.Background(), &sipua.VideoSource{}); return err },
		"mute":    func() error { return m.Mute(true) },
		"mix":     func() error { return m.Mix([]sipua.Media{m}) },
	} {
		require.ErrorIs(t, verb(), sipua.ErrMediaFailed, fmt.Sprint(name))
	}
}
