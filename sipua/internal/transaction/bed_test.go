package transaction

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// bed is a Layer with a flow, a queue and a transaction user that write down
// what happens to them, one line each:
//
//	> INVITE   > 200     put on the wire
//	TU 180     TU BYE    given to the transaction user
//	TU ACK               given to Config.OnAck
//	TU err: …            the handler of a Client was told of an error
//	end: …               Server.OnEnd
//	stray 200            given to Config.OnStray
type bed struct {
	t     testing.TB
	layer *Layer
	log   []string
	wire  []sip.Message // what was sent, in order
	tx    *Server       // of the latest request

	sendErr error // what Send returns from now on

	mu    sync.Mutex // timers post from goroutines of their own
	queue []func()
	posts int // all there ever were
}

func newBed(t testing.TB) *bed {
	b := &bed{t: t}
	b.layer = New(Config{
		Send: func(msg sip.Message) error {
			b.note("> %s", short(msg))
			b.wire = append(b.wire, msg)
			return b.sendErr
		},
		Post: func(f func()) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.queue = append(b.queue, f)
			b.posts++
		},
		OnRequest: func(req *sip.Request, tx *Server) {
			b.note("TU %s", short(req))
			tx.OnEnd = func(err error) { b.note("end: %v", err) }
			b.tx = tx
		},
		OnAck:   func(req *sip.Request) { b.note("TU %s", short(req)) },
		OnStray: func(res *sip.Response) { b.note("stray %s", short(res)) },
	})
	return b
}

func (b *bed) note(format string, args ...any) { b.log = append(b.log, fmt.Sprintf(format, args...)) }

// took returns what was written down since the last call.
func (b *bed) took() string {
	s := strings.Join(b.log, "; ")
	b.log = nil
	return s
}

// run does what is in the queue, and what that adds to it.
func (b *bed) run() {
	for {
		b.mu.Lock()
		queue := b.queue
		b.queue = nil
		b.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, f := range queue {
			f()
		}
	}
}

// pass lets time pass without running the queue; inside synctest only.
func (b *bed) pass(d time.Duration) {
	time.Sleep(d) // the bubble's clock
	synctest.Wait()
}

// advance lets time pass and runs the queue.
func (b *bed) advance(d time.Duration) {
	b.pass(d)
	b.run()
}

// request begins a client transaction whose handler writes down what it gets.
func (b *bed) request(req *sip.Request) *Client {
	return b.layer.Request(req, func(res *sip.Response, err error) {
		if err != nil {
			require.Nil(b.t, res, "a response and an error")
			b.note("TU err: %v", err)
			return
		}
		b.note("TU %s", short(res))
	})
}

// respond lets the transaction user answer the latest request.
func (b *bed) respond(status int) error {
	return b.tx.Respond(message.Response(b.tx.Request, status, "Reason", "ours"))
}

// receive takes text from the flow.
func (b *bed) receive(text string) { b.t.Helper(); b.layer.Receive(parse(b.t, text)) }

func short(msg sip.Message) string {
	switch msg := msg.(type) {
	case *sip.Request:
		return string(msg.Method)
	case *sip.Response:
		return fmt.Sprint(msg.StatusCode)
	}
	return "?"
}

func parse(t testing.TB, text string) sip.Message {
	t.Helper()
	msg, err := message.Parse([]byte(crlf(text)))
	require.NoError(t, err)
	return msg
}

// crlf makes a message of indented lines.
func crlf(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(text)) {
		b.WriteString(strings.TrimSpace(line) + "\r\n")
	}
	return b.String() + "\r\n"
}

// outgoing is a request as the user agent makes it.
func outgoing(t testing.TB, method sip.RequestMethod, branch string) *sip.Request {
	t.Helper()
	return parse(t, fmt.Sprintf(`
		%[1]s sip:bob@example.com SIP/2.0
		Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=%[2]s
		Max-Forwards: 70
		From: "Alice" <sip:alice@example.com>;tag=asdyka899
		To: <sip:bob@example.com>
		Call-ID: asidkj3ss
		CSeq: 7 %[1]s`, method, branch)).(*sip.Request)
}

// incoming is a request as a peer makes it.
func incoming(method, branch string) string {
	return fmt.Sprintf(`
		%[1]s sip:alice@df7jal23ls0d.invalid;transport=ws SIP/2.0
		Via: SIP/2.0/WSS proxy.example.com;branch=%[2]s
		Max-Forwards: 69
		From: <sip:bob@example.com>;tag=bye99
		To: <sip:alice@example.com>
		Call-ID: 1@example.com
		CSeq: 3 %[1]s`, method, branch)
}

// answer is a response to req.
func answer(req *sip.Request, status int, tag string) string {
	return message.Response(req, status, "Reason", tag).String()
}

// bubble runs f under synctest and ends what it leaves.
func bubble(t *testing.T, name string, f func(t *testing.T, b *bed)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, newBed(t)) })
	})
}
