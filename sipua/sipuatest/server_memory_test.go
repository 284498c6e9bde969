//go:build !js

package sipuatest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func TestInMemoryCall(t *testing.T) {
	begin := time.Now()
	bubble(t, Options{Accounts: map[string]string{"1001": "secret", "1002": "secret"}}, func(t *testing.T, s *Server) {
		assert.Equal(t, "ws://example.com", s.URL)
		media := &Factory{}
		client := func(user string, onEvent func(sipua.Event)) *sipua.UserAgent {
			ua, err := sipua.New(sipua.Config{
				URI: "sip:" + user + "@example.com", Servers: []sipua.Server{{URL: s.URL}}, Transport: s.Transport(),
				Credentials: sipua.Credentials{Password: "secret"}, Media: media.New, OnEvent: onEvent,
			})
			require.NoError(t, err)
			require.NoError(t, ua.Register(t.Context()))
			return ua
		}
		a := client("1001", nil)
		defer a.Close()
		b := client("1002", func(e sipua.Event) {
			if e, ok := e.(sipua.IncomingCall); ok {
				go e.Call.Accept(context.Background(), sipua.AcceptOptions{})
			}
		})
		defer b.Close()
		call, err := a.Call("1002", sipua.CallOptions{})
		require.NoError(t, err)
		require.NoError(t, call.Answered(t.Context()))
		time.Sleep(24 * time.Hour) // refreshed all the time
		assert.Len(t, s.Contacts("1002"), 1)
		require.NoError(t, call.Hangup(t.Context()))
	})
	assert.Less(t, time.Since(begin), time.Minute)
}

func TestInMemoryConnections(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		a := newMemoryPhone(t, s, "1001")
		a.register()
		s.DropConnections(4000)
		var closed *sipua.CloseError
		require.ErrorAs(t, <-a.closed, &closed)
		assert.Equal(t, 4000, closed.Code)
		assert.Error(t, a.mem.Write([]byte("late")))
		assert.Empty(t, s.Contacts("1001"))

		b := newMemoryPhone(t, s, "1001")
		b.register()
		b.mem.Close(1000, "bye")
		require.ErrorAs(t, <-b.closed, &closed)
		assert.Equal(t, 1000, closed.Code)
		synctest.Wait()
		assert.Zero(t, s.Connections())

		s.Stop()
		_, err := s.Transport().Dial(t.Context(), s.URL)
		require.ErrorContains(t, err, "refused")
		require.NoError(t, s.Start())
		_, err = s.Transport().Dial(t.Context(), "http://example.com")
		require.ErrorContains(t, err, "not a WebSocket URL")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = s.Transport().Dial(gone, s.URL)
		assert.True(t, errors.Is(err, context.Canceled))
		newMemoryPhone(t, s, "1001").register()
	})
}

func TestInMemoryBesideWebSocket(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	a, b := newMemoryPhone(t, s, "1001"), newPhone(t, s, "1002")
	b.register()
	a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com")
	b.respond(b.expectRequest("MESSAGE"), 200, "OK", "b")
	a.expectResponse(200)
}

func TestInMemoryHalfOpen(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		a, b := newMemoryPhone(t, s, "1001"), newMemoryPhone(t, s, "1001")
		a.outbound(instanceA, "1")
		s.HalfOpen()
		caller := newMemoryPhone(t, s, "1002") // new connections work
		again := newMemoryPhone(t, s, "1001")
		again.outbound(instanceA, "2")
		b.write("\r\n\r\n")
		b.request("OPTIONS", "sip:example.com", "sip:example.com")
		_, ok := b.in.pop(time.Hour)
		assert.False(t, ok, "nothing comes")
		assert.Equal(t, 4, s.Connections(), "the connections stay")

		again.outbound(instanceA, "2")
		caller.request("MESSAGE", "sip:1001@example.com", "sip:1001@example.com")
		again.respond(again.expectRequest("MESSAGE"), 200, "OK", "again")
		caller.expectResponse(200)
		a.mem.Close(1000, "")
		<-a.closed
		synctest.Wait()
		assert.Equal(t, 3, s.Connections())
		s.DropConnections(1012)
		assert.ErrorContains(t, <-b.closed, "1006", "no close frame passes")
		assert.ErrorContains(t, <-again.closed, "1012")
	})
}

// The second flow takes over when the one registered last answers nothing.
func TestFlowThatIsSilent(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		caller, one, two := newMemoryPhone(t, s, "1002"), newMemoryPhone(t, s, "1001"), newMemoryPhone(t, s, "1001")
		one.outbound(instanceA, "1")
		two.outbound(instanceA, "2")
		s.Next("OPTIONS", Action{HalfOpen: true})
		two.request("OPTIONS", "sip:example.com", "sip:example.com")
		synctest.Wait()
		begin := time.Now()
		caller.request("INVITE", "sip:1001@example.com", "sip:1001@example.com")
		caller.expectResponse(100)
		_, early := one.in.pop(31 * time.Second)
		assert.False(t, early)
		one.respond(one.expectRequest("INVITE"), 200, "OK", "one")
		assert.Equal(t, 32*time.Second, time.Since(begin), "Timer B, RFC 3261 section 17.1.1.2")
		caller.expectResponse(200)
	})
}
