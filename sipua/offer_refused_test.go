package sipua_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// broken are descriptions that no browser could answer, each with the warn-code of the
// 488 (RFC 3261 section 20.43).
func broken(good string) map[string][2]string {
	without := func(lines string) string {
		return regexp.MustCompile(`(?m)^`+lines+`.*\r\n`).ReplaceAllString(good, "")
	}
	return map[string][2]string{
		"plain RTP":      {plainSDP, "302"},
		"SDES":           {strings.Replace(strings.Replace(plainSDP, "RTP/AVP", "RTP/SAVP", 1), "RTP/SAVP 0\r\n", "RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n", 1), "302"},
		"no fingerprint": {without("a=fingerprint"), "399"},
		"no ICE":         {without("a=ice-(ufrag|pwd)"), "399"},
		"no setup":       {without("a=setup"), "399"},
		"no stream":      {strings.Replace(good, "m=audio 50000", "m=audio 0", 1), "304"},
		"text alone":     {"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=text 4000 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n", "304"},
		"garbage":        {"hello", "399"},
		"no m= line":     {"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nt=0 0\r\n", "399"},
	}
}

// An INVITE with such an offer is refused at once: nobody is rung, no microphone opened.
// A re-INVITE is refused as well, and changes nothing.
func TestOffersNobodyCouldAnswer(t *testing.T) {
	for name, c := range broken(offer(t)) {
		t.Run(name, func(t *testing.T) {
			warned := func(w *world) {
				w.Helper()
				require.Regexp(w, `^`+c[1]+` [a-z0-9.]+ "[^"]+"$`, value(w.ExpectResponse(w.T, 488), "Warning"))
			}
			play(t, func(w *world) {
				w.connect()
				invite := w.NewRequest("INVITE", "sip:1001@example.com")
				sipuatest.SetSDP(invite, c[0])
				w.Send(invite)
				warned(w)
				require.Empty(w, w.story())
				require.Empty(w, w.media.All())
			})
			both(t, func(k *talk) {
				k.forget()
				re := k.reinvite(c[0])
				warned(k.world)
				k.Send(k.NewInDialogRequest("ACK", re, nil))
				require.Empty(k, k.story())
				require.Equal(k, sipuatest.Stable, k.media.For(k.call).State())
				k.agreedStreams("audio sendrecv")
				k.farHold(true)
				k.bye()
			})
		})
	}
}

// With Config.PlainMedia such offers are the matter of the media.
func TestPlainMediaAllowed(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		w.media.Plain = true
		k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{Plain: true})}
		k.invite = w.NewRequest("INVITE", "sip:1001@example.com")
		sipuatest.SetSDP(k.invite, k.farOffer(false))
		k.arrive()
		k.answersReliably()
		k.agreedStreams("audio sendrecv")
		k.farHold(true)
		require.True(w, k.call.OnHold(sipua.Remote))
		re, done := k.hold()
		k.agree(re)
		require.NoError(w, done())
		k.bye()
	}, func(c *sipua.Config) { c.PlainMedia = true })
}

// What should be an answer and is none ends the call, wherever it comes, and never leaves
// anything waiting.
func TestAnswersNobodyCouldUse(t *testing.T) {
	for name, sdp := range map[string]string{"garbage": "hello", "plain": plainSDP} {
		t.Run("reliable response, "+name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.dial(sipua.CallOptions{})
				k.provides(183, sdp, reliable(1)...)
				w.Respond(k.prackOf(k.ok), 200, "OK")
				k.says(k.invite, 200, "OK", "")
				w.ExpectRequest(w.T, "ACK")
				w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
				require.Error(w, k.call.Answered(w.Context()))
				require.Error(w, w.end(k.call).Err)
			})
		})
		t.Run("ACK of a re-INVITE, "+name, func(t *testing.T) {
			both(t, func(k *talk) {
				re := k.reinvite("")
				ok := k.ExpectResponse(k.T, 200)
				ack := k.NewInDialogRequest("ACK", re, ok)
				sipuatest.SetSDP(ack, sdp)
				k.Send(ack)
				k.Respond(k.ExpectRequest(k.T, "BYE"), 200, "OK")
				require.Error(k, k.end(k.call).Err)
			})
		})
	}
}

// A late answer in our ACK is the same in each ACK, also when the 2xx comes again while it
// is being made, and no ACK goes without it (RFC 3261 section 13.2.2.4).
func TestLateAnswerRetransmitted(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{LateOffer: true})
		k.slow(3 * time.Second)
		k.says(k.invite, 200, "OK", k.farOffer(false))
		for range 3 {
			w.ExpectNothing(w.T, 500*time.Millisecond)
			w.Send(k.ok)
		}
		ack := w.ExpectRequest(w.T, "ACK")
		k.applies(ack)
		k.slow(0)
		require.NoError(w, k.call.Answered(w.Context()))
		for range 3 {
			w.Send(k.ok)
			require.Equal(w, string(ack.Body()), string(w.ExpectRequest(w.T, "ACK").Body()))
		}
		// After a re-INVITE of ours the first 2xx still gets the first answer.
		re, done := k.hold()
		k.agree(re)
		require.NoError(w, done())
		w.Send(k.ok)
		last := w.ExpectRequest(w.T, "ACK")
		require.Equal(w, k.invite.CSeq().SeqNo, last.CSeq().SeqNo)
		require.Equal(w, string(ack.Body()), string(last.Body()))
		k.bye()
	})
}

// Who hangs up while the late answer is being made: the 2xx is acknowledged with an answer
// all the same, and the call ended.
func TestHangupBeforeLateAnswer(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{LateOffer: true})
		k.slow(3 * time.Second)
		k.says(k.invite, 200, "OK", k.farOffer(false))
		synctest.Wait()
		hangup := begin(func() error { return k.call.Hangup(w.Context()) })
		ack := w.ExpectRequest(w.T, "ACK")
		require.Contains(w, string(ack.Body()), "m=audio 0 ")
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, hangup())
		w.Send(k.ok)
		require.Equal(w, string(ack.Body()), string(w.ExpectRequest(w.T, "ACK").Body()))
	})
}
