package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// RFC 8838 and RFC 8840: candidates that follow their description in INFO.

const (
	aHost  = "candidate:1 1 udp 2122260223 192.0.2.9 50000 typ host"
	aSrflx = "candidate:2 1 udp 1686052607 198.51.100.7 50000 typ srflx raddr 192.0.2.9 rport 50000"
)

var tricklers = []sip.Header{h("Supported", "trickle-ice"), h("Recv-Info", "trickle-ice")}

func half(c *sipua.Config) { c.Trickle = sipua.TrickleHalf }
func full(c *sipua.Config) { c.Trickle = sipua.TrickleFull }

// fragmentOf is what the other side sends of its candidates.
func fragmentOf(sdp string, lines ...string) string {
	ufrag, pwd := attributeOf(sdp, "ice-ufrag"), attributeOf(sdp, "ice-pwd")
	return "a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + pwd + "\r\nm=audio 9 RTP/AVP 0\r\na=mid:" + attributeOf(sdp, "mid") + "\r\na=" + strings.Join(lines, "\r\na=") + "\r\n"
}

func attributeOf(sdp, name string) string {
	_, rest, _ := strings.Cut(sdp, "a="+name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// trickle sends a fragment.
func (k *talk) trickle(body string) {
	k.Helper()
	k.info("application/trickle-ice-sdpfrag", body, h("Info-Package", "trickle-ice"), h("Content-Disposition", "Info-Package"))
}

// expectCandidates takes an INFO of ours.
func (k *talk) expectCandidates(count int, end bool) *sip.Request {
	k.Helper()
	req := k.ExpectRequest(k.T, "INFO")
	k.inDialog(req)
	require.Equal(k, "trickle-ice", value(req, "Info-Package"))
	require.Equal(k, "Info-Package", value(req, "Content-Disposition"))
	require.Equal(k, "application/trickle-ice-sdpfrag", value(req, "Content-Type"))
	body := string(req.Body())
	require.Equal(k, count, strings.Count(body, "a=candidate:"), body)
	require.Equal(k, end, strings.Contains(body, "a=end-of-candidates"), body)
	return req
}

// The callee answers at once and tells the rest after the ACK, in one INFO at a time with
// all there is; what the caller tells reaches the media.
func TestTrickleIncoming(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(tricklers...)
		require.Contains(w, value(k.ok, "Supported"), "trickle-ice")
		k.ok = k.accept()
		require.Equal(w, "trickle-ice", value(k.ok, "Recv-Info"))
		answer := string(k.ok.Body())
		require.NotContains(w, answer, "a=candidate")
		require.Contains(w, answer, "a=ice-options:trickle")
		require.NoError(w, k.far.ApplyAnswer(w.Context(), answer, false))
		m := w.media.For(k.call)
		m.Gather(aHost)
		w.ExpectNothing(w.T, 0) // the caller may not have the dialog yet
		k.ack(k.invite, k.ok)
		info := k.expectCandidates(1, false)
		require.Equal(w, attributeOf(answer, "ice-ufrag"), attributeOf(string(info.Body()), "ice-ufrag"))
		m.Gather(aSrflx)
		m.EndGathering()
		w.ExpectNothing(w.T, 0) // the first is on its way
		w.Respond(info, 200, "OK")
		w.Respond(k.expectCandidates(2, true), 200, "OK")
		w.ExpectNothing(w.T, 0)

		theirs := string(k.invite.Body())
		k.trickle(fragmentOf(theirs, aHost))
		w.ExpectResponse(w.T, 200)
		k.trickle(fragmentOf(theirs, aHost, aSrflx, "end-of-candidates"))
		w.ExpectResponse(w.T, 200)
		synctest.Wait()
		require.Equal(w, []string{aHost, aSrflx, ""}, m.Candidates(), "each once")
		require.Zero(w, count[sipua.CallInfo](w), "it is not for the application")
		w.golden("trickle-incoming")
		k.bye()
	}, half)
}

// Half trickle: the first offer has its candidates, since nothing is known. The next one
// goes at once, and its candidates follow its answer.
func TestTrickleOutgoing(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		require.Contains(w, value(k.invite, "Supported"), "trickle-ice")
		require.Contains(w, string(k.invite.Body()), "a=candidate")
		require.Contains(w, string(k.invite.Body()), "a=ice-options:trickle")
		k.ok = w.RespondSDP(k.invite, 200, "OK", k.answerTo(k.invite), tricklers...)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		m := w.media.For(k.call)
		m.Gather(aHost, aSrflx) // later than the policy waits
		w.Respond(k.expectCandidates(1, false), 200, "OK")
		w.Respond(k.expectCandidates(2, false), 200, "OK")

		done := begin(func() error { return k.call.RestartICE(w.Context()) })
		re := w.ExpectRequest(w.T, "INVITE")
		require.NotContains(w, string(re.Body()), "a=candidate")
		m.Gather(aHost)
		m.EndGathering()
		w.ExpectNothing(w.T, 0)
		// Candidates of the answer overtake it.
		farAnswer := k.answerTo(re)
		k.trickle(fragmentOf(farAnswer, aSrflx))
		w.ExpectResponse(w.T, 200)
		require.NotContains(w, m.Candidates(), aSrflx)
		w.RespondSDP(re, 200, "OK", farAnswer)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, done())
		w.Respond(k.expectCandidates(1, true), 200, "OK")
		synctest.Wait()
		require.Equal(w, []string{aSrflx}, m.Candidates())
		w.golden("trickle-outgoing")
		k.bye()
	}, half)
}

// Full trickle: not even the first offer waits. The candidates follow a reliable
// provisional answer.
func TestTrickleFull(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		require.NotContains(w, string(k.invite.Body()), "a=candidate")
		m := w.media.For(k.call)
		m.Gather(aHost)
		w.ExpectNothing(w.T, 0)
		k.ok = k.provides(183, k.answerTo(k.invite), append([]sip.Header{h("Require", "100rel"), h("RSeq", "1")}, tricklers...)...)
		prack := w.ExpectRequest(w.T, "PRACK")
		w.ExpectNothing(w.T, 0)
		w.Respond(prack, 200, "OK")
		w.Respond(k.expectCandidates(1, false), 200, "OK")
		k.trickle(fragmentOf(k.far.LocalSDP(), aSrflx))
		w.ExpectResponse(w.T, 200)
		synctest.Wait()
		require.Equal(w, []string{aSrflx}, m.Candidates())
		w.golden("trickle-full")
		done := begin(func() error { return k.call.Hangup(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
		w.Respond(k.invite, 487, "Request Terminated")
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, done())
	}, full)
	play(t, func(w *world) { // in the option of one call
		k := w.dial(sipua.CallOptions{Trickle: sipua.TrickleFull})
		require.NotContains(w, string(k.invite.Body()), "a=candidate")
		require.Equal(w, "trickle-ice", value(k.invite, "Recv-Info"))
		w.Respond(k.invite, 486, "Busy Here")
		w.ExpectRequest(w.T, "ACK")
	})
}

// Who takes no candidates in INFO is offered them in a re-INVITE.
func TestTrickleFullToWhomItIsNews(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.ok = w.RespondSDP(k.invite, 200, "OK", k.answerTo(k.invite))
		w.ExpectRequest(w.T, "ACK")
		re := w.ExpectRequest(w.T, "INVITE")
		require.Contains(w, string(re.Body()), "a=candidate")
		k.agree(re)
		require.NoError(w, k.call.Answered(w.Context()))
		w.media.For(k.call).Gather(aHost)
		w.ExpectNothing(w.T, time.Minute)
		k.bye()
	}, full)
}

// Who says it in SDP alone, as every browser does whatever drives it, is not told; nor
// who has refused it once. Off is off.
func TestTrickleNot(t *testing.T) {
	for name, headers := range map[string][]sip.Header{"SDP alone": nil, "another package": {h("Recv-Info", "conf")}} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.ring(headers...)
				k.ok = k.accept()
				require.Contains(w, string(k.ok.Body()), "a=candidate")
				require.NoError(w, k.far.ApplyAnswer(w.Context(), string(k.ok.Body()), false))
				k.ack(k.invite, k.ok)
				w.media.For(k.call).Gather(aHost)
				w.ExpectNothing(w.T, time.Minute)
				k.bye()
			}, half)
		})
	}
	t.Run("refused", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.ring(tricklers...)
			k.ok = k.accept()
			require.NoError(w, k.far.ApplyAnswer(w.Context(), string(k.ok.Body()), false))
			k.ack(k.invite, k.ok)
			m := w.media.For(k.call)
			m.Gather(aHost)
			w.Respond(k.expectCandidates(1, false), 469, "Bad Info Package")
			m.Gather(aSrflx)
			w.ExpectNothing(w.T, time.Minute)
			require.Equal(w, 1, count[sipua.ProtocolError](w))
			done := begin(func() error { return k.call.Hold(w.Context()) })
			re := w.ExpectRequest(w.T, "INVITE")
			require.Contains(w, string(re.Body()), "a=candidate", "it waits again")
			k.agree(re)
			require.NoError(w, done())
			k.bye()
		}, half)
	})
	t.Run("off", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.ring(tricklers...)
			k.ok = k.accept()
			require.NotContains(w, value(k.ok, "Supported"), "trickle-ice")
			require.NotContains(w, string(k.ok.Body()), "trickle")
			require.NoError(w, k.far.ApplyAnswer(w.Context(), string(k.ok.Body()), false))
			k.ack(k.invite, k.ok)
			k.trickle(fragmentOf(string(k.invite.Body()), aHost))
			w.ExpectResponse(w.T, 469)
			k.bye()
		})
	})
	_, err := sipua.New(sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}, Trickle: "yes"})
	require.ErrorIs(t, err, sipua.ErrInvalidArgument)
}

// What cannot be used has its answer, and the media does not get it.
func TestTrickleBadFragments(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(tricklers...)
		k.ok = k.accept()
		require.NoError(w, k.far.ApplyAnswer(w.Context(), string(k.ok.Body()), false))
		k.ack(k.invite, k.ok)
		good := fragmentOf(string(k.invite.Body()), aHost)
		k.trickle("")
		w.ExpectResponse(w.T, 400)
		k.trickle("{}")
		w.ExpectResponse(w.T, 400)
		k.trickle(good + strings.Repeat("a="+aHost+"\r\n", 300))
		w.ExpectResponse(w.T, 400)
		k.info("application/sdp", good, h("Info-Package", "trickle-ice"))
		require.Equal(w, "application/trickle-ice-sdpfrag", value(w.ExpectResponse(w.T, 415), "Accept"))
		k.info("application/trickle-ice-sdpfrag", good, h("Info-Package", "trickle-ice"), h("Content-Encoding", "gzip"))
		w.ExpectResponse(w.T, 415)
		require.Equal(w, 3, count[sipua.ProtocolError](w))

		// Of another generation: it may be one to come, and is not used.
		other := sipuatest.NewMedia(sipuatest.MediaOptions{})
		sdp, err := other.CreateOffer(w.Context(), sipua.OfferOptions{})
		require.NoError(w, err)
		k.trickle(fragmentOf(sdp, aHost))
		w.ExpectResponse(w.T, 200)
		// Of no stream: the media refuses it, and the call goes on.
		k.trickle(strings.Replace(good, "a=mid:0", "a=mid:7", 1))
		w.ExpectResponse(w.T, 200)
		synctest.Wait()
		require.Empty(w, w.media.For(k.call).Candidates())
		require.Equal(w, 4, count[sipua.ProtocolError](w))
		require.Equal(w, sipua.Established, k.call.State())
		k.bye()
	}, half)
}
