package sipuatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua"
)

// NewPipe returns an in-memory transport and the far end of its connections, at
// which a test plays the SIP server by hand, message for message:
//
//	transport, peer := sipuatest.NewPipe()
//	go ua.Register(ctx)                              // over transport
//	register := peer.ExpectRequest(t, "REGISTER")
//	peer.Respond(register, 200, "OK", register.Contact())
//
// There is no goroutine and no I/O behind it, so that it works inside a
// testing/synctest bubble as it does outside.
func NewPipe() (sipua.Transport, *Peer) {
	p := &Peer{
		Timeout:  10 * time.Second,
		ladder:   &Ladder{},
		dials:    newQueue[string](),
		messages: newQueue[[]byte](),
		closes:   newQueue[*sipua.CloseError](),
		tags:     map[string]string{},
		cseqs:    map[string]uint32{},
	}
	return pipe{p}, p
}

// Peer is the far end of a pipe. What it sends goes to the connection dialled
// last; what it expects may come from any. Its methods may be called by several
// goroutines, but those that take a testing.TB only by the goroutine of the
// test.
type Peer struct {
	// Timeout bounds each Expect. Default 10 s. Inside a synctest bubble it is
	// fake time, which passes while everybody waits: make it longer than the
	// timers under test.
	Timeout time.Duration

	ladder   *Ladder
	dials    *queue[string]
	messages *queue[[]byte]
	closes   *queue[*sipua.CloseError]

	mu       sync.Mutex
	conn     *pipeConn // dialled last
	refusals []error
	onDial   func(ctx context.Context, url string) error
	deaf     bool
	tags     map[string]string // our tag in the dialog, by Call-ID
	cseqs    map[string]uint32 // of our requests, by Call-ID
}

// Ladder returns the record of all connections of the pipe.
func (p *Peer) Ladder() *Ladder { return p.ladder }

// Refuse makes the next dials fail, one with each of the errors.
func (p *Peer) Refuse(errs ...error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusals = append(p.refusals, errs...)
}

// OnDial sets a function that every dial calls first, and that may block until
// ctx ends. Its error is the error of the dial. Nil takes it away.
func (p *Peer) OnDial(f func(ctx context.Context, url string) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onDial = f
}

// IgnorePings says whether keep-alive pings (double CRLF, RFC 5626 section
// 3.5.1) stay without the pong that they otherwise get at once.
func (p *Peer) IgnorePings(ignore bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = ignore
}

// Connected reports whether the connection dialled last is open.
func (p *Peer) Connected() bool {
	c := p.current()
	return c != nil && !c.isClosed()
}

// ExpectDial waits for the next connection, successful or not, and returns the
// URL that was dialled.
func (p *Peer) ExpectDial(t testing.TB) string {
	t.Helper()
	url, ok := p.dials.pop(p.Timeout)
	if !ok {
		p.fail(t, "a connection", "nothing")
	}
	return url
}

// ExpectClose waits until the user agent closes a connection by itself and
// returns the code and reason it gave.
func (p *Peer) ExpectClose(t testing.TB) *sipua.CloseError {
	t.Helper()
	e, ok := p.closes.pop(p.Timeout)
	if !ok {
		p.fail(t, "the end of the connection", "nothing")
	}
	return e
}

// ExpectRequest waits for the next message and returns it. It fails t when that
// is anything but a request with this method.
func (p *Peer) ExpectRequest(t testing.TB, method string) *sip.Request {
	t.Helper()
	text := p.expect(t, method)
	msg, err := sip.ParseMessage(text)
	if err != nil {
		p.fail(t, method, fmt.Sprintf("%q, which does not parse: %v", text, err))
	}
	req, ok := msg.(*sip.Request)
	if !ok || string(req.Method) != method {
		p.fail(t, method, summary(string(text)))
	}
	p.mu.Lock()
	if p.conn != nil {
		// For Response's "received" and "rport".
		req.SetSource(p.conn.addr())
	}
	p.mu.Unlock()
	return req
}

// ExpectResponse waits for the next message and returns it. It fails t when
// that is anything but a response with this status.
func (p *Peer) ExpectResponse(t testing.TB, status int) *sip.Response {
	t.Helper()
	want := fmt.Sprintf("response %d", status)
	text := p.expect(t, want)
	msg, err := sip.ParseMessage(text)
	if err != nil {
		p.fail(t, want, fmt.Sprintf("%q, which does not parse: %v", text, err))
	}
	res, ok := msg.(*sip.Response)
	if !ok || res.StatusCode != status {
		p.fail(t, want, summary(string(text)))
	}
	return res
}

// ExpectMessage waits for the next message and returns it as it was written.
func (p *Peer) ExpectMessage(t testing.TB) []byte {
	t.Helper()
	return p.expect(t, "a message")
}

// ExpectNothing fails t when a message comes within d. It is meant for synctest
// bubbles, where waiting costs nothing.
func (p *Peer) ExpectNothing(t testing.TB, d time.Duration) {
	t.Helper()
	if text, ok := p.messages.pop(d); ok {
		p.fail(t, "nothing", summary(string(text)))
	}
}

func (p *Peer) expect(t testing.TB, want string) []byte {
	t.Helper()
	text, ok := p.messages.pop(p.Timeout)
	if !ok {
		p.fail(t, want, fmt.Sprintf("nothing within %v", p.Timeout))
	}
	return text
}

func (p *Peer) fail(t testing.TB, want, got string) {
	t.Helper()
	t.Fatalf("the peer expected %s, got %s; so far:\n%s", want, got, p.ladder)
}

// Send sends a message on the connection dialled last. It is lost when there is
// none, as on a real wire.
func (p *Peer) Send(m sip.Message) { p.SendRaw([]byte(m.String())) }

// SendRaw sends bytes as one WebSocket message, whatever they are.
func (p *Peer) SendRaw(message []byte) {
	c := p.current()
	if c == nil || c.isClosed() {
		return
	}
	// First on the ladder, then on the wire: the answer comes after it.
	p.ladder.add(In, string(message))
	c.incoming.push(bytes.Clone(message))
}

// Drop ends the connection dialled last from the server's side. The user agent
// still reads what was sent before. Code 1006 stands for a connection that
// breaks without a close frame.
func (p *Peer) Drop(code int, reason string) {
	c := p.current()
	if c == nil {
		return
	}
	var cause error
	if code == 1006 {
		cause = io.ErrUnexpectedEOF
	}
	if c.end(&sipua.CloseError{Code: code, Reason: reason, Err: cause}) {
		p.ladder.closed(code, reason)
	}
}

func (p *Peer) current() *pipeConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn
}

// pipe is the user agent's side.
type pipe struct{ peer *Peer }

func (t pipe) Dial(ctx context.Context, url string) (sipua.Conn, error) {
	c, err := t.peer.accept(ctx, url)
	t.peer.ladder.dialed(url, err)
	t.peer.dials.push(url)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (p *Peer) accept(ctx context.Context, url string) (*pipeConn, error) {
	p.mu.Lock()
	var refusal error
	if len(p.refusals) > 0 {
		refusal, p.refusals = p.refusals[0], p.refusals[1:]
	}
	onDial := p.onDial
	p.mu.Unlock()

	if onDial != nil {
		if err := onDial(ctx, url); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, refusal
	}
	if !strings.HasPrefix(url, "ws://") && !strings.HasPrefix(url, "wss://") {
		return nil, fmt.Errorf("%q is not a WebSocket URL", url)
	}
	c := &pipeConn{peer: p, incoming: newQueue[[]byte]()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conn = c
	return c, nil
}

// pipeConn is one connection, as the user agent sees it.
type pipeConn struct {
	peer     *Peer
	incoming *queue[[]byte]

	mu    sync.Mutex
	ended *sipua.CloseError
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
	if c.isClosed() {
		return errWriteClosed
	}
	c.peer.ladder.add(Out, string(message))
	if strings.Trim(string(message), "\r\n") == "" {
		c.peer.mu.Lock()
		deaf := c.peer.deaf
		c.peer.mu.Unlock()
		if string(message) == "\r\n\r\n" && !deaf {
			c.peer.ladder.add(In, "\r\n")
			c.incoming.push([]byte("\r\n"))
		}
		return nil
	}
	c.peer.messages.push(bytes.Clone(message))
	return nil
}

func (c *pipeConn) Close(code int, reason string) {
	e := &sipua.CloseError{Code: code, Reason: reason}
	if c.end(e) {
		c.peer.ladder.closed(code, reason)
		c.peer.closes.push(e)
	}
}

// end closes the connection and reports whether it was open.
func (c *pipeConn) end(e *sipua.CloseError) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return false
	}
	c.ended = e
	c.incoming.close()
	return true
}

func (c *pipeConn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended != nil
}

// addr is the address that the peer "sees"; TEST-NET-1 of RFC 5737.
func (c *pipeConn) addr() string { return "192.0.2.1:50000" }

// queue is an unbounded queue: push never blocks, pop waits.
type queue[T any] struct {
	mu     sync.Mutex
	items  []T
	closed bool
	wake   chan struct{} // closed and replaced when something changes
}

func newQueue[T any]() *queue[T] {
	return &queue[T]{wake: make(chan struct{})}
}

func (q *queue[T]) push(v T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.items = append(q.items, v)
	q.signal()
}

// close ends the queue: pop returns what is left and then nothing more.
func (q *queue[T]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue[T]) signal() {
	close(q.wake)
	q.wake = make(chan struct{})
}

// pop waits for the next item, for at most d, or for ever when d is negative.
func (q *queue[T]) pop(d time.Duration) (v T, ok bool) {
	var expired <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			v, q.items = q.items[0], q.items[1:]
			q.mu.Unlock()
			return v, true
		}
		closed, wake := q.closed, q.wake
		q.mu.Unlock()
		if closed {
			return v, false
		}
		select {
		case <-wake:
		case <-expired:
			return v, false
		}
	}
}
