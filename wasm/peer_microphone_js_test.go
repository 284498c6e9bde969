package main

import (
	"syscall/js"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// useMicrophone changes the microphone, and returns what was told of it.
func useMicrophone(t *testing.T, m *peer, options map[string]any) (shown, sent []js.Value) {
	t.Helper()
	m.localStream = func(stream js.Value) { shown = append(shown, stream) }
	m.sending = func(track js.Value) { sent = append(sent, track) }
	require.NoError(t, m.SetMicrophone(t.Context(), js.ValueOf(options)))
	settle(t)
	return shown, sent
}

func sentVoice(pc js.Value) js.Value { return pc.Call("getSenders").Index(0).Get("track") }

func constraints(device string) map[string]any {
	return map[string]any{"constraints": map[string]any{"audio": map[string]any{"deviceId": device}, "video": true}}
}

func TestPeerMicrophoneReplaced(t *testing.T) {
	p, m, pc := talk(t, nil, "audio sendrecv")
	local, first, acts := p.only("streams"), sentVoice(pc), pc.Get("log").Length()
	shown, sent := useMicrophone(t, m, constraints("headset"))
	asked := p.Get("asked").Index(1)
	require.Equal(t, "headset", asked.Get("audio").Get("deviceId").String())
	require.True(t, asked.Get("video").IsUndefined(), "the camera is not asked for again")
	second := sentVoice(pc)
	require.Equal(t, []js.Value{second}, sent)
	require.Equal(t, []js.Value{local}, shown, "the stream of before has another track")
	require.Equal(t, 1, first.Get("stops").Int())
	require.Equal(t, 1, local.Call("getTracks").Length())
	require.True(t, track(local, 0).Equal(second))
	require.Equal(t, acts, pc.Get("log").Length(), "nothing is negotiated")

	page := p.stream("video", "audio")
	shown, sent = useMicrophone(t, m, map[string]any{"stream": page})
	require.Equal(t, []js.Value{track(page, 1)}, sent)
	require.Equal(t, []js.Value{page}, shown)
	require.Equal(t, 1, second.Get("stops").Int())

	shown, _ = useMicrophone(t, m, nil)
	require.False(t, shown[0].Equal(page), "one of ours again")
	last := sentVoice(pc)
	require.True(t, track(shown[0], 0).Equal(last))
	m.Close()
	require.Equal(t, 1, last.Get("stops").Int())
	require.Zero(t, track(page, 1).Get("stops").Int(), "the page's is left alone")
}

// Mute and hold are what they were, for a microphone of ours and for one of the page.
func TestPeerMicrophoneStaysSilent(t *testing.T) {
	for name, silence := range map[string]func(t *testing.T, m *peer, on bool){
		"mute": func(t *testing.T, m *peer, on bool) { require.NoError(t, m.Mute(on)) },
		"hold": func(t *testing.T, m *peer, on bool) {
			answer := map[bool]string{true: "audio recvonly", false: "audio sendrecv"}
			negotiate(t, m, sipua.OfferOptions{Hold: on}, remoteSDP(answer[on]))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, m, pc := talk(t, nil, "audio sendrecv")
			silence(t, m, true)
			useMicrophone(t, m, constraints("headset"))
			require.False(t, sentVoice(pc).Get("enabled").Bool())
			ours := sentVoice(pc)
			page := p.stream("audio")
			_, sent := useMicrophone(t, m, map[string]any{"stream": page})
			require.Equal(t, 1, ours.Get("stops").Int())
			require.False(t, sentVoice(pc).Get("enabled").Bool())
			require.True(t, sent[0].Equal(sentVoice(pc)))
			require.True(t, track(page, 0).Get("enabled").Bool(), "the page's is not switched")
			clone := sentVoice(pc)

			silence(t, m, false)
			settle(t)
			require.True(t, sentVoice(pc).Equal(track(page, 0)))
			require.Equal(t, 1, clone.Get("stops").Int())
			silence(t, m, true)
			useMicrophone(t, m, nil)
			silence(t, m, false)
			settle(t)
			require.True(t, sentVoice(pc).Get("enabled").Bool())
			m.Close()
			require.Equal(t, "live", track(page, 0).Get("readyState").String())
		})
	}
}

func TestPeerMicrophoneInAConference(t *testing.T) {
	p := newPage(t)
	a, pc := p.peer(nil)
	b, _ := p.peer(nil)
	conference(t, p, a, b)
	mixed := sentVoice(pc)
	before := microphoneOf(a)
	_, sent := useMicrophone(t, a, nil)
	require.Empty(t, sent, "the mix is sent as before")
	require.True(t, sentVoice(pc).Equal(mixed))
	require.False(t, microphoneOf(a).Equal(before))
	require.Equal(t, 1, before.Get("stops").Int())
	require.ElementsMatch(t, []js.Value{microphoneOf(a), receivedBy(b)}, hears(p, a))
	require.NoError(t, a.Mute(true))
	require.ElementsMatch(t, []js.Value{receivedBy(b)}, hears(p, a))
	require.NoError(t, a.Mix(nil))
	settle(t)
	require.True(t, sentVoice(pc).Equal(microphoneOf(a)))
	require.False(t, sentVoice(pc).Get("enabled").Bool(), "muted still")
	a.Close()
	b.Close()
}

func TestPeerMicrophoneBesideTheCamera(t *testing.T) {
	p, m, pc := talk(t, nil, "audio sendrecv")
	setVideo(t, m, &sipua.VideoSource{})
	camera := sentVideo(t, pc)
	page := p.stream("audio")
	useMicrophone(t, m, map[string]any{"stream": page})
	require.Equal(t, "live", camera.Get("readyState").String())
	shown, _ := useMicrophone(t, m, nil)
	require.True(t, shown[0].Call("getVideoTracks").Index(0).Equal(camera), "for the page to show")
	m.Close()
	require.Equal(t, 1, camera.Get("stops").Int())
}

func TestPeerMicrophoneRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(p page)
		options any
		want    error
	}{
		"denied":        {func(p page) { p.Set("microphone", map[string]any{"reject": exception("NotAllowedError")}) }, nil, sipua.ErrMediaDenied},
		"not there":     {func(p page) { p.Set("microphone", map[string]any{"reject": exception("OverconstrainedError")}) }, nil, sipua.ErrMediaNotFound},
		"insecure page": {func(p page) { p.Set("mediaDevices", js.Undefined()) }, nil, sipua.ErrInsecureContext},
		"no stream":     {nil, map[string]any{"stream": map[string]any{}}, sipua.ErrInvalidArgument},
		"not taken":     {func(p page) { p.Get("failing").Set("replaceTrack", "InvalidStateError") }, nil, nil},
		"closed":        {func(p page) { p.only("peers").Call("close") }, nil, sipua.ErrMediaFailed},
	} {
		t.Run(name, func(t *testing.T) {
			p, m, pc := talk(t, nil, "audio sendrecv")
			before := sentVoice(pc)
			if c.prepare != nil {
				c.prepare(p)
			}
			err := m.SetMicrophone(t.Context(), js.ValueOf(c.options))
			require.Error(t, err)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			require.True(t, sentVoice(pc).Equal(before))
			require.Zero(t, before.Get("stops").Int())
			for i := 1; i < p.Get("streams").Length(); i++ {
				require.Equal(t, 1, track(p.Get("streams").Index(i), 0).Get("stops").Int(), "what was opened is given back")
			}
		})
	}
	t.Run("no sound in the stream", func(t *testing.T) {
		p, m, _ := talk(t, nil, "audio sendrecv")
		err := m.SetMicrophone(t.Context(), js.ValueOf(map[string]any{"stream": p.stream("video")}))
		require.ErrorIs(t, err, sipua.ErrInvalidArgument)
	})
	t.Run("a call without sound", func(t *testing.T) {
		p := newPage(t)
		m, _ := p.peer(map[string]any{"stream": p.stream("video")})
		require.ErrorIs(t, m.SetMicrophone(t.Context(), js.Undefined()), sipua.ErrInvalidState)
	})
}

// At the port: the verb, and what the facade is told.
func TestPortMicrophone(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	d := f.establish(ws, 3)
	wait := d.verb("microphone", "media", map[string]any{"constraints": map[string]any{"audio": true}})
	sent := d.event("sending").Get("track")
	require.True(t, d.event("localstream").Get("stream").Call("getAudioTracks").Index(0).Equal(sent))
	f.done(wait)
	require.True(t, sentVoice(d.pc).Equal(sent))

	f.do("mute", 3, object("mute", true))
	f.do("microphone", 3, object("media", map[string]any{"stream": f.stream("audio")}))
	require.False(t, d.event("sending").Get("track").Get("enabled").Bool(), "what is sent is silence")
	d.event("localstream")
	f.do("mute", 3, object("mute", false))
	require.True(t, d.event("sending").Get("track").Get("enabled").Bool())
}
