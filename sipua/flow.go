package sipua

import (
	"context"
	"errors"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// flow is the one connection of a user agent. It is opened when something is to
// be sent and stays until either side closes it. All of it belongs to the owner
// goroutine.
//
//	          connect     open          failed        lost, close
//	idle      dialing     –             –             –
//	dialing   (joins)     up, waiters   idle, waiters idle
//	up        (at once)   –             –             idle
type flow struct {
	conn    Conn
	server  string // as it is shown
	dialing bool
	waiting []func(error) // who waits for the dial

	host string // of our Via and Contact: RFC 7118 section 5, an ".invalid" name
	user string // of our Contact
}

func (f *flow) init() {
	f.host = message.NewToken(12) + ".invalid"
	f.user = message.NewToken(8)
}

// connect calls then when the flow is up, at once if it is already, or with the
// error of the attempt.
func (ua *UserAgent) connect(then func(error)) {
	f := &ua.flow
	switch {
	case f.conn != nil:
		then(nil)
	case ua.closed:
		then(&Error{Code: CodeClosed, Reason: "the user agent was closed"})
	default:
		f.waiting = append(f.waiting, then)
		if !f.dialing {
			f.dialing = true
			go ua.dial()
		}
	}
}

// dial runs beside the owner. It tries the servers in order.
func (ua *UserAgent) dial() {
	var errs []error
	for _, s := range ua.cfg.Servers {
		server := s.URL
		ctx, cancel := context.WithTimeout(ua.ctx, ua.cfg.ConnectTimeout)
		conn, err := ua.cfg.Transport.Dial(ctx, server)
		cancel()
		if err == nil {
			if !ua.owner.post(func() { ua.opened(conn, server) }) {
				conn.Close(1000, "")
			}
			return
		}
		errs = append(errs, withoutSecrets(err, server))
		if ua.ctx.Err() != nil {
			break
		}
	}
	ua.owner.post(func() {
		ua.flow.dialing = false
		ua.flow.settle(&Error{Code: CodeConnectionFailed,
			Reason: "cannot reach " + strings.Join(shownAll(ua.cfg.Servers), ", ") + "; check that the URL is right, the server runs and its certificate is trusted",
			Err:    errors.Join(errs...)})
	})
}

func (ua *UserAgent) opened(conn Conn, server string) {
	f := &ua.flow
	f.dialing = false
	if ua.closed {
		conn.Close(1000, "")
		return
	}
	f.conn, f.server = conn, shown(server)
	ua.emit(Connected{Server: f.server})
	go ua.read(conn)
	f.settle(nil)
}

// shown is a server's URL without what may be a secret: browsers can authenticate
// a WebSocket only by its URL, so that a token often stands in the query.
func shown(server string) string {
	server, _, _ = strings.Cut(server, "?")
	scheme, rest, _ := strings.Cut(server, "://")
	host, path, hasPath := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if hasPath {
		host += "/" + path
	}
	return scheme + "://" + host
}

func shownAll(servers []Server) []string {
	all := make([]string, len(servers))
	for i, s := range servers {
		all[i] = shown(s.URL)
	}
	return all
}

// withoutSecrets takes the URL's secrets out of what a transport says about it.
func withoutSecrets(err error, server string) error {
	text := err.Error()
	_, query, _ := strings.Cut(server, "?")
	user, _, hasUser := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(server, "wss://"), "ws://"), "@")
	if query != "" {
		text = strings.ReplaceAll(text, query, "[hidden]")
	}
	if hasUser {
		text = strings.ReplaceAll(text, user, "[hidden]")
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// settle tells everyone who waits for the dial.
func (f *flow) settle(err error) {
	waiting := f.waiting
	f.waiting = nil
	for _, then := range waiting {
		then(err)
	}
}

// read takes messages from the connection to the owner, one at a time: the next
// is not read before the last has been handled, so that a flood waits in the
// socket and not in our memory.
func (ua *UserAgent) read(conn Conn) {
	handled := make(chan struct{}, 1)
	for {
		data, err := conn.Read()
		if err != nil {
			ua.owner.post(func() { ua.lost(conn, err) })
			return
		}
		if !ua.owner.post(func() { ua.receive(conn, data); handled <- struct{}{} }) {
			return
		}
		select {
		case <-handled:
		case <-ua.owner.done:
			return
		}
	}
}

// lost ends the flow. What was under way on it is over; calls keep their media
// and their dialog.
func (ua *UserAgent) lost(conn Conn, err error) {
	f := &ua.flow
	if f.conn != conn {
		return
	}
	f.conn = nil
	conn.Close(1000, "")
	code, reason := 1006, ""
	var closed *CloseError
	if errors.As(err, &closed) {
		code, reason = closed.Code, closed.Reason
	}
	lost := &Error{Code: CodeConnectionLost, Reason: "the connection to " + f.server + " was lost", Err: err}
	ua.emit(Disconnected{Server: f.server, Code: code, Reason: reason, Err: lost})
	ua.layer.FlowLost(lost)
	ua.registration.flowLost(lost)
	ua.subscriptions.flowLost(lost)
}

func (f *flow) close(ua *UserAgent, err error) {
	f.settle(err)
	if f.conn == nil {
		return
	}
	conn := f.conn
	f.conn = nil
	conn.Close(1000, "")
	ua.emit(Disconnected{Server: f.server, Code: 1000})
}

// send puts a message on the wire. It is the transaction layer's way out.
func (ua *UserAgent) send(msg sip.Message) error {
	if ua.flow.conn == nil {
		return &Error{Code: CodeConnectionLost, Reason: "there is no connection to a server"}
	}
	data := message.Bytes(msg)
	ua.trace(Out, data)
	if err := ua.flow.conn.Write(data); err != nil {
		return &Error{Code: CodeConnectionLost, Reason: "the connection to " + ua.flow.server + " does not take messages", Err: err}
	}
	return nil
}

// via makes the Via of a new request. RFC 7118 section 5.1: transport WS or WSS.
func (ua *UserAgent) via() *sip.ViaHeader {
	transport := "WS"
	if strings.HasPrefix(ua.flow.server, "wss:") {
		transport = "WSS"
	}
	return &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: transport, Host: ua.flow.host,
		Params: sip.HeaderParams{{K: "branch", V: message.NewBranch()}}}
}
