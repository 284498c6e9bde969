//go:build !js

package sipuatest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua"
)

// Phone is a scripted telephone on a [Server]: the other side of a user agent
// under test, as [Peer] is where there is no server. It does what the test says
// and nothing by itself, apart from answering challenges and counting: CSeq,
// RSeq, tags and routes are right without a word. What it expects and does not
// get fails the test.
//
//	bob := sipuatest.NewPhone(t, server, "1002")
//	bob.Register()
//	go alice.Call("1002", sipua.CallOptions{})
//	call := bob.ExpectCall()
//	call.Progress(180, sipuatest.PhoneProgress{Reliable: true})
//	call.Answer()
//	call.Reoffer("UPDATE", sipua.OfferOptions{Hold: true})
//	call.Hangup()
//
// It reaches the server without a network, inside a synctest bubble too. Its
// messages are sipgo's, not those of package sipua. It passes over 100, which
// says nothing to a caller. Where the other side is a phone too, one of the two
// methods of a step runs in a goroutine beside the test, and its failure ends that
// goroutine alone.
type Phone struct {
	// Timeout bounds each wait. Default 10 s. Inside a synctest bubble it is fake
	// time: make it longer than the timers under test.
	Timeout time.Duration
	// MediaOptions are those of the media of calls to come.
	MediaOptions MediaOptions

	t      testing.TB
	server *Server
	user   string
	host   string // made up, RFC 7118 section 5
	conn   sipua.Conn
	in     *queue[sip.Message]
	cseq   uint32
	nonces int // uses of credentials, which makes nc
}

// NewPhone connects a telephone of the account user. It is disconnected when the
// test ends.
func NewPhone(t testing.TB, s *Server, user string) *Phone {
	t.Helper()
	p := &Phone{
		Timeout: 10 * time.Second,
		t:       t, server: s, user: user,
		host: strings.ToLower(sip.GenerateTagN(12)) + ".invalid",
		in:   newQueue[sip.Message](),
	}
	p.Connect()
	return p
}

// Connect opens a new connection, as after a change of network. The phone keeps
// its address and its calls. A connection that is open stays so: what comes on it
// is heard, but the phone sends over the new one.
func (p *Phone) Connect() {
	p.t.Helper()
	conn, err := p.server.Transport().Dial(p.t.Context(), p.server.URL)
	if err != nil {
		p.t.Fatalf("phone %s cannot connect: %v", p.user, err)
	}
	p.conn = conn
	p.t.Cleanup(func() { conn.Close(1000, "") })
	in := p.in
	go func() {
		for {
			text, err := conn.Read()
			if err != nil {
				return
			}
			m, err := sip.ParseMessage(text)
			if res, ok := m.(*sip.Response); err == nil && (!ok || res.StatusCode > 100) {
				in.push(m)
			}
		}
	}()
}

// Disconnect closes the connection that the phone sends over.
func (p *Phone) Disconnect() { p.conn.Close(1000, "") }

// Contact is the address of the phone.
func (p *Phone) Contact() string { return "sip:" + p.user + "@" + p.host + ";transport=ws" }

// Register registers the phone for an hour. Headers are added to the request, and
// replace those it has one of, here and in the other methods.
func (p *Phone) Register(headers ...sip.Header) *sip.Response {
	p.t.Helper()
	domain := p.server.options.Load().Domain
	req := p.NewRequest("REGISTER", "sip:"+domain, append([]sip.Header{
		sip.NewHeader("To", "<sip:"+p.user+"@"+domain+">"), sip.NewHeader("Expires", "3600"),
	}, headers...)...)
	return p.Do(req, 200)
}

// Do sends a request and waits for its final response, with credentials where it
// is challenged.
func (p *Phone) Do(req *sip.Request, status int) *sip.Response {
	p.t.Helper()
	p.Send(req)
	res := p.finalTo(req)
	if next := p.authorize(req, res); next != nil {
		p.Send(next)
		res = p.finalTo(next)
	}
	if res.StatusCode != status {
		p.fail(fmt.Sprintf("%d to %s", status, req.Method), res)
	}
	return res
}

func (p *Phone) finalTo(req *sip.Request) *sip.Response {
	p.t.Helper()
	want := fmt.Sprintf("a final response to %s", req.Method)
	m := p.wait(want, func(m sip.Message) bool {
		res, ok := m.(*sip.Response)
		return ok && !res.IsProvisional() && sameTransaction(res, req)
	})
	return m.(*sip.Response)
}

func sameTransaction(res *sip.Response, req *sip.Request) bool {
	return res.CallID().Value() == req.CallID().Value() && res.CSeq().SeqNo == req.CSeq().SeqNo && res.CSeq().MethodName == req.CSeq().MethodName
}

// Expect waits for the next request and returns it. It fails the test when that
// has another method. Responses stay where they are.
func (p *Phone) Expect(method string) *sip.Request {
	p.t.Helper()
	return p.request(method, func(*sip.Request) bool { return true })
}

func (p *Phone) request(method string, about func(*sip.Request) bool) *sip.Request {
	p.t.Helper()
	m := p.wait(method, func(m sip.Message) bool {
		req, ok := m.(*sip.Request)
		return ok && about(req)
	}).(*sip.Request)
	if string(m.Method) != method {
		p.fail(method, m)
	}
	return m
}

// Nothing fails the test when anything comes within d.
func (p *Phone) Nothing(d time.Duration) {
	p.t.Helper()
	if m, ok := p.in.pop(d); ok {
		p.fail("nothing", m)
	}
}

// NewRequest makes a request outside of any dialog, from the phone's account to
// uri. It is not sent.
func (p *Phone) NewRequest(method, uri string, headers ...sip.Header) *sip.Request {
	p.t.Helper()
	return p.newRequest(method, uri, append([]sip.Header{
		sip.NewHeader("From", "<sip:"+p.user+"@"+p.server.options.Load().Domain+">;tag="+sip.GenerateTagN(10)),
		sip.NewHeader("To", "<"+uri+">"),
		sip.NewHeader("Call-ID", sip.GenerateTagN(16)),
	}, headers...))
}

func (p *Phone) newRequest(method, uri string, headers []sip.Header) *sip.Request {
	p.t.Helper()
	var target sip.Uri
	if err := sip.ParseUri(uri, &target); err != nil {
		p.t.Fatalf("phone %s: the URI %q of %s does not parse: %v", p.user, uri, method, err)
	}
	p.cseq++
	req := sip.NewRequest(sip.RequestMethod(method), target)
	for _, h := range []sip.Header{
		p.via(),
		sip.NewHeader("Max-Forwards", "70"),
		sip.NewHeader("CSeq", fmt.Sprintf("%d %s", p.cseq, method)),
		sip.NewHeader("Contact", "<"+p.Contact()+">"),
	} {
		req.AppendHeader(h)
	}
	set(req, headers)
	return reparse(req)
}

func (p *Phone) via() sip.Header {
	return sip.NewHeader("Via", "SIP/2.0/WS "+p.host+";branch="+sip.GenerateBranch()+";rport")
}

// reasons are the phrases of RFC 3261 section 21 and others; a status without one
// has none.
var reasons = map[int]string{
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
	200: "OK", 202: "Accepted", 302: "Moved Temporarily",
	403: "Forbidden", 404: "Not Found", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
	486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
	500: "Server Internal Error", 503: "Service Unavailable", 603: "Decline",
}

// respond answers a request. tag is that of the phone where the request has none.
func (p *Phone) respond(req *sip.Request, status int, tag, sdp string, headers []sip.Header) *sip.Response {
	p.t.Helper()
	untagged := !req.To().Params.Has("tag")
	res := sip.NewResponseFromRequest(req, status, reasons[status], nil)
	if untagged && status > 100 {
		res.To().Params.Add("tag", tag)
	}
	if status > 100 && status < 300 {
		res.AppendHeader(sip.NewHeader("Contact", "<"+p.Contact()+">"))
	}
	set(res, headers)
	if sdp != "" {
		SetSDP(res, sdp)
	}
	res = reparse(res)
	p.Send(res)
	return res
}

// Respond answers a request, in or outside of a dialog.
func (p *Phone) Respond(req *sip.Request, status int, headers ...sip.Header) *sip.Response {
	p.t.Helper()
	return p.respond(req, status, sip.GenerateTagN(10), "", headers)
}

// Send sends a message as it is.
func (p *Phone) Send(m sip.Message) {
	p.t.Helper()
	if err := p.conn.Write([]byte(m.String())); err != nil {
		p.t.Fatalf("phone %s cannot send: %v\n%s", p.user, err, m)
	}
}

func (p *Phone) wait(want string, match func(sip.Message) bool) sip.Message {
	p.t.Helper()
	m, ok := p.in.popIf(p.Timeout, match)
	if !ok {
		p.fail(want, nil)
	}
	return m
}

func (p *Phone) fail(want string, got sip.Message) {
	p.t.Helper()
	if got == nil {
		p.t.Fatalf("phone %s expected %s, got nothing within %v", p.user, want, p.Timeout)
	}
	p.t.Fatalf("phone %s expected %s, got\n%s", p.user, want, got)
}

// authorize repeats a request that was challenged, with the password of the account. It
// is nil for one that was not.
func (p *Phone) authorize(req *sip.Request, res *sip.Response) *sip.Request {
	names := map[int][2]string{401: {"WWW-Authenticate", "Authorization"}, 407: {"Proxy-Authenticate", "Proxy-Authorization"}}[res.StatusCode]
	h := res.GetHeader(names[0])
	if names[0] == "" || h == nil || req.GetHeader(names[1]) != nil {
		return nil
	}
	o := p.server.options.Load()
	c := parseDigest(h.Value())
	p.nonces++
	a := map[string]string{
		"username": p.user, "realm": c["realm"], "nonce": c["nonce"], "uri": req.Recipient.String(),
		"nc": fmt.Sprintf("%08x", p.nonces), "cnonce": sip.GenerateTagN(8),
	}
	a["qop"], _, _ = strings.Cut(c["qop"], ",")
	value := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=%s`,
		a["username"], a["realm"], a["nonce"], a["uri"], algorithmOf(c))
	if a["qop"] != "" {
		value += fmt.Sprintf(`, qop=%s, nc=%s, cnonce="%s"`, a["qop"], a["nc"], a["cnonce"])
	}
	value += fmt.Sprintf(`, response="%s"`, digestResponse(a, algorithmOf(c), o.Accounts[p.user], string(req.Method), string(req.Body())))
	p.cseq++
	next := req.Clone()
	next.ReplaceHeader(p.via())
	set(next, []sip.Header{sip.NewHeader("CSeq", fmt.Sprintf("%d %s", p.cseq, req.Method)), sip.NewHeader(names[1], value)})
	return reparse(next)
}
