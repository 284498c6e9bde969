package sipua_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func holdOthers(c *sipua.Config) { c.HoldOthers = true }

// expectHold takes a re-INVITE of ours in this call, to hold or to resume, and agrees.
func (k *talk) expectHold(hold bool) {
	k.Helper()
	re := k.ExpectRequest(k.T, "INVITE")
	k.inDialog(re)
	direction := "a=sendrecv"
	if hold {
		direction = "a=sendonly"
	}
	require.NotEmpty(k, line(string(re.Body()), direction), "%s", re.Body())
	k.agree(re)
	synctest.Wait()
	require.Equal(k, hold, k.call.OnHold(sipua.Local))
}

// A person talks to one side at a time: making, accepting and resuming a call holds the
// others.
func TestHoldOthers(t *testing.T) {
	play(t, func(w *world) {
		a := w.outgoing()
		call := w.callOut()
		b := &talk{world: w, far: newFar(), call: call}
		first, second := w.ExpectRequest(w.T, "INVITE"), w.ExpectRequest(w.T, "INVITE")
		if tag(value(first, "To")) == "" {
			first, second = second, first
		}
		a.inDialog(first)
		a.agree(first)
		b.invite = second
		b.ok = b.RespondSDP(second, 200, "OK", b.answerTo(second))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		synctest.Wait()
		require.True(w, a.call.OnHold(sipua.Local))
		require.False(w, b.call.OnHold(sipua.Local))

		done := begin(func() error { return a.call.Resume(w.Context()) })
		both := map[string]*sip.Request{}
		for range 2 {
			re := w.ExpectRequest(w.T, "INVITE")
			both[re.CallID().Value()] = re
		}
		require.NotEmpty(w, line(string(both[a.call.ID()].Body()), "a=sendrecv"))
		require.NotEmpty(w, line(string(both[b.call.ID()].Body()), "a=sendonly"))
		a.agree(both[a.call.ID()])
		b.agree(both[b.call.ID()])
		require.NoError(w, done())
		synctest.Wait()
		require.Equal(w, []bool{false, true}, []bool{a.call.OnHold(sipua.Local), b.call.OnHold(sipua.Local)})

		c := w.ring() // that somebody calls holds nobody
		require.False(w, a.call.OnHold(sipua.Local))
		accept := begin(func() error { return c.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		var hold *sip.Request
		for range 2 { // the 200, and the hold of a: of b nothing, it is on hold
			switch m := w.nextMessage().(type) {
			case *sip.Request:
				a.inDialog(m)
				hold = m
			case *sip.Response:
				require.Equal(w, 200, m.StatusCode)
				c.ok = m
			}
		}
		require.NotNil(w, hold)
		require.Equal(w, 200, c.ok.StatusCode)
		a.agree(hold)
		require.NoError(w, accept())
		c.ack(c.invite, c.ok)
		synctest.Wait()
		require.True(w, a.call.OnHold(sipua.Local))
		w.ExpectNothing(w.T, time.Second)
		c.bye()
		w.ExpectNothing(w.T, time.Second) // who is taken back is for the person to say
	}, holdOthers)
}

// nextMessage is the next message, whatever it is.
func (w *world) nextMessage() sip.Message {
	w.Helper()
	m, err := sip.ParseMessage(w.ExpectMessage(w.T))
	require.NoError(w, err)
	return m
}

// A call that is accepted is held for the next one although its ACK has not come yet: as
// soon as it has.
func TestHoldOthersBeforeTheACK(t *testing.T) {
	play(t, func(w *world) {
		a, b := w.ring(), w.ring()
		a.ok = a.accept()
		require.NoError(w, a.far.ApplyAnswer(w.Context(), string(a.ok.Body()), false))
		b.ok = b.accept()
		b.ack(b.invite, b.ok)
		a.ack(a.invite, a.ok)
		a.expectHold(true)
		require.False(w, b.call.OnHold(sipua.Local))
	}, holdOthers)
}

func TestSwap(t *testing.T) {
	play(t, func(w *world) {
		a, b := w.outgoing(), w.incoming()
		hold := begin(func() error { return a.call.Hold(w.Context()) })
		a.expectHold(true)
		require.NoError(w, hold())
		swap := begin(func() error { return w.ua.Swap(w.Context(), b.call, a.call) })
		b.expectHold(true)
		a.expectHold(false)
		require.NoError(w, swap())

		// b refuses to come back: a is on hold, and the error says which act failed.
		swap = begin(func() error { return w.ua.Swap(w.Context(), a.call, b.call) })
		a.expectHold(true)
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 488, "Not Acceptable Here")
		w.ExpectRequest(w.T, "ACK")
		typed(w, swap(), sipua.CodeRejected, 488)
		require.Equal(w, []bool{true, true}, []bool{a.call.OnHold(sipua.Local), b.call.OnHold(sipua.Local)})

		// The one to be held is gone: the other one stays on hold.
		b.bye()
		typed(w, w.ua.Swap(w.Context(), b.call, a.call), sipua.CodeInvalidState, 0)
		w.ExpectNothing(w.T, time.Second)
		require.True(w, a.call.OnHold(sipua.Local))
	})
}

// Consult, and back.
func TestConsultAndReturn(t *testing.T) {
	play(t, func(w *world) {
		a := w.incoming()
		var second *sipua.Call
		consult := begin(func() (err error) {
			second, err = a.call.Consult(w.Context(), "1003", sipua.CallOptions{})
			return err
		})
		a.expectHold(true)
		require.NoError(w, consult())
		b := &talk{world: w, far: newFar(), call: second, invite: w.ExpectRequest(w.T, "INVITE")}
		require.Equal(w, "sip:1003@example.com", b.invite.Recipient.String())
		b.ok = b.RespondSDP(b.invite, 200, "OK", b.answerTo(b.invite))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, second.Answered(w.Context()))
		back := begin(func() error { return second.Return(w.Context(), a.call) })
		bye := w.ExpectRequest(w.T, "BYE")
		b.inDialog(bye)
		w.Respond(bye, 200, "OK")
		a.expectHold(false)
		require.NoError(w, back())
		require.Equal(w, sipua.Ended, second.State())
		require.Equal(w, sipua.Established, a.call.State())
	})
	play(t, func(w *world) { // who cannot be held is not left alone
		a := w.outgoing()
		consult := begin(func() error {
			_, err := a.call.Consult(w.Context(), "1003", sipua.CallOptions{})
			return err
		})
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 488, "Not Acceptable Here")
		w.ExpectRequest(w.T, "ACK")
		typed(w, consult(), sipua.CodeRejected, 488)
		w.ExpectNothing(w.T, time.Second)
		require.Len(w, w.ua.Calls(), 1)
	})
	play(t, func(w *world) { // the consulted one is busy
		a := w.outgoing()
		var second *sipua.Call
		consult := begin(func() (err error) {
			second, err = a.call.Consult(w.Context(), "1003", sipua.CallOptions{})
			return err
		})
		a.expectHold(true)
		require.NoError(w, consult())
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 486, "Busy Here")
		w.ExpectRequest(w.T, "ACK")
		typed(w, second.Answered(w.Context()), sipua.CodeRejected, 486)
		back := begin(func() error { return second.Return(w.Context(), a.call) })
		a.expectHold(false)
		require.NoError(w, back())
	})
}

// mixed tells whose sound goes into each call.
func (w *world) mixed(calls ...*sipua.Call) (all [][]sipua.Media) {
	synctest.Wait()
	for _, c := range calls {
		all = append(all, w.media.For(c).Mixed())
	}
	return all
}

// Everybody hears everybody else, as they come and go.
func TestConference(t *testing.T) {
	play(t, func(w *world) {
		a, b, c := w.outgoing(), w.incoming(), w.outgoing()
		ma, mb, mc := sipua.Media(w.media.For(a.call)), sipua.Media(w.media.For(b.call)), sipua.Media(w.media.For(c.call))
		hold := begin(func() error { return a.call.Hold(w.Context()) })
		a.expectHold(true)
		require.NoError(w, hold())

		var conference *sipua.Conference
		made := begin(func() (err error) {
			conference, err = w.ua.Conference(w.Context(), a.call, b.call)
			return err
		})
		a.expectHold(false) // it takes them back
		require.NoError(w, made())
		require.Equal(w, [][]sipua.Media{{mb}, {ma}, nil}, w.mixed(a.call, b.call, c.call))

		require.NoError(w, conference.Add(w.Context(), c.call))
		require.NoError(w, conference.Add(w.Context(), c.call), "it takes part")
		require.Equal(w, []*sipua.Call{a.call, b.call, c.call}, conference.Calls())
		for i, m := range w.mixed(a.call, b.call, c.call) {
			require.ElementsMatch(w, [][]sipua.Media{{mb, mc}, {ma, mc}, {ma, mb}}[i], m)
		}

		_, err := w.ua.Conference(w.Context(), a.call, c.call)
		typed(w, err, sipua.CodeInvalidState, 0) // in another one
		require.Len(w, conference.Calls(), 3)

		require.NoError(w, conference.Drop(w.Context(), b.call))
		require.NoError(w, conference.Drop(w.Context(), b.call), "it has left")
		require.Equal(w, [][]sipua.Media{{mc}, nil, {ma}}, w.mixed(a.call, b.call, c.call))
		require.Equal(w, sipua.Established, b.call.State())

		require.NoError(w, conference.Add(w.Context(), b.call))
		c.bye()
		require.Equal(w, [][]sipua.Media{{mb}, {ma}}, w.mixed(a.call, b.call))
		require.NoError(w, conference.End(w.Context()))
		require.Equal(w, [][]sipua.Media{nil, nil}, w.mixed(a.call, b.call))
		require.Empty(w, conference.Calls())
		require.Equal(w, sipua.Established, a.call.State())
	})
}

func TestConferenceErrors(t *testing.T) {
	play(t, func(w *world) {
		a, ringing := w.outgoing(), w.ring()
		_, err := w.ua.Conference(w.Context(), a.call)
		typed(w, err, sipua.CodeInvalidArgument, 0)
		_, err = w.ua.Conference(w.Context(), a.call, a.call)
		typed(w, err, sipua.CodeInvalidArgument, 0)
		_, err = w.ua.Conference(w.Context(), a.call, nil)
		typed(w, err, sipua.CodeInvalidArgument, 0)
		_, err = w.ua.Conference(w.Context(), a.call, ringing.call)
		typed(w, err, sipua.CodeInvalidState, 0)
		b := w.incoming()
		conference, err := w.ua.Conference(w.Context(), a.call, b.call)
		require.NoError(w, err, "the failed one has left nothing behind")
		typed(w, conference.Add(w.Context(), ringing.call), sipua.CodeInvalidState, 0)
		typed(w, conference.Add(w.Context(), nil), sipua.CodeInvalidArgument, 0)
		require.Equal(w, []*sipua.Call{a.call, b.call}, conference.Calls())
	})
	play(t, func(w *world) { // who does not come back from hold does not take part
		a, b := w.outgoing(), w.outgoing()
		hold := begin(func() error { return b.call.Hold(w.Context()) })
		b.expectHold(true)
		require.NoError(w, hold())
		made := begin(func() error {
			_, err := w.ua.Conference(w.Context(), a.call, b.call)
			return err
		})
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 488, "Not Acceptable Here")
		w.ExpectRequest(w.T, "ACK")
		typed(w, made(), sipua.CodeRejected, 488)
		require.Equal(w, [][]sipua.Media{nil, nil}, w.mixed(a.call, b.call))
	})
	play(t, func(w *world) { // media that cannot
		a, b := w.outgoing(), w.outgoing()
		_, err := w.ua.Conference(w.Context(), a.call, b.call)
		typed(w, err, sipua.CodeUnsupported, 0)
		require.Equal(w, sipua.Established, a.call.State())
		_, err = w.ua.Conference(w.Context(), a.call, b.call)
		typed(w, err, sipua.CodeUnsupported, 0)
	}, func(c *sipua.Config) {
		make := c.Media
		c.Media = func(ctx context.Context, call *sipua.Call, options any) (sipua.Media, error) {
			m, err := make(ctx, call, options)
			return struct{ sipua.Media }{m}, err
		}
	})
}

// Those of one conference are not held for each other, others are.
func TestConferenceAndHoldOthers(t *testing.T) {
	play(t, func(w *world) {
		a, b := w.ring(), w.ring()
		a.ok = a.accept()
		require.NoError(w, a.far.ApplyAnswer(w.Context(), string(a.ok.Body()), false))
		a.ack(a.invite, a.ok)
		accept := begin(func() error { return b.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		for range 3 { // the offer that holds a, its ACK, and the 200: in an order that the media decides
			switch m := w.nextMessage().(type) {
			case *sip.Request:
				if m.Method != sip.ACK {
					a.agreeTo(m)
				}
			case *sip.Response:
				b.ok = m
			}
		}
		require.NoError(w, accept())
		require.NoError(w, b.far.ApplyAnswer(w.Context(), string(b.ok.Body()), false))
		b.ack(b.invite, b.ok)
		made := begin(func() error {
			_, err := w.ua.Conference(w.Context(), a.call, b.call)
			return err
		})
		a.expectHold(false)
		require.NoError(w, made())
		w.ExpectNothing(w.T, time.Second)
		require.False(w, b.call.OnHold(sipua.Local))

		c := w.ring()
		accept = begin(func() error { return c.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		held := map[string]bool{}
		for range 5 {
			switch m := w.nextMessage().(type) {
			case *sip.Request:
				if m.Method == sip.ACK {
					continue
				}
				held[m.CallID().Value()] = true
				map[string]*talk{a.call.ID(): a, b.call.ID(): b}[m.CallID().Value()].agreeTo(m)
			case *sip.Response:
				c.ok = m
			}
		}
		require.NoError(w, accept())
		require.Equal(w, map[string]bool{a.call.ID(): true, b.call.ID(): true}, held)
	}, holdOthers)
}

// agreeTo answers a re-INVITE of ours; its ACK comes among other messages.
func (k *talk) agreeTo(re *sip.Request) {
	k.Helper()
	k.RespondSDP(re, 200, "OK", k.answerTo(re))
}
