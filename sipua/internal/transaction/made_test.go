package transaction

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// invite carries everything that an ACK or CANCEL must take over or leave out.
const invite = `
	INVITE sip:bob@biloxi.example.com;transport=ws SIP/2.0
	Via: SIP/2.0/WSS df7jal23ls0d.invalid;rport;branch=z9hG4bK74bf9
	Route: <sip:ss1.example.com;lr>, <sip:ss2.example.com;lr>
	Max-Forwards: 12
	From: "Alice \"A\"" <sip:alice@example.com>;tag=9fxced76sl
	To: "Bob" <sip:bob@example.com>
	Call-ID: 3848276298220188511@example.com
	CSeq: 4711 INVITE
	Contact: <sip:alice@df7jal23ls0d.invalid;transport=ws;ob>
	Require: 100rel
	Proxy-Require: foo
	Supported: outbound
	Authorization: Digest username="alice", realm="example.com", nonce="1", uri="sip:bob@biloxi.example.com", response="2"
	Content-Type: application/sdp

	v=0`

func sentInvite(t *testing.T) *sip.Request { return parse(t, invite).(*sip.Request) }

// Section 17.1.1.3, to the letter: a single Via, To with the tag of the
// response, the Route set of the INVITE, and no body.
func TestAckForFailure(t *testing.T) {
	b := newBed(t)
	req := sentInvite(t)
	before := req.String()
	b.request(req)
	response := answer(req, 486, "a6c85cf")
	// A response may have its own way of writing the headers: those of the INVITE count.
	response = strings.Replace(response, `"Alice \"A\"" <sip:alice@example.com>`, `Other <sip:alice@EXAMPLE.com>`, 1)
	response = strings.Replace(response, ";rport;branch", ";rport=4711;received=192.0.2.9;branch", 1)
	response = strings.Replace(response, "CSeq: 4711 ", "CSeq: 4712 ", 1)
	b.receive(response)

	require.Equal(t, "> INVITE; > ACK; TU 486", b.took())
	require.Equal(t, crlf(`
		ACK sip:bob@biloxi.example.com;transport=ws SIP/2.0
		Via: SIP/2.0/WSS df7jal23ls0d.invalid;rport;branch=z9hG4bK74bf9
		Route: <sip:ss1.example.com;lr>
		Route: <sip:ss2.example.com;lr>
		Max-Forwards: 70
		From: "Alice \"A\"" <sip:alice@example.com>;tag=9fxced76sl
		To: "Bob" <sip:bob@example.com>;tag=a6c85cf
		Call-ID: 3848276298220188511@example.com
		CSeq: 4711 ACK
		Content-Length: 0`), b.wire[1].String())
	require.Equal(t, before, req.String(), "the INVITE is as it was")
	unshared(t, req, b.wire[1].(*sip.Request))
}

// Section 9.1, to the letter: Request-URI, Call-ID, To, CSeq number and From of
// the INVITE with their tags, its top Via alone, its Route, no Require and no
// Proxy-Require.
func TestCancel(t *testing.T) {
	b := newBed(t)
	req := sentInvite(t)
	before := req.String()
	tx := b.request(req)
	b.receive(answer(req, 180, "a6c85cf"))
	cancel := tx.Cancel()
	require.Equal(t, crlf(`
		CANCEL sip:bob@biloxi.example.com;transport=ws SIP/2.0
		Via: SIP/2.0/WSS df7jal23ls0d.invalid;rport;branch=z9hG4bK74bf9
		Route: <sip:ss1.example.com;lr>
		Route: <sip:ss2.example.com;lr>
		Max-Forwards: 70
		From: "Alice \"A\"" <sip:alice@example.com>;tag=9fxced76sl
		To: "Bob" <sip:bob@example.com>
		Call-ID: 3848276298220188511@example.com
		CSeq: 4711 CANCEL
		Content-Length: 0`), cancel.String())
	require.Equal(t, before, req.String(), "the INVITE is as it was")
	unshared(t, req, cancel)
	b.layer.FlowLost(errFlow)
}

// unshared: what is done to a request made from another does not change that.
func unshared(t *testing.T, from, made *sip.Request) {
	t.Helper()
	before := from.String()
	made.Recipient.Host = "changed.example.com"
	made.Via().Params.Add("changed", "1")
	made.From().Params.Add("changed", "1")
	made.To().Params.Add("changed", "1")
	made.CSeq().SeqNo = 1
	made.Route().Address.Host = "changed.example.com"
	require.Equal(t, before, from.String())
}

// Each failure is acknowledged once, since on a reliable flow it comes once; a
// 2xx is the transaction user's to acknowledge (section 13.2.2.4).
func TestWhatIsAcknowledged(t *testing.T) {
	for status, want := range map[int]string{
		200: "> INVITE; TU 200", 299: "> INVITE; TU 299",
		300: "> INVITE; > ACK; TU 300", 401: "> INVITE; > ACK; TU 401",
		503: "> INVITE; > ACK; TU 503", 699: "> INVITE; > ACK; TU 699",
		100: "> INVITE; TU 100", 199: "> INVITE; TU 199",
	} {
		b := newBed(t)
		req := sentInvite(t)
		b.request(req)
		b.receive(answer(req, status, "a6c85cf"))
		require.Equal(t, want, b.took())
		b.layer.FlowLost(errFlow)
	}
	for _, status := range []int{200, 300, 404, 603} {
		b := newBed(t)
		req := outgoing(t, sip.BYE, branch)
		b.request(req)
		b.receive(answer(req, status, "a6c85cf"))
		require.NotContains(t, b.took(), "ACK")
	}
}

// An INVITE goes out as it was made.
func TestRequestIsSentAsItIs(t *testing.T) {
	b := newBed(t)
	req := sentInvite(t)
	text := req.String()
	tx := b.request(req)
	require.Same(t, req, tx.Request)
	require.Equal(t, text, b.wire[0].String())
	require.Equal(t, "z9hG4bK74bf9", message.Branch(tx.Request))
	b.layer.FlowLost(errFlow)
}
