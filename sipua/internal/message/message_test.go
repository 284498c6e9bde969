package message

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// Section 8.2.6.2: Via, From, Call-ID and CSeq are those of the request, all Via
// values in their order, To has our tag.
func TestResponse(t *testing.T) {
	req := good(t, crlf(`
		INVITE sip:bob@192.0.2.4 SIP/2.0
		Via: SIP/2.0/UDP proxy.example.com;branch=z9hG4bK2, SIP/2.0/WSS a.invalid;branch=z9hG4bK1;received=192.0.2.1
		Record-Route: <sip:p2.example.com;lr>
		v: SIP/2.0/TCP far.example.com:5070;branch=z9hG4bK0
		Max-Forwards: 68
		Record-Route: <sip:p1.example.com;lr>
		f: "Alice" <sip:alice@example.com>;tag=1928301774
		t: Bob <sip:bob@example.com>
		Call-ID: a84b4c76e66710
		CSeq: 1 INVITE
		Timestamp: 54
		Contact: <sip:alice@a.invalid>
		Supported: path`)).(*sip.Request)
	before := req.String()
	const (
		via   = "Via: SIP/2.0/UDP proxy.example.com;branch=z9hG4bK2\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1;received=192.0.2.1\r\nVia: SIP/2.0/TCP far.example.com:5070;branch=z9hG4bK0\r\n"
		from  = "From: \"Alice\" <sip:alice@example.com>;tag=1928301774\r\n"
		to    = "To: \"Bob\" <sip:bob@example.com>"
		same  = "\r\nCall-ID: a84b4c76e66710\r\nCSeq: 1 INVITE\r\n"
		route = "Record-Route: <sip:p2.example.com;lr>\r\nRecord-Route: <sip:p1.example.com;lr>\r\n"
	)
	for status, want := range map[int]string{
		100: via + from + to + same + "Timestamp: 54\r\n", // section 8.2.6.1
		101: via + from + to + ";tag=ours" + same + route, // section 12.1.1
		180: via + from + to + ";tag=ours" + same + route,
		200: via + from + to + ";tag=ours" + same + route,
		299: via + from + to + ";tag=ours" + same + route,
		300: via + from + to + ";tag=ours" + same,
		401: via + from + to + ";tag=ours" + same,
		603: via + from + to + ";tag=ours" + same,
	} {
		res := Response(req, status, "Reason", "ours")
		got := strings.Replace(res.String(), "Content-Length: 0\r\n", "", 1)
		require.Equal(t, fmt.Sprintf("SIP/2.0 %d Reason\r\n", status)+want+"\r\n", got)
		require.Equal(t, status, good(t, res.String()).(*sip.Response).StatusCode)
	}
	require.Equal(t, before, req.String(), "the request is as it was")
}

// A tag that To has stays; it is found in whatever case.
func TestResponseInADialog(t *testing.T) {
	for _, tag := range []string{";tag=theirs", ";TAG=theirs", ";x=y;tag=theirs"} {
		req := good(t, swap(t, crlf(options), "To: <sip:bob@example.com>", "To: <sip:bob@example.com>"+tag)).(*sip.Request)
		for _, status := range []int{100, 180, 200, 481} {
			res := Response(req, status, "Reason", "ours")
			require.Equal(t, "<sip:bob@example.com>"+tag, HeaderValue(res, "To"))
			require.Equal(t, "theirs", ToTag(res))
		}
	}
	req := good(t, crlf(options)).(*sip.Request)
	require.Equal(t, "<sip:bob@example.com>", HeaderValue(Response(req, 200, "OK", ""), "To"), "no tag was given")
}

func TestResponseIsNotShared(t *testing.T) {
	req := good(t, crlf(options, "Record-Route: <sip:p1;lr>")).(*sip.Request)
	before := req.String()
	res := Response(req, 200, "OK", "ours")
	res.Via().Params.Add("x", "y")
	res.Via().Host = "changed"
	res.From().Params.Add("x", "y")
	res.To().Address.Host = "changed"
	res.CSeq().SeqNo = 1
	res.RecordRoute().Address.Host = "changed"
	require.Equal(t, before, req.String())
}

// Sections 8.1.1.7 and 19.3: random, unique, and tokens.
func TestTokensAreUnlike(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		branch, tag := NewBranch(), NewTag()
		require.True(t, strings.HasPrefix(branch, Magic))
		require.Regexp(t, token, branch+tag)
		require.GreaterOrEqual(t, len(tag)*5, 32, "at least 32 bits")
		require.False(t, seen[branch] || seen[tag])
		seen[branch], seen[tag] = true, true
	}
	require.Regexp(t, regexp.MustCompile("^[a-z2-7]{64}$"), NewToken(64))
	require.Empty(t, NewToken(0))
	letters := map[rune]int{}
	for _, c := range NewToken(32_000) {
		letters[c]++
	}
	require.Len(t, letters, 32)
	for c, n := range letters {
		require.InDelta(t, 1000, n, 250, "%c is too rare or too common", c)
	}
}

func TestCSeq(t *testing.T) {
	req := good(t, crlf(options)).(*sip.Request)
	CSeq(req, 63105)
	require.Equal(t, 1, strings.Count(req.String(), "CSeq: "))
	require.Contains(t, req.String(), "CSeq: 63105 OPTIONS\r\n")
	fresh := sip.NewRequest(sip.BYE, req.Recipient)
	CSeq(fresh, 1)
	require.Contains(t, fresh.String(), "CSeq: 1 BYE\r\n")
}

func TestBytes(t *testing.T) {
	msg := good(t, crlf(options, "Content-Length: 2")+"\x00\xff")
	require.Equal(t, msg.String(), string(Bytes(msg)))
	require.True(t, strings.HasSuffix(string(Bytes(msg)), "\r\n\r\n\x00\xff"))
}

// Section 7.3.1: parameter names compare without regard to case.
func TestParam(t *testing.T) {
	msg := good(t, swap(t, crlf(options), ";tag=1928301774", `;TaG=1928301774;flag;quoted="a \"b\"";empty=`))
	params := msg.From().Params
	for name, want := range map[string]string{"tag": "1928301774", "TAG": "1928301774", "flag": "", "quoted": `a "b"`} {
		got, ok := Param(params, name)
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
	_, ok := Param(params, "ta")
	require.False(t, ok)
}

// What is not there is "", not a panic.
func TestAbsentHeaders(t *testing.T) {
	msg := sip.NewRequest(sip.OPTIONS, sip.Uri{Scheme: "sip", Host: "example.com"})
	for _, got := range []string{FromTag(msg), ToTag(msg), CallID(msg), Branch(msg), ContentType(msg), HeaderValue(msg, "X")} {
		require.Empty(t, got)
	}
	require.Empty(t, Tokens(msg, "Require"))
	_, ok := Seconds(msg, "Expires")
	require.False(t, ok)
	require.NotPanics(t, func() { _ = Response(msg, 400, "Bad Request", "tag").String() })
}

func TestTokens(t *testing.T) {
	msg := good(t, crlf(options, "Require: 100rel,  timer ,,", "rEQUIRE: path", "Require:", "k: a,b", "Supported: c"))
	require.Equal(t, []string{"100rel", "timer", "path"}, Tokens(msg, "Require"))
	require.Equal(t, []string{"a", "b", "c"}, Tokens(msg, "supported"))
	require.Empty(t, Tokens(msg, "Proxy-Require"))
}

// Sections 20.19 and 20.33.
func TestSeconds(t *testing.T) {
	for value, want := range map[string]int{
		"0": 0, "3600": 3600, "18000;duration=3600": 18000, "120 (I'm in a meeting)": 120, "120(x)": 120,
		"60 ;x": 60, "60\t;x": 60, "4294967295": 4294967295, "007": 7,
		"": -1, "-1": -1, "x": -1, "1.5": -1, "4294967296": -1, "99999999999999999999": -1, "+5": -1, ";x": -1, "0x10": -1,
	} {
		for _, name := range []string{"Retry-After", "Expires", "Min-Expires"} {
			n, ok := Seconds(good(t, crlf(options, name+": "+value)), name)
			require.Equal(t, want >= 0, ok, "%s: %s", name, value)
			if ok {
				require.Equal(t, want, n, "%s: %s", name, value)
			}
		}
	}
}

func TestContentType(t *testing.T) {
	for value, want := range map[string]string{
		"application/sdp": "application/sdp", "Application/SDP ; charset=utf-8": "application/sdp",
		"multipart/mixed;boundary=\"a;b\"": "multipart/mixed", "": "",
	} {
		require.Equal(t, want, ContentType(good(t, crlf(options, "c: "+value))), value)
	}
}

// Section 25.1: quoted-string and quoted-pair, there and back.
func TestQuote(t *testing.T) {
	for plain, quoted := range map[string]string{
		"":            "",
		"Bob":         "Bob",
		`Bob "B" \`:   `Bob \"B\" \\`,
		`\"`:          `\\\"`,
		`<script>, ;`: `<script>, ;`,
		"Жанна":       "Жанна",
	} {
		require.Equal(t, quoted, Quote(plain))
		require.Equal(t, plain, Unquote(`"`+quoted+`"`))
		require.Equal(t, plain, DisplayName(quoted))

		// And over the wire.
		req := good(t, crlf(options)).(*sip.Request)
		req.From().DisplayName = Quote(plain)
		again := good(t, req.String())
		require.Equal(t, plain, DisplayName(again.From().DisplayName))
		require.Equal(t, "1928301774", FromTag(again))
	}
	for raw, want := range map[string]string{
		"token": "token", `"`: `"`, `""`: "", `"a`: `"a`, `a"`: `a"`, `a\b`: `a\b`, `"a\b"`: "ab", `"a\"`: `a\`,
	} {
		require.Equal(t, want, Unquote(raw), raw)
	}
	require.Equal(t, `a"b`, DisplayName(` a\"b `))
}

func TestCheckValue(t *testing.T) {
	for _, s := range []string{"", "Bob", "sip:bob@example.com", "a\tb", "Жанна", `"quoted"`} {
		require.NoError(t, CheckValue(s), s)
	}
	for _, s := range []string{"\r", "\n", "a\r\nX: y", "\x00", "\xff", "a\nb", "\xc3("} {
		require.Error(t, CheckValue(s), "%q", s)
	}
}

func TestParseURI(t *testing.T) {
	for _, s := range []string{
		"sip:bob@example.com", "sips:bob@example.com:5061", "sip:example.com", "sip:+15551234;phone-context=x@example.com;user=phone",
		"sip:bob@example.com;transport=ws;lr?Subject=x", "tel:+15551234;phone-context=x", "sip:bob:secret@example.com", "sip:bob@[2001:db8::1]:5070", "sip:%61@example.com",
	} {
		uri, err := ParseURI(s)
		require.NoError(t, err, s)
		require.Equal(t, s, uri.String(), "comes back as it was")
	}
	for _, s := range []string{
		"", "sip:", "bob", "sip:bob@", "sip:bob@example.com\r\nX: y", "<sip:bob@example.com>", "sip:bob @example.com", `sip:"b"@example.com`,
		"sip:bob@example.com:port", "sip:bob@example.com:99999", "sip:bob@[2001:db8::1", "sip:bob@\xff",
	} {
		_, err := ParseURI(s)
		if err == nil {
			t.Errorf("%q is taken for a URI", s)
		}
	}
}
