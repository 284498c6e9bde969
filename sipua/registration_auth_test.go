package sipua_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Section 22: both challenges, checked by an implementation of its own.
func TestRegisterChallenged(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		challenges []string
		algorithm  string
	}{
		"RFC 2069":              {401, []string{`Digest realm="r", nonce="n"`}, ""},
		"MD5":                   {401, []string{`Digest realm="r", nonce="n", algorithm=MD5`}, "MD5"},
		"MD5 with qop":          {401, []string{`Digest realm="r", nonce="n", algorithm=MD5, qop="auth,auth-int"`}, "MD5"},
		"SHA-256":               {401, []string{`Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"`}, "SHA-256"},
		"SHA-512-256":           {401, []string{`Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"`}, "SHA-512-256"},
		"MD5 before SHA-256":    {401, []string{`Digest realm="r", nonce="m", algorithm=MD5, qop="auth"`, `Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"`}, "SHA-256"},
		"SHA-256 before MD5":    {401, []string{`Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"`, `Digest realm="r", nonce="m", algorithm=MD5, qop="auth"`}, "SHA-256"},
		"after what is unknown": {401, []string{`Bearer authz_server="https://x"`, `Digest realm="r", nonce="x", algorithm=FUTURE`, `Digest realm="r", nonce="n", algorithm=MD5`}, "MD5"},
		"proxy":                 {407, []string{`Digest realm="r", nonce="n", algorithm=MD5, qop="auth"`}, "MD5"},
		"odd spacing":           {401, []string{`digest  realm = "r" ,nonce="n",  qop=auth , algorithm="SHA-256"`}, "SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				ask, reply := "WWW-Authenticate", "Authorization"
				if c.status == 407 {
					ask, reply = "Proxy-Authenticate", "Proxy-Authorization"
				}
				first, done := w.registering()
				require.Empty(w, values(first, reply))
				var headers []sip.Header
				for _, v := range c.challenges {
					headers = append(headers, h(ask, v))
				}
				w.Respond(first, c.status, "Who", headers...)
				second := w.ExpectRequest(w.T, "REGISTER")
				p := checkDigest(w.T, second, reply, "1001", "secret")
				require.Equal(w, c.algorithm, p["algorithm"])
				require.Equal(w, "n", p["nonce"])
				require.Equal(w, first.CSeq().SeqNo+1, second.CSeq().SeqNo)
				require.Equal(w, first.CallID().Value(), second.CallID().Value())
				require.NotEqual(w, value(first, "Via"), value(second, "Via"))
				w.Respond(second, 200, "OK", second.Contact())
				require.NoError(w, done())
			})
		})
	}
}

// Credentials.Username and HA1.
func TestRegisterOtherCredentials(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="n", algorithm=MD5, qop="auth"`))
		req = w.ExpectRequest(w.T, "REGISTER")
		checkDigest(w.T, req, "Authorization", "alice", "wonder")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	}, func(c *sipua.Config) { c.Credentials = sipua.Credentials{Username: "alice", Password: "wonder"} })
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="n", algorithm=MD5, qop="auth"`))
		req = w.ExpectRequest(w.T, "REGISTER")
		checkDigest(w.T, req, "Authorization", "1001", "secret")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	}, func(c *sipua.Config) {
		c.Credentials = sipua.Credentials{HA1: []sipua.HA1{{Hash: "0b7935b00493607aaffb214fa56001cd"}}}
	})
}

// Section 22.1 with RFC 7616 section 3.3: stale means the password was right.
func TestRegisterStale(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="old", qop="auth"`))
		req = w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="new", stale=TRUE, qop="auth"`))
		req = w.ExpectRequest(w.T, "REGISTER")
		p := checkDigest(w.T, req, "Authorization", "1001", "secret")
		require.Equal(w, "new", p["nonce"])
		require.Equal(w, "00000001", p["nc"])
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
}

// A server that calls every nonce stale does not keep us for ever.
func TestRegisterAlwaysStale(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		for i := range 5 {
			w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", fmt.Sprintf(`Digest realm="r", nonce="n%d", stale=true`, i)))
			req = w.ExpectRequest(w.T, "REGISTER")
		}
		w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="last", stale=true`))
		typed(w, done(), sipua.CodeUnauthorized, 401)
		w.ExpectNothing(w.T, time.Hour)
	})
}

func TestRegisterUnauthorized(t *testing.T) {
	t.Run("wrong password", func(t *testing.T) {
		play(t, func(w *world) {
			req, done := w.registering()
			w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="a"`))
			req = w.ExpectRequest(w.T, "REGISTER")
			w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="b"`))
			e := typed(w, done(), sipua.CodeUnauthorized, 401)
			require.Equal(w, "register", e.Op)
			require.NotContains(w, e.Error(), "secret")
			w.ExpectNothing(w.T, time.Hour)
			require.Equal(w, []string{"connected", "register failed for good: unauthorized"}, w.story())
		})
	})
	t.Run("no credentials", func(t *testing.T) {
		play(t, func(w *world) {
			req, done := w.registering()
			w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="a"`))
			typed(w, done(), sipua.CodeUnauthorized, 401)
			w.ExpectNothing(w.T, time.Hour)
		}, func(c *sipua.Config) { c.Credentials = sipua.Credentials{} })
	})
	for name, challenge := range map[string]string{
		"no challenge": "", "other scheme": `Bearer x="y"`, "other algorithm": `Digest realm="r", nonce="n", algorithm=FUTURE`,
		"other qop": `Digest realm="r", nonce="n", qop="future"`, "no nonce": `Digest realm="r"`, "garbage": "\x01",
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				var headers []sip.Header
				if challenge != "" {
					headers = append(headers, h("WWW-Authenticate", challenge))
				}
				w.Respond(req, 401, "Unauthorized", headers...)
				typed(w, done(), sipua.CodeUnauthorized, 401)
				w.ExpectNothing(w.T, time.Hour)
			})
		})
	}
}
