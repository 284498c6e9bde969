package main

import (
	"syscall/js"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// The verbs of calls at the port, each as the other side sees it.

// dialog is a call that is established, with both ends of it.
type dialog struct {
	f      *facade
	ws     js.Value
	handle int
	invite *sip.Request
	ok     *sip.Response
	pc     js.Value
}

// establish makes a call that the other side answers.
func (f *facade) establish(ws js.Value, handle int) *dialog {
	f.t.Helper()
	f.do("call", ua, object("call", handle, "target", "1002"))
	d := &dialog{f: f, ws: ws, handle: handle, invite: f.request("INVITE")}
	d.ok = f.peer.NewResponse(d.invite, 200, "OK", h("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE, INFO, REFER, NOTIFY"))
	sipuatest.SetSDP(d.ok, remoteSDP("audio sendrecv"))
	ws.Call("deliver", d.ok.String())
	f.request("ACK")
	d.pc = d.event("peerconnection").Get("peerConnection")
	d.events("localstream", "state", "state", "snapshot", "answered", "media")
	return d
}

func (d *dialog) event(kind string) js.Value {
	d.f.t.Helper()
	return d.f.expectEvent(d.handle, kind)
}

func (d *dialog) events(kinds ...string) {
	d.f.t.Helper()
	for _, kind := range kinds {
		d.event(kind)
	}
}

// verb begins a verb of the call.
func (d *dialog) verb(op string, fields ...any) func() outcome {
	d.f.t.Helper()
	return d.f.begin(op, d.handle, object(fields...))
}

// agree answers the next re-INVITE.
func (d *dialog) agree(sdp string) (offer string) {
	d.f.t.Helper()
	invite := d.f.request("INVITE")
	d.f.respondSDP(d.ws, invite, sdp)
	d.f.request("ACK")
	return string(invite.Body())
}

func TestPortAnswersAsItIsTold(t *testing.T) {
	f := start(t)
	ws := f.register(ua, "manualRinging", true)
	headers := []any{[]any{"X-Case", "17"}}
	arrive := func() (*sip.Request, int) {
		t.Helper()
		invite := f.peer.NewRequest("INVITE", "sip:1001@example.com", h("Supported", "100rel"))
		sipuatest.SetSDP(invite, offerSDP("audio sendrecv"))
		ws.Call("deliver", invite.String())
		return invite, f.expectEvent(ua, "incoming").Get("call").Int()
	}

	invite, call := arrive()
	f.do("progress", call, object("status", 182, "reason", "You are third", "headers", headers))
	res := f.response(182)
	require.Equal(t, "You are third", res.Reason)
	require.Equal(t, "17", header(t, res, "X-Case"))
	require.Empty(t, res.GetHeaders("RSeq"))
	wait := f.begin("progress", call, object("media", object("constraints", object("audio", true)), "reliable", "required"))
	res = f.response(183)
	require.NotEmpty(t, header(t, res, "RSeq"))
	require.NotEmpty(t, res.Body())
	f.done(wait)
	f.expectEvent(call, "peerconnection")
	f.expectEvent(call, "localstream")
	prack := f.peer.NewInDialogRequest("PRACK", invite, res, h("RAck", header(t, res, "RSeq")+" 1 INVITE"))
	ws.Call("deliver", prack.String())
	f.response(200)
	f.refused(f.begin("progress", call, object("status", 200)), "invalid-argument")
	f.do("accept", call, object("headers", headers))
	require.Equal(t, "17", header(t, f.response(200), "X-Case"))
	f.expectState(call, "answering")
	f.expectState(call, "accepted")
	f.expectEvent(call, "answered")
	f.expectEvent(call, "media")
	require.Equal(t, 1, f.Get("peers").Length(), "accept goes on with the media of progress")

	_, call = arrive()
	f.do("reject", call, object("status", 480, "reason", "Later", "retryAfter", 60, "headers", headers))
	res = f.response(480)
	require.Equal(t, []string{"Later", "60", "17"}, []string{res.Reason, header(t, res, "Retry-After"), header(t, res, "X-Case")})
	f.expectState(call, "ended")
	f.expectEvent(call, "ended")

	_, call = arrive()
	f.refused(f.begin("redirect", call, nil), "invalid-argument")
	f.do("redirect", call, object("targets", []any{"1003", "sip:1004@example.net"}))
	res = f.response(302)
	require.Len(t, res.GetHeaders("Contact"), 2)
	require.Contains(t, res.GetHeaders("Contact")[1].Value(), "sip:1004@example.net")

	for _, op := range []string{"progress", "accept", "reject"} {
		f.refused(f.begin(op, 2, object("headers", "X-Case: 17")), "invalid-argument")
	}
}

func TestPortHangsUpWithAReason(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	f.refused(d.verb("hangup", "reason", object("cause", 200)), "invalid-argument")
	wait := d.verb("hangup", "reason", object("protocol", "SIP", "cause", 200, "text", "Call completed elsewhere"))
	bye := f.request("BYE")
	require.Equal(t, `SIP;cause=200;text="Call completed elsewhere"`, header(t, bye, "Reason"))
	f.respond(d.ws, bye, 200, "OK")
	f.done(wait)
}

// What the other side says for the end of a call reaches the page whole.
func TestPortReasonsOfTheOtherSide(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	d.ws.Call("deliver", f.peer.NewInDialogRequest("BYE", d.invite, d.ok, h("Reason", `Q.850;cause=16;text="Normal", SIP;cause=200`)).String())
	f.response(200)
	d.event("state")
	ended := d.event("ended")
	require.JSONEq(t, `[{"protocol":"Q.850","cause":16,"text":"Normal"},{"protocol":"SIP","cause":200}]`, json(ended.Get("reasons")))
	require.Equal(t, 200, ended.Get("status").Int())
}

func TestPortVideo(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	both := remoteSDP("audio sendrecv", "video sendrecv")

	wait := d.verb("addVideo", "constraints", object("facingMode", "user"))
	require.Contains(t, d.agree(both), "m=video")
	f.done(wait)
	require.JSONEq(t, `{"video":{"facingMode":"user"}}`, json(f.Get("asked").Index(1)))
	require.JSONEq(t, `[{"kind":"audio","direction":"sendrecv","refused":false},{"kind":"video","direction":"sendrecv","refused":false}]`,
		json(d.event("media").Get("streams")))

	f.do("addVideo", 3, object("screen", true)) // another track without an offer
	require.JSONEq(t, `{"video":true}`, json(f.Get("asked").Index(2)))
	d.pc.Call("getSenders").Index(1).Get("track").Call("end")
	d.event("videoended")

	wait = d.verb("stopVideo")
	settle(t)
	if len(f.wire) > 0 { // told by the next description, or at once
		d.agree(both)
	}
	f.done(wait)
	require.True(t, d.pc.Call("getSenders").Index(1).Get("track").IsNull())
	wait = d.verb("removeVideo")
	require.Equal(t, "sendrecv inactive", directionsOf(d.agree(remoteSDP("audio sendrecv", "video inactive"))))
	f.done(wait)
}

func TestPortRestartsAndRefreshes(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	wait := d.verb("restartIce")
	settle(t)
	d.pc.Call("candidate") // of the new generation
	require.Contains(t, d.agree(remoteSDP("audio sendrecv")), "a=ice-ufrag:1\r\n")
	f.done(wait)

	wait = d.verb("refresh")
	update := f.request("UPDATE")
	require.Empty(t, update.Body())
	f.respond(d.ws, update, 200, "OK", h("Session-Expires", "1800;refresher=uac"))
	f.done(wait)
	require.JSONEq(t, `{"interval":1800,"byUs":true}`, json(d.event("refreshed")))

	d.pc.Call("connect", "failed")
	require.Equal(t, "failed", text(d.event("connection"), "state"))
	require.JSONEq(t, `{"why":"connection","offering":false}`, json(d.event("recovering")))
	require.JSONEq(t, `{"why":"connection","offering":true}`, json(d.event("recovering")))
	settle(t)
	d.pc.Call("candidate")
	d.agree(remoteSDP("audio sendrecv"))
	d.pc.Call("connect", "connected")
	d.event("connection")
	require.Equal(t, "{}", json(d.event("recovered")))
}

func TestPortTonesInInfo(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	wait := d.verb("dtmf", "tones", "5", "method", "info-relay", "duration", 160)
	info := f.request("INFO")
	require.Equal(t, "Signal=5\r\nDuration=160\r\n", string(info.Body()))
	f.respond(d.ws, info, 200, "OK")
	f.done(wait)
	f.refused(d.verb("dtmf", "tones", "5", "method", "inband"), "invalid-argument")
}

// A call that is accepted by itself makes its media beside the events: the facade
// must know it before it hears of its peer connection.
func TestPortAcceptsByItself(t *testing.T) {
	f := start(t)
	ws := f.register(ua, "autoAnswer", object("callInfo", true))
	invite := f.peer.NewRequest("INVITE", "sip:1001@example.com", h("Call-Info", "<sip:x>;answer-after=0"),
		h("P-Asserted-Identity", `"Front door" <sip:door@example.com>`))
	sipuatest.SetSDP(invite, offerSDP("audio sendrecv"))
	ws.Call("deliver", invite.String())
	e := f.expectEvent(ua, "incoming")
	require.True(t, e.Get("autoAnswer").Bool())
	require.JSONEq(t, `{"displayName":"Front door","uri":"sip:door@example.com","user":"door"}`, json(e.Get("caller").Get("best")))
	f.expectState(2, "answering")
	f.expectEvent(2, "peerconnection")
	f.response(180)
	f.response(200)
}

func TestPortCallTakesThePlaceOfAnother(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	ours, theirs := tagOf(d.invite.From().Params), tagOf(d.ok.To().Params)
	invite := f.peer.NewRequest("INVITE", "sip:1001@example.com",
		h("Replaces", d.invite.CallID().Value()+";to-tag="+ours+";from-tag="+theirs))
	sipuatest.SetSDP(invite, offerSDP("audio sendrecv"))
	d.ws.Call("deliver", invite.String())
	require.Equal(t, 3, f.expectEvent(ua, "incoming").Get("replaces").Int())
	for _, kind := range []string{"state", "peerconnection", "localstream", "state", "answered"} {
		f.expectEvent(2, kind)
	}
	require.Equal(t, 2, d.event("replaced").Get("by").Int())
	f.response(200)
	f.respond(d.ws, f.request("BYE"), 200, "OK")
}

func tagOf(params sip.HeaderParams) string {
	tag, _ := params.Get("tag")
	return tag
}

func TestPortCallReplacesAnother(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	f.refused(f.begin("call", ua, object("call", 5, "target", "1002", "replaces", 99)), "invalid-state")
	f.refused(f.begin("call", ua, object("call", 5, "target", "1002", "replaces", "3")), "invalid-argument")
	f.do("call", ua, object("call", 5, "target", "1002", "replaces", 3, "anonymous", true))
	invite := f.request("INVITE")
	require.Contains(t, header(t, invite, "Replaces"), d.invite.CallID().Value())
	require.Equal(t, "id", header(t, invite, "Privacy"))
}

func TestPortForks(t *testing.T) {
	f := start(t)
	ws := f.register(ua, "followRedirects", 1)
	f.do("call", ua, object("call", 3, "target", "1002"))
	first := f.request("INVITE")
	f.respond(ws, first, 302, "Moved Temporarily", h("Contact", "<sip:1003@example.com>"))
	f.request("ACK")
	for _, kind := range []string{"peerconnection", "localstream", "state"} {
		f.expectEvent(3, kind)
	}
	require.JSONEq(t, `{"status":302,"target":"sip:1003@example.com"}`, json(f.expectEvent(3, "redirected")))
	invite := f.request("INVITE")
	require.Equal(t, "sip:1003@example.com", invite.Recipient.String())
	f.respond(ws, invite, 183, "Session Progress", h("P-Asserted-Identity", "<sip:ivr@example.com>"))
	require.Equal(t, "sip:ivr@example.com", text(f.expectEvent(3, "identity").Get("caller").Get("asserted").Index(0), "uri"))
	f.expectState(3, "ringing")
	e := f.expectEvent(3, "ringing")
	require.Equal(t, 1, e.Get("forks").Length())
	fork := e.Get("forks").Index(0)
	require.Equal(t, text(e, "fork"), text(fork, "tag"))
	require.NotEmpty(t, text(fork, "tag"))
	require.Equal(t, 183, fork.Get("status").Int())
	require.False(t, e.Get("reliable").Bool())
}

func TestPortRestores(t *testing.T) {
	f := start(t)
	d := f.establish(f.register(ua), 3)
	wait := d.verb("hold")
	d.agree(remoteSDP("audio recvonly"))
	f.done(wait)
	snapshot := js.Global().Get("JSON").Call("parse", json(d.event("snapshot")))
	require.True(t, snapshot.Get("held").Bool())

	page := start(t) // loaded again
	ws := page.register(ua)
	page.refused(page.begin("restore", ua, object("call", 5, "snapshot", object())), "invalid-argument")
	made := page.do("restore", ua, object("call", 5, "snapshot", snapshot))
	require.Equal(t, d.invite.CallID().Value(), text(made, "id"))
	require.Equal(t, "sip:1002@example.com", text(made.Get("remote"), "uri"))
	require.JSONEq(t, `{"why":"reload","offering":false}`, json(page.expectEvent(5, "recovering")))
	require.JSONEq(t, `{"why":"reload","offering":true}`, json(page.expectEvent(5, "recovering")))
	invite := page.request("INVITE")
	require.Greater(t, invite.CSeq().SeqNo, uint32(snapshot.Get("localSeq").Int()))
	page.respondSDP(ws, invite, offerSDP("audio recvonly"))
	require.Equal(t, "sendonly", directionsOf(string(page.request("ACK").Body())), "it stays on hold")
	for _, kind := range []string{"peerconnection", "localstream", "snapshot", "state", "recovered", "answered", "media"} {
		page.expectEvent(5, kind)
	}
	page.refused(page.begin("restore", ua, object("call", 7)), "invalid-argument")
}

// Everything that a page can set is read, by the names of the facade.
func TestReadCallConfig(t *testing.T) {
	p := newPort(newPage(t).Value)
	read := func(fields ...any) (cfg sipua.Config) {
		p.readCallConfig(&cfg, js.ValueOf(object(fields...)))
		return cfg
	}
	require.Equal(t, sipua.Config{
		MaxCalls: 3, HoldOthers: true, ManualRinging: true, ManualReplaces: true,
		AutoAnswer: sipua.AutoAnswer{AnswerMode: true, AlertInfo: true, CallInfo: true}, NoAnswerTimeout: 1500 * time.Millisecond,
		FollowRedirects: 2, Reliable: sipua.ReliableRequired,
		SessionTimer: sipua.SessionTimer{Expires: 100 * time.Second, MinSE: 95 * time.Second, Refresher: sipua.Local, Method: "update"},
		Codecs:       sipua.Codecs{Order: []string{"opus"}, Remove: []string{"PC*"}}, Bandwidth: sipua.Bandwidth{Audio: 64, Video: 500},
	}, read("maxCalls", 3, "holdOthers", true, "manualRinging", true, "manualReplaces", true,
		"autoAnswer", object("answerMode", true, "alertInfo", true, "callInfo", true), "noAnswerTimeout", 1500,
		"followRedirects", 2, "reliable", "required",
		"sessionTimer", object("expires", 100, "minSE", 95, "refresher", "local", "method", "update"),
		"codecs", object("order", []any{"opus"}, "remove", []any{"PC*"}), "bandwidth", object("audio", 64, "video", 500)))
	require.Equal(t, sipua.Config{}, read())
	require.True(t, read("sessionTimer", false).SessionTimer.Off)
}

func TestReadCallOptions(t *testing.T) {
	p := newPort(newPage(t).Value)
	read := func(fields ...any) sipua.CallOptions {
		o, err := p.readCallOptions(js.ValueOf(object(fields...)), "call")
		require.NoError(t, err)
		return o
	}
	require.Equal(t, sipua.CallOptions{
		Headers: []sipua.Header{{Name: "X-A", Value: "1"}}, Anonymous: true, Privacy: []string{"user"}, PreferredIdentity: "sip:a@b",
		UserToUser: "u", AnswerMode: "Auto", LateOffer: true, Reliable: sipua.ReliableOff, NoEarlyMedia: true,
		NoAnswerTimeout: time.Second, FollowRedirects: 3,
	}, read("headers", []any{[]any{"X-A", "1"}}, "anonymous", true, "privacy", []any{"user"}, "preferredIdentity", "sip:a@b",
		"userToUser", "u", "answerMode", "Auto", "lateOffer", true, "reliable", "off", "earlyMedia", false, "noAnswerTimeout", 1000,
		"followRedirects", 3))
	require.Equal(t, sipua.CallOptions{}, read("earlyMedia", true))
	require.Equal(t, -1, read("followRedirects", 0).FollowRedirects, "none, whatever the user agent does")
	media := js.ValueOf(object("constraints", object()))
	require.True(t, media.Equal(read("media", media).Media.(js.Value)))
}
