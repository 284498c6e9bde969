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

// infoName is the header that tells about credentials in the header named.
func infoName(credentials string) string {
	return strings.Replace(credentials, "orization", "entication-Info", 1)
}

// prove answers req with a 200 whose proof is right.
func (w *world) prove(req *sip.Request, credentials, more string) {
	w.Helper()
	p := digestParams(w, value(req, credentials))
	w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"), h(infoName(credentials),
		fmt.Sprintf(`qop=%s, rspauth="%s", cnonce="%s", nc=%s`, p["qop"], rspauth(w, value(req, credentials), "secret", ""), p["cnonce"], p["nc"])+more))
}

// RFC 7616 section 3.5: the proof of the server, with both qops and all algorithms.
func TestRspauthRight(t *testing.T) {
	for status, names := range map[int][2]string{401: {"WWW-Authenticate", "Authorization"}, 407: {"Proxy-Authenticate", "Proxy-Authorization"}} {
		for _, qop := range []string{"auth", "auth-int"} {
			for _, algorithm := range []string{"MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"} {
				play(t, func(w *world) {
					req, done := w.registering()
					w.ask(req, status, fmt.Sprintf(`Digest realm="r", nonce="n", qop="%s", algorithm=%s`, qop, algorithm))
					w.prove(w.ExpectRequest(w.T, "REGISTER"), names[1], "")
					require.NoError(w, done())
					req, done = w.registering() // and of an answer in the first attempt
					w.prove(req, names[1], "")
					require.NoError(w, done())
				})
			}
		}
	}
}

// A server that does not know the password cannot make the proof.
func TestRspauthWrong(t *testing.T) {
	for name, info := range map[string]func(w *world, req *sip.Request) string{
		"garbage":             func(*world, *sip.Request) string { return `rspauth="00", qop=auth` },
		"of another password": func(w *world, req *sip.Request) string { return wrongProof(w, req, "guess", nil) },
		"of another count": func(w *world, req *sip.Request) string {
			return wrongProof(w, req, "secret", map[string]string{"nc": "00000002"})
		},
		"of another cnonce": func(w *world, req *sip.Request) string {
			return wrongProof(w, req, "secret", map[string]string{"cnonce": "x"})
		},
		"our response mirrored": func(w *world, req *sip.Request) string {
			return `rspauth="` + digestParams(w, value(req, "Authorization"))["response"] + `", qop=auth`
		},
		"of a body that is not there": func(w *world, req *sip.Request) string {
			credentials := strings.Replace(value(req, "Authorization"), "qop=auth", "qop=auth-int", 1)
			return `qop=auth-int, rspauth="` + rspauth(w, credentials, "secret", "forged") + `"`
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.ask(req, 401, `Digest realm="r", nonce="n", qop="auth"`)
				req = w.ExpectRequest(w.T, "REGISTER")
				w.Respond(req, 200, "OK", req.Contact(), h("Authentication-Info", info(w, req)))
				e := typed(w, done(), sipua.CodeUnauthorized, 200)
				require.Contains(w, e.Reason, "could not prove that it knows the password")
				w.ExpectNothing(w.T, time.Minute)
				req, done = w.registering()
				require.Empty(w, values(req, "Authorization"), "it is not remembered")
				w.Respond(req, 403, "Forbidden")
				require.Error(w, done())
			})
		})
	}
}

// wrongProof is that of a server with another password, or of another answer.
func wrongProof(w *world, req *sip.Request, password string, change map[string]string) string {
	credentials := value(req, "Authorization")
	p := digestParams(w, credentials)
	for name, v := range change {
		credentials = strings.Replace(credentials, name+"="+p[name], name+"="+v, 1)
		credentials = strings.Replace(credentials, name+`="`+p[name], name+`="`+v, 1)
	}
	return `qop=auth, rspauth="` + rspauth(w, credentials, password, "") + `"`
}

// What does not concern an answer of ours, or is garbage, says nothing.
func TestAuthenticationInfoWithoutMeaning(t *testing.T) {
	for name, info := range map[string]sip.Header{
		"empty":             h("Authentication-Info", ""),
		"garbage":           h("Authentication-Info", `rspauth="`),
		"of a proxy":        h("Proxy-Authentication-Info", `rspauth="00", qop=auth, nextnonce="x"`),
		"for another":       h("Authentication-Info", `nextnonce="x", cnonce="not ours"`),
		"without nextnonce": h("Authentication-Info", `nextnonce=""`),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.ask(req, 401, `Digest realm="r", nonce="n", qop="auth"`)
				req = w.ExpectRequest(w.T, "REGISTER")
				w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"), info)
				require.NoError(w, done())
				req, done = w.registering()
				p := checkDigest(w.T, req, "Authorization", "1001", "secret")
				require.Equal(w, []string{"n", "00000002"}, []string{p["nonce"], p["nc"]})
				w.Respond(req, 200, "OK", req.Contact())
				require.NoError(w, done())
			})
		})
	}
}

// RFC 7616 section 3.5: nextnonce replaces the nonce and the count begins anew. With
// several realms the client nonce tells which is meant.
func TestNextNonce(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 401, "Who", h("WWW-Authenticate", `Digest realm="a", nonce="a0", qop="auth"`), h("WWW-Authenticate", `Digest realm="b", nonce="b0", qop="auth"`))
		req = w.ExpectRequest(w.T, "REGISTER")
		cnonce := digestParams(w, values(req, "Authorization")[1])["cnonce"]
		w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"), h("Authentication-Info", fmt.Sprintf(`nextnonce="b1", cnonce="%s"`, cnonce)))
		require.NoError(w, done())
		req, done = w.registering()
		got := map[string]string{}
		for _, v := range values(req, "Authorization") {
			p := digestParams(w, v)
			got[p["nonce"]] = p["nc"]
		}
		require.Equal(w, map[string]string{"a0": "00000002", "b1": "00000001"}, got)
		w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"), h("Authentication-Info", `nextnonce="whose?"`))
		require.NoError(w, done())
		req, done = w.registering()
		require.NotContains(w, strings.Join(values(req, "Authorization"), ""), "whose?")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
}

// One nonce for each request, while requests overlap: what the server refuses is
// answered again, and an old response does not bring an old nonce back.
func TestNextNonceWhileRequestsOverlap(t *testing.T) {
	play(t, func(w *world) {
		w.known(407, `Digest realm="r", nonce="n0", qop="auth"`)
		register, done := w.registering()
		_, err := w.ua.Call("1002", sipua.CallOptions{})
		require.NoError(w, err)
		invite := w.ExpectRequest(w.T, "INVITE")
		w.Respond(register, 200, "OK", contactWith(register, ";expires=3600"), h("Proxy-Authentication-Info", `nextnonce="n1"`))
		require.NoError(w, done())
		w.ask(invite, 407, `Digest realm="r", nonce="n2", qop="auth"`) // n0 is over; it says no "stale"
		invite = w.ExpectRequest(w.T, "INVITE")
		p := checkDigest(w.T, invite, "Proxy-Authorization", "1001", "secret")
		require.Equal(w, []string{"n2", "00000001"}, []string{p["nonce"], p["nc"]})
		w.Respond(invite, 180, "Ringing", h("Proxy-Authentication-Info", `nextnonce="too early"`))
		synctest.Wait()
		register, done = w.registering()
		require.Equal(w, "n2", checkDigest(w.T, register, "Proxy-Authorization", "1001", "secret")["nonce"])
		w.Respond(register, 200, "OK", contactWith(register, ";expires=3600"), h("Proxy-Authentication-Info", `nextnonce="n3"`))
		require.NoError(w, done())
		w.refuse(invite) // of n2, after n3 has come
		register, done = w.registering()
		p = checkDigest(w.T, register, "Proxy-Authorization", "1001", "secret")
		require.Equal(w, []string{"n3", "00000001"}, []string{p["nonce"], p["nc"]})
		w.Respond(register, 200, "OK", contactWith(register, ";expires=3600"))
		require.NoError(w, done())
	})
}

// A 2xx to INVITE of a server that cannot prove itself has made a session all the
// same: it is acknowledged and ended.
func TestRspauthWrongInCall(t *testing.T) {
	play(t, func(w *world) {
		w.known(407, `Digest realm="r", nonce="n", qop="auth"`)
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		res := w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()), h("Proxy-Authentication-Info", `rspauth="00", qop=auth`))
		w.ExpectRequest(w.T, "ACK")
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, tag(value(res, "To")), tag(value(bye, "To")))
		w.Respond(bye, 200, "OK")
		typed(w, call.Answered(w.Context()), sipua.CodeUnauthorized, 200)
		require.Equal(w, sipua.CodeUnauthorized, sipua.Code(code(w.end(call).Err)))
		w.Send(res) // again: the ACK was lost
		w.ExpectRequest(w.T, "ACK")
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Of a re-INVITE as well; the call goes on as it was.
func TestRspauthWrongInReinvite(t *testing.T) {
	play(t, func(w *world) {
		w.known(407, `Digest realm="r", nonce="n", qop="auth"`)
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, call.Answered(w.Context()))
		held := begin(func() error { return call.Hold(w.Context()) })
		again := w.ExpectRequest(w.T, "INVITE")
		res := w.RespondSDP(again, 200, "OK", answer(w.T, again.Body()), h("Proxy-Authentication-Info", `rspauth="00", qop=auth`))
		for range 2 {
			ack := w.ExpectRequest(w.T, "ACK")
			require.Equal(w, again.Recipient.String(), ack.Recipient.String())
			require.Equal(w, again.CSeq().SeqNo, ack.CSeq().SeqNo)
			require.Equal(w, value(res, "To"), value(ack, "To"))
			w.Send(res)
		}
		w.ExpectRequest(w.T, "ACK")
		typed(w, held(), sipua.CodeUnauthorized, 200)
		require.Equal(w, sipua.Established, call.State())
		hungUp := begin(func() error { return call.Hangup(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, hungUp())
	})
}
