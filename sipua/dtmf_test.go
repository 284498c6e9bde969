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
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

func TestMute(t *testing.T) {
	both(t, func(k *talk) {
		k.forget()
		require.NoError(k, k.call.Mute(k.Context(), true))
		require.True(k, k.call.Muted())
		require.True(k, k.media.For(k.call).Muted())
		require.NoError(k, k.call.Mute(k.Context(), false))
		require.False(k, k.call.Muted())
		require.False(k, k.media.For(k.call).Muted())
		k.ladder()
		k.bye()
		typed(k, k.call.Mute(k.Context(), true), sipua.CodeInvalidState, 0)
	})
}

// An outgoing call may be muted before it is answered.
func TestMuteEarly(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		require.NoError(w, call.Mute(w.Context(), true))
		require.True(w, w.media.For(call).Muted())
	})
}

// RFC 4733 tones go through the media, in order.
func TestDTMF(t *testing.T) {
	both(t, func(k *talk) {
		begun := time.Now()
		first := begin(func() error { return k.call.SendDTMF(k.Context(), "12,a#", sipua.DTMFOptions{}) })
		synctest.Wait()
		second := begin(func() error {
			return k.call.SendDTMF(k.Context(), "*9D", sipua.DTMFOptions{Duration: 200 * time.Millisecond, Gap: 100 * time.Millisecond})
		})
		require.NoError(k, first())
		require.NoError(k, second())
		require.Equal(k, "12A#*9D", k.media.For(k.call).Tones())
		// 4 tones of 100 ms, a pause of 2 s, 4 gaps of 70 ms; then 3 of 200 ms, 2 gaps.
		require.Equal(k, (4*100+2000+4*70+3*200+2*100)*time.Millisecond, time.Since(begun))
	})
}

// Tones take seconds: hold does not wait for them.
func TestDTMFBesideHold(t *testing.T) {
	both(t, func(k *talk) {
		tones := begin(func() error { return k.call.SendDTMF(k.Context(), "1,,,,2", sipua.DTMFOptions{}) })
		synctest.Wait()
		begun := time.Now()
		re, done := k.hold()
		k.agree(re)
		require.NoError(k, done())
		require.Zero(k, time.Since(begun))
		require.NoError(k, tones())
	})
}

func TestDTMFAndTheEnd(t *testing.T) {
	both(t, func(k *talk) {
		first := begin(func() error { return k.call.SendDTMF(k.Context(), "1,,,,2", sipua.DTMFOptions{}) })
		second := begin(func() error { return k.call.SendDTMF(k.Context(), "3", sipua.DTMFOptions{}) })
		synctest.Wait()
		k.bye()
		typed(k, first(), sipua.CodeCanceled, 0)
		typed(k, second(), sipua.CodeCanceled, 0)
	})
}

func TestDTMFErrors(t *testing.T) {
	both(t, func(k *talk) {
		for _, tones := range []string{"", "x", "1 2", "1\r\n", "é", "E"} {
			typed(k, k.call.SendDTMF(k.Context(), tones, sipua.DTMFOptions{}), sipua.CodeInvalidArgument, 0)
		}
		k.bye()
		typed(k, k.call.SendDTMF(k.Context(), "1", sipua.DTMFOptions{}), sipua.CodeInvalidState, 0)
	})
	play(t, func(w *world) {
		call := w.callOut()
		w.ExpectRequest(w.T, "INVITE")
		typed(w, call.SendDTMF(w.Context(), "1", sipua.DTMFOptions{}), sipua.CodeInvalidState, 0)
	})
	// The other side did not agree to telephone events.
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		sdp := answer(w.T, invite.Body())
		sdp = strings.NewReplacer(" 110", "", " 126", "", "a=rtpmap:110 telephone-event/48000\r\n", "", "a=rtpmap:126 telephone-event/8000\r\n", "").Replace(sdp)
		w.RespondSDP(invite, 200, "OK", sdp)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		err := call.SendDTMF(w.Context(), "1", sipua.DTMFOptions{})
		var media *sipuatest.MediaError
		require.True(w, errors.As(typed(w, err, sipua.CodeMediaFailed, 0), &media))
	})
}

// What a media cannot do is said, not ignored.
func TestPlainMedia(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.RespondSDP(invite, 200, "OK", plainSDP)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		typed(w, call.Mute(w.Context(), true), sipua.CodeUnsupported, 0)
		require.False(w, call.Muted())
		typed(w, call.SetMicrophone(w.Context(), nil), sipua.CodeUnsupported, 0)
		typed(w, call.SendDTMF(w.Context(), "1", sipua.DTMFOptions{}), sipua.CodeUnsupported, 0)
	}, func(c *sipua.Config) {
		c.Media = func(context.Context, *sipua.Call, any) (sipua.Media, error) { return plainMedia{}, nil }
	})
}

// lateTones takes its time to stop, as a device may.
type lateTones struct {
	*sipuatest.Media
	sending, closedWhileSending atomic.Bool
}

func (m *lateTones) SendDTMF(ctx context.Context, _ string, _ sipua.DTMFOptions) error {
	m.sending.Store(true)
	defer m.sending.Store(false)
	<-ctx.Done()
	<-time.After(time.Second)
	return ctx.Err()
}

func (m *lateTones) Close() {
	m.closedWhileSending.Store(m.sending.Load())
	m.Media.Close()
}

// Close of the media comes last: not while SendDTMF runs.
func TestMediaIsClosedAfterTheTones(t *testing.T) {
	var media *lateTones
	play(t, func(w *world) {
		k := w.outgoing()
		done := begin(func() error { return k.call.SendDTMF(w.Context(), "1", sipua.DTMFOptions{}) })
		synctest.Wait()
		k.bye()
		typed(w, done(), sipua.CodeCanceled, 0)
		synctest.Wait()
		require.Equal(w, 1, media.Closed())
		require.False(w, media.closedWhileSending.Load())
	}, func(c *sipua.Config) {
		c.Media = func(context.Context, *sipua.Call, any) (sipua.Media, error) {
			media = &lateTones{Media: sipuatest.NewMedia(sipuatest.MediaOptions{})}
			return media, nil
		}
	})
}
