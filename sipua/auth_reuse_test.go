package sipua_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// ask answers req with a challenge for each of values.
func (w *world) ask(req *sip.Request, status int, values ...string) {
	w.Helper()
	name := "WWW-Authenticate"
	if status == 407 {
		name = "Proxy-Authenticate"
	}
	var headers []sip.Header
	for _, v := range values {
		headers = append(headers, h(name, v))
	}
	w.Respond(req, status, "Who", headers...)
	if req.Method == sip.INVITE {
		w.ExpectRequest(w.T, "ACK")
	}
}

// known makes a realm known: a REGISTER that is challenged, and taken.
func (w *world) known(status int, challenge string) {
	w.Helper()
	req, done := w.registering()
	w.ask(req, status, challenge)
	req = w.ExpectRequest(w.T, "REGISTER")
	w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"))
	require.NoError(w, done())
}

// refuse a call, so that the test is over.
func (w *world) refuse(invite *sip.Request) {
	w.Helper()
	w.Respond(invite, 486, "Busy Here")
	w.ExpectRequest(w.T, "ACK")
	synctest.Wait()
}

// RFC 3261 section 22.1 to 22.3: two realms in turn, and the next request of the same
// kind has both in its first attempt.
func TestTwoRealmsThenNoRoundTrip(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.ask(req, 401, `Digest realm="end", nonce="e", qop="auth", algorithm=SHA-256`)
		req = w.ExpectRequest(w.T, "REGISTER")
		w.ask(req, 407, `Digest realm="proxy", nonce="p", qop="auth"`)
		req = w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "00000002", checkDigest(w.T, req, "Authorization", "1001", "secret")["nc"])
		require.Equal(w, "00000001", checkDigest(w.T, req, "Proxy-Authorization", "1001", "secret")["nc"])
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())

		req, done = w.registering()
		require.Equal(w, "00000003", checkDigest(w.T, req, "Authorization", "1001", "secret")["nc"])
		require.Equal(w, "00000002", checkDigest(w.T, req, "Proxy-Authorization", "1001", "secret")["nc"])
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
}

// Section 16.7 item 7: a proxy that forked gathers the challenges of all branches, of
// ends and proxies, in one response of either status.
func TestForkedChallengesAreAnsweredAtOnce(t *testing.T) {
	for _, status := range []int{401, 407} {
		play(t, func(w *world) {
			req, done := w.registering()
			w.Respond(req, status, "Who",
				h("WWW-Authenticate", `Digest realm="a", nonce="1"`), h("WWW-Authenticate", `Digest realm="b", nonce="2", algorithm=SHA-256`), h("WWW-Authenticate", `Digest realm="b", nonce="3", algorithm=MD5`),
				h("Proxy-Authenticate", `Digest realm="a", nonce="4"`), h("Proxy-Authenticate", `Digest realm="c", nonce="5"`))
			req = w.ExpectRequest(w.T, "REGISTER")
			var got []string
			for _, name := range []string{"Authorization", "Proxy-Authorization"} {
				for _, v := range values(req, name) {
					p := digestParams(w, v)
					got = append(got, name+" "+p["realm"]+p["nonce"])
				}
			}
			require.Equal(w, []string{"Authorization a1", "Authorization b2", "Proxy-Authorization a4", "Proxy-Authorization c5"}, got)
			w.Respond(req, 200, "OK", req.Contact())
			require.NoError(w, done())
		})
	}
}

// Many realms one after the other are no loop; a realm that nobody can answer beside
// one that is always stale is.
func TestManyRealmsInTurn(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		for i := range 9 {
			w.ask(req, 407, fmt.Sprintf(`Digest realm="r%d", nonce="n"`, i))
			req = w.ExpectRequest(w.T, "REGISTER")
			require.Len(w, values(req, "Proxy-Authorization"), i+1)
		}
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
	play(t, func(w *world) {
		req, done := w.registering()
		for i := range 5 {
			w.ask(req, 401, fmt.Sprintf(`Digest realm="x%d", nonce="n", qop="future"`, i), fmt.Sprintf(`Digest realm="r", nonce="n%d", stale=true`, i))
			req = w.ExpectRequest(w.T, "REGISTER")
		}
		w.ask(req, 401, `Digest realm="r", nonce="n", stale=true`)
		typed(w, done(), sipua.CodeUnauthorized, 401)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// What servers can make us remember and send is bounded, and does not keep us from
// answering one that is new.
func TestRealmsAreBounded(t *testing.T) {
	play(t, func(w *world) {
		for i := range 3 {
			req, done := w.registering()
			require.Len(w, values(req, "Proxy-Authorization"), min(i, 1)*16)
			var many []string
			for j := range 40 {
				many = append(many, fmt.Sprintf(`Digest realm="r%d-%d", nonce="n"`, i, j))
			}
			w.ask(req, 407, many...)
			req = w.ExpectRequest(w.T, "REGISTER")
			require.Len(w, values(req, "Proxy-Authorization"), min(i, 1)*16+16)
			w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"))
			require.NoError(w, done())
		}
	})
}

// RFC 7616 section 3.6 with RFC 3261 section 22.1: REGISTER and calls to our own
// domain share a space, another host is another one, a proxy's realm goes everywhere.
func TestProtectionSpaces(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		target string
		goes   bool
	}{
		"401, own domain":               {401, "1002", true},
		"401, own domain in capitals":   {401, "sip:1002@EXAMPLE.com", true},
		"401, another domain":           {401, "sip:1002@example.org", false},
		"401, another port":             {401, "sip:1002@example.com:5070", false},
		"401, a domain that ends alike": {401, "sip:1002@evil.example.com", false},
		"407, own domain":               {407, "1002", true},
		"407, another domain":           {407, "sip:1002@example.org", true},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.known(c.status, `Digest realm="r", nonce="n", qop="auth"`)
				_, err := w.ua.Call(c.target, sipua.CallOptions{})
				require.NoError(w, err)
				invite := w.ExpectRequest(w.T, "INVITE")
				reply, other := "Authorization", "Proxy-Authorization"
				if c.status == 407 {
					reply, other = other, reply
				}
				require.Empty(w, values(invite, other))
				if c.goes {
					p := checkDigest(w.T, invite, reply, "1001", "secret")
					require.Equal(w, "00000002", p["nc"])
				} else {
					require.Empty(w, values(invite, reply))
				}
				w.refuse(invite)
			})
		})
	}
}

// Requests that overlap share the count of a nonce, also when both were challenged
// with it, so that no count is used twice (RFC 7616 section 3.4).
func TestNonceCountGrowsAcrossRequests(t *testing.T) {
	play(t, func(w *world) {
		const challenge = `Digest realm="r", nonce="same", qop="auth"`
		w.connect()
		register, done := w.registering()
		_, err := w.ua.Call("1002", sipua.CallOptions{})
		require.NoError(w, err)
		invite := w.ExpectRequest(w.T, "INVITE")
		w.ask(register, 407, challenge)
		register = w.ExpectRequest(w.T, "REGISTER")
		w.ask(invite, 407, challenge)
		invite = w.ExpectRequest(w.T, "INVITE")
		a := checkDigest(w.T, register, "Proxy-Authorization", "1001", "secret")
		b := checkDigest(w.T, invite, "Proxy-Authorization", "1001", "secret")
		require.Equal(w, []string{"00000001", "00000002"}, []string{a["nc"], b["nc"]})
		require.Equal(w, a["cnonce"], b["cnonce"])
		w.Respond(invite, 180, "Ringing") // it was taken: others need not wait for the end of the call
		w.Respond(register, 200, "OK", contactWith(register, ";expires=3600"))
		require.NoError(w, done())
		for i := range 3 {
			register, done = w.registering()
			require.Equal(w, fmt.Sprintf("%08x", i+3), checkDigest(w.T, register, "Proxy-Authorization", "1001", "secret")["nc"])
			w.Respond(register, 200, "OK", contactWith(register, ";expires=3600"))
			require.NoError(w, done())
		}
		w.refuse(invite)
	})
}

// Of two nonces that were answered at the same time the later one stays, in whatever
// order the servers take them.
func TestLaterNonceStays(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		register, done := w.registering()
		_, err := w.ua.Call("1002", sipua.CallOptions{})
		require.NoError(w, err)
		invite := w.ExpectRequest(w.T, "INVITE")
		w.ask(register, 407, `Digest realm="r", nonce="older"`)
		register = w.ExpectRequest(w.T, "REGISTER")
		w.ask(invite, 407, `Digest realm="r", nonce="newer"`)
		invite = w.ExpectRequest(w.T, "INVITE")
		w.refuse(invite)
		w.Respond(register, 200, "OK", contactWith(register, ";expires=3600"))
		require.NoError(w, done())
		register, done = w.registering()
		require.Equal(w, "newer", checkDigest(w.T, register, "Proxy-Authorization", "1001", "secret")["nonce"])
		w.Respond(register, 200, "OK", contactWith(register, ";expires=3600"))
		require.NoError(w, done())
	})
}

// A connection to another server of the same domain keeps what is known.
func TestSpacesOutliveTheConnection(t *testing.T) {
	play(t, func(w *world) {
		w.known(401, `Digest realm="r", nonce="n", qop="auth"`)
		w.Drop(1001, "going away")
		synctest.Wait()
		w.Refuse(fmt.Errorf("down"))
		req, done := w.registering()
		require.Equal(w, "00000002", checkDigest(w.T, req, "Authorization", "1001", "secret")["nc"])
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	}, func(c *sipua.Config) {
		c.Servers = []sipua.Server{{URL: "wss://a.example.com"}, {URL: "wss://b.example.com"}}
	})
}

// Section 22.1: the ACK to a 2xx has the credentials of its INVITE, and CANCEL, which
// nobody may challenge, has none.
func TestAckAndCancelAfterReuse(t *testing.T) {
	play(t, func(w *world) {
		w.known(407, `Digest realm="r", nonce="n", qop="auth"`)
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()))
		ack := w.ExpectRequest(w.T, "ACK")
		require.Len(w, values(ack, "Proxy-Authorization"), 1)
		require.Equal(w, values(invite, "Proxy-Authorization"), values(ack, "Proxy-Authorization"))
		require.NoError(w, call.Answered(w.Context()))
		hungUp := begin(func() error { return call.Hangup(w.Context()) })
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, "00000003", checkDigest(w.T, bye, "Proxy-Authorization", "1001", "secret")["nc"])
		w.Respond(bye, 200, "OK")
		require.NoError(w, hungUp())

		call = w.callOut()
		invite = w.ExpectRequest(w.T, "INVITE")
		require.Len(w, values(invite, "Proxy-Authorization"), 1)
		w.Respond(invite, 180, "Ringing")
		synctest.Wait()
		hungUp = begin(func() error { return call.Hangup(w.Context()) })
		cancel := w.ExpectRequest(w.T, "CANCEL")
		require.Empty(w, values(cancel, "Proxy-Authorization"))
		w.Respond(cancel, 200, "OK")
		w.Respond(invite, 487, "Request Terminated")
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, hungUp())
	})
}

// RFC 7616 section 3.4.3: the server offers nothing but auth-int, with a body and
// without one, and the first attempt of the next call hashes its own body.
func TestAuthInt(t *testing.T) {
	for _, algorithm := range []string{"MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"} {
		play(t, func(w *world) {
			w.known(407, `Digest realm="r", nonce="n", qop="auth-int", algorithm=`+algorithm)
			for i := range 2 {
				_, err := w.ua.Call("1002", sipua.CallOptions{Headers: []sipua.Header{{Name: "Subject", Value: fmt.Sprint(i)}}})
				require.NoError(w, err)
				invite := w.ExpectRequest(w.T, "INVITE")
				require.NotEmpty(w, invite.Body())
				p := checkDigest(w.T, invite, "Proxy-Authorization", "1001", "secret")
				require.Equal(w, []string{"auth-int", algorithm, fmt.Sprintf("%08x", i+2)}, []string{p["qop"], p["algorithm"], p["nc"]})
				w.refuse(invite)
			}
			req, done := w.registering()
			require.Empty(w, req.Body())
			require.Equal(w, "auth-int", checkDigest(w.T, req, "Proxy-Authorization", "1001", "secret")["qop"])
			w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"))
			require.NoError(w, done())
		})
	}
}

// RFC 8760 section 2.4: what is too weak is not answered, and the error names the
// algorithm and the option.
func TestMinDigest(t *testing.T) {
	const md5, sha256, sha512 = `Digest realm="r", nonce="1"`, `Digest realm="r", nonce="2", algorithm=SHA-256`, `Digest realm="r", nonce="3", algorithm=SHA-512-256`
	for name, c := range map[string]struct {
		least   sipua.DigestAlgorithm
		offered []string
		want    string // nonce; "" for a refusal
		reason  string
	}{
		"MD5 by default":     {sipua.DigestMD5, []string{md5}, "1", ""},
		"MD5 refused":        {sipua.DigestSHA256, []string{md5}, "", "the server offers MD5, and Config.MinDigest asks for SHA-256 at least"},
		"SHA-256 allowed":    {sipua.DigestSHA256, []string{md5, sha256}, "2", ""},
		"SHA-256 refused":    {sipua.DigestSHA512256, []string{sha256}, "", "the server offers SHA-256, and Config.MinDigest asks for SHA-512-256 at least"},
		"the strongest wins": {sipua.DigestMD5, []string{md5, sha512, sha256}, "3", ""},
		"MD5-sess is MD5":    {sipua.DigestSHA256, []string{`Digest realm="r", nonce="1", algorithm=MD5-sess, qop="auth"`}, "", "the server offers MD5-sess, and Config.MinDigest asks for SHA-256 at least"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.ask(req, 401, c.offered...)
				if c.want == "" {
					e := typed(w, done(), sipua.CodeUnauthorized, 401)
					require.Equal(w, c.reason, e.Reason)
					w.ExpectNothing(w.T, time.Minute)
					return
				}
				req = w.ExpectRequest(w.T, "REGISTER")
				require.Equal(w, c.want, checkDigest(w.T, req, "Authorization", "1001", "secret")["nonce"])
				w.Respond(req, 200, "OK", req.Contact())
				require.NoError(w, done())
			}, func(cfg *sipua.Config) { cfg.MinDigest = c.least })
		})
	}
	_, err := sipua.New(sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}, MinDigest: 9})
	typed(t, err, sipua.CodeInvalidArgument, 0)
	require.Equal(t, "SHA-256 MD5 SHA-512-256 unknown", strings.Trim(fmt.Sprint(sipua.DigestSHA256, sipua.DigestMD5, sipua.DigestSHA512256, sipua.DigestAlgorithm(9)), "[]"))
}

// One hash for each realm and algorithm.
func TestHA1OfSeveralRealms(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.ask(req, 407, `Digest realm="a", nonce="1", qop="auth"`)
		req = w.ExpectRequest(w.T, "REGISTER")
		checkDigest(w.T, req, "Proxy-Authorization", "1001", "pa")
		w.ask(req, 401, `Digest realm="b", nonce="2", qop="auth", algorithm=SHA-256`)
		req = w.ExpectRequest(w.T, "REGISTER")
		checkDigest(w.T, req, "Authorization", "1001", "pb")
		w.ask(req, 407, `Digest realm="c", nonce="3", qop="auth"`)
		e := typed(w, done(), sipua.CodeUnauthorized, 407)
		require.ErrorContains(w, e, `"c"`)
	}, func(c *sipua.Config) {
		c.Credentials = sipua.Credentials{HA1: []sipua.HA1{
			{Realm: "a", Hash: digestHash(t, "MD5")("1001", "a", "pa")},
			{Realm: "b", Algorithm: "SHA-256", Hash: digestHash(t, "SHA-256")("1001", "b", "pb")},
		}}
	})
}

// A server that gives the same nonce again goes on with its count, and gets back what
// else its newest challenge says.
func TestSameNonceAgain(t *testing.T) {
	play(t, func(w *world) {
		w.known(401, `Digest realm="r", nonce="n", qop="auth", opaque="old"`)
		req, done := w.registering()
		w.ask(req, 401, `Digest realm="r", nonce="n", qop="auth", opaque="new"`)
		req = w.ExpectRequest(w.T, "REGISTER")
		p := checkDigest(w.T, req, "Authorization", "1001", "secret")
		require.Equal(w, []string{"00000003", "new"}, []string{p["nc"], p["opaque"]})
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
}
