package sipua_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// What may happen in a call, word for word: video comes and goes, tones in INFO, a message,
// and the session goes on by UPDATE.
func TestMidCallLadder(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		k := w.dial(sipua.CallOptions{})
		k.ok = w.RespondSDP(k.invite, 200, "OK", k.answerTo(k.invite), farTakes)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		w.forget()

		done := begin(func() error { return k.call.AddVideo(w.Context(), sipua.VideoSource{}) })
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, done())
		require.Len(w, k.call.Streams(), 2)
		done = begin(func() error { return k.call.RemoveVideo(w.Context()) })
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, done())

		done = begin(func() error {
			return k.call.SendDTMF(w.Context(), "5", sipua.DTMFOptions{Method: sipua.DTMFInfoRelay})
		})
		w.Respond(w.ExpectRequest(w.T, "INFO"), 200, "OK")
		require.NoError(w, done())
		done = begin(func() error { return k.call.Message(w.Context(), sipua.MessageOptions{Body: []byte("hello")}) })
		w.Respond(w.ExpectRequest(w.T, "MESSAGE"), 200, "OK")
		require.NoError(w, done())
		done = begin(func() error { return k.call.Refresh(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "UPDATE"), 200, "OK")
		require.NoError(w, done())
		w.golden("call-mid-call")
		k.bye()
	})
}

// Several calls, word for word: a consultation, a conference of all three, and the end.
func TestConsultationLadder(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.forget()
		var second *sipua.Call
		done := begin(func() (err error) {
			second, err = k.call.Consult(w.Context(), "1003", sipua.CallOptions{})
			return err
		})
		k.agree(w.ExpectRequest(w.T, "INVITE")) // hold
		require.NoError(w, done())
		other := &talk{world: w, call: second, far: newFar()}
		other.invite = w.ExpectRequest(w.T, "INVITE")
		other.ok = w.RespondSDP(other.invite, 200, "OK", other.answerTo(other.invite))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, second.Answered(w.Context()))

		var conference *sipua.Conference
		done = begin(func() (err error) {
			conference, err = w.ua.Conference(w.Context(), k.call, second)
			return err
		})
		k.agree(w.ExpectRequest(w.T, "INVITE")) // resume
		require.NoError(w, done())
		require.Len(w, conference.Calls(), 2)
		require.Len(w, w.media.For(k.call).Mixed(), 1)

		done = begin(func() error { return second.Hangup(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, done())
		synctest.Wait()
		require.Equal(w, sipua.Established, k.call.State())
		require.Empty(w, w.media.For(k.call).Mixed())
		w.golden("call-consultation")
		k.bye()
	})
}
