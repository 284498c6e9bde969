package sipua_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Listeners get every event, one at a time, in one order, the oldest listener
// first.
func TestListeners(t *testing.T) {
	play(t, func(w *world) {
		var got []string
		var inside bool
		for i := range 3 {
			w.ua.On(func(e sipua.Event) {
				assert.False(w, inside)
				inside = true
				if told := tell(e); told != "" {
					got = append(got, fmt.Sprint(i, " ", told))
				}
				inside = false
			})
		}
		w.register()
		w.outgoing().bye()
		synctest.Wait()
		var want []string
		for _, told := range w.story() {
			want = append(want, "0 "+told, "1 "+told, "2 "+told)
		}
		require.Equal(w, want, got)
	})
}

// The state is told before what it means, and the end last; the accessors show at
// least what the event says.
func TestEventOrder(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		w.ua.On(func(e sipua.Event) {
			switch e := e.(type) {
			case sipua.CallAnswered:
				select {
				case <-w.Context().Done():
				default:
					assert.NoError(w, e.Call.Answered(context.Background()), "the verb knows it too")
				}
			case sipua.CallEnded:
				assert.Equal(w, sipua.Ended, e.Call.State())
				assert.NotContains(w, w.ua.Calls(), e.Call)
				end, err := e.Call.Ended(context.Background())
				assert.NoError(w, err)
				assert.Equal(w, e, end)
			case sipua.IncomingCall:
				assert.Contains(w, w.ua.Calls(), e.Call)
			}
		})
		k := w.ring()
		require.NoError(w, begin(func() error { return k.call.Reject(w.Context(), 486) })())
		w.ExpectResponse(w.T, 486)
		o := w.outgoing()
		re, done := o.hold()
		o.agree(re)
		require.NoError(w, done())
		o.bye()
		require.Equal(w, []string{"incoming", "ended", "end by local 486",
			"calling", "ringing", "180", "established", "answered", "held by local", "ended", "end by remote"}, w.story())
	})
}

// A listener may call back into the user agent and wait for the result.
func TestListenerCallsBack(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		accepted := make(chan error, 1)
		w.ua.On(func(e sipua.Event) {
			if e, ok := e.(sipua.IncomingCall); ok {
				accepted <- e.Call.Accept(context.Background(), sipua.AcceptOptions{})
			}
		})
		k := &talk{world: w}
		k.invite = w.NewRequest("INVITE", "sip:1001@example.com", h("Content-Type", "application/sdp"))
		k.invite.SetBody([]byte(offer(w.T)))
		w.Send(k.invite)
		w.ExpectResponse(w.T, 180)
		w.ExpectResponse(w.T, 200)
		require.NoError(w, <-accepted)
	})
	// Even Close.
	play(t, func(w *world) {
		closed := make(chan error, 1)
		w.ua.On(func(e sipua.Event) {
			if _, ok := e.(sipua.Registered); ok {
				closed <- w.ua.Close()
			}
		})
		req, done := w.registering()
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, <-closed)
		_ = done() // it may have been answered before the end or not
	})
}

// A listener that is removed gets nothing more, also when it removes itself or
// others, and what is added while events are told gets the next one.
func TestRemoveListener(t *testing.T) {
	play(t, func(w *world) {
		var got []string
		var remove [3]func()
		for i := range remove {
			remove[i] = w.ua.On(func(e sipua.Event) {
				if told := tell(e); told != "" {
					got = append(got, fmt.Sprint(i, " ", told))
				}
				if i == 1 {
					remove[1]()
					w.ua.On(func(e sipua.Event) { got = append(got, "new "+tell(e)) })
				}
			})
		}
		w.register()
		synctest.Wait()
		require.Equal(w, []string{"0 connected", "1 connected", "2 connected", "0 registered 10m0s", "2 registered 10m0s", "new registered 10m0s"}, got)
		for _, f := range remove {
			f()
			f() // twice does nothing
		}
		w.forget()
		got = nil
		w.register()
		synctest.Wait()
		require.Equal(w, []string{"new registered 10m0s"}, got)
	})
}

// A slow listener holds up the events behind it, not the user agent.
func TestSlowListener(t *testing.T) {
	play(t, func(w *world) {
		free := make(chan struct{})
		w.ua.On(func(sipua.Event) { <-free })
		w.register()
		k := w.outgoing()
		k.bye()
		close(free)
		synctest.Wait()
		require.Equal(w, "end by remote", w.story()[len(w.story())-1])
	})
}

// Trace tells every message both ways, in order with the events, until it is
// stopped.
func TestTrace(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		w.forget()
		var got []string
		stop := w.ua.Trace(func(m sipua.TraceMessage) {
			line, _, _ := strings.Cut(m.Text, "\r\n")
			word, rest, _ := strings.Cut(line, " ")
			if word == "SIP/2.0" {
				word, _, _ = strings.Cut(rest, " ")
			}
			got = append(got, string(m.Direction)+" "+word)
			assert.Equal(w, "wss://example.com/ws", m.Server)
			assert.Equal(w, time.Now(), m.Time)
		})
		w.ua.On(func(e sipua.Event) {
			if told := tell(e); told != "" {
				got = append(got, told)
			}
		})
		k := w.outgoing()
		k.bye()
		w.SendRaw([]byte("nonsense"))
		synctest.Wait()
		require.Equal(w, []string{"calling", "out INVITE", "in 100", "in 180", "ringing", "180", "in 200", "established", "out ACK", "answered",
			"in BYE", "out 200", "ended", "end by remote", "in nonsense", "protocol error"}, got)
		stop()
		stop()
		n := len(got)
		w.SendRaw([]byte(with("x", "X: y")))
		w.ExpectResponse(w.T, 200)
		synctest.Wait()
		require.Len(w, got, n)
	})
}

// The text of a trace is the message, but for its secrets.
func TestTraceText(t *testing.T) {
	play(t, func(w *world) {
		var texts []string
		w.ua.Trace(func(m sipua.TraceMessage) { texts = append(texts, m.Text) })
		w.ua.Trace(func(m sipua.TraceMessage) {}) // two at once
		w.register()
		w.incoming().bye()
		synctest.Wait()
		var want []string
		for _, e := range w.Ladder().Entries() {
			if e.Direction == "in" || e.Direction == "out" {
				want = append(want, e.Text)
			}
		}
		require.Equal(w, want, texts)
	})
}

// WithQueued: the acts of verbs that run in goroutines of their own stand in the
// queue in the order in which they were begun.
func TestWithQueued(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		var waits []func() error
		for i := range 50 {
			queued := make(chan struct{})
			ctx := sipua.WithQueued(w.Context(), func() { close(queued) })
			waits = append(waits, begin(func() error { return k.call.Mute(ctx, i%2 == 0) }))
			<-queued
		}
		for _, wait := range waits {
			require.NoError(w, wait())
		}
		require.False(w, k.call.Muted(), "the last one counts")
		for name, verb := range map[string]func(context.Context) error{
			"Register":   w.ua.Register,
			"Unregister": w.ua.Unregister,
			"Hold":       k.call.Hold,
			"Answered":   k.call.Answered,
			"Ended":      func(ctx context.Context) error { _, err := k.call.Ended(ctx); return err },
			"SendDTMF":   func(ctx context.Context) error { return k.call.SendDTMF(ctx, "1", sipua.DTMFOptions{}) },
			"Accept":     func(ctx context.Context) error { return k.call.Accept(ctx, sipua.AcceptOptions{}) },
			"Reject":     func(ctx context.Context) error { return k.call.Reject(ctx, 486) },
		} {
			if name == "Answered" {
				continue // it is answered: there is nothing to stand in a queue for
			}
			calls := 0
			ctx, cancel := context.WithTimeout(w.Context(), time.Second)
			_ = verb(sipua.WithQueued(ctx, func() { calls++ }))
			cancel()
			require.Equal(w, 1, calls, name)
		}
	})
}

// Verbs, accessors and listeners from many goroutines at once: nothing is lost,
// nothing hangs, nothing races (run with -race).
func TestManyGoroutines(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k := w.incoming()
		ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				remove := w.ua.On(func(sipua.Event) {})
				stop := w.ua.Trace(func(sipua.TraceMessage) {})
				defer stop()
				defer remove()
				for j := range 20 {
					switch (i + j) % 8 {
					case 0:
						_ = w.ua.Register(ctx)
					case 1:
						_ = k.call.Mute(ctx, j%2 == 0)
					case 2:
						call, err := w.ua.Call("1002", sipua.CallOptions{})
						if err == nil {
							call.State()
							_ = call.Hangup(ctx)
						}
					case 3:
						_ = w.ua.Calls()
						_ = k.call.OnHold(sipua.Local) || k.call.OnHold(sipua.Remote) || k.call.Muted()
					case 4:
						_ = k.call.SendDTMF(ctx, "1", sipua.DTMFOptions{})
					case 5:
						_ = k.call.Hold(ctx)
					case 6:
						_ = k.call.Resume(ctx)
					case 7:
						_ = k.call.Remote().URI + k.call.ID() + string(k.call.Direction())
					}
				}
			})
		}
		wg.Wait()
	})
}

// The same while somebody closes.
func TestManyGoroutinesAndClose(t *testing.T) {
	play(t, func(w *world) {
		k := w.incoming()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 20 {
					call, err := w.ua.Call("1002", sipua.CallOptions{})
					if err == nil {
						_ = call.Hangup(w.Context())
					}
					_ = w.ua.Register(w.Context())
					_ = k.call.Hold(w.Context())
				}
			})
		}
		wg.Go(func() { _ = w.ua.Close() })
		wg.Wait()
		require.True(w, slices.Contains(w.story(), "disconnected 1000"))
	})
}

// Errors are typed, name what was tried, and say what went wrong.
func TestErrorText(t *testing.T) {
	for want, err := range map[string]*sipua.Error{
		"register: rejected (403 Forbidden)":         {Op: "register", Code: sipua.CodeRejected, Status: 403, Reason: "Forbidden"},
		"call: media-denied: no":                     {Op: "call", Code: sipua.CodeMediaDenied, Reason: "no"},
		"closed":                                     {Code: sipua.CodeClosed},
		"hold: timeout: context deadline exceeded":   {Op: "hold", Code: sipua.CodeTimeout, Err: context.DeadlineExceeded},
		"call: protocol (200 odd): context canceled": {Op: "call", Code: sipua.CodeProtocol, Status: 200, Reason: "odd", Err: context.Canceled},
	} {
		require.EqualError(t, err, want)
	}
	e := fmt.Errorf("wrapped: %w", &sipua.Error{Op: "call", Code: sipua.CodeTimeout, Err: context.DeadlineExceeded})
	require.ErrorIs(t, e, sipua.ErrTimeout)
	require.ErrorIs(t, e, context.DeadlineExceeded)
	require.NotErrorIs(t, e, sipua.ErrRejected)
	sentinels := []*sipua.Error{sipua.ErrInvalidArgument, sipua.ErrInvalidState, sipua.ErrClosed, sipua.ErrConnectionFailed, sipua.ErrConnectionLost, sipua.ErrTimeout, sipua.ErrRejected,
		sipua.ErrUnauthorized, sipua.ErrCanceled, sipua.ErrProtocol, sipua.ErrMediaDenied, sipua.ErrMediaNotFound, sipua.ErrMediaFailed, sipua.ErrUnsupported, sipua.ErrInternal}
	for i, a := range sentinels {
		for j, b := range sentinels {
			require.Equal(t, i == j, a.Is(b), "%v %v", a, b)
		}
	}
	closed := &sipua.CloseError{Code: 1011, Reason: "died", Err: context.Canceled}
	require.EqualError(t, closed, "connection closed with code 1011 (died): context canceled")
	require.ErrorIs(t, closed, context.Canceled)
}
