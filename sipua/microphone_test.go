package sipua_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Another microphone is the media's business alone: the other side is told nothing.
func TestSetMicrophone(t *testing.T) {
	both(t, func(k *talk) {
		k.forget()
		require.NoError(k, k.call.Mute(k.Context(), true))
		require.NoError(k, k.call.SetMicrophone(k.Context(), "headset"))
		require.Equal(k, "headset", k.media.For(k.call).Microphone())
		require.True(k, k.media.For(k.call).Muted())
		k.ladder()
		k.bye()
		typed(k, k.call.SetMicrophone(k.Context(), "other"), sipua.CodeInvalidState, 0)
	})
}

func TestSetMicrophoneBeforeTheAnswer(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		require.NoError(w, call.SetMicrophone(w.Context(), "headset"))
		require.Equal(w, "headset", w.media.For(call).Microphone())
	})
	play(t, func(w *world) {
		k := w.ring()
		typed(w, k.call.SetMicrophone(w.Context(), "headset"), sipua.CodeInvalidState, 0)
		require.Empty(w, w.media.All(), "it must not be what opens the microphone")
	})
}

func TestSetMicrophoneRefused(t *testing.T) {
	play(t, func(w *world) {
		w.media.Hook = func(_ context.Context, verb sipuatest.Verb, _ string) error {
			if verb == sipuatest.VerbMicrophone {
				return &sipua.Error{Code: sipua.CodeMediaNotFound}
			}
			return nil
		}
		call := w.callOut()
		typed(w, call.SetMicrophone(w.Context(), "gone"), sipua.CodeMediaNotFound, 0)
		require.Nil(w, w.media.For(call).Microphone())
	})
}

// What was chosen is chosen for a connection that takes the place of the first, too.
func TestForkSwitchKeepsTheMicrophone(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{Media: "built in"})
		require.NoError(w, k.call.SetMicrophone(w.Context(), "headset"))
		k.fork(183, "first", newFar())
		k.fork(200, "second", newFar())
		w.ExpectRequest(w.T, "ACK")
		re := w.ExpectRequest(w.T, "INVITE")
		w.RespondSDP(re, 200, "OK", answer(w.T, re.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		require.Len(w, w.media.All(), 2)
		require.Equal(w, "headset", w.media.For(k.call).Options)
	})
}
