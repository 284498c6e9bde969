package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall/js"
	"unicode/utf8"

	"github.com/sipwasm/sipwasm/sipua"
)

// sockets is the sipua.Transport over the page's WebSocket class.
type sockets struct{ host js.Value }

const (
	// maxUnsent bounds what waits in the browser for a server that does not read.
	maxUnsent = 1 << 20
	// maxUnread bounds what arrives faster than it is worked off: a page cannot
	// make the browser stop reading.
	maxUnread = 16 << 20
	// overhead is what keeping a message costs besides its bytes.
	overhead = 64
)

// Dial implements sipua.Transport. When ctx ends first, the socket is closed
// while it still connects, so that it does not open later unseen.
func (t sockets) Dial(ctx context.Context, url string) (sipua.Conn, error) {
	ws, err := try(func() js.Value { return t.host.Get("WebSocket").New(url, "sip") })
	if exceptionName(err) == "SipError" { // the page refuses: the facade has said it, without the address
		return nil, err
	}
	if err != nil {
		// SecurityError: a port that is closed to pages. SyntaxError: no such URL.
		return nil, fmt.Errorf("the browser does not open %s: %w", url, err)
	}
	ws.Set("binaryType", "arraybuffer")
	c := &socket{ws: ws, wake: make(chan struct{}, 1)}
	opened := make(chan struct{}, 1)
	arrived := js.FuncOf(func(_ js.Value, args []js.Value) any { c.arrived(first(args).Get("data")); return nil })
	c.listeners = []func(){
		listen(ws, "open", func(js.Value) { opened <- struct{}{} }),
		listenWith(ws, "message", c.enter(t.host, arrived), arrived),
		c.leave,
		listen(ws, "close", func(e js.Value) {
			c.closed(&sipua.CloseError{Code: int(number(e, "code", 1006)), Reason: text(e, "reason")})
		}),
		// The error event says nothing; a close event follows it.
	}
	for {
		select {
		case <-opened:
			return c, nil
		case <-c.wake:
			if c.end() != nil {
				// The browser hides why, so that pages cannot scan networks.
				return nil, fmt.Errorf("no WebSocket connection to %s (the browser's console may say more): %w", url, c.end())
			}
		case <-ctx.Done():
			c.Close(1000, "")
			return nil, context.Cause(ctx)
		}
	}
}

// socket is one WebSocket. The mutex guards the buffer between the browser's
// callbacks and Read.
type socket struct {
	ws        js.Value
	listeners []func()
	number    int32    // in the lane
	send      js.Value // the lane's, undefined without

	mu     sync.Mutex
	unread [][]byte
	bytes  int
	err    *sipua.CloseError // how it ended
	wake   chan struct{}     // capacity 1
}

// arrived runs in the browser's callback and must not wait for anything.
func (c *socket) arrived(data js.Value) {
	var message []byte
	if data.Type() == js.TypeString {
		message = []byte(data.String())
	} else { // an ArrayBuffer: binaryType says so
		array := js.Global().Get("Uint8Array").New(data)
		message = make([]byte, array.Length())
		js.CopyBytesToGo(message, array)
	}
	c.enqueue(message)
}

func (c *socket) enqueue(message []byte) {
	c.mu.Lock()
	c.unread = append(c.unread, message)
	c.bytes += len(message)
	flood := c.bytes > maxUnread || len(c.unread) > maxUnread/overhead
	c.mu.Unlock()
	c.signal()
	if flood {
		c.Close(1008, "too much unread")
	}
}

func (c *socket) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// closed keeps the first end and frees the listeners.
func (c *socket) closed(err *sipua.CloseError) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	listeners := c.listeners
	c.listeners = nil
	c.mu.Unlock()
	for _, remove := range listeners {
		remove()
	}
	c.signal()
}

func (c *socket) end() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return c.err
}

// Read implements sipua.Conn: what arrived first, the close second.
func (c *socket) Read() ([]byte, error) {
	for {
		c.mu.Lock()
		if len(c.unread) > 0 {
			message := c.unread[0]
			c.unread = c.unread[1:]
			c.bytes -= len(message)
			c.mu.Unlock()
			return message, nil
		}
		err := c.err
		c.mu.Unlock()
		if err != nil {
			return nil, err
		}
		<-c.wake
	}
}

const stateOpen = 1 // WebSocket.OPEN

// Write implements sipua.Conn.
func (c *socket) Write(message []byte) error {
	if c.end() != nil {
		return errNotOpen
	}
	utf8 := utf8.Valid(message) // RFC 7118 section 5
	if utf8 && len(message) <= len(lane.memory) && !c.send.IsUndefined() {
		copy(lane.memory[:], message)
		state, err := try(func() js.Value { return c.send.Invoke(len(message)) })
		switch {
		case err != nil:
			return err
		case state.Int() == sentNotOpen:
			return errNotOpen
		case state.Int() == sentTooMuch:
			return c.stuck()
		}
		return nil
	}
	if c.ws.Get("readyState").Int() != stateOpen {
		return errNotOpen
	}
	if c.ws.Get("bufferedAmount").Int() > maxUnsent {
		return c.stuck()
	}
	_, err := try(func() js.Value {
		if utf8 {
			return c.ws.Call("send", string(message))
		}
		array := js.Global().Get("Uint8Array").New(len(message))
		js.CopyBytesToJS(array, message)
		return c.ws.Call("send", array)
	})
	return err
}

var errNotOpen = errors.New("the WebSocket is not open")

// What the lane's send returns; 0 is sent.
const (
	sentNotOpen = 1
	sentTooMuch = 2
)

// stuck gives up a server that does not read.
func (c *socket) stuck() error {
	c.Close(1008, "")
	return errors.New("the server does not read: too much is waiting to be sent")
}

// Close implements sipua.Conn. Pages may only name 1000 and 3000 to 4999; any
// other code is left out. The closing handshake is not waited for.
func (c *socket) Close(code int, reason string) {
	c.closed(&sipua.CloseError{Code: code, Reason: reason})
	if code == 1000 || code >= 3000 && code < 5000 {
		if _, err := try(func() js.Value { return c.ws.Call("close", code, reason) }); err == nil {
			return
		}
	}
	_, _ = try(func() js.Value { return c.ws.Call("close") }) // the reason was too long, or the code not ours
}
