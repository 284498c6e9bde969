package sipua_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Close and Shutdown in each state: verbs that wait return, nothing is left.
func TestCloseInEachState(t *testing.T) {
	for name, before := range map[string]func(w *world) (done func() error){
		"new": func(w *world) func() error { return nil },
		"connecting": func(w *world) func() error {
			w.OnDial(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
			return begin(func() error { return w.ua.Register(w.Context()) })
		},
		"registering": func(w *world) func() error {
			_, done := w.registering()
			return done
		},
		"registered": func(w *world) func() error { w.register(); return nil },
		"removing": func(w *world) func() error {
			w.register()
			done := begin(func() error { return w.ua.Unregister(w.Context()) })
			w.ExpectRequest(w.T, "REGISTER")
			return done
		},
		"waiting for the turn": func(w *world) func() error {
			w.registering()
			done := begin(func() error { return w.ua.Register(w.Context()) })
			synctest.Wait()
			return done
		},
		"disconnected": func(w *world) func() error { w.register(); w.Drop(1006, ""); return nil },
		"preparing a call": func(w *world) func() error {
			w.delay.Store(int64(time.Second))
			call := w.callOut()
			return begin(func() error { return call.Answered(w.Context()) })
		},
		"calling": func(w *world) func() error {
			call := w.callOut()
			w.ExpectRequest(w.T, "INVITE")
			return begin(func() error { return call.Answered(w.Context()) })
		},
		"ringing": func(w *world) func() error {
			call := w.callOut()
			w.Respond(w.ExpectRequest(w.T, "INVITE"), 180, "Ringing")
			return begin(func() error { return call.Answered(w.Context()) })
		},
		"canceling": func(w *world) func() error {
			call := w.callOut()
			w.Respond(w.ExpectRequest(w.T, "INVITE"), 180, "Ringing")
			begin(func() error { return call.Hangup(w.Context()) })
			w.ExpectRequest(w.T, "CANCEL")
			return begin(func() error { return call.Answered(w.Context()) })
		},
		"incoming": func(w *world) func() error {
			k := w.ring()
			return begin(func() error { return k.call.Answered(w.Context()) })
		},
		"answering": func(w *world) func() error {
			k := w.ring()
			w.delay.Store(int64(time.Second))
			done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
			synctest.Wait()
			return done
		},
		"accepted":    func(w *world) func() error { w.ring().accept(); return nil },
		"established": func(w *world) func() error { w.outgoing(); return nil },
		"holding": func(w *world) func() error {
			_, done := w.outgoing().hold()
			return done
		},
		"sending tones": func(w *world) func() error {
			k := w.outgoing()
			done := begin(func() error { return k.call.SendDTMF(w.Context(), "1,,,2", sipua.DTMFOptions{}) })
			synctest.Wait()
			return done
		},
		"hanging up": func(w *world) func() error {
			k := w.outgoing()
			done := begin(func() error { return k.call.Hangup(w.Context()) })
			w.ExpectRequest(w.T, "BYE")
			return done
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, end := range []string{"Close", "Shutdown"} {
				t.Run(end, func(t *testing.T) {
					play(t, func(w *world) {
						done := before(w)
						synctest.Wait()
						if end == "Close" {
							require.NoError(w, w.ua.Close())
						} else {
							ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
							defer cancel()
							_ = w.ua.Shutdown(ctx) // nobody answers: it may say so
						}
						require.NoError(w, w.ua.Close(), "closing twice")
						if done != nil {
							require.Error(w, done())
						}
						synctest.Wait()
						require.False(w, w.Connected())
						require.NotContains(w, strings.Join(w.story(), ", "), "internal")
						typed(w, w.ua.Register(w.Context()), sipua.CodeClosed, 0)
						typed(w, w.ua.Unregister(w.Context()), sipua.CodeClosed, 0)
						require.NoError(w, w.ua.Shutdown(w.Context()))
					})
				})
			}
		})
	}
}

// Shutdown hangs up, unregisters and closes, in this order, and waits for the
// answers.
func TestShutdown(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		a, b := w.outgoing(), w.ring()
		w.forget()
		done := begin(func() error { return w.ua.Shutdown(w.Context()) })
		byes := 0
		for range 2 {
			switch text := string(w.ExpectMessage(w.T)); {
			case strings.HasPrefix(text, "BYE"):
				byes++
			default:
				require.Regexp(w, "^SIP/2.0 603", text)
			}
		}
		require.Equal(w, 1, byes)
		w.ExpectNothing(w.T, time.Second) // the BYE is not answered yet
		bye := w.NewResponse(w.lastRequest("BYE"), 200, "OK")
		w.Send(bye)
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "0", value(req, "Expires"))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		require.Equal(w, sipua.Ended, a.call.State())
		require.Equal(w, sipua.Ended, b.call.State())
		synctest.Wait()
		story := w.story()
		require.Equal(w, []string{"unregistered", "disconnected 1000"}, story[len(story)-2:])
		require.NoError(w, last[sipua.Disconnected](w).Err)
	})
}

// lastRequest is the last request of ours with this method.
func (w *world) lastRequest(method string) *sip.Request {
	w.Helper()
	entries := w.Ladder().Entries()
	for i := len(entries) - 1; i >= 0; i-- {
		if strings.HasPrefix(entries[i].Text, method+" ") {
			msg, err := sip.ParseMessage([]byte(entries[i].Text))
			require.NoError(w, err)
			return msg.(*sip.Request)
		}
	}
	require.FailNow(w, "no "+method)
	return nil
}

// Close tells the other side as far as SIP allows at that moment, and waits for
// nobody.
func TestCloseSends(t *testing.T) {
	for name, c := range map[string]struct {
		before func(w *world)
		want   []string
	}{
		"registered": {func(w *world) { w.register() }, nil},
		"calling":    {func(w *world) { w.callOut(); w.ExpectRequest(w.T, "INVITE") }, nil}, // section 9.1: no CANCEL before a response
		"ringing": {func(w *world) {
			w.callOut()
			w.Respond(w.ExpectRequest(w.T, "INVITE"), 180, "Ringing")
		}, []string{"> CANCEL"}},
		"established": {func(w *world) { w.outgoing() }, []string{"> BYE"}},
		"incoming":    {func(w *world) { w.ring() }, []string{"> 480"}},
		"answering": {func(w *world) {
			k := w.ring()
			w.delay.Store(int64(time.Second))
			begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		}, []string{"> 480"}},
		"accepted":  {func(w *world) { w.ring().accept() }, []string{"> BYE"}}, // section 15 would wait for the ACK, but nobody is left to wait
		"two calls": {func(w *world) { w.incoming(); w.outgoing() }, []string{"> BYE", "> BYE"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				c.before(w)
				w.forget()
				begun := time.Now()
				require.NoError(w, w.ua.Close())
				require.Zero(w, time.Since(begun))
				w.ladder(append(c.want, "= closed")...)
				require.Equal(w, 1000, w.ExpectClose(w.T).Code)
				for _, e := range w.recorded() {
					if e, ok := e.(sipua.CallEnded); ok {
						require.Equal(w, sipua.Local, e.By)
					}
				}
			})
		})
	}
}

// A dial that comes through after Close is closed again.
func TestCloseBeforeDialIsThrough(t *testing.T) {
	through := make(chan struct{})
	play(t, func(w *world) {
		done := begin(func() error { return w.ua.Register(w.Context()) })
		synctest.Wait()
		require.NoError(w, w.ua.Close())
		typed(w, done(), sipua.CodeClosed, 0)
		through <- struct{}{}
		require.Equal(w, 1000, w.ExpectClose(w.T).Code)
		require.Zero(w, count[sipua.Connected](w))
	}, func(c *sipua.Config) {
		through = make(chan struct{}) // of this bubble
		c.Transport = wrapped{Transport: c.Transport, dial: func(context.Context) { <-through }}
	})
}

// What is asked for between Close and its end is refused, and nothing hangs: here
// the user agent is busy while all of it is asked.
func TestAskedWhileClosing(t *testing.T) {
	var busy, free chan struct{}
	play(t, func(w *world) {
		first := begin(func() error { return w.ua.Register(w.Context()) })
		<-busy
		closing := begin(w.ua.Close)
		synctest.Wait()
		again := begin(w.ua.Close)
		register := begin(func() error { return w.ua.Register(w.Context()) })
		unregister := begin(func() error { return w.ua.Unregister(w.Context()) })
		call, err := w.ua.Call("1002", sipua.CallOptions{})
		require.NoError(w, err)
		hold := begin(func() error { return call.Hold(w.Context()) })
		mute := begin(func() error { return call.Mute(w.Context(), true) })
		synctest.Wait()
		close(free)
		require.NoError(w, closing())
		require.NoError(w, again())
		typed(w, first(), sipua.CodeClosed, 0)
		typed(w, register(), sipua.CodeClosed, 0)
		require.Contains(w, []string{"", "closed"}, code(unregister()), "there was nothing to remove")
		typed(w, call.Answered(w.Context()), sipua.CodeClosed, 0)
		require.Error(w, hold())
		require.Error(w, mute())
		require.Equal(w, sipua.Ended, call.State())
		require.NoError(w, call.Hangup(w.Context()), "over already")
	}, func(c *sipua.Config) {
		busy, free = make(chan struct{}), make(chan struct{})
		c.Transport = wrapped{Transport: c.Transport, write: func([]byte) error { close(busy); <-free; return nil }}
	})
}
