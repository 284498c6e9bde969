//go:build !js

//lint:file-ignore SA1019 nhooyr.io/websocket is the WebSocket package of this module, and its successor has the same code

package sipuatest

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"nhooyr.io/websocket"
)

func TestServerPongs(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	a := newPhone(t, s, "1001")
	for n, ignore := range []bool{false, true, false} {
		s.Configure(func(o *Options) { o.IgnorePings = ignore })
		a.write("\r\n\r\n")
		if !ignore {
			pong, ok := a.in.pop(patience)
			require.True(t, ok)
			assert.Equal(t, "\r\n", string(pong))
		}
		a.nothingMore()
		assert.Equal(t, n+1, s.Pings())
	}
}

func TestServerHalfOpen(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	a.register()
	b.register()
	s.HalfOpen()
	a.write("\r\n\r\n")
	a.request("OPTIONS", "sip:example.com", "sip:example.com")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, a.ws.Ping(ctx), "not even the WebSocket answers")
	c := newPhone(t, s, "1003")
	c.nothingMore()
	_, ok := a.in.pop(0)
	assert.False(t, ok)
	assert.Equal(t, []string{a.contact()}, s.Contacts("1001"))
	assert.Len(t, s.Requests(), 3, "what came on it was thrown away")
	c.request("MESSAGE", "sip:1001@example.com", "sip:1001@example.com")
	c.nothingMore()
	b.vanish()
	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, s.WaitContacts(ctx, "1002", 0), "the end of the socket is seen")
	begin := time.Now()
	s.DropConnections(4000)
	assert.Equal(t, websocket.StatusCode(-1), websocket.CloseStatus(<-a.closed), "no close frame passes")
	_, ok = a.in.pop(0)
	assert.False(t, ok, "nothing has left")
	assert.Equal(t, websocket.StatusCode(4000), websocket.CloseStatus(<-c.closed))
	assert.Less(t, time.Since(begin), closeTimeout)
}

// TestServerSoak drops a registered client a thousand times, over the network
// and in memory, and looks at what is left.
func TestServerSoak(t *testing.T) {
	for name, connect := range map[string]func(*testing.T, *Server, string) *phone{"WebSocket": newPhone, "memory": newMemoryPhone} {
		t.Run(name, func(t *testing.T) {
			o := events
			o.MaxExpires = 2 * time.Hour
			s := NewServer(o)
			defer s.Close()
			goroutines := runtime.NumGoroutine()
			round := func(n int) {
				for range n {
					p := connect(t, s, "1001")
					p.outbound(instanceA, "1")
					p.request("INVITE", "sip:1001@example.com", "sip:1001@example.com")
					p.expectResponse(100)
					p.expectRequest("INVITE")
					s.DropConnections(1006)
					<-p.closed
				}
			}
			round(100)
			before := heap()
			round(1000)
			after := heap()
			s.mu.Lock()
			left := fmt.Sprint(len(s.flows), len(s.tokens), len(s.contacts), len(s.bindings), len(s.gone), len(s.serverTx), len(s.clientTx), len(s.calls), len(s.events.subscriptions))
			s.mu.Unlock()
			assert.Equal(t, "0 0 0 0 0 0 0 0 0", left)
			assert.LessOrEqual(t, len(s.Requests()), maxRequests)
			assert.Less(t, after, before+4<<20, "a thousand rounds")
			deadline := time.Now().Add(patience)
			for runtime.NumGoroutine() > goroutines && time.Now().Before(deadline) {
				runtime.Gosched()
			}
			assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
		})
	}
}

// heap is what is in use, after the garbage is gone.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
