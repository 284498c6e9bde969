package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// RFC 3891: INVITE with Replaces.

// meant is the value of Replaces that names the dialog of a talk at our side.
func meant(k *talk, params string) sip.Header {
	ours, theirs := tag(value(k.invite, "From")), tag(value(k.ok, "To"))
	if k.call.Direction() == sipua.Incoming {
		ours, theirs = theirs, ours
	}
	return h("Replaces", k.call.ID()+";to-tag="+ours+";from-tag="+theirs+params)
}

// takesOver sends an INVITE of somebody else.
func (w *world) takesOver(headers ...sip.Header) *talk {
	w.Helper()
	k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
	k.invite = w.NewRequest("INVITE", "sip:1001@example.com", append(headers, h("From", `"Carol" <sip:carol@peer.invalid>;tag=carol`))...)
	sipuatest.SetSDP(k.invite, k.farOffer(false))
	w.Send(k.invite)
	return k
}

// An established call is replaced without the person: accepted, then BYE.
func TestCallIsReplaced(t *testing.T) {
	both(t, func(old *talk) {
		old.forget()
		k := old.takesOver(meant(old, ""), h("Require", "replaces"), h("Referred-By", "<sip:boss@example.com>"))
		k.ok = k.ExpectResponse(k.T, 200)
		bye := k.ExpectRequest(k.T, "BYE")
		old.inDialog(bye)
		k.Respond(bye, 200, "OK")
		require.NoError(k, k.far.ApplyAnswer(k.Context(), string(k.ok.Body()), false))
		k.ack(k.invite, k.ok)
		k.call = last[sipua.IncomingCall](k.world).Call
		require.Same(k, old.call, k.call.Replaces())
		require.Nil(k, old.call.Replaces())
		require.Equal(k, sipua.CallReplaced{Call: old.call, By: k.call}, last[sipua.CallReplaced](k.world))
		require.Equal(k, sipua.Local, k.end(old.call).By)
		require.Equal(k, sipua.Established, k.call.State())
		require.Equal(k, "Carol", k.call.Remote().DisplayName)
		require.Equal(k, []string{"incoming", "answering", "accepted", "answered", "sipua.CallReplaced", "ended", "end by local", "established"}, k.story())
		k.bye()
	})
}

func TestReplacesLadder(t *testing.T) {
	play(t, func(w *world) {
		old := w.outgoing() // stays on the ladder, which knows its Call-ID by it
		k := w.takesOver(meant(old, ""), h("Require", "replaces"))
		k.ok = w.ExpectResponse(w.T, 200)
		bye := w.ExpectRequest(w.T, "BYE")
		w.Respond(bye, 200, "OK")
		k.ack(k.invite, k.ok)
		w.end(old.call)
		w.golden("replaces")
	})
}

// The new call gets what the application said of the media of the old one.
func TestReplacesKeepsTheMediaOptions(t *testing.T) {
	play(t, func(w *world) {
		old := w.ring()
		done := begin(func() error { return old.call.Accept(w.Context(), sipua.AcceptOptions{Media: "the headset"}) })
		old.ok = w.ExpectResponse(w.T, 200)
		require.NoError(w, done())
		old.ack(old.invite, old.ok)
		synctest.Wait()
		k := w.takesOver(meant(old, ""))
		w.ExpectResponse(w.T, 200)
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		k.call = last[sipua.IncomingCall](w).Call
		require.Equal(w, "the headset", w.media.For(k.call).Options)
	})
}

// A call that cannot be replaced after all stays.
func TestReplacesFails(t *testing.T) {
	play(t, func(w *world) { // our media fails
		old := w.outgoing()
		w.fail.Store(true)
		k := w.takesOver(meant(old, ""))
		refused := w.ExpectResponse(w.T, 488)
		w.Send(w.NewInDialogRequest("ACK", k.invite, refused))
		w.fail.Store(false)
		require.Equal(w, sipua.Established, old.call.State())
		require.Zero(w, count[sipua.CallReplaced](w))
		old.hangup()
	})
	play(t, func(w *world) { // the new caller gives up
		old := w.outgoing()
		w.delay.Store(int64(time.Minute))
		k := w.takesOver(meant(old, ""))
		w.Send(w.NewInDialogRequest("CANCEL", k.invite, nil))
		w.ExpectResponse(w.T, 200)
		w.Send(w.NewInDialogRequest("ACK", k.invite, w.ExpectResponse(w.T, 487)))
		w.delay.Store(0)
		synctest.Wait()
		require.Equal(w, sipua.Established, old.call.State())
		old.hangup()
	})
	play(t, func(w *world) { // the old one ends before: the new one goes on
		old := w.outgoing()
		w.delay.Store(int64(time.Second))
		k := w.takesOver(meant(old, ""))
		old.bye()
		k.ok = w.ExpectResponse(w.T, 200)
		k.ack(k.invite, k.ok)
		w.delay.Store(0)
		require.Zero(w, count[sipua.CallReplaced](w))
		require.Equal(w, sipua.Established, last[sipua.IncomingCall](w).Call.State())
	})
	play(t, func(w *world) { // a description that nobody can use
		old := w.outgoing()
		invite := w.NewRequest("INVITE", "sip:1001@example.com", meant(old, ""))
		sipuatest.SetSDP(invite, "nonsense")
		w.Send(invite)
		w.Send(w.NewInDialogRequest("ACK", invite, w.ExpectResponse(w.T, 488)))
		require.Equal(w, sipua.Established, old.call.State())
		old.hangup()
	})
}

// The program decides.
func TestManualReplaces(t *testing.T) {
	manual := func(c *sipua.Config) { c.ManualReplaces = true }
	play(t, func(w *world) {
		old := w.outgoing()
		k := w.takesOver(meant(old, ""))
		k.ok = w.ExpectResponse(w.T, 180)
		k.call = last[sipua.IncomingCall](w).Call
		require.Same(w, old.call, k.call.Replaces())
		w.ExpectNothing(w.T, 30*time.Second)
		require.Equal(w, sipua.Ringing, k.call.State())
		done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		k.ok = w.ExpectResponse(w.T, 200)
		require.NoError(w, done())
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		k.ack(k.invite, k.ok)
		require.Equal(w, k.call, last[sipua.CallReplaced](w).By)
	}, manual)
	play(t, func(w *world) {
		old := w.outgoing()
		k := w.takesOver(meant(old, ""))
		w.ExpectResponse(w.T, 180)
		done := begin(func() error { return last[sipua.IncomingCall](w).Call.Reject(w.Context(), 603) })
		w.Send(w.NewInDialogRequest("ACK", k.invite, w.ExpectResponse(w.T, 603)))
		require.NoError(w, done())
		require.Equal(w, sipua.Established, old.call.State())
		old.hangup()
	}, manual)
}

// A call of ours that rings is picked up: ours is canceled (section 3).
func TestReplacesEarly(t *testing.T) {
	for _, params := range []string{"", ";early-only"} {
		play(t, func(w *world) {
			old := &talk{world: w, call: w.callOut()}
			old.invite = w.ExpectRequest(w.T, "INVITE")
			old.ok = w.Respond(old.invite, 180, "Ringing")
			synctest.Wait()
			k := w.takesOver(meant(old, params))
			k.ok = w.ExpectResponse(w.T, 200)
			w.Respond(w.ExpectRequest(w.T, "CANCEL"), 200, "OK")
			w.Respond(old.invite, 487, "Request Terminated")
			w.ExpectRequest(w.T, "ACK")
			k.ack(k.invite, k.ok)
			require.Equal(w, old.call, last[sipua.CallReplaced](w).Call)
			require.Equal(w, sipua.Local, w.end(old.call).By)
			require.Equal(w, sipua.Established, last[sipua.IncomingCall](w).Call.State())
		})
	}
}

// The rows of the table in replaces.go that refuse.
func TestReplacesRefused(t *testing.T) {
	refused := func(w *world, status int, headers ...sip.Header) {
		w.Helper()
		w.forget()
		k := w.takesOver(headers...)
		res := w.ExpectResponse(w.T, status)
		w.Send(w.NewInDialogRequest("ACK", k.invite, res))
		require.Empty(w, w.story())
	}
	both(t, func(k *talk) {
		w := k.world
		replaces := meant(k, "").Value()
		callID, tags, _ := strings.Cut(replaces, ";")
		refused(w, 486, meant(k, ";early-only"))
		refused(w, 481, h("Replaces", "another;"+tags))
		refused(w, 481, h("Replaces", callID+";to-tag=x;from-tag=y"))
		swapped := strings.NewReplacer("to-tag", "from-tag", "from-tag", "to-tag").Replace(tags)
		refused(w, 481, h("Replaces", callID+";"+swapped))
		refused(w, 400, h("Replaces", callID))
		refused(w, 400, meant(k, ""), meant(k, ""))
		refused(w, 400, meant(k, ""), h("Join", replaces))
		require.Equal(w, sipua.Established, k.call.State())
		k.bye()
		refused(w, 603, h("Replaces", replaces)) // it has ended a moment ago
		for range 32 {
			w.outgoing().bye()
		}
		refused(w, 481, h("Replaces", replaces)) // long ago
	})
	play(t, func(w *world) { // somebody calls us: the other side cannot know our tag but from our 180
		k := w.ring()
		refused(w, 481, meant(k, ""))
		require.Equal(w, sipua.Ringing, k.call.State())
	})
	play(t, func(w *world) { // it is being given up
		old := &talk{world: w, call: w.callOut()}
		old.invite = w.ExpectRequest(w.T, "INVITE")
		old.ok = w.Respond(old.invite, 180, "Ringing")
		synctest.Wait()
		done := begin(func() error { return old.call.Hangup(w.Context()) })
		cancel := w.ExpectRequest(w.T, "CANCEL")
		refused(w, 603, meant(old, ""))
		w.Respond(cancel, 200, "OK")
		w.Respond(old.invite, 487, "Request Terminated")
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, done())
	})
	play(t, func(w *world) { // the dialog of a fork that did not answer first
		k := w.outgoing()
		fork := w.NewResponse(k.invite, 200, "OK")
		fork.ReplaceHeader(h("To", "<sip:1002@example.com>;tag=fork"))
		sipuatest.SetSDP(fork, answer(w.T, k.invite.Body()))
		w.Send(fork)
		w.ExpectRequest(w.T, "ACK")
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		refused(w, 481, h("Replaces", k.call.ID()+";to-tag="+tag(value(k.invite, "From"))+";from-tag=fork"))
		k.hangup()
	})
	play(t, func(w *world) { // a subscription is no call
		sub, err := w.ua.Subscribe("sip:1002@example.com", sipua.SubscribeOptions{Event: "presence"})
		require.NoError(w, err)
		req := w.ExpectRequest(w.T, "SUBSCRIBE")
		ok := w.Respond(req, 200, "OK", h("Expires", "600"))
		synctest.Wait()
		refused(w, 481, h("Replaces", req.CallID().Value()+";to-tag="+tag(value(req, "From"))+";from-tag="+tag(value(ok, "To"))))
		_ = sub
	})
}
