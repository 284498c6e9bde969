package message

import (
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// What is written is what sipgo writes.
func TestBytesAreSipgos(t *testing.T) {
	messages := []string{chromeInvite(), registered, crlf(okResponse, "Contact: <sip:a@192.0.2.1>", "Content-Length: 2") + "hi"}
	for _, name := range tortureNames(t) {
		messages = append(messages, string(torture(t, name)))
	}
	for _, header := range []string{
		`m: *`, `m: "A \"B\"" <sips:a:b@[2001:db8::1]:5061;lr;x=y?Subject=z&To=a%20b>;q=0.5;+sip.instance="<urn:x>";text="a b"`,
		`Contact: sip:a@192.0.2.1;expires=0`, `Contact: <tel:+12015550123;phone-context=example.com>`, `Contact: <SIP://a@b>`,
		`Route: <sip:p1;lr>, <sip:[::1]:5060>`, `Record-Route: <sip:p2:5080;r2=on;lr>`, `Via: SIP/2.0/UDP [2001:db8::2]:5060;received=[::1];branch=x;rport`,
		`Max-Forwards: 0`, `Content-Type: text/plain`, `Subject:`, `Contact: <sip:a@b?x=y>`,
	} {
		messages = append(messages, crlf(options, header))
	}
	compared := 0
	for _, text := range messages {
		msg, err := Parse([]byte(text))
		if err != nil {
			msg = err.(*ParseError).Message
		}
		if msg == nil {
			continue
		}
		compared++
		require.Equal(t, msg.String(), string(Bytes(msg)))
		if req, ok := msg.(*sip.Request); ok {
			res := Response(req, 200, "OK", "ours")
			require.Equal(t, res.String(), string(Bytes(res)))
		}
	}
	require.Greater(t, compared, 50)
}
