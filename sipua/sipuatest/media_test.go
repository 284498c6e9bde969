package sipuatest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// negotiate lets a offer and b answer.
func negotiate(t *testing.T, a, b *Media, hold, peerHold bool) (offer, answer string) {
	t.Helper()
	ctx := context.Background()
	offer, err := a.CreateOffer(ctx, sipua.OfferOptions{Hold: hold})
	require.NoError(t, err)
	answer, err = b.CreateAnswer(ctx, offer, sipua.OfferOptions{Hold: peerHold})
	require.NoError(t, err)
	require.NoError(t, a.ApplyAnswer(ctx, answer, false))
	return offer, answer
}

func TestMediaDirections(t *testing.T) {
	a, b := NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
	for _, step := range []struct {
		name               string
		aOffers            bool
		hold, peerHold     bool
		wantA, wantB       string
		inOffer, inAnswers string
	}{
		{"first", true, false, false, "sendrecv", "sendrecv", "a=sendrecv", "a=sendrecv"},
		{"a holds", true, true, false, "sendonly", "recvonly", "a=sendonly", "a=recvonly"},
		{"b holds too", false, true, true, "inactive", "inactive", "a=inactive", "a=inactive"},
		{"a resumes, b holds", true, false, true, "recvonly", "sendonly", "a=sendrecv", "a=sendonly"},
		{"a holds, b still", true, true, true, "inactive", "inactive", "a=inactive", "a=inactive"},
		{"b resumes, a not holding", false, false, false, "sendrecv", "sendrecv", "a=sendrecv", "a=sendrecv"},
	} {
		t.Run(step.name, func(t *testing.T) {
			offerer, answerer := a, b
			if !step.aOffers {
				offerer, answerer = b, a
			}
			offer, answer := negotiate(t, offerer, answerer, step.hold, step.peerHold)
			assert.Contains(t, offer, step.inOffer+"\r\n")
			assert.Contains(t, answer, step.inAnswers+"\r\n")
			assert.Equal(t, step.wantA, a.Direction())
			assert.Equal(t, step.wantB, b.Direction())
		})
	}
}

func TestMediaSignallingStates(t *testing.T) {
	ctx := context.Background()
	a, b := NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
	assert.True(t, IsInvalidState(a.Rollback(ctx)), "nothing to roll back")
	assert.True(t, IsInvalidState(a.ApplyAnswer(ctx, "v=0", false)), "nothing to answer")
	assert.True(t, IsInvalidState(a.AddCandidate(ctx, sipua.Candidate{Candidate: "candidate:1"})), "no remote description")

	offer, err := a.CreateOffer(ctx, sipua.OfferOptions{})
	require.NoError(t, err)
	assert.Equal(t, HaveLocalOffer, a.State())
	_, err = a.CreateOffer(ctx, sipua.OfferOptions{})
	assert.True(t, IsInvalidState(err))
	_, err = a.CreateAnswer(ctx, offer, sipua.OfferOptions{})
	assert.True(t, IsInvalidState(err), "glare")

	require.NoError(t, a.Rollback(ctx))
	assert.Equal(t, Stable, a.State())
	assert.Empty(t, a.LocalSDP())

	offer, err = a.CreateOffer(ctx, sipua.OfferOptions{})
	require.NoError(t, err)
	answer, err := b.CreateAnswer(ctx, offer, sipua.OfferOptions{})
	require.NoError(t, err)
	assert.Equal(t, Stable, b.State())
	require.NoError(t, a.ApplyAnswer(ctx, answer, true))
	require.NoError(t, a.ApplyAnswer(ctx, answer, true), "a second provisional answer")
	assert.Equal(t, HaveRemotePranswer, a.State())
	assert.True(t, IsInvalidState(a.Rollback(ctx)), "browsers refuse it after a provisional answer")
	require.NoError(t, a.ApplyAnswer(ctx, answer, false))
	assert.Equal(t, Stable, a.State())
	assert.Equal(t, answer, a.RemoteSDP())
	_, ufrag := a.ICE()
	mid := a.session.streams[0].mid
	const candidate = "candidate:1 1 udp 1 192.0.2.9 9 typ host"
	require.NoError(t, a.AddCandidate(ctx, sipua.Candidate{Candidate: candidate, Mid: mid, Ufrag: ufrag}))
	require.NoError(t, a.AddCandidate(ctx, sipua.Candidate{Mid: mid, Ufrag: ufrag}))
	for _, wrong := range []sipua.Candidate{
		{Candidate: candidate, Mid: "7", Ufrag: ufrag}, {Candidate: candidate, Mid: mid, Ufrag: "old"}, {Candidate: "candidate:1", Mid: mid, Ufrag: ufrag},
	} {
		assert.Error(t, a.AddCandidate(ctx, wrong))
	}
	assert.Equal(t, []string{candidate, ""}, a.Candidates())

	a.Close()
	a.Close()
	assert.Equal(t, 2, a.Closed())
	assert.Equal(t, Closed, a.State())
	_, err = a.CreateOffer(ctx, sipua.OfferOptions{})
	assert.True(t, IsInvalidState(err))
	assert.True(t, IsInvalidState(a.Mute(true)))
	assert.True(t, IsInvalidState(a.SendDTMF(ctx, "1", sipua.DTMFOptions{})))
}

func TestMediaRefuses(t *testing.T) {
	ctx := context.Background()
	good, err := NewMedia(MediaOptions{}).CreateOffer(ctx, sipua.OfferOptions{})
	require.NoError(t, err)
	video := "m=video 50002 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n"

	t.Run("offers", func(t *testing.T) {
		for name, sdp := range map[string]string{
			"empty":              "",
			"garbage":            "INVITE sip:x SIP/2.0",
			"no media":           good[:strings.Index(good, "m=")],
			"no ufrag":           strings.Replace(good, "a=ice-ufrag", "a=x-ufrag", 1),
			"no fingerprint":     strings.Replace(good, "a=fingerprint", "a=x-fingerprint", 1),
			"no rtcp-mux":        strings.Replace(good, "a=rtcp-mux\r\n", "", 1),
			"plain RTP":          strings.Replace(good, "UDP/TLS/RTP/SAVPF", "RTP/AVP", 1),
			"video alone":        strings.Replace(good, "m=audio", "m=video", 1),
			"a mid twice":        good + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n",
			"video in the clear": good + strings.Replace(video, "UDP/TLS/RTP/SAVPF", "RTP/AVP", 1),
			"video without ICE":  good + video,
			"no codec":           strings.NewReplacer("opus", "iLBC", "PCMU", "X", "PCMA", "Y", "telephone-event", "Z").Replace(good),
		} {
			m := NewMedia(MediaOptions{})
			_, err := m.CreateAnswer(ctx, sdp, sipua.OfferOptions{})
			var e *MediaError
			assert.ErrorAs(t, err, &e, name)
			assert.Equal(t, Stable, m.State(), name)
			assert.Empty(t, m.LocalSDP(), name)
		}
	})
	t.Run("answers", func(t *testing.T) {
		for name, change := range map[string]func(string) string{
			"another section": func(s string) string { return s + video },
			"actpass":         func(s string) string { return strings.Replace(s, "a=setup:active", "a=setup:actpass", 1) },
			"another mid":     func(s string) string { return strings.Replace(s, "a=mid:0", "a=mid:7", 1) },
			"rejected":        func(s string) string { return strings.Replace(s, "m=audio 50000", "m=audio 0", 1) },
			"video":           func(s string) string { return strings.Replace(s, "m=audio", "m=video", 1) },
			"wider":           func(s string) string { return strings.Replace(s, "a=recvonly", "a=sendrecv", 1) },
		} {
			a, b := NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
			offer, err := a.CreateOffer(ctx, sipua.OfferOptions{Hold: true})
			require.NoError(t, err)
			answer, err := b.CreateAnswer(ctx, offer, sipua.OfferOptions{})
			require.NoError(t, err)
			changed := change(answer)
			require.NotEqual(t, answer, changed, name)
			var e *MediaError
			assert.ErrorAs(t, a.ApplyAnswer(ctx, changed, false), &e, name)
			assert.Equal(t, HaveLocalOffer, a.State(), name)
			assert.NoError(t, a.ApplyAnswer(ctx, answer, false), name)
		}
	})
	t.Run("what is neither sound nor video", func(t *testing.T) {
		m := NewMedia(MediaOptions{})
		answer, err := m.CreateAnswer(ctx, good+"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n", sipua.OfferOptions{})
		require.NoError(t, err)
		assert.Contains(t, answer, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n")
		assert.Contains(t, answer, "a=group:BUNDLE 0\r\n")
		_, err = m.CreateAnswer(ctx, good, sipua.OfferOptions{})
		assert.ErrorContains(t, err, "never go away")
		offer, err := m.CreateOffer(ctx, sipua.OfferOptions{})
		require.NoError(t, err)
		assert.Equal(t, 2, strings.Count(offer, "m="))
	})
}

func TestMediaICERestart(t *testing.T) {
	ufrag := func(sdp string) string {
		_, after, ok := strings.Cut(sdp, "a=ice-ufrag:")
		require.True(t, ok)
		return after[:4]
	}
	a, b := NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
	offer1, answer1 := negotiate(t, a, b, false, false)
	offer2, answer2 := negotiate(t, a, b, false, false)
	assert.Equal(t, ufrag(offer1), ufrag(offer2))
	assert.Equal(t, ufrag(answer1), ufrag(answer2))
	assert.NotEqual(t, offer1, offer2, "the version of o= counts up")

	require.NoError(t, a.RestartICE(context.Background()))
	offer3, answer3 := negotiate(t, a, b, false, false)
	assert.NotEqual(t, ufrag(offer1), ufrag(offer3))
	assert.NotEqual(t, ufrag(answer1), ufrag(answer3))
	offer4, _ := negotiate(t, a, b, false, false)
	assert.Equal(t, ufrag(offer3), ufrag(offer4))
}

func TestMediaDTMFTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		a, b := NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
		assert.True(t, IsInvalidState(a.SendDTMF(ctx, "1", sipua.DTMFOptions{})), "nothing agreed yet")
		negotiate(t, a, b, false, false)

		begin := time.Now()
		require.NoError(t, a.SendDTMF(ctx, "12a", sipua.DTMFOptions{}))
		assert.Equal(t, 3*100*time.Millisecond+2*70*time.Millisecond, time.Since(begin))
		begin = time.Now()
		require.NoError(t, a.SendDTMF(ctx, ",#", sipua.DTMFOptions{Duration: 10 * time.Second, Gap: time.Millisecond}))
		assert.Equal(t, 2*time.Second+30*time.Millisecond+6*time.Second, time.Since(begin))
		assert.Equal(t, "12A#", a.Tones())

		var e *MediaError
		require.ErrorAs(t, a.SendDTMF(ctx, "1x", sipua.DTMFOptions{}), &e)
		assert.Equal(t, "InvalidCharacterError", e.Name)

		negotiate(t, b, a, true, false)
		assert.True(t, IsInvalidState(a.SendDTMF(ctx, "1", sipua.DTMFOptions{})), "on hold we do not send")
	})
}

func TestMediaHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		denied := errors.New("denied")
		fail := map[Verb]error{VerbOpen: denied}
		f := &Factory{MediaOptions: MediaOptions{
			Delay: time.Second,
			Hook:  func(_ context.Context, v Verb, _ string) error { return fail[v] },
		}}
		ctx := context.Background()
		call := &sipua.Call{}
		_, err := f.New(ctx, call, nil)
		assert.ErrorIs(t, err, denied)
		assert.Nil(t, f.For(call))

		delete(fail, VerbOpen)
		fail[VerbCreateOffer] = denied
		begin := time.Now()
		made, err := f.New(ctx, call, "front desk")
		require.NoError(t, err)
		m := f.For(call)
		assert.Same(t, made, m)
		assert.Equal(t, []*Media{m}, f.All())
		assert.Equal(t, "front desk", m.Options)
		_, err = m.CreateOffer(ctx, sipua.OfferOptions{})
		assert.ErrorIs(t, err, denied)
		assert.Equal(t, 2*time.Second, time.Since(begin))
		assert.Equal(t, Stable, m.State())
		delete(fail, VerbCreateOffer)

		done := make(chan error)
		go func() {
			_, err := m.CreateOffer(ctx, sipua.OfferOptions{})
			done <- err
		}()
		synctest.Wait()
		assert.ErrorContains(t, m.Rollback(ctx), "one caller at a time")
		m.Close()
		assert.True(t, IsInvalidState(<-done), "Close ends a verb that runs")
		assert.Equal(t, []string{
			"CreateOffer: denied",
			"Rollback: OperationError: Rollback while CreateOffer runs: the verbs want one caller at a time",
			"Close",
			"CreateOffer: InvalidStateError: the peer connection is closed",
		}, m.Log())

		ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		_, err = f.New(ctx, call, nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestMediaMute(t *testing.T) {
	m := NewMedia(MediaOptions{})
	require.NoError(t, m.Mute(true))
	assert.True(t, m.Muted())
	require.NoError(t, m.Mute(false))
	assert.False(t, m.Muted())
}
