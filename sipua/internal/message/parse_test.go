package message

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

func TestParseRequest(t *testing.T) {
	req := good(t, crlf(options, "Content-Type: Text/Plain;charset=utf-8", "Content-Length: 5")+"hello").(*sip.Request)
	require.Equal(t, sip.OPTIONS, req.Method)
	require.Equal(t, "sip:bob@example.com", req.Recipient.String())
	require.Equal(t, "z9hG4bKhjhs8ass877", Branch(req))
	require.Equal(t, "1928301774", FromTag(req))
	require.Empty(t, ToTag(req))
	require.Equal(t, "a84b4c76e66710", CallID(req))
	require.EqualValues(t, 63104, req.CSeq().SeqNo)
	require.Equal(t, "text/plain", ContentType(req))
	require.Equal(t, "hello", string(req.Body()))
}

func TestParseResponse(t *testing.T) {
	res := good(t, crlf(okResponse)).(*sip.Response)
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "OK", res.Reason)
	require.Equal(t, "93810874", ToTag(res))
	require.Equal(t, sip.OPTIONS, res.CSeq().MethodName)
}

// Each mandatory header (section 8.1.1, Max-Forwards aside) missing and
// malformed. The rest is kept, so that a 400 can carry it (section 8.2.6.2).
func TestMandatoryHeaders(t *testing.T) {
	lines := map[string]string{}
	for line := range strings.Lines(crlf(options)) {
		if name, _, ok := strings.Cut(line, ":"); ok && !strings.Contains(name, " ") {
			lines[name] = strings.TrimRight(line, "\r\n")
		}
	}
	for name, malformed := range map[string][]string{
		"Via":     {"", "SIP/2.0", "SIP/2.0/WSS", "nothing at all here", ";branch=z9hG4bK1", "SIP/2.0/WSS host:port;branch=z9hG4bK1", "SIP/2.0/WSS ;branch=z9hG4bK1"},
		"From":    {"", `"unterminated <sip:alice@example.com>;tag=1`, "<sip:alice@example.com;tag=1", "<>", `Alice \<sip:alice@example.com>;tag=1`},
		"To":      {"", `"Mr. J. User <sip:j.user@example.com>`, "<sip:bob@example.com"},
		"Call-ID": {"", "  "},
		"CSeq":    {"", "OPTIONS", "x OPTIONS", "-1 OPTIONS", "36893488147419103232 OPTIONS", "4294967296 OPTIONS", "1", "1.5 OPTIONS"},
	} {
		t.Run(name, func(t *testing.T) {
			why := badly(t, swap(t, crlf(options), lines[name]+"\r\n", ""))
			require.Equal(t, 400, why.Status)
			require.Contains(t, why.Reason, "missing "+name)
			answerable(t, why, name)
			for _, value := range malformed {
				t.Run(value, func(t *testing.T) {
					why := badly(t, swap(t, crlf(options), lines[name], name+": "+value))
					require.Equal(t, 400, why.Status)
					require.Contains(t, why.Reason, name)
					answerable(t, why, name)
				})
			}
		})
	}
}

// A response without one of them is of no use either.
func TestMandatoryHeadersOfResponses(t *testing.T) {
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		why := badly(t, swap(t, crlf(okResponse), "\r\n"+name+":", "\r\nX-"+name+":"))
		require.Contains(t, why.Reason, "missing "+name)
		require.IsType(t, &sip.Response{}, why.Message)
	}
}

// answerable: all headers but the one named come back in the answer, and it
// serializes without an accident.
func answerable(t *testing.T, why *ParseError, except string) {
	t.Helper()
	req, ok := why.Message.(*sip.Request)
	require.True(t, ok, "the partial message is there")
	text := string(Bytes(Response(req, why.Status, why.Reason, "ours")))
	for name, want := range map[string]string{
		"Via":     "Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bKhjhs8ass877\r\n",
		"From":    "<sip:alice@example.com>;tag=1928301774\r\n",
		"To":      "<sip:bob@example.com>;tag=ours\r\n",
		"Call-ID": "Call-ID: a84b4c76e66710\r\n",
		"CSeq":    "CSeq: 63104 OPTIONS\r\n",
	} {
		if name != except {
			require.Contains(t, text, want)
		}
	}
}

// RFC 2543 did not know Max-Forwards; section 16.3 treats its absence as allowed.
func TestMaxForwards(t *testing.T) {
	good(t, swap(t, crlf(options), "Max-Forwards: 70\r\n", ""))
	good(t, swap(t, crlf(options), "Max-Forwards: 70", "Max-Forwards: 0"))
	for _, value := range []string{"x", "-1", ""} {
		require.Equal(t, 400, badly(t, swap(t, crlf(options), "Max-Forwards: 70", "Max-Forwards: "+value)).Status, value)
	}
}

// A header that cannot be read but is not needed is kept as it is.
func TestUnneededGarbageIsKept(t *testing.T) {
	for _, line := range []string{
		`Contact: "unterminated <sip:alice@192.0.2.1>`,
		"Contact: <sip:alice@192.0.2.1",
		"Expires: never",
		"Date: not a date",
		"X-Odd: \x01\x02",
		"Warning: ",
	} {
		name, value, _ := strings.Cut(line, ":")
		msg := good(t, crlf(options, line))
		require.Len(t, msg.GetHeaders(name), 1, line)
		require.Equal(t, strings.TrimSpace(value), HeaderValue(msg, name), line)
		again := good(t, msg.String())
		require.Equal(t, strings.TrimSpace(value), HeaderValue(again, name), line)
	}
}

// Section 7.3.3 and the registry of RFC 3968, in either case.
func TestCompactForms(t *testing.T) {
	for short, c := range map[string]struct{ long, value string }{
		"a": {"Accept-Contact", "*;audio"},
		"b": {"Referred-By", "<sip:carol@example.com>"},
		"c": {"Content-Type", "application/sdp"},
		"d": {"Request-Disposition", "no-fork"},
		"e": {"Content-Encoding", "gzip"},
		"j": {"Reject-Contact", "*;video"},
		"k": {"Supported", "path,gruu"},
		"m": {"Contact", "<sip:alice@192.0.2.1>"},
		"o": {"Event", "presence"},
		"r": {"Refer-To", "<sip:dave@example.com>"},
		"s": {"Subject", "lunch"},
		"u": {"Allow-Events", "presence"},
		"x": {"Session-Expires", "1800;refresher=uac"},
		"y": {"Identity", "abc"},
	} {
		for _, name := range []string{short, strings.ToUpper(short)} {
			msg := good(t, crlf(options, name+": "+c.value))
			require.Equal(t, c.value, HeaderValue(msg, c.long), name)
		}
	}
	all := `
		OPTIONS sip:bob@example.com SIP/2.0
		v: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bKhjhs8ass877
		f: Alice <sip:alice@example.com>;tag=1928301774
		T: <sip:bob@example.com>
		i: a84b4c76e66710
		CSEQ: 63104 OPTIONS
		l: 2`
	req := good(t, crlf(all)+"hello").(*sip.Request)
	require.Equal(t, "he", string(req.Body()))
	require.Equal(t, "z9hG4bKhjhs8ass877 1928301774 a84b4c76e66710", strings.Join([]string{Branch(req), FromTag(req), CallID(req)}, " "))
}

// Section 7.3.1: a line that begins with white space goes on with the one before.
func TestFolding(t *testing.T) {
	for _, fold := range []string{"\r\n ", "\r\n\t", " \r\n \t ", "\r\n \r\n\t"} {
		msg := good(t, crlf(options, "Subject: I know you're there,"+fold+"pick up", "From-Nothing: x"))
		// Any white space around the fold is as good as one space.
		require.Equal(t, "I know you're there, pick up", strings.Join(strings.Fields(HeaderValue(msg, "Subject")), " "))
		require.Equal(t, "x", HeaderValue(msg, "From-Nothing"))
	}
	folded := swap(t, crlf(options), "Alice <sip:alice@example.com>;tag", "Alice\r\n <sip:alice@example.com>\r\n\t;tag")
	folded = swap(t, folded, "CSeq: 63104 OPTIONS", "CSeq:\r\n 63104\r\n OPTIONS")
	req := good(t, folded).(*sip.Request)
	require.Equal(t, "1928301774", FromTag(req))
	require.EqualValues(t, 63104, req.CSeq().SeqNo)
}

// A message of nothing but small headers must not cost their square.
func TestRepeatedHeadersAreLinear(t *testing.T) {
	text := []byte(crlf(options, strings.Repeat("X:\r\n", 10_000)+strings.Repeat("i:1\r\n", 10_000)+"X:"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Parse(text)
	runtime.ReadMemStats(&after)
	require.Error(t, err)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64*len(text)))
}

// A message of nothing but folds must not cost their square.
func TestFoldingIsLinear(t *testing.T) {
	for _, fold := range []string{"\r\n ", "\r\n x"} {
		text := []byte(crlf(options, "Subject: a"+strings.Repeat(fold, 100_000/len(fold))))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Parse(text)
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64*len(text)), "%q", fold)
	}
}

// Section 7.3: white space before the colon and around the value.
func TestSpaces(t *testing.T) {
	text := swap(t, crlf(options), "Call-ID: a84b4c76e66710", "Call-ID \t : \t a84b4c76e66710 \t ")
	text = swap(t, text, "CSeq: 63104 OPTIONS", "cseq:63104   OPTIONS")
	text = swap(t, text, "To: <", "tO  :<")
	msg := good(t, text)
	require.Equal(t, "a84b4c76e66710", CallID(msg))
	require.Equal(t, "<sip:bob@example.com>", msg.To().Value())
}

// Section 25.1: EQUAL may have white space around it. What is echoed must still be
// the peer's branch and tag.
func TestSpacesAroundEquals(t *testing.T) {
	text := swap(t, crlf(options), ";branch=", " ; branch = ")
	text = swap(t, text, ";tag=", "\t;\ttag\t=\t")
	req := good(t, text).(*sip.Request)
	require.Equal(t, "z9hG4bKhjhs8ass877", Branch(req))
	require.Equal(t, "1928301774", FromTag(req))
	res := Response(req, 200, "OK", "ours").String()
	require.Contains(t, res, ";branch=z9hG4bKhjhs8ass877\r\n")
	require.Contains(t, res, ";tag=1928301774\r\n")
}

// Section 7.3.1: several values in one line are as several lines.
func TestSeveralValuesInOneLine(t *testing.T) {
	msg := good(t, crlf(options,
		`Contact: "Quoted, with a comma" <sip:a@192.0.2.1;x=1>;q=0.7, <sip:b@192.0.2.2?a=b,c>,sip:c@192.0.2.3;expires=60`,
		"Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>",
		"Route: <sip:p3.example.com;lr> ,<sip:p4.example.com;lr>"))
	var hosts []string
	for _, h := range msg.GetHeaders("Contact") {
		hosts = append(hosts, h.(*sip.ContactHeader).Address.Host)
	}
	require.Equal(t, []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}, hosts)
	require.Len(t, msg.GetHeaders("Record-Route"), 2)
	require.Len(t, msg.GetHeaders("Route"), 2)

	two := swap(t, crlf(options), "z9hG4bKhjhs8ass877", "z9hG4bKhjhs8ass877, SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK2")
	msg = good(t, two)
	require.Len(t, msg.GetHeaders("Via"), 2)
	require.Equal(t, "z9hG4bKhjhs8ass877", Branch(msg), "the topmost")
}

// Section 10.2.2: "Contact: *". Nowhere else is an asterisk an address.
func TestWildcard(t *testing.T) {
	require.True(t, good(t, crlf(options, "m: *")).GetHeaders("Contact")[0].(*sip.ContactHeader).Address.Wildcard)
	for _, value := range []string{"<*>", "*;q=1", `"a" *`, "**"} {
		require.IsType(t, sip.NewHeader("", ""), good(t, crlf(options, "Contact: "+value)).GetHeaders("Contact")[0], value)
	}
	badly(t, swap(t, crlf(options), "To: <sip:bob@example.com>", "To: *"))
	badly(t, swap(t, crlf(options), "OPTIONS sip:bob@example.com", "OPTIONS *"))
}

// What is quoted is no separator (section 25.1), as in the GRUUs of RFC 5627.
func TestQuotedParameters(t *testing.T) {
	gruu := `"sip:alice@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"`
	msg := good(t, crlf(options, "Contact: <sip:alice@192.0.2.1>;pub-gruu="+gruu+`;x="a, b";y="\";z";expires=60, <sip:alice@192.0.2.2>;expires=70`))
	require.Len(t, msg.GetHeaders("Contact"), 2)
	params := msg.GetHeaders("Contact")[0].(*sip.ContactHeader).Params
	for name, want := range map[string]string{"PUB-gruu": gruu[1 : len(gruu)-1], "x": "a, b", "y": `";z`, "expires": "60"} {
		got, ok := Param(params, name)
		require.True(t, ok, name)
		require.Equal(t, want, got)
	}
	require.Equal(t, "<sip:alice@192.0.2.1>;pub-gruu="+gruu+`;x="a, b";y="\";z";expires=60`, HeaderValue(msg, "Contact"))
	require.Equal(t, msg.String(), good(t, msg.String()).String())

	via := swap(t, crlf(options), ";branch=", `;x="a;branch=b, c";branch=`)
	require.Equal(t, "z9hG4bKhjhs8ass877", Branch(good(t, via)))
	require.Len(t, good(t, via).GetHeaders("Via"), 1)
}

// Parameters that cannot be read make a header that cannot.
func TestMalformedParameters(t *testing.T) {
	for _, params := range []string{";=1", ";a b=c", `;a="b`, `;a="b"c`, `;a=b"c"`, `;"a"=b`, ";a=b c"} {
		badly(t, swap(t, crlf(options), ";tag=1928301774", ";tag=1928301774"+params))
	}
	for _, params := range []string{";;", "; ;a", ";a=", ";a = b ;", `;a=""`, ";tag=2"} {
		require.Equal(t, "1928301774", FromTag(good(t, swap(t, crlf(options), ";tag=1928301774", ";tag=1928301774"+params))), params)
	}
}

// Schemes with more than letters (section 25.1) are read, and none without a letter
// at the beginning.
func TestSchemes(t *testing.T) {
	for _, uri := range []string{"soap.beep://192.0.2.103:3002", "h323:a@b", "x-y+z.1:;,?", "tel:+1;phone-context=a", "TEL:+1"} {
		req := good(t, swap(t, crlf(options), "OPTIONS sip:bob@example.com", "OPTIONS "+uri)).(*sip.Request)
		scheme, rest, _ := strings.Cut(uri, ":")
		require.Equal(t, strings.ToLower(scheme)+":"+rest, req.Recipient.String())
	}
	for _, uri := range []string{"1sip:a@b", ".:a", "bob", ":a", "s ip:a", "сип:a", "sip", "sip:"} {
		badly(t, swap(t, crlf(options), "OPTIONS sip:bob@example.com", "OPTIONS "+uri))
	}
}

// Headers that occur once must not occur twice: RFC 4475 section 3.3.8.
func TestDoubledHeaders(t *testing.T) {
	for _, line := range []string{
		"CSeq: 5 OPTIONS", "Call-ID: another", "To: <sip:other@example.com>", "From: <sip:other@example.com>;tag=2",
	} {
		t.Run(line, func(t *testing.T) {
			why := badly(t, crlf(options, line))
			require.Equal(t, 400, why.Status)
			name, _, _ := strings.Cut(line, ":")
			res := Response(why.Message.(*sip.Request), 400, why.Reason, "ours")
			require.Len(t, res.GetHeaders(name), 1, "the answer is a message again")
		})
	}
	t.Run("Content-Length", func(t *testing.T) {
		require.Equal(t, 400, badly(t, crlf(options, "Content-Length: 1", "Content-Length: 5")+"hello").Status)
	})
}

// Section 18.3 and RFC 7118 section 5.
func TestContentLength(t *testing.T) {
	body := func(lines ...string) []byte { return good(t, crlf(options, lines...)+"hello").Body() }
	require.Equal(t, "hello", string(body()), "the frame bounds the body")
	require.Equal(t, "hello", string(body("Content-Length: 5")))
	require.Equal(t, "hell", string(body("Content-Length: 4")), "what is more is discarded")
	require.Empty(t, body("Content-Length: 0"))
	require.Equal(t, "hello", string(body("l : 5")))

	for _, value := range []string{"6", "4294967295"} {
		why := badly(t, crlf(options, "Content-Length: "+value)+"hello")
		require.Equal(t, 400, why.Status)
		answerable(t, why, "")
	}
	for _, value := range []string{"-999", "-1", "x", "", "5x", "99999999999999999999", "4294967301"} {
		why := badly(t, crlf(options, "Content-Length: "+value)+"hello")
		require.Equal(t, 400, why.Status, value)
		answerable(t, why, "")
	}
}

// Section 8.1.1.5 and RFC 4475 sections 3.1.2.17 and 18: the methods are the same.
func TestCSeqMethod(t *testing.T) {
	why := badly(t, swap(t, crlf(options), "63104 OPTIONS", "63104 INVITE"))
	require.Equal(t, 400, why.Status)
	require.Contains(t, why.Reason, "CSeq")
	answerableButCSeq := why.Message.(*sip.Request)
	require.Equal(t, "63104 INVITE", HeaderValue(Response(answerableButCSeq, 400, "Bad Request", "x"), "CSeq"))

	unknown := strings.ReplaceAll(crlf(options), "OPTIONS", "NEWMETHOD")
	require.Equal(t, sip.RequestMethod("NEWMETHOD"), good(t, unknown).(*sip.Request).Method)
	badly(t, swap(t, unknown, "63104 NEWMETHOD", "63104 OPTIONS"))
}

// Section 7.1: methods are case-sensitive. "options" is a method nobody knows,
// to be answered 501, and not OPTIONS.
func TestMethodsAreCaseSensitive(t *testing.T) {
	req := good(t, strings.ReplaceAll(crlf(options), "OPTIONS", "options")).(*sip.Request)
	require.Equal(t, sip.RequestMethod("options"), req.Method)
	require.Equal(t, "63104 options", HeaderValue(Response(req, 501, "Not Implemented", "x"), "CSeq"))
	badly(t, swap(t, crlf(options), "63104 OPTIONS", "63104 options"))
}

// Section 8.1.1.5: sequence numbers are below 2**31 (RFC 4475 section 3.1.2.4).
func TestSequenceNumbers(t *testing.T) {
	good(t, swap(t, crlf(options), "63104", "0"))
	good(t, swap(t, crlf(options), "63104", "2147483647"))
	good(t, swap(t, crlf(options), "63104", "0009"))
	for _, seq := range []string{"2147483648", "4294967295"} {
		require.Equal(t, 400, badly(t, swap(t, crlf(options), "63104", seq)).Status, seq)
	}
}

func TestStartLines(t *testing.T) {
	for _, c := range []struct {
		line   string
		status int
	}{
		{"OPTIONS sip:bob@example.com SIP/7.0", 505},
		{"OPTIONS sip:bob@example.com SIP/1.0", 505},
		{"OPTIONS sip:bob@example.com HTTP/1.1", 400},
		{"OPTIONS sip:bob@example.com", 400},
		{"OPTIONS SIP/2.0", 400},
		{"OPTIONS", 400},
		{"", 400},
		{"OPTIONS <sip:bob@example.com> SIP/2.0", 400},                 // RFC 4475 section 3.1.2.7
		{"OPTIONS sip:bob@example.com; lr SIP/2.0", 400},               // 3.1.2.8
		{"OPTIONS  sip:bob@example.com  SIP/2.0", 400},                 // 3.1.2.9
		{"OPTIONS sip:bob@example.com SIP/2.0  ", 400},                 // 3.1.2.10
		{" OPTIONS sip:bob@example.com SIP/2.0", 400},                  //
		{"OPT(IONS sip:bob@example.com SIP/2.0", 400},                  // a method is a token
		{"OPTIONS sip:bob\x00@example.com SIP/2.0", 400},               //
		{"SIP/2.0 4294967301 better not break it", 400},                // 3.1.2.19
		{"SIP/2.0 99 Low", 400},                                        //
		{"SIP/2.0 700 High", 400},                                      //
		{"SIP/2.0 2x0 OK", 400},                                        //
		{"SIP/2.0", 400},                                               //
		{"SIP/7.0 200 OK", 400},                                        // not a version that can be understood
		{"GET / HTTP/1.1", 400},                                        //
		{"OPTIONS sip:" + strings.Repeat("x", 9000) + " SIP/2.0", 414}, // section 21.4.15
	} {
		t.Run(c.line[:min(len(c.line), 45)], func(t *testing.T) {
			text := crlf(options)
			if strings.HasPrefix(c.line, "SIP/") {
				text = crlf(okResponse)
			}
			_, rest, _ := strings.Cut(text, "\r\n")
			require.Equal(t, c.status, badly(t, c.line+"\r\n"+rest).Status)
		})
	}
	// Section 7.2: the reason phrase may be empty; RFC 4475 section 3.1.1.13: and in any script.
	for _, line := range []string{"SIP/2.0 200 ", "SIP/2.0 200 всё хорошо", "SIP/2.0 100 Trying", "SIP/2.0 699 x"} {
		good(t, swap(t, crlf(okResponse), "SIP/2.0 200 OK", line))
	}
	why := badly(t, swap(t, crlf(options), "SIP/2.0\r\n", "SIP/7.0\r\n"))
	answerable(t, why, "")
}

// Section 7.5: line breaks before the start line are skipped. Nothing else ends
// a line but CRLF (section 7).
func TestLineEnds(t *testing.T) {
	good(t, "\r\n\r\n"+crlf(options))
	badly(t, "\r\n\r\n")
	badly(t, "")
	badly(t, strings.ReplaceAll(crlf(options), "\r\n", "\n"))
	badly(t, strings.ReplaceAll(crlf(options), "\r\n", "\r"))
	require.Contains(t, badly(t, strings.TrimSuffix(crlf(options), "\r\n")).Reason, "empty line")

	// A bare line feed or carriage return in a value must not become another header
	// when it is sent on, nor in the answer.
	for _, line := range []string{"Subject: a\nX-Injected: b", "Subject: a\rX-Injected: b"} {
		why := badly(t, crlf(options, line))
		require.Equal(t, 400, why.Status)
		require.Empty(t, why.Message.GetHeaders("X-Injected"))
		require.NotRegexp(t, "[\r\n]X-Injected", why.Message.String())
	}
	for _, end := range []string{"\n", "\r"} {
		text := swap(t, crlf(options), "Call-ID: a84b4c76e66710", "Call-ID: a84b4c76e66710"+end+"X-Injected: b")
		why := badly(t, text)
		require.NotRegexp(t, "[\r\n]X-Injected", Response(why.Message.(*sip.Request), why.Status, why.Reason, "x").String())
	}
}

func TestNUL(t *testing.T) {
	for _, text := range []string{
		"\x00", strings.Repeat("\x00", 1000), "\x00" + crlf(options), crlf("OPTIONS\x00" + options[len("\n\tOPTIONS"):]),
	} {
		badly(t, text)
	}
	why := badly(t, crlf(options, "X-NUL: a\x00b")) // not in TEXT-UTF8: section 25.1
	require.Equal(t, 400, why.Status)
	require.NotContains(t, why.Message.String(), "\x00")
	answerable(t, why, "")
	require.Equal(t, "a\x00b", string(good(t, crlf(options)+"a\x00b").Body()), "bodies are binary")
}

// A message that is too large is answered 513 with what its headers say.
func TestTooLarge(t *testing.T) {
	head := crlf(options)
	fits := head + strings.Repeat("x", MaxSize-len(head))
	require.Len(t, good(t, fits).Body(), MaxSize-len(head))
	good(t, "\r\n\r\n"+fits) // the keep-alive does not count

	for name, text := range map[string]string{
		"body":   fits + "x",
		"1 MB":   head + strings.Repeat("x", 1<<20),
		"header": swap(t, head, "\r\n\r\n", "\r\nSubject: "+strings.Repeat("x", MaxSize)+"\r\n\r\n"),
	} {
		why := badly(t, text)
		require.Equal(t, 513, why.Status, name)
		answerable(t, why, "")
	}
}

// Parse does not write to its input. It keeps the body, and nothing can be appended to
// that which would write behind it.
func TestInputIsUntouched(t *testing.T) {
	text := crlf(options, "Subject: folded\r\n\tline", "m: <sip:a@192.0.2.1>, <sip:b@192.0.2.2>", "Content-Length: 5") + "hello"
	data := append(make([]byte, 0, 4096), text...)
	msg := good(t, text)
	want := msg.String()

	msg, err := Parse(data)
	require.NoError(t, err)
	require.Equal(t, text, string(data))
	require.Equal(t, bytes.Repeat([]byte{0}, 4096-len(text)), data[:4096][len(text):], "beyond the end")
	require.Equal(t, want, msg.String())
	_ = append(msg.Body(), "beyond"...)
	require.Equal(t, bytes.Repeat([]byte{0}, 4096-len(text)), data[:4096][len(text):], "nor by appending")
}
