package sipua_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// The other side hangs up, and may say why (RFC 3326).
func TestRemoteBye(t *testing.T) {
	for header, want := range map[string]struct {
		status int
		reason string
	}{
		"": {0, ""},
		`SIP;cause=200;text="Call completed elsewhere"`: {200, "Call completed elsewhere"},
		`sip ; cause=503 ; text="a \"quoted\" word"`:    {503, `a "quoted" word`},
		`Q.850;cause=16;text="Normal call clearing"`:    {0, ""},
		`Q.850;cause=16, SIP;cause=480`:                 {480, ""},
		`SIP;cause=many`:                                {0, ""},
		`SIP;cause=99999`:                               {0, ""},
		`SIP;text="a;b"`:                                {0, "a;b"},
	} {
		t.Run(header, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.outgoing()
				var headers []sip.Header
				if header != "" {
					headers = append(headers, h("Reason", header))
				}
				k.request("BYE", headers...)
				w.ExpectResponse(w.T, 200)
				require.Equal(w, sipua.CallEnded{Call: k.call, By: sipua.Remote, Status: want.status, Reason: want.reason}, w.end(k.call))
				require.NoError(w, k.call.Hangup(w.Context()))
				k.request("BYE")
				w.ExpectResponse(w.T, 481)
			})
		})
	}
}

// BYE may be challenged as any request; CSeq goes up (section 22.2).
func TestByeChallenged(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, k.invite.CSeq().SeqNo+1, bye.CSeq().SeqNo)
		w.Respond(bye, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`))
		bye = w.ExpectRequest(w.T, "BYE")
		require.Equal(w, k.invite.CSeq().SeqNo+2, bye.CSeq().SeqNo)
		checkDigest(w.T, bye, "Authorization", "1001", "secret")
		w.Respond(bye, 200, "OK")
		require.NoError(w, done())
	})
}

// The call is over when we say so, whatever the other side thinks (section
// 15.1.1).
func TestByeRefused(t *testing.T) {
	for _, status := range []int{481, 408, 500, 603} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				k := w.outgoing()
				done := begin(func() error { return k.call.Hangup(w.Context()) })
				bye := w.ExpectRequest(w.T, "BYE")
				synctest.Wait()
				require.Equal(w, sipua.Ended, k.call.State())
				w.Respond(bye, status, "No")
				require.NoError(w, done())
			})
		})
	}
}

func TestByeUnanswered(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		begun := time.Now()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.ExpectRequest(w.T, "BYE")
		typed(w, done(), sipua.CodeTimeout, 408)
		require.Equal(w, 32*time.Second, time.Since(begun))
		require.NoError(w, w.end(k.call).Err)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Both sides may hang up at once.
func TestByeCrossesBye(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		bye := w.ExpectRequest(w.T, "BYE")
		k.request("BYE")
		w.ExpectMessage(w.T)
		w.Respond(bye, 481, "Call/Transaction Does Not Exist")
		require.NoError(w, done())
		require.Equal(w, sipua.Local, w.end(k.call).By)
	})
}

// Several may hang up the same call: all of them are told.
func TestHangupTwice(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		one := begin(func() error { return k.call.Hangup(w.Context()) })
		bye := w.ExpectRequest(w.T, "BYE")
		two := begin(func() error { return k.call.Hangup(w.Context()) })
		require.NoError(w, two(), "it is over already")
		w.Respond(bye, 200, "OK")
		require.NoError(w, one())
		w.ExpectNothing(w.T, time.Minute)
	})
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(invite, 180, "Ringing")
		one := begin(func() error { return call.Hangup(w.Context()) })
		w.ExpectRequest(w.T, "CANCEL")
		two := begin(func() error { return call.Hangup(w.Context()) })
		synctest.Wait()
		w.Respond(invite, 487, "Request Terminated")
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, one())
		require.NoError(w, two())
	})
}

// The connection is lost: a call that is not answered is over, one that is
// answered goes on, since its media does not need it.
func TestConnectionLost(t *testing.T) {
	for name, c := range map[string]struct {
		before func(w *world) *sipua.Call
		ends   bool
	}{
		"calling": {func(w *world) *sipua.Call {
			call := w.callOut()
			w.ExpectRequest(w.T, "INVITE")
			return call
		}, true},
		"ringing": {func(w *world) *sipua.Call {
			call := w.callOut()
			w.Respond(w.ExpectRequest(w.T, "INVITE"), 180, "Ringing")
			synctest.Wait()
			return call
		}, true},
		"canceling": {func(w *world) *sipua.Call {
			call := w.callOut()
			w.Respond(w.ExpectRequest(w.T, "INVITE"), 180, "Ringing")
			begin(func() error { return call.Hangup(w.Context()) })
			w.ExpectRequest(w.T, "CANCEL")
			return call
		}, true},
		"established":          {func(w *world) *sipua.Call { return w.outgoing().call }, false},
		"incoming ringing":     {func(w *world) *sipua.Call { return w.ring().call }, true},
		"incoming established": {func(w *world) *sipua.Call { return w.incoming().call }, false},
		"incoming answering": {func(w *world) *sipua.Call {
			k := w.ring()
			w.media.Delay = time.Hour
			begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
			synctest.Wait()
			return k.call
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				call := c.before(w)
				w.down()
				lost := last[sipua.Disconnected](w)
				require.Equal(w, 1006, lost.Code)
				typed(w, lost.Err, sipua.CodeConnectionLost, 0)
				if !c.ends {
					require.NotEqual(w, sipua.Ended, call.State())
					require.Zero(w, w.media.For(call).Closed())
					return
				}
				end := w.end(call)
				if name == "canceling" {
					require.NoError(w, end.Err)
					return
				}
				typed(w, end.Err, sipua.CodeConnectionLost, 0)
				require.Equal(w, sipua.System, end.By)
			})
		})
	}
}

// After the loss of the connection the BYE goes over a new one.
func TestHangupAfterConnectionLost(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.Drop(1001, "restart")
		synctest.Wait()
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, done())
		require.Equal(w, "restart", last[sipua.Disconnected](w).Reason)
		require.Equal(w, 1001, last[sipua.Disconnected](w).Code)
	})
	play(t, func(w *world) {
		k := w.outgoing()
		w.Drop(1006, "")
		synctest.Wait()
		w.Refuse(errors.New("no route"), errors.New("no route"))
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		synctest.Wait()
		require.Equal(w, sipua.Ended, k.call.State())
		for { // what could not be sent is sent once there is a connection
			if req := w.parsed().(*sip.Request); req.Method == sip.BYE {
				w.Respond(req, 200, "OK")
				break
			}
		}
		require.NoError(w, done())
	})
}
