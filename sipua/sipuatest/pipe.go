package sipuatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua"
)

// pipe is what all views of a peer share.
type pipe struct {
	root   *Peer
	ladder *Ladder

	dials      *queue[dialed]
	messages   *queue[arrival]
	keepAlives *queue[arrival]
	closes     *queue[closing]

	mu       sync.Mutex
	conns    []*pipeConn // in the order in which they were opened
	refusals []refusal
	holds    []*hold
	onDial   map[scope]func(ctx context.Context, url string) error
	deaf     map[scope]bool
	options  map[scope]bool
	pings    map[int]int       // by the number of the connection
	tags     map[string]string // our tag in the dialog, by Call-ID
	cseqs    map[string]uint32 // of our requests, by Call-ID
}

// dialed is a dial that has ended.
type dialed struct {
	url    string
	number int // of the connection, or that which it would have had
}

// arrival is a message from the user agent.
type arrival struct {
	conn *pipeConn
	text []byte
}

// closing is a connection that the user agent has closed.
type closing struct {
	conn *pipeConn
	err  *sipua.CloseError
}

// refusal is a dial that is to fail.
type refusal struct {
	scope scope
	err   error
}

// hold keeps dials waiting.
type hold struct {
	scope    scope
	released chan struct{}
}

// scope says which connections a view of a peer is about; the zero scope is
// about all.
type scope struct {
	url    string
	number int
}

func (s scope) holds(url string, number int) bool {
	return (s.url == "" || s.url == url) && (s.number == 0 || s.number == number)
}

// setting returns what was set for a connection, the narrower scope first.
func setting[T any](m map[scope]T, url string, number int) T {
	for _, s := range []scope{{number: number}, {url: url}} {
		if v, ok := m[s]; ok {
			return v
		}
	}
	return m[scope{}]
}

// pipeTransport is the user agent's side.
type pipeTransport struct{ pipe *pipe }

func (t pipeTransport) Dial(ctx context.Context, url string) (sipua.Conn, error) {
	c, number, err := t.pipe.accept(ctx, url)
	t.pipe.dials.push(dialed{url, number})
	if err != nil {
		t.pipe.ladder.dialed(0, url, err)
		return nil, err
	}
	return c, nil
}

func (p *pipe) accept(ctx context.Context, url string) (*pipeConn, int, error) {
	p.mu.Lock()
	number := len(p.conns) + 1
	var refused error
	for i, r := range p.refusals {
		if r.scope.holds(url, number) {
			refused = r.err
			p.refusals = append(p.refusals[:i:i], p.refusals[i+1:]...)
			break
		}
	}
	var waits []*hold
	for _, h := range p.holds {
		if h.scope.holds(url, number) {
			waits = append(waits, h)
		}
	}
	onDial := setting(p.onDial, url, number)
	p.mu.Unlock()

	for _, h := range waits {
		select {
		case <-h.released:
		case <-ctx.Done():
			return nil, number, ctx.Err()
		}
	}
	if onDial != nil {
		if err := onDial(ctx, url); err != nil {
			return nil, number, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, number, err
	}
	if refused != nil {
		return nil, number, refused
	}
	if !strings.HasPrefix(url, "ws://") && !strings.HasPrefix(url, "wss://") {
		return nil, number, fmt.Errorf("%q is not a WebSocket URL", url)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &pipeConn{pipe: p, url: url, number: len(p.conns) + 1, incoming: newQueue[[]byte]()}
	p.conns = append(p.conns, c)
	p.ladder.dialed(c.number, url, nil)
	return c, c.number, nil
}

// pipeConn is one connection, as the user agent sees it.
type pipeConn struct {
	pipe     *pipe
	url      string
	number   int // from 1
	incoming *queue[[]byte]

	mu     sync.Mutex
	silent bool // half-open: nothing passes any more
	ended  *sipua.CloseError
}

var errWriteClosed = errors.New("the connection is closed")

func (c *pipeConn) Read() ([]byte, error) {
	m, ok := c.incoming.pop(-1)
	if !ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		return nil, c.ended
	}
	return m, nil
}

func (c *pipeConn) Write(message []byte) error {
	open, silent := c.state()
	switch {
	case !open:
		return errWriteClosed
	case silent:
		c.pipe.ladder.lost(c.number, Out, string(message))
		return nil
	}
	c.pipe.ladder.addOn(c.number, Out, string(message))
	if strings.Trim(string(message), "\r\n") == "" {
		c.keepAlive(message)
		return nil
	}
	if !c.optionsPing(message) {
		c.pipe.messages.push(arrival{c, bytes.Clone(message)})
	}
	return nil
}

// keepAlive takes a ping or a pong (RFC 5626 section 3.5.1).
func (c *pipeConn) keepAlive(message []byte) {
	ping := string(message) == "\r\n\r\n"
	deaf := c.pipe.heard(c, ping)
	c.pipe.keepAlives.push(arrival{c, bytes.Clone(message)})
	if ping && !deaf {
		c.send([]byte("\r\n"))
	}
}

// optionsPing takes an OPTIONS that is to be answered as a ping, and reports
// whether message was one.
func (c *pipeConn) optionsPing(message []byte) bool {
	p := c.pipe
	p.mu.Lock()
	wanted := setting(p.options, c.url, c.number)
	p.mu.Unlock()
	if !wanted || !bytes.HasPrefix(message, []byte("OPTIONS ")) {
		return false
	}
	m, err := sip.ParseMessage(message)
	req, ok := m.(*sip.Request)
	if err != nil || !ok || req.To() == nil || req.To().Params.Has("tag") {
		return false // nothing that a ping would be
	}
	req.SetSource(c.addr())
	deaf := p.heard(c, true)
	p.keepAlives.push(arrival{c, bytes.Clone(message)})
	if !deaf {
		c.send([]byte(p.root.NewResponse(req, 200, "OK").String()))
	}
	return true
}

// heard counts a ping and says whether it stays without an answer.
func (p *pipe) heard(c *pipeConn, ping bool) (deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ping {
		p.pings[c.number]++
	}
	return setting(p.deaf, c.url, c.number)
}

// send is what the server writes.
func (c *pipeConn) send(message []byte) {
	open, silent := c.state()
	switch {
	case !open:
		return
	case silent:
		c.pipe.ladder.lost(c.number, In, string(message))
		return
	}
	// First on the ladder, then on the wire: the answer comes after it.
	c.pipe.ladder.addOn(c.number, In, string(message))
	c.incoming.push(bytes.Clone(message))
}

func (c *pipeConn) Close(code int, reason string) {
	e := &sipua.CloseError{Code: code, Reason: reason}
	if c.end(e) {
		c.pipe.closes.push(closing{c, e})
	}
}

// drop ends the connection from the server's side.
func (c *pipeConn) drop(code int, reason string) {
	var cause error
	if code == 1006 {
		cause = io.ErrUnexpectedEOF
	}
	c.end(&sipua.CloseError{Code: code, Reason: reason, Err: cause})
}

// end closes the connection and reports whether it was open.
func (c *pipeConn) end(e *sipua.CloseError) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return false
	}
	c.ended = e
	c.pipe.ladder.closed(c.number, e.Code, e.Reason)
	c.incoming.close()
	return true
}

func (c *pipeConn) state() (open, silent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended == nil, c.silent
}

// addr is the address that the peer "sees", another one for each connection;
// TEST-NET-1 of RFC 5737.
func (c *pipeConn) addr() string { return fmt.Sprintf("192.0.2.1:%d", 50000+(c.number-1)%10000) }
