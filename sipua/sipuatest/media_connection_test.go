package sipuatest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// watched collects the states of a connection.
func watched(m *Media) *[]sipua.ConnectionState {
	states := &[]sipua.ConnectionState{}
	m.WatchConnection(func(s sipua.ConnectionState) { *states = append(*states, s) })
	return states
}

func TestMediaConnection(t *testing.T) {
	a, b := NewMedia(MediaOptions{}), NewMedia(MediaOptions{NoConnect: true})
	states, silent := watched(a), watched(b)
	assert.Equal(t, sipua.ConnectionNew, a.Connection())
	offer, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	assert.Empty(t, *states)
	answer, err := b.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
	require.NoError(t, err)
	require.NoError(t, a.ApplyAnswer(t.Context(), answer, true))
	assert.Equal(t, []sipua.ConnectionState{"connecting", "connected"}, *states, "with early media")
	require.NoError(t, a.ApplyAnswer(t.Context(), answer, false))
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	assert.Len(t, *states, 2, "nothing has changed")
	assert.Empty(t, *silent)
	b.SetConnection(sipua.ConnectionConnecting)
	b.SetConnection(sipua.ConnectionConnecting)
	assert.Equal(t, []sipua.ConnectionState{"connecting"}, *silent)

	a.SetConnection(sipua.ConnectionFailed)
	require.NoError(t, a.RestartICE(t.Context()))
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	assert.Equal(t, []sipua.ConnectionState{"connecting", "connected", "failed", "connecting", "connected"}, *states)
	a.Close()
	assert.Equal(t, sipua.ConnectionClosed, a.Connection())
	a.SetConnection(sipua.ConnectionFailed)
	assert.Len(t, *states, 5, "after Close there are no events")
}

func TestMediaRestarts(t *testing.T) {
	a, b := NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	localA, remoteA := a.ICE()
	localB, remoteB := b.ICE()
	assert.Equal(t, []string{localA, remoteA}, []string{remoteB, localB})
	assert.NotEqual(t, localA, localB)

	require.NoError(t, a.RestartICE(t.Context()))
	_, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	open, _ := a.ICE()
	assert.NotEqual(t, localA, open)
	require.NoError(t, a.Rollback(t.Context()))
	back, _ := a.ICE()
	assert.Equal(t, localA, back)
	assert.Zero(t, a.Restarts(), "nobody has answered")

	exchange(t, b, a, sipua.OfferOptions{}, sipua.OfferOptions{}) // the other one's offer restarts nothing
	assert.Zero(t, a.Restarts())
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{}) // the wish survives the rollback
	assert.Equal(t, 1, a.Restarts())
	assert.Equal(t, 1, b.Restarts())
	newA, newB := a.ICE()
	assert.NotEqual(t, localA, newA)
	assert.NotEqual(t, localB, newB)
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	assert.Equal(t, 1, a.Restarts())
}

// A forked INVITE is answered by several media (RFC 3261 section 13.2.2.4).
func TestMediaForks(t *testing.T) {
	a, b, c := NewMedia(MediaOptions{}), NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
	states := watched(a)
	offer, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	fromB, err := b.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
	require.NoError(t, err)
	fromC, err := c.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
	require.NoError(t, err)
	require.NoError(t, a.ApplyAnswer(t.Context(), fromB, true))
	require.NoError(t, a.ApplyAnswer(t.Context(), fromC, true))
	require.NoError(t, a.ApplyAnswer(t.Context(), fromB, false))
	_, remote := a.ICE()
	local, _ := b.ICE()
	assert.Equal(t, local, remote)
	assert.Zero(t, a.Restarts(), "these are no restarts")
	assert.Equal(t, []sipua.ConnectionState{
		"connecting", "connected", "connecting", "connected", "connecting", "connected",
	}, *states)
}

func TestMediaStaysConnectedToOne(t *testing.T) {
	a, b, c := NewMedia(MediaOptions{}), NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})

	offer, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	answer, err := b.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
	require.NoError(t, err)
	other, err := c.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
	require.NoError(t, err)
	ufrag, _ := b.ICE()
	for name, changed := range map[string]string{
		"another fingerprint":  other,
		"another ufrag":        strings.ReplaceAll(answer, "a=ice-ufrag:"+ufrag, "a=ice-ufrag:abcd"),
		"the other role":       strings.ReplaceAll(answer, "a=setup:active", "a=setup:passive"),
		"one fingerprint less": strings.Replace(answer, "a=fingerprint", "a=x", 1),
	} {
		require.NotEqual(t, answer, changed, name)
		var e *MediaError
		assert.ErrorAs(t, a.ApplyAnswer(t.Context(), changed, false), &e, name)
		assert.Equal(t, HaveLocalOffer, a.State(), name)
	}
	require.NoError(t, a.ApplyAnswer(t.Context(), answer, false))

	t.Run("unless the offer restarts ICE", func(t *testing.T) {
		require.NoError(t, a.RestartICE(t.Context()))
		exchange(t, a, NewMedia(MediaOptions{}), sipua.OfferOptions{}, sipua.OfferOptions{})
		assert.Equal(t, 1, a.Restarts())
	})
	t.Run("an offer after a reload is another connection", func(t *testing.T) {
		offer, answer := exchange(t, NewMedia(MediaOptions{}), a, sipua.OfferOptions{}, sipua.OfferOptions{})
		assert.Equal(t, 2, a.Restarts())
		assert.Contains(t, answer, "a=setup:active")
		_, ufrag := a.ICE()
		_, err := a.CreateAnswer(t.Context(), strings.Replace(offer, "sha-256 ", "sha-256 00:", 1), sipua.OfferOptions{})
		assert.ErrorContains(t, err, "another fingerprint", "without another ufrag")
		_, err = a.CreateAnswer(t.Context(), strings.Replace(offer, "a=setup:actpass", "a=setup:active", 1), sipua.OfferOptions{})
		assert.ErrorContains(t, err, "DTLS roles")
		answer, err = a.CreateAnswer(t.Context(), strings.NewReplacer(ufrag, "wxyz", "a=setup:actpass", "a=setup:active").Replace(offer), sipua.OfferOptions{})
		require.NoError(t, err)
		assert.Contains(t, answer, "a=setup:passive")
	})
}

func TestMediaPlain(t *testing.T) {
	a, b := NewMedia(MediaOptions{Plain: true}), NewMedia(MediaOptions{Plain: true, Video: true})
	states := watched(a)
	offer, answer := exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{Hold: true})
	for _, sdp := range []string{offer, answer} {
		assert.Contains(t, sdp, "m=audio 50000 RTP/AVP 111 0 8")
		for _, word := range []string{"ice-", "fingerprint", "setup", "candidate", "BUNDLE", "mid"} {
			assert.NotContains(t, sdp, word)
		}
	}
	assert.Equal(t, "recvonly", a.Direction())
	assert.Equal(t, []sipua.ConnectionState{"connecting", "connected"}, *states)
	exchange(t, b, a, sipua.OfferOptions{}, sipua.OfferOptions{})
	assert.Equal(t, "recvonly", a.VideoDirection())
	assert.Zero(t, a.Restarts())

	browser := NewMedia(MediaOptions{})
	_, err := browser.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
	assert.ErrorContains(t, err, "not DTLS-SRTP")
	offer, err = browser.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	_, err = NewMedia(MediaOptions{Plain: true}).CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
	assert.ErrorContains(t, err, "not RTP/AVP")
}

func TestMediaTones(t *testing.T) {
	a, b := NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
	var heard []string
	assert.Error(t, a.Tone("1", time.Second), "nobody listens")
	a.OnTone(func(tone string, d time.Duration) { heard = append(heard, tone+" "+d.String()) })
	assert.Error(t, a.Tone("1", time.Second), "nothing is agreed")
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	require.NoError(t, a.Tone("1", time.Second))
	assert.Equal(t, []string{"1 1s"}, heard)
	exchange(t, a, b, sipua.OfferOptions{Hold: true}, sipua.OfferOptions{})
	assert.Error(t, a.Tone("1", time.Second), "on hold nothing comes")
}

func TestMediaMix(t *testing.T) {
	a, b, c := NewMedia(MediaOptions{}), NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
	require.NoError(t, a.Mix([]sipua.Media{b, c}))
	assert.Equal(t, []sipua.Media{b, c}, a.Mixed())
	assert.Error(t, a.Mix([]sipua.Media{a}), "itself")
	assert.Equal(t, []sipua.Media{b, c}, a.Mixed())
	require.NoError(t, a.Mix(nil))
	assert.Empty(t, a.Mixed())
	require.NoError(t, a.Mix([]sipua.Media{b}))
	a.Close()
	assert.Empty(t, a.Mixed())
	assert.Error(t, a.Mix([]sipua.Media{b}))
}
