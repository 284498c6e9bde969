package sipua_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// lines makes a message of lines, with the empty line after them.
func lines(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }

// options is a good OPTIONS, line by line, for tests to break.
func options() []string {
	return []string{
		"OPTIONS sip:1001@example.com SIP/2.0",
		"Via: SIP/2.0/WSS peer.invalid;branch=z9hG4bKbadinput",
		"Max-Forwards: 70",
		`From: "Peer" <sip:peer@peer.invalid>;tag=from`,
		"To: <sip:1001@example.com>",
		"Call-ID: bad-input",
		"CSeq: 1 OPTIONS",
		"Content-Length: 0",
	}
}

// with replaces the line that begins with the header name, or adds it.
func with(name, line string) string {
	ls := options()
	i := slices.IndexFunc(ls, func(l string) bool { return strings.HasPrefix(l, name+":") })
	switch {
	case i < 0:
		ls = append(ls, line)
	case line == "":
		ls = slices.Delete(ls, i, i+1)
	default:
		ls[i] = line
	}
	return lines(ls...)
}

// as is the good OPTIONS with another start line and CSeq method.
func as(method, uri, version string) string {
	ls := options()
	ls[0] = method + " " + uri + " " + version
	ls[6] = "CSeq: 1 " + method
	return lines(ls...)
}

// Bad input is answered when it is a request, told as an event when it is
// unreadable, and harms nothing: RFC 3261 sections 8.2, 16.3, 18.3 and 21.4.
func TestBadInput(t *testing.T) {
	const nothing = 0
	for name, c := range map[string]struct {
		frame   string
		status  int               // of the answer; nothing: there is none
		event   bool              // ProtocolError is told
		headers map[string]string // of the answer: name and what it contains
	}{
		"a good OPTIONS, for comparison": {with("x", "X: y"), 200, false, map[string]string{"Allow": "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, MESSAGE, INFO, PRACK, UPDATE, REFER", "Accept": "application/sdp"}},

		"empty frame":                 {"", nothing, true, nil},
		"a pong":                      {"\r\n", nothing, false, nil},
		"text":                        {"hello", nothing, true, nil},
		"garbage":                     {"\x00\xff\xfe\x01\x02 \xc3\x28\r\n\r\n", nothing, true, nil},
		"HTTP":                        {"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", nothing, true, nil},
		"JSON":                        {`{"method":"INVITE"}`, nothing, true, nil},
		"1 MB of text":                {strings.Repeat("a", 1<<20), nothing, true, nil},
		"1 MB of lines":               {strings.Repeat("a: b\r\n", 1<<20/6), nothing, true, nil},
		"1 MB request":                {with("Subject", "Subject: "+strings.Repeat("s", 1<<20)), 513, true, nil},
		"1 MB Request-URI":            {as("OPTIONS", "sip:"+strings.Repeat("u", 1<<20)+"@example.com", "SIP/2.0"), nothing, true, nil},
		"a response to nothing":       {strings.Replace(with("x", "X: y"), options()[0], "SIP/2.0 200 OK", 1), nothing, true, nil},
		"a response 99":               {strings.Replace(with("x", "X: y"), options()[0], "SIP/2.0 99 Low", 1), nothing, true, nil},
		"a response 700":              {strings.Replace(with("x", "X: y"), options()[0], "SIP/2.0 700 High", 1), nothing, true, nil},
		"a response without CSeq":     {strings.Replace(with("CSeq", ""), options()[0], "SIP/2.0 200 OK", 1), nothing, true, nil},
		"a start line without URI":    {lines(append([]string{"OPTIONS SIP/2.0"}, options()[1:]...)...), nothing, true, nil},
		"nothing but a start line":    {"OPTIONS sip:1001@example.com SIP/2.0\r\n\r\n", 400, true, nil},
		"no empty line after headers": {strings.TrimSuffix(with("x", "X: y"), "\r\n"), 400, true, nil},
		"LF instead of CRLF":          {strings.ReplaceAll(with("x", "X: y"), "\r\n", "\n"), nothing, true, nil},

		"no Via":       {with("Via", ""), 400, true, nil},
		"no From":      {with("From", ""), 400, true, nil},
		"no To":        {with("To", ""), 400, true, nil},
		"no Call-ID":   {with("Call-ID", ""), 400, true, nil},
		"no CSeq":      {with("CSeq", ""), 400, true, nil},
		"bad Via":      {with("Via", "Via: nonsense"), 400, true, nil},
		"bad From":     {with("From", "From: <<<>"), 400, true, nil},
		"bad To":       {with("To", `To: "unclosed <sip:a@b>`), 400, true, nil},
		"bad CSeq":     {with("CSeq", "CSeq: many OPTIONS"), 400, true, nil},
		"CSeq 2^32":    {with("CSeq", "CSeq: 4294967296 OPTIONS"), 400, true, nil},
		"other CSeq":   {with("CSeq", "CSeq: 1 INVITE"), 400, true, nil},
		"empty header": {with(":", ": empty"), 400, true, nil},

		"Content-Length too large": {with("Content-Length", "Content-Length: 10000"), 400, true, nil},
		"Content-Length negative":  {with("Content-Length", "Content-Length: -1"), 400, true, nil},
		"Content-Length of words":  {with("Content-Length", "Content-Length: none"), 400, true, nil},
		"Content-Length huge":      {with("Content-Length", "Content-Length: 99999999999999999999"), 400, true, nil},
		"Max-Forwards of words":    {with("Max-Forwards", "Max-Forwards: some"), 400, true, nil},
		"Max-Forwards 0 is ours":   {with("Max-Forwards", "Max-Forwards: 0"), 200, false, nil},
		"no Max-Forwards":          {with("Max-Forwards", ""), 200, false, nil},

		"SIP/3.0":              {as("OPTIONS", "sip:1001@example.com", "SIP/3.0"), 505, true, nil},
		"unknown method":       {as("DANCE", "sip:1001@example.com", "SIP/2.0"), 501, false, map[string]string{"Allow": "INVITE"}},
		"lower-case method":    {as("options", "sip:1001@example.com", "SIP/2.0"), 501, false, nil}, // section 7.1: case-sensitive
		"REGISTER to a client": {as("REGISTER", "sip:1001@example.com", "SIP/2.0"), 405, false, map[string]string{"Allow": "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, MESSAGE, INFO, PRACK, UPDATE, REFER"}},
		"SUBSCRIBE":            {as("SUBSCRIBE", "sip:1001@example.com", "SIP/2.0"), 405, false, map[string]string{"Allow": "BYE"}},
		"NOTIFY":               {as("NOTIFY", "sip:1001@example.com", "SIP/2.0"), 481, false, nil},
		"REFER":                {as("REFER", "sip:1001@example.com", "SIP/2.0"), 400, false, nil},
		"INFO":                 {as("INFO", "sip:1001@example.com", "SIP/2.0"), 481, false, nil},
		"MESSAGE":              {as("MESSAGE", "sip:1001@example.com", "SIP/2.0"), 200, false, nil},
		"PRACK":                {as("PRACK", "sip:1001@example.com", "SIP/2.0"), 481, false, nil},
		"UPDATE":               {as("UPDATE", "sip:1001@example.com", "SIP/2.0"), 481, false, nil},
		"PUBLISH":              {as("PUBLISH", "sip:1001@example.com", "SIP/2.0"), 405, false, map[string]string{"Allow": "BYE"}},

		"http Request-URI": {as("OPTIONS", "http://example.com/", "SIP/2.0"), 416, false, nil},
		"tel Request-URI":  {as("OPTIONS", "tel:+12015550123", "SIP/2.0"), 200, false, nil},
		"sips Request-URI": {as("OPTIONS", "sips:1001@example.com", "SIP/2.0"), 200, false, nil},

		"Require of what we can":       {with("Require", "Require: 100rel, timer, replaces"), 200, false, nil},
		"Require":                      {with("Require", "Require: 100rel, gruu, timer, x"), 420, false, map[string]string{"Unsupported": "gruu, x\r"}},
		"BYE outside a dialog":         {as("BYE", "sip:1001@example.com", "SIP/2.0"), 481, false, nil},
		"CANCEL for nothing":           {as("CANCEL", "sip:1001@example.com", "SIP/2.0"), 481, false, nil},
		"CANCEL with Require":          {strings.Replace(as("CANCEL", "sip:1001@example.com", "SIP/2.0"), "Max-Forwards: 70", "Require: x", 1), 481, false, nil},
		"ACK for nothing":              {as("ACK", "sip:1001@example.com", "SIP/2.0"), nothing, false, nil},
		"broken ACK":                   {strings.Replace(as("ACK", "sip:1001@example.com", "SIP/2.0"), options()[5]+"\r\n", "", 1), nothing, true, nil},
		"BYE of an unknown dialog":     {strings.Replace(as("BYE", "sip:1001@example.com", "SIP/2.0"), options()[4], "To: <sip:1001@example.com>;tag=gone", 1), 481, false, nil},
		"OPTIONS of an unknown dialog": {with("To", "To: <sip:1001@example.com>;tag=gone"), 481, false, nil},
		"INVITE of an unknown dialog":  {strings.Replace(as("INVITE", "sip:1001@example.com", "SIP/2.0"), options()[4], "To: <sip:1001@example.com>;tag=gone", 1), 481, false, nil},
		"INVITE without Contact":       {as("INVITE", "sip:1001@example.com", "SIP/2.0"), 400, false, nil},
		"INVITE with Contact *":        {strings.Replace(as("INVITE", "sip:1001@example.com", "SIP/2.0"), "Max-Forwards: 70", "Contact: *", 1), 400, false, nil},

		"NUL in a display name":          {with("From", "From: \"P\x00eer\" <sip:peer@peer.invalid>;tag=from"), 400, true, nil},
		"bare LF in a display name":      {with("From", "From: \"P\nInjected: yes\" <sip:peer@peer.invalid>;tag=from"), 400, true, nil},
		"bare CR in a display name":      {with("From", "From: \"P\rInjected: yes\" <sip:peer@peer.invalid>;tag=from"), 400, true, nil},
		"bare LF in a tag":               {with("From", "From: <sip:peer@peer.invalid>;tag=fr\nInjected: yes"), 400, true, nil},
		"bare LF in the Call-ID":         {with("Call-ID", "Call-ID: bad\nInjected: yes"), 400, true, nil},
		"bare LF in the branch":          {with("Via", "Via: SIP/2.0/WSS peer.invalid;branch=z9hG4bKbad\nInjected: yes"), 400, true, nil},
		"a folded header":                {with("From", "From: \"Peer\"\r\n <sip:peer@peer.invalid>\r\n\t;tag=from"), 200, false, nil},
		"compact forms":                  {lines("OPTIONS sip:1001@example.com SIP/2.0", "v: SIP/2.0/WSS peer.invalid;branch=z9hG4bKcompact", "f: <sip:a@peer.invalid>;tag=1", "t: <sip:1001@example.com>", "i: compact", "CSeq: 1 OPTIONS", "l: 0"), 200, false, nil},
		"a branch of RFC 2543":           {with("Via", "Via: SIP/2.0/WSS peer.invalid;branch=1"), 200, false, nil},
		"no branch":                      {with("Via", "Via: SIP/2.0/WSS peer.invalid"), 200, false, nil},
		"1000 Vias":                      {with("Via", strings.Repeat("Via: SIP/2.0/WSS peer.invalid;branch=z9hG4bKx\r\n", 999)+"Via: SIP/2.0/WSS peer.invalid;branch=z9hG4bKx"), 200, false, nil},
		"10000 headers":                  {with("x", strings.Repeat("X: y\r\n", 9999)+"X: y"), 200, false, nil},
		"a percent in the Request-URI":   {as("OPTIONS", "sip:%zz%@example.com", "SIP/2.0"), 200, false, nil},
		"a Request-URI that is not ours": {as("OPTIONS", "sip:nobody@elsewhere.example", "SIP/2.0"), 200, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.register()
				w.forget()
				w.SendRaw([]byte(c.frame))
				if c.status == nothing {
					w.ExpectNothing(w.T, time.Minute)
				} else {
					// As text: what is malformed comes back as it was.
					res := string(w.ExpectMessage(w.T))
					require.Regexp(w, fmt.Sprintf(`^SIP/2\.0 %d \S`, c.status), res)
					for name, want := range c.headers {
						require.Regexp(w, "\r\n"+name+": .*"+want, res)
					}
					require.NotContains(w, res, "\nInjected:")
					if c.status == 200 {
						require.Regexp(w, `(?m)^To: .*;tag=\w+\r$`, res, "section 8.2.6.2: every answer but 100 has a To tag")
					}
				}
				require.Equal(w, c.event, count[sipua.ProtocolError](w) == 1, "the event: %v", w.story())
				if c.event {
					err := typed(w, last[sipua.ProtocolError](w).Err, sipua.CodeProtocol, 0)
					require.Less(w, len(err.Error()), 1000, "the error is bounded")
				}
				w.alive()
			})
		})
	}
}

// A ping of the server gets its pong (RFC 5626 section 3.5.1).
func TestPing(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		w.SendRaw([]byte("\r\n\r\n"))
		synctest.Wait()
		entries := w.Ladder().Entries()
		require.Equal(w, sipuatest.Entry{Direction: sipuatest.Out, Text: "\r\n"}, entries[len(entries)-1])
		require.Len(w, entries, 2)
		require.Empty(w, w.story())
	})
}

// RFC 7118 section 5: SIP may come in binary frames, and the transport hands
// both kinds over alike. What is not UTF-8 inside a header is still answered.
func TestBadInputLatin1(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		w.SendRaw([]byte(with("Subject", "Subject: caf\xe9")))
		w.ExpectResponse(w.T, 200)
		w.alive()
	})
}

// OPTIONS inside a dialog is answered as outside (RFC 3261 section 11.2).
func TestOptionsInDialog(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		k.request("OPTIONS")
		res := w.ExpectResponse(w.T, 200)
		require.Contains(w, value(res, "Allow"), "INVITE")
		require.Equal(w, sipua.Established, k.call.State())
		k.bye()
	})
}

// A method that is not taken is answered 405 inside a dialog too, and the call
// goes on.
func TestMethodNotAllowedInDialog(t *testing.T) {
	for _, method := range []string{"REGISTER", "PUBLISH"} {
		t.Run(method, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.incoming()
				k.request(method)
				require.Contains(w, value(w.ExpectResponse(w.T, 405), "Allow"), "BYE")
				require.Equal(w, sipua.Established, k.call.State())
				k.bye()
			})
		})
	}
}

// A request that is sent again is not taken twice (section 17.2): the answer is.
func TestRetransmittedRequest(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		w.Send(k.invite)
		again := w.ExpectResponse(w.T, 180)
		require.Equal(w, tag(value(k.ok, "To")), tag(value(again, "To")))
		require.Len(w, w.ua.Calls(), 1)
		require.Equal(w, 1, count[sipua.IncomingCall](w))
	})
}

// A request that came over two paths is refused the second time: section
// 8.2.2.2.
func TestMergedRequest(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		merged := k.invite.Clone()
		merged.Via().Params.Remove("branch")
		merged.Via().Params.Add("branch", "z9hG4bKotherpath")
		w.Send(merged)
		w.ExpectResponse(w.T, 482)
		require.Len(w, w.ua.Calls(), 1)
	})
}

// Requests inside a dialog must count up (section 12.2.2).
func TestOutOfOrderRequest(t *testing.T) {
	play(t, func(w *world) {
		k := w.incoming()
		k.request("OPTIONS")
		w.ExpectResponse(w.T, 200)
		late := w.NewInDialogRequest("OPTIONS", k.invite, k.ok)
		late.CSeq().SeqNo = 1
		late.Via().Params.Add("x", "late")
		w.Send(late)
		w.ExpectResponse(w.T, 500)
		k.bye()
	})
}

// frames makes bad frames of good ones. The same seed makes the same frames.
func frames(seed uint64, n int) [][]byte {
	r := rand.New(rand.NewPCG(seed, seed))
	var good [][]byte
	for _, m := range []string{"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "UNKNOWN"} {
		good = append(good, []byte(as(m, "sip:1001@example.com", "SIP/2.0")))
	}
	good = append(good,
		[]byte("SIP/2.0 200 OK\r\n"+lines(options()[1:]...)),
		[]byte("SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n"+lines(options()[1:]...)),
		[]byte("INVITE sip:1001@example.com SIP/2.0\r\nContact: <sip:peer@peer.invalid>\r\nContent-Type: application/sdp\r\n"+
			strings.ReplaceAll(lines(options()[1:7]...), "OPTIONS", "INVITE")+"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"))
	special := []string{"\r\n", "\n", "\r", "\x00", ":", ";", ",", "<", ">", "\"", "\\", " ", "%", "@", "=", "\xff", "tag=", "sip:", "SIP/2.0", "branch=", "4294967296", "-1", "*"}
	all := make([][]byte, n)
	for i := range all {
		if i%10 == 0 {
			b := make([]byte, r.IntN(400))
			for j := range b {
				b[j] = byte(r.UintN(256))
			}
			all[i] = b
			continue
		}
		b := slices.Clone(good[r.IntN(len(good))])
		for range 1 + r.IntN(6) {
			at := r.IntN(len(b) + 1)
			switch r.IntN(4) {
			case 0:
				b = slices.Insert(b, at, []byte(special[r.IntN(len(special))])...)
			case 1:
				b = slices.Delete(b, at, min(len(b), at+r.IntN(20)))
			case 2:
				if at < len(b) {
					b[at] = byte(r.UintN(256))
				}
			case 3:
				b = b[:at]
			}
		}
		all[i] = b
	}
	return all
}

// The masking of secrets copes with what changes its length in lower case.
func TestBadInputWithSecrets(t *testing.T) {
	for _, s := range []string{"\xff sip:a:b@c", "İİİİ SIP:a:b@c", "\xff\xffsips:x:y@z;sip:a:b@", strings.Repeat("\xc3", 40) + "sip:"} {
		play(t, func(w *world) {
			w.ua.Trace(func(sipua.TraceMessage) {})
			w.connect()
			w.SendRaw([]byte(s))
			w.SendRaw([]byte(with("Authorization", "Authorization: Digest "+s+`, response="`+s+`"`)))
			w.ExpectResponse(w.T, 200)
			require.Equal(w, 1, count[sipua.ProtocolError](w))
			require.NotContains(w, last[sipua.ProtocolError](w).Err.Error(), ":b@")
		})
	}
}

// What arrives can neither stop the user agent nor make it send what breaks
// out of a header (see promises).
func TestRandomFrames(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k := w.outgoing()
		sent := func() (n int) {
			synctest.Wait()
			for _, e := range w.Ladder().Entries() {
				if e.Direction == sipuatest.Out {
					n++
				}
			}
			return n
		}
		before := sent()
		for _, f := range frames(7118, 10_000) {
			w.SendRaw(f)
		}
		for range sent() - before {
			w.ExpectMessage(w.T)
		}
		require.LessOrEqual(w, len(w.ua.Calls()), 64)
		require.Equal(w, sipua.Established, k.call.State())
		require.NoError(w, k.call.Mute(w.Context(), true), "the call works")
		w.ua.Calls() // those that came with the flood end with Close
		k.bye()
		w.alive()
	})
}

// The same while nothing has been asked of the user agent and no call exists.
func TestRandomFramesBeforeRegistration(t *testing.T) {
	play(t, func(w *world) {
		done := begin(func() error { return w.ua.Register(w.Context()) })
		req := w.ExpectRequest(w.T, "REGISTER")
		for _, f := range frames(3261, 1_000) {
			w.SendRaw(f)
		}
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
}

// No value that an application gives can begin another header.
func TestInjection(t *testing.T) {
	for _, evil := range []string{"a\r\nX: y", "a\nX: y", "a\rX: y", "a\x00b", "\r\n\r\nbody", "a\xffb"} {
		t.Run(fmt.Sprintf("%q", evil), func(t *testing.T) {
			for name, change := range map[string]func(*sipua.Config){
				"URI":          func(c *sipua.Config) { c.URI = "sip:10" + evil + "@example.com" },
				"URI's host":   func(c *sipua.Config) { c.URI = "sip:1001@example.com" + evil },
				"display name": func(c *sipua.Config) { c.DisplayName = evil },
				"user agent":   func(c *sipua.Config) { c.UserAgent = evil },
				"instance":     func(c *sipua.Config) { c.InstanceID = "urn:" + evil },
				"user name":    func(c *sipua.Config) { c.Credentials.Username = evil },
			} {
				cfg := sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}}
				cfg.Transport, _ = sipuatest.NewPipe()
				change(&cfg)
				_, err := sipua.New(cfg)
				typed(t, fmt.Errorf("%s: %w", name, err), sipua.CodeInvalidArgument, 0)
			}
			play(t, func(w *world) {
				for name, call := range map[string]func() (*sipua.Call, error){
					"target":          func() (*sipua.Call, error) { return w.ua.Call("10"+evil+"02", sipua.CallOptions{}) },
					"target's user":   func() (*sipua.Call, error) { return w.ua.Call("10"+evil+"@example.com", sipua.CallOptions{}) },
					"target's host":   func() (*sipua.Call, error) { return w.ua.Call("1002@exa"+evil+"mple.com", sipua.CallOptions{}) },
					"target URI":      func() (*sipua.Call, error) { return w.ua.Call("sip:1002@example.com;x="+evil+"z", sipua.CallOptions{}) },
					"target's header": func() (*sipua.Call, error) { return w.ua.Call("sip:1002@example.com?x="+evil+"z", sipua.CallOptions{}) },
					"telephone":       func() (*sipua.Call, error) { return w.ua.Call("tel:+1"+evil+"23", sipua.CallOptions{}) },
					"header value": func() (*sipua.Call, error) {
						return w.ua.Call("1002", sipua.CallOptions{Headers: []sipua.Header{{Name: "X", Value: evil}}})
					},
					"header name": func() (*sipua.Call, error) {
						return w.ua.Call("1002", sipua.CallOptions{Headers: []sipua.Header{{Name: "X" + evil, Value: "y"}}})
					},
				} {
					_, err := call()
					require.Error(w, err, name)
					typed(w, err, sipua.CodeInvalidArgument, 0)
				}
				w.ExpectNothing(w.T, time.Second)
			})
		})
	}
}

// A quoted display name stays inside its quotes (section 25.1).
func TestDisplayNameIsQuoted(t *testing.T) {
	play(t, func(w *world) {
		req := w.register()
		require.Equal(w, `Al "the \ pal" <x>`, unquoted(req.From()))
		require.Equal(w, "1001", req.From().Address.User)
	}, func(c *sipua.Config) { c.DisplayName = `Al "the \ pal" <x>` })
}

func unquoted(h *sip.FromHeader) string {
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(h.DisplayName)
}
