package sipua_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Media that cannot be had refuses the call: 488 for the description, 480 when
// the microphone is the matter.
func TestAcceptFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		verb   sipuatest.Verb
		err    error
		status int
		code   sipua.Code
	}{
		{"denied", sipuatest.VerbOpen, &sipua.Error{Code: sipua.CodeMediaDenied}, 480, sipua.CodeMediaDenied},
		{"not found", sipuatest.VerbOpen, &sipua.Error{Code: sipua.CodeMediaNotFound}, 480, sipua.CodeMediaNotFound},
		{"description", sipuatest.VerbCreateAnswer, errors.New("no codec"), 488, sipua.CodeMediaFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(w *world) {
				w.media.Hook = func(_ context.Context, v sipuatest.Verb, _ string) error {
					if v == c.verb {
						return c.err
					}
					return nil
				}
				k := w.ring()
				done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
				w.ExpectResponse(w.T, c.status)
				e := typed(w, done(), c.code, 0)
				require.Equal(w, "accept", e.Op)
				end := w.end(k.call)
				require.Equal(w, sipua.System, end.By)
				require.Equal(w, c.status, end.Status)
				typed(w, end.Err, c.code, 0)
				typed(w, k.call.Answered(w.Context()), c.code, 0)
			})
		})
	}
}

// Section 13.2.1: an INVITE without an offer gets it in the 200; the answer comes
// in the ACK.
func TestOfferlessInvite(t *testing.T) {
	ring := func(w *world) (*talk, *sip.Response, func() error) {
		w.connect()
		k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
		k.invite = w.NewRequest("INVITE", "sip:1001@example.com")
		k.arrive()
		done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		ok := w.ExpectResponse(w.T, 200)
		require.Contains(w, string(ok.Body()), "a=setup:actpass", "an offer")
		synctest.Wait()
		require.Zero(w, count[sipua.CallAnswered](w), "there is no media yet")
		return k, ok, done
	}
	t.Run("answer in ACK", func(t *testing.T) {
		play(t, func(w *world) {
			k, ok, done := ring(w)
			sdp, err := k.far.CreateAnswer(w.Context(), string(ok.Body()), sipua.OfferOptions{})
			require.NoError(w, err)
			ack := w.NewInDialogRequest("ACK", k.invite, ok)
			sipuatest.SetSDP(ack, sdp)
			w.Send(ack)
			require.NoError(w, done())
			require.Equal(w, sipua.Established, k.call.State())
			require.Equal(w, 1, count[sipua.CallAnswered](w))
			require.Equal(w, sipuatest.Stable, w.media.For(k.call).State())
			k.ok = ok
			hold := begin(func() error { return k.call.Hold(w.Context()) })
			k.agree(w.ExpectRequest(w.T, "INVITE"))
			require.NoError(w, hold())
			k.bye()
		})
	})
	for name, sdp := range map[string]string{"no answer": "", "garbage": "v=0\r\n", "refused": "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k, ok, done := ring(w)
				ack := w.NewInDialogRequest("ACK", k.invite, ok)
				if sdp != "" {
					sipuatest.SetSDP(ack, sdp)
				}
				w.Send(ack)
				w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
				require.Error(w, done())
				end := w.end(k.call)
				require.Equal(w, sipua.System, end.By)
				require.Contains(w, []string{"protocol", "media-failed"}, code(end.Err))
				require.Error(w, k.call.Answered(w.Context()))
			})
		})
	}
	t.Run("no ACK", func(t *testing.T) {
		play(t, func(w *world) {
			k, _, done := ring(w)
			for range 10 {
				w.ExpectResponse(w.T, 200)
			}
			w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
			require.Error(w, done())
			typed(w, w.end(k.call).Err, sipua.CodeTimeout, 0)
		})
	})
	t.Run("hung up before the ACK", func(t *testing.T) {
		play(t, func(w *world) {
			k, ok, done := ring(w)
			hangup := begin(func() error { return k.call.Hangup(w.Context()) })
			synctest.Wait()
			k.ack(k.invite, ok)
			w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
			require.NoError(w, hangup())
			require.Error(w, done())
		})
	})
}

// Accept is for one caller at a time, and its options reach the factory.
func TestAcceptTwice(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		w.media.Delay = time.Second
		first := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{Media: "headset"}) })
		synctest.Wait()
		typed(w, k.call.Accept(w.Context(), sipua.AcceptOptions{}), sipua.CodeInvalidState, 0)
		w.ExpectResponse(w.T, 200)
		require.NoError(w, first())
		require.Equal(w, "headset", w.media.For(k.call).Options)
	})
}

// Whoever mutes a ringing call has not accepted it: the microphone is not opened
// and the options of Accept still count.
func TestMuteWhileRinging(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		_ = k.call.Mute(w.Context(), true) // remembered or refused
		require.Empty(w, w.media.All())
		done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{Media: "headset"}) })
		w.ExpectResponse(w.T, 200)
		require.NoError(w, done())
		require.Equal(w, "headset", w.media.For(k.call).Options)
		require.Equal(w, k.call.Muted(), w.media.For(k.call).Muted())
	})
}

// The context of Accept bounds the waiting. The call is accepted all the same.
func TestAcceptContext(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		w.media.Delay = 10 * time.Second
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		typed(w, k.call.Accept(ctx, sipua.AcceptOptions{}), sipua.CodeTimeout, 0)
		w.ExpectResponse(w.T, 200)
		require.NoError(w, k.call.Answered(w.Context()))
	})
}
