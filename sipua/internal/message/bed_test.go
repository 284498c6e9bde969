package message

import (
	"errors"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// options is a request with nothing but what section 8.1.1 asks for.
const options = `
	OPTIONS sip:bob@example.com SIP/2.0
	Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bKhjhs8ass877
	Max-Forwards: 70
	From: Alice <sip:alice@example.com>;tag=1928301774
	To: <sip:bob@example.com>
	Call-ID: a84b4c76e66710
	CSeq: 63104 OPTIONS`

const okResponse = `
	SIP/2.0 200 OK
	Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bKhjhs8ass877
	From: Alice <sip:alice@example.com>;tag=1928301774
	To: <sip:bob@example.com>;tag=93810874
	Call-ID: a84b4c76e66710
	CSeq: 63104 OPTIONS`

// crlf makes a message without body of indented lines; more lines may follow.
func crlf(text string, more ...string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(text)) {
		b.WriteString(strings.TrimSpace(line) + "\r\n")
	}
	for _, line := range more {
		b.WriteString(line + "\r\n")
	}
	return b.String() + "\r\n"
}

func good(t testing.TB, text string) sip.Message {
	t.Helper()
	msg, err := Parse([]byte(text))
	require.NoError(t, err, text)
	require.NotNil(t, msg)
	return msg
}

// badly wants text refused and returns why.
func badly(t testing.TB, text string) *ParseError {
	t.Helper()
	msg, err := Parse([]byte(text))
	require.Nil(t, msg)
	var why *ParseError
	require.True(t, errors.As(err, &why), "%v\n%s", err, text)
	require.NotEmpty(t, why.Error())
	require.NoError(t, CheckValue(why.Reason), "a reason phrase is one line")
	return why
}

// swap replaces what must be there.
func swap(t testing.TB, text, old, new string) string {
	t.Helper()
	require.Contains(t, text, old)
	return strings.Replace(text, old, new, 1)
}
