package sipua_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// The URL decides on the Via: RFC 7118 section 5.1.
func TestViaTransport(t *testing.T) {
	play(t, func(w *world) {
		require.Equal(w, "WS", w.register().Via().Transport)
		require.Equal(w, "ws://example.com", w.ExpectDial(w.T))
	}, func(c *sipua.Config) { c.Servers = []sipua.Server{{URL: "ws://example.com"}} })
}

func TestFlowLostWhileRegistered(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		w.Drop(1011, "worker died")
		synctest.Wait()
		require.Equal(w, []string{"connected", "registered 10m0s", "disconnected 1011", "unregistered connection-lost", "reconnecting 1"}, w.story())
		e := typed(w, last[sipua.Unregistered](w).Err, sipua.CodeConnectionLost, 0)
		var closed *sipua.CloseError
		require.ErrorAs(w, e, &closed)
		require.Equal(w, "worker died", closed.Reason)
		begun := time.Now()
		req := w.ExpectRequest(w.T, "REGISTER") // by itself, over a new connection
		require.LessOrEqual(w, time.Since(begun), 2*time.Second)
		w.Respond(req, 200, "OK", req.Contact())
		require.Equal(w, 2, count[sipua.Registered](w))
		require.Equal(w, 2, count[sipua.Connected](w))
	})
}

func TestFlowLostWhileRegistering(t *testing.T) {
	play(t, func(w *world) {
		_, done := w.registering()
		w.Drop(1006, "")
		typed(w, done(), sipua.CodeConnectionLost, 0)
		require.Equal(w, []string{"connected", "disconnected 1006", "register failed: connection-lost", "reconnecting 1"}, w.story())
		req := w.ExpectRequest(w.T, "REGISTER") // it goes on trying
		w.Respond(req, 200, "OK", req.Contact())
		require.Equal(w, 1, count[sipua.Registered](w))
	})
	// Who waits for its turn gets it on a new connection.
	play(t, func(w *world) {
		_, one := w.registering()
		two := begin(func() error { return w.ua.Register(w.Context()) })
		synctest.Wait()
		w.Drop(1006, "")
		typed(w, one(), sipua.CodeConnectionLost, 0)
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, two())
	})
}

func TestServerUnreachable(t *testing.T) {
	play(t, func(w *world) {
		w.Refuse(errors.New("connection refused"))
		e := typed(w, w.ua.Register(w.Context()), sipua.CodeConnectionFailed, 0)
		require.ErrorContains(w, e, "connection refused")
		require.Zero(w, count[sipua.Connected](w))
		w.alive()
	})
}

// The servers are tried in order, each for ConnectTimeout at the most.
func TestServersInOrder(t *testing.T) {
	servers := func(c *sipua.Config) {
		c.Servers = []sipua.Server{{URL: "wss://a.example.com"}, {URL: "wss://b.example.com"}, {URL: "wss://c.example.com"}}
		c.ConnectTimeout = 3 * time.Second
	}
	play(t, func(w *world) {
		w.Refuse(errors.New("refused"))
		w.register()
		require.Equal(w, "wss://a.example.com", w.ExpectDial(w.T))
		require.Equal(w, "wss://b.example.com", w.ExpectDial(w.T))
		require.Equal(w, "wss://b.example.com", last[sipua.Connected](w).Server)
		w.Drop(1006, "")
		synctest.Wait()
		require.Equal(w, "wss://b.example.com", last[sipua.Disconnected](w).Server)
	}, servers)
	play(t, func(w *world) {
		w.OnDial(func(ctx context.Context, url string) error {
			if url == "wss://c.example.com" {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
		begun := time.Now()
		w.register()
		require.Equal(w, 6*time.Second, time.Since(begun))
	}, servers)
	play(t, func(w *world) {
		w.Refuse(errors.New("first"), errors.New("second"), errors.New("third"))
		e := typed(w, w.ua.Register(w.Context()), sipua.CodeConnectionFailed, 0)
		for _, s := range []string{"first", "second", "third", "a.example.com", "b.example.com", "c.example.com"} {
			require.ErrorContains(w, e, s)
		}
	}, servers)
}

// The table in flow.go, cell for cell, by what it shows.
func TestFlowTable(t *testing.T) {
	// idle, connect: dialling; open: up. Who asks while it is dialled joins.
	play(t, func(w *world) {
		open := make(chan struct{})
		w.OnDial(func(context.Context, string) error { <-open; return nil })
		done := begin(func() error { return w.ua.Register(w.Context()) })
		synctest.Wait()
		call := w.callOut()
		synctest.Wait()
		require.Empty(w, w.story())
		close(open)
		first, second := string(w.ExpectMessage(w.T)), string(w.ExpectMessage(w.T))
		require.True(w, strings.HasPrefix(first, "REGISTER "), "in the order of asking")
		require.True(w, strings.HasPrefix(second, "INVITE "))
		require.Equal(w, 1, count[sipua.Connected](w))
		w.ExpectDial(w.T)
		// up, connect: at once.
		other := w.callOut()
		w.ExpectRequest(w.T, "INVITE")
		// up, lost: idle. A call that was not hung up would wait for the next flow.
		one := begin(func() error { return call.Hangup(w.Context()) })
		two := begin(func() error { return other.Hangup(w.Context()) })
		synctest.Wait()
		w.Drop(1006, "")
		typed(w, done(), sipua.CodeConnectionLost, 0)
		require.NoError(w, one())
		require.NoError(w, two())
		typed(w, call.Answered(w.Context()), sipua.CodeCanceled, 487)
		require.NoError(w, w.ua.Unregister(w.Context())) // nothing wants it any more
		w.ExpectNothing(w.T, time.Hour)
	})
	// dialling, failed: everybody who waits is told, and it is idle again.
	play(t, func(w *world) {
		failed := make(chan struct{})
		w.OnDial(func(context.Context, string) error { <-failed; return errors.New("no") })
		one := begin(func() error { return w.ua.Register(w.Context()) })
		call := w.callOut()
		synctest.Wait()
		close(failed)
		typed(w, one(), sipua.CodeConnectionFailed, 0)
		typed(w, call.Answered(w.Context()), sipua.CodeConnectionFailed, 0)
		w.OnDial(nil)
		w.alive()
	})
}

// wrapped is a transport that a test puts before the pipe.
type wrapped struct {
	sipua.Transport
	dial  func(context.Context)      // runs before the dial; the context does not reach the pipe
	write func(message []byte) error // runs before each write
}

func (t wrapped) Dial(ctx context.Context, url string) (sipua.Conn, error) {
	if t.dial != nil {
		t.dial(ctx)
		ctx = context.WithoutCancel(ctx)
	}
	conn, err := t.Transport.Dial(ctx, url)
	if err != nil || t.write == nil {
		return conn, err
	}
	return &wrappedConn{conn, t.write}, nil
}

type wrappedConn struct {
	sipua.Conn
	write func([]byte) error
}

func (c *wrappedConn) Write(message []byte) error {
	if err := c.write(message); err != nil {
		return err
	}
	return c.Conn.Write(message)
}

// A connection that takes no more messages is one that is lost.
func TestWriteFails(t *testing.T) {
	full := errors.New("the peer does not read")
	var broken atomic.Bool
	play(t, func(w *world) {
		w.register()
		broken.Store(true)
		e := typed(w, w.ua.Register(w.Context()), sipua.CodeConnectionLost, 0)
		require.ErrorIs(w, e, full)
		call := w.callOut()
		require.ErrorIs(w, typed(w, call.Answered(w.Context()), sipua.CodeConnectionLost, 0), full)
		w.SendRaw([]byte(with("x", "X: y"))) // its answer cannot be sent
		synctest.Wait()
		broken.Store(false)
		w.Drop(1008, "")
		synctest.Wait()
		w.alive()
	}, func(c *sipua.Config) {
		c.Transport = wrapped{Transport: c.Transport, write: func([]byte) error {
			if broken.Load() {
				return full
			}
			return nil
		}}
	})
}
