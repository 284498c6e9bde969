package main

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// peer makes the media of a call as the port does.
func (p page) peer(media map[string]any) (*peer, js.Value) {
	p.t.Helper()
	m, err := p.newPeer(context.Background(), js.ValueOf(media))
	require.NoError(p.t, err)
	peers := p.Get("peers")
	return m, peers.Index(peers.Length() - 1)
}

func (p page) newPeer(ctx context.Context, media js.Value) (*peer, error) {
	return p.newPeerWith(ctx, media, patient())
}

// newPeerWith tells the test what the page would be told.
func (p page) newPeerWith(ctx context.Context, media js.Value, policy icePolicy) (*peer, error) {
	return newPeer(ctx, p.desk, readMediaOptions(media), policy, nil, func(js.Value, js.Value) {}, func(err error) {
		require.FailNow(p.t, "no servers", "%v", err)
	})
}

// patient waits for all candidates.
func patient() icePolicy {
	return icePolicy{servers: js.ValueOf([]any{map[string]any{"urls": "stun:a"}}), settle: time.Minute, limit: time.Minute}
}

// stream makes one of the page's own.
func (p page) stream(kinds ...any) js.Value { return p.Get("MediaStream").New(kinds...) }

func track(stream js.Value, i int) js.Value { return stream.Call("getTracks").Index(i) }

var directions = regexp.MustCompile(`(?m)^a=(sendrecv|sendonly|recvonly|inactive)\r$`)

// directionsOf lists the directions of a session description.
func directionsOf(sdp string) string {
	var all []string
	for _, m := range directions.FindAllStringSubmatch(sdp, -1) {
		all = append(all, m[1])
	}
	return strings.Join(all, " ")
}

// remoteSDP is a description of the other side with these "kind direction" pairs.
func remoteSDP(sections ...string) string {
	sdp := "v=0\r\no=- 2 2 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
	for _, s := range sections {
		kind, direction, _ := strings.Cut(s, " ")
		sdp += "m=" + kind + " 9 UDP/TLS/RTP/SAVPF 0\r\na=" + direction + "\r\n"
	}
	return sdp
}

// negotiate makes an offer and applies its answer.
func negotiate(t *testing.T, m *peer, o sipua.OfferOptions, answer string) (offer string) {
	t.Helper()
	offer, err := m.CreateOffer(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, m.ApplyAnswer(t.Context(), answer, false))
	return offer
}

func TestPeerStopsItsOwnStream(t *testing.T) {
	p := newPage(t)
	m, pc := p.peer(nil)
	microphone := track(p.only("streams"), 0)
	require.Equal(t, "live", microphone.Get("readyState").String())
	m.Close()
	require.Equal(t, 1, microphone.Get("stops").Int())
	require.Equal(t, "closed", pc.Get("signalingState").String())
}

func TestPeerLeavesThePagesStream(t *testing.T) {
	p := newPage(t)
	stream := p.stream("audio")
	m, pc := p.peer(map[string]any{"stream": stream})
	require.Zero(t, p.Get("asked").Length(), "nobody is asked for a microphone")
	require.True(t, pc.Call("getSenders").Index(0).Get("track").Equal(track(stream, 0)))
	require.NoError(t, m.Mute(true))
	negotiate(t, m, sipua.OfferOptions{Hold: true}, remoteSDP("audio recvonly"))
	require.True(t, track(stream, 0).Get("enabled").Bool(), "it may be used elsewhere")
	silent := pc.Call("getSenders").Index(0).Get("track")
	require.False(t, silent.Get("enabled").Bool())
	m.Close()
	require.Zero(t, track(stream, 0).Get("stops").Int())
	require.Equal(t, 1, silent.Get("stops").Int())
}

// Two calls that send one stream of the page have each their own mute and hold.
func TestPeersShareThePagesStream(t *testing.T) {
	p := newPage(t)
	stream := p.stream("video", "audio")
	one, first := p.peer(map[string]any{"stream": stream})
	two, second := p.peer(map[string]any{"stream": stream})
	audible := func(pc js.Value, i int) bool {
		settle(t)
		return pc.Call("getSenders").Index(i).Get("track").Get("enabled").Bool()
	}
	negotiate(t, two, sipua.OfferOptions{}, remoteSDP("video sendrecv", "audio sendrecv"))

	require.NoError(t, one.Mute(true))
	require.False(t, audible(first, 1))
	require.True(t, audible(first, 0), "the camera is not muted")
	require.True(t, audible(second, 1))

	negotiate(t, two, sipua.OfferOptions{Hold: true}, remoteSDP("video recvonly", "audio recvonly"))
	require.False(t, audible(second, 0), "on hold nobody is seen either")
	require.False(t, audible(second, 1))

	require.NoError(t, one.Mute(false))
	require.True(t, audible(first, 1))
	require.True(t, first.Call("getSenders").Index(1).Get("track").Equal(track(stream, 1)), "the page's own again")
	require.False(t, audible(second, 1))

	// What the page switches off is off in both.
	negotiate(t, two, sipua.OfferOptions{}, remoteSDP("video sendrecv", "audio sendrecv"))
	require.True(t, audible(second, 1))
	track(stream, 1).Set("enabled", false)
	require.NoError(t, one.Mute(true))
	require.NoError(t, one.Mute(false))
	require.False(t, audible(first, 1))
	require.False(t, audible(second, 1))

	one.Close()
	two.Close()
	for i := range 2 {
		require.Zero(t, track(stream, i).Get("stops").Int())
		clones := track(stream, i).Get("clones")
		require.Positive(t, clones.Length())
		for j := range clones.Length() {
			require.Equal(t, 1, clones.Index(j).Get("stops").Int(), "copies are given back")
		}
	}
}

// A track that the page has switched off itself is not switched on behind its
// back: somebody may be sitting there who believes the microphone to be off.
func TestPeerLeavesTheTrackThatThePageSwitchedOff(t *testing.T) {
	p := newPage(t)
	stream := p.stream("audio")
	track(stream, 0).Set("enabled", false)
	m, _ := p.peer(map[string]any{"stream": stream})
	negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))
	require.False(t, track(stream, 0).Get("enabled").Bool(), "after the first offer")
	m.Close()
	require.False(t, track(stream, 0).Get("enabled").Bool(), "after the end")
}

func TestMicrophoneRefused(t *testing.T) {
	for name, code := range map[string]sipua.Code{
		"NotAllowedError":      sipua.CodeMediaDenied,
		"SecurityError":        sipua.CodeMediaDenied,
		"NotFoundError":        sipua.CodeMediaNotFound,
		"OverconstrainedError": sipua.CodeMediaNotFound,
		"NotReadableError":     sipua.CodeMediaFailed,
		"AbortError":           sipua.CodeMediaFailed,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPage(t)
			thrown := exception(name)
			p.Set("microphone", map[string]any{"reject": thrown})
			_, err := p.newPeer(t.Context(), js.Undefined())
			var e *sipua.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, code, e.Code)
			require.NotEmpty(t, e.Reason)
			var cause js.Error
			require.ErrorAs(t, err, &cause)
			require.True(t, cause.Equal(thrown), "the exception itself is the cause")
			require.Zero(t, p.Get("peers").Length())
		})
	}
	t.Run("a name of the future", func(t *testing.T) {
		p := newPage(t)
		p.Set("microphone", map[string]any{"reject": exception("FutureError")})
		_, err := p.newPeer(t.Context(), js.Undefined())
		require.Equal(t, "FutureError", exceptionName(err))
		var e *sipua.Error
		require.False(t, errors.As(err, &e), "the core makes media-failed of it")
	})
}

// The page may bring its own mediaDevices, whose promises reject with anything.
func TestMicrophoneRefusedWithoutAnException(t *testing.T) {
	for name, thrown := range map[string]any{"undefined": js.Undefined(), "null": nil, "string": "no", "number": 7} {
		t.Run(name, func(t *testing.T) {
			p := newPage(t)
			p.Set("microphone", map[string]any{"reject": thrown})
			_, err := p.newPeer(t.Context(), js.Undefined())
			require.Error(t, err)
			require.NotPanics(t, func() { errorObject(err) })
		})
	}
}

func TestMicrophoneOutOfReach(t *testing.T) {
	for name, devices := range map[string]any{"insecure page": js.Undefined(), "null": nil} {
		t.Run(name, func(t *testing.T) {
			p := newPage(t)
			p.Set("mediaDevices", devices)
			_, err := p.newPeer(t.Context(), js.Undefined())
			require.ErrorIs(t, err, sipua.ErrInsecureContext)
			require.ErrorContains(t, err, "https://")
		})
	}
}

// What the page gives may be of the wrong kind: that is an error, and not the
// end of the program.
func TestPeerOfWhatIsNone(t *testing.T) {
	t.Run("mediaDevices", func(t *testing.T) {
		p := newPage(t)
		p.Set("mediaDevices", map[string]any{})
		require.NotPanics(t, func() {
			_, err := p.newPeer(t.Context(), js.Undefined())
			require.Error(t, err)
		})
	})
	for name, returns := range map[string]string{
		"no promise": "undefined", "no MediaStream": "Promise.resolve()", "a MediaStream without a promise": "new page.MediaStream('audio')",
	} {
		t.Run("getUserMedia returns "+name, func(t *testing.T) {
			p := newPage(t)
			p.Set("mediaDevices", map[string]any{"getUserMedia": js.Global().Get("Function").New("page", "return () => "+returns+";").Invoke(p.Value)})
			require.NotPanics(t, func() {
				m, err := p.newPeer(t.Context(), js.Undefined())
				require.True(t, (m == nil) == (err != nil))
			})
		})
	}
	t.Run("stream", func(t *testing.T) {
		p := newPage(t)
		require.NotPanics(t, func() {
			_, err := p.newPeer(t.Context(), js.ValueOf(map[string]any{"stream": map[string]any{}}))
			require.Error(t, err)
		})
	})
	t.Run("RTCPeerConnection", func(t *testing.T) {
		p := newPage(t)
		p.Set("RTCPeerConnection", js.Undefined())
		require.NotPanics(t, func() {
			_, err := p.newPeer(t.Context(), js.Undefined())
			require.Error(t, err)
		})
		require.Equal(t, 1, track(p.only("streams"), 0).Get("stops").Int(), "the microphone is given back")
	})
}

func TestMicrophoneAllowedTooLate(t *testing.T) {
	p := newPage(t)
	p.Set("microphone", "ask")
	over := errors.New("the call is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	wait := begin(t, func() (*peer, error) { return p.newPeer(ctx, js.Undefined()) })
	settle(t)
	prompt := p.only("prompts")
	cancel(over)
	_, err := wait()
	require.ErrorIs(t, err, over)

	prompt.Call("allow")
	settle(t)
	require.Equal(t, 1, track(p.only("streams"), 0).Get("stops").Int())
	require.Zero(t, p.Get("peers").Length())

	// Refused too late is nothing to anybody.
	ctx, cancel = context.WithCancelCause(t.Context())
	wait = begin(t, func() (*peer, error) { return p.newPeer(ctx, js.Undefined()) })
	settle(t)
	cancel(over)
	_, err = wait()
	require.ErrorIs(t, err, over)
	p.Get("prompts").Index(1).Call("deny", exception("NotAllowedError"))
	settle(t)
}

func TestPeerConfiguration(t *testing.T) {
	p := newPage(t)
	constraints := js.ValueOf(map[string]any{"audio": map[string]any{"echoCancellation": false}})
	p.peer(nil)
	p.peer(map[string]any{"constraints": constraints, "rtcConfiguration": map[string]any{"bundlePolicy": "max-bundle"}})
	asked := p.Get("asked")
	require.True(t, asked.Index(0).Get("audio").Bool())
	require.False(t, asked.Index(0).Get("video").Bool())
	require.True(t, asked.Index(1).Equal(constraints))
	require.JSONEq(t, `{"iceServers": [{"urls": "stun:a"}]}`, json(p.Get("peers").Index(0).Get("configuration")))
	require.JSONEq(t, `{"iceServers": [{"urls": "stun:a"}], "bundlePolicy": "max-bundle"}`, json(p.Get("peers").Index(1).Get("configuration")))
}

func TestPeerConnectionNotMade(t *testing.T) {
	for _, failing := range []string{"RTCPeerConnection", "addTrack"} {
		t.Run(failing, func(t *testing.T) {
			p := newPage(t)
			p.Get("failing").Set(failing, "SyntaxError")
			_, err := p.newPeer(t.Context(), js.Undefined())
			require.Equal(t, "SyntaxError", exceptionName(err))
			require.Equal(t, 1, track(p.only("streams"), 0).Get("stops").Int(), "the microphone is given back")
		})
	}
}

func TestPeerTellsOfItsObjectsOnce(t *testing.T) {
	p := newPage(t)
	told := 0
	_, err := newPeer(t.Context(), p.desk, mediaOptions{}, patient(), nil, func(pc, stream js.Value) {
		told++
		require.True(t, pc.Equal(p.only("peers")))
		require.True(t, stream.Equal(p.only("streams")))
	}, nil)
	require.NoError(t, err)
	require.Equal(t, 1, told)
}

func TestPeerHold(t *testing.T) {
	p := newPage(t)
	m, pc := p.peer(nil)
	microphone := track(p.only("streams"), 0)
	steps := []struct {
		name    string
		hold    bool
		answer  string
		offered string
		audible bool
	}{
		{"first", false, "sendrecv", "sendrecv", true},
		{"hold", true, "recvonly", "sendonly", false},
		{"still on hold", true, "recvonly", "sendonly", false},
		{"resume", false, "sendrecv", "sendrecv", true},
		{"held by the other side", false, "sendonly", "sendrecv", true},
		{"hold on both sides", true, "inactive", "inactive", false}, // RFC 3264 section 8.4
		{"resume", false, "sendrecv", "sendrecv", true},
	}
	for _, s := range steps {
		offer := negotiate(t, m, sipua.OfferOptions{Hold: s.hold}, remoteSDP("audio "+s.answer))
		require.Equal(t, s.offered, directionsOf(offer), s.name)
		require.Equal(t, s.audible, microphone.Get("enabled").Bool(), s.name)
	}
	require.Equal(t, "stable", pc.Get("signalingState").String())
}

// A section on which nothing of ours is sent is held as inactive, one that was
// stopped is left alone.
func TestPeerHoldOfManySections(t *testing.T) {
	p := newPage(t)
	m, pc := p.peer(nil)
	answer, err := m.CreateAnswer(t.Context(), remoteSDP("audio sendrecv", "video sendrecv", "video sendrecv"), sipua.OfferOptions{})
	require.NoError(t, err)
	require.Equal(t, "sendrecv recvonly recvonly", directionsOf(answer))
	pc.Call("getTransceivers").Index(2).Call("stop")

	offer := negotiate(t, m, sipua.OfferOptions{Hold: true}, remoteSDP("audio recvonly", "video inactive"))
	require.Equal(t, "sendonly inactive", directionsOf(offer))
	offer = negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv", "video sendonly"))
	require.Equal(t, "sendrecv recvonly", directionsOf(offer))
}

func TestPeerAnswersWhileOnHold(t *testing.T) {
	p := newPage(t)
	m, _ := p.peer(nil)
	negotiate(t, m, sipua.OfferOptions{Hold: true}, remoteSDP("audio recvonly"))
	answer, err := m.CreateAnswer(t.Context(), remoteSDP("audio sendrecv"), sipua.OfferOptions{Hold: true})
	require.NoError(t, err)
	require.Equal(t, "sendonly", directionsOf(answer))
	answer, err = m.CreateAnswer(t.Context(), remoteSDP("audio sendonly"), sipua.OfferOptions{Hold: true})
	require.NoError(t, err)
	require.Equal(t, "inactive", directionsOf(answer), "held by both")
	require.False(t, track(p.only("streams"), 0).Get("enabled").Bool())
}

func TestPeerMuteOutlivesHold(t *testing.T) {
	p := newPage(t)
	m, _ := p.peer(nil)
	microphone := track(p.only("streams"), 0)
	negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))
	require.NoError(t, m.Mute(true))
	negotiate(t, m, sipua.OfferOptions{Hold: true}, remoteSDP("audio recvonly"))
	negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))
	require.False(t, microphone.Get("enabled").Bool(), "muted before, during and after")

	negotiate(t, m, sipua.OfferOptions{Hold: true}, remoteSDP("audio recvonly"))
	require.NoError(t, m.Mute(false))
	require.False(t, microphone.Get("enabled").Bool(), "unmuted, but on hold")
	negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))
	require.True(t, microphone.Get("enabled").Bool())
}

func TestPeerMuteLeavesTheCamera(t *testing.T) {
	p := newPage(t)
	m, _ := p.peer(map[string]any{"constraints": map[string]any{"audio": true, "video": true}})
	require.NoError(t, m.Mute(true))
	stream := p.only("streams")
	require.Equal(t, "video", track(stream, 0).Get("kind").String())
	require.True(t, track(stream, 0).Get("enabled").Bool())
	require.False(t, track(stream, 1).Get("enabled").Bool())
}

func TestPeerRollback(t *testing.T) {
	p := newPage(t)
	m, pc := p.peer(nil)
	microphone := track(p.only("streams"), 0)
	negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))
	for _, hold := range []bool{true, false} { // refused each: the state before holds
		_, err := m.CreateOffer(t.Context(), sipua.OfferOptions{Hold: hold})
		require.NoError(t, err)
		require.NoError(t, m.Rollback(t.Context()))
		require.Equal(t, "stable", pc.Get("signalingState").String())
		require.Equal(t, hold, microphone.Get("enabled").Bool())
		require.Equal(t, map[bool]string{true: "sendrecv", false: "sendonly"}[hold], pc.Call("getTransceivers").Index(0).Get("direction").String())
		negotiate(t, m, sipua.OfferOptions{Hold: true}, remoteSDP("audio recvonly"))
	}
}

func TestPeerOfferFails(t *testing.T) {
	for _, failing := range []string{"createOffer", "setLocalDescription offer"} {
		t.Run(failing, func(t *testing.T) {
			p := newPage(t)
			m, pc := p.peer(nil)
			negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))
			p.Get("failing").Set(failing, "OperationError")
			_, err := m.CreateOffer(t.Context(), sipua.OfferOptions{Hold: true})
			require.Equal(t, "OperationError", exceptionName(err))
			require.Equal(t, "stable", pc.Get("signalingState").String())
			require.True(t, track(p.only("streams"), 0).Get("enabled").Bool(), "not on hold")
			require.Equal(t, "sendrecv", directionsOf(negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))))
		})
	}
}

func TestPeerAnswerFails(t *testing.T) {
	for _, failing := range []string{"setRemoteDescription offer", "createAnswer", "setLocalDescription answer"} {
		t.Run(failing, func(t *testing.T) {
			p := newPage(t)
			m, pc := p.peer(nil)
			p.Get("failing").Set(failing, "OperationError")
			_, err := m.CreateAnswer(t.Context(), remoteSDP("audio sendrecv", "video sendrecv"), sipua.OfferOptions{})
			require.Equal(t, "OperationError", exceptionName(err))
			require.Equal(t, "stable", pc.Get("signalingState").String(), "as after a rollback")
			require.Equal(t, 1, pc.Call("getTransceivers").Length())
			_, err = m.CreateAnswer(t.Context(), remoteSDP("audio sendrecv"), sipua.OfferOptions{})
			require.NoError(t, err)
		})
	}
	t.Run("the rollback too", func(t *testing.T) {
		p := newPage(t)
		m, _ := p.peer(nil)
		p.Get("failing").Set("createAnswer", "OperationError")
		p.Get("failing").Set("setRemoteDescription rollback", "InvalidStateError")
		_, err := m.CreateAnswer(t.Context(), remoteSDP("audio sendrecv"), sipua.OfferOptions{})
		require.Equal(t, "OperationError", exceptionName(err), "the first error leads")
	})
}

// A failed answer to a re-INVITE leaves the hold as it was (sipua.Media).
func TestPeerAnswerFailsOnHold(t *testing.T) {
	p := newPage(t)
	m, pc := p.peer(nil)
	negotiate(t, m, sipua.OfferOptions{Hold: true}, remoteSDP("audio recvonly"))
	p.Get("failing").Set("createAnswer", "OperationError")
	_, err := m.CreateAnswer(t.Context(), remoteSDP("audio sendrecv"), sipua.OfferOptions{})
	require.Error(t, err)
	require.False(t, track(p.only("streams"), 0).Get("enabled").Bool(), "nobody agreed to hear the microphone")
	require.Equal(t, "sendonly", pc.Call("getTransceivers").Index(0).Get("direction").String())
}

func TestPeerProvisionalAnswers(t *testing.T) {
	p := newPage(t)
	m, pc := p.peer(nil)
	_, err := m.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, m.ApplyAnswer(t.Context(), remoteSDP("audio sendonly"), true))
		require.Equal(t, "have-remote-pranswer", pc.Get("signalingState").String())
	}
	require.NoError(t, m.ApplyAnswer(t.Context(), remoteSDP("audio sendrecv"), false))
	require.Equal(t, "stable", pc.Get("signalingState").String())

	err = m.ApplyAnswer(t.Context(), remoteSDP("audio sendrecv"), false)
	require.Equal(t, "InvalidStateError", exceptionName(err), "there is no offer")
}

func TestPeerCandidatesAndRestart(t *testing.T) {
	p := newPage(t)
	m, pc := p.peer(nil)
	require.Equal(t, "InvalidStateError", exceptionName(m.AddCandidate(t.Context(), sipua.Candidate{Candidate: "candidate:early", Mid: "0"})))
	negotiate(t, m, sipua.OfferOptions{}, remoteSDP("audio sendrecv"))
	require.NoError(t, m.AddCandidate(t.Context(), sipua.Candidate{Candidate: "candidate:1", Mid: "0", Ufrag: "far1"}))
	require.JSONEq(t, `{"candidate": "candidate:1", "sdpMid": "0", "usernameFragment": "far1"}`, json(pc.Get("remoteCandidate")))
	require.NoError(t, m.RestartICE(t.Context()))
	require.Equal(t, 1, pc.Get("restarts").Int())
}
