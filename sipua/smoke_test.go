package sipua_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		call, invite, ok := w.dial()
		hold := begin(func() error { return call.Hold(w.Context()) })
		re := w.ExpectRequest(w.T, "INVITE")
		w.RespondSDP(re, 200, "OK", answer(w.T, re.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(t, hold())
		bye := w.NewInDialogRequest("BYE", invite, ok)
		w.Send(bye)
		w.ExpectResponse(w.T, 200)
		_, err := call.Ended(w.Context())
		require.NoError(t, err)
		synctest.Wait()
		for _, e := range w.events {
			t.Logf("%T %+v", e, e)
		}
		t.Log(w.Ladder())
	})
}
