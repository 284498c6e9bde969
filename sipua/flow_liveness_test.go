package sipua_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

const (
	urlA = "wss://a.example.com/ws"
	urlB = "wss://b.example.com/ws"
)

// keepAlive switches it on with its defaults.
func keepAlive(c *sipua.Config) { c.KeepAlive = sipua.KeepAlive{} }

// long is a registration that needs no refresh while liveness is watched.
func (w *world) long() {
	w.Helper()
	req, done := w.registering()
	w.Respond(req, 200, "OK", contactWith(req, ";expires=86400"))
	require.NoError(w, done())
	w.forget()
}

// pings are the keep-alives of ours on the ladder since the last forget.
func (w *world) pings() (crlf, options int) {
	synctest.Wait()
	for _, e := range w.Ladder().Entries() {
		switch {
		case strings.HasPrefix(e.Text, "OPTIONS "):
			options++
		case e.Text == "\r\n\r\n":
			crlf++
		}
	}
	return crlf, options
}

// RFC 5626 section 4.4.1: a server that answers CRLF is pinged so, at 80 to 100 %
// of 30 s, and the connection stays.
func TestKeepAliveByCRLF(t *testing.T) {
	play(t, func(w *world) {
		w.AnswerOptions(true)
		w.long()
		time.Sleep(time.Hour)
		crlf, options := w.pings()
		require.LessOrEqual(w, options, 1, "both ways only before it is known")
		require.GreaterOrEqual(w, crlf, 119)
		require.LessOrEqual(w, crlf, 150)
		require.Empty(w, w.story())
	}, keepAlive)
}

// A server that answers nothing but requests, with whatever status.
func TestKeepAliveByOptions(t *testing.T) {
	for _, status := range []int{200, 404, 405, 407, 483, 500, 603} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				w.long()
				w.IgnorePings(true)
				calls := map[string]bool{}
				for range 20 {
					begun := time.Now()
					req := w.ExpectRequest(w.T, "OPTIONS")
					require.LessOrEqual(w, time.Since(begun), 30*time.Second)
					require.GreaterOrEqual(w, time.Since(begun), 24*time.Second)
					require.Equal(w, "sip:example.com", req.Recipient.String(), "to the domain")
					require.Empty(w, tag(value(req, "To")))
					calls[req.CallID().Value()] = true
					w.Respond(req, status, "Whatever")
				}
				require.Len(w, calls, 20, "each a request of its own")
				crlf, _ := w.pings()
				require.Equal(w, 1, crlf)
				require.Empty(w, w.story())
			}, keepAlive)
		})
	}
}

// A server that answers nothing is given up within interval and time-out, and the
// next connection is made. Nobody waits for the close of a half-open one.
func TestKeepAliveHalfOpen(t *testing.T) {
	for name, silence := range map[string]func(w *world){
		"half-open": func(w *world) { w.HalfOpen() },
		"deaf":      func(w *world) { w.IgnorePings(true) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.AnswerOptions(true)
				w.long()
				time.Sleep(10 * time.Minute) // CRLF is known to work
				w.forget()
				silence(w)
				begun := time.Now()
				for count[sipua.Disconnected](w) == 0 {
					time.Sleep(10 * time.Millisecond)
				}
				require.LessOrEqual(w, time.Since(begun), 40*time.Second+20*time.Millisecond)
				require.Equal(w, []string{"disconnected 1006", "unregistered connection-lost", "reconnecting 1"}, w.story())
				e := typed(w, last[sipua.Disconnected](w).Err, sipua.CodeConnectionLost, 0)
				require.ErrorContains(w, e, "sign of life")
				w.IgnorePings(false)
				req := w.ExpectRequest(w.T, "REGISTER")
				require.LessOrEqual(w, time.Since(begun), 42*time.Second)
				w.Respond(req, 200, "OK", req.Contact())
			}, keepAlive)
		})
	}
}

// Any traffic is a sign of life.
func TestTrafficIsASignOfLife(t *testing.T) {
	play(t, func(w *world) {
		w.long()
		for range 200 {
			time.Sleep(20 * time.Second)
			w.SendRaw([]byte(with("x", "X: y")))
			w.ExpectResponse(w.T, 200)
		}
		crlf, options := w.pings()
		require.Zero(w, crlf)
		require.Equal(w, 200, options, "the other side's")
		require.Zero(w, count[sipua.Disconnected](w))
	}, keepAlive)
}

// RFC 5626 section 4.4.1: Flow-Timer shortens the interval.
func TestFlowTimer(t *testing.T) {
	timed := func(seconds string, config func(*sipua.Config), check func(w *world)) {
		t.Helper()
		play(t, func(w *world) {
			req, done := w.registering()
			w.Respond(req, 200, "OK", contactWith(req, ";expires=86400"), h("Flow-Timer", seconds), h("Require", "outbound"))
			require.NoError(w, done())
			w.forget()
			time.Sleep(20 * time.Minute)
			check(w)
		}, config)
	}
	between := func(least, most int) func(w *world) {
		return func(w *world) {
			crlf, _ := w.pings()
			require.GreaterOrEqual(w, crlf, least)
			require.LessOrEqual(w, crlf, most)
			require.Empty(w, w.story())
		}
	}
	timed("10", keepAlive, between(119, 150))
	timed("120", keepAlive, between(39, 50))
	for _, odd := range []string{"0", "-1", "soon", "99999999999999999999", ""} {
		timed(odd, keepAlive, between(39, 50))
	}
	timed("1", keepAlive, between(1200, 1500))
	timed("0", keepAlive, between(39, 50))
	timed("10", func(c *sipua.Config) { c.KeepAlive.Method = sipua.KeepAliveOff }, between(0, 0))
}

func TestKeepAliveMethods(t *testing.T) {
	for method, c := range map[sipua.KeepAliveMethod]struct{ crlf, options bool }{
		sipua.KeepAliveCRLF: {crlf: true}, sipua.KeepAliveOptions: {options: true}, sipua.KeepAliveOff: {},
	} {
		t.Run(string(method), func(t *testing.T) {
			play(t, func(w *world) {
				w.AnswerOptions(true)
				w.long()
				time.Sleep(time.Hour)
				crlf, options := w.pings()
				require.Equal(w, c.crlf, crlf > 100)
				require.Equal(w, c.options, options > 100)
				require.Equal(w, crlf+options > 0, c.crlf || c.options)
				require.Empty(w, w.story())
			}, func(cfg *sipua.Config) { cfg.KeepAlive.Method = method })
		})
	}
	// Interval and Timeout are what they say.
	play(t, func(w *world) {
		w.long()
		begun := time.Now()
		w.HalfOpen()
		for count[sipua.Disconnected](w) == 0 {
			time.Sleep(time.Millisecond)
		}
		require.GreaterOrEqual(w, time.Since(begun), 6*time.Second)
		require.LessOrEqual(w, time.Since(begun), 7*time.Second+2*time.Millisecond)
	}, func(cfg *sipua.Config) {
		cfg.KeepAlive = sipua.KeepAlive{Interval: 5 * time.Second, Timeout: 2 * time.Second}
	})
}

// A ping of the server is answered by CRLF, each one; they are no messages.
func TestServerPings(t *testing.T) {
	play(t, func(w *world) {
		w.long()
		for range 3 {
			w.SendRaw([]byte("\r\n\r\n"))
		}
		for range 3 {
			w.ExpectPong(w.T)
		}
		w.SendRaw([]byte("\r\n")) // nobody asked
		w.ExpectNothing(w.T, time.Minute)
		require.Empty(w, w.story())
	})
}

// NetworkChanged, in each state of the flow.
func TestNetworkChanged(t *testing.T) {
	for _, hint := range []sipua.Network{sipua.NetworkOnline, sipua.NetworkOffline} {
		// up: it is checked now, also without keep-alive; a live one stays.
		play(t, func(w *world) {
			w.long()
			w.ua.NetworkChanged(hint)
			w.ExpectPing(w.T)
			crlf, _ := w.pings()
			require.Equal(w, 1, crlf)
			time.Sleep(time.Hour)
			require.Empty(w, w.story())
		})
		// up, dead: noticed after Timeout.
		play(t, func(w *world) {
			w.long()
			w.HalfOpen()
			begun := time.Now()
			w.ua.NetworkChanged(hint)
			for count[sipua.Disconnected](w) == 0 {
				time.Sleep(time.Millisecond)
			}
			require.InDelta(w, 10, time.Since(begun).Seconds(), 0.01)
		})
		// idle: nothing.
		play(t, func(w *world) {
			w.ua.NetworkChanged(hint)
			w.ExpectNothing(w.T, time.Hour)
			require.Empty(w, w.story())
			w.alive()
		})
	}
	// waiting, online: now. Offline: rarely.
	play(t, func(w *world) {
		w.long()
		w.OnDial(refused)
		w.Drop(1006, "")
		time.Sleep(10 * time.Minute)
		w.OnDial(nil)
		begun := time.Now()
		w.ua.NetworkChanged(sipua.NetworkOnline)
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Zero(w, time.Since(begun))
		w.Respond(req, 200, "OK", req.Contact())
	})
	play(t, func(w *world) {
		w.long()
		w.OnDial(refused)
		w.Drop(1006, "")
		synctest.Wait()
		w.ua.NetworkChanged(sipua.NetworkOffline)
		w.OnDial(nil)
		synctest.Wait()
		require.GreaterOrEqual(w, last[sipua.Reconnecting](w).Delay, 15*time.Second)
		w.ExpectNothing(w.T, 14*time.Second)
		req := w.ExpectRequest(w.T, "REGISTER") // the hint may be wrong
		w.Respond(req, 200, "OK", req.Contact())
	})
	// dialling since long, online: anew.
	play(t, func(w *world) {
		release := w.HoldDials()
		done := begin(func() error { return w.ua.Register(w.Context()) })
		time.Sleep(5 * time.Second)
		w.ua.NetworkChanged(sipua.NetworkOnline)
		synctest.Wait()
		begun := time.Now()
		release()
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Zero(w, time.Since(begun))
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
		require.Equal(w, 1, count[sipua.Connected](w))
	})
	play(t, func(w *world) { // closed
		require.NoError(w, w.ua.Close())
		w.ua.NetworkChanged(sipua.NetworkOnline)
	})
}

// freezing is a transport at whose next write the whole user agent stands still, as
// when the device sleeps or the page is stopped; timers and messages wait for it.
func freezing(d *atomic.Int64) func(c *sipua.Config) {
	return func(c *sipua.Config) {
		c.Transport = wrapped{Transport: c.Transport, write: func([]byte) error {
			time.Sleep(time.Duration(d.Swap(0)))
			return nil
		}}
	}
}

// freeze lets the user agent stand still for d.
func (w *world) freeze(sleep *atomic.Int64, d time.Duration) {
	w.Helper()
	synctest.Wait()
	sleep.Store(int64(d))
	w.SendRaw([]byte("\r\n\r\n")) // its pong is the write at which it stands still
	time.Sleep(d)
	synctest.Wait()
	require.Zero(w, sleep.Load())
}

// After a sleep: a refresh that came due is made at once, a registration that
// ended is told, and the connection is checked.
func TestSleep(t *testing.T) {
	var sleep atomic.Int64
	play(t, func(w *world) { // due
		w.AnswerOptions(true)
		w.register()
		time.Sleep(time.Minute)
		w.forget()
		w.freeze(&sleep, 9*time.Minute-10*time.Second)
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, []string{"expiring"}, w.story())
		w.Respond(req, 200, "OK", req.Contact())
		synctest.Wait()
		require.Equal(w, []string{"expiring", "registered 10m0s"}, w.story())
		crlf, _ := w.pings()
		require.Equal(w, 2, crlf, "the server's, and ours")
	}, keepAlive, freezing(&sleep))
	play(t, func(w *world) { // expired
		w.AnswerOptions(true)
		w.register()
		w.forget()
		w.freeze(&sleep, 8*time.Hour)
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		synctest.Wait()
		story := w.story()
		require.Equal(w, 1, count[sipua.Unregistered](w), "%v", story)
		require.Equal(w, sipua.CodeTimeout, last[sipua.Unregistered](w).Err.(*sipua.Error).Code)
		require.Equal(w, "registered 10m0s", story[len(story)-1])
		require.Zero(w, count[sipua.Disconnected](w), "%v", story)
		time.Sleep(5 * time.Minute)
		w.alive()
	}, keepAlive, freezing(&sleep))
	play(t, func(w *world) { // the connection is dead
		w.AnswerOptions(true)
		w.long()
		w.freeze(&sleep, time.Hour)
		w.HalfOpen()
		time.Sleep(45 * time.Second)
		require.Equal(w, 1, count[sipua.Disconnected](w))
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
	}, keepAlive, freezing(&sleep))
	play(t, func(w *world) { // a call survives it
		w.AnswerOptions(true)
		k := w.incoming()
		w.freeze(&sleep, time.Hour)
		time.Sleep(time.Minute)
		require.Equal(w, sipua.Established, k.call.State())
		k.bye()
	}, keepAlive, freezing(&sleep))
}
