package sipua

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/flow"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// link is one flow of the user agent and what lives on it: its transactions and
// the binding that leads to it. All of it belongs to the owner goroutine. Most
// user agents have one; with Config.Flows there are several (RFC 5626 section 4).
type link struct {
	ua      *UserAgent
	number  int // from 1, the reg-id of its binding
	flow    *flow.Flow
	layer   *transaction.Layer
	binding binding
}

func (ua *UserAgent) newLink(number int) *link {
	l := &link{ua: ua, number: number}
	cfg := &ua.cfg
	servers := make([]flow.Server, len(cfg.Servers))
	for i, s := range cfg.Servers {
		servers[i] = flow.Server(s)
	}
	if number > 1 {
		// RFC 5626 section 4.2.1: flows that do not end together, so each of the next
		// ones prefers another server.
		slices.SortStableFunc(servers, func(a, b flow.Server) int { return int(a.Priority) - int(b.Priority) })
		shift := (number - 1) % len(servers)
		servers = append(servers[shift:len(servers):len(servers)], servers[:shift]...)
		for i := range servers {
			servers[i].Priority, servers[i].Weight = 0, 0
		}
	}
	interval := cfg.KeepAlive.Interval
	if cfg.KeepAlive.Method == KeepAliveOff {
		interval = 0
	}
	l.flow = flow.New(flow.Config{
		Servers: servers,
		Dial: func(ctx context.Context, url string) (flow.Conn, error) {
			conn, err := cfg.Transport.Dial(ctx, url)
			if err != nil {
				return nil, err // not a nil Conn in an interface
			}
			return conn, nil
		},
		Context:        ua.ctx,
		ConnectTimeout: cfg.ConnectTimeout,
		Backoff:        flow.Backoff{Base: cfg.Reconnect.Base, Cap: cfg.Reconnect.Max},
		Return:         cfg.Reconnect.Return,
		Liveness:       flow.Liveness{Interval: interval, Timeout: cfg.KeepAlive.Timeout, Method: keepAliveMethods[cfg.KeepAlive.Method]},

		Post:  ua.owner.post,
		Done:  ua.owner.done,
		After: func(d time.Duration, f func()) func() { return ua.after(d, f).stop },

		Wanted: l.wanted,
		Busy:   func() bool { return len(ua.calls) > 0 || l.layer.Len() > 0 },

		OnUp:   l.up,
		OnLost: l.lost,
		OnWaiting: func(attempt int, delay time.Duration) {
			ua.emit(Reconnecting{Flow: number, Attempt: attempt, Delay: delay})
		},
		OnReceive: l.receive,
		OnWake:    ua.catchUp,
		Ask:       l.ask,
	})
	l.layer = transaction.New(transaction.Config{
		Send:      l.send,
		Post:      func(f func()) { ua.owner.post(f) },
		OnRequest: ua.receiveRequest,
		OnAck:     ua.receiveAck,
		OnStray:   ua.receiveStray,
	})
	l.binding.init(l)
	return l
}

// wanted: something depends on this flow, so that it is opened again when it is
// lost.
func (l *link) wanted() bool {
	ua := l.ua
	switch {
	case ua.closed:
		return false
	case l.binding.wanted:
		return true
	}
	return l.number == 1 && (ua.connected || len(ua.calls) > 0 || len(ua.waiters) > 0 || ua.subscriptions.active())
}

func (l *link) up(server string) {
	l.ua.emit(Connected{Flow: l.number, Server: server})
	l.binding.flowUp()
	l.ua.flowCame(l)
	if !l.ua.links[0].binding.wanted {
		l.ua.recovered()
	}
}

// lost: what was under way on the flow is over; calls keep their media and their
// dialog.
func (l *link) lost(server string, err error) {
	ua := l.ua
	if err == nil { // by our own will
		ua.emit(Disconnected{Flow: l.number, Server: server, Code: 1000})
		gone := &Error{Code: CodeConnectionLost, Reason: "the connection to " + server + " was given up for another one"}
		if ua.closed {
			gone = &Error{Code: CodeClosed, Reason: "the user agent was closed"}
		}
		l.end(gone)
		return
	}
	code, reason := 1006, ""
	var closed *CloseError
	if errors.As(err, &closed) {
		code, reason = closed.Code, clean(closed.Reason, 123) // RFC 6455 section 5.5: no more fit
	}
	lost := &Error{Code: CodeConnectionLost, Reason: "the connection to " + server + " was lost", Err: err}
	ua.emit(Disconnected{Flow: l.number, Server: server, Code: code, Reason: reason, Err: lost})
	l.end(lost)
}

// end tells everything that lived on the flow.
func (l *link) end(err *Error) {
	ua := l.ua
	l.layer.FlowLost(err)
	for _, c := range slices.Clone(ua.calls) {
		c.flowLost(l)
	}
	l.binding.flowLost(err)
	ua.recovering = true
	if ua.bestLink(nil) == nil {
		ua.subscriptions.flowLost(err)
	}
	ua.recheck()
}

// recovered: requests can be sent again, and where we are to be registered, we are.
func (ua *UserAgent) recovered() {
	if ua.recovering {
		ua.recovering = false
		for _, c := range slices.Clone(ua.calls) {
			c.flowBack()
		}
		ua.subscriptions.recovered()
	}
}

// recheck looks after a while whether what waits for a flow has one: another one
// than that which was lost, or one on which a registration is wanted no more. The
// while keeps requests from going back and forth between flows that take nothing.
func (ua *UserAgent) recheck() {
	if ua.closed {
		return
	}
	ua.recheckTimer.stop()
	ua.recheckTimer = ua.after(recheckAfter, func() {
		held := func(l *link) bool { return l.binding.held }
		if ua.bestLink(nil) != nil && (!ua.links[0].binding.wanted || slices.ContainsFunc(ua.links, held)) {
			ua.recovered()
		}
	})
}

const recheckAfter = 500 * time.Millisecond

// awaitsFlow: a request has failed with its flow, and what it is for waits for the
// next one. That may be up already.
func (ua *UserAgent) awaitsFlow() {
	ua.recovering = true
	ua.recheck()
}

// ask is the keep-alive for servers that know no CRLF pings: every SIP server
// answers OPTIONS, with whatever status (section 11.2).
func (l *link) ask() {
	domain := sip.Uri{Scheme: l.ua.aor.Scheme, Host: l.ua.aor.Host, Port: l.ua.aor.Port}
	req := sip.NewRequest(sip.OPTIONS, domain)
	req.AppendHeader(l.ua.from(message.NewTag()))
	req.AppendHeader(&sip.ToHeader{Address: domain})
	callID := sip.CallIDHeader(message.NewToken(22))
	req.AppendHeader(&callID)
	message.CSeq(req, 1)
	l.complete(req)
	l.layer.Request(req, func(*sip.Response, error) {}) // that anything arrives is the answer
}

// connect calls then with the link to use, once it is up: prefer if that is
// possible. At once when there is one, or with the error of an attempt.
func (ua *UserAgent) connect(prefer *link, then func(*link, error)) {
	if l := ua.bestLink(prefer); l != nil {
		then(l, nil)
		return
	}
	ua.links[0].connect(then)
}

// connect is for what has to go over this link.
func (l *link) connect(then func(*link, error)) {
	ua := l.ua
	if ua.closed {
		then(nil, &Error{Code: CodeClosed, Reason: "the user agent was closed"})
		return
	}
	l.flow.Connect(func(err error) {
		var typed *Error
		switch {
		case err == nil:
			then(l, nil)
		case errors.As(err, &typed): // closed
			then(nil, typed)
		default:
			then(nil, ua.unreachable(err))
		}
	})
}

func (ua *UserAgent) unreachable(err error) *Error {
	urls := make([]string, len(ua.cfg.Servers))
	for i, s := range ua.cfg.Servers {
		urls[i] = flow.Shown(s.URL)
	}
	return &Error{Code: CodeConnectionFailed, Err: err,
		Reason: "cannot reach " + strings.Join(urls, ", ") + "; check that the URL is right, the server runs and its certificate is trusted"}
}

// bestLink is a link that is up: the preferred one, one that is registered, any.
func (ua *UserAgent) bestLink(prefer *link) *link {
	isUp := func(l *link) bool { return l.flow.State() == flow.Up }
	if prefer != nil && isUp(prefer) {
		return prefer
	}
	if i := slices.IndexFunc(ua.links, func(l *link) bool { return isUp(l) && l.binding.held }); i >= 0 {
		return ua.links[i]
	}
	if i := slices.IndexFunc(ua.links, isUp); i >= 0 {
		return ua.links[i]
	}
	return nil
}

// linkOf is the link that a request came through.
func (ua *UserAgent) linkOf(tx *transaction.Server) *link {
	for _, l := range ua.links {
		if l.layer == tx.Layer() {
			return l
		}
	}
	return nil
}

// send puts a message on the wire. It is the transaction layer's way out.
func (l *link) send(msg sip.Message) error {
	if l.flow.State() != flow.Up {
		return &Error{Code: CodeConnectionLost, Reason: "there is no connection to a server"}
	}
	data := message.Bytes(msg)
	l.trace(Out, data)
	if err := l.flow.Write(data); err != nil {
		return &Error{Code: CodeConnectionLost, Reason: "the connection to " + flow.Shown(l.flow.URL()) + " does not take messages", Err: err}
	}
	return nil
}

// complete gives a request what every request of ours has (section 8.1.1).
func (l *link) complete(req *sip.Request) {
	req.RemoveHeader("Via")
	req.PrependHeader(l.via())
	if req.MaxForwards() == nil {
		h := sip.MaxForwardsHeader(70)
		req.AppendHeader(&h)
	}
	if req.GetHeader("User-Agent") == nil {
		req.AppendHeader(sip.NewHeader("User-Agent", l.ua.cfg.UserAgent))
	}
	if req.Method != sip.ACK && req.ContentLength() == nil {
		req.SetBody(req.Body())
	}
}

// via makes the Via of a new request. RFC 7118 section 5.1: transport WS or WSS.
func (l *link) via() *sip.ViaHeader {
	transport := "WS"
	if strings.HasPrefix(l.flow.URL(), "wss:") {
		transport = "WSS"
	}
	return &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: transport, Host: l.ua.host,
		Params: sip.HeaderParams{{K: "branch", V: message.NewBranch()}}}
}

// Connect opens the connection when there is none, and from then on keeps it
// open: when it is lost it is opened again, as often as that takes. Register does
// the same; Connect is for those who do not register. It returns when the
// connection is open, or with CodeConnectionFailed after a first attempt that
// failed; further attempts follow even then, each told by [Reconnecting].
func (ua *UserAgent) Connect(ctx context.Context) error {
	return ua.do(ctx, "connect", func(done func(error)) {
		ua.connected = true
		ua.connect(nil, func(_ *link, err error) { done(err) })
	})
}

// Network is a hint of the platform about the network.
type Network uint8

// The hints.
const (
	// NetworkOnline: there is a network again, or the program was awakened, or a
	// person came back to it. Attempts that wait are made now, and connections that
	// are up are checked now.
	NetworkOnline Network = iota
	// NetworkOffline: there seems to be no network. Attempts become rare, and
	// connections that are up are checked.
	NetworkOffline
)

// NetworkChanged takes a hint about the network. Without hints everything works
// as well, only later: a dead connection is noticed by its keep-alive, and a
// network that came back by the next attempt.
func (ua *UserAgent) NetworkChanged(n Network) {
	ua.owner.post(func() {
		for _, l := range ua.links {
			if n == NetworkOffline {
				l.flow.Offline()
			} else {
				l.flow.Online()
			}
		}
		for _, c := range slices.Clone(ua.calls) {
			if n == NetworkOnline {
				c.networkChanged()
			}
		}
		ua.catchUp()
	})
}
