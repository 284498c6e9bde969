package main

import (
	"errors"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// The ICE policy against the fake page: what ends the wait for candidates, which
// servers are asked, and when.

// gatherFor begins an offer of a peer connection that gathers until the test ends it.
func gatherFor(t *testing.T, policy icePolicy) (*peer, js.Value, func() (string, error)) {
	p := newPage(t)
	p.Set("slowGathering", true)
	m, err := p.newPeerWith(t.Context(), js.Undefined(), policy)
	require.NoError(t, err)
	wait := begin(t, func() (string, error) { return m.CreateOffer(t.Context(), sipua.OfferOptions{}) })
	settle(t)
	return m, p.only("peers"), wait
}

func TestICEPolicyOfThePage(t *testing.T) {
	policy := func(v map[string]any) icePolicy { return defaultICE().with(js.ValueOf(v)) }
	require.Equal(t, defaultICE(), defaultICE().with(js.Undefined()))
	require.Equal(t, defaultICE(), policy(map[string]any{"gathering": map[string]any{}}))
	require.Equal(t, icePolicy{relay: true, settle: 0, limit: 3 * time.Second, enough: "srflx"}, policy(map[string]any{
		"transportPolicy": "relay", "gathering": map[string]any{"settle": 0, "limit": 3000, "enough": "srflx", "early": false},
	}))
	// A call overrides what it names.
	mine := policy(map[string]any{"transportPolicy": "relay", "servers": []any{}}).with(js.ValueOf(map[string]any{"transportPolicy": "all"}))
	require.False(t, mine.relay)
	require.True(t, isArray(mine.servers))
	require.False(t, mine.ahead(), "there is nobody to ask")
}

func TestICEWaitEnds(t *testing.T) {
	t.Run("a while after the first candidate", func(t *testing.T) {
		m, pc, wait := gatherFor(t, icePolicy{settle: time.Millisecond, limit: time.Minute}) // nobody is asked
		require.Equal(t, 1, pc.Call("listening", "icecandidate").Int(), "it waits")
		pc.Call("candidate")
		sdp, err := wait()
		require.NoError(t, err)
		require.Contains(t, sdp, "typ host")
		require.Zero(t, pc.Call("listening").Int())

		// The next description does not wait for the same candidates again.
		m.ice.settle = time.Minute
		m.round.first = m.round.first.Add(-time.Minute)
		require.NoError(t, m.ApplyAnswer(t.Context(), remoteSDP("audio sendrecv"), false))
		_, err = m.CreateOffer(t.Context(), sipua.OfferOptions{Hold: true})
		require.NoError(t, err)
	})
	for _, c := range []struct {
		enough  string
		less    []string
		arrives string
	}{
		{"srflx", []string{"host"}, "srflx"},
		{"srflx", []string{"host"}, "relay"},
		{"relay", []string{"host", "srflx"}, "relay"},
	} {
		t.Run(c.arrives+" is enough for "+c.enough, func(t *testing.T) {
			policy := patient()
			policy.enough = c.enough
			_, pc, wait := gatherFor(t, policy)
			for _, less := range c.less {
				pc.Call("candidate", less)
				settle(t)
				require.Equal(t, 1, pc.Call("listening", "icecandidate").Int(), "%s is not enough", less)
			}
			pc.Call("candidate", c.arrives)
			sdp, err := wait()
			require.NoError(t, err)
			require.Contains(t, sdp, "typ "+c.arrives)
		})
	}
	t.Run("with the last candidate", func(t *testing.T) {
		_, pc, wait := gatherFor(t, patient())
		pc.Call("candidate")
		pc.Call("gathered")
		_, err := wait()
		require.NoError(t, err)
	})
}

// Who wants relays alone is not connected in another way, and told why there is none.
func TestICERelayOnly(t *testing.T) {
	for _, end := range []string{"gathered", "limit"} {
		policy := patient().with(js.ValueOf(map[string]any{"transportPolicy": "relay", "servers": []any{map[string]any{"urls": "turn:a"}}}))
		if end == "limit" {
			policy.limit = time.Millisecond
		}
		_, pc, wait := gatherFor(t, policy)
		require.Equal(t, "relay", text(pc.Get("configuration"), "iceTransportPolicy"))
		if end == "gathered" {
			pc.Call("gathered")
		}
		_, err := wait()
		require.ErrorIs(t, err, sipua.ErrMediaFailed)
		require.ErrorContains(t, err, "ice.servers")
	}
}

// Gathering begins while the person is asked.
func TestICEBeforeTheMicrophone(t *testing.T) {
	p := newPage(t)
	p.Set("microphone", "ask")
	policy := defaultICE().with(js.ValueOf(map[string]any{"servers": []any{map[string]any{"urls": "stun:a"}}}))
	wait := begin(t, func() (*peer, error) { return p.newPeerWith(t.Context(), js.Undefined(), policy) })
	settle(t)
	pc := p.only("peers")
	require.JSONEq(t, `{"iceCandidatePoolSize": 1, "iceServers": [{"urls": "stun:a"}]}`, json(pc.Get("configuration")))
	p.only("prompts").Call("allow")
	m, err := wait()
	require.NoError(t, err)
	require.True(t, m.pc.Equal(pc))

	// Refused, it is closed.
	wait = begin(t, func() (*peer, error) { return p.newPeerWith(t.Context(), js.Undefined(), policy) })
	settle(t)
	p.Get("prompts").Index(1).Call("deny", exception("NotAllowedError"))
	_, err = wait()
	require.ErrorIs(t, err, sipua.ErrMediaDenied)
	settle(t)
	require.Equal(t, "closed", text(p.Get("peers").Index(1), "signalingState"))

	policy.early = false
	wait = begin(t, func() (*peer, error) { return p.newPeerWith(t.Context(), js.Undefined(), policy) })
	settle(t)
	require.Equal(t, 2, p.Get("peers").Length())
	p.Get("prompts").Index(2).Call("allow")
	_, err = wait()
	require.NoError(t, err)
	require.JSONEq(t, `{"iceServers": [{"urls": "stun:a"}]}`, json(p.Get("peers").Index(2).Get("configuration")))
}

// serversOf is a function of the page for its servers, which counts in asked. It is
// JavaScript, because it returns the value of an expression at once.
func serversOf(expression string) js.Value {
	return js.Global().Get("Function").New("const f = () => { f.asked++; return " + expression + "; }; f.asked = 0; return f;").Invoke()
}

func TestICEServersFromAFunction(t *testing.T) {
	const list = `[{ urls: "turn:a", credential: "fresh" }]`
	for name, c := range map[string]struct {
		give string
		want string // configuration
		code sipua.Code
	}{
		"a list":       {list, `{"iceServers": [{"urls": "turn:a", "credential": "fresh"}]}`, ""},
		"a promise":    {"Promise.resolve(" + list + ")", `{"iceServers": [{"urls": "turn:a", "credential": "fresh"}]}`, ""},
		"a rejection":  {`Promise.reject("no credentials")`, `{}`, "other"},
		"no list":      {`"turn:a"`, `{}`, sipua.CodeInvalidArgument},
		"nothing yet":  {"new Promise(() => {})", `{}`, sipua.CodeTimeout},
		"nothing ever": {"undefined", `{}`, sipua.CodeInvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPage(t)
			policy := icePolicy{servers: serversOf(c.give), limit: patience}
			if c.code == sipua.CodeTimeout {
				policy.limit = 10 * time.Millisecond
			}
			var missing error
			m, err := newPeer(t.Context(), p.desk, mediaOptions{}, policy, nil, func(js.Value, js.Value) {}, func(err error) { missing = err })
			require.NoError(t, err)
			require.JSONEq(t, c.want, json(m.pc.Get("configuration")))
			var typed *sipua.Error
			switch {
			case c.code == "":
				require.NoError(t, missing)
			case errors.As(missing, &typed):
				require.Equal(t, c.code, typed.Code)
			default:
				require.ErrorContains(t, missing, "no credentials")
			}
		})
	}
}

// skipTo takes events until one of this kind.
func (f *facade) skipTo(kind string) js.Value {
	f.t.Helper()
	for {
		if e := receive(f.t, f.events, "the event "+kind); e.kind == kind {
			return e.payload
		}
	}
}

// An incoming call gathers while it rings, without the microphone, once.
func TestPortGathersWhileItRings(t *testing.T) {
	f := start(t)
	servers := serversOf(`[{ urls: "stun:a" }]`)
	ws := f.register(ua, "ice", object("servers", servers))
	_, call := f.invite(ws, ua)
	settle(t)
	pc := f.only("peers")
	require.Zero(t, f.Get("asked").Length(), "nobody is asked for the microphone yet")
	f.do("accept", call, nil)
	f.response(200)
	require.True(t, f.skipTo("peerconnection").Get("peerConnection").Equal(pc))
	require.Equal(t, 1, servers.Get("asked").Int())

	// Rejected, it is closed.
	f.skipTo("media")
	_, call = f.invite(ws, ua)
	settle(t)
	f.do("reject", call, object("status", 486))
	f.response(486)
	f.expectState(call, "ended")
	f.expectEvent(call, "ended")
	settle(t)
	require.Equal(t, 2, servers.Get("asked").Int())
	require.Equal(t, "closed", text(f.Get("peers").Index(1), "signalingState"))

	// A call with a configuration of its own has a peer connection of its own.
	_, call = f.invite(ws, ua)
	settle(t)
	f.do("accept", call, object("media", object("ice", object("servers", []any{}))))
	f.response(200)
	require.Equal(t, 4, f.Get("peers").Length())
	require.Equal(t, "closed", text(f.Get("peers").Index(2), "signalingState"))
}

// Servers that cannot be had are told, and the call goes on.
func TestPortTellsOfMissingServers(t *testing.T) {
	f := start(t)
	servers := serversOf(`Promise.reject(new DOMException("made by the test", "NetworkError"))`)
	f.register(ua, "ice", object("servers", servers))
	f.do("call", ua, object("call", 3, "target", "1002"))
	e := f.expectEvent(3, "iceServersFailed").Get("error")
	require.Equal(t, "NetworkError", text(e.Get("cause"), "name"))
	f.request("INVITE")
}

// What is found after the description is told with it, and its end.
func TestPeerTellsOfCandidates(t *testing.T) {
	p := newPage(t)
	p.Set("slowGathering", true)
	m, err := p.newPeerWith(t.Context(), js.Undefined(), patient())
	require.NoError(t, err)
	pc := p.only("peers")
	var told []string
	m.WatchCandidates(func(sdp string) { told = append(told, sdp) })
	sdp, err := m.CreateOffer(t.Context(), sipua.OfferOptions{Trickle: true})
	require.NoError(t, err, "nothing is waited for")
	require.NotContains(t, sdp, "a=candidate")
	require.NotContains(t, sdp, "a=end-of-candidates")
	told = nil
	pc.Call("candidate", "host")
	settle(t)
	pc.Call("candidate", "srflx")
	settle(t)
	pc.Call("gathered")
	settle(t)
	require.Len(t, told, 3)
	require.Equal(t, []int{1, 2, 2}, []int{strings.Count(told[0], "a=candidate"), strings.Count(told[1], "a=candidate"), strings.Count(told[2], "a=candidate")})
	require.Equal(t, []int{0, 0, 1}, []int{strings.Count(told[0], "a=end-of-"), strings.Count(told[1], "a=end-of-"), strings.Count(told[2], "a=end-of-")})
	m.Close()
	require.Zero(t, pc.Call("listening").Int())
	p.requireReleased()
}

func TestEnded(t *testing.T) {
	const audio, video = "v=0\r\nm=audio 9 X 0\r\na=ice-ufrag:a\r\na=mid:0\r\n", "m=video 9 X 0\r\na=ice-ufrag:a\r\na=mid:1\r\n"
	const end = "a=end-of-candidates\r\n"
	require.Equal(t, audio+end+video+end, ended(audio+video))
	require.Equal(t, audio+end+video+end, ended(ended(audio+video)))
	require.Equal(t, "v=0\r\nm=audio 0 X 0\r\n", ended("v=0\r\nm=audio 0 X 0\r\n"))
}

// Two sides that trickle, at the port: the answer goes at once, and its candidates
// follow the ACK.
func TestPortTrickles(t *testing.T) {
	f := start(t)
	f.Set("slowGathering", true)
	ws := f.register(ua, "ice", object("servers", []any{object("urls", "stun:a")}, "gathering", object("settle", 60_000, "limit", 60_000)))
	invite := f.peer.NewRequest("INVITE", "sip:1001@example.com", h("Supported", "trickle-ice"), h("Recv-Info", "trickle-ice"))
	sipuatest.SetSDP(invite, strings.ReplaceAll(offerSDP("audio sendrecv"), "a=rtcp-mux\r\n", "a=rtcp-mux\r\na=mid:0\r\na=ice-options:trickle\r\n"))
	ws.Call("deliver", invite.String())
	f.response(180)
	call := f.skipTo("incoming").Get("call").Int()
	f.do("accept", call, nil)
	ok := f.response(200)
	require.Equal(t, "trickle-ice", header(t, ok, "Recv-Info"))
	require.NotContains(t, string(ok.Body()), "a=candidate")
	pc := f.only("peers")
	pc.Call("candidate", "host")
	ws.Call("deliver", f.peer.NewInDialogRequest("ACK", invite, ok).String())
	info := f.request("INFO")
	require.Equal(t, "trickle-ice", header(t, info, "Info-Package"))
	require.Contains(t, string(info.Body()), "typ host")
	pc.Call("gathered")
	f.respond(ws, info, 200, "OK")
	info = f.request("INFO")
	require.Contains(t, string(info.Body()), "a=end-of-candidates")
	f.respond(ws, info, 200, "OK")

	theirs := f.peer.NewInDialogRequest("INFO", invite, ok, h("Info-Package", "trickle-ice"), h("Content-Type", "application/trickle-ice-sdpfrag"))
	theirs.SetBody([]byte("a=ice-ufrag:far1\r\na=ice-pwd:" + strings.Repeat("p", 24) + "\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.7 9 typ host\r\n"))
	ws.Call("deliver", theirs.String())
	f.response(200)
	settle(t)
	require.JSONEq(t, `{"candidate": "candidate:1 1 udp 1 192.0.2.7 9 typ host", "sdpMid": "0", "usernameFragment": "far1"}`, json(pc.Get("remoteCandidate")))
}
