package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// The other half of peers_defects_test.go: authentication, timers, reliability, registration,
// parsing.

// Both know MD5 alone: a server that asks for more (RFC 8760) never lets them in.
func TestPeersKnowMD5Alone(t *testing.T) {
	for _, algorithm := range []string{"MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"} {
		t.Run(algorithm, func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.ask(req, 401, `Digest realm="r", nonce="n", qop="auth", algorithm=`+algorithm)
				req = w.ExpectRequest(w.T, "REGISTER")
				require.Equal(w, algorithm, checkDigest(w.T, req, "Authorization", "1001", "secret")["algorithm"])
				w.Respond(req, 200, "OK", req.Contact())
				require.NoError(w, done())
			})
		})
	}
}

// Both give up when the proxy and then the end ask (RFC 3261 section 22.3).
func TestPeersGiveUpAtASecondRealm(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		w.ask(k.invite, 407, `Digest realm="proxy", nonce="p", qop="auth"`)
		k.invite = w.ExpectRequest(w.T, "INVITE")
		w.ask(k.invite, 401, `Digest realm="end", nonce="e", qop="auth"`)
		k.invite = w.ExpectRequest(w.T, "INVITE")
		checkDigest(w.T, k.invite, "Proxy-Authorization", "1001", "secret")
		checkDigest(w.T, k.invite, "Authorization", "1001", "secret")
		w.refuse(k.invite)
	})
	play(t, func(w *world) {
		req, done := w.registering()
		w.ask(req, 407, `Digest realm="proxy", nonce="p", qop="auth"`)
		w.ask(w.ExpectRequest(w.T, "REGISTER"), 401, `Digest realm="end", nonce="e", qop="auth"`)
		req = w.ExpectRequest(w.T, "REGISTER")
		checkDigest(w.T, req, "Proxy-Authorization", "1001", "secret")
		checkDigest(w.T, req, "Authorization", "1001", "secret")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
}

// Of several challenges both take the last, known or not (RFC 8760 section 2.4: the first that
// is supported; we take the strongest).
func TestPeersTakeTheLastChallenge(t *testing.T) {
	const md5, sha, unknown = `Digest realm="r", nonce="5", algorithm=MD5, qop="auth"`, `Digest realm="r", nonce="6", algorithm=SHA-256, qop="auth"`, `Digest realm="r", nonce="7", algorithm=WHIRLPOOL`
	for name, c := range map[string]struct {
		offered []string
		nonce   string
	}{
		"MD5 first":     {[]string{md5, sha}, "6"},
		"SHA-256 first": {[]string{sha, md5}, "6"},
		"unknown last":  {[]string{md5, unknown}, "5"},
		"another last":  {[]string{md5, `NTLM realm="r"`}, "5"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.ask(req, 401, c.offered...)
				req = w.ExpectRequest(w.T, "REGISTER")
				require.Equal(w, c.nonce, checkDigest(w.T, req, "Authorization", "1001", "secret")["nonce"])
				w.Respond(req, 200, "OK", req.Contact())
				require.NoError(w, done())
			})
		})
	}
}

// SIP.js hashes an empty body for auth-int, so that no INVITE with a description passes (RFC
// 7616 section 3.4.3).
func TestSIPjsHashesAnEmptyBodyForAuthInt(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		w.ask(k.invite, 407, `Digest realm="r", nonce="n", qop="auth-int"`)
		k.invite = w.ExpectRequest(w.T, "INVITE")
		require.NotEmpty(w, k.invite.Body())
		require.Equal(w, "auth-int", checkDigest(w.T, k.invite, "Proxy-Authorization", "1001", "secret")["qop"])
		w.refuse(k.invite)
	})
}

// Both let each request be challenged anew: every call and every refresh takes a round trip
// more than it needs (RFC 7616 section 3.4.5).
func TestPeersNeverReuseANonce(t *testing.T) {
	play(t, func(w *world) {
		w.known(401, `Digest realm="r", nonce="n", qop="auth"`)
		for _, nc := range []string{"00000002", "00000003"} {
			req, done := w.registering()
			p := checkDigest(w.T, req, "Authorization", "1001", "secret")
			require.Equal(w, []string{"n", nc}, []string{p["nonce"], p["nc"]})
			w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"))
			require.NoError(w, done())
		}
	})
}

// SIP.js has no session timer: a call whose other side vanished stays for ever, and one that a
// server wants refreshed is cut (RFC 4028).
func TestSIPjsHasNoSessionTimer(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		require.NotEmpty(w, value(k.invite, "Session-Expires"))
		require.Contains(w, value(k.invite, "Supported"), "timer")
		k.says(k.invite, 200, "OK", k.answerTo(k.invite), farTakes, h("Require", "timer"), h("Session-Expires", "120;refresher=uac"))
		w.ExpectRequest(w.T, "ACK")
		begun := time.Now()
		refresh := w.ExpectRequest(w.T, "UPDATE")
		require.Equal(w, time.Minute, time.Since(begun))
		w.Respond(refresh, 200, "OK", h("Session-Expires", "120;refresher=uas"))
		// Now it is theirs to refresh, and they are gone.
		begun = time.Now()
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, 88*time.Second, time.Since(begun))
		w.Respond(bye, 481, "Gone")
		require.Equal(w, sipua.System, w.end(k.call).By)
	})
}

// SIP.js answers UPDATE with 405 although servers refresh sessions and show identities by it
// (RFC 3311).
func TestSIPjsAnswersUpdateWith405(t *testing.T) {
	both(t, func(k *talk) {
		require.Contains(k, value(k.ok, "Allow")+value(k.invite, "Allow"), "UPDATE")
		k.update("")
		k.ExpectResponse(k.T, 200)
		k.update(k.farOffer(true))
		ok := k.ExpectResponse(k.T, 200)
		k.applies(ok)
		synctest.Wait()
		require.True(k, k.call.OnHold(sipua.Remote))
		k.bye()
	})
}

// JsSIP fails a call that is answered 422, and never says a Min-SE (RFC 4028 section 7.4).
func TestJsSIPFailsTheCallAt422(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		w.Respond(k.invite, 422, "Session Interval Too Small", h("Min-SE", "3600"))
		w.ExpectRequest(w.T, "ACK")
		again := w.ExpectRequest(w.T, "INVITE")
		require.Equal(w, "3600", value(again, "Session-Expires"))
		require.Equal(w, "3600", value(again, "Min-SE"))
		require.Equal(w, k.invite.CSeq().SeqNo+1, again.CSeq().SeqNo)
		require.Equal(w, k.invite.CallID().Value(), again.CallID().Value())
		w.RespondSDP(again, 200, "OK", k.answerTo(again))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
	})
}

// JsSIP asks for 90 s, the least that there is, which many servers answer 422 (RFC 4028
// section 4 advises 30 minutes).
func TestJsSIPAsksForNinetySeconds(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		require.Equal(w, "1800", strings.Split(value(k.invite, "Session-Expires"), ";")[0])
		w.refuse(k.invite)
	})
}

// JsSIP leaves a refresh out when another transaction is open at that moment, and never arms it
// again: the other side ends the call.
func TestJsSIPSkipsTheRefreshForEver(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.says(k.invite, 200, "OK", k.answerTo(k.invite), h("Require", "timer"), h("Session-Expires", "120;refresher=uac"))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		time.Sleep(59 * time.Second)
		re, done := k.hold()
		time.Sleep(2 * time.Second) // it is due, and the hold is open
		w.Respond(re, 488, "Not Acceptable Here")
		w.ExpectRequest(w.T, "ACK")
		typed(w, done(), sipua.CodeRejected, 488)
		for range 3 {
			w.RespondSDP(w.ExpectRequest(w.T, "INVITE"), 200, "OK", k.far.LocalSDP(), h("Session-Expires", "120;refresher=uac"))
			w.ExpectRequest(w.T, "ACK")
		}
		require.Equal(w, sipua.Established, k.call.State())
		k.bye()
	})
}

// JsSIP does not see Require: 100rel, and the response is sent again and again until the other
// side gives up (RFC 3262 section 4).
func TestJsSIPIgnoresReliableResponses(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.provides(180, "", reliable(7)...)
		w.Respond(k.prackOf(k.ok), 200, "OK")
		require.True(w, last[sipua.CallRinging](w).Reliable)
		w.refuse(k.invite)
	})
	play(t, func(w *world) {
		k := w.ringReliably(h("Require", "100rel"), farTakes)
		k.prack(k.ok, "")
		w.ExpectResponse(w.T, 200)
		w.ack486(k)
	})
}

// ringReliably plays a call to us up to a reliable 180.
func (w *world) ringReliably(headers ...sip.Header) *talk {
	w.Helper()
	k := w.ring(headers...)
	require.Contains(w, value(k.ok, "Require"), "100rel")
	require.NotEmpty(w, value(k.ok, "RSeq"))
	return k
}

// SIP.js knows reliable responses and does not say so unless it is told to: gateways that need
// them lose their early media.
func TestSIPjsHasReliableResponsesSwitchedOff(t *testing.T) {
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		require.Contains(w, value(k.invite, "Supported"), "100rel")
		require.Contains(w, value(k.invite, "Allow"), "PRACK")
		w.refuse(k.invite)
		w.earlyCall().farAnswers()
	})
}

// Neither wakes a sleeping device: the parameters of RFC 8599 belong into the URI.
func TestPeersSendNoPushParameters(t *testing.T) {
	play(t, func(w *world) {
		uri, _, _ := strings.Cut(value(w.register(), "Contact"), ">")
		require.Contains(w, uri, ";pn-provider=webpush")
		require.Contains(w, uri, ";pn-prid=abc")
	}, func(c *sipua.Config) { c.Push = &sipua.Push{Provider: "webpush", PRID: "abc"} })
}

// Neither sends its requests the way that the registrar has named (RFC 3608).
func TestPeersIgnoreServiceRoute(t *testing.T) {
	play(t, func(w *world) {
		w.registerWith(";expires=600", h("Service-Route", "<sip:p1.example.com;lr>"), h("Service-Route", "<sip:p2.example.com;lr>"))
		k := w.dial(sipua.CallOptions{})
		require.Equal(w, []string{"<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"}, values(k.invite, "Route"))
		w.refuse(k.invite)
	})
}

// Both have one connection and are unreachable while it is made again; RFC 5626 section 4.2 has
// several.
func TestPeersKeepOneFlow(t *testing.T) {
	play(t, func(w *world) {
		w.outbound()
		w.On(urlA).OnDial(refused)
		w.On(urlA).Drop(1006, "")
		synctest.Wait()
		invite := w.NewRequest("INVITE", "sip:1001@example.com")
		w.On(urlB).Send(invite)
		w.On(urlB).ExpectResponse(w.T, 180)
		call := last[sipua.IncomingCall](w).Call
		reject := begin(func() error { return call.Reject(w.Context(), 486) })
		w.On(urlB).Send(w.NewInDialogRequest("ACK", invite, w.On(urlB).ExpectResponse(w.T, 486)))
		require.NoError(w, reject())
	}, flows(2))
}

// Neither heeds how often the server wants a sign of life (RFC 5626 section 4.4.1).
func TestPeersIgnoreFlowTimer(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 200, "OK", contactWith(req, ";expires=86400"), h("Flow-Timer", "10"), h("Require", "outbound"))
		require.NoError(w, done())
		w.forget()
		time.Sleep(10 * time.Second)
		crlf, _ := w.pings()
		require.Equal(w, 1, crlf)
	}, keepAlive)
}

// Neither says who was called first (RFC 7044), nor whether the number is proved (verstat).
func TestPeersReadNeitherHistoryNorVerstat(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(h("History-Info", "<sip:sales@example.com>;index=1"), h("History-Info", "<sip:1001@example.com;cause=302>;index=1.1"),
			h("P-Asserted-Identity", "<sip:+15551234567;verstat=TN-Validation-Passed@example.com;user=phone>"))
		require.Equal(w, "sales", k.call.Caller().Original().User)
		require.Equal(w, "TN-Validation-Passed", k.call.Caller().Verstat)
		w.ack486(k)
	})
}

// JsSIP ignores a 200 to REGISTER without Contact and arms no timer: it believes itself
// registered until nobody reaches it any more. SIP.js stays in "already in progress" for ever.
func TestPeersHangOnARegistrationWithoutContact(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 200, "OK", h("Expires", "600"))
		require.NoError(w, done())
		begun := time.Now()
		again := w.ExpectRequest(w.T, "REGISTER")
		require.Less(w, time.Since(begun), 600*time.Second, "it is refreshed in time")
		w.Respond(again, 200, "OK")
		w.register() // and whoever asks for another one gets it
	})
}

// JsSIP answers 481 to a NOTIFY that comes before the 200 to its SUBSCRIBE (RFC 6665 section
// 4.1.2.4).
func TestJsSIPRefusesTheFirstNotify(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		k.notify("active;expires=600", "<open/>") // takes the 200
		require.NoError(w, k.s.Active(w.Context()))
		k.Send(k.ok)
		synctest.Wait()
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
	})
}

// JsSIP drops what it cannot parse without a word, and the server takes it for dead (RFC 3261
// section 18.3, RFC 4475 section 3.1.2).
func TestJsSIPIsSilentAboutWhatItCannotParse(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		for _, text := range []string{with("CSeq", "CSeq: 1 INVITE"), with("To", "To: <sip:1001@example.com"), with("Max-Forwards", "Max-Forwards: many")} {
			w.SendRaw([]byte(text))
			require.Regexp(w, "^SIP/2.0 400 ", string(w.ExpectMessage(w.T)))
		}
		w.alive()
	})
}

// SIP.js takes 3 ms for one INVITE, which it parses again for every header; in that time its
// page stands still. The bound is far from what we need, so that no busy machine fails it.
func TestSIPjsParsesAnInviteInMilliseconds(t *testing.T) {
	tmpl := benchMessage(t, "invite")
	best := time.Hour
	for range 5 {
		begun := time.Now()
		for i := range 50 {
			_, err := sip.ParseMessage(tmpl.with(i))
			require.NoError(t, err)
		}
		best = min(best, time.Since(begun)/50)
	}
	require.Less(t, best, time.Millisecond)
}
