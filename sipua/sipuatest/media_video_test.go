package sipuatest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// exchange lets a offer and b answer, with the wishes of each.
func exchange(t *testing.T, a, b *Media, oa, ob sipua.OfferOptions) (offer, answer string) {
	t.Helper()
	offer, err := a.CreateOffer(t.Context(), oa)
	require.NoError(t, err)
	answer, err = b.CreateAnswer(t.Context(), offer, ob)
	require.NoError(t, err)
	require.NoError(t, a.ApplyAnswer(t.Context(), answer, false))
	return offer, answer
}

func setVideo(t *testing.T, m *Media, source *sipua.VideoSource, negotiate bool) {
	t.Helper()
	got, err := m.SetVideo(t.Context(), source)
	require.NoError(t, err)
	assert.Equal(t, negotiate, got)
}

func TestMediaVideoFromTheBeginning(t *testing.T) {
	a, b := NewMedia(MediaOptions{Video: true}), NewMedia(MediaOptions{})
	assert.Empty(t, a.VideoDirection())
	offer, answer := exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	assert.Contains(t, offer, "a=group:BUNDLE 0 1\r\n")
	assert.Contains(t, answer, "a=group:BUNDLE 0 1\r\n")
	assert.Equal(t, "sendonly", a.VideoDirection())
	assert.Equal(t, "recvonly", b.VideoDirection())
	assert.Equal(t, "sendrecv", a.Direction(), "the sound goes both ways")
	assert.Equal(t, &sipua.VideoSource{}, a.Video())
	assert.Nil(t, b.Video())

	setVideo(t, b, &sipua.VideoSource{Screen: true, Options: "window"}, true)
	exchange(t, b, a, sipua.OfferOptions{}, sipua.OfferOptions{})
	assert.Equal(t, "sendrecv", a.VideoDirection())
	assert.Equal(t, "sendrecv", b.VideoDirection())
	assert.Equal(t, &sipua.VideoSource{Screen: true, Options: "window"}, b.Video())
}

// The directions of the video of both sides after each exchange.
func TestMediaVideoDirections(t *testing.T) {
	a, b := NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	require.Empty(t, a.VideoDirection())
	setVideo(t, a, &sipua.VideoSource{}, true)
	setVideo(t, a, &sipua.VideoSource{Screen: true}, true) // nobody was asked yet
	setVideo(t, b, &sipua.VideoSource{}, true)
	hold, off := sipua.OfferOptions{Hold: true}, sipua.OfferOptions{NoVideo: true}
	for _, step := range []struct {
		name                 string
		aOffers              bool
		oa, ob               sipua.OfferOptions
		videoA, videoB       string
		soundA               string
		negotiateA           bool // what a further source would need
		offered, answeredYet string
	}{
		{"both send", true, sipua.OfferOptions{}, sipua.OfferOptions{}, "sendrecv", "sendrecv", "sendrecv", false, "sendrecv sendrecv", "sendrecv sendrecv"},
		{"a holds", true, hold, sipua.OfferOptions{}, "sendonly", "recvonly", "sendonly", false, "sendonly sendonly", "recvonly recvonly"},
		{"b has no video, a still holds", false, hold, off, "inactive", "inactive", "sendonly", true, "sendrecv inactive", "sendonly inactive"},
		{"a resumes and holds nothing", true, sipua.OfferOptions{}, sipua.OfferOptions{}, "sendrecv", "sendrecv", "sendrecv", false, "sendrecv sendrecv", "sendrecv sendrecv"},
		{"a takes video away", true, off, sipua.OfferOptions{}, "inactive", "inactive", "sendrecv", true, "sendrecv inactive", "sendrecv inactive"},
		{"b offers it again, a does not want it", false, off, sipua.OfferOptions{}, "inactive", "inactive", "sendrecv", true, "sendrecv sendrecv", "sendrecv inactive"},
		{"b offers it again", false, sipua.OfferOptions{}, sipua.OfferOptions{}, "sendrecv", "sendrecv", "sendrecv", false, "sendrecv sendrecv", "sendrecv sendrecv"},
	} {
		t.Run(step.name, func(t *testing.T) {
			var offer, answer string
			if step.aOffers {
				offer, answer = exchange(t, a, b, step.oa, step.ob)
			} else {
				offer, answer = exchange(t, b, a, step.ob, step.oa)
			}
			assert.Equal(t, step.offered, directions(offer))
			assert.Equal(t, step.answeredYet, directions(answer))
			assert.Equal(t, step.videoA, a.VideoDirection())
			assert.Equal(t, step.videoB, b.VideoDirection())
			assert.Equal(t, step.soundA, a.Direction())
			setVideo(t, a, &sipua.VideoSource{}, step.negotiateA)
		})
	}

	t.Run("the camera is switched off", func(t *testing.T) {
		setVideo(t, a, nil, true) // b would wait for pictures
		assert.Nil(t, a.Video())
		exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
		assert.Equal(t, "recvonly", a.VideoDirection())
		exchange(t, a, b, hold, sipua.OfferOptions{})
		assert.Equal(t, "inactive", a.VideoDirection(), "neither sent nor wanted")
	})
}

// directions of the sections of a description.
func directions(sdp string) string {
	var all []string
	for line := range strings.SplitSeq(sdp, "\r\n") {
		if name, ok := strings.CutPrefix(line, "a="); ok && strings.Contains(" sendrecv sendonly recvonly inactive ", " "+name+" ") {
			all = append(all, name)
		}
	}
	return strings.Join(all, " ")
}

func TestMediaVideoRolledBack(t *testing.T) {
	a, b := NewMedia(MediaOptions{}), NewMedia(MediaOptions{})
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	before := a.LocalSDP()
	setVideo(t, a, &sipua.VideoSource{}, true)
	offer, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(offer, "m="))
	_, err = a.SetVideo(t.Context(), nil)
	assert.True(t, IsInvalidState(err), "an offer is open")
	require.NoError(t, a.Rollback(t.Context()))
	assert.Equal(t, before, a.LocalSDP())
	assert.Empty(t, a.VideoDirection())

	// b has heard of nothing, so that its own offer has one section still.
	exchange(t, b, a, sipua.OfferOptions{}, sipua.OfferOptions{})
	assert.NotNil(t, a.Video(), "it stays wanted")
	offer, _ = exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	assert.Equal(t, 2, strings.Count(offer, "m="))
	assert.Equal(t, "sendonly", a.VideoDirection())
}

func TestMediaVideoRejected(t *testing.T) {
	a, b := NewMedia(MediaOptions{Video: true}), NewMedia(MediaOptions{})
	offer, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	// What the other side cannot play, it rejects.
	answer, err := b.CreateAnswer(t.Context(), strings.NewReplacer("VP8", "X", "H264", "Y").Replace(offer), sipua.OfferOptions{})
	require.NoError(t, err)
	assert.Contains(t, answer, "m=video 0 ")
	assert.Contains(t, answer, "a=group:BUNDLE 0\r\n")
	require.NoError(t, a.ApplyAnswer(t.Context(), answer, false))
	assert.Empty(t, a.VideoDirection())
	_, err = a.CreateAnswer(t.Context(), offer[:strings.Index(offer, "m=video")], sipua.OfferOptions{})
	assert.ErrorContains(t, err, "never go away")

	setVideo(t, a, nil, false)
	offer, _ = exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	assert.Contains(t, offer, "m=video 0 ", "a rejected section stays")
	offer, err = a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	answer, err = b.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
	require.NoError(t, err)
	revived := answer[:strings.Index(answer, "m=video")] + strings.NewReplacer("m=audio", "m=video", " 111 0 8 110 126", " 96",
		"opus/48000/2", "VP8/90000", ":111 ", ":96 ", "a=mid:0", "a=mid:1").Replace(answer[strings.Index(answer, "m=audio"):strings.Index(answer, "m=video")])
	assert.ErrorContains(t, a.ApplyAnswer(t.Context(), revived, false), "rejected in the offer")
	require.NoError(t, a.ApplyAnswer(t.Context(), answer, false))
	setVideo(t, b, &sipua.VideoSource{}, true)
	offer, _ = exchange(t, b, a, sipua.OfferOptions{}, sipua.OfferOptions{})
	assert.Equal(t, 2, strings.Count(offer, "m="), "and its place is taken")
	assert.NotContains(t, offer, "a=mid:1\r\n", "by another stream (RFC 8829 section 5.2.2)")
	assert.Equal(t, "recvonly", a.VideoDirection())
}

func TestMediaSecondVideo(t *testing.T) {
	a, b := NewMedia(MediaOptions{Video: true}), NewMedia(MediaOptions{Video: true})
	offer, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	second := strings.Replace(offer[strings.Index(offer, "m=video"):], "a=mid:1", "a=mid:2", 1)
	answer, err := b.CreateAnswer(t.Context(), offer+second, sipua.OfferOptions{})
	require.NoError(t, err)
	assert.Equal(t, "sendrecv sendrecv recvonly", directions(answer), "there is one camera")
	offer, err = b.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	assert.Equal(t, "sendrecv sendrecv recvonly", directions(offer))
}

func TestMediaKeepsSections(t *testing.T) {
	a, b := NewMedia(MediaOptions{Video: true}), NewMedia(MediaOptions{})
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	offer, err := a.CreateOffer(t.Context(), sipua.OfferOptions{NoVideo: true})
	require.NoError(t, err)
	i := strings.Index(offer, "m=audio")
	j := strings.Index(offer, "m=video")
	for name, changed := range map[string]string{
		"turned":      offer[:i] + offer[j:] + offer[i:j],
		"other mids":  strings.Replace(offer, "a=mid:1\r\n", "a=mid:7\r\n", 1),
		"one is less": offer[:j],
		"other media": strings.Replace(offer, "m=video", "m=text", 1),
	} {
		_, err := b.CreateAnswer(t.Context(), changed, sipua.OfferOptions{})
		var e *MediaError
		assert.ErrorAs(t, err, &e, name)
	}
	answer, err := b.CreateAnswer(t.Context(), offer, sipua.OfferOptions{})
	require.NoError(t, err)
	for name, changed := range map[string]string{
		"video wider":     strings.Replace(answer, "a=inactive", "a=recvonly", 1),
		"video elsewhere": answer[:strings.Index(answer, "m=audio")] + answer[strings.Index(answer, "m=video"):] + answer[strings.Index(answer, "m=audio"):strings.Index(answer, "m=video")],
		"one is less":     answer[:strings.Index(answer, "m=video")],
		"no codec":        strings.NewReplacer("VP8", "X", "H264", "Y").Replace(answer),
	} {
		require.NotEqual(t, answer, changed)
		var e *MediaError
		assert.ErrorAs(t, a.ApplyAnswer(t.Context(), changed, false), &e, name)
	}
	assert.NoError(t, a.ApplyAnswer(t.Context(), answer, false))
}

func TestMediaVideoDenied(t *testing.T) {
	denied := errors.New("denied")
	m := NewMedia(MediaOptions{Video: true, Hook: func(_ context.Context, v Verb, _ string) error {
		if v == VerbSetVideo {
			return denied
		}
		return nil
	}})
	_, err := m.SetVideo(t.Context(), &sipua.VideoSource{Screen: true})
	assert.ErrorIs(t, err, denied)
	assert.Equal(t, &sipua.VideoSource{}, m.Video(), "what was sent is sent still")
	assert.Equal(t, []string{"SetVideo: denied"}, m.Log())
	m.Close()
	_, err = m.SetVideo(t.Context(), nil)
	assert.Error(t, err)
}

func TestMediaCodecs(t *testing.T) {
	a, b := NewMedia(MediaOptions{Video: true}), NewMedia(MediaOptions{})
	assert.Nil(t, a.Codecs())
	offer, err := a.CreateOffer(t.Context(), sipua.OfferOptions{})
	require.NoError(t, err)
	// The application wants PCMA before PCMU, no opus and no VP8.
	edited := strings.NewReplacer(" 111 0 8 110 126", " 8 0 110 126", " 96 97 102 103", " 97 102 103").Replace(offer)
	answer, err := b.CreateAnswer(t.Context(), edited, sipua.OfferOptions{})
	require.NoError(t, err)
	require.NoError(t, a.ApplyAnswer(t.Context(), answer, false))
	want := []string{"PCMA/8000", "PCMU/8000", "telephone-event/48000", "telephone-event/8000", "H264/90000", "rtx/90000"}
	assert.Equal(t, want, a.Codecs())
	assert.Equal(t, want, b.Codecs())
	assert.Contains(t, answer, "m=video 50000 UDP/TLS/RTP/SAVPF 102 103\r\n")

	exchange(t, b, a, sipua.OfferOptions{}, sipua.OfferOptions{})
	assert.Contains(t, a.Codecs(), "opus/48000/2", "the next offer has everything again")
}
