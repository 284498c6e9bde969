//go:build !js

//lint:file-ignore SA1019 nhooyr.io/websocket is the WebSocket package of this module, and its successor has the same code

package sipuatest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
	"nhooyr.io/websocket"

	"github.com/sipwasm/sipwasm/sipua"
)

// phone is a SIP client of few lines: a WebSocket and text.
type phone struct {
	t      *testing.T
	user   string
	host   string // made up, RFC 7118 section 5
	ws     *websocket.Conn
	mem    sipua.Conn // instead of ws, over Server.Transport
	in     *queue[[]byte]
	closed chan error
	seq    int
}

const patience = 10 * time.Second

func newPhone(t *testing.T, s *Server, user string) *phone {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), s.URL, &websocket.DialOptions{Subprotocols: []string{"sip"}})
	require.NoError(t, err)
	require.Equal(t, "sip", ws.Subprotocol())
	ws.SetReadLimit(maxMessage)
	p := &phone{
		t: t, user: user, host: strings.ToLower(sip.GenerateTagN(12)) + ".invalid",
		ws: ws, in: newQueue[[]byte](), closed: make(chan error, 1),
	}
	stop := context.AfterFunc(t.Context(), func() { _ = ws.CloseNow() })
	go func() {
		for {
			_, m, err := ws.Read(context.Background())
			if err != nil {
				stop()
				_ = ws.CloseNow()
				p.in.close()
				p.closed <- err
				return
			}
			p.in.push(m)
		}
	}()
	return p
}

// newMemoryPhone is a phone without a network.
func newMemoryPhone(t *testing.T, s *Server, user string) *phone {
	t.Helper()
	conn, err := s.Transport().Dial(t.Context(), s.URL)
	require.NoError(t, err)
	p := &phone{
		t: t, user: user, host: strings.ToLower(sip.GenerateTagN(12)) + ".invalid",
		mem: conn, in: newQueue[[]byte](), closed: make(chan error, 1),
	}
	stop := context.AfterFunc(t.Context(), func() { conn.Close(1000, "") })
	go func() {
		for {
			m, err := conn.Read()
			if err != nil {
				stop()
				p.in.close()
				p.closed <- err
				return
			}
			p.in.push(m)
		}
	}()
	return p
}

// vanish breaks the connection without a close frame.
func (p *phone) vanish() {
	p.t.Helper()
	require.NoError(p.t, p.ws.CloseNow())
}

func (p *phone) contact() string { return "sip:" + p.user + "@" + p.host + ";transport=ws" }

func (p *phone) write(text string) {
	p.t.Helper()
	if p.mem != nil {
		require.NoError(p.t, p.mem.Write([]byte(text)))
		return
	}
	require.NoError(p.t, p.ws.Write(p.t.Context(), websocket.MessageText, []byte(text)))
}

// request sends a request outside of a dialog and returns its text. Lines are
// additional headers; one that begins with "\n" is the body.
func (p *phone) request(method, uri, to string, lines ...string) string {
	p.t.Helper()
	p.seq++
	text := p.message(method, uri, "<sip:"+p.user+"@example.com>;tag="+sip.GenerateTagN(8), "<"+to+">", sip.GenerateTagN(16), p.seq, lines...)
	p.write(text)
	return text
}

func (p *phone) message(method, uri, from, to, callID string, seq int, lines ...string) string {
	head := []string{
		method + " " + uri + " SIP/2.0",
		"Via: SIP/2.0/WS " + p.host + ";branch=" + sip.GenerateBranch() + ";rport",
		"Max-Forwards: 70", "From: " + from, "To: " + to, "Call-ID: " + callID,
		fmt.Sprintf("CSeq: %d %s", seq, method),
	}
	body := ""
	contact := true
	for _, line := range lines {
		if strings.HasPrefix(line, "\n") {
			body = strings.ReplaceAll(line[1:], "\n", "\r\n")
			head = append(head, "Content-Type: application/sdp")
			continue
		}
		name, _, _ := strings.Cut(line, ":")
		contact = contact && name != "Contact"
		if name == "Max-Forwards" {
			head[2] = line
			continue
		}
		head = append(head, line)
	}
	if contact {
		head = append(head, "Contact: <"+p.contact()+">")
	}
	head = append(head, fmt.Sprintf("Content-Length: %d", len(body)))
	return strings.Join(head, "\r\n") + "\r\n\r\n" + body
}

func (p *phone) next() sip.Message {
	p.t.Helper()
	text, ok := p.in.pop(patience)
	require.True(p.t, ok, "%s got nothing", p.user)
	m, err := sip.ParseMessage(text)
	require.NoError(p.t, err, "%q", text)
	return m
}

func (p *phone) expectResponse(status int) *sip.Response {
	p.t.Helper()
	m := p.next()
	res, ok := m.(*sip.Response)
	require.True(p.t, ok && res.StatusCode == status, "%s wants %d, has\n%s", p.user, status, m)
	return res
}

func (p *phone) expectRequest(method string) *sip.Request {
	p.t.Helper()
	m := p.next()
	req, ok := m.(*sip.Request)
	require.True(p.t, ok && string(req.Method) == method, "%s wants %s, has\n%s", p.user, method, m)
	return req
}

// nothingMore shows that no message is on its way: what the server answers to
// OPTIONS comes behind it.
func (p *phone) nothingMore() {
	p.t.Helper()
	p.request("OPTIONS", "sip:example.com", "sip:example.com")
	require.Equal(p.t, sip.OPTIONS, p.expectResponse(200).CSeq().MethodName)
}

// respond answers a request; tag is our tag for one that has none.
func (p *phone) respond(req *sip.Request, status int, reason, tag string, lines ...string) *sip.Response {
	p.t.Helper()
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	if status > 100 && !req.To().Params.Has("tag") {
		res.To().Params.Add("tag", tag)
	}
	if status < 300 {
		res.AppendHeader(sip.NewHeader("Contact", "<"+p.contact()+">"))
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		res.AppendHeader(sip.NewHeader(name, value))
	}
	p.write(res.String())
	return res
}

// inDialog sends a request of the caller (who sent invite and got ok) or of the
// callee.
func (p *phone) inDialog(method string, invite *sip.Request, ok *sip.Response, caller bool, lines ...string) {
	p.t.Helper()
	from, to := ok.From().Value(), ok.To().Value()
	target := ok.Contact().Address.String()
	var routes []sip.Header
	if caller {
		routes = ok.GetHeaders("Record-Route")
	} else {
		from, to = to, from
		target = invite.Contact().Address.String()
		routes = invite.GetHeaders("Record-Route")
	}
	for _, r := range routes {
		lines = append(lines, "Route: "+r.Value())
	}
	seq := int(invite.CSeq().SeqNo)
	if method != "ACK" {
		p.seq += 100
		seq = p.seq
	}
	p.write(p.message(method, target, from, to, ok.CallID().Value(), seq, lines...))
}

// register registers without a password.
func (p *phone) register(lines ...string) *sip.Response {
	p.t.Helper()
	p.request("REGISTER", "sip:example.com", "sip:"+p.user+"@example.com", lines...)
	return p.expectResponse(200)
}

// again repeats a request with a new branch and CSeq, and with credentials.
func (p *phone) again(text, header, challenge, password string) {
	p.t.Helper()
	p.repeat(text, header+": "+p.credentials(text, challenge, password, 1))
}

// repeat sends a request again with a new branch and CSeq, and with further
// headers.
func (p *phone) repeat(text string, lines ...string) {
	p.t.Helper()
	m, err := sip.ParseMessage([]byte(text))
	require.NoError(p.t, err)
	req := m.(*sip.Request)
	p.seq++
	req.CSeq().SeqNo += uint32(p.seq)
	req.Via().Params.Add("branch", sip.GenerateBranch())
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		req.AppendHeader(sip.NewHeader(name, value))
	}
	p.write(req.String())
}

// credentials answers a challenge for the request in text.
func (p *phone) credentials(text, challenge, password string, count int) string {
	c := parseDigest(challenge)
	line, body, _ := strings.Cut(text, "\r\n")
	_, body, _ = strings.Cut(body, "\r\n\r\n")
	method, uri, _ := strings.Cut(strings.TrimSuffix(line, " SIP/2.0"), " ")
	a := map[string]string{
		"username": p.user, "realm": c["realm"], "nonce": c["nonce"], "uri": uri, "algorithm": c["algorithm"],
	}
	value := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=%s`,
		a["username"], a["realm"], a["nonce"], a["uri"], a["algorithm"])
	if c["qop"] != "" {
		a["qop"], _, _ = strings.Cut(c["qop"], ",")
		a["nc"], a["cnonce"] = fmt.Sprintf("%08x", count), `quoted "c" nonce`
		value += fmt.Sprintf(`, qop=%s, nc=%s, cnonce="quoted \"c\" nonce"`, a["qop"], a["nc"])
	}
	return value + fmt.Sprintf(`, response="%s"`, digestResponse(a, a["algorithm"], password, method, body))
}
