//go:build !js

//lint:file-ignore SA1019 nhooyr.io/websocket is the WebSocket package of this module, and its successor has the same code

package sipuatest

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/emiago/sipgo/sip"
	"nhooyr.io/websocket"
)

const (
	// maxMessage bounds what a client may send. It is more than SIP needs, so that
	// a user agent that sends too much meets its own limit first.
	maxMessage = 4 << 20
	// closeTimeout bounds the wait for a client's close frame.
	closeTimeout = time.Second
	// writeTimeout bounds one message on its way to a client that does not read.
	writeTimeout = 10 * time.Second
)

// flow is one WebSocket connection. Requests reach a client over the flow that
// its contact came from and over no other, because nobody can dial a browser
// (RFC 7118 section 4, RFC 5626). A flow is the sip.Connection of sipgo's
// transaction machines.
type flow struct {
	server *Server
	addr   string // source address of the client, "ip:port"
	ws     *websocket.Conn
	raw    net.Conn // under ws
	out    *queue[frame]
	broken chan struct{} // closed when nothing can be written any more
	ended  chan struct{} // closed when nothing of the flow is left
}

// frame is a message to write, or the order to close.
type frame struct {
	message []byte
	close   int // a close code
	reason  string
}

var _ sip.Connection = (*flow)(nil)

// ServeHTTP takes a WebSocket handshake that asks for the sub-protocol "sip" and
// serves the connection until it ends.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !asksForSIP(r.Header) {
		http.Error(w, `this is a SIP server: connect with WebSocket and the sub-protocol "sip" (RFC 7118)`, http.StatusBadRequest)
		return
	}
	f := &flow{server: s, addr: r.RemoteAddr, out: newQueue[frame](), broken: make(chan struct{}), ended: make(chan struct{})}
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
	f.ws, f.raw = ws, hijacked.conn
	s.running.Go(f.write)
	f.read()
	_ = f.raw.Close() // so that the writer cannot hang
}

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
	conn net.Conn
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
type closingConn struct {
	net.Conn
	closed atomic.Bool
}

func (c *closingConn) Write(p []byte) (int, error) {
	const closeFrame = 0x88 // FIN and opcode 8; each frame is flushed on its own
	if c.closed.Load() || len(p) > 0 && p[0] == closeFrame && c.closed.Swap(true) {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (s *Server) addFlow(f *flow) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.up {
		return false
	}
	s.running.Add(1)
	s.flows[f] = true
	s.notify()
	return true
}

// removeFlow forgets a connection that has ended, and with it the contacts that
// were reached over it.
func (s *Server) removeFlow(f *flow) {
	s.mu.Lock()
	delete(s.flows, f)
	for key, owner := range s.contacts {
		if owner == f {
			delete(s.contacts, key)
		}
	}
	for user, list := range s.bindings {
		s.setBindings(user, slices.DeleteFunc(slices.Clone(list), func(b *binding) bool { return b.flow == f }))
	}
	s.notify()
	s.mu.Unlock()

	f.out.close()
	<-f.broken
	s.terminateTransactions(f)
	s.endCalls(f)
	close(f.ended)
}

// read takes messages one after the other, each to completion, so that their
// order holds.
func (f *flow) read() {
	for {
		_, message, err := f.ws.Read(context.Background())
		if err != nil {
			return // Read has closed the connection, with a close frame where one is due
		}
		f.server.receive(f, message)
	}
}

func (f *flow) write() {
	defer close(f.broken)
	for {
		next, ok := f.out.pop(-1)
		if !ok {
			return
		}
		if next.close != 0 {
			f.shut(next.close, next.reason)
			return
		}
		kind := websocket.MessageText
		if !utf8.Valid(next.message) {
			kind = websocket.MessageBinary
		}
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		err := f.ws.Write(ctx, kind, next.message)
		cancel()
		if err != nil {
			_ = f.raw.Close() // which ends read
			return
		}
	}
}

// shut performs the closing handshake, or breaks the connection for code 1006.
func (f *flow) shut(code int, reason string) {
	if code == 1006 {
		_ = f.raw.Close()
		return
	}
	impatient := time.AfterFunc(closeTimeout, func() { _ = f.raw.Close() })
	defer impatient.Stop()
	_ = f.ws.Close(websocket.StatusCode(code), reason) // the client may be gone already
	_ = f.raw.Close()
}

// send writes bytes as one message. It does not block.
func (f *flow) send(message []byte) { f.out.push(frame{message: message}) }

// LocalAddr implements sip.Connection.
func (f *flow) LocalAddr() net.Addr { return f.raw.LocalAddr() }

// WriteMsg implements sip.Connection.
func (f *flow) WriteMsg(m sip.Message) error {
	select {
	case <-f.broken:
		return net.ErrClosed
	default:
		f.send([]byte(m.String()))
		return nil
	}
}

// Ref implements sip.Connection. A flow lives as long as its socket, however
// many transactions there are.
func (f *flow) Ref(int) int { return 1 }

// TryClose implements sip.Connection.
func (f *flow) TryClose() (int, error) { return 1, nil }

// Close implements sip.Connection.
func (f *flow) Close() error {
	f.out.push(frame{close: 1000})
	return nil
}
