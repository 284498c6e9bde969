package main

import (
	"context"
	"strings"
	"syscall/js"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// The page's function for session descriptions.

// hook is a function of the page, from the text of its body.
func hook(body string) js.Value {
	return js.Global().Get("Function").New("handle", "local", "kind", "sdp", body)
}

func TestPortHookSeesDescriptions(t *testing.T) {
	f := start(t)
	seen := js.Global().Get("Array").New()
	js.Global().Set("seenByTheHook", seen)
	t.Cleanup(func() { js.Global().Delete("seenByTheHook") })
	ws := f.register(ua, "sdp", hook(`seenByTheHook.push([handle, local, kind]); return Promise.resolve(local ? sdp.replace("s=-", "s=hooked") : sdp)`))
	d := f.establish(ws, 3)
	require.Contains(t, string(d.invite.Body()), "s=hooked")
	require.JSONEq(t, `[[3,true,"offer"],[3,false,"answer"]]`, json(seen))

	seen.Set("length", 0)
	_, call := f.invite(ws, ua)
	f.do("accept", call, nil)
	require.Contains(t, string(f.response(200).Body()), "s=hooked")
	require.JSONEq(t, `[[2,false,"offer"],[2,true,"answer"]]`, json(seen))
}

func TestPortHookThatFails(t *testing.T) {
	for name, c := range map[string]struct{ body, code, message string }{
		"throws":          {`throw new Error("no such codec")`, "media-failed", "no such codec"},
		"rejects":         {`return Promise.reject(new Error("later"))`, "media-failed", "later"},
		"returns nothing": {``, "invalid-argument", "sdp"},
		"throws a text":   {`throw "odd"`, "media-failed", "odd"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			f.register(ua, "sdp", hook(c.body))
			f.do("call", ua, object("call", 3, "target", "1002"))
			for _, kind := range []string{"peerconnection", "localstream", "state"} {
				f.expectEvent(3, kind)
			}
			e := f.expectEvent(3, "ended").Get("error")
			f.requireError(e, c.code)
			require.True(t, strings.Contains(text(e, "message"), c.message), text(e, "message"))
			settle(t)
			require.Empty(t, f.wire)
		})
	}
}

// A promise that nobody settles holds up its own call alone, and not beyond the end
// of that: the microphone is given back.
func TestPortHookThatNeverReturns(t *testing.T) {
	f := start(t)
	ws := f.register(ua, "sdp", hook(`return new Promise(() => {})`))
	f.do("call", ua, object("call", 3, "target", "1002"))
	f.expectEvent(3, "peerconnection")
	f.expectEvent(3, "localstream")
	_, other := f.invite(ws, ua)
	f.do("reject", other, nil)
	f.response(486)
	f.do("hangup", 3, nil)
	settle(t)
	require.Equal(t, 1, track(f.only("streams"), 0).Get("stops").Int())
}

// What runs beside the events waits for the event that tells the facade of a call, and
// not for ever: a call that is accepted by itself makes its media at once.
func TestPortWaitsUntilACallIsKnown(t *testing.T) {
	p := newPort(newPage(t).Value)
	c := new(sipua.Call)
	ctx, cancel := context.WithCancel(t.Context())
	ask := func() func() (int, error) {
		return begin(t, func() (int, error) {
			handle, ok := p.known(ctx, c)
			if !ok {
				return 0, sipua.ErrCanceled
			}
			return handle, nil
		})
	}
	wait := ask()
	settle(t)
	p.handleOf(new(sipua.Call)) // another one
	settle(t)
	want := p.handleOf(c)
	handle, err := wait()
	require.NoError(t, err)
	require.Equal(t, want, handle)
	handle, _ = ask()()
	require.Equal(t, want, handle)
	p.forget(c)
	wait = ask()
	settle(t)
	cancel()
	_, err = wait()
	require.ErrorIs(t, err, sipua.ErrCanceled)
}
