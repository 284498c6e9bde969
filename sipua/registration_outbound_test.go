package sipua_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// registerWith registers; the 200 has our Contact with these parameters.
func (w *world) registerWith(params string, headers ...sip.Header) *sip.Request {
	w.Helper()
	req, done := w.registering()
	w.Respond(req, 200, "OK", append([]sip.Header{contactWith(req, params)}, headers...)...)
	require.NoError(w, done())
	return req
}

// RFC 5626 section 4.2, RFC 3327 section 5.1, RFC 5627 section 4.1.
func TestRegisterOutbound(t *testing.T) {
	play(t, func(w *world) {
		req := w.registerWith(";expires=600", h("Require", "outbound"))
		require.Equal(w, []string{"path, gruu, outbound"}, values(req, "Supported"))
		require.Contains(w, value(req, "Contact"), ";reg-id=1;")
		require.Contains(w, value(req, "Contact"), `;+sip.instance="<urn:uuid:00000000-0000-4000-8000-000000000001>"`)
		require.True(w, last[sipua.Registered](w).Outbound)
		require.Equal(w, 1, last[sipua.Registered](w).Flow)
		require.Nil(w, req.GetHeader("Require"))
		w.registerWith(";expires=600")
		require.False(w, last[sipua.Registered](w).Outbound, "each 200 says it anew")
		w.registerWith(";expires=600", h("Require", "path, OUTBOUND"))
		require.True(w, last[sipua.Registered](w).Outbound, "option tags are tokens: without case")
		w.registerWith(";expires=600", h("Supported", "outbound"))
		require.False(w, last[sipua.Registered](w).Outbound, "Supported says nothing about this binding")
	})
	play(t, func(w *world) {
		req := w.register()
		require.Equal(w, "path, gruu", value(req, "Supported"))
		require.NotContains(w, value(req, "Contact"), "reg-id")
		require.Contains(w, value(req, "Contact"), "+sip.instance", "it is for GRUU as well")
	}, func(c *sipua.Config) { c.NoOutbound = true })
}

// RFC 5626 section 11.1: 439 First Hop Lacks Outbound Support: once more without
// it, and from then on.
func TestRegister439(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 439, "First Hop Lacks Outbound Support")
		again := w.ExpectRequest(w.T, "REGISTER")
		require.NotContains(w, value(again, "Contact"), "reg-id")
		require.NotContains(w, value(again, "Supported"), "outbound")
		require.Greater(w, again.CSeq().SeqNo, req.CSeq().SeqNo)
		w.Respond(again, 200, "OK", again.Contact())
		require.NoError(w, done())
		require.Equal(w, []string{"connected", "registered 10m0s"}, w.story())
		require.NotContains(w, value(w.register(), "Contact"), "reg-id", "the refresh too")
		done = begin(func() error { return w.ua.Unregister(w.Context()) })
		last := w.ExpectRequest(w.T, "REGISTER")
		require.NotContains(w, value(last, "Contact"), "reg-id")
		w.Respond(last, 200, "OK")
		require.NoError(w, done())
	})
	play(t, func(w *world) { // once is enough
		req, done := w.registering()
		w.Respond(req, 439, "No")
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 439, "No")
		typed(w, done(), sipua.CodeRejected, 439)
		w.ExpectNothing(w.T, time.Hour)
	})
}

// RFC 5627 section 4.3: once there is a GRUU, it is the Contact of what makes and
// refreshes dialogs; without the binding it leads nowhere.
func TestGRUU(t *testing.T) {
	const gruu = "sip:1001@example.com;gr=urn:uuid:00000000-0000-4000-8000-000000000001"
	granted := `;pub-gruu="` + gruu + `";temp-gruu="sip:tgruu.7hs==@example.com;gr";expires=600`
	contactOf := func(m sip.Message) string { return value(m, "Contact") }
	play(t, func(w *world) {
		w.registerWith(granted)
		e := last[sipua.Registered](w)
		require.Equal(w, gruu, e.GRUU)
		require.Len(w, e.Bindings, 1)
		require.Equal(w, gruu, e.Bindings[0].GRUU)
		require.Equal(w, "sip:tgruu.7hs==@example.com;gr", e.Bindings[0].TempGRUU)

		out := w.outgoing()
		require.Equal(w, "<"+gruu+">", contactOf(out.invite))
		re, done := out.hold()
		require.Equal(w, "<"+gruu+">", contactOf(re))
		out.agree(re)
		require.NoError(w, done())
		require.Equal(w, "<"+gruu+">", contactOf(out.farHold(true)), "of the 200 to a re-INVITE")
		out.hangup()

		in := w.incoming()
		require.Equal(w, "<"+gruu+">", contactOf(in.ok))
		in.bye()

		own := w.registerWith(granted)
		require.NotContains(w, contactOf(own), "gr=", "a REGISTER binds the address of the flow (RFC 5627 section 4.2)")
		done = begin(func() error { return w.ua.Unregister(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK")
		require.NoError(w, done())
		after := w.outgoing()
		require.NotContains(w, contactOf(after.invite), "gr=")
		require.Contains(w, contactOf(after.invite), ".invalid;transport=ws")
		after.bye()
	})
	// It goes with the flow, and with a 200 that has none.
	play(t, func(w *world) {
		w.registerWith(granted)
		w.Drop(1006, "")
		w.ExpectRequest(w.T, "REGISTER") // not answered yet
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		require.NotContains(w, contactOf(invite), "gr=")
		w.Respond(invite, 486, "Busy Here")
		w.end(call)
	})
	play(t, func(w *world) {
		w.registerWith(granted)
		w.registerWith(";expires=600")
		require.Empty(w, last[sipua.Registered](w).GRUU)
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		require.NotContains(w, contactOf(invite), "gr=")
		w.Respond(invite, 486, "Busy Here")
		w.end(call)
	})
	// What cannot be an address is none.
	for _, odd := range []string{"", "x", "<>", "sip:", "javascript:alert(1)", "tel:+1", "mailto:a@example.com"} {
		play(t, func(w *world) {
			w.registerWith(`;pub-gruu="` + odd + `";expires=600`)
			call := w.callOut()
			invite := w.ExpectRequest(w.T, "INVITE")
			require.Contains(w, contactOf(invite), ".invalid;transport=ws", "%q", odd)
			w.Respond(invite, 486, "Busy Here")
			w.end(call)
		})
	}
}

// RFC 3608 section 5 and 6.1: for requests outside of dialogs, not for REGISTER;
// the next 200 replaces or clears it.
func TestServiceRoute(t *testing.T) {
	routes := func(req *sip.Request) []string { return values(req, "Route") }
	invite := func(w *world) *sip.Request {
		w.Helper()
		call := w.callOut()
		req := w.ExpectRequest(w.T, "INVITE")
		w.Respond(req, 486, "Busy Here")
		require.Equal(w, routes(req), routes(w.ExpectRequest(w.T, "ACK")), "RFC 3261 section 17.1.1.3")
		w.end(call)
		return req
	}
	const p1, p2, p3 = "<sip:p1.example.com;transport=ws;lr>", "<sip:p2.example.com;lr>", "<sip:orig@p3.example.com;lr;x=y>"
	play(t, func(w *world) {
		w.registerWith(";expires=600", h("Service-Route", p1+", "+p2), h("Service-Route", p3))
		require.Equal(w, []string{p1, p2, p3}, routes(invite(w)))
		require.Empty(w, routes(w.registerWith(";expires=600", h("Service-Route", p2))))
		require.Equal(w, []string{p2}, routes(invite(w)), "replaced")
		// In a dialog its own route set counts.
		k := w.outgoing()
		require.Equal(w, []string{p2}, routes(k.invite))
		re, done := k.hold()
		require.Empty(w, routes(re), "there was no Record-Route")
		k.agree(re)
		require.NoError(w, done())
		bye := begin(func() error { return k.call.Hangup(w.Context()) })
		req := w.ExpectRequest(w.T, "BYE")
		require.Empty(w, routes(req))
		w.Respond(req, 200, "OK")
		require.NoError(w, bye())
		// CANCEL has the Route of its INVITE (section 9.1).
		call := w.callOut()
		req = w.ExpectRequest(w.T, "INVITE")
		w.Respond(req, 180, "Ringing")
		synctest.Wait()
		begin(func() error { return call.Hangup(w.Context()) })
		cancel := w.ExpectRequest(w.T, "CANCEL")
		require.Equal(w, []string{p2}, routes(cancel))
		w.Respond(cancel, 200, "OK")
		w.Respond(req, 487, "Request Terminated")
		w.ExpectRequest(w.T, "ACK")
		w.end(call)
		begin(func() error { _, err := w.ua.Options(w.Context(), "1002"); return err })
		req = w.ExpectRequest(w.T, "OPTIONS")
		require.Equal(w, []string{p2}, routes(req))
		w.Respond(req, 200, "OK")
		w.registerWith(";expires=600")
		require.Empty(w, routes(invite(w)), "cleared")
	})
	// It goes with the binding.
	play(t, func(w *world) {
		w.registerWith(";expires=600", h("Service-Route", p1))
		done := begin(func() error { return w.ua.Unregister(w.Context()) })
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Empty(w, routes(req))
		w.Respond(req, 200, "OK", h("Service-Route", p1))
		require.NoError(w, done())
		require.Empty(w, routes(invite(w)))
	})
	// What cannot be used is not used, and does no harm.
	for _, odd := range []string{"", "garbage", "<sip:p1.example.com>", "<sip:p1.example.com;lr", "<>", "<sip:;lr>", p1 + ", <tel:1>"} {
		play(t, func(w *world) {
			w.registerWith(";expires=600", h("Service-Route", odd))
			require.Empty(w, routes(invite(w)), "%q", odd)
		})
	}
}

// two servers, and as many flows.
func flows(n int) func(*sipua.Config) {
	return func(c *sipua.Config) {
		c.Servers = []sipua.Server{{URL: urlA}, {URL: urlB}}
		c.Flows = n
	}
}

// outbound plays the registration of both flows.
func (w *world) outbound() (one, two *sip.Request) {
	w.Helper()
	done := begin(func() error { return w.ua.Register(w.Context()) })
	one = w.On(urlA).ExpectRequest(w.T, "REGISTER")
	w.On(urlA).Respond(one, 200, "OK", contactWith(one, ";reg-id=1;expires=600"), h("Require", "outbound"))
	require.NoError(w, done())
	two = w.On(urlB).ExpectRequest(w.T, "REGISTER")
	w.On(urlB).Respond(two, 200, "OK", contactWith(two, ";reg-id=2;expires=600"), h("Require", "outbound"))
	synctest.Wait()
	return one, two
}

// RFC 5626 section 4.2.1: each flow has a connection to another server, and a
// binding with its own reg-id, Call-ID and sequence.
func TestTwoFlows(t *testing.T) {
	play(t, func(w *world) {
		one, two := w.outbound()
		require.Contains(w, value(one, "Contact"), ";reg-id=1;")
		require.Contains(w, value(two, "Contact"), ";reg-id=2;")
		require.NotEqual(w, one.CallID().Value(), two.CallID().Value())
		require.Equal(w, []string{"connected", "registered 10m0s", "connected", "registered 10m0s"}, w.story())
		require.Equal(w, 2, last[sipua.Registered](w).Flow)
		require.Equal(w, sipua.Connected{Flow: 2, Server: urlB}, last[sipua.Connected](w))

		// A call arrives on either, and is answered there.
		for _, url := range []string{urlA, urlB} {
			invite := w.NewRequest("INVITE", "sip:1001@example.com")
			w.On(url).Send(invite)
			w.On(url).ExpectResponse(w.T, 180)
			call := last[sipua.IncomingCall](w).Call
			begin(func() error { return call.Reject(w.Context(), 486) })
			w.On(url).ExpectResponse(w.T, 486)
			w.On(url).Send(w.NewInDialogRequest("ACK", invite, w.NewResponse(invite, 486, "Busy")))
			w.end(call)
		}

		// The loss of one leaves the other.
		time.Sleep(time.Minute)
		w.forget()
		w.On(urlA).Drop(1006, "")
		synctest.Wait()
		require.Equal(w, []string{"disconnected 1006", "reconnecting 1"}, w.story())
		require.Equal(w, 1, last[sipua.Disconnected](w).Flow)
		call := w.callOut()
		invite := w.On(urlB).ExpectRequest(w.T, "INVITE")
		w.On(urlB).Respond(invite, 486, "Busy Here")
		w.On(urlB).ExpectRequest(w.T, "ACK")
		w.end(call)
		again := w.On(urlA).ExpectRequest(w.T, "REGISTER")
		require.Equal(w, one.CallID().Value(), again.CallID().Value())
		require.Contains(w, value(again, "Contact"), ";reg-id=1;")
		w.On(urlA).Respond(again, 200, "OK", again.Contact(), h("Require", "outbound"))
		synctest.Wait()

		// The loss of both is the end of the registration, told once.
		time.Sleep(time.Minute)
		w.forget()
		w.OnDial(refused)
		w.On(urlB).Drop(1006, "")
		synctest.Wait()
		require.Zero(w, count[sipua.Unregistered](w))
		w.On(urlA).Drop(1006, "")
		synctest.Wait()
		require.Equal(w, 1, count[sipua.Unregistered](w))
		time.Sleep(10 * time.Minute)
		require.Equal(w, 1, count[sipua.Unregistered](w))
	}, flows(2))
}

// Unregister takes all of them away.
func TestTwoFlowsUnregister(t *testing.T) {
	play(t, func(w *world) {
		w.outbound()
		w.forget()
		done := begin(func() error { return w.ua.Unregister(w.Context()) })
		for url, id := range map[string]string{urlA: "1", urlB: "2"} {
			req := w.On(url).ExpectRequest(w.T, "REGISTER")
			require.Equal(w, "0", value(req, "Expires"))
			require.Contains(w, value(req, "Contact"), ";reg-id="+id+";")
			w.On(url).Respond(req, 200, "OK")
		}
		require.NoError(w, done())
		require.Equal(w, 1, count[sipua.Unregistered](w))
		require.NoError(w, last[sipua.Unregistered](w).Err)
		w.ExpectNothing(w.T, time.Hour)
		require.Zero(w, count[sipua.Reconnecting](w))
	}, flows(2))
	// One of them cannot be removed: the error says so, the others are.
	play(t, func(w *world) {
		w.outbound()
		done := begin(func() error { return w.ua.Unregister(w.Context()) })
		w.On(urlA).Respond(w.On(urlA).ExpectRequest(w.T, "REGISTER"), 200, "OK")
		w.On(urlB).Respond(w.On(urlB).ExpectRequest(w.T, "REGISTER"), 500, "No")
		typed(w, done(), sipua.CodeRejected, 500)
		w.ExpectNothing(w.T, time.Hour)
	}, flows(2))
}

// A registrar that does not say "Require: outbound" gets one flow.
func TestTwoFlowsWithoutOutbound(t *testing.T) {
	play(t, func(w *world) {
		done := begin(func() error { return w.ua.Register(w.Context()) })
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, 1, count[sipua.Connected](w))
		// Once it does, the second follows.
		begin(func() error { return w.ua.Register(w.Context()) })
		req = w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact(), h("Require", "outbound"))
		two := w.On(urlB).ExpectRequest(w.T, "REGISTER")
		w.On(urlB).Respond(two, 200, "OK", two.Contact(), h("Require", "outbound"))
	}, flows(2))
}

// RFC 5626 section 4.3: a dialog keeps to its flow, and takes another one when that
// is gone.
func TestDialogKeepsToItsFlow(t *testing.T) {
	play(t, func(w *world) {
		w.outbound()
		b := w.On(urlB)
		k := &talk{world: w, far: nil}
		invite := w.NewRequest("INVITE", "sip:1001@example.com", h("Content-Type", "application/sdp"))
		invite.SetBody([]byte(offer(w.T)))
		b.Send(invite)
		b.ExpectResponse(w.T, 180)
		k.call = last[sipua.IncomingCall](w).Call
		done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
		ok := b.ExpectResponse(w.T, 200)
		require.NoError(w, done())
		b.Send(w.NewInDialogRequest("ACK", invite, ok))
		synctest.Wait()

		held := begin(func() error { return k.call.Hold(w.Context()) })
		re := b.ExpectRequest(w.T, "INVITE")
		b.Respond(re, 500, "Server Internal Error")
		b.ExpectRequest(w.T, "ACK")
		require.Error(w, held())

		w.OnDial(refused)
		b.Drop(1006, "")
		synctest.Wait()
		require.Equal(w, sipua.Established, k.call.State())
		done = begin(func() error { return k.call.Hangup(w.Context()) })
		bye := w.On(urlA).ExpectRequest(w.T, "BYE")
		w.On(urlA).Respond(bye, 200, "OK")
		require.NoError(w, done())
		w.end(k.call)
	}, flows(2))
}

// A BYE that one flow took with it goes over the other one at once.
func TestByeTakesTheOtherFlow(t *testing.T) {
	play(t, func(w *world) {
		w.outbound()
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		at := w.Of(invite)
		sdp := answer(w.T, invite.Body())
		at.RespondSDP(invite, 200, "OK", sdp)
		at.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		done := begin(func() error { return call.Hangup(w.Context()) })
		first := at.ExpectRequest(w.T, "BYE")
		w.OnDial(refused)
		begun := time.Now()
		at.Drop(1006, "")
		again := w.ExpectRequest(w.T, "BYE")
		require.Zero(w, time.Since(begun))
		require.Greater(w, again.CSeq().SeqNo, first.CSeq().SeqNo)
		require.NotEqual(w, first.Source(), again.Source())
		w.Of(again).Respond(again, 200, "OK")
		require.NoError(w, done())
	}, flows(2))
}

// SetPush is for all flows (RFC 8599 section 4.1).
func TestSetPushOnAllFlows(t *testing.T) {
	play(t, func(w *world) {
		w.outbound()
		done := begin(func() error { return w.ua.SetPush(w.Context(), &sipua.Push{Provider: "webpush", PRID: "x"}) })
		for _, url := range []string{urlA, urlB} {
			req := w.On(url).ExpectRequest(w.T, "REGISTER")
			require.Contains(w, value(req, "Contact"), "pn-prid=x")
			w.On(url).Respond(req, 200, "OK", req.Contact(), h("Require", "outbound"))
		}
		require.NoError(w, done())
	}, flows(2))
}

// Of three flows to two servers the third has the first server again.
func TestThreeFlows(t *testing.T) {
	play(t, func(w *world) {
		w.outbound()
		three := w.ExpectRequest(w.T, "REGISTER")
		require.Contains(w, value(three, "Contact"), ";reg-id=3;")
		w.Of(three).Respond(three, 200, "OK", contactWith(three, ";reg-id=3;expires=600"), h("Require", "outbound"))
		synctest.Wait()
		require.Contains(w, w.recorded(), sipua.Event(sipua.Connected{Flow: 3, Server: urlA}), "in any order with the second")
		require.Equal(w, 3, count[sipua.Registered](w))
	}, flows(3))
	for _, n := range []int{-1, 5} {
		_, err := sipua.New(sipua.Config{URI: "sip:1@example.com", Servers: []sipua.Server{{URL: urlA}}, Flows: n})
		typed(t, err, sipua.CodeInvalidArgument, 0)
	}
}
