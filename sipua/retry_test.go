package sipua_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// A BYE that the connection took with it goes over the next one: a new branch, a
// higher sequence number, the same dialog.
func TestByeIsRetried(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		first := w.ExpectRequest(w.T, "BYE")
		w.Drop(1006, "")
		again := w.ExpectRequest(w.T, "BYE")
		k.inDialog(again)
		require.NotEqual(w, branch(first), branch(again))
		require.Greater(w, again.CSeq().SeqNo, first.CSeq().SeqNo)
		w.Drop(1006, "")
		third := w.ExpectRequest(w.T, "BYE")
		require.Greater(w, third.CSeq().SeqNo, again.CSeq().SeqNo)
		w.Respond(third, 481, "Call/Transaction Does Not Exist") // the first one had arrived
		require.NoError(w, done())
		require.Equal(w, sipua.Local, w.end(k.call).By)
	})
	// With a challenge over the new flow.
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.ExpectRequest(w.T, "BYE")
		w.Drop(1006, "")
		again := w.ExpectRequest(w.T, "BYE")
		w.Respond(again, 407, "Proxy Authentication Required", h("Proxy-Authenticate", `Digest realm="example.com", nonce="n1", qop="auth"`))
		third := w.ExpectRequest(w.T, "BYE")
		require.NotEmpty(w, value(third, "Proxy-Authorization"))
		w.Respond(third, 200, "OK")
		require.NoError(w, done())
	})
	// Registered: REGISTER first, then what waited.
	play(t, func(w *world) {
		w.register()
		k := w.outgoing()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.ExpectRequest(w.T, "BYE")
		w.Drop(1006, "")
		req := w.ExpectRequest(w.T, "REGISTER")
		bye := w.ExpectRequest(w.T, "BYE")
		w.Respond(bye, 200, "OK")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
	// An answer that came before the loss is the answer.
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		w.Drop(1006, "")
		require.NoError(w, done())
		w.ExpectNothing(w.T, time.Hour)
	})
}

// The wait for the next flow is bounded by five minutes.
func TestRetryIsBounded(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.ExpectRequest(w.T, "BYE")
		w.OnDial(refused)
		begun := time.Now()
		w.Drop(1006, "")
		typed(w, done(), sipua.CodeConnectionLost, 0)
		require.Equal(w, 5*time.Minute, time.Since(begun))
		w.end(k.call)
		w.OnDial(nil)
		w.ExpectNothing(w.T, time.Hour)
	})
	// Close ends it at once.
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.ExpectRequest(w.T, "BYE")
		w.OnDial(refused)
		w.Drop(1006, "")
		time.Sleep(time.Minute)
		require.NoError(w, w.ua.Close())
		typed(w, done(), sipua.CodeClosed, 0)
	})
}

// An INVITE whose flow is lost cannot be answered any more. It is made anew over the next
// flow, once we are registered there; a change of the session after the connection.
func TestInviteIsMadeAnew(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		w.Drop(1006, "")
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, sipua.Calling, call.State())
		require.True(w, call.Recovering())
		w.Respond(req, 200, "OK", req.Contact())
		cancel := w.ExpectRequest(w.T, "CANCEL") // it rings for nobody
		require.Equal(w, value(invite, "Via"), value(cancel, "Via"))
		require.Equal(w, invite.CSeq().SeqNo, cancel.CSeq().SeqNo)
		again := w.ExpectRequest(w.T, "INVITE")
		w.Respond(cancel, 200, "OK")
		require.Equal(w, invite.CSeq().SeqNo+1, again.CSeq().SeqNo)
		require.Equal(w, value(invite, "Call-ID"), value(again, "Call-ID"))
		require.Equal(w, invite.Body(), again.Body())
		require.False(w, call.Recovering())
		w.RespondSDP(again, 200, "OK", answer(w.T, again.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		require.Equal(w, []string{"calling", "ringing", "180", "calling", "recovering flow", "recovered", "established", "answered"},
			slices.DeleteFunc(w.story(), func(s string) bool { return strings.Contains(s, "connect") || strings.Contains(s, "register") }))
	})
	play(t, func(w *world) { // it did not ring: there is nothing to be canceled
		w.connect()
		call := w.callOut()
		w.ExpectRequest(w.T, "INVITE")
		w.Drop(1006, "")
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 486, "Busy Here")
		w.ExpectRequest(w.T, "ACK")
		typed(w, call.Answered(w.Context()), sipua.CodeRejected, 486)
	})
	play(t, func(w *world) { // there is no flow in time
		w.connect()
		call := w.callOut()
		w.ExpectRequest(w.T, "INVITE")
		w.down()
		begun := time.Now()
		typed(w, call.Answered(w.Context()), sipua.CodeConnectionLost, 0)
		require.Equal(w, 32*time.Second, time.Since(begun))
		require.Equal(w, sipua.System, w.end(call).By)
		w.OnDial(nil)
		w.ExpectNothing(w.T, 4*time.Minute)
	})
	both(t, func(k *talk) {
		_, done := k.hold()
		k.Drop(1006, "")
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		require.NoError(k, done())
		require.Equal(k, sipua.Established, k.call.State())
		k.hangup()
	})
}

// FetchBindings is repeated: it changes nothing.
func TestFetchIsRetried(t *testing.T) {
	play(t, func(w *world) {
		require.NoError(w, w.ua.Connect(w.Context()))
		var list []sipua.Binding
		done := begin(func() (err error) { list, err = w.ua.FetchBindings(w.Context()); return err })
		first := w.ExpectRequest(w.T, "REGISTER")
		require.Nil(w, first.Contact())
		w.Drop(1006, "")
		again := w.ExpectRequest(w.T, "REGISTER")
		require.Nil(w, again.Contact())
		require.NotEqual(w, branch(first), branch(again))
		require.Greater(w, again.CSeq().SeqNo, first.CSeq().SeqNo)
		require.Equal(w, first.CallID().Value(), again.CallID().Value())
		w.Respond(again, 200, "OK", h("Contact", "<sip:x@x.invalid>;expires=9"))
		require.NoError(w, done())
		require.Len(w, list, 1)
	})
}

// OPTIONS is repeated: it changes nothing.
func TestOptionsIsRetried(t *testing.T) {
	play(t, func(w *world) {
		require.NoError(w, w.ua.Connect(w.Context()))
		var what sipua.Capabilities
		done := begin(func() (err error) { what, err = w.ua.Options(w.Context(), "1002"); return err })
		first := w.ExpectRequest(w.T, "OPTIONS")
		w.Drop(1006, "")
		again := w.ExpectRequest(w.T, "OPTIONS")
		require.NotEqual(w, branch(first), branch(again))
		require.Equal(w, first.Recipient.String(), again.Recipient.String())
		w.Respond(again, 200, "OK", h("Allow", "INVITE, ACK"))
		require.NoError(w, done())
		require.Equal(w, []string{"INVITE", "ACK"}, what.Allow)
	})
}

// REGISTER is made anew over the next flow: the same Call-ID, a higher CSeq, a new
// branch (section 10.2.4).
func TestRegisterIsRetried(t *testing.T) {
	play(t, func(w *world) {
		first, done := w.registering()
		w.Drop(1006, "")
		typed(w, done(), sipua.CodeConnectionLost, 0)
		again := w.ExpectRequest(w.T, "REGISTER")
		require.NotEqual(w, branch(first), branch(again))
		require.Greater(w, again.CSeq().SeqNo, first.CSeq().SeqNo)
		require.Equal(w, first.CallID().Value(), again.CallID().Value())
		require.Equal(w, tag(value(first, "From")), tag(value(again, "From")))
		w.Respond(again, 200, "OK", again.Contact())
	})
}

// After Close every verb that waited has ended.
func TestCloseEndsAll(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		req, _ := w.registering()
		w.Respond(req, 200, "OK", req.Contact())
		verbs := []func() error{
			begin(func() error { return k.call.Hangup(w.Context()) }),
			begin(func() error { return w.ua.Register(w.Context()) }),
			begin(func() error { return w.ua.Unregister(w.Context()) }),
			begin(func() error { _, err := w.ua.FetchBindings(w.Context()); return err }),
			begin(func() error { return w.ua.SetPush(w.Context(), &sipua.Push{Provider: "p", PRID: "x"}) }),
			begin(func() error { return w.ua.UnregisterAll(w.Context()) }),
		}
		synctest.Wait()
		w.OnDial(refused)
		w.Drop(1006, "")
		require.NoError(w, w.ua.Close())
		for _, result := range verbs {
			if err := result(); err != nil {
				require.Contains(w, "closed connection-lost connection-failed", code(err))
				require.False(w, strings.HasPrefix(code(err), "untyped"))
			}
		}
	})
}

func branch(req *sip.Request) string {
	b, _ := req.Via().Params.Get("branch")
	return b
}
