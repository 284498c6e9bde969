package main

import (
	"syscall/js"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Transfers at the port, in both directions.

const transfer = 21 // the facade's handle of a transfer

// notify tells the transferor how it goes.
func (d *dialog) notify(state, fragment string) {
	d.f.t.Helper()
	req := d.f.peer.NewInDialogRequest("NOTIFY", d.invite, d.ok, h("Event", "refer"), h("Subscription-State", state))
	deliver(d.ws, req, "message/sipfrag;version=2.0", fragment)
	d.f.response(200)
}

func (f *facade) expectProgress(want string) {
	f.t.Helper()
	require.JSONEq(f.t, want, json(f.expectEvent(transfer, "progress")))
}

func TestPortTransfers(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	wait := d.verb("transfer", "transfer", transfer, "target", "1003", "headers", []any{[]any{"X-Case", "17"}}, "referredBy", "sip:boss@example.com")
	refer := f.request("REFER")
	require.Equal(t, "<sip:1003@example.com>", header(t, refer, "Refer-To"))
	require.Contains(t, header(t, refer, "Referred-By"), "sip:boss@example.com")
	require.Equal(t, "17", header(t, refer, "X-Case"))
	f.respond(d.ws, refer, 202, "Accepted")
	made := f.done(wait)
	require.Equal(t, "sip:1003@example.com", text(made, "target"))
	d.notify("active;expires=60", "SIP/2.0 180 Ringing\r\n")
	f.expectProgress(`{"status":180,"reason":"Ringing","done":false}`)
	d.notify("terminated;reason=noresource", "SIP/2.0 200 OK\r\n")
	f.expectProgress(`{"status":200,"reason":"OK","done":true}`)
	f.request("BYE") // the transfer is done
	d.events("state", "ended")
	settle(t)
	require.Empty(t, f.events)
}

// The other side may tell how it goes before it answers the REFER. Nothing of that is
// lost, and it keeps its order.
func TestPortTransferToldEarly(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	wait := d.verb("transfer", "transfer", transfer, "target", "1003", "keep", true)
	refer := f.request("REFER")
	d.notify("active;expires=60", "SIP/2.0 100 Trying\r\n")
	d.notify("active;expires=60", "SIP/2.0 180 Ringing\r\n")
	d.notify("terminated;reason=noresource", "SIP/2.0 486 Busy Here\r\n")
	f.respond(d.ws, refer, 202, "Accepted")
	f.done(wait)
	f.expectProgress(`{"status":100,"reason":"Trying","done":false}`)
	f.expectProgress(`{"status":180,"reason":"Ringing","done":false}`)
	e := f.expectEvent(transfer, "progress")
	require.True(t, e.Get("done").Bool())
	f.requireError(e.Get("error"), "rejected")
	require.Equal(t, 486, e.Get("error").Get("status").Int())
	f.refused(d.verb("transfer", "transfer", transfer, "target", ""), "invalid-argument")
	f.refused(d.verb("transfer", "transfer", transfer, "other", 3), "invalid-argument") // with itself
	f.refused(d.verb("transfer", "transfer", transfer, "other", 99), "invalid-state")
}

// Neither what was told early nor what is over is kept.
func TestPortForgetsTransfers(t *testing.T) {
	page := newPage(t)
	p := newPort(page.Value)
	var heard []string
	page.on("emit", func(args []js.Value) { heard = append(heard, text(args[2], "reason")) })
	tell := func(tr *sipua.Transfer, reason string, done bool) {
		p.transferProgress(sipua.TransferProgress{Transfer: tr, Reason: reason, Done: done})
	}
	forgotten := func(tr *sipua.Transfer) {
		_, known := p.lookup(tr)
		require.False(t, known)
		require.Empty(t, p.progress)
	}
	early, late := new(sipua.Transfer), new(sipua.Transfer)
	tell(early, "first", false)
	tell(early, "last", true)
	settle(t)
	require.Empty(t, heard, "the facade does not know it yet")
	p.follow(early, transfer)
	settle(t)
	require.Equal(t, []string{"first", "last"}, heard)
	forgotten(early)

	p.follow(late, transfer)
	tell(late, "alone", true)
	settle(t)
	require.Equal(t, []string{"first", "last", "alone"}, heard)
	forgotten(late)
}

func TestPortTransfersToACall(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	other := f.establish(d.ws, 5)
	wait := d.verb("transfer", "transfer", transfer, "other", 5)
	for _, invite := range []*sip.Request{f.request("INVITE"), f.request("INVITE")} { // both go on hold
		f.respondSDP(d.ws, invite, remoteSDP("audio recvonly"))
		f.request("ACK")
	}
	refer := f.request("REFER")
	require.Contains(t, header(t, refer, "Refer-To"), "Replaces="+other.invite.CallID().Value())
	f.respond(d.ws, refer, 405, "Method Not Allowed")
	e := f.refused(wait, "rejected")
	require.Equal(t, 405, e.Get("status").Int())
}

// referred plays a REFER in the call.
func (d *dialog) referred(headers ...sip.Header) int {
	d.f.t.Helper()
	d.ws.Call("deliver", d.f.peer.NewInDialogRequest("REFER", d.invite, d.ok, headers...).String())
	return d.event("referred").Get("referral").Int()
}

func TestPortFollowsAReferral(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	d.ws.Call("deliver", f.peer.NewInDialogRequest("REFER", d.invite, d.ok, h("Refer-To", "<sip:1003@example.com?Replaces=c%3Bto-tag%3Dt%3Bfrom-tag%3Df>"),
		h("Referred-By", `"Boss" <sip:boss@example.com>`)).String())
	e := d.event("referred")
	require.Equal(t, "sip:1003@example.com", text(e, "target"))
	require.JSONEq(t, `{"displayName":"Boss","uri":"sip:boss@example.com","user":"boss"}`, json(e.Get("referredBy")))
	require.JSONEq(t, `{"callId":"c","toTag":"t","fromTag":"f","earlyOnly":false}`, json(e.Get("replaces")))
	require.Equal(t, "1002", text(e.Get("from"), "user"), "who asks")
	referral := e.Get("referral").Int()

	f.refused(f.begin("accept", referral, object("call", 7, "headers", "X")), "invalid-argument")
	f.refused(f.begin("fly", referral, nil), "unsupported")
	made := f.do("accept", referral, object("call", 7, "headers", []any{[]any{"X-Case", "17"}}))
	f.response(202)
	// The call's own events come under the handle that the facade has given, from the first one.
	for _, kind := range []string{"peerconnection", "localstream", "state"} {
		f.expectEvent(7, kind)
	}
	notify := f.request("NOTIFY")
	require.Contains(t, string(notify.Body()), "100")
	f.respond(d.ws, notify, 200, "OK")
	invite := f.request("INVITE")
	require.Equal(t, text(made, "id"), invite.CallID().Value())
	require.Equal(t, "17", header(t, invite, "X-Case"))
	require.Contains(t, header(t, invite, "Replaces"), "c;")
	f.refused(f.begin("accept", referral, object("call", 9)), "invalid-state")
	f.refused(f.begin("fly", referral, nil), "invalid-state") // forgotten
}

func TestPortRejectsAReferral(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	referral := d.referred(h("Refer-To", "<sip:1003@example.com>"))
	f.refused(f.begin("reject", referral, object("status", 200)), "invalid-argument")
	f.do("reject", referral, object("status", 603))
	f.response(603)
	f.refused(f.begin("fly", referral, nil), "invalid-state") // forgotten

	d.ws.Call("deliver", f.peer.NewRequest("REFER", "sip:1001@example.com", h("Refer-To", "<sip:1003@example.com>")).String())
	e := f.expectEvent(ua, "referral") // outside of any call
	require.True(t, e.Get("referredBy").IsUndefined())
	f.do("reject", e.Get("referral").Int(), nil)
	f.response(603)
}

// A referral that nobody decides ends with an event, and is forgotten.
func TestPortForgetsUndecidedReferrals(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	referral := d.referred(h("Refer-To", "<sip:1003@example.com>"))
	wait := f.begin("hangup", 3, nil)
	f.response(603)
	f.respond(d.ws, f.request("BYE"), 200, "OK")
	f.done(wait)
	var e event
	for e.handle != referral { // the call's own come besides
		e = receive(t, f.events, "the end of the referral")
	}
	require.Equal(t, []string{"ended", "{}"}, []string{e.kind, json(e.payload)})
	f.refused(f.begin("fly", referral, nil), "invalid-state")
}
