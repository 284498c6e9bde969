package main

import (
	"fmt"
	"strings"
	"syscall/js"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

const ua = 1 // the handle of the first user agent of a facade

func TestPortIsReady(t *testing.T) {
	f := start(t)
	require.Equal(t, sipua.Version, text(f.Get("announced"), "version"))
	require.Equal(t, "urn:uuid:0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9", text(f.create(ua, "instanceId", "urn:uuid:0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9"), "instanceId"))
	require.Regexp(t, `^urn:uuid:[0-9a-f-]{36}$`, text(f.create(3), "instanceId"))
	require.Zero(t, f.Get("sockets").Length(), "nothing connects before it has to")
	settle(t)
	require.Empty(t, f.events)
}

// port.call only enqueues. Go would run inside it until nothing can run, and an
// application that calls and then listens,
//
//	const call = ua.call("1002", { media: { stream } });
//	call.on("peerconnection", …);
//
// would miss what has happened meanwhile.
func TestPortCallOnlyEnqueues(t *testing.T) {
	f := start(t)
	f.create(ua)
	args := object("call", 3, "target", "1002", "media", object("stream", f.stream("audio")))
	// From a task of the page, as applications call: from here it would have to wait for Go.
	js.Global().Get("Function").New("page", "call", "ua", "args", `
		let happened = 0;
		const heard = page.heard, end = () => happened++;
		page.heard = (...event) => { happened++; heard(...event); };
		setTimeout(() => {
			call("call", ua, args, end, end);
			page.early = happened;
			page.happened = () => happened;
		});
	`).Invoke(f.Value, f.call, ua, args)
	settle(t)
	require.Zero(t, f.Get("early").Int(), "no operation ends and no event comes before port.call has returned")
	f.expectEvent(3, "peerconnection")
	require.Greater(t, f.Call("happened").Int(), 1, "the operation's end and the event")
}

func TestPortRegisters(t *testing.T) {
	f := start(t)
	f.create(ua, "displayName", "Alice", "registrationExpires", 300, "userAgent", "Phone/1")
	wait := f.begin("register", ua, nil)
	ws := f.connect(ua)
	register := f.request("REGISTER")
	require.Equal(t, "300", register.GetHeader("Expires").Value())
	require.Equal(t, "Phone/1", register.GetHeader("User-Agent").Value())
	require.Equal(t, "Alice", strings.Trim(register.From().DisplayName, `"`))
	f.respond(ws, register, 401, "Unauthorized", sip.NewHeader("WWW-Authenticate", `Digest realm="example.com", nonce="n1", qop="auth", algorithm=MD5`))
	again := f.request("REGISTER")
	require.Contains(t, again.GetHeader("Authorization").Value(), `username="1001"`)
	f.respond(ws, again, 200, "OK", sip.NewHeader("Contact", again.Contact().Value()+";expires=120"))
	require.Equal(t, 120, f.expectEvent(ua, "registered").Get("expires").Int(), "seconds, as granted")
	f.done(wait)

	wait = f.begin("unregister", ua, nil)
	f.grant(ws, f.request("REGISTER"))
	require.True(t, f.expectEvent(ua, "unregistered").Get("error").IsUndefined())
	f.done(wait)
}

// An act without a result resolves with undefined, as a JavaScript function
// without one returns.
func TestPortResolvesWithUndefined(t *testing.T) {
	f := start(t)
	f.create(ua)
	require.True(t, f.do("trace", ua, object("on", true)).IsUndefined())
	require.True(t, f.do("unregister", ua, nil).IsUndefined())
	require.True(t, f.do("close", ua, nil).IsUndefined())
}

func TestPortOutgoingCall(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	const call = 7
	wait := f.begin("call", ua, object("call", call, "target", "1002", "headers", []any{[]any{"X-Case", "17"}, []any{"Subject", "Grüße"}}))
	made := f.done(wait)
	require.NotEmpty(t, text(made, "id"))
	require.Equal(t, "sip:1002@example.com", text(made.Get("remote"), "uri"))
	require.Equal(t, "1002", text(made.Get("remote"), "user"))
	require.True(t, f.expectEvent(call, "peerconnection").Get("peerConnection").Equal(f.only("peers")))
	require.True(t, f.expectEvent(call, "localstream").Get("stream").Equal(f.only("streams")))
	f.expectState(call, "calling")
	invite := f.request("INVITE")
	require.Equal(t, text(made, "id"), invite.CallID().Value())
	require.Equal(t, "17", invite.GetHeader("X-Case").Value())
	require.Equal(t, "Grüße", invite.GetHeader("Subject").Value())
	f.respond(ws, invite, 180, "Ringing")
	f.expectState(call, "ringing")
	ringing := f.expectEvent(call, "ringing")
	require.Equal(t, 180, ringing.Get("status").Int())
	require.Equal(t, "Ringing", text(ringing, "reason"))
	require.Equal(t, js.TypeBoolean, ringing.Get("earlyMedia").Type())
	f.respondSDP(ws, invite, remoteSDP("audio sendrecv"))
	f.request("ACK")
	f.expectState(call, "established")
	f.expectEvent(call, "snapshot")
	f.expectEvent(call, "answered")
	require.JSONEq(t, `[{"kind":"audio","direction":"sendrecv","refused":false}]`, json(f.expectEvent(call, "media").Get("streams")))

	f.hold(ws, call, "hold", "sendonly")
	f.hold(ws, call, "resume", "sendrecv")

	microphone := track(f.only("streams"), 0)
	for _, mute := range []bool{true, false} {
		f.do("mute", call, object("mute", mute))
		require.Equal(t, !mute, microphone.Get("enabled").Bool())
	}

	f.only("peers").Call("connect", "connected")
	require.Equal(t, "connected", text(f.expectEvent(call, "connection"), "state"))
	dtmf := f.only("peers").Call("getSenders").Index(0).Get("dtmf")
	wait = f.begin("dtmf", call, object("tones", "42", "duration", 200, "gap", 90))
	settle(t)
	require.Equal(t, `[{"tones":"42","duration":200,"gap":90}]`, js.Global().Get("JSON").Call("stringify", dtmf.Get("inserted")).String())
	dtmf.Call("fire", "tonechange", map[string]any{"tone": ""})
	f.done(wait)

	wait = f.begin("hangup", call, nil)
	f.respond(ws, f.request("BYE"), 200, "OK")
	f.done(wait)
	f.expectState(call, "ended")
	ended := f.expectEvent(call, "ended")
	require.Equal(t, "local", text(ended, "by"))
	require.True(t, ended.Get("error").IsUndefined())
	settle(t)
	require.Equal(t, 1, microphone.Get("stops").Int())
	require.Empty(t, f.events, "ended is the last event of a call")
	f.refused(f.begin("hold", call, nil), "invalid-state")
}

// hold plays a hold or resume that the other side agrees to.
func (f *facade) hold(ws js.Value, call int, op, direction string) {
	f.t.Helper()
	wait := f.begin(op, call, nil)
	invite := f.request("INVITE")
	require.Equal(f.t, direction, directionsOf(string(invite.Body())))
	f.respondSDP(ws, invite, remoteSDP("audio "+map[string]string{"sendonly": "recvonly", "sendrecv": "sendrecv"}[direction]))
	f.request("ACK")
	f.done(wait)
	require.Equal(f.t, op == "hold", f.expectEvent(call, "snapshot").Get("held").Bool())
	kind := map[string]string{"hold": "held", "resume": "resumed"}[op]
	require.Equal(f.t, "local", text(f.expectEvent(call, kind), "by"))
	require.Equal(f.t, direction, text(f.expectEvent(call, "media").Get("streams").Index(0), "direction"))
}

func TestPortIncomingCalls(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	_, one := f.invite(ws, ua)
	invite, two := f.invite(ws, ua)
	require.Equal(t, []int{2, 4}, []int{one, two}, "even handles, each its own")

	f.do("reject", one, nil)
	f.response(486)
	f.expectState(one, "ended")
	ended := f.expectEvent(one, "ended")
	require.Equal(t, 486, ended.Get("status").Int())
	require.Equal(t, "local", text(ended, "by"))

	stream := f.stream("audio")
	wait := f.begin("accept", two, object("media", object("stream", stream)))
	f.expectState(two, "answering")
	f.expectEvent(two, "peerconnection")
	require.True(t, f.expectEvent(two, "localstream").Get("stream").Equal(stream), "the page's own")
	f.expectState(two, "accepted")
	f.expectEvent(two, "answered")
	f.expectEvent(two, "media")
	ok := f.response(200)
	f.done(wait)
	ws.Call("deliver", f.peer.NewInDialogRequest("ACK", invite, ok).String())
	f.expectEvent(two, "snapshot")
	f.expectState(two, "established")
	ws.Call("deliver", f.peer.NewInDialogRequest("BYE", invite, ok).String())
	f.response(200)
	f.expectState(two, "ended")
	require.Equal(t, "remote", text(f.expectEvent(two, "ended"), "by"))

	_, three := f.invite(ws, ua)
	require.Equal(t, 6, three, "handles do not come back")
	f.do("reject", three, object("status", 603))
	f.response(603)
}

// Operations start in the order of their calls, though each waits for the
// network in a goroutine of its own.
func TestPortKeepsTheOrderOfOperations(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	ops := map[bool]string{true: "register", false: "unregister"}
	var waits []func() outcome
	for i := range 20 {
		waits = append(waits, f.begin(ops[i%2 == 1], ua, nil))
	}
	for i, wait := range waits {
		register := f.request("REGISTER")
		require.Equal(t, map[bool]string{true: "600", false: "0"}[i%2 == 1], register.GetHeader("Expires").Value(), "operation %d", i)
		f.grant(ws, register)
		f.expectEvent(ua, ops[i%2 == 1]+"ed")
		f.done(wait)
	}
}

// What is asked of a call before the call was made finds it all the same: the
// facade gives it out at once.
func TestPortOperationsOnACallOfThisInstant(t *testing.T) {
	f := start(t)
	f.register(ua)
	f.Set("microphone", "ask")
	call := f.begin("call", ua, object("call", 9, "target", "1002"))
	mute := f.begin("mute", 9, object("mute", true))
	hangup := f.begin("hangup", 9, nil)
	f.done(call)
	f.done(hangup)
	f.refused(mute, "canceled")
	f.expectState(9, "ended")
	require.Equal(t, "local", text(f.expectEvent(9, "ended"), "by"))
	settle(t)
	require.Empty(t, f.wire, "nothing had been sent")

	f.only("prompts").Call("allow") // the person decides when the call is over
	settle(t)
	require.Equal(t, 1, track(f.only("streams"), 0).Get("stops").Int())
	require.Empty(t, f.events)
}

// No event of a call comes under a handle that the facade does not know.
func TestPortManyCallsKeepTheirHandles(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	const calls = 20
	ids := map[string]int{}
	for i := range calls {
		handle := 101 + 2*i
		ids[text(f.do("call", ua, object("call", handle, "target", fmt.Sprint(2000+i))), "id")] = handle
	}
	acks := 0
	for range 2 * calls {
		req, ok := f.message().(*sip.Request)
		require.True(t, ok)
		if req.IsAck() {
			acks++
			continue
		}
		handle := ids[req.CallID().Value()]
		require.Equal(t, fmt.Sprint(2000+(handle-101)/2), req.Recipient.User)
		f.respond(ws, req, 486, "Busy Here")
	}
	require.Equal(t, calls, acks)
	last := map[int]string{}
	for range calls * 5 { // peerconnection, localstream, calling, ended, ended
		e := receive(t, f.events, "an event of a call")
		require.True(t, e.handle >= 101 && e.handle < 101+2*calls && e.handle%2 == 1, "%s of %d", e.kind, e.handle)
		require.NotEqual(t, "ended", last[e.handle], "an event after the last")
		last[e.handle] = e.kind
	}
	for handle, kind := range last {
		require.Equal(t, "ended", kind, "the last event of call %d", handle)
	}
	settle(t)
	require.Empty(t, f.events)
}
