package sipua_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// anyRequest waits for the next request, whatever its method.
func (w *world) anyRequest() *sip.Request {
	w.Helper()
	for {
		raw := w.ExpectMessage(w.T)
		msg, err := sip.ParseMessage(raw)
		require.NoError(w, err)
		req, ok := msg.(*sip.Request)
		if !ok {
			continue
		}
		for _, e := range w.Ladder().Entries() {
			if e.Text == string(raw) {
				req.SetSource(fmt.Sprintf("192.0.2.1:%d", 49999+e.Conn)) // for Of
			}
		}
		return req
	}
}

// Unregister while a flow besides the first is being dialled: it is not kept, and
// Register opens it anew.
func TestUnregisterWhileTheSecondFlowReturns(t *testing.T) {
	play(t, func(w *world) {
		w.outbound()
		time.Sleep(time.Minute)
		release := w.On(urlB).HoldDials()
		w.On(urlB).Drop(1006, "")
		time.Sleep(2 * time.Second) // it is being dialled
		w.forget()
		done := begin(func() error { return w.ua.Unregister(w.Context()) })
		w.On(urlA).Respond(w.On(urlA).ExpectRequest(w.T, "REGISTER"), 200, "OK")
		require.NoError(w, done())
		release()
		time.Sleep(time.Minute)
		require.Zero(w, count[sipua.Connected](w), "nobody wants this connection")
		w.outbound()
	}, flows(2))
}

// Unregister overtakes the answer to Register: the other flows do not begin.
func TestUnregisterOvertakesTheSecondFlow(t *testing.T) {
	play(t, func(w *world) {
		register := begin(func() error { return w.ua.Register(w.Context()) })
		one := w.On(urlA).ExpectRequest(w.T, "REGISTER")
		unregister := begin(func() error { return w.ua.Unregister(w.Context()) })
		synctest.Wait()
		w.On(urlA).Respond(one, 200, "OK", contactWith(one, ";reg-id=1;expires=600"), h("Require", "outbound"))
		require.NoError(w, register())
		w.On(urlA).Respond(w.On(urlA).ExpectRequest(w.T, "REGISTER"), 200, "OK")
		require.NoError(w, unregister())
		w.ExpectNothing(w.T, time.Hour)
		w.outbound() // and another Register brings both
	}, flows(2))
}

// A SUBSCRIBE, a NOTIFY and a PUBLISH whose flow is lost go over the other one.
func TestStateGoesOverTheOtherFlow(t *testing.T) {
	play(t, func(w *world) {
		w.outbound()
		a, b := w.On(urlA), w.On(urlB)
		s, err := w.ua.Subscribe("1002", sipua.SubscribeOptions{Event: "presence"})
		require.NoError(w, err)
		a.ExpectRequest(w.T, "SUBSCRIBE")
		w.OnDial(refused)
		a.Drop(1006, "")
		req := b.ExpectRequest(w.T, "SUBSCRIBE")
		k := &watch{world: w, s: s, req: req}
		k.ok = w.NewResponse(req, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		b.Send(k.ok)
		b.Send(k.notification("active;expires=600", ""))
		b.ExpectResponse(w.T, 200)
		require.NoError(w, s.Active(w.Context()))
	}, flows(2))
	play(t, func(w *world) {
		w.outbound()
		a, b := w.On(urlA), w.On(urlB)
		done := begin(func() error {
			_, err := w.ua.Publish(w.Context(), sipua.PublishOptions{Event: "presence", ContentType: "application/pidf+xml", Body: []byte("<presence/>")})
			return err
		})
		a.Respond(a.ExpectRequest(w.T, "PUBLISH"), 200, "OK", h("SIP-ETag", "1"), h("Expires", "300"))
		require.NoError(w, done())
		for { // the refresh, among those of the bindings
			req := w.anyRequest()
			if req.Method == "PUBLISH" {
				break
			}
			w.Of(req).Respond(req, 200, "OK", contactWith(req, ";expires=600"), h("Require", "outbound"))
		}
		a.Drop(1006, "")
		w.OnDial(refused)
		require.Equal(w, "1", value(b.ExpectRequest(w.T, "PUBLISH"), "SIP-If-Match"))
	}, flows(2))
}

// What waits for the registration after a lost connection does not wait for one that
// is not going to come.
func TestStateReturnsWithoutRegistration(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"refused for good": func(w *world) { w.Respond(w.ExpectRequest(w.T, "REGISTER"), 403, "Forbidden") },
		"not wanted any more": func(w *world) {
			w.Respond(w.ExpectRequest(w.T, "REGISTER"), 503, "Later", h("Retry-After", "7200"))
			synctest.Wait()
			require.NoError(w, w.ua.Unregister(w.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.register()
				k := w.watching()
				w.Drop(1006, "")
				end(w)
				k.next(true)
			})
		})
	}
}

// A request that makes each server close the connection does not do so for ever, and
// its verb returns.
func TestPoisonousRequest(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		done := begin(func() error { _, err := w.ua.Options(w.Context(), "1002"); return err })
		sent := 0
		result := make(chan error, 1)
		go func() { result <- done() }()
		for {
			select {
			case err := <-result:
				typed(w, err, sipua.CodeConnectionLost, 0)
				require.LessOrEqual(w, sent, 5)
				return
			default:
			}
			require.Less(w, sent, 20, "the verb does not return")
			if w.Connected() {
				w.Ladder().Reset()
				synctest.Wait()
				w.Drop(1009, "message too big")
				sent++
			}
			time.Sleep(time.Second)
		}
	})
}

// The password comes when the connection has gone: the request that needs it opens
// another one.
func TestPasswordAfterTheConnection(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		done := begin(func() error { _, err := w.ua.Options(w.Context(), "1002"); return err })
		req := w.ExpectRequest(w.T, "OPTIONS")
		w.ask(req, 407, `Digest realm="r", nonce="1", qop="auth"`)
		a := <-calls
		w.Drop(1000, "")
		synctest.Wait()
		begun := time.Now()
		a.answer <- sipua.Credentials{Password: "typed"}
		w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 200, "OK")
		require.NoError(w, done())
		require.Less(w, time.Since(begun), time.Minute)
	})
}

// Who does not want it any more does not wait for a password (as a hang-up).
func TestLeavingDoesNotWaitForAPassword(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		req, done := w.registering()
		w.ask(req, 401, `Digest realm="r", nonce="1", qop="auth"`)
		<-calls
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		require.NoError(w, w.ua.Unregister(ctx))
		require.Error(w, done())
		w.ExpectNothing(w.T, time.Hour)
	})
	playAsked(t, func(w *world, calls chan *asked) {
		k := w.subscribe()
		w.ask(k.req, 407, `Digest realm="r", nonce="1", qop="auth"`)
		<-calls
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		require.NoError(w, k.s.Unsubscribe(ctx))
		w.ExpectNothing(w.T, time.Hour)
	})
}

// stuck is a transport whose connections do not take messages when told so, and do
// not end by themselves.
type stuck struct {
	sipua.Transport
	deaf *atomic.Bool
	n    *atomic.Int32
}

func (s stuck) Dial(ctx context.Context, url string) (sipua.Conn, error) {
	c, err := s.Transport.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	return &stuckConn{c, s}, nil
}

type stuckConn struct {
	sipua.Conn
	s stuck
}

func (c *stuckConn) Write(m []byte) error {
	if c.s.deaf.Load() {
		c.s.n.Add(1)
		return errors.New("closing")
	}
	return c.Conn.Write(m)
}

// Connections that take nothing and do not say that they have ended: no request goes
// back and forth between them without a pause, and they are given up.
func TestConnectionsThatTakeNothing(t *testing.T) {
	var deaf atomic.Bool
	var written atomic.Int32
	play(t, func(w *world) {
		w.outbound()
		deaf.Store(true)
		done := begin(func() error { _, err := w.ua.Options(w.Context(), "1002"); return err })
		synctest.Wait()
		require.Less(w, int(written.Load()), 20)
		time.Sleep(2 * time.Second)
		require.Positive(w, count[sipua.Disconnected](w))
		deaf.Store(false)
		for {
			req := w.anyRequest()
			if req.Method == "OPTIONS" {
				w.Of(req).Respond(req, 200, "OK")
				break
			}
		}
		require.NoError(w, done())
	}, flows(2), func(c *sipua.Config) { c.Transport = stuck{c.Transport, &deaf, &written} })
}

// What waits for a REGISTER under way has its turn, also behind something that needs
// no turn.
func TestEveryTurnComes(t *testing.T) {
	play(t, func(w *world) {
		req, registered := w.registering()
		fetched := begin(func() error { _, err := w.ua.FetchBindings(w.Context()); return err })
		synctest.Wait()
		removed := begin(func() error { return w.ua.Unregister(w.Context()) })
		synctest.Wait()
		again := begin(func() error { return w.ua.Unregister(w.Context()) })
		synctest.Wait()
		last := begin(func() error { return w.ua.Register(w.Context()) })
		synctest.Wait()
		w.Respond(req, 200, "OK", req.Contact())
		for range 3 {
			req := w.ExpectRequest(w.T, "REGISTER")
			w.Respond(req, 200, "OK")
		}
		for _, done := range []func() error{registered, fetched, removed, again, last} {
			require.NoError(w, done())
		}
	})
}
