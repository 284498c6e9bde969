package sipua_test

import (
	"testing/synctest"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// talk is a call that has been answered, seen from both sides.
type talk struct {
	*world
	call   *sipua.Call
	invite *sip.Request
	ok     *sip.Response
	far    *sipuatest.Media // the other side's
}

// outgoing plays a call of ours up to its ACK.
func (w *world) outgoing() *talk {
	w.Helper()
	k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
	k.call = w.callOut()
	k.invite = w.ExpectRequest(w.T, "INVITE")
	w.Respond(k.invite, 100, "Trying")
	w.Respond(k.invite, 180, "Ringing")
	k.ok = w.RespondSDP(k.invite, 200, "OK", k.answerTo(k.invite))
	w.ExpectRequest(w.T, "ACK")
	require.NoError(w, k.call.Answered(w.Context()))
	return k
}

// callOut calls 1002.
func (w *world) callOut() *sipua.Call {
	w.Helper()
	call, err := w.ua.Call("1002", sipua.CallOptions{})
	require.NoError(w, err)
	return call
}

// incoming plays a call to us up to its ACK.
func (w *world) incoming() *talk {
	w.Helper()
	k := w.ring()
	done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
	k.ok = w.ExpectResponse(w.T, 200)
	require.NoError(w, done())
	require.NoError(w, k.far.ApplyAnswer(w.Context(), string(k.ok.Body()), false))
	k.ack(k.invite, k.ok)
	synctest.Wait()
	return k
}

// ring plays a call to us up to the 180, which stands in k.ok.
func (w *world) ring(headers ...sip.Header) *talk {
	w.Helper()
	if !w.Connected() {
		w.connect()
	}
	k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
	k.invite = w.NewRequest("INVITE", "sip:1001@example.com", headers...)
	sdp, err := k.far.CreateOffer(w.Context(), sipua.OfferOptions{})
	require.NoError(w, err)
	sipuatest.SetSDP(k.invite, sdp)
	k.arrive()
	return k
}

// arrive sends k.invite and takes the 180.
func (k *talk) arrive() {
	k.Helper()
	k.Send(k.invite)
	k.ok = k.ExpectResponse(k.T, 180)
	synctest.Wait()
	calls := k.ua.Calls()
	require.NotEmpty(k, calls)
	k.call = calls[len(calls)-1]
}

// answerTo is the other side's answer to the offer in req.
func (k *talk) answerTo(req *sip.Request) string {
	k.Helper()
	sdp, err := k.far.CreateAnswer(k.Context(), string(req.Body()), sipua.OfferOptions{})
	require.NoError(k, err)
	return sdp
}

// request sends a request of the other side inside the dialog.
func (k *talk) request(method string, headers ...sip.Header) *sip.Request {
	k.Helper()
	req := k.NewInDialogRequest(method, k.invite, k.ok, headers...)
	k.Send(req)
	return req
}

// ack sends the ACK for a 2xx to an INVITE of the other side.
func (k *talk) ack(invite *sip.Request, ok *sip.Response) {
	k.Helper()
	k.Send(k.NewInDialogRequest("ACK", invite, ok))
}

// reinvite sends a re-INVITE of the other side. Without sdp it has no offer.
func (k *talk) reinvite(sdp string) *sip.Request {
	k.Helper()
	req := k.NewInDialogRequest("INVITE", k.invite, k.ok)
	if sdp != "" {
		sipuatest.SetSDP(req, sdp)
	}
	k.Send(req)
	return req
}

// farOffer makes an offer of the other side.
func (k *talk) farOffer(hold bool) string {
	k.Helper()
	sdp, err := k.far.CreateOffer(k.Context(), sipua.OfferOptions{Hold: hold})
	require.NoError(k, err)
	return sdp
}

// farHold plays a hold or resume of the other side up to its ACK, and returns
// our 200.
func (k *talk) farHold(hold bool) *sip.Response {
	k.Helper()
	re := k.reinvite(k.farOffer(hold))
	ok := k.ExpectResponse(k.T, 200)
	require.NoError(k, k.far.ApplyAnswer(k.Context(), string(ok.Body()), false))
	k.ack(re, ok)
	synctest.Wait()
	return ok
}

// agree answers a re-INVITE of ours and takes the ACK.
func (k *talk) agree(re *sip.Request) {
	k.Helper()
	k.RespondSDP(re, 200, "OK", k.answerTo(re))
	k.ExpectRequest(k.T, "ACK")
}

// bye plays the end of a call by the other side.
func (k *talk) bye() {
	k.Helper()
	k.request("BYE")
	k.ExpectResponse(k.T, 200)
	synctest.Wait()
	require.Equal(k, sipua.Ended, k.call.State())
}

// hangup plays the end of an established call by us.
func (k *talk) hangup() {
	k.Helper()
	done := begin(func() error { return k.call.Hangup(k.Context()) })
	bye := k.ExpectRequest(k.T, "BYE")
	k.inDialog(bye)
	k.Respond(bye, 200, "OK")
	require.NoError(k, done())
}

// inDialog demands that req of ours is inside the dialog: RFC 3261 section
// 12.2.1.1.
func (k *talk) inDialog(req *sip.Request) {
	k.Helper()
	ours, theirs := value(k.invite, "From"), value(k.ok, "To")
	if k.call.Direction() == sipua.Incoming {
		ours, theirs = theirs, ours
	}
	require.Equal(k, ours, value(req, "From"))
	require.Equal(k, theirs, value(req, "To"))
	require.Equal(k, k.call.ID(), req.CallID().Value())
	require.Equal(k, "sip:peer@peer.invalid;transport=ws", req.Recipient.String())
}

// alive proves that the user agent still registers and calls.
func (w *world) alive() {
	w.Helper()
	w.register()
	w.outgoing().bye()
}
