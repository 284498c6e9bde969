package sipua_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// mood is how the server of the stress test treats requests.
type mood int

const (
	kind       mood = iota // 200 to everything
	suspicious             // a challenge to what has no credentials
	strict                 // a challenge to everything
	overloaded             // 503
	patient                // 503 with Retry-After
	brief                  // 423 to what asks for less than an hour
	forbidding             // 403
	forgetful              // 481 inside dialogs
	silent                 // no answer
	numMoods
)

// chaos is both servers of the stress test, as a Transport. It answers at once and
// keeps account of what may not be.
type chaos struct {
	t     *testing.T
	rules *sipuatest.Peer // makes messages

	mu      sync.Mutex
	rnd     *rand.Rand
	mood    mood
	refuses bool // dials
	hangs   bool // dials
	conns   []*chaosConn
	faults  []string
	busy    map[string]time.Time // REGISTERs under way, by Call-ID, until when
	second  int64
	sent    int // in that second, by the user agent
	dials   int // in that second
	last    []string
}

// These are far above what honest work needs and far below what a loop without a
// pause does.
const (
	mostSent  = 200
	mostDials = 60
)

func (c *chaos) fault(format string, a ...any) {
	if len(c.faults) < 5 {
		c.faults = append(c.faults, fmt.Sprintf(format, a...))
	}
}

// count one more of what is bounded for each second.
func (c *chaos) count(n *int, most int, what string) {
	if now := time.Now().Unix(); now != c.second {
		c.second, c.sent, c.dials, c.last = now, 0, 0, nil
	}
	c.last = append(c.last, what)
	if *n++; *n == most {
		c.fault("%d in a second: %s", most, strings.Join(c.last[len(c.last)-10:], ", "))
	}
}

func (c *chaos) Dial(ctx context.Context, url string) (sipua.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(&c.dials, mostDials, "dial "+url)
	if c.hangs {
		c.mu.Unlock()
		<-ctx.Done()
		c.mu.Lock()
		return nil, ctx.Err()
	}
	if c.refuses {
		return nil, errors.New("refused")
	}
	conn := &chaosConn{c: c, in: make(chan []byte, 10000), end: make(chan struct{})}
	c.conns = append(c.conns, conn)
	return conn, nil
}

// some is one of the connections that are open, nil when there is none.
func (c *chaos) some() *chaosConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.conns) == 0 {
		return nil
	}
	return c.conns[c.rnd.IntN(len(c.conns))]
}

func (c *chaos) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

type chaosConn struct {
	c         *chaos
	in        chan []byte
	end       chan struct{}
	reason    *sipua.CloseError
	halfOpen  bool
	deaf      bool
	registers []string
	watched   []func(state string) *sip.Request // NOTIFYs of the subscriptions made here
}

func (k *chaosConn) Read() ([]byte, error) {
	select {
	case m := <-k.in:
		return m, nil
	default:
	}
	select {
	case m := <-k.in:
		return m, nil
	case <-k.end:
		return nil, k.reason
	}
}

func (k *chaosConn) Close(code int, reason string) { k.drop(code, reason) }

func (k *chaosConn) drop(code int, reason string) {
	c := k.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.reason != nil {
		return
	}
	k.reason = &sipua.CloseError{Code: code, Reason: reason}
	for _, id := range k.registers {
		delete(c.busy, id)
	}
	for i, other := range c.conns {
		if other == k {
			c.conns = append(c.conns[:i:i], c.conns[i+1:]...)
		}
	}
	close(k.end)
}

// send is from the server.
func (k *chaosConn) send(data []byte) {
	if k.halfOpen || k.reason != nil {
		return
	}
	select {
	case k.in <- data:
	default:
		k.c.fault("10000 messages wait to be read")
	}
}

func (k *chaosConn) Write(data []byte) error {
	c := k.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case k.reason != nil || k.deaf:
		return errors.New("closed")
	case k.halfOpen:
		return nil
	case string(data) == "\r\n\r\n":
		k.send([]byte("\r\n"))
		return nil
	case string(data) == "\r\n":
		return nil
	}
	line, _, _ := strings.Cut(string(data), "\r\n")
	c.count(&c.sent, mostSent, line)
	msg, err := sip.ParseMessage(data)
	if err != nil {
		c.fault("the user agent sent what does not parse: %q", data)
		return nil
	}
	if req, ok := msg.(*sip.Request); ok && req.Method != "ACK" {
		k.answer(req)
	}
	return nil
}

// answer is the server's, by its mood.
func (k *chaosConn) answer(req *sip.Request) {
	c := k.c
	id := value(req, "Call-ID")
	if req.Method == "REGISTER" && req.GetHeader("Contact") != nil { // a query may come beside
		if until, ok := c.busy[id]; ok && time.Now().Before(until) {
			c.fault("a second REGISTER of one binding is under way: section 10.2")
		}
		c.busy[id] = time.Now().Add(32 * time.Second)
		k.registers = append(k.registers, id)
	}
	respond := func(status int, headers ...sip.Header) *sip.Response {
		delete(c.busy, id)
		res := c.rules.NewResponse(req, status, "Reason", headers...)
		k.send([]byte(res.String()))
		return res
	}
	inside := tag(value(req, "To")) != ""
	asks := value(req, "Expires")
	challenge := h("WWW-Authenticate", fmt.Sprintf(`Digest realm="example.com", nonce="%d", qop="auth"`, c.rnd.IntN(1000)))
	switch {
	case c.mood == silent:
	case req.Method == "OPTIONS" || req.Method == "CANCEL":
		respond(200)
	case c.mood == strict, c.mood == suspicious && value(req, "Authorization") == "":
		respond(401, challenge)
	case c.mood == overloaded:
		respond(503)
	case c.mood == patient:
		respond(503, h("Retry-After", itoa(1+c.rnd.IntN(100))))
	case c.mood == brief && len(asks) < 4 && asks != "0" && asks != "":
		respond(423, h("Min-Expires", "3600"))
	case c.mood == forbidding:
		respond(403)
	case c.mood == forgetful && inside:
		respond(481)
	case req.Method == "REGISTER":
		respond(200, h("Contact", value(req, "Contact")), h("Require", "outbound"))
	case req.Method == "SUBSCRIBE":
		k.subscribed(req, respond)
	case req.Method == "PUBLISH":
		respond(200, h("SIP-ETag", itoa(c.rnd.IntN(1000))), h("Expires", "300"))
	case req.Method == "INVITE" && !inside && c.rnd.IntN(2) == 0:
		respond(180)
		res := c.rules.NewResponse(req, 200, "OK", h("Contact", peerContact))
		sipuatest.SetSDP(res, answer(c.t, req.Body()))
		k.send([]byte(res.String()))
	case req.Method == "INVITE":
		respond(486)
	default:
		respond(200)
	}
}

func (k *chaosConn) subscribed(req *sip.Request, respond func(int, ...sip.Header) *sip.Response) {
	ok := respond(200, h("Contact", peerContact), h("Expires", value(req, "Expires")))
	notify := func(state string) *sip.Request {
		return k.c.rules.NewInDialogRequest("NOTIFY", req, ok, h("Event", value(req, "Event")), h("Subscription-State", state))
	}
	state := "active;expires=" + value(req, "Expires")
	if value(req, "Expires") == "0" {
		state = "terminated;reason=timeout"
	} else {
		k.watched = append(k.watched, notify)
	}
	k.send([]byte(notify(state).String()))
}
