package sipua_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// A time that stands for "never" is no reason to panic.
func TestEndlessTimes(t *testing.T) {
	play(t, func(w *world) {
		w.On(urlA).OnDial(refused)
		req := w.register()
		require.Equal(w, urlB, last[sipua.Connected](w).Server)
		require.Less(w, len(value(req, "Expires")), 11, "section 20.19: up to 2**32-1")
		w.Drop(1006, "")
		synctest.Wait()
	}, func(c *sipua.Config) {
		c.Servers = []sipua.Server{{URL: urlA}, {URL: urlB}}
		c.Reconnect = sipua.Reconnect{Return: math.MaxInt64, Max: math.MaxInt64, Base: math.MaxInt64}
		c.KeepAlive = sipua.KeepAlive{Interval: math.MaxInt64, Timeout: math.MaxInt64}
		c.RegistrationExpires, c.ConnectTimeout = math.MaxInt64, math.MaxInt64
	})
}

// A listener that hangs does not let strangers fill the memory.
func TestListenerHangs(t *testing.T) {
	hung := make(chan struct{})
	stop := func(c *sipua.Config) {
		hung = make(chan struct{})
		wait, record := hung, c.OnEvent
		c.OnEvent = func(e sipua.Event) { <-wait; record(e) }
	}
	play(t, func(w *world) { // calls that come and go
		defer close(hung)
		begin(func() error { return w.ua.Connect(w.Context()) })
		synctest.Wait()
		refused := 0
		for range 3000 {
			invite := w.NewRequest("INVITE", "sip:1001@example.com")
			companion := func(method sip.RequestMethod, to *sip.ToHeader) {
				req := sip.NewRequest(method, invite.Recipient)
				for _, h := range []sip.Header{invite.Via(), invite.From(), invite.CallID(), to} {
					req.AppendHeader(sip.HeaderClone(h))
				}
				req.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: method})
				w.Send(req)
			}
			w.Send(invite)
			msg, err := sip.ParseMessage(w.ExpectMessage(w.T))
			require.NoError(w, err)
			if res := msg.(*sip.Response); res.StatusCode == 503 {
				require.Equal(w, "10", value(res, "Retry-After"))
				refused++
				companion("ACK", res.To())
				continue
			}
			companion("CANCEL", invite.To())
			w.ExpectResponse(w.T, 200)
			companion("ACK", w.ExpectResponse(w.T, 487).To())
		}
		require.Positive(w, refused)
	}, stop)
	play(t, func(w *world) { // an answer that goes on ringing
		release := sync.OnceFunc(func() { close(hung) })
		defer release()
		call, err := w.ua.Call("1002", sipua.CallOptions{})
		require.NoError(w, err)
		invite := w.ExpectRequest(w.T, "INVITE")
		for range 5000 {
			w.Respond(invite, 180, "Ringing")
		}
		synctest.Wait()
		release()
		synctest.Wait()
		require.True(w, count[sipua.CallRinging](w) < 2000, "the memory is bounded")
		w.Respond(invite, 486, "Busy Here")
		w.end(call)
		require.Contains(w, last[sipua.ProtocolError](w).Err.Error(), "dropped")
	}, stop)
}

// The URL of a server may hold a token: browsers cannot authenticate a WebSocket in
// another way. Who prints the configuration does not print that.
func TestServerIsPrintedWithoutSecrets(t *testing.T) {
	c := sipua.Config{Servers: []sipua.Server{{URL: "wss://user:pass@example.com/ws?token=t0ken", Priority: 1, Weight: 2}}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{c, &c, c.Servers, c.Servers[0], &c.Servers[0]} {
			text := fmt.Sprintf(verb, v)
			for _, secret := range []string{"t0ken", "pass", "74306b656e"} {
				require.NotContains(t, text, secret, verb)
			}
		}
	}
	require.Contains(t, fmt.Sprint(c.Servers), "wss://example.com/ws")
}

// The function that ends a trace may be called by several goroutines, as On's.
func TestTraceStopsOnce(t *testing.T) {
	play(t, func(w *world) {
		traced := 0
		stop := w.ua.Trace(func(sipua.TraceMessage) { traced++ })
		keep := 0
		defer w.ua.Trace(func(sipua.TraceMessage) { keep++ })()
		for range 8 {
			go stop()
		}
		synctest.Wait()
		w.register()
		synctest.Wait()
		require.Zero(w, traced)
		require.Equal(w, 2, keep)
	})
}

// A connection is up only as long as it is: the reason of a close is text of the
// network.
func TestCloseReasonIsClean(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		w.Drop(1001, "bye\r\n\x1b[31mgone\u202e")
		require.Equal(w, "bye[31mgone", last[sipua.Disconnected](w).Reason)
		require.NotContains(w, last[sipua.Disconnected](w).Err.Error(), "\x1b")
	})
}
