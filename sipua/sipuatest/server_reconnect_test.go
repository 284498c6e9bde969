//go:build !js

package sipuatest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"

	"github.com/sipwasm/sipwasm/sipua"
)

func TestServerReconnect(t *testing.T) {
	waits := Options{Accounts: open, Reconnect: time.Minute, RingTimeout: time.Hour}
	t.Run("the callee while it rings", func(t *testing.T) {
		bubble(t, waits, func(t *testing.T, s *Server) {
			a, b := phones(t, s)
			out := a.Call("1002")
			in := b.ExpectCall()
			in.Progress(180, PhoneProgress{})
			out.ExpectProgress(180)
			b.Disconnect()
			a.Nothing(30 * time.Second)
			b.Connect()
			b.Register()
			done := background(func() { in.Answer() })
			out.ExpectAnswer()
			<-done
			done = background(func() { out.Hangup() })
			in.ExpectHangup()
			<-done
		})
	})
	t.Run("the callee, who is then canceled", func(t *testing.T) {
		bubble(t, waits, func(t *testing.T, s *Server) {
			a, b := phones(t, s)
			out := a.Call("1002")
			in := b.ExpectCall()
			in.Progress(180, PhoneProgress{})
			out.ExpectProgress(180)
			s.HalfOpen() // both, of which one comes back
			b.Connect()
			b.Register()
			a.Connect()
			a.Register()
			done := background(out.Cancel)
			in.ExpectCancel()
			<-done
		})
	})
	t.Run("the callee with another address", func(t *testing.T) {
		bubble(t, waits, func(t *testing.T, s *Server) {
			a, b := NewPhone(t, s, "1001"), NewPhone(t, s, "1002")
			register := func() {
				b.Register(sip.NewHeader("Contact", "<"+b.Contact()+`>;+sip.instance="<`+instanceA+`>"`))
			}
			register()
			out := a.Call("1002")
			in := b.ExpectCall()
			in.Progress(180, PhoneProgress{})
			out.ExpectProgress(180)
			b.Disconnect()
			b.host = "moved.invalid"
			b.Connect()
			register()
			done := background(out.Cancel)
			in.ExpectCancel()
			<-done
		})
	})
	t.Run("the caller while it rings", func(t *testing.T) {
		bubble(t, waits, func(t *testing.T, s *Server) {
			a, b := phones(t, s)
			out := a.Call("1002")
			in := b.ExpectCall()
			a.Disconnect()
			synctest.Wait()
			in.Progress(180, PhoneProgress{}) // nobody hears it
			b.Nothing(30 * time.Second)
			a.Connect()
			a.Register()
			in.Progress(183, PhoneProgress{})
			out.ExpectProgress(183)
			done := background(func() { in.Answer() })
			out.ExpectAnswer()
			<-done
		})
	})
	t.Run("a caller who does not come back", func(t *testing.T) {
		bubble(t, waits, func(t *testing.T, s *Server) {
			a, b := phones(t, s)
			b.Timeout = 5 * time.Minute
			a.Call("1002")
			in := b.ExpectCall()
			in.Progress(180, PhoneProgress{})
			a.Disconnect()
			synctest.Wait()
			a.Connect()
			a.Register()
			b.Nothing(2 * time.Minute)
			a.Disconnect() // for good
			begin := time.Now()
			in.ExpectCancel()
			assert.Equal(t, time.Minute, time.Since(begin))
		})
	})
	t.Run("a callee who does not come back", func(t *testing.T) {
		bubble(t, waits, func(t *testing.T, s *Server) {
			a, b := phones(t, s)
			a.Timeout = 5 * time.Minute
			out := a.Call("1002")
			b.ExpectCall().Progress(180, PhoneProgress{})
			b.Disconnect()
			begin := time.Now()
			out.ExpectFinal(480)
			assert.Equal(t, time.Minute, time.Since(begin))
		})
	})
	t.Run("inside a dialog", func(t *testing.T) {
		bubble(t, waits, func(t *testing.T, s *Server) {
			a, b := phones(t, s)
			out := a.Call("1002")
			in := b.ExpectCall()
			connect(out, in)
			b.Disconnect()
			b.Connect()
			done := background(func() { in.Reoffer("INVITE", sipua.OfferOptions{}) }) // target refresh
			out.ExpectOffer("INVITE", sipua.OfferOptions{})
			<-done
			a.Disconnect()
			a.Connect()
			a.Register()
			done = background(func() { in.Do("INFO", 200) })
			out.Respond(out.Expect("INFO"), 200)
			<-done
			// A request that waits for its answer while the connection changes.
			a.Send(out.NewRequest("INFO"))
			info := in.Expect("INFO")
			b.Connect()
			b.Register()
			a.Connect()
			a.Register()
			in.Respond(info, 200)
			a.wait("200 to INFO", func(m sip.Message) bool { res, ok := m.(*sip.Response); return ok && res.StatusCode == 200 })
		})
	})
	t.Run("the caller of an extension", func(t *testing.T) {
		bubble(t, waits, func(t *testing.T, s *Server) {
			sessions := make(chan *mediaSession, 1)
			var hangup func()
			s.Handle("echo", func(ctx context.Context, call ExtensionCall) (string, ExtensionSession, error) {
				m := &mediaSession{NewMedia(MediaOptions{}), make(chan struct{})}
				hangup = call.Hangup
				sessions <- m
				answer, err := m.CreateAnswer(ctx, call.Offer, sipua.OfferOptions{})
				return answer, m, err
			})
			a := NewPhone(t, s, "1001")
			out := a.Call("echo")
			out.ExpectAnswer()
			session := <-sessions
			a.Disconnect()
			a.Nothing(30 * time.Second)
			a.Connect()
			out.Reoffer("INVITE", sipua.OfferOptions{Hold: true})
			a.Nothing(2 * time.Minute)
			hangup()
			out.ExpectHangup()
			<-session.ended
		})
	})
	t.Run("without the option", func(t *testing.T) {
		bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
			a, b := phones(t, s)
			out := a.Call("1002")
			b.ExpectCall().Progress(180, PhoneProgress{})
			b.Disconnect()
			out.ExpectFinal(480)
		})
	})
	t.Run("a server that stops meanwhile", func(t *testing.T) {
		bubble(t, waits, func(t *testing.T, s *Server) {
			a, b := phones(t, s)
			a.Call("1002")
			b.ExpectCall()
			b.Disconnect()
			synctest.Wait()
			s.Stop()
			s.mu.Lock()
			defer s.mu.Unlock()
			assert.Empty(t, s.clientTx)
			assert.Empty(t, s.grace)
		})
	})
}
