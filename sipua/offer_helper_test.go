package sipua_test

import (
	"testing"
	"testing/synctest"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// The other side of these tests knows reliable provisional responses and UPDATE.
var (
	farKnows = h("Supported", "100rel")
	farTakes = h("Allow", "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE")
)

// reliable are the headers that make a provisional response one of RFC 3262.
func reliable(rseq int, more ...sip.Header) []sip.Header {
	return append([]sip.Header{h("Require", "100rel"), h("RSeq", itoa(rseq)), farTakes}, more...)
}

// dial begins a call of ours and takes its INVITE.
func (w *world) dial(o sipua.CallOptions) *talk {
	w.Helper()
	if !w.Connected() {
		w.connect()
	}
	k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
	call, err := w.ua.Call("1002", o)
	require.NoError(w, err)
	k.call = call
	k.invite = w.ExpectRequest(w.T, "INVITE")
	return k
}

// provides answers our INVITE for the time being.
func (k *talk) provides(status int, sdp string, headers ...sip.Header) *sip.Response {
	k.Helper()
	return k.says(k.invite, status, "Session Progress", sdp, headers...)
}

// says is a response with or without a description.
func (k *talk) says(req *sip.Request, status int, reason, sdp string, headers ...sip.Header) *sip.Response {
	k.Helper()
	if sdp == "" {
		k.ok = k.Respond(req, status, reason, headers...)
	} else {
		k.ok = k.RespondSDP(req, status, reason, sdp, headers...)
	}
	return k.ok
}

// prackOf takes our PRACK for a reliable response.
func (k *talk) prackOf(res *sip.Response) *sip.Request {
	k.Helper()
	prack := k.ExpectRequest(k.T, "PRACK")
	k.inDialog(prack)
	require.Equal(k, value(res, "RSeq")+" "+itoa(int(res.CSeq().SeqNo))+" INVITE", value(prack, "RAck"))
	return prack
}

// early plays a call of ours in which a session is agreed before the answer.
func (w *world) early(o sipua.CallOptions) *talk {
	w.Helper()
	k := w.dial(o)
	k.provides(183, k.answerTo(k.invite), reliable(1)...)
	k.Respond(k.prackOf(k.ok), 200, "OK")
	synctest.Wait()
	return k
}

// earlyCall plays a call to us in which a session is agreed before the answer.
func (w *world) earlyCall(headers ...sip.Header) *talk {
	w.Helper()
	k := w.ring(append(headers, farKnows, farTakes)...)
	done := k.progress(sipua.ProgressOptions{Media: true})
	k.ok = k.ExpectResponse(k.T, 183)
	require.NoError(k, done())
	require.NoError(k, k.far.ApplyAnswer(k.Context(), string(k.ok.Body()), false))
	k.prack(k.ok, "")
	k.ExpectResponse(k.T, 200)
	synctest.Wait()
	return k
}

// ringLate plays a call to us without an offer up to the 180.
func (w *world) ringLate(headers ...sip.Header) *talk {
	w.Helper()
	if !w.Connected() {
		w.connect()
	}
	k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
	k.invite = w.NewRequest("INVITE", "sip:1001@example.com", headers...)
	k.arrive()
	return k
}

// progress begins a Progress.
func (k *talk) progress(o sipua.ProgressOptions) (done func() error) {
	return begin(func() error { return k.call.Progress(k.Context(), o) })
}

// prack acknowledges a provisional response of ours.
func (k *talk) prack(res *sip.Response, sdp string) *sip.Request {
	k.Helper()
	return k.prackWith(value(res, "RSeq")+" "+itoa(int(res.CSeq().SeqNo))+" INVITE", sdp)
}

func (k *talk) prackWith(rack, sdp string) *sip.Request {
	k.Helper()
	req := k.NewInDialogRequest("PRACK", k.invite, k.ok, h("RAck", rack))
	if sdp != "" {
		sipuatest.SetSDP(req, sdp)
	}
	k.Send(req)
	return req
}

// update sends an UPDATE of the other side.
func (k *talk) update(sdp string, headers ...sip.Header) *sip.Request {
	k.Helper()
	req := k.NewInDialogRequest("UPDATE", k.invite, k.ok, headers...)
	if sdp != "" {
		sipuatest.SetSDP(req, sdp)
	}
	k.Send(req)
	return req
}

// applies makes the other side take the answer to its offer.
func (k *talk) applies(m sip.Message) {
	k.Helper()
	require.NoError(k, k.far.ApplyAnswer(k.Context(), string(m.Body()), false))
}

// bothEarly runs a scenario for both roles while a session is agreed and the call not
// answered.
func bothEarly(t *testing.T, scenario func(k *talk)) {
	t.Run("outgoing", func(t *testing.T) { play(t, func(w *world) { scenario(w.early(sipua.CallOptions{})) }) })
	t.Run("incoming", func(t *testing.T) { play(t, func(w *world) { scenario(w.earlyCall()) }) })
}

// answers ends the early part of either role: the call is answered without another
// description.
func (k *talk) farAnswers() {
	k.Helper()
	if k.call.Direction() == sipua.Outgoing {
		k.says(k.invite, 200, "OK", "", farTakes)
		k.ExpectRequest(k.T, "ACK")
	} else {
		k.ok = k.accept()
		require.Empty(k, k.ok.Body())
		k.ack(k.invite, k.ok)
	}
	require.NoError(k, k.call.Answered(k.Context()))
	synctest.Wait()
	require.Equal(k, sipua.Established, k.call.State())
}

// streams in short: "audio sendrecv".
func streams(list []sipua.Stream) (short []string) {
	for _, s := range list {
		said := s.Kind + " " + string(s.Direction)
		if s.Refused {
			said = s.Kind + " refused"
		}
		short = append(short, said)
	}
	return short
}
