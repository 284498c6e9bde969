package sipua_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Section 9.1: CANCEL waits for a provisional response. It has the INVITE's
// Request-URI, branch, To, From, Call-ID and CSeq number.
func TestCancelBeforeProvisional(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		done := begin(func() error { return call.Hangup(w.Context()) })
		w.ExpectNothing(w.T, 10*time.Second)
		require.Equal(w, sipua.Canceling, call.State())
		require.Equal(w, 1, w.media.For(call).Closed(), "the microphone is free at once")
		w.Respond(invite, 100, "Trying")
		cancel := w.ExpectRequest(w.T, "CANCEL")
		require.Equal(w, invite.Recipient.String(), cancel.Recipient.String())
		for _, name := range []string{"Via", "From", "To", "Call-ID"} {
			require.Equal(w, values(invite, name), values(cancel, name))
		}
		require.Equal(w, invite.CSeq().SeqNo, cancel.CSeq().SeqNo)
		w.Respond(invite, 180, "Ringing") // no second CANCEL
		w.Respond(cancel, 200, "OK")
		w.Respond(invite, 487, "Request Terminated")
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, done())
		require.Equal(w, sipua.CallEnded{Call: call, By: sipua.Local, Status: 487, Reason: "Request Terminated"}, w.end(call))
		typed(w, call.Answered(w.Context()), sipua.CodeCanceled, 487)
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, []string{"calling", "canceling", "ended", "end by local 487"}, w.story())
	})
}

func TestCancelAfterRinging(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		done := begin(func() error { return call.Hangup(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
		w.Respond(invite, 487, "Request Terminated")
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, done())
		w.golden("call-canceled")
	})
}

// A 200 that crosses the CANCEL makes a dialog: ACK and BYE (section 9.1 and
// 15).
func TestCancelCrosses200(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		done := begin(func() error { return call.Hangup(w.Context()) })
		cancel := w.ExpectRequest(w.T, "CANCEL")
		ok := w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()))
		w.Respond(cancel, 481, "Call/Transaction Does Not Exist")
		w.ExpectRequest(w.T, "ACK")
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, value(ok, "To"), value(bye, "To"))
		w.Respond(bye, 200, "OK")
		require.NoError(w, done())
		require.NoError(w, w.end(call).Err)
		require.Zero(w, count[sipua.CallAnswered](w))
		w.Send(ok) // its ACK was lost
		w.ExpectRequest(w.T, "ACK")
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Also when the CANCEL could not be sent yet.
func Test200WithoutProvisionalCrossesHangup(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		done := begin(func() error { return call.Hangup(w.Context()) })
		synctest.Wait()
		w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()))
		w.ExpectRequest(w.T, "ACK")
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, done())
		w.end(call)
	})
}

// Section 9.1: without a final response the transaction counts as canceled
// 64*T1 after the CANCEL.
func TestCancelUnanswered(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		begun := time.Now()
		done := begin(func() error { return call.Hangup(w.Context()) })
		w.ExpectRequest(w.T, "CANCEL")
		require.NoError(w, done())
		require.Equal(w, 32*time.Second, time.Since(begun))
		w.end(call)
		// What comes later belongs to nothing.
		w.Respond(invite, 487, "Request Terminated")
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, 1, count[sipua.ProtocolError](w))
	})
}

// Hung up between a challenge and its answer: nothing more is sent.
func TestCancelAtChallenge(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		done := begin(func() error { return call.Hangup(w.Context()) })
		synctest.Wait()
		w.Respond(invite, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="n"`))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, done())
		w.end(call)
		w.ExpectNothing(w.T, time.Minute)
	})
}

func TestHangupWhilePreparing(t *testing.T) {
	block := func(ctx context.Context, v sipuatest.Verb, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for _, verb := range []sipuatest.Verb{sipuatest.VerbOpen, sipuatest.VerbCreateOffer} {
		t.Run(string(verb), func(t *testing.T) {
			play(t, func(w *world) {
				w.media.Hook = func(ctx context.Context, v sipuatest.Verb, in string) error {
					if v == verb {
						return block(ctx, v, in)
					}
					return nil
				}
				call := w.callOut()
				synctest.Wait()
				require.NoError(w, call.Hangup(w.Context()))
				end := w.end(call)
				require.Equal(w, sipua.Local, end.By)
				typed(w, call.Answered(w.Context()), sipua.CodeCanceled, 487)
				w.ExpectNothing(w.T, time.Minute)
			})
		})
	}
}

func TestHangupWhileConnecting(t *testing.T) {
	play(t, func(w *world) {
		open := make(chan struct{})
		w.OnDial(func(ctx context.Context, _ string) error { <-open; return nil })
		call := w.callOut()
		synctest.Wait()
		require.Equal(w, sipua.Preparing, call.State())
		require.NoError(w, call.Hangup(w.Context()))
		w.end(call)
		close(open)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// A hang-up before the time-out is not a time-out.
func TestHangupThenInviteTimeout(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		w.ExpectRequest(w.T, "INVITE")
		require.NoError(w, call.Hangup(w.Context()))
		require.NoError(w, w.end(call).Err)
	})
}
