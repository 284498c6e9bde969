package sipua_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// RFC 4733 has its test beside the media; these go in INFO, both ways.
func TestDTMFInINFO(t *testing.T) {
	both(t, func(k *talk) {
		k.forget()
		for method, want := range map[sipua.DTMFMethod][]string{
			sipua.DTMFInfoRelay: {"application/dtmf-relay", "Signal=1\r\nDuration=160\r\n", "Signal=#\r\nDuration=160\r\n", "Signal=D\r\nDuration=160\r\n"},
			sipua.DTMFInfo:      {"application/dtmf", "1", "#", "D"},
		} {
			begun := time.Now()
			done := begin(func() error {
				return k.call.SendDTMF(k.Context(), "1#,d", sipua.DTMFOptions{Method: method, Duration: 160 * time.Millisecond, Gap: 40 * time.Millisecond})
			})
			for i, body := range want[1:] {
				info := k.ExpectRequest(k.T, "INFO")
				require.Equal(k, []time.Duration{0, 200 * time.Millisecond, 2400 * time.Millisecond}[i], time.Since(begun))
				k.inDialog(info)
				require.Equal(k, want[0], value(info, "Content-Type"))
				require.Equal(k, body, string(info.Body()))
				require.Empty(k, values(info, "Info-Package"))
				k.Respond(info, 200, "OK")
			}
			require.NoError(k, done())
			time.Sleep(200 * time.Millisecond) // of the last one, before another number may follow
		}
		require.Empty(k, k.media.For(k.call).Tones())
	})
}

// Two that send tones at once do not mix them: each is a number that somebody dials.
func TestDTMFInINFOIsInOrder(t *testing.T) {
	for _, method := range []sipua.DTMFMethod{sipua.DTMFInfoRelay, sipua.DTMFInfo} {
		play(t, func(w *world) {
			k := w.outgoing()
			first := begin(func() error { return k.call.SendDTMF(w.Context(), "12", sipua.DTMFOptions{Method: method}) })
			synctest.Wait()
			second := begin(func() error { return k.call.SendDTMF(w.Context(), "34", sipua.DTMFOptions{Method: sipua.DTMFInfo}) })
			sent := ""
			for range 4 {
				info := w.ExpectRequest(w.T, "INFO")
				tone := string(info.Body())
				if l := line(tone, "Signal="); l != "" {
					tone = l[len("Signal="):]
				}
				sent += tone
				w.Respond(info, 200, "OK")
			}
			require.NoError(w, first())
			require.NoError(w, second())
			require.Equal(w, "1234", sent)
		})
	}
}

func TestDTMFInINFOFails(t *testing.T) {
	both(t, func(k *talk) {
		send := func(tones string) func() error {
			return begin(func() error {
				return k.call.SendDTMF(k.Context(), tones, sipua.DTMFOptions{Method: sipua.DTMFInfoRelay})
			})
		}
		done := send("12")
		k.Respond(k.ExpectRequest(k.T, "INFO"), 415, "Unsupported Media Type")
		typed(k, done(), sipua.CodeRejected, 415)
		k.ExpectNothing(k.T, time.Second) // the rest of the number is of no use
		done = send("9")
		k.Respond(k.ExpectRequest(k.T, "INFO"), 200, "OK")
		require.NoError(k, done(), "the next number is not in its way")
		time.Sleep(200 * time.Millisecond)
		done = send("1,2")
		k.Respond(k.ExpectRequest(k.T, "INFO"), 200, "OK")
		synctest.Wait()
		waiting := send("3")
		synctest.Wait()
		k.bye()
		typed(k, done(), sipua.CodeCanceled, 0)
		typed(k, waiting(), sipua.CodeCanceled, 0)
		typed(k, send("1")(), sipua.CodeInvalidState, 0)
		typed(k, k.call.SendDTMF(k.Context(), "1", sipua.DTMFOptions{Method: "smoke"}), sipua.CodeInvalidArgument, 0)
	})
}

// What arrives: both types, as phones and servers write them.
func TestCallTone(t *testing.T) {
	both(t, func(k *talk) {
		for _, c := range []struct {
			contentType, body string
			want              sipua.CallTone
		}{
			{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", sipua.CallTone{Tone: "5", Duration: 160 * time.Millisecond, Method: sipua.DTMFInfoRelay}},
			{"Application/DTMF-Relay ;x=y", "signal = #\nduration = 90", sipua.CallTone{Tone: "#", Duration: 90 * time.Millisecond, Method: sipua.DTMFInfoRelay}},
			{"application/dtmf-relay", "Signal=11", sipua.CallTone{Tone: "#", Method: sipua.DTMFInfoRelay}},
			{"application/dtmf-relay", "Signal=*\r\nDuration=-1\r\n", sipua.CallTone{Tone: "*", Method: sipua.DTMFInfoRelay}},
			{"application/dtmf", "d", sipua.CallTone{Tone: "D", Method: sipua.DTMFInfo}},
			{"application/dtmf", "16\r\n", sipua.CallTone{Tone: "!", Method: sipua.DTMFInfo}},
		} {
			k.forget()
			k.info(c.contentType, c.body)
			k.ExpectResponse(k.T, 200)
			c.want.Call = k.call
			require.Equal(k, c.want, last[sipua.CallTone](k.world), c.body)
			require.Zero(k, count[sipua.CallInfo](k.world), "it is told once")
		}
		for _, body := range []string{"Signal=99\r\n", "Duration=1\r\n", "\x00", "Signal=" + "5555"} { // no tone: told as it is
			k.forget()
			k.info("application/dtmf-relay", body)
			k.ExpectResponse(k.T, 200)
			require.Zero(k, count[sipua.CallTone](k.world))
			require.Equal(k, 1, count[sipua.CallInfo](k.world))
		}
		k.forget()
		require.NoError(k, k.media.For(k.call).Tone("7", 80*time.Millisecond))
		require.Equal(k, sipua.CallTone{Call: k.call, Tone: "7", Duration: 80 * time.Millisecond, Method: sipua.DTMFRTP}, last[sipua.CallTone](k.world))
	})
}
