package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// invitation is an INVITE as text, for tests to write in other ways. SDP stands for
// an offer.
func invitation(t *testing.T, headers ...string) string {
	return strings.Join(append([]string{"INVITE sip:1001@example.com SIP/2.0"}, headers...), "\r\n") + "\r\n\r\n" + offer(t)
}

// parsed takes the next message as this module reads it.
func (w *world) parsed() sip.Message {
	w.Helper()
	text := w.ExpectMessage(w.T)
	msg, err := message.Parse(text)
	require.NoError(w, err, "%s", text)
	return msg
}

// Sections 7.3.1 and 7.3.3: short names, case, folds, white space, one line or
// several: the call is the same.
func TestHeadersOfInvite(t *testing.T) {
	routes := []string{"<sip:p1.example.com;lr>", "<sip:p2.example.com;lr;x=y>"}
	vias := []string{"SIP/2.0/WSS p1.example.com;branch=z9hG4bK2", "SIP/2.0/WSS peer.invalid;branch=z9hG4bK1;received=192.0.2.1"}
	for name, headers := range map[string][]string{
		"long": {
			"Via: " + vias[0], "Via: " + vias[1], "Record-Route: " + routes[0], "Record-Route: " + routes[1],
			`From: "Peer, \"P\"" <sip:peer@peer.invalid>;tag=1`, "To: <sip:1001@example.com>", "Call-ID: a@b", "CSeq: 7 INVITE",
			"Contact: <sip:peer@192.0.2.7;transport=ws?x=y>", "Content-Type: application/sdp", "Supported: x", "Subject: s",
		},
		"compact": {
			"v: " + vias[0], "v: " + vias[1], "Record-Route: " + routes[0], "Record-Route: " + routes[1],
			`f: "Peer, \"P\"" <sip:peer@peer.invalid>;tag=1`, "t: <sip:1001@example.com>", "i: a@b", "CSeq: 7 INVITE",
			"m: <sip:peer@192.0.2.7;transport=ws?x=y>", "c: application/sdp", "e: identity", "k: x", "s: s", "o: x", "u: x", "r: <sip:a@b>", "x: 1800", "b: <sip:a@b>",
		},
		"upper and lower case": {
			"VIA: " + vias[0], "V: " + vias[1], "record-route: " + routes[0], "RECORD-ROUTE: " + routes[1],
			`FROM: "Peer, \"P\"" <SIP:peer@peer.invalid>;TAG=1`, "tO: <sip:1001@example.com>", "call-id: a@b", "cseq: 7 INVITE",
			"CONTACT: <sip:peer@192.0.2.7;transport=ws?x=y>", "content-TYPE: APPLICATION/SDP",
		},
		"lists in one line": {
			"Via: " + vias[0] + ", " + vias[1], "Record-Route: " + routes[0] + "," + routes[1],
			`From: "Peer, \"P\"" <sip:peer@peer.invalid>;tag=1`, "To: <sip:1001@example.com>", "Call-ID: a@b", "CSeq: 7 INVITE",
			"Contact: <sip:peer@192.0.2.7;transport=ws?x=y>", "Content-Type: application/sdp",
		},
		"folds and white space": {
			"Via\t: SIP / 2.0 / WSS\r\n p1.example.com ; branch =\r\n\tz9hG4bK2 ,\r\n " + vias[1], "Record-Route :\r\n " + routes[0] + " ,\r\n\t" + routes[1],
			"From :\r\n\t\"Peer, \\\"P\\\"\"\r\n <sip:peer@peer.invalid>\r\n ;\r\n tag = 1", "To:<sip:1001@example.com>", "Call-ID:\r\n a@b", "CSeq:\t7\r\n INVITE",
			"Contact: <sip:peer@192.0.2.7;transport=ws?x=y>\r\n ", "Content-Type: application\r\n /sdp",
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				w.SendRaw([]byte(invitation(t, headers...)))
				ringing := w.parsed().(*sip.Response)
				require.Equal(w, 180, ringing.StatusCode)
				require.Equal(w, vias, values(ringing, "Via"))
				require.Equal(w, routes, values(ringing, "Record-Route"))
				require.Equal(w, "7 INVITE", value(ringing, "CSeq"))
				require.Equal(w, "a@b", value(ringing, "Call-ID"))
				call := w.ua.Calls()[0]
				require.Equal(w, sipua.Identity{DisplayName: `Peer, "P"`, URI: "sip:peer@peer.invalid", User: "peer"}, call.Remote())

				// Section 12.1.1: route set, target and tags are those of the INVITE.
				done := begin(func() error { return call.Accept(w.Context(), sipua.AcceptOptions{}) })
				ok := w.parsed().(*sip.Response)
				require.NoError(w, done())
				w.SendRaw([]byte(lines("ACK sip:1001@example.com SIP/2.0", "v: SIP/2.0/WSS peer.invalid;branch=z9hG4bK3",
					"f: "+value(ok, "From"), "t: "+value(ok, "To"), "i: a@b", "cseq: 7 ACK")))
				synctest.Wait()
				require.Equal(w, sipua.Established, call.State())
				done = begin(func() error { return call.Hangup(w.Context()) })
				bye := w.parsed().(*sip.Request)
				require.Equal(w, "sip:peer@192.0.2.7;transport=ws", bye.Recipient.String(), "section 19.1.1: without headers")
				require.Equal(w, routes, values(bye, "Route"))
				require.Equal(w, "1", message.ToTag(bye))
				w.Respond(bye, 200, "OK")
				require.NoError(w, done())
			})
		})
	}
}

// Section 7.3.1: option tags in one line or several; section 20.32 and 20.29: Require
// counts, Proxy-Require is for proxies.
func TestRequire(t *testing.T) {
	for name, c := range map[string]struct {
		headers     []string
		unsupported string
	}{
		"one line":             {[]string{"Require: foo, bar,,baz"}, "foo, bar, baz"},
		"several lines":        {[]string{"Require: foo", "require:bar", "REQUIRE : baz"}, "foo, bar, baz"},
		"folded":               {[]string{"Require: foo,\r\n bar"}, "foo, bar"},
		"nothing in it":        {[]string{"Require:"}, ""},
		"Proxy-Require":        {[]string{"Proxy-Require: foo"}, ""},
		"both":                 {[]string{"Proxy-Require: foo", "Require: bar"}, "bar"},
		"Supported and others": {[]string{"Supported: foo", "k: bar", "Unsupported: baz"}, ""},
	} {
		for _, method := range []string{"OPTIONS", "INVITE", "BYE"} {
			t.Run(name+" "+method, func(t *testing.T) {
				play(t, func(w *world) {
					w.connect()
					text := strings.Replace(as(method, "sip:1001@example.com", "SIP/2.0"), "Max-Forwards: 70", strings.Join(c.headers, "\r\n")+"\r\nContact: <sip:a@b>", 1)
					w.SendRaw([]byte(text))
					res := w.parsed().(*sip.Response)
					if c.unsupported == "" {
						require.Equal(w, map[string]int{"OPTIONS": 200, "INVITE": 180, "BYE": 481}[method], res.StatusCode)
						require.Empty(w, values(res, "Unsupported"))
						return
					}
					require.Equal(w, 420, res.StatusCode)
					require.Equal(w, c.unsupported, value(res, "Unsupported"))
					require.Empty(w, w.ua.Calls())
				})
			})
		}
	}
}

// Section 11.2: an OPTIONS is answered with all that an INVITE could want to know, and
// with the status that it would get.
func TestOptions(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		w.SendRaw([]byte(with("x", "X: y")))
		res := w.parsed().(*sip.Response)
		require.Equal(w, 200, res.StatusCode)
		for name, want := range map[string]string{
			"Allow": allowed, "Accept": "application/sdp, multipart/mixed, multipart/alternative", "Accept-Encoding": "identity", "Accept-Language": "en", "Supported": "replaces, norefersub, tdialog, 199, 100rel, timer",
		} {
			require.Equal(w, []string{want}, values(res, name))
		}
		require.Empty(w, res.Body())

		for range 64 {
			w.ring()
		}
		w.SendRaw([]byte(with("x", "X: y")))
		require.Equal(w, 486, w.parsed().(*sip.Response).StatusCode)
	})
}

// Section 20.22: Max-Forwards is from 0 to 255. A user agent is the end of the way
// and takes what has 0 left.
func TestMaxForwards(t *testing.T) {
	for value, status := range map[string]int{
		"0": 200, "70": 200, "255": 200, "0068": 200, "256": 400, "300": 400, "-1": 400, "+1": 400, "1.5": 400, "": 400, "many": 400, "7 0": 400, "99999999999999999999": 400,
	} {
		t.Run(value, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				w.SendRaw([]byte(with("Max-Forwards", "Max-Forwards: "+value)))
				require.Equal(w, status, w.parsed().(*sip.Response).StatusCode)
			})
		})
	}
}

// Section 8.2.2.2: a request that has come by another way and is under way already is
// answered 482; one that comes again by the same way, or is inside a dialog, is not.
func TestMerged(t *testing.T) {
	for name, c := range map[string]struct {
		change func(req *sip.Request)
		accept bool // the first one before the second comes
		status int
	}{
		"another branch":           {func(r *sip.Request) { r.Via().Params = sip.HeaderParams{{K: "branch", V: "z9hG4bKother"}} }, false, 482},
		"another branch, answered": {func(r *sip.Request) { r.Via().Params = sip.HeaderParams{{K: "branch", V: "z9hG4bKother"}} }, true, 482},
		"another proxy":            {func(r *sip.Request) { r.Via().Host = "other.invalid" }, false, 482},
		"another Request-URI":      {func(r *sip.Request) { r.Recipient.User = "other"; r.Via().Host = "other.invalid" }, false, 482},
		"with Require":             {func(r *sip.Request) { r.Via().Host = "other.invalid"; r.AppendHeader(h("Require", "x")) }, false, 482},
		"the same again":           {func(*sip.Request) {}, false, 180},
		"another CSeq":             {func(r *sip.Request) { r.Via().Host = "other.invalid"; r.CSeq().SeqNo++ }, false, 180},
		"another From tag": {func(r *sip.Request) {
			r.Via().Host = "other.invalid"
			r.From().Params = sip.HeaderParams{{K: "tag", V: "z"}}
		}, false, 180},
		"another Call-ID": {func(r *sip.Request) { r.Via().Host = "other.invalid"; *r.CallID() = "z" }, false, 180},
		"inside a dialog that is not": {func(r *sip.Request) {
			r.Via().Host = "other.invalid"
			r.To().Params = sip.HeaderParams{{K: "tag", V: "z"}}
		}, false, 481},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.ring()
				calls := 1
				if c.accept {
					done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
					k.ok = w.ExpectResponse(w.T, 200)
					require.NoError(w, done())
					k.ack(k.invite, k.ok)
				}
				again := k.invite.Clone()
				c.change(again)
				w.Send(again)
				require.Equal(w, c.status, w.parsed().(*sip.Response).StatusCode)
				if c.status == 180 && name != "the same again" {
					calls++
				}
				require.Len(w, w.ua.Calls(), calls)
			})
		})
	}
	// What is answered at once is never under way: the second one is answered like the
	// first.
	for _, method := range []string{"OPTIONS", "BYE", "SUBSCRIBE", "DANCE"} {
		t.Run(method, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				text := as(method, "sip:1001@example.com", "SIP/2.0")
				w.SendRaw([]byte(text))
				first := w.parsed().(*sip.Response).StatusCode
				w.SendRaw([]byte(strings.Replace(text, "peer.invalid;", "other.invalid;", 1)))
				require.Equal(w, first, w.parsed().(*sip.Response).StatusCode)
			})
		})
	}
}

// Section 7: SIP is UTF-8, in names, reasons and bodies. It comes to the application as
// it was, without what would disturb the text around it.
func TestUTF8(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		w.SendRaw([]byte(invitation(t, "Via: SIP/2.0/WSS peer.invalid;branch=z9hG4bK1", "From: \"Жанна \u202e\\\"大\\\" \xf0\x9f\x93\x9e\" <sip:%D0%96@peer.invalid>;tag=1",
			"To: <sip:1001@example.com>", "Call-ID: a", "CSeq: 1 INVITE", "Contact: <sip:a@192.0.2.7>", "Content-Type: application/sdp", "Subject: \u5927")))
		res := w.parsed()
		require.Equal(w, sipua.Identity{DisplayName: "Жанна \"大\" 📞", URI: "sip:%D0%96@peer.invalid", User: "Ж"}, w.ua.Calls()[0].Remote())
		require.Equal(w, "Жанна \u202e\"大\" 📞", message.DisplayName(res.From().DisplayName), "the answer has what came")

		call := w.callOut()
		req := w.ExpectRequest(w.T, "INVITE")
		w.Respond(req, 486, "Всё занято \u2028\xff!")
		require.Equal(w, "Всё занято !", w.end(call).Reason)
	})
}

// Sections 20.10 and 10.2.4: a registrar may list the bindings in one line or several;
// ours is the one with our address.
func TestContactsOfRegistrar(t *testing.T) {
	for _, separator := range []string{", ", "\r\nm: "} {
		play(t, func(w *world) {
			done := begin(func() error { return w.ua.Register(w.Context()) })
			req := w.ExpectRequest(w.T, "REGISTER")
			list := strings.Join([]string{
				`"Another, \"phone\"" <sip:a@192.0.2.1>;expires=3600;+sip.instance="<urn:uuid:1,2;3>"`,
				"<" + req.Contact().Address.String() + `>;q=0.5;pub-gruu="sip:1001@example.com;gr=a,b";expires=300`,
				"sip:b@192.0.2.2;expires=7200",
			}, separator)
			res := w.NewResponse(req, 200, "OK")
			w.SendRaw([]byte(strings.Replace(res.String(), "\r\nCSeq", "\r\nContact: "+list+"\r\nCSeq", 1)))
			require.NoError(w, done())
			require.Equal(w, "registered 5m0s", w.story()[1])
		})
	}
}

// Section 20.44: the commas of a challenge are its own. Several challenges come in
// several lines.
func TestChallengesAreNotSplit(t *testing.T) {
	play(t, func(w *world) {
		done := begin(func() error { return w.ua.Register(w.Context()) })
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 401, "Unauthorized",
			h("WWW-Authenticate", `Bearer realm="a, b"`),
			h("WWW-Authenticate", `Digest realm="a, \"b\"",nonce="n,1",opaque="o, p",qop="auth,auth-int", algorithm=SHA-256`),
			h("www-authenticate", `Digest realm="a, \"b\"", nonce="n,2", algorithm=MD5`))
		req = w.ExpectRequest(w.T, "REGISTER")
		require.Len(w, values(req, "Authorization"), 1)
		for _, part := range []string{`realm="a, \"b\""`, `nonce="n,1"`, `opaque="o, p"`, "qop=auth,", "algorithm=SHA-256"} {
			require.Contains(w, value(req, "Authorization")+",", part)
		}
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
}

// Section 21.4.6 and 21.4.13: what is refused says what would not be.
func TestRefusalsSayWhatIsTaken(t *testing.T) {
	play(t, func(w *world) {
		k := w.incoming()
		k.request("PUBLISH")
		require.Equal(w, allowed, value(w.ExpectResponse(w.T, 405), "Allow"))
		re := k.NewInDialogRequest("INVITE", k.invite, k.ok)
		setContent(re, "multipart/mixed;boundary=b", "x")
		k.Send(re)
		w.ExpectResponse(w.T, 400)
		re = k.NewInDialogRequest("INVITE", k.invite, k.ok, h("Accept", "text/plain"))
		sipuatest.SetSDP(re, k.farOffer(false))
		k.Send(re)
		w.ExpectResponse(w.T, 406)
		require.NoError(w, k.far.Rollback(w.Context()))
		require.Equal(w, sipua.Established, k.call.State())
		k.bye()
	})
}
