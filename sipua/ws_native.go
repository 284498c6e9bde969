//go:build !js

//lint:file-ignore SA1019 nhooyr.io/websocket is deprecated in favour of coder/websocket, which has the same code; see RATIONALE.md

package sipua

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"nhooyr.io/websocket"
)

// WebSocket is the Transport of native Go. The zero value is ready to use.
type WebSocket struct {
	// TLS configures wss connections. Default: the system's roots.
	TLS *tls.Config
	// Header is sent with the handshake, for instance Origin or Cookie.
	Header http.Header
	// Client, when set, makes the handshake, and TLS is not used.
	Client *http.Client
}

var defaultTransport Transport = WebSocket{}

const (
	// maxUnsent bounds what waits for a peer that does not read.
	maxUnsent = 1 << 20
	// writeTimeout bounds one message on its way to the kernel.
	writeTimeout = 10 * time.Second
	// maxRead leaves room for messages that are too large for SIP, so that they can
	// be answered 513; what is larger still ends the connection (code 1009).
	maxRead = 4 << 20
)

// Dial implements Transport.
func (t WebSocket) Dial(ctx context.Context, url string) (Conn, error) {
	client := t.Client
	if client == nil {
		// A transport of its own: it belongs to this connection and goes with it.
		client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: t.TLS, DisableKeepAlives: true}}
	}
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: client, HTTPHeader: t.Header, Subprotocols: []string{"sip"},
		CompressionMode: websocket.CompressionDisabled, // SIP servers rarely offer it, and it costs memory for each connection
	})
	if err != nil {
		return nil, err
	}
	if ws.Subprotocol() != "sip" { // RFC 7118 section 4.1
		_ = ws.CloseNow() // a closing handshake might outlast ctx
		return nil, errors.New("the server did not agree to the WebSocket sub-protocol \"sip\"; the URL may lead to something else")
	}
	ws.SetReadLimit(maxRead)
	c := &wsConn{ws: ws, wake: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	go c.write()
	return c, nil
}

// wsConn makes the blocking connection of the library one that never blocks its
// writer: messages wait in a list that one goroutine sends.
type wsConn struct {
	ws     *websocket.Conn
	ctx    context.Context // ends when the connection does
	cancel context.CancelFunc

	mu     sync.Mutex
	unsent [][]byte
	bytes  int
	closed bool // by Close, or because nothing can be written any more
	code   int
	reason string
	wake   chan struct{} // capacity 1
}

func (c *wsConn) Read() ([]byte, error) {
	_, data, err := c.ws.Read(c.ctx)
	if err == nil {
		return data, nil
	}
	closed := &CloseError{Code: 1006, Err: err}
	var frame websocket.CloseError
	if errors.As(err, &frame) {
		closed = &CloseError{Code: int(frame.Code), Reason: frame.Reason}
	}
	c.Close(1000, "")
	return nil, closed
}

func (c *wsConn) Write(message []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.New("the connection is closed")
	}
	if c.bytes+len(message) > maxUnsent {
		c.closeLocked(1008, "")
		return errors.New("the peer does not read: too much is waiting to be sent")
	}
	c.unsent = append(c.unsent, message)
	c.bytes += len(message)
	c.signal()
	return nil
}

func (c *wsConn) Close(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked(code, reason)
}

func (c *wsConn) closeLocked(code int, reason string) {
	if !c.closed {
		c.closed, c.code, c.reason = true, code, reason
		c.signal()
	}
}

func (c *wsConn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write sends what waits and, after Close, the close frame.
func (c *wsConn) write() {
	defer c.cancel()
	for {
		c.mu.Lock()
		unsent, closed, code, reason := c.unsent, c.closed, c.code, c.reason
		c.unsent, c.bytes = nil, 0
		c.mu.Unlock()
		for _, data := range unsent {
			kind := websocket.MessageText
			if !utf8.Valid(data) { // RFC 7118 section 5
				kind = websocket.MessageBinary
			}
			ctx, cancel := context.WithTimeout(c.ctx, writeTimeout)
			err := c.ws.Write(ctx, kind, data)
			cancel()
			if err != nil {
				c.Close(1006, "")
				_ = c.ws.CloseNow()
				return
			}
		}
		if len(unsent) > 0 {
			continue
		}
		if closed {
			_ = c.ws.Close(websocket.StatusCode(code), reason) // waits for the peer, at most 5 s
			return
		}
		<-c.wake
	}
}
