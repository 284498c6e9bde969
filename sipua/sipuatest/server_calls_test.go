//go:build !js

package sipuatest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// All methods find their way inside a dialog, in both directions, whether the
// server is in the route set or not.
func TestServerRoutesDialogs(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		bubble(t, Options{Accounts: guarded, NoRecordRoute: hidden}, func(t *testing.T, s *Server) {
			a, b := phones(t, s)
			out := a.Call("1002")
			in := b.ExpectCall()
			assert.Equal(t, hidden, in.Invite.RecordRoute() == nil)
			connect(out, in)
			for _, method := range []string{"PRACK", "UPDATE", "REFER", "NOTIFY", "INFO", "MESSAGE", "OPTIONS", "SUBSCRIBE", "BYE"} {
				for _, c := range []struct{ from, to *PhoneCall }{{out, in}, {in, out}} {
					done := background(func() { c.from.Do(method, 200) })
					c.to.Respond(c.to.Expect(method), 200)
					<-done
				}
			}
		})
	}
}

// Every provisional response of every branch reaches the caller, and the branch
// that answers ends the others.
func TestServerForksToPhones(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		a, b := phones(t, s)
		c, d := NewPhone(t, s, "1002"), NewPhone(t, s, "1002")
		c.Register()
		d.Register()
		out := a.Call("1002")
		toB, toC, toD := b.ExpectCall(), c.ExpectCall(), d.ExpectCall()
		tags := map[string]bool{}
		for _, in := range []*PhoneCall{toB, toC, toD, toB, toC} {
			done := background(func() { in.Progress(183, PhoneProgress{Reliable: true}) })
			tags[out.ExpectProgress(183).To().Params.GetOr("tag", "")] = true
			<-done
		}
		assert.Len(t, tags, 3)
		toD.Reject(486)
		a.Nothing(time.Minute) // neither 486 nor 199 (RFC 6228)
		done := background(func() { toC.Answer() })
		out.ExpectAnswer()
		<-done
		toB.ExpectCancel()
		a.Nothing(time.Minute)
		done = background(func() { out.Hangup() })
		toC.ExpectHangup()
		<-done
	})
}

func TestServerCancelsWhoSaysNothing(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		a, b := phones(t, s)
		a.Timeout = time.Minute
		out := a.Call("1002")
		in := b.ExpectCall()
		in.Progress(180, PhoneProgress{})
		out.ExpectProgress(180)
		begin := time.Now()
		done := background(out.Cancel) // which expects 487
		b.Respond(b.Expect("CANCEL"), 200)
		<-done
		assert.Equal(t, 64*sip.T1, time.Since(begin), "RFC 3261 section 9.1")
	})
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		a, b := phones(t, s)
		out := a.Call("1002")
		b.ExpectCall().Progress(180, PhoneProgress{})
		out.ExpectProgress(180)
		done := background(out.Cancel)
		b.Expect("CANCEL")
		b.Disconnect()
		<-done // 487 nevertheless
	})
	bubble(t, Options{Accounts: open, RingTimeout: 10 * time.Second}, func(t *testing.T, s *Server) {
		a, b := phones(t, s)
		a.Timeout = time.Minute
		out := a.Call("1002")
		b.ExpectCall().Progress(180, PhoneProgress{})
		out.ExpectFinal(408) // Timer C, RFC 3261 section 16.8
		b.Expect("CANCEL")
	})
}

func TestServerInterceptsResponses(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		a, b := phones(t, s)
		a.Timeout = time.Minute
		s.InterceptResponses(func(res *sip.Response) Action {
			switch {
			case res.StatusCode == 180:
				return Action{Drop: true}
			case res.StatusCode == 183:
				return Action{Rewrite: func(m sip.Message) { m.(*sip.Response).StatusCode = 182 }}
			case res.StatusCode == 200 && res.CSeq().MethodName == sip.INVITE:
				return Action{Delay: 20 * time.Second}
			}
			return Action{}
		})
		out := a.Call("1002")
		in := b.ExpectCall()
		in.Progress(180, PhoneProgress{})
		in.Progress(183, PhoneProgress{})
		out.ExpectProgress(182)
		begin := time.Now()
		b.Timeout = time.Minute
		done := background(func() { in.Answer() })
		out.ExpectAnswer()
		<-done
		assert.Equal(t, 20*time.Second, time.Since(begin))

		s.InterceptResponses(func(*sip.Response) Action { return Action{Close: 1011} })
		a.Send(out.NewRequest("INFO"))
		b.Respond(in.Expect("INFO"), 200)
		synctest.Wait()
		assert.Empty(t, s.Contacts("1002"), "the connection of the response is closed")
	})
}

func TestServerLosesRequests(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		a, b := phones(t, s)
		s.Intercept(func(req *sip.Request) Action {
			switch {
			case req.IsAck():
				return Action{Drop: true}
			case req.Method == sip.INFO:
				return Action{Rewrite: func(m sip.Message) { m.AppendHeader(sip.NewHeader("X-Was", "here")) }}
			}
			return Action{}
		})
		s.Next("PRACK", Action{Drop: true})
		out := a.Call("1002")
		in := b.ExpectCall()
		sdp, err := in.Media.CreateAnswer(t.Context(), string(in.Invite.Body()), sipua.OfferOptions{})
		require.NoError(t, err)
		in.Respond(in.Invite, 183, sip.NewHeader("Require", "100rel"), sip.NewHeader("RSeq", "7"))
		out.learn(out.response("183"))
		a.Send(out.NewRequest("PRACK", sip.NewHeader("RAck", "7 1 INVITE")))
		b.Nothing(time.Minute)
		done := background(func() { out.Do("PRACK", 200, sip.NewHeader("RAck", "7 1 INVITE")) })
		in.Respond(in.Expect("PRACK"), 200)
		<-done
		ok := sip.NewResponseFromRequest(in.Invite, 200, "OK", nil)
		ok.To().Params.Add("tag", in.tag)
		ok.AppendHeader(sip.NewHeader("Contact", "<"+b.Contact()+">"))
		SetSDP(ok, sdp)
		acknowledge := func() {
			b.Send(ok)
			out.ExpectFinal(200)
			out.sendACK(out.Invite.CSeq().SeqNo)
		}
		for range 3 {
			acknowledge()
		}
		b.Nothing(time.Second) // no ACK
		s.Intercept(nil)
		acknowledge()
		in.ExpectACK()
		s.Intercept(func(req *sip.Request) Action {
			return Action{Rewrite: func(m sip.Message) { m.AppendHeader(sip.NewHeader("X-Was", "here")) }}
		})
		done = background(func() { out.Do("INFO", 200) })
		info := in.Expect("INFO")
		assert.Equal(t, "here", info.GetHeader("X-Was").Value())
		in.Respond(info, 200)
		<-done
		requests := s.Requests()
		assert.Nil(t, requests[len(requests)-1].GetHeader("X-Was"), "the record is of what came")
	})
}

// The proxy passes no response on that it has not asked for, whatever the
// connection.
func TestServerDropsStrayResponses(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		a, b := phones(t, s)
		out := a.Call("1002")
		in := b.ExpectCall()
		stray := sip.NewResponseFromRequest(in.Invite, 200, "OK", nil)
		text := strings.Replace(stray.String(), "branch=z9hG4bK", "branch=z9hG4bKx", 1)
		require.NoError(t, b.conn.Write([]byte(text)))
		a.Nothing(time.Second)
		connect(out, in)
	})
}
