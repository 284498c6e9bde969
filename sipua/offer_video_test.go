package sipua_test

import (
	"context"
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// refuseVideo makes an answer that does not take the video (RFC 3264 section 6).
func refuseVideo(sdp string) string {
	return regexp.MustCompile(`(?s)m=video \d+ (\S+) .*`).ReplaceAllString(sdp, "m=video 0 $1 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:1\r\n")
}

func (k *talk) agreedStreams(want ...string) {
	k.Helper()
	synctest.Wait()
	require.Equal(k, want, streams(k.call.Streams()))
}

// Our video comes and goes, each time by an offer; the stream keeps its place (RFC 3264
// section 8).
func TestVideo(t *testing.T) {
	both(t, func(k *talk) {
		ours := k.media.For(k.call)
		done := begin(func() error { return k.call.AddVideo(k.Context(), sipua.VideoSource{}) })
		re := k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "m=video 50000")
		k.agree(re)
		require.NoError(k, done())
		k.agreedStreams("audio sendrecv", "video sendonly")

		// Another source takes the place of the first without an offer.
		k.forget()
		require.NoError(k, k.call.AddVideo(k.Context(), sipua.VideoSource{Screen: true}))
		require.True(k, ours.Video().Screen)
		k.ladder()

		// The other side sends as well.
		_, err := k.far.SetVideo(k.Context(), &sipua.VideoSource{})
		require.NoError(k, err)
		k.farHold(false)
		k.agreedStreams("audio sendrecv", "video sendrecv")

		done = begin(func() error { return k.call.RemoveVideo(k.Context()) })
		re = k.ExpectRequest(k.T, "INVITE")
		k.agree(re)
		require.NoError(k, done())
		require.Nil(k, ours.Video())
		k.agreedStreams("audio sendrecv", "video inactive")

		// What they offer is not taken until video is wanted again.
		k.farHold(false)
		k.agreedStreams("audio sendrecv", "video inactive")
		done = begin(func() error { return k.call.AddVideo(k.Context(), sipua.VideoSource{}) })
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		require.NoError(k, done())
		k.agreedStreams("audio sendrecv", "video sendrecv")
		require.False(k, k.call.OnHold(sipua.Remote))
		k.bye()
	})
}

// Who stops sending goes on to receive, and says so: the other side would keep the last
// picture.
func TestStopVideo(t *testing.T) {
	both(t, func(k *talk) {
		_, err := k.far.SetVideo(k.Context(), &sipua.VideoSource{})
		require.NoError(k, err)
		done := begin(func() error { return k.call.AddVideo(k.Context(), sipua.VideoSource{}) })
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		require.NoError(k, done())
		k.agreedStreams("audio sendrecv", "video sendrecv")

		done = begin(func() error { return k.call.StopVideo(k.Context()) })
		re := k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "a=recvonly")
		k.agree(re)
		require.NoError(k, done())
		k.agreedStreams("audio sendrecv", "video recvonly")
		require.Nil(k, k.media.For(k.call).Video())

		k.forget() // what is stopped is stopped
		require.NoError(k, k.call.StopVideo(k.Context()))
		k.ladder()
		k.bye()
	})
}

// Their video comes and goes. We do not send any for it.
func TestTheirVideo(t *testing.T) {
	both(t, func(k *talk) {
		_, err := k.far.SetVideo(k.Context(), &sipua.VideoSource{})
		require.NoError(k, err)
		k.farHold(false)
		k.agreedStreams("audio sendrecv", "video recvonly")
		require.Nil(k, k.media.For(k.call).Video())
		_, err = k.far.SetVideo(k.Context(), nil)
		require.NoError(k, err)
		k.farHold(false)
		k.agreedStreams("audio sendrecv", "video inactive")
		require.False(k, k.call.OnHold(sipua.Remote))

		// Refused for good: the section stays with port 0 (RFC 3264 section 8.2).
		re := k.reinvite(refuseVideo(k.farOffer(false)))
		ok := k.ExpectResponse(k.T, 200)
		require.Contains(k, string(ok.Body()), "m=video 0 ")
		require.NoError(k, k.far.Rollback(k.Context()))
		k.ack(re, ok)
		k.agreedStreams("audio sendrecv", "video refused")
		k.bye()
	})
}

// A refusal leaves the call as it was: nothing is sent, and the next offer has no video.
func TestVideoRefused(t *testing.T) {
	t.Run("offer", func(t *testing.T) {
		both(t, func(k *talk) {
			done := begin(func() error { return k.call.AddVideo(k.Context(), sipua.VideoSource{}) })
			k.Respond(k.ExpectRequest(k.T, "INVITE"), 488, "Not Acceptable Here")
			k.ExpectRequest(k.T, "ACK")
			typed(k, done(), sipua.CodeRejected, 488)
			synctest.Wait()
			require.Nil(k, k.media.For(k.call).Video())
			k.agreedStreams("audio sendrecv")
			re, hold := k.hold()
			require.NotContains(k, string(re.Body()), "m=video")
			k.agree(re)
			require.NoError(k, hold())
			k.bye()
		})
	})
	t.Run("stream", func(t *testing.T) {
		both(t, func(k *talk) {
			done := begin(func() error { return k.call.AddVideo(k.Context(), sipua.VideoSource{}) })
			re := k.ExpectRequest(k.T, "INVITE")
			k.RespondSDP(re, 200, "OK", refuseVideo(k.answerTo(re)))
			k.ExpectRequest(k.T, "ACK")
			typed(k, done(), sipua.CodeRejected, 0)
			synctest.Wait()
			require.Nil(k, k.media.For(k.call).Video(), "the camera is off")
			k.agreedStreams("audio sendrecv", "video refused")
			k.bye()
		})
	})
	t.Run("screen in the place of a camera", func(t *testing.T) {
		both(t, func(k *talk) {
			done := begin(func() error { return k.call.AddVideo(k.Context(), sipua.VideoSource{}) })
			k.agree(k.ExpectRequest(k.T, "INVITE"))
			require.NoError(k, done())
			done = begin(func() error { return k.call.RemoveVideo(k.Context()) })
			k.Respond(k.ExpectRequest(k.T, "INVITE"), 488, "Not Acceptable Here")
			k.ExpectRequest(k.T, "ACK")
			typed(k, done(), sipua.CodeRejected, 488)
			synctest.Wait()
			require.NotNil(k, k.media.For(k.call).Video(), "it is sent still")
			k.agreedStreams("audio sendrecv", "video sendonly")
			k.bye()
		})
	})
}

// The person or the platform says no: nothing is offered.
func TestVideoDenied(t *testing.T) {
	both(t, func(k *talk) {
		k.forget()
		k.fail.Store(true)
		typed(k, k.call.AddVideo(k.Context(), sipua.VideoSource{}), sipua.CodeMediaFailed, 0)
		k.fail.Store(false)
		k.ladder()
		require.Equal(k, sipua.Established, k.call.State())
		k.bye()
	})
	play(t, func(w *world) {
		k := w.outgoing()
		typed(w, k.call.AddVideo(w.Context(), sipua.VideoSource{}), sipua.CodeUnsupported, 0)
	}, func(c *sipua.Config) {
		old := c.Media
		c.Media = func(ctx context.Context, call *sipua.Call, options any) (sipua.Media, error) {
			m, err := old(ctx, call, options)
			return soundAlone{m}, err
		}
	})
	play(t, func(w *world) {
		k := w.ring()
		typed(w, k.call.AddVideo(w.Context(), sipua.VideoSource{}), sipua.CodeInvalidState, 0)
	})
}

// soundAlone is media that can do nothing that is optional.
type soundAlone struct{ sipua.Media }

// Glare: their offer has its turn, then ours goes with the video.
func TestVideoGlare(t *testing.T) {
	both(t, func(k *talk) {
		done := begin(func() error { return k.call.AddVideo(k.Context(), sipua.VideoSource{}) })
		k.Respond(k.ExpectRequest(k.T, "INVITE"), 491, "Request Pending")
		k.ExpectRequest(k.T, "ACK")
		synctest.Wait()
		re := k.reinvite(k.farOffer(false))
		ok := k.ExpectResponse(k.T, 200)
		k.applies(ok)
		k.ack(re, ok)
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		require.NoError(k, done())
		k.agreedStreams("audio sendrecv", "video sendonly")
		k.bye()
	})
}

// A call of video from the start, seen from both sides.
func TestVideoFromTheStart(t *testing.T) {
	play(t, func(w *world) {
		w.media.Video = true
		k := w.outgoing()
		k.agreedStreams("audio sendrecv", "video sendonly")
		require.Equal(w, []string{"audio sendrecv", "video sendonly"}, streams(last[sipua.CallMediaChanged](w).Streams))
		k.bye()
	})
	play(t, func(w *world) {
		w.connect()
		k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{Video: true})}
		k.invite = w.NewRequest("INVITE", "sip:1001@example.com")
		sipuatest.SetSDP(k.invite, k.farOffer(false))
		k.arrive()
		k.answersReliably()
		k.agreedStreams("audio sendrecv", "video recvonly")
		k.bye()
	})
}
