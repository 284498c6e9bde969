//go:build !js

//lint:file-ignore SA1019 nhooyr.io/websocket is the WebSocket package of this module, and its successor has the same code

package sipuatest

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"nhooyr.io/websocket"
)

const (
	// closeTimeout bounds the wait for a client's close frame.
	closeTimeout = time.Second
	// writeTimeout bounds one message on its way to a client that does not read.
	writeTimeout = 10 * time.Second
)

// ServeHTTP takes a WebSocket handshake that asks for the sub-protocol "sip" and
// serves the connection until it ends.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !asksForSIP(r.Header) {
		http.Error(w, `this is a SIP server: connect with WebSocket and the sub-protocol "sip" (RFC 7118)`, http.StatusBadRequest)
		return
	}
	f := s.newFlow(r.RemoteAddr)
	// Before the handshake: who has seen its end is a connection that hooks reach.
	if !s.addFlow(f) {
		http.Error(w, "the server is stopped", http.StatusServiceUnavailable)
		return
	}
	defer s.running.Done()
	defer s.removeFlow(f)
	hijacked := &hijackRecorder{ResponseWriter: w}
	ws, err := websocket.Accept(hijacked, r, &websocket.AcceptOptions{
		Subprotocols:       []string{"sip"},
		InsecureSkipVerify: true, // any page may connect: what protects an account is its password, not a cookie
	})
	if err != nil { // Accept has answered
		close(f.broken)
		return
	}
	ws.SetReadLimit(maxMessage)
	f.serve(&webSocket{ws, hijacked.conn})
	_ = ws.CloseNow() // without it a goroutine of the library stays behind a broken connection
}

// webSocket is the wire of a connection over the network.
type webSocket struct {
	ws  *websocket.Conn
	raw *closingConn // under ws
}

func (w *webSocket) read() ([]byte, error) {
	// An error has closed the connection, with a close frame where one is due.
	_, message, err := w.ws.Read(context.Background())
	return message, err
}

func (w *webSocket) write(message []byte) error {
	kind := websocket.MessageText
	if !utf8.Valid(message) {
		kind = websocket.MessageBinary
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	return w.ws.Write(ctx, kind, message)
}

// shut performs the closing handshake.
func (w *webSocket) shut(code int, reason string) {
	impatient := time.AfterFunc(closeTimeout, w.abort)
	defer impatient.Stop()
	_ = w.ws.Close(websocket.StatusCode(code), reason) // the client may be gone already
}

func (w *webSocket) abort()              { _ = w.raw.Close() }
func (w *webSocket) silence()            { w.raw.silent.Store(true) }
func (w *webSocket) localAddr() net.Addr { return w.raw.LocalAddr() }

func asksForSIP(h http.Header) bool {
	for _, line := range h.Values("Sec-WebSocket-Protocol") {
		for protocol := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(protocol), "sip") {
				return true
			}
		}
	}
	return false
}

// hijackRecorder keeps the connection under a WebSocket: to close it at once,
// when the client does not take part in the closing handshake.
type hijackRecorder struct {
	http.ResponseWriter
	conn *closingConn
}

func (h *hijackRecorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	hijacker, ok := h.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, errors.New("the HTTP server cannot hijack connections")
	}
	conn, rw, err := hijacker.Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &closingConn{Conn: conn}
	return h.conn, bufio.NewReadWriter(rw.Reader, bufio.NewWriter(h.conn)), nil
}

// closingConn sends one close frame and nothing behind it (RFC 6455 section
// 5.5.1). The library under it answers the client's close frame, which its reader
// sees, also when that is itself the answer to ours; browsers then report 1006.
//
// When it is silent, nothing that comes reaches the library, which would answer
// pings and closes.
type closingConn struct {
	net.Conn
	closed atomic.Bool
	silent atomic.Bool
}

func (c *closingConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.silent.Load() {
			return n, err
		}
	}
}

func (c *closingConn) Write(p []byte) (int, error) {
	const closeFrame = 0x88 // FIN and opcode 8; each frame is flushed on its own
	if c.closed.Load() || len(p) > 0 && p[0] == closeFrame && c.closed.Swap(true) {
		return len(p), nil
	}
	return c.Conn.Write(p)
}
