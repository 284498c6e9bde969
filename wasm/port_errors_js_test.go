package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall/js"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// What goes wrong at the port, and what it says about it.

func TestPortRefuses(t *testing.T) {
	f := start(t)
	f.refused(f.begin("register", ua, nil), "closed")
	f.refused(f.begin("hangup", 2, nil), "invalid-state")
	e := f.refused(f.begin("create", ua, object("uri", "1001", "servers", []any{server})), "invalid-argument")
	require.Contains(t, text(e, "message"), "sip:")
	f.refused(f.begin("create", ua, object("uri", "sip:1001@example.com")), "invalid-argument")
	f.refused(f.begin("register", ua, nil), "closed") // what failed made nothing

	f.create(ua)
	e = f.refused(f.begin("fly", ua, nil), "unsupported")
	require.Equal(t, "fly", text(e, "op"))
	f.refused(f.begin("call", ua, object("call", 3, "target", "")), "invalid-argument")
	f.refused(f.begin("call", ua, object("call", 3, "target", "1002", "headers", []any{[]any{"Via", "x"}})), "invalid-argument")
	f.refused(f.begin("hangup", 3, nil), "invalid-state")
}

func TestPortErrorOfTheOtherSide(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	f.do("call", ua, object("call", 3, "target", "1002"))
	f.respond(ws, f.request("INVITE"), 486, "Busy <b>Here</b>")
	for _, kind := range []string{"peerconnection", "localstream", "state", "state"} {
		f.expectEvent(3, kind)
	}
	ended := f.expectEvent(3, "ended")
	require.Equal(t, "remote", text(ended, "by"))
	e := ended.Get("error")
	f.requireError(e, "rejected")
	for _, o := range []js.Value{ended, e} {
		require.Equal(t, 486, o.Get("status").Int())
		require.Equal(t, "Busy <b>Here</b>", text(o, "reason"))
	}
}

func TestPortErrorOfTheBrowser(t *testing.T) {
	f := start(t)
	f.register(ua)
	thrown := exception("NotAllowedError")
	f.Set("microphone", map[string]any{"reject": thrown})
	f.do("call", ua, object("call", 3, "target", "1002"))
	f.expectState(3, "ended")
	e := f.expectEvent(3, "ended").Get("error")
	f.requireError(e, "media-denied")
	require.True(t, e.Get("cause").Equal(thrown), "the exception itself")
	require.Contains(t, text(e, "message"), "browser's settings")
	require.True(t, e.Get("status").IsUndefined())
}

// An odd rejection must not take the program along.
func TestPortSurvivesAnyRejection(t *testing.T) {
	f := start(t)
	f.register(ua)
	for i, thrown := range []any{map[string]any{"message": "no"}, map[string]any{}, "no", nil, js.Undefined()} {
		f.Set("microphone", map[string]any{"reject": thrown})
		call := 3 + 2*i
		f.do("call", ua, object("call", call, "target", "1002"))
		f.expectState(call, "ended")
		f.requireError(f.expectEvent(call, "ended").Get("error"), "media-failed")
	}
}

func TestPortConnectionFails(t *testing.T) {
	f := start(t)
	f.create(ua)
	wait := f.begin("register", ua, nil)
	ws := receive(t, f.dialed, "a connection")
	settle(t)
	ws.Call("fail")
	f.refused(wait, "connection-failed")
	failed := f.expectEvent(ua, "registrationFailed")
	f.requireError(failed.Get("error"), "connection-failed")
	require.False(t, failed.Get("final").Bool(), "it goes on trying")
	require.True(t, failed.Get("retryIn").IsUndefined(), "with the next connection")
	again := f.expectEvent(ua, "reconnecting")
	require.Equal(t, 1, again.Get("attempt").Int())
	require.InDelta(t, 1500, again.Get("delay").Float(), 500)

	f.Set("refuseSockets", "SecurityError")
	e := f.refused(f.begin("register", ua, nil), "connection-failed")
	require.Equal(t, "SecurityError", text(e.Get("cause"), "name"))
	f.expectEvent(ua, "registrationFailed")
}

// The exception is the cause of a failure when nothing else has failed besides.
func TestExceptionOf(t *testing.T) {
	thrown := js.Error{Value: js.Global().Get("Error").New("thrown")}
	other := js.Error{Value: js.Global().Get("Error").New("other")}
	plain := errors.New("plain")
	for _, err := range []error{
		thrown, errors.Join(thrown), errors.Join(thrown, other),
		&sipua.Error{Code: sipua.CodeConnectionFailed, Err: errors.Join(fmt.Errorf("first: %w", thrown), other)},
	} {
		v, ok := exceptionOf(err)
		require.True(t, ok, "%v", err)
		require.True(t, v.Equal(thrown.Value), "%v", err)
	}
	for _, err := range []error{nil, plain, errors.Join(plain), errors.Join(thrown, plain), errors.Join(plain, thrown), &sipua.Error{Code: sipua.CodeInternal}} {
		_, ok := exceptionOf(err)
		require.False(t, ok, "%v", err)
	}
}

func TestPortConnectTimeout(t *testing.T) {
	f := start(t)
	f.create(ua, "connectTimeout", 1)
	e := f.refused(f.begin("register", ua, nil), "connection-failed")
	require.Contains(t, text(e, "message"), server)
	settle(t)
	require.Equal(t, 3, f.only("sockets").Get("readyState").Int(), "the socket does not linger")
}

func TestPortConnectionLost(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	ws.Call("end", 4000, "maintenance")
	e := f.expectEvent(ua, "disconnected")
	require.Equal(t, server, text(e, "server"))
	require.Equal(t, 4000, e.Get("code").Int())
	require.Equal(t, "maintenance", text(e, "reason"))
	f.requireError(e.Get("error"), "connection-lost")
	f.requireError(f.expectEvent(ua, "unregistered").Get("error"), "connection-lost")

	f.expectEvent(ua, "reconnecting")
	f.grant(f.connect(ua), f.request("REGISTER")) // by itself
	registered := f.expectEvent(ua, "registered")
	require.Equal(t, 600.0, registered.Get("expires").Float())
	require.Equal(t, 1, registered.Get("bindings").Length())
	require.True(t, registered.Get("bindings").Index(0).Get("own").Bool())
}

func TestPortProtocolError(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	ws.Call("deliver", "this is no SIP")
	f.requireError(f.expectEvent(ua, "protocolError").Get("error"), "protocol")
	wait := f.begin("register", ua, nil)
	f.grant(ws, f.request("REGISTER"))
	f.done(wait)
}

// Listeners belong to the page: what they throw is the page's business.
func TestPortEmitThrows(t *testing.T) {
	f := start(t)
	f.Set("throwing", "registered")
	ws := f.register(ua)
	f.Set("throwing", "incoming")
	_, call := f.invite(ws, ua)
	f.do("reject", call, nil)
	f.response(486)
	f.expectState(call, "ended")
	f.expectEvent(call, "ended")
}

func TestPortTrace(t *testing.T) {
	f := start(t)
	f.create(ua)
	f.do("trace", ua, object("on", true))
	f.do("trace", ua, object("on", true)) // on is on
	wait := f.begin("register", ua, nil)
	ws := f.connect(ua)
	f.respond(ws, f.request("REGISTER"), 401, "Unauthorized", sip.NewHeader("WWW-Authenticate", `Digest realm="example.com", nonce="n1"`))
	answer := f.request("REGISTER")
	f.grant(ws, answer)
	for i, want := range []struct{ direction, line string }{{"out", "REGISTER "}, {"in", "SIP/2.0 401 "}, {"out", "REGISTER "}, {"in", "SIP/2.0 200 "}} {
		e := f.expectEvent(ua, "trace")
		require.Equal(t, want.direction, text(e, "direction"))
		require.Equal(t, server, text(e, "server"))
		require.Equal(t, js.TypeNumber, e.Get("time").Type())
		require.InDelta(t, js.Global().Get("Date").Call("now").Float(), e.Get("time").Float(), 60_000, "milliseconds since 1970")
		require.True(t, strings.HasPrefix(text(e, "text"), want.line), text(e, "text"))
		if i == 2 {
			_, digest, found := strings.Cut(answer.GetHeader("Authorization").Value(), `response="`)
			require.True(t, found)
			require.NotContains(t, text(e, "text"), digest[:32])
		}
	}
	f.expectEvent(ua, "registered")
	f.done(wait)

	f.do("trace", ua, object("on", false))
	f.do("trace", ua, object("on", false))
	wait = f.begin("register", ua, nil)
	f.grant(ws, f.request("REGISTER"))
	f.expectEvent(ua, "registered")
	f.done(wait)
}

func TestPortClose(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	_, ringing := f.invite(ws, ua)
	wait := f.begin("close", ua, nil)
	f.refused(f.begin("register", ua, nil), "closed") // forgotten from now on
	f.response(603)
	register := f.request("REGISTER")
	require.Equal(t, "0", register.GetHeader("Expires").Value())
	f.grant(ws, register)
	f.done(wait)
	f.expectState(ringing, "ended")
	f.expectEvent(ringing, "ended")
	f.expectEvent(ua, "unregistered")
	require.Equal(t, 1000, f.expectEvent(ua, "disconnected").Get("code").Int())
	require.Equal(t, 1000, ws.Get("closes").Index(0).Get("code").Int())
	require.Zero(t, ws.Call("listening").Int())
	f.requireReleased()
	f.refused(f.begin("close", ua, nil), "closed")
	f.refused(f.begin("hangup", ringing, nil), "invalid-state")
	f.create(ua) // the handle is free again
}

// Two user agents of one page do not see each other's events.
func TestPortTwoUserAgents(t *testing.T) {
	f := start(t)
	one := f.register(ua)
	two := f.register(3, "uri", "sip:1002@example.com")
	_, a := f.invite(one, ua)
	_, b := f.invite(two, 3)
	require.Equal(t, []int{2, 4}, []int{a, b})
	one.Call("fail")
	require.Equal(t, 1006, f.expectEvent(ua, "disconnected").Get("code").Int())
	require.JSONEq(t, `{"why":"flow","offering":false}`, json(f.expectEvent(a, "recovering")), "it rings on")
	f.expectEvent(ua, "unregistered")
	f.expectEvent(ua, "reconnecting")
	f.do("reject", b, nil)
	f.response(486)
}

// JavaScript has no types: what an application gives where the facade's types say
// something else is its mistake, and an error to it.
func TestPortArgumentsOfTheWrongKind(t *testing.T) {
	page := newPage(t)
	page.on("emit", func([]js.Value) {})
	p := newPort(page.Value)
	run := func(op string, args map[string]any) (err error) {
		require.NotPanics(t, func() {
			_, err = p.run(t.Context(), request{op: op, handle: ua, args: js.ValueOf(args)})
		})
		return err
	}
	for _, servers := range []any{nil, "", "wss://sip.example.com", 7, object(), []any{nil}, []any{object()}} {
		require.ErrorIs(t, run("create", object("uri", "sip:1001@example.com", "servers", servers)), sipua.ErrInvalidArgument, "servers %v", servers)
	}
	require.NoError(t, run("create", object("uri", "sip:1001@example.com", "servers", []any{server}, "ice", 7, "displayName", nil)))
	for _, headers := range []any{"X-Ticket: 1", object("X-Ticket", "1"), []any{nil}, []any{"X-Ticket: 1"}, []any{[]any{"X-Ticket"}}, []any{[]any{"X-Ticket", 1}}} {
		require.ErrorIs(t, run("call", object("call", 3, "target", "1002", "headers", headers)), sipua.ErrInvalidArgument, "headers %v", headers)
	}
	require.ErrorIs(t, run("call", object("call", 3, "target", 1002)), sipua.ErrInvalidArgument)
	require.NoError(t, run("close", nil))
}
