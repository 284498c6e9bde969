package dialog

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// Section 12.2.1.1 as text, for both sides.
func TestRequest(t *testing.T) {
	require.Equal(t, strings.TrimLeft(`
BYE sip:bob@192.0.2.4:5062;transport=ws SIP/2.0
Route: <sip:p2.example.com;lr;ftag=x>
Route: <sip:p1.example.com;lr>
From: "Alice \"A\"" <sip:alice@example.com;user=phone>;tag=1928301774
To: "Bob" <sip:bob@example.com>;tag=a6c85cf
Call-ID: a84b4c76e66710@example.com
CSeq: 314160 BYE

`, "\n"), wire(uac(t, p1+p2).Request(sip.BYE)))

	require.Equal(t, strings.TrimLeft(`
INVITE sip:alice@df7jal23ls0d.invalid;transport=ws SIP/2.0
Route: <sip:p1.example.com;lr>
Route: <sip:p2.example.com;lr;ftag=x>
From: "Bob" <sip:bob@example.com>;tag=ours
To: "Alice \"A\"" <sip:alice@example.com;user=phone>;tag=1928301774
Call-ID: a84b4c76e66710@example.com
CSeq: 1 INVITE

`, "\n"), wire(uas(t, p1+p2).Request(sip.INVITE)))
}

// Section 12.2.1.1: the three ways to route a request.
func TestRouting(t *testing.T) {
	const target = "sip:bob@192.0.2.4:5062;transport=ws"
	for _, c := range []struct{ name, recordRoute, uri, route string }{
		{"no route set", "", target, ""},
		{"loose router", p1, target, "<sip:p1.example.com;lr>"},
		{"loose routers", p1 + p3, target, "<sip:p3.example.com;lr=on> <sip:p1.example.com;lr>"},
		{"LR in capitals", "\nRecord-Route: <sip:p1.example.com;LR>", target, "<sip:p1.example.com;LR>"},
		{"strict router alone", "\nRecord-Route: <sip:strict.example.com>", "sip:strict.example.com", "<" + target + ">"},
		{
			"strict router, then a loose one", p1 + "\nRecord-Route: <sip:strict.example.com;transport=ws>",
			"sip:strict.example.com;transport=ws", "<sip:p1.example.com;lr> <" + target + ">",
		},
		{
			"loose router, then a strict one", "\nRecord-Route: <sip:strict.example.com>" + p1,
			target, "<sip:p1.example.com;lr> <sip:strict.example.com>",
		},
		{
			// The parameter is user, not lr; a user part may look like anything.
			"lr in the wrong place", "\nRecord-Route: <sip:lr@strict.example.com;user=lr>;lr",
			"sip:lr@strict.example.com;user=lr", "<" + target + ">",
		},
		{
			// Section 19.1.1, table 1: neither headers nor a method belong in a Request-URI.
			"strict router with what a Request-URI may not have", "\nRecord-Route: <sip:strict.example.com;method=INVITE?Subject=x>",
			"sip:strict.example.com", "<" + target + ">",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := uac(t, c.recordRoute)
			before := routes(d)
			for _, req := range []*sip.Request{d.Request(sip.BYE), d.Ack(314159)} {
				require.Equal(t, c.uri, req.Recipient.String())
				var all []string
				for _, h := range req.GetHeaders("Route") {
					all = append(all, h.Value())
				}
				require.Equal(t, c.route, strings.Join(all, " "))
			}
			require.Equal(t, before, routes(d), "the route set stays as it is")
		})
	}
}

// Section 19.1.1, table 1, and 19.1.5: what a Contact may carry but a
// Request-URI may not is left out.
func TestRequestURI(t *testing.T) {
	for contact, want := range map[string]string{
		"<sip:bob@h.invalid;transport=ws>":               "sip:bob@h.invalid;transport=ws",
		"<sip:bob@h.invalid;gr=urn:uuid:f81d4fae;ob>":    "sip:bob@h.invalid;gr=urn:uuid:f81d4fae;ob",
		"<sip:bob@h.invalid?Subject=x&Priority=urgent>":  "sip:bob@h.invalid",
		"<sip:bob@h.invalid;transport=ws?Subject=x>":     "sip:bob@h.invalid;transport=ws",
		"<sip:bob@h.invalid;method=INVITE;transport=ws>": "sip:bob@h.invalid;transport=ws",
		"<sip:bob@h.invalid>;expires=60;q=0.5":           "sip:bob@h.invalid",
		"sip:bob@h.invalid;expires=60":                   "sip:bob@h.invalid",
		"<sips:bob@h.invalid:5063>":                      "sips:bob@h.invalid:5063",
		"<sip:h.invalid>":                                "sip:h.invalid",
		"<sip:bob@[2001:db8::1]:5070>":                   "sip:bob@[2001:db8::1]:5070",
	} {
		d, err := NewUAC(request(t, invite), response(t, strings.Replace(ok, "<sip:bob@192.0.2.4:5062;transport=ws>", contact, 1)))
		require.NoError(t, err, contact)
		require.Equal(t, want, d.Request(sip.BYE).Recipient.String(), contact)
	}
}

// Section 12.2.1.1: each request has the next number, of any method; the ACK has
// that of its INVITE and uses none up (section 13.2.2.4).
func TestLocalSequence(t *testing.T) {
	d := uac(t)
	for i, method := range []sip.RequestMethod{sip.INFO, sip.INVITE, sip.BYE} {
		req := d.Request(method)
		require.EqualValues(t, 314160+i, req.CSeq().SeqNo)
		require.Equal(t, method, req.CSeq().MethodName)
		require.EqualValues(t, 314160+i, d.LocalSeq())
	}
	ack := d.Ack(314161)
	require.Equal(t, "314161 ACK", ack.CSeq().Value())
	require.Equal(t, sip.ACK, ack.Method)
	require.EqualValues(t, 314162, d.LocalSeq())

	require.EqualValues(t, 314163, d.NextSeq()) // sent again with credentials
	require.EqualValues(t, 314164, d.Request(sip.BYE).CSeq().SeqNo)
}

// Section 8.1.1.5: the first number of the callee is its own and below 2**31.
func TestFirstSequenceOfTheUAS(t *testing.T) {
	seq := uas(t).Request(sip.BYE).CSeq().SeqNo
	require.Positive(t, seq)
	require.Less(t, seq, uint32(1)<<31)
}

// Section 12.2.2: lower is out of order and changes nothing; higher, by however
// much, is in order.
func TestAccept(t *testing.T) {
	d := uas(t)
	for _, c := range []struct {
		seq string
		ok  bool
	}{
		{"314159", true}, {"314158", false}, {"1", false}, {"314160", true}, {"314159", false},
		{"314260", true}, {"314259", false}, {"2147483647", true}, {"314261", false},
	} {
		require.Equal(t, c.ok, d.Accept(request(t, strings.Replace(invite, "314159", c.seq, 1))), c.seq)
	}
	require.Zero(t, d.LocalSeq(), "the two sides count apart")
}
