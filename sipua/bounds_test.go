package sipua_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// What strangers can make a user agent keep or wait for has bounds.

// heap is what is in use, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

const large = 50_000 // bytes of a header

// A call that was canceled is not kept until its INVITE would have expired.
func TestCanceledCallsAreForgotten(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		before := heap()
		for range 100 {
			invite := w.NewRequest("INVITE", "sip:1001@example.com", h("Subject", strings.Repeat("x", large)),
				h("Expires", "4294967295"), h("Contact", "<sip:peer@peer.invalid;transport=ws>"))
			w.Send(invite)
			w.ExpectResponse(w.T, 180)
			w.Send(w.NewInDialogRequest("CANCEL", invite, nil))
			w.ExpectResponse(w.T, 200)
			w.Send(w.NewInDialogRequest("ACK", invite, w.ExpectResponse(w.T, 487)))
			w.forget()
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Less(w, heap()-before, int64(20*large))
	})
}

// Who never acknowledges gets answers that are not remembered.
func TestUnacknowledgedAnswersAreBounded(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		for i := range 1100 {
			w.Send(w.NewRequest("INVITE", "sip:1001@example.com", h("Require", "nonsense")))
			if i < 1024 {
				w.ExpectResponse(w.T, 420)
			} else {
				w.ExpectResponse(w.T, 503)
			}
			w.forget()
		}
		time.Sleep(33 * time.Second) // Timer H
		w.Send(w.NewRequest("OPTIONS", "sip:1001@example.com"))
		w.ExpectResponse(w.T, 200)
	})
}

// A listener that takes its time costs traces and protocol errors, no more.
func TestEventsAreBounded(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		proceed := make(chan struct{})
		blocked := make(chan struct{}, 1)
		remove := w.ua.On(func(sipua.Event) {
			select {
			case blocked <- struct{}{}:
				<-proceed
			default:
			}
		})
		w.SendRaw([]byte("garbage"))
		<-blocked
		for range 5000 {
			w.SendRaw([]byte("garbage"))
			w.forget()
		}
		req, done := w.registering() // what counts is never dropped
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
		close(proceed)
		synctest.Wait()
		remove()
		require.Equal(w, 1, count[sipua.Registered](w))
		require.LessOrEqual(w, count[sipua.ProtocolError](w), 1002)
		w.SendRaw([]byte("garbage"))
		synctest.Wait()
		require.Contains(w, fmt.Sprint(w.recorded()), "were dropped: a listener took too long")
	})
}

// A token in the server's URL is a secret, as browsers have no other way to
// present one.
func TestTokenInTheServersURL(t *testing.T) {
	play(t, func(w *world) {
		var said strings.Builder
		w.ua.Trace(func(m sipua.TraceMessage) { fmt.Fprintln(&said, m.Server) })
		w.connect()
		w.Send(w.NewRequest("OPTIONS", "sip:1001@example.com"))
		w.ExpectResponse(w.T, 200)
		w.Drop(1001, "bye")
		synctest.Wait()
		w.Refuse(fmt.Errorf("dial wss://us3r:pa55@example.com/ws?access_token=t0ken: refused"))
		err := w.ua.Register(w.Context())
		synctest.Wait()
		fmt.Fprintln(&said, err)
		for _, e := range w.recorded() {
			fmt.Fprintf(&said, "%+v\n", e)
		}
		for _, secret := range []string{"t0ken", "us3r", "pa55"} {
			require.NotContains(w, said.String(), secret)
		}
		require.Contains(w, said.String(), "wss://example.com/ws")
	}, func(c *sipua.Config) {
		c.Servers = []sipua.Server{{URL: "wss://us3r:pa55@example.com/ws?access_token=t0ken"}}
	})
}

// A re-INVITE that gets a 100 and then nothing: section 17.1.1.2 has no timer for
// that. It is canceled, and what still does not answer is gone.
func TestReinviteWithoutFinalResponse(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		re, done := k.hold()
		w.Respond(re, 100, "Trying")
		begun := time.Now()
		w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
		require.Equal(w, 32*time.Second, time.Since(begun))
		w.Respond(re, 487, "Request Terminated")
		w.ExpectRequest(w.T, "ACK")
		typed(w, done(), sipua.CodeRejected, 487)
		require.Equal(w, sipua.Established, k.call.State(), "the call goes on")

		re, done = k.hold()
		w.Respond(re, 100, "Trying")
		w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.Equal(w, 32*time.Second+64*time.Second, time.Since(begun))
		require.Error(w, done())
		end, err := k.call.Ended(w.Context())
		require.NoError(w, err)
		typed(w, end.Err, sipua.CodeTimeout, 0)
	})
}

// Without a connection a hold waits for one, and for the connection to the other side.
func TestHoldWithoutConnection(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.Drop(1006, "")
		synctest.Wait()
		w.Refuse(fmt.Errorf("no route"))
		done := begin(func() error { return k.call.Hold(w.Context()) })
		re := w.ExpectRequest(w.T, "INVITE")
		require.Contains(w, string(re.Body()), "a=sendrecv")
		k.agree(re)
		re = w.ExpectRequest(w.T, "INVITE")
		require.Contains(w, string(re.Body()), "a=sendonly")
		k.agree(re)
		require.NoError(w, done())
		require.True(w, k.call.OnHold(sipua.Local))
		k.bye()
	})
}

// Who has hung up is not heard any more, also while the ACK is awaited.
func TestHangupBeforeTheAckSilences(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		k.ok = k.ExpectResponse(k.T, 200)
		require.NoError(w, done())
		hungUp := begin(func() error { return k.call.Hangup(w.Context()) })
		synctest.Wait()
		require.Equal(w, 1, w.media.For(k.call).Closed())
		w.Send(w.NewInDialogRequest("ACK", k.invite, k.ok))
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, hungUp())
	})
}

// Section 8.2.2.2: the other branch of a call that was rejected does not ring.
func TestMergedAfterReject(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		done := begin(func() error { return k.call.Reject(w.Context(), 486) })
		w.ExpectResponse(w.T, 486)
		require.NoError(w, done())
		twin := k.invite.Clone()
		twin.Via().Params.Remove("branch")
		twin.Via().Params.Add("branch", "z9hG4bKotherway")
		w.Send(twin)
		w.ExpectResponse(w.T, 482)
		require.Equal(w, 1, count[sipua.IncomingCall](w))
	})
}

// A refresh that comes due while Unregister waits must not register again.
func TestRefreshDueDuringUnregister(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 200, "OK", contactWith(req, ";expires=20"))
		require.NoError(w, done())
		time.Sleep(9 * time.Second)
		done = begin(func() error { return w.ua.Unregister(w.Context()) })
		last := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "0", value(last, "Expires"))
		time.Sleep(15 * time.Second) // past every refresh and the end of the binding
		w.Respond(last, 200, "OK")
		require.NoError(w, done())
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, []string{"connected", "registered 20s", "unregistered"}, w.story())
	})
}

// After an Unregister that failed the registrar still holds the binding, which the
// next one removes.
func TestUnregisterAgainAfterFailure(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		done := begin(func() error { return w.ua.Unregister(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 503, "Service Unavailable")
		typed(w, done(), sipua.CodeRejected, 503)
		done = begin(func() error { return w.ua.Unregister(w.Context()) })
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "0", value(req, "Expires"))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		require.NoError(w, w.ua.Unregister(w.Context()), "nothing is left")
	})
}
