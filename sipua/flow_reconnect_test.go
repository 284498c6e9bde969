package sipua_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func refused(context.Context, string) error { return errors.New("connection refused") }

// The waits of RFC 5626 section 4.5, told before each attempt; it goes on for ever.
func TestReconnectWaits(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		time.Sleep(20 * time.Second)
		w.forget()
		w.OnDial(refused)
		lost := time.Now()
		w.Drop(1006, "")
		for attempt := 1; attempt <= 60; attempt++ {
			synctest.Wait()
			e := last[sipua.Reconnecting](w)
			require.Equal(w, attempt, e.Attempt)
			require.Equal(w, 1, e.Flow)
			bound := min(30*time.Second, time.Second<<min(attempt-1, 20))
			require.GreaterOrEqual(w, e.Delay, bound/2)
			require.LessOrEqual(w, e.Delay, bound)
			time.Sleep(e.Delay)
		}
		require.Greater(w, time.Since(lost), 10*time.Minute)
		require.Equal(w, []string{"disconnected 1006", "unregistered connection-lost", "reconnecting 1", "reconnecting 2"}, dropFailures(w.story())[:4])
		w.OnDial(nil)
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		synctest.Wait()
		time.Sleep(11 * time.Second)
		w.forget()
		w.Drop(1006, "")
		require.Equal(w, 1, last[sipua.Reconnecting](w).Attempt, "from 1 after each connection")
		require.LessOrEqual(w, last[sipua.Reconnecting](w).Delay, time.Second)
	})
	// Base and Max are those of the configuration.
	play(t, func(w *world) {
		w.register()
		time.Sleep(20 * time.Second)
		w.OnDial(refused)
		w.Drop(1006, "")
		for _, bound := range []time.Duration{4, 8, 16, 20, 20, 20} {
			e := last[sipua.Reconnecting](w)
			require.GreaterOrEqual(w, e.Delay, bound*time.Second/2)
			require.LessOrEqual(w, e.Delay, bound*time.Second)
			time.Sleep(e.Delay)
		}
	}, func(c *sipua.Config) { c.Reconnect = sipua.Reconnect{Base: 4 * time.Second, Max: 20 * time.Second} })
}

func dropFailures(story []string) (rest []string) {
	for _, s := range story {
		if !strings.HasPrefix(s, "register failed") {
			rest = append(rest, s)
		}
	}
	return rest
}

// The order of events is always the same, whoever lost what.
func TestReconnectEvents(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		w.forget()
		w.OnDial(refused)
		w.Drop(1012, "restart")
		time.Sleep(20 * time.Second)
		w.OnDial(nil)
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		story := w.story()
		require.Equal(w, []string{"disconnected 1012", "unregistered connection-lost"}, story[:2])
		require.Equal(w, []string{"connected", "registered 10m0s"}, story[len(story)-2:])
		for i, s := range story[2 : len(story)-2] {
			require.Equal(w, "reconnecting "+itoa(i+1), s)
		}
		require.Greater(w, len(story), 5)
	})
	// A refresh is under way when it is lost.
	play(t, func(w *world) {
		w.register()
		w.forget()
		done := begin(func() error { return w.ua.Register(w.Context()) })
		w.ExpectRequest(w.T, "REGISTER")
		w.Drop(1006, "")
		typed(w, done(), sipua.CodeConnectionLost, 0)
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		require.Equal(w, []string{"disconnected 1006", "register failed: connection-lost", "unregistered connection-lost", "reconnecting 1", "connected", "registered 10m0s"}, w.story())
	})
}

// Connect keeps a connection without registering.
func TestConnect(t *testing.T) {
	play(t, func(w *world) {
		require.NoError(w, w.ua.Connect(w.Context()))
		require.NoError(w, w.ua.Connect(w.Context()), "it is there")
		w.Drop(1006, "")
		time.Sleep(2 * time.Second)
		require.Equal(w, []string{"connected", "disconnected 1006", "reconnecting 1", "connected"}, w.story())
		w.ExpectNothing(w.T, time.Hour)
		w.outgoing().bye()
	})
	// A first attempt that fails is an error, and others follow.
	play(t, func(w *world) {
		w.Refuse(errors.New("refused"), errors.New("refused"))
		typed(w, w.ua.Connect(w.Context()), sipua.CodeConnectionFailed, 0)
		time.Sleep(10 * time.Second)
		require.Equal(w, []string{"reconnecting 1", "reconnecting 2", "connected"}, w.story())
	})
	play(t, func(w *world) {
		release := w.HoldDials()
		done := begin(func() error { return w.ua.Connect(w.Context()) })
		synctest.Wait()
		require.NoError(w, w.ua.Close())
		typed(w, done(), sipua.CodeClosed, 0)
		typed(w, w.ua.Connect(w.Context()), sipua.CodeClosed, 0)
		release()
	})
}

// A connection that nothing depends on is not made again: after a final refusal,
// after Unregister, after a call without registration.
func TestNoReconnectWithoutNeed(t *testing.T) {
	play(t, func(w *world) {
		w.connect() // refused for good
		w.Drop(1006, "")
		time.Sleep(time.Hour)
		require.Equal(w, []string{"disconnected 1006"}, w.story())
	})
	play(t, func(w *world) {
		w.register()
		done := begin(func() error { return w.ua.Unregister(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK")
		require.NoError(w, done())
		w.forget()
		w.Drop(1006, "")
		time.Sleep(time.Hour)
		require.Equal(w, []string{"disconnected 1006"}, w.story())
	})
	play(t, func(w *world) { // Unregister while it waits for the next attempt
		w.register()
		w.OnDial(refused)
		w.Drop(1006, "")
		time.Sleep(5 * time.Second)
		require.NoError(w, w.ua.Unregister(w.Context()))
		w.forget()
		w.OnDial(nil)
		time.Sleep(time.Hour)
		require.Empty(w, w.story())
	})
	// A call wants it, as long as it is there: its BYE is to arrive.
	play(t, func(w *world) {
		k := w.outgoing()
		w.forget()
		w.Drop(1006, "")
		time.Sleep(2 * time.Second)
		require.Equal(w, []string{"disconnected 1006", "recovering flow", "reconnecting 1", "connected", "recovering flow: offering"}, w.story())
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		k.bye()
		w.forget()
		w.Drop(1006, "")
		time.Sleep(time.Hour)
		require.Equal(w, []string{"disconnected 1006"}, w.story())
	})
}

// A verb that asks for a connection does not wait for the next attempt.
func TestVerbsDoNotWait(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		w.OnDial(refused)
		w.Drop(1006, "")
		time.Sleep(10 * time.Minute)
		w.OnDial(nil)
		begun := time.Now()
		call := w.callOut()
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		invite := w.ExpectRequest(w.T, "INVITE")
		require.Zero(w, time.Since(begun))
		w.Respond(invite, 486, "Busy Here")
		w.end(call)
	})
}

// Close in every state leaves nothing, which the bubble checks, and nothing comes
// after it.
func TestCloseWhileReconnecting(t *testing.T) {
	for _, after := range []time.Duration{0, time.Millisecond, time.Second, 10 * time.Second, time.Hour} {
		play(t, func(w *world) {
			w.register()
			w.OnDial(refused)
			w.Drop(1006, "")
			time.Sleep(after)
			require.NoError(w, w.ua.Close())
			w.forget()
			time.Sleep(time.Hour)
			require.Empty(w, w.story())
		})
	}
}
