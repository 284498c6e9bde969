//go:build !js

//lint:file-ignore SA1019 nhooyr.io/websocket is the WebSocket package of this module, and its successor has the same code

package sipua_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"nhooyr.io/websocket"

	"github.com/sipwasm/sipwasm/sipua"
)

// socketServer is a WebSocket server whose handler plays the SIP server.
func socketServer(t *testing.T, handler func(ctx context.Context, ws *websocket.Conn)) (url string) {
	t.Helper()
	var wg sync.WaitGroup
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wg.Add(1)
		defer wg.Done()
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"sip"}})
		if err != nil {
			return
		}
		defer ws.CloseNow()
		handler(r.Context(), ws)
	}))
	t.Cleanup(func() { server.Close(); wg.Wait() })
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// open dials url and closes the connection at the end of the test.
func open(t *testing.T, url string) sipua.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := sipua.WebSocket{}.Dial(ctx, url)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(1000, "") })
	return conn
}

// closing reads on until the connection ends.
func closing(t *testing.T, conn sipua.Conn) (before [][]byte, end *sipua.CloseError) {
	t.Helper()
	for {
		data, err := conn.Read()
		if err == nil {
			before = append(before, data)
			continue
		}
		require.ErrorAs(t, err, &end)
		_, again := conn.Read()
		require.ErrorAs(t, again, new(*sipua.CloseError), "Read always returns it")
		return before, end
	}
}

// Both kinds of frame are read, and written as RFC 7118 section 5 wants them.
func TestSocketMessages(t *testing.T) {
	type frame struct {
		kind websocket.MessageType
		data string
	}
	frames := []frame{{websocket.MessageText, "REGISTER żółć"}, {websocket.MessageBinary, "\x00\xff\xfe"}, {websocket.MessageText, ""}}
	url := socketServer(t, func(ctx context.Context, ws *websocket.Conn) {
		for range frames {
			kind, data, err := ws.Read(ctx)
			if err != nil || ws.Write(ctx, kind, data) != nil || ws.Write(ctx, websocket.MessageText, []byte(kind.String())) != nil {
				return
			}
		}
		ws.Close(websocket.StatusNormalClosure, "")
	})
	conn := open(t, url)
	for _, f := range frames {
		require.NoError(t, conn.Write([]byte(f.data)))
		data, err := conn.Read()
		require.NoError(t, err)
		require.Equal(t, f.data, string(data))
		kind, err := conn.Read()
		require.NoError(t, err)
		require.Equal(t, f.kind.String(), string(kind))
	}
	_, end := closing(t, conn)
	require.Equal(t, 1000, end.Code)
}

// Code and reason of the server's close are kept, and what came before it is read
// first.
func TestSocketClosedByServer(t *testing.T) {
	for _, c := range []struct {
		code   int
		reason string
	}{{1000, ""}, {1001, "restart"}, {1011, "worker died"}, {4403, "zażółć"}} {
		t.Run(fmt.Sprint(c.code), func(t *testing.T) {
			url := socketServer(t, func(ctx context.Context, ws *websocket.Conn) {
				for i := range 100 {
					if ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, "message %d", i)) != nil {
						return
					}
				}
				ws.Close(websocket.StatusCode(c.code), c.reason)
			})
			before, end := closing(t, open(t, url))
			require.Len(t, before, 100)
			require.Equal(t, "message 99", string(before[99]))
			require.Equal(t, c.code, end.Code)
			require.Equal(t, c.reason, end.Reason)
		})
	}
}

// Without a close frame the code is 1006 (RFC 6455 section 7.1.5).
func TestSocketBroken(t *testing.T) {
	url := socketServer(t, func(ctx context.Context, ws *websocket.Conn) {
		_ = ws.Write(ctx, websocket.MessageText, []byte("last"))
		_ = ws.CloseNow()
	})
	conn := open(t, url)
	before, end := closing(t, conn)
	require.Equal(t, [][]byte{[]byte("last")}, before)
	require.Equal(t, 1006, end.Code)
	require.Error(t, end.Err)
	require.Error(t, conn.Write([]byte("too late")))
	conn.Close(1000, "again")
}

// Our close code and reason arrive, after what was written before.
func TestSocketClosedByUs(t *testing.T) {
	type seen struct {
		messages int
		err      error
	}
	result := make(chan seen, 1)
	url := socketServer(t, func(ctx context.Context, ws *websocket.Conn) {
		s := seen{}
		for s.err == nil {
			if _, _, s.err = ws.Read(ctx); s.err == nil {
				s.messages++
			}
		}
		result <- s
	})
	conn := open(t, url)
	for range 50 {
		require.NoError(t, conn.Write([]byte("BYE")))
	}
	conn.Close(4000, "enough")
	conn.Close(1000, "twice")
	require.Error(t, conn.Write([]byte("too late")))
	s := <-result
	require.Equal(t, 50, s.messages)
	require.EqualValues(t, 4000, websocket.CloseStatus(s.err))
	require.ErrorContains(t, s.err, "enough")
	_, end := closing(t, conn)
	require.NotZero(t, end.Code)
}

// RFC 7118 section 4.1: without the sub-protocol it is not SIP.
func TestSocketWithoutSubprotocol(t *testing.T) {
	var wg sync.WaitGroup
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wg.Add(1)
		defer wg.Done()
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		<-release // nor does it answer a close frame
		_ = ws.CloseNow()
	}))
	defer func() { close(release); server.Close(); wg.Wait() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begun := time.Now()
	_, err := sipua.WebSocket{}.Dial(ctx, "ws"+strings.TrimPrefix(server.URL, "http"))
	require.ErrorContains(t, err, `sub-protocol "sip"`)
	require.Less(t, time.Since(begun), 3*time.Second, "Dial does not outlive its context by much")
}

func TestSocketRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	_, err = sipua.WebSocket{}.Dial(t.Context(), "ws://"+address)
	require.ErrorContains(t, err, "refused")

	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err = sipua.WebSocket{}.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"))
	require.ErrorContains(t, err, "404")
}

// A dial that is given up leaves nothing open.
func TestSocketDialCanceled(t *testing.T) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done() // the client's connection has ended
		close(gone)
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := begin(func() error {
		_, err := sipua.WebSocket{}.Dial(ctx, "ws"+strings.TrimPrefix(server.URL, "http"))
		return err
	})
	<-arrived
	cancel()
	require.ErrorIs(t, done(), context.Canceled)
	<-gone
}

// A peer that does not read: Write never blocks, what waits is bounded, and the
// connection ends.
func TestSocketSlowReader(t *testing.T) {
	release := make(chan struct{})
	url := socketServer(t, func(context.Context, *websocket.Conn) { <-release })
	conn := open(t, url)
	message := bytes.Repeat([]byte("x"), 64<<10)
	written := 0
	begun := time.Now()
	var err error
	for err == nil && written < 256<<20 {
		if err = conn.Write(message); err == nil {
			written += len(message)
		}
	}
	require.ErrorContains(t, err, "does not read")
	require.Less(t, written, 64<<20, "the kernel takes some megabytes, we take one")
	require.Less(t, time.Since(begun), 5*time.Second, "Write does not wait")
	require.Error(t, conn.Write([]byte("BYE")), "it is over")
	close(release)
	_, end := closing(t, conn)
	require.NotZero(t, end.Code)
}

// Messages of several goroutines arrive whole, each goroutine's in its order.
func TestSocketConcurrentWrites(t *testing.T) {
	const writers, each = 8, 200
	got := make(chan string, writers*each)
	url := socketServer(t, func(ctx context.Context, ws *websocket.Conn) {
		defer close(got)
		for range writers * each {
			_, data, err := ws.Read(ctx)
			if err != nil {
				return
			}
			got <- string(data)
		}
	})
	conn := open(t, url)
	for i := range writers {
		go func() {
			for j := range each {
				if err := conn.Write(fmt.Appendf(nil, "%d %d", i, j)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	next := [writers]int{}
	for range writers * each {
		var i, j int
		_, err := fmt.Sscanf(<-got, "%d %d", &i, &j)
		require.NoError(t, err)
		require.Equal(t, next[i], j)
		next[i]++
	}
}

// A message that no SIP needs ends the connection instead of filling memory.
func TestSocketTooLarge(t *testing.T) {
	url := socketServer(t, func(ctx context.Context, ws *websocket.Conn) {
		_ = ws.Write(ctx, websocket.MessageText, make([]byte, 1<<20))
		_ = ws.Write(ctx, websocket.MessageText, make([]byte, 8<<20))
		_, _, _ = ws.Read(ctx) // the close frame
	})
	before, end := closing(t, open(t, url))
	require.Len(t, before, 1)
	require.Error(t, end)
}

// Header, TLS and Client reach the handshake.
func TestSocketOptions(t *testing.T) {
	origin := make(chan string, 2)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin <- r.Header.Get("Cookie")
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"sip"}})
		if err == nil {
			ws.Close(websocket.StatusNormalClosure, "")
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the handshake that is refused
	server.StartTLS()
	defer server.Close()
	url := "wss" + strings.TrimPrefix(server.URL, "https")

	_, err := sipua.WebSocket{}.Dial(t.Context(), url)
	var unknown x509.UnknownAuthorityError
	require.True(t, errors.As(err, &unknown), "%v", err)

	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for _, transport := range []sipua.WebSocket{
		{TLS: &tls.Config{RootCAs: roots}, Header: http.Header{"Cookie": {"a=b"}}},
		{Client: server.Client(), Header: http.Header{"Cookie": {"a=b"}}},
	} {
		conn, err := transport.Dial(t.Context(), url)
		require.NoError(t, err)
		require.Equal(t, "a=b", <-origin)
		closing(t, conn)
	}
}

// The default Transport is WebSocket: a user agent over a real socket.
func TestSocketUserAgent(t *testing.T) {
	url := socketServer(t, func(ctx context.Context, ws *websocket.Conn) {
		for {
			_, data, err := ws.Read(ctx)
			if err != nil {
				return
			}
			_, rest, _ := strings.Cut(string(data), "\r\n")
			var b strings.Builder
			b.WriteString("SIP/2.0 200 OK\r\n")
			for line := range strings.SplitSeq(rest, "\r\n") {
				for _, name := range []string{"Via:", "From:", "To:", "Call-ID:", "CSeq:", "Contact:"} {
					if strings.HasPrefix(line, name) {
						b.WriteString(line + "\r\n")
					}
				}
			}
			if ws.Write(ctx, websocket.MessageText, []byte(b.String()+"\r\n")) != nil {
				return
			}
		}
	})
	ua, err := sipua.New(sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: url}}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, ua.Register(ctx))
	require.NoError(t, ua.Shutdown(ctx))
}
