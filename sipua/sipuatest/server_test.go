//go:build !js

//lint:file-ignore SA1019 nhooyr.io/websocket is the WebSocket package of this module, and its successor has the same code

package sipuatest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"nhooyr.io/websocket"
)

// open has accounts without passwords.
var open = map[string]string{"1001": "", "1002": "", "1003": ""}

func newServer(t *testing.T, o Options) *Server {
	t.Helper()
	s := NewServer(o)
	t.Cleanup(s.Close)
	return s
}

func TestServerAnswersOptions(t *testing.T) {
	s := newServer(t, Options{})
	p := newPhone(t, s, "1001")
	p.request("OPTIONS", "sip:example.com", "sip:example.com", "Max-Forwards: 0")
	assert.Contains(t, p.expectResponse(200).GetHeader("Allow").Value(), "INVITE")
}

func TestServerIntercept(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	p := newPhone(t, s, "1001")
	actions := make(chan Action, 10)
	s.Intercept(func(req *sip.Request) Action {
		if req.Method != sip.REGISTER {
			return Action{}
		}
		return <-actions
	})
	to := "sip:1001@example.com"
	actions <- Action{Status: 503, Reason: "Service Unavailable", Headers: []sip.Header{sip.NewHeader("Retry-After", "5")}}
	p.request("REGISTER", "sip:example.com", to)
	assert.Equal(t, "5", p.expectResponse(503).GetHeader("Retry-After").Value())

	actions <- Action{Drop: true}
	p.request("REGISTER", "sip:example.com", to)
	p.nothingMore()

	begin := time.Now()
	actions <- Action{Delay: 30 * time.Millisecond}
	p.request("REGISTER", "sip:example.com", to)
	p.request("OPTIONS", "sip:example.com", "sip:example.com")
	assert.Equal(t, sip.REGISTER, p.expectResponse(200).CSeq().MethodName, "the order holds")
	assert.GreaterOrEqual(t, time.Since(begin), 30*time.Millisecond)
	p.expectResponse(200)

	actions <- Action{Close: 1011, Reason: "boom"}
	p.request("REGISTER", "sip:example.com", to)
	assert.Equal(t, websocket.StatusInternalError, websocket.CloseStatus(<-p.closed))
	assert.Len(t, s.Requests(), 6)

	s.Intercept(nil)
	newPhone(t, s, "1001").register()
}

func TestServerSendsBadInput(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	p := newPhone(t, s, "1001")
	assert.Error(t, s.Send("1001", []byte("x")))
	p.register()
	require.NoError(t, s.Send("1001", []byte("\xff\x00 not SIP")))
	text, ok := p.in.pop(patience)
	require.True(t, ok)
	assert.Equal(t, "\xff\x00 not SIP", string(text))
}

func TestServerDropConnectionsAndRestart(t *testing.T) {
	s := newServer(t, Options{Accounts: map[string]string{"1001": ""}})
	url := s.URL
	for _, code := range []int{1001, 4000, 1006} {
		p := newPhone(t, s, "1001")
		p.register()
		s.DropConnections(code)
		want := websocket.StatusCode(code)
		if code == 1006 {
			want = -1 // no close frame
		}
		err := <-p.closed
		assert.Equal(t, want, websocket.CloseStatus(err), "%v", err)
		assert.Zero(t, s.Connections())
		assert.Empty(t, s.Contacts("1001"))
	}
	p := newPhone(t, s, "1001")
	require.NoError(t, s.Restart())
	err := <-p.closed
	assert.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
	assert.Equal(t, url, s.URL)
	newPhone(t, s, "1001").register()

	s.Stop()
	_, _, err = websocket.Dial(t.Context(), url, nil)
	require.Error(t, err)
	require.NoError(t, s.Start())
	require.NoError(t, s.Start(), "twice does nothing")
	newPhone(t, s, "1001").register()
}

func TestServerHandshake(t *testing.T) {
	s := newServer(t, Options{})
	_, res, err := websocket.Dial(t.Context(), s.URL, nil)
	require.Error(t, err, "RFC 7118 section 4.1: the sub-protocol is a must")
	assert.Equal(t, http.StatusBadRequest, res.StatusCode)

	t.Run("binary and continued frames", func(t *testing.T) {
		p := newPhone(t, s, "1001")
		text := p.message("OPTIONS", "sip:example.com", "<sip:1001@example.com>;tag=a", "<sip:example.com>", "x", 1)
		require.NoError(t, p.ws.Write(t.Context(), websocket.MessageBinary, []byte(text)))
		p.expectResponse(200)
		w, err := p.ws.Writer(t.Context(), websocket.MessageText)
		require.NoError(t, err)
		for part := range strings.SplitAfterSeq(strings.Replace(text, "branch=", "branch=z9hG4bK", 1), "\r\n") {
			_, err := w.Write([]byte(part))
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		p.expectResponse(200)
		require.NoError(t, p.ws.Ping(t.Context()), "answered")
	})
	t.Run("behind another HTTP server", func(t *testing.T) {
		s := NewUnstartedServer(Options{Accounts: open})
		defer s.Close()
		h := httptest.NewServer(s)
		defer h.Close()
		s.URL = "ws" + strings.TrimPrefix(h.URL, "http")
		a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
		b.register()
		a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com")
		b.respond(b.expectRequest("MESSAGE"), 200, "OK", "b")
		a.expectResponse(200)
	})
	t.Run("on a given listener", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		s := newServer(t, Options{Accounts: open, Listener: l})
		assert.Equal(t, "ws://"+l.Addr().String(), s.URL)
		newPhone(t, s, "1001").register()
		s.Close()
		_, err = l.Accept()
		assert.ErrorIs(t, err, net.ErrClosed)
	})
	t.Run("never started", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		NewUnstartedServer(Options{Listener: l}).Close()
		_, err = l.Accept()
		assert.ErrorIs(t, err, net.ErrClosed)
	})
}

// TestServerLeavesNothing runs a bit of everything and counts goroutines.
func TestServerLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	s := NewServer(Options{Accounts: open})
	s.Handle("slow", func(ctx context.Context, _ ExtensionCall) (string, ExtensionSession, error) {
		<-ctx.Done()
		return "", nil, ctx.Err()
	})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	b.register()
	a.request("INVITE", "sip:slow@example.com", "sip:slow@example.com", "\nv=0\n")
	a.expectResponse(100)
	a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com")
	b.respond(b.expectRequest("INVITE"), 180, "Ringing", "b")
	s.Close()
	s.Close()
	<-a.closed
	<-b.closed
	// What is left of a goroutine that has done its work goes away by itself.
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		stacks := make([]byte, 1<<16)
		t.Fatalf("%d goroutines before, %d after:\n%s", before, n, stacks[:runtime.Stack(stacks, true)])
	}
}
