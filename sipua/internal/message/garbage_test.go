package message

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// Whatever arrives: no panic, an error that can be answered, and what is
// understood can be sent on.
func TestMutations(t *testing.T) {
	seeds := []string{
		crlf(options, "m: <sip:a@[2001:db8::1]:5070;transport=ws>;q=0.1, <sip:b@192.0.2.2>", "Record-Route: <sip:p1;lr>", "Content-Length: 5") + "hello",
		crlf(okResponse, `WWW-Authenticate: Digest realm="a, b", nonce="c"`, "Expires: 60", "k: path, gruu", "Subject: a\r\n b"),
	}
	bits := []string{"\r\n", "\r", "\n", " ", "\t", "\x00", ":", ";", ",", "<", ">", `"`, `\`, "@", "=", "?", "%", "/", "[", "]", "sip:", "SIP/2.0", "-1", "İ", "\xff", ""}
	r := rand.New(rand.NewPCG(3261, 7118))
	understood := 0
	for range 100_000 {
		b := []byte(seeds[r.IntN(len(seeds))])
		for range 1 + r.IntN(4) {
			i := r.IntN(len(b))
			j := i + r.IntN(min(len(b)-i, 1+r.IntN(12)))
			bit := bits[r.IntN(len(bits))]
			if r.IntN(4) == 0 {
				bit = string(rune(r.IntN(256)))
			}
			b = append(append(append([]byte(nil), b[:i]...), bit...), b[j:]...)
			if len(b) == 0 {
				break
			}
		}
		if roundTrip(t, b) {
			understood++
		}
	}
	require.Greater(t, understood, 10_000, "the mutations are too wild to test what is understood")
}

// roundTrip: what parses must serialize and parse again to the same, and what
// does not must be answerable. It reports whether data parsed.
func roundTrip(t testing.TB, data []byte) bool {
	input := bytes.Clone(data)
	msg, err := Parse(data)
	if !bytes.Equal(input, data) { // require takes its time, 100,000 times
		t.Fatalf("the input has been written to: %q", input)
	}
	if err != nil {
		why, ok := err.(*ParseError)
		require.True(t, ok)
		require.True(t, why.Status >= 400 && why.Status < 600, "%d", why.Status)
		if req, ok := why.Message.(*sip.Request); ok {
			require.NotEmpty(t, Bytes(Response(req, why.Status, why.Reason, "tag")))
		}
		return false
	}
	again, err := Parse(Bytes(msg))
	if err != nil || identity(msg) != identity(again) {
		t.Fatalf("%q became %q: %v", input, Bytes(msg), err)
	}
	if once, twice := Bytes(msg), Bytes(again); !bytes.Equal(once, twice) {
		t.Fatalf("%q became %q and then %q", input, once, twice)
	}
	if part, err := Part(msg, "application/sdp"); err == nil && !bytes.Contains(msg.Body(), part) {
		t.Fatalf("%q is no part of the body of %q", part, input)
	}
	if req, ok := msg.(*sip.Request); ok {
		res := Response(req, 200, "OK", "tag")
		if _, err := Parse(Bytes(res)); err != nil {
			t.Fatalf("%q was answered %q: %v", input, Bytes(res), err)
		}
	}
	return true
}

// token is the rule of section 25.1.
var token = regexp.MustCompile("^[a-zA-Z0-9.!%*_+`'~-]+$")

type identified struct {
	start        any
	callID       string
	seq          uint32
	method       sip.RequestMethod
	body, branch string
}

func identity(msg sip.Message) identified {
	id := identified{
		callID: CallID(msg), seq: msg.CSeq().SeqNo, method: msg.CSeq().MethodName,
		body: string(msg.Body()),
	}
	if branch := Branch(msg); token.MatchString(branch) { // what is none comes back quoted
		id.branch = branch
	}
	switch msg := msg.(type) {
	case *sip.Request:
		id.start = msg.Method
	case *sip.Response:
		id.start = msg.StatusCode
	}
	return id
}
