package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

func TestPortConference(t *testing.T) {
	f := start(t)
	one := f.establish(f.register(ua), 3)
	two := f.establish(one.ws, 5)
	three := f.establish(one.ws, 7)
	f.refused(f.begin("conference", ua, object("conference", 21, "calls", []any{3})), "invalid-argument")
	f.refused(f.begin("conference", ua, object("conference", 21, "calls", []any{3, 99})), "invalid-state")
	require.Zero(t, f.Get("contexts").Length())

	mixed := func(d *dialog) bool { // the microphone itself is not what is sent
		return !d.pc.Call("getSenders").Index(0).Get("track").Equal(track(f.Get("streams").Index((d.handle-3)/2), 0))
	}
	f.do("conference", ua, object("conference", 21, "calls", []any{3, 5}))
	settle(t)
	require.Equal(t, []bool{true, true, false}, []bool{mixed(one), mixed(two), mixed(three)})
	f.do("add", 21, object("call", 7))
	settle(t)
	require.True(t, mixed(three))
	f.do("drop", 21, object("call", 3))
	settle(t)
	require.Equal(t, []bool{false, true, true}, []bool{mixed(one), mixed(two), mixed(three)})
	f.refused(f.begin("add", 21, object("call", 99)), "invalid-state")
	f.refused(f.begin("fly", 21, object("call", 3)), "unsupported")
	f.do("end", 21, nil)
	settle(t)
	require.Equal(t, []bool{false, false, false}, []bool{mixed(one), mixed(two), mixed(three)})
	f.refused(f.begin("end", 21, nil), "invalid-state")
}

func TestPortSwap(t *testing.T) {
	f := start(t)
	one := f.establish(f.register(ua), 3)
	two := f.establish(one.ws, 5)
	wait := two.verb("hold")
	two.agree(remoteSDP("audio recvonly"))
	f.done(wait)
	wait = f.begin("swap", ua, object("hold", 3, "resume", 5))
	require.Equal(t, "sendonly", directionsOf(one.agree(remoteSDP("audio recvonly"))))
	require.Equal(t, "sendrecv", directionsOf(two.agree(remoteSDP("audio sendrecv"))))
	f.done(wait)
	for _, args := range []map[string]any{object("hold", 3), object("resume", 5), object("hold", 3, "resume", 99)} {
		o := f.begin("swap", ua, args)()
		require.True(t, o.rejected, "%v", args)
	}
}

// A conference server says so in its Contact, and tells who takes part.
func TestPortWatchesAConference(t *testing.T) {
	f := start(t)
	ws := f.register(ua)
	d := f.establish(ws, 3)
	f.refused(d.verb("watchConference", "subscription", sub), "invalid-state")

	f.do("call", ua, object("call", 5, "target", "room"))
	invite := f.request("INVITE")
	ok := f.peer.NewResponse(invite, 200, "OK")
	ok.ReplaceHeader(h("Contact", "<sip:room-17@peer.invalid;transport=ws>;isfocus"))
	sipuatest.SetSDP(ok, remoteSDP("audio sendrecv"))
	ws.Call("deliver", ok.String())
	f.request("ACK")
	for _, kind := range []string{"peerconnection", "localstream", "state", "state", "snapshot"} {
		f.expectEvent(5, kind)
	}
	require.True(t, f.expectEvent(5, "answered").Get("focus").Bool())
	require.True(t, f.expectEvent(5, "media").Get("focus").Bool())

	wait := f.begin("watchConference", 5, object("subscription", sub, "expires", 60))
	req := f.request("SUBSCRIBE")
	require.Equal(t, req.CallID().Value(), text(f.done(wait), "id"))
	require.Equal(t, "conference", header(t, req, "Event"))
	require.Equal(t, "room-17", req.Recipient.User)
	f.respond(ws, req, 200, "OK", h("Expires", "60"), h("Contact", "<sip:room-17@peer.invalid;transport=ws>"))
	require.Equal(t, "accepted", text(f.expectEvent(sub, "changed"), "state"))
}
