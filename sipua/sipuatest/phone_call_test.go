//go:build !js

package sipuatest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

var guarded = map[string]string{"1001": "secret", "1002": "secret"}

// phones are two that are registered.
func phones(t *testing.T, s *Server) (a, b *Phone) {
	t.Helper()
	a, b = NewPhone(t, s, "1001"), NewPhone(t, s, "1002")
	a.Register()
	b.Register()
	return a, b
}

func TestPhoneCall(t *testing.T) {
	bubble(t, Options{Accounts: guarded}, func(t *testing.T, s *Server) {
		a, b := phones(t, s)
		out := a.Call("1002")
		in := b.ExpectCall()
		in.Progress(180, PhoneProgress{})
		assert.Empty(t, out.ExpectProgress(180).Body())
		in.Progress(183, PhoneProgress{Media: true})
		out.ExpectProgress(183)
		assert.Equal(t, HaveRemotePranswer, out.Media.State())
		connect(out, in)
		assert.Equal(t, Stable, out.Media.State())

		done := background(func() { out.Reoffer("INVITE", sipua.OfferOptions{Hold: true}) })
		assert.NotEmpty(t, in.ExpectOffer("INVITE", sipua.OfferOptions{}).Body())
		<-done
		assert.Equal(t, "recvonly", in.Media.Direction())
		done = background(func() { in.Reoffer("UPDATE", sipua.OfferOptions{}) })
		out.ExpectOffer("UPDATE", sipua.OfferOptions{})
		<-done
		assert.Equal(t, "sendrecv", out.Media.Direction())

		done = background(func() { in.Refer("sip:1003@example.com") })
		refer := out.Expect("REFER")
		assert.Equal(t, "<sip:1003@example.com>", refer.GetHeader("Refer-To").Value())
		out.Respond(refer, 202)
		<-done
		done = background(func() { out.Hangup() })
		in.ExpectHangup()
		<-done
		a.Nothing(time.Minute)
		b.Nothing(time.Minute)
	})
}

// background runs the other phone's side of a step.
func background(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}

func TestPhoneRingsReliably(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		a, b := phones(t, s)
		out := a.Call("1002")
		in := b.ExpectCall()
		for _, step := range []PhoneProgress{{Reliable: true}, {Reliable: true, Media: true}} {
			done := background(func() { out.ExpectProgress(183) })
			in.Progress(183, step)
			<-done
		}
		assert.Equal(t, Stable, out.Media.State(), "a reliable answer is the answer")
		done := background(func() { out.Reoffer("UPDATE", sipua.OfferOptions{Hold: true}) })
		in.ExpectOffer("UPDATE", sipua.OfferOptions{}) // RFC 3311: before the call is answered
		<-done
		done = background(func() { assert.Empty(t, out.ExpectAnswer().Body()) })
		in.Answer()
		<-done
		assert.Equal(t, "sendonly", out.Media.Direction())
	})
}

func TestPhoneGivesUp(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		a, b := phones(t, s)
		out := a.Call("sip:1002@example.com")
		in := b.ExpectCall()
		in.Progress(180, PhoneProgress{})
		out.ExpectProgress(180)
		done := background(out.Cancel)
		in.ExpectCancel()
		<-done
		out = a.Call("1002")
		done = background(func() { out.ExpectFinal(486) })
		b.ExpectCall().Reject(486)
		<-done
		a.Nothing(time.Minute)
		b.Nothing(time.Minute)
	})
}

// connect answers a call.
func connect(out, in *PhoneCall) {
	done := background(func() { out.ExpectAnswer() })
	in.Answer()
	<-done
}

// A phone plays the other side of a user agent, whoever calls.
func TestPhoneAndUserAgent(t *testing.T) {
	bubble(t, Options{Accounts: guarded}, func(t *testing.T, s *Server) {
		bob := NewPhone(t, s, "1002")
		bob.Register()
		incoming := make(chan *sipua.Call, 1)
		media := &Factory{}
		alice, err := sipua.New(sipua.Config{
			URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: s.URL}}, Transport: s.Transport(),
			Credentials: sipua.Credentials{Password: "secret"}, Media: media.New,
			OnEvent: func(e sipua.Event) {
				if e, ok := e.(sipua.IncomingCall); ok {
					incoming <- e.Call
				}
			},
		})
		require.NoError(t, err)
		defer alice.Close()
		require.NoError(t, alice.Register(t.Context()))

		call, err := alice.Call("1002", sipua.CallOptions{})
		require.NoError(t, err)
		in := bob.ExpectCall()
		in.Progress(180, PhoneProgress{})
		in.Answer()
		require.NoError(t, call.Answered(t.Context()))
		held := background(func() { assert.NoError(t, call.Hold(t.Context())) })
		in.ExpectOffer("INVITE", sipua.OfferOptions{})
		<-held
		assert.Equal(t, "recvonly", in.Media.Direction())
		in.Hangup()
		_, err = call.Ended(t.Context())
		require.NoError(t, err)

		out := bob.Call("1001")
		out.ExpectProgress(180)
		accepted := background(func() { assert.NoError(t, (<-incoming).Accept(t.Context(), sipua.AcceptOptions{})) })
		out.ExpectAnswer()
		<-accepted
		synctest.Wait()
		hung := background(func() { assert.NoError(t, alice.Calls()[0].Hangup(t.Context())) })
		out.ExpectHangup()
		<-hung
	})
}

// Where the INVITE has no offer, the phone makes one (RFC 3261 section 13.2.1).
func TestPhoneOffers(t *testing.T) {
	for _, reliable := range []bool{false, true} {
		bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
			a, b := phones(t, s)
			media := NewMedia(MediaOptions{})
			req := a.NewRequest("INVITE", "sip:1002@example.com")
			a.Send(req)
			in := b.ExpectCall()
			out := &PhoneCall{Media: media, Invite: req, phone: a, outgoing: true, from: req.From().Value(), to: req.To().Value()}
			reply := func(method string, res *sip.Response, headers ...sip.Header) {
				out.learn(res)
				answer, err := media.CreateAnswer(t.Context(), string(res.Body()), sipua.OfferOptions{})
				assert.NoError(t, err)
				m := out.NewRequest(method, headers...)
				SetSDP(m, answer)
				a.Send(m)
			}
			if reliable {
				done := background(func() {
					res := out.response("183")
					reply("PRACK", res, sip.NewHeader("RAck", res.GetHeader("RSeq").Value()+" "+res.CSeq().Value()))
				})
				in.Progress(183, PhoneProgress{Reliable: true, Media: true})
				<-done
				assert.Equal(t, Stable, in.Media.State())
			}
			done := background(func() {
				res := out.ExpectFinal(200)
				if reliable {
					assert.Empty(t, res.Body())
					out.sendACK(req.CSeq().SeqNo)
					return
				}
				reply("ACK", res, sip.NewHeader("CSeq", "1 ACK"))
			})
			in.Answer()
			<-done
			assert.Equal(t, "sendrecv", in.Media.Direction())
		})
	}
}

func TestPhoneComplains(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		a, b := phones(t, s)
		out := a.Call("1002")
		in := b.ExpectCall()
		connect(out, in)
		complains := func(want string, f func()) {
			t.Helper()
			said := failure(t, func(tb testing.TB) {
				b.t = tb
				f()
			})
			b.t = t
			assert.Contains(t, said, want)
		}
		complains("phone 1002 expected INFO, got nothing within 10s", func() { b.Expect("INFO") })
		a.Send(out.NewRequest("INFO"))
		complains("expected UPDATE, got\nINFO ", func() { in.Expect("UPDATE") })
		a.Send(out.NewRequest("INFO", sip.NewHeader("CSeq", "1 INFO")))
		complains("with a CSeq beyond", func() { in.Expect("INFO") })
		a.Send(out.NewRequest("INFO", sip.NewHeader("From", "<sip:1001@example.com>;tag=other")))
		complains("with the tags", func() { in.Expect("INFO") })
		a.Send(out.NewRequest("INFO"))
		complains("expected nothing, got\nINFO ", func() { b.Nothing(time.Second) })
		a.Send(out.NewRequest("PRACK", sip.NewHeader("RAck", "1 1 INVITE")))
		complains("expected RAck: ", func() { in.Progress(180, PhoneProgress{Reliable: true}) })
		done := background(func() { a.Respond(out.Expect("INFO"), 500) })
		complains("expected 200 to INFO, got\nSIP/2.0 500 ", func() { in.Do("INFO", 200) })
		<-done
	})
}
