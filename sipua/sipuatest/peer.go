package sipuatest

import (
	"bytes"
	"context"
	"fmt"
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
	p := &pipe{
		ladder:     &Ladder{},
		dials:      newQueue[dialed](),
		messages:   newQueue[arrival](),
		keepAlives: newQueue[arrival](),
		closes:     newQueue[closing](),
		onDial:     map[scope]func(ctx context.Context, url string) error{},
		deaf:       map[scope]bool{},
		options:    map[scope]bool{},
		pings:      map[int]int{},
		tags:       map[string]string{},
		cseqs:      map[string]uint32{},
	}
	p.root = &Peer{Timeout: 10 * time.Second, pipe: p}
	return pipeTransport{p}, p.root
}

// Peer is the far end of a pipe. What it sends goes to the connection dialled
// last; what it expects may come from any.
//
// A user agent may have several connections at the same time. [Peer.On],
// [Peer.Conn] and [Peer.Of] return views of the same peer that are about some
// of them: what a view sends, drops or silences is the last of its connections,
// what it expects comes from its connections alone, and what it refuses, holds
// or leaves unanswered are its dials and pings.
//
//	a, b := peer.On("wss://a.example.com/ws"), peer.On("wss://b.example.com/ws")
//	b.Refuse(errors.New("refused"))                  // a is reachable, b is not
//	first := a.ExpectRequest(t, "REGISTER")
//	a.Respond(first, 200, "OK", first.Contact())
//
// The methods may be called by several goroutines, but those that take a
// testing.TB only by the goroutine of the test.
type Peer struct {
	// Timeout bounds each Expect. Default 10 s; zero in a view is that of the peer
	// itself. Inside a synctest bubble it is fake time, which passes while
	// everybody waits: make it longer than the timers under test.
	Timeout time.Duration

	pipe  *pipe
	scope scope
}

// On returns a view of the peer that is about the connections to one URL.
func (p *Peer) On(url string) *Peer { return &Peer{pipe: p.pipe, scope: scope{url: url}} }

// Conn returns a view of the peer that is about one connection: the n-th that
// was opened, counted from 1. It need not be open yet. The numbers are those of
// the ladder.
func (p *Peer) Conn(n int) *Peer { return &Peer{pipe: p.pipe, scope: scope{number: n}} }

// Of returns a view of the peer that is about the connection which req came on.
// It is the peer itself when req came from no Expect.
func (p *Peer) Of(req *sip.Request) *Peer {
	p.pipe.mu.Lock()
	defer p.pipe.mu.Unlock()
	for i := len(p.pipe.conns) - 1; i >= 0; i-- {
		if c := p.pipe.conns[i]; c.addr() == req.Source() {
			return &Peer{pipe: p.pipe, scope: scope{number: c.number}}
		}
	}
	return p
}

// Ladder returns the record of all connections of the pipe.
func (p *Peer) Ladder() *Ladder { return p.pipe.ladder }

// Refuse makes the next dials fail, one with each of the errors.
func (p *Peer) Refuse(errs ...error) {
	p.pipe.mu.Lock()
	defer p.pipe.mu.Unlock()
	for _, err := range errs {
		p.pipe.refusals = append(p.pipe.refusals, refusal{p.scope, err})
	}
}

// HoldDials makes dials hang until release is called, as those to a host that
// answers nothing or late. A dial whose ctx ends before fails with its error.
// Releasing twice does nothing.
func (p *Peer) HoldDials() (release func()) {
	h := &hold{p.scope, make(chan struct{})}
	p.pipe.mu.Lock()
	defer p.pipe.mu.Unlock()
	p.pipe.holds = append(p.pipe.holds, h)
	return func() {
		p.pipe.mu.Lock()
		defer p.pipe.mu.Unlock()
		for i, other := range p.pipe.holds {
			if other == h {
				p.pipe.holds = append(p.pipe.holds[:i:i], p.pipe.holds[i+1:]...)
				close(h.released)
				return
			}
		}
	}
}

// OnDial sets a function that every dial calls first, and that may block until
// ctx ends. Its error is the error of the dial. Nil takes it away. That of a
// view takes the place of that of the peer.
func (p *Peer) OnDial(f func(ctx context.Context, url string) error) {
	p.pipe.mu.Lock()
	defer p.pipe.mu.Unlock()
	if f == nil {
		delete(p.pipe.onDial, p.scope)
		return
	}
	p.pipe.onDial[p.scope] = f
}

// IgnorePings says whether keep-alive pings stay without the answer that they
// otherwise get at once: double CRLF its pong (RFC 5626 section 3.5.1), OPTIONS
// its 200 where [Peer.AnswerOptions] asks for it.
func (p *Peer) IgnorePings(ignore bool) {
	p.pipe.mu.Lock()
	defer p.pipe.mu.Unlock()
	p.pipe.deaf[p.scope] = ignore
}

// AnswerOptions says whether OPTIONS outside of a dialog are keep-alive pings:
// they are answered with 200 and no Expect sees them but [Peer.ExpectPing].
// Default: OPTIONS are requests like others.
func (p *Peer) AnswerOptions(answer bool) {
	p.pipe.mu.Lock()
	defer p.pipe.mu.Unlock()
	p.pipe.options[p.scope] = answer
}

// Pings returns how many keep-alive pings have come, answered or not.
func (p *Peer) Pings() (n int) {
	p.pipe.mu.Lock()
	defer p.pipe.mu.Unlock()
	for _, c := range p.pipe.conns {
		if p.scope.holds(c.url, c.number) {
			n += p.pipe.pings[c.number]
		}
	}
	return n
}

// Connected reports whether the connection dialled last is open.
func (p *Peer) Connected() bool {
	c := p.current()
	if c == nil {
		return false
	}
	open, _ := c.state()
	return open
}

// ExpectDial waits for the next connection, successful or not, and returns the
// URL that was dialled.
func (p *Peer) ExpectDial(t testing.TB) string {
	t.Helper()
	d, ok := p.pipe.dials.popIf(p.timeout(), func(d dialed) bool { return p.scope.holds(d.url, d.number) })
	if !ok {
		p.fail(t, "a connection", "nothing")
	}
	return d.url
}

// ExpectClose waits until the user agent closes a connection by itself and
// returns the code and reason it gave.
func (p *Peer) ExpectClose(t testing.TB) *sipua.CloseError {
	t.Helper()
	e, ok := p.pipe.closes.popIf(p.timeout(), func(e closing) bool { return p.about(e.conn) })
	if !ok {
		p.fail(t, "the end of the connection", "nothing")
	}
	return e.err
}

// ExpectRequest waits for the next message and returns it. It fails t when that
// is anything but a request with this method.
func (p *Peer) ExpectRequest(t testing.TB, method string) *sip.Request {
	t.Helper()
	a := p.expect(t, method)
	msg, err := sip.ParseMessage(a.text)
	if err != nil {
		p.fail(t, method, fmt.Sprintf("%q, which does not parse: %v", a.text, err))
	}
	req, ok := msg.(*sip.Request)
	if !ok || string(req.Method) != method {
		p.fail(t, method, summary(string(a.text)))
	}
	req.SetSource(a.conn.addr()) // for Of, and Response's "received" and "rport"
	return req
}

// ExpectResponse waits for the next message and returns it. It fails t when
// that is anything but a response with this status.
func (p *Peer) ExpectResponse(t testing.TB, status int) *sip.Response {
	t.Helper()
	want := fmt.Sprintf("response %d", status)
	text := p.expect(t, want).text
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
	return p.expect(t, "a message").text
}

// ExpectPing waits for the next keep-alive ping, double CRLF or an OPTIONS that
// [Peer.AnswerOptions] makes one. The other Expects never see pings.
func (p *Peer) ExpectPing(t testing.TB) {
	t.Helper()
	p.expectKeepAlive(t, "a keep-alive ping", true)
}

// ExpectPong waits for the answer to a ping of the peer's: to double CRLF, sent
// by [Peer.SendRaw].
func (p *Peer) ExpectPong(t testing.TB) {
	t.Helper()
	p.expectKeepAlive(t, "a keep-alive pong", false)
}

func (p *Peer) expectKeepAlive(t testing.TB, want string, ping bool) {
	t.Helper()
	if _, ok := p.pipe.keepAlives.popIf(p.timeout(), func(a arrival) bool {
		return p.about(a.conn) && ping == (len(bytes.TrimLeft(a.text, "\r\n")) > 0 || len(a.text) > 2)
	}); !ok {
		p.fail(t, want, fmt.Sprintf("nothing within %v", p.timeout()))
	}
}

// ExpectNothing fails t when a message comes within d. It is meant for synctest
// bubbles, where waiting costs nothing.
func (p *Peer) ExpectNothing(t testing.TB, d time.Duration) {
	t.Helper()
	if a, ok := p.pipe.messages.popIf(d, func(a arrival) bool { return p.about(a.conn) }); ok {
		p.fail(t, "nothing", summary(string(a.text)))
	}
}

func (p *Peer) expect(t testing.TB, want string) arrival {
	t.Helper()
	a, ok := p.pipe.messages.popIf(p.timeout(), func(a arrival) bool { return p.about(a.conn) })
	if !ok {
		p.fail(t, want, fmt.Sprintf("nothing within %v", p.timeout()))
	}
	return a
}

func (p *Peer) fail(t testing.TB, want, got string) {
	t.Helper()
	t.Fatalf("the peer expected %s, got %s; so far:\n%s", want, got, p.pipe.ladder)
}

// Send sends a message on the connection dialled last. It is lost when there is
// none, as on a real wire.
func (p *Peer) Send(m sip.Message) { p.SendRaw([]byte(m.String())) }

// SendRaw sends bytes as one WebSocket message, whatever they are.
func (p *Peer) SendRaw(message []byte) {
	if c := p.current(); c != nil {
		c.send(message)
	}
}

// Drop ends the connection dialled last from the server's side. The user agent
// still reads what was sent before. Code 1006 stands for a connection that
// breaks without a close frame.
func (p *Peer) Drop(code int, reason string) {
	if c := p.current(); c != nil {
		c.drop(code, reason)
	}
}

// HalfOpen makes the connection dialled last one whose other end is gone without
// a word, as after a change of network: the user agent writes without an error
// and nothing arrives, it reads and nothing comes. It can still close the
// connection, at once, and [Peer.Drop] breaks it. What is lost is on the ladder.
func (p *Peer) HalfOpen() {
	c := p.current()
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil && !c.silent {
		c.silent = true
		p.pipe.ladder.addOn(c.number, Note, "half-open from here on")
	}
}

// current is the connection of the view that was dialled last.
func (p *Peer) current() *pipeConn {
	p.pipe.mu.Lock()
	defer p.pipe.mu.Unlock()
	for i := len(p.pipe.conns) - 1; i >= 0; i-- {
		if c := p.pipe.conns[i]; p.about(c) {
			return c
		}
	}
	return nil
}

func (p *Peer) about(c *pipeConn) bool { return p.scope.holds(c.url, c.number) }

func (p *Peer) timeout() time.Duration {
	if p.Timeout == 0 {
		return p.pipe.root.Timeout
	}
	return p.Timeout
}
