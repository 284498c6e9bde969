package main

import (
	"syscall/js"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func setVideo(t *testing.T, m *peer, source *sipua.VideoSource) (negotiate bool) {
	t.Helper()
	negotiate, err := m.SetVideo(t.Context(), source)
	require.NoError(t, err)
	return negotiate
}

// videoOf is the video transceiver of a peer connection, which has one.
func videoOf(t *testing.T, pc js.Value) (found js.Value) {
	t.Helper()
	all := pc.Call("getTransceivers")
	for i := range all.Length() {
		if v := all.Index(i); v.Get("kind").String() == "video" && !v.Get("stopped").Bool() {
			require.True(t, found.IsUndefined(), "one video stream")
			found = v
		}
	}
	require.False(t, found.IsUndefined(), "there is a video stream")
	return found
}

func sentVideo(t *testing.T, pc js.Value) js.Value { return videoOf(t, pc).Get("sender").Get("track") }

func TestPeerVideoAddedAndRemoved(t *testing.T) {
	p, m, pc := talk(t, nil, "audio sendrecv")
	local := p.only("streams")
	require.True(t, setVideo(t, m, &sipua.VideoSource{}), "there was no video stream")
	asked := p.Get("asked").Index(1)
	require.True(t, asked.Get("video").Bool())
	require.True(t, asked.Get("audio").IsUndefined(), "there is a microphone already")
	camera := sentVideo(t, pc)
	require.True(t, local.Call("getVideoTracks").Index(0).Equal(camera), "for the page to show")
	require.Equal(t, "sendrecv sendrecv", directionsOf(negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv", "video sendrecv"))))

	require.True(t, setVideo(t, m, nil), "it stops at once, and the other side is to know")
	require.True(t, sentVideo(t, pc).IsNull())
	require.Equal(t, 1, camera.Get("stops").Int())
	require.Zero(t, local.Call("getVideoTracks").Length())
	require.Zero(t, camera.Call("listening").Int())
	require.Equal(t, "sendrecv recvonly", directionsOf(negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv", "video sendonly"))))
	require.Equal(t, "sendrecv inactive", directionsOf(negotiate(t, m, sipua.OfferOptions{NoVideo: true}, remoteSDP("audio sendrecv", "video inactive"))))
	require.False(t, setVideo(t, m, nil), "again is nothing")

	require.True(t, setVideo(t, m, &sipua.VideoSource{}), "the stream was agreed not to send")
	require.Equal(t, "sendrecv sendrecv", directionsOf(negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv", "video recvonly"))))
	require.Equal(t, 2, pc.Call("getTransceivers").Length(), "the same stream is used again")
	camera = sentVideo(t, pc)
	m.Close()
	require.Equal(t, 1, camera.Get("stops").Int())
	require.Zero(t, camera.Call("listening").Int())
}

// NoVideo wins over what SetVideo gave, and takes nothing back.
func TestPeerNoVideo(t *testing.T) {
	_, m, pc := talk(t, nil, "audio sendrecv")
	setVideo(t, m, &sipua.VideoSource{})
	require.Equal(t, "sendrecv inactive", directionsOf(negotiate(t, m, sipua.OfferOptions{NoVideo: true}, remoteSDP("audio sendrecv", "video inactive"))))
	require.Equal(t, "live", sentVideo(t, pc).Get("readyState").String())
	require.Equal(t, "sendrecv sendrecv", directionsOf(negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv", "video sendrecv"))))
	answer, err := m.CreateAnswer(t.Context(), remoteSDP("audio sendrecv", "video sendrecv"), sipua.OfferOptions{NoVideo: true})
	require.NoError(t, err)
	require.Equal(t, "sendrecv inactive", directionsOf(answer))

	_, err = m.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	require.NoError(t, m.Rollback(t.Context()))
	require.Equal(t, "inactive", videoOf(t, pc).Get("direction").String(), "as before the offer")
}

func TestPeerVideoReplaced(t *testing.T) {
	p, m, pc := talk(t, nil, "audio sendrecv")
	setVideo(t, m, &sipua.VideoSource{})
	negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv", "video sendrecv"))
	camera := sentVideo(t, pc)

	constraints := js.ValueOf(map[string]any{"frameRate": 5})
	require.False(t, setVideo(t, m, &sipua.VideoSource{Screen: true, Options: js.ValueOf(map[string]any{"constraints": constraints})}))
	require.True(t, p.Get("asked").Index(2).Get("video").Equal(constraints))
	require.Equal(t, 1, camera.Get("stops").Int())
	screen := sentVideo(t, pc)
	require.Equal(t, "live", screen.Get("readyState").String())

	own := p.stream("audio", "video")
	require.False(t, setVideo(t, m, &sipua.VideoSource{Options: js.ValueOf(map[string]any{"stream": own})}))
	require.Equal(t, 1, screen.Get("stops").Int())
	require.True(t, sentVideo(t, pc).Equal(track(own, 1)))
	require.Equal(t, 3, p.Get("asked").Length(), "nobody is asked")
	require.Zero(t, p.Get("streams").Index(0).Call("getVideoTracks").Length(), "the page shows its own itself")

	setVideo(t, m, nil)
	require.Zero(t, track(own, 1).Get("stops").Int(), "the page's is left alone")
	require.Equal(t, 2, pc.Call("getTransceivers").Length())
}

func TestPeerVideoIntoTheOtherSidesStream(t *testing.T) {
	p := newPage(t)
	m, pc := p.peer(nil)
	_, err := m.CreateAnswer(t.Context(), remoteSDP("audio sendrecv", "video sendrecv"), sipua.OfferOptions{})
	require.NoError(t, err)
	require.True(t, setVideo(t, m, &sipua.VideoSource{}))
	require.Equal(t, 2, pc.Call("getTransceivers").Length())
	require.True(t, videoOf(t, pc).Get("sender").Get("streams").Index(0).Equal(p.Get("streams").Index(0)))
	require.Equal(t, "sendrecv sendrecv", directionsOf(negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv", "video sendrecv"))))
}

func TestPeerVideoRefused(t *testing.T) {
	own := js.ValueOf(map[string]any{"stream": map[string]any{}})
	for name, c := range map[string]struct {
		source  sipua.VideoSource
		arrange func(p page)
		want    error
		says    string
	}{
		"camera denied":  {sipua.VideoSource{}, func(p page) { p.Set("microphone", map[string]any{"reject": exception("NotAllowedError")}) }, sipua.ErrMediaDenied, "camera"},
		"no camera":      {sipua.VideoSource{}, func(p page) { p.Set("microphone", map[string]any{"reject": exception("NotFoundError")}) }, sipua.ErrMediaNotFound, "camera"},
		"camera busy":    {sipua.VideoSource{}, func(p page) { p.Set("microphone", map[string]any{"reject": exception("NotReadableError")}) }, sipua.ErrMediaFailed, "camera"},
		"screen denied":  {sipua.VideoSource{Screen: true}, func(p page) { p.Set("screen", map[string]any{"reject": exception("NotAllowedError")}) }, sipua.ErrMediaDenied, "screen"},
		"no screen":      {sipua.VideoSource{Screen: true}, func(p page) { p.Get("mediaDevices").Set("getDisplayMedia", js.Undefined()) }, sipua.ErrUnsupported, "screen"},
		"insecure page":  {sipua.VideoSource{}, func(p page) { p.Set("mediaDevices", js.Undefined()) }, sipua.ErrInsecureContext, "https://"},
		"no stream":      {sipua.VideoSource{Options: own}, func(page) {}, sipua.ErrInvalidArgument, "MediaStream"},
		"no video in it": {sipua.VideoSource{}, func(p page) { p.Get("mediaDevices").Set("getUserMedia", p.Get("onlySound")) }, sipua.ErrMediaNotFound, "camera"},
		"not taken": {sipua.VideoSource{}, func(p page) {
			p.Get("failing").Set("addTrack", "OperationError")
			p.Get("failing").Set("addTransceiver", "OperationError")
		}, nil, "addTransceiver"},
	} {
		t.Run(name, func(t *testing.T) {
			p, m, pc := talk(t, nil, "audio sendrecv")
			p.Set("onlySound", js.Global().Get("Function").New("page", "return async () => new page.MediaStream('audio');").Invoke(p.Value))
			c.arrange(p)
			negotiate, err := m.SetVideo(t.Context(), &c.source)
			require.False(t, negotiate)
			require.ErrorContains(t, err, c.says)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			require.Equal(t, 1, pc.Call("getTransceivers").Length())
			for i := 1; i < p.Get("streams").Length(); i++ {
				require.Equal(t, 1, track(p.Get("streams").Index(i), 0).Get("stops").Int(), "what was opened is given back")
			}
		})
	}
	t.Run("another source stays", func(t *testing.T) {
		p, m, pc := talk(t, nil, "audio sendrecv")
		setVideo(t, m, &sipua.VideoSource{})
		negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv", "video sendrecv"))
		camera := sentVideo(t, pc)
		p.Get("failing").Set("replaceTrack", "InvalidModificationError")
		_, err := m.SetVideo(t.Context(), &sipua.VideoSource{Screen: true})
		require.Equal(t, "InvalidModificationError", exceptionName(err))
		require.True(t, sentVideo(t, pc).Equal(camera))
		require.Zero(t, camera.Get("stops").Int())
		require.Equal(t, 1, track(p.Get("streams").Index(2), 0).Get("stops").Int(), "the screen is given back")
	})
}

// The offer that adds video may cross one of the other side (491): video is still
// wanted in the next. When it was refused, nothing of it is left.
func TestPeerVideoRolledBack(t *testing.T) {
	_, m, pc := talk(t, nil, "audio sendrecv")
	setVideo(t, m, &sipua.VideoSource{})
	camera := sentVideo(t, pc)
	for range 2 {
		offer, err := m.CreateOffer(t.Context(), sipua.OfferOptions{})
		require.NoError(t, err)
		require.Equal(t, "sendrecv sendrecv", directionsOf(offer))
		require.NoError(t, m.Rollback(t.Context()))
	}
	require.False(t, setVideo(t, m, nil))
	require.Equal(t, 1, camera.Get("stops").Int())
	require.Equal(t, "sendrecv", directionsOf(negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))))
	require.Len(t, m.sent, 1)

	require.True(t, setVideo(t, m, &sipua.VideoSource{}), "and it can be asked for again")
	require.Equal(t, "sendrecv sendrecv", directionsOf(negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv", "video sendrecv"))))
	require.Equal(t, "1", text(videoOf(t, pc), "mid"), "the stream has a place in the description")
}

// The other side refuses the stream (port 0): the browser stops it, and the camera
// is given back.
func TestPeerVideoStoppedByTheOtherSide(t *testing.T) {
	_, m, pc := talk(t, nil, "audio sendrecv")
	setVideo(t, m, &sipua.VideoSource{})
	camera := sentVideo(t, pc)
	_, err := m.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	videoOf(t, pc).Call("stop")
	require.NoError(t, m.ApplyAnswer(t.Context(), remoteSDP("audio sendrecv", "video inactive"), false))
	require.Equal(t, 1, pc.Call("getTransceivers").Length())
	require.False(t, setVideo(t, m, nil))
	require.Equal(t, 1, camera.Get("stops").Int())
	require.True(t, setVideo(t, m, &sipua.VideoSource{}), "a stream of its own")
	require.Len(t, m.sent, 2)
}

func TestPeerVideoOnHold(t *testing.T) {
	p, m, pc := talk(t, nil, "audio sendrecv")
	setVideo(t, m, &sipua.VideoSource{})
	negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv", "video sendrecv"))
	offer := negotiate(t, m, sipua.OfferOptions{Hold: true}, remoteSDP("audio recvonly", "video recvonly"))
	require.Equal(t, "sendonly sendonly", directionsOf(offer))
	require.False(t, sentVideo(t, pc).Get("enabled").Bool())

	require.False(t, setVideo(t, m, &sipua.VideoSource{Screen: true}))
	require.False(t, sentVideo(t, pc).Get("enabled").Bool(), "not one picture of the next source either")
	own := p.stream("video")
	require.False(t, setVideo(t, m, &sipua.VideoSource{Options: js.ValueOf(map[string]any{"stream": own})}))
	require.False(t, sentVideo(t, pc).Get("enabled").Bool())
	require.True(t, track(own, 0).Get("enabled").Bool(), "the page's is left alone")

	negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv", "video sendrecv"))
	settle(t)
	require.True(t, sentVideo(t, pc).Equal(track(own, 0)))
}

// The person ends the sharing in the browser's own bar.
func TestPeerVideoEndsByItself(t *testing.T) {
	_, m, pc := talk(t, nil, "audio sendrecv")
	ended := 0
	m.videoEnded = func() { ended++ }
	setVideo(t, m, &sipua.VideoSource{Screen: true})
	screen := sentVideo(t, pc)
	screen.Call("end")
	settle(t)
	require.Equal(t, 1, ended)
	setVideo(t, m, &sipua.VideoSource{})
	screen.Call("end")
	settle(t)
	require.Equal(t, 1, ended, "it is not sent any more")
}
