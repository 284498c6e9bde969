package main

import (
	"strings"
	"syscall/js"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// facade is the TypeScript side of a port, with the SIP server at the other end
// of the page's WebSocket: a test plays both.
type facade struct {
	page
	call   js.Value
	peer   *sipuatest.Peer // makes the server's messages; its pipe is not used
	events chan event
	wire   chan string // what the program sends
	dialed chan js.Value
}

// event is one host.emit.
type event struct {
	handle  int
	kind    string
	payload js.Value
}

// start runs the program against a page of its own. It runs for ever, as it does
// in a browser. Its emit throws for events of the type page.throwing.
func start(t *testing.T) *facade {
	t.Helper()
	f := &facade{page: newPage(t), events: make(chan event, 1000), wire: make(chan string, 1000), dialed: make(chan js.Value, 100)}
	_, f.peer = sipuatest.NewPipe()
	ready := make(chan js.Value, 1)
	f.on("ready", func(args []js.Value) { ready <- args[0] })
	f.on("sending", func(args []js.Value) {
		if args[0].Type() == js.TypeString {
			f.wire <- args[0].String()
		} else {
			f.wire <- string(bytesOf(args[0]))
		}
	})
	f.on("dialled", func(args []js.Value) { f.dialed <- args[0] })
	f.on("heard", func(args []js.Value) { f.events <- event{args[0].Int(), args[1].String(), args[2]} })
	f.Set("emit", js.Global().Get("Function").New("page", "return function (handle, type, payload) { page.heard(handle, type, payload); if (type === page.throwing) throw new Error('a listener threw'); };").Invoke(f.Value))
	go serve(f.Value)
	announced := receive(t, ready, "ready")
	f.call = announced.Get("call")
	require.Equal(t, js.TypeFunction, f.call.Type())
	f.Set("announced", announced)
	return f
}

// outcome is how an operation ended.
type outcome struct {
	value    js.Value
	rejected bool
}

// begin starts an operation; the result waits for its end, which must come once.
func (f *facade) begin(op string, handle int, args map[string]any) (wait func() outcome) {
	f.t.Helper()
	ended := make(chan outcome, 2)
	settled := func(rejected bool) js.Func {
		fn := js.FuncOf(func(_ js.Value, args []js.Value) any { ended <- outcome{first(args), rejected}; return nil })
		f.t.Cleanup(fn.Release)
		return fn
	}
	if args == nil {
		args = map[string]any{}
	}
	f.call.Invoke(op, handle, args, settled(false), settled(true))
	return func() outcome {
		f.t.Helper()
		o := receive(f.t, ended, "the end of "+op)
		settle(f.t)
		require.Empty(f.t, ended, "%s ended twice", op)
		return o
	}
}

// done waits for the success of an operation.
func (f *facade) done(wait func() outcome) js.Value {
	f.t.Helper()
	o := wait()
	if o.rejected {
		f.t.Fatalf("rejected: %s", js.Global().Get("JSON").Call("stringify", o.value).String())
	}
	return o.value
}

func (f *facade) do(op string, handle int, args map[string]any) js.Value {
	f.t.Helper()
	return f.done(f.begin(op, handle, args))
}

// refused waits for the failure of an operation. What it rejects with is a plain
// object with a code and a message.
func (f *facade) refused(wait func() outcome, code string) js.Value {
	f.t.Helper()
	o := wait()
	require.True(f.t, o.rejected, "resolved instead of rejected with %s", code)
	f.requireError(o.value, code)
	return o.value
}

func (f *facade) requireError(e js.Value, code string) {
	f.t.Helper()
	object := js.Global().Get("Object")
	require.True(f.t, object.Call("getPrototypeOf", e).Equal(object.Get("prototype")), "a plain object")
	require.Equal(f.t, code, text(e, "code"), text(e, "message"))
	require.NotEmpty(f.t, text(e, "message"))
}

// expectEvent takes the next event, which must be this one.
func (f *facade) expectEvent(handle int, kind string) js.Value {
	f.t.Helper()
	e := receive(f.t, f.events, "the event "+kind)
	require.Equal(f.t, event{handle: handle, kind: kind}, event{handle: e.handle, kind: e.kind})
	object := js.Global().Get("Object")
	require.True(f.t, object.Call("getPrototypeOf", e.payload).Equal(object.Get("prototype")), "the payload of %s is a plain object", kind)
	return e.payload
}

func (f *facade) expectState(handle int, state string) {
	f.t.Helper()
	require.Equal(f.t, state, text(f.expectEvent(handle, "state"), "state"))
}

// create makes a user agent without asking anything of the network.
func (f *facade) create(handle int, more ...any) js.Value {
	f.t.Helper()
	args := object("uri", "sip:1001@example.com", "servers", []any{server}, "credentials", object("username", "1001", "password", "Secret-7"),
		"ice", object("gathering", object("limit", 60_000)))
	for name, v := range object(more...) {
		args[name] = v
	}
	return f.do("create", handle, args)
}

// connect accepts the next WebSocket.
func (f *facade) connect(handle int) (ws js.Value) {
	f.t.Helper()
	ws = receive(f.t, f.dialed, "a connection")
	settle(f.t)
	require.True(f.t, ws.Call("accept").Bool())
	require.Equal(f.t, server, text(f.expectEvent(handle, "connected"), "server"))
	return ws
}

// register makes a user agent that is registered.
func (f *facade) register(handle int, more ...any) (ws js.Value) {
	f.t.Helper()
	f.create(handle, more...)
	wait := f.begin("register", handle, nil)
	ws = f.connect(handle)
	f.grant(ws, f.request("REGISTER"))
	f.expectEvent(handle, "registered")
	f.done(wait)
	return ws
}

// grant accepts a REGISTER as it is asked for.
func (f *facade) grant(ws js.Value, register *sip.Request) {
	f.respond(ws, register, 200, "OK", register.Contact())
}

// message takes the next message on the wire.
func (f *facade) message() sip.Message {
	f.t.Helper()
	raw := receive(f.t, f.wire, "a SIP message")
	m, err := sip.ParseMessage([]byte(raw))
	require.NoError(f.t, err, raw)
	return m
}

func (f *facade) request(method string) *sip.Request {
	f.t.Helper()
	m := f.message()
	req, ok := m.(*sip.Request)
	require.True(f.t, ok && string(req.Method) == method, "%s was expected, came:\n%s", method, m)
	return req
}

func (f *facade) response(status int) *sip.Response {
	f.t.Helper()
	m := f.message()
	res, ok := m.(*sip.Response)
	require.True(f.t, ok && res.StatusCode == status, "%d was expected, came:\n%s", status, m)
	return res
}

func (f *facade) respond(ws js.Value, req *sip.Request, status int, reason string, headers ...sip.Header) *sip.Response {
	res := f.peer.NewResponse(req, status, reason, headers...)
	ws.Call("deliver", res.String())
	return res
}

func (f *facade) respondSDP(ws js.Value, req *sip.Request, sdp string) *sip.Response {
	res := f.peer.NewResponse(req, 200, "OK")
	sipuatest.SetSDP(res, sdp)
	ws.Call("deliver", res.String())
	return res
}

// invite calls the user agent and returns the INVITE with the handle of the call.
func (f *facade) invite(ws js.Value, ua int) (invite *sip.Request, call int) {
	f.t.Helper()
	invite = f.peer.NewRequest("INVITE", "sip:1001@example.com")
	sipuatest.SetSDP(invite, offerSDP("audio sendrecv"))
	ws.Call("deliver", invite.String())
	f.response(180)
	e := f.expectEvent(ua, "incoming")
	require.Equal(f.t, invite.CallID().Value(), text(e, "id"))
	require.Equal(f.t, "Peer", text(e.Get("remote"), "displayName"))
	require.Equal(f.t, "sip:peer@peer.invalid", text(e.Get("remote"), "uri"))
	require.Equal(f.t, "peer", text(e.Get("remote"), "user"))
	return invite, e.Get("call").Int()
}

// offerSDP is remoteSDP with what an offer to a browser must have: the user agent
// refuses others before it rings.
func offerSDP(sections ...string) string {
	dtls := "a=ice-ufrag:far1\r\na=ice-pwd:" + strings.Repeat("p", 24) + "\r\na=setup:actpass\r\na=rtcp-mux\r\n" +
		"a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB\r\n"
	return strings.ReplaceAll(remoteSDP(sections...), "SAVPF 0\r\n", "SAVPF 0\r\n"+dtls)
}
